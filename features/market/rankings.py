"""Who is in the top 50 on the days after the embedded history: rankings carried by prices."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

RANKS = 100
# Membership follows the median of a week, as in the embedded history: no chatter at the border.
SMOOTHING_DAYS = 7
CHECK_DAYS = (30, 90)
# The path simulation of live days draws its pasts from these years.
HISTORY_YEARS = 3
# A coin whose log return against Bitcoin is further off than this is another coin. Of the pairs of
# different coins among the 100 largest one in eleven agrees so well over both spans, and a
# mistaken ticker also has to carry the same symbol.
_CHECK_TOLERANCE = 0.10


def carried_rankings(
    rankings: Mapping[pd.Timestamp, pd.Series], closes: pd.DataFrame
) -> pd.DataFrame:
    """Rank coins on every day by price x last known supply.

    `rankings` are market caps (any unit) by coin, by the day at whose end they were known: each
    serves from that day on until the next, and never bears on an earlier day. Between rankings a
    coin's market cap is its price (median of seven days) x the supply on the ranking's day; a coin
    without a price is taken to move with the median coin, so that it stays ranked, and counts as
    uncovered. `closes` are US dollars, consecutive days x coins, NaN where unknown.

    Returns `snapshot_date`, `rank` (1 to at most 100), `coin` and `market_cap_usd` (in the unit of
    the ranking in force), for each day of `closes` from the first ranking's on.
    """
    week = closes.rolling(SMOOTHING_DAYS, min_periods=1).median()
    smooth = pd.DataFrame(np.log(week.to_numpy()), week.index, week.columns)
    # A ranking's market caps are at the price of its day: their supply is cap over that price, not
    # over the median, which trails a coin that has just moved.
    exact = pd.DataFrame(np.log(closes.to_numpy()), week.index, week.columns).fillna(smooth)
    starts = sorted(rankings)
    snapshots = []
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        cap = rankings[start]
        # Known at the end of its own day, as that day's index is: from it on, to the day before
        # the next ranking's.
        days = smooth.index[(smooth.index >= start) & (True if end is None else smooth.index < end)]
        if not len(days):
            continue
        base = exact.reindex(index=[start], columns=cap.index).iloc[0]
        growth = smooth.reindex(index=days, columns=cap.index) - base
        growth.loc[days == start] = 0.0
        market = growth.median(axis=1).fillna(0.0)
        logs = growth.T.fillna(market).T + np.log(cap)
        snapshots.append(_ranked(logs))
    columns = ["snapshot_date", "rank", "coin", "market_cap_usd"]
    return pd.concat(snapshots, ignore_index=True) if snapshots else pd.DataFrame(columns=columns)


def _ranked(log_cap: pd.DataFrame) -> pd.DataFrame:
    """Return the largest coins of each day, one row each."""
    rows = log_cap.rename_axis("snapshot_date").melt(
        var_name="coin", value_name="market_cap_usd", ignore_index=False
    )
    # A stable sort: equal caps keep the order of the ranking.
    table = rows.reset_index().sort_values(
        ["snapshot_date", "market_cap_usd"], ascending=[True, False], kind="stable"
    )
    table["rank"] = table.groupby("snapshot_date").cumcount() + 1
    table = table[table["rank"] <= RANKS]
    table["market_cap_usd"] = np.exp(table["market_cap_usd"])
    return table[["snapshot_date", "rank", "coin", "market_cap_usd"]]


def recognised(coins: pd.DataFrame, close: pd.Series, bitcoin: pd.Series, coin: str) -> str | None:
    """Return why a fetched history cannot be a coin's, or None if it is.

    `coins` holds by coin the log returns against Bitcoin over 30 and 90 days (`check_30`,
    `check_90`) to its `check_day`, and whether it is `verified`; closes are US dollars by day.

    >>> days = pd.date_range("2025-01-01", periods=91)
    >>> coins = pd.DataFrame(
    ...     {"check_day": days[-1], "check_30": 0.5, "check_90": 0.9, "verified": True}, ["x"]
    ... )
    >>> flat = pd.Series(1.0, days)
    >>> recognised(coins, flat, flat, "x")
    'its 30-day return against Bitcoin to 2025-04-01 is +0.00, not +0.50 (log)'
    """
    if coin not in coins.index:
        return None
    facts = coins.loc[[coin]].to_dict("records")[0]
    relative = pd.Series(np.log(close / bitcoin), close.index)
    compared = 0
    for days in CHECK_DAYS:
        promised = float(facts[f"check_{days}"])
        ends = [facts["check_day"], facts["check_day"] - pd.Timedelta(days=days)]
        if np.isnan(promised) or relative.reindex(ends).isna().any():
            continue
        measured = relative.loc[ends[0]] - relative.loc[ends[1]]
        if abs(measured - promised) > _CHECK_TOLERANCE:
            return (
                f"its {days}-day return against Bitcoin to {ends[0]:%Y-%m-%d} is {measured:+.2f}, "
                f"not {promised:+.2f} (log)"
            )
        compared += 1
    if not compared and not facts["verified"]:
        return "nothing shows that it is this coin"
    return None
