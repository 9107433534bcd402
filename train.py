"""Train, verify and register the altcoin-season forecaster."""

from __future__ import annotations

from typing import Annotated

import typer

try:
    from models.cli.errors import Commands, DebugOption, answer, clear_errors, run
except ImportError as error:  # another package of that name comes first on the path
    raise SystemExit(
        f"error: another package named 'models' hides this program's ({error}); install altseason "
        "into a virtual environment of its own."
    ) from None

from models.cli.market_options import MarketOptions, load_market
from models.cli.option_groups import with_groups
from models.cli.options import (
    EPILOG,
    STORE,
    DeadlineOption,
    JsonOption,
    ProgressLine,
    TrackingOption,
    VersionOption,
    now,
    other_command,
    time_stamp,
    user,
)
from models.cli.sweep_options import (
    INTERRUPTED,
    ChoiceOptions,
    EngineOptions,
    ManyValues,
    NoProgressOption,
    SweepOutputOptions,
)
from models.cli.training_options import (
    HoldOption,
    JobsOption,
    LoggingOptions,
    QuietOption,
    ReasonOption,
    TrainingOptions,
)
from models.errors import DEADLINE_SECONDS

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
    with clear_errors():
        progress.step("loading libraries")
        from models.cli.training_command import carry_out, order_of, outcome_lines, warn

        order = order_of(training, logging, jobs)
        progress.step(f"reading {market.source.value} data")
        instant = now()
        # Whole, with every simulated week, as a training needs it.
        panel = load_market(
            market, instant, progress, jobs, deadline=logging.deadline, known_by=order.until
        ).whole()
        for problem in panel.provenance.problems_on(order.until or panel.last_day):
            progress.message(f"warning: {problem}")
        outcome = carry_out(order, panel, instant, progress)
        warn(order, panel, outcome, progress)
    parts = [part.rstrip("\n") for part in outcome_lines(order, outcome)]
    answer("\n".join(parts), "; the training is logged")


@app.command(epilog=EPILOG)
def versions(
    tracking_uri: TrackingOption = STORE,
    json: JsonOption = False,
    deadline: DeadlineOption = DEADLINE_SECONDS,
    debug: DebugOption = False,
) -> None:
    """List the versions of the registered model with their skill, the newest first."""
    with clear_errors():
        from models.tracking.versions import list_versions, versions_json, versions_text

        every = list_versions(tracking_uri, deadline=deadline)
    answer(versions_json(every) if json else versions_text(every))


@app.command(epilog=EPILOG)
def promote(
    version: Annotated[str, typer.Argument(help="Version number.", show_default=False)],
    reason: ReasonOption,
    tracking_uri: TrackingOption = STORE,
    hold: HoldOption = False,
    deadline: DeadlineOption = DEADLINE_SECONDS,
    debug: DebugOption = False,
) -> None:
    """Make a version champion by hand."""
    _promote(version, reason, tracking_uri, "Promoted", hold=hold, deadline=deadline)


@app.command(epilog=EPILOG)
def rollback(
    reason: ReasonOption,
    tracking_uri: TrackingOption = STORE,
    hold: HoldOption = False,
    deadline: DeadlineOption = DEADLINE_SECONDS,
    debug: DebugOption = False,
) -> None:
    """Make the previous champion champion again."""
    _promote(None, reason, tracking_uri, "Rolled back", hold=hold, deadline=deadline)


def _promote(
    version: str | None, reason: str, tracking_uri: str, verb: str, *, hold: bool, deadline: float
) -> None:
    with clear_errors():
        from models.tracking.registry import promote, promoted_text

        made = promote(
            tracking_uri, version, reason, user(), time_stamp(), hold=hold, deadline=deadline
        )
    answer(promoted_text(made, verb), "; the champion is another")


@app.command(epilog=EPILOG)
def resume(
    reason: ReasonOption,
    tracking_uri: TrackingOption = STORE,
    deadline: DeadlineOption = DEADLINE_SECONDS,
    debug: DebugOption = False,
) -> None:
    """Let trainings replace a champion again that is held."""
    with clear_errors():
        from models.tracking import registry

        number = registry.resume(tracking_uri, reason, user(), time_stamp(), deadline=deadline)
    answer(f"Version {number} is champion, and the next training on its terms may replace it.")


@app.command(epilog=EPILOG)
def compare(
    first: Annotated[str, typer.Argument(help="Version, alias or run id.", show_default=False)],
    second: Annotated[str, typer.Argument(help="The one beside it.", show_default=False)],
    tracking_uri: TrackingOption = STORE,
    json: JsonOption = False,
    deadline: DeadlineOption = DEADLINE_SECONDS,
    debug: DebugOption = False,
) -> None:
    """Score two models on the days that both were forecast out of sample, with paired intervals."""
    with clear_errors():
        from models.cli.compare_command import compared

        text = compared(tracking_uri, first, second, json=json, deadline=deadline)
    answer(text)


@app.command(cls=ManyValues, epilog=EPILOG)
@with_groups
def sweep(
    *,
    choices: ChoiceOptions,
    market: MarketOptions,
    engine: EngineOptions,
    outputs: SweepOutputOptions,
    jobs: JobsOption = 2,
    no_progress: NoProgressOption = False,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    deadline: DeadlineOption = DEADLINE_SECONDS,
    debug: DebugOption = False,
) -> None:
    """Try every choice: the whole study for each, kept one by one and resumed (docs/sweep.md).

    Without choices: 81 definitions of a season x persistence and logistic.
    """
    progress = ProgressLine(quiet=no_progress)
    with clear_errors():
        progress.step("loading libraries")
        from models.cli.sweep_command import swept

        interrupted = swept(
            choices, market, engine, outputs, jobs, progress, deadline=deadline, as_json=json
        )
    if interrupted:
        raise typer.Exit(INTERRUPTED)


def main() -> None:
    """Run the command as a process of its own."""
    run(app)


if __name__ == "__main__":
    main()
