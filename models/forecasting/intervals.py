"""Probabilities of an onset with their intervals, from a forecaster and feature rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from models.hazard.base import THRESHOLD, HazardModel
from models.hazard.forecaster import Forecaster
from models.hazard.leads import FloatArray, incidence
from models.vocabulary import Kind

INTERVAL = (0.05, 0.95)


class Probabilities(NamedTuple):
    """Chances of an onset with the ends of their 90 % intervals, and climatology's.

    Each of shape (n, horizons); NaN where no onset can come next.
    """

    probability: FloatArray
    low: FloatArray
    high: FloatArray
    climatology: FloatArray


def probability(
    forecaster: Forecaster, features: pd.DataFrame, kind: Kind, horizons: Iterable[int]
) -> FloatArray:
    """Forecast one kind of season for each row of features, which must be at risk.

    Parameters
    ----------
    forecaster, features, kind, horizons
        As for `probabilities`.

    Returns
    -------
    numpy.ndarray, shape (n, horizons)
        The probabilities alone, without the refits behind their intervals.
    """
    rows = features.assign(**{THRESHOLD: forecaster.thresholds[kind]})
    return incidence(forecaster.model.predict_proba(rows), list(horizons))


def probabilities(
    forecaster: Forecaster,
    features: pd.DataFrame,
    kind: Kind,
    horizons: Iterable[int],
    *,
    at_risk: np.ndarray,
) -> Probabilities:
    """Forecast one kind of season for each row of features.

    Parameters
    ----------
    forecaster : Forecaster
        A fitted candidate.
    features : pandas.DataFrame, shape (n, f)
        From `features.catalogue.builder.build_features`.
    kind : Kind
        A kind of season.
    horizons : iterable of int
        Days ahead, each in [1, 390].
    at_risk : numpy.ndarray of bool, shape (n,)
        Rows whose next season can begin.

    Returns
    -------
    Probabilities
        The interval is over the replicates, widened to hold the probability.
    """
    days = list(horizons)
    rows = features.assign(**{THRESHOLD: forecaster.thresholds[kind]})

    def of(model: HazardModel) -> FloatArray:
        values = incidence(model.predict_proba(rows), days)
        return np.where(at_risk[:, None], values, np.nan)

    centre = of(forecaster.model)
    replicates = np.stack([of(replicate) for replicate in forecaster.replicates])
    low, high = np.quantile(replicates, INTERVAL, axis=0)
    return Probabilities(
        probability=centre,
        low=np.minimum(low, centre),
        high=np.maximum(high, centre),
        climatology=of(forecaster.climatology),
    )
