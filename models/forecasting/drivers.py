"""What moves a forecast away from the base rate, in percentage points that add up."""

from __future__ import annotations

import numpy as np
from scipy.special import logit

from features.catalogue.features import CATALOGUE
from models.forecasting.leads import NEAR_DAYS, ByLead
from models.forecasting.parts import Driver, DriverSum
from models.forecasting.status import SeasonStatus
from models.hazard.base import THRESHOLD
from models.hazard.forecaster import Forecaster
from models.vocabulary import Kind

_GROUPS = {feature.name: feature.group for feature in CATALOGUE}
# Odds of 0 or 1 are infinite: a hundredth of a point away from them is as good.
_LEAST = 1e-4


def drivers(
    status: SeasonStatus, forecaster: Forecaster, said: ByLead
) -> tuple[tuple[Driver, ...], DriverSum | None]:
    """Tell how each feature moves the chance of a broad season in 90 days from the base rate.

    The model adds up in log-odds. On the straight line in log-odds from the base
    rate to the forecast each point of log-odds is worth the same number of points
    of probability on average, (forecast - base rate) over their distance in
    log-odds, so that every contribution times this number, and what is left over,
    sum to forecast - base rate (the share of Aumann and Shapley).

    Parameters
    ----------
    status : SeasonStatus
        Of the day.
    forecaster : Forecaster
        What forecasts.
    said : ByLead
        What it says of broad seasons on that day, one row.

    Returns
    -------
    drivers : tuple of Driver
        The strongest first; empty where no broad season can begin.
    total : DriverSum or None
        What they add up to; None without drivers.

    References
    ----------
    Sundararajan, Taly and Yan (2017), https://arxiv.org/abs/1703.01365
    """
    if not status.kinds[Kind.BROAD].at_risk:
        return (), None
    row = status.features
    rows = row.assign(**{THRESHOLD: forecaster.thresholds[Kind.BROAD]})
    log_odds = forecaster.model.contributions(rows).iloc[0]
    strongest = log_odds[log_odds != 0].sort_values(key=np.abs, ascending=False, kind="stable")
    if strongest.empty:
        return (), None
    chance = said.probabilities([NEAR_DAYS], at_risk=np.array([True]))
    probability, base_rate = chance.probability.item(), chance.climatology.item()
    worth = points_per_log_odds(base_rate, probability)
    found = tuple(
        Driver(
            str(name),
            _GROUPS[str(name)],
            None if np.isnan(row[name].iloc[0]) else float(row[name].iloc[0]),
            float(value),
            float(value) * worth,
        )
        for name, value in strongest.to_dict().items()
    )
    rest = 100 * (probability - base_rate) - sum(each.points for each in found)
    return found, DriverSum(NEAR_DAYS, base_rate, probability, rest)


def points_per_log_odds(base_rate: float, probability: float) -> float:
    """Return the percentage points that a unit of log-odds is worth between two probabilities.

    Parameters
    ----------
    base_rate, probability : float
        In [0, 1]; where they are equal it is the slope there.

    Examples
    --------
    >>> round(points_per_log_odds(0.5, 0.5), 6)
    25.0
    >>> round(points_per_log_odds(0.2, 0.5), 2)  # 30 points over log(4)
    21.64
    """
    low, high = np.clip((base_rate, probability), _LEAST, 1 - _LEAST)
    if np.isclose(low, high):
        return float(100 * low * (1 - low))
    return float(100 * (high - low) / (logit(high) - logit(low)))
