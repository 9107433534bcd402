"""Leads of 30 days: targets, person-period expansion, cumulative incidence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEAD_DAYS = 30
N_LEADS = 13
LIMIT_DAYS = LEAD_DAYS * N_LEADS

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class PersonPeriods(NamedTuple):
    """One entry per as_of row and lead in which the row was still at risk and resolved."""

    row: IntArray  # position
    lead: IntArray  # 1..13
    onset: IntArray  # 0 or 1


def lead_targets(days_to_onset: ArrayLike, days_known: ArrayLike) -> IntArray:
    """Turn days to the next onset (NaN if unseen) and days known after as_of into targets to fit.

    They have the shape (n, 2), int64: column 0 is the lead of the onset, 1..13, or 0 if none fell
    in a known lead; column 1 the number of leads known, 0..13. A lead counts as known only when its
    last day is: an onset seen early in an unfinished lead would else enter while its quiet
    neighbours could not, and the newest training rows would all be onsets.

    Examples
    --------
    >>> lead_targets([31.0, 31.0, np.nan], [59, 60, 400]).tolist()
    [[0, 1], [2, 2], [0, 13]]
    """
    known = np.clip(np.asarray(days_known) // LEAD_DAYS, 0, N_LEADS).astype(np.int64)
    # Day 30 belongs to lead 1, day 31 to lead 2: windows are (start, end].
    lead = np.ceil(np.nan_to_num(np.asarray(days_to_onset, dtype=float)) / LEAD_DAYS)
    return np.column_stack([np.where(lead <= known, lead, 0).astype(np.int64), known])


def censor(targets: IntArray, leads_known: ArrayLike) -> IntArray:
    """Return the targets of `lead_targets` as they were when fewer leads of each row were known."""
    known = np.minimum(targets[:, 1], np.asarray(leads_known))
    return np.column_stack([np.where(targets[:, 0] <= known, targets[:, 0], 0), known])


def expand(targets: IntArray) -> PersonPeriods:
    """Expand rows into person-periods: van Houwelingen's landmark super-model.

    A row of targets contributes each known lead up to and including the one of its onset.

    References
    ----------
    van Houwelingen (2007), https://doi.org/10.1111/j.1467-9469.2006.00529.x

    Examples
    --------
    >>> expand(np.array([[2, 5], [0, 1]])).onset.tolist()
    [0, 1, 0]
    """
    onset_lead, known = targets[:, 0], targets[:, 1]
    periods = np.where(onset_lead > 0, onset_lead, known)
    row = np.repeat(np.arange(len(targets)), periods)
    lead = np.arange(periods.sum()) - np.repeat(np.cumsum(periods) - periods, periods) + 1
    return PersonPeriods(row, lead, (lead == onset_lead[row]).astype(np.int64))


def lead_probabilities(hazards: FloatArray) -> FloatArray:
    """Turn hazards, shape (..., 13), into the probability that the onset falls in each lead.

    The shape returned is (..., 14): leads 1..13, then no onset within them; it sums to 1.
    """
    survival = np.cumprod(1 - hazards, axis=-1)
    start = np.ones_like(survival[..., :1])
    before = np.concatenate([start, survival[..., :-1]], axis=-1)
    return np.concatenate([before * hazards, survival[..., -1:]], axis=-1)


def lead_hazards(probabilities: FloatArray) -> FloatArray:
    """Return the hazards, shape (..., 13), that give probabilities: `lead_probabilities` undone.

    A hazard is 0 where nothing survives to its lead.
    """
    onset = probabilities[..., :N_LEADS]
    remaining = np.flip(np.cumsum(np.flip(probabilities, axis=-1), axis=-1), axis=-1)[..., :N_LEADS]
    return np.divide(onset, remaining, out=np.zeros_like(onset), where=remaining > 0)


def incidence(probabilities: FloatArray, horizons: ArrayLike) -> FloatArray:
    """Return P(onset within each of m horizons), shape (..., m), not falling with the horizon.

    It comes from the probabilities per lead, shape (..., 14) as of `predict_proba`; horizons are
    days ahead in [1, 390]. Between the ends of two leads the survival is interpolated at constant
    hazard.

    ValueError if a horizon is out of range.

    Examples
    --------
    >>> certain = np.zeros((1, 14)); certain[0, 0] = 1.0
    >>> incidence(certain, [30, 365]).tolist()
    [[1.0, 1.0]]
    """
    days = np.asarray(horizons, dtype=np.int64)
    if days.size and (days.min() < 1 or days.max() > LIMIT_DAYS):
        wrong = int(days[(days < 1) | (days > LIMIT_DAYS)][0])
        raise ValueError(f"horizon must be from 1 to {LIMIT_DAYS} days, got {wrong}.")
    by_lead = np.clip(np.cumsum(probabilities[..., :N_LEADS], axis=-1), 0.0, 1.0)
    survival = 1 - np.concatenate([np.zeros_like(by_lead[..., :1]), by_lead], axis=-1)
    # Day 30 is the end of lead 1 and the start of nothing yet: a whole number of leads needs
    # no interpolation, so the last lead's end stays inside the array.
    lead = np.minimum(days // LEAD_DAYS, N_LEADS - 1)
    share = (days - lead * LEAD_DAYS) / LEAD_DAYS
    start, end = survival[..., lead], survival[..., lead + 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = start * np.where(start > 0, end / start, 1.0) ** share
    return 1 - np.where(share == 0, start, inside)
