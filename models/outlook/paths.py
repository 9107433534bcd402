"""Paths of the season index, level by level, from any state of the market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.outlook.patterns import Draws, SeasonLaw, season_law
from models.outlook.posterior import PRIOR, Prior, SpellPosterior, cumulative_hazard, fit_spells
from models.outlook.seasons import (
    QUIET_DAYS,
    SUSTAINED_WITHIN,
    BoolArray,
    FloatArray,
    History,
    IntArray,
    observe,
)

N_PATHS = 10_000
N_GROUPS = 200
REACH_DAYS = 1_096
LEAD_DAYS = 30


@dataclass(frozen=True, eq=False)
class Renewal:
    """The process of one threshold, fitted to what had resolved by a day.

    Parameters
    ----------
    history : History
        What it was fitted to.
    quiet : SpellPosterior
        Law of the quiet spells.
    seasons : SeasonLaw
        Law of the seasons.
    """

    history: History
    quiet: SpellPosterior
    seasons: SeasonLaw


@dataclass(frozen=True, eq=False)
class Paths:
    """Simulated seasons; day 0 is the day after as_of, `group` paths share their parameters.

    Parameters
    ----------
    as_of : pandas.Timestamp
        Last day known.
    now : mapping of str to History
        Kind to what was known of it, from the highest threshold to the lowest.
    in_season : mapping of str to numpy.ndarray of bool, shape (days, paths)
        Whether the index is at the kind's threshold.
    begins : mapping of str to numpy.ndarray of bool, shape (days, paths)
        Whether a season of the kind begins. A day at a higher threshold is one at every lower.
    over : mapping of str to numpy.ndarray of int, shape (paths,)
        First day with a whole quiet run behind it; the number of days where there is none.
    groups : int
        Number of draws of the parameters; path p belongs to draw p // (paths / groups).
    """

    as_of: pd.Timestamp
    now: Mapping[str, History]
    in_season: Mapping[str, BoolArray]
    begins: Mapping[str, BoolArray]
    over: Mapping[str, IntArray]
    groups: int

    @property
    def n_paths(self) -> int:
        """Number of paths."""
        return next(iter(self.in_season.values())).shape[1]

    @property
    def days(self) -> int:
        """Days simulated, those that only tell whether a season is sustained included."""
        return len(next(iter(self.in_season.values())))


def fit_renewal(
    index: pd.Series,
    *,
    until: pd.Timestamp,
    threshold: float,
    quiet_days: int = QUIET_DAYS,
    prior: Prior = PRIOR,
) -> Renewal:
    """Fit the process of one threshold to the index up to a day.

    Parameters
    ----------
    index : pandas.Series
        Season index (0-100) on consecutive days; what comes after `until` is not read.
    until : pandas.Timestamp
        Last day known.
    threshold : float
        Index at which a season stands.
    quiet_days : int
        Days below it that come before an onset.
    prior : Prior
        Of the quiet spells.

    Returns
    -------
    Renewal

    Raises
    ------
    ValueError
        If no season was over by then.
    """
    history = observe(index, until=until, threshold=threshold, quiet_days=quiet_days)
    return Renewal(history, fit_spells(history.spells, prior), season_law(history))


def simulate(
    renewals: Mapping[str, Renewal],
    now: Mapping[str, History],
    *,
    days: int = 730,
    near_term: Mapping[str, FloatArray] | None = None,
    n_paths: int = N_PATHS,
    n_groups: int = N_GROUPS,
    seed: int = 0,
) -> Paths:
    """Simulate seasons of every kind from the state that stands.

    Each group of paths has a draw of its own of shape, scale, season weights and near-term
    hazards. All kinds meet the same uniform number on a day, and where a higher threshold has the
    larger hazard the lower takes it over; so each kind follows its own process and a day at a
    threshold is a day at every lower one.

    Parameters
    ----------
    renewals : mapping of str to Renewal
        Kind to its process, from the highest threshold to the lowest.
    now : mapping of str to History
        The same kinds as they stand on as_of: `observe` up to that day.
    days : int
        Days ahead that can be asked about; 90 more are simulated to tell what is sustained.
    near_term : mapping of str to numpy.ndarray, shape (replicates, leads), optional
        Hazards of the first leads of 30 days, P(onset in the lead | none before), for kinds that
        are at risk on as_of; the renewal process takes over beyond.
    n_paths, n_groups : int
        Paths, and draws of the parameters among them; at least 2 paths each.
    seed : int
        Same seed, same bytes.

    Returns
    -------
    Paths

    Raises
    ------
    ValueError
        If the kinds are not in order, do not match, or a number is out of range.
    """
    _check(renewals, now, near_term or {}, days, n_paths, n_groups)
    total = days + SUSTAINED_WITHIN
    each = n_paths // n_groups
    chances = np.random.default_rng([seed, 0])
    uniform = _latin(np.random.default_rng([seed, 1]), n_groups, 3)
    levels: list[_Level] = []
    for kind, renewal in renewals.items():
        own = np.random.default_rng([seed, 2, round(100 * renewal.history.threshold)])
        hazards = None if near_term is None else near_term.get(kind)
        above = levels[-1] if levels else None
        levels.append(_Level(renewal, now[kind], hazards, uniform, total, each, own, above))
    for day in range(total):
        drawn = chances.random(n_paths)
        for level in levels:
            level.step(day, drawn)
    named = dict(zip(renewals, levels, strict=True))
    return Paths(
        as_of=next(iter(now.values())).until,
        now={kind: now[kind] for kind in renewals},
        in_season={kind: level.in_season for kind, level in named.items()},
        begins={kind: level.begins for kind, level in named.items()},
        over={kind: level.over for kind, level in named.items()},
        groups=n_groups,
    )


class _Level:
    """One threshold's state on every path, moved on day by day.

    `mark` decides how long the season of a path that begins today or next runs. It is drawn by the
    highest level and serves those below, so that a long broad season falls into a long partial one.
    """

    def __init__(
        self,
        renewal: Renewal,
        now: History,
        near_term: FloatArray | None,
        uniform: FloatArray,
        days: int,
        each: int,
        random: np.random.Generator,
        above: _Level | None,
    ) -> None:
        groups = len(uniform)
        paths = groups * each
        self.quiet, self.random, self.seasons = now.quiet_days, random, renewal.seasons
        self.above, self.groups, self.each = above, groups, each
        self.first, later = _hazards(renewal.quiet, now, near_term, uniform, days)
        self.later, self.clocks = later.ravel(), len(later)
        self.group = np.repeat(np.arange(groups), each)
        self.weights = self.seasons.weights(random, groups)
        self.mark: FloatArray = random.random(paths) if above is None else above.mark
        self.used = np.zeros(0, np.int64)
        self.course = Draws(*(np.zeros(paths, np.int64) for _ in range(3)))
        self.resumed = now.current is not None
        if self.resumed:
            self.course = self.seasons.resume(random, now, groups, self.mark)
            self.used = np.arange(paths)
        self.run = np.full(paths, now.run)
        # An open spell has no season before it to wait for; a season may outlast the paths.
        self.over = np.full(paths, days if self.resumed else 0)
        self.in_first = np.full(paths, not self.resumed)
        self.hazard = np.zeros(paths)
        self.in_season, self.begins = (np.zeros((days, paths), dtype=bool) for _ in range(2))

    def step(self, day: int, drawn: FloatArray) -> None:
        """Move on by a day; the level above has moved already."""
        self._draw_marks()
        in_season = self.in_season[day]
        self._run_on(in_season)
        self._find_hazard(day)
        begins = np.less(drawn, self.hazard, out=self.begins[day])
        self.used = np.flatnonzero(begins)
        if self.used.size:
            self._begin(self.used)
            in_season[self.used] = True
            self.in_first[self.used] = False
        if self.above is not None:
            np.logical_or(in_season, self.above.in_season[day], out=in_season)
        self.run += 1
        self.run[in_season] = 0
        if self.resumed:
            self.over[(self.run == self.quiet) & (self.over > day)] = day

    def _draw_marks(self) -> None:
        if self.above is None and self.used.size:
            self.mark[self.used] = self.random.random(len(self.used))

    def _run_on(self, in_season: BoolArray) -> None:
        course, seasons = self.course, self.seasons
        running = np.flatnonzero((course.position >= 0) & (course.position < course.length))
        pattern = course.pattern[running]
        position = course.position[running] % seasons.days[pattern]
        in_season[running] = seasons.in_season[pattern, position]
        np.add(course.position, 1, out=course.position)

    def _find_hazard(self, day: int) -> None:
        elapsed = self.run - self.quiet
        # Below 0 the quiet days are not over: no season can begin.
        clock = np.clip(elapsed, 0, self.clocks - 1)
        hazard = self.later.take(clock * self.groups + self.group)
        if self.in_first.any():
            hazard = np.where(self.in_first, np.repeat(self.first[day], self.each), hazard)
        if self.above is not None:
            # Each kind follows its own process, but never with less chance than the kind above it:
            # an index at the higher threshold is at the lower one too.
            np.maximum(hazard, self.above.hazard, out=hazard)
        self.hazard = np.where(elapsed >= 0, hazard, 0.0)

    def _begin(self, paths: IntArray) -> None:
        weights = self.weights[self.group[paths]]
        new = self.seasons.begin(self.random, weights, self.mark[paths])
        self.course.pattern[paths] = new.pattern
        self.course.position[paths] = 1
        self.course.length[paths] = new.length


def _hazards(
    quiet: SpellPosterior,
    now: History,
    near_term: FloatArray | None,
    uniform: FloatArray,
    days: int,
) -> tuple[FloatArray, FloatArray]:
    """Return daily hazards of the spell under way and of later ones, each of shape (days, groups).

    The first is by simulated day, the second by days since an onset became possible.
    """
    shape, scale = quiet.draw(uniform[:, :2])
    edges = np.arange(days + now.elapsed + 1)[:, None]
    later = -np.expm1(-np.diff(cumulative_hazard(edges, shape, scale), axis=0))
    first = later[now.elapsed : now.elapsed + days].copy()
    if near_term is not None and now.at_risk:
        replicate = (uniform[:, 2] * len(near_term)).astype(np.int64)
        with np.errstate(divide="ignore"):
            daily = -np.expm1(np.log1p(-near_term[replicate].T) / LEAD_DAYS)
        known = np.repeat(daily, LEAD_DAYS, axis=0)[:days]
        first[: len(known)] = known
    return first, later


def _latin(random: np.random.Generator, size: int, columns: int) -> FloatArray:
    """Draw a Latin hypercube: in each column one number from each of `size` equal parts."""
    ranks = random.permuted(np.tile(np.arange(size), (columns, 1)), axis=1).T
    return (ranks + random.random((size, columns))) / size


def _check(
    renewals: Mapping[str, Renewal],
    now: Mapping[str, History],
    near_term: Mapping[str, FloatArray],
    days: int,
    n_paths: int,
    n_groups: int,
) -> None:
    if not 1 <= days <= REACH_DAYS:
        raise ValueError(f"days must be from 1 to {REACH_DAYS}, got {days}.")
    if n_groups < 2 or n_paths % n_groups or n_paths // n_groups < 2:
        raise ValueError(
            f"n_paths must be a multiple of n_groups, at least twice it, and n_groups at least 2; "
            f"got {n_paths} and {n_groups}."
        )
    if list(renewals) != list(now) or not set(near_term) <= set(now) or not renewals:
        raise ValueError(
            f"processes, states and near-term hazards must be of the same kinds, "
            f"got {list(renewals)}, {list(now)} and {list(near_term)}."
        )
    for kind, hazards in near_term.items():
        if hazards.ndim != 2 or not len(hazards):
            raise ValueError(
                f"near-term hazards have one row a replicate and one column a lead, "
                f"got shape {hazards.shape} for {kind}."
            )
        if not ((hazards >= 0) & (hazards <= 1)).all():
            raise ValueError(f"near-term hazards must lie in [0, 1], those of {kind} do not.")
    thresholds = [state.threshold for state in now.values()]
    if thresholds != [renewal.history.threshold for renewal in renewals.values()]:
        raise ValueError(f"a state's threshold must be its process's, got {thresholds}.")
    _check_order(thresholds, list(now.values()))


def _check_order(thresholds: Sequence[float], states: Sequence[History]) -> None:
    if thresholds != sorted(thresholds, reverse=True):
        raise ValueError(f"kinds must go from the highest threshold down, got {thresholds}.")
    if len({state.until for state in states}) > 1:
        raise ValueError("states must be of one day.")
