"""The panel of the year to come: the chance that a season has begun by each day, with its band."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import matplotlib.dates as mdates
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from models.formatting import long_day, percent, share_interval
from models.outlook.answers import Curve, Outlook
from models.outlook.paths import SUSTAINED
from models.report.style import BLUE, INK, ORANGE
from models.vocabulary import Kind

# The strongest kind last, so that it lies above; told apart by line as well as by colour.
_STYLES = {Kind.BROAD: (BLUE, "-"), SUSTAINED: (ORANGE, "--")}
_LABEL_GAP = 0.24
# Share of the width that the words behind the last day take: on a screen, on a phone.
_LABELS = (0.13, 0.3)


def draw_fan(axes: Axes, outlook: Outlook, *, narrow: bool = False) -> None:
    """Draw the chance of a broad and of a sustained onset by each day, with the 90 % band.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Drawn on.
    outlook : Outlook
        With curves.
    narrow : bool
        Whether it must be readable at the width of a phone.
    """
    curves = _shown(outlook)
    for curve in curves:
        colour, line = _STYLES[curve.kind]
        # On as_of itself nothing has begun yet.
        dates = mdates.date2num(pd.DatetimeIndex([outlook.as_of, *curve.dates]))
        axes.fill_between(dates, (0.0, *curve.low), (0.0, *curve.high), color=colour, alpha=0.18,
                          linewidth=0)  # fmt: skip
        axes.plot(dates, (0.0, *curve.probability), color=colour, linestyle=line, linewidth=1.8)
    for curve, height in zip(curves, _heights([c.probability[-1] for c in curves]), strict=True):
        words = f"{percent(curve.probability[-1])} by then"
        axes.annotate(
            f"{curve.kind}\n{words}\n({share_interval(curve.low[-1], curve.high[-1])})",
            (1 - _LABELS[narrow] + 0.015, height), xycoords="axes fraction", va="center",
            fontsize=8.5, color=_STYLES[curve.kind][0],
        )  # fmt: skip
    last = curves[0].dates[-1]
    axes.axvline(mdates.date2num(last), color=INK, linewidth=0.8)
    # Behind the last day there is room for the words.
    end = outlook.as_of + (last - outlook.as_of) / (1 - _LABELS[narrow])
    axes.set(ylim=(0, 1), xlim=(outlook.as_of, end))
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    months = pd.date_range(outlook.as_of, last, freq=f"{4 if narrow else 2}MS")
    axes.set_xticks(mdates.date2num(months), [long_day(day).split(" ", 1)[1] for day in months])
    axes.set_title(fan_title(outlook), loc="left", fontsize=9.5, wrap=True)


def fan_title(outlook: Outlook) -> str:
    """Return what the panel shows."""
    return f"Chance that a season begins between {long_day(outlook.as_of)} and each day (90 % band)"


def describe_fan(outlook: Outlook) -> str:
    """Return what the panel shows for those who do not see it."""
    curves = _shown(outlook)
    ends = "; ".join(
        f"{curve.kind} {percent(curve.probability[-1])}, 90 % interval "
        f"{share_interval(curve.low[-1], curve.high[-1])}"
        for curve in curves
    )
    return (
        f"At the bottom, the chance that a season begins by each day of the time to come; by "
        f"{long_day(curves[0].dates[-1])}: {ends}."
    )


def _shown(outlook: Outlook) -> list[Curve]:
    return [curve for kind in _STYLES for curve in outlook.curves if curve.kind == kind]


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
