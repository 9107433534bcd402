"""Scores of probability forecasts; all are negatively oriented: lower is better, 0 is perfect."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.isotonic import isotonic_regression

from models.leads import FloatArray


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
