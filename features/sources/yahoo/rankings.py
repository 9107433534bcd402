"""From Yahoo's ranking, or a user's own universe, to ranked altcoins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from features.market.rankings import RANKS
from features.market.season import TOP
from features.panel import DataError
from features.plausibility.book import found
from features.plausibility.pegs import RULE
from features.provenance import Finding
from features.reference.membership import Membership
from features.sources import tables


def altcoins(ranking: pd.DataFrame, membership: Membership) -> pd.DataFrame:
    """Return the 100 largest altcoins of a ranking (ticker, symbol, name, market_cap_usd).

    Index `coin`, largest first, columns `ticker`, `market_cap_usd`; a coin that the embedded
    history lacks is called by its ticker in lower case. DataError if fewer than 50 remain.
    """
    counts = [
        membership.excluded(str(symbol), str(name)) is None
        for symbol, name in zip(ranking["symbol"], ranking["name"], strict=True)
    ]
    kept = ranking[counts].sort_values("market_cap_usd", ascending=False, kind="stable")
    embedded = coin_of(membership)
    coins = [embedded.get(ticker, ticker.lower()) for ticker in kept["ticker"]]
    table = kept[["ticker", "market_cap_usd"]].set_index(pd.Index(coins, name="coin"))
    table = table[~table.index.duplicated()].head(RANKS)
    if len(table) < TOP:
        raise DataError(f"it holds {len(table)} altcoins, need {TOP}.")
    return table


def left_out(
    rankings: Mapping[pd.Timestamp, pd.DataFrame], membership: Membership
) -> list[Finding]:
    """Name what the rankings of some days hold that never counts by its name."""
    days: dict[tuple[str, str, str], list[pd.Timestamp]] = {}
    for day in sorted(rankings):
        for symbol, name in rankings[day][["symbol", "name"]].astype(str).to_numpy():
            why = membership.excluded(symbol, name)
            if why is not None:
                days.setdefault((symbol, name, why), []).append(day)
    return [
        found(
            RULE, symbol, (seen[0], seen[-1]), np.nan, np.nan, "note",
            f"{name}: {why}, by its name; left out of {len(seen)} rankings",
        )
        for (symbol, name, why), seen in sorted(days.items())
    ]  # fmt: skip


def coin_of(membership: Membership) -> dict[str, str]:
    """Return the coin of each ticker, of the coins that can be recognised by it.

    Coins ranked at the embedded end come first, and first tickers before second ones.
    """
    coins = membership.coins
    coins = coins[coins["check_day"].notna() | coins["verified"]]
    newest = coins.sort_values(["share", "to"], ascending=False, na_position="last")
    by_ticker: dict[str, str] = {}
    for position in range(max(newest["tickers"].str.len())):
        for coin, tickers in newest["tickers"].items():
            if position < len(tickers):
                by_ticker.setdefault(tickers[position], str(coin))
    return by_ticker


def read_universe(path: Path, membership: Membership, today: pd.Timestamp) -> pd.DataFrame:
    """Read a user's universe: CSV or Parquet with `snapshot_date`, `rank` (1 = largest), `ticker`.

    A snapshot, not of a later day than `today`, serves from its day on. Returns the columns and
    `coin`; DataError if the file cannot be read or breaks a rule.
    """
    snapshots = tables.read_table(path, tables.RANKS, until=today)
    for name in snapshots["ticker"].unique():
        reason = membership.excluded(name.removesuffix("-USD"), "")
        if not name.endswith("-USD") or reason:
            raise DataError(
                f"{path}: {name}: must be an altcoin's ticker such as SOL-USD"
                + (f"; {reason} never counts." if reason else ".")
            )
    embedded = coin_of(membership)
    coins = [embedded.get(name, name.lower()) for name in snapshots["ticker"]]
    return snapshots.assign(coin=coins)
