"""Print the probability that an altcoin season begins."""

from __future__ import annotations

import json as jsonlib
from datetime import datetime
from typing import Annotated

import typer

from models.command_line import (
    DATE_FORMATS,
    EPILOG,
    ExitCode,
    Progress,
    TrackingOption,
    VersionOption,
    answer,
    as_timestamp,
    clear_errors,
    fail,
    now,
    other_command,
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
        str, typer.Option(help="champion, a version number, or a run id of the MLflow store.")
    ] = "champion",
    json: JsonOption = False,
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
    options = MarketOptions(source, data_dir, offline, refresh, cache_dir, universe)
    with clear_errors():
        clock = now()
        progress = Progress(quiet=False)
        panel = load_panel(options, clock, progress)
        from features.health import require_usable
        from models.display import forecast_csv, forecast_text, history_csv, history_json
        from models.forecast import WindowError, forecast
        from models.forecast import history as past
        from models.tracking import load_forecaster

        if not history:
            require_usable(panel, as_of=as_timestamp(as_of), today=clock.normalize())
        stored = load_forecaster(tracking_uri, model)
        if history or csv:
            for problem in panel.provenance.problems:  # these answers have no place for it
                progress.tell(f"warning: {problem}")
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
                today=clock.normalize(),
            )
        except WindowError as error:
            raise typer.BadParameter(str(error), param_hint="--by") from error
    if json:
        answer(jsonlib.dumps(result, indent=2, allow_nan=False))
    else:
        answer(forecast_csv(result) if csv else forecast_text(result))


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
    app()
