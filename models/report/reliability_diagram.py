"""The reliability diagram: what the forecast probabilities turned out to mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models.answers import State
from models.report.style import BLUE, GREY, blank, inked
from models.verification.scores import consistency_band, reliability_table
from models.vocabulary import Kind

HORIZONS = (30, 60, 90)


def reliability(own: pd.DataFrame, name: str, horizons: Sequence[int] = HORIZONS) -> Figure:
    """Draw observed frequency against forecast probability, recalibrated by CORP."""
    figure = blank(height=4.2)
    shown = shown_horizons(own, horizons)
    for axes, horizon in zip(
        figure.subplots(1, max(len(shown), 1), squeeze=False)[0], shown, strict=False
    ):
        panel(axes, own, horizon)
    figure.axes[0].set_ylabel("observed frequency")
    figure.suptitle(
        f"Reliability of {name}, broad seasons: CORP curve, 90 % band if calibrated, "
        f"forecasts as bars"
    )
    return figure


def reliability_at(own: pd.DataFrame, horizon: int) -> Figure:
    """Draw one horizon's panel as a figure of its own, small enough for a phone."""
    with inked():
        figure = Figure(figsize=(3.3, 3.5), dpi=110, layout="constrained", facecolor="white")
        axes = figure.subplots()
        panel(axes, own, horizon)
        axes.set_ylabel("observed frequency")
    return figure


def shown_horizons(own: pd.DataFrame, horizons: Sequence[int] = HORIZONS) -> list[int]:
    """Return those of the horizons that a hindcast has resolved, or the three shortest it has."""
    resolved = [int(each) for each in _resolved(own)["horizon"].unique() if each.isdigit()]
    return [h for h in horizons if h in resolved] or sorted(resolved)[:3]


def panel(axes: Axes, own: pd.DataFrame, horizon: int) -> None:
    """Draw the CORP curve of one horizon with its consistency band and the forecasts as bars."""
    rows = _resolved(own)
    rows = rows[rows["horizon"] == f"{horizon}"]
    probability, outcome = rows["probability"].to_numpy(), rows["outcome"].to_numpy()
    band = consistency_band(probability, pd.DatetimeIndex(rows["as_of"]), horizon_days=int(horizon))
    axes.fill_between(band["forecast"], band["low"], band["high"], color=GREY, alpha=0.2)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=":")
    table = reliability_table(outcome, probability)
    axes.plot(table["forecast"], table["recalibrated"], color=BLUE, linewidth=1.6)
    axes.hist(
        probability, bins=np.linspace(0, 1, 21).tolist(),
        weights=np.full(len(rows), 0.5 / len(rows)), color=BLUE, alpha=0.25,
    )  # fmt: skip
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="forecast probability")
    axes.set_title(f"{horizon} days (n = {len(rows)})", fontsize=10)


def _resolved(own: pd.DataFrame) -> pd.DataFrame:
    broad = own[(own["kind"] == Kind.BROAD) & (own["state"] == State.AT_RISK)]
    return broad[broad["outcome"].notna()]
