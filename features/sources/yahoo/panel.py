"""The `yahoo` source: the embedded history and, from its end on, what Yahoo gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from features.market.market import Market
from features.market.rankings import carried_rankings
from features.market.season import TOP
from features.panel import DataError, MarketPanel, SourceUnavailable
from features.reference.membership import Membership
from features.sources.yahoo.join import Live, embedded, joined_panel, plausible
from features.sources.yahoo.rankings import altcoins, left_out, read_universe
from features.sources.yahoo.request import Notes, Request
from features.sources.yahoo.tickers import BITCOIN, ETHER, INDICES, coin_closes

Rankings = Mapping[pd.Timestamp, pd.DataFrame]

_PAST = (
    "of the coins Yahoo has today: a shorter past than the embedded ones, with fewer of the dead"
)
_COLUMNS = ["snapshot_date", "rank", "coin", "market_cap_usd"]


def load_yahoo(request: Request) -> MarketPanel:
    """Continue the embedded history with the days since, from Yahoo.

    Every embedded observation stays as it is; the panel's provenance names each step.
    SourceUnavailable if Yahoo is needed and unavailable; DataError if data are missing or
    malformed, or disagree with the embedded ones where both meet.
    """
    notes = Notes()
    reference, membership = embedded(request, notes)
    given = None
    if request.universe is not None:
        given = read_universe(request.universe, membership, request.today)
    rankings = {} if given is not None else _rankings(request, membership, notes)
    end = reference.last_day
    live = _live(request, membership, given, rankings, end, notes)
    if request.witness is not None:
        market = live.market
        closes = pd.DataFrame(market.usd, market.days, market.coins)
        contradiction = request.witness(closes, pd.Series(market.bitcoin, market.days))
        notes.problems += [contradiction] if contradiction else []
    return joined_panel(request, reference, membership, live, notes)


def _live(
    request: Request,
    membership: Membership,
    given: pd.DataFrame | None,
    rankings: Rankings,
    end: pd.Timestamp,
    notes: Notes,
) -> Live:
    """Return closes and rankings that passed the rules."""
    closes, tickers = coin_closes(request, membership, _tickers(given, rankings), notes)
    bitcoin = closes[BITCOIN].dropna().asfreq("D")
    coins = closes.reindex(bitcoin.index).rename(columns={t: c for c, t in tickers.items()})
    coins = coins[[coin for coin in tickers if coin != "bitcoin"]]
    universe = _universe(membership, given, rankings, coins, notes)
    market = Market.from_closes(coins, bitcoin, universe)
    indices = {name: closes[ticker].dropna() for name, ticker in INDICES.items()}
    return plausible(Live("Yahoo", market, closes[ETHER], indices, _PAST), end, notes)


def _rankings(request: Request, membership: Membership, notes: Notes) -> Rankings:
    """Return the altcoins of all rankings since the seam, Yahoo's where it must."""
    if request.today not in request.rankings:
        try:
            request.cache.ranking(now=request.now, mode=request.mode)
        except (SourceUnavailable, DataError) as error:
            notes.problems.append(f"No current ranking: {error}")
    usable = {}
    kept = {day: ranking for day, ranking in request.cache.rankings().items()
            if day > membership.last_day}  # fmt: skip
    notes.findings += left_out(kept, membership)
    for day, ranking in kept.items():
        try:
            usable[day] = altcoins(ranking, membership)
        except DataError as error:
            notes.problems.append(f"The ranking of {day:%Y-%m-%d} is not used: {error}")
    return usable | {day: r for day, r in request.rankings.items() if day > membership.last_day}


def _tickers(given: pd.DataFrame | None, rankings: Rankings) -> dict[str, Sequence[str]]:
    """Return the tickers by coin that a user's universe or the rankings name, the newest ones."""
    tables = [rankings[day] for day in sorted(rankings)]
    if given is not None:
        tables = [given.sort_values("snapshot_date").set_index("coin")]
    return {
        str(coin): ticker.split() for table in tables for coin, ticker in table["ticker"].items()
    }


def _universe(
    membership: Membership,
    given: pd.DataFrame | None,
    rankings: Rankings,
    coins: pd.DataFrame,
    notes: Notes,
) -> pd.DataFrame:
    """Return the snapshots of the whole span: embedded ones, then the user's or carried ones."""
    end, first, last = membership.last_day, coins.index[0], coins.index[-1]
    if given is not None:
        later = given[given["snapshot_date"] > end].assign(market_cap_usd=np.nan)
        how = f"after that a file with {later['snapshot_date'].nunique()} snapshots"
    else:
        usable = {end: membership.coins["share"].dropna()}
        usable |= {day: table["market_cap_usd"] for day, table in rankings.items()}
        carried = carried_rankings(usable, coins.loc[end:])
        later = carried[carried["snapshot_date"] > end]
        days = [day for day in sorted(usable) if end < day <= last]
        how = "after that price x last known supply" + (
            f", with the rankings of {len(days)} days from {days[0]:%Y-%m-%d} "
            f"to {days[-1]:%Y-%m-%d}"
            if days
            else ", for no ranking was fetched on a day before the last"
        )
    notes.steps.append(f"Top {TOP}: embedded ranks to {end:%Y-%m-%d}; {how}.")
    before = membership.snapshots[membership.snapshots["snapshot_date"] >= first]
    tables = [before.assign(market_cap_usd=np.nan)[_COLUMNS], later[_COLUMNS]]
    return pd.concat(tables, ignore_index=True)
