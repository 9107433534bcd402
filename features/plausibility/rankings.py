"""A ranking as a whole: whether the altcoins of a day can be the largest ones, in their order."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.market.market import MAX_SNAPSHOT_AGE_DAYS
from features.market.season import TOP
from features.panel import DAY, DataError
from features.plausibility import limits
from features.plausibility.book import found, rule
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
    universe: pd.DataFrame, last_day: pd.Timestamp
) -> tuple[pd.DataFrame, list[Finding]]:
    """A day's altcoins are not the largest ones, or not in the order of their market caps.

    Limit: fewer than 50 altcoins once a source has had 50; ranks that begin after
    {FIRST_RANK}; fewer than {HEAD_KEPT} of the last ranking's first {HEAD}, or {KEPT:.0%} of its
    first 50, in it; a rank correlation of the top 50 below {ORDER:.2f} with the market caps
    beside them or with the last ranking.
    Why: at least 7 of the first 10 and 34 of the first 50 have always stayed, and both
    correlations were at least 0.87.
    Then: it is no ranking: the last whole one stands in, for 45 days at most; ranks that merely
    lack some numbers close up.
    Way out: give all altcoins of the day, ranked by market cap.
    """
    table = universe.sort_values(["snapshot_date", "rank"])
    codes = pd.factorize(table["coin"])[0]
    caps = np.full(len(table), np.nan)
    if "market_cap_usd" in table:
        caps = table["market_cap_usd"].to_numpy(dtype=float)
    days, starts = np.unique(table["snapshot_date"].to_numpy(), return_index=True)
    faults: dict[pd.Timestamp, str] = {}
    last: tuple[pd.Timestamp, Coins] | None = None
    for day, rows in zip(pd.DatetimeIndex(days), np.split(np.arange(len(table)), starts[1:]),
                         strict=True):  # fmt: skip
        # Too old a ranking is no measure.
        near = last is not None and day - last[0] <= MAX_SNAPSHOT_AGE_DAYS * DAY
        before = last[1] if last is not None and near else None
        whole = last is not None and len(last[1]) >= TOP
        fault = _fault(codes[rows], caps[rows[:TOP]], before, whole=whole)
        if fault:
            faults[day] = fault
        else:
            last = (day, codes[rows])
    return _without(universe, faults, last_day) if faults else (universe, [])


def _fault(coins: Coins, caps: NDArray[np.float64], last: Coins | None, *, whole: bool) -> str:
    """Return why a day's coins, largest first, are no ranking; empty if they are one."""
    if whole and len(coins) < TOP:
        return f"it holds {len(coins)} altcoins, need {TOP}"
    known = np.isfinite(caps)
    if known.sum() >= limits.MIN_WITNESSES and (order := _order(-caps[known])) < limits.ORDER:
        return f"its ranks contradict its market caps, with a rank correlation of {order:.2f}"
    if last is None:
        return ""
    kept = int(np.isin(last[: limits.HEAD], coins).sum())
    if len(last) >= limits.HEAD and kept < limits.HEAD_KEPT:
        return f"it holds {kept} of the last ranking's first {limits.HEAD}"
    place = pd.Series(np.arange(len(coins)), coins).reindex(last[:TOP])
    if len(last) >= TOP and place.notna().mean() < limits.KEPT:
        return f"it holds {place.notna().sum()} of the last ranking's first {TOP}"
    if place.notna().sum() >= limits.MIN_WITNESSES:
        order = _order(place.dropna().to_numpy())
        if order < limits.ORDER:
            return f"its order contradicts the last one's, with a rank correlation of {order:.2f}"
    return ""


def _order(values: NDArray[np.float64]) -> float:
    """Return the rank correlation of values with their places."""
    ranks = pd.Series(values).rank().to_numpy()
    return float(np.corrcoef(ranks, np.arange(len(ranks)))[0, 1])


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
        said = f"{faults[days[first]]}: no ranking ({after - first} days); "
        said += f"that of {before[-1]:%Y-%m-%d} stands in" if len(before) else "none is before it"
        # The last whole one serves on its 45th day and not after it.
        end = before[-1] + (MAX_SNAPSHOT_AGE_DAYS + 1) * DAY if len(before) else days[first]
        until = next_one[0] - DAY if len(next_one) else last_day
        span = (days[first], days[after - 1])
        findings.append(found(RULE, "universe", span, np.nan, np.nan, "value left out", said))
        if until >= end:
            said += f", for {MAX_SNAPSHOT_AGE_DAYS} days at most"
            span = (end, until)
            findings.append(found(RULE, "universe", span, np.nan, np.nan, "refused", said))
    return kept, findings
