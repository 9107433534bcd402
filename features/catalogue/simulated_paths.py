"""Features of the simulated paths: the chance of a season by the end of each lead."""

from __future__ import annotations

from features.catalogue.feature import Feature
from features.market.paths import LEAD_ENDS, THRESHOLDS, series_name
from features.panel import SPECS

FEATURES: tuple[Feature, ...] = tuple(
    Feature(
        name, "simulation", "%", 0, "days", 0, (name,), SPECS[name].meaning, lambda values: values
    )
    for name in (series_name(threshold, end) for threshold in THRESHOLDS for end in LEAD_ENDS)
)
