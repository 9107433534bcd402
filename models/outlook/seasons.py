"""The quiet spells and seasons of an index, as they were known at the end of a day."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

QUIET_DAYS = 30
SUSTAINED_DAYS = 30
SUSTAINED_WITHIN = 90


@dataclass(frozen=True, eq=False)
class Spells:
    """Quiet spells in order, each counted from the day on which an onset became possible.

    Parameters
    ----------
    origin : pandas.DatetimeIndex
        The last of the `quiet_days` days below: from the day after it an onset is possible.
    days : numpy.ndarray of int, shape (n,)
        Days from the origin to the onset; to the last day known where there was none.
    ended : numpy.ndarray of bool, shape (n,)
        False where the spell was still open (censored).
    truncated : numpy.ndarray of bool, shape (n,)
        True where it had begun before it could be seen: its true origin is unknown and earlier.
    """

    origin: pd.DatetimeIndex
    days: IntArray
    ended: BoolArray
    truncated: BoolArray


@dataclass(frozen=True, eq=False)
class Season:
    """A season from its onset on.

    Parameters
    ----------
    onset : pandas.Timestamp
        Its first day at the threshold.
    in_season : numpy.ndarray of bool, shape (days,)
        Whether the index stood at the threshold on each day from the onset: to the last such day
        if the season is over, else to the last day known.
    length : int
        Days from the onset until an onset became possible again; so far, if not over.
    complete : bool
        Whether it is over.
    after : numpy.ndarray of bool, shape (days,)
        Whether the index stood at the threshold on the days known after those of `in_season`, a
        later season's included: the days from an onset do not end with its season.
    """

    onset: pd.Timestamp
    in_season: BoolArray
    length: int
    complete: bool
    after: BoolArray = field(default_factory=lambda: np.zeros(0, dtype=bool))

    @property
    def days(self) -> int:
        """Days at the threshold."""
        return int(self.in_season.sum())

    def days_within(self, days: int = SUSTAINED_WITHIN) -> int:
        """Days at the threshold among the first days from the onset, itself included."""
        return int(self._first_days(days).sum())

    def sustained(
        self, needed: int = SUSTAINED_DAYS, within: int = SUSTAINED_WITHIN
    ) -> bool | None:
        """Tell whether it is a sustained season; None while that is open."""
        days, left = self.days_within(within), within - len(self._first_days(within))
        if days >= needed:
            return True
        # If every day left would just do, it is still open: strict.
        return False if days + left < needed else None

    def _first_days(self, days: int) -> BoolArray:
        later = max(days - len(self.in_season), 0)
        return np.concatenate([self.in_season[:days], self.after[:later]])


@dataclass(frozen=True, eq=False)
class History:
    """What an index had shown of one threshold by the end of a day.

    Parameters
    ----------
    threshold : float
        Index at which a season stands.
    quiet_days : int
        Days below it that come before an onset.
    until : pandas.Timestamp
        Last day known.
    first : pandas.Timestamp
        First day known.
    in_season : numpy.ndarray of bool, shape (days,)
        Whether the index was at the threshold on each day known.
    spells : Spells
        Quiet spells; the last may be open.
    seasons : tuple of Season
        Seasons whose onset was seen; the last may be unfinished.
    run : int
        Days in a row below the threshold that end with `until`.
    current : Season or None
        What stands on `until` if no onset is possible on the next day: the unfinished season, or,
        where no onset was seen, the days since the unknown began.
    """

    threshold: float
    quiet_days: int
    until: pd.Timestamp
    first: pd.Timestamp
    in_season: BoolArray
    spells: Spells
    seasons: tuple[Season, ...]
    run: int
    current: Season | None

    @property
    def onsets(self) -> pd.DatetimeIndex:
        """Days on which a season began."""
        return pd.DatetimeIndex([season.onset for season in self.seasons])

    @property
    def at_risk(self) -> bool:
        """Whether `until` is at risk: below the threshold, as on the `quiet_days` days before."""
        return self.run > self.quiet_days

    @property
    def elapsed(self) -> int:
        """Days since an onset became possible; 0 while it is not."""
        return max(self.run - self.quiet_days, 0)

    def days_in_season(self, since: pd.Timestamp) -> int:
        """Count the days at the threshold from a day on."""
        return int(self.in_season[max((since - self.first).days, 0) :].sum())

    @property
    def earliest_onset(self) -> pd.Timestamp:
        """First day on which a season can begin."""
        return self.until + pd.Timedelta(days=max(self.quiet_days - self.run, 0) + 1)


def observe(
    index: pd.Series, *, until: pd.Timestamp, threshold: float, quiet_days: int = QUIET_DAYS
) -> History:
    """Read spells and seasons from the season index up to a day, blind to what came after.

    Parameters
    ----------
    index : pandas.Series
        Season index (0-100) on consecutive days; NaN where unknown, which is neither quiet nor
        at the threshold.
    until : pandas.Timestamp
        Last day known.
    threshold : float
        Index at which a season stands.
    quiet_days : int
        Days below it that come before an onset.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        If `until` is not a day of the index or days are missing.

    Examples
    --------
    >>> values = [20.0] * 3 + [80.0, 20.0, 80.0] + [20.0] * 4
    >>> index = pd.Series(values, pd.date_range("2025-01-01", periods=10))
    >>> seen = observe(index, until=index.index[-1], threshold=75, quiet_days=2)
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
    values = known.to_numpy(dtype=float)
    at, below = values >= threshold, values < threshold
    position = np.arange(len(values))
    last = np.maximum.accumulate(np.where(below, -1, position))
    run = position - last
    possible = run >= quiet_days
    seasons = _seasons(days, at, run, quiet_days)
    current = None
    if not possible[-1]:
        start = int(np.flatnonzero(possible)[-1]) + 1 if possible.any() else 0
        current = Season(days[start], at[start:], len(at) - start, False)
    return History(
        threshold=threshold,
        quiet_days=quiet_days,
        until=known.index[-1],
        first=days[0],
        in_season=at,
        spells=_spells(days, values, run, last, quiet_days, threshold),
        seasons=seasons,
        run=int(run[-1]),
        current=current,
    )


def _spells(
    days: pd.DatetimeIndex,
    values: FloatArray,
    run: IntArray,
    last: IntArray,
    quiet: int,
    threshold: float,
) -> Spells:
    origin = np.flatnonzero(run == quiet)
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
        last = end - quiet + 1 if complete else end
        length = end - int(onset) + int(complete)
        seasons.append(Season(days[int(onset)], at[onset:last], length, complete, at[last:]))
    return tuple(seasons)
