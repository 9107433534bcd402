"""Train, verify and register the altcoin-season forecaster."""

from __future__ import annotations

import signal
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from models.command_line import (
    DATE_FORMATS,
    EPILOG,
    CandidateName,
    ExitCode,
    Progress,
    TrackingOption,
    VersionOption,
    answer,
    as_timestamp,
    clear_errors,
    commit,
    fail,
    now,
    other_command,
    parse_horizons,
    require_writable,
    versions,
    write_table,
)
from models.market_options import (
    CacheDirOption,
    DataDirOption,
    MarketOptions,
    OfflineOption,
    RefreshOption,
    Source,
    SourceOption,
    UniverseOption,
    load_panel,
)

app = typer.Typer(add_completion=True, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True, epilog=EPILOG)
def train(
    context: typer.Context,
    source: SourceOption = Source.reference,
    data_dir: DataDirOption = None,
    offline: OfflineOption = False,
    refresh: RefreshOption = False,
    cache_dir: CacheDirOption = None,
    universe: UniverseOption = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            formats=DATE_FORMATS,
            metavar="YYYY-MM-DD",
            help="Use nothing published after this day. Default: last day of the data.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        list[CandidateName] | None,
        typer.Option(
            metavar="NAME",
            help=f"Candidate: {', '.join(CandidateName)}. Repeat for several. Default: all.",
            show_default=False,
        ),
    ] = None,
    threshold: Annotated[
        float, typer.Option(help="Season index of a broad season, above 50, to 100.")
    ] = 75.0,
    horizons: Annotated[
        str, typer.Option(help="Days ahead to verify, separated by commas, 1 to 390.")
    ] = "30,60,90,180,365",
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything drawn by chance.")] = 0,
    tracking_uri: TrackingOption = "sqlite:///mlflow.db",
    experiment: Annotated[str, typer.Option(help="MLflow experiment.")] = "altcoin-season",
    run_name: Annotated[
        str | None, typer.Option(help="Name of the run in MLflow.", show_default=False)
    ] = None,
    hindcast_out: Annotated[
        Path | None,
        typer.Option(
            help="Write the out-of-sample forecasts here: .parquet or .csv.", show_default=False
        ),
    ] = None,
    report: Annotated[
        bool,
        typer.Option(
            "--report",
            help="Also test events and feature groups, and print the article's claims (a minute).",
        ),
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")] = False,
    version: VersionOption = False,
) -> None:
    """Train the candidates, verify them out of sample, register the best as champion.

    Every refit uses only what was known on its day. The result is a table of
    candidates with their skill; everything else goes to MLflow.
    """
    if other_command(context):
        return
    if not 50 < threshold <= 100:
        raise typer.BadParameter(
            f"--threshold must be above 50 (a partial season's) and at most 100, got {threshold:g}."
        )
    if hindcast_out is not None:
        require_writable("--hindcast-out", hindcast_out, (".parquet", ".csv"))
    options = MarketOptions(source, data_dir, offline, refresh, cache_dir, universe)
    signal.signal(signal.SIGTERM, _interrupt)
    progress = Progress(quiet=quiet)
    with clear_errors():
        progress.say(f"reading {source.value} data")
        clock = now()
        panel = load_panel(options, clock, progress, jobs)
        for problem in panel.provenance.problems:
            progress.tell(f"warning: {problem}")
        progress.say("loading libraries")
        import pandas as pd

        from features.builder import build_features
        from features.flows import missing_flows, missing_flows_text
        from models.candidates import available
        from models.claims import claims
        from models.display import study_text, training_table
        from models.health import provenance_tables
        from models.leads import LIMIT_DAYS
        from models.onset import OnsetDefinition
        from models.report.figures import training_figures
        from models.study import study
        from models.tracking import Provenance, log_training, training_run, ui_command
        from models.training import Settings
        from models.training import train as run_training

        try:
            candidates = available([name.value for name in model or []], threshold)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--model") from error
        settings = Settings(
            candidates=candidates,
            definition=OnsetDefinition(threshold=threshold),
            horizons=parse_horizons(horizons, LIMIT_DAYS),
            seed=seed,
        )
        with training_run(tracking_uri, experiment, run_name):
            training = run_training(
                panel, settings, until=as_timestamp(until), jobs=jobs, progress=progress
            )
            if hindcast_out is not None:
                try:
                    write_table(training.hindcast, hindcast_out)
                except OSError as error:
                    fail(f"--hindcast-out {hindcast_out}: {error}", ExitCode.FAILURE)
            progress.say("testing the article's claims")
            tested = claims(panel, training.settings.definition, training.until)
            found = study(panel, training, tested, jobs, progress) if report else None
            progress.say("logging to MLflow")
            number = log_training(
                training,
                Provenance(panel.source, commit(), versions()),
                training_figures(training),
                {
                    **provenance_tables(panel, clock.normalize()),
                    **(found.tables() if found else {"claims": tested}),
                },
            )
    if flows := missing_flows(build_features(panel, pd.DatetimeIndex([training.until]))):
        typer.echo(f"warning: {missing_flows_text(flows)}", err=True)
    answer(training_table(training))
    if found:
        answer(study_text(found))
    answer(f"Registered as version {number}, alias champion. Compare runs with:")
    answer(f"  {ui_command(tracking_uri)}")


def _interrupt(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    app()
