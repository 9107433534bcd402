"""What is wrong after a day bears on nothing of that day: panel, features, forecast."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.catalogue.frame import build_features
from features.panel import end_of_day
from features.sources.directory import checked_tables, panel_of
from features.storage.simulations import _keys

pytestmark = pytest.mark.real_data

FIRST, DAY, LAST = (pd.Timestamp(day) for day in ("2024-06-01", "2025-08-01", "2025-12-10"))
FAULT = pd.Timestamp("2025-08-08")  # from here on
LATER = pd.Timestamp("2025-11-20")


@pytest.fixture(scope="module")
def tables(real_data):
    days = {"series": "date", "coins": "date", "universe": "snapshot_date"}
    whole = {name: pd.read_parquet(real_data / f"{name}.parquet") for name in days}
    return {
        name: table[table[days[name]].between(FIRST, LAST)].reset_index(drop=True)
        for name, table in whole.items()
    }


def load(folder, tables):
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet", index=False)
    checked = checked_tables(folder)
    return panel_of(checked, "test"), checked.market


@pytest.fixture(scope="module")
def sane(tables, tmp_path_factory):
    return load(tmp_path_factory.mktemp("sane"), tables)


def of_series(name, change, since=FAULT, until=LAST):
    """Change the values of a series on some days."""

    def faulty(tables):
        table = tables["series"].copy()
        rows = (table["series"] == name) & table["date"].between(since, until)
        table.loc[rows, "value"] = change(table.loc[rows, "value"])
        return {"series": table}

    return faulty


def of_coins(chosen, change, since=FAULT, until=LAST, columns=("close_usd", "close_btc")):
    """Change the closes of some coins on some days."""

    def faulty(tables):
        table = tables["coins"].copy()
        rows = chosen(table["coin"]) & table["date"].between(since, until)
        table.loc[rows, [*columns]] = change(table.loc[rows, [*columns]])
        return {"coins": table}

    return faulty


def coin(name):
    return lambda coins: coins == name


def bitcoin_halved(tables):
    table = of_coins(coin("bitcoin"), lambda x: x / 2, LAST, columns=("close_usd",))(tables)
    return of_coins(lambda coins: coins != "bitcoin", lambda x: 2 * x, LAST,
                    columns=("close_btc",))(table)  # fmt: skip


def frozen(tables):
    table = tables["coins"].copy()
    held = table[table["date"] == LATER].set_index("coin")
    for column in ("close_usd", "close_btc"):
        kept = table["coin"].map(held[column])
        table[column] = np.where((table["date"] > LATER) & kept.notna(), kept, table[column])
    return {"coins": table}


def a_day_late(tables):
    table = tables["coins"].copy()
    table.loc[(table["coin"] != "bitcoin") & (table["date"] >= FAULT), "date"] += pd.Timedelta("1D")
    return {"coins": table[table["date"] <= LAST].drop_duplicates(["coin", "date"], keep="last")}


def ranks(change):
    def faulty(tables):
        table = tables["universe"].copy()
        return {"universe": change(table, table["snapshot_date"] >= FAULT)}

    return faulty


FAULTS = {
    "shares in thousands": of_series("iwm_shares_outstanding", lambda x: x / 1000),
    "shares wrong for a month": of_series(
        "iwm_shares_outstanding", lambda x: x * 3, until=pd.Timestamp("2025-09-08")),
    "Russell times ten": of_series("russell2000_close", lambda x: x * 10),
    "flows in millions": of_series("btc_etf_net_flow_usd", lambda x: x / 1e6),
    "market cap in millions": of_series("btc_market_cap_usd", lambda x: x / 1e6),
    "Ether times 100 for a day": of_coins(coin("ethereum"), lambda x: 100 * x, LATER, LATER),
    "a coin in other units": of_coins(coin("bnb"), lambda x: x / 24_000, LATER),
    "Bitcoin halved on the last day": bitcoin_halved,
    "all prices frozen": frozen,
    "coins a day late": a_day_late,
    "25 ranks": ranks(lambda table, late: table[~late | (table["rank"] <= 25)]),
    "caps in millions": ranks(lambda table, late: table.assign(
        market_cap_usd=table["market_cap_usd"].where(~late, table["market_cap_usd"] / 1e6))),
    "the head missing": ranks(lambda table, late: table[~late | (table["rank"] > 25)]),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_later_fault_bears_on_no_earlier_day(tables, sane, fault, tmp_path):
    """A forecast is made of the day's view, its features and what its simulation draws from."""
    faulty, market = load(tmp_path, {**tables, **FAULTS[fault](tables)})
    panel, sane_market = sane
    # Of market caps the panel holds none that late in the real history.
    assert (faulty.digest == panel.digest) == (fault == "caps in millions")
    instant = end_of_day(pd.DatetimeIndex([DAY]))[0]
    assert faulty.known_at(instant).digest == panel.known_at(instant).digest
    days = pd.date_range(DAY - pd.Timedelta(days=60), DAY, freq="20D")
    pd.testing.assert_frame_equal(build_features(faulty, days), build_features(panel, days))
    pd.testing.assert_series_equal(_keys(market, days), _keys(sane_market, days))
