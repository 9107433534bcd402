"""Paths of the season index, level by level, from any state of the market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from models.outlook.level import Level, onset_by_day, parameter_draws
from models.outlook.renewal import Renewal
from models.season.definition import OnsetDefinition
from models.season.spells import BoolArray, FloatArray, History, IntArray

N_PATHS = 10_000
N_GROUPS = 200
REACH_DAYS = 1_096


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
    first_spell : mapping of str to numpy.ndarray, shape (days, groups)
        For kinds at risk the exact P(an onset by the end of each day) of each draw.
    """

    as_of: pd.Timestamp
    now: Mapping[str, History]
    in_season: Mapping[str, BoolArray]
    begins: Mapping[str, BoolArray]
    over: Mapping[str, IntArray]
    groups: int
    first_spell: Mapping[str, FloatArray] = field(default_factory=dict)

    @property
    def n_paths(self) -> int:
        """Number of paths."""
        return next(iter(self.in_season.values())).shape[1]

    @property
    def days(self) -> int:
        """Days simulated, those that only show whether a season is sustained included."""
        return len(next(iter(self.in_season.values())))

    @property
    def definition(self) -> OnsetDefinition:
        """What counts as an onset, and as sustained, at the highest threshold."""
        return next(iter(self.now.values())).definition

    @property
    def reach(self) -> int:
        """Days that can be asked about."""
        return self.days - self.definition.sustained_within


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
    # Those after the last day asked about show whether a season that begins on it is sustained.
    total = days + next(iter(now.values())).definition.sustained_within
    each = n_paths // n_groups
    chances = np.random.default_rng([seed, 0])
    uniform = parameter_draws(seed, n_groups)
    levels: list[Level] = []
    for kind, renewal in renewals.items():
        own = np.random.default_rng([seed, 2, round(100 * renewal.history.definition.threshold)])
        hazards = None if near_term is None else near_term.get(kind)
        above = levels[-1] if levels else None
        levels.append(Level(renewal, now[kind], hazards, uniform, total, each, own, above))
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
        first_spell=onset_by_day(renewals, now, near_term, uniform, days),
    )


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
    definitions = [state.definition for state in now.values()]
    thresholds = [definition.threshold for definition in definitions]
    if definitions != [renewal.history.definition for renewal in renewals.values()]:
        raise ValueError(f"a state's definition must be its process's, got {thresholds}.")
    _check_order(thresholds, list(now.values()))


def _check_order(thresholds: Sequence[float], states: Sequence[History]) -> None:
    if thresholds != sorted(thresholds, reverse=True):
        raise ValueError(f"kinds must go from the highest threshold down, got {thresholds}.")
    if len({state.until for state in states}) > 1:
        raise ValueError("states must be of one day.")
