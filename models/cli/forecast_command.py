"""A forecast from the command line: made, written to files, recorded and printed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import typer

from features.health import usable_view
from features.panel import MarketPanel
from features.sources.deferred import SIMULATED, DeferredPanel
from models.cli.forecast_options import (
    ConditionOptions,
    FileOptions,
    PrintOptions,
    StoreOptions,
    WindowOptions,
)
from models.cli.options import as_timestamp, write_files
from models.cli.streams import tell
from models.forecasting.forecast import WindowError, forecast, model_summary, outlook_window
from models.forecasting.parts import Forecast
from models.forecasting.reforecast import reforecast, sample_note
from models.forecasting.schema import forecast_csv, forecast_json, history_json
from models.forecasting.season_status import SeasonStatus, season_status
from models.forecasting.trend import DAYS_AGO
from models.forecasting.what_if import (
    SuppositionError,
    WhatIf,
    breadth_needed,
    suppose,
    what_if_json,
)
from models.formatting import counted
from models.hazard.forecaster import Forecaster
from models.ledger.alerts import AlertState, alert_json, check_alerts
from models.ledger.book import read_ledger
from models.report.condition_text import alert_text, what_if_text
from models.report.forecast_text import forecast_text
from models.report.terminal import Terminal
from models.tracking.reading import Stored, load_forecaster


@dataclass(frozen=True)
class Issued:
    """A forecast that was made: of which season status, by which stored forecaster."""

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
    """Forecast a day, the last one by default.

    Parameters
    ----------
    market : DeferredPanel
        The market.
    store : StoreOptions
        Which forecaster.
    window : WindowOptions
        Which days the outlook speaks of.
    as_of : pandas.Timestamp, optional
        The day.
    since : pandas.Timestamp, optional
        First day of the picture, which must come before the day.
    today : pandas.Timestamp
        Current UTC day.
    drawn : bool
        Whether the days since the training are to be drawn too.

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
    return Issued(_forecast(status, stored, window, today), status, stored)


def _forecast(
    status: SeasonStatus, stored: Stored, window: WindowOptions, today: pd.Timestamp
) -> Forecast:
    by, start = map(as_timestamp, (window.by, window.start))
    on = [pd.Timestamp(day).as_unit("s") for day in window.on or []]
    try:
        return forecast(
            status,
            stored.forecaster,
            stored.model_id,
            today=today,
            window=outlook_window(status.as_of, by=by, start=start, year=window.year),
            dates=on or None,
        )
    except WindowError as error:
        raise typer.BadParameter(str(error), param_hint=_hint(window)) from error


def _stored(store: StoreOptions) -> Stored:
    """Return the forecaster asked for, at the threshold asked for."""
    stored = _load(store)
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


def _load(store: StoreOptions) -> Stored:
    """Read a forecaster; say on stderr if it is of a release that sealed no evidence."""
    stored = load_forecaster(store.tracking_uri, store.model)
    if store.model == "trial":
        definition = stored.forecaster.evidence.definition
        tell(
            f"note: this is a trial; it answers another question than the champion: seasons at "
            f"{definition.threshold:g} over {definition.window_days:g} days."
        )
    if not stored.sealed:
        tell(
            "warning: this model was logged by an earlier release: its own file is checked against "
            "its digest, the tables of its training are not sealed. Train again to seal them."
        )
    return stored


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
    from models.tracking.tables import load_tables

    stored = issued.stored
    tables = load_tables(store.tracking_uri, stored.model_id.run_id)
    # What was forecast of seasons at another threshold is no record of these.
    own = tables.hindcast if stored.forecaster.measured_at is None else tables.hindcast.iloc[:0]
    past = out_of_sample(issued.status, stored.forecaster, own)
    since = as_timestamp(options.since)
    write_files(
        {
            path: (option, output(path.suffix, issued.forecast, tables, past, since))
            for path, option in options.files.items()
        }
    )


def checked(
    issued: Issued, conditions: ConditionOptions, ledger: Path | None
) -> Sequence[AlertState]:
    """Hold a forecast against the alerts asked for, and what a ledger has told already.

    Raises
    ------
    LedgerError
        If a line of the ledger is not one that was recorded.
    typer.BadParameter
        If the forecast does not answer what an alert is about.
    """
    alerts = conditions.alerts
    known = ledger is not None and bool(alerts) and ledger.exists()
    entries = read_ledger(ledger).entries if known and ledger is not None else ()
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
    return "\n\n".join([*alert_text(alerts, terminal), forecast_text(forecast, terminal)])


def what_if_answer(
    issued: Issued,
    window: WindowOptions,
    options: PrintOptions,
    supposed: Mapping[str, float],
    *,
    today: pd.Timestamp,
) -> str:
    """Return a hypothetical forecast beside the actual one as it is to be printed.

    Raises
    ------
    typer.BadParameter
        If a feature is not the model's, or cannot have the value.
    """
    forecaster = issued.stored.forecaster
    try:
        status, changes = suppose(issued.status, forecaster, supposed)
    except SuppositionError as error:
        raise typer.BadParameter(f"--what-if: {error}") from error
    hypothetical = _forecast(status, issued.stored, window, today)
    needed = breadth_needed(issued.status, forecaster)
    found = WhatIf(issued.forecast, hypothetical, changes, needed)
    if options.json:
        return json.dumps(what_if_json(found), indent=2, allow_nan=False)
    return what_if_text(found, Terminal.of(sys.stdout, os.environ))


def history_answer(
    market: DeferredPanel, store: StoreOptions, options: PrintOptions, *, today: pd.Timestamp
) -> tuple[str, str]:
    """Return the forecasts of every day of a span as they are to be printed, and a note on them."""
    assert options.history is not None
    stored = _stored(store)
    first, last = (pd.Timestamp(day).as_unit("s") for day in options.history)
    panel = needed(market, stored.forecaster, first, last)
    table = reforecast(panel, stored.forecaster, first=first, last=last)
    age = counted((today - panel.last_day).days, "day")
    note = f"note: data {age} old.\n{sample_note(table, stored.forecaster)}"
    if not options.json:
        return table.to_csv(index=False), note
    summary = model_summary(stored.model_id, stored.forecaster)
    content = history_json(table, summary, panel, today)
    return json.dumps(content, indent=2, allow_nan=False), note
