"""When the first onset of a window comes: exact where it can be, counted on the paths elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.outlook.credible import credible_interval
from models.outlook.path_onsets import SUSTAINED, first_days, kinds_of, onsets_of
from models.outlook.paths import Paths
from models.season.spells import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Waiting:
    """Wait for the first onset of a kind or a stronger one, from the first day of a window.

    Parameters
    ----------
    by_day : numpy.ndarray, shape (days,)
        P(an onset by the end of each day of the window); never falls.
    first : numpy.ndarray of int, shape (paths,)
        Day of the first onset on each path; the number of days where there is none.
    by_group : numpy.ndarray, shape (days, groups), optional
        The exact chance given each draw of the parameters, where there is one.
    groups : int
        Draws of the parameters.
    level : float
        Probability of the credible intervals.
    """

    by_day: FloatArray
    first: IntArray
    by_group: FloatArray | None
    groups: int
    level: float

    def bounds(self, days: int | slice) -> tuple[FloatArray, FloatArray]:
        """Return the ends of the credible interval of the chance by a day, or by each of some."""
        if self.by_group is not None:
            low, high = exact_interval(self.by_group[days], self.level)
        else:
            ahead = np.arange(len(self.by_day))[days]
            comes = self.first <= np.expand_dims(ahead, -1)
            low, high = credible_interval(comes, self.groups, self.level)
        centre = self.by_day[days]
        return np.minimum(low, centre), np.maximum(high, centre)


def exact_interval(by_group: FloatArray, level: float = 0.9) -> tuple[FloatArray, FloatArray]:
    """Return the interval over the draws of the parameters, shape (..., groups), equal tails."""
    tails = ((1 - level) / 2, (1 + level) / 2)
    low, high = np.quantile(by_group, tails, axis=-1)
    return low, high


def waiting_times(paths: Paths, first: int, last: int, level: float) -> dict[str, Waiting]:
    """Return the wait for every kind in a window, strongest kind first.

    Parameters
    ----------
    paths : Paths
        Simulated seasons.
    first, last : int
        Days of the window; 0 is the day after as_of.
    level : float
        Probability of the credible intervals.

    Returns
    -------
    dict of str to Waiting
        Of two kinds the weaker one is never less likely by any day.
    """
    by_kind: dict[str, Waiting] = {}
    highest = next(iter(paths.begins))
    stronger: FloatArray = np.zeros(last + 1 - first)
    for kind in (*paths.begins, SUSTAINED):
        counted = first_days(onsets_of(paths, kind)[first : last + 1])
        # From a later day on there may have been a season before the window: only paths know.
        exact = paths.first_spell.get(kind) if first == 0 else None
        by_group = None if exact is None else exact[: last + 1]
        by_day = _share_by_day(counted, len(stronger)) if by_group is None else by_group.mean(1)
        # Exact and counted chances differ by what the paths vary; their order holds all the same.
        if kind == SUSTAINED:
            by_day = np.minimum(by_day, by_kind[highest].by_day)
        else:
            by_day = stronger = np.maximum(by_day, stronger)
        by_kind[kind] = Waiting(by_day, counted, by_group, paths.groups, level)
    return {kind: by_kind[kind] for kind in kinds_of(paths)}


def _share_by_day(first: IntArray, days: int) -> FloatArray:
    return np.cumsum(np.bincount(first, minlength=days + 1)[:days]) / len(first)
