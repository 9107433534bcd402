"""Alerts: what they ask, when they fire, and that the ledger keeps them from firing twice."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

import predict
from models.ledger.alerts import Alert, check_alerts
from models.ledger.book import append, read_ledger
from models.ledger.entry import content_of
from models.vocabulary import Kind
from tests.commands import run_command, squeezed
from tests.test_ledger import content, forecast_of


def chance_of(forecast, value: float | None):
    """The forecast with another chance of a broad season within 30 days."""
    return replace(forecast, windows=(replace(forecast.windows[0], probability=value),))


def recorded(path, forecast, alerts=()):
    """The entries of a ledger after a forecast was added to it."""
    line = content(str(forecast.as_of.date()), windows=forecast.windows)
    append(path, {**line, "alerts": list(alerts)})
    return read_ledger(path).entries


@pytest.mark.parametrize(
    ("text", "alert"),
    [
        ("broad:30>=0.5", Alert(Kind.BROAD, 30, False, True, 0.5)),
        (" partial:90 <= 20 % ", Alert(Kind.PARTIAL, 90, False, False, 0.2)),
        ("sustained:year>=40%", Alert(Kind.SUSTAINED, None, False, True, 0.4)),
        ("broad:30:change>=+0.1", Alert(Kind.BROAD, 30, True, True, 0.1)),
        ("broad:year:change<=-10%", Alert(Kind.BROAD, None, True, False, -0.1)),
    ],
)
def test_alert_is_read_and_written_back(text, alert):
    assert Alert.parse(text) == alert
    assert Alert.parse(str(alert)) == alert


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("broad:30", "must be KIND:WINDOW>=P"),
        ("broad:30>0.5", "must be KIND:WINDOW>=P"),
        ("huge:30>=0.5", "a kind of broad, partial, sustained"),
        ("broad:30>=50", "must lie in [0, 1], got 50"),
        ("broad:30>=-0.1", "must lie in [0, 1]"),
        ("broad:30:change>=-1.5", "must lie in [-1, 1]"),
        ("sustained:30>=0.5", "the year alone"),
    ],
)
def test_alert_that_cannot_be_is_refused(text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Alert.parse(text)


@pytest.mark.parametrize(
    ("value", "met"), [(0.19, False), (0.2, True), (0.21, True), (None, False)]
)
def test_bound_itself_counts_and_no_chance_never_does(value, met):
    (state,) = check_alerts([Alert.parse("broad:30>=0.2")], chance_of(forecast_of(), value), ())
    assert (state.met, state.fired, state.probability) == (met, met, value)


def test_alert_fires_once_until_it_has_ceased_to_hold(tmp_path):
    path, alert = tmp_path / "forecasts.jsonl", Alert.parse("broad:30>=0.5")
    entries, fired = (), []
    for day, value in enumerate([0.4, 0.5, 0.6, 0.3, 0.7], start=10):
        forecast = chance_of(forecast_of(f"2026-01-{day}"), value)
        (state,) = check_alerts([alert], forecast, entries)
        fired.append(state.fired)
        entries = recorded(path, forecast, [str(alert)] if state.met else [])
        again = check_alerts([alert], forecast, entries)
        assert not again[0].fired
    assert fired == [False, True, False, False, True]


def test_change_is_that_since_the_last_forecast_of_an_earlier_day(tmp_path):
    path, rise = tmp_path / "forecasts.jsonl", Alert.parse("broad:30:change>=0.1")
    now = chance_of(forecast_of("2026-01-12"), 0.35)
    (alone,) = check_alerts([rise], now, ())
    assert (alone.met, alone.before) == (False, None)
    recorded(path, chance_of(forecast_of("2026-01-10"), 0.1))
    recorded(path, chance_of(forecast_of("2026-01-11"), 0.25))
    entries = recorded(path, now)
    (state,) = check_alerts([rise], now, entries)
    assert state.before == 0.25
    assert state.met


def test_lines_of_another_threshold_tell_nothing(tmp_path):
    forecast = chance_of(forecast_of("2026-01-12"), 0.6)
    entries = recorded(tmp_path / "forecasts.jsonl", forecast, ["broad:30>=0.5"])
    other = replace(forecast, definition=replace(forecast.definition, threshold=60.0))
    (state,) = check_alerts([Alert.parse("broad:30>=0.5")], other, entries)
    assert state.fired


def test_window_that_no_forecast_has_is_refused():
    with pytest.raises(ValueError, match="windows of 30 days"):
        check_alerts([Alert.parse("broad:45>=0.5")], forecast_of(), ())


def test_lines_from_before_alerts_are_read(tmp_path):
    line = content()
    del line["alerts"]
    append(tmp_path / "forecasts.jsonl", line)
    assert read_ledger(tmp_path / "forecasts.jsonl").entries[0].alerts == ()


def test_line_says_which_alerts_held():
    line = content_of(
        forecast_of(),
        thresholds={"broad": 75.0},
        forecaster_sha256="f",
        recorded_at=pd.Timestamp("2026-01-11", tz="UTC").to_pydatetime(),
        commit="abc",
        versions={},
        alerts=["broad:30>=0.1"],
    )
    assert line["alerts"] == ["broad:30>=0.1"]
    assert date.fromisoformat(line["as_of"]) == date(2026, 1, 10)


def test_command_ends_with_4_once_and_says_why(trained, tmp_path):
    uri, _, _ = trained
    arguments = ("--tracking-uri", uri, "--alert", "broad:30>=0", "--alert", "broad:year>=1",
                 "--record", "--ledger", tmp_path / "f.jsonl")  # fmt: skip
    first = run_command(predict.app, *arguments, "--json")
    assert first.exit_code == 4, first.output
    fired, quiet = json.loads(first.stdout)["alerts"]
    assert (fired["alert"], fired["met"], fired["fired"]) == ("broad:30>=0", True, True)
    assert (quiet["horizon_days"], quiet["fired"]) == (None, False)
    again = run_command(predict.app, *arguments)
    assert again.exit_code == 0
    assert again.stdout.startswith("alert reported before: broad:30>=0 (")
    assert "no alert: broad:year>=1 (" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--alert", "broad:30"], "must be KIND:WINDOW>=P"),
        (["--alert", "broad:31>=0.5"], "a forecast has windows of 30, 60, 90, 180, 365 days"),
        (["--alert", "broad:30>=0.5", "--what-if", "season_index=1"], "exclude each other"),
    ],
)
def test_command_refuses_what_cannot_be_looked_for(arguments, message, trained):
    result = run_command(predict.app, "--tracking-uri", trained[0], *arguments)
    assert result.exit_code == 2
    assert message in squeezed(result.stderr)
