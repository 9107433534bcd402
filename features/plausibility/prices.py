"""Log prices of a market of coins as arrays, and who was ranked when."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.market.market import MAX_SNAPSHOT_AGE_DAYS
from features.market.season import TOP, WINDOW_DAYS
from features.market.supply import bitcoin_supply
from features.plausibility.steps import Flags, Floats


class Prices:
    """Log prices of coins, days x coins, and who was ranked when.

    `bitcoin_usd` is Bitcoin's close by day where it is not among the coins, `bitcoin_cap` its
    market cap.
    """

    def __init__(
        self,
        coins: pd.DataFrame,
        universe: pd.DataFrame,
        *,
        bitcoin_usd: pd.Series | None = None,
        bitcoin_cap: pd.Series | None = None,
    ) -> None:
        self.code, ids = pd.factorize(coins["coin"])
        self.ids = pd.Index(ids)
        self.first = coins["date"].min()
        self.row = day_numbers(coins["date"], self.first)
        shape = (int(self.row.max()) + 1, len(self.ids))
        self.usd, self.btc = np.full(shape, np.nan), np.full(shape, np.nan)
        self.usd[self.row, self.code] = np.log(coins["close_usd"].to_numpy())
        self.btc[self.row, self.code] = np.log(coins["close_btc"].to_numpy())
        self.days = pd.date_range(self.first, periods=shape[0], unit="s")
        own = coins[coins["coin"] == "bitcoin"].set_index("date")["close_usd"]
        bitcoin_usd = own if bitcoin_usd is None else bitcoin_usd
        self.bitcoin: Floats = np.log(bitcoin_usd.reindex(self.days).to_numpy(dtype=float))
        self.bitcoin_by_cap: Floats = np.full(shape[0], np.nan)
        if bitcoin_cap is not None:
            cap = bitcoin_cap.reindex(self.days).to_numpy(dtype=float)
            self.bitcoin_by_cap = np.log(cap / bitcoin_supply(self.days).to_numpy())
        self.members: NDArray[np.int64] = np.empty((0, TOP), int)
        self.ranked: Flags = np.empty((0, 0), bool)
        self.rank(universe)

    def column(self, coin: str) -> int | None:
        """Return the column of a coin, if it has prices."""
        return int(self.ids.get_loc(coin)) if coin in self.ids else None

    @property
    def last(self) -> int:
        """The last day with a close in Bitcoin, as a row."""
        return int(np.flatnonzero(np.isfinite(self.btc).any(axis=1))[-1])

    def of_members(self, table: Floats) -> Floats:
        """Return a table's values of the ranked coins: shape (days, 50), NaN for none."""
        rows = np.arange(len(table))[:, None]
        return np.where(self.members >= 0, table[rows, self.members], np.nan)

    def rank(self, universe: pd.DataFrame) -> None:
        """Take over a ranking: columns of the top 50 by day, -1 for none; never Bitcoin."""
        ranked = universe[(universe["rank"] <= TOP) & (universe["coin"] != "bitcoin")]
        ranked = ranked.sort_values(["snapshot_date", "rank"])
        days = day_numbers(ranked["snapshot_date"], self.first)
        snapshot, at = np.unique(days, return_inverse=True)
        place = ranked.groupby("snapshot_date").cumcount().to_numpy()
        table = np.full((len(snapshot), TOP), -1)
        table[at, place] = self.ids.get_indexer(pd.Index(ranked["coin"]))
        every = np.arange(len(self.days))
        newest = np.searchsorted(snapshot, every, side="right") - 1
        fresh = (newest >= 0) & (every - snapshot[newest] <= MAX_SNAPSHOT_AGE_DAYS)
        self.members = np.where(fresh[:, None], table[newest], -1)
        self.ranked = self._near()

    def _near(self) -> Flags:
        """Return on which days a coin's close is compared: ranked then, or in the window after.

        Other closes of the table bear on nothing.
        """
        member = np.zeros((len(self.days) + WINDOW_DAYS, len(self.ids)), np.int8)
        rows, places = np.nonzero(self.members >= 0)
        member[rows, self.members[rows, places]] = 1
        counted = np.cumsum(member, axis=0, dtype=np.int16)
        near = counted[WINDOW_DAYS:] - counted[: len(self.days)] > 0
        return np.asarray(near | (member[: len(self.days)] > 0))


def day_numbers(days: pd.Series, first: pd.Timestamp) -> NDArray[np.int64]:
    """Return how many days after the first each day is."""
    since = days.to_numpy().astype("datetime64[D]") - np.datetime64(first, "D")
    return np.asarray(since.astype(np.int64))
