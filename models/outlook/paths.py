"""Paths of the season index, level by level, from any state of the market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from models.outlook.level import (
    Level,
    NearTerm,
    SpellHazards,
    onset_by_day,
    parameter_draws,
    spell_hazards,
)
from models.outlook.renewal import Renewal
from models.season.definition import OnsetDefinition
from models.season.spells import BoolArray, FloatArray, History, IntArray

N_PATHS = 10_000
N_GROUPS = 200
REACH_DAYS = 1_096
SUSTAINED = "sustained"


@dataclass(frozen=True, eq=False)
class Paths:
    """Simulated seasons; day 0 is the day after as_of, `groups` draws of the parameters.

    Mappings go from the kind with the highest threshold to that with the lowest. A day at a higher
    threshold is a day at every lower one. Path p belongs to draw p // (paths / groups).
    """

    as_of: pd.Timestamp
    now: Mapping[str, History]  # what was known of each kind on as_of
    in_season: Mapping[str, BoolArray]  # whether the index is at the threshold: (days, paths)
    begins: Mapping[str, BoolArray]  # whether a season of the kind begins: (days, paths)
    # First day that ends a whole quiet run, (paths,); the number of days where there is none.
    over: Mapping[str, IntArray]
    groups: int
    # For kinds at risk the exact P(an onset by the end of each day) of each draw: (days, groups).
    first_spell: Mapping[str, FloatArray] = field(default_factory=dict)
    # What they were simulated with, for `models.outlook.weights`.
    renewals: Mapping[str, Renewal] = field(default_factory=dict)
    hazards: Mapping[str, SpellHazards] = field(default_factory=dict)
    uniform: FloatArray = field(default_factory=lambda: np.zeros((0, 3)))

    @property
    def n_paths(self) -> int:
        """Number of paths."""
        return next(iter(self.in_season.values())).shape[1]

    @property
    def days(self) -> int:
        """Days simulated, those that only show whether a season is sustained included."""
        return len(next(iter(self.in_season.values())))

    @property
    def strongest(self) -> str:
        """The kind of the highest threshold, whose seasons can be sustained ones."""
        return next(iter(self.now))

    @property
    def definition(self) -> OnsetDefinition:
        """What counts as an onset, and as sustained, at the highest threshold."""
        return self.now[self.strongest].definition

    @property
    def reach(self) -> int:
        """Days that can be asked about."""
        return self.days - self.definition.sustained_within


def simulate(
    renewals: Mapping[str, Renewal],
    now: Mapping[str, History],
    *,
    days: int = 730,
    near_term: NearTerm | None = None,
    handover: Sequence[float] = (),
    n_paths: int = N_PATHS,
    n_groups: int = N_GROUPS,
    seed: int = 0,
) -> Paths:
    """Simulate seasons of every kind from the state that stands, so many days ahead.

    Processes and states have the same kinds, from the highest threshold to the lowest. Each group
    of paths has a draw of its own of shape, scale, season weights and near-term hazards. All kinds
    meet the same uniform number on a day, and where a higher threshold has the larger hazard the
    lower takes it over; so each kind follows its own process and a day at a threshold is a day at
    every lower one. The same seed gives the same bytes.

    ValueError if the kinds are not in order, do not match, or a number is out of range.
    """
    _check(renewals, now, near_term or {}, days, n_paths, n_groups)
    # Those after the last day asked about show whether a season that begins on it is sustained.
    total = days + next(iter(now.values())).definition.sustained_within
    chances = np.random.default_rng([seed, 0])
    uniform = parameter_draws(seed, n_groups)
    near_term = near_term or {}
    hazards = {
        kind: spell_hazards(renewal.quiet, now[kind], near_term.get(kind), uniform, total, handover)
        for kind, renewal in renewals.items()
    }
    levels: dict[str, Level] = {}
    above = None
    for kind, renewal in renewals.items():
        random = np.random.default_rng([seed, 2, round(100 * now[kind].definition.threshold)])
        per_group = n_paths // n_groups
        above = Level(renewal.seasons, now[kind], hazards[kind], per_group, random, above)
        levels[kind] = above
    for day in range(total):
        drawn = chances.random(n_paths)
        for level in levels.values():
            level.step(day, drawn)
    return Paths(
        as_of=next(iter(now.values())).until,
        now={kind: now[kind] for kind in renewals},
        in_season={kind: level.in_season for kind, level in levels.items()},
        begins={kind: level.begins for kind, level in levels.items()},
        over={kind: level.over for kind, level in levels.items()},
        groups=n_groups,
        first_spell=onset_by_day(renewals, now, near_term, uniform, days, handover),
        renewals=renewals,
        hazards=hazards,
        uniform=uniform,
    )


def _check(
    renewals: Mapping[str, Renewal],
    now: Mapping[str, History],
    near_term: NearTerm,
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
    states = [state.definition for state in now.values()]
    if states != [renewal.history.definition for renewal in renewals.values()]:
        raise ValueError("processes and states must be of the same kinds, one by one.")
    if states != sorted(states, key=lambda definition: -definition.threshold):
        raise ValueError("kinds must go from the highest threshold down.")
    for kind, hazards in near_term.items():
        if kind not in now or hazards.ndim != 2 or not ((hazards >= 0) & (hazards <= 1)).all():
            raise ValueError(
                f"near-term hazards lie in [0, 1], a row a replicate and a column a lead, for the "
                f"kinds {', '.join(now)}; those of {kind} do not."
            )


def kinds_of(paths: Paths) -> tuple[str, ...]:
    """Return the kinds from the strongest to the weakest: sustained first."""
    return (SUSTAINED, *paths.begins)


def onsets_of(paths: Paths, kind: str) -> BoolArray:
    """Return on which days a season of the kind *or a stronger one* begins: (reach, paths).

    A broad season that begins while a partial one is under way counts as a partial season too:
    whoever waits for a partial season would not call the year empty. So the chances are ordered
    in every window. Sustained seasons are those of the highest threshold.
    """
    if kind == SUSTAINED:
        return _sustained(paths)
    if kind not in paths.begins:
        raise ValueError(f"kind must be one of {', '.join(kinds_of(paths))}, got {kind!r}.")
    names = list(paths.begins)
    begun = [paths.begins[name][: paths.reach] for name in names[: names.index(kind) + 1]]
    return np.logical_or.reduce(begun)


def _sustained(paths: Paths) -> BoolArray:
    """Keep the onsets with enough days at the threshold in the days from them, themselves in."""
    begins = paths.begins[paths.strongest][: paths.reach]
    day, path = np.nonzero(begins)
    total = np.cumsum(paths.in_season[paths.strongest], axis=0, dtype=np.int16)
    days = total[day + paths.definition.sustained_within - 1, path] - total[day, path] + 1
    kept = np.zeros_like(begins)
    kept[day, path] = days >= paths.definition.sustained_days
    return kept


def known_onsets(now: Sequence[History], kind: str, names: Sequence[str]) -> pd.DatetimeIndex:
    """Return the past onsets of a kind or a stronger one, in order; `names` are the kinds."""
    if kind == SUSTAINED:
        strongest = now[0]
        lasting = [s.onset for s in strongest.seasons if s.sustained(strongest.definition)]
        return pd.DatetimeIndex(lasting)
    days = now[0].onsets
    for history in now[1 : names.index(kind) + 1]:
        days = days.union(history.onsets)
    return days


def first_days(onsets: BoolArray) -> IntArray:
    """Return the first day of each path with an onset; the number of days where there is none."""
    return np.where(onsets.any(axis=0), onsets.argmax(axis=0), len(onsets))


def pending(paths: Paths, since: pd.Timestamp) -> BoolArray:
    """Return on which paths a season that began on a day or later, still open, is sustained."""
    definition = paths.definition
    total = np.zeros(paths.n_paths, dtype=bool)
    for season in paths.now[paths.strongest].seasons:
        age = (paths.as_of - season.onset).days + 1
        if season.onset >= since and season.sustained(definition) is None:
            left = definition.sustained_within - age
            ahead = paths.in_season[paths.strongest][:left].sum(axis=0)
            so_far = season.days_within(definition.sustained_within)
            total |= so_far + ahead >= definition.sustained_days
    return total
