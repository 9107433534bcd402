"""The stable API: its page runs, its columns are documented, and it says what predict says."""

from __future__ import annotations

import doctest
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import predict
from models import api
from models.verification.hindcast import COLUMNS
from tests.small_market import LAST, small_market, write_tables

PAGE = Path(__file__).parents[1] / "docs" / "python.md"


def test_the_page_runs(trained, monkeypatch):
    uri, folder, _ = trained
    monkeypatch.chdir(folder)
    assert uri == f"sqlite:///{folder / 'mlflow.db'}"
    failed, run = doctest.testfile(str(PAGE), module_relative=False, verbose=False)
    assert run > 15
    assert failed == 0


@pytest.mark.parametrize(
    ("region", "columns"), [("table", api.TABLE_COLUMNS), ("hindcast", api.HINDCAST_COLUMNS)]
)
def test_the_page_documents_every_column(region, columns):
    text = PAGE.read_text().split(f"<!-- {region} -->")[1].split(f"<!-- /{region} -->")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE)
    assert dict(rows) == columns
    assert [name for name, _ in rows] == list(columns)


def test_the_columns_are_those_that_are_made(trained):
    uri, _, _ = trained
    assert tuple(api.HINDCAST_COLUMNS) == COLUMNS
    assert list(api.hindcast(tracking_uri=uri)) == list(COLUMNS)


def test_it_says_what_the_command_says(trained, reference):
    uri, _, _ = trained
    arguments = ["--json", "--tracking-uri", uri, "--as-of", "2024-06-03", "--year", "2025"]
    said = json.loads(CliRunner().invoke(predict.app, arguments).stdout)
    made = api.forecast(reference, as_of="2024-06-03", year=2025, tracking_uri=uri)
    table = api.forecast_table(made)
    assert list(table) == list(api.TABLE_COLUMNS)
    windows = table[table["question"] == "window"]
    assert windows["probability"].tolist() == [row["probability"] for row in said["forecasts"]]
    ahead = api.outlook(reference, as_of="2024-06-03", year=2025, tracking_uri=uri)
    assert [c.probability for c in ahead.chances] == [
        row["probability"] for row in said["outlook"]["chances"]
    ]


def test_every_stable_name_is_there_and_says_what_it_is():
    assert all(getattr(api, name) is not None for name in api.__all__)
    for name in ("load_panel", "forecast", "outlook", "hindcast", "forecast_table"):
        assert "Parameters" in getattr(api, name).__doc__


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": "bloomberg"}, "must be one of reference, files, yahoo, got 'bloomberg'"),
        ({"source": "files"}, "data_dir goes with source 'files'"),
        ({"source": "reference", "data_dir": "."}, "data_dir goes with source 'files'"),
        ({"offline": True}, "offline goes with source 'yahoo'"),
    ],
)
def test_what_contradicts_itself_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        api.load_panel(**arguments)


@pytest.mark.parametrize("window", [{"year": 2021, "by": "2021-12-31"}, {"start": "2021-02-01"}])
def test_a_contradictory_window_is_refused(trained, reference, window):
    uri, _, _ = trained
    with pytest.raises(api.WindowError):
        api.forecast(reference, as_of="2021-01-01", tracking_uri=uri, **window)


def test_a_directory_is_simulated_for_the_days_asked(tmp_path, monkeypatch):
    asked = []

    def cheap(coins, universe, days, **options):
        asked.extend(days)
        return pd.DataFrame({"simulated_50_30": 1.0}, index=days.rename("date"))

    monkeypatch.setattr("features.storage.simulations.simulate", cheap)
    directory = write_tables(tmp_path / "data", small_market())
    panel = api.load_panel("files", data_dir=directory, cache_dir=tmp_path, days=(LAST, LAST))
    assert panel.last_day == LAST
    assert len(asked) <= 7
