"""What is no altcoin, by what its price does: it follows a dollar, Bitcoin, Ether or gold.

A token that follows another asset keeps its level (at par, or above it by the interest paid) and
its daily moves against that asset: both are asked of the 60 days up to a ranking's day. Names only
help where prices cannot tell.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.market.market import Floats, Masks, day_numbers
from features.plausibility import limits
from features.plausibility.book import found, rule
from features.plausibility.limits import GOLD_QUIET, NAMED_GOLD, OTHER_COIN, PEGS, TWINS, Peg
from features.plausibility.prices import Prices
from features.provenance import Finding

RULE = "no altcoin"
Named = Callable[[str], str | None]
_GOLD = re.compile(r"\b(gold|silver|xau\w*|paxg|kau|ounce)\b|backed by an asset", re.IGNORECASE)
# Coins of a ranking, without what is already left out of it, with which one named so is compared.
_LEADERS = 50


@rule(RULE)
def without_pegged(
    universe: pd.DataFrame, prices: Prices, *, named: Named = lambda coin: None
) -> tuple[pd.DataFrame, list[Finding]]:
    """A ranked coin whose price is another asset's, or Bitcoin itself.

    Limit: {PEG_DAYS} days: level and daily moves within the limits of a peg.
    Why: the quietest real altcoin moves 1.4 times as much as a token with interest may.
    Then: it is left out of the ranking from the day it shows, and the ranks close up.
    Way out: nothing need be done; to count it, give its own price.
    """
    ranked = pd.DataFrame({
        "day": day_numbers(universe["snapshot_date"], prices.days[0]),
        "column": prices.ids.get_indexer(pd.Index(universe["coin"])),
        "coin": universe["coin"].to_numpy(), "rank": universe["rank"].to_numpy(),
    })  # fmt: skip
    why = np.where(ranked["coin"] == "bitcoin", limits.BITCOIN, "").astype(object)
    priced = ((ranked["column"] >= 0) & ranked["day"].between(0, len(prices.days) - 1)).to_numpy()
    for peg in PEGS:
        table = _against(prices, peg)
        if table is not None:
            rows = ranked[priced & (why == "")]
            why[rows.index[follows(table, rows, peg)]] = peg.asset
    _twins(prices, ranked[priced & (why == "")], why)
    _by_name(prices, ranked[why == ""], why, named)
    out = why != ""
    return closed(universe, out), _findings(universe[out], why[out])


def follows(table: Floats, rows: pd.DataFrame, peg: Peg) -> Masks:
    """Return for each row (day, column) whether a log price keeps a peg's level and moves."""
    level = (table >= np.log(peg.low)) & (table <= np.log(peg.high))
    near = level.sum(axis=0) >= limits.PEG_MIN_DAYS  # few coins ever are: the others need no count
    asked, good = near[rows["column"]], np.zeros(len(rows), bool)
    if not asked.any():
        return good
    own = table[:, near]
    end, column = rows["day"].to_numpy()[asked] + 1, (np.cumsum(near) - 1)[rows["column"]][asked]
    change = np.abs(np.diff(own, axis=0, prepend=np.nan))

    def days(true: Masks) -> NDArray[np.int64]:
        """Count over the 60 days up to each row's."""
        total = np.cumsum(np.vstack([np.zeros_like(true[:1]), true]), axis=0, dtype=np.int32)
        return total[end, column] - total[np.maximum(end - limits.PEG_DAYS, 0), column]

    known, steps = days(np.isfinite(own)), days(np.isfinite(change))
    good[asked] = (
        (known >= limits.PEG_MIN_DAYS)
        & (steps >= limits.PEG_MIN_DAYS - 1)
        & (days(level[:, near]) >= limits.PEG_LEVEL_SHARE * known)
        & (days(change <= peg.median) >= 0.5 * steps)
        & (days(change <= peg.most) >= 0.9 * steps)
    )
    return good


def _against(prices: Prices, peg: Peg) -> Floats | None:
    """Return the log price of every coin in the asset, days x coins."""
    if peg.asset != limits.ETHER:
        return prices.btc if peg.asset == limits.BITCOIN else prices.usd
    ether = prices.column("ethereum")
    if ether is None:
        return None
    table = prices.btc - prices.btc[:, [ether]]
    table[:, ether] = np.nan
    return table


def _twins(prices: Prices, left: pd.DataFrame, why: NDArray[np.object_]) -> None:
    """Find quiet coins that share one price: two tokens of one asset, such as an ounce of gold."""
    quiet = left[follows(prices.usd, left, GOLD_QUIET)]
    usd = prices.usd[quiet["day"], quiet["column"]]
    quiet = quiet.assign(usd=usd).sort_values(["day", "usd"])
    near = quiet[(quiet["day"].diff() == 0) & (quiet["usd"].diff() <= np.log(TWINS.high))].index
    before = quiet.index[quiet.index.get_indexer(near) - 1]
    day, column = left["day"], left["column"]
    for one, two in zip(before, near, strict=True):
        apart = prices.usd[:, [column[two]]] - prices.usd[:, [column[one]]]
        if follows(apart, _row(day[one]), TWINS)[0] and _apart(prices, column[one], day[one]):
            why[[one, two]] = TWINS.asset


def _row(day: int) -> pd.DataFrame:
    """Return the row of a day in a table of one column."""
    return pd.DataFrame({"day": [day], "column": [0]})


def _apart(prices: Prices, column: int, day: int) -> bool:
    """Return whether a price stands apart from the crypto market: calmer in dollars than in BTC."""
    span = slice(max(day + 1 - limits.PEG_DAYS, 0), day + 1)
    usd, btc = (np.nanmedian(np.abs(np.diff(t[span, column]))) for t in (prices.usd, prices.btc))
    return bool(usd <= limits.CALMER * btc)


def _by_name(prices: Prices, left: pd.DataFrame, why: NDArray[np.object_], named: Named) -> None:
    """Leave out what is called no altcoin where its prices do not speak against it."""
    inside = left["day"].between(0, len(prices.days) - 1) & (left["column"] >= 0)
    leaders = left[inside].sort_values(["day", "rank"]).groupby("day").head(_LEADERS)
    for coin, rows in left.groupby("coin"):
        reason = named(str(coin))
        if reason is None:
            continue
        asked, column = rows[inside[rows.index]], int(rows["column"].iloc[0])
        out = set(rows.index)
        if len(asked):
            gold = _GOLD.search(f"{coin} {reason}".replace("-", " ")) is not None
            known = pd.DataFrame(np.isfinite(prices.usd[:, column])).rolling(
                limits.PEG_DAYS, min_periods=1).sum().to_numpy()[asked["day"], 0]  # fmt: skip
            # Altcoins call themselves gold, no altcoin calls itself wrapped or a dollar.
            unknown = (known < limits.PEG_MIN_DAYS) & (not gold)
            calm = gold & follows(prices.usd, asked, NAMED_GOLD)
            others = leaders[leaders["day"].isin(asked["day"]) & (leaders["column"] != column)]
            table = prices.usd - prices.usd[:, [column]]
            with_other = others["day"][follows(table, others, OTHER_COIN)]
            stays = ~(unknown | calm | asked["day"].isin(with_other).to_numpy())
            out -= set(asked.index[stays])
        why[sorted(out)] = f"{reason}, by its name"


def closed(universe: pd.DataFrame, out: Masks) -> pd.DataFrame:
    """Return the rows that stay; where one of a snapshot went, its ranks count from 1 again."""
    if not out.any():
        return universe
    kept = universe[~out].copy()
    touched = kept["snapshot_date"].isin(universe.loc[out, "snapshot_date"].unique())
    ranks = kept[touched].groupby("snapshot_date")["rank"].rank(method="first")
    kept.loc[touched, "rank"] = ranks.astype(kept["rank"].dtype)
    return kept


def _findings(rows: pd.DataFrame, why: NDArray[np.object_]) -> list[Finding]:
    return [
        found(RULE, str(coin), (own["snapshot_date"].min(), own["snapshot_date"].max()), np.nan,
              np.nan, "note", f"follows {own['why'].iloc[-1]}; left out of {len(own)} rankings")
        for coin, own in rows.assign(why=why).groupby("coin", sort=True)
    ]  # fmt: skip
