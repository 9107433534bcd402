"""Intervals for skill that respect overlapping windows: the stationary block bootstrap."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from models.leads import FloatArray

MIN_BLOCK_DAYS = 90
LEVEL = 0.90
RESAMPLES = 2000


class Interval(NamedTuple):
    """A value with the ends of its interval."""

    value: float
    low: float
    high: float


def resample_counts(
    as_of: pd.DatetimeIndex,
    *,
    block_days: int,
    step_days: int,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> FloatArray:
    """Return how often each row enters each resample of the calendar.

    The calendar from the first to the last row is cut into steps and resampled
    in blocks of geometric length, wrapping at its end, so that rows whose
    windows overlap stay together. Steps without a row are resampled too.

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
    resample = np.repeat(np.arange(resamples), steps)
    table = sparse.coo_array((np.ones(drawn.size), (resample, drawn.ravel())), (resamples, steps))
    return table.toarray()[:, position]


def skill_interval(
    score: FloatArray, reference: FloatArray, counts: FloatArray, *, level: float = LEVEL
) -> Interval:
    """Return the skill of a forecast against a reference with its bootstrap interval.

    Parameters
    ----------
    score, reference : numpy.ndarray, shape (n,)
        Scores of the two forecasts, row by row; lower is better.
    counts : numpy.ndarray, shape (resamples, n)
        From `resample_counts`.
    level : float
        Probability of the interval, which is that of the percentiles.

    Returns
    -------
    Interval
        NaN where the reference is perfect.
    """
    total, base = counts @ score, counts @ reference
    resampled = 1 - np.divide(total, base, out=np.full_like(total, np.nan), where=base > 0)
    value = 1 - score.sum() / reference.sum() if reference.sum() > 0 else float("nan")
    if not np.isfinite(value) or not np.isfinite(resampled).any():
        return Interval(value, float("nan"), float("nan"))
    low, high = np.nanquantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(value), float(low), float(high))
