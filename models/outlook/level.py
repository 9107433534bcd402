"""One threshold on every path: its hazards, exact until the first onset, and its seasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from models.outlook.patterns import Draws, SeasonLaw
from models.outlook.posterior import SpellPosterior, cumulative_hazard
from models.outlook.renewal import Renewal
from models.season.spells import BoolArray, FloatArray, History, IntArray

LEAD_DAYS = 30

# Kind to hazards of the first leads of 30 days, P(onset in the lead | none before), for kinds that
# are at risk: shape (replicates, leads).
NearTerm = Mapping[str, FloatArray]


class SpellHazards(NamedTuple):
    """Daily hazards of an onset given each draw of the parameters, each of shape (days, groups)."""

    first: FloatArray  # of the spell under way, by simulated day
    later: FloatArray  # of later spells, by days since an onset became possible


class Level:
    """One threshold's state on every path, moved on day by day.

    `mark` decides how long the season of a path that begins today or next runs. It is drawn by the
    highest level and serves those below, so that a long broad season falls into a long partial one.
    """

    def __init__(
        self,
        seasons: SeasonLaw,
        now: History,
        hazards: SpellHazards,
        per_group: int,
        random: np.random.Generator,
        above: Level | None,
    ) -> None:
        days, groups = hazards.first.shape
        paths = groups * per_group
        self.quiet, self.random = now.definition.quiet_days, random
        self.seasons, self.above = seasons, above
        self.groups, self.per_group = groups, per_group
        self.first = hazards.first
        self.later, self.clocks = hazards.later.ravel(), len(hazards.later)
        self.group = np.repeat(np.arange(groups), per_group)
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
        if self.above is None and self.used.size:
            self.mark[self.used] = self.random.random(len(self.used))
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

    def _run_on(self, in_season: BoolArray) -> None:
        course, seasons = self.course, self.seasons
        # After a whole quiet run the season is over, whatever its course still held.
        alive = (course.position < course.length) & (self.run < self.quiet)
        running = np.flatnonzero(alive & (course.position >= 0))
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
            first = np.repeat(self.first[day], self.per_group)
            hazard = np.where(self.in_first, first, hazard)
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


def parameter_draws(seed: int, n_groups: int) -> FloatArray:
    """Return uniform numbers for shape, scale and near-term replicate, shape (groups, 3).

    A Latin hypercube: in each column one number from each of `n_groups` equal parts.
    """
    random = np.random.default_rng([seed, 1])
    ranks = random.permuted(np.tile(np.arange(n_groups), (3, 1)), axis=1).T
    return (ranks + random.random((n_groups, 3))) / n_groups


def spell_hazards(
    quiet: SpellPosterior,
    now: History,
    near_term: FloatArray | None,
    uniform: FloatArray,
    days: int,
    handover: Sequence[float] = (),
) -> SpellHazards:
    """Return the hazards of so many days: near-term leads first, the process beyond.

    In the leads that follow the near term, `handover` is the weight of the process beside the last
    near-term hazard: what today's index tells fades, it does not end at midnight.
    """
    shape, scale = quiet.draw(uniform[:, :2])
    edges = np.arange(days + now.elapsed + 1)[:, None]
    later = -np.expm1(-np.diff(cumulative_hazard(edges, shape, scale), axis=0))
    first = later[now.elapsed : now.elapsed + days].copy()
    if near_term is not None and now.at_risk:
        replicate = (uniform[:, 2] * len(near_term)).astype(np.int64)
        leads = near_term[replicate].T
        if len(handover):
            ends = LEAD_DAYS * np.arange(len(leads), len(leads) + len(handover) + 1)[:, None]
            spent = cumulative_hazard(now.elapsed + ends, shape, scale)
            process, weight = -np.expm1(-np.diff(spent, axis=0)), np.array(handover)[:, None]
            leads = np.concatenate([leads, weight * process + (1 - weight) * leads[-1]])
        with np.errstate(divide="ignore"):
            daily = -np.expm1(np.log1p(-leads) / LEAD_DAYS)
        known = np.repeat(daily, LEAD_DAYS, axis=0)[:days]
        first[: len(known)] = known
    return SpellHazards(first, later)


def onset_by_day(
    renewals: Mapping[str, Renewal],
    now: Mapping[str, History],
    near_term: NearTerm | None,
    uniform: FloatArray,
    days: int,
    handover: Sequence[float] = (),
) -> dict[str, FloatArray]:
    """Return P(an onset by the end of each day) given each draw, shape (days, groups), by kind.

    Until the first onset of a kind that is at risk no season interferes, of its own or of a higher
    threshold, so that the survival of the spell under way is all there is to know: no paths, and
    therefore equal wherever it is asked. It never falls by day, nor towards a lower threshold.
    """
    by_kind: dict[str, FloatArray] = {}
    above: FloatArray = np.zeros((days, len(uniform)))
    for kind, renewal in renewals.items():
        if not now[kind].at_risk:
            continue
        hazards = None if near_term is None else near_term.get(kind)
        first, _ = spell_hazards(renewal.quiet, now[kind], hazards, uniform, days, handover)
        # As on the paths: an index at the higher threshold is at the lower one too.
        above = np.maximum(first, above)
        with np.errstate(divide="ignore"):
            by_kind[kind] = -np.expm1(np.cumsum(np.log1p(-above), axis=0))
    return by_kind
