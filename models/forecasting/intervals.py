"""Probabilities of an onset with their intervals, from a forecaster and feature rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from models.hazard.base import THRESHOLD
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
        From `features.catalogue.frame.build_features`.
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
    leads = by_lead(forecaster, features, [kind])[kind]
    return leads.probabilities(horizons, at_risk=at_risk)


class ByLead(NamedTuple):
    """What a forecaster says of each lead of 30 days, whatever the state.

    Model, replicates and climatology, of shapes (n, 14), (replicates, n, 14) and (n, 14).
    """

    model: FloatArray
    replicates: FloatArray
    climatology: FloatArray

    def row(self, at: int) -> ByLead:
        """Return what is said of one row."""
        own = slice(at, at + 1)
        return ByLead(self.model[own], self.replicates[:, own], self.climatology[own])

    def probabilities(self, horizons: Iterable[int], *, at_risk: np.ndarray) -> Probabilities:
        """Return the chances within as many days, as the function of that name does."""
        days = list(horizons)

        def of(values: FloatArray) -> FloatArray:
            return np.where(at_risk[:, None], incidence(values, days), np.nan)

        centre = of(self.model)
        low, high = np.quantile(of(self.replicates), INTERVAL, axis=0)
        return Probabilities(
            probability=centre,
            low=np.minimum(low, centre),
            high=np.maximum(high, centre),
            climatology=of(self.climatology),
        )


def by_lead(
    forecaster: Forecaster, features: pd.DataFrame, kinds: Sequence[Kind]
) -> dict[Kind, ByLead]:
    """Return what model, replicates and climatology say of each lead, all kinds in one go.

    Parameters
    ----------
    forecaster : Forecaster
        A fitted candidate.
    features : pandas.DataFrame, shape (n, f)
        From `features.catalogue.frame.build_features`.
    kinds : sequence of Kind
        Kinds of season.
    """
    thresholds = [forecaster.thresholds[kind] for kind in kinds]
    rows = pd.concat([features] * len(kinds)).assign(
        **{THRESHOLD: np.repeat(thresholds, len(features))}
    )
    model, climatology = (
        each.predict_proba(rows) for each in (forecaster.model, forecaster.climatology)
    )
    replicates = np.stack([each.predict_proba(rows) for each in forecaster.replicates])
    by_kind = {}
    for at, kind in enumerate(kinds):
        own = slice(at * len(features), (at + 1) * len(features))
        by_kind[kind] = ByLead(model[own], replicates[:, own], climatology[own])
    return by_kind
