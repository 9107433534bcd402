"""The stationary bootstrap of the calendar: resamples that keep overlapping windows together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.hazard.leads import FloatArray

RESAMPLES = 2000


def resample_counts(
    as_of: pd.DatetimeIndex,
    *,
    block_days: int,
    step_days: int,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> FloatArray:
    """Return how often each row enters each stationary-bootstrap resample of the calendar.

    The calendar from the first to the last row is cut into steps and resampled
    in blocks of geometric length, wrapping at its end, so that rows whose
    windows overlap stay together. Steps without a row are resampled too.

    Few blocks make percentile intervals too narrow, so that no verdict stands on
    them alone. Simulated means of windows that overlap fully, on nine years of
    weeks with blocks of one window, lay in the 90 % interval 84 times in 100 at
    30 days, 77 at 180 and 71 at 365.

    Parameters
    ----------
    as_of : pandas.DatetimeIndex, shape (n,)
        Day of each row, on a grid of `step_days`.
    block_days : int
        Mean length of a block.
    step_days : int
        Days between the grid's days.
    resamples : int
        Number of resamples.
    seed : int
        Seed of the draws.

    Returns
    -------
    numpy.ndarray, shape (resamples, n)

    References
    ----------
    Politis and Romano (1994), https://doi.org/10.1080/01621459.1994.10476870

    Examples
    --------
    >>> weeks = pd.date_range("2024-01-02", periods=104, freq="7D")
    >>> counts = resample_counts(weeks, block_days=90, step_days=7, resamples=10)
    >>> counts.shape, counts.sum(axis=1).tolist() == [104.0] * 10
    ((10, 104), True)
    """
    position = np.asarray((as_of - as_of.min()).days) // step_days
    steps = int(position.max()) + 1
    random = np.random.default_rng(seed)
    begins = random.random((resamples, steps)) < step_days / block_days
    begins[:, 0] = True
    start = random.integers(steps, size=(resamples, steps))
    at = np.arange(steps)
    opened = np.maximum.accumulate(np.where(begins, at, 0), axis=1)
    drawn = (np.take_along_axis(start, opened, axis=1) + at - opened) % steps
    cell = drawn + steps * np.arange(resamples)[:, None]
    counts = np.bincount(cell.ravel(), minlength=resamples * steps).reshape(resamples, steps)
    return counts[:, position].astype(np.float64)
