"""A data directory: what it must hold, and errors that name table, row and rule."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.market.market import Market
from features.market.season import breadth
from features.panel import DAY, SERIES, SPECS, DataError
from features.sources.files import load_files
from tests.embedded import SIMULATED_SERIES
from tests.small_market import (
    FIRST,
    LAST,
    load_small_market,
    refusal_of,
    small_market,
    with_cell,
    with_row_twice,
    with_series,
    without_series,
    write_tables,
)

TABLES = ("series", "coins", "universe")


# ---- reading ----


def test_every_series_of_the_panel_is_derived(tmp_path):
    panel = load_small_market(tmp_path)
    assert panel.names == tuple(spec.name for spec in SERIES if spec.name not in SIMULATED_SERIES)
    assert panel.source == f"files:{tmp_path}"


def test_simulated_series_join_the_panel(tmp_path):
    tables = small_market()

    def simulation(market):
        given = tables["coins"].pivot_table(index="date", columns="coin", values="close_btc")
        assert (given[market.coins].to_numpy() == market.btc).all()
        assert len(market.universe) == len(tables["universe"])
        days = pd.date_range(FIRST, periods=3, freq="7D", unit="s")
        return pd.DataFrame({SIMULATED_SERIES[0]: [1.0, 2.0, 3.0]}, index=days)

    panel = load_files(write_tables(tmp_path, tables), simulation=simulation)
    assert panel.series(SIMULATED_SERIES[0]).tolist() == [1.0, 2.0, 3.0]
    assert set(SPECS) - set(panel.names) == set(SIMULATED_SERIES[1:])


@pytest.mark.parametrize("name", ["aaa", "nan", "null", "NA", "None"])
def test_csv_and_parquet_give_the_same_panel(tmp_path, name):
    """The real coin table holds a coin with the id `nan`."""
    renamed = {table: small_market()[table].replace({"coin": {"aaa": name}}) for table in TABLES}
    parquet = load_small_market(tmp_path / "parquet", "parquet", **renamed)
    assert load_small_market(tmp_path / "csv", "csv", **renamed).digest == parquet.digest


def of_other_types(tables):
    series, coins, universe = (tables[name] for name in TABLES)
    return {
        "series": series.assign(date=series["date"].dt.as_unit("ns")),
        "coins": coins.assign(date=coins["date"].dt.date),
        "universe": universe.assign(snapshot_date=universe["snapshot_date"].astype(str)),
    }


def shuffled(*names):
    return lambda tables: {name: tables[name].sample(frac=1, random_state=3) for name in names}


@pytest.mark.parametrize(
    "change",
    [
        of_other_types,
        lambda _: without_series("vix_close"),
        shuffled("series"),
        shuffled("coins", "universe"),
    ],
    ids=["units of time", "unused series", "shuffled series", "shuffled coins and universe"],
)
def test_what_does_not_matter_changes_nothing(tmp_path, change):
    changed = load_small_market(tmp_path / "changed", **change(small_market()))
    assert changed.digest == load_small_market(tmp_path / "plain").digest


def test_a_csv_may_come_from_windows(tmp_path):
    plain, windows = (
        write_tables(tmp_path / name, small_market(), "csv") for name in ("plain", "windows")
    )
    for path in windows.iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert load_files(windows).digest == load_files(plain).digest


def test_without_a_raw_series_only_its_derived_is_missing(tmp_path):
    panel = load_small_market(tmp_path, **without_series("iwm_nav"))
    assert set(SPECS) - set(panel.names) == {"iwm_flow", *SIMULATED_SERIES}


@pytest.mark.parametrize(
    ("definition", "length"),
    [
        ({}, 40),
        ({"window_days": 70, "top": 2}, 60),
        # A window shorter than the days to which the breadth is carried.
        ({"window_days": 30}, 100),
    ],
)
def test_the_index_is_that_of_the_tables(tmp_path, definition, length):
    tables = small_market()
    panel = load_files(write_tables(tmp_path, tables), **definition)
    rows = breadth(
        Market.from_tables(tables["coins"], tables["universe"]), carried_days=(), **definition
    )
    index = rows["season_index"].dropna()
    assert len(index) == length
    pd.testing.assert_series_equal(panel.series("season_index"), index, check_freq=False)


def test_one_rank_held_on_two_days_is_no_fault(tmp_path):
    universe = small_market()["universe"]
    assert universe["rank"].duplicated().any()
    assert load_small_market(tmp_path, universe=universe).last_day == LAST


# ---- tables and columns ----


@pytest.mark.parametrize("table", TABLES)
def test_a_missing_table_is_named(tmp_path, table):
    directory = write_tables(tmp_path, small_market())
    (directory / f"{table}.parquet").unlink()
    with pytest.raises(DataError) as error:
        load_files(directory)
    message = str(error.value)
    assert f"{tmp_path}: neither {table}.parquet nor {table}.csv is there" in message


def test_a_table_that_is_there_twice_is_refused(tmp_path):
    write_tables(tmp_path, {"series": small_market()["series"]}, "csv")
    assert "both series.parquet and series.csv are there; remove one" in refusal_of(tmp_path)


@pytest.mark.parametrize(
    ("table", "column"),
    [("series", "value"), ("coins", "close_btc"), ("universe", "snapshot_date")],
)
@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_missing_column_is_named(tmp_path, ending, table, column):
    message = refusal_of(tmp_path, ending, **{table: small_market()[table].drop(columns=column)})
    assert f"{table}.{ending}: column '{column}' is missing; need " in message


def test_a_column_that_stands_twice_is_refused(tmp_path):
    coins = small_market()["coins"]
    twice = pd.concat([coins, coins[["close_usd"]]], axis=1)
    assert "coins.csv: column 'close_usd' stands twice" in refusal_of(tmp_path, "csv", coins=twice)


@pytest.mark.parametrize("table", TABLES)
def test_an_empty_table_is_named(tmp_path, table):
    message = refusal_of(tmp_path, **{table: small_market()[table].iloc[:0]})
    assert message.endswith(f"{table}.parquet: holds no row.")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("series.parquet", b"junk", ""),
        ("series.csv", b"", ""),
        ("series.csv", "series,date,value\n".encode("utf-16"), r"it is not UTF-8 text\."),
    ],
    ids=["junk", "empty", "utf-16"],
)
def test_an_unreadable_table_is_named(tmp_path, name, content, reason):
    directory = write_tables(tmp_path, small_market())
    (directory / "series.parquet").unlink()
    (directory / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name}: cannot be read: {reason}"):
        load_files(directory)


@pytest.mark.parametrize("name", ["coins.csv", "coins.parquet"])
def test_a_directory_or_loop_as_table_is_named(tmp_path, name):
    write_tables(tmp_path, small_market(), name.partition(".")[2])
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=f"{name}: cannot be read: "):
        load_files(tmp_path)
    (tmp_path / name).rmdir()
    (tmp_path / name).symlink_to(name)
    with pytest.raises(DataError, match=f"{name}: cannot be read: "):
        load_files(tmp_path)


# ---- rows ----


@pytest.mark.parametrize(
    ("table", "row", "named"),
    [
        ("series", 92, "series: sp500_close on 2024-01-03: two rows for one day"),
        ("coins", 1, "coins: bitcoin on 2024-01-02: two rows for one day"),
        ("universe", 0, "universe: ethereum on 2024-01-01: two rows"),
        ("universe", 1, "universe: aaa on 2024-01-01: two rows"),
    ],
)
def test_a_row_given_twice_is_refused(tmp_path, table, row, named):
    assert named in refusal_of(tmp_path, **with_row_twice(table, row))


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_two_coins_at_one_rank_are_refused(tmp_path, ending):
    message = refusal_of(tmp_path, ending, **with_cell("universe", "rank", 1, row=5))
    assert "universe: on 2024-01-02 rank 1 is held by both ethereum and aaa." in message


@pytest.mark.parametrize("rank", [0, 1.5, np.nan])
def test_a_rank_that_is_no_rank_is_refused(tmp_path, rank):
    universe = small_market()["universe"].astype({"rank": float})
    universe.loc[0, "rank"] = rank
    message = refusal_of(tmp_path, universe=universe)
    assert "universe: ethereum on 2024-01-01: rank must be a whole number" in message


@pytest.mark.parametrize("column", ["close_usd", "close_btc"])
@pytest.mark.parametrize("close", [0.0, -1.0, np.inf, np.nan])
def test_a_coin_close_that_is_no_price_is_named(tmp_path, column, close):
    message = refusal_of(tmp_path, **with_cell("coins", column, close, row=134))
    assert "coins: ethereum on 2024-01-05: " in message
    assert f"{column} must be finite and positive, got {close:g}" in message


@pytest.mark.parametrize("close", [1e31, 1e-31])
def test_a_close_beyond_any_price_is_refused(tmp_path, close):
    message = refusal_of(tmp_path, **with_cell("coins", "close_usd", close))
    assert f"got {close:g}" in message


@pytest.mark.parametrize(
    ("raw", "named", "value"),
    [
        *(("russell2000_close", "russell2000", value) for value in (0.0, -1.0, np.inf, np.nan)),
        *(("iwm_shares_outstanding", "iwm_shares_outstanding", value) for value in (-5.0, np.nan)),
        *(("iwm_nav", "iwm_nav", value) for value in (-5.0, np.nan)),
        ("btc_market_cap_usd", "btc_market_cap_usd", -1e12),
        ("crypto_market_cap_ex_btc_usd", "crypto_market_cap_ex_btc_usd", -1e12),
    ],
)
def test_an_impossible_raw_value_is_named(tmp_path, raw, named, value):
    values = np.full(90, 200.0)
    values[3] = value
    message = refusal_of(tmp_path, **with_series(raw, values))
    assert f"{named} on 2024-01-04: " in message
    assert "positive" in message or "finite" in message


@pytest.mark.parametrize(("table", "day"), [("coins", "2024-01-04"), ("universe", "2024-01-01")])
@pytest.mark.parametrize("cap", [0.0, -1.0, np.inf])
def test_a_market_cap_is_positive_or_missing(tmp_path, table, day, cap):
    message = refusal_of(tmp_path, **with_cell(table, "market_cap_usd", cap))
    assert f"{table}: " in message
    assert f"on {day}: market_cap_usd must be finite" in message
    assert load_small_market(tmp_path, **with_cell(table, "market_cap_usd", np.nan)).last_day


@pytest.mark.parametrize(("table", "column"), [("coins", "date"), ("universe", "snapshot_date")])
def test_a_coin_older_than_bitcoin_is_refused(tmp_path, table, column):
    message = refusal_of(tmp_path, **with_cell(table, column, pd.Timestamp("2008-12-31")))
    assert f"{table}: {column} must not be before 2009-01-03, got 2008-12-31." in message


@pytest.mark.parametrize(
    ("table", "column"),
    [("series", "date"), ("coins", "date"), ("universe", "snapshot_date")],
)
def test_a_row_later_than_until_is_refused(tmp_path, table, column):
    last_row = len(small_market()[table]) - 1
    later = with_cell(table, column, LAST + DAY, row=last_row)
    message = refusal_of(tmp_path, until=LAST, **later)
    assert table in message
    assert f"{column} must not be later than {LAST:%Y-%m-%d}, got {LAST + DAY:%Y-%m-%d}" in message


def test_the_day_until_itself_is_not_too_late(tmp_path):
    assert load_files(write_tables(tmp_path, small_market()), until=LAST).last_day == LAST
