"""Tables as people have them: read where they can mean one thing only, else refused by cell."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import re
from datetime import UTC

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.panel import DAY, DataError
from features.sources import cells
from features.sources.cells import read_content
from features.sources.columns import days_of, has_decimal_comma, is_day, with_point
from features.sources.tables import (
    COINS,
    PUBLISHED,
    RANKS,
    SERIES,
    UNIVERSE,
    read_joined,
    read_table,
)

DAYS = pd.date_range("2024-01-05", periods=60, unit="s")
INDEX = pd.DataFrame({"date": DAYS, "value": np.arange(60) + 0.25})
# One table of each schema, all cells as text.
TABLES = {
    "series": (SERIES, [
        ["series", "date", "value"],
        *(["sp500_close", f"{day:%Y-%m-%d}", f"{4000.5 + at}"] for at, day in enumerate(DAYS)),
        *(["iwm_nav", f"{day:%Y-%m-%d}", ""] for day in DAYS),
    ]),
    "coins": (COINS, [
        ["date", "coin", "close_usd", "close_btc", "market_cap_usd"],
        *([f"{day:%Y-%m-%d}", coin, "2.5", "0.5", ""] for coin in ("nan", "x") for day in DAYS),
    ]),
    "universe": (UNIVERSE, [
        ["snapshot_date", "rank", "coin", "market_cap_usd"],
        *([f"{day:%Y-%m-%d}", str(rank), coin, "1e9"]
          for day in DAYS for rank, coin in enumerate(("ethereum", "null"), 1)),
    ]),
    "ranks": (RANKS, [
        ["snapshot_date", "rank", "ticker"],
        *([f"{day:%Y-%m-%d}", str(rank), coin]
          for day in DAYS for rank, coin in enumerate(("ETH-USD", "NAN-USD"), 1)),
    ]),
    "published": (PUBLISHED, [
        ["date", "value"], *([f"{day:%Y-%m-%d}", str(at)] for at, day in enumerate(DAYS)),
    ]),
}  # fmt: skip


def in_file(folder, content: bytes | pd.DataFrame, name: str = "table.csv"):
    """Write bytes as they are, a frame as Parquet."""
    if isinstance(content, bytes):
        (folder / name).write_bytes(content)
        return folder / name
    content.to_parquet(folder / "table.parquet")
    return folder / "table.parquet"


def as_csv(rows, **options) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", **options).writerows(rows)
    return text.getvalue().encode()


def refusal(path, schema, **options) -> str:
    with pytest.raises(DataError) as error:
        read_table(path, schema, **options)
    message = str(error.value)
    assert path.name in message
    assert "\n" not in message
    assert len(message) < 500
    return message


# --- days ----------------------------------------------------------------------------------------

WRITTEN = [
    "%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y-%m-%dT00:00", "%Y-%m-%dT00:00:00Z",
    "%Y-%m-%dT00:00:00.000Z", "%Y-%m-%d 00:00:00", "%Y-%m-%d 00:00:00+00:00",
    "%Y-%m-%d 00:00:00 +0000", "%Y-%m-%d 00:00:00-00", "%Y-%m-%d 00:00:00 UTC",
    "%Y-%m-%d 23:59:59.999Z", "%Y-%m-%dT23:59:59Z", "%Y-%m-%d 23:59", "%d/%b/%Y", "%d-%b-%y",
    "%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%d %b. %Y", "%d/%b/%Y 00:00:00", "%B %d, %Y", "%b %d %Y",
    "%b. %d, %Y", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%m-%d-%Y", "%m/%d/%y",
    "%d/%m/%Y 00:00", " %Y-%m-%d ",
]  # fmt: skip


@pytest.mark.parametrize("form", WRITTEN)
def test_a_column_of_days_is_read_in_every_clear_form(tmp_path, form):
    written = INDEX.assign(date=INDEX["date"].map(lambda day: f"{day:{form}}"))
    for content in (written.to_csv(index=False).encode(), written):
        assert read_table(in_file(tmp_path, content), PUBLISHED).equals(INDEX)


@pytest.mark.parametrize("times", [1, 1000, 10**6])
@pytest.mark.parametrize("clock", [0, 86_399])
def test_days_that_are_counted_are_read(tmp_path, times, clock):
    counted = INDEX.assign(date=(INDEX["date"].astype("int64") + clock) * times)
    for content in (counted.to_csv(index=False).encode(), counted, counted.astype({"date": float})):
        assert read_table(in_file(tmp_path, content), PUBLISHED).equals(INDEX)
    as_float = counted.astype({"date": str}).assign(date=lambda table: table["date"] + ".0")
    path = in_file(tmp_path, as_float.to_csv(index=False).encode())
    assert read_table(path, PUBLISHED).equals(INDEX)


@pytest.mark.parametrize(
    "typed",
    [
        lambda days: days.dt.date, lambda days: days.dt.as_unit("ns"),
        lambda days: days.astype(str),
        lambda days: days.dt.tz_localize("UTC"), lambda days: days.astype(str).astype("category"),
        lambda days: days.dt.tz_localize("UTC") + pd.Timedelta("23:59:59.999"),
        lambda days: days.dt.strftime("%Y%m%d").astype(int),
    ],
    ids=["dates", "ns", "text", "UTC", "category", "end of day", "eight figures"],
)  # fmt: skip
def test_days_of_parquet_are_read_in_every_type(tmp_path, typed):
    path = in_file(tmp_path, INDEX.assign(date=typed(INDEX["date"])))
    assert read_table(path, PUBLISHED).equals(INDEX)


@pytest.mark.parametrize(
    ("first", "others", "rule"),
    [
        ("2024-01-05T12:00:00Z", "%Y-%m-%d", "a time within the day"),
        ("2024-01-05T00:00:00Z", "%Y-%m-%dT23:59:59Z", "whether midnight begins or ends a day"),
        ("2024-01-05T00:00:00+01:00", "%Y-%m-%d", "whose time is +01:00 and not UTC"),
        ("13/01/2024", "%m/%d/%Y", "of another form than"),
        ("05 Jan 2024", "%Y-%m-%d", "of another form than"),
        ("1704412800", "%Y-%m-%d", "must be days such as 2025-12-10"),
        ("20241301", "%Y-%m-%d", "must be days such as 2025-12-10"),
        ("yesterday", "%Y-%m-%d", "must be days such as 2025-12-10"),
        ("2024-02-30", "%Y-%m-%d", "must be days such as 2025-12-10"),
        ("1899-12-31", "%Y-%m-%d", "must not be before 1900-01-01"),
        ("", "%Y-%m-%d", "none missing"),
    ],
)
def test_other_days_are_refused_with_row_value_and_way_out(tmp_path, first, others, rule):
    written = INDEX["date"].map(lambda day: f"{day:{others}}")
    written[3] = first
    message = refusal(in_file(tmp_path, INDEX.assign(date=written)), PUBLISHED)
    assert rule in message
    assert ("row 4: " in message) == ("whether" not in message)
    assert not first or f"{first!r}" in message


@pytest.mark.parametrize(
    ("days", "rule"),
    [
        (["05/01/2024", "06/01/2024"], "'05/01/2024', which can be 05 Jan 2024 or 01 May 2024"),
        (["5.1.2024"], "no day of this column decides; write all days of a column as 2025-12-10"),
        ([202401], "numbers are read as 20251210, or as seconds"),
        ([1.5], "numbers are read as"),
        (pd.DatetimeIndex(["2024-01-05"]).tz_localize("Asia/Tokyo"), "no time zone but UTC"),
        (pd.DatetimeIndex(["2024-01-05 12:00"]), "a time within the day"),
        (pd.DatetimeIndex(["2024-01-05", "2024-01-06 23:59:59"]), "is not clear"),
        ([pd.NaT], "none missing"),
    ],
)
def test_days_that_can_be_others_are_refused(tmp_path, days, rule):
    path = in_file(tmp_path, pd.DataFrame({"date": days, "value": 1.0}))
    message = refusal(path, PUBLISHED)
    assert "row 1: " in message or "is not clear" in message
    assert "date must" in message
    assert rule in message


DATES = st.dates(pd.Timestamp("1970-01-01").date(), pd.Timestamp("2068-12-31").date())


@given(st.lists(DATES, min_size=1), st.sampled_from(WRITTEN))
def test_days_are_read_as_they_were_meant_or_refused(days, form):
    texts = [f"{day:{form}}" for day in days]
    if {form[1], form[4]} == {"d", "m"}:  # the order of day and month can be unclear
        with contextlib.suppress(DataError):
            assert [days_of(texts)[text] for text in texts] == [pd.Timestamp(day) for day in days]
    else:
        assert [days_of(texts)[text] for text in texts] == [pd.Timestamp(day) for day in days]


def test_the_same_day_in_both_orders_is_clear():
    assert days_of(["05/05/2025", "6/6/2025"])["6/6/2025"] == pd.Timestamp("2025-06-06")
    assert days_of([]) == {}
    assert [is_day(text) for text in ("13/02/2025", "Dec 9, 2025", "Total", "1.5")] == [
        True, True, False, False,
    ]  # fmt: skip


# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "comma"),
    [
        (["1,5", "2,25"], True), (["1.000,5"], True), (["0,123"], True), (["1.5"], False),
        (["1,000.5"], False), (["1,000,000"], False), (["5", "7"], False), (["1,234", "0,5"], True),
        (["1,234", "0.5"], False), ([], False),
    ],
)  # fmt: skip
def test_a_decimal_comma_is_recognised(texts, comma):
    assert has_decimal_comma(texts) is comma


@pytest.mark.parametrize("numbers", [["1,5", "1.5"], ["1,234"], ["5", "1,234"]])
def test_a_comma_that_is_not_clear_is_refused(tmp_path, numbers):
    rows = [["date", "value"], *([f"2024-01-0{at + 1}", n] for at, n in enumerate(numbers))]
    message = refusal(in_file(tmp_path, as_csv(rows, delimiter=";")), PUBLISHED)
    assert "value " in message
    assert "decimal point" in message
    assert f"row {len(numbers) if '1,5' not in numbers else 1}: 2024-01-0" in message


@given(st.floats(min_value=-1e12, max_value=1e12).map(lambda value: round(value, 4)))
def test_a_number_is_read_as_it_was_written(value):
    european = f"{value:,.4f}".translate(str.maketrans(",.", ".,"))
    assert float(with_point(european, decimal_comma=True)) == value
    assert float(with_point(f"{value:,.4f}", decimal_comma=False)) == value


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("form", ["{}", "{:,.2f}", "comma", "comma and points"])
def test_delimiters_and_notations_are_read(tmp_path, delimiter, form):
    table = INDEX.assign(series="a", value=INDEX["value"] + 91_000)[["series", "date", "value"]]
    european = str.maketrans(",.", ".,")
    write = {"comma": lambda v: f"{v:.2f}".translate(european),
             "comma and points": lambda v: f"{v:,.2f}".translate(european)}  # fmt: skip
    rows = [table.columns, *table.astype(str).to_numpy()]
    for row, value in zip(rows[1:], table["value"], strict=True):
        row[2] = write.get(form, form.format)(value)
    path = in_file(tmp_path, as_csv(rows, delimiter=delimiter))
    assert read_table(path, SERIES).equals(table)


@settings(deadline=None)
@given(st.lists(st.floats(1e-30, 1e30), min_size=1, max_size=60))
def test_numbers_of_csv_are_those_of_parquet_to_the_bit(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("bits")
    table = pd.DataFrame({"series": "a", "date": DAYS[: len(values)], "value": values})
    for decimal in (".", ","):
        path = in_file(folder, table.to_csv(index=False, sep=";", decimal=decimal).encode())
        assert read_table(path, SERIES).equals(table)


# --- headings, places and names ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"date,coin,close_usd", b"Date, Coin ,Close-USD"),
        (b"date,coin", b"\xef\xbb\xbfdate,coin"),
        (b",x,", b",X ,"), (b"\n", b"\r\n"), (b"date,coin", b",coin"), (b"date,", b"\n\ndate,"),
        (b"date,coin", b"Unnamed: 0,coin"), (b"date", b'"date"'), (b",2.5,", b", 2.5 ,"),
        (b",2.5,", b",+2.50e0,"),
    ],
)  # fmt: skip
def test_headings_names_and_lines_may_be_written_otherwise(tmp_path, old, new):
    schema, rows = TABLES["coins"]
    plain = read_table(in_file(tmp_path, as_csv(rows)), schema)
    assert old in as_csv(rows)
    path = in_file(tmp_path, as_csv(rows).replace(old, new))
    assert read_table(path, schema).equals(plain)


@pytest.mark.parametrize(
    "placed",
    [
        lambda table: table.set_index("date"), lambda table: table.set_index(["coin", "date"]),
        lambda table: table.set_index("date").rename_axis("Date"),
        lambda table: table.set_index("date").rename_axis(None),
        lambda table: table.set_index("date").rename_axis(None).reset_index(),
        lambda table: table.assign(symbol="X"), lambda table: table[::-1][::-1],
    ],
)  # fmt: skip
def test_the_day_may_stand_in_an_index_or_without_a_name(tmp_path, placed):
    schema, rows = TABLES["coins"]
    plain = read_table(in_file(tmp_path, as_csv(rows)), schema)
    table = placed(plain)
    assert read_table(in_file(tmp_path, table), schema)[plain.columns].equals(plain)
    assert read_table(in_file(tmp_path, table.to_csv().encode()), schema).equals(plain)


def test_row_numbers_without_a_heading_are_passed_over(tmp_path):
    """As R's `write.csv` has them."""
    schema, (headings, *rows) = TABLES["coins"]
    numbered = [headings, *([str(at), *row] for at, row in enumerate(rows))]
    plain = read_table(in_file(tmp_path, as_csv([headings, *rows])), schema)
    assert read_table(in_file(tmp_path, as_csv(numbered)), schema).equals(plain)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"date,Date,value\n2024-01-05,2024-01-05,1\n", "'date' and 'Date' could each be 'date'"),
        (b"when,value\n2024-01-05,1\n", "column 'date' is missing; need date, value; it has"),
        (b"date,index\n2024-01-05,1\n", "column 'value' is missing"),
        (b"date,value\n", "holds no row"),
        (b"", "column 'date' is missing"),
        ("date,value\n2024-01-05,1\n".encode("utf-16"), "not UTF-8 text"),
        (b"date,value\n2024-01-05,\xff\xfe\n", "cannot be read"),
        (b"date,value\n2024-01-05,1\n2024-01-06\n", "cannot be read"),
        (b"date,value\n2024-01-05,1_0\n", "row 1: 2024-01-05: value must be numeric, got '1_0'"),
        (b"date,value\n2024-01-05,True\n", "row 1: 2024-01-05: value must be numeric, got 'True'"),
        (gzip.compress(b"date,value\n" * 99, mtime=0)[:30], "is damaged gzip"),
    ],
)  # fmt: skip
def test_what_is_no_such_table_is_refused(tmp_path, content, rule):
    assert rule in refusal(in_file(tmp_path, content), PUBLISHED)


@pytest.mark.parametrize("content", [b"junk", b"PAR1" + bytes(20) + b"PAR1", b""])
def test_damaged_parquet_is_refused(tmp_path, content):
    path = in_file(tmp_path, content, "table.parquet")
    assert "cannot be read: " in refusal(path, PUBLISHED)


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_what_is_no_file_is_refused(tmp_path, name):
    path = tmp_path / name
    assert "cannot be read: " in refusal(path, PUBLISHED)
    path.symlink_to(name)
    assert "cannot be read: " in refusal(path, PUBLISHED)
    path.unlink()
    path.mkdir()
    assert "cannot be read: it is no file" in refusal(path, PUBLISHED)


# --- size ----------------------------------------------------------------------------------------


def test_what_is_too_large_is_refused_before_it_is_in_memory(tmp_path, monkeypatch):
    path = in_file(tmp_path, gzip.compress(bytes(1000)))
    assert read_content(path, 1000) == bytes(1000)
    with pytest.raises(DataError, match="unpacks to more"):
        read_content(path, 999)
    monkeypatch.setattr(cells, "MAX_BYTES", 3_000_000)
    bomb = gzip.compress(b"date,value\n" + bytes(20_000_000))
    assert len(bomb) < 50_000
    assert "unpacks to more than 3 MB" in refusal(in_file(tmp_path, bomb), PUBLISHED)
    monkeypatch.setattr(cells, "MAX_BYTES", 100)
    plain = INDEX.to_csv(index=False).encode()
    assert "is larger than 0 MB" in refusal(in_file(tmp_path, plain), PUBLISHED)
    assert "at most" in refusal(in_file(tmp_path, INDEX), PUBLISHED)
    monkeypatch.undo()
    monkeypatch.setattr(cells, "MAX_ROWS", 59)
    assert "holds 60 rows" in refusal(in_file(tmp_path, INDEX), PUBLISHED)


# --- one cell ------------------------------------------------------------------------------------

JUNK = st.one_of(
    st.text(max_size=12),
    st.text("0123456789-/.: TZ", max_size=12),
    st.floats().map(repr),
    st.integers(-3, 300).map(str),
    st.datetimes(timezones=st.just(UTC)).map(lambda instant: instant.strftime("%Y-%m-%d")),
    st.sampled_from(["", " ", "nan", "inf", "1e31", "1e-31", "1,234", "1.234,5", "(1)", "bitcoin"]),
)


def meant(text: str, kind: str) -> object:
    """Return what a cell means, said slowly; an error if it means nothing."""
    if kind == "number":
        thousands = re.fullmatch(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?", text.strip())
        plain = text.strip().replace("1.234,5", "1234.5").replace(",", "" if thousands else ".")
        return float(plain or "nan")
    if kind == "day":
        return pd.Timestamp(text.strip()).tz_localize(None).normalize()
    return text.strip().lower() if kind == "name" else text.strip()


@pytest.mark.parametrize("name", TABLES)
@settings(deadline=None)
@given(junk=JUNK, data=st.data())
def test_a_cell_of_any_content_is_read_rightly_or_named(name, junk, data, tmp_path_factory):
    schema, rows = TABLES[name]
    row = data.draw(st.integers(1, len(rows) - 1))
    at = data.draw(st.integers(0, len(rows[0]) - 1))
    column, day = rows[0][at], rows[row][rows[0].index(schema.key[-1])]
    spoilt = [*rows[:row], [*rows[row][:at], junk, *rows[row][at + 1 :]], *rows[row + 1 :]]
    path = in_file(tmp_path_factory.getbasetemp(), as_csv(spoilt, quoting=csv.QUOTE_ALL), "x.csv")
    try:
        table = read_table(path, schema)
    except DataError as error:
        message = str(error)
        assert message.startswith(f"{path}: ")
        # Two rows of one name are named by the second of them.
        assert f"row {row}: " in message or "must not stand in two rows" in message
        assert day in message or schema.columns[column] == "day"
        assert column in message or "must not stand in two rows" in message
        return
    value, expected = table[column].iloc[row - 1], meant(junk, schema.columns[column])
    assert value == expected or (value != value and expected != expected)
    others = table.drop(index=row - 1)
    plain = read_table(in_file(path.parent, as_csv(rows), "y.csv"), schema)
    assert others.equals(plain.drop(index=row - 1))


@pytest.mark.parametrize(
    ("name", "column", "value", "rule"),
    [
        *(("coins", column, value, "must be finite and positive")
          for column in ("close_usd", "close_btc")
          for value in ("0", "-1", "inf", "nan", "", "1e31", "1e-31")),
        *((name, "market_cap_usd", value, "must be finite and positive, or missing")
          for name in ("coins", "universe") for value in ("0", "-1", "inf")),
        *((name, "rank", value, "must be a whole number from 1 on")
          for name in ("universe", "ranks") for value in ("0", "1.5", "", "inf")),
        ("universe", "rank", "2", "must not stand in two rows of a day"),
        ("published", "value", "100.5", "must lie between 0 and 100"),
        ("published", "value", "", "must lie between 0 and 100"),
        ("series", "value", "-1e31", "must lie within 1e+30"),
        *((name, column, "2008-12-31", "must not be before 2009-01-03")
          for name, column in (("coins", "date"), ("universe", "snapshot_date"))),
        *((name, TABLES[name][0].key[-1], "2024-03-05", "must not be later than 2024-03-04")
          for name in TABLES),
        ("series", "series", "", "must not be missing"), ("coins", "coin", " ", "not be missing"),
        ("series", "date", "2024-01-06", "must not stand in two rows"),
    ],
)  # fmt: skip
def test_a_value_that_breaks_a_rule_is_named(tmp_path, name, column, value, rule):
    schema, rows = TABLES[name]
    at = rows[0].index(column)
    spoilt = [rows[0], [*rows[1][:at], value, *rows[1][at + 1 :]], *rows[2:]]
    message = refusal(in_file(tmp_path, as_csv(spoilt)), schema, until=DAYS[-1])
    assert f"{column} {rule}" in message or rule in message
    assert "row 1: " in message or "two rows" in message
    assert "got " in message or "missing" in message
    assert read_table(in_file(tmp_path, as_csv(rows)), schema, until=DAYS[-1]) is not None


# --- several files -------------------------------------------------------------------------------


def parts_of(tmp_path, name: str, *slices: slice):
    _, (headings, *rows) = TABLES[name]
    return [
        in_file(tmp_path, as_csv([headings, *rows[part]]), f"{name}-{at}.csv")
        for at, part in enumerate(slices)
    ]


@pytest.mark.parametrize("name", ["series", "coins", "universe"])
def test_files_of_a_table_are_read_together_in_any_order(tmp_path, name):
    schema = TABLES[name][0]
    (whole,) = parts_of(tmp_path, name, slice(None))
    plain = read_table(whole, schema).sort_values([*schema.key], ignore_index=True)
    parts = parts_of(tmp_path, name, slice(70), slice(50, 110), slice(60, None), slice(3))
    assert read_joined(parts, schema).equals(plain)
    assert read_joined(parts[::-1], schema).equals(plain)
    assert read_joined(parts[:1], schema).equals(read_table(parts[0], schema))


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [("series", "value", "4010.75"), ("coins", "close_btc", "0.75"),
     ("coins", "market_cap_usd", "9"), ("universe", "market_cap_usd", "")],
)  # fmt: skip
def test_files_that_contradict_each_other_are_refused(tmp_path, name, column, value):
    schema, (headings, *rows) = TABLES[name]
    first, second = parts_of(tmp_path, name, slice(20), slice(10, 40))
    row = list(rows[10])
    row[headings.index(column)] = value
    second.write_bytes(as_csv([headings, row, *rows[11:40]]))
    for paths in ([first, second], [second, first]):
        with pytest.raises(DataError) as error:
            read_joined(paths, schema)
        message = str(error.value)
        assert {str(first), str(second)} <= {part.rstrip(":;") for part in message.split()}
        assert row[headings.index(schema.key[-1])] in message
        assert f"{column} is " in message
        assert (value or "nan") in message
        assert "remove one of the rows" in message


def test_a_rank_that_two_files_give_to_two_coins_is_refused(tmp_path):
    schema, (headings, *rows) = TABLES["universe"]
    first, second = parts_of(tmp_path, "universe", slice(None), slice(2))
    second.write_bytes(as_csv([headings, [rows[0][0], "1", "solana", "1e9"]]))
    with pytest.raises(DataError, match=r"universe-1\.csv: row 1: solana on 2024-01-05: rank must"):
        read_joined([first, second], schema)


def test_the_last_day_asked_for_is_not_too_late(tmp_path):
    (path,) = parts_of(tmp_path, "coins", slice(None))
    assert len(read_table(path, COINS, until=DAYS[-1])) == 120
    assert "got 2024-03-04" in refusal(path, COINS, until=DAYS[-1] - DAY)
