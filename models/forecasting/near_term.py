"""The hazards of the next 90 days: the forecaster's, with the spread of its replicates."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from models.forecasting.intervals import ByLead
from models.hazard.leads import LEAD_DAYS, FloatArray, lead_hazards
from models.hazard.simulation import INFORMED_LEADS

# The index looks back over 90 days: so far the forecaster answers, the outlook beyond.
NEAR_DAYS = INFORMED_LEADS * LEAD_DAYS
# Odds a factor e ** 30 apart are 0 and 1 for every purpose.
_MOST = 30.0


def near_term_hazards(leads: ByLead) -> FloatArray:
    """Return the hazards of the first three leads by replicate, about the model's own.

    What has been verified is the model, not the mean of its replicates. So the odds of all
    replicates are multiplied by one factor a lead, such that their mean chance of an onset by the
    end of each lead is the model's: no other number for the same question, and no jump at day 90.

    Parameters
    ----------
    leads : ByLead
        What a forecaster says of one row that is at risk.

    Returns
    -------
    numpy.ndarray, shape (replicates, 3)
        P(onset in the lead | none before).
    """
    target = lead_hazards(leads.model)[0, :INFORMED_LEADS]
    return recentred(lead_hazards(leads.replicates)[:, 0, :INFORMED_LEADS], target)


def recentred(hazards: FloatArray, target: FloatArray) -> FloatArray:
    """Multiply the odds of each lead by a factor, so that the mean survival is the target's.

    Parameters
    ----------
    hazards : numpy.ndarray, shape (replicates, leads)
        P(onset in the lead | none before).
    target : numpy.ndarray, shape (leads,)
        Hazards whose survival the mean survival shall follow.

    Returns
    -------
    numpy.ndarray, shape (replicates, leads)

    Examples
    --------
    >>> moved = recentred(np.array([[0.2, 0.1], [0.4, 0.1]]), np.array([0.2, 0.1]))
    >>> [round(float(share), 6) for share in np.cumprod(1 - moved, axis=1).mean(axis=0)]
    [0.8, 0.72]
    """
    moved = np.empty_like(hazards)
    survival = np.ones(len(hazards))
    for lead, wanted in enumerate(target):
        own, weight = hazards[:, lead], survival / survival.sum()

        def shifted(log_factor: float, own: FloatArray = own) -> FloatArray:
            odds = np.exp(log_factor) * own
            return odds / (1 - own + odds)

        def gap(
            log_factor: float, weight: FloatArray = weight, wanted: float = float(wanted)
        ) -> float:
            return float(weight @ shifted(log_factor)) - wanted

        # Without a replicate strictly between 0 and 1 there is nothing to move.
        reachable = gap(-_MOST) < 0 < gap(_MOST)
        moved[:, lead] = shifted(brentq(gap, -_MOST, _MOST)) if reachable else wanted
        survival = survival * (1 - moved[:, lead])
        if not survival.any():
            moved[:, lead + 1 :] = 1.0
            break
    return moved
