"""Linear pools of hazard models, and hazard models as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from models.hazard.stacking import Stack


class Blend(HazardModel):
    """The plain mean of its members' probabilities per lead.

    Equal weights: with about 15 episodes, fitted ones would be noise
    (the forecast combination puzzle).

    Parameters
    ----------
    members : sequence of HazardModel
        Unfitted hazard models; `fit` fits copies of them.

    References
    ----------
    Stock and Watson (2004), https://doi.org/10.1002/for.928
    """

    def __init__(self, members: Sequence[HazardModel]) -> None:
        self.members = members

    @classmethod
    def of_fitted(cls, members: Sequence[HazardModel]) -> Self:
        """Return a fitted blend of hazard models that are fitted already."""
        blend = cls(members)
        blend.members_ = list(members)
        blend.thresholds_ = members[0].thresholds_
        return blend

    def _fit(self, X: pd.DataFrame, targets: IntArray, weight: FloatArray) -> None:
        self.members_ = [clone(member).fit(X, targets, weight) for member in self.members]

    def _hazards(self, X: pd.DataFrame) -> FloatArray:
        return lead_hazards(np.mean([member.predict_proba(X) for member in self.members_], axis=0))

    def feature_names(self) -> list[str]:
        return list(dict.fromkeys(n for member in self.members_ for n in member.feature_names()))

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the mean of the members' contributions; a member without the feature adds 0."""
        shares = [member.contributions(X) for member in self.members_]
        names = self.feature_names()
        return sum(
            (share.reindex(columns=names, fill_value=0.0) for share in shares),
            start=pd.DataFrame(0.0, index=X.index, columns=names),
        ) / len(shares)

    def state(self) -> dict[str, Any]:
        return {"members": [to_state(member) for member in self.members_]}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        members = [from_state(member) for member in state["members"]]
        if any(not np.array_equal(m.thresholds_, members[0].thresholds_) for m in members):
            raise ValueError("members must have the same thresholds")
        return cls.of_fitted(members)


class Pool(HazardModel):
    """Hazard and simulation in equal parts over 90 days, the renewal process beyond.

    The simulation carries what has happened into the 90 days that the index
    looks back over; beyond them every day that decides the index is still to
    come, and only how often seasons begin is known. A row without a simulation
    gets the hazard alone over 90 days; a threshold above the highest simulated
    one gets half of it from the paths that reached the latter, where these are
    fewer than the hazard says.

    Parameters
    ----------
    hazard : LogisticHazard
        Unfitted; `fit` fits a copy.
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
    kind.__name__: kind
    for kind in (Climatology, Simulation, LogisticHazard, BoostedHazard, Blend, Pool, Stack)
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
