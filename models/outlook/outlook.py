"""Every question answered from one set of paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from models.outlook.answers import (
    Chance,
    Curve,
    DaysInSeason,
    FirstOnset,
    InSeasonOn,
    Outlook,
    SeasonLasts,
)
from models.outlook.paths import SUSTAINED, Paths, kinds_of, known_onsets, pending
from models.outlook.waiting import Waiting, credible_interval, waiting_times
from models.outlook.window import OutlookWindow
from models.season.spells import BoolArray
from models.season.windows import window_frequency

LASTS_DAYS = (7, 30, 60, 90)
CURVE_DAYS, CURVE_STEP = 365, 5


def answer(
    paths: Paths,
    window: OutlookWindow,
    *,
    dates: Sequence[pd.Timestamp] = (),
    level: float = 0.9,
) -> Outlook:
    """Read every answer for a window.

    Parameters
    ----------
    paths : Paths
        From `simulate`, at least as many days as the window reaches.
    window : OutlookWindow
        From `year_window` or `date_window`.
    dates : sequence of pandas.Timestamp
        Days to tell the chance of being in season on; none by default.
    level : float
        Probability of the credible intervals.

    Returns
    -------
    Outlook

    Raises
    ------
    ValueError
        If the paths do not reach a day that is asked for.
    """
    first, last = _day(paths, window.start), _day(paths, window.end)
    span = slice(first, last + 1)
    waits = waiting_times(paths, first, last, level)
    weakest_first = tuple(reversed(kinds_of(paths)))
    return Outlook(
        as_of=paths.as_of,
        window=window,
        chances=_chances(paths, window, waits, level),
        first_onset=tuple(_first_onset(k, window, waits[k]) for k in weakest_first),
        days_in_season=tuple(_days_in_season(paths, k, window, span) for k in paths.begins),
        in_season_on=tuple(_in_season_on(paths, date) for date in dates),
        season_lasts=tuple(
            _season_lasts(paths, kind, days, level)
            for kind, history in paths.now.items()
            if history.current is not None
            for days in LASTS_DAYS
        ),
        earliest_onset=_earliest(paths),
        n_paths=paths.n_paths,
        curves=_curves(paths, level),
    )


def window_chances(
    paths: Paths, window: OutlookWindow, *, level: float = 0.9
) -> tuple[Chance, ...]:
    """Read the chances for a window alone, the weakest kind first.

    Parameters
    ----------
    paths, window, level
        As for `answer`, whose `chances` they are.

    Raises
    ------
    ValueError
        If the paths do not reach a day that is asked for.
    """
    first, last = _day(paths, window.start), _day(paths, window.end)
    return _chances(paths, window, waiting_times(paths, first, last, level), level)


def cumulative_chances(paths: Paths, *, days: int, level: float = 0.9) -> dict[str, pd.DataFrame]:
    """Return P(an onset by each day) of every kind with its credible band, the weakest kind first.

    Parameters
    ----------
    paths : Paths
        Simulated seasons.
    days : int
        Days after as_of.
    level : float
        Probability of the band on each day.

    Returns
    -------
    dict of str to pandas.DataFrame
        Index `date`; columns `probability`, `low`, `high`, none of them falling.
    """
    tomorrow = paths.as_of + pd.Timedelta(days=1)
    dates = pd.date_range(tomorrow, periods=days, name="date")
    by_kind = {}
    for kind, wait in reversed(waiting_times(paths, 0, days - 1, level).items()):
        low, high = (np.maximum.accumulate(bound) for bound in wait.bounds(slice(None)))
        columns = {"probability": wait.by_day, "low": low, "high": high}
        by_kind[kind] = pd.DataFrame(columns, index=dates)
    return by_kind


def _day(paths: Paths, date: pd.Timestamp) -> int:
    day = (date - paths.as_of).days - 1
    if not 0 <= day < paths.reach:
        last = paths.as_of + pd.Timedelta(days=paths.reach)
        raise ValueError(
            f"the paths run from the day after {paths.as_of:%Y-%m-%d} to {last:%Y-%m-%d}, "
            f"got {date:%Y-%m-%d}; simulate more days."
        )
    return day


def _chances(
    paths: Paths, window: OutlookWindow, waits: Mapping[str, Waiting], level: float
) -> tuple[Chance, ...]:
    return tuple(
        _chance(paths, kind, window, waits[kind], level) for kind in reversed(kinds_of(paths))
    )


def _chance(paths: Paths, kind: str, window: OutlookWindow, wait: Waiting, level: float) -> Chance:
    now = list(paths.now.values())
    onsets = known_onsets(now, kind, list(paths.now))
    begun = onsets[onsets >= window.counts_from]
    undecided = paths.definition.sustained_within - 1 if kind == SUSTAINED else 0
    open_until = now[0].until - pd.Timedelta(days=undecided)
    base = window_frequency(onsets, now[0].first, open_until, window.days)
    if len(begun):
        return Chance(kind, 1.0, 1.0, 1.0, base, begun[0])
    if kind == SUSTAINED and (open_seasons := pending(paths, window.counts_from)).any():
        comes = (wait.first < window.days) | open_seasons
        return Chance(kind, *_counted(comes, paths, level), base, None)
    low, high = wait.bounds(window.days - 1)
    return Chance(kind, float(wait.by_day[-1]), float(low), float(high), base, None)


def _first_onset(kind: str, window: OutlookWindow, wait: Waiting) -> FirstOnset:
    days = pd.date_range(window.start, window.end)
    by_day = pd.Series(np.diff(wait.by_day, prepend=0.0), days)

    def by(level: float) -> pd.Timestamp | None:
        reached = np.flatnonzero(wait.by_day >= level)
        return days[int(reached[0])] if reached.size else None

    def parts(names: pd.Index) -> tuple[tuple[str, float], ...]:
        sums = by_day.groupby(names, sort=False).sum()
        return tuple((str(name), float(share)) for name, share in sums.items())

    quarters = days.year.astype(str) + "-Q" + days.quarter.astype(str)
    return FirstOnset(
        kind=kind,
        months=parts(days.strftime("%Y-%m")),
        quarters=parts(quarters),
        none=float(1 - wait.by_day[-1]),
        median=by(0.5),
        interval_50=(by(0.25), by(0.75)),
        interval_90=(by(0.05), by(0.95)),
    )


def _days_in_season(paths: Paths, kind: str, window: OutlookWindow, span: slice) -> DaysInSeason:
    history = paths.now[kind]
    known = history.days_in_season(window.counts_from)
    days = known + paths.in_season[kind][span].sum(axis=0)
    low, low_50, median, high_50, high = np.quantile(
        days, [0.05, 0.25, 0.5, 0.75, 0.95], method="inverted_cdf"
    ).tolist()
    return DaysInSeason(
        kind=kind,
        known=known,
        mean=float(days.mean()),
        median=median,
        low=low,
        high=high,
        low_50=low_50,
        high_50=high_50,
        none=float((days == 0).mean()),
    )


def _in_season_on(paths: Paths, date: pd.Timestamp) -> InSeasonOn:
    day = _day(paths, date)
    chances = [(kind, float(days[day].mean())) for kind, days in paths.in_season.items()]
    return InSeasonOn(date, tuple(chances))


def _season_lasts(paths: Paths, kind: str, days: int, level: float) -> SeasonLasts:
    # `over` is the last of the quiet days: the last day at the threshold came that many before.
    last = paths.over[kind] - paths.now[kind].definition.quiet_days
    # Day 0 is the first after as_of: `days` days on is day days - 1.
    lasts = last >= days - 1
    return SeasonLasts(kind, days, *_counted(lasts, paths, level))


def _counted(comes: BoolArray, paths: Paths, level: float) -> tuple[float, float, float]:
    """Return the share of paths and its credible interval, which holds it to the last bit."""
    share = float(comes.mean())
    low, high = credible_interval(comes, paths.groups, level)
    return share, min(float(low), share), max(float(high), share)


def _curves(paths: Paths, level: float) -> tuple[Curve, ...]:
    days = min(CURVE_DAYS, paths.reach)
    curves = []
    for kind, by_day in cumulative_chances(paths, days=days, level=level).items():
        # Every fifth day from the last one back: 365 days away is among them.
        table = by_day.iloc[::-CURVE_STEP][::-1]
        columns = (tuple(table[name].tolist()) for name in ("probability", "low", "high"))
        curves.append(Curve(kind, tuple(table.index), *columns))
    return tuple(curves)


def _earliest(paths: Paths) -> tuple[tuple[str, pd.Timestamp], ...]:
    earliest_by_kind: list[tuple[str, pd.Timestamp]] = []
    earliest = None
    for kind, history in paths.now.items():
        own = history.earliest_onset
        earliest = own if earliest is None else min(earliest, own)
        earliest_by_kind.append((kind, earliest))
    return (*reversed(earliest_by_kind), (SUSTAINED, earliest_by_kind[0][1]))
