"""From the panel to the feature frame: one row per as_of day, known at its end; and its page."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.catalogue.features import CATALOGUE, Feature
from features.market.season import daily
from features.panel import MarketPanel, end_of_day

# An observation older than this stands for nothing: the feature is missing.
MAX_AGE_DAYS = 10

_INTRODUCTION = """\
# Features

Every feature of a day uses only what was available at the end of that day (24:00 UTC). It is
computed on the sessions or days that its sources share and then carried to the calendar, for at
most ten days. Closes are known at the end of their day, fund figures two business days later.

This page is written by `make docs` from the catalogue in `features/catalogue/features.py`.
"""


def build_features(panel: MarketPanel, days: pd.DatetimeIndex) -> pd.DataFrame:
    """Return every feature of the catalogue on each as_of day: float64, NaN where missing.

    A feature is computed on the observation days that its sources share and only then carried to
    the calendar: each as_of day takes the newest value whose inputs were all available at the end
    of that day, unless it is more than ten days old. A series that the panel lacks leaves its
    features missing.

    >>> closes = pd.Series([100.0, 110.0], pd.date_range("2025-12-01", periods=2))
    >>> panel = MarketPanel.from_series({"bitcoin": closes}, "example")
    >>> build_features(panel, closes.index)["bitcoin_drawdown"].tolist()
    [0.0, 0.0]
    """
    as_of = days.as_unit("s").rename("as_of")
    return pd.DataFrame(
        {feature.name: _on_days(feature, panel, as_of) for feature in CATALOGUE}, index=as_of
    )


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


def feature_frame() -> pd.DataFrame:
    """Return the catalogue as a table for docs and reports: one row per feature."""
    columns = ("name", "group", "unit", "window", "step", "warm_up", "sources", "meaning")
    rows = [{column: getattr(feature, column) for column in columns} for feature in CATALOGUE]
    return pd.DataFrame(rows).assign(sources=lambda frame: frame["sources"].str.join(", "))


def page() -> str:
    """Return docs/features.md: one table per group."""
    parts = [_INTRODUCTION]
    for group, rows in feature_frame().groupby("group", sort=False):
        parts.append(
            f"\n## {group}\n\n| feature | meaning | unit | window | warm-up | from |\n"
            "|---|---|---|---|---|---|\n"
        )
        for row in rows.to_dict("records"):
            window = f"{row['window']} {row['step']}" if row["window"] else "-"
            parts.append(
                f"| `{row['name']}` | {row['meaning']} | {row['unit']} | {window} "
                f"| {row['warm_up']} | {row['sources']} |\n"
            )
    return "".join(parts)
