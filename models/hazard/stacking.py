"""A linear pool whose weights are stacked inside the training window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import clone

from models.hazard.base import HazardModel, once_a_day, stored_array
from models.hazard.climatology import Climatology
from models.hazard.first_passage import Simulation, simulated_or
from models.hazard.leads import FloatArray, IntArray, expand
from models.hazard.regression import BASIS, LogisticHazard
from models.hazard.tuning import split_at

MEMBERS = ("climatology", "hazard", "simulation")
GROUPS = ("lead_1", "lead_2", "lead_3", "later")
# Where the window is split: what precedes is fitted, the sixth that follows is judged.
SHARES = (1 / 2, 2 / 3, 5 / 6)
# Months of outcome that the equal weights count for against those that were judged.
PRIOR_MONTHS = 12.0
_ROUNDS = 200
Weights = tuple[tuple[float, ...], ...]


class Stack(HazardModel):
    """Mean of climatology, hazard and simulation, weighted by what each has shown.

    Leads 1, 2, 3 and all later ones have weights of their own. They are those
    of the most likely mixture (by expectation maximisation) on days of the
    training window that members fitted to earlier days had not seen, shrunk
    to equal weights. A row without a simulation gets the hazard in its place.

    Parameters
    ----------
    hazard : LogisticHazard
        Unfitted; `fit` fits a copy.
    weights : tuple of tuple of float, optional
        Weight of each of `MEMBERS` for leads 1, 2, 3 and later ones; each row
        sums to 1. By default stacked.

    References
    ----------
    Wolpert (1992), https://doi.org/10.1016/S0893-6080(05)80023-1
    """

    def __init__(self, hazard: LogisticHazard, weights: Weights | None = None) -> None:
        self.hazard = hazard
        self.weights = weights

    def _fit(self, X: pd.DataFrame, targets: IntArray, weight: FloatArray) -> None:
        self._fit_members(X, targets, weight)
        self.weights_ = self.weights or self._stacked(X, targets, weight)

    def _fit_members(self, X: pd.DataFrame, targets: IntArray, weight: FloatArray) -> None:
        self.climatology_ = Climatology().fit(X, targets, weight)
        self.hazard_ = clone(self.hazard).fit(X, targets, weight)
        self.simulation_ = Simulation().fit(X, targets, weight)
        self.thresholds_ = self.hazard_.thresholds_

    def _stacked(self, X: pd.DataFrame, targets: IntArray, weight: FloatArray) -> Weights:
        parts = list(self._judged(X, targets, weight))
        if not parts:
            return tuple((1 / len(MEMBERS),) * len(MEMBERS) for _ in GROUPS)
        likelihood, months, group = (np.concatenate(part) for part in zip(*parts, strict=True))
        return tuple(
            tuple(mixture_weights(likelihood[group == each], months[group == each]).tolist())
            for each in range(len(GROUPS))
        )

    def _judged(
        self, X: pd.DataFrame, targets: IntArray, weight: FloatArray
    ) -> Iterator[tuple[FloatArray, FloatArray, IntArray]]:
        """Yield each part's likelihoods per member, weights and groups of leads."""
        for share, end in zip(SHARES, (*SHARES[1:], 1.0), strict=True):
            earlier, train, valid = split_at(X, targets, weight, share, end)
            if not ((earlier[train, 0] > 0).any() and valid.any()):
                continue
            members = clone(self)
            members._fit_members(X[train], earlier[train], weight[train])
            periods = expand(targets[valid])
            hazards = members._member_hazards(X[valid])[:, periods.row, periods.lead - 1]
            likelihood = np.where(periods.onset == 1, hazards, 1 - hazards).T
            months = once_a_day(X[valid], weight[valid])
            yield likelihood, months[periods.row], BASIS[periods.lead - 1].argmax(axis=1)

    def _member_hazards(self, X: pd.DataFrame) -> FloatArray:
        """Return the hazards of each member, shape (3, n, 13)."""
        hazard = self.hazard_.hazards(X)
        return np.stack([self.climatology_.hazards(X), hazard, simulated_or(X, hazard)])

    def _hazards(self, X: pd.DataFrame) -> FloatArray:
        by_lead = BASIS @ np.array(self.weights_)
        return np.einsum("km,mnk->nk", by_lead, self._member_hazards(X))

    def feature_names(self) -> list[str]:
        return [*self.hazard_.feature_names(), *self.simulation_.feature_names()]

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the members' contributions times their mean weights over three leads."""
        _, hazard, simulation = np.mean(self.weights_[:3], axis=0)
        return pd.concat(
            [
                hazard * self.hazard_.contributions(X),
                simulation * self.simulation_.contributions(X),
            ],
            axis=1,
        )

    def chosen(self) -> dict[str, float]:
        return {
            f"weight_{member}_{group}": round(float(weight), 3)
            for group, row in zip(GROUPS, self.weights_, strict=True)
            for member, weight in zip(MEMBERS, row, strict=True)
        }

    def settled(self) -> Stack:
        return Stack(clone(self.hazard), self.weights_)

    def state(self) -> dict[str, Any]:
        return {
            "hazard": self.hazard_.state(),
            "simulation": self.simulation_.state(),
            "weights": self.weights_,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        hazard = LogisticHazard.from_state(state["hazard"])
        model = cls(hazard)
        model.hazard_, model.thresholds_ = hazard, hazard.thresholds_
        model.simulation_ = Simulation.from_state(state["simulation"])
        model.climatology_ = model.simulation_.climatology_
        weights = stored_array(state, "weights", len(GROUPS), len(MEMBERS))
        if (weights < 0).any() or not np.allclose(weights.sum(axis=1), 1):
            raise ValueError("weights must be at least 0 and sum to 1 in each row")
        model.weights_ = tuple(map(tuple, weights.tolist()))
        return model


def mixture_weights(likelihood: FloatArray, months: FloatArray) -> FloatArray:
    """Return the weights of the most likely mixture, shrunk to equal ones.

    Parameters
    ----------
    likelihood : numpy.ndarray, shape (n, m)
        Probability that each member gave to what happened.
    months : numpy.ndarray, shape (n,)
        Months of outcome that each entry counts for.

    Returns
    -------
    numpy.ndarray, shape (m,)
        At least 0, summing to 1: the mode under a Dirichlet prior that counts
        for `PRIOR_MONTHS` of equal weights.

    Examples
    --------
    >>> likelihood = np.array([[0.9, 0.1]] * 36)
    >>> mixture_weights(likelihood, np.ones(36)).round(2).tolist()
    [0.86, 0.14]
    """
    members = likelihood.shape[1]
    weights = np.full(members, 1 / members)
    for _ in range(_ROUNDS):
        joint = np.maximum(likelihood, np.finfo(float).tiny) * weights
        share = months @ (joint / joint.sum(axis=1, keepdims=True))
        weights = (PRIOR_MONTHS / members + share) / (PRIOR_MONTHS + months.sum())
    return weights
