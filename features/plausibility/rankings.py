"""A ranking as a whole: whether the altcoins of a day can be the largest ones, in their order."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.market.market import MAX_SNAPSHOT_AGE_DAYS, Floats, Masks
from features.market.season import TOP
from features.panel import DAY, DataError
from features.plausibility import limits
from features.plausibility.book import found, in_days, rule
from features.plausibility.prices import Prices
from features.plausibility.steps import runs
from features.provenance import Finding

RULE = "ranking"
Coins = NDArray[np.int64]


def closed_ranks(
    universe: pd.DataFrame, last_day: pd.Timestamp
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return rankings whose ranks count from 1 on each day, without a day whose head is missing.

    `last_day` is the last one with prices.
    """
    days = universe.groupby("snapshot_date")["rank"]
    first, count = days.transform("min"), days.transform("count")
    headless = (first > limits.FIRST_RANK).to_numpy()
    gaps = ~headless & (days.transform("max") > count).to_numpy()
    findings = []
    if gaps.any():
        at = universe.loc[gaps, "snapshot_date"]
        said = (
            f"ranks are missing on {at.nunique()} days, as after other assets were taken out: "
            "the ranks are closed up"
        )
        span = (at.min(), at.max())
        findings.append(found(RULE, "universe", span, float(gaps.sum()), np.nan, "note", said))
        ranks = universe[gaps].groupby("snapshot_date")["rank"].rank(method="first")
        universe = universe.copy()
        universe.loc[gaps, "rank"] = ranks.astype(universe["rank"].dtype)
    if headless.any():
        bad = universe[headless].groupby("snapshot_date")["rank"].min()
        faults = {
            pd.Timestamp(str(day)): f"it begins with rank {rank:g}" for day, rank in bad.items()
        }
        kept, noticed = _without(universe, faults, last_day)
        return kept, findings + noticed
    return universe, findings


@rule(RULE)
def whole_rankings(
    universe: pd.DataFrame, given: pd.DataFrame, prices: Prices
) -> tuple[pd.DataFrame, list[Finding]]:
    """A day's altcoins are not the largest ones, or not in the order of their market caps.

    Limit: fewer than 50 altcoins once a source has had 50; ranks that begin after
    {FIRST_RANK}; of the last ranking's first 50 one of the first {HEAD}, {BLOCK} neighbours or more
    than {LOST:.0%} are missing; a rank correlation of the top 50 below {ORDER:.2f} with the market
    caps beside them or with the last ranking.
    Why: since 2013 the first three have always stayed, at most 4 neighbours and 32% went at once,
    and both correlations were at least 0.87.
    Then: it is no ranking: the last whole one stands in, for 45 days at most; ranks that merely
    lack some numbers close up.
    Way out: give all altcoins of the day, ranked by market cap, a renamed coin under one id
    throughout.
    """
    # What is no altcoin was listed all the same: that it leaves a ranking is no loss.
    codes, ids = pd.factorize(given["coin"])
    days, row = np.unique(given["snapshot_date"].to_numpy(), return_inverse=True)
    listed = np.zeros((len(days), len(ids)), bool)
    listed[row, codes] = True
    table = universe.sort_values(["snapshot_date", "rank"])
    coins, caps = pd.Index(ids).get_indexer(pd.Index(table["coin"])), prices.caps_of(table)
    starts = np.searchsorted(table["snapshot_date"].to_numpy(), days)
    faults: dict[pd.Timestamp, str] = {}
    last, seen, contradicted = np.empty(0, int), days[0], ""
    for at, (day, rows) in enumerate(
        zip(pd.DatetimeIndex(days), np.split(np.arange(len(table)), starts[1:]), strict=True)
    ):
        # Too old a ranking is no measure, unless others that were none have come since.
        near, seen = day - seen <= MAX_SNAPSHOT_AGE_DAYS * DAY, day
        before, beside = last[:TOP] if near else last[:0], caps[rows[:TOP]]
        fault = _lost(before, ~listed[at, before], ids) or _disordered(coins[rows], beside, before)
        if len(last) >= TOP > len(rows):
            fault = f"it holds {len(rows)} altcoins, need {TOP}"
        if not len(last) and np.isnan(beside).all():
            # Ranks that contradicted their caps are not right for want of them.
            fault = fault or contradicted
        if fault:
            faults[day] = fault
            contradicted = fault if np.isfinite(beside).any() else contradicted
        elif len(rows):
            last = coins[rows]
    return _without(universe, faults, prices.days[-1]) if faults else (universe, [])


def _lost(before: Coins, lost: Masks, ids: pd.Index) -> str:
    """Return what a day lacks of the last ranking's first 50; empty where that can be."""
    if lost[: limits.HEAD].any():
        return f"it lacks {ids[before[int(np.argmax(lost))]]}, of the last ranking's first"
    if blocks := runs(lost, limits.BLOCK):
        first, after = blocks[0]
        return f"it lacks the last ranking's ranks {first + 1} to {after}"
    if len(lost) >= TOP and lost.mean() > limits.LOST:
        return f"it lacks {lost.sum()} of the last ranking's first {TOP}"
    return ""


def _disordered(coins: Coins, caps: Floats, before: Coins) -> str:
    """Return what the order of a day's coins contradicts; empty if nothing."""
    place = dict(zip(coins.tolist(), range(len(coins)), strict=True))
    again = np.array([place[coin] for coin in before.tolist() if coin in place])
    for values, what in (
        (-caps[np.isfinite(caps)], "ranks contradict its market caps"),
        (again, "order contradicts the last one's"),
    ):
        if len(values) >= limits.MIN_WITNESSES:
            # Equal caps are in order as they come.
            ranks = np.argsort(np.argsort(values, kind="stable"))
            order = float(np.corrcoef(ranks, np.arange(len(values)))[0, 1])
            if order < limits.ORDER:
                return f"its {what}, with a rank correlation of {order:.2f}"
    return ""


def _without(
    universe: pd.DataFrame, faults: dict[pd.Timestamp, str], last_day: pd.Timestamp
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the rankings without the days at fault, and a finding for each run of them."""
    kept = universe[~universe["snapshot_date"].isin(list(faults))]
    if kept.empty:
        day, fault = next(iter(faults.items()))
        raise DataError(f"universe: no day has a whole ranking; on {day:%Y-%m-%d} {fault}.")
    days = pd.DatetimeIndex(universe["snapshot_date"].unique()).sort_values()
    good = pd.DatetimeIndex(kept["snapshot_date"].unique()).sort_values()
    findings = []
    for first, after in runs(days.isin(list(faults))):
        before, next_one = good[good < days[first]], good[good > days[after - 1]]
        said = f"{faults[days[first]]}: no ranking ({in_days(after - first)}); "
        said += f"that of {before[-1]:%Y-%m-%d} stands in" if len(before) else "none is before it"
        # The last whole one serves on its 45th day and not after it.
        end = before[-1] + (MAX_SNAPSHOT_AGE_DAYS + 1) * DAY if len(before) else days[first]
        until = next_one[0] - DAY if len(next_one) else last_day
        span = (days[first], days[after - 1])
        findings.append(found(RULE, "universe", span, np.nan, np.nan, "value left out", said))
        if until >= end:
            said += f", for {MAX_SNAPSHOT_AGE_DAYS} days at most" if len(before) else ""
            span = (end, until)
            findings.append(found(RULE, "universe", span, np.nan, np.nan, "refused", said))
    return kept, findings
