"""A training from the command line: done, logged and described."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pandas as pd
import typer

from features.catalogue.frame import build_features
from features.health import missing_flows, missing_flows_text
from features.panel import MarketPanel
from models.cli.options import (
    ExitCode,
    ProgressLine,
    as_timestamp,
    commit,
    fail,
    now,
    parse_horizons,
    time_stamp,
    user,
    versions,
    write_table,
)
from models.cli.registry_command import warn_of_hold
from models.cli.streams import leave_at_once
from models.cli.training_options import LoggingOptions, TrainingOptions
from models.errors import TrackingError, Unanswered
from models.forecasting.data_quality import provenance_tables
from models.hazard.candidates import available
from models.hazard.leads import LIMIT_DAYS
from models.report.figures import training_figures
from models.report.model_card import model_cards
from models.report.style import png
from models.report.training_text import study_text, training_table
from models.season.definition import OnsetDefinition
from models.tracking.attachments import attached
from models.tracking.composition import Provenance, compose, run_title
from models.tracking.listing import outcome_text
from models.tracking.registry import Registered
from models.tracking.runs import OpenRun, log_record, training_run
from models.tracking.store import quoted
from models.tracking.training_record import TrainingRecord, keep
from models.tracking.ui import address, ui_command
from models.tracking.upkeep import put_right
from models.training.claims import claims
from models.training.outlook_proof import OutlookProof, outlook_proof, provable, with_outlook
from models.training.run import Settings, Training, train
from models.training.study import Study, has_events, study


@dataclass(frozen=True)
class Order:
    """What is asked for on the command line.

    Parameters
    ----------
    settings : Settings
        Of the training itself.
    until : pandas.Timestamp, optional
        Nothing published after this day is used; by default the data's last day.
    tracking_uri, experiment : str
        Where it is logged.
    run_name : str, optional
        By default it says what differs from a default training.
    hindcast_out : pathlib.Path, optional
        Where the out-of-sample forecasts are written besides.
    report : bool
        Whether events and feature groups are tested too.
    promote : bool
        False keeps the champion.
    jobs : int
        Processes.
    """

    settings: Settings
    until: pd.Timestamp | None
    tracking_uri: str
    experiment: str
    run_name: str | None
    hindcast_out: Path | None
    report: bool
    promote: bool
    jobs: int


@dataclass(frozen=True)
class Outcome:
    """A training that is done and logged.

    Parameters
    ----------
    training : Training
        What was trained.
    study : Study, optional
        What `Order.report` asks for, None without it or where there are no events.
    registered : Registered
        What it did to the registered model.
    run : OpenRun
        Where it is logged.
    """

    training: Training
    study: Study | None
    registered: Registered
    run: OpenRun


def order_of(training: TrainingOptions, logging: LoggingOptions, jobs: int) -> Order:
    """Return what the options ask for.

    Raises
    ------
    typer.BadParameter
        If a candidate cannot be trained at the threshold, or a horizon is out of reach.
    """
    try:
        candidates = available([name.value for name in training.model or []], training.threshold)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--model") from error
    settings = Settings(
        candidates=candidates,
        definition=OnsetDefinition(threshold=training.threshold),
        horizons=parse_horizons(training.horizons, LIMIT_DAYS),
        seed=training.seed,
    )
    return Order(
        settings=settings,
        until=as_timestamp(training.until),
        tracking_uri=logging.tracking_uri,
        experiment=logging.experiment,
        run_name=logging.run_name,
        hindcast_out=logging.hindcast_out,
        report=logging.report,
        promote=not logging.no_promote,
        jobs=jobs,
    )


def carry_out(
    order: Order, panel: MarketPanel, instant: pd.Timestamp, progress: ProgressLine
) -> Outcome:
    """Train, verify and log; a training that the store does not take is kept in a file.

    Parameters
    ----------
    order : Order
        What is asked for.
    panel : MarketPanel
        The market.
    instant : pandas.Timestamp
        When the data were read, UTC.
    progress : ProgressLine
        Told what happens.

    Raises
    ------
    DataError
        If the data do not suffice.
    TrackingError
        If the store cannot be opened.
    typer.Exit
        If a result cannot be written or logged, after saying so.
    """
    until = panel.last_day if order.until is None else min(order.until, panel.last_day)
    if order.until is not None and order.until > panel.last_day:
        progress.message(
            f"warning: --until {order.until:%Y-%m-%d} is after the data of {panel.source}, which "
            f"end on {panel.last_day:%Y-%m-%d}: trained until that day."
        )
    title = order.run_name or run_title(order.settings, until, panel.source, instant)
    for line in put_right(order.tracking_uri):
        progress.message(line)
    with training_run(order.tracking_uri, order.experiment, title, _milliseconds()) as run:
        training = train(panel, order.settings, until=until, jobs=order.jobs, progress=progress)
        _write_hindcast(training, order.hindcast_out)
        progress.step("testing the claims")
        tested = claims(panel, order.settings.definition, training.until)
        proof = _proof(training, order, progress)
        training = training if proof is None else with_outlook(training, proof)
        eventful = order.report and has_events(training)
        studied = study(panel, training, tested, order.jobs, progress) if eventful else None
        progress.step("logging to MLflow")
        tables = {
            **provenance_tables(panel, instant.normalize()),
            **(studied.tables() if studied else {"claims": tested}),
            **(proof.tables() if proof else {}),
        }
        record = _record(order, panel, training, proof, tables, title, run)
        try:
            registered = log_record(record, run, user(), time_stamp(), promote=order.promote)
        except TrackingError as error:
            _keep(record, error, order.tracking_uri)
    return Outcome(training, studied, registered, run)


def _proof(training: Training, order: Order, progress: ProgressLine) -> OutlookProof | None:
    """Return what the champion's outlook was worth, where it can be told."""
    if not provable(training):
        return None
    progress.step("hindcasting the outlook")
    return outlook_proof(training, near_term=training.choice.champion, jobs=order.jobs)


def _write_hindcast(training: Training, path: Path | None) -> None:
    if path is None:
        return
    try:
        write_table(training.hindcast, path)
    except OSError as error:
        fail(f"--hindcast-out {path}: {error}", ExitCode.FAILURE)


def _record(
    order: Order,
    panel: MarketPanel,
    training: Training,
    proof: OutlookProof | None,
    tables: dict[str, pd.DataFrame],
    title: str,
    run: OpenRun,
) -> TrainingRecord:
    """Return all that the training leaves in the store."""
    figures = {
        name: {file: png(figure) for file, figure in drawn.items()}
        for name, drawn in training_figures(training).items()
    }
    record = compose(
        training,
        Provenance(panel.source, f"{panel.last_day:%Y-%m-%d}", commit(), versions()),
        figures,
        tables,
        proof,
        experiment=order.experiment,
        title=title,
        run_id=run.run_id,
        started_ms=run.started_ms,
        finished_ms=_milliseconds(),
    )
    return attached(record, model_cards(training, panel.source))


def warn(order: Order, panel: MarketPanel, outcome: Outcome, progress: ProgressLine) -> None:
    """Tell what the answer does not show and a person must know."""
    warn_of_hold(outcome.registered, order.tracking_uri)
    days = pd.DatetimeIndex([outcome.training.until])
    if flows := missing_flows(build_features(panel, days)):
        progress.message(f"warning: {missing_flows_text(flows)}")
    if order.report and outcome.study is None:
        progress.message(
            "warning: no onset has followed a resolved forecast of the champion yet: there are no "
            "events to report, only the claims in MLflow."
        )


def outcome_lines(order: Order, outcome: Outcome) -> list[str]:
    """Return the answer: the scores, the report, what was registered, where to look at it."""
    uri = order.tracking_uri
    lines = [training_table(outcome.training)]
    if outcome.study:
        lines.append(study_text(outcome.study))
    lines.append(outcome_text(outcome.registered, uri))
    if command := ui_command(uri):
        lines.append(f"Compare runs with:\n  {command}")
    lines.append(f"and open\n  {address(uri, outcome.run.experiment_id)}")
    return lines


def _milliseconds() -> int:
    return int(now().timestamp() * 1000)


def _keep(record: TrainingRecord, error: TrackingError, tracking_uri: str) -> NoReturn:
    """Save a training that the store did not take, and say how to log it later."""
    late = ""
    if isinstance(error, Unanswered):
        leave_at_once()
        late = " unless what was sent last arrives late (see train.py versions)"
    try:
        path = keep(record, Path.cwd())
    except TrackingError as further:
        fail(f"{error}; {further}", ExitCode.FAILURE)
    fail(
        f"{str(error).rstrip('.')}. The champion is as before{late}. The training is kept in "
        f"{path}; log it with\n"
        f"  train.py log {shlex.quote(str(path))} --tracking-uri {quoted(tracking_uri)}",
        ExitCode.FAILURE,
    )
