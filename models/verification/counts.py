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
from scipy.special import logit, pdtr, pdtrc, stdtrit

from models.hazard.leads import FloatArray
from models.verification.intervals import LEVEL, UNKNOWN, Interval
from models.verification.scores import log_scores


class NumberTest(NamedTuple):
    """How far a number of events lies out in the distribution forecast.

    At the level of 5 % a forecast fails if either is below 0.025.
    """

    delta1: float  # P(N >= seen), small where too few events were expected
    delta2: float  # P(N <= seen), small where too many were


class RareEventScores(NamedTuple):
    """What forecasts of rare events have shown; a value that cannot be computed is NaN."""

    separate_windows: int  # windows that share no day; counts and sums below are over them
    onsets: int  # windows with an onset
    expected: float  # sum of the probabilities: the number of such windows expected
    expected_by_climatology: float
    number_test: NumberTest
    log_score: float  # sum, nats; lower is better
    log_score_climatology: float
    gain_per_onset: Interval  # information gain on climatology, nats; higher is better
    gain_per_forecast: float  # mean gain over all forecasts, nats


def separate(as_of: pd.DatetimeIndex, window_end: pd.DatetimeIndex) -> NDArray[np.bool_]:
    """Choose windows (as_of, window_end] that share no day, the earliest first; in any order."""
    days, ends = as_of.to_numpy(), window_end.to_numpy()
    chosen = np.zeros(len(days), dtype=bool)
    last = None
    for row in np.lexsort((ends, days)):
        # A window begins after its as_of day, so one may begin on the day another ends.
        if last is None or days[row] >= last:
            chosen[row], last = True, ends[row]
    return chosen


def number_test(expected: float, observed: int) -> NumberTest:
    """Compare a number of events with the number expected, as Poisson's: the N-test.

    A window counts as one onset at most, so that the number's true variance is smaller, the sum of
    p (1 - p): a forecast of high probabilities that fails would fail an exact test too, one that
    passes might not. Onsets that cluster make it larger.
    Zechar, Gerstenberger and Rhoades (2010), https://doi.org/10.1785/0120090192, equation 4.
    """
    # Written so that NaN fails it.
    if not expected >= 0:
        raise ValueError(f"expected must be at least 0, got {expected:g}.")
    # P(N >= seen) counts `seen` itself, and so does P(N <= seen): they overlap by P(N = seen).
    at_least = pdtrc(observed - 1, expected) if observed else 1.0
    return NumberTest(float(at_least), float(pdtr(observed, expected)))


def gain_per_event(
    log_ratio: FloatArray, surplus: float = 0.0, *, level: float = LEVEL
) -> Interval:
    """Return the information gain of one forecast on another per event: the T-test.

    The gain of N events is (sum of log_ratio - surplus) / N nats, `log_ratio` being the natural log
    of the ratio of the two rates in the place of each event and `surplus` the number of events that
    the first forecast expected beyond the second. Its interval is Student's with N - 1 degrees of
    freedom and the standard deviation of `log_ratio`: events vary, what was expected is given.
    NaN without events, without ends for a single one or infinite ratios.
    Rhoades et al. (2011), https://doi.org/10.2478/s11600-011-0013-5, equations 17 and 18.
    """
    events = len(log_ratio)
    if not events:
        return UNKNOWN
    value = float((log_ratio.sum() - surplus) / events)
    if events == 1 or not np.isfinite(log_ratio).all():
        return UNKNOWN._replace(value=value)
    error = log_ratio.std(ddof=1) / np.sqrt(events)
    reach = float(stdtrit(events - 1, (1 + level) / 2) * error)
    return Interval(value, value - reach, value + reach)


def information_gain(
    outcome: FloatArray, probability: FloatArray, reference: FloatArray, *, level: float = LEVEL
) -> Interval:
    """Return the information gain per event of probabilities of windows that share no day, nats.

    `gain_per_event` for windows with one event at most: the value is the difference of the summed
    log scores over the number of events. A probability p is the rate -log(1 - p), and the log ratio
    at an event is the difference of the logits, for the log score is y logit(p) + log(1 - p): only
    its first part depends on the outcome y. For small p these are log ratio and rates of Rhoades.
    In simulation, 90 % intervals of 30 to 400 windows with probabilities up to 0.4 held the
    expected gain 89 to 92 times in 100, with probabilities up to 0.9 98 times.

    Examples
    --------
    >>> outcome, climatology = np.array([1.0, 0.0]), np.array([0.4, 0.1])
    >>> round(information_gain(outcome, np.array([0.8, 0.1]), climatology).value, 4)
    0.6931
    """
    hit = outcome == 1
    if not hit.any():
        return UNKNOWN
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
) -> RareEventScores:
    """Score resolved forecasts of one kind of window as forecasts of rare events."""
    apart = separate(as_of, window_end)
    score, reference = log_scores(outcome, probability), log_scores(outcome, climatology)
    with np.errstate(invalid="ignore"):  # NaN where both ruled out what happened
        gain = reference - score
    onsets, expected = int(outcome[apart].sum()), float(probability[apart].sum())
    return RareEventScores(
        separate_windows=int(apart.sum()),
        onsets=onsets,
        expected=expected,
        expected_by_climatology=float(climatology[apart].sum()),
        number_test=number_test(expected, onsets),
        log_score=float(score[apart].sum()),
        log_score_climatology=float(reference[apart].sum()),
        gain_per_onset=information_gain(outcome[apart], probability[apart], climatology[apart]),
        gain_per_forecast=float(gain.mean()) if len(outcome) else float("nan"),
    )
