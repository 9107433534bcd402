"""Onsets expected and seen, and information gained: how forecasts of rare events are tested.

The tests are those of earthquake forecasts. Windows of neighbouring forecasts overlap and an onset
lies in several of them, so whatever is counted or summed is taken over separate windows: the first
forecast's, that of the first forecast made once it had ended, and so on. They share no day, no
onset counts twice, each probability is judged as it was said, and no outcome has a part in the
choice. Cutting each window where the next begins would keep every forecast, but needs the hazard
inside a window, which no forecast states: one that rightly expects an onset in the fourth week
would be charged for the first three. What is averaged is taken over all forecasts, for overlap
biases no mean.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.special import logit

from models.hazard.leads import FloatArray
from models.verification.contrasts import MIN_UNITS
from models.verification.scores import log_scores
from models.verification.significance import LEVEL, Interval

PERIOD_DAYS = 365
UNKNOWN = float("nan")


class NumberTest(NamedTuple):
    """How far a number of events lies out in the distribution forecast.

    `delta1` is P(N >= seen), small where too few events were expected; `delta2` is P(N <= seen),
    small where too many were. At the level of 5 % a forecast fails if either is below 0.025.
    """

    delta1: float
    delta2: float


class RareEventScores(NamedTuple):
    """What forecasts of rare events have shown; a value that cannot be computed is NaN.

    Parameters
    ----------
    separate_windows : int
        Windows that share no day; the counts and sums below are over them.
    onsets : int
        Windows with an onset.
    expected, expected_by_climatology : float
        Sum of the probabilities: the number of such windows expected.
    poisson : NumberTest
        N-test of the forecasts.
    clustering : float
        Dispersion of past onsets.
    clustered : NumberTest
        N-test with that dispersion.
    log_score, log_score_climatology : float
        Sum of the log scores, nats; lower is better.
    gain_per_onset : Interval
        Information gain on climatology, nats; higher is better.
    gain_per_forecast : float
        Mean gain over all forecasts, nats; higher is better.
    """

    separate_windows: int
    onsets: int
    expected: float
    expected_by_climatology: float
    poisson: NumberTest
    clustering: float
    clustered: NumberTest
    log_score: float
    log_score_climatology: float
    gain_per_onset: Interval
    gain_per_forecast: float


def separate(as_of: pd.DatetimeIndex, window_end: pd.DatetimeIndex) -> NDArray[np.bool_]:
    """Choose windows (as_of, window_end] that share no day, the earliest first.

    Parameters
    ----------
    as_of, window_end : pandas.DatetimeIndex, shape (n,)
        Day before the window and its last day, in any order.

    Returns
    -------
    numpy.ndarray of bool, shape (n,)
        The window of the first as_of day, of the first one not before its end, and so on.

    Examples
    --------
    >>> weeks = pd.date_range("2025-01-01", periods=6, freq="7D")
    >>> separate(weeks, weeks + pd.Timedelta(days=14)).tolist()
    [True, False, True, False, True, False]
    """
    days, ends = as_of.to_numpy(), window_end.to_numpy()
    chosen = np.zeros(len(days), dtype=bool)
    last = None
    for row in np.lexsort((ends, days)):
        # A window begins after its as_of day, so one may begin on the day another ends.
        if last is None or days[row] >= last:
            chosen[row], last = True, ends[row]
    return chosen


def number_test(expected: float, observed: int, *, dispersion: float = 1.0) -> NumberTest:
    """Compare a number of events with the number expected: the N-test.

    The number is Poisson with mean `expected`; with a dispersion above 1 it is negative binomial
    with size expected / (dispersion - 1) and success probability 1 / dispersion, hence the same
    mean and the variance dispersion * expected. That family has no smaller variance than Poisson's,
    which stands for every dispersion up to 1.

    A window counts as one onset at most, so that the number's true variance is smaller still, the
    sum of p (1 - p): a forecast of high probabilities that fails would fail an exact test too, one
    that passes might not.

    Parameters
    ----------
    expected : float
        Number expected, at least 0.
    observed : int
        Number seen.
    dispersion : float
        Variance of the number over its mean, from `dispersion`.

    Raises
    ------
    ValueError
        If the number expected is negative or unknown, or the dispersion unknown.

    References
    ----------
    Zechar, Gerstenberger and Rhoades (2010), https://doi.org/10.1785/0120090192, equation 4;
    negative binomial: Kagan (2010), https://doi.org/10.1111/j.1365-246X.2009.04449.x

    Examples
    --------
    >>> test = number_test(2.0, 0)
    >>> test.delta1, round(test.delta2, 4)
    (1.0, 0.1353)
    """
    # Both are written so that NaN fails them.
    if not expected >= 0:
        raise ValueError(f"expected must be at least 0, got {expected:g}.")
    if not dispersion >= 0:
        raise ValueError(f"dispersion must be at least 0, got {dispersion:g}.")
    # P(N >= seen) counts `seen` itself, and so does P(N <= seen): they overlap by P(N = seen).
    if dispersion > 1 and expected > 0:
        shape = expected / (dispersion - 1), 1 / dispersion
        tails = stats.nbinom.sf(observed - 1, *shape), stats.nbinom.cdf(observed, *shape)
    else:
        tails = stats.poisson.sf(observed - 1, expected), stats.poisson.cdf(observed, expected)
    return NumberTest(float(tails[0]), float(tails[1]))


def dispersion(
    onsets: pd.DatetimeIndex,
    *,
    first: pd.Timestamp,
    until: pd.Timestamp,
    period_days: int = PERIOD_DAYS,
) -> float:
    """Return how onsets cluster: variance over mean of their number in periods of the past.

    1 for a Poisson process, more for clusters. Independent negative binomial numbers of one
    dispersion add up to one of the same, so that it may be taken from years and used for spans of
    other lengths. It is the clustering of onsets in themselves: what a forecast explains of it is
    counted as chance, which makes the test more lenient.

    Parameters
    ----------
    onsets : pandas.DatetimeIndex
        Onset days.
    first, until : pandas.Timestamp
        First day of the history, and the last, after which the forecasts begin.
    period_days : int
        Length of a period. They are counted back from `until`; the first, if not whole, is
        left out.

    Returns
    -------
    float
        NaN where there are fewer than 5 periods or no onset.

    References
    ----------
    Kagan (2010), https://doi.org/10.1111/j.1365-246X.2009.04449.x

    Examples
    --------
    >>> days = pd.DatetimeIndex(["2024-03-01", "2024-08-01"])
    >>> round(dispersion(days, first=pd.Timestamp("2020-01-01"), until=pd.Timestamp("2025-01-01")))
    2
    """
    periods = (until - first).days // period_days
    age = np.asarray((until - onsets).days)
    # (until - period, until]: an onset on the last day is past, one a whole period ago is in the
    # period before.
    inside = (age >= 0) & (age < periods * period_days)
    if periods < MIN_UNITS or not inside.any():
        return UNKNOWN
    count = np.bincount(age[inside] // period_days, minlength=periods)
    return float(count.var(ddof=1) / count.mean())


def gain_per_event(
    log_ratio: FloatArray, surplus: float = 0.0, *, level: float = LEVEL
) -> Interval:
    """Return the information gain of one forecast on another per event: the T-test.

    With N events, the gain is (sum of log_ratio - surplus) / N nats, its interval that of
    Student's t with N - 1 degrees of freedom and the standard deviation of `log_ratio`: events
    vary, what was expected is given. The forecasts differ if the interval leaves out 0.

    Parameters
    ----------
    log_ratio : numpy.ndarray, shape (N,)
        Natural log of the ratio of the two rates in the place of each event.
    surplus : float
        Number of events expected by the first forecast beyond that of the second.
    level : float
        Probability of the interval.

    Returns
    -------
    Interval
        Higher is better. NaN without events, without ends for a single one or infinite ratios.

    References
    ----------
    Rhoades et al. (2011), https://doi.org/10.2478/s11600-011-0013-5, equations 17 and 18

    Examples
    --------
    >>> round(gain_per_event(np.log([2.0, 2.0]), surplus=1.0).value, 4)
    0.1931
    """
    events = len(log_ratio)
    if not events:
        return Interval(UNKNOWN, UNKNOWN, UNKNOWN)
    value = float((log_ratio.sum() - surplus) / events)
    if events == 1 or not np.isfinite(log_ratio).all():
        return Interval(value, UNKNOWN, UNKNOWN)
    error = log_ratio.std(ddof=1) / np.sqrt(events)
    width = float(stats.t.ppf((1 + level) / 2, events - 1) * error)
    return Interval(value, value - width, value + width)


def information_gain(
    outcome: FloatArray, probability: FloatArray, reference: FloatArray, *, level: float = LEVEL
) -> Interval:
    """Return the information gain per event of probabilities of windows that share no day.

    `gain_per_event` for windows with one event at most: the value is the difference of the summed
    log scores over the number of events. A probability p is the rate -log(1 - p), and the log ratio
    at an event is the difference of the logits, for the log score is y logit(p) + log(1 - p): only
    its first part depends on the outcome y. For small p these are log ratio and rates of Rhoades.
    In simulation, 90 % intervals of 30 to 400 windows with probabilities up to 0.4 held the
    expected gain 89 to 92 times in 100, with probabilities up to 0.9 98 times.

    Parameters
    ----------
    outcome, probability : numpy.ndarray, shape (n,)
        As for `models.verification.scores.brier_scores`.
    reference : numpy.ndarray, shape (n,)
        Probabilities of the forecast to compare with.
    level : float
        Probability of the interval.

    Returns
    -------
    Interval
        Nats per event; higher is better. NaN without events.

    Examples
    --------
    >>> outcome, climatology = np.array([1.0, 0.0]), np.array([0.4, 0.1])
    >>> round(information_gain(outcome, np.array([0.8, 0.1]), climatology).value, 4)
    0.6931
    """
    hit = outcome == 1
    if not hit.any():
        return Interval(UNKNOWN, UNKNOWN, UNKNOWN)
    with np.errstate(invalid="ignore"):  # NaN where both ruled out what happened
        gain = log_scores(outcome, reference) - log_scores(outcome, probability)
        log_ratio = logit(probability[hit]) - logit(reference[hit])
    # The surplus from the value, not as a sum of rates: that of a certain event is infinite though
    # its score is not.
    width = gain_per_event(log_ratio, level=level)
    value = float(gain.sum() / hit.sum())
    shift = value - width.value
    return Interval(value, width.low + shift, width.high + shift)


def rare_event_scores(
    as_of: pd.DatetimeIndex,
    window_end: pd.DatetimeIndex,
    outcome: FloatArray,
    probability: FloatArray,
    climatology: FloatArray,
    *,
    clustering: float,
) -> RareEventScores:
    """Score resolved forecasts of one kind of window as forecasts of rare events.

    Parameters
    ----------
    as_of, window_end : pandas.DatetimeIndex, shape (n,)
        As for `separate`.
    outcome, probability, climatology : numpy.ndarray, shape (n,)
        0 or 1, the forecast, and climatology's.
    clustering : float
        From `dispersion`; NaN where it is unknown.
    """
    own = separate(as_of, window_end)
    score, reference = log_scores(outcome, probability), log_scores(outcome, climatology)
    with np.errstate(invalid="ignore"):  # NaN where both ruled out what happened
        gain = reference - score
    onsets, expected = int(outcome[own].sum()), float(probability[own].sum())
    known = not np.isnan(clustering)
    return RareEventScores(
        separate_windows=int(own.sum()),
        onsets=onsets,
        expected=expected,
        expected_by_climatology=float(climatology[own].sum()),
        poisson=number_test(expected, onsets),
        clustering=clustering,
        clustered=number_test(expected, onsets, dispersion=clustering)
        if known
        else NumberTest(UNKNOWN, UNKNOWN),
        log_score=float(score[own].sum()),
        log_score_climatology=float(reference[own].sum()),
        gain_per_onset=information_gain(outcome[own], probability[own], climatology[own]),
        gain_per_forecast=float(gain.mean()) if len(outcome) else UNKNOWN,
    )
