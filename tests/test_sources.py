"""The sources: what a directory must hold, what is derived from it, what is embedded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.catalogue.builder import CATALOGUE, build_features
from features.catalogue.momentum import sessions_since_record
from features.market.season import breadth
from features.market.simulation import simulate
from features.panel import DAY, SERIES, SPECS, DataError, MarketPanel
from features.reference import compile as compile_command
from features.reference.compile import LAST_DATED_RIGHT
from features.reference.load import CARD_FILE, DIRECTORY, HISTORY_FILE, load_reference
from features.sources.files import load_files
from models.forecasting.data_quality import data_health
from models.forecasting.forecast import forecast
from models.forecasting.parts import ModelId
from models.forecasting.season_status import season_status
from models.report.health_text import health_text
from tests.embedded import END, RANKED, iso, session

FIRST = pd.Timestamp("2024-01-01")
COINS = ("bitcoin", "ethereum", "aaa", "bbb", "ccc")
SIMULATED = [spec.name for spec in SERIES if spec.name.startswith("simulated_")]
EMBEDDED_DAYS = pd.date_range("2014-07-01", END, unit="s")


def raw(name, values, days=None):
    """Return rows of one raw series, on weekdays unless told."""
    if days is None:
        days = pd.bdate_range(FIRST, periods=len(values), unit="s")
    return pd.DataFrame({"series": name, "date": days, "value": np.asarray(values, dtype=float)})


def market(days=130):
    """Return the three tables of a small made-up market."""
    random = np.random.default_rng(7)
    dates = pd.date_range(FIRST, periods=days, unit="s")
    closes = {coin: 100 * np.exp(np.cumsum(0.03 * random.normal(size=days))) for coin in COINS}
    closes["bitcoin"] *= 400
    coins = pd.concat(
        [
            pd.DataFrame(
                {
                    "date": dates,
                    "coin": coin,
                    "symbol": coin[:3].upper(),
                    "close_usd": close,
                    "close_btc": close / closes["bitcoin"],
                    "market_cap_usd": close * 1e8,
                }
            )
            for coin, close in closes.items()
        ],
        ignore_index=True,
    )
    ranked = [
        {"snapshot_date": date, "rank": rank, "coin": coin, "symbol": coin[:3].upper(),
         "market_cap_usd": 1e9}
        for date in dates for rank, coin in enumerate(COINS[1:], start=1)
    ]  # fmt: skip
    count = 90
    series = pd.concat(
        [
            raw("russell2000_close", 2000 * np.exp(np.cumsum(0.01 * random.normal(size=count)))),
            raw("sp500_close", 5000 * np.exp(np.cumsum(0.01 * random.normal(size=count)))),
            raw("iwm_shares_outstanding", random.uniform(3e8, 3.1e8, size=count)),
            raw("iwm_nav", random.uniform(190, 210, size=count)),
            raw("btc_market_cap_usd", 1.96e7 * closes["bitcoin"], dates),
            raw("crypto_market_cap_ex_btc_usd", random.uniform(8e11, 9e11, size=days), dates),
            raw("btc_etf_net_flow_usd", 1e8 * random.normal(size=count)),
            raw("eth_etf_net_flow_usd", 1e7 * random.normal(size=count)),
            raw("vix_close", random.uniform(12, 30, size=count)),
        ],
        ignore_index=True,
    )
    return {"series": series, "coins": coins, "universe": pd.DataFrame(ranked)}


def written(directory, tables, ending="parquet"):
    for name, table in tables.items():
        if ending == "parquet":
            table.to_parquet(directory / f"{name}.parquet")
        else:
            table.to_csv(directory / f"{name}.csv", index=False)
    return directory


def loaded(directory, ending="parquet", **replaced):
    return load_files(written(directory, {**market(), **replaced}, ending))


def refusal(directory, ending="parquet", until=None, **replaced):
    written(directory, {**market(), **replaced}, ending)
    with pytest.raises(DataError) as error:
        load_files(directory, until=until)
    return str(error.value)


def changed(table, column, value, row=3):
    """Return a table of the made-up market with one cell changed."""
    frame = market()[table]
    frame[column] = frame[column].astype(object) if isinstance(value, str) else frame[column]
    frame.loc[row, column] = value
    return {table: frame}


def with_series(name, values, days=None):
    """Return the made-up series table with one raw series replaced."""
    series = market()["series"]
    kept = series[series["series"] != name]
    return pd.concat([kept, raw(name, values, days)], ignore_index=True)


# ---- files: reading ----


def test_every_series_of_the_panel_is_derived(tmp_path):
    panel = loaded(tmp_path)
    assert panel.names == tuple(spec.name for spec in SERIES if spec.name not in SIMULATED)
    assert panel.source == f"files:{tmp_path}"


def test_a_simulation_is_given_the_tables_and_its_series_join_the_panel(tmp_path):
    tables = market()

    def simulation(coins, universe):
        columns = ["date", "coin", "close_btc"]
        pd.testing.assert_frame_equal(
            coins[columns], tables["coins"][columns], check_dtype=False, check_column_type=False
        )
        assert len(universe) == len(tables["universe"])
        days = pd.date_range(FIRST, periods=3, freq="7D", unit="s")
        return pd.DataFrame({SIMULATED[0]: [1.0, 2.0, 3.0]}, index=days)

    panel = load_files(written(tmp_path, tables), simulation=simulation)
    assert panel.series(SIMULATED[0]).tolist() == [1.0, 2.0, 3.0]
    assert set(SPECS) - set(panel.names) == set(SIMULATED[1:])


def test_csv_and_parquet_give_the_same_panel(tmp_path):
    digests = []
    for ending in ("parquet", "csv"):
        (tmp_path / ending).mkdir()
        digests.append(loaded(tmp_path / ending, ending).digest)
    assert digests[0] == digests[1]


def test_parquet_may_hold_any_unit_of_time(tmp_path):
    tables = market()
    tables["series"]["date"] = tables["series"]["date"].dt.as_unit("ns")
    tables["coins"]["date"] = tables["coins"]["date"].dt.date
    tables["universe"]["snapshot_date"] = tables["universe"]["snapshot_date"].astype(str)
    for name in ("plain", "mixed"):
        (tmp_path / name).mkdir()
    assert loaded(tmp_path / "mixed", **tables).digest == loaded(tmp_path / "plain").digest


def test_raw_series_that_nothing_uses_change_nothing(tmp_path):
    for name in ("with", "without"):
        (tmp_path / name).mkdir()
    series = market()["series"]
    without = loaded(tmp_path / "without", series=series[series["series"] != "vix_close"])
    assert loaded(tmp_path / "with").digest == without.digest


def test_a_directory_without_a_raw_series_lacks_what_is_derived_from_it(tmp_path):
    series = market()["series"]
    panel = loaded(tmp_path, series=series[series["series"] != "iwm_nav"])
    assert set(SPECS) - set(panel.names) == {"iwm_flow", *SIMULATED}


def test_the_index_of_the_panel_is_that_of_the_tables(tmp_path):
    tables = market()
    panel = loaded(tmp_path)
    index = breadth(tables["coins"], tables["universe"])["season_index"].dropna()
    assert len(index) == 40
    pd.testing.assert_series_equal(panel.series("season_index"), index, check_freq=False)
    assert panel.series("bitcoin").index[0] == FIRST


def test_the_definition_of_the_index_can_be_chosen(tmp_path):
    directory = written(tmp_path, market())
    tables = market()
    panel = load_files(directory, window_days=70, top=2)
    index = breadth(tables["coins"], tables["universe"], window_days=70, top=2)["season_index"]
    assert panel.series("season_index").tolist() == index.dropna().tolist()


def test_a_window_shorter_than_what_is_carried_can_be_chosen(tmp_path):
    panel = load_files(written(tmp_path, market()), window_days=30)
    assert len(panel.series("season_index")) == 100


def test_the_panel_is_that_of_a_shuffled_universe_and_coin_table(tmp_path):
    for name in ("settled", "shuffled"):
        (tmp_path / name).mkdir()
    shuffled = {
        name: market()[name].sample(frac=1, random_state=3) for name in ("coins", "universe")
    }
    assert loaded(tmp_path / "shuffled", **shuffled).digest == loaded(tmp_path / "settled").digest


# ---- files: errors name file, column or series, and rule ----


@pytest.mark.parametrize("table", ["series", "coins", "universe"])
def test_a_missing_table_is_named(tmp_path, table):
    directory = written(tmp_path, market())
    (directory / f"{table}.parquet").unlink()
    with pytest.raises(DataError) as error:
        load_files(directory)
    message = str(error.value)
    assert f"{tmp_path}: neither {table}.parquet nor {table}.csv is there" in message


@pytest.mark.parametrize(
    ("table", "column"),
    [("series", "value"), ("coins", "close_btc"), ("universe", "snapshot_date")],
)
@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_missing_column_is_named(tmp_path, ending, table, column):
    message = refusal(tmp_path, ending, **{table: market()[table].drop(columns=column)})
    assert f"{table}.{ending}: column '{column}' is missing; need " in message


@pytest.mark.parametrize("table", ["series", "coins", "universe"])
def test_an_empty_table_is_named(tmp_path, table):
    message = refusal(tmp_path, **{table: market()[table].iloc[:0]})
    assert message.endswith(f"{table}.parquet: holds no row.")


@pytest.mark.parametrize(("name", "content"), [("series.parquet", b"junk"), ("series.csv", b"")])
def test_an_unreadable_table_is_named(tmp_path, name, content):
    directory = written(tmp_path, market())
    (directory / "series.parquet").unlink()
    (directory / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name}: cannot be read: "):
        load_files(directory)


@pytest.mark.parametrize(
    ("table", "column"),
    [("series", "value"), ("coins", "close_usd"), ("universe", "rank")],
)
def test_a_number_as_text_is_refused(tmp_path, table, column):
    message = refusal(tmp_path, "csv", **changed(table, column, "much"))
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
def test_a_date_that_cannot_be_read_is_refused(tmp_path, table, column, text, rule):
    frame = market()[table]
    frame[column] = frame[column].dt.strftime("%Y-%m-%d")
    frame.loc[3, column] = text
    message = refusal(tmp_path, "csv", **{table: frame})
    assert f"{table}.csv: {column}: {rule}" in message


def test_days_as_numbers_are_refused(tmp_path):
    series = market()["series"].assign(date=20240101)
    assert "series.parquet: date: must be dates, got int64" in refusal(tmp_path, series=series)


def test_a_time_zone_is_refused(tmp_path):
    coins = market()["coins"]
    coins["date"] = coins["date"].dt.tz_localize("UTC")
    message = refusal(tmp_path, coins=coins)
    assert "coins.parquet: date: must carry no time zone, got datetime64" in message


def test_a_day_with_a_time_is_refused(tmp_path):
    noon = changed("series", "date", FIRST + pd.Timedelta("12h"))
    assert "series.parquet: date: must be whole days" in refusal(tmp_path, **noon)


@pytest.mark.parametrize("text", ["05/01/2024", "5.1.2024"])
def test_a_date_that_can_be_read_two_ways_is_refused(tmp_path, text):
    series = market()["series"].iloc[:1].assign(date=text)
    assert "series.csv: date: must be dates such as" in refusal(tmp_path, "csv", series=series)


@pytest.mark.parametrize("column", ["coin", "series"])
def test_a_missing_name_is_refused(tmp_path, column):
    table = "coins" if column == "coin" else column
    frame = market()[table]
    frame.loc[5, column] = None
    assert f"{table}.parquet: {column}: must not be missing" in refusal(tmp_path, **{table: frame})


@pytest.mark.parametrize("column", ["close_usd", "close_btc"])
@pytest.mark.parametrize("close", [0.0, -1.0, np.inf, np.nan])
def test_a_close_that_is_no_price_is_named_with_coin_and_day(tmp_path, column, close):
    message = refusal(tmp_path, **changed("coins", column, close, row=134))
    assert "coins: ethereum on 2024-01-05: " in message
    assert f"{column} must be finite and positive, got {close:g}" in message


@pytest.mark.parametrize("close", [0.0, -1.0, np.inf, np.nan])
def test_an_index_close_that_is_no_price_is_named_with_series_and_day(tmp_path, close):
    message = refusal(tmp_path, **changed("series", "value", close))
    assert "russell2000 on 2024-01-04: " in message
    assert "positive" in message or "finite" in message


@pytest.mark.parametrize("name", ["iwm_shares_outstanding", "iwm_nav"])
@pytest.mark.parametrize("value", [-5.0, np.nan])
def test_a_raw_fund_figure_that_is_no_figure_is_named_with_series_and_day(tmp_path, name, value):
    values = np.full(90, 200.0)
    values[3] = value
    message = refusal(tmp_path, series=with_series(name, values))
    assert f"{name} on 2024-01-04: " in message


def test_two_rows_for_one_day_of_a_series_are_refused(tmp_path):
    series = market()["series"]
    message = refusal(tmp_path, series=pd.concat([series, series.iloc[[92]]]))
    assert "series: sp500_close on 2024-01-03: two rows for one day" in message


def test_two_rows_for_one_day_of_a_coin_are_refused(tmp_path):
    coins = market()["coins"]
    message = refusal(tmp_path, coins=pd.concat([coins, coins.iloc[[1]]]))
    assert "coins: bitcoin on 2024-01-02: two rows for one day" in message


@pytest.mark.parametrize("rank", [0, 1.5, np.nan])
def test_a_rank_that_is_no_rank_is_refused(tmp_path, rank):
    universe = market()["universe"].astype({"rank": float})
    universe.loc[0, "rank"] = rank
    message = refusal(tmp_path, universe=universe)
    assert f"universe: {universe['coin'][0]} on 2024-01-01: rank must be a whole number" in message


@pytest.mark.parametrize("row", [0, 1], ids=["ether", "another coin"])
def test_two_rows_for_one_coin_of_a_snapshot_are_refused(tmp_path, row):
    universe = market()["universe"]
    twice = pd.concat([universe, universe.iloc[[row]]])
    message = refusal(tmp_path, universe=twice)
    assert f"universe: {COINS[1 + row]} on 2024-01-01: two rows" in message


@pytest.mark.parametrize(
    ("table", "column"),
    [("series", "date"), ("coins", "date"), ("universe", "snapshot_date")],
)
def test_a_row_later_than_until_is_refused(tmp_path, table, column):
    tables = market()
    last = max(frame[day].max() for frame in tables.values() for day in frame if "date" in day)
    frame = tables[table]
    frame.loc[len(frame) - 1, column] = last + DAY
    message = refusal(tmp_path, until=last, **{table: frame})
    assert table in message
    assert f"{column} must not be later than {last:%Y-%m-%d}, got {last + DAY:%Y-%m-%d}" in message


def test_the_day_until_itself_is_not_too_late(tmp_path):
    last = market()["coins"]["date"].max()
    panel = load_files(written(tmp_path, market()), until=last)
    assert panel.last_day == last


def test_rows_of_the_series_table_may_stand_in_any_order(tmp_path):
    for name in ("settled", "shuffled"):
        (tmp_path / name).mkdir()
    series = market()["series"].sample(frac=1, random_state=3)
    shuffled = loaded(tmp_path / "shuffled", series=series)
    assert shuffled.digest == loaded(tmp_path / "settled").digest


@pytest.mark.parametrize("name", ["nan", "null", "NA", "None"])
def test_a_coin_may_be_called_like_nothing(tmp_path, name):
    """The real coin table holds a coin with the id `nan`."""
    tables = {
        table: market()[table].replace({"coin": {"aaa": name}}) for table in ("coins", "universe")
    }
    digests = []
    for ending in ("parquet", "csv"):
        (tmp_path / ending).mkdir()
        digests.append(loaded(tmp_path / ending, ending, **tables).digest)
    assert digests[0] == digests[1]


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_two_coins_at_one_rank_of_a_day_are_refused(tmp_path, ending):
    universe = market()["universe"]
    universe.loc[5, "rank"] = 1
    message = refusal(tmp_path, ending, universe=universe)
    assert "universe: on 2024-01-02 rank 1 is held by both ethereum and aaa." in message


def test_one_rank_held_on_two_days_is_no_fault(tmp_path):
    universe = market()["universe"]
    assert universe["rank"].duplicated().any()
    assert loaded(tmp_path, universe=universe).last_day == universe["snapshot_date"].max()


def test_a_table_that_is_there_twice_is_refused(tmp_path):
    written(tmp_path, {"series": market()["series"]}, "csv")
    assert "both series.parquet and series.csv are there; remove one" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["coins.csv", "coins.parquet"])
def test_a_directory_or_a_loop_in_place_of_a_table_is_named(tmp_path, name):
    written(tmp_path, market(), name.partition(".")[2])
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=f"{name}: cannot be read: "):
        load_files(tmp_path)
    (tmp_path / name).rmdir()
    (tmp_path / name).symlink_to(name)
    with pytest.raises(DataError, match=f"{name}: cannot be read: "):
        load_files(tmp_path)


def test_a_column_that_stands_twice_is_refused(tmp_path):
    coins = market()["coins"]
    twice = pd.concat([coins, coins[["close_usd"]]], axis=1)
    assert "coins.csv: column 'close_usd' stands twice" in refusal(tmp_path, "csv", coins=twice)


def test_text_in_another_encoding_is_named_as_such(tmp_path):
    written(tmp_path, market(), "csv")
    path = tmp_path / "coins.csv"
    path.write_bytes(path.read_text().encode("utf-16"))
    with pytest.raises(DataError, match=r"coins.csv: cannot be read: it is not UTF-8 text\."):
        load_files(tmp_path)


def test_a_csv_with_byte_order_mark_and_windows_line_ends_is_read(tmp_path):
    for name in ("plain", "windows"):
        (tmp_path / name).mkdir()
        written(tmp_path / name, market(), "csv")
    for path in (tmp_path / "windows").iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert load_files(tmp_path / "windows").digest == load_files(tmp_path / "plain").digest


@pytest.mark.parametrize("table", ["coins", "universe"])
@pytest.mark.parametrize("cap", [0.0, -1.0, np.inf])
def test_a_market_cap_that_is_none_is_refused_and_may_be_missing(tmp_path, table, cap):
    message = refusal(tmp_path, **changed(table, "market_cap_usd", cap))
    assert f"{table}: " in message
    assert f"on 2024-01-0{4 if table == 'coins' else 1}: market_cap_usd must be finite" in message
    assert loaded(tmp_path, **changed(table, "market_cap_usd", np.nan)).last_day


@pytest.mark.parametrize("name", ["btc_market_cap_usd", "crypto_market_cap_ex_btc_usd"])
def test_a_raw_market_cap_that_is_none_is_refused(tmp_path, name):
    dates = pd.date_range(FIRST, periods=3, unit="s")
    message = refusal(tmp_path, series=with_series(name, [1e12, -1e12, 1e12], dates))
    assert f"{name} on 2024-01-02: must be finite and positive" in message


@pytest.mark.parametrize(("table", "column"), [("coins", "date"), ("universe", "snapshot_date")])
def test_a_coin_older_than_bitcoin_is_refused(tmp_path, table, column):
    message = refusal(tmp_path, **changed(table, column, pd.Timestamp("2008-12-31")))
    assert f"{table}: {column} must not be before 2009-01-03, got 2008-12-31." in message


@pytest.mark.parametrize("close", [1e31, 1e-31])
def test_a_close_beyond_any_price_is_refused(tmp_path, close):
    message = refusal(tmp_path, **changed("coins", "close_usd", close))
    assert f"got {close:g}" in message


def test_a_message_shows_what_it_refuses_in_one_short_line(tmp_path):
    series = market()["series"].astype({"date": object})
    series.loc[3, "date"] = "no\nday " + "x" * 1000
    message = refusal(tmp_path, "csv", series=series)
    assert "date: must be dates such as 2025-12-10, got 'no day xxx" in message
    assert len(message) < 300
    assert "\n" not in message


# ---- files: derivation by hand ----


def test_iwm_flow_is_creations_at_nav_over_the_assets_of_the_session_before(tmp_path):
    days = pd.bdate_range(FIRST, periods=3, unit="s")
    series = pd.concat(
        [
            raw("iwm_shares_outstanding", [1000, 1100, 1045], days),
            raw("iwm_nav", [10, 20, 40], days),
        ]
    )
    flow = loaded(tmp_path, series=series).series("iwm_flow")
    # 100 shares at 20 over 1000 x 10; -55 shares at 40 over 1100 x 20.
    assert flow.index.tolist() == days[1:].tolist()
    assert flow.tolist() == pytest.approx([20.0, -10.0])


def test_iwm_flow_does_not_begin_before_2008(tmp_path):
    days = pd.bdate_range("2007-12-27", periods=6, unit="s")
    series = pd.concat(
        [
            raw("iwm_shares_outstanding", [100, 59000, 100, 100, 101, 101], days),
            raw("iwm_nav", [10.0] * 6, days),
        ]
    )
    flow = loaded(tmp_path, series=series).series("iwm_flow")
    assert flow.index.tolist() == days[3:].tolist()
    assert flow.tolist() == pytest.approx([0.0, 1.0, 0.0])


def test_bitcoin_etf_flow_is_in_percent_of_the_market_cap_of_the_day(tmp_path):
    days = pd.bdate_range(FIRST, periods=3, unit="s")
    series = pd.concat(
        [
            raw("btc_etf_net_flow_usd", [1e9, -3e9, 2e9], days),
            raw("btc_market_cap_usd", [1e12, 2e12, 4e12], days),
        ]
    )
    flow = loaded(tmp_path, series=series).series("btc_etf_flow")
    assert flow.tolist() == pytest.approx([0.1, -0.15, 0.05])


def test_the_last_market_cap_of_a_week_stands_in(tmp_path):
    days = pd.DatetimeIndex(["2024-01-01", "2024-01-08", "2024-01-09", "2024-01-10"])
    series = pd.concat(
        [
            raw("btc_etf_net_flow_usd", [1e9] * 4, days),
            raw("btc_market_cap_usd", [1e12, 4e12], days[[0, 3]]),
        ]
    )
    flow = loaded(tmp_path, series=series).series("btc_etf_flow")
    # The cap of the first serves on the 8th, seven days later, and no longer on the 9th.
    assert flow.index.tolist() == days[[0, 1, 3]].tolist()
    assert flow.tolist() == pytest.approx([0.1, 0.1, 0.025])


def test_the_last_market_cap_stands_in_after_its_series_has_ended(tmp_path):
    days = pd.DatetimeIndex(["2024-01-01", "2024-01-02", "2024-01-03"])
    series = pd.concat(
        [
            raw("btc_etf_net_flow_usd", [1e9] * 3, days),
            raw("btc_market_cap_usd", [1e12, 2e12], days[:2]),
        ]
    )
    flow = loaded(tmp_path, series=series).series("btc_etf_flow")
    assert flow.tolist() == pytest.approx([0.1, 0.05, 0.05])


def test_ether_market_cap_is_the_close_times_the_last_known_supply(tmp_path):
    days = pd.date_range(FIRST, periods=4, unit="s")
    tables = market()
    coins, universe = tables["coins"], tables["universe"]
    ether = (coins["coin"] == "ethereum") & coins["date"].isin(days)
    coins.loc[ether, "close_usd"] = [2000.0, 2500.0, 4000.0, 4000.0]
    coins.loc[coins["coin"] == "ethereum", "market_cap_usd"] = np.nan
    coins.loc[ether, "market_cap_usd"] = [240e9, np.nan, np.nan, np.nan]
    universe.loc[universe["coin"] == "ethereum", "market_cap_usd"] = np.nan
    third = (universe["coin"] == "ethereum") & (universe["snapshot_date"] == days[2])
    universe.loc[third, "market_cap_usd"] = 400e9
    series = raw("eth_etf_net_flow_usd", [3e9] * 4, days)
    flow = loaded(tmp_path, series=series, coins=coins, universe=universe).series("eth_etf_flow")
    # Supply 120 million; then unknown, so 2500 x 120 million; then 100 million from the universe.
    assert flow.tolist() == pytest.approx([1.25, 1.0, 0.75, 0.75])


def test_bitcoin_dominance_is_its_share_of_both_market_caps(tmp_path):
    days = pd.date_range(FIRST, periods=3, unit="s")
    series = pd.concat(
        [
            raw("btc_market_cap_usd", [2e12, 1e12, 1e12], days),
            raw("crypto_market_cap_ex_btc_usd", [1e12, 1e12], days[:2]),
        ]
    )
    dominance = loaded(tmp_path, series=series).series("bitcoin_dominance")
    assert dominance.tolist() == pytest.approx([200 / 3, 50.0])


def test_coin_closes_are_passed_on(tmp_path):
    coins = market()["coins"]
    panel = loaded(tmp_path)
    bitcoin, ether = (coins[coins["coin"] == coin] for coin in ("bitcoin", "ethereum"))
    assert panel.series("bitcoin").tolist() == bitcoin["close_usd"].tolist()
    assert panel.series("eth_btc").tolist() == ether["close_btc"].tolist()


# ---- days past the last ranking ----


def aged(directory, age):
    """Return the made-up panel whose last ranking is so many days old, and that ranking's day."""
    ranked = FIRST + (129 - age) * DAY
    universe = market()["universe"]
    return loaded(directory, universe=universe[universe["snapshot_date"] <= ranked]), ranked


@pytest.mark.parametrize(("age", "told"), [(0, False), (7, False), (8, True), (45, True)])
def test_the_last_ranking_stands_in_and_its_age_is_told(age, told, tmp_path):
    whole = loaded(tmp_path)
    panel, ranked = aged(tmp_path, age)
    # The ranks are the same every day, so that the last ones change nothing.
    assert panel.series("season_index").equals(whole.series("season_index"))
    said = panel.provenance
    assert said.steps == (
        f"Top 50: rankings to {iso(ranked)}; on 2024-05-09 4 of its coins could be compared.",
    )
    problem = (f"The last ranking is of {iso(ranked)}, {age} days before 2024-05-09: it stands in "
               "for the days since.")  # fmt: skip
    assert said.problems == ((problem,) if told else ())
    assert said.problems_on(panel.last_day) == said.problems
    # A week of standing in is nothing to tell; problems begin on the eighth day.
    assert said.problems_on(ranked + 7 * DAY) == ()
    assert said.problems_on(ranked + 8 * DAY) == said.problems
    state = data_health(panel, as_of=None, today=panel.last_day)
    assert state.problems == said.problems
    assert (problem in " ".join(health_text(state).split())) == told


def test_a_ranking_older_than_45_days_gives_no_index(tmp_path):
    panel, ranked = aged(tmp_path, 46)
    assert panel.series("season_index").index[-1] == ranked + 45 * DAY
    panel, ranked = aged(tmp_path, 60)
    assert panel.series("season_index").index[-1] == ranked + 45 * DAY


def test_a_forecast_warns_of_an_old_ranking(quick, reference, tmp_path):
    climatology, model_id = quick.forecasters["climatology"], ModelId("1", "0123456789abcdef")

    def warnings_of(panel, day):
        status = season_status(panel, climatology, day)
        made = forecast(status, climatology, model_id, by=None, today=day)
        return [note.text for note in made.notes if note.text.startswith("Data: ")]

    panel, ranked = aged(tmp_path, 20)
    (warning,) = warnings_of(panel, panel.last_day)
    assert warning.startswith(f"Data: The last ranking is of {iso(ranked)}, 20 days before")
    assert warnings_of(panel, ranked + 7 * DAY) == []
    # The embedded history: what its provenance says, on the days that it concerns.
    said, age = reference.provenance, (END - RANKED).days
    assert warnings_of(reference, END) == [f"Data: {problem}" for problem in said.problems_on(END)]
    assert any(f"ranking is of {iso(RANKED)}, {age} days" in p for p in said.problems) == (age > 7)
    assert warnings_of(reference, said.since - DAY) == []


# ---- compiling ----


def compiled(directory, out, monkeypatch, capsys, **replaced):
    written(directory, {**market(), **replaced})
    monkeypatch.setenv("ALTSEASON_CACHE_DIR", str(directory / "cache"))
    monkeypatch.setattr("sys.argv", ["compile", "--data-dir", str(directory), "--out", str(out)])
    # So small a market has no pasts to draw from: nothing is simulated.
    monkeypatch.setattr(compile_command, "simulated_series", lambda *_, **__: pd.DataFrame())
    assert compile_command.main() == 0
    return capsys.readouterr().out.splitlines()


def test_compiling_names_each_old_value_that_changes(tmp_path, monkeypatch, capsys):
    (tmp_path / "out").mkdir()
    arguments = tmp_path, tmp_path / "out", monkeypatch, capsys
    series, last = market()["series"], pd.Timestamp("2024-05-09")
    earlier = compiled(*arguments, **{
        name: table[table[column] < last]
        for (name, table), column in zip(market().items(), ("date", "date", "snapshot_date"),
                                         strict=True)
    })  # fmt: skip
    assert len(earlier) == 1  # nothing was there before
    assert "digest" in earlier[0]
    # Later days are news, no revisions.
    grown = compiled(*arguments)
    assert grown[:-1] == ["No value to 2024-05-08 has changed."]
    assert compiled(*arguments)[:-1] == ["No value to 2024-05-09 has changed."]
    before = load_reference(tmp_path / "out").series("russell2000")
    days = before.index[[10, 40]]
    raised = (series["series"] == "russell2000_close") & series["date"].isin(days)
    series.loc[raised, "value"] *= 1.01
    said = compiled(*arguments, series=series)
    assert said[0] == "2 values to 2024-05-09 have changed:"
    rows = [line.split() for line in said if line.split()[:1] == ["russell2000"]]
    by_series, *by_day = rows
    assert by_series[:4] == ["russell2000", "2", iso(days[0]), iso(days[1])]
    for row, day in zip(by_day, days, strict=True):
        assert row[:2] == ["russell2000", iso(day)]
        old, new, change = map(float, row[2:])
        assert old == pytest.approx(before[day])
        assert (new, change) == pytest.approx((1.01 * old, 0.01 * old), rel=1e-3)
    assert float(by_series[4]) == pytest.approx(0.01 * before[days].max(), rel=1e-3)


def test_an_unreadable_old_history_is_replaced_with_a_warning(tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / HISTORY_FILE).write_text("no table")
    written(tmp_path, market())
    monkeypatch.setattr("sys.argv", ["compile", "--data-dir", str(tmp_path), "--out", str(out)])
    monkeypatch.setattr(compile_command, "simulated_series", lambda *_, **__: pd.DataFrame())
    assert compile_command.main() == 0
    said = capsys.readouterr()
    assert "It is replaced without a list of revisions." in said.err
    assert len(said.out.splitlines()) == 1
    load_reference(out)


# ---- the embedded history ----


@pytest.fixture(scope="module")
def card():
    return json.loads((DIRECTORY / CARD_FILE).read_text())


@pytest.fixture
def copied(tmp_path):
    """A writable copy of the embedded history."""
    for name in (HISTORY_FILE, CARD_FILE):
        (tmp_path / name).write_bytes((DIRECTORY / name).read_bytes())
    return tmp_path


def test_the_embedded_history_is_what_its_card_says(reference, card, copied):
    assert reference.digest == card["digest"]
    assert reference.source == "reference"
    assert load_reference(copied).digest == card["digest"]


def test_the_embedded_history_is_small():
    assert (DIRECTORY / HISTORY_FILE).stat().st_size < 600_000


def test_the_embedded_history_holds_every_series(reference):
    assert reference.names == tuple(spec.name for spec in SERIES)


@pytest.mark.parametrize("name", [spec.name for spec in SERIES])
def test_the_card_describes_every_series(reference, card, name):
    values, told = reference.series(name), card["series"][name]
    assert told["meaning"] == SPECS[name].meaning
    assert told["unit"] == SPECS[name].unit
    assert told["rows"] == len(values)
    assert told["first_day"] == f"{values.index[0]:%Y-%m-%d}"
    assert told["last_day"] == f"{values.index[-1]:%Y-%m-%d}"
    assert told["made"]
    assert ("business day" in told["known"]) == (SPECS[name].kind == "flow")


def test_the_card_tells_faults_and_terms(card):
    assert set(card["series"]) == set(SPECS)
    assert card["known_faults"]
    assert "Derived values only" in card["terms"]
    assert "features.reference.compile" in card["made_by"]


@pytest.mark.parametrize("name", [spec.name for spec in SERIES])
def test_embedded_values_have_six_significant_digits(reference, name):
    values = reference.series(name)
    assert [float(f"{value:.5e}") for value in values] == values.tolist()


@pytest.mark.parametrize("name", [spec.name for spec in SERIES if spec.kind == "level"])
def test_embedded_levels_begin_at_100(reference, name):
    assert reference.series(name).iloc[0] == 100.0


def test_every_embedded_series_ends_together_or_with_the_last_session(reference):
    for name in reference.names:
        traded = SPECS[name].kind == "flow" or name in ("russell2000", "sp500")
        end = min(session(END) if traded else END, LAST_DATED_RIGHT.get(name, END))
        assert reference.series(name).index[-1] == end, name


def test_nothing_older_than_ether_and_the_crypto_funds_is_missing_from_2014_07_on(reference):
    young = {"eth_btc", "btc_etf_flow", "eth_etf_flow", *SIMULATED}
    older = [feature.name for feature in CATALOGUE if not young & set(feature.sources)]
    assert len(older) > 30
    frame = build_features(reference, EMBEDDED_DAYS)
    assert frame[older].notna().all(axis=None)
    assert frame.iloc[-1].notna().all()


def test_a_damaged_history_is_refused(copied):
    content = bytearray((copied / HISTORY_FILE).read_bytes())
    (copied / HISTORY_FILE).write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="the embedded history cannot be read"):
        load_reference(copied)


@pytest.mark.parametrize("name", [HISTORY_FILE, CARD_FILE])
def test_a_missing_file_is_refused(copied, name):
    (copied / name).unlink()
    with pytest.raises(DataError, match=rf"the embedded history cannot be read: .*{name}"):
        load_reference(copied)


def test_a_damaged_card_is_refused(copied):
    (copied / CARD_FILE).write_text('{"digest": ')
    with pytest.raises(DataError, match="the embedded history cannot be read"):
        load_reference(copied)


def test_one_changed_value_is_noticed(copied, reference):
    history = pd.read_parquet(copied / HISTORY_FILE)
    history.loc[1000, "value"] *= 1.00001
    history.to_parquet(copied / HISTORY_FILE)
    with pytest.raises(DataError, match=r"has digest .* its card says " + reference.digest[:12]):
        load_reference(copied)


def test_a_card_with_another_digest_is_refused(copied, card, reference):
    (copied / CARD_FILE).write_text(json.dumps({**card, "digest": "0" * 64}))
    with pytest.raises(DataError) as error:
        load_reference(copied)
    message = str(error.value)
    assert f"has digest {reference.digest[:12]}, its card says {'0' * 12}" in message


def test_a_card_without_digest_is_refused(copied, card):
    rest = {key: told for key, told in card.items() if key != "digest"}
    (copied / CARD_FILE).write_text(json.dumps(rest))
    with pytest.raises(DataError, match="digest"):
        load_reference(copied)


@pytest.mark.parametrize("column", ["series", "date", "value"])
def test_a_history_without_a_column_is_refused(copied, column):
    history = pd.read_parquet(copied / HISTORY_FILE)
    history.drop(columns=column).to_parquet(copied / HISTORY_FILE)
    with pytest.raises(DataError, match=column):
        load_reference(copied)


# ---- the real history ----

# Two values rounded to six digits differ from the originals by up to 5e-6 of themselves each.
TOLERANCE = {
    "log": 2.5e-5,
    "log per year": 1e-4,
    "%": 5.1e-5,
    "points": 1.1e-4,
    "% of assets": 2e-4,
    "% of market cap": 1e-5,
    "deviations": 1e-4,
    "sessions": 0.0,
    "flag": 0.0,
}


@pytest.fixture(scope="module")
def from_files(real_data) -> MarketPanel:
    """The real history as the files source reads it."""
    return load_files(real_data)


@pytest.fixture(scope="module")
def raw_series(real_data):
    """The real raw series as columns."""
    rows = pd.read_parquet(real_data / "series.parquet")
    return rows.pivot_table(index="date", columns="series", values="value")


@pytest.fixture(scope="module")
def frames(from_files, reference):
    """The features from the files and from the embedded history."""
    return [build_features(panel, EMBEDDED_DAYS) for panel in (from_files, reference)]


@pytest.fixture(scope="module")
def compilation(real_data, tmp_path_factory):
    """Where the history was compiled anew by its command, and the peak memory of that in bytes.

    The simulated series, which take minutes, are those already embedded.
    """
    out = tmp_path_factory.mktemp("compiled")
    # VmHWM and not getrusage: the latter starts at the peak of the process that forked.
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "import pandas as pd\n"
        "from features.reference import compile\n"
        "from features.reference.load import load_reference\n"
        "embedded = load_reference()\n"
        "simulated = [name for name in embedded.names if name.startswith('simulated_')]\n"
        "table = pd.DataFrame({name: embedded.series(name) for name in simulated})\n"
        "compile.simulated_series = lambda coins, universe, **options: table\n"
        "code = compile.main()\n"
        "status = Path('/proc/self/status').read_text()\n"
        "print(status.partition('VmHWM:')[2].split()[0])\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "--data-dir", str(real_data), "--out", str(out)],
        capture_output=True,
        text=True,
        check=True,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[1]),
            "ALTSEASON_CACHE_DIR": str(out / "cache"),
        },
    )
    return out, 1024 * int(done.stdout.split()[-1])


@pytest.mark.real_data
@pytest.mark.parametrize(
    "feature",
    [feature for feature in CATALOGUE if feature.group != "simulation"],
    ids=lambda feature: feature.name,
)
def test_the_embedded_history_gives_the_features_of_the_files_to_rounding(frames, feature):
    end = min(LAST_DATED_RIGHT.get(name, END) for name in feature.sources)
    real, embedded = (frame.loc[:end, feature.name] for frame in frames)
    assert real.notna().any()
    pd.testing.assert_series_equal(
        embedded, real, check_exact=False, rtol=0, atol=TOLERANCE[feature.unit]
    )


@pytest.mark.real_data
def test_compiling_the_real_history_reproduces_the_embedded_one(compilation, card):
    out, _ = compilation
    assert load_reference(out).digest == card["digest"]
    assert json.loads((out / CARD_FILE).read_text()) == card


@pytest.mark.real_data
def test_simulating_the_last_day_again_gives_the_embedded_shares(real_data, reference):
    coins, universe = (pd.read_parquet(real_data / f"{n}.parquet") for n in ("coins", "universe"))
    again = simulate(coins, universe, EMBEDDED_DAYS[-1:])
    embedded = [reference.series(name).loc[EMBEDDED_DAYS[-1]] for name in SIMULATED]
    # Two paths in a thousand: another processor may round a float32 sum the other way.
    assert again[SIMULATED].iloc[0].tolist() == pytest.approx(embedded, abs=0.2)


@pytest.mark.real_data
def test_compiling_the_real_history_takes_less_than_two_gigabytes(compilation):
    _, peak = compilation
    assert 50e6 < peak < 2e9


@pytest.mark.real_data
def test_bitcoin_closed_at_its_record_on_2017_12_17(from_files):
    assert from_files.series("bitcoin").loc["2017-12-17"] == pytest.approx(19140.76, abs=0.005)


@pytest.mark.real_data
def test_records_of_the_russell_2000(from_files):
    close = from_files.series("russell2000")
    since = sessions_since_record(close)
    records = since.index[since == 0]
    assert close.loc["2021-11-08"] == pytest.approx(2442.74, abs=0.005)
    recent = records[records >= "2021-11-08"]
    assert recent[:2].tolist() == [pd.Timestamp("2021-11-08"), pd.Timestamp("2025-09-18")]
    # As many as the data README counts.
    in_2025 = records[records.year == 2025]
    assert (len(in_2025), in_2025[-1]) == (9, pd.Timestamp("2025-12-11"))


@pytest.mark.real_data
def test_the_first_day_of_the_bitcoin_funds(from_files, raw_series):
    flow = from_files.series("btc_etf_flow")
    cap = raw_series.loc["2024-01-11", "btc_market_cap_usd"]
    assert flow.index[0] == pd.Timestamp("2024-01-11")
    assert flow.iloc[0] * cap / 100 == pytest.approx(655.3e6)


@pytest.mark.real_data
def test_outflows_of_iwm_in_2025_were_worst_on_august_4(from_files, raw_series):
    assets = (raw_series["iwm_shares_outstanding"] * raw_series["iwm_nav"]).dropna()
    dollars = (from_files.series("iwm_flow") / 100 * assets.shift()).loc["2025"].cumsum()
    assert dollars.idxmin() == pd.Timestamp("2025-08-04")
    assert dollars.min() == pytest.approx(-12.05e9, rel=0.01)
