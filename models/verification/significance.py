"""Intervals and tests for scores of overlapping windows, and the verdict they allow.

The error of a mean is measured on contrasts (`models.verification.contrasts`), and because they
are few the interval is Student's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from models.hazard.leads import FloatArray
from models.verification.contrasts import Contrasts
from models.vocabulary import Verdict

LEVEL = 0.90


class Interval(NamedTuple):
    """A value with the ends of its interval."""

    value: float
    low: float
    high: float


class DieboldMariano(NamedTuple):
    """Statistic, negative where the first forecast scores lower (is better), and p-value."""

    statistic: float
    p_value: float


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
    >>> import pandas as pd
    >>> from models.verification.contrasts import window_contrasts
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
    >>> import pandas as pd
    >>> from models.verification.contrasts import window_contrasts
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
    >>> import pandas as pd
    >>> from models.verification.contrasts import window_contrasts
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
