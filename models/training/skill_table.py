"""Brier skill of every candidate at every horizon, as the cells of one table."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from models.formatting import scored
from models.training.run import Training
from models.verification.hindcast import REFERENCE
from models.vocabulary import Kind


def skill_table(
    training: Training, name_of: Callable[[str], str] = lambda name: name
) -> list[list[str]]:
    """Return Brier skill against climatology, broad seasons out of sample, and its evidence.

    The head: horizons, then all of them together, where the days suffice. Then a row per candidate,
    simplest first, each score with its 90 % interval; then the days and the episodes of them.
    """
    broad = training.verification[training.verification["kind"] == Kind.BROAD]
    over_all = training.integrated[training.integrated["kind"] == Kind.BROAD]
    horizons = list(dict.fromkeys(broad["horizon"]))
    columns = [broad[broad["horizon"] == each].set_index("model") for each in horizons]
    heads = [f"{each} days" if each.isdigit() else "year" for each in horizons]
    if len(over_all):
        columns, heads = [*columns, over_all.set_index("model")], [*heads, "all horizons"]
    rows = [["", *heads]]
    for name in training.forecasters:
        rows.append([name_of(name), *(_cell(column.loc[name], name) for column in columns)])
    for label in ("days", "episodes"):
        # Every candidate has forecast the same days.
        rows.append([label, *(f"{column[label].iloc[0]}" for column in columns)])
    return rows


def _cell(row: pd.Series, name: str) -> str:
    if name == REFERENCE:
        return "reference"
    return scored(*(row[f"brier_skill{end}"] for end in ("", "_low", "_high")))
