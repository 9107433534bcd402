"""Intervals and tests for scores of overlapping windows, and the verdict they allow.

Outcomes of neighbouring days share most of their windows, so days are not independent. The error
of a mean is measured on a few contrasts of the rows that are nearly independent of each other,
slow cosines or whole stretches between onsets, and because they are few the interval is Student's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from models.hazard.leads import FloatArray
from models.vocabulary import Verdict

MIN_BLOCK_DAYS = 90
MIN_UNITS = 5
LEVEL = 0.90


class Interval(NamedTuple):
    """A value with the ends of its interval."""

    value: float
    low: float
    high: float


class Contrasts(NamedTuple):
    """Weights of the rows by which to measure the error of a mean.

    Parameters
    ----------
    weights : numpy.ndarray, shape (contrasts, n)
        The squares of the weighted sums of the rows' deviations add up to the
        variance of their mean. NaN where the evidence is too little for an
        interval.
    degrees : float
        Degrees of freedom of that variance.
    """

    weights: FloatArray
    degrees: float

    def error(self, deviation: FloatArray) -> float:
        """Return the standard error of a mean from the rows' deviations from it."""
        return float(np.linalg.norm(self.weights @ deviation))


class DieboldMariano(NamedTuple):
    """Statistic, negative where the first forecast scores lower (is better), and p-value."""

    statistic: float
    p_value: float


def window_contrasts(as_of: pd.DatetimeIndex, *, horizon_days: int, step_days: int) -> Contrasts:
    """Return contrasts for rows whose windows overlap: equal-weighted cosines.

    Projected on the slowest cosines, a series with a memory of one window is
    nearly independent and of the variance that its mean has, so that the mean
    over its standard error is Student's t with as many degrees of freedom as
    there are cosines. There is one for every two windows, of at least 90 days:
    with more of them those faster than the windows would make the error too
    small. What they lack even so, 7 % of the variance where windows overlap fully,
    is known from the spectrum of the overlap and made up for.

    The cosines are those of the order of the rows: steps without a row are
    skipped, which leaves every cosine a contrast, independent of the mean.

    On simulated histories of nine years 90 % intervals hold the true skill 90 to
    91 times in 100 where windows of 30 to 365 days overlap fully; in a world of
    seasons 89 to 93 times up to 180 days and 82 to 92 at 365, of which such a
    history holds one or two without an onset (`models.verification.coverage`).

    Parameters
    ----------
    as_of : pandas.DatetimeIndex, shape (n,)
        Day of each row, on a grid of `step_days`, in any order.
    horizon_days : int
        Length of the windows.
    step_days : int
        Days between the grid's days.

    Returns
    -------
    Contrasts
        NaN where the days from the first row to the last span less than 5
        windows of at least 90 days, or rows are no more than cosines.

    References
    ----------
    Müller (2007), https://doi.org/10.1016/j.jeconom.2007.01.019;
    Lazarus, Lewis, Stock and Watson (2018), https://doi.org/10.1080/07350015.2018.1506926;
    steps without a row: Datta and Du (2012), https://doi.org/10.17016/IFDP.2012.1060

    Examples
    --------
    >>> weeks = pd.date_range("2024-01-02", periods=104, freq="7D")
    >>> contrasts = window_contrasts(weeks, horizon_days=30, step_days=7)
    >>> contrasts.weights.shape, contrasts.degrees
    ((4, 104), 4)
    """
    n = len(as_of)
    block_days = max(horizon_days, MIN_BLOCK_DAYS)
    calendar_days = (as_of.max() - as_of.min()).days + step_days
    cosines = calendar_days // (2 * block_days)
    # Strict: a calendar of just five windows suffices. As many rows as cosines would leave some
    # of these without a contrast of their own.
    if calendar_days < MIN_UNITS * block_days or n <= cosines:
        return _unknown(n)
    order = np.arange(1, cosines + 1)
    rank = np.argsort(np.argsort(as_of, kind="stable"))
    wave = np.cos(np.pi * np.outer(order, rank + 0.5) / n)
    explained = np.mean(np.sinc(order * horizon_days / (2 * calendar_days)) ** 2)
    return Contrasts(wave * np.sqrt(2 / (cosines * explained)) / n, cosines)


def episode_contrasts(as_of: pd.DatetimeIndex, onsets: pd.DatetimeIndex) -> Contrasts:
    """Return contrasts for rows of several episodes: the stretches between onsets.

    A stretch holds the rows that wait for the same onset; those after the last
    onset are a stretch of their own. A row's outcome depends on no onset but its
    own, so stretches are the units of independent evidence, each whole. Of
    unequal length they count as fewer, 1 / sum(share of the rows ** 2), and
    Student's t has one degree of freedom less. In the simulated world of seasons
    90 % intervals hold the true skill 88 to 93 times in 100 up to 180 days and
    77 to 92 at 365.

    Parameters
    ----------
    as_of : pandas.DatetimeIndex, shape (n,)
        Day of each row, in any order.
    onsets : pandas.DatetimeIndex
        Onset days, rising.

    Returns
    -------
    Contrasts
        NaN where the stretches that hold rows count as fewer than 5.

    References
    ----------
    Cluster-robust: Cameron and Miller (2015), https://doi.org/10.3368/jhr.50.2.317;
    effective number: Carter, Schnepel and Steigerwald (2017),
    https://doi.org/10.1162/REST_a_00639

    Examples
    --------
    >>> weeks = pd.date_range("2024-01-02", periods=10, freq="7D")
    >>> onsets = weeks[[1, 3, 5, 7]] + pd.Timedelta(days=1)
    >>> contrasts = episode_contrasts(weeks, onsets)
    >>> contrasts.weights.shape, round(contrasts.degrees, 2)
    ((5, 10), 4.0)
    """
    # Rows of an onset's own day wait for the next one: side="right".
    stretch = np.searchsorted(onsets.to_numpy(), as_of.to_numpy(), side="right")
    member = np.unique(stretch)[:, None] == stretch
    number = 1 / (member.mean(axis=1) ** 2).sum()
    # Strict, and rounded: five stretches of one length suffice.
    if round(number, 9) < MIN_UNITS:
        return _unknown(len(as_of))
    return Contrasts(member * np.sqrt(number / (number - 1)) / len(as_of), float(number - 1))


def skill_interval(
    score: FloatArray, reference: FloatArray, contrasts: Contrasts, *, level: float = LEVEL
) -> Interval:
    """Return the skill of a forecast against a reference with its interval.

    Parameters
    ----------
    score, reference : numpy.ndarray, shape (n,)
        Scores of the two forecasts, row by row; lower is better.
    contrasts : Contrasts
        From `window_contrasts` or `episode_contrasts`.
    level : float
        Probability of the interval.

    Returns
    -------
    Interval
        Higher is better. Student's, from the deviations by which the score
        exceeds what the skill makes of the reference (the delta method for a
        ratio). NaN where the reference is perfect, without ends where a score is
        infinite.

    Examples
    --------
    >>> weeks = pd.date_range("2024-01-02", periods=104, freq="7D")
    >>> contrasts = window_contrasts(weeks, horizon_days=30, step_days=7)
    >>> skill_interval(np.full(104, 0.1), np.full(104, 0.2), contrasts)
    Interval(value=0.5, low=0.5, high=0.5)
    """
    value = 1 - score.sum() / reference.sum() if 0 < reference.sum() < np.inf else float("nan")
    if not np.isfinite(value):
        return Interval(float(value), float("nan"), float("nan"))
    deviation = (score - (1 - value) * reference) / reference.mean()
    return student_interval(float(value), deviation, contrasts, level)


def difference_interval(
    first: FloatArray, second: FloatArray, contrasts: Contrasts, *, level: float = LEVEL
) -> Interval:
    """Return the paired difference of two mean scores with its interval.

    Parameters
    ----------
    first, second : numpy.ndarray, shape (n,)
        Scores of two forecasts of the same rows; lower is better.
    contrasts : Contrasts
        From `window_contrasts` or `episode_contrasts`.
    level : float
        Probability of the interval, which is Student's.

    Returns
    -------
    Interval
        Mean of first - second: negative where the first is better. Without ends
        where a score is infinite.

    Examples
    --------
    >>> weeks = pd.date_range("2024-01-02", periods=104, freq="7D")
    >>> contrasts = window_contrasts(weeks, horizon_days=30, step_days=7)
    >>> first, second = np.random.default_rng(0).random((2, 104))
    >>> str(verdict(difference_interval(first, second + 0.5, contrasts), lower_is_better=True))
    'better'
    """
    value = float(first.mean()) - float(second.mean())
    if not np.isfinite(value):
        return Interval(value, float("nan"), float("nan"))
    return student_interval(value, first - second - value, contrasts, level)


def diebold_mariano(first: FloatArray, second: FloatArray, contrasts: Contrasts) -> DieboldMariano:
    """Test whether two forecasts of the same rows have the same expected score.

    The variance of the score difference is that of `difference_interval`, so
    that the p-value is below 0.10 just where the 90 % interval leaves out 0.

    Parameters
    ----------
    first, second : numpy.ndarray, shape (n,)
        Scores of the two forecasts, row by row; lower is better.
    contrasts : Contrasts
        From `window_contrasts`.

    Returns
    -------
    DieboldMariano
        Two-sided p-value. NaN where the scores differ by the same in every row,
        one is infinite, or the contrasts are NaN.

    References
    ----------
    Diebold and Mariano (1995), https://doi.org/10.1080/07350015.1995.10524599;
    with so few windows: Coroneo and Iacone (2020), https://doi.org/10.1002/jae.2756

    Examples
    --------
    >>> weeks = pd.date_range("2024-01-02", periods=104, freq="7D")
    >>> first, second = np.random.default_rng(0).random((2, 104))
    >>> contrasts = window_contrasts(weeks, horizon_days=30, step_days=7)
    >>> test = diebold_mariano(first, second + 0.5, contrasts)
    >>> test.statistic < 0, test.p_value < 0.01
    (True, True)
    """
    value = float(first.mean()) - float(second.mean())
    error = contrasts.error(first - second - value) if np.isfinite(value) else float("nan")
    if not error > 0:
        return DieboldMariano(float("nan"), float("nan"))
    statistic = value / error
    return DieboldMariano(statistic, float(2 * stdtr(contrasts.degrees, -abs(statistic))))


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


def student_interval(
    value: float, deviation: FloatArray, contrasts: Contrasts, level: float = LEVEL
) -> Interval:
    """Return Student's interval of a statistic from each row's pull on it.

    Parameters
    ----------
    value : float
        The statistic.
    deviation : numpy.ndarray, shape (n,)
        Rows' deviations, of mean 0, whose mean is the statistic's error to first
        order (its influence function).
    contrasts : Contrasts
        From `window_contrasts` or `episode_contrasts`.
    level : float
        Probability of the interval.
    """
    reach = float(stdtrit(contrasts.degrees, (1 + level) / 2)) * contrasts.error(deviation)
    return Interval(value, value - reach, value + reach)


def _unknown(rows: int) -> Contrasts:
    return Contrasts(np.full((1, rows), np.nan), float("nan"))
