"""Path simulation: today's altcoins sent along resampled pasts until the index crosses.

Filtered historical simulation of first passage. A block is what the 100
largest altcoins of some past day did against Bitcoin over the 90 days after
it, the length over which the season index looks back. Blocks are drawn from
before the as_of day, scaled from their day's dispersion to today's, laid end
to end and given to today's coins by rank. Coins that rise enter the top 50.

References
----------
Barone-Adesi, Giannopoulos and Vosper (1999), https://doi.org/10.1002/(SICI)1096-9934(199908)19:5%3C583::AID-FUT5%3E3.0.CO;2-S
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from features.market.season import MIN_COVERAGE, TOP, WINDOW_DAYS

THRESHOLDS = (50, 75)
LEAD_ENDS = tuple(range(30, 391, 30))
PATHS = 1000
COINS = 100
BLOCK_DAYS = 90
RENEWAL_DAYS = 10
DISPERSION_DAYS = 90
MAX_MISSING = 0.25
MAX_DEVIATIONS = 40.0

Floats = NDArray[np.float32]


def series_name(threshold: int, days: int) -> str:
    """Return the name of a simulated series.

    Examples
    --------
    >>> series_name(75, 30)
    'simulated_75_30'
    """
    return f"simulated_{threshold}_{days}"


def simulate(
    coins: pd.DataFrame,
    universe: pd.DataFrame,
    days: pd.DatetimeIndex,
    *,
    paths: int = PATHS,
    seed: int = 0,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> pd.DataFrame:
    """Simulate, for each day, how soon the season index first crosses each threshold.

    Parameters
    ----------
    coins : pandas.DataFrame
        Columns `date`, `coin`, `close_btc`: one row a coin and day.
    universe : pandas.DataFrame
        Columns `snapshot_date`, `rank` (1 = largest altcoin), `coin`,
        `market_cap_usd` (may be missing).
    days : pandas.DatetimeIndex
        as_of days; nothing after a day bears on its row.
    paths : int
        Paths per day.
    seed : int
        Seed; a day's draws depend on it and on how many days after the first
        coin day it is.
    jobs : int
        Threads; the result does not depend on it.
    progress : callable
        Called with the number of days done and of all days.

    Returns
    -------
    pandas.DataFrame
        Indexed by the days that could be simulated; columns
        `simulated_<threshold>_<days>` for thresholds 50 and 75 and the ends of
        13 leads: percent of the paths (with half a path added on either side,
        so never 0 or 100) whose index reached the threshold within that many
        days.
    """
    market = _Market(coins, universe)
    numbers = np.asarray((days - market.first).days)
    parallel = Parallel(n_jobs=jobs, prefer="threads", return_as="generator")
    rows = []
    for row in parallel(delayed(_first_passage)(market, int(n), paths, seed) for n in numbers):
        rows.append(row)
        progress(len(rows), len(days))
    names = [series_name(threshold, end) for threshold in THRESHOLDS for end in LEAD_ENDS]
    table = pd.DataFrame(rows, index=days.rename("date"), columns=names)
    return table.dropna()


class _Market:
    """Log prices in BTC, ranks, dispersion and blocks of a market by day number."""

    def __init__(self, coins: pd.DataFrame, universe: pd.DataFrame) -> None:
        ranked = universe[universe["rank"] <= COINS]
        self.first = coins["date"].min()
        span = int((coins["date"].max() - self.first).days) + 1
        ids = pd.Index(ranked["coin"].unique())
        held = coins[coins["coin"].isin(ids)]
        self.log_price = np.full((span, len(ids)), np.nan, np.float32)
        row = np.asarray((held["date"] - self.first).dt.days)
        self.log_price[row, ids.get_indexer(pd.Index(held["coin"]))] = np.log(held["close_btc"])
        self.coin, self.log_cap = _by_rank(ranked, ids, self.first, span)
        before = np.full((1, len(ids)), np.nan, np.float32)
        self.change = np.diff(self.log_price, axis=0, prepend=before)
        self.dispersion = self._dispersion()
        self.block_start, self.block = self._blocks()

    def _dispersion(self) -> Floats:
        """Return the 90-day median of the top 50's median absolute deviation of daily changes."""
        changes = np.take_along_axis(self.change, np.maximum(self.coin, 0), axis=1)[:, :TOP]
        table = pd.DataFrame(np.where(self.coin[:, :TOP] >= 0, changes, np.nan))
        spread = table.sub(table.median(axis=1), axis=0).abs().median(axis=1)
        recent = spread.rolling(DISPERSION_DAYS, min_periods=DISPERSION_DAYS // 3).median()
        return recent.where(recent > 0).to_numpy(dtype=np.float32)

    def _blocks(self) -> tuple[NDArray[np.int64], Floats]:
        """Return each block's first day and its changes by rank, in that day's dispersions.

        A missing change is that day's median; a block of which more than a
        quarter is missing, or in which a rank is empty, is left out.
        """
        starts, blocks = [], []
        for start in range(len(self.log_price) - BLOCK_DAYS):
            coin = self.coin[start]
            if (coin < 0).any() or not np.isfinite(self.dispersion[start]):
                continue
            changes = self.change[start + 1 : start + 1 + BLOCK_DAYS, coin]
            missing = ~np.isfinite(changes)
            if missing.mean() > MAX_MISSING or missing.all(axis=1).any():
                continue
            filled = np.where(missing, np.nanmedian(changes, axis=1, keepdims=True), changes)
            starts.append(start)
            blocks.append(np.clip(filled / self.dispersion[start], -MAX_DEVIATIONS, MAX_DEVIATIONS))
        empty = np.empty((0, BLOCK_DAYS, COINS), np.float32)
        return np.array(starts, np.int64), np.stack(blocks) if blocks else empty


def _by_rank(
    ranked: pd.DataFrame, ids: pd.Index, first: pd.Timestamp, span: int
) -> tuple[NDArray[np.int64], Floats]:
    """Return coin (-1 for none) and log market cap by day and rank, the last snapshot standing in.

    A rank's cap is that of the last snapshot that has one at that rank.
    """
    coin = np.full((span, COINS), -1)
    cap = np.full((span, COINS), np.nan)
    observed = np.zeros(span, bool)
    row = np.asarray((ranked["snapshot_date"] - first).dt.days)
    inside = (row >= 0) & (row < span)
    at = row[inside], ranked["rank"].to_numpy(dtype=int)[inside] - 1
    coin[at] = ids.get_indexer(pd.Index(ranked["coin"]))[inside]
    cap[at] = np.log(ranked["market_cap_usd"].to_numpy(dtype=float)[inside])
    observed[at[0]] = True
    newest = np.maximum.accumulate(np.where(observed, np.arange(span), 0))
    return coin[newest], pd.DataFrame(cap).ffill().to_numpy(dtype=np.float32)


def _first_passage(market: _Market, today: int, paths: int, seed: int) -> NDArray[np.float64]:
    """Return percent of the paths past each threshold by each lead's end; NaN if impossible."""
    impossible = np.full(len(THRESHOLDS) * len(LEAD_ENDS), np.nan)
    # A block is known once its last day has ended, which may be today: not strict.
    usable = market.block_start + BLOCK_DAYS <= today
    if not 0 <= today < len(market.log_price) or today < WINDOW_DAYS or not usable.any():
        return impossible
    rank = np.flatnonzero(market.coin[today] >= 0)
    rank = rank[np.isfinite(market.log_price[today, market.coin[today, rank]])]
    rank = rank[np.isfinite(market.log_cap[today, rank])]
    # Where fewer coins than the top have a price, the index counts those of the top that have one.
    top = TOP if len(rank) >= TOP else int((rank < TOP).sum())
    if top < MIN_COVERAGE * TOP or not np.isfinite(market.dispersion[today]):
        return impossible
    random = np.random.default_rng([seed, today])
    draws = random.integers(usable.sum(), size=(paths, -(-LEAD_ENDS[-1] // BLOCK_DAYS)))
    change = market.block[:, :, rank][draws] if len(rank) < COINS else market.block[draws]
    change = change.reshape(paths, -1, len(rank))[:, : LEAD_ENDS[-1]]
    ahead = np.cumsum(change * market.dispersion[today], axis=1, dtype=np.float32)
    index = _future_index(market, today, rank, ahead, top)
    crossed = [np.maximum.accumulate(index >= t, axis=1)[:, np.array(LEAD_ENDS) - 1]
               for t in THRESHOLDS]  # fmt: skip
    counts = np.concatenate([each.sum(axis=0) for each in crossed])
    return 100 * (counts + 0.5) / (paths + 1)


def _future_index(
    market: _Market, today: int, rank: NDArray[np.int64], ahead: Floats, top: int
) -> NDArray[np.float64]:
    """Return the season index of each path on each day to come, shape (paths, days)."""
    paths, days, _ = ahead.shape
    coin = market.coin[today, rank]
    # Log price 90 days before each of the next 90 days, against today's.
    past = (
        market.log_price[today + 1 - WINDOW_DAYS : today + 1, coin] - market.log_price[today, coin]
    )
    compared = np.ones((days, len(rank)), bool)
    compared[:WINDOW_DAYS] = np.isfinite(past)
    leads = np.empty(ahead.shape, bool)
    np.greater(ahead[:, :WINDOW_DAYS], past, out=leads[:, :WINDOW_DAYS])
    np.greater(ahead[:, WINDOW_DAYS:], ahead[:, :-WINDOW_DAYS], out=leads[:, WINDOW_DAYS:])
    cap = market.log_cap[today, rank]
    renewed = cap + ahead[:, RENEWAL_DAYS - 1 : -1 : RENEWAL_DAYS]
    caps = np.concatenate([np.broadcast_to(cap, (paths, 1, len(rank))), renewed], axis=1)
    smallest = np.partition(caps, len(rank) - top, axis=2)[:, :, [len(rank) - top]]
    member = np.repeat(caps >= smallest, RENEWAL_DAYS, axis=1)[:, :days] & compared
    counted = np.count_nonzero(member, axis=2)
    leading = np.count_nonzero(leads & member, axis=2)
    enough = counted >= MIN_COVERAGE * TOP
    return np.where(enough, 100.0 * leading / np.maximum(counted, 1), 0.0)
