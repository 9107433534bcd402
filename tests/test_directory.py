"""A directory of market history as a panel; its simulated days wait until they are asked for."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

import predict
import train
from features.catalogue.frame import build_features
from features.health import series_health
from features.market.market import Market
from features.market.season import breadth
from features.panel import DAY, SERIES, SPECS, DataError
from features.sources import directory as source
from features.sources.deferred import NOT_SIMULATED, SIMULATED, DeferredPanel
from features.sources.directory import deferred_files, load_files
from features.storage import simulations
from features.storage.simulations import simulated_series
from models.cli.forecast_command import health_of, needed
from tests.commands import run_command
from tests.embedded import SIMULATED_SERIES
from tests.small_market import (
    FIRST,
    LAST,
    load_small_market,
    refusal_of,
    small_market,
    with_cell,
    with_series,
    without_series,
    write_tables,
)

TABLES = ("series", "coins", "universe")


# --- reading -------------------------------------------------------------------------------------


def test_every_series_of_the_panel_is_derived(tmp_path):
    panel = load_small_market(tmp_path)
    assert panel.names == tuple(spec.name for spec in SERIES if spec.name not in SIMULATED_SERIES)
    assert panel.source == f"files:{tmp_path}"
    assert load_files(tmp_path, until=LAST).last_day == LAST


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


def shuffled(*names):
    return lambda tables: {name: tables[name].sample(frac=1, random_state=3) for name in names}


@pytest.mark.parametrize(
    "change",
    [lambda _: without_series("vix_close"), shuffled("series"), shuffled("coins", "universe")],
    ids=["unused series", "shuffled series", "shuffled coins and universe"],
)
def test_what_does_not_matter_changes_nothing(tmp_path, change):
    changed = load_small_market(tmp_path / "changed", **change(small_market()))
    assert changed.digest == load_small_market(tmp_path / "plain").digest


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
    market = Market.from_tables(tables["coins"], tables["universe"])
    rows = breadth(market, carried_days=(), **definition)
    index = rows["season_index"].dropna()
    assert len(index) == length
    assert_series_equal(panel.series("season_index"), index, check_freq=False)


# --- several files -------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_later_days_in_files_of_their_own_are_the_same_market(tmp_path, ending):
    whole = load_small_market(tmp_path / "whole").digest
    mine, later = tmp_path / "mine", {}
    for name, day in (("series", "date"), ("coins", "date"), ("universe", "snapshot_date")):
        table = small_market()[name]
        later[f"{name}-2024-05"] = table[table[day] > LAST - 20 * DAY]
        later[name] = table[table[day] <= LAST - 5 * DAY]  # they overlap
    write_tables(mine, later)
    assert load_files(mine).digest == whole
    write_tables(mine, {"coins-b": later["coins"].iloc[::-1]}, ending)
    assert load_files(mine).digest == whole


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
def test_a_missing_table_is_named(tmp_path, table):
    directory = write_tables(tmp_path, small_market())
    (directory / f"{table}.parquet").unlink()
    with pytest.raises(DataError) as error:
        load_files(directory)
    assert f"{tmp_path}: neither {table}.parquet nor {table}.csv is there" in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("russell2000_close", value) for value in (0.0, -1.0, np.inf, np.nan)),
        *((f"iwm_{name}", value) for name in ("shares_outstanding", "nav")
          for value in (-5, np.nan)),
        ("btc_market_cap_usd", -1e12), ("crypto_market_cap_ex_btc_usd", -1e12),
    ],
)  # fmt: skip
def test_an_impossible_value_of_a_series_is_named(tmp_path, name, value):
    values = np.full(90, 200.0)
    values[3] = value
    message = refusal_of(tmp_path, **with_series(name, values))
    assert f"{name.removesuffix('_close')} on 2024-01-04" in message
    assert "positive" in message or "finite" in message
    assert f"got {value:g}" in message


def test_the_command_refuses_with_the_message_of_the_source(tmp_path):
    write_tables(tmp_path, {**small_market(), **with_cell("coins", "close_usd", 0.0)}, "csv")
    with pytest.raises(DataError) as error:
        load_files(tmp_path)
    store = tmp_path / "mlflow.db"
    arguments = ["--source", "files", "--data-dir", str(tmp_path), "--quiet",
                 "--tracking-uri", f"sqlite:///{store}"]  # fmt: skip
    done = run_command(train.app, *arguments)
    assert (done.exit_code, done.stdout, done.stderr) == (3, "", f"error: {error.value}\n")
    assert not store.exists()


# --- simulated days that wait --------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch):
    """Days that were simulated; each day's value shows the day, one week cannot be simulated."""
    days_asked = []

    def cheap(market, days, **options):
        days_asked.extend(days)
        values = (days - simulations.FIRST_DAY).days / 50.0
        table = pd.DataFrame(dict.fromkeys(SIMULATED, values), index=days.rename("date"))
        return table[days < pd.Timestamp("2024-05-01")]

    monkeypatch.setattr(simulations, "simulate", cheap)
    return days_asked


@pytest.fixture
def market(tmp_path, asked) -> DeferredPanel:
    directory = write_tables(tmp_path / "data", small_market())

    def simulation(market, **span):
        return simulated_series(market, cache=tmp_path / "cache", **span)

    return deferred_files(directory, today=LAST + DAY, newest=True, simulation=simulation)


def model(*features):
    return SimpleNamespace(model=SimpleNamespace(feature_names=lambda: list(features)))


@pytest.mark.parametrize("back", [0, 6, 18, 36])
@pytest.mark.parametrize("span", [0, 30])
def test_the_features_of_a_span_are_those_of_the_whole(market, back, span):
    last = LAST - back * DAY
    days = pd.date_range(last - span * DAY, last, unit="s")
    whole = build_features(market.whole(), days)
    assert_frame_equal(build_features(market.for_days(days[0], last), days), whole)
    assert whole[SIMULATED[0]].notna().any()


def test_only_the_days_of_a_span_are_simulated(market, asked):
    assert asked == []
    market.for_days(LAST - 30 * DAY, LAST)
    assert min(asked) > LAST - 42 * DAY
    assert len(asked) <= 7
    market.whole()
    assert len(asked) > 100  # every week since 2014


def test_a_model_without_the_simulation_computes_none(market, asked):
    assert needed(market, model("season_index"), LAST, LAST) is market.panel
    assert asked == []
    needed(market, model("season_index", SIMULATED[3]), LAST, LAST)
    assert asked


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_old_data_are_refused_before_they_are_judged(tmp_path, monkeypatch, ending):
    directory = write_tables(tmp_path / "data", small_market(), ending)
    monkeypatch.setattr(source, "check_market", lambda *a, **k: pytest.fail("it was judged"))
    with pytest.raises(DataError, match=f"the data end on {LAST:%Y-%m-%d}, 8 days ago"):
        deferred_files(directory, today=LAST + 8 * DAY, newest=True, simulation=pytest.fail)
    done = run_command(predict.app, "--source", "files", "--data-dir", str(directory))
    assert done.exit_code == 3
    assert "at most 7 are allowed" in done.stderr


def test_health_simulates_what_a_forecast_would(market, asked):
    refused = health_of(market, as_of=None, today=LAST + 8 * DAY)
    assert refused.refusal
    assert asked == []
    assert {row.problem for row in refused.series if row.series in SIMULATED} == {NOT_SIMULATED}
    state = health_of(market, as_of=None, today=LAST + DAY)
    assert len(asked) <= 7
    simulated = [row for row in state.series if row.series in SIMULATED]
    assert all("simulated 2024-" in row.source for row in simulated)
    assert state.digest == market.for_days(LAST - 30 * DAY, LAST).digest


def test_a_training_s_panel_claims_no_part_of_it(market):
    table = series_health(market.whole(), LAST).set_index("series")
    assert not table.loc[list(SIMULATED), "source"].str.contains("later only").any()
