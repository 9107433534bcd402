"""The market within the running day, from one listing: the index now, in Bitcoin and in dollars.

A snapshot is never an as_of: it enters no panel, training or ledger. Its ranking alone is kept, as
that of its day.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from features.market.rankings import RANKS
from features.market.season import TOP
from features.panel import DAY, DataError
from features.reference.membership import Membership
from features.sources.coinmarketcap.client import NAME, CoinMarketCap
from features.sources.coinmarketcap.listings import BITCOIN, SPANS, altcoins, read_listing
from features.storage.parquet import kept_table, write_table

Mode = Literal["online", "offline", "refresh"]

# With fewer of the top 50 the index has a standard error of more than 5 points.
MIN_COMPARED = 35
# Points between two indices of the same hour: two coins and a half.
TOLERANCE = 5.0
SECTORS = {
    "memes": "memes", "AI": "ai-big-data", "real-world assets": "real-world-assets",
    "exchange tokens": "centralized-exchange", "layer 1": "layer-1",
}  # fmt: skip
_LEAST_SECTOR = 3


@dataclass(frozen=True)
class Sector:
    """The season index of the coins of one kind among those listed."""

    name: str
    index: float  # percent (0-100) that beat Bitcoin over 90 days
    coins: int  # compared


@dataclass(frozen=True)
class Snapshot:
    """What one listing says of the running day; shares are percent (0-100) of the top 50."""

    taken_at: pd.Timestamp  # UTC
    season_index: float  # that beat Bitcoin over 90 days
    carried_breadth: Mapping[int, float]  # by days ahead: the index if prices stood still
    coins_compared: int
    rose: float  # that rose in dollars over 90 days
    median_return: float  # of theirs in dollars over 90 days, percent
    sectors: tuple[Sector, ...]
    ranking: pd.DataFrame  # coin, id, symbol, slug, market_cap, price; altcoins, largest first
    bitcoin: float  # US dollars

    def disagreement(self, closes: pd.DataFrame, bitcoin: pd.Series) -> str | None:
        """Return how far closes by day x coin make another index of the same hour, if too far.

        The closes 90 days ago are those around the hour of the snapshot, its prices those of now.
        """
        then = self.taken_at - 90 * DAY
        before, part = then.normalize() - DAY, (then - then.normalize()) / DAY
        top = self.ranking.head(TOP).set_index("coin")
        days = pd.DatetimeIndex([before, before + DAY])
        relative = closes.div(bitcoin, axis=0).reindex(index=days, columns=top.index)
        first, last = np.log(relative.to_numpy(dtype=float))
        now = np.log(top["price"].to_numpy(dtype=float) / self.bitcoin)
        ours = now - ((1 - part) * first + part * last)
        ours = ours[np.isfinite(ours)]
        if len(ours) < MIN_COMPARED:
            return None
        index = 100 * float((ours > 0).mean())
        if abs(index - self.season_index) <= TOLERANCE:
            return None
        return (
            f"season_index: by the closes used here it is {index:.0f} now, by {NAME}'s changes "
            f"{self.season_index:.0f} (at most {TOLERANCE:g} points apart are usual)."
        )


def snapshot_of(
    listing: pd.DataFrame, membership: Membership, *, taken_at: pd.Timestamp
) -> Snapshot:
    """Make a snapshot of a listing; DataError where too few coins can be compared."""
    coins, _ = altcoins(listing, membership)
    names = [f"change_{days}" for days in SPANS]
    changes = 1 + coins[names] / 100
    bitcoin = listing[listing["id"] == BITCOIN]
    relative = changes / (1 + bitcoin[names].iloc[0] / 100)
    top = relative.head(TOP)
    compared = int(top["change_90"].notna().sum())
    if compared < MIN_COMPARED:
        raise DataError(
            f"{NAME}: {compared} of the top {TOP} altcoins can be compared now, "
            f"need {MIN_COMPARED}."
        )
    # What a coin gained in its last 60 days is what is left of the window 30 days ahead.
    carried = {days: _ahead(top[f"change_{90 - days}"]) for days in (30, 60)}
    dollars = changes["change_90"].head(TOP).dropna()
    sectors = []
    for name, tag in SECTORS.items():
        tagged = coins["tags"].str.split().map(lambda tags, tag=tag: tag in tags)
        own = relative["change_90"][tagged].dropna()
        sectors += [Sector(name, _ahead(own), len(own))] if len(own) >= _LEAST_SECTOR else []
    return Snapshot(
        taken_at,
        _ahead(top["change_90"]),
        carried,
        compared,
        100 * float((dollars > 1).mean()),
        100 * (float(dollars.median()) - 1),
        tuple(sectors),
        coins[["coin", "id", "symbol", "slug", "market_cap", "price"]].reset_index(drop=True),
        float(bitcoin["price"].iloc[0]),
    )


def _ahead(relative: pd.Series) -> float:
    """Return the percentage ahead of Bitcoin; a coin that only kept pace is not: strict."""
    known = relative.dropna()
    return 100 * float((known > 1).mean()) if len(known) else float("nan")


def kept_snapshot(
    cache: Path,
    client: CoinMarketCap,
    membership: Membership,
    *,
    now: pd.Timestamp,
    mode: Mode = "online",
) -> Snapshot | None:
    """Return the first snapshot of this UTC day, asked for once a day; None offline without one.

    SourceUnavailable or DataError if it cannot be had.
    """
    now = now.tz_localize(None)
    path = cache / "coinmarketcap" / f"snapshot-{now:%Y-%m-%d}.parquet"
    table = None if mode == "refresh" else kept_table(path)
    if table is None and mode == "offline":
        return None
    if table is None:
        table = read_listing(client.latest()).assign(taken_at=now.as_unit("s"))
        with suppress(OSError):
            write_table(path, table, {})
    return snapshot_of(table, membership, taken_at=table["taken_at"].iloc[0])


def kept_rankings(cache: Path, membership: Membership) -> dict[pd.Timestamp, pd.DataFrame]:
    """Return the altcoins of every snapshot that is kept, by the UTC day on which it was taken.

    Columns `ticker` (what Yahoo may call a coin, the likelier first) and `market_cap_usd`, index
    `coin`, largest first.
    """
    found = {}
    for path in sorted((cache / "coinmarketcap").glob("snapshot-????-??-??.parquet")):
        table = kept_table(path)
        if table is None:
            continue
        coins, _ = altcoins(table, membership)
        # Yahoo's prices are the same vendor's: its number follows the symbol of all but the first.
        ticker = [
            f"{symbol}{number}-USD {symbol}-USD"
            for symbol, number in zip(coins["symbol"], coins["id"], strict=True)
        ]
        ranking = pd.DataFrame({"ticker": ticker, "market_cap_usd": coins["market_cap"].to_numpy()},
                               pd.Index(coins["coin"], name="coin"))  # fmt: skip
        day = pd.Timestamp(path.stem.removeprefix("snapshot-")).as_unit("s")
        found[day] = ranking.dropna().head(RANKS)
    return found
