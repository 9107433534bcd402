"""Scores of probability forecasts and their parts.

Scores are negatively oriented: lower is better, 0 is perfect. Measures that are not say so.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.isotonic import isotonic_regression
from sklearn.metrics import average_precision_score, precision_recall_curve

from models.hazard.leads import FloatArray


def brier_scores(outcome: FloatArray, probability: FloatArray) -> FloatArray:
    """Return the Brier score of each forecast, (p - y)^2, in [0, 1].

    Parameters
    ----------
    outcome : numpy.ndarray, shape (n,)
        0 or 1.
    probability : numpy.ndarray, shape (n,)
        Forecast probability of outcome 1.

    References
    ----------
    Brier (1950), https://doi.org/10.1175/1520-0493(1950)078%3C0001:VOFEIT%3E2.0.CO;2

    Examples
    --------
    >>> brier_scores(np.array([0.0, 1.0]), np.array([0.5, 1.0])).tolist()
    [0.25, 0.0]
    """
    return (probability - outcome) ** 2


def log_scores(outcome: FloatArray, probability: FloatArray) -> FloatArray:
    """Return the log score of each forecast in nats, -log of the probability of what happened.

    Infinite where the forecast ruled out what happened.

    Parameters
    ----------
    outcome, probability : numpy.ndarray, shape (n,)
        As for `brier_scores`.

    References
    ----------
    Good (1952), https://doi.org/10.1111/j.2517-6161.1952.tb00104.x
    """
    with np.errstate(divide="ignore"):
        return -np.log(np.where(outcome == 1, probability, 1 - probability))


def ranked_probability_score(came: int, probability: FloatArray) -> float:
    """Return the ranked probability score of one forecast of ordered classes, in [0, 1].

    The mean squared distance of the cumulative probabilities, the last one left out.

    Parameters
    ----------
    came : int
        Position of the class that happened.
    probability : numpy.ndarray, shape (classes,)
        Forecast probability of each class, at least two, in order.

    References
    ----------
    Epstein (1969), https://doi.org/10.1175/1520-0450(1969)008%3C0985:ASSFPF%3E2.0.CO;2

    Examples
    --------
    >>> ranked_probability_score(1, np.array([0.25, 0.5, 0.25]))  # (0.25^2 + 0.25^2) / 2
    0.0625
    """
    cumulative = np.cumsum(probability)[:-1]
    happened = np.arange(len(cumulative)) >= came
    return float(((cumulative - happened) ** 2).mean())


def skill(score: float, reference: float) -> float:
    """Return 1 - score / reference: 1 is perfect, 0 as good as the reference.

    NaN where the reference is perfect.

    Examples
    --------
    >>> skill(0.1, 0.2)
    0.5
    """
    return 1 - score / reference if reference > 0 else float("nan")


class Corp(NamedTuple):
    """CORP parts of the mean Brier score: miscalibration - discrimination + uncertainty."""

    miscalibration: float
    discrimination: float
    uncertainty: float


def corp(outcome: FloatArray, probability: FloatArray) -> Corp:
    """Decompose the mean Brier score with an isotonic recalibration.

    Parameters
    ----------
    outcome, probability : numpy.ndarray, shape (n,)
        As for `brier_scores`.

    Returns
    -------
    Corp
        Miscalibration (lower is better), discrimination (higher is better),
        uncertainty (of the outcomes alone).

    References
    ----------
    Dimitriadis, Gneiting and Jordan (2021), https://doi.org/10.1073/pnas.2016191118

    Examples
    --------
    >>> outcome = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    >>> parts = corp(outcome, np.array([0.4, 0.3, 0.2, 0.1, 0.5, 0.9]))
    >>> [round(part, 4) for part in parts]
    [0.1017, 0.125, 0.25]
    """
    raw = brier_scores(outcome, probability).mean()
    recalibrated = brier_scores(outcome, recalibrate(outcome, probability)).mean()
    base = brier_scores(outcome, np.full(len(outcome), outcome.mean())).mean()
    return Corp(float(raw - recalibrated), float(base - recalibrated), float(base))


def recalibrate(outcome: FloatArray, probability: FloatArray) -> FloatArray:
    """Return the isotonic (pool-adjacent-violators) recalibration of each forecast.

    Equal forecasts get equal values.
    """
    value, position, count = np.unique(probability, return_inverse=True, return_counts=True)
    mean = np.bincount(position, weights=outcome, minlength=len(value)) / count
    return isotonic_regression(mean, sample_weight=count.astype(float))[position]


def sharpness(probability: FloatArray) -> float:
    """Return the sharpness of forecasts, the mean of p (1 - p): lower is sharper.

    0 where every forecast is certain, 0.25 where every one is 1/2. It knows no
    outcomes: sharpness is a virtue only of calibrated forecasts, whose expected
    Brier score it is.

    Parameters
    ----------
    probability : numpy.ndarray, shape (n,)
        Forecast probabilities.

    References
    ----------
    Gneiting, Balabdaoui and Raftery (2007),
    https://doi.org/10.1111/j.1467-9868.2007.00587.x

    Examples
    --------
    >>> sharpness(np.array([0.5, 0.5])), sharpness(np.array([0.0, 1.0]))
    (0.25, 0.0)
    """
    return float((probability * (1 - probability)).mean())


class PrecisionRecall(NamedTuple):
    """Precision and recall of warning at each threshold, shape (m,); higher is better."""

    precision: FloatArray
    recall: FloatArray
    threshold: FloatArray


def precision_recall(outcome: FloatArray, probability: FloatArray) -> PrecisionRecall:
    """Return precision and recall of warning where the probability is at least a threshold.

    Parameters
    ----------
    outcome, probability : numpy.ndarray, shape (n,)
        As for `brier_scores`.

    Returns
    -------
    PrecisionRecall
        Share of warnings that were followed by outcome 1 and share of outcomes
        1 that were warned of, at each distinct forecast as threshold, rising.

    Raises
    ------
    ValueError
        If no outcome is 1: recall is then undefined.

    References
    ----------
    Davis and Goadrich (2006), https://doi.org/10.1145/1143844.1143874

    Examples
    --------
    >>> curve = precision_recall(np.array([0.0, 1.0, 1.0]), np.array([0.2, 0.2, 0.9]))
    >>> curve.recall.tolist(), curve.threshold.tolist()
    ([1.0, 0.5], [0.2, 0.9])
    """
    if not outcome.any():
        raise ValueError("outcome must be 1 in some row: recall is undefined, got only 0.")
    precision, recall, threshold = precision_recall_curve(outcome, probability)
    # scikit-learn appends precision 1 at recall 0, which belongs to no threshold.
    return PrecisionRecall(precision[:-1], recall[:-1], threshold)


def average_precision(outcome: FloatArray, probability: FloatArray) -> float:
    """Return the precision averaged over the recall gained at each threshold, in [0, 1].

    Higher is better, 1 is perfect; forecasts that tell nothing apart score the
    base rate.

    Parameters
    ----------
    outcome, probability : numpy.ndarray, shape (n,)
        As for `brier_scores`.

    Returns
    -------
    float
        NaN where no outcome is 1.

    References
    ----------
    Davis and Goadrich (2006), https://doi.org/10.1145/1143844.1143874

    Examples
    --------
    >>> average_precision(np.array([0.0, 1.0]), np.array([0.5, 0.5]))
    0.5
    """
    return float(average_precision_score(outcome, probability)) if outcome.any() else float("nan")
