"""Tables as people have them: days, headings, numbers and packing, read where they are clear."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.panel import DataError
from features.sources import table_file
from features.sources.append.directory import append
from features.sources.bounded import check_size
from features.sources.days import day_of, days_of, order_of
from features.sources.files import load_files
from features.sources.numerals import has_decimal_comma, with_point
from tests.small_market import refusal_of, small_market, write_tables


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The made-up market's panel, read from the plain form."""
    return load_files(write_tables(tmp_path_factory.mktemp("plain"), small_market(), "csv"))


def digest_of(directory, name: str, content: bytes, ending: str = "csv") -> str:
    """Return the digest of the market with one table's file replaced."""
    write_tables(directory, small_market(), "csv")
    (directory / f"{name}.csv").unlink()
    (directory / f"{name}.{ending}").write_bytes(content)
    return load_files(directory).digest


def told(directory, name: str, content: bytes, ending: str = "csv") -> str:
    with pytest.raises(DataError) as error:
        digest_of(directory, name, content, ending)
    return str(error.value)


def csv_of(name: str, **options) -> bytes:
    return small_market()[name].to_csv(index=False, **options).encode()


def with_days(write, name: str = "coins", column: str = "date") -> bytes:
    table = small_market()[name]
    return table.assign(**{column: table[column].map(write)}).to_csv(index=False).encode()


# --- days ----------------------------------------------------------------------------------------

WRITTEN = {
    "midnight": "%Y-%m-%dT00:00:00Z",
    "midnight, milliseconds": "%Y-%m-%dT00:00:00.000Z",
    "midnight, space": "%Y-%m-%d 00:00:00",
    "midnight, offset": "%Y-%m-%d 00:00:00+00:00",
    "midnight, UTC": "%Y-%m-%d 00:00:00 UTC",
    "end of day": "%Y-%m-%d 23:59:59.999Z",
    "end of day, T": "%Y-%m-%dT23:59:59Z",
    "month's name": "%d/%b/%Y",
    "Excel": "%d-%b-%y",
    "prose": "%B %d, %Y",
    "slashes": "%Y/%m/%d",
    "day first": "%d/%m/%Y",
    "month first": "%m/%d/%Y",
    "dots": "%d.%m.%Y",
    "month first, two digits": "%m/%d/%y",
}


@pytest.mark.parametrize("form", WRITTEN.values(), ids=WRITTEN)
@pytest.mark.parametrize(("name", "column"), [("coins", "date"), ("universe", "snapshot_date")])
def test_days_are_read_in_every_clear_form(tmp_path, plain, form, name, column):
    content = with_days(lambda day: f"{day:{form}}", name, column)
    assert digest_of(tmp_path, name, content) == plain.digest


@pytest.mark.parametrize("times", [1, 1000, 10**6])
@pytest.mark.parametrize("last", [0, 86_399])
def test_counted_days_are_read(tmp_path, plain, times, last):
    def counted(day):
        return (int(day.timestamp()) + last) * times

    assert digest_of(tmp_path, "coins", with_days(counted)) == plain.digest
    table = small_market()["coins"]
    numbers = table.assign(date=table["date"].map(counted))
    (tmp_path / "coins.csv").unlink()
    numbers.to_parquet(tmp_path / "coins.parquet")
    assert load_files(tmp_path).digest == plain.digest


def test_days_of_eight_figures_are_read(tmp_path, plain):
    def figures(day):
        return int(f"{day:%Y%m%d}")

    assert digest_of(tmp_path, "coins", with_days(figures)) == plain.digest
    table = small_market()["coins"]
    numbers = table.assign(date=table["date"].map(figures))
    (tmp_path / "coins.csv").unlink()
    numbers.to_parquet(tmp_path / "coins.parquet")
    assert load_files(tmp_path).digest == plain.digest


def test_utc_days_of_parquet_are_read(tmp_path, plain):
    table = small_market()["coins"]
    table = table.assign(date=table["date"].dt.tz_localize("UTC") + pd.Timedelta("23:59:59.999"))
    write_tables(tmp_path, {**small_market(), "coins": table})
    assert load_files(tmp_path).digest == plain.digest


@pytest.mark.parametrize(
    ("first", "others", "message"),
    [
        ("2024-01-01T12:00:00Z", "%Y-%m-%d", "'2024-01-01T12:00:00Z', a time within the day"),
        ("2024-01-01T00:00:00Z", "%Y-%m-%dT23:59:59Z", "whether midnight begins or ends a day"),
        ("2024-01-01T00:00:00+01:00", "%Y-%m-%d", "whose time is +01:00 and not UTC"),
        ("13/01/2024", "%m/%d/%Y", "no one order of day and month fits"),
        ("1704110400", "%Y-%m-%d", "'1704110400', a time within the day"),
        ("20241301", "%Y-%m-%d", "must be dates such as 2025-12-10, got '20241301'"),
    ],
)
def test_other_days_are_refused_with_cause_value_and_way_out(tmp_path, first, others, message):
    start = small_market()["coins"]["date"].min()
    content = with_days(lambda day: first if day == start else f"{day:{others}}")
    refused = told(tmp_path, "coins", content)
    assert f"{tmp_path / 'coins.csv'}: date: " in refused
    assert message in refused


def test_day_and_month_that_are_not_clear_are_refused(tmp_path):
    series = small_market()["series"]
    early = series[series["date"].dt.day <= 12]
    early = early.assign(date=early["date"].dt.strftime("%d/%m/%Y"))
    message = refusal_of(tmp_path, "csv", series=early)
    assert "'02/01/2024', which can be 02 Jan 2024 or 01 Feb 2024" in message
    assert "write days as 2025-12-10" in message


DATES = st.dates(pd.Timestamp("1970-01-01").date(), pd.Timestamp("2068-12-31").date())


@given(DATES, st.sampled_from(["%Y-%m-%d", "%d %b %Y", "%d-%b-%y", "%b %d, %Y", "%Y/%m/%d"]))
def test_a_day_that_is_written_is_the_day_that_is_read(day, form):
    assert day_of(f"{day:{form}}") == pd.Timestamp(day)


@given(st.lists(DATES, min_size=1), st.sampled_from(["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y"]))
def test_days_of_figures_are_read_rightly_or_refused(days, form):
    texts = [f"{day:{form}}" for day in days]
    try:
        read = days_of(texts)
    except DataError:
        return
    assert [read[text] for text in texts] == [pd.Timestamp(day) for day in days]


@given(st.text(max_size=24))
def test_any_text_is_a_day_or_refused(text):
    try:
        (day,) = days_of([text]).values()
    except DataError:
        return
    assert day == day.normalize()


def test_the_same_day_in_both_orders_is_clear():
    assert order_of(["05/05/2025", "6/6/2025"]) == "dmy"
    assert order_of(["no day", ""]) is None


# --- where the days stand ------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["date", "Date", None])
def test_the_day_may_be_the_index_of_parquet(tmp_path, plain, label):
    coins = small_market()["coins"].set_index("date")
    coins.index.name = label
    write_tables(tmp_path, {**small_market(), "coins": coins})
    assert load_files(tmp_path).digest == plain.digest


def test_two_levels_of_an_index_are_read(tmp_path, plain):
    coins = small_market()["coins"].set_index(["coin", "date"])
    write_tables(tmp_path, {**small_market(), "coins": coins})
    assert load_files(tmp_path).digest == plain.digest


def test_the_day_may_be_the_first_column_without_name(tmp_path, plain):
    content = csv_of("coins").replace(b"date,", b",", 1)
    assert digest_of(tmp_path, "coins", content) == plain.digest


def test_a_programs_index_is_passed_over(tmp_path, plain):
    content = small_market()["coins"].to_csv().encode()
    assert digest_of(tmp_path, "coins", content) == plain.digest


def test_two_columns_that_could_be_the_day_are_refused(tmp_path):
    table = small_market()["coins"]
    content = table.assign(Date=table["date"]).to_csv(index=False).encode()
    message = told(tmp_path, "coins", content)
    assert "columns 'date' and 'Date' could each be 'date'; remove or rename" in message


def test_a_missing_column_is_told_with_those_there(tmp_path):
    message = told(tmp_path, "coins", csv_of("coins").replace(b"date,", b"when,", 1))
    assert "column 'date' is missing" in message
    assert "it has 'when', 'coin'" in message


# --- headings, names, numbers --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"date,coin,", b"Date, Coin ,"),
        (b"close_usd", b"Close USD"),
        (b"date,coin", b"\xef\xbb\xbfdate,coin"),
        (b",bitcoin,", b",Bitcoin ,"),
        (b",aaa,", b",AAA,"),
        (b"\n", b"\r\n"),
    ],
)
def test_headings_and_names_may_be_written_otherwise(tmp_path, plain, old, new):
    content = csv_of("coins")
    assert old in content
    assert digest_of(tmp_path, "coins", content.replace(old, new)) == plain.digest


@pytest.mark.parametrize("sep", [";", "\t", "|"])
@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("name", ["coins", "series"])
def test_delimiters_and_decimal_commas_are_read(tmp_path, plain, sep, decimal, name):
    content = csv_of(name, sep=sep, decimal=decimal)
    assert digest_of(tmp_path, name, content) == plain.digest


def test_names_that_become_one_are_refused_on_one_day(tmp_path):
    table = small_market()["coins"]
    twice = pd.concat([table, table[table["coin"] == "bitcoin"].assign(coin="Bitcoin")])
    assert "bitcoin on 2024-01-01: two rows for one day" in refusal_of(tmp_path, "csv", coins=twice)


@pytest.mark.parametrize(
    ("texts", "comma"),
    [
        (["1,5", "2,25"], True), (["1.000,5"], True), (["0,123"], True), (["1.5"], False),
        (["1,000.5"], False), (["1,000,000"], False), (["5", "7"], False), (["1,234", "0,5"], True),
        (["1,234", "0.5"], False), ([], False),
    ],
)  # fmt: skip
def test_a_decimal_comma_is_known(texts, comma):
    assert has_decimal_comma(texts) is comma


@pytest.mark.parametrize("texts", [["1,5", "1.5"], ["1,234"], ["1,234", "5"]])
def test_a_comma_that_is_not_clear_is_refused(texts):
    with pytest.raises(DataError, match="decimal point"):
        has_decimal_comma(texts)


@given(st.floats(min_value=-1e12, max_value=1e12).map(lambda value: round(value, 4)))
def test_a_number_is_read_as_it_was_written(value):
    european = f"{value:,.4f}".translate(str.maketrans(",.", ".,"))
    assert float(with_point(european, decimal_comma=True)) == value
    assert float(with_point(f"{value:,.4f}", decimal_comma=False)) == value


# --- packing and size ----------------------------------------------------------------------------


def test_gzip_is_read(tmp_path, plain):
    packed = gzip.compress(csv_of("coins"))
    assert digest_of(tmp_path, "coins", packed, "csv.gz") == plain.digest


@pytest.mark.parametrize("cut", [20, -10])
def test_damaged_gzip_is_refused(tmp_path, cut):
    packed = gzip.compress(csv_of("coins"))[:cut]
    assert "is damaged gzip" in told(tmp_path, "coins", packed, "csv.gz")


def test_what_unpacks_to_too_much_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(table_file, "MAX_BYTES", 3_000_000)
    bomb = gzip.compress(b"date,coin\n" + bytes(20_000_000))
    assert len(bomb) < 50_000
    assert "unpacks to more than 3 MB" in told(tmp_path, "coins", bomb, "csv.gz")


def test_the_limit_itself_is_read(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(bytes(1000)))
    check_size(path, 1000)
    with pytest.raises(DataError, match="unpacks to more"):
        check_size(path, 999)


@pytest.mark.parametrize(
    ("limit", "ending"), [("MAX_BYTES", "csv"), ("MAX_BYTES", "parquet"), ("MAX_ROWS", "parquet")]
)
def test_what_is_too_large_is_refused(tmp_path, monkeypatch, limit, ending):
    monkeypatch.setattr(table_file, limit, 100)
    message = refusal_of(tmp_path, ending)
    assert ("at most" if ending == "parquet" else "is larger than 0 MB") in message


# --- appending -----------------------------------------------------------------------------------


def test_rows_are_appended_to_a_packed_table(tmp_path):
    mine = write_tables(tmp_path / "mine", small_market(), "csv")
    whole = load_files(mine).digest
    coins = small_market()["coins"]
    last = coins["date"].max()
    (mine / "coins.csv").unlink()
    coins[coins["date"] < last].to_csv(mine / "coins.csv.gz", index=False)
    later = tmp_path / "later"
    later.mkdir()
    coins[coins["date"] == last].to_csv(later / "coins.csv.gz", index=False)
    append(mine, later)
    assert load_files(mine).digest == whole


def test_rows_are_not_added_to_another_form(tmp_path):
    mine = write_tables(tmp_path / "mine", small_market(), "csv")
    (mine / "coins.csv").write_bytes(csv_of("coins", sep=";"))
    later = tmp_path / "later"
    later.mkdir()
    (later / "coins.csv").write_bytes(csv_of("coins"))
    with pytest.raises(DataError, match="in the plain form"):
        append(mine, later)


def test_real_numbers_survive_the_other_form(tmp_path):
    values = np.array([92_123.456789, 1e-9, 1.5e12])
    table = pd.DataFrame({"a": values, "b": "x"})
    path = tmp_path / "a.csv"
    table.to_csv(path, sep=";", decimal=",", index=False)
    read = table_file.read_table_file(path, {"a": "number", "b": "text"}, None)
    assert read["a"].to_numpy() == pytest.approx(values, rel=1e-15)
