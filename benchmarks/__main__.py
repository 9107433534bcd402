"""``python -m benchmarks``: measure and print."""

from __future__ import annotations

import os
import platform
import tempfile
from enum import StrEnum
from json import dumps
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Annotated, Any

import pandas as pd
import typer

from benchmarks.tasks import TASKS, TINY, Bench, Sizes

SCHEMA = "altseason.benchmarks/1"
TaskName = StrEnum("TaskName", [*TASKS])  # type: ignore[misc]  # quickest first


def measure(name: str, bench: Bench, repeat: int) -> list[dict[str, Any]]:
    """Return a task's rows: seconds of each run, their median and its ratio to the first row's.

    The rows take turns, so that a machine that slows down slows all of them; a
    first round warms up and is not counted.
    """
    rows = list(TASKS[name](bench))
    seconds: dict[str, list[float]] = {row: [] for row, _ in rows}
    warm_up = 0 if name == "training" else 1
    for turn in range(warm_up + repeat):
        for row, run in rows:
            begin = perf_counter()
            run()
            if turn >= warm_up:
                seconds[row].append(perf_counter() - begin)
    first = median(seconds[rows[0][0]])
    return [
        {"task": name, "row": row, "median": median(runs), "minimum": min(runs),
         "ratio": median(runs) / first, "seconds": runs}
        for row, runs in seconds.items()
    ]  # fmt: skip


def main(
    data_dir: Annotated[
        Path | None, typer.Option(help="Market history to measure with.", show_default=False)
    ] = None,
    only: Annotated[
        list[TaskName] | None,
        typer.Option(help="Task; repeat for several. Default: all.", show_default=False),
    ] = None,
    repeat: Annotated[int, typer.Option(min=1, help="Runs of each row.")] = 5,
    tiny: Annotated[bool, typer.Option("--tiny", help="Sizes that prove nothing, fast.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure how long the program takes."""
    results = []
    for name in only or TaskName:
        typer.echo(f"measuring {name}", err=True)
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(Path(folder), TINY if tiny else Sizes(), data_dir)
            results += measure(str(name), bench, repeat)
    machine = {"python": platform.python_version(), "system": platform.platform(),
               "processors": os.cpu_count()}  # fmt: skip
    if json:
        typer.echo(dumps({"schema": SCHEMA, "machine": machine, "results": results}, indent=2))
        return
    shown = pd.DataFrame(results).assign(runs=[len(each["seconds"]) for each in results])
    typer.echo(shown.drop(columns="seconds").to_string(index=False, float_format="{:.3f}".format))
    typer.echo(", ".join(f"{name} {value}" for name, value in machine.items()))


if __name__ == "__main__":
    typer.run(main)
