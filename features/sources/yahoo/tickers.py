"""Which of Yahoo's tickers is which coin, and which coins Yahoo lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from features.market.rankings import HISTORY_YEARS, recognised
from features.panel import DataError
from features.reference.membership import Membership
from features.sources.yahoo.request import Notes, Request, named

BITCOIN, ETHER = "BTC-USD", "ETH-USD"
INDICES: Mapping[str, str] = {"russell2000": "^RUT", "sp500": "^GSPC"}
NEEDED = (BITCOIN, ETHER, *INDICES.values())


@dataclass
class _Search:
    """Which coin has which ticker, as far as is known."""

    closes: dict[str, pd.Series] = field(default_factory=dict)  # by ticker
    tickers: dict[str, str] = field(default_factory=lambda: {"bitcoin": BITCOIN})  # by coin
    mistaken: dict[str, str] = field(default_factory=dict)  # by coin, as a sentence
    problems: list[str] = field(default_factory=list)
    absent: set[str] = field(default_factory=set)  # tickers


def coin_closes(
    request: Request,
    membership: Membership,
    others: Mapping[str, Sequence[str]],
    notes: Notes,
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Fetch the closes of three years before the embedded end and since, and tell coins apart.

    Returns closes in US dollars, day x ticker, and the ticker of each coin. `others` are the
    tickers by coin that a ranking or a user's universe names, tried before the embedded ones.
    """
    # A fixed day: the draws of the simulation are counted from it.
    first = membership.last_day - pd.DateOffset(years=HISTORY_YEARS)
    wanted, search = _wanted(membership, others, first), _Search()
    oldest = request.now
    for attempt in range(max(map(len, wanted.values()))):
        asked = {
            coin: tickers[attempt]
            for coin, tickers in wanted.items()
            if coin not in search.tickers and len(tickers) > attempt
        }
        answer = request.cache.closes(
            (*NEEDED, *asked.values()), first, request.today, now=request.now, mode=request.mode,
            progress=partial(request.progress, "prices"),
        )  # fmt: skip
        for ticker in NEEDED:
            if ticker not in answer.closes:
                raise DataError(f"Yahoo: no closes of {ticker} came; run again with --refresh.")
        search.problems += answer.problems
        search.absent |= answer.absent
        search.closes |= {str(ticker): answer.closes[ticker] for ticker in answer.closes}
        notes.revisions |= dict.fromkeys(answer.revisions)
        oldest = min(oldest, answer.fetched_at)
        _identify(asked, membership, search)
    _say_missing(membership, others, wanted, search, notes)
    closes = pd.DataFrame(search.closes)
    last = closes[BITCOIN].dropna().index[-1]
    notes.steps.append(
        f"Yahoo: closes of {len(search.tickers) - 1} altcoins, Bitcoin and {len(INDICES)} stock "
        f"indices from {first:%Y-%m-%d} to {last:%Y-%m-%d}, the oldest fetched "
        f"{oldest:%Y-%m-%d %H:%M} UTC."
    )
    return closes, search.tickers


def _wanted(
    membership: Membership, others: Mapping[str, Sequence[str]], first: pd.Timestamp
) -> dict[str, tuple[str, ...]]:
    """Return the tickers to try by coin, the coins of the embedded end and later ones first."""
    recent = membership.snapshots["snapshot_date"] >= first
    held = membership.coins.loc[pd.Index(membership.snapshots.loc[recent, "coin"].unique())]
    # An older coin must not take the ticker of its successor.
    held = held.sort_values("share", ascending=False, na_position="last", kind="stable")
    wanted = {coin: tuple(tickers) for coin, tickers in others.items()}
    for coin, tickers in held["tickers"].items():
        wanted[str(coin)] = tuple(dict.fromkeys((*wanted.get(str(coin), ()), *tickers)))
    return wanted


def _identify(asked: Mapping[str, str], membership: Membership, search: _Search) -> None:
    """Keep the tickers that are the coin for which they were asked."""
    taken = {*search.tickers.values()}
    for coin, ticker in asked.items():
        if ticker not in search.closes or ticker in taken:
            continue
        closes, bitcoin = search.closes[ticker], search.closes[BITCOIN]
        reason = recognised(membership.coins, closes, bitcoin, coin)
        if reason is None:
            search.tickers[coin] = ticker
            taken.add(ticker)
        else:
            search.mistaken[coin] = f"{ticker} is not {coin}: {reason}; left out."


def _say_missing(
    membership: Membership,
    others: Mapping[str, Sequence[str]],
    wanted: Mapping[str, Sequence[str]],
    search: _Search,
    notes: Notes,
) -> None:
    """Name what is wrong with the coins ranked since the embedded end; older ones are counted."""
    share = membership.coins["share"].dropna().sort_values(ascending=False)
    current = {*map(str, share.index), *others}
    lost = current - {*search.tickers}
    notes.problems += [text for coin, text in search.mistaken.items() if coin in lost]
    missing = [str(coin) for coin in share.index if coin in lost]
    if missing:
        notes.problems.append(
            f"No usable closes of {len(missing)} of the {len(share)} altcoins ranked on "
            f"{membership.last_day:%Y-%m-%d} ({named(missing)}): they stay ranked, uncovered."
        )
    used = {ticker for coin, ticker in search.tickers.items() if coin in current} | {*NEEDED}
    # That Yahoo has no closes is named above; why closes that it has were refused, here.
    refused = {ticker for coin in lost for ticker in wanted.get(coin, ())} - search.absent
    of_current = used | refused
    notes.problems += [
        text for text in dict.fromkeys(search.problems)
        if of_current & set(text.replace(":", " ").replace(",", " ").split())
    ]  # fmt: skip
