"""What a threshold's own past tells without any feature: climatology and the renewal process."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd

from models.hazard.base import THRESHOLD, HazardModel
from models.hazard.leads import N_LEADS, FloatArray, IntArray


class FeaturelessHazard(HazardModel):
    """The same hazards for every row of a threshold, learnt from that threshold's rows alone."""

    def _fit(self, X: pd.DataFrame, targets: IntArray, weight: FloatArray) -> None:
        own = [X[THRESHOLD].to_numpy(dtype=float) == threshold for threshold in self.thresholds_]
        self.hazards_ = np.stack([self._of(targets[rows], weight[rows]) for rows in own])

    def _hazards(self, X: pd.DataFrame) -> FloatArray:
        return self.hazards_[np.searchsorted(self.thresholds_, X[THRESHOLD].to_numpy(dtype=float))]

    @staticmethod
    @abstractmethod
    def _of(targets: IntArray, weight: FloatArray) -> FloatArray:
        """Return the hazards that one threshold's rows teach, shape (13,)."""

    def state(self) -> dict[str, Any]:
        return {"thresholds": self.thresholds_.tolist(), "hazards": self.hazards_.tolist()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        model = cls()
        model.thresholds_ = np.array(state["thresholds"])
        model.hazards_ = np.array(state["hazards"])
        return model


class Climatology(FeaturelessHazard):
    """Onset frequency among the resolved at-risk training days of the same kind.

    The frequency within k leads is (onsets + 1/2) / (rows + 1) over the rows
    with k known leads (Krichevsky and Trofimov's estimator), so that it is
    never 0 or 1, and it does not fall with k.

    References
    ----------
    Krichevsky and Trofimov (1981), https://doi.org/10.1109/TIT.1981.1056331
    """

    @staticmethod
    def _of(targets: IntArray, weight: FloatArray) -> FloatArray:
        onset_lead, known = targets[:, :1], targets[:, 1:]
        lead = np.arange(1, N_LEADS + 1)
        resolved = known >= lead
        onset = resolved & (onset_lead > 0) & (onset_lead <= lead)
        frequency = (weight @ onset + 0.5) / (weight @ resolved + 1.0)
        survival = np.append(1.0, 1 - np.maximum.accumulate(frequency))
        return 1 - survival[1:] / survival[:-1]


class Renewal(FeaturelessHazard):
    """Quiet spells that end in each lead with one unknown chance, as far as the past tells it.

    The chance is beta distributed: 1/2 an onset and 1/2 a lead without one
    (Jeffreys' prior), and what was seen in the leads that follow directly on an
    at-risk day; a day of outcome counts once where the rows' weights say so. The
    hazards are those of the posterior predictive distribution, the discrete
    Gamma-Poisson law: they fall with the lead, because a spell that lasts is
    more likely where the chance is small.

    References
    ----------
    The beta-geometric law: Weinberg and Gladen (1986), Biometrics 42(3), 547-560.
    """

    @staticmethod
    def _of(targets: IntArray, weight: FloatArray) -> FloatArray:
        onsets = weight @ (targets[:, 0] == 1)
        leads = weight @ (targets[:, 1] >= 1)
        # Before lead k there were k - 1 more leads without an onset.
        return (onsets + 0.5) / (leads + np.arange(1, N_LEADS + 1))
