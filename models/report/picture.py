"""The picture of a forecast: the season index, what was and is forecast, the year to come."""

from __future__ import annotations

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from models.forecasting.parts import Forecast
from models.forecasting.past import OutOfSample
from models.formatting import counted, long_day, percent, share_interval
from models.report import words
from models.report.fan import describe_fan, draw_fan
from models.report.style import BLUE, GREY, INK, ORANGE, freeze, inked
from models.verification.events import WARNING_LEVEL

SIZE, NARROW = (10.0, 6.4), (4.4, 6.4)
FAN_INCHES = 2.9
_RATIOS = (1.0, 1.3, 1.3)
FAMOUS_YEARS = (2017, 2021)


def draw(
    past: OutOfSample,
    forecast: Forecast,
    *,
    since: pd.Timestamp | None = None,
    narrow: bool = False,
) -> Figure:
    """Draw seasons and onsets, below them the probability of an onset, and the year to come.

    `since` is the first day shown, by default that of the first out-of-sample forecast; `narrow`
    is for the width of a phone.
    """
    first = _first(past, since)
    width, height = NARROW if narrow else SIZE
    with inked():
        figure = Figure(
            figsize=(width, height + FAN_INCHES), dpi=110, layout="constrained", facecolor="white"
        )
        above, below, ahead = figure.subplots(3, 1, height_ratios=_RATIOS)
        _record(above, below, past, first, narrow=narrow)
        draw_fan(ahead, forecast, narrow=narrow)
        freeze(figure)
    return figure


def _record(
    above: Axes, below: Axes, past: OutOfSample, first: pd.Timestamp, *, narrow: bool
) -> None:
    """Draw the index and the probabilities of past days and of the last one."""
    above.sharex(below)
    above.tick_params(labelbottom=False)
    _index(above, past, first)
    _probability(below, past, first)
    for axes in (above, below):
        for day in past.onsets[past.onsets >= first]:
            axes.axvline(mdates.date2num(day), color=ORANGE, linewidth=0.9, alpha=0.8)
    last = past.now.index[0]
    # Room after the last day for its marker and interval.
    end = last + (last - first) * 0.02
    below.set_xlim(mdates.date2num(first), mdates.date2num(end))
    _dates(below, (last - first).days, most=5 if narrow else 10)
    below.legend(
        *_legend(below), loc="upper center", bbox_to_anchor=(0.5, -0.12), frameon=False,
        fontsize=8.5, ncols=1 if narrow else 2,
    )  # fmt: skip


def title(past: OutOfSample) -> str:
    """Return what the picture shows, in a line."""
    return f"Chance that a broad altcoin season begins within {past.horizon_days} days"


def describe(past: OutOfSample, forecast: Forecast, *, since: pd.Timestamp | None = None) -> str:
    """Return what the picture shows for those who do not see it."""
    first, now = _first(past, since), past.now.iloc[0]
    onsets = past.onsets[past.onsets >= first]
    last = long_day(past.now.index[0])
    chance = (
        f"no forecast, {past.reason}"
        if pd.isna(now["probability"])
        else f"{percent(now['probability'])}, 90 % interval "
        f"{share_interval(now['low'], now['high'])}, base rate {percent(now['base_rate'])}"
    )
    parts = [
        f"Above, the season index from {long_day(first)} to {last}, where it is "
        f"{past.index.iloc[-1]:.0f}; {counted(len(onsets), 'broad season')} began (index "
        f"{past.threshold:g} or more). Below, the out-of-sample probability that one "
        f"begins within {past.horizon_days} days, beside the base rate; on {last}: {chance}.",
        words.alarm_statement(forecast.evidence.alarms),
        describe_fan(forecast),
    ]
    return " ".join(filter(None, parts))


def draw_index(axes: Axes, index: pd.Series, threshold: float) -> None:
    """Draw the season index, the threshold of a broad season, and such seasons shaded."""
    axes.plot(index.index, index, color=GREY, linewidth=0.9)
    axes.axhline(threshold, color=GREY, linewidth=0.8, linestyle=":")
    axes.fill_between(
        index.index, threshold, index, where=index >= threshold, color=ORANGE, alpha=0.5,
        linewidth=0,
    )  # fmt: skip
    axes.set(ylabel="season index", ylim=(0, 100))


def _first(past: OutOfSample, since: pd.Timestamp | None) -> pd.Timestamp:
    return past.begins() if since is None else max(since, past.index.index[0])


def _index(axes: Axes, past: OutOfSample, first: pd.Timestamp) -> None:
    draw_index(axes, past.index.loc[first:], past.threshold)
    shown = past.onsets[past.onsets >= first]
    axes.set_title(
        f"{counted(len(shown), 'broad season')} (index {past.threshold:g} or more, shaded) began "
        f"since {first.year}",
        loc="left", fontsize=9.5, wrap=True,
    )  # fmt: skip
    for year in FAMOUS_YEARS:
        # The first onset of a year that people remember as an altcoin season.
        if len(famous := shown[shown.year == year]):
            # Within the season, where the index is far above.
            axes.annotate(f" {year}", (mdates.date2num(famous[0]), 40), fontsize=8.5)


def _probability(axes: Axes, past: OutOfSample, first: pd.Timestamp) -> None:
    hindcast, since, now = (
        past.hindcast.loc[first:],
        past.since.loc[first:],
        past.now,
    )
    if len(hindcast):
        axes.plot(
            hindcast.index, hindcast["probability"], color=BLUE, linewidth=1.4,
            label=f"{past.model}, by the models of the time (out of sample)",
        )  # fmt: skip
    until = long_day(past.trained_until)
    if len(since):
        axes.plot(since.index, since["probability"], color=BLUE, linewidth=1.4, linestyle="-.",
                  label=f"the model trained until {until} (out of sample)")  # fmt: skip
        axes.fill_between(since.index, since["low"], since["high"], color=BLUE, alpha=0.2,
                          linewidth=0, label="its 90 % interval")  # fmt: skip
    base = pd.concat([table["base_rate"] for table in (hindcast, since, now)])
    axes.plot(base.index, base, color=GREY, linewidth=1.2, linestyle="--",
              label="base rate")  # fmt: skip
    _alarms(axes, past, first)
    _now(axes, past)
    axes.set(ylim=(0, 1))
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.set_title(
        f"{title(past)} (gaps: in season, or quiet for too short a time)",
        loc="left", fontsize=9.5, wrap=True,
    )  # fmt: skip


def _alarms(axes: Axes, past: OutOfSample, first: pd.Timestamp) -> None:
    """Mark the weeks at the level of an alarm by what came of them."""
    forecasts = past.resolved()
    shown = forecasts[(forecasts["as_of"] >= first) & (forecasts["probability"] >= WARNING_LEVEL)]
    if shown.empty:
        return
    axes.axhline(WARNING_LEVEL, color=GREY, linewidth=0.8, linestyle=":")
    for outcome, marker, colour, what in (
        (1.0, "o", BLUE, "a season followed in time"), (0.0, "x", INK, "none did: false alarm"),
    ):  # fmt: skip
        weeks = shown[shown["outcome"] == outcome]
        axes.plot(weeks["as_of"], weeks["probability"], linestyle="", marker=marker, markersize=4.5,
                  color=colour, label=f"{percent(WARNING_LEVEL)} or more, {what} "
                  f"({counted(len(weeks), 'week')})")  # fmt: skip


def _now(axes: Axes, past: OutOfSample) -> None:
    """Mark the forecast of the last day with its interval, hollow if it is in sample."""
    day, now = past.now.index[0], past.now.iloc[0]
    if np.isnan(now["probability"]):
        axes.plot([], [], linestyle="", marker="x", color=BLUE,
                  label=f"no forecast on {long_day(day)}")  # fmt: skip
        return
    reach = np.array([[now["probability"] - now["low"]], [now["high"] - now["probability"]]])
    sample = "in sample" if past.in_sample else "90 % interval"
    axes.errorbar(
        [day], [now["probability"]], yerr=reach, color=BLUE, capsize=3, linewidth=1.6, markersize=6,
        fmt="o", markerfacecolor="none" if past.in_sample else BLUE, zorder=5,
        label=f"{long_day(day)}: {percent(now['probability'])} ({sample} "
        f"{share_interval(now['low'], now['high'])})",
    )  # fmt: skip


def _dates(axes: Axes, days: int, most: int) -> None:
    """Label years, months or weeks, whichever fit."""
    locator: mdates.DateLocator
    if days > 3 * 365:
        locator, form = mdates.YearLocator(-(-days // (365 * most))), "%Y"
    elif days > 120:
        locator, form = mdates.MonthLocator(interval=-(-days // (30 * most))), "%b %Y"
    else:
        locator, form = mdates.DayLocator(interval=-(-days // most) or 1), "%d %b"
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(mdates.DateFormatter(form))


def _legend(axes: Axes) -> tuple[list[Artist], list[str]]:
    handles, labels = axes.get_legend_handles_labels()
    return [*handles, axes.plot([], [], color=ORANGE, linewidth=0.9)[0]], [*labels, "onset"]
