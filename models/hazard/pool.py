"""The champion: hazard and simulation over 90 days, quiet spells as a renewal process beyond."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
import pandas as pd

from models.hazard.base import Fitted, HazardModel
from models.hazard.climatology import FeaturelessHazard
from models.hazard.leads import (
    LEAD_DAYS,
    N_LEADS,
    FloatArray,
    IntArray,
    lead_hazards,
    lead_probabilities,
)
from models.hazard.logistic import LogisticHazard
from models.hazard.simulation import INFORMED_LEADS, Simulation, simulated_or
from models.outlook.posterior import fit_spells, prior_grid, rest_survival
from models.season.spells import Spells


class Renewal(FeaturelessHazard):
    """How long the rest of a quiet spell lasts, from a day somewhere in it.

    The spells of the training rows have the outlook's law, Weibull with its prior
    and posterior (`models.outlook.posterior`). Their regularity counts, how long
    the present one has lasted does not: of a renewal process that is met on a day
    at random the rest of the spell is forecast, the mean over the posterior.

    A spell is a run of as_of days without a gap. It begins and ends half a step
    before its first day and after its last, whose first lead shows whether an
    onset ended it. Of the spell in which the rows begin only the rest is known.
    """

    @staticmethod
    def _of(X: pd.DataFrame, targets: IntArray, weight: FloatArray) -> FloatArray:
        used = (targets[:, 1] > 0) & (weight > 0)
        spells, counts = _spells(X.index[used], targets[used], weight[used])
        posterior = fit_spells(spells, counts=counts)
        survival = np.einsum("ij,ijk->k", posterior.weight, _still_quiet())
        return 1 - survival[1:] / survival[:-1]


@dataclass(eq=False, repr=False)
class Pool(HazardModel):
    """Hazard and simulation in equal parts over 90 days, the renewal process beyond.

    The simulation carries what has happened into the 90 days that the index
    looks back over; beyond them every day that decides the index is still to
    come, and only how often seasons begin is known. A row without a simulation
    gets the hazard alone over 90 days; a threshold above the highest simulated
    one gets half of it from the paths that reached the latter, where these are
    fewer than the hazard says. Equal weights: with about 15 episodes, fitted
    ones would be noise (the forecast combination puzzle).

    References
    ----------
    Stock and Watson (2004), https://doi.org/10.1002/for.928
    """

    fitted: ClassVar[Fitted] = {
        **HazardModel.fitted,
        "hazard_": LogisticHazard,
        "simulation_": Simulation,
        "renewal_": Renewal,
    }

    hazard: LogisticHazard  # unfitted: `fit` fits a copy

    def _fit(self, X: pd.DataFrame, targets: IntArray, weight: FloatArray) -> None:
        self.hazard_ = self.hazard.unfitted().fit(X, targets, weight)
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


@cache
def _still_quiet() -> FloatArray:
    """Return P(rest of a spell > each lead's end) in every cell, shape (41, 81, 14)."""
    shape, scale = prior_grid()
    ends = LEAD_DAYS * np.arange(N_LEADS + 1.0)
    return rest_survival(ends, shape[:, None, None], scale[:, None])


def _spells(index: pd.Index, targets: IntArray, weight: FloatArray) -> tuple[Spells, FloatArray]:
    """Return the spells that the rows lie in and what each counts."""
    as_of = pd.DatetimeIndex(index)
    day, first = np.unique((as_of - as_of.min()).days, return_index=True)
    drawn = np.bincount(np.searchsorted(day, (as_of - as_of.min()).days), weights=weight)
    step = int(np.diff(day).min(initial=LEAD_DAYS))
    # Weeks of one spell follow each other; a season and its quiet days lie between two.
    begins = np.flatnonzero(np.diff(day, prepend=-np.inf) > step)
    last = np.append(begins[1:], len(day)) - 1
    lead, known = targets[first[last]].T
    ended = lead == 1
    quiet = LEAD_DAYS * np.where(lead > 0, lead - 1, known)
    # Whole days: an open spell has not reached the half day that half a week may end with.
    days = day[last] - day[begins] + np.where(ended, step, step // 2 + quiet)
    # Rows weigh step / 30 each, so that a month of them weighs 1: so does a spell drawn once.
    counts = np.add.reduceat(drawn, begins) / (last - begins + 1) * LEAD_DAYS / step
    origin = as_of.min() + pd.to_timedelta(day[begins], unit="D")
    return Spells(origin, days, ended, np.arange(len(days)) == 0), counts
