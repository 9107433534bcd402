"""The quiet spells and seasons of an index, as they were known at the end of a day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.season.definition import OnsetDefinition

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Spells:
    """Quiet spells in order, each counted from the day on which an onset became possible."""

    # The last of the quiet days below: from the day after it an onset is possible.
    origin: pd.DatetimeIndex
    # Days from the origin to the onset; to the last day known where there was none.
    days: IntArray
    ended: BoolArray  # False where the spell was still open (censored)
    # True where it had begun before it could be seen: its true origin is unknown and earlier.
    truncated: BoolArray


@dataclass(frozen=True, eq=False)
class Season:
    """A season from its onset, the first day at the threshold, on."""

    onset: pd.Timestamp
    # Whether the index stood at the threshold, from the onset to the last day known, a later
    # season's days included: the days that make it sustained do not end with the season.
    from_onset: BoolArray
    span: int  # days from the onset to its last at the threshold; to the last day known if not over
    length: int  # days from the onset until an onset became possible again; so far, if not over
    complete: bool  # whether it is over

    @property
    def in_season(self) -> BoolArray:
        """Whether the index stood at the threshold on each day of the span."""
        return self.from_onset[: self.span]

    @property
    def days(self) -> int:
        """Days at the threshold."""
        return int(self.in_season.sum())

    def days_within(self, days: int) -> int:
        """Days at the threshold among the first days from the onset, itself included."""
        return int(self.from_onset[:days].sum())

    def sustained(self, definition: OnsetDefinition) -> bool | None:
        """Whether it is a sustained season; None while that is open."""
        return sustained_verdict(self.from_onset, definition)[0]


@dataclass(frozen=True, eq=False)
class History:
    """What an index had shown of one threshold by the end of a day."""

    definition: OnsetDefinition
    until: pd.Timestamp  # last day known
    first: pd.Timestamp  # first day known
    in_season: BoolArray  # whether the index was at the threshold on each day known
    spells: Spells  # the last may be open
    seasons: tuple[Season, ...]  # whose onset was seen; the last may be unfinished
    run: int  # days in a row below the threshold that end with `until`
    # What stands on `until` if no onset is possible on the next day: the unfinished season, or,
    # where no onset was seen, the days since the unknown began.
    current: Season | None

    @property
    def onsets(self) -> pd.DatetimeIndex:
        """Days on which a season began."""
        return pd.DatetimeIndex([season.onset for season in self.seasons])

    @property
    def at_risk(self) -> bool:
        """Whether `until` is at risk: below the threshold, as on the quiet days before."""
        return self.run > self.definition.quiet_days

    @property
    def elapsed(self) -> int:
        """Days since an onset became possible; 0 while it is not."""
        return max(self.run - self.definition.quiet_days, 0)

    def days_in_season(self, since: pd.Timestamp) -> int:
        """Count the days at the threshold from a day on."""
        return int(self.in_season[max((since - self.first).days, 0) :].sum())

    @property
    def earliest_onset(self) -> pd.Timestamp:
        """First day on which a season can begin."""
        return self.until + pd.Timedelta(days=max(self.definition.quiet_days - self.run, 0) + 1)


def sustained_verdict(
    from_onset: BoolArray, definition: OnsetDefinition
) -> tuple[bool | None, int | None]:
    """Return whether a season is sustained, and the day (0: the onset) that decided it.

    It is if the index stood at the threshold on `sustained_days` of the `sustained_within` days
    from the onset, itself included. That is decided once they have been seen or can no longer be
    reached, at the latest with the last of those days; until then both are None.
    """
    needed, within = definition.sustained_days, definition.sustained_within
    so_far = np.cumsum(from_onset[:within])
    left = within - 1 - np.arange(len(so_far))
    # If every day left would just do, it is still open: strict.
    decided = np.flatnonzero((so_far >= needed) | (so_far + left < needed))
    if not decided.size:
        return None, None
    return bool(so_far[decided[0]] >= needed), int(decided[0])


def observe(index: pd.Series, *, until: pd.Timestamp, definition: OnsetDefinition) -> History:
    """Read spells and seasons from the season index up to a day, blind to what came after.

    The index (0-100) has a value on each of consecutive days; NaN where it is unknown, which is
    neither quiet nor at the threshold.

    Raises
    ------
    ValueError
        If `until` is not a day of the index or days are missing.

    Examples
    --------
    >>> values = [20.0] * 3 + [80.0, 20.0, 80.0] + [20.0] * 4
    >>> index = pd.Series(values, pd.date_range("2025-01-01", periods=10))
    >>> seen = observe(index, until=index.index[-1], definition=OnsetDefinition(quiet_days=2))
    >>> seen.spells.days.tolist(), seen.spells.ended.tolist(), seen.spells.truncated.tolist()
    ([2, 2], [True, False], [True, False])
    >>> [(season.in_season.tolist(), season.length) for season in seen.seasons]
    [([True, False, True], 5)]
    """
    known = index.loc[:until]
    if not len(known) or known.index[-1] != until:
        raise ValueError(f"until must be a day of the index, got {until}; choose one it holds.")
    if (known.index[-1] - known.index[0]).days != len(known) - 1:
        raise ValueError("the index must have one value a day; spread it over every day first.")
    days = pd.DatetimeIndex(known.index)
    values, quiet = known.to_numpy(dtype=float), definition.quiet_days
    at, below = values >= definition.threshold, values < definition.threshold
    position = np.arange(len(values))
    last = np.maximum.accumulate(np.where(below, -1, position))
    run = position - last
    possible = run >= quiet
    current = None
    if not possible[-1]:
        start = int(np.flatnonzero(possible)[-1]) + 1 if possible.any() else 0
        so_far = len(at) - start
        current = Season(days[start], at[start:], so_far, so_far, False)
    return History(
        definition=definition,
        until=known.index[-1],
        first=days[0],
        in_season=at,
        spells=_spells(days, values, run, last, definition),
        seasons=_seasons(days, at, run, quiet),
        run=int(run[-1]),
        current=current,
    )


def _spells(
    days: pd.DatetimeIndex,
    values: FloatArray,
    run: IntArray,
    last: IntArray,
    definition: OnsetDefinition,
) -> Spells:
    threshold = definition.threshold
    origin = np.flatnonzero(run == definition.quiet_days)
    broken = np.append(np.flatnonzero(run == 0), len(values))
    end = broken[np.searchsorted(broken, origin)]
    ended = np.append(values, np.nan)[end] >= threshold
    # A spell that an unknown day broke was last seen quiet on the day before that day.
    length = np.where(ended, end, end - 1) - origin
    # Before the first day known (-1) and on an unknown day nobody saw the season end.
    origin_known = (last[origin] >= 0) & (values[last[origin]] >= threshold)
    return Spells(pd.DatetimeIndex(days[origin]), length, ended, ~origin_known)


def _seasons(
    days: pd.DatetimeIndex, at: BoolArray, run: IntArray, quiet: int
) -> tuple[Season, ...]:
    onsets = np.flatnonzero(at[1:] & (run[:-1] >= quiet)) + 1
    over = np.append(np.flatnonzero(run == quiet), len(at))
    seasons = []
    for onset in onsets:
        end = int(over[np.searchsorted(over, onset)])
        complete = end < len(at)
        # `end` is the last of the quiet days: its last day at the threshold came that many before.
        span = end - int(onset) - (quiet - 1 if complete else 0)
        length = end - int(onset) + int(complete)
        seasons.append(Season(days[int(onset)], at[onset:], span, length, complete))
    return tuple(seasons)
