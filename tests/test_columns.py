"""Columns of a table: text, numbers and days, or an error that names file, column and rule."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.small_market import FIRST, refusal_of, small_market, with_cell


@pytest.mark.parametrize(
    ("table", "column"),
    [("series", "value"), ("coins", "close_usd"), ("universe", "rank")],
)
def test_a_number_as_text_is_refused(tmp_path, table, column):
    message = refusal_of(tmp_path, "csv", **with_cell(table, column, "much"))
    assert f"{table}.csv: {column}: must be numeric, got " in message


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("yesterday", "must be dates such as 2025-12-10"),
        ("2024-13-01", "must be dates such as 2025-12-10"),
        ("2024-01-04T00:00:00+01:00", "must be dates such as 2025-12-10"),
        ("", "must be whole days, none missing"),
    ],
)
@pytest.mark.parametrize(("table", "column"), [("series", "date"), ("universe", "snapshot_date")])
def test_an_unreadable_date_is_refused(tmp_path, table, column, text, rule):
    frame = small_market()[table]
    frame[column] = frame[column].dt.strftime("%Y-%m-%d")
    frame.loc[3, column] = text
    message = refusal_of(tmp_path, "csv", **{table: frame})
    assert f"{table}.csv: {column}: {rule}" in message


@pytest.mark.parametrize("text", ["05/01/2024", "5.1.2024"])
def test_an_ambiguous_date_is_refused(tmp_path, text):
    series = small_market()["series"].iloc[:1].assign(date=text)
    assert "series.csv: date: must be dates such as" in refusal_of(tmp_path, "csv", series=series)


@pytest.mark.parametrize(
    ("date", "rule"),
    [
        (lambda days: 202401, "must be dates, got int64"),
        (
            lambda days: days.dt.tz_localize("Asia/Tokyo"),
            "must carry no time zone but UTC, got datet",
        ),
        (lambda days: days.mask(days == FIRST, FIRST + pd.Timedelta("12h")), "must be whole days"),
    ],
    ids=["number", "time zone", "noon"],
)
def test_a_date_of_another_type_is_refused(tmp_path, date, rule):
    series = small_market()["series"]
    message = refusal_of(tmp_path, series=series.assign(date=date(series["date"])))
    assert f"series.parquet: date: {rule}" in message


@pytest.mark.parametrize(("table", "column"), [("coins", "coin"), ("series", "series")])
def test_a_missing_name_is_refused(tmp_path, table, column):
    message = refusal_of(tmp_path, **with_cell(table, column, None, row=5))
    assert f"{table}.parquet: {column}: must not be missing" in message


def test_a_message_is_one_short_line(tmp_path):
    series = small_market()["series"].astype({"date": object})
    series.loc[3, "date"] = "no\nday " + "x" * 1000
    message = refusal_of(tmp_path, "csv", series=series)
    assert "date: must be dates such as 2025-12-10, got 'no day xxx" in message
    assert len(message) < 300
    assert "\n" not in message
