"""The table of a sweep: for a person, for a file, and of what it would try."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping

import pandas as pd

from features.terminal import aligned
from models.formatting import counted, percent, scored
from models.sweep.grid import Grid, seconds_of
from models.sweep.influence import varied
from models.sweep.result import Result
from models.sweep.run import Sweep
from models.sweep.specification import shown

# A longer one is for a file.
_MOST_ROWS = 40


def table_bytes(table: pd.DataFrame, ending: str) -> bytes:
    """Return a table as CSV, Parquet or JSON (one object a row), by a file's ending."""
    if ending == ".parquet":
        content = io.BytesIO()
        table.to_parquet(content, index=False)
        return content.getvalue()
    if ending == ".json":
        # Python's own JSON gives every bit of a number; it has no NaN.
        plain = table.astype(object).where(table.notna(), None).to_dict("records")
        return f"{json.dumps(plain, indent=1, allow_nan=False)}\n".encode()
    return table.to_csv(index=False, lineterminator="\n").encode()


def table_text(sweep: Sweep) -> str:
    """Return the specifications with skill and chance; empty where there are too many to read."""
    if not 0 < len(sweep.results) <= _MOST_ROWS:
        return ""
    axes = varied(sweep.table()) or ["candidate"]
    horizons = sweep.results[0].horizons
    head = ["", *(f"{days} days" for days in horizons), "together",
            f"P({sweep.results[0].year})"]  # fmt: skip
    rows = [head, *(_row(each, axes) for each in sweep.results)]
    return "\n".join([*aligned(rows, "<>"), "", ""])


def _row(result: Result, axes: list[str]) -> list[str]:
    name = ", ".join(shown(axis, getattr(result.specification, axis)) for axis in axes)
    skills = [scored(*each) for each in (*result.skill, result.integrated)]
    return [name, *skills, percent(result.probability)]


def grid_text(made: Grid, kept: Mapping[str, float], jobs: int) -> str:
    """Return the specifications of a grid and the time that they would take.

    Parameters
    ----------
    made : Grid
        What would be tried.
    kept : mapping of str to float
        Mean seconds by candidate that earlier results took here.
    jobs : int
        Processes.
    """
    lines = [str(each) for each in made.specifications]
    lines += [
        f"left out, {counted(n, 'specification')}: {why}" for why, n in made.obstacles.items()
    ]
    timed = [seconds_of(each.candidate, kept) for each in made.specifications]
    known = [seconds for seconds in timed if seconds is not None]
    measured = "as results in the store took" if kept else "as measured when this was built"
    if len(known) < len(timed):
        measured += f"; {len(timed) - len(known)} of a model that was never timed not counted"
    lines.append(
        f"{counted(len(made.specifications), 'specification')}, about "
        f"{_spoken(sum(known) / jobs)} with --jobs {jobs} ({measured})."
    )
    return "\n".join(lines)


def _spoken(seconds: float) -> str:
    if seconds < 90:
        return counted(max(round(seconds), 1), "second")
    return (
        counted(round(seconds / 60), "minute") if seconds < 5400 else f"{seconds / 3600:.1f} hours"
    )
