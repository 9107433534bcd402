"""A training from the command line: what is asked, done, logged and answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import typer

from features.catalogue.frame import build_features
from features.health import missing_flows, missing_flows_text
from features.panel import MarketPanel
from features.terminal import one_line
from models.cli.errors import ExitCode, fail
from models.cli.options import (
    ProgressLine,
    as_timestamp,
    commit,
    parse_horizons,
    time_stamp,
    user,
    versions,
    write_table,
)
from models.cli.training_options import LoggingOptions, TrainingOptions
from models.forecasting.data_quality import provenance_tables
from models.forecasting.forecast import forecast
from models.forecasting.parts import ModelId
from models.forecasting.status import season_status
from models.hazard.candidates import available
from models.report.card import model_cards
from models.report.figures import training_figures
from models.report.style import inked, png
from models.report.training_text import study_text, training_table
from models.season.definition import OnsetDefinition
from models.tracking.log import Beside, OpenRun, log_training, run_title, training_run
from models.tracking.registry import Registered, outcome_text
from models.tracking.ui import address, ui_command
from models.training.claims import claims, with_claims
from models.training.rows import REACH
from models.training.run import Settings, Training, train
from models.training.study import Study, has_events, study
from models.vocabulary import Kind


@dataclass(frozen=True)
class Order:
    """What is asked for on the command line."""

    settings: Settings
    until: pd.Timestamp | None  # nothing published after this day is used
    logging: LoggingOptions
    jobs: int


@dataclass(frozen=True)
class Outcome:
    """A training that is done and logged."""

    training: Training
    study: Study | None  # what --report asks for, None where there are no events
    registered: Registered
    run: OpenRun


def order_of(training: TrainingOptions, logging: LoggingOptions, jobs: int) -> Order:
    """Return what the options ask for; typer.BadParameter where that cannot be trained."""
    try:
        candidates = available([name.value for name in training.model or []], training.threshold)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--model") from error
    settings = Settings(
        candidates=candidates,
        definition=OnsetDefinition(threshold=training.threshold),
        horizons=parse_horizons(training.horizons, REACH),
        seed=training.seed,
    )
    return Order(settings, as_timestamp(training.until), logging, jobs)


def carry_out(
    order: Order, panel: MarketPanel, instant: pd.Timestamp, progress: ProgressLine
) -> Outcome:
    """Train, verify and log; where that fails, the champion is as before."""
    logging = order.logging
    until = panel.last_day if order.until is None else min(order.until, panel.last_day)
    if order.until is not None and order.until > panel.last_day:
        progress.message(
            f"warning: --until {order.until:%Y-%m-%d} is after the data of {panel.source}, which "
            f"end on {panel.last_day:%Y-%m-%d}: trained until that day."
        )
    title = logging.run_name or run_title(order.settings, until, panel.source, instant)
    with training_run(
        logging.tracking_uri, logging.experiment, title, deadline=logging.deadline
    ) as run:
        training = train(panel, order.settings, until=until, jobs=order.jobs, progress=progress)
        _write_hindcast(training, logging.hindcast_out)
        progress.step("testing the claims")
        tested = claims(panel, order.settings.definition, training.until)
        training = with_claims(training, tested)
        eventful = logging.report and has_events(training)
        studied = study(panel, training, tested, order.jobs, progress) if eventful else None
        progress.step("logging to MLflow")
        tables = {
            **provenance_tables(panel, instant.normalize()),
            **(studied.tables() if studied else {"claims": tested}),
        }
        registered = log_training(
            run, training, _beside(panel, training, tables, progress), user(), time_stamp(),
            promote=not logging.no_promote,
        )  # fmt: skip
    return Outcome(training, studied, registered, run)


def _write_hindcast(training: Training, path: Path | None) -> None:
    if path is None:
        return
    try:
        write_table(training.hindcast, path)
    except OSError as error:
        fail(f"--hindcast-out {path}: {error}", ExitCode.FAILURE)


def _beside(
    panel: MarketPanel,
    training: Training,
    tables: Mapping[str, pd.DataFrame],
    progress: ProgressLine,
) -> Beside:
    """Return all that the training leaves in the store beside its scores."""
    return Beside(
        source=panel.source,
        data_end=f"{panel.last_day:%Y-%m-%d}",
        commit=commit(),
        versions=versions(),
        figures=_pictures(training, progress),
        cards=model_cards(training, panel.source),
        tables=tables,
        forecast=_forecast_metrics(panel, training),
    )


def _pictures(training: Training, progress: ProgressLine) -> dict[str, dict[str, bytes]]:
    """Return the pictures of a training; what fails to be drawn costs no training."""
    try:
        with inked():
            return {
                name: {file: png(figure) for file, figure in drawn.items()}
                for name, drawn in training_figures(training).items()
            }
    except Exception as error:
        progress.message(f"warning: the training's pictures are not drawn: {one_line(error)}")
        return {}


def _forecast_metrics(panel: MarketPanel, training: Training) -> dict[str, float]:
    """Return what the choice forecasts on its last day, so that two trainings can be compared."""
    forecaster = training.forecasters[training.choice.champion]
    status = season_status(panel, forecaster, training.until)
    made = forecast(status, forecaster, ModelId(None, ""), today=training.until)
    answers = {
        "broad_90d": made.begins(Kind.BROAD, 90),
        "broad_year": made.year(Kind.BROAD),
        "sustained_year": made.year(Kind.SUSTAINED),
    }
    chances = {
        name: round(answer.probability, 5)
        for name, answer in answers.items()
        if answer is not None and answer.probability is not None
    }
    return {**chances, "index": made.season.index}


def warn(order: Order, panel: MarketPanel, outcome: Outcome, progress: ProgressLine) -> None:
    """Report what the answer does not show and a person must know."""
    if outcome.registered.held:
        progress.message(
            f"note: version {outcome.registered.champion} is held ({outcome.registered.held}): no "
            f"training replaces it until train.py resume --reason TEXT."
        )
    days = pd.DatetimeIndex([outcome.training.until])
    if flows := missing_flows(build_features(panel, days)):
        progress.message(f"warning: {missing_flows_text(flows)}")
    if order.logging.report and outcome.study is None:
        progress.message(
            "warning: no onset has followed a resolved forecast of the champion yet: there are no "
            "events to report, only the claims in MLflow."
        )


def outcome_lines(order: Order, outcome: Outcome) -> list[str]:
    """Return the answer: the scores, the report, what was registered, where to look at it."""
    uri = order.logging.tracking_uri
    lines = [training_table(outcome.training)]
    if outcome.study:
        lines.append(study_text(outcome.study))
    lines.append(outcome_text(outcome.registered, uri))
    if command := ui_command(uri):
        lines.append(f"Compare runs with:\n  {command}")
    lines.append(f"and open\n  {address(uri, outcome.run.experiment_id)}")
    return lines
