"""Yahoo's closes by coin: which ticker is which coin, and which coins Yahoo lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd

from features.market.rankings import HISTORY_YEARS, recognised
from features.panel import DataError
from features.provenance import Revision
from features.reference.membership import Membership
from features.sources.yahoo.request import Notes, Request, named

BITCOIN, ETHER = "BTC-USD", "ETH-USD"
INDICES: Mapping[str, str] = {"russell2000": "^RUT", "sp500": "^GSPC"}
NEEDED = (BITCOIN, ETHER, *INDICES.values())


@dataclass(frozen=True)
class Closes:
    """Closes in US dollars, by day.

    Parameters
    ----------
    coins : pandas.DataFrame
        Consecutive days to Bitcoin's last x altcoins; NaN where unknown.
    bitcoin, ether : pandas.Series
        On the same days.
    indices : mapping of str to pandas.Series
        Stock indices by the panel's name, by session.
    tickers : mapping of str to str
        Ticker of each coin.
    """

    coins: pd.DataFrame
    bitcoin: pd.Series
    ether: pd.Series
    indices: Mapping[str, pd.Series]
    tickers: Mapping[str, str]

    def table(self) -> pd.DataFrame:
        """Return one row a coin and day: date, coin, close_usd, close_btc."""
        usd = self.coins.rename_axis("date").melt(
            var_name="coin", value_name="close_usd", ignore_index=False
        )
        usd = usd.dropna().reset_index()
        usd["close_btc"] = usd["close_usd"] / usd["date"].map(self.bitcoin)
        return usd.dropna(ignore_index=True)

    def without(self, days: pd.DatetimeIndex, rows: pd.DataFrame) -> Closes:
        """Return them without some days, and without some coins' closes.

        Parameters
        ----------
        days : pandas.DatetimeIndex
            Days of which nothing is used; the last ones are cut off.
        rows : pandas.DataFrame
            Columns `date`, `coin`: further closes that are not used.
        """
        kept = self.bitcoin.index[~self.bitcoin.index.isin(days)]
        last = kept[-1] if len(kept) else self.bitcoin.index[0]
        coins = self.coins.loc[:last].copy()
        coins[coins.index.isin(days)] = np.nan
        for coin, own in rows.groupby("coin"):
            coins.loc[coins.index.isin(own["date"]), str(coin)] = np.nan
        bitcoin, ether = (
            values.loc[:last].mask(values.loc[:last].index.isin(days))
            for values in (self.bitcoin, self.ether)
        )
        indices = {name: values.loc[:last] for name, values in self.indices.items()}
        return Closes(coins, bitcoin, ether, indices, self.tickers)


@dataclass
class _Search:
    """Which ticker is which coin, as far as it is known."""

    closes: dict[str, pd.Series] = field(default_factory=dict)
    coin_of: dict[str, str] = field(default_factory=dict)
    mistaken: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    absent: set[str] = field(default_factory=set)
    needed: pd.DataFrame = field(default_factory=pd.DataFrame)
    fetched_at: list[pd.Timestamp] = field(default_factory=list)
    doubted: frozenset[str] = frozenset()
    revisions: dict[Revision, None] = field(default_factory=dict)


def coin_closes(
    request: Request,
    membership: Membership,
    others: Mapping[str, str],
    notes: Notes,
    *,
    doubted: frozenset[str] = frozenset(),
) -> Closes:
    """Fetch the closes of three years before the embedded end and since, and tell coins apart.

    Parameters
    ----------
    request : Request
        What to load.
    membership : Membership
        Coins of the embedded history, their tickers and check values.
    others : mapping of str to str
        Tickers that a user's universe or a ranking names, by coin; each goes
        before the embedded ones.
    notes : Notes
        Told which coins are missing or mistaken.
    doubted : frozenset of str
        Tickers whose closes a rule finds wrong: the source may have corrected them.

    Raises
    ------
    SourceUnavailable, DataError
        As for `features.sources.yahoo.price_cache.PriceCache.closes`.
    """
    # A fixed day: the draws of the simulation are counted from it.
    first = membership.last_day - pd.DateOffset(years=HISTORY_YEARS)
    tickers = _wanted(membership, others, first)
    search = _Search(doubted=doubted)
    for attempt in range(max(map(len, tickers.values()))):
        _ask(request, first, tickers, attempt, membership, search)
    bitcoin = search.needed[BITCOIN].dropna().asfreq("D")
    coins = pd.DataFrame(search.closes, index=bitcoin.index, dtype=float)
    _say_missing(membership, others, tickers, search, notes)
    notes.revisions |= search.revisions
    notes.steps.append(
        f"Yahoo: closes of {len(coins.columns)} altcoins, Bitcoin and {len(INDICES)} stock indices "
        f"from {first:%Y-%m-%d} to {bitcoin.index[-1]:%Y-%m-%d}, the oldest fetched "
        f"{min(search.fetched_at):%Y-%m-%d %H:%M} UTC."
    )
    indices = {name: search.needed[ticker].dropna() for name, ticker in INDICES.items()}
    of_coin = {coin: ticker for ticker, coin in search.coin_of.items()} | {"bitcoin": BITCOIN}
    return Closes(coins, bitcoin, search.needed[ETHER].reindex(bitcoin.index), indices, of_coin)


def _wanted(
    membership: Membership, others: Mapping[str, str], first: pd.Timestamp
) -> dict[str, tuple[str, ...]]:
    """Return the tickers to try by coin, the coins of the embedded end and later ones first."""
    recent = membership.snapshots["snapshot_date"] >= first
    held = membership.coins.loc[pd.Index(membership.snapshots.loc[recent, "coin"].unique())]
    # An older coin must not take the ticker of its successor.
    held = held.sort_values("share", ascending=False, na_position="last", kind="stable")
    wanted: dict[str, tuple[str, ...]] = {coin: (ticker,) for coin, ticker in others.items()}
    for coin, tickers in held["tickers"].items():
        wanted[str(coin)] = tuple(dict.fromkeys((*wanted.get(str(coin), ()), *tickers)))
    return wanted


def _ask(
    request: Request,
    first: pd.Timestamp,
    tickers: Mapping[str, tuple[str, ...]],
    attempt: int,
    membership: Membership,
    search: _Search,
) -> None:
    """Fetch the next ticker of every coin that has none yet, and keep those that are the coin."""
    asked = {
        coin: each[attempt]
        for coin, each in tickers.items()
        if coin not in search.closes and len(each) > attempt
    }
    answer = request.cache.closes(
        tuple(dict.fromkeys((*NEEDED, *asked.values()))), first, request.today,
        now=request.now, mode=request.mode, progress=partial(request.progress, "prices"),
        doubted=search.doubted,
    )  # fmt: skip
    search.revisions |= dict.fromkeys(answer.revisions)
    search.problems += answer.problems
    search.absent |= answer.absent
    search.fetched_at.append(answer.fetched_at)
    search.needed = answer.closes.reindex(columns=list(NEEDED))
    for ticker in NEEDED:
        if search.needed[ticker].isna().all():
            raise DataError(f"Yahoo: no closes of {ticker} came; run again with --refresh.")
    for coin, ticker in asked.items():
        if ticker not in answer.closes or ticker in search.coin_of:
            continue
        closes = answer.closes[ticker]
        reason = recognised(membership.coins, closes, search.needed[BITCOIN], coin)
        if reason is None:
            search.closes[coin], search.coin_of[ticker] = closes, coin
        else:
            search.mistaken[coin] = f"{ticker} is not {coin}: {reason}; left out."


def _say_missing(
    membership: Membership,
    others: Mapping[str, str],
    tickers: Mapping[str, tuple[str, ...]],
    search: _Search,
    notes: Notes,
) -> None:
    """Say what is wrong with the coins ranked since the embedded end; older ones are counted."""
    share = membership.coins["share"].dropna().sort_values(ascending=False)
    current = {*map(str, share.index), *others}
    notes.problems += [said for coin, said in search.mistaken.items()
                       if coin in current and coin not in search.closes]  # fmt: skip
    missing = [str(coin) for coin in share.index if coin not in search.closes]
    if missing:
        notes.problems.append(
            f"No usable closes of {len(missing)} of the {len(share)} altcoins ranked on "
            f"{membership.last_day:%Y-%m-%d} ({named(missing)}): they stay ranked, uncovered."
        )
    ours = {ticker for ticker, coin in search.coin_of.items() if coin in current} | {*NEEDED}
    # Why closes that Yahoo has were refused is told; that it has none is said above.
    refused = {ticker for coin in current - {*search.closes} for ticker in tickers.get(coin, ())}
    ours |= refused - search.absent
    others_told = [said for said in dict.fromkeys(search.problems)
                   if ours & set(said.replace(":", " ").replace(",", " ").split())]  # fmt: skip
    notes.problems += others_told
