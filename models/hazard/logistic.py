"""The discrete-time hazard as a penalised logistic regression over person-periods."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from scipy.special import expit

from models.hazard.base import THRESHOLD, Fitted, HazardModel, choose, once_a_day
from models.hazard.leads import N_LEADS, FloatArray, IntArray, PersonPeriods, expand
from models.hazard.simulation import INFORMED_LEADS

# Lead 1, 2, 3, and 4 or later. The season index looks back 90 days, so what has already happened
# bears on three leads; from the fourth on every day that decides the index is still to come.
BASIS = np.column_stack([*(np.arange(N_LEADS) == lead for lead in range(3)),
                          np.arange(N_LEADS) >= 3]).astype(float)  # fmt: skip
_GROUPS = BASIS.shape[1]
_MAX_DEVIATIONS = 3.0


@dataclass(eq=False, repr=False)
class LogisticHazard(HazardModel):
    """Penalised logistic regression of the onset in a lead.

    Each feature, standardised in training, clipped at three deviations and 0
    where missing, has its own slope in leads 1, 2, 3 and in all later leads
    together; so has the threshold, which every row carries as a covariate. Only
    the intercept is free of the penalty. All rows of one as_of day together
    count once.
    """

    # The last column is the threshold; deviations and stretch are those of the columns.
    fitted: ClassVar[Fitted] = {
        **HazardModel.fitted,
        "columns_": list,
        "scale_": (),
        "mean_": ("columns_",),
        "deviation_": ("columns_",),
        "stretch_": ("columns_",),
        "slopes_": ("columns_", _GROUPS),
        "level_": (_GROUPS,),
        "intercept_": (),
    }

    features: tuple[str, ...]  # that theory puts first
    # Further columns, multiplied by a scale and so penalised 1 / scale**2 times as strongly; of
    # several scales, ascending, one is chosen inside the training window.
    others: tuple[str, ...] = ()
    scales: tuple[float, ...] = (1.0,)
    C: float = field(default=1.0, kw_only=True)  # inverse strength of the ridge penalty

    def _fit(self, X: pd.DataFrame, targets: IntArray, weight: FloatArray) -> None:
        from scipy.sparse import csr_array
        from sklearn.linear_model import LogisticRegression

        self.scale_ = choose(
            self.scales, lambda scale: self.unfitted(scales=(scale,)), X, targets, weight
        )
        self.columns_ = [*self.features, *self.others, THRESHOLD]
        weight = once_a_day(X, weight)
        used = (targets[:, 1] > 0) & (weight > 0)
        self.mean_, self.deviation_ = _mean_deviation(self._values(X)[used], weight[used])
        stretch = [1.0] * len(self.features) + [self.scale_] * len(self.others) + [1.0]
        self.stretch_ = np.array(stretch)
        periods, months = _distinct(expand(targets), weight)
        # Of the slopes of four groups of leads each period has one: three quarters are zeros.
        design = csr_array(self._design(X, periods.row, periods.lead))
        model = LogisticRegression(C=self.C, tol=1e-6, max_iter=5000)
        model.fit(design, periods.onset, sample_weight=months)
        self.level_, self.slopes_ = np.split(model.coef_.reshape(-1, _GROUPS), [1])
        self.level_, self.intercept_ = self.level_[0], float(model.intercept_[0])

    def feature_names(self) -> list[str]:
        return self.columns_[:-1]

    def chosen(self) -> dict[str, float]:
        return {"others_scale": self.scale_} if self.others else {}

    def with_chosen_settings(self) -> Self:
        return self.unfitted(scales=(self.scale_,))

    def check(self) -> None:
        super().check()
        if self.columns_[-1:] != [THRESHOLD] or not (self.deviation_ > 0).all():
            raise ValueError("the last column must be the threshold, and deviations above 0")

    def _hazards(self, X: pd.DataFrame) -> FloatArray:
        # A sum per row, not a matrix product: its last bits must not depend on the other rows.
        row, lead = np.indices((len(X), N_LEADS)).reshape(2, -1)
        coef = np.append(self.level_, self.slopes_)
        log_odds = (self._design(X, row, lead + 1) * coef).sum(axis=1) + self.intercept_
        return expit(log_odds).reshape(len(X), N_LEADS)

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        slopes = self.slopes_[:-1] @ BASIS[:INFORMED_LEADS].mean(axis=0)
        shares = self._standardise(X)[:, :-1] * slopes
        return pd.DataFrame(shares, columns=self.feature_names(), index=X.index)

    def _values(self, X: pd.DataFrame) -> FloatArray:
        return np.column_stack([X[name].to_numpy(dtype=float) for name in self.columns_])

    def _standardise(self, X: pd.DataFrame) -> FloatArray:
        deviations = (self._values(X) - self.mean_) / self.deviation_
        clipped = np.clip(deviations, -_MAX_DEVIATIONS, _MAX_DEVIATIONS)
        return np.nan_to_num(clipped) * self.stretch_

    def _design(self, X: pd.DataFrame, row: IntArray, lead: IntArray) -> FloatArray:
        """Return the design of person-periods, shape (periods, (columns + 1) * 4)."""
        basis = BASIS[lead - 1]
        columns = np.column_stack([np.ones(len(X)), self._standardise(X)])[row]
        crossed = columns[:, :, None] * basis[:, None, :]
        return crossed.reshape(len(row), columns.shape[1] * basis.shape[1])


def _distinct(periods: PersonPeriods, weight: FloatArray) -> tuple[PersonPeriods, FloatArray]:
    """Return the periods that differ in design or outcome, and the weight of all alike.

    From the fourth lead on the periods of a row are alike: the fit is the same, and faster.
    """
    lead = np.minimum(periods.lead, _GROUPS)
    key = (periods.row * (N_LEADS + 1) + lead) * 2 + periods.onset
    _, first, alike = np.unique(key, return_index=True, return_inverse=True)
    distinct = PersonPeriods(periods.row[first], lead[first], periods.onset[first])
    return distinct, np.bincount(alike, weights=weight[periods.row]).astype(np.float64)


def _mean_deviation(values: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return weighted mean and deviation per column, ignoring NaN; 0 and 1 where nothing varies."""
    present = np.isfinite(values)
    mass = np.maximum(weight @ present, np.finfo(float).tiny)
    mean = weight @ np.where(present, values, 0.0) / mass
    deviation = np.sqrt(weight @ np.where(present, values - mean, 0.0) ** 2 / mass)
    # The weighted mean of equal values is theirs only to rounding, which is no variation.
    varies = deviation > 1e-9 * np.abs(mean)
    return mean, np.where(varies, deviation, 1.0)
