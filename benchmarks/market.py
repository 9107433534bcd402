"""Markets to measure with: drawn at random or read, and the same with several times the coins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

Tables = dict[str, pd.DataFrame]

LEADERS = ("bitcoin", "ethereum")


def drawn_market(coins: int, days: int, seed: int = 0) -> Tables:
    """Return series, coins and universe to 2025-12-10 in which every price is a random walk."""
    random = np.random.default_rng(seed)
    dates = pd.date_range(end="2025-12-10", periods=days, unit="s")
    names = [*LEADERS, *(f"coin-{number}" for number in range(2, coins + 1))]
    close = 100 * np.exp(np.cumsum(0.04 * random.normal(size=(days, len(names))), axis=0))
    prices = pd.DataFrame(
        {
            "date": np.repeat(dates, len(names)),
            "coin": np.tile(names, days),
            "close_usd": close.ravel(),
            "close_btc": (close / close[:, :1]).ravel(),
            "market_cap_usd": 1e6 * close.ravel(),
        }
    )
    snapshots = dates[::7]
    universe = pd.DataFrame(
        {
            "snapshot_date": np.repeat(snapshots, coins),
            "rank": np.tile(np.arange(1, coins + 1), len(snapshots)),
            "coin": np.tile(names[1:], len(snapshots)),
            "market_cap_usd": 1e6 * np.sort(close[::7, 1:], axis=1)[:, ::-1].ravel(),
        }
    )
    level = pd.DataFrame({"series": "sp500_close", "date": dates, "value": close[:, 0]})
    return {"series": level, "coins": prices, "universe": universe}


def read_market(directory: Path) -> Tables:
    """Read a directory of market history as it stands."""
    tables = {}
    for name in ("series", "coins", "universe"):
        path = directory / f"{name}.parquet"
        tables[name] = (
            pd.read_parquet(path) if path.exists() else pd.read_csv(directory / f"{name}.csv")
        )
    return tables


def multiplied(tables: Tables, times: int) -> Tables:
    """Return a market with several times the altcoins: copies of them, ranked behind them."""
    coins, universe = tables["coins"], tables["universe"]
    last = universe.groupby("snapshot_date")["rank"].transform("max")
    prices, ranks = [coins], [universe]
    for copy in range(1, times):
        others = coins[~coins["coin"].isin(LEADERS)]
        prices.append(others.assign(coin=others["coin"] + f"~{copy}"))
        behind = universe["rank"] + copy * last
        ranks.append(universe.assign(coin=universe["coin"] + f"~{copy}", rank=behind))
    return {
        **tables,
        "coins": pd.concat(prices, ignore_index=True),
        "universe": pd.concat(ranks, ignore_index=True),
    }


def written(tables: Tables, directory: Path) -> Path:
    """Write a market as a directory that ``--source files`` reads."""
    directory.mkdir()
    for name, table in tables.items():
        table.to_parquet(directory / f"{name}.parquet", index=False)
    return directory
