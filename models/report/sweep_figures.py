"""The picture of a sweep: the specification curve."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from models.formatting import signed
from models.report.style import BLUE, GREY, INK, ORANGE, blank, inked
from models.sweep.influence import varied
from models.sweep.specification import AXES, shown
from models.sweep.summary import DEFAULT

_SKILL = "Brier skill against the base rate\n(higher is better)"
_ROW_INCHES = 0.23
# Beyond these a skill's interval says nothing that a picture could show.
_LOWEST, _HIGHEST = -0.75, 1.0


def specification_curve(table: pd.DataFrame, *, by_chance: float | None = None) -> Figure:
    """Draw the sorted skills with their intervals above, the choices that made them as dots below.

    `by_chance`, drawn as a line, is the skill that the best of as many without any would exceed
    once in twenty times. Simonsohn, Simmons and Nelson (2020),
    https://doi.org/10.1038/s41562-020-0912-z
    """
    ranked = table[table["skill"].notna()].sort_values("skill", kind="stable", ignore_index=True)
    rows = _rows(ranked)
    with inked():
        figure = blank(height=3.4 + _ROW_INCHES * (len(rows) + 1))
        above, below = figure.subplots(
            2, 1, sharex=True, height_ratios=(3.0, max(_ROW_INCHES * (len(rows) + 1), 0.5))
        )
        _draw_skills(above, ranked, by_chance)
        _draw_choices(below, ranked, rows)
    return figure


def _draw_skills(axes: Axes, ranked: pd.DataFrame, by_chance: float | None) -> None:
    rank = np.arange(1, len(ranked) + 1)
    low, high = (ranked[f"skill_{end}"].to_numpy(dtype=float) for end in ("low", "high"))
    skill = ranked["skill"].to_numpy(dtype=float)
    colours = np.where(low > 0, BLUE, GREY)
    axes.vlines(rank, low, high, colors=colours.tolist(), linewidth=1.0, alpha=0.45)
    axes.scatter(rank, skill, s=8, c=colours.tolist(), zorder=3)
    middle = (len(ranked) - 1) // 2
    axes.annotate(
        f"median {signed(float(skill[middle]))}", (rank[middle], skill[middle]), xytext=(0, 34),
        textcoords="offset points", ha="center", arrowprops={"arrowstyle": "-", "color": INK},
    )  # fmt: skip
    default = np.flatnonzero(_is_default(ranked))
    if default.size:
        axes.scatter(rank[default], skill[default], s=42, marker="D", c=ORANGE, zorder=4,
                     label="the program's own definition, logistic")  # fmt: skip
    if by_chance is not None and np.isfinite(by_chance):
        label = "the best of as many without skill: above it once in twenty times"
        axes.axhline(by_chance, color=ORANGE, linewidth=1, linestyle="--", label=label)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", frameon=False)
    axes.axhline(0, color=GREY, linewidth=1)
    bottom = max(np.nanmin(np.append(low, 0.0)), _LOWEST)
    top = min(np.nanmax(np.append(high, 0.1)), _HIGHEST)
    axes.set(ylabel=_SKILL, ylim=(bottom - 0.05, top + 0.1))
    axes.set_title(
        f"{len(ranked)} specifications by their skill, with 90 % intervals "
        f"(blue: the interval lies above 0)"
    )


def _draw_choices(axes: Axes, ranked: pd.DataFrame, rows: list[tuple[str, object]]) -> None:
    place, width = -1.0, float(np.clip(250 / len(ranked), 0.5, 5.0))
    ticks, labels = [], []
    for number, (axis, value) in enumerate(rows):
        # A gap between one choice and the next.
        place += 1.4 if number and axis != rows[number - 1][0] else 1.0
        at = np.flatnonzero(ranked[axis].to_numpy() == value) + 1
        axes.scatter(at, np.full(len(at), place), s=22, marker="|", c=INK, linewidths=width)
        ticks.append(place)
        labels.append(shown(axis, value))
    axes.set_yticks(ticks, labels)
    axes.set(xlabel="specification, from the lowest skill to the highest", ylim=(place + 0.7, -0.7))
    axes.set_xlim(0, len(ranked) + 1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _rows(table: pd.DataFrame) -> list[tuple[str, object]]:
    return [(axis, value) for axis in varied(table) for value in sorted(table[axis].unique())]


def _is_default(table: pd.DataFrame) -> np.ndarray:
    same = np.ones(len(table), dtype=bool)
    for axis in AXES:
        same &= table[axis].to_numpy() == getattr(DEFAULT, axis)
    return same
