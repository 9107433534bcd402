"""The same paths under other near-term hazards: one simulation serves every candidate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from models.outlook.level import NearTerm, spell_hazards
from models.outlook.paths import Paths
from models.season.spells import BoolArray, FloatArray, IntArray


def near_term_weights(
    paths: Paths, near_term: NearTerm | None, *, handover: Sequence[float] = ()
) -> FloatArray:
    """Return what each path counts for under other near-term hazards, shape (paths,), mean 1.

    What follows a first onset does not depend on the hazards that led to it: season, days at the
    threshold, later spells. So a path counts by how much likelier the other hazards make its
    onsets, and its quiet days, than those it was simulated with (a likelihood ratio, day by day);
    each draw of the parameters keeps its share. The more the hazards differ, the fewer paths carry
    the weight: simulate with hazards between those of all that are asked about.

    The exact chances of a first onset need no weights: `models.outlook.level.onset_by_day`.

    ValueError if the other hazards allow what those of the simulation made impossible.
    """
    target = {
        kind: spell_hazards(
            renewal.quiet,
            paths.now[kind],
            (near_term or {}).get(kind),
            paths.uniform,
            paths.days,
            handover,
        ).first
        for kind, renewal in paths.renewals.items()
    }
    simulated = {kind: hazards.first for kind, hazards in paths.hazards.items()}
    for kind, asked_alone, drawn_alone in zip(
        target, _alone(target), _alone(simulated), strict=True
    ):
        if ((asked_alone > 0) & (drawn_alone <= 0)).any():
            raise ValueError(
                f"no path has an onset of {kind} alone where these hazards allow it; simulate with "
                "hazards that rise from each kind to the weaker one."
            )
    differ = np.any([(target[kind] != simulated[kind]).any(axis=1) for kind in target], axis=0)
    days = int(np.flatnonzero(differ)[-1]) + 1 if differ.any() else 0
    asked, drawn = (_day_probabilities(paths, first, days) for first in (target, simulated))
    weight = (asked / drawn).prod(axis=0).reshape(paths.groups, -1)
    return (weight / weight.mean(axis=1, keepdims=True)).ravel()


def _alone(first: Mapping[str, FloatArray]) -> list[FloatArray]:
    """Return the daily chance of an onset of each kind without one of a stronger kind."""
    hazards = list(first.values())
    above = np.maximum.accumulate([np.zeros_like(hazards[0]), *hazards[:-1]])
    return [hazard - stronger for hazard, stronger in zip(hazards, above, strict=True)]


def _day_probabilities(paths: Paths, first: Mapping[str, FloatArray], days: int) -> FloatArray:
    """Return the probability of what happened on each of the first days, shape (days, paths).

    All kinds meet one uniform number, which lay below the hazards of those that began and not below
    those of the others.
    """
    below, at_least = np.ones((days, paths.n_paths)), np.zeros((days, paths.n_paths))
    for kind, hazard in _hazards(paths, first, days):
        begins = paths.begins[kind][:days]
        below = np.where(begins, np.minimum(below, hazard), below)
        at_least = np.where(begins, at_least, np.maximum(at_least, hazard))
    return np.maximum(below - at_least, 0.0)


def _hazards(
    paths: Paths, first: Mapping[str, FloatArray], days: int
) -> Iterator[tuple[str, FloatArray]]:
    """Yield each kind's hazard on every path as `models.outlook.level.Level` meets it."""
    group = np.repeat(np.arange(paths.groups), paths.n_paths // paths.groups)
    above: FloatArray = np.zeros((days, paths.n_paths))
    for kind, now in paths.now.items():
        elapsed = _runs(paths.in_season[kind][:days], now.run) - now.definition.quiet_days
        later = paths.hazards[kind].later
        hazard = later[np.clip(elapsed, 0, len(later) - 1), group]
        if now.current is None:
            begun: IntArray = (
                np.cumsum(paths.begins[kind][:days], axis=0) - paths.begins[kind][:days]
            )
            hazard = np.where(begun == 0, first[kind][:days, group], hazard)
        above = np.where(elapsed >= 0, np.maximum(hazard, above), 0.0)
        yield kind, above


def _runs(in_season: BoolArray, run: int) -> IntArray:
    """Return the days in a row below the threshold before each day, shape (days, paths)."""
    day = np.arange(len(in_season))[:, None]
    last = np.maximum.accumulate(np.where(in_season, day, -1 - run), axis=0)
    before = np.concatenate([np.full((1, in_season.shape[1]), -1 - run), last])[: len(in_season)]
    return day - before - 1
