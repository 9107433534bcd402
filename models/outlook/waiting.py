"""When the first onset of a window comes: exact where it can be, counted on the paths elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from models.outlook.path_onsets import SUSTAINED, first_days, kinds_of, onsets_of
from models.outlook.paths import Paths
from models.season.spells import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Waiting:
    """Wait for the first onset of a kind or a stronger one, from the first day of a window.

    Parameters
    ----------
    by_day : numpy.ndarray, shape (days,)
        P(an onset by the end of each day of the window); never falls.
    first : numpy.ndarray of int, shape (paths,)
        Day of the first onset on each path; the number of days where there is none.
    groups : int
        Draws of the parameters.
    level : float
        Probability of the credible intervals.
    """

    by_day: FloatArray
    first: IntArray
    groups: int
    level: float

    def bounds(self, days: int | slice) -> tuple[FloatArray, FloatArray]:
        """Return the ends of the credible interval of the chance by a day, or by each of some."""
        ahead = np.arange(len(self.by_day))[days]
        comes = self.first <= np.expand_dims(ahead, -1)
        low, high = credible_interval(comes, self.groups, self.level)
        centre = self.by_day[days]
        return np.minimum(low, centre), np.maximum(high, centre)


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
        tails = [betaincinv(mean * size, (1 - mean) * size, q) for q in _tails(level)]
    # Size infinite (nothing to explain) or mean 0 or 1: the interval is the mean itself.
    low, high = (np.where(np.isfinite(tail), tail, mean) for tail in tails)
    return np.minimum(low, mean), np.maximum(high, mean)


def _tails(level: float) -> tuple[float, float]:
    return (1 - level) / 2, (1 + level) / 2


def exact_interval(by_group: FloatArray, level: float = 0.9) -> tuple[FloatArray, FloatArray]:
    """Return the interval over the draws of the parameters, shape (..., groups), equal tails."""
    low, high = np.quantile(by_group, _tails(level), axis=-1)
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
        by_day = (
            _share_by_day(counted, len(stronger)) if exact is None else exact[: last + 1].mean(1)
        )
        # Exact and counted chances differ by what the paths vary; their order holds all the same.
        if kind == SUSTAINED:
            by_day = np.minimum(by_day, by_kind[highest].by_day)
        else:
            by_day = stronger = np.maximum(by_day, stronger)
        by_kind[kind] = Waiting(by_day, counted, paths.groups, level)
    return {kind: by_kind[kind] for kind in kinds_of(paths)}


def _share_by_day(first: IntArray, days: int) -> FloatArray:
    return np.cumsum(np.bincount(first, minlength=days + 1)[:days]) / len(first)
