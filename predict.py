"""Print the probability that an altcoin season begins."""

from __future__ import annotations

import json as jsonlib
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from models.command_line import (
    DATE_FORMATS,
    EPILOG,
    LEDGER,
    ExitCode,
    LedgerOption,
    Progress,
    TrackingOption,
    VersionOption,
    answer,
    as_timestamp,
    clear_errors,
    collect_seldom,
    commit,
    fail,
    now,
    other_command,
    require_writable,
    versions,
    write_files,
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

AsOfOption = Annotated[
    datetime | None,
    typer.Option(
        formats=DATE_FORMATS,
        metavar="YYYY-MM-DD",
        help="Day whose end closes the information. Default: last day of the data.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

if TYPE_CHECKING:
    from models.tracking.reading import Stored

FILE_ENDINGS = {"--plot": (".png", ".svg"), "--report": (".html",)}

app = typer.Typer(add_completion=True, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True, epilog=EPILOG)
def predict(
    context: typer.Context,
    as_of: AsOfOption = None,
    by: Annotated[
        datetime | None,
        typer.Option(
            formats=DATE_FORMATS,
            metavar="YYYY-MM-DD",
            help="Also forecast until this day. Default: 2026-12-31.",
            show_default=False,
        ),
    ] = None,
    source: SourceOption = Source.reference,
    data_dir: DataDirOption = None,
    offline: OfflineOption = False,
    refresh: RefreshOption = False,
    cache_dir: CacheDirOption = None,
    universe: UniverseOption = None,
    tracking_uri: TrackingOption = "sqlite:///mlflow.db",
    model: Annotated[
        str,
        typer.Option(
            help="champion, a version number, or a run id of the MLflow store.",
            autocompletion=lambda: ["champion"],
        ),
    ] = "champion",
    json: JsonOption = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV, one row per window.")] = False,
    history: Annotated[
        tuple[datetime, datetime] | None,
        typer.Option(
            formats=DATE_FORMATS,
            metavar="FROM TO",
            help="Print instead what today's model says of every day of a span, as CSV or JSON. "
            "Days before its training's end are in sample: marked, not out-of-sample evidence.",
            show_default=False,
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also draw the season index and the out-of-sample forecasts: .png or .svg.",
            show_default=False,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write forecast, evidence and claims as one page without network: .html.",
            show_default=False,
        ),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=DATE_FORMATS,
            metavar="YYYY-MM-DD",
            help="First day of the picture. Default: the first forecast out of sample.",
            show_default=False,
        ),
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Also append the forecast to the ledger.")
    ] = False,
    ledger: LedgerOption = None,
    version: VersionOption = False,
) -> None:
    """Print how likely the onset of an altcoin season is, beside climatology.

    Uses the champion that train.py registered and only what was known at the
    end of the as_of day.
    """
    if other_command(context):
        return
    if json and csv:
        raise typer.BadParameter("--json and --csv exclude each other.")
    if history and as_of:
        raise typer.BadParameter("--history and --as-of exclude each other.")
    if history and record:
        raise typer.BadParameter("--history and --record exclude each other.")
    if ledger is not None and not record:
        raise typer.BadParameter("--ledger goes with --record.")
    ledger = _require_ledger_place(ledger or LEDGER) if record else None
    files = {"--plot": plot, "--report": report}
    if history and (plot or report):
        raise typer.BadParameter("--history and --plot or --report exclude each other.")
    if since and not (plot or report):
        raise typer.BadParameter("--since goes with --plot or --report.")
    for option, path in files.items():
        if path is not None:
            require_writable(option, path, FILE_ENDINGS[option])
    options = MarketOptions(source, data_dir, offline, refresh, cache_dir, universe)
    with clear_errors():
        clock = now()
        progress = Progress(quiet=False)
        panel = load_panel(options, clock, progress)
        from features.health import require_usable
        from models.display import forecast_csv, history_csv, history_json
        from models.forecast import WindowError, forecast
        from models.forecast_text import forecast_text
        from models.history import history as past
        from models.history import sample_note
        from models.terminal import Terminal
        from models.tracking.reading import load_forecaster

        if not history:
            require_usable(panel, as_of=as_timestamp(as_of), today=clock.normalize())
        stored = load_forecaster(tracking_uri, model)
        if history or csv:
            for problem in panel.provenance.problems:  # these answers have no place for it
                progress.tell(f"warning: {problem}")
        if history:
            first, last = (as_timestamp(day) for day in history)
            table = past(panel, stored.forecaster, first=first, last=last)
            typer.echo(sample_note(table, stored.forecaster), err=True)
            about = stored.model_id.describe(stored.forecaster)
            answer(history_json(table, about) if json else history_csv(table))
            return
        day, first_day = as_timestamp(as_of) or panel.last_day, as_timestamp(since)
        if first_day is not None and first_day >= day:
            raise typer.BadParameter(
                f"--since must be before the day of the forecast, {day:%Y-%m-%d}."
            )
        try:
            result = forecast(
                panel,
                stored.forecaster,
                stored.model_id,
                as_of=day,
                by=as_timestamp(by),
                today=clock.normalize(),
            )
        except WindowError as error:
            raise typer.BadParameter(str(error), param_hint="--by") from error
        if plot or report:
            from models.record import record as record_of
            from models.report.outputs import output
            from models.tracking.tables import load_tables

            tables = load_tables(tracking_uri, stored.model_id.run_id)
            said = record_of(panel, stored.forecaster, tables.hindcast, as_of=day)
            write_files(
                {
                    path: (option, output(path.suffix, result, tables, said, first_day))
                    for option, path in files.items()
                    if path is not None
                }
            )
    if ledger is not None:
        _record(ledger, result, stored)
    if json:
        answer(jsonlib.dumps(result, indent=2, allow_nan=False))
    else:
        terminal = Terminal.of(sys.stdout, os.environ)
        answer(forecast_csv(result) if csv else forecast_text(result, terminal))


@app.command(epilog=EPILOG)
def score(
    ledger: LedgerOption = None,
    source: SourceOption = Source.reference,
    data_dir: DataDirOption = None,
    offline: OfflineOption = False,
    refresh: RefreshOption = False,
    cache_dir: CacheDirOption = None,
    universe: UniverseOption = None,
    json: JsonOption = False,
) -> None:
    """Judge the recorded forecasts by what came after them, as far as it is known.

    Only windows that have ended are scored, beside climatology; the others are
    listed as open.
    """
    options = MarketOptions(source, data_dir, offline, refresh, cache_dir, universe)
    with clear_errors():
        from models.ledger import read_ledger

        recorded = read_ledger(ledger or LEDGER)
        panel = load_panel(options, now(), Progress(quiet=False))
        from models.track_record import track_record
        from models.track_record_text import record_text

        _warn_of_torn_lines(ledger or LEDGER, recorded.torn)
        judged = track_record(recorded, panel)
    answer(jsonlib.dumps(judged, indent=2, allow_nan=False) if json else record_text(judged))


def _require_ledger_place(path: Path) -> Path:
    if path.exists() and not path.is_file():
        raise typer.BadParameter(f"--ledger: {path} is no file.")
    if not path.parent.is_dir():
        raise typer.BadParameter(f"--ledger: there is no directory {path.parent}.")
    return path


def _record(path: Path, forecast: dict[str, Any], stored: Stored) -> None:
    """Append the forecast to the ledger and say on stderr what became of it."""
    from models.ledger import record
    from models.ledger_entry import content_of

    content = content_of(
        forecast,
        thresholds=stored.forecaster.thresholds,
        forecaster_sha256=stored.sha256,
        recorded_at=now().tz_localize("UTC").to_pydatetime(),
        commit=commit(),
        versions=versions(),
    )
    with clear_errors():
        try:
            done = record(path, content)
        except OSError as error:
            fail(f"--ledger {path}: {error.strerror}; nothing was recorded.", ExitCode.FAILURE)
    _warn_of_torn_lines(path, done.torn)
    if not done.added:
        say = f"already in {path}, line {done.line}; nothing was added."
    elif content["replay"]:
        say = f"recorded in {path}, line {done.line}, as a replay: it comes more than a week late."
    else:
        say = f"recorded in {path}, line {done.line}."
    typer.echo(say, err=True)


def _warn_of_torn_lines(path: Path, torn: tuple[int, ...]) -> None:
    for line in torn:
        typer.echo(f"warning: {path}, line {line} was cut off and does not count.", err=True)


def main() -> None:
    """Run the command as a process of its own."""
    collect_seldom()
    app()


@app.command(epilog=EPILOG)
def health(
    as_of: AsOfOption = None,
    source: SourceOption = Source.reference,
    data_dir: DataDirOption = None,
    offline: OfflineOption = False,
    refresh: RefreshOption = False,
    cache_dir: CacheDirOption = None,
    universe: UniverseOption = None,
    json: JsonOption = False,
) -> None:
    """Show each series' days, age, gaps, coverage, source and problems.

    Ends with exit code 3 when a forecast would be refused.
    """
    options = MarketOptions(source, data_dir, offline, refresh, cache_dir, universe)
    with clear_errors():
        clock = now()
        panel = load_panel(options, clock, Progress(quiet=False))
        from models.health import health as state_of
        from models.health import health_text

        state = state_of(panel, as_of=as_timestamp(as_of), today=clock.normalize())
    answer(jsonlib.dumps(state, indent=2, allow_nan=False) if json else health_text(state))
    if state["refusal"]:
        fail(state["refusal"], ExitCode.DATA)


if __name__ == "__main__":
    main()
