"""Train, verify and register the altcoin-season forecaster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from models.cli.boundary import Commands, DebugOption, clear_errors
from models.cli.market_options import MarketOptions, load_panel
from models.cli.option_groups import with_groups
from models.cli.options import (
    EPILOG,
    DeadlineOption,
    ProgressLine,
    TrackingOption,
    VersionOption,
    answer,
    now,
    other_command,
    time_stamp,
    user,
)
from models.cli.streams import run, tell
from models.cli.training_options import (
    JobsOption,
    LoggingOptions,
    NoPromoteOption,
    QuietOption,
    ReasonOption,
    TrainingOptions,
)

app = typer.Typer(cls=Commands, add_completion=True, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True, epilog=EPILOG)
@with_groups
def train(
    context: typer.Context,
    *,
    market: MarketOptions,
    training: TrainingOptions,
    logging: LoggingOptions,
    jobs: JobsOption = 2,
    quiet: QuietOption = False,
    debug: DebugOption = False,
    version: VersionOption = False,
) -> None:
    """Train the candidates, verify them out of sample, register the best as champion.

    Every refit uses only what was known on its day. The result is a table of
    candidates with their skill; everything else goes to MLflow. A training on
    other terms than the champion's becomes challenger (docs/mlflow.md).
    """
    if other_command(context):
        return
    progress = ProgressLine(quiet=quiet)
    with clear_errors(logging.deadline):
        progress.step("loading libraries")
        from models.cli.training_command import carry_out, order_of, outcome_lines, warn

        order = order_of(training, logging, jobs)
        progress.step(f"reading {market.source.value} data")
        instant = now()
        panel = load_panel(market, instant, progress, jobs)
        for problem in panel.provenance.problems_on(order.until or panel.last_day):
            progress.message(f"warning: {problem}")
        outcome = carry_out(order, panel, instant, progress)
        warn(order, panel, outcome, progress)
    parts = [part.rstrip("\n") for part in outcome_lines(order, outcome)]
    answer("\n".join(parts), "; the training is logged")


@app.command(epilog=EPILOG)
def log(
    file: Annotated[Path, typer.Argument(help="altseason-run-....zip.", show_default=False)],
    tracking_uri: TrackingOption = "sqlite:///mlflow.db",
    no_promote: NoPromoteOption = False,
    deadline: DeadlineOption = 30.0,
    debug: DebugOption = False,
) -> None:
    """Log a training that was kept in a file because the store had failed."""
    with clear_errors(deadline):
        from models.tracking.listing import outcome_text
        from models.tracking.runs import log_later
        from models.tracking.training_record import read_record

        registered = log_later(
            read_record(file), tracking_uri, user(), time_stamp(), promote=not no_promote
        )
    answer(outcome_text(registered, tracking_uri), "; the training is logged")


@app.command(epilog=EPILOG)
def versions(
    tracking_uri: TrackingOption = "sqlite:///mlflow.db",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    deadline: DeadlineOption = 30.0,
    debug: DebugOption = False,
) -> None:
    """List the versions of the registered model with their skill, the newest first."""
    with clear_errors(deadline):
        from models.tracking.listing import versions_json, versions_text
        from models.tracking.registry import list_versions
        from models.tracking.upkeep import put_right

        for line in put_right(tracking_uri):
            tell(line)
        every = list_versions(tracking_uri)
    answer(versions_json(every) if json else versions_text(every))


@app.command(epilog=EPILOG)
def promote(
    version: Annotated[str, typer.Argument(help="Version number.", show_default=False)],
    reason: ReasonOption,
    tracking_uri: TrackingOption = "sqlite:///mlflow.db",
    deadline: DeadlineOption = 30.0,
    debug: DebugOption = False,
) -> None:
    """Make a version champion by hand."""
    with clear_errors(deadline):
        from models.tracking import registry
        from models.tracking.listing import promoted_text

        champion = registry.promote(tracking_uri, version, reason, user(), time_stamp())
    answer(promoted_text(champion, "Promoted"), "; the champion is another")


@app.command(epilog=EPILOG)
def rollback(
    reason: ReasonOption,
    tracking_uri: TrackingOption = "sqlite:///mlflow.db",
    deadline: DeadlineOption = 30.0,
    debug: DebugOption = False,
) -> None:
    """Make the version champion that was before the present one."""
    with clear_errors(deadline):
        from models.tracking import registry
        from models.tracking.listing import promoted_text

        champion = registry.rollback(tracking_uri, reason, user(), time_stamp())
    answer(promoted_text(champion, "Rolled back"), "; the champion is another")


def main() -> None:
    """Run the command as a process of its own."""
    run(app)


if __name__ == "__main__":
    main()
