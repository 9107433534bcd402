"""The season index and its neighbours from a market; states, at-risk days and onsets from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from features.market.market import Floats, Market, Masks, at_ranks
from features.market.splice import since_gap
from features.panel import SPECS, DataError, MarketPanel

WINDOW_DAYS = 90
TOP = 50
CARRIED_DAYS = (30, 60)
_MEAN_DAYS = 50
NEAR_MARGINS = (5, 10, 20)

# A share over fewer priced coins than this fraction of the ranked ones is noise: on days when the
# source lost most of its coins it shows seasons that nobody saw.
MIN_COVERAGE = 0.4
# The embedded history covers this much in its recent years; less is said as a problem.
GOOD_COVERAGE = 0.88
STAND_IN_DAYS = 7

PARTIAL_THRESHOLD = 50.0
_BITCOIN_THRESHOLD = 25.0

# Which definitions are embedded; any other is computed from the coins themselves.
WINDOWS = (30, 60, 90, 120, 180)
TOPS = (20, 50, 100)
BEYOND = (
    f"windows or tops beyond {', '.join(map(str, WINDOWS))} days and "
    f"{', '.join(map(str, TOPS))} coins need --source files"
)


class IndexDefinition(NamedTuple):
    """Which coins are compared with Bitcoin, and over how many days.

    >>> IndexDefinition(60, 20).carried_days
    (30,)
    """

    window_days: int = WINDOW_DAYS
    top: int = TOP

    @property
    def carried_days(self) -> tuple[int, ...]:
        """Days ahead to which breadth is carried: at the window's end nothing of it is left."""
        return tuple(days for days in CARRIED_DAYS if days < self.window_days)

    @property
    def series(self) -> tuple[str, ...]:
        """Names of the panel's series that depend on it."""
        return ("season_index", *(f"carried_breadth_{days}" for days in self.carried_days))


DEFAULT = IndexDefinition()
OTHERS = tuple(
    IndexDefinition(window, top) for window in WINDOWS for top in TOPS if (window, top) != DEFAULT
)

IndexSeries = dict[str, pd.Series]


def index_series(market: Market, definition: IndexDefinition) -> IndexSeries:
    """Return season index and carried breadth of a definition, percent by day.

    Each begins after its last gap of more than seven days: in the first years too many coins had
    no price. Empty where the history is too short for the window.
    """
    shares = breadth(
        market,
        window_days=definition.window_days,
        top=definition.top,
        carried_days=definition.carried_days,
    )
    first = shares["season_index"].first_valid_index()
    return {
        name: since_gap(shares.loc[first:, name].dropna(), SPECS[name].max_gap_days)
        for name in definition.series
    }


def breadth(
    market: Market,
    *,
    window_days: int = WINDOW_DAYS,
    top: int = TOP,
    carried_days: tuple[int, ...] = CARRIED_DAYS,
) -> pd.DataFrame:
    """Compute the season index and the other breadth series, day by day.

    Membership on a day is the newest ranking of that day or before, at most 45 days old. A coin
    without a price on both days of a comparison is left out of that share; a day on which fewer
    than 40 % of the ranked coins could be compared has no value.

    Returns
    -------
    pandas.DataFrame
        Index: every day from the first ranking to the last coin day. Columns
        `season_index`, `carried_breadth_<days>`, `share_above_50d_mean`
        (percent, 0-100), `median_relative_return` and
        `relative_return_dispersion` (log return against Bitcoin over the
        window), `coins_compared` (count behind the season index), and of the
        compared coins those near flipping: `near_lead_<margin>` would lead had
        they gained so many percent more on Bitcoin, `near_lag_<margin>` would no
        longer lead had they lost as much (percent, 0-100).

    Raises
    ------
    DataError
        If a parameter is out of range, or no ranking is known by the last coin day.
    """
    if window_days < 1 or top < 1:
        raise DataError(f"window_days and top must be at least 1, got {window_days} and {top}.")
    if any(not 0 < days < window_days for days in carried_days):
        raise DataError(f"carried_days must lie in (0, {window_days}), got {carried_days}.")
    members = market.members(top)
    ranked = np.count_nonzero(members >= 0, axis=1)
    now, then = (at_ranks(market.btc, members, days_before=n) for n in (0, window_days))
    both = np.isfinite(now) & np.isfinite(then)
    # A coin that only kept pace with Bitcoin has not beaten it: strict.
    columns = {"season_index": _share(now > then, both, ranked)}
    for days in carried_days:
        past = at_ranks(market.btc, members, days_before=window_days - days)
        compared = np.isfinite(now) & np.isfinite(past)
        columns[f"carried_breadth_{days}"] = _share(now > past, compared, ranked)
    usd, mean = at_ranks(market.usd, members), at_ranks(_mean_closes(market.usd), members)
    above = _share(usd > mean, np.isfinite(usd) & np.isfinite(mean), ranked)
    columns[f"share_above_{_MEAN_DAYS}d_mean"] = above
    table = pd.DataFrame(columns, index=market.days)
    _add_relative_returns(table, now, then, both)
    for name, flips in _near_flipping(now, then):
        table[name] = _share(flips, both, ranked)
    return table.iloc[int((ranked > 0).argmax()) :]


def _share(ahead: Masks, counted: Masks, ranked: np.ndarray) -> Floats:
    """Return the percentage of the coins counted on each day that are ahead."""
    compared = np.count_nonzero(counted, axis=1)
    leading = np.count_nonzero(ahead & counted, axis=1)
    usable = (compared > 0) & (compared >= MIN_COVERAGE * np.maximum(ranked, 1))
    return np.where(usable, 100.0 * leading / np.maximum(compared, 1), np.nan)


def _mean_closes(usd: Floats) -> Floats:
    """Return each coin's mean close over 50 days of which at least half are known."""
    return pd.DataFrame(usd).rolling(_MEAN_DAYS, min_periods=_MEAN_DAYS // 2).mean().to_numpy()


def _add_relative_returns(table: pd.DataFrame, now: Floats, then: Floats, both: Masks) -> None:
    relative = pd.Series(np.log(now[both] / then[both])).groupby(np.nonzero(both)[0])
    every = pd.RangeIndex(len(table))
    usable = table["season_index"].notna().to_numpy()
    # A day too few coins are compared on has no index, and no median or dispersion either.
    table["median_relative_return"] = relative.median().reindex(every).where(usable).to_numpy()
    table["relative_return_dispersion"] = relative.std().reindex(every).where(usable).to_numpy()
    table["coins_compared"] = np.count_nonzero(both, axis=1)


def _near_flipping(now: Floats, then: Floats) -> Iterator[tuple[str, Masks]]:
    """Yield which coins would begin, or cease, to lead had they gained or lost so many percent."""
    for margin in NEAR_MARGINS:
        yield f"near_lead_{margin}", (now <= then) & (now * (1 + margin / 100) > then)
        # What lost just enough to keep pace with Bitcoin no longer leads: not strict.
        yield f"near_lag_{margin}", (now > then) & (now * (1 - margin / 100) <= then)


def season_index(panel: MarketPanel) -> pd.Series:
    """Return the season index (0-100) on every calendar day of its span, as by `daily`."""
    observed = panel.series("season_index")
    if observed.empty:
        raise DataError(f"{panel.source}: holds no season index.")
    return daily(observed)


def daily(observed: pd.Series) -> pd.Series:
    """Spread a series of a market that never closes over every day.

    The last observation stands in for at most seven missing days.
    """
    return observed.asfreq("D").ffill(limit=STAND_IN_DAYS)


def at_risk(index: pd.Series, *, threshold: float, quiet_days: int) -> pd.Series:
    """Return on which of consecutive days a season could begin next.

    A day is at risk if the index was below the threshold on it and on each of
    the `quiet_days` days before it; a day with an unknown index is not below.

    >>> index = pd.Series([80.0, 20.0, 20.0, 20.0], pd.date_range("2025-01-01", periods=4))
    >>> at_risk(index, threshold=75, quiet_days=1).tolist()
    [False, False, True, True]
    """
    # The day itself and the quiet days before it. NaN < threshold is false: unknown is not quiet.
    return _quiet(index, threshold, quiet_days + 1)


def onset_days(index: pd.Series, *, threshold: float, quiet_days: int) -> pd.DatetimeIndex:
    """Return on which of consecutive days a season began.

    An onset is a day with the index at the threshold or above after at least
    `quiet_days` days below it. It is known at the end of that day.

    >>> index = pd.Series([20.0, 20.0, 80.0, 20.0, 80.0], pd.date_range("2025-01-01", periods=5))
    >>> [str(day.date()) for day in onset_days(index, threshold=75, quiet_days=2)]
    ['2025-01-03']
    """
    # The quiet days end the day before. Nothing is known before the first day, so it is no onset.
    quiet_before = _quiet(index, threshold, quiet_days).shift(1, fill_value=False)
    return pd.DatetimeIndex(index.index[(index >= threshold) & quiet_before])


def season_state(index: float, *, threshold: float) -> str:
    """Name the state of the market: bitcoin, neutral, partial or broad.

    >>> [season_state(index, threshold=75) for index in (25, 49.9, 50, 75)]
    ['bitcoin', 'neutral', 'partial', 'broad']
    """
    # The day that reaches a bound is in that state, on either side: as in onset, not strict.
    if index >= threshold:
        return "broad"
    if index >= PARTIAL_THRESHOLD:
        return "partial"
    return "bitcoin" if index <= _BITCOIN_THRESHOLD else "neutral"


def _quiet(index: pd.Series, threshold: float, days: int) -> pd.Series:
    return (index < threshold).rolling(days).sum() == days
