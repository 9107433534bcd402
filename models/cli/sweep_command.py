"""A sweep from the command line: what is asked, done, logged and answered."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import typer

from features.market.season import DEFAULT, IndexDefinition, IndexSeries
from features.panel import MarketPanel
from models.cli.errors import answer
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
from models.report.sweep_figures import specification_curve
from models.report.sweep_text import (
    grid_text,
    sentences,
    summary_json,
    sweep_text,
    table_bytes,
    table_text,
)
from models.sweep.material import material, require_embedded
from models.sweep.run import Sweep, carry_out, engine_of
from models.sweep.specification import NAMES, Grid, SpecificationError, grid_of
from models.sweep.store import Store
from models.sweep.summary import Summary, summarise
from models.tracking.store import refuse_foreign
from models.tracking.sweeps import log_sweep
from models.tracking.ui import ui_command


def swept(
    choices: ChoiceOptions,
    market: MarketOptions,
    engine: EngineOptions,
    outputs: SweepOutputOptions,
    jobs: int,
    progress: ProgressLine,
    *,
    deadline: float,
    as_json: bool,
) -> bool:
    """Carry a sweep out, write, answer and log it; return whether it was interrupted."""
    given = {
        name: [getattr(value, "value", value) for value in values]
        for name in NAMES
        if (values := getattr(choices, name))
    }
    horizons = parse_horizons(engine.horizons, LIMIT_DAYS)
    try:
        made = grid_of(given)
        if engine.dry_run:
            answer(grid_text(made, jobs))
            return False
        if not outputs.no_log:
            # A store that cannot be written to is named before the work, not after it.
            refuse_foreign(outputs.tracking_uri, deadline=deadline)
        panel, done = _carried_out(
            made, horizons, market, engine, jobs, progress, deadline=deadline
        )
    except SpecificationError as error:
        raise typer.BadParameter(str(error)) from error
    summary = summarise(done)
    files = _write(done, summary, outputs)
    text = f"{table_text(done)}{sweep_text(done, summary)}"
    answer(summary_json(summary) if as_json else text)
    if done.results and not outputs.no_log:
        progress.step("logging to MLflow")
        progress.step(_log(panel, done, summary, files, outputs))
    return done.interrupted


def _carried_out(
    made: Grid,
    horizons: tuple[int, ...],
    market: MarketOptions,
    options: EngineOptions,
    jobs: int,
    progress: ProgressLine,
    *,
    deadline: float,
) -> tuple[MarketPanel, Sweep]:
    """Read the data and evaluate what is missing."""
    if market.source is not Source.files:
        require_embedded(made.definitions())
    progress.step(f"reading {market.source.value} data")
    panel = load_market(market, now(), progress, jobs, deadline=deadline).whole()
    until = as_timestamp(options.until)
    shared = material(panel, _indices(market, made), made.definitions(), until=until)
    for obstacle, count in made.obstacles.items():
        progress.message(f"{counted(count, 'specification')} left out: {obstacle}.")
    with engine_of(options.backend.value, jobs, options.scheduler) as engine:
        done = carry_out(
            shared,
            made.specifications,
            engine,
            horizons=horizons,
            store=Store(options.store),
            progress=partial(progress, "specifications"),
        )
    if done.resumed:
        progress.step(f"{done.resumed} of them were in {options.store} already")
    return panel, done


def _indices(market: MarketOptions, made: Grid) -> Mapping[IndexDefinition, IndexSeries]:
    others = [definition for definition in made.definitions() if definition != DEFAULT]
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


def _write(sweep: Sweep, summary: Summary | None, outputs: SweepOutputOptions) -> dict[str, bytes]:
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
        files["specification_curve.png"] = picture = png(curve)
        if outputs.curve is not None:
            if outputs.curve.suffix == ".svg":
                words = " ".join(sentences(summary))
                picture = svg(curve, title="specification curve", description=words)
            contents[outputs.curve] = ("--curve", picture)
    write_files(contents)
    return files


def _log(
    panel: MarketPanel,
    sweep: Sweep,
    summary: Summary | None,
    files: Mapping[str, bytes],
    outputs: SweepOutputOptions,
) -> str:
    """Log the sweep to MLflow; return where it can be looked at."""
    note = "\n\n".join(sentences(summary)) if summary else "No specification has a skill."
    title = f"{counted(len(sweep.results), 'specification')}, {time_stamp()[:10]}"
    tags = {
        "source": panel.source, "commit": commit(), "mlflow.note.content": note, **versions(),
    }  # fmt: skip
    log_sweep(
        sweep, summary, files, tags, title,
        tracking_uri=outputs.tracking_uri, experiment=outputs.experiment,
    )  # fmt: skip
    command = ui_command(outputs.tracking_uri)
    return f"Compare specifications with:\n  {command}" if command else "Logged to MLflow."
