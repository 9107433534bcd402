"""The reliability diagram in numbers: recalibrated values and the band they stay in by chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.isotonic import isotonic_regression

from models.hazard.leads import FloatArray
from models.verification.scores import recalibrate
from models.verification.significance import LEVEL

RESAMPLES = 500


def reliability_table(outcome: FloatArray, probability: FloatArray) -> pd.DataFrame:
    """Return the CORP reliability diagram: what each forecast probability turned out to mean.

    Parameters
    ----------
    outcome : numpy.ndarray, shape (n,)
        0 or 1.
    probability : numpy.ndarray, shape (n,)
        Forecast probability of outcome 1.

    Returns
    -------
    pandas.DataFrame
        Columns `forecast` (distinct, rising), `recalibrated` (isotonic, in
        [0, 1]; equal to `forecast` where calibrated) and `count` (rows).

    References
    ----------
    Dimitriadis, Gneiting and Jordan (2021), https://doi.org/10.1073/pnas.2016191118

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
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Return where the recalibrated values would lie if the forecasts were calibrated.

    Outcomes are drawn from the forecasts, outcome 1 where a uniform number is
    below the probability, and recalibrated. Rows whose windows overlap are not
    independent: the calendar is cut into blocks of one horizon, beginning on a
    random day, and all rows of a block share one uniform number. Two rows then
    share theirs as often as the overlap of their windows, 1 - lag / horizon, and
    rows a horizon apart never do. Independent draws would make the band of
    weekly rows at 90 days about half as wide.

    Parameters
    ----------
    probability : numpy.ndarray, shape (n,)
        Forecast probability of outcome 1.
    as_of : pandas.DatetimeIndex, shape (n,)
        Day of each row.
    horizon_days : int
        Length of the windows.
    level : float
        Probability of the band, at each forecast by itself.
    resamples : int
        Number of draws.
    seed : int
        Seed of the draws.

    Returns
    -------
    pandas.DataFrame
        Columns `forecast` (distinct, rising, as in `reliability_table`), `low`
        and `high`. Values outside speak against calibration.

    Raises
    ------
    ValueError
        If the horizon is shorter than a day.

    References
    ----------
    Bröcker and Smith (2007), https://doi.org/10.1175/WAF993.1;
    Dimitriadis, Gneiting and Jordan (2021), https://doi.org/10.1073/pnas.2016191118

    Examples
    --------
    >>> weeks = pd.date_range("2024-01-02", periods=104, freq="7D")
    >>> band = consistency_band(np.repeat([0.2, 0.7], 52), weeks, horizon_days=90, resamples=50)
    >>> bool((band["low"] < band["forecast"]).all() and (band["forecast"] < band["high"]).all())
    True
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
