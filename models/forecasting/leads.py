"""What a forecaster says of each lead of 30 days, with its replicates; its hazards near the day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import ndtri

from models.hazard.base import THRESHOLD
from models.hazard.forecaster import Forecaster
from models.hazard.leads import LEAD_DAYS, FloatArray, incidence, lead_hazards
from models.hazard.simulation import INFORMED_LEADS, SIMULATED, redrawn
from models.vocabulary import Kind

INTERVAL = (0.05, 0.95)
# The index looks back over 90 days: so far the hazards alone answer, the process joins in beyond.
NEAR_DAYS = INFORMED_LEADS * LEAD_DAYS
# Odds a factor e ** 30 apart are 0 and 1 for every purpose.
_MOST = 30.0
_SEED = 0
_AT_ONCE = 20_000


class Probabilities(NamedTuple):
    """Chances of an onset with the ends of their 90 % intervals, and climatology's.

    Each of shape (n, horizons); NaN where no onset can come next.
    """

    probability: FloatArray
    low: FloatArray
    high: FloatArray
    climatology: FloatArray


class ByLead(NamedTuple):
    """What a forecaster says of each lead of 30 days, whatever the state."""

    model: FloatArray  # (n, 14)
    replicates: FloatArray  # (replicates, n, 14)
    # The same, the calendar quarters that paths are drawn from drawn anew for each: the intervals.
    redrawn: FloatArray
    climatology: FloatArray  # (n, 14)

    def row(self, at: int) -> ByLead:
        """Return what is said of one row."""
        row = slice(at, at + 1)
        return ByLead(
            self.model[row], self.replicates[:, row], self.redrawn[:, row], self.climatology[row]
        )

    def probabilities(self, horizons: Iterable[int], *, at_risk: np.ndarray) -> Probabilities:
        """Return the chances within as many days; the interval is over those redrawn."""
        days = list(horizons)

        def of(values: FloatArray) -> FloatArray:
            return np.where(at_risk[:, None], incidence(values, days), np.nan)

        centre = of(self.model)
        low, high = np.quantile(of(self.redrawn), INTERVAL, axis=0)
        return Probabilities(
            probability=centre,
            low=np.minimum(low, centre),
            high=np.maximum(high, centre),
            climatology=of(self.climatology),
        )


def by_lead(
    forecaster: Forecaster, features: pd.DataFrame, kinds: Sequence[Kind]
) -> dict[Kind, ByLead]:
    """Return what model, replicates and climatology say of each lead, all kinds in one go."""
    thresholds = [forecaster.thresholds[kind] for kind in kinds]
    rows = pd.concat([features] * len(kinds)).assign(
        **{THRESHOLD: np.repeat(thresholds, len(features))}
    )
    model, climatology = (
        each.predict_proba(rows) for each in (forecaster.model, forecaster.climatology)
    )
    replicates, anew = _replicates(forecaster, rows)
    by_kind = {}
    for at, kind in enumerate(kinds):
        of_kind = slice(at * len(features), (at + 1) * len(features))
        by_kind[kind] = ByLead(
            model[of_kind], replicates[:, of_kind], anew[:, of_kind], climatology[of_kind]
        )
    return by_kind


def _replicates(forecaster: Forecaster, rows: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    """Return what the replicates say of rows, and of the rows with the paths' quarters redrawn."""
    models = forecaster.replicates
    if not set(SIMULATED) & set(forecaster.model.feature_names()):
        replicates = np.stack([each.predict_proba(rows) for each in models])
        return replicates, replicates
    # One deviate from each of as many equal parts of the normal law, in an order of their own.
    order = np.random.default_rng(_SEED).permutation(len(models))
    deviates = ndtri((order + 0.5) / len(models))
    said = []
    # All tables of a few thousand rows at once: what they cost is their number, not their rows.
    for part in np.array_split(np.arange(len(models)), 1 + len(models) * len(rows) // _AT_ONCE):
        moved = redrawn(pd.concat([rows] * len(part)), np.repeat(deviates[part], len(rows)))
        both, of_rows = pd.concat([rows, moved]), np.arange(len(rows))
        for at, replicate in enumerate(part, start=1):
            asked = both.iloc[np.append(of_rows, at * len(rows) + of_rows)]
            said.append(models[replicate].predict_proba(asked))
    stacked = np.stack(said)
    return stacked[:, : len(rows)], stacked[:, len(rows) :]


def near_term_hazards(leads: ByLead, replicates: FloatArray) -> FloatArray:
    """Return the hazards of the first three leads by replicate, about the model's, of one row.

    What has been verified is the model, not the mean of its replicates. So the odds of all
    replicates are multiplied by one factor a lead, such that their mean chance of an onset by the
    end of each lead is the model's. Shape (replicates, 3): P(onset in the lead | none before).
    """
    target = lead_hazards(leads.model)[0, :INFORMED_LEADS]
    return recentred(lead_hazards(replicates)[:, 0, :INFORMED_LEADS], target)


def recentred(hazards: FloatArray, target: FloatArray) -> FloatArray:
    """Multiply the odds of each lead by a factor, so that the mean survival is the target's.

    Examples
    --------
    >>> moved = recentred(np.array([[0.2, 0.1], [0.4, 0.1]]), np.array([0.2, 0.1]))
    >>> [round(float(share), 6) for share in np.cumprod(1 - moved, axis=1).mean(axis=0)]
    [0.8, 0.72]
    """
    moved = np.empty_like(hazards)
    survival = np.ones(len(hazards))
    for lead, wanted in enumerate(target):
        before, weight = hazards[:, lead], survival / survival.sum()

        def shifted(log_factor: float, before: FloatArray = before) -> FloatArray:
            odds = np.exp(log_factor) * before
            return odds / (1 - before + odds)

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
