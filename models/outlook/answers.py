"""The answers of an outlook, read from simulated paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import beta

from models.outlook.baselines import window_frequency
from models.outlook.paths import REACH_DAYS, Paths
from models.outlook.seasons import (
    SUSTAINED_DAYS,
    SUSTAINED_WITHIN,
    BoolArray,
    FloatArray,
    History,
    IntArray,
)

LASTS_DAYS = (7, 30, 60, 90)
SUSTAINED = "sustained"


@dataclass(frozen=True)
class Window:
    """The days asked about.

    Parameters
    ----------
    start, end : pandas.Timestamp
        First and last day that are forecast; start is after as_of.
    counts_from : pandas.Timestamp
        First day whose onsets count as begun: 1 January for a year, else `start`.
    year : int or None
        Set for a calendar year.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    counts_from: pd.Timestamp
    year: int | None = None

    @property
    def days(self) -> int:
        """Days that are forecast."""
        return (self.end - self.start).days + 1


@dataclass(frozen=True)
class Chance:
    """P(at least one onset of the kind in the window), its credible interval and the base rate.

    For a kind that has begun (`begun_on`) probability, low and high are 1.
    """

    kind: str
    probability: float
    low: float
    high: float
    climatology: float
    begun_on: pd.Timestamp | None


@dataclass(frozen=True)
class FirstOnset:
    """When the first onset after as_of falls; `months` and `none` sum to 1, `quarters` likewise.

    A bound is None where the onset has not come by the window's end with that probability.
    """

    kind: str
    months: tuple[tuple[str, float], ...]
    quarters: tuple[tuple[str, float], ...]
    none: float
    median: pd.Timestamp | None
    interval_50: tuple[pd.Timestamp | None, pd.Timestamp | None]
    interval_90: tuple[pd.Timestamp | None, pd.Timestamp | None]


@dataclass(frozen=True)
class DaysInSeason:
    """Days at the threshold in the window; for a year those since 1 January (`known`) count.

    `low` and `high` are the 90 % interval, `low_50` and `high_50` the middle half, `none` P(0).
    """

    kind: str
    known: int
    mean: float
    median: float
    low: float
    high: float
    low_50: float
    high_50: float
    none: float


@dataclass(frozen=True)
class InSeasonOn:
    """P(index at the threshold) on a day, by kind."""

    date: pd.Timestamp
    probability: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class SeasonLasts:
    """P(the season that stands on as_of has a day at the threshold `days` days on or later)."""

    kind: str
    days: int
    probability: float
    low: float
    high: float


@dataclass(frozen=True)
class Outlook:
    """Every answer for one window, from one set of paths."""

    as_of: pd.Timestamp
    window: Window
    chances: tuple[Chance, ...]
    first_onset: tuple[FirstOnset, ...]
    days_in_season: tuple[DaysInSeason, ...]
    in_season_on: tuple[InSeasonOn, ...]
    season_lasts: tuple[SeasonLasts, ...]
    earliest_onset: tuple[tuple[str, pd.Timestamp], ...]
    n_paths: int


def year_window(as_of: pd.Timestamp, year: int | None = None) -> Window:
    """Return the window of a calendar year; by default that of the first day after as_of.

    Raises
    ------
    ValueError
        If the year is over or too far ahead.

    Examples
    --------
    >>> window = year_window(pd.Timestamp("2025-12-31"))
    >>> window.year, str(window.end.date())
    (2026, '2026-12-31')
    """
    tomorrow = as_of + pd.Timedelta(days=1)
    year = tomorrow.year if year is None else year
    first, last = pd.Timestamp(year, 1, 1), pd.Timestamp(year, 12, 31)
    return _reachable(as_of, Window(max(first, tomorrow), last, first, year))


def date_window(as_of: pd.Timestamp, start: pd.Timestamp | None, end: pd.Timestamp) -> Window:
    """Return the window from a day after as_of (by default the next) to another.

    Raises
    ------
    ValueError
        If it starts before the day after as_of, ends before it starts, or is too far ahead.
    """
    start = as_of + pd.Timedelta(days=1) if start is None else start
    if start <= as_of:
        raise ValueError(
            f"the window must start after {as_of:%Y-%m-%d}, got {start:%Y-%m-%d}; "
            "to count what has begun ask for a calendar year."
        )
    return _reachable(as_of, Window(start, end, start))


def _reachable(as_of: pd.Timestamp, window: Window) -> Window:
    last = as_of + pd.Timedelta(days=REACH_DAYS)
    if not window.start <= window.end <= last:
        raise ValueError(
            f"the window must end from {window.start:%Y-%m-%d} to {last:%Y-%m-%d}, "
            f"three years after as_of, got {window.end:%Y-%m-%d}."
        )
    return window


def kinds_of(paths: Paths) -> tuple[str, ...]:
    """Return the kinds from the strongest to the weakest: sustained first."""
    return (SUSTAINED, *paths.begins)


def onsets_of(paths: Paths, kind: str) -> BoolArray:
    """Return on which days a season of the kind *or a stronger one* begins.

    A broad season that begins while a partial one is under way counts as a partial season too:
    whoever waits for a partial season would not call the year empty. So the chances are ordered
    in every window.

    Parameters
    ----------
    paths : Paths
        Simulated seasons.
    kind : str
        `sustained` or a kind of the paths; sustained seasons are those of the highest threshold.

    Returns
    -------
    numpy.ndarray of bool, shape (days - 90, paths)
    """
    asked = paths.days - SUSTAINED_WITHIN
    highest = next(iter(paths.begins))
    if kind == SUSTAINED:
        return _sustained(paths.begins[highest][:asked], paths.in_season[highest])
    found = np.zeros((asked, paths.n_paths), dtype=bool)
    for other, begins in paths.begins.items():
        found |= begins[:asked]
        if other == kind:
            return found
    raise ValueError(f"kind must be one of {', '.join(kinds_of(paths))}, got {kind!r}.")


def known_onsets(now: Sequence[History], kind: str, names: Sequence[str]) -> pd.DatetimeIndex:
    """Return the past onsets of a kind or a stronger one, in order.

    Parameters
    ----------
    now : sequence of History
        By kind, from the highest threshold to the lowest.
    kind : str
        `sustained` or one of the names.
    names : sequence of str
        The kinds of `now`.
    """
    if kind == SUSTAINED:
        return pd.DatetimeIndex([s.onset for s in now[0].seasons if s.sustained()])
    found = now[0].onsets
    for history in now[1 : names.index(kind) + 1]:
        found = found.union(history.onsets)
    return found


def answer(
    paths: Paths,
    window: Window,
    *,
    dates: Sequence[pd.Timestamp] = (),
    level: float = 0.9,
) -> Outlook:
    """Read every answer for a window.

    Parameters
    ----------
    paths : Paths
        From `simulate`, at least as many days as the window reaches.
    window : Window
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
    firsts = {kind: _first(onsets_of(paths, kind)[span]) for kind in kinds_of(paths)}
    weakest_first = tuple(reversed(kinds_of(paths)))
    return Outlook(
        as_of=paths.as_of,
        window=window,
        chances=tuple(_chance(paths, k, window, firsts[k], level) for k in weakest_first),
        first_onset=tuple(_first_onset(k, window, firsts[k]) for k in weakest_first),
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
    )


def credible_interval(
    events: BoolArray, groups: int, level: float = 0.9
) -> tuple[FloatArray, FloatArray]:
    """Return the credible interval of a probability from groups of paths.

    Between the groups, parameters and chance of the paths both vary; the latter is taken off:
    a Beta distribution with the mean of all paths and the variance that parameters alone explain
    (beta-binomial by moments).

    Parameters
    ----------
    events : numpy.ndarray of bool, shape (..., paths)
        Whether the event came on each path.
    groups : int
        Draws of the parameters.
    level : float
        Probability of the interval, equal tails.

    Returns
    -------
    tuple of numpy.ndarray, shape (...)
        Low, high; both the mean where the parameters explain nothing.

    References
    ----------
    Kleinman (1973), https://doi.org/10.1080/01621459.1973.10481332

    Examples
    --------
    >>> events = np.array([True, True, False, False])
    >>> [float(bound.round(2)) for bound in credible_interval(events, 2)]
    [0.0, 1.0]
    """
    shares = events.reshape(*events.shape[:-1], groups, -1)
    each = shares.shape[-1]
    by_group = shares.mean(axis=-1)
    mean = by_group.mean(axis=-1)
    within = (by_group * (1 - by_group)).mean(axis=-1) / (each - 1)
    between = by_group.var(axis=-1, ddof=1) - within
    most = mean * (1 - mean)
    # A Beta has less variance than a coin that is all or nothing; at that limit it is the coin.
    between = np.clip(between, 0.0, most * (1 - 1e-6))
    with np.errstate(divide="ignore", invalid="ignore"):
        size = most / between - 1
        tails = [beta.ppf(q, mean * size, (1 - mean) * size) for q in _tails(level)]
    # Size infinite (nothing to explain) or mean 0 or 1: the interval is the mean itself.
    low, high = (np.where(np.isfinite(tail), tail, mean) for tail in tails)
    return np.minimum(low, mean), np.maximum(high, mean)


def cumulative_chance(paths: Paths, kind: str, *, days: int, level: float = 0.9) -> pd.DataFrame:
    """Return P(an onset by each day) with its credible band.

    Parameters
    ----------
    paths : Paths
        Simulated seasons.
    kind : str
        `sustained` or a kind of the paths.
    days : int
        Days after as_of.
    level : float
        Probability of the band on each day.

    Returns
    -------
    pandas.DataFrame
        Index `date`; columns `probability`, `low`, `high`, none of them falling.
    """
    first = _first(onsets_of(paths, kind)[:days])
    by_day = first <= np.arange(days)[:, None]
    low, high = credible_interval(by_day, paths.groups, level)
    return pd.DataFrame(
        {
            "probability": by_day.mean(axis=1),
            "low": np.maximum.accumulate(low),
            "high": np.maximum.accumulate(high),
        },
        index=pd.date_range(paths.as_of + pd.Timedelta(days=1), periods=days, name="date"),
    )


def _tails(level: float) -> tuple[float, float]:
    return (1 - level) / 2, (1 + level) / 2


def _day(paths: Paths, date: pd.Timestamp) -> int:
    day = (date - paths.as_of).days - 1
    if not 0 <= day < paths.days - SUSTAINED_WITHIN:
        last = paths.as_of + pd.Timedelta(days=paths.days - SUSTAINED_WITHIN)
        raise ValueError(
            f"the paths run from the day after {paths.as_of:%Y-%m-%d} to {last:%Y-%m-%d}, "
            f"got {date:%Y-%m-%d}; simulate more days."
        )
    return day


def _first(onsets: BoolArray) -> IntArray:
    """Return the first day of each path with an onset; the number of days where there is none."""
    return np.where(onsets.any(axis=0), onsets.argmax(axis=0), len(onsets))


def _sustained(begins: BoolArray, in_season: BoolArray) -> BoolArray:
    """Keep the onsets with enough days at the threshold in the days from them, themselves in."""
    day, path = np.nonzero(begins)
    total = np.cumsum(in_season, axis=0, dtype=np.int16)
    days = total[day + SUSTAINED_WITHIN - 1, path] - total[day, path] + 1
    kept = np.zeros_like(begins)
    kept[day, path] = days >= SUSTAINED_DAYS
    return kept


def _pending(paths: Paths, window: Window) -> BoolArray:
    """Tell on which paths a season that began in the window, before as_of, becomes sustained."""
    highest = next(iter(paths.now))
    total = np.zeros(paths.n_paths, dtype=bool)
    for season in paths.now[highest].seasons:
        age = (paths.as_of - season.onset).days + 1
        if season.onset >= window.counts_from and season.sustained() is None:
            ahead = paths.in_season[highest][: SUSTAINED_WITHIN - age].sum(axis=0)
            total |= season.days_within() + ahead >= SUSTAINED_DAYS
    return total


def _chance(paths: Paths, kind: str, window: Window, first: IntArray, level: float) -> Chance:
    now = list(paths.now.values())
    onsets = known_onsets(now, kind, list(paths.now))
    begun = onsets[onsets >= window.counts_from]
    open_until = now[0].until - pd.Timedelta(days=SUSTAINED_WITHIN - 1 if kind == SUSTAINED else 0)
    base = window_frequency(onsets, now[0].first, open_until, window.days)
    if len(begun):
        return Chance(kind, 1.0, 1.0, 1.0, base, begun[0])
    comes = first < window.days
    if kind == SUSTAINED:
        comes = comes | _pending(paths, window)
    low, high = credible_interval(comes, paths.groups, level)
    return Chance(kind, float(comes.mean()), float(low), float(high), base, None)


def _first_onset(kind: str, window: Window, first: IntArray) -> FirstOnset:
    days = pd.date_range(window.start, window.end)
    count = np.bincount(first, minlength=len(days) + 1) / len(first)
    by_day = pd.Series(count[:-1], days)
    later = np.cumsum(count[:-1])

    def by(level: float) -> pd.Timestamp | None:
        reached = np.flatnonzero(later >= level)
        return days[int(reached[0])] if reached.size else None

    def parts(names: pd.Index) -> tuple[tuple[str, float], ...]:
        sums = by_day.groupby(names, sort=False).sum()
        return tuple((str(name), float(share)) for name, share in sums.items())

    quarters = days.year.astype(str) + "-Q" + days.quarter.astype(str)
    return FirstOnset(
        kind=kind,
        months=parts(days.strftime("%Y-%m")),
        quarters=parts(quarters),
        none=float(count[-1]),
        median=by(0.5),
        interval_50=(by(0.25), by(0.75)),
        interval_90=(by(0.05), by(0.95)),
    )


def _days_in_season(paths: Paths, kind: str, window: Window, span: slice) -> DaysInSeason:
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
    last = paths.over[kind] - paths.now[kind].quiet_days
    # Day 0 is the first after as_of: `days` days on is day days - 1.
    lasts = last >= days - 1
    low, high = credible_interval(lasts, paths.groups, level)
    return SeasonLasts(kind, days, float(lasts.mean()), float(low), float(high))


def _earliest(paths: Paths) -> tuple[tuple[str, pd.Timestamp], ...]:
    found: list[tuple[str, pd.Timestamp]] = []
    earliest = None
    for kind, history in paths.now.items():
        own = history.earliest_onset
        earliest = own if earliest is None else min(earliest, own)
        found.append((kind, earliest))
    return (*reversed(found), (SUSTAINED, found[0][1]))
