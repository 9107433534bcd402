"""How forecasts did, drawn: the timeline of seasons and their warnings, and reliability."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from models.answers import State
from models.report.style import BLUE, GREEN, GREY, ORANGE, blank, inked
from models.verification.events import before_onsets, contingency
from models.verification.scores import consistency_band, reliability_table
from models.vocabulary import Kind

COLUMNS = 3
_SILENT = "#E8E8E8"
_TICK_DAYS = 30


def event_timeline(
    forecasts: pd.DataFrame,
    onsets: pd.DatetimeIndex,
    *,
    level: float,
    step_days: int,
    days_before: int = 120,
) -> Figure:
    """Draw one panel per onset: the probability on the days before it and the first warning."""
    events = before_onsets(forecasts, onsets, level=level, step_days=step_days)
    if events.empty:
        raise ValueError(
            f"no onset follows the first forecast on {forecasts['as_of'].min():%Y-%m-%d}."
        )
    rows = -(-len(events) // COLUMNS)
    figure = Figure(
        figsize=(10.0, 1.3 + 1.75 * rows), dpi=110, layout="constrained", facecolor="white"
    )
    panels = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, (_, event) in zip(panels, events.iterrows(), strict=False):
        onset = event["onset"]
        _forecasts(axes, forecasts, onset, step_days, days_before)
        axes.axhline(level, color=GREY, linewidth=0.8, linestyle=":")
        for day in onsets[onsets < onset]:
            axes.axvline((day - onset).days, color=ORANGE, linewidth=1.2)
        axes.axvline(0, color=ORANGE, linewidth=3.0, clip_on=False)
        axes.set_title(f"{onset:%Y-%m-%d}", loc="left", fontsize=10, fontweight="bold")
        _first_warning(axes, event, step_days, days_before)
    _axes(panels, len(events), days_before)
    _words(figure, forecasts, onsets, level, step_days)
    return figure


def _forecasts(
    axes: Axes, forecasts: pd.DataFrame, onset: pd.Timestamp, step_days: int, days_before: int
) -> None:
    """Draw the forecasts before one onset, and in grey the weeks in which there was none."""
    # The onset's day is never at risk; one step more than is shown lets the lines come in.
    grid = pd.date_range(forecasts["as_of"].iloc[0], onset, freq=f"{step_days}D", inclusive="left")
    grid = grid[grid >= onset - pd.Timedelta(days=days_before + step_days)]
    table = forecasts.set_index("as_of")[["probability", "base_rate"]].reindex(grid)
    ahead = np.asarray((grid - onset).days)
    axes.plot(ahead, table["base_rate"], color=GREY, linewidth=1.2, linestyle="--")
    axes.plot(ahead, table["probability"], color=BLUE, linewidth=1.6, marker="o", markersize=3)
    risk = ahead[table["probability"].notna().to_numpy()]
    for day in np.setdiff1d(np.arange(-days_before, 0), (risk[:, None] + range(step_days)).ravel()):
        axes.axvspan(day, day + 1, color=_SILENT, linewidth=0)


def _first_warning(axes: Axes, event: pd.Series, step_days: int, days_before: int) -> None:
    """Mark the first warning and how long it stood, and say the lead time in words."""
    lead_days = event["lead_days"]
    if pd.isna(lead_days):
        axes.set_title("no warning", loc="right", fontsize=9, color=GREY)
        return
    start = -min(lead_days, days_before)
    # A warning stands until the next forecast.
    end = (event["last_warning"] - event["onset"]).days + step_days
    axes.axvspan(start, min(end, 0), color=GREEN, alpha=0.15, linewidth=0)
    axes.plot(start, 0.0, marker="^", color=GREEN, markersize=9, clip_on=False, zorder=5)
    unit = "day" if lead_days == 1 else "days"
    lead = f"{lead_days:.0f} {unit} ahead"
    words = f"warned {lead}" if end >= 0 else f"{lead}, withdrawn"
    axes.set_title(words, loc="right", fontsize=9)


def _axes(panels: np.ndarray, used: int, days_before: int) -> None:
    ticks = np.arange(-days_before // _TICK_DAYS * _TICK_DAYS, 1, _TICK_DAYS)
    for number, axes in enumerate(panels):
        axes.set_visible(number < used)
        axes.set(xlim=(-days_before, 0), ylim=(0, 1))
        axes.set_yticks((0, 0.5, 1), ("0 %", "50 %", "100 %"))
        axes.set_xticks(ticks, [str(-tick) if tick else "onset" for tick in ticks])
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        # The lowest panel of each column carries the days, also above an empty place.
        lowest = number + COLUMNS >= used
        axes.tick_params(labelbottom=lowest)
        axes.set_xlabel("days before the onset" if lowest else "", fontsize=9)


def _counts(forecasts: pd.DataFrame, onsets: pd.DatetimeIndex, level: float, step_days: int) -> str:
    """Return hits beside false alarms, so that the panels of onsets do not stand alone."""
    (row,) = contingency(forecasts, onsets, step_days=step_days, levels=(level,)).to_dict("records")
    return (
        f"{100 * level:g} % or more: {row['followed']} of {row['weeks']} resolved weeks were "
        f"followed by an onset; {row['alarms']} alarms, {row['false_alarms']} of them false"
    )


def _words(
    figure: Figure,
    forecasts: pd.DataFrame,
    onsets: pd.DatetimeIndex,
    level: float,
    step_days: int,
) -> None:
    model, kind, horizon = (forecasts[name].iloc[0] for name in ("model", "kind", "horizon_days"))
    figure.suptitle(
        f"What was forecast before each {kind} season began: P(onset within {horizon} days), "
        f"{model}, out of sample\n{_counts(forecasts, onsets, level, step_days)}"
    )
    figure.legend(
        handles=[
            Line2D([], [], color=BLUE, linewidth=1.6, marker="o", markersize=3, label=str(model)),
            Line2D([], [], color=GREY, linewidth=1.2, linestyle="--", label="base rate"),
            Line2D([], [], color=GREY, linewidth=0.8, linestyle=":",
                   label=f"{100 * level:g} % level"),
            Line2D([], [], color=GREEN, marker="^", linestyle="", markersize=9,
                   label="first warning"),
            Line2D([], [], color=ORANGE, linewidth=3.0, label="onset"),
            Patch(color=_SILENT, label="not at risk, or no forecast yet"),
        ],
        loc="outside lower center", ncols=6, frameon=False, fontsize=9,
    )  # fmt: skip


HORIZONS = (30, 60, 90)


def reliability(forecasts: pd.DataFrame, name: str, horizons: Sequence[int] = HORIZONS) -> Figure:
    """Draw observed frequency against forecast probability, recalibrated by CORP."""
    figure = blank(height=4.2)
    shown = shown_horizons(forecasts, horizons)
    for axes, horizon in zip(
        figure.subplots(1, max(len(shown), 1), squeeze=False)[0], shown, strict=False
    ):
        panel(axes, forecasts, horizon)
    figure.axes[0].set_ylabel("observed frequency")
    figure.suptitle(
        f"Reliability of {name}, broad seasons: CORP curve, 90 % band if calibrated, "
        f"forecasts as bars"
    )
    return figure


def reliability_at(forecasts: pd.DataFrame, horizon: int) -> Figure:
    """Draw one horizon's panel as a figure of its forecasts, small enough for a phone."""
    with inked():
        figure = Figure(figsize=(3.3, 3.5), dpi=110, layout="constrained", facecolor="white")
        axes = figure.subplots()
        panel(axes, forecasts, horizon)
        axes.set_ylabel("observed frequency")
    return figure


def shown_horizons(forecasts: pd.DataFrame, horizons: Sequence[int] = HORIZONS) -> list[int]:
    """Return those of the horizons that a hindcast has resolved, or the three shortest it has."""
    resolved = [int(each) for each in _resolved(forecasts)["horizon"].unique() if each.isdigit()]
    return [h for h in horizons if h in resolved] or sorted(resolved)[:3]


def panel(axes: Axes, forecasts: pd.DataFrame, horizon: int) -> None:
    """Draw the CORP curve of one horizon with its consistency band and the forecasts as bars."""
    rows = _resolved(forecasts)
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


def _resolved(forecasts: pd.DataFrame) -> pd.DataFrame:
    broad = forecasts[(forecasts["kind"] == Kind.BROAD) & (forecasts["state"] == State.AT_RISK)]
    return broad[broad["outcome"].notna()]
