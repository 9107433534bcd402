"""Scores of probability forecasts, their parts, and the reliability diagram in numbers.

Scores are negatively oriented: lower is better, 0 is perfect; what is not says so. `outcome` is 0
or 1 and `probability` the forecast probability of 1, one per row, arrays of shape (n,).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.isotonic import isotonic_regression

from models.hazard.leads import FloatArray
from models.verification.intervals import LEVEL


def brier_scores(outcome: FloatArray, probability: FloatArray) -> FloatArray:
    """Return the Brier score of each forecast, (p - y)^2, in [0, 1].

    Brier (1950), https://doi.org/10.1175/1520-0493(1950)078%3C0001:VOFEIT%3E2.0.CO;2.
    """
    return (probability - outcome) ** 2


def log_scores(outcome: FloatArray, probability: FloatArray) -> FloatArray:
    """Return the log score of each forecast in nats, -log of the probability of what happened.

    Infinite where the forecast ruled out what happened. Good (1952),
    https://doi.org/10.1111/j.2517-6161.1952.tb00104.x.
    """
    with np.errstate(divide="ignore"):
        return -np.log(np.where(outcome == 1, probability, 1 - probability))


def skill(score: float, reference: float) -> float:
    """Return 1 - score / reference: 1 is perfect, 0 as good as the reference, NaN if that is 0."""
    return 1 - score / reference if reference > 0 else float("nan")


def sharpness(probability: FloatArray) -> float:
    """Return the sharpness of forecasts, the mean of p (1 - p), in [0, 1/4]: lower is sharper.

    It knows no outcomes: sharpness is a virtue only of calibrated forecasts, whose expected Brier
    score it is.
    Gneiting, Balabdaoui and Raftery (2007), https://doi.org/10.1111/j.1467-9868.2007.00587.x.
    """
    return float((probability * (1 - probability)).mean())


class Corp(NamedTuple):
    """CORP parts of the mean Brier score: miscalibration - discrimination + uncertainty."""

    miscalibration: float  # lower is better
    discrimination: float  # higher is better
    uncertainty: float  # of the outcomes alone


def corp(outcome: FloatArray, probability: FloatArray) -> Corp:
    """Decompose the mean Brier score with an isotonic recalibration.

    Dimitriadis, Gneiting and Jordan (2021), https://doi.org/10.1073/pnas.2016191118.

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


def reliability_table(outcome: FloatArray, probability: FloatArray) -> pd.DataFrame:
    """Return the CORP reliability diagram: what each forecast probability turned out to mean.

    Columns `forecast` (distinct, rising), `recalibrated` (equal to it where calibrated), and
    `count` (rows).

    Examples
    --------
    >>> outcome = np.array([1.0, 0.0, 0.0, 1.0])
    >>> table = reliability_table(outcome, np.array([0.1, 0.3, 0.3, 0.9]))
    >>> table["recalibrated"].round(2).tolist(), table["count"].tolist()
    ([0.33, 0.33, 1.0], [1, 2, 1])
    """
    forecast, first, count = np.unique(probability, return_index=True, return_counts=True)
    recalibrated = recalibrate(outcome, probability)[first]
    return pd.DataFrame({"forecast": forecast, "recalibrated": recalibrated, "count": count})


def consistency_band(
    probability: FloatArray,
    as_of: pd.DatetimeIndex,
    *,
    horizon_days: int,
    level: float = LEVEL,
    resamples: int = 500,
    seed: int = 0,
) -> pd.DataFrame:
    """Return where the recalibrated values would lie if the forecasts were calibrated.

    Outcomes are drawn from the forecasts, outcome 1 where a uniform number is below the
    probability, and recalibrated. Rows whose windows overlap are not independent: the calendar is
    cut into blocks of one horizon, beginning on a random day, and all rows of a block share one
    uniform number. Two rows then share theirs as often as the overlap of their windows, 1 - lag /
    horizon, and rows a horizon apart never do. Independent draws would make the band of weekly
    rows at 90 days about half as wide.

    Columns `forecast` (as in `reliability_table`), `low` and `high`: at each forecast by itself
    the value lies between them with probability `level`, so that values outside speak against
    calibration.

    Bröcker and Smith (2007), https://doi.org/10.1175/WAF993.1;
    Dimitriadis, Gneiting and Jordan (2021), https://doi.org/10.1073/pnas.2016191118.
    """
    if horizon_days < 1:
        raise ValueError(f"horizon_days must be at least 1, got {horizon_days}.")
    random = np.random.default_rng(seed)
    day = np.asarray((as_of - as_of.min()).days)
    begin = random.integers(horizon_days, size=(resamples, 1))
    block = (day + begin) // horizon_days
    shared = random.random((resamples, int(block.max()) + 1))
    outcomes = (np.take_along_axis(shared, block, axis=1) < probability).astype(np.float64)
    forecast, position, count = np.unique(probability, return_inverse=True, return_counts=True)
    weight = count.astype(np.float64)
    order = np.argsort(position, kind="stable")
    starts = np.cumsum(count) - count
    means = np.add.reduceat(outcomes[:, order], starts, axis=1) / weight
    recalibrated = [isotonic_regression(mean, sample_weight=weight) for mean in means]
    low, high = np.quantile(recalibrated, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return pd.DataFrame({"forecast": forecast, "low": low, "high": high})
