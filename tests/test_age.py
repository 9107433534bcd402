"""The age of the data stands first, what has ended never headlines, one rule for all sources."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

import predict
from features.sources.deferred import DeferredPanel
from models.forecasting.forecast import forecast
from models.forecasting.parts import ModelId, NoteCode
from models.forecasting.schema import forecast_json
from models.forecasting.season_status import season_status
from models.outlook.window import year_window
from models.report.forecast_text import forecast_text
from models.report.outlook_words import ended_statement
from models.report.statements import headline
from tests.commands import run_command
from tests.forecast_schema import validate

LATER = pd.Timestamp("2027-02-01")


@pytest.fixture(scope="module")
def late(reference, quick):
    """The default forecast of the embedded history, asked for in February 2027."""
    forecaster = quick.forecasters["logistic"]
    status = season_status(reference, forecaster, reference.last_day)
    return forecast(status, forecaster, ModelId("3", "abc"), today=LATER)


def test_what_has_ended_never_headlines(late):
    lines = forecast_text(late).splitlines()
    assert lines[0].startswith("Altcoin season forecast as of 6 Jun 2026, data 240 days old")
    blocks = [" ".join(block.split()) for block in forecast_text(late).split("\n\n")]
    assert blocks[1].startswith("The window asked about, in 2026, ended on 31 Dec 2026")
    assert "Run predict.py --year 2027 for one that is open" in blocks[1]
    assert blocks[2].startswith("Chance that a broad altcoin season begins")
    (chances,) = (n for n, block in enumerate(blocks) if block.startswith("Altcoin season in 2026"))
    assert chances > 3
    assert "ended by now" in blocks[chances]
    assert headline(late)[0] == "ended"


def test_an_open_window_leads(late):
    # On its last day a window is still open: 208 days after the last day of the data.
    now = replace(late, data=replace(late.data, age_days=208))
    blocks = forecast_text(now).split("\n\n")
    assert blocks[1].startswith("Altcoin season in 2026")
    assert "ended" not in headline(now)


def test_json_says_so(late):
    answer = forecast_json(late)
    validate(answer)
    assert (answer["data"]["age_days"], answer["outlook"]["ended"]) == (240, True)
    (stale,) = (note for note in answer["notes"] if note["code"] == NoteCode.STALE_DATA)
    assert (stale["age_days"], stale["last_day"], stale["allowed_days"]) == (240, "2026-06-06", 7)


def test_a_year_out_of_reach_is_not_offered():
    day = pd.Timestamp("2022-06-06")
    said = ended_statement(year_window(day), as_of=day, today=LATER)
    assert "--year" not in said
    assert "predict.py --source yahoo" in said


@pytest.mark.parametrize(
    ("source", "age_days", "options", "code"),
    [
        ("files", 7, [], None),
        ("files", 8, [], "stale_data"),
        ("reference+yahoo", 8, [], "stale_data"),
        ("reference", 8, [], None),
        ("files", 8, ["--as-of", "2026-06-01"], None),
        ("files", 8, ["--as-of", "2026-06-07"], "day_not_usable"),
        ("reference", 8, ["--as-of", "2026-06-07"], "day_not_usable"),
    ],
)
def test_health_and_forecast_refuse_alike(
    monkeypatch, reference, quick, source, age_days, options, code
):
    panel = replace(reference, source=source)
    monkeypatch.setattr(predict, "load_market", lambda *given, **named: DeferredPanel(panel))
    monkeypatch.setattr(predict, "now", lambda: panel.last_day + pd.Timedelta(days=age_days))
    stored = type("Stored", (), {"forecaster": quick.forecasters["logistic"], "sealed": True})
    monkeypatch.setattr("models.cli.forecast_command.load_forecaster", lambda *given: stored)
    # What comes after the data have been accepted is not asked here.
    monkeypatch.setattr("models.cli.forecast_command._forecast", lambda *given: None)
    monkeypatch.setattr("models.cli.forecast_command.checked", lambda *given: ())
    monkeypatch.setattr("models.cli.forecast_command.forecast_answer", lambda *given: "{}")
    asked = run_command(predict.app, "health", "--json", *options)
    made = run_command(predict.app, "--json", *options)
    assert asked.exit_code == made.exit_code == (0 if code is None else 3)
    assert json.loads(asked.stdout)["refusal_code"] == code
    assert json.loads(asked.stdout)["age_days"] == age_days
