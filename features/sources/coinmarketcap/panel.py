"""The `coinmarketcap` source: the embedded history and, from its end on, every coin ranked since.

Each day's listing is asked for once and kept. Stock indices and the prices before the listings
come from Yahoo where it answers: those serve the simulation alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from features.market.market import Market
from features.market.rankings import RANKS, SMOOTHING_DAYS, recognised
from features.market.season import TOP, WINDOW_DAYS
from features.panel import DAY, DataError, MarketPanel, SourceUnavailable
from features.reference.membership import Membership
from features.sources.coinmarketcap.client import NAME, NO_KEY, TERMS, CoinMarketCap
from features.sources.coinmarketcap.listings import BITCOIN, altcoins, coins_of, read_listing
from features.sources.yahoo import tickers as yahoo
from features.sources.yahoo.join import Live, embedded, joined_panel, plausible
from features.sources.yahoo.request import Notes, Request, named
from features.storage.parquet import kept_table, write_table

# The season index of these days before the embedded end is held against the embedded one.
CHECKED_DAYS = 30
# The free plan knows the days of one year.
KNOWN_DAYS = 364
_PAST = f"by Yahoo's prices before {NAME}'s: a shorter past than the embedded ones"


def load_coinmarketcap(request: Request, client: CoinMarketCap) -> MarketPanel:
    """Continue the embedded history with the days since, from CoinMarketCap; needs a key.

    Offline the stored days serve, without a key. Errors as for `load_yahoo`.
    """
    notes = Notes(terms=TERMS)
    reference, membership, live = live_market(request, client, notes)
    return joined_panel(request, reference, membership, live, notes)


def live_market(
    request: Request, client: CoinMarketCap, notes: Notes
) -> tuple[MarketPanel, Membership, Live]:
    """Return the embedded history, its membership and what the rules leave of the days since."""
    if request.mode != "offline" and client.key is None:
        raise DataError(NO_KEY)
    reference, membership = embedded(request, notes)
    end = reference.last_day
    first = end - (WINDOW_DAYS + CHECKED_DAYS - 1) * DAY
    listings = stored_days(request, client, first, request.today - DAY, notes)
    coins, bitcoin, universe, symbols = _market(listings, membership, notes)
    past, indices = _from_yahoo(request, membership, coins.index[-1], notes)
    before = past.index < coins.index[0]
    closes = pd.concat([past[before], coins]).asfreq("D")
    bitcoin = pd.concat([past.loc[before, "bitcoin"], bitcoin]).reindex(closes.index)
    snapshots = membership.snapshots.assign(market_cap_usd=np.nan)
    snapshots = snapshots[snapshots["snapshot_date"].between(closes.index[0], membership.last_day)]
    universe = universe[universe["snapshot_date"] > membership.last_day]
    notes.steps.append(
        f"Top {TOP}: embedded ranks to {membership.last_day:%Y-%m-%d}; after that {NAME}'s of "
        f"{universe['snapshot_date'].nunique()} days."
    )
    market = Market.from_closes(
        closes.drop(columns="bitcoin", errors="ignore"),
        bitcoin,
        pd.concat([snapshots[universe.columns], universe], ignore_index=True),
    )
    ether = closes.reindex(columns=["ethereum"])["ethereum"]
    live = Live(NAME, market, ether, indices, _PAST, symbols)
    return reference, membership, plausible(live, end, notes)


def stored_days(
    request: Request,
    client: CoinMarketCap,
    first: pd.Timestamp,
    last: pd.Timestamp,
    notes: Notes,
) -> pd.DataFrame:
    """Return the listings of a span of days, with `date`; those that are not kept are fetched.

    What came before a refusal is kept, so that the next run goes on from there.
    """
    folder = request.cache.parent / "coinmarketcap"
    days = pd.date_range(max(first, request.today - KNOWN_DAYS * DAY), last, unit="s")
    days = pd.date_range(first, last, unit="s") if request.mode == "offline" else days
    kept = {day: table for day in days if (table := kept_table(_file(folder, day))) is not None}
    wanted = [day for day in days if day not in kept or request.mode == "refresh"]
    lacking = []
    for done, day in enumerate(wanted if request.mode != "offline" else [], 1):
        try:
            kept[day] = _fetched(client, day, kept.get(day - DAY))
            write_table(_file(folder, day), kept[day], {})
        except DataError as error:
            lacking.append(f"{day:%Y-%m-%d} ({error})")
        except SourceUnavailable as error:
            raise SourceUnavailable(
                f"{error} {len(kept)} of {len(days)} days are stored; run again for the rest."
            ) from error
        request.progress("days", done, len(wanted))
        if done < len(wanted):
            client.pause()
    if lacking:
        notes.problems.append(f"{NAME}: no listing of {named(lacking, 3)}.")
    if not kept:
        raise DataError(f"offline: no day of {NAME} is stored in {folder}; run without --offline.")
    return pd.concat({day: kept[day] for day in sorted(kept)}, names=["date"]).reset_index("date")


def _file(folder: Path, day: pd.Timestamp) -> Path:
    return folder / f"day-{day:%Y-%m-%d}.parquet"


def _fetched(client: CoinMarketCap, day: pd.Timestamp, before: pd.DataFrame | None) -> pd.DataFrame:
    """Fetch a day's listing; DataError if it is the one of the day before again."""
    table = read_listing(client.day(day))
    if before is not None:
        both = table.merge(before, on="id")
        if (both["price_x"] == both["price_y"]).mean() > 0.5:
            raise DataError("it repeats the prices of the day before")
    return table


def _market(
    listings: pd.DataFrame, membership: Membership, notes: Notes
) -> tuple[pd.DataFrame, pd.Series, pd.DataFrame, dict[str, str]]:
    """Return closes by day x coin, Bitcoin's, ranks of the altcoins by day, and their symbols."""
    newest = listings.drop_duplicates("id", keep="last").reset_index(drop=True)
    kept, reasons = altcoins(newest, membership)
    names = coins_of(listings, membership)
    prices = listings.pivot_table(index="date", columns="id", values="price").asfreq("D")
    bitcoin = prices[BITCOIN]
    # Each coin is who its number says; that its returns are another's shows a wrong mapping.
    checks = membership.coins.assign(verified=True)
    for number in set(kept["id"]):
        why = recognised(checks, prices[number], bitcoin, names[number])
        if why is not None:
            slug = str(newest.loc[newest["id"] == number, "slug"].iloc[0])
            notes.problems.append(f"{NAME}: {slug} is not {names[number]}: {why}.")
            names[number] = f"{slug}-{number}"
    caps = listings[listings["id"].isin(kept["id"])].pivot_table(
        index="date", columns="id", values="market_cap"
    )
    # As in the embedded history, membership follows the median of a week.
    smooth = caps.rolling(SMOOTHING_DAYS, min_periods=1).median().where(caps.notna())
    rows = smooth.rename_axis("snapshot_date").melt(
        var_name="id", value_name="market_cap_usd", ignore_index=False
    )
    rows = rows.dropna().reset_index()
    by_day = rows.groupby("snapshot_date")["market_cap_usd"]
    rows["rank"] = by_day.rank(ascending=False, method="first")
    rows = rows[rows["rank"] <= RANKS]
    notes.steps.append(
        f"{NAME}: listings of {listings['date'].nunique()} days from "
        f"{prices.index[0]:%Y-%m-%d} to {prices.index[-1]:%Y-%m-%d}, {len(kept)} altcoins; "
        f"{len(reasons)} others never count."
    )
    coins = prices[list(kept["id"])].rename(columns=names)
    universe = rows.assign(coin=rows["id"].map(names))
    ranks = universe[["snapshot_date", "rank", "coin", "market_cap_usd"]]
    return coins, bitcoin, ranks, dict(zip(kept["id"].map(names), kept["symbol"], strict=True))


def _from_yahoo(
    request: Request, membership: Membership, last: pd.Timestamp, notes: Notes
) -> tuple[pd.DataFrame, dict[str, pd.Series]]:
    """Return Yahoo's closes by day x coin and the stock indices; empty without Yahoo."""
    said = Notes()
    try:
        closes, tickers = yahoo.coin_closes(request, membership, {}, said)
    except (SourceUnavailable, DataError) as error:
        notes.problems.append(f"Without stock indices and earlier prices: {error}")
        no_days = pd.DatetimeIndex([], dtype="datetime64[s]", name="date")
        return pd.DataFrame({"bitcoin": []}, no_days, dtype=float), {}
    notes.steps += said.steps
    notes.revisions |= said.revisions
    coins = pd.DataFrame({coin: closes[ticker] for coin, ticker in tickers.items()})
    indices = {name: closes[ticker].dropna() for name, ticker in yahoo.INDICES.items()}
    return coins.loc[:last], indices
