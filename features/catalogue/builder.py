"""From the panel to the feature frame: one row per as_of day, known at its end."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.catalogue import bitcoin, breadth, eth_btc, flows, momentum, simulated_paths
from features.catalogue.feature import Feature
from features.market.season import daily
from features.panel import MarketPanel, end_of_day

CATALOGUE: tuple[Feature, ...] = (
    *momentum.FEATURES,
    *flows.FEATURES,
    *eth_btc.FEATURES,
    *breadth.FEATURES,
    *bitcoin.FEATURES,
    *simulated_paths.FEATURES,
)
FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in CATALOGUE)

# An observation older than this stands for nothing: the feature is missing.
MAX_AGE_DAYS = 10


def build_features(panel: MarketPanel, days: pd.DatetimeIndex) -> pd.DataFrame:
    """Compute every feature of the catalogue on each as_of day.

    A feature is computed on the observation days that its sources share and
    only then carried to the calendar: each as_of day takes the newest value
    whose inputs were all available at the end of that day, unless it is more
    than ten days old.

    Parameters
    ----------
    panel : MarketPanel
        The market; a series it lacks leaves its features missing.
    days : pandas.DatetimeIndex
        as_of days, sorted.

    Returns
    -------
    pandas.DataFrame
        Index `as_of`, columns `FEATURE_NAMES`, float64; NaN where missing.

    Examples
    --------
    >>> closes = pd.Series([100.0, 110.0], pd.date_range("2025-12-01", periods=2))
    >>> panel = MarketPanel.from_series({"bitcoin": closes}, "example")
    >>> build_features(panel, closes.index)["bitcoin_drawdown"].tolist()
    [0.0, 0.0]
    """
    as_of = days.as_unit("s").rename("as_of")
    return pd.DataFrame(
        {feature.name: _on_days(feature, panel, as_of) for feature in CATALOGUE}, index=as_of
    )


def feature_frame() -> pd.DataFrame:
    """Return the catalogue as a table for docs and reports: one row per feature."""
    columns = ("name", "group", "unit", "window", "step", "warm_up", "sources", "meaning")
    rows = [{column: getattr(feature, column) for column in columns} for feature in CATALOGUE]
    return pd.DataFrame(rows).assign(sources=lambda frame: frame["sources"].str.join(", "))


def _on_days(feature: Feature, panel: MarketPanel, as_of: pd.DatetimeIndex) -> np.ndarray:
    inputs = pd.concat(
        {name: _observed(panel, name, feature) for name in feature.sources}, axis=1, join="inner"
    )
    if inputs.empty:
        return np.full(len(as_of), np.nan)
    published = pd.concat(
        {name: panel.available_at(name) for name in feature.sources}, axis=1, join="inner"
    ).max(axis=1)
    values = feature.compute(*(inputs[name] for name in feature.sources)).reindex(published.index)
    # The newest value available at the end of the day or before: side="right" includes the instant.
    newest = np.searchsorted(published.to_numpy(), end_of_day(as_of).to_numpy(), side="right") - 1
    age = as_of.to_numpy() - values.index.to_numpy()[newest]
    # Before the first value is none (-1), whatever its age; ten days old is not yet too old.
    usable = (newest >= 0) & (age <= np.timedelta64(MAX_AGE_DAYS, "D"))
    return np.where(usable, values.to_numpy(dtype=np.float64)[newest], np.nan)


def _observed(panel: MarketPanel, name: str, feature: Feature) -> pd.Series:
    values = panel.series(name)
    return daily(values) if feature.step == "days" and len(values) else values
