"""Print the probability that an altcoin season begins."""

from __future__ import annotations

import json as jsonlib
from datetime import datetime
from typing import Annotated

import typer

from models.command_line import (
    DATE_FORMATS,
    EPILOG,
    DataDirOption,
    ExitCode,
    Progress,
    Source,
    SourceOption,
    TrackingOption,
    VersionOption,
    answer,
    as_timestamp,
    clear_errors,
    fail,
    load_panel,
    other_command,
    today,
)

app = typer.Typer(add_completion=True, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True, epilog=EPILOG)
def predict(
    context: typer.Context,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            formats=DATE_FORMATS,
            metavar="YYYY-MM-DD",
            help="Day whose end closes the information. Default: last day of the data.",
            show_default=False,
        ),
    ] = None,
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
    tracking_uri: TrackingOption = "sqlite:///mlflow.db",
    model: Annotated[
        str, typer.Option(help="champion, challenger, a version number or a run id of the store.")
    ] = "champion",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV, one row per window.")] = False,
    history: Annotated[
        tuple[datetime, datetime] | None,
        typer.Option(
            formats=DATE_FORMATS,
            metavar="FROM TO",
            help="Print every day of a span instead, as CSV (or JSON with --json).",
            show_default=False,
        ),
    ] = None,
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
    with clear_errors():
        clock = today()
        panel = load_panel(source, data_dir, clock, Progress(quiet=False))
        from models.display import forecast_csv, forecast_text, history_csv, history_json
        from models.forecast import STALE_DAYS, WindowError, forecast
        from models.forecast import history as past
        from models.tracking.reading import load_forecaster

        stored = load_forecaster(tracking_uri, model)
        if history:
            first, last = (as_timestamp(day) for day in history)
            table = past(panel, stored.forecaster, first=first, last=last)
            answer(history_json(table) if json else history_csv(table))
            return
        try:
            result = forecast(
                panel,
                stored.forecaster,
                stored.model_id,
                as_of=as_timestamp(as_of) or panel.last_day,
                by=as_timestamp(by),
                today=clock,
            )
        except WindowError as error:
            raise typer.BadParameter(str(error), param_hint="--by") from error
    if source is not Source.reference and as_of is None and result["data"]["age_days"] > STALE_DAYS:
        fail(
            f"the data end on {result['data']['last_day']}, {result['data']['age_days']} days ago; "
            f"at most {STALE_DAYS} are allowed. Renew them, or name the day with --as-of.",
            ExitCode.DATA,
        )
    if json:
        answer(jsonlib.dumps(result, indent=2, allow_nan=False))
    else:
        answer(forecast_csv(result) if csv else forecast_text(result))


if __name__ == "__main__":
    app()
