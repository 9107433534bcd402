"""Quiet spells as a renewal process: how long the rest of one lasts, whatever the market does."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from models.hazard.climatology import FeaturelessHazard
from models.hazard.leads import LEAD_DAYS, N_LEADS, FloatArray, IntArray
from models.outlook.posterior import fit_spells, prior_grid, rest_survival
from models.season.spells import Spells


class Renewal(FeaturelessHazard):
    """How long the rest of a quiet spell lasts, from a day somewhere in it.

    The spells of the training rows have the outlook's law, Weibull with its prior
    and posterior (`models.outlook.posterior`). Their regularity counts, how long
    the present one has lasted does not: of a renewal process that is met on a day
    at random the rest of the spell is forecast, the mean over the posterior.

    A spell is a run of as_of days without a gap. It begins and ends half a step
    before its first day and after its last, whose first lead tells whether an
    onset ended it. Of the spell in which the rows begin only the rest is known.
    """

    @staticmethod
    def _of(X: pd.DataFrame, targets: IntArray, weight: FloatArray) -> FloatArray:
        used = (targets[:, 1] > 0) & (weight > 0)
        spells, counts = _spells(X.index[used], targets[used], weight[used])
        posterior = fit_spells(spells, counts=counts)
        survival = np.einsum("ij,ijk->k", posterior.weight, _still_quiet())
        return 1 - survival[1:] / survival[:-1]


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
