"""CoinMarketCap's listings as tables: which coin is which, and what never counts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.panel import DataError
from features.reference.membership import Membership
from features.sources.coinmarketcap.client import NAME

COINS_FILE = Path(__file__).with_name("coins.csv")
BITCOIN, ETHER = 1, 1027  # their ids; a coin's id never changes, its name and symbol do
MIN_COINS = 100
_LEADERS = 3
SPANS = (30, 60, 90)
COLUMNS = (
    "id", "symbol", "name", "slug", "rank", "tags", "price", "market_cap",
    *(f"change_{days}" for days in SPANS),
)  # fmt: skip
# Tags of what follows something else; a protocol that issues such tokens has other ones.
_FOLLOWING = {
    "stablecoin": "stablecoin", "usd-stablecoin": "stablecoin", "fiat-stablecoin": "stablecoin",
    "eur-stablecoin": "stablecoin", "algorithmic-stablecoin": "stablecoin",
    "stablecoin-asset-backed": "stablecoin", "wrapped-tokens": "wrapped or bridged",
    "wrapped": "wrapped or bridged", "staked": "staked", "liquid-staking-tokens": "staked",
    "tokenized-gold": "asset-backed", "tokenized-silver": "asset-backed",
    "tokenized-stock": "asset-backed", "tokenized-assets": "asset-backed",
    "tokenized-treasury-bills": "asset-backed", "tokenised": "asset-backed",
}  # fmt: skip
# What moves as little from a dollar, Bitcoin or Ether over 30, 60 and 90 days, each, follows it:
# staked Ether gains 0.8 % in 90 days. Of altcoins one in thousands stands still so.
_PEG = 0.01


def read_listing(data: object) -> pd.DataFrame:
    """Read a listing, one row a coin in the order of ranks; columns COLUMNS.

    Optional figures that are absent or null are NaN; a coin without a price is left out, and of two
    rows of a coin the first counts. DataError where the layout is another one, or the listing is
    not one of the largest coins.
    """
    try:
        rows = [_row(coin) for coin in list(data)]  # type: ignore[call-overload]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{NAME}: the listing came in an unknown layout ({type(error).__name__}: {error})."
        ) from error
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table = table[table["price"] > 0].drop_duplicates("id")
    table = table[table["rank"].notna()].sort_values("rank", kind="stable", ignore_index=True)
    if len(table) < MIN_COINS or BITCOIN not in set(table["id"].head(_LEADERS)):
        raise DataError(
            f"{NAME}: the listing must hold at least {MIN_COINS} ranked coins, Bitcoin among the "
            f"first {_LEADERS}; it holds {len(table)}."
        )
    return table


def _row(coin: Mapping[str, Any]) -> tuple[object, ...]:
    quote = coin["quote"]
    # A list without a key, a map with one.
    quotes = quote.values() if isinstance(quote, Mapping) else quote
    usd = quote["USD"] if isinstance(quote, Mapping) and "USD" in quote else next(
        one for one in quotes if one.get("symbol", "USD") == "USD"
    )  # fmt: skip
    tags = (
        str(tag.get("slug") if isinstance(tag, dict) else tag) for tag in coin.get("tags") or ()
    )
    texts = (str(coin[key]) for key in ("symbol", "name", "slug"))
    changes = (_number(usd.get(f"percent_change_{days}d")) for days in SPANS)
    return (
        int(coin["id"]), *texts, _number(coin.get("cmc_rank")), " ".join(tags),
        _number(usd["price"]), _number(usd.get("market_cap")), *changes,
    )  # fmt: skip


def _number(figure: object) -> float:
    number = np.nan if figure is None else float(figure)  # type: ignore[arg-type]
    return number if np.isfinite(number) else np.nan


def altcoins(listing: pd.DataFrame, membership: Membership) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the altcoins of a listing with their ids in `coin`, and why the others never count."""
    reasons = dict[str, str]()
    for row, follows in zip(listing.itertuples(), _following(listing), strict=True):
        tagged = [_FOLLOWING[tag] for tag in str(row.tags).split() if tag in _FOLLOWING]
        named = membership.excluded(str(row.symbol), str(row.name))
        if reason := named or next(iter(tagged), follows):
            reasons[str(row.slug)] = reason
    kept = listing[~listing["slug"].isin(reasons)]
    return kept.assign(coin=kept["id"].map(coins_of(kept, membership))), reasons


def _following(listing: pd.DataFrame) -> pd.Series:
    """Return what each coin follows over all spans of a snapshot; empty text for an altcoin."""
    grown = 1 + listing[[f"change_{days}" for days in SPANS]] / 100
    found = pd.Series("", listing.index)
    anchors = [("the dollar", np.ones((1, len(SPANS))))]
    for name, number in (("Bitcoin", BITCOIN), ("Ether", ETHER)):
        anchors.append((name, grown[listing["id"] == number].to_numpy()))
    for name, anchor in anchors:
        if not len(anchor):
            continue
        # A change that is not known follows nothing: all three must be there.
        near = (grown / anchor[0] - 1).abs().max(axis=1, skipna=False) <= _PEG
        found = found.mask(near & ~listing["id"].isin([BITCOIN, ETHER]), f"follows {name}")
    return found


def coins_of(listings: pd.DataFrame, membership: Membership) -> dict[int, str]:
    """Return the embedded id of each coin of one or more listings, by its number.

    Two coins share a symbol and names change, so that a coin is known by its number where coins.csv
    has that, else by its slug, and then only if it also has the symbol that history knows. A coin
    that history lacks is called by the first slug it had.
    """
    by_number, by_slug = _mapping()
    symbols, coins = membership.coins["symbol"], dict[int, str]()
    for number, slug, symbol in listings[["id", "slug", "symbol"]].drop_duplicates().to_numpy():
        embedded = by_slug.get(slug, slug)
        if number not in by_number and symbols.get(embedded) == symbol:
            coins.setdefault(number, embedded)
    coins = {number: coin for coin, number in {c: n for n, c in reversed(coins.items())}.items()}
    coins |= {number: coin for number, coin in by_number.items() if number in set(listings["id"])}
    for number, slug in listings[["id", "slug"]].drop_duplicates("id").to_numpy():
        # The slug of an embedded coin that this is not must not take its place.
        free = slug not in symbols.index and slug not in coins.values()
        coins.setdefault(number, slug if free else f"{slug}-{number}")
    return coins


@cache
def _mapping() -> tuple[dict[int, str], dict[str, str]]:
    table = pd.read_csv(COINS_FILE, dtype=str, keep_default_na=False)
    numbers = table[table["id"] != ""]
    by_number = dict(zip(numbers["id"].astype(int), numbers["coin"], strict=True))
    return by_number | {ETHER: "ethereum"}, dict(zip(table["slug"], table["coin"], strict=True))
