"""Quiet spells as a renewal process: how long the rest of one lasts, whatever the market does."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import gammaincc

from models.hazard.climatology import FeaturelessHazard
from models.hazard.leads import LEAD_DAYS, N_LEADS, FloatArray, IntArray

# Log-normal priors: no ageing unless the spells say so; a scale between a month and four years.
LOG_SHAPE_DEVIATION = 0.5
SCALE_DAYS = 209.0
LOG_SCALE_DEVIATION = 1.0
_SHAPE = np.exp(LOG_SHAPE_DEVIATION * np.linspace(-4, 4, 41))[:, None, None]
_SCALE = SCALE_DAYS * np.exp(LOG_SCALE_DEVIATION * np.linspace(-4, 4, 81))[:, None]


class Renewal(FeaturelessHazard):
    """How long the rest of a quiet spell lasts, from a day somewhere in it.

    Spells last a Weibull time whose shape and scale are known as far as the
    training rows tell (a posterior on a grid). Their regularity counts, how
    long the present one has lasted does not: of a renewal process that is met
    on a day at random the rest of the spell is forecast, the mean over the
    posterior.

    A spell is a run of as_of days without a gap. It begins and ends half a step
    before its first day and after its last, whose first lead tells whether an
    onset ended it. Of the spell in which the rows begin only the rest is known.

    References
    ----------
    Forward recurrence time: Cox (1962), Renewal Theory, section 5.1.
    """

    @staticmethod
    def _of(X: pd.DataFrame, targets: IntArray, weight: FloatArray) -> FloatArray:
        used = (targets[:, 1] > 0) & (weight > 0)
        days, ended, counts, step = _spells(X.index[used], targets[used], weight[used])
        earlier, later = _survival(days - step / 2), _survival(days + step / 2)
        likelihood = np.where(ended, earlier - later, _survival(days))
        log_weight = np.log(np.maximum(likelihood, np.finfo(float).tiny)) @ counts + _log_prior()
        weights = np.exp(log_weight - log_weight.max())
        ends = LEAD_DAYS * np.arange(N_LEADS + 1.0)
        survival = np.einsum("ij,ijk->k", weights / weights.sum(), _remaining(ends))
        return 1 - survival[1:] / survival[:-1]


def _spells(
    index: pd.Index, targets: IntArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, float]:
    """Return each spell's days, whether it ended and what it counts; and the step of the rows."""
    as_of = pd.DatetimeIndex(index)
    day, first = np.unique((as_of - as_of.min()).days, return_index=True)
    drawn = np.bincount(np.searchsorted(day, (as_of - as_of.min()).days), weights=weight)
    step = float(np.diff(day).min(initial=LEAD_DAYS))
    # Weeks of one spell follow each other; a season and its quiet days lie between two.
    begins = np.flatnonzero(np.diff(day, prepend=-np.inf) > step)
    last = np.append(begins[1:], len(day)) - 1
    lead, known = targets[first[last]].T
    ended = lead == 1
    quiet = LEAD_DAYS * np.where(lead > 0, lead - 1, known)
    days = day[last] - day[begins] + np.where(ended, step, step / 2 + quiet)
    # Rows weigh step / 30 each, so that a month of them weighs 1: so does a spell drawn once.
    counts = np.add.reduceat(drawn, begins) / (last - begins + 1) * LEAD_DAYS / step
    return days, ended, counts, step


def _survival(days: FloatArray) -> FloatArray:
    """Return P(spell > days) on the grid, the rest of it for the first, shape (41, 81, n)."""
    survival = np.exp(-((days / _SCALE) ** _SHAPE))
    survival[..., 0] = _remaining(days[:1])[..., 0]
    return survival


def _remaining(days: FloatArray) -> FloatArray:
    """Return P(rest of a spell > days), met on a day at random, shape (41, 81, n)."""
    return gammaincc(1 / _SHAPE, (days / _SCALE) ** _SHAPE)


def _log_prior() -> FloatArray:
    shape = np.log(_SHAPE[..., 0]) / LOG_SHAPE_DEVIATION
    scale = np.log(_SCALE[:, 0] / SCALE_DAYS) / LOG_SCALE_DEVIATION
    return -0.5 * (shape**2 + scale**2)
