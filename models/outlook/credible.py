"""The interval of a probability that comes from not knowing the parameters."""

from __future__ import annotations

import numpy as np
from scipy.special import betaincinv

from models.season.spells import BoolArray, FloatArray


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
