"""A sweep from the command line: what is asked, done, logged and said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import typer

from features.market.season import IndexDefinition, IndexSeries
from features.panel import MarketPanel
from models.cli.market_options import MarketOptions, Source, load_market
from models.cli.options import (
    ProgressLine,
    as_timestamp,
    commit,
    now,
    parse_horizons,
    time_stamp,
    versions,
    write_files,
)
from models.cli.sweep_options import ChoiceOptions, EngineOptions, SweepOutputOptions
from models.formatting import counted
from models.hazard.leads import LIMIT_DAYS
from models.report.style import png, svg
from models.report.sweep_figures import heat_map, specification_curve
from models.report.sweep_tables import grid_text, table_bytes, table_text
from models.report.sweep_text import sentences, summary_json, sweep_text
from models.sweep.grid import DEFAULT_AXES, NAMES, Grid, grid, read_axes
from models.sweep.material import material
from models.sweep.run import (
    Sweep,
    axes_of,
    backend_of,
    carry_out,
    definitions_of,
    others_of,
    require_embedded,
)
from models.sweep.specification import SpecificationError
from models.sweep.store import Store
from models.sweep.summary import Summary, summarise
from models.tracking.sweeps import SweepRecord, log_sweep
from models.tracking.ui import ui_command


@dataclass(frozen=True)
class SweepOrder:
    """What is asked for on the command line."""

    made: Grid
    horizons: tuple[int, ...]
    heat_axes: tuple[str, str] | None


def order_of(
    choices: ChoiceOptions, engine: EngineOptions, outputs: SweepOutputOptions
) -> SweepOrder:
    """Return what the options ask for.

    Raises
    ------
    typer.BadParameter
        If a choice is out of range, or nothing is left of the grid.
    """
    given = {
        name: [getattr(value, "value", value) for value in values]
        for name in NAMES
        if (values := getattr(choices, name))
    }
    try:
        axes: Mapping[str, Any] = {
            **(read_axes(choices.grid) if choices.grid else {}),
            **axes_of(given),
        }
        made = grid(axes or DEFAULT_AXES, sample=choices.sample)
        heat_axes = _heat_axes(outputs.heat_axes)
    except SpecificationError as error:
        raise typer.BadParameter(str(error)) from error
    return SweepOrder(made, parse_horizons(engine.horizons, LIMIT_DAYS), heat_axes)


def _heat_axes(named: tuple[str, str] | None) -> tuple[str, str] | None:
    if named is None:
        return None
    for name in named:
        if name not in NAMES:
            raise SpecificationError(f"--heat-axes are of {', '.join(NAMES)}, got {name!r}.")
    return NAMES[named[0]], NAMES[named[1]]


def dry_run_text(order: SweepOrder, engine: EngineOptions, jobs: int) -> str:
    """Return the specifications, and the time that they would take."""
    kept = Store(engine.store).seconds() if engine.store.exists() else {}
    return grid_text(order.made, kept, jobs)


def carry_out_sweep(
    order: SweepOrder,
    market: MarketOptions,
    engine: EngineOptions,
    jobs: int,
    progress: ProgressLine,
    *,
    deadline: float,
) -> tuple[MarketPanel, Sweep]:
    """Read the data and evaluate what is missing.

    Raises
    ------
    DataError
        If the data do not suffice.
    SweepError
        If the store or the cluster cannot be used.
    typer.BadParameter
        If a window or top is beyond the data.
    """
    try:
        if market.source is not Source.files:
            require_embedded(order.made)
        progress.step(f"reading {market.source.value} data")
        panel = load_market(market, now(), progress, jobs, deadline=deadline).whole()
        shared = material(
            panel,
            _indices(market, order.made),
            definitions_of(order.made),
            until=as_timestamp(engine.until),
        )
    except SpecificationError as error:
        raise typer.BadParameter(str(error)) from error
    for obstacle, count in order.made.obstacles.items():
        progress.message(f"{counted(count, 'specification')} left out: {obstacle}.")
    with backend_of(engine.backend.value, jobs, engine.scheduler) as backend:
        done = carry_out(
            shared,
            order.made.specifications,
            backend,
            horizons=order.horizons,
            store=Store(engine.store),
            progress=partial(progress, "specifications"),
        )
    if done.resumed:
        progress.step(f"{done.resumed} of them were in {engine.store} already")
    return panel, done


def _indices(market: MarketOptions, made: Grid) -> Mapping[IndexDefinition, IndexSeries]:
    others = others_of(made)
    if not others:
        return {}
    if market.source is Source.files:
        from features.sources.directory import load_index_series

        assert market.data_dir is not None
        return load_index_series(market.data_dir, others, until=now().normalize())
    if market.source.live:
        raise SpecificationError(
            "windows and tops other than the default's need --source reference or --source files: "
            "live prices continue the default's index alone."
        )
    from features.reference.load import load_definitions

    return load_definitions()


def write_outputs(
    order: SweepOrder, sweep: Sweep, summary: Summary | None, outputs: SweepOutputOptions
) -> dict[str, bytes]:
    """Write the files asked for; return all that a sweep leaves, by file name."""
    table = sweep.table()
    files = {
        "specifications.csv": table_bytes(table, ".csv"),
        "summary.json": summary_json(summary).encode(),
    }
    contents: dict[Path, tuple[str, bytes]] = {}
    if outputs.out is not None:
        contents[outputs.out] = ("--out", table_bytes(table, outputs.out.suffix))
    if summary is not None:
        curve = specification_curve(table, by_chance=summary.by_chance.high)
        drawn = {
            "specification_curve": (curve, "--curve", outputs.curve),
            "heat_map": (heat_map(table, order.heat_axes), "--heat-map", outputs.heat_map),
        }
        for name, (figure, option, path) in drawn.items():
            if figure is None:
                continue
            files[f"{name}.png"] = png(figure)
            if path is not None:
                words = " ".join(sentences(summary))
                content = (
                    files[f"{name}.png"]
                    if path.suffix == ".png"
                    else svg(figure, title=name.replace("_", " "), description=words)
                )
                contents[path] = (option, content)
    write_files(contents)
    return files


def log(
    panel: MarketPanel,
    sweep: Sweep,
    summary: Summary | None,
    files: Mapping[str, bytes],
    outputs: SweepOutputOptions,
    started: pd.Timestamp,
) -> str:
    """Log the sweep to MLflow; return where it can be looked at.

    Raises
    ------
    TrackingError
        If the store fails; the results are in the sweep's own file all the same.
    """
    note = "\n\n".join(sentences(summary)) if summary else "No specification has a skill."
    record = SweepRecord(
        sweep=sweep,
        summary=summary,
        note=note,
        files=files,
        tags={"source": panel.source, "commit": commit(), **versions()},
        title=f"{counted(len(sweep.results), 'specification')}, {time_stamp()[:10]}",
        started_ms=_milliseconds(started),
        finished_ms=_milliseconds(now()),
    )
    log_sweep(record, outputs.tracking_uri, outputs.experiment)
    command = ui_command(outputs.tracking_uri)
    return f"Compare specifications with:\n  {command}" if command else "Logged to MLflow."


def summary_of(sweep: Sweep) -> Summary | None:
    """Return what a sweep says."""
    return summarise(sweep)


def answer_of(sweep: Sweep, summary: Summary | None, *, as_json: bool) -> str:
    """Return what is printed: the sweep in words and a short table, or its summary as JSON."""
    if as_json:
        return summary_json(summary)
    return f"{table_text(sweep)}{sweep_text(sweep, summary)}"


def _milliseconds(instant: pd.Timestamp) -> int:
    return int(instant.timestamp() * 1000)
