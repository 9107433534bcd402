"""The comparison of two models on their common days, as text and as JSON."""

from __future__ import annotations

from typing import Any

import pandas as pd

from features.terminal import aligned
from models.formatting import finite, interval, signed
from models.vocabulary import Kind, Verdict

SCHEMA = "altseason.comparison/1"
_HEADS = ("horizon", "first", "second", "difference", "90 % interval", "", "days", "episodes")
_WORDS = {
    Verdict.BETTER: "first better",
    Verdict.WORSE: "second better",
    Verdict.CANNOT_TELL: "not told apart",
}


def paired_text(table: pd.DataFrame, first: str, second: str) -> str:
    """Return a comparison for a terminal.

    Parameters
    ----------
    table : pandas.DataFrame
        From `models.verification.skill.paired_scores`.
    first, second : str
        What the two are called.
    """
    lines = [
        f"first:  {first}",
        f"second: {second}",
        "Brier skill of each against the base rate on the days that both were forecast out of",
        "sample, and the difference of their Brier scores (first - second, negative where the",
        "first is better) with its paired 90 % interval",
    ]
    for kind in table["kind"].unique():
        rows: list[tuple[str, ...]] = [_HEADS]
        rows += [_row(row) for _, row in table[table["kind"] == kind].iterrows()]
        lines += ["", f"{Kind(kind)} seasons", *aligned(rows, "<>>>>>>>")]
    return "\n".join(lines)


def paired_json(table: pd.DataFrame, first: str, second: str) -> dict[str, Any]:
    """Return a comparison under the schema `altseason.comparison/1`; all horizons are null."""
    numbers = ("first_skill", "second_skill", "difference", "difference_low", "difference_high")
    rows = [
        {
            "kind": row["kind"],
            "horizon_days": None if pd.isna(row["horizon"]) else int(row["horizon"]),
            "days": int(row["days"]),
            "episodes": int(row["episodes"]),
            **finite({name: float(row[name]) for name in numbers}),
            "verdict": row["verdict"],
        }
        for _, row in table.iterrows()
    ]
    return {"schema": SCHEMA, "first": first, "second": second, "rows": rows}


def _row(row: pd.Series) -> tuple[str, ...]:
    whole = pd.isna(row["horizon"])
    return (
        "all" if whole else f"{row['horizon']} days",
        signed(row["first_skill"]),
        signed(row["second_skill"]),
        signed(row["difference"], 3),
        interval(row["difference_low"], row["difference_high"])
        if pd.isna(row["difference_low"])
        else f"[{signed(row['difference_low'], 3)}, {signed(row['difference_high'], 3)}]",
        _WORDS[row["verdict"]],
        str(row["days"]),
        str(row["episodes"]),
    )
