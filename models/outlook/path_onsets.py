"""Which days of the past and of each path bring a season of a kind or of a stronger one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from models.outlook.paths import Paths
from models.season.definition import OnsetDefinition
from models.season.spells import BoolArray, History, IntArray

SUSTAINED = "sustained"


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
    numpy.ndarray of bool, shape (paths.reach, paths)
    """
    highest = next(iter(paths.begins))
    if kind == SUSTAINED:
        return _sustained(
            paths.begins[highest][: paths.reach], paths.in_season[highest], paths.definition
        )
    begun = np.zeros((paths.reach, paths.n_paths), dtype=bool)
    for other, begins in paths.begins.items():
        begun |= begins[: paths.reach]
        if other == kind:
            return begun
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
    """Return on which paths a season that began since a day, before as_of, becomes sustained."""
    highest, definition = next(iter(paths.now)), paths.definition
    total = np.zeros(paths.n_paths, dtype=bool)
    for season in paths.now[highest].seasons:
        age = (paths.as_of - season.onset).days + 1
        if season.onset >= since and season.sustained(definition) is None:
            ahead = paths.in_season[highest][: definition.sustained_within - age].sum(axis=0)
            total |= (
                season.days_within(definition.sustained_within) + ahead >= definition.sustained_days
            )
    return total


def _sustained(begins: BoolArray, in_season: BoolArray, definition: OnsetDefinition) -> BoolArray:
    """Keep the onsets with enough days at the threshold in the days from them, themselves in."""
    day, path = np.nonzero(begins)
    total = np.cumsum(in_season, axis=0, dtype=np.int16)
    days = total[day + definition.sustained_within - 1, path] - total[day, path] + 1
    kept = np.zeros_like(begins)
    kept[day, path] = days >= definition.sustained_days
    return kept
