"""Print the probability that an altcoin season begins."""

from __future__ import annotations

import json as jsonlib
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from models.cli.market_options import EMBEDDED, MarketOptions, load_panel, with_market
from models.cli.options import (
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
    fail,
    now,
    other_command,
    require_writable,
    write_files,
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

FILE_ENDINGS = {"--plot": (".png", ".svg"), "--report": (".html",)}

app = typer.Typer(add_completion=True, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True, epilog=EPILOG)
@with_market
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
    market: MarketOptions = EMBEDDED,
    tracking_uri: TrackingOption = "sqlite:///mlflow.db",
    model: Annotated[
        str,
        typer.Option(
            help="champion, challenger, a version number or a run id of the store.",
            autocompletion=lambda: ["champion", "challenger"],
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
    ledger = _require_place(ledger or LEDGER) if record else None
    files = {"--plot": plot, "--report": report}
    if history and (plot or report):
        raise typer.BadParameter("--history and --plot or --report exclude each other.")
    if since and not (plot or report):
        raise typer.BadParameter("--since goes with --plot or --report.")
    for option, path in files.items():
        if path is not None:
            require_writable(option, path, FILE_ENDINGS[option])
    with clear_errors():
        clock = now()
        progress = Progress(quiet=False)
        panel = load_panel(market, clock, progress)
        from features.health import require_usable
        from models.forecasting.forecast import WindowError, forecast
        from models.forecasting.reforecast import history as past
        from models.forecasting.reforecast import sample_note
        from models.report.display import forecast_csv, history_csv, history_json
        from models.report.forecast_text import forecast_text
        from models.report.terminal import Terminal
        from models.tracking.reading import load_forecaster

        if not history:
            require_usable(panel, as_of=as_timestamp(as_of), today=clock.normalize())
        stored = load_forecaster(tracking_uri, model)
        if history or csv:
            for problem in panel.provenance.problems_on(
                panel.last_day
            ):  # these answers have no place for it
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
            from models.forecasting.out_of_sample import record as record_of
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
        from models.cli.ledger_command import record_forecast

        record_forecast(ledger, result, stored, now())
    if json:
        answer(jsonlib.dumps(result, indent=2, allow_nan=False))
    else:
        terminal = Terminal.of(sys.stdout, os.environ)
        answer(forecast_csv(result) if csv else forecast_text(result, terminal))


@app.command(epilog=EPILOG)
@with_market
def score(
    ledger: LedgerOption = None,
    market: MarketOptions = EMBEDDED,
    json: JsonOption = False,
) -> None:
    """Judge the recorded forecasts by what came after them, as far as it is known.

    Only windows that have ended are scored, beside climatology; the others are
    listed as open.
    """
    with clear_errors():
        from models.cli.ledger_command import warn_of_torn_lines
        from models.ledger.book import read_ledger

        recorded = read_ledger(ledger or LEDGER)
        panel = load_panel(market, now(), Progress(quiet=False))
        from models.ledger.track_record import track_record
        from models.report.ledger_text import record_text

        warn_of_torn_lines(ledger or LEDGER, recorded.torn)
        judged = track_record(recorded, panel)
    answer(jsonlib.dumps(judged, indent=2, allow_nan=False) if json else record_text(judged))


@app.command(epilog=EPILOG)
@with_market
def health(
    as_of: AsOfOption = None,
    market: MarketOptions = EMBEDDED,
    json: JsonOption = False,
    rules: Annotated[
        bool, typer.Option("--rules", help="Print instead the rules that data must pass, and why.")
    ] = False,
) -> None:
    """Show each series' days, age, gaps, coverage, source and problems.

    Ends with exit code 3 when a forecast would be refused.
    """
    if rules:
        from features.plausibility.document import rules_text

        answer(rules_text())
        return
    with clear_errors():
        clock = now()
        panel = load_panel(market, clock, Progress(quiet=False))
        from models.forecasting.data_quality import health as state_of
        from models.forecasting.data_quality import health_text

        state = state_of(panel, as_of=as_timestamp(as_of), today=clock.normalize())
    answer(jsonlib.dumps(state, indent=2, allow_nan=False) if json else health_text(state))
    if state["refusal"]:
        fail(state["refusal"], ExitCode.DATA)


def _require_place(path: Path) -> Path:
    if path.exists() and not path.is_file():
        raise typer.BadParameter(f"--ledger: {path} is no file.")
    if not path.parent.is_dir():
        raise typer.BadParameter(f"--ledger: there is no directory {path.parent}.")
    return path


def main() -> None:
    """Run the command as a process of its own."""
    collect_seldom()
    app()


if __name__ == "__main__":
    main()
