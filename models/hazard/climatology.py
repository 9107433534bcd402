"""Climatology: the forecast to beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd

from models.hazard.base import THRESHOLD, LeadClassifier
from models.hazard.leads import N_LEADS, FloatArray, IntArray


class Climatology(LeadClassifier):
    """Onset frequency among the resolved at-risk training days of the same kind.

    The frequency within k leads is (onsets + 1/2) / (rows + 1) over the rows
    with k known leads (Krichevsky and Trofimov's estimator), so that it is
    never 0 or 1, and it does not fall with k.

    References
    ----------
    Krichevsky and Trofimov (1981), https://doi.org/10.1109/TIT.1981.1056331
    """

    def _fit(self, X: pd.DataFrame, targets: IntArray, weight: FloatArray) -> None:
        kind = X[THRESHOLD].to_numpy(dtype=float)
        self.hazards_ = np.stack(
            [
                _frequency_hazards(targets[kind == threshold], weight[kind == threshold])
                for threshold in self.thresholds_
            ]
        )

    def _hazards(self, X: pd.DataFrame) -> FloatArray:
        kind = np.searchsorted(self.thresholds_, X[THRESHOLD].to_numpy(dtype=float))
        return self.hazards_[kind]

    def state(self) -> dict[str, Any]:
        return {"thresholds": self.thresholds_.tolist(), "hazards": self.hazards_.tolist()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        climatology = cls()
        climatology.thresholds_ = np.array(state["thresholds"])
        climatology.hazards_ = np.array(state["hazards"])
        return climatology


def _frequency_hazards(targets: IntArray, weight: FloatArray) -> FloatArray:
    onset_lead, known = targets[:, :1], targets[:, 1:]
    lead = np.arange(1, N_LEADS + 1)
    resolved = known >= lead
    onset = resolved & (onset_lead > 0) & (onset_lead <= lead)
    frequency = (weight @ onset + 0.5) / (weight @ resolved + 1.0)
    survival = np.append(1.0, 1 - np.maximum.accumulate(frequency))
    return 1 - survival[1:] / survival[:-1]
