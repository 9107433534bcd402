"""The path simulation as a forecaster, and the hazards it gives."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from features.market.paths import (
    ERROR_ENDS,
    LEAD_ENDS,
    PATHS,
    THRESHOLDS,
    error_name,
    series_name,
)
from models.hazard.base import THRESHOLD, Fitted, HazardModel
from models.hazard.climatology import Climatology
from models.hazard.leads import FloatArray, IntArray, lead_hazards

# Half a path: where no path crosses in a lead, or all do, the log-odds are not infinite.
_LEAST = 0.5 / (PATHS + 1)
# The index looks back over 90 days: so far ahead does the simulation know part of it already.
INFORMED_LEADS = 3
SIMULATED = tuple(series_name(threshold, end) for threshold in THRESHOLDS for end in LEAD_ENDS)
_ERRORS = tuple(error_name(threshold, end) for threshold in THRESHOLDS for end in ERROR_ENDS)


class Simulation(HazardModel):
    """First passage of the simulated paths, as it is: nothing is fitted.

    A row without a simulation gets climatology's hazards, and so does a
    threshold above the highest simulated one, unless the paths are below them.
    """

    fitted: ClassVar[Fitted] = {**HazardModel.fitted, "climatology_": Climatology}

    def _fit(self, X: pd.DataFrame, targets: IntArray, weight: FloatArray) -> None:
        self.climatology_ = Climatology().fit(X, targets, weight)

    def _hazards(self, X: pd.DataFrame) -> FloatArray:
        return simulated_or(X, self.climatology_.hazards(X))

    def feature_names(self) -> list[str]:
        return list(SIMULATED)

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the log-odds of the simulated hazard over climatology's, over three leads."""
        simulated, base = (
            np.clip(model.hazards(X)[:, :INFORMED_LEADS], _LEAST, 1 - _LEAST)
            for model in (self, self.climatology_)
        )
        share = (logit(simulated) - logit(base)).mean(axis=1)
        return pd.DataFrame({_driver_name(X): share}, index=X.index)


def _driver_name(X: pd.DataFrame) -> str:
    """Return the series that stands for the simulation: nearest threshold simulated, 90 days."""
    asked = float(X[THRESHOLD].iloc[0])
    nearest = min(THRESHOLDS, key=lambda threshold: abs(threshold - asked))
    return series_name(nearest, LEAD_ENDS[INFORMED_LEADS - 1])


def redrawn(X: pd.DataFrame, deviate: ArrayLike) -> pd.DataFrame:
    """Return rows with the shares of paths that other quarters of the past might have given.

    The log-odds of each share are normal with its deviation (the delta method), and all shares of
    a row lie as many deviations from it: `deviate`, by row. Rows without a deviation stay.
    """
    if not {*SIMULATED, *_ERRORS} <= set(X.columns):
        return X
    share = X[list(SIMULATED)].to_numpy(dtype=float).reshape(len(X), len(THRESHOLDS), -1) / 100
    error = X[list(_ERRORS)].to_numpy(dtype=float).reshape(len(X), len(THRESHOLDS), -1) / 100
    share = np.clip(share, _LEAST, 1 - _LEAST)
    near = share[:, :, : len(ERROR_ENDS)]
    deviates = np.broadcast_to(deviate, len(X))[:, None, None]
    shift = np.nan_to_num(deviates * error / (near * (1 - near)))
    # Beyond the last deviation the log-odds move as they do there.
    shift = np.pad(shift, ((0, 0), (0, 0), (0, len(LEAD_ENDS) - len(ERROR_ENDS))), mode="edge")
    moved = 100 * expit(logit(share) + shift).reshape(len(X), -1)
    others = X.drop(columns=list(SIMULATED))
    return pd.concat([others, pd.DataFrame(moved, X.index, list(SIMULATED))], axis=1)


def simulated_hazards(X: pd.DataFrame) -> FloatArray:
    """Return the simulated hazards at each row's threshold, shape (n, 13), NaN where none are.

    Paths were counted at the thresholds of `features.market.paths`. Between
    two of them the log-odds of a crossing by the end of a lead run straight from
    the one's to the other's; above the highest stands its own chance, which is
    the most that a higher threshold's can be. Below the lowest there is none.
    """
    thresholds = X[THRESHOLD].to_numpy(dtype=float)
    by_threshold = [_crossed(X, threshold) for threshold in THRESHOLDS]
    crossed = np.where((thresholds == THRESHOLDS[0])[:, None], by_threshold[0], np.nan)
    for (low, high), (first, second) in zip(
        pairwise(THRESHOLDS), pairwise(by_threshold), strict=True
    ):
        share = ((thresholds - low) / (high - low))[:, None]
        lower, upper = (logit(np.clip(part, _LEAST, 1 - _LEAST)) for part in (first, second))
        between = expit((1 - share) * lower + share * upper)
        crossed = np.where((share > 0) & (share < 1), between, crossed)
        crossed = np.where(share >= 1, second, crossed)
    survival = np.column_stack([np.ones(len(X)), 1 - crossed])
    return 1 - survival[:, 1:] / survival[:, :-1]


def simulated_or(X: pd.DataFrame, hazards: FloatArray) -> FloatArray:
    """Return the simulated hazards, shape (n, 13), and others where nothing was simulated.

    The others stand for a row without a simulation, and for one of a threshold
    above the highest simulated, as far as that one's chance allows.
    """
    simulated = simulated_hazards(X)
    made = np.where(np.isnan(simulated), hazards, simulated)
    above = X[THRESHOLD].to_numpy(dtype=float) > THRESHOLDS[-1]
    # What the paths bound is the chance by a lead's end, not the hazard within a lead.
    survival = (np.cumprod(1 - part[above], axis=1) for part in (made, hazards))
    by_lead = -np.diff(np.maximum(*survival), axis=1, prepend=1.0, append=0.0)
    made[above] = lead_hazards(by_lead)
    return made


def _crossed(X: pd.DataFrame, threshold: int) -> FloatArray:
    """Return the share of paths past a simulated threshold by each lead's end, shape (n, 13)."""
    columns = [series_name(threshold, end) for end in LEAD_ENDS]
    if not set(columns) <= set(X.columns):
        return np.full((len(X), len(LEAD_ENDS)), np.nan)
    return np.maximum.accumulate(X[columns].to_numpy(dtype=float) / 100, axis=1)
