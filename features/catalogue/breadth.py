"""Altcoin breadth: season index, carried breadth, dispersion, Bitcoin dominance."""

from __future__ import annotations

from functools import partial

import pandas as pd

from features.catalogue.feature import Feature
from features.panel import SPECS


def newest(values: pd.Series) -> pd.Series:
    """Return the values as they are."""
    return values


def change(values: pd.Series, window: int) -> pd.Series:
    """Return the change over `window` days."""
    return values - values.shift(window)


FEATURES: tuple[Feature, ...] = (
    *(
        Feature(
            name, "breadth", SPECS[name].unit, 0, "days", 0, (name,), SPECS[name].meaning, newest
        )
        for name in (
            "season_index",
            "carried_breadth_30",
            "carried_breadth_60",
            "share_above_50d_mean",
            "median_relative_return",
            "relative_return_dispersion",
            "bitcoin_dominance",
        )
    ),
    *(
        Feature(
            f"{source}_change_{window}", "breadth", "points", window, "days", window, (source,),
            f"change over {window} days of: {SPECS[source].meaning}",
            partial(change, window=window),
        )
        for source, windows in (("season_index", (7, 30, 90)), ("bitcoin_dominance", (30, 90)))
        for window in windows
    ),
)  # fmt: skip
