"""One threshold on every path: its hazards and seasons, moved on day by day."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models.outlook.patterns import Draws
from models.outlook.posterior import SpellPosterior, cumulative_hazard
from models.outlook.renewal import Renewal
from models.season.spells import BoolArray, FloatArray, History, IntArray

LEAD_DAYS = 30
# Weight of the process in the leads after the near term; from the next on it stands alone.
HANDOVER = (0.25, 0.5, 0.75)


class Level:
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
        above: Level | None,
    ) -> None:
        groups = len(uniform)
        paths = groups * each
        self.quiet, self.random, self.seasons = now.definition.quiet_days, random, renewal.seasons
        self.above, self.groups, self.each = above, groups, each
        self.first, later = spell_hazards(renewal.quiet, now, near_term, uniform, days)
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


def spell_hazards(
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
    if near_term is None or not now.at_risk:
        return later[now.elapsed : now.elapsed + days].copy(), later
    replicate = (uniform[:, 2] * len(near_term)).astype(np.int64)
    ends = now.elapsed + LEAD_DAYS * np.arange(near_term.shape[1] + len(HANDOVER) + 1)[:, None]
    process = -np.expm1(-np.diff(cumulative_hazard(ends, shape, scale), axis=0))
    by_lead = handed_over(near_term[replicate].T, process)
    with np.errstate(divide="ignore"):
        daily = -np.expm1(np.log1p(-by_lead) / LEAD_DAYS)
    mixed = np.repeat(daily, LEAD_DAYS, axis=0)[:days]
    beyond = later[now.elapsed + len(mixed) : now.elapsed + days]
    return np.concatenate([mixed, beyond]), later


def handed_over(near_term: FloatArray, process: FloatArray) -> FloatArray:
    """Return hazards of 30 days by lead that pass from the near term to the process.

    What today's index tells fades over the 90 days that it looks back, it does not end with them:
    after the near-term leads the last of them and the process are mixed, a quarter more of the
    process each lead. Both of shape (leads, groups); `process` reaches three leads further.

    Examples
    --------
    >>> near, process = np.full((3, 1), 0.2), np.full((6, 1), 0.1)
    >>> handed_over(near, process).ravel().round(3).tolist()
    [0.2, 0.2, 0.2, 0.175, 0.15, 0.125]
    """
    weight = np.array(HANDOVER)[:, None]
    fading = (1 - weight) * near_term[-1] + weight * process[len(near_term) :]
    return np.concatenate([near_term, fading])


def parameter_draws(seed: int, n_groups: int) -> FloatArray:
    """Return uniform numbers for shape, scale and near-term replicate, shape (groups, 3).

    A Latin hypercube: in each column one number from each of `n_groups` equal parts.
    """
    random = np.random.default_rng([seed, 1])
    ranks = random.permuted(np.tile(np.arange(n_groups), (3, 1)), axis=1).T
    return (ranks + random.random((n_groups, 3))) / n_groups


def onset_by_day(
    renewals: Mapping[str, Renewal],
    now: Mapping[str, History],
    near_term: Mapping[str, FloatArray] | None,
    uniform: FloatArray,
    days: int,
) -> dict[str, FloatArray]:
    """Return P(an onset by the end of each day) given each draw of the parameters.

    Until the first onset of a kind that is at risk no season interferes, of its own or of a higher
    threshold, so that the survival of the spell under way is all there is to know.

    Parameters
    ----------
    renewals, now, near_term
        As for `models.outlook.paths.simulate`.
    uniform : numpy.ndarray, shape (groups, 3)
        From `parameter_draws`.
    days : int
        Days ahead.

    Returns
    -------
    dict of str to numpy.ndarray, shape (days, groups)
        For the kinds at risk; never falls by day, nor towards a lower threshold.
    """
    by_kind: dict[str, FloatArray] = {}
    above: FloatArray = np.zeros((days, len(uniform)))
    for kind, renewal in renewals.items():
        if not now[kind].at_risk:
            continue
        hazards = None if near_term is None else near_term.get(kind)
        own, _ = spell_hazards(renewal.quiet, now[kind], hazards, uniform, days)
        # As on the paths: an index at the higher threshold is at the lower one too.
        above = np.maximum(own, above)
        with np.errstate(divide="ignore"):
            by_kind[kind] = -np.expm1(np.cumsum(np.log1p(-above), axis=0))
    return by_kind
