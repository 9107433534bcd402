"""A forecast from the command line: made, drawn, printed and recorded; and the data's health."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd
import typer

from features.health import usable_view
from features.panel import MarketPanel
from features.sources.deferred import DeferredPanel
from features.terminal import one_line
from models.cli.errors import ExitCode, answer, fail, tell
from models.cli.forecast_options import (
    FileOptions,
    PrintOptions,
    RecordOptions,
    StoreOptions,
    WindowOptions,
)
from models.cli.options import as_timestamp, commit, versions, write_file
from models.errors import TrackingError
from models.forecasting.beside import market_now
from models.forecasting.forecast import DAYS_AGO, forecast, model_summary, second_opinion
from models.forecasting.parts import Forecast, Note, NoteCode, SecondOpinion
from models.forecasting.questions import WindowError, window_of
from models.forecasting.status import SeasonStatus, season_status
from models.formatting import counted
from models.hazard.candidates import CANDIDATES
from models.hazard.forecaster import Forecaster
from models.hazard.simulation import SIMULATED
from models.tracking.read import Stored, load_forecaster, load_tables

# What only some answers need is imported where it is needed: a forecast starts quicker.
if TYPE_CHECKING:
    from models.forecasting.data_quality import DataHealth
    from models.ledger.alerts import AlertState

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

    Raises DataError where the data are too old or lack the day, TrackingError where the store
    holds no such forecaster, typer.BadParameter where a window, threshold or picture cannot be.
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
    opinion = _second_opinion(status, stored, store)
    made = replace(_forecast(status, stored, window, today), second_opinion=opinion)
    # The market now stands beside a forecast of the newest day alone.
    if day == market.panel.last_day and (now := market_now(market.live)) is not None:
        made = replace(made, now=now, notes=(*made.notes, *_terms(made, market)))
    return Issued(made, status, stored)


def deliver(
    issued: Issued,
    store: StoreOptions,
    printed: PrintOptions,
    written: FileOptions,
    recorded: RecordOptions,
    *,
    instant: pd.Timestamp,
) -> None:
    """Draw, print and record a forecast; end with a code of its own when an alert fires.

    `instant` (UTC) is when it counts as recorded.
    """
    alerts = _checked(issued, recorded)
    # What cannot be recorded is refused before anything is printed.
    content = _line(issued, alerts, instant) if recorded.path else {}
    faults = _write_pictures(issued, store, written)
    text = _answer(issued.forecast, printed, alerts)
    # The answer first: what is recorded has been printed, and the exit code stands for both.
    answer(text, "; nothing was recorded" if recorded.path else "")
    if recorded.path is not None:
        _record(recorded, content)
    if faults:
        fail("; ".join(faults), ExitCode.FAILURE)
    if any(state.fired for state in alerts):
        raise typer.Exit(ExitCode.ALERT)


def history_answer(
    market: DeferredPanel, store: StoreOptions, options: PrintOptions, *, today: pd.Timestamp
) -> tuple[str, str]:
    """Return the forecasts of every day of a span as they are to be printed, and a note on them."""
    from models.forecasting.past import past_forecasts, sample_note
    from models.forecasting.records import history_json

    assert options.history is not None
    stored = _stored(store)
    first, last = (pd.Timestamp(day).as_unit("s") for day in options.history)
    usable_view(market.panel, last, today=today)
    panel = needed(market, stored.forecaster, first, last)
    table = past_forecasts(panel, stored.forecaster, first=first, last=last)
    age = counted((today - panel.last_day).days, "day")
    note = f"note: data {age} old.\n{sample_note(table, stored.forecaster)}"
    if not options.json:
        return table.to_csv(index=False), note
    summary = model_summary(stored.model_id, stored.forecaster)
    content = history_json(table, summary, panel.source, panel.digest, today)
    return json.dumps(content, indent=2, allow_nan=False), note


def health_of(
    market: DeferredPanel,
    *,
    as_of: pd.Timestamp | None,
    today: pd.Timestamp,
    published: tuple[str, pd.Series] | None = None,
) -> DataHealth:
    """Describe the data, simulated as far as a forecast is; what would be refused is not simulated.

    `published` is who publishes another season index, and that index.
    """
    from models.forecasting.data_quality import data_health

    state = data_health(market.panel, as_of=as_of, today=today, published=published)
    if state.refusal or market.simulate is None:
        return state
    day = market.panel.last_day if as_of is None else as_of
    panel = market.for_days(day - pd.Timedelta(days=max(DAYS_AGO)), day)
    return data_health(panel, as_of=as_of, today=today, published=published)


def needed(
    market: DeferredPanel, forecaster: Forecaster, first: pd.Timestamp, last: pd.Timestamp
) -> MarketPanel:
    """Return the panel with what a forecaster reads of the days from `first` to `last`."""
    if set(SIMULATED).isdisjoint(forecaster.model.feature_names()):
        return market.panel
    return market.for_days(first, last)


def _terms(made: Forecast, market: DeferredPanel) -> list[Note]:
    """Return the vendor's terms where no note of the data names them yet."""
    if market.live is None or any(each.code is NoteCode.DATA_TERMS for each in made.notes):
        return []
    return [Note(NoteCode.DATA_TERMS, market.live.terms)]


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
            window=window_of(status.as_of, by=by, start=start, year=window.year),
            dates=on or None,
        )
    except WindowError as error:
        given = {"--from": start, "--by": by, "--year": window.year, "--on": on}
        hint = ", ".join(option for option, value in given.items() if value)
        raise typer.BadParameter(str(error), param_hint=hint) from error


def _second_opinion(
    status: SeasonStatus, stored: Stored, store: StoreOptions
) -> SecondOpinion | None:
    """Return the answer of the candidate on all features; None where it was not trained."""
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


def _write_pictures(issued: Issued, store: StoreOptions, options: FileOptions) -> list[str]:
    """Write picture and page as far as they are asked for; return what went wrong of which file.

    A picture that fails costs the picture, never the forecast.
    """
    if not options.files:
        return []
    from models.forecasting.past import out_of_sample
    from models.report.page import output

    stored = issued.stored
    tables = load_tables(store.tracking_uri, stored.model_id.run_id, deadline=store.deadline)
    # What was forecast of seasons at another threshold is no record of these.
    hindcast = (
        tables.hindcast if stored.forecaster.measured_at is None else tables.hindcast.iloc[:0]
    )
    past = out_of_sample(issued.status, stored.forecaster, hindcast)
    since = as_timestamp(options.since)
    faults = []
    for path, option in options.files.items():
        try:
            write_file(path, output(path.suffix, issued.forecast, tables, past, since))
        # Of the disk or of what draws: the forecast stands all the same.
        except Exception as error:
            why = one_line(error) or type(error).__name__
            faults.append(f"{option} {path} is not written: {why}")
    return faults


def _checked(issued: Issued, recorded: RecordOptions) -> Sequence[AlertState]:
    """Hold a forecast against the alerts asked for, and those a ledger has seen fire already."""
    if not recorded.alerts:
        return ()
    from models.ledger.alerts import check_alerts
    from models.ledger.book import newest_entries

    path = recorded.path
    newest = newest_entries(path) if path is not None and path.exists() else ()
    try:
        return check_alerts(recorded.alerts, issued.forecast, newest)
    except ValueError as error:
        raise typer.BadParameter(f"--alert {error}") from error


def _answer(forecast: Forecast, options: PrintOptions, alerts: Sequence[AlertState]) -> str:
    """Return a forecast as it is to be printed, with what its alerts found."""
    if options.json or options.csv:
        from models.forecasting.records import forecast_csv, forecast_json

        if options.csv:
            return forecast_csv(forecast)
        content = forecast_json(forecast)
        if alerts:
            content["alerts"] = [state.as_json() for state in alerts]
        return json.dumps(content, indent=2, allow_nan=False)
    from models.report.terminal import Terminal
    from models.report.text import forecast_text

    terminal = Terminal.of(sys.stdout, os.environ)
    return forecast_text(forecast, terminal, full=options.full, alerts=alerts)


def _line(issued: Issued, alerts: Sequence[AlertState], instant: pd.Timestamp) -> dict[str, object]:
    """Return the line that records a forecast; a clock before its day is refused."""
    from models.ledger.entry import content_of

    try:
        return content_of(
            issued.forecast,
            forecaster_sha256=issued.stored.sha256,
            recorded_at=instant.tz_localize("UTC").to_pydatetime(),
            commit=commit(),
            versions=versions(),
            alerts=[str(state.alert) for state in alerts if state.met],
        )
    except ValueError as error:
        fail(f"--record: {error}", ExitCode.DATA)


def _record(options: RecordOptions, content: dict[str, object]) -> None:
    """Append a forecast to the ledger and report on stderr what became of it."""
    from models.ledger.book import append

    path = options.path
    assert path is not None
    try:
        done = append(path, content)
    except OSError as error:
        # Of the ledger itself, or of the lock beside it, which may be another user's.
        at = path if error.filename in (None, str(path)) else f"{path}: {error.filename}"
        fail(f"--ledger {at}: {error.strerror}; nothing was recorded.", ExitCode.FAILURE)
    if done.torn:
        tell(f"warning: {path}: the line before was cut off and does not count.")
    late = ", as a replay: it comes more than a week late" if content["replay"] else ""
    if done.added:
        tell(f"recorded in {path}, line {done.line}{late}.")
    else:
        tell(f"already in {path}, line {done.line}; nothing was added.")
