"""Intervals and tests for scores of overlapping windows, and the verdict they allow.

Outcomes of neighbouring days share most of their windows, so days are not independent. The
stationary bootstrap resamples blocks of the calendar, the episode bootstrap whole stretches
between onsets, and the Diebold-Mariano test uses a long-run variance.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from models.hazard.leads import FloatArray, IntArray
from models.vocabulary import Verdict

MIN_BLOCK_DAYS = 90
MIN_UNITS = 5
LEVEL = 0.90
RESAMPLES = 2000


class Interval(NamedTuple):
    """A value with the ends of its interval."""

    value: float
    low: float
    high: float


class DieboldMariano(NamedTuple):
    """Statistic, negative where the first forecast scores lower (is better), and p-value."""

    statistic: float
    p_value: float


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

    Few blocks make percentile intervals too narrow, and a calendar of less than
    `MIN_UNITS` of them resembles all of its resamples. Simulated scores of windows
    that overlap fully, on nine years of weeks with blocks of one window, lay in
    the 90 % interval 84 times in 100 at 30 days, 79 at 180 and 70 at 365.

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
    position = _positions(as_of, step_days)
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


def episode_counts(
    as_of: pd.DatetimeIndex,
    onsets: pd.DatetimeIndex,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> FloatArray:
    """Return how often each row enters each resample of the stretches between onsets.

    A stretch holds the rows that wait for the same onset; those after the last
    onset are a stretch of their own. A row's outcome depends on no onset but its
    own, so stretches are the units of independent evidence: they are drawn with
    replacement, as many as there are, each whole. With the 10 to 15 stretches of
    a history of ten years, 90 % intervals covered 84 times in 100 in simulation.

    Parameters
    ----------
    as_of : pandas.DatetimeIndex, shape (n,)
        Day of each row.
    onsets : pandas.DatetimeIndex
        Onset days, rising.
    resamples : int
        Number of resamples.
    seed : int
        Seed of the draws.

    Returns
    -------
    numpy.ndarray, shape (resamples, n)
        All NaN, as are intervals made from it, where fewer than 5 stretches
        hold rows.

    References
    ----------
    Field and Welsh (2007), https://doi.org/10.1111/j.1467-9868.2007.00593.x

    Examples
    --------
    >>> weeks = pd.date_range("2024-01-02", periods=8, freq="7D")
    >>> onsets = weeks[[1, 3, 5, 7]] + pd.Timedelta(days=1)
    >>> episode_counts(weeks, onsets, resamples=10).shape
    (10, 8)
    """
    # Rows of an onset's own day wait for the next one: side="right".
    stretch = np.searchsorted(onsets.to_numpy(), as_of.to_numpy(), side="right")
    names, position = np.unique(stretch, return_inverse=True)
    if len(names) < MIN_UNITS:
        return np.full((resamples, len(as_of)), np.nan)
    share = np.full(len(names), 1 / len(names))
    draws = np.random.default_rng(seed).multinomial(len(names), share, size=resamples)
    return draws[:, position].astype(np.float64)


def skill_interval(
    score: FloatArray, reference: FloatArray, counts: FloatArray, *, level: float = LEVEL
) -> Interval:
    """Return the skill of a forecast against a reference with its bootstrap interval.

    Parameters
    ----------
    score, reference : numpy.ndarray, shape (n,)
        Scores of the two forecasts, row by row; lower is better.
    counts : numpy.ndarray, shape (resamples, n)
        From `resample_counts` or `episode_counts`.
    level : float
        Probability of the interval, which is that of the percentiles.

    Returns
    -------
    Interval
        Higher is better. NaN where the reference is perfect, without ends where
        a score is infinite.

    Examples
    --------
    >>> score, reference = np.array([0.1, 0.2]), np.array([0.2, 0.4])
    >>> skill_interval(score, reference, np.array([[1.0, 1.0], [2.0, 0.0]]))
    Interval(value=0.5, low=0.5, high=0.5)
    """
    value = 1 - score.sum() / reference.sum() if 0 < reference.sum() < np.inf else float("nan")
    if not np.isfinite(value):
        return Interval(float(value), float("nan"), float("nan"))
    ratio = _ratio(counts @ score, counts @ reference)
    return _percentiles(float(value), 1 - ratio, level)


def difference_interval(
    first: FloatArray, second: FloatArray, counts: FloatArray, *, level: float = LEVEL
) -> Interval:
    """Return the paired difference of two mean scores with its bootstrap interval.

    Parameters
    ----------
    first, second : numpy.ndarray, shape (n,)
        Scores of two forecasts of the same rows; lower is better.
    counts : numpy.ndarray, shape (resamples, n)
        From `resample_counts` or `episode_counts`.
    level : float
        Probability of the interval, which is that of the percentiles.

    Returns
    -------
    Interval
        Mean of first - second: negative where the first is better. Without ends
        where a score is infinite.

    Examples
    --------
    >>> first, second = np.array([0.1, 0.2]), np.array([0.2, 0.4])
    >>> difference = difference_interval(first, second, np.array([[1.0, 1.0], [2.0, 0.0]]))
    >>> round(difference.value, 2), verdict(difference, lower_is_better=True)
    (-0.15, 'better')
    """
    value = float(first.mean()) - float(second.mean())
    if not np.isfinite(value):
        return Interval(value, float("nan"), float("nan"))
    return _percentiles(value, _ratio(counts @ (first - second), counts.sum(axis=1)), level)


def diebold_mariano(
    first: FloatArray,
    second: FloatArray,
    as_of: pd.DatetimeIndex,
    *,
    horizon_days: int,
    step_days: int,
) -> DieboldMariano:
    """Test whether two forecasts of the same rows have the same expected score.

    The long-run variance of the score difference is that of Newey and West with
    Bartlett weights over twice the lags at which windows overlap: over these
    alone, the falling weights would miss a third of what the overlap adds. Lags
    are those of the calendar; steps without a row add nothing to any of them,
    which keeps the variance positive (Datta and Du's amplitude-modulated
    estimator). The statistic has the small-sample correction of Harvey,
    Leybourne and Newbold, and Student's t the degrees of freedom of the Bartlett
    estimate, 1.5 rows / lags. In simulation on nine years of weeks with windows
    of 30 to 365 days, 8 to 14 of 100 true hypotheses had p < 0.10.

    Parameters
    ----------
    first, second : numpy.ndarray, shape (n,)
        Scores of the two forecasts, row by row; lower is better.
    as_of : pandas.DatetimeIndex, shape (n,)
        Day of each row, on a grid of `step_days`.
    horizon_days : int
        Length of the windows.
    step_days : int
        Days between the grid's days.

    Returns
    -------
    DieboldMariano
        Two-sided p-value. NaN where the scores differ by the same in every row,
        one is infinite, or there are no more rows than lags.

    References
    ----------
    Diebold and Mariano (1995), https://doi.org/10.1080/07350015.1995.10524599;
    Harvey, Leybourne and Newbold (1997), https://doi.org/10.1016/S0169-2070(96)00719-4;
    Newey and West (1987), https://doi.org/10.2307/1913610;
    Datta and Du (2012), https://doi.org/10.17016/IFDP.2012.1060

    Examples
    --------
    >>> weeks = pd.date_range("2024-01-02", periods=104, freq="7D")
    >>> first, second = np.random.default_rng(0).random((2, 104))
    >>> test = diebold_mariano(first, second + 0.2, weeks, horizon_days=30, step_days=7)
    >>> test.statistic < 0, test.p_value < 0.01
    (True, True)
    """
    n = len(first)
    # Windows (t, t + horizon] share no day from lag ceil(horizon / step) on, counted in steps.
    lags = 2 * -(-horizon_days // step_days)
    if n <= lags or not np.isfinite([first, second]).all():
        return DieboldMariano(float("nan"), float("nan"))
    difference = first - second
    deviation = np.bincount(_positions(as_of, step_days), weights=difference - difference.mean())
    products = np.correlate(deviation, deviation, "full")[len(deviation) - 1 :][:lags]
    weight = 1 - np.arange(len(products)) / lags
    variance = (2 * weight @ products - products[0]) / n**2
    if variance == 0:
        return DieboldMariano(float("nan"), float("nan"))
    correction = (n + 1 - 2 * lags + lags * (lags - 1) / n) / n
    statistic = difference.mean() * np.sqrt(correction / variance)
    p_value = 2 * stats.t.sf(abs(statistic), 1.5 * n / lags)
    return DieboldMariano(float(statistic), float(p_value))


def verdict(interval: Interval, *, lower_is_better: bool = False) -> Verdict:
    """Return what an interval allows to be said: better, worse or cannot tell.

    Parameters
    ----------
    interval : Interval
        Of a skill, or of a difference of scores (first - second).
    lower_is_better : bool
        True for a difference of scores.

    Returns
    -------
    Verdict
        CANNOT_TELL also where an end is NaN.

    Examples
    --------
    >>> [str(verdict(Interval(0.2, low, 0.3))) for low in (0.1, 0.0)]
    ['better', 'cannot tell']
    """
    # Both strict: 0 is what the reference scores against itself, with both ends at 0, and a
    # forecast that equals it must be neither better nor worse.
    above, below = interval.low > 0, interval.high < 0
    if above or below:
        return Verdict.BETTER if above != lower_is_better else Verdict.WORSE
    return Verdict.CANNOT_TELL


def _positions(as_of: pd.DatetimeIndex, step_days: int) -> IntArray:
    """Return the calendar step of each row, from 0 at the first day."""
    return np.asarray((as_of - as_of.min()).days) // step_days


def _ratio(total: FloatArray, base: FloatArray) -> FloatArray:
    """Return total / base, NaN where the base is 0 or NaN."""
    return np.divide(total, base, out=np.full_like(total, np.nan), where=base > 0)


def _percentiles(value: float, resampled: FloatArray, level: float) -> Interval:
    known = resampled[~np.isnan(resampled)]
    if not known.size:
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))
