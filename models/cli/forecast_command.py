"""A forecast from the command line: made, drawn, printed and recorded."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd
import typer

from features.health import usable_view
from features.panel import MarketPanel
from features.sources.deferred import DeferredPanel
from models.cli.forecast_options import (
    ConditionOptions,
    FileOptions,
    PrintOptions,
    RecordOptions,
    StoreOptions,
    WindowOptions,
)
from models.cli.options import as_timestamp, write_files
from models.cli.streams import tell
from models.errors import TrackingError
from models.forecasting.forecast import DAYS_AGO, forecast, model_summary, second_opinion
from models.forecasting.parts import Forecast
from models.forecasting.past import past_forecasts, sample_note
from models.forecasting.questions import WindowError, window_of
from models.forecasting.records import forecast_csv, forecast_json, history_json
from models.forecasting.status import SeasonStatus, season_status
from models.formatting import counted
from models.hazard.candidates import CANDIDATES
from models.hazard.forecaster import Forecaster
from models.hazard.simulation import SIMULATED
from models.ledger.alerts import AlertState, alert_json, check_alerts
from models.ledger.book import read_ledger
from models.report.terminal import Terminal
from models.report.text import forecast_text
from models.tracking.read import Stored, load_forecaster, load_tables

# The candidate on all features: what the article's signals come to, beside the champion.
SECOND_OPINION = "logistic_all"


@dataclass(frozen=True)
class Issued:
    """A forecast, what it was made from, and the forecaster that made it."""

    forecast: Forecast
    status: SeasonStatus
    stored: Stored


def issue(
    market: DeferredPanel,
    store: StoreOptions,
    window: WindowOptions,
    as_of: pd.Timestamp | None,
    since: pd.Timestamp | None,
    *,
    today: pd.Timestamp,
    drawn: bool = False,
) -> Issued:
    """Forecast a day, the last one by default; `drawn` asks for what a picture needs too.

    Raises
    ------
    DataError
        If the data are too old or do not hold the day.
    TrackingError
        If the store holds no such forecaster.
    typer.BadParameter
        If a window, a threshold or the picture cannot be.
    """
    usable_view(market.panel, as_of, today=today)
    stored = _stored(store)
    day = market.panel.last_day if as_of is None else as_of
    if since is not None and since >= day:
        raise typer.BadParameter(f"--since must be before the day of the forecast, {day:%Y-%m-%d}.")
    first = day - pd.Timedelta(days=max(DAYS_AGO))
    if drawn:
        first = min(first, stored.forecaster.evidence.trained_until)
    status = season_status(needed(market, stored.forecaster, first, day), stored.forecaster, day)
    return Issued(_forecast(status, stored, store, window, today), status, stored)


def _forecast(
    status: SeasonStatus,
    stored: Stored,
    store: StoreOptions,
    window: WindowOptions,
    today: pd.Timestamp,
) -> Forecast:
    by, start = map(as_timestamp, (window.by, window.start))
    on = [pd.Timestamp(day).as_unit("s") for day in window.on or []]
    try:
        made = forecast(
            status,
            stored.forecaster,
            stored.model_id,
            today=today,
            window=window_of(status.as_of, by=by, start=start, year=window.year),
            dates=on or None,
        )
    except WindowError as error:
        raise typer.BadParameter(str(error), param_hint=_hint(window)) from error
    return replace(made, second_opinion=_second_opinion(status, stored, store))


def _second_opinion(status: SeasonStatus, stored: Stored, store: StoreOptions):  # type: ignore[no-untyped-def]  # noqa: ANN202
    """Return what the candidate on all features says; nothing where it was not trained."""
    if stored.forecaster.name == SECOND_OPINION or store.model not in ("champion", *CANDIDATES):
        return None
    with contextlib.suppress(TrackingError):
        other = load_forecaster(store.tracking_uri, SECOND_OPINION, deadline=store.deadline)
        if other.training_run == stored.training_run and store.threshold is None:
            return second_opinion(status, other.forecaster)
    return None


def _stored(store: StoreOptions) -> Stored:
    """Return the forecaster asked for, at the threshold asked for."""
    stored = load_forecaster(store.tracking_uri, store.model, deadline=store.deadline)
    if store.model == "trial":
        definition = stored.forecaster.evidence.definition
        tell(
            f"note: this is a trial; it answers another question than the champion: seasons at "
            f"{definition.threshold:g} over {definition.window_days:g} days."
        )
    if store.threshold is None:
        return stored
    try:
        return replace(stored, forecaster=stored.forecaster.at(store.threshold))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--threshold") from error


def needed(
    market: DeferredPanel, forecaster: Forecaster, first: pd.Timestamp, last: pd.Timestamp
) -> MarketPanel:
    """Return the panel with what a forecaster reads of the days from `first` to `last`."""
    if set(SIMULATED).isdisjoint(forecaster.model.feature_names()):
        return market.panel
    return market.for_days(first, last)


def _hint(window: WindowOptions) -> str:
    named = {"--from": window.start, "--by": window.by, "--year": window.year, "--on": window.on}
    return ", ".join(option for option, given in named.items() if given)


def write_pictures(issued: Issued, store: StoreOptions, options: FileOptions) -> None:
    """Write picture and page of a forecast, as far as they are asked for."""
    if not options.files:
        return
    # What draws is loaded only for what is drawn.
    from models.forecasting.out_of_sample import out_of_sample
    from models.report.outputs import output

    stored = issued.stored
    tables = load_tables(store.tracking_uri, stored.model_id.run_id, deadline=store.deadline)
    # What was forecast of seasons at another threshold is no record of these.
    known = tables.hindcast if stored.forecaster.measured_at is None else tables.hindcast.iloc[:0]
    past = out_of_sample(issued.status, stored.forecaster, known)
    since = as_timestamp(options.since)
    write_files(
        {
            path: (option, output(path.suffix, issued.forecast, tables, past, since))
            for path, option in options.files.items()
        }
    )


def checked(
    issued: Issued, conditions: ConditionOptions, recorded: RecordOptions
) -> Sequence[AlertState]:
    """Hold a forecast against the alerts asked for, and those a ledger has seen fire already.

    Raises
    ------
    LedgerError
        If a line of the ledger is not one that was recorded.
    typer.BadParameter
        If the forecast does not answer what an alert is about.
    """
    path, alerts = recorded.path, conditions.alerts
    known = path is not None and bool(alerts) and path.exists()
    entries = read_ledger(path).entries if known and path is not None else ()
    try:
        return check_alerts(alerts, issued.forecast, entries)
    except ValueError as error:
        raise typer.BadParameter(f"--alert {error}") from error


def forecast_answer(
    forecast: Forecast, options: PrintOptions, alerts: Sequence[AlertState] = ()
) -> str:
    """Return a forecast as it is to be printed, with what its alerts found."""
    if options.json:
        content = forecast_json(forecast)
        if alerts:
            content["alerts"] = [alert_json(state) for state in alerts]
        return json.dumps(content, indent=2, allow_nan=False)
    if options.csv:
        return forecast_csv(forecast)
    terminal = Terminal.of(sys.stdout, os.environ)
    return forecast_text(forecast, terminal, full=options.full, alerts=alerts)


def history_answer(
    market: DeferredPanel, store: StoreOptions, options: PrintOptions, *, today: pd.Timestamp
) -> tuple[str, str]:
    """Return the forecasts of every day of a span as they are to be printed, and a note on them."""
    assert options.history is not None
    stored = _stored(store)
    first, last = (pd.Timestamp(day).as_unit("s") for day in options.history)
    panel = needed(market, stored.forecaster, first, last)
    table = past_forecasts(panel, stored.forecaster, first=first, last=last)
    age = counted((today - panel.last_day).days, "day")
    note = f"note: data {age} old.\n{sample_note(table, stored.forecaster)}"
    if not options.json:
        return table.to_csv(index=False), note
    summary = model_summary(stored.model_id, stored.forecaster)
    content = history_json(table, summary, panel.source, panel.digest, today)
    return json.dumps(content, indent=2, allow_nan=False), note
