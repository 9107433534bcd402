"""What is no altcoin, known by what its price does: it follows a dollar, Bitcoin, Ether or gold.

A token that follows another asset keeps two things that no altcoin keeps for weeks: its level
(at par, or above it by the interest paid so far) and its daily moves against that asset. Both
are asked of the last 60 days up to a ranking's day, as shares of the days within a limit, which
are robust to single wrong prices. Names only help where prices cannot tell: without prices, and
for gold and other coins, which are no reference here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.plausibility.market_limits import (
    BITCOIN,
    CALMER,
    ETHER,
    GOLD_QUIET,
    NAMED_GOLD,
    OTHER_COIN,
    PEG_DAYS,
    PEG_LEVEL_SHARE,
    PEG_MIN_DAYS,
    PEGS,
    TWINS,
    Peg,
)
from features.plausibility.prices import Floats, Prices, day_numbers
from features.plausibility.rules import found
from features.provenance import Finding

RULE = "no altcoin"
Named = Callable[[str], str | None]
_GOLD = re.compile(r"\b(gold|silver|xau\w*|paxg|kau|ounce)\b|backed by an asset", re.IGNORECASE)
_LEADERS = 20


def without_pegged(
    universe: pd.DataFrame, prices: Prices, *, named: Named = lambda coin: None
) -> tuple[pd.DataFrame, list[Finding]]:
    """Leave Bitcoin and what follows another asset out of a ranking, and close the ranks.

    Parameters
    ----------
    universe : pandas.DataFrame
        Columns `snapshot_date`, `rank`, `coin` and any others.
    prices : Prices
        Of the same coins; nothing after a snapshot's day bears on it.
    named : callable, optional
        Tells why a coin's name says that it is none, or None.

    Returns
    -------
    universe : pandas.DataFrame
        The rows that remain; where a snapshot lost one, ranks count from 1 again.
    findings : list of Finding
        One per coin left out, with what it follows.
    """
    coins = pd.Index(universe["coin"].unique())
    names = {str(coin): named(str(coin)) for coin in coins}
    names |= {coin: "Bitcoin" for coin in names if coin == "bitcoin"}
    day = day_numbers(universe["snapshot_date"], prices.first)
    column = prices.ids.get_indexer(pd.Index(universe["coin"]))
    reason = np.full(len(universe), "", dtype=object)
    rows = np.flatnonzero((column >= 0) & (day >= 0) & (day < len(prices.days)))
    for peg in PEGS:
        follows = _follows(prices, peg, day[rows], column[rows])
        reason[rows[follows & (reason[rows] == "")]] = peg.asset
    _twins(prices, day, column, rows, reason)
    _by_name(universe, prices, names, (day, column), reason)
    out = reason != ""
    return _closed(universe, out), _said(universe[out], reason[out], prices)


def _against(prices: Prices, peg: Peg) -> Floats | None:
    """Return the log price of every coin in the asset, days x coins."""
    if peg.asset == BITCOIN:
        return prices.btc
    if peg.asset == ETHER:
        ether = prices.column("ethereum")
        if ether is None:
            return None
        table = prices.btc - prices.btc[:, [ether]]
        table[:, ether] = np.nan
        return table
    return prices.usd


def _follows(
    prices: Prices, peg: Peg, day: NDArray[np.int64], column: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell for each row (day, coin) whether the coin follows the asset."""
    follows = np.zeros(len(day), bool)
    table = _against(prices, peg)
    if table is None:
        return follows
    low = np.log(peg.low)
    level = (table >= low) & (table <= np.log(peg.high))
    # Few coins are ever at the level, and fewer are calm as well: only these are counted in full.
    wanted = np.flatnonzero(level.sum(axis=0) >= PEG_MIN_DAYS)
    asked = np.flatnonzero(np.isin(column, wanted))
    for rule in (_calm, _all_rules):
        wanted = np.unique(column[asked])
        if not len(wanted):
            return follows
        own, window = table[:, wanted], _Window(day[asked], np.searchsorted(wanted, column[asked]))
        change = np.abs(np.diff(own, axis=0, prepend=np.nan))
        asked = asked[rule(window, own, change, level[:, wanted], peg)]
    follows[asked] = True
    return follows


def _calm(
    window: _Window, own: Floats, change: Floats, level: NDArray[np.bool_], peg: Peg
) -> NDArray[np.bool_]:
    return window.count(change <= peg.median) >= (PEG_MIN_DAYS - 1) / 2


def _all_rules(
    window: _Window, own: Floats, change: Floats, level: NDArray[np.bool_], peg: Peg
) -> NDArray[np.bool_]:
    known, steps = window.count(np.isfinite(own)), window.count(np.isfinite(change))
    good = (known >= PEG_MIN_DAYS) & (steps >= PEG_MIN_DAYS - 1)
    good &= window.count(change <= peg.median) >= 0.5 * steps
    good &= window.count(level) >= PEG_LEVEL_SHARE * known
    return good & (window.count(change <= peg.most) >= 0.9 * steps)


class _Window:
    """Counts over the 60 days up to each of some days, of some columns."""

    def __init__(self, day: NDArray[np.int64], column: NDArray[np.int64]) -> None:
        self.end, self.start = day + 1, np.maximum(day + 1 - PEG_DAYS, 0)
        self.column = column

    def count(self, true: NDArray[np.bool_]) -> NDArray[np.int64]:
        # A market has fewer days than sixteen bits count.
        total = np.zeros((len(true) + 1, true.shape[1]), np.int16)
        np.cumsum(true, axis=0, dtype=np.int16, out=total[1:])
        counted = total[self.end, self.column] - total[self.start, self.column]
        return np.asarray(counted, dtype=np.int64)


def _tracks(own: Floats, other: Floats, peg: Peg) -> bool:
    """Tell whether one log price follows another over a window."""
    apart = own - other
    known = np.isfinite(apart)
    moves = np.abs(np.diff(apart))
    moves = moves[np.isfinite(moves)]
    if known.sum() < PEG_MIN_DAYS or len(moves) < PEG_MIN_DAYS - 1:
        return False
    level = (apart[known] >= np.log(peg.low)) & (apart[known] <= np.log(peg.high))
    return bool(
        level.mean() >= PEG_LEVEL_SHARE
        and np.median(moves) <= peg.median
        and np.quantile(moves, 0.9) <= peg.most
    )


def _twins(
    prices: Prices,
    day: NDArray[np.int64],
    column: NDArray[np.int64],
    rows: NDArray[np.int64],
    reason: NDArray[np.object_],
) -> None:
    """Find quiet coins that share one price: two tokens of one asset, such as an ounce of gold."""
    quiet = _follows(prices, GOLD_QUIET, day[rows], column[rows])
    left = rows[quiet & (reason[rows] == "")]
    for today in np.unique(day[left]):
        own = left[day[left] == today]
        last = prices.usd[today, column[own]]
        order = np.argsort(last)
        near = np.flatnonzero(np.diff(last[order]) <= np.log(TWINS.high))
        for one, two in zip(own[order[near]], own[order[near + 1]], strict=True):
            span = slice(max(today + 1 - PEG_DAYS, 0), today + 1)
            first, second = prices.usd[span, column[one]], prices.usd[span, column[two]]
            if _tracks(first, second, TWINS) and _apart(first, prices.btc[span, column[one]]):
                reason[[one, two]] = TWINS.asset


def _apart(usd: Floats, btc: Floats) -> bool:
    """Tell whether a price stands apart from the crypto market: calmer in dollars than in BTC."""
    in_usd, in_btc = (np.nanmedian(np.abs(np.diff(price))) for price in (usd, btc))
    return bool(in_usd <= CALMER * in_btc)


def _by_name(
    universe: pd.DataFrame,
    prices: Prices,
    names: Mapping[str, str | None],
    places: tuple[NDArray[np.int64], NDArray[np.int64]],
    reason: NDArray[np.object_],
) -> None:
    """Leave out what is called so, where its prices do not speak against it."""
    day, column = places
    coin = universe["coin"].to_numpy()
    leading = np.flatnonzero((universe["rank"] <= _LEADERS).to_numpy() & (column >= 0))
    leaders = pd.Series(column[leading]).groupby(day[leading]).agg(list).to_dict()
    for name, why in names.items():
        if why is None:
            continue
        for row in np.flatnonzero((coin == name) & (reason == "")):
            place = int(day[row]), int(column[row])
            if name == "bitcoin":
                reason[row] = BITCOIN
            elif _no_price_against(prices, name, why, place, leaders.get(place[0], [])):
                reason[row] = f"{why}, by its name"


def _no_price_against(
    prices: Prices, name: str, why: str, place: tuple[int, int], leaders: Iterable[int]
) -> bool:
    day, column = place
    span = slice(max(day + 1 - PEG_DAYS, 0), max(day + 1, 0))
    if column < 0:
        return True
    own = prices.usd[span, column]
    gold = _GOLD.search(f"{name.replace('-', ' ')} {why}") is not None
    if np.isfinite(own).sum() < PEG_MIN_DAYS:
        # Altcoins call themselves gold, none calls itself wrapped or a dollar.
        return not gold
    if gold and _tracks(own, 0 * own, NAMED_GOLD):
        return True
    others = (leader for leader in leaders if leader != column)
    return any(_tracks(own, prices.usd[span, other], OTHER_COIN) for other in others)


def _closed(universe: pd.DataFrame, out: NDArray[np.bool_]) -> pd.DataFrame:
    """Return the rows that stay; where one of a snapshot went, its ranks count from 1 again."""
    if not out.any():
        return universe
    kept = universe[~out].copy()
    touched = kept["snapshot_date"].isin(universe.loc[out, "snapshot_date"].unique())
    own = kept[touched]
    ranks = own.groupby("snapshot_date")["rank"].rank(method="first")
    kept.loc[touched, "rank"] = ranks.astype(kept["rank"].dtype)
    return kept


def _said(rows: pd.DataFrame, reason: NDArray[np.object_], prices: Prices) -> list[Finding]:
    """Return one finding per coin left out, with how closely it followed in the end."""
    findings = []
    for coin, own in rows.assign(reason=reason).groupby("coin", sort=True):
        why, days = str(own["reason"].iloc[-1]), own["snapshot_date"]
        move = _median_move(prices, why, str(coin), days.max())
        measured = (
            "" if np.isnan(move) else f", its median daily move against it is {100 * move:.2f} %"
        )
        findings.append(
            found(RULE, str(coin), (days.min(), days.max()), move, np.nan, "note",
                  f"follows {why}{measured}; left out of {len(own)} rankings")
        )  # fmt: skip
    return findings


def _median_move(prices: Prices, why: str, coin: str, day: pd.Timestamp) -> float:
    peg = next((each for each in PEGS if each.asset == why), None)
    column = prices.column(coin)
    table = None if peg is None else _against(prices, peg)
    if table is None or column is None:
        return np.nan
    end = (day - prices.first).days + 1
    moves = np.abs(np.diff(table[max(end - PEG_DAYS - 1, 0) : end, column]))
    return float(np.nanmedian(moves)) if np.isfinite(moves).any() else np.nan
