"""Train, verify and register the altcoin-season forecaster."""

from __future__ import annotations

import signal
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

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
    some_text,
    time_stamp,
    user,
    versions,
    write_table,
)
from models.errors import TrackingError
from models.market_options import EMBEDDED, MarketOptions, load_panel, with_market

if TYPE_CHECKING:
    from models.tracking import Record

ReasonOption = Annotated[
    str, typer.Option(callback=some_text, help="Why; shown in MLflow.", show_default=False)
]

app = typer.Typer(add_completion=True, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True, epilog=EPILOG)
@with_market
def train(
    context: typer.Context,
    market: MarketOptions = EMBEDDED,
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
    no_promote: Annotated[
        bool, typer.Option("--no-promote", help="Register as challenger; keep the champion.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")] = False,
    version: VersionOption = False,
) -> None:
    """Train the candidates, verify them out of sample, register the best as champion.

    Every refit uses only what was known on its day. The result is a table of
    candidates with their skill; everything else goes to MLflow. A training on
    other terms than the champion's becomes challenger (docs/mlflow.md).
    """
    if other_command(context):
        return
    if not 50 < threshold <= 100:
        raise typer.BadParameter(
            f"--threshold must be above 50 (a partial season's) and at most 100, got {threshold:g}."
        )
    if hindcast_out is not None:
        require_writable("--hindcast-out", hindcast_out, (".parquet", ".csv"))
    signal.signal(signal.SIGTERM, _interrupt)
    progress = Progress(quiet=quiet)
    with clear_errors():
        progress.say(f"reading {market.source.value} data")
        clock = now()
        panel = load_panel(market, clock, progress, jobs)
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
        from models.study import has_events, study
        from models.tracking import (
            Provenance,
            address,
            compose,
            log_record,
            outcome_text,
            run_title,
            training_run,
            ui_command,
        )
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
        last = as_timestamp(until)
        last = panel.last_day if last is None else min(last, panel.last_day)
        title = run_name or run_title(settings, last, panel.source)
        started = _milliseconds()
        with training_run(tracking_uri, experiment, title, started) as run:
            training = run_training(panel, settings, until=last, jobs=jobs, progress=progress)
            if hindcast_out is not None:
                try:
                    write_table(training.hindcast, hindcast_out)
                except OSError as error:
                    fail(f"--hindcast-out {hindcast_out}: {error}", ExitCode.FAILURE)
            progress.say("testing the article's claims")
            tested = claims(panel, training.settings.definition, training.until)
            eventful = report and has_events(training)
            found = study(panel, training, tested, jobs, progress) if eventful else None
            progress.say("logging to MLflow")
            record = compose(
                training,
                Provenance(panel.source, f"{panel.last_day:%Y-%m-%d}", commit(), versions()),
                training_figures(training),
                {
                    **provenance_tables(panel, clock.normalize()),
                    **(found.tables() if found else {"claims": tested}),
                },
                experiment=experiment,
                title=title,
                run_id=run.run_id,
                started_ms=started,
                finished_ms=_milliseconds(),
            )
            try:
                registered = log_record(record, run, user(), time_stamp(), promote=not no_promote)
            except TrackingError as error:
                _keep(record, error, tracking_uri)
    if flows := missing_flows(build_features(panel, pd.DatetimeIndex([training.until]))):
        progress.tell(f"warning: {missing_flows_text(flows)}")
    if report and not found:
        progress.tell(
            "warning: no onset has followed a resolved forecast of the champion yet: there are no "
            "events to report, only the claims in MLflow."
        )
    answer(training_table(training))
    if found:
        answer(study_text(found))
    answer(outcome_text(registered, tracking_uri))
    if command := ui_command(tracking_uri):
        answer(f"Compare runs with:\n  {command}")
    answer(f"and open\n  {address(tracking_uri, run.experiment_id)}")


@app.command(epilog=EPILOG)
def log(
    file: Annotated[Path, typer.Argument(help="altseason-run-....zip.", show_default=False)],
    tracking_uri: TrackingOption = "sqlite:///mlflow.db",
    no_promote: Annotated[
        bool, typer.Option("--no-promote", help="Register as challenger; keep the champion.")
    ] = False,
) -> None:
    """Log a training that was kept in a file because the store had failed."""
    with clear_errors():
        from models.tracking import log_later, outcome_text, read_record

        registered = log_later(
            read_record(file), tracking_uri, user(), time_stamp(), promote=not no_promote
        )
    answer(outcome_text(registered, tracking_uri))


@app.command("versions", epilog=EPILOG)
def list_(
    tracking_uri: TrackingOption = "sqlite:///mlflow.db",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the versions of the registered model with their skill, the newest first."""
    with clear_errors():
        from models.tracking import list_versions, versions_json, versions_text

        found = list_versions(tracking_uri)
    answer(versions_json(found) if json else versions_text(found))


@app.command(epilog=EPILOG)
def promote(
    version: Annotated[str, typer.Argument(help="Version number.", show_default=False)],
    reason: ReasonOption,
    tracking_uri: TrackingOption = "sqlite:///mlflow.db",
) -> None:
    """Make a version champion by hand."""
    with clear_errors():
        from models.tracking import promote as make_champion
        from models.tracking import promoted_text

        found = make_champion(tracking_uri, version, reason, user(), time_stamp())
    answer(promoted_text(found, "Promoted"))


@app.command(epilog=EPILOG)
def rollback(reason: ReasonOption, tracking_uri: TrackingOption = "sqlite:///mlflow.db") -> None:
    """Make the version champion that was before the present one."""
    with clear_errors():
        from models.tracking import promoted_text
        from models.tracking import rollback as go_back

        found = go_back(tracking_uri, reason, user(), time_stamp())
    answer(promoted_text(found, "Rolled back"))


def _milliseconds() -> int:
    return int(now().timestamp() * 1000)


def _keep(record: Record, error: TrackingError, tracking_uri: str) -> NoReturn:
    """Save a training that the store did not take, and say how to log it later."""
    from models.tracking import keep

    try:
        path = keep(record, Path.cwd())
    except TrackingError as further:
        fail(f"{error}; {further}", ExitCode.FAILURE)
    fail(
        f"{error}. The champion is as before. The training is kept in {path}; log it with\n"
        f"  train.py log {path} --tracking-uri {tracking_uri}",
        ExitCode.FAILURE,
    )


def _interrupt(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    app()
