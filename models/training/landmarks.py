"""The rows to learn from and to forecast: every seventh day at risk, at every threshold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from features.catalogue.frame import build_features
from features.panel import DataError, MarketPanel
from models.hazard.base import THRESHOLD
from models.season.definition import OnsetDefinition
from models.season.labels import label
from models.verification.hindcast import NO_KIND, Landmarks

FIRST_DAY = pd.Timestamp("2014-07-01")
STEP_DAYS = 7
# Below 50 half of the coins lag Bitcoin, which nobody calls a season; above 85 the onsets are few.
POOLED = tuple(float(threshold) for threshold in range(50, 90, 5))


def landmarks(panel: MarketPanel, index: pd.Series, definition: OnsetDefinition) -> Landmarks:
    """Build the at-risk rows of every seventh day from 2014-07-01, for every threshold.

    Both kinds of season are rows to forecast. The thresholds 50, 55, ..., 85 are rows to learn from
    besides, if both kinds lie within them: more onsets, of the same market.
    """
    return landmarks_of(build_features(panel, grid_days(index)), index, definition, panel.source)


def grid_days(index: pd.Series) -> pd.DatetimeIndex:
    """Return every seventh day from 2014-07-01 to the last day of an index."""
    return pd.date_range(FIRST_DAY, index.index[-1], freq=f"{STEP_DAYS}D", unit="s")


def landmarks_of(
    features: pd.DataFrame, index: pd.Series, definition: OnsetDefinition, source: str
) -> Landmarks:
    """Build the at-risk rows of `landmarks` from the features of the grid's days."""
    days = pd.DatetimeIndex(features.index)
    frames, outcomes = [], []
    for kind, variant in _definitions(definition):
        labelled = label(index, days, variant)
        at_risk = labelled["at_risk"].to_numpy()
        frames.append(features[at_risk].assign(**{THRESHOLD: variant.threshold}))
        outcomes.append(labelled[at_risk].assign(kind=kind))
    X, outcome = pd.concat(frames), pd.concat(outcomes)
    if X.empty:
        raise DataError(f"{source}: no day from {FIRST_DAY:%Y-%m-%d} on is at risk.")
    return Landmarks(
        X=X,
        kind=outcome["kind"].to_numpy(dtype=str),
        days_to_onset=outcome["days_to_onset"].to_numpy(dtype=float),
        days_known=outcome["days_known"].to_numpy(dtype=np.int64),
        step_days=STEP_DAYS,
    )


def _definitions(definition: OnsetDefinition) -> list[tuple[str, OnsetDefinition]]:
    """Return each kind of season with its definition, then the further thresholds, of no kind."""
    kinds = definition.by_kind()
    taken = [variant.threshold for variant in kinds.values()]
    further: list[float] = []
    if POOLED[0] <= min(taken) and max(taken) <= POOLED[-1]:
        further = [threshold for threshold in POOLED if threshold not in taken]
    pooled = [(NO_KIND, replace(definition, threshold=threshold)) for threshold in further]
    return [*kinds.items(), *pooled]
