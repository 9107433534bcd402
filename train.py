"""Train, verify and register the altcoin-season forecaster."""

from __future__ import annotations

import signal
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from models.cli.market_options import EMBEDDED, MarketOptions, load_panel, with_market
from models.cli.options import (
    DATE_FORMATS,
    EPILOG,
    CandidateName,
    Progress,
    TrackingOption,
    VersionOption,
    answer,
    as_timestamp,
    clear_errors,
    now,
    other_command,
    parse_horizons,
    require_writable,
    some_text,
    time_stamp,
    user,
)

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
        progress.say("loading libraries")
        from models.cli.training_command import Order, carry_out, outcome_lines, warn
        from models.hazard.candidates import available
        from models.hazard.leads import LIMIT_DAYS
        from models.onset import OnsetDefinition
        from models.training.run import Settings

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
        order = Order(
            settings=settings,
            until=as_timestamp(until),
            tracking_uri=tracking_uri,
            experiment=experiment,
            run_name=run_name,
            hindcast_out=hindcast_out,
            report=report,
            promote=not no_promote,
            jobs=jobs,
        )
        progress.say(f"reading {market.source.value} data")
        instant = now()
        panel = load_panel(market, instant, progress, jobs)
        for problem in panel.provenance.problems_on(order.until or panel.last_day):
            progress.tell(f"warning: {problem}")
        outcome = carry_out(order, panel, instant, progress)
        warn(order, panel, outcome, progress)
    for part in outcome_lines(order, outcome):
        answer(part)


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
        from models.tracking.listing import outcome_text
        from models.tracking.record import read_record
        from models.tracking.runs import log_later

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
        from models.tracking.listing import versions_json, versions_text
        from models.tracking.registry import list_versions

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
        from models.tracking.listing import promoted_text
        from models.tracking.registry import promote as make_champion

        found = make_champion(tracking_uri, version, reason, user(), time_stamp())
    answer(promoted_text(found, "Promoted"))


@app.command(epilog=EPILOG)
def rollback(reason: ReasonOption, tracking_uri: TrackingOption = "sqlite:///mlflow.db") -> None:
    """Make the version champion that was before the present one."""
    with clear_errors():
        from models.tracking.listing import promoted_text
        from models.tracking.registry import rollback as go_back

        found = go_back(tracking_uri, reason, user(), time_stamp())
    answer(promoted_text(found, "Rolled back"))


def _interrupt(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    app()
