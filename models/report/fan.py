"""The panel of the year to come: the chance that a season has begun by each day, with its band."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import matplotlib.dates as mdates
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from models.answers import Answer, State
from models.forecasting.leads import NEAR_DAYS
from models.forecasting.parts import Forecast
from models.formatting import long_day, percent, share_interval
from models.report.style import BLUE, GREY, INK, ORANGE
from models.vocabulary import Kind

# The strongest kind last, so that it lies above; told apart by line as well as by colour.
_STYLES = {Kind.BROAD: (BLUE, "-"), Kind.SUSTAINED: (ORANGE, "--")}
FADED_DAYS = NEAR_DAYS + 90  # the end of the sixth lead
_LABEL_GAP = 0.24
# Share of the width that the words behind the last day take: on a screen, on a phone.
_LABELS = (0.13, 0.3)


def draw_fan(axes: Axes, forecast: Forecast, *, narrow: bool = False) -> None:
    """Draw the chance of a broad and of a sustained onset by each day, with the 90 % band.

    Where the market is at risk the days of the hand-over are shaded: there the process takes over
    from what today's index tells.
    """
    curves = _shown(forecast)
    for kind, answers in curves.items():
        colour, line = _STYLES[kind]
        # On as_of itself nothing has begun yet.
        dates = mdates.date2num(pd.DatetimeIndex([forecast.as_of, *(a.end for a in answers)]))
        low, value, high = (
            [0.0, *(getattr(a, name) or 0.0 for a in answers)]
            for name in ("low", "probability", "high")
        )
        axes.fill_between(dates, low, high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(dates, value, color=colour, linestyle=line, linewidth=1.8)
    ends = {kind: answers[-1] for kind, answers in curves.items()}
    heights = _heights([end.probability or 0.0 for end in ends.values()])
    for (kind, end), height in zip(ends.items(), heights, strict=True):
        axes.annotate(
            f"{kind}\n{percent(end.probability)} by then\n({share_interval(end.low, end.high)})",
            (1 - _LABELS[narrow] + 0.015, height), xycoords="axes fraction", va="center",
            fontsize=8.5, color=_STYLES[kind][0],
        )  # fmt: skip
    if forecast.season.states[Kind.BROAD] is State.AT_RISK:
        first, last = (forecast.as_of + pd.Timedelta(days=days) for days in (NEAR_DAYS, FADED_DAYS))
        axes.axvspan(mdates.date2num(first), mdates.date2num(last), color=GREY, alpha=0.12, lw=0)
    last_day = next(iter(ends.values())).end
    _today(axes, forecast, last_day)
    axes.axvline(mdates.date2num(last_day), color=INK, linewidth=0.8)
    # After the last day there is room for the words.
    end_of_axis = forecast.as_of + (last_day - forecast.as_of) / (1 - _LABELS[narrow])
    axes.set(ylim=(0, 1), xlim=(forecast.as_of, end_of_axis))
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    months = pd.date_range(forecast.as_of, last_day, freq=f"{4 if narrow else 2}MS")
    axes.set_xticks(mdates.date2num(months), [long_day(day).split(" ", 1)[1] for day in months])
    axes.set_title(fan_title(forecast), loc="left", fontsize=9.5, wrap=True)


def _today(axes: Axes, forecast: Forecast, last_day: pd.Timestamp) -> None:
    """Mark today where it lies within the year shown: nothing is known of the days before it."""
    today = forecast.data.today
    if forecast.as_of < today < last_day:
        axes.axvline(mdates.date2num(today), color=INK, linewidth=0.9, linestyle=":")
        axes.annotate(f" today, {long_day(today)}", (mdates.date2num(today), 0.93), fontsize=8.5)


def fan_title(forecast: Forecast) -> str:
    """Return what the panel shows."""
    end = next(iter(_shown(forecast).values()))[-1]
    shaded = (
        "; shaded: where the base process takes over"
        if forecast.season.states[Kind.BROAD] is State.AT_RISK
        else ""
    )
    return (
        f"A broad season begins by {long_day(end.end)} with {percent(end.probability)} (90 % band"
        f"{shaded})"
    )


def describe_fan(forecast: Forecast) -> str:
    """Return what the panel shows for those who do not see it."""
    curves = _shown(forecast)
    ends = "; ".join(
        f"{kind} {percent(answers[-1].probability)}, 90 % interval "
        f"{share_interval(answers[-1].low, answers[-1].high)}"
        for kind, answers in curves.items()
    )
    last = next(iter(curves.values()))[-1].end
    return (
        f"At the bottom, the chance that a season begins by each day of the time to come; by "
        f"{long_day(last)}: {ends}."
    )


def _shown(forecast: Forecast) -> dict[Kind, list[Answer]]:
    return {
        kind: [each for each in forecast.curve if each.kind is kind]
        for kind in _STYLES
        if any(each.kind is kind for each in forecast.curve)
    }


def _heights(values: Sequence[float]) -> list[float]:
    """Return where the labels of lines stand: at the lines' ends, but never on one another."""
    order = sorted(range(len(values)), key=values.__getitem__)
    heights = [min(max(value, _LABEL_GAP / 2), 1 - _LABEL_GAP / 2) for value in values]
    for lower, upper in itertools.pairwise(order):
        heights[upper] = max(heights[upper], heights[lower] + _LABEL_GAP)
    # What was pushed out at the top pushes the ones below it down.
    heights[order[-1]] = min(heights[order[-1]], 1 - _LABEL_GAP / 2)
    for upper, lower in itertools.pairwise(order[::-1]):
        heights[lower] = min(heights[lower], heights[upper] - _LABEL_GAP)
    return heights
