"""The path simulation as a forecaster, and the hazards it gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.special import logit

from features.market.simulation import LEAD_ENDS, PATHS, series_name
from models.hazard.base import THRESHOLD, LeadClassifier
from models.hazard.climatology import Climatology
from models.hazard.leads import FloatArray, IntArray

# Half a path: where no path crosses in a lead, or all do, the log-odds are not infinite.
_LEAST = 0.5 / (PATHS + 1)
# The index looks back over 90 days: so far ahead does the simulation know part of it already.
INFORMED_LEADS = 3


class Simulation(LeadClassifier):
    """First passage of the simulated paths, as it is: nothing is fitted.

    A row without a simulation gets climatology's hazards.
    """

    def _fit(self, X: pd.DataFrame, targets: IntArray, weight: FloatArray) -> None:
        self.climatology_ = Climatology().fit(X, targets, weight)

    def _hazards(self, X: pd.DataFrame) -> FloatArray:
        simulated = simulated_hazards(X)
        return np.where(np.isnan(simulated), self.climatology_.hazards(X), simulated)

    def feature_names(self) -> list[str]:
        return [series_name(int(t), end) for t in self.thresholds_ for end in LEAD_ENDS]

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the log-odds of the simulated hazard over climatology's, over three leads."""
        own, base = (
            np.clip(model.hazards(X)[:, :INFORMED_LEADS], _LEAST, 1 - _LEAST)
            for model in (self, self.climatology_)
        )
        share = (logit(own) - logit(base)).mean(axis=1)
        name = series_name(int(X[THRESHOLD].iloc[0]), LEAD_ENDS[INFORMED_LEADS - 1])
        return pd.DataFrame({name: share}, index=X.index)

    def state(self) -> dict[str, Any]:
        return {"climatology": self.climatology_.state()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        model = cls()
        model.climatology_ = Climatology.from_state(state["climatology"])
        model.thresholds_ = model.climatology_.thresholds_
        return model


def simulated_hazards(X: pd.DataFrame) -> FloatArray:
    """Return the simulated hazards of each row's own threshold, NaN where there are none.

    Parameters
    ----------
    X : pandas.DataFrame, shape (n, f)
        The simulated features and `threshold`.

    Returns
    -------
    numpy.ndarray, shape (n, 13)
    """
    asked = X[THRESHOLD].to_numpy(dtype=float)
    survival = np.full((len(X), len(LEAD_ENDS) + 1), np.nan)
    for threshold in np.unique(asked):
        columns = [series_name(int(threshold), end) for end in LEAD_ENDS]
        if threshold == int(threshold) and set(columns) <= set(X.columns):
            own = asked == threshold
            reached = X.loc[own, columns].to_numpy(dtype=float) / 100
            survival[own, 1:] = 1 - np.maximum.accumulate(reached, axis=1)
            survival[own, 0] = 1.0
    return 1 - survival[:, 1:] / survival[:, :-1]
