"""The discrete-time hazard as a penalised logistic regression over person-periods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from models.hazard.base import (
    THRESHOLD,
    HazardModel,
    once_a_day,
    stored_array,
    stored_names,
    stored_thresholds,
)
from models.hazard.first_passage import INFORMED_LEADS
from models.hazard.leads import N_LEADS, FloatArray, IntArray, PersonPeriods, expand
from models.hazard.tuning import choose

# Lead 1, 2, 3, and 4 or later. The season index looks back 90 days, so what has already happened
# bears on three leads; from the fourth on every day that decides the index is still to come.
BASIS = np.column_stack([*(np.arange(N_LEADS) == lead for lead in range(3)),
                          np.arange(N_LEADS) >= 3]).astype(float)  # fmt: skip
_MAX_DEVIATIONS = 3.0
_LEAST_DEVIATION = 1e-12


class LogisticHazard(HazardModel):
    """Penalised logistic regression of the onset in a lead.

    Each feature, standardised in training, clipped at three deviations and 0
    where missing, has its own slope in leads 1, 2, 3 and in all later leads
    together; so has the threshold, which every row carries as a covariate. Only
    the intercept is free of the penalty. All rows of one as_of day together
    count once.

    Parameters
    ----------
    features : tuple of str
        Columns that theory puts first.
    others : tuple of str
        Further columns, multiplied by a scale and so penalised 1 / scale**2
        times as strongly.
    scales : tuple of float
        Scales of the others, ascending; of several, one is chosen inside the
        training window.
    C : float
        Inverse strength of the ridge penalty, as in scikit-learn.
    """

    def __init__(
        self,
        features: tuple[str, ...],
        others: tuple[str, ...] = (),
        scales: tuple[float, ...] = (1.0,),
        *,
        C: float = 1.0,
    ) -> None:
        self.features = features
        self.others = others
        self.scales = scales
        self.C = C

    def _fit(self, X: pd.DataFrame, targets: IntArray, weight: FloatArray) -> None:
        self.scale_ = choose(
            self.scales, lambda scale: clone(self).set_params(scales=(scale,)), X, targets, weight
        )
        self.columns_ = [*self.features, *self.others]
        weight = once_a_day(X, weight)
        used = (targets[:, 1] > 0) & (weight > 0)
        self.mean_, deviation = _mean_deviation(self._values(X)[used], weight[used])
        stretch = [1.0] * len(self.features) + [self.scale_] * len(self.others) + [1.0]
        self.deviation_, self.stretch_ = deviation, np.array(stretch)
        periods, months = self._distinct(expand(targets), weight)
        # Of the slopes of four groups of leads each period has one: three quarters are zeros.
        design = csr_array(self._design(X, periods.row, periods.lead))
        model = LogisticRegression(C=self.C, tol=1e-6, max_iter=5000)
        model.fit(design, periods.onset, sample_weight=months)
        self.coef_, self.intercept_ = model.coef_[0], float(model.intercept_[0])

    def feature_names(self) -> list[str]:
        return list(self.columns_)

    def chosen(self) -> dict[str, float]:
        return {"others_scale": self.scale_} if self.others else {}

    def settled(self) -> LogisticHazard:
        return clone(self).set_params(scales=(self.scale_,))

    def _hazards(self, X: pd.DataFrame) -> FloatArray:
        # A sum per row, not a matrix product: its last bits must not depend on the other rows.
        row, lead = np.indices((len(X), N_LEADS)).reshape(2, -1)
        log_odds = (self._design(X, row, lead + 1) * self.coef_).sum(axis=1) + self.intercept_
        return expit(log_odds).reshape(len(X), N_LEADS)

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        coef = self.coef_.reshape(-1, BASIS.shape[1])
        slopes = coef[1 : len(self.columns_) + 1] @ BASIS[:INFORMED_LEADS].mean(axis=0)
        shares = self._standardise(X)[:, :-1] * slopes
        return pd.DataFrame(shares, columns=self.columns_, index=X.index)

    def _values(self, X: pd.DataFrame) -> FloatArray:
        columns = (*self.columns_, THRESHOLD)
        return np.column_stack([X[name].to_numpy(dtype=float) for name in columns])

    def _standardise(self, X: pd.DataFrame) -> FloatArray:
        deviations = (self._values(X) - self.mean_) / self.deviation_
        clipped = np.clip(deviations, -_MAX_DEVIATIONS, _MAX_DEVIATIONS)
        return np.nan_to_num(clipped) * self.stretch_

    def _design(self, X: pd.DataFrame, row: IntArray, lead: IntArray) -> FloatArray:
        """Return the design of person-periods, shape (periods, (columns + 2) * 4)."""
        basis = BASIS[lead - 1]
        columns = np.column_stack([np.ones(len(X)), self._standardise(X)])[row]
        crossed = columns[:, :, None] * basis[:, None, :]
        return crossed.reshape(len(row), columns.shape[1] * basis.shape[1])

    def _distinct(
        self, periods: PersonPeriods, weight: FloatArray
    ) -> tuple[PersonPeriods, FloatArray]:
        """Return the periods that differ in design or outcome, and the weight of all alike.

        From the fourth lead on the periods of a row are alike, which makes the fit no other but
        faster.
        """
        lead = np.minimum(periods.lead, BASIS.shape[1])
        key = (periods.row * (N_LEADS + 1) + lead) * 2 + periods.onset
        _, first, alike = np.unique(key, return_index=True, return_inverse=True)
        distinct = PersonPeriods(periods.row[first], lead[first], periods.onset[first])
        return distinct, np.bincount(alike, weights=weight[periods.row]).astype(np.float64)

    def state(self) -> dict[str, Any]:
        return {
            "columns": self.columns_,
            "thresholds": self.thresholds_.tolist(),
            "mean": self.mean_.tolist(),
            "deviation": self.deviation_.tolist(),
            "stretch": self.stretch_.tolist(),
            "coef": self.coef_.tolist(),
            "intercept": self.intercept_,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        model = cls(stored_names(state, "columns"))
        model.columns_ = list(model.features)
        model.thresholds_ = stored_thresholds(state)
        values = len(model.columns_) + 1  # and the threshold
        for name in ("mean", "deviation", "stretch"):
            setattr(model, f"{name}_", stored_array(state, name, values))
        if (model.deviation_ < _LEAST_DEVIATION).any():
            raise ValueError(f"deviation must be at least {_LEAST_DEVIATION:g}")
        model.coef_ = stored_array(state, "coef", (1 + values) * BASIS.shape[1])
        model.intercept_ = float(stored_array(state, "intercept"))
        return model


def _mean_deviation(values: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return weighted mean and deviation per column, ignoring NaN; 0 and 1 where nothing varies."""
    present = np.isfinite(values)
    mass = np.maximum(weight @ present, np.finfo(float).tiny)
    mean = weight @ np.where(present, values, 0.0) / mass
    deviation = np.sqrt(weight @ np.where(present, values - mean, 0.0) ** 2 / mass)
    # The weighted mean of equal values is theirs only to rounding, which is no variation.
    varies = deviation > 1e-9 * np.abs(mean)
    return mean, np.where(varies, deviation, 1.0)
