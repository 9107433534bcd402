"""The season in US dollars: how the top 50 did of late, and how an older top 50 has done since.

A season is a race against Bitcoin, which can be won by falling less.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.market.market import Floats, Market, Masks, at_ranks
from features.market.season import MIN_COVERAGE, TOP, WINDOW_DAYS
from features.market.splice import since_gap
from features.panel import SPECS

FOLLOWED_DAYS = (30, 60, 90)
ROSE, MEDIAN = "rose_in_dollars", "median_dollar_return"
DOLLAR_SERIES = (
    ROSE,
    MEDIAN,
    *(f"followed_{what}_{days}" for days in FOLLOWED_DAYS
      for what in ("rose", "dollars", "relative")),
)  # fmt: skip


def dollar_series(market: Market) -> dict[str, pd.Series]:
    """Return the series of `DOLLAR_SERIES` by name and day, as `features.panel.SERIES` has them.

    A day on which fewer than 40 % of the ranked coins have a price on both days has no value.
    """
    members = market.members(TOP)
    columns = dict(zip((ROSE, MEDIAN), _returns(market, members, WINDOW_DAYS)[:2], strict=True))
    for days in FOLLOWED_DAYS:
        # The coins that ranked then, whatever became of them: what ranks now has risen already.
        then = np.full_like(members, -1)
        then[days:] = members[:-days]
        for what, values in zip(
            ("rose", "dollars", "relative"), _returns(market, then, days), strict=True
        ):
            columns[f"followed_{what}_{days}"] = values
    table = pd.DataFrame(columns, index=market.days)
    return {
        name: since_gap(table[name].dropna(), SPECS[name].max_gap_days) for name in DOLLAR_SERIES
    }


def _returns(market: Market, members: np.ndarray, days: int) -> tuple[Floats, Floats, Floats]:
    """Return share that rose (percent) and median log returns in dollars and in Bitcoin."""
    usd, btc = (
        np.log(at_ranks(table, members)) - np.log(at_ranks(table, members, days_before=days))
        for table in (market.usd, market.btc)
    )
    both = np.isfinite(usd) & np.isfinite(btc)
    ranked = np.count_nonzero(members >= 0, axis=1)
    compared = np.count_nonzero(both, axis=1)
    usable = (compared > 0) & (compared >= MIN_COVERAGE * ranked)
    # A coin that kept its price has not risen: strict.
    rose = 100.0 * np.count_nonzero((usd > 0) & both, axis=1) / np.maximum(compared, 1)
    counted = both & usable[:, None]
    return np.where(usable, rose, np.nan), _medians(usd, counted), _medians(btc, counted)


def _medians(values: Floats, counted: Masks) -> Floats:
    by_day = pd.Series(values[counted]).groupby(np.nonzero(counted)[0]).median()
    return np.asarray(by_day.reindex(pd.RangeIndex(len(values))), dtype=np.float64)
