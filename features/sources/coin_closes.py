"""Yahoo's closes by coin: which ticker is which coin, and which coins Yahoo lacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import pandas as pd

from features.panel import DAY, DataError
from features.sources.membership import Membership
from features.sources.request import Notes, Request, named
from features.universe import recognised

# The path simulation of live days draws its pasts from these years.
HISTORY_YEARS = 3
BITCOIN, ETHER = "BTC-USD", "ETH-USD"
INDICES: Mapping[str, str] = {"russell2000": "^RUT", "sp500": "^GSPC"}


@dataclass(frozen=True)
class Closes:
    """Closes in US dollars, by day.

    Parameters
    ----------
    coins : pandas.DataFrame
        Consecutive days x altcoins, ended by Bitcoin's last close; NaN where
        unknown.
    bitcoin : pandas.Series
        On the same days.
    indices : mapping of str to pandas.Series
        Stock indices by series name, by session.
    """

    coins: pd.DataFrame
    bitcoin: pd.Series
    indices: Mapping[str, pd.Series]

    def table(self) -> pd.DataFrame:
        """Return one row a coin and day: date, coin, close_usd, close_btc."""
        usd = self.coins.stack().rename("close_usd").rename_axis(["date", "coin"]).reset_index()
        usd["close_btc"] = usd["close_usd"] / usd["date"].map(self.bitcoin)
        return usd.dropna(ignore_index=True)


def first_day(end: pd.Timestamp) -> pd.Timestamp:
    """Return the first day that is fetched: a fixed one, for a simulation is drawn from it."""
    return end - pd.DateOffset(years=HISTORY_YEARS)


def coin_closes(
    request: Request,
    membership: Membership,
    others: Mapping[str, str],
    notes: Notes,
) -> Closes:
    """Fetch what the panel is made of and tell the coins apart.

    Parameters
    ----------
    request : Request
        What to load.
    membership : Membership
        Coins of the embedded history, their tickers and check values.
    others : mapping of str to str
        Tickers of coins to come, by coin; they go before the embedded ones.
    notes : Notes
        Told which coins are missing or mistaken.

    Raises
    ------
    SourceUnavailable, DataError
        As for `features.sources.cache.PriceCache.closes`.
    """
    first = first_day(membership.last_day)
    tickers = _wanted(membership, others, first)
    asked = [BITCOIN, ETHER, *INDICES.values(), *(t for each in tickers.values() for t in each)]
    answer = request.cache.closes(
        list(dict.fromkeys(asked)), first, request.today, now=request.now, mode=request.mode,
        progress=partial(request.progress, "prices"),
    )  # fmt: skip
    table = answer.closes
    for ticker in (BITCOIN, *INDICES.values()):
        if ticker not in table.columns:
            raise DataError(f"Yahoo: {ticker} is missing; run again with --refresh.")
    bitcoin = table[BITCOIN].loc[: table[BITCOIN].last_valid_index()].asfreq("D")
    coins, chosen = _identified(tickers, table.reindex(bitcoin.index), bitcoin, membership, notes)
    _say_missing(membership, coins.columns, notes)
    used = {BITCOIN, ETHER, *INDICES.values(), *chosen}
    # Of tickers that were only tried nothing needs to be said.
    unused = set(asked) - used
    notes.problems += [
        said for said in answer.problems if not unused & set(said.replace(":", " ").split())
    ]
    notes.steps.append(
        f"Yahoo: closes of {len(coins.columns)} altcoins, Bitcoin and {len(INDICES)} stock indices "
        f"from {first:%Y-%m-%d} to {bitcoin.index[-1]:%Y-%m-%d}, the oldest fetched "
        f"{answer.fetched_at:%Y-%m-%d %H:%M} UTC."
    )
    indices = {name: table[ticker].dropna() for name, ticker in INDICES.items()}
    return Closes(coins, bitcoin, indices)


def _wanted(
    membership: Membership, others: Mapping[str, str], first: pd.Timestamp
) -> dict[str, tuple[str, ...]]:
    """Return the tickers to try by coin: the user's or the ranking's, then the embedded ones."""
    recent = membership.snapshots["snapshot_date"] >= first
    embedded = membership.coins.loc[
        pd.Index(membership.snapshots.loc[recent, "coin"].unique()), "tickers"
    ]
    wanted = {str(coin): tickers for coin, tickers in embedded.items()}
    for coin, ticker in others.items():
        wanted[coin] = tuple(dict.fromkeys((ticker, *wanted.get(coin, ()))))
    return wanted


def _identified(
    tickers: Mapping[str, tuple[str, ...]],
    table: pd.DataFrame,
    bitcoin: pd.Series,
    membership: Membership,
    notes: Notes,
) -> tuple[pd.DataFrame, set[str]]:
    """Give each coin the first of its tickers whose history is its own, each ticker once."""
    found: dict[str, pd.Series] = {}
    taken: set[str] = set()
    # The coins of the end come first: an older one must not take the ticker of its successor.
    order = membership.coins["share"].reindex(list(tickers)).sort_values(
        ascending=False, na_position="last", kind="stable"
    )
    for coin in order.index:
        mistaken = []
        for ticker in tickers[coin]:
            if ticker not in table.columns or ticker in taken:
                continue
            reason = recognised(membership.coins, table[ticker], bitcoin, coin)
            if reason is None:
                found[coin] = table[ticker]
                taken.add(ticker)
                break
            mistaken.append(f"{ticker} is not {coin}, for {reason}; left out.")
        if coin not in found:
            notes.problems += mistaken
    columns = pd.DataFrame(found, index=bitcoin.index, dtype=float)
    return columns, taken


def _say_missing(membership: Membership, found: Iterable[str], notes: Notes) -> None:
    ranked = membership.coins["share"].dropna().sort_values(ascending=False)
    missing = [str(coin) for coin in ranked.index.difference(pd.Index(found), sort=False)]
    if missing:
        notes.problems.append(
            f"Yahoo lacks {len(missing)} of the {len(ranked)} altcoins ranked on "
            f"{membership.last_day:%Y-%m-%d} ({named(missing)}); they stay ranked and count as "
            "uncovered."
        )
