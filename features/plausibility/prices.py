"""What the rules read of a market: log prices, days x coins, and who was ranked when."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.market.market import Columns, Floats, Market, Masks, at_ranks, day_numbers
from features.market.season import TOP, WINDOW_DAYS
from features.market.supply import bitcoin_supply


class Prices:
    """Log prices of coins, days x coins, and who was ranked when.

    `bitcoin_usd` is Bitcoin's close by day where it is not among the coins, `bitcoin_cap` its
    market cap.
    """

    universe: pd.DataFrame
    members: Columns  # columns of the top 50 by day, -1 for none
    ranked: Masks  # days x coins: ranked then or within the window after; other closes count not

    def __init__(
        self,
        coins: pd.DataFrame,
        universe: pd.DataFrame,
        *,
        bitcoin_usd: pd.Series | None = None,
        bitcoin_cap: pd.Series | None = None,
    ) -> None:
        market = Market.from_tables(coins, universe, bitcoin=bitcoin_usd)
        self._market, self.days, self.ids = market, market.days, market.coins
        self.usd, self.btc, self.bitcoin = (
            np.log(table) for table in (market.usd, market.btc, market.bitcoin)
        )
        self.row = day_numbers(coins["date"], self.days[0])
        self.code = self.ids.get_indexer(pd.Index(coins["coin"]))
        self.cap = np.full(self.usd.shape, np.nan)
        if "market_cap_usd" in coins:
            self.cap[self.row, self.code] = np.log(coins["market_cap_usd"].to_numpy(dtype=float))
        self.bitcoin_by_cap: Floats = np.full(len(self.days), np.nan)
        if bitcoin_cap is not None:
            cap = bitcoin_cap.reindex(self.days).to_numpy(dtype=float)
            self.bitcoin_by_cap = np.log(cap / bitcoin_supply(self.days).to_numpy())

    def column(self, coin: str) -> int | None:
        """Return the column of a coin, if it has prices."""
        return self._market.column(coin)

    @property
    def last(self) -> int:
        """The last day with a close in Bitcoin, as a row."""
        return int(np.flatnonzero(np.isfinite(self.btc).any(axis=1))[-1])

    def caps_of(self, universe: pd.DataFrame) -> Floats:
        """Return the market cap of each ranked coin, beside its rank or else beside its close."""
        day = day_numbers(universe["snapshot_date"], self.days[0])
        column = self.ids.get_indexer(pd.Index(universe["coin"]))
        given = np.full(len(universe), np.nan)
        if "market_cap_usd" in universe:
            given = universe["market_cap_usd"].to_numpy(dtype=float)
        inside = (day >= 0) & (day < len(self.days)) & (column >= 0)
        beside = np.where(inside, self.cap[np.where(inside, day, 0), column], np.nan)
        return np.where(np.isfinite(given), given, np.exp(beside))

    def of_members(self, table: Floats) -> Floats:
        """Return a table's values of the ranked coins: shape (days, ranks), NaN for none."""
        return at_ranks(table, self.members)

    def rank(self, universe: pd.DataFrame) -> None:
        """Take over a ranking of altcoins."""
        self.universe = universe
        self.members = self._market.ranked_by(universe).members(TOP)
        member = np.zeros((len(self.days) + WINDOW_DAYS, len(self.ids)), np.int8)
        rows, places = np.nonzero(self.members >= 0)
        member[rows, self.members[rows, places]] = 1
        counted = np.cumsum(member, axis=0, dtype=np.int16)
        near = counted[WINDOW_DAYS:] - counted[: len(self.days)] > 0
        self.ranked = np.asarray(near | (member[: len(self.days)] > 0))

    def ranks_of(self, column: int) -> pd.Series:
        """Return a coin's ranks by row of the ranking's day."""
        rows = self.universe[self.universe["coin"] == self.ids[column]].sort_values("snapshot_date")
        days = day_numbers(rows["snapshot_date"], self.days[0])
        return pd.Series(rows["rank"].to_numpy(), days)
