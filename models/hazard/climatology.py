"""Climatology, the forecast to beat, and what all forecasts without features share."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
import pandas as pd

from models.hazard.base import THRESHOLD, Fitted, HazardModel
from models.hazard.leads import N_LEADS, FloatArray, IntArray


class FeaturelessHazard(HazardModel):
    """The same hazards for every row of a threshold, learnt from that threshold's rows alone."""

    fitted: ClassVar[Fitted] = {**HazardModel.fitted, "hazards_": ("thresholds_", N_LEADS)}

    def _fit(self, X: pd.DataFrame, targets: IntArray, weight: FloatArray) -> None:
        thresholds = X[THRESHOLD].to_numpy(dtype=float)
        rows_of = [thresholds == threshold for threshold in self.thresholds_]
        self.hazards_ = np.stack(
            [self._of(X[rows], targets[rows], weight[rows]) for rows in rows_of]
        )

    def _hazards(self, X: pd.DataFrame) -> FloatArray:
        return self.hazards_[np.searchsorted(self.thresholds_, X[THRESHOLD].to_numpy(dtype=float))]

    def check(self) -> None:
        super().check()
        if ((self.hazards_ < 0) | (self.hazards_ > 1)).any():
            raise ValueError("hazards must lie between 0 and 1")

    @staticmethod
    @abstractmethod
    def _of(X: pd.DataFrame, targets: IntArray, weight: FloatArray) -> FloatArray:
        """Return the hazards that one threshold's rows teach, shape (13,)."""


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
    def _of(X: pd.DataFrame, targets: IntArray, weight: FloatArray) -> FloatArray:
        onset_lead, known = targets[:, :1], targets[:, 1:]
        lead = np.arange(1, N_LEADS + 1)
        resolved = known >= lead
        onset = resolved & (onset_lead > 0) & (onset_lead <= lead)
        frequency = (weight @ onset + 0.5) / (weight @ resolved + 1.0)
        survival = np.append(1.0, 1 - np.maximum.accumulate(frequency))
        return 1 - survival[1:] / survival[:-1]
