"""A linear pool of classifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import clone

from models.baselines import Climatology
from models.classifier import LeadClassifier
from models.hazard import BoostedHazard, LogisticHazard
from models.leads import FloatArray, IntArray, lead_hazards


class Blend(LeadClassifier):
    """The plain mean of its members' probabilities per lead.

    Equal weights: with about 15 episodes, fitted ones would be noise
    (the forecast combination puzzle).

    Parameters
    ----------
    members : sequence of LeadClassifier
        Unfitted classifiers; `fit` fits copies of them.

    References
    ----------
    Stock and Watson (2004), https://doi.org/10.1002/for.928
    """

    def __init__(self, members: Sequence[LeadClassifier]) -> None:
        self.members = members

    @classmethod
    def of_fitted(cls, members: Sequence[LeadClassifier]) -> Self:
        """Return a fitted blend of classifiers that are fitted already."""
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
        return cls.of_fitted([from_state(member) for member in state["members"]])


_TYPES: Mapping[str, type[LeadClassifier]] = {
    kind.__name__: kind for kind in (Climatology, LogisticHazard, BoostedHazard, Blend)
}


def to_state(model: LeadClassifier) -> dict[str, Any]:
    """Return a fitted classifier as plain values, with its type."""
    return {"type": type(model).__name__, **model.state()}


def from_state(state: Mapping[str, Any]) -> LeadClassifier:
    """Return the fitted classifier that `to_state` described.

    Raises
    ------
    ValueError
        If the type is none of the candidates'.
    """
    if state.get("type") not in _TYPES:
        raise ValueError(f"type must be one of {', '.join(_TYPES)}, got {state.get('type')!r}.")
    return _TYPES[state["type"]].from_state(state)
