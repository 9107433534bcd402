"""The pool of hazard and simulation, and hazard models as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import clone

from models.hazard.base import HazardModel
from models.hazard.boosting import BoostedHazard
from models.hazard.climatology import Climatology
from models.hazard.first_passage import INFORMED_LEADS, Simulation, simulated_or
from models.hazard.leads import FloatArray, IntArray, lead_hazards, lead_probabilities
from models.hazard.regression import LogisticHazard
from models.hazard.renewal_hazard import Renewal


class Pool(HazardModel):
    """Hazard and simulation in equal parts over 90 days, the renewal process beyond.

    The simulation carries what has happened into the 90 days that the index
    looks back over; beyond them every day that decides the index is still to
    come, and only how often seasons begin is known. A row without a simulation
    gets the hazard alone over 90 days; a threshold above the highest simulated
    one gets half of it from the paths that reached the latter, where these are
    fewer than the hazard says. Equal weights: with about 15 episodes, fitted ones would be noise
    (the forecast combination puzzle).

    Parameters
    ----------
    hazard : LogisticHazard
        Unfitted; `fit` fits a copy.

    References
    ----------
    Stock and Watson (2004), https://doi.org/10.1002/for.928
    """

    def __init__(self, hazard: LogisticHazard) -> None:
        self.hazard = hazard

    def _fit(self, X: pd.DataFrame, targets: IntArray, weight: FloatArray) -> None:
        self.hazard_ = clone(self.hazard).fit(X, targets, weight)
        self.simulation_ = Simulation().fit(X, targets, weight)
        self.renewal_ = Renewal().fit(X, targets, weight)

    def _hazards(self, X: pd.DataFrame) -> FloatArray:
        hazards = self.hazard_.hazards(X)
        parts = lead_probabilities(hazards), lead_probabilities(simulated_or(X, hazards))
        pooled = lead_hazards(np.mean(parts, axis=0))
        # Day 90 is the last of lead 3, the last that the index of today bears on.
        beyond = self.renewal_.hazards(X)[:, INFORMED_LEADS:]
        return np.column_stack([pooled[:, :INFORMED_LEADS], beyond])

    def feature_names(self) -> list[str]:
        return [*self.hazard_.feature_names(), *self.simulation_.feature_names()]

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the mean of both members' contributions."""
        return 0.5 * pd.concat(
            [self.hazard_.contributions(X), self.simulation_.contributions(X)], axis=1
        )

    def state(self) -> dict[str, Any]:
        return {
            "hazard": self.hazard_.state(),
            "simulation": self.simulation_.state(),
            "renewal": self.renewal_.state(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        if "renewal" not in state:
            raise ValueError("a pool of an earlier version, without a renewal process; train again")
        hazard = LogisticHazard.from_state(state["hazard"])
        model = cls(hazard)
        model.hazard_ = hazard
        model.simulation_ = Simulation.from_state(state["simulation"])
        model.renewal_ = Renewal.from_state(state["renewal"])
        model.thresholds_ = hazard.thresholds_
        return model


_TYPES: Mapping[str, type[HazardModel]] = {
    kind.__name__: kind for kind in (Climatology, Simulation, LogisticHazard, BoostedHazard, Pool)
}


def to_state(model: HazardModel) -> dict[str, Any]:
    """Return a fitted hazard model as plain values, with its type."""
    return {"type": type(model).__name__, **model.state()}


def from_state(state: Mapping[str, Any]) -> HazardModel:
    """Return the fitted hazard model that `to_state` described.

    Raises
    ------
    ValueError
        If the type is none of the candidates'.
    """
    if state.get("type") not in _TYPES:
        raise ValueError(f"type must be one of {', '.join(_TYPES)}, got {state.get('type')!r}.")
    return _TYPES[state["type"]].from_state(state)
