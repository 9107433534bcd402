"""Recording a forecast from the command line, and telling what became of it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import typer

from models.cli.options import ExitCode, clear_errors, commit, fail, versions
from models.forecasting.parts import Forecast
from models.ledger.book import Ledger, append
from models.ledger.entry import content_of
from models.tracking.reading import Stored


def record_forecast(path: Path, forecast: Forecast, stored: Stored, instant: pd.Timestamp) -> None:
    """Append a forecast to the ledger and say on stderr what became of it.

    Parameters
    ----------
    path : pathlib.Path
        The ledger.
    forecast : Forecast
        From `models.forecasting.forecast.forecast`.
    stored : Stored
        The forecaster that made it.
    instant : pandas.Timestamp
        The present instant, UTC.
    """
    content = content_of(
        forecast,
        thresholds=stored.forecaster.thresholds,
        forecaster_sha256=stored.sha256,
        recorded_at=instant.tz_localize("UTC").to_pydatetime(),
        commit=commit(),
        versions=versions(),
    )
    with clear_errors():
        try:
            done = append(path, content)
        except OSError as error:
            fail(f"--ledger {path}: {error.strerror}; nothing was recorded.", ExitCode.FAILURE)
    warn_of_torn_lines(path, done.torn)
    if not done.added:
        message = f"already in {path}, line {done.line}; nothing was added."
    elif content["replay"]:
        message = (
            f"recorded in {path}, line {done.line}, as a replay: it comes more than a week late."
        )
    else:
        message = f"recorded in {path}, line {done.line}."
    typer.echo(message, err=True)


def warn_of_unchained_lines(path: Path, ledger: Ledger) -> None:
    """Say on stderr which lines of a ledger are from before the chain."""
    begun_at, last = ledger.chain.begun_at, ledger.chain.line
    if last and begun_at is None:
        typer.echo(f"{path} has no chain yet: a removed line would not show.", err=True)
    elif begun_at is not None and (before := [e for e in ledger.entries if e.line < begun_at]):
        typer.echo(
            f"{path} is chained from line {begun_at} on; among the {len(before)} before, a removed "
            f"one would not show.",
            err=True,
        )


def warn_of_torn_lines(path: Path, torn: tuple[int, ...]) -> None:
    """Name on stderr the lines of a ledger that a crash cut off."""
    for line in torn:
        typer.echo(f"warning: {path}, line {line} was cut off and does not count.", err=True)
