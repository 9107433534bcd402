"""The program from Python: what docs/python.md calls stable."""

from __future__ import annotations

import doctest
from pathlib import Path

import pandas as pd
import pytest

from models import api
from models.vocabulary import Kind


def test_a_forecast_from_python_is_that_of_the_command(copied_store, reference, small_forecast):
    made = api.forecast(
        reference, as_of="2018-09-25", tracking_uri=copied_store, today="2018-09-25"
    )
    assert made.answers == small_forecast("2018-09-25").answers
    table = api.forecast_table(made)
    assert list(table.columns) == list(api.TABLE_COLUMNS)
    assert len(table) == len(made.answers)


def test_a_window_and_its_mistakes(copied_store, reference):
    made = api.forecast(
        reference, as_of="2018-09-25", start="2019-01-01", by="2019-06-30",
        tracking_uri=copied_store, today="2018-09-25",
    )  # fmt: skip
    assert made.year(Kind.BROAD).end == pd.Timestamp("2019-06-30")
    for wrong in ({"start": "2019-01-01"}, {"year": 2019, "by": "2019-01-01"}, {"year": 2040}):
        with pytest.raises(api.WindowError):
            api.forecast(reference, as_of="2018-09-25", tracking_uri=copied_store, **wrong)


def test_the_hindcast_is_that_of_the_training(copied_store, small_training):
    table = api.hindcast(tracking_uri=copied_store)
    assert list(table.columns) == list(api.HINDCAST_COLUMNS)
    assert len(table) == len(small_training.hindcast)


def test_arguments_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match="source must be one of"):
        api.load_panel("nowhere")
    with pytest.raises(ValueError, match="data_dir goes with"):
        api.load_panel("files")
    with pytest.raises(ValueError, match="offline goes with"):
        api.load_panel(offline=True)


def test_the_page_of_the_documentation_runs_and_names_every_column(copied_store, monkeypatch):
    folder = Path(copied_store.removeprefix("sqlite:///")).parent
    monkeypatch.chdir(folder)
    page = Path(__file__).parents[1] / "docs/python.md"
    found = doctest.testfile(str(page), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert (found.failed, found.attempted > 15) == (0, True)
    text = page.read_text()
    for name in {*api.TABLE_COLUMNS, *api.HINDCAST_COLUMNS} - {"q25", "q50", "q75"}:
        assert f"`{name}`" in text
