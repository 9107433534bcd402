"""A small made-up market of five coins as the three tables of a data directory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.panel import DataError, MarketPanel
from features.plausibility.series import closed_days
from features.sources.directory import load_files

FIRST = pd.Timestamp("2024-01-01")
LAST = pd.Timestamp("2024-05-09")
COINS = ("bitcoin", "ethereum", "aaa", "bbb", "ccc")


def series_rows(name: str, values, days=None) -> pd.DataFrame:
    """Return rows of one raw series, on weekdays unless told."""
    if days is None:
        days = pd.bdate_range(FIRST, periods=len(values), unit="s")
    return pd.DataFrame({"series": name, "date": days, "value": np.asarray(values, dtype=float)})


def small_market() -> dict[str, pd.DataFrame]:
    """Return the three tables; the ranks are the same every day."""
    random = np.random.default_rng(7)
    dates = pd.date_range(FIRST, LAST, unit="s")
    closes = {
        coin: 100 * np.exp(np.cumsum(0.03 * random.normal(size=len(dates)))) for coin in COINS
    }
    closes["bitcoin"] *= 400
    ranked = [
        {"snapshot_date": date, "rank": rank, "coin": coin, "symbol": coin[:3].upper(),
         "market_cap_usd": 1e9}
        for date in dates for rank, coin in enumerate(COINS[1:], start=1)
    ]  # fmt: skip
    return {
        "series": _series(random, closes["bitcoin"], dates),
        "coins": _coins(closes, dates),
        "universe": pd.DataFrame(ranked),
    }


def _coins(closes: dict[str, np.ndarray], dates: pd.DatetimeIndex) -> pd.DataFrame:
    tables = [
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
    ]
    return pd.concat(tables, ignore_index=True)


def _series(
    random: np.random.Generator, bitcoin: np.ndarray, dates: pd.DatetimeIndex
) -> pd.DataFrame:
    days, count = len(dates), 90
    values = {
        "russell2000_close": 2000 * np.exp(np.cumsum(0.01 * random.normal(size=count))),
        "sp500_close": 5000 * np.exp(np.cumsum(0.01 * random.normal(size=count))),
        "iwm_shares_outstanding": random.uniform(3e8, 3.1e8, size=count),
        "iwm_nav": random.uniform(190, 210, size=count),
        "btc_market_cap_usd": 1.96e7 * bitcoin,
        "crypto_market_cap_ex_btc_usd": random.uniform(8e11, 9e11, size=days),
        "btc_etf_net_flow_usd": 1e8 * random.normal(size=count),
        "eth_etf_net_flow_usd": 1e7 * random.normal(size=count),
        "vix_close": random.uniform(12, 30, size=count),
    }
    series = [series_rows(n, v, dates if len(v) == days else None) for n, v in values.items()]
    table = pd.concat(series, ignore_index=True)
    # On a day on which the exchanges are closed nothing flows.
    closed = table["date"].isin(closed_days(FIRST.year, LAST.year))
    return table[~(closed & table["series"].str.endswith("_flow_usd"))].reset_index(drop=True)


def with_cell(table: str, column: str, value, row: int = 3) -> dict[str, pd.DataFrame]:
    """Return a table of the made-up market with one cell changed."""
    frame = small_market()[table]
    frame[column] = frame[column].astype(object) if isinstance(value, str) else frame[column]
    frame.loc[row, column] = value
    return {table: frame}


def with_row_twice(table: str, row: int) -> dict[str, pd.DataFrame]:
    """Return a table of the made-up market with one row repeated at its end."""
    frame = small_market()[table]
    return {table: pd.concat([frame, frame.iloc[[row]]])}


def with_series(name: str, values, days=None) -> dict[str, pd.DataFrame]:
    """Return the made-up series table with one raw series replaced."""
    series = small_market()["series"]
    kept = series[series["series"] != name]
    return {"series": pd.concat([kept, series_rows(name, values, days)], ignore_index=True)}


def without_series(name: str) -> dict[str, pd.DataFrame]:
    """Return the made-up series table without one raw series."""
    series = small_market()["series"]
    return {"series": series[series["series"] != name]}


def write_tables(directory: Path, tables: dict[str, pd.DataFrame], ending: str = "parquet") -> Path:
    """Write tables into a directory, which is made where it is not there."""
    directory.mkdir(exist_ok=True)
    for name, table in tables.items():
        if ending == "parquet":
            table.to_parquet(directory / f"{name}.parquet")
        else:
            table.to_csv(directory / f"{name}.csv", index=False)
    return directory


def load_small_market(directory: Path, ending: str = "parquet", **replaced) -> MarketPanel:
    """Return the panel of the made-up market with some tables replaced."""
    return load_files(write_tables(directory, {**small_market(), **replaced}, ending))


def refusal_of(directory: Path, ending: str = "parquet", until=None, **replaced) -> str:
    """Return the error with which the made-up market is refused once tables are replaced."""
    write_tables(directory, {**small_market(), **replaced}, ending)
    with pytest.raises(DataError) as error:
        load_files(directory, until=until)
    return str(error.value)
