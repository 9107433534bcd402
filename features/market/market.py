"""Closes and rankings of coins, days x coins: what every rule and every index reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.panel import DataError

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]
Columns = NDArray[np.int64]
_Number = TypeVar("_Number", bound=np.floating)

# A ranking older than this says nothing about the coins of a day.
MAX_SNAPSHOT_AGE_DAYS = 45


@dataclass(frozen=True, eq=False)
class Market:
    """Closes and rankings of coins, from the first day with a coin's close to the last.

    Where no close is known, or a rule withholds it, a table holds NaN.
    """

    days: pd.DatetimeIndex  # consecutive
    coins: pd.Index  # a column each: those with closes, then those that are ranked only
    usd: Floats  # closes in US dollars, shape (days, coins)
    btc: Floats  # closes in Bitcoin, on the same days and of the same coins as `usd`
    bitcoin: Floats  # Bitcoin's close in US dollars, shape (days,)
    # Rows of `snapshot_date`, `rank` (1 = largest altcoin, whole, once a day), `coin` and, where
    # known, `market_cap_usd`; other columns are kept.
    universe: pd.DataFrame

    @classmethod
    def from_tables(
        cls, coins: pd.DataFrame, universe: pd.DataFrame, *, bitcoin: pd.Series | None = None
    ) -> Market:
        """Lay out one row a coin and day: columns `date`, `coin`, `close_usd`, `close_btc`.

        Bitcoin's close is that of the coin `bitcoin` unless it is given apart, by day.
        """
        code, ids = pd.factorize(coins["coin"])
        first = coins["date"].min()
        row = day_numbers(coins["date"], first)
        columns = _columns(pd.Index(ids), universe)
        shape = (int(row.max()) + 1, len(columns))
        _check_once(coins, row, code, shape)
        usd, btc = np.full(shape, np.nan), np.full(shape, np.nan)
        usd[row, code] = coins["close_usd"].to_numpy()
        btc[row, code] = coins["close_btc"].to_numpy()
        days = pd.date_range(first, periods=shape[0], unit="s", name="date")
        if bitcoin is None:
            bitcoin = coins[coins["coin"] == "bitcoin"].set_index("date")["close_usd"]
        close = bitcoin.reindex(days).to_numpy(dtype=float)
        return cls(days, columns, usd, btc, close, universe)

    @classmethod
    def from_closes(
        cls, closes: pd.DataFrame, bitcoin: pd.Series, universe: pd.DataFrame
    ) -> Market:
        """Take over closes in US dollars, consecutive days x coins, and Bitcoin's on those days."""
        columns = _columns(closes.columns, universe)
        usd = closes.reindex(columns=columns).to_numpy(dtype=float)
        close = bitcoin.reindex(closes.index).to_numpy(dtype=float)
        btc = usd / close[:, None]
        days = pd.DatetimeIndex(closes.index, name="date").as_unit("s")
        # Without Bitcoin's close a coin's cannot be compared: it is as good as unknown.
        return cls(days, columns, usd, btc, close, universe).without(np.isnan(btc))

    def without(self, closes: Masks, *, bitcoin: Masks | None = None) -> Market:
        """Return the market without some closes (days, coins) and some of Bitcoin's (days,).

        Days at either end on which no coin has a close any more are cut off.
        """
        usd, btc = (np.where(closes, np.nan, table) for table in (self.usd, self.btc))
        left = np.flatnonzero(np.isfinite(btc).any(axis=1))
        if not len(left):
            raise DataError("coins: no close of any coin can be used; health says why.")
        span = slice(int(left[0]), int(left[-1]) + 1)
        close = self.bitcoin if bitcoin is None else np.where(bitcoin, np.nan, self.bitcoin)
        return replace(
            self, days=self.days[span], usd=usd[span], btc=btc[span], bitcoin=close[span]
        )

    def ranked_by(self, universe: pd.DataFrame) -> Market:
        """Return the market with other rankings of its coins."""
        return replace(self, universe=universe)

    def table(self) -> pd.DataFrame:
        """Return the closes as `from_tables` takes them, a row a coin and day, by day."""
        row, column = np.nonzero(np.isfinite(self.btc))
        return pd.DataFrame(
            {
                "date": self.days[row],
                "coin": self.coins[column],
                "close_usd": self.usd[row, column],
                "close_btc": self.btc[row, column],
            }
        )

    def column(self, coin: str) -> int | None:
        """Return the column of a coin, or None if it has no close."""
        column = int(self.coins.get_indexer(pd.Index([coin]))[0])
        return column if column >= 0 and np.isfinite(self.btc[:, column]).any() else None

    def closes(self, coin: str, table: Floats) -> pd.Series:
        """Return what a table holds of a coin, by day; empty if the coin has no close."""
        column = self.column(coin)
        values = np.empty(0) if column is None else table[:, column]
        return pd.Series(values, self.days[: len(values)]).dropna()

    @cached_property
    def log_btc(self) -> Floats:
        """Natural logarithm of `btc`."""
        return np.log(self.btc)

    def members(self, top: int, *, max_age: int | None = MAX_SNAPSHOT_AGE_DAYS) -> Columns:
        """Return the columns of the coins ranked on each day, largest first; -1 where vacant.

        A ranking stands in for later days until the next, for `max_age` days at most (None: for
        ever). Shape (days, ranks); there are as many ranks as the rankings have, at most `top`.
        """
        snapshot, (coins, _) = self._snapshots(top)
        newest = self._newest(snapshot)
        usable = newest >= 0
        if max_age is not None:
            # A snapshot's own day is age 0; on the 45th day after it it still serves: not strict.
            usable &= np.arange(len(self.days)) - snapshot[newest] <= max_age
        return np.where(usable[:, None], coins[newest], -1)

    def caps(self, top: int) -> Floats:
        """Return the market cap of each rank on each day, from the last ranking that has one."""
        snapshot, (_, caps) = self._snapshots(top)
        last = pd.DataFrame(caps).ffill().to_numpy()
        newest = self._newest(snapshot)
        return np.where((newest >= 0)[:, None], last[newest], np.nan)

    def _newest(self, snapshot: Columns) -> Columns:
        """Return which snapshot is the newest at the end of each day, -1 before the first."""
        # side="right" includes a snapshot of the day itself.
        return np.searchsorted(snapshot, np.arange(len(self.days)), side="right") - 1

    def _snapshots(self, top: int) -> tuple[Columns, tuple[Columns, Floats]]:
        """Return the day of each snapshot, as a row, and its coins and market caps by rank."""
        ranked = self.universe[self.universe["rank"] <= top]
        day, at = np.unique(day_numbers(ranked["snapshot_date"], self.days[0]), return_inverse=True)
        if not len(day) or day[0] >= len(self.days):
            raise DataError("universe: no snapshot on or before the last coin day.")
        place = at, ranked["rank"].to_numpy(dtype=int) - 1
        shape = len(day), int(place[1].max()) + 1
        coins, caps = np.full(shape, -1), np.full(shape, np.nan)
        coins[place] = self.coins.get_indexer(pd.Index(ranked["coin"]))
        if "market_cap_usd" in ranked:
            caps[place] = ranked["market_cap_usd"].to_numpy(dtype=float)
        return day, (coins, caps)


def at_ranks(
    table: NDArray[_Number], members: Columns, *, days_before: int = 0
) -> NDArray[_Number]:
    """Return a table's values of the ranked coins, as of so many days before each day.

    Shape (days, ranks); NaN where a rank is vacant, or the day is before the first.
    """
    row = np.arange(len(table))[:, None] - days_before
    held = (members >= 0) & (row >= 0)
    return np.where(held, table[np.maximum(row, 0), members], np.nan)


def day_numbers(days: pd.Series, first: pd.Timestamp) -> Columns:
    """Return how many days after the first each day is."""
    since = days.to_numpy().astype("datetime64[D]") - np.datetime64(first, "D")
    return np.asarray(since.astype(np.int64))


def _columns(priced: pd.Index, universe: pd.DataFrame) -> pd.Index:
    ranked = pd.Index(universe["coin"].unique())
    return priced.append(ranked[~ranked.isin(priced)])


def _check_once(coins: pd.DataFrame, row: Columns, code: Columns, shape: tuple[int, int]) -> None:
    filled = np.zeros(shape, bool)
    filled[row, code] = True
    if np.count_nonzero(filled) < len(coins):
        twice = coins[coins.duplicated(["date", "coin"])].iloc[0]
        raise DataError(
            f"coins: {twice['coin']} on {twice['date']:%Y-%m-%d}: two rows for one day."
        )
