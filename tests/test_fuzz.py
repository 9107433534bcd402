"""Hundreds of spoilt data directories and flow files: success or a documented error, each time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import train
from features.panel import DataError, MarketPanel
from features.sources import flow_store
from features.sources.etf_flows import app as flows_app
from features.sources.files import load_files
from features.sources.flow_layouts import read_file
from features.sources.simulated import CACHE_VARIABLE

ROOT = Path(__file__).parents[1]
FIRST = pd.Timestamp("2024-01-01")
TODAY = pd.Timestamp("2025-12-12")
DAYS = pd.date_range(FIRST, periods=110, unit="s")
COINS = ("bitcoin", "ethereum", "aaa", "bbb", "ccc")
DATE = {"series": "date", "coins": "date", "universe": "snapshot_date"}
VALUES = {
    "series": ["value"],
    "coins": ["close_usd", "close_btc", "market_cap_usd"],
    "universe": ["rank", "market_cap_usd"],
}
NAMES = {"series": "series", "coins": "coin", "universe": "coin"}
DIRECTORIES = 240
FLOW_FILES = 240


def market():
    """Return the three tables of a small market; the numbers are any."""
    random = np.random.default_rng(1)
    bitcoin = 4e4 * np.exp(np.cumsum(0.02 * random.normal(size=len(DAYS))))
    coins, universe = [], []
    for rank, coin in enumerate(COINS):
        close = bitcoin if rank == 0 else np.exp(np.cumsum(0.03 * random.normal(size=len(DAYS))))
        coins.append(
            pd.DataFrame({
                "date": DAYS, "coin": coin, "symbol": coin[:3], "close_usd": close,
                "close_btc": close / bitcoin, "market_cap_usd": close * 1e8,
            })
        )  # fmt: skip
        if rank:
            universe.append(
                pd.DataFrame({
                    "snapshot_date": DAYS, "rank": rank, "coin": coin, "market_cap_usd": 1e9 / rank,
                })
            )  # fmt: skip
    weekdays = DAYS[DAYS.day_of_week < 5]
    levels = {
        "russell2000_close": 2e3, "sp500_close": 5e3, "iwm_shares_outstanding": 2.8e8,
        "iwm_nav": 250, "btc_etf_net_flow_usd": 1e8, "eth_etf_net_flow_usd": 1e7,
        "btc_market_cap_usd": 8e11, "crypto_market_cap_ex_btc_usd": 7e11,
    }  # fmt: skip
    series = [
        pd.DataFrame({
            "series": name, "date": weekdays,
            "value": level * random.uniform(0.9, 1.1, size=len(weekdays)),
        })
        for name, level in levels.items()
    ]  # fmt: skip
    return {
        name: pd.concat(tables, ignore_index=True)
        for name, tables in (("series", series), ("coins", coins), ("universe", universe))
    }


MARKET = market()


# ---- what is done to a table ----


def drop_column(table, random, name):
    return table.drop(columns=random.choice(table.columns))


def rename_column(table, random, name):
    column = random.choice(table.columns)
    return table.rename(columns={column: random.choice([column.upper(), f" {column}", "x", ""])})


def twice_column(table, random, name):
    column = random.choice(table.columns)
    return pd.concat([table, table[[column]]], axis=1)


def no_rows(table, random, name):
    return table.iloc[: random.choice([0, 1])]


def shuffle(table, random, name):
    return table.iloc[random.permutation(len(table))]


def twice_rows(table, random, name):
    return pd.concat([table, table.iloc[random.integers(len(table), size=2)]])


def fewer_rows(table, random, name):
    return table[random.uniform(size=len(table)) < random.choice([0.02, 0.5, 0.9])]


def odd_value(table, random, name):
    column = random.choice(VALUES[name])
    value = random.choice(
        [np.nan, np.inf, -np.inf, 0.0, -0.0, -1.0, 1e308, -1e308, 5e-324, 1e18, 1.5]
    )
    rows = random.integers(len(table), size=random.choice([1, 3, 200]))
    values = table[column].astype(float).to_numpy(copy=True)
    values[rows] = value
    return table.assign(**{column: values})


def odd_column(table, random, name):
    column = random.choice(VALUES[name])
    values = table[column]
    kind = random.integers(7)
    if kind == 0:
        return table.assign(**{column: values.map("{:g}".format)})
    if kind == 1:
        return table.assign(**{column: values > 1})
    if kind == 2:
        return table.assign(**{column: values.fillna(0).clip(-9e18, 9e18).astype("int64")})
    if kind == 3:
        return table.assign(**{column: values.astype("float32")})
    if kind == 4:
        return table.assign(**{column: values.astype(complex).map(str)})
    if kind == 5:
        return table.assign(**{column: pd.array(values, dtype="Float64")})
    return table.assign(**{column: [[value] for value in values]})


def odd_day(table, random, name):
    days = table[DATE[name]].astype(str).astype(object).to_numpy(copy=True)
    rows = random.integers(len(table), size=random.choice([1, 3]))
    days[rows] = random.choice([
        "", "yesterday", "2024-13-01", "2024-02-30", "01/02/2024", "2024-01-05T12:00:00",
        "2024-01-05T00:00:00Z", "2024-01-05T00:00:00+05:00", "2999-01-01", "1677-01-01",
        "0001-01-01", "9999-12-31", "99999-01-01", "20240105", "nan", "NaT", "2024-01",
    ])  # fmt: skip
    return table.assign(**{DATE[name]: days})


def odd_days(table, random, name):
    days = table[DATE[name]]
    kind = random.integers(8)
    if kind == 0:
        return table.assign(**{DATE[name]: days.dt.tz_localize("UTC")})
    if kind == 1:
        return table.assign(**{DATE[name]: days + pd.Timedelta("6h")})
    if kind == 2:
        return table.assign(**{DATE[name]: days.astype("int64")})
    if kind == 3:
        return table.assign(**{DATE[name]: days.dt.date})
    if kind == 4:
        return table.assign(**{DATE[name]: days.dt.strftime("%d.%m.%Y")})
    if kind == 5:
        return table.assign(**{DATE[name]: days + pd.Timedelta(days=int(random.choice([900, -9000])))})
    if kind == 6:
        return table.assign(**{DATE[name]: pd.NaT})
    return table.assign(**{DATE[name]: days.astype("category")})


def odd_name(table, random, name):
    names = table[NAMES[name]].astype(object).to_numpy(copy=True)
    rows = random.integers(len(table), size=random.choice([1, 50]))
    names[rows] = random.choice(["", "nan", "bitcoin", "ethereum", "\u00e4\u2603", "a" * 5000, "0", " "])
    return table.assign(**{NAMES[name]: names})


def odd_names(table, random, name):
    kind = random.integers(4)
    if kind == 0:
        return table.assign(**{NAMES[name]: "same"})
    if kind == 1:
        return table.assign(**{NAMES[name]: 7})
    if kind == 2:
        return table.assign(**{NAMES[name]: table[NAMES[name]].astype("category")})
    return table.assign(**{NAMES[name]: None})


def odd_index(table, random, name):
    column = random.choice(table.columns)
    return table.set_index(column)


TABLE_CHANGES = [
    drop_column, rename_column, twice_column, no_rows, shuffle, twice_rows, fewer_rows, odd_value,
    odd_value, odd_column, odd_day, odd_day, odd_days, odd_name, odd_names, odd_index,
]  # fmt: skip


# ---- what is done to a file ----


def cut(path, random):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(random.uniform() * len(whole))])


def flip(path, random):
    whole = bytearray(path.read_bytes())
    for at in random.integers(len(whole), size=random.choice([1, 3, 30])) if whole else []:
        whole[at] ^= int(random.integers(1, 256))
    path.write_bytes(whole)


def insert(path, random):
    whole = path.read_bytes()
    at = int(random.uniform() * len(whole))
    junk = [b"\0", b'"', b"\n\n", b",", b"\xff\xfe", b"<!DOCTYPE x>", b"&a;", b"\r", b"1e999", b"]]>"]
    path.write_bytes(whole[:at] + junk[random.integers(len(junk))] + whole[at:])


def empty(path, random):
    path.write_bytes(random.choice([b"", b"\n", b"PAR1", b"PK\x03\x04", b"\xef\xbb\xbf"]))


def recode(path, random):
    whole = path.read_bytes()
    kind = random.integers(4)
    if kind == 0:
        path.write_bytes(b"\xef\xbb\xbf" + whole)
    elif kind == 1:
        path.write_bytes(whole.replace(b"\n", b"\r\n"))
    elif kind == 2:
        path.write_bytes(whole.decode("latin-1").encode("utf-16"))
    else:
        path.write_bytes(whole.replace(b"a", b"\xe4", 5))


def directory_instead(path, random):
    path.unlink()
    path.mkdir()


def loop_instead(path, random):
    path.unlink()
    path.symlink_to(path.name)


def gone(path, random):
    path.unlink()


def no_permission(path, random):
    path.chmod(0)  # root reads it all the same


FILE_CHANGES = [
    cut, cut, flip, flip, insert, empty, recode, recode, directory_instead, loop_instead, gone,
    no_permission,
]  # fmt: skip


def spoilt_directory(directory, seed):
    """Write the market with one to three changes; return what they were called."""
    random = np.random.default_rng(seed)
    ending = random.choice(["csv", "parquet"])
    tables = dict(MARKET)
    done = [str(ending)]
    in_tables = random.integers(0, 3)
    for _ in range(in_tables):
        name = random.choice(list(tables))
        change = TABLE_CHANGES[random.integers(len(TABLE_CHANGES))]
        try:
            tables[name] = change(tables[name], random, name)
        except (KeyError, ValueError, AttributeError, TypeError, IndexError):
            continue  # an earlier change has left nothing to change
        done.append(f"{name}: {change.__name__}")
    directory.mkdir()
    for name, table in tables.items():
        path = directory / f"{name}.{ending}"
        keep_index = table.index.name is not None
        try:
            if ending == "csv":
                table.to_csv(path, index=keep_index)
            else:
                table.to_parquet(path, index=keep_index)
        except (ValueError, TypeError, OSError):
            table.to_csv(path, index=keep_index)  # Parquet cannot hold it: text in its place
    if in_tables == 0 or random.uniform() < 0.4:
        path = directory / f"{random.choice(list(tables))}.{ending}"
        change = FILE_CHANGES[random.integers(len(FILE_CHANGES))]
        change(path, random)
        done.append(f"{path.name}: {change.__name__}")
    if random.uniform() < 0.1:
        other = directory / f"coins.{'csv' if ending == 'parquet' else 'parquet'}"
        other.write_bytes(random.bytes(50))
        done.append(f"also {other.name}")
    return ", ".join(done)
