"""Recording a forecast from the command line, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from models.cli.boundary import clear_errors
from models.cli.options import ExitCode, commit, fail, versions
from models.cli.streams import tell
from models.forecasting.parts import Forecast
from models.ledger.alerts import AlertState
from models.ledger.book import append
from models.ledger.entry import content_of
from models.tracking.read import Stored


def record_content(
    forecast: Forecast, stored: Stored, instant: pd.Timestamp, alerts: Sequence[AlertState] = ()
) -> dict[str, object]:
    """Return the line that records a forecast; a clock before its day is refused."""
    try:
        return content_of(
            forecast,
            forecaster_sha256=stored.sha256,
            recorded_at=instant.tz_localize("UTC").to_pydatetime(),
            commit=commit(),
            versions=versions(),
            alerts=[str(state.alert) for state in alerts if state.met],
        )
    except ValueError as error:
        fail(f"--record: {error}", ExitCode.FAILURE)


def record_forecast(path: Path, content: dict[str, object]) -> None:
    """Append a forecast to the ledger and report on stderr what became of it."""
    with clear_errors():
        try:
            done = append(path, content)
        except OSError as error:
            fail(f"--ledger {path}: {error.strerror}; nothing was recorded.", ExitCode.FAILURE)
    if done.torn:
        tell(f"warning: {path}: the line before was cut off and does not count.")
    if not done.added:
        message = f"already in {path}, line {done.line}; nothing was added."
    elif content["replay"]:
        message = (
            f"recorded in {path}, line {done.line}, as a replay: it comes more than a week late."
        )
    else:
        message = f"recorded in {path}, line {done.line}."
    tell(message)
