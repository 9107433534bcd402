"""A training from the command line: done, logged, and what is said of it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pandas as pd

from features.catalogue.builder import build_features
from features.catalogue.flows import missing_flows, missing_flows_text
from features.panel import MarketPanel
from models.cli.options import (
    ExitCode,
    Progress,
    commit,
    fail,
    now,
    time_stamp,
    user,
    versions,
    write_table,
)
from models.errors import TrackingError
from models.forecasting.data_quality import provenance_tables
from models.report.display import study_text, training_table
from models.report.figures import training_figures
from models.report.style import png
from models.tracking.composition import Provenance, compose, run_title
from models.tracking.listing import outcome_text
from models.tracking.page import address, ui_command
from models.tracking.record import Record, keep
from models.tracking.registry import Registered
from models.tracking.runs import OpenRun, log_record, training_run
from models.tracking.store import quoted
from models.training import run as procedure
from models.training.claims import claims
from models.training.events import Study, has_events, study
from models.training.run import Settings, Training


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
    """What came of it.

    Parameters
    ----------
    training : Training
        What was trained.
    found : Study, optional
        What `Order.report` asks for, None without it or where there are no events.
    registered : Registered
        What it did to the registered model.
    run : OpenRun
        Where it is logged.
    """

    training: Training
    found: Study | None
    registered: Registered
    run: OpenRun


def carry_out(
    order: Order, panel: MarketPanel, instant: pd.Timestamp, progress: Progress
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
    progress : Progress
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
    title = order.run_name or run_title(order.settings, until, panel.source)
    started = _milliseconds()
    with training_run(order.tracking_uri, order.experiment, title, started) as run:
        training = procedure.train(
            panel, order.settings, until=until, jobs=order.jobs, progress=progress
        )
        if order.hindcast_out is not None:
            try:
                write_table(training.hindcast, order.hindcast_out)
            except OSError as error:
                fail(f"--hindcast-out {order.hindcast_out}: {error}", ExitCode.FAILURE)
        progress.say("testing the article's claims")
        tested = claims(panel, order.settings.definition, training.until)
        eventful = order.report and has_events(training)
        found = study(panel, training, tested, order.jobs, progress) if eventful else None
        progress.say("logging to MLflow")
        record = compose(
            training,
            Provenance(panel.source, f"{panel.last_day:%Y-%m-%d}", commit(), versions()),
            {
                name: {file: png(figure) for file, figure in drawn.items()}
                for name, drawn in training_figures(training).items()
            },
            {
                **provenance_tables(panel, instant.normalize()),
                **(found.tables() if found else {"claims": tested}),
            },
            experiment=order.experiment,
            title=title,
            run_id=run.run_id,
            started_ms=started,
            finished_ms=_milliseconds(),
        )
        try:
            registered = log_record(record, run, user(), time_stamp(), promote=order.promote)
        except TrackingError as error:
            _keep(record, error, order.tracking_uri)
    return Outcome(training, found, registered, run)


def warn(order: Order, panel: MarketPanel, outcome: Outcome, progress: Progress) -> None:
    """Tell what the answer does not show and a person must know."""
    days = pd.DatetimeIndex([outcome.training.until])
    if flows := missing_flows(build_features(panel, days)):
        progress.tell(f"warning: {missing_flows_text(flows)}")
    if order.report and outcome.found is None:
        progress.tell(
            "warning: no onset has followed a resolved forecast of the champion yet: there are no "
            "events to report, only the claims in MLflow."
        )


def outcome_lines(order: Order, outcome: Outcome) -> list[str]:
    """Return the answer: the scores, the report, what was registered, where to look at it."""
    uri = order.tracking_uri
    lines = [training_table(outcome.training)]
    if outcome.found:
        lines.append(study_text(outcome.found))
    lines.append(outcome_text(outcome.registered, uri))
    if command := ui_command(uri):
        lines.append(f"Compare runs with:\n  {command}")
    lines.append(f"and open\n  {address(uri, outcome.run.experiment_id)}")
    return lines


def _milliseconds() -> int:
    return int(now().timestamp() * 1000)


def _keep(record: Record, error: TrackingError, tracking_uri: str) -> NoReturn:
    """Save a training that the store did not take, and say how to log it later."""
    try:
        path = keep(record, Path.cwd())
    except TrackingError as further:
        fail(f"{error}; {further}", ExitCode.FAILURE)
    fail(
        f"{error}. The champion is as before. The training is kept in {path}; log it with\n"
        f"  train.py log {shlex.quote(str(path))} --tracking-uri {quoted(tracking_uri)}",
        ExitCode.FAILURE,
    )
