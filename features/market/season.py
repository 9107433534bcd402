"""Coins and universe to breadth series; the season index to states, at-risk days and onsets."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from features.panel import DataError, MarketPanel

WINDOW_DAYS = 90
TOP = 50
CARRIED_DAYS = (30, 60)
MEAN_DAYS = 50
NEAR_MARGINS = (5, 10, 20)

# A share over fewer priced coins than this fraction of the ranked ones is noise: on days when the
# source lost most of its coins it shows seasons that nobody saw.
MIN_COVERAGE = 0.4
# The embedded history covers this much in its recent years; less is said as a problem.
GOOD_COVERAGE = 0.88
MAX_SNAPSHOT_AGE_DAYS = 45
STAND_IN_DAYS = 7


def breadth(
    coins: pd.DataFrame | Prices,
    universe: pd.DataFrame,
    *,
    window_days: int = WINDOW_DAYS,
    top: int = TOP,
    carried_days: tuple[int, ...] = CARRIED_DAYS,
) -> pd.DataFrame:
    """Compute the season index and the other breadth series, day by day.

    Membership on a day is the newest universe snapshot of that day or before,
    at most 45 days old. A coin without a price on both days of a comparison
    is left out of that share; a day on which fewer than 40 % of the ranked
    coins could be compared has no value.

    Parameters
    ----------
    coins : pandas.DataFrame
        Columns `date`, `coin`, `close_usd`, `close_btc`: one row a coin and day;
        or the same as `Prices`, where several definitions are computed.
    universe : pandas.DataFrame
        Columns `snapshot_date`, `rank` (1 = largest altcoin), `coin`.
    window_days : int
        Days over which a coin must beat Bitcoin.
    top : int
        Number of ranked altcoins.
    carried_days : tuple of int
        Days ahead to which the breadth is carried, each in (0, window_days).

    Returns
    -------
    pandas.DataFrame
        Index: every day from the first snapshot to the last coin day. Columns
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
        If a parameter is out of range or a coin has two rows on one day.
    """
    if window_days < 1 or top < 1:
        raise DataError(f"window_days and top must be at least 1, got {window_days} and {top}.")
    if any(not 0 < days < window_days for days in carried_days):
        raise DataError(f"carried_days must lie in (0, {window_days}), got {carried_days}.")
    prices = coins if isinstance(coins, Prices) else Prices(coins)
    day, coin, first, size = _members(universe, prices, top)
    group = day - first
    share = partial(_share, group=group, size=size)
    now = prices.at(coin, day, "close_btc")
    then = prices.at(coin, day - window_days, "close_btc")
    both = np.isfinite(now) & np.isfinite(then)
    # A coin that only kept pace with Bitcoin has not beaten it: strict.
    columns = {"season_index": share(now > then, both)}
    for days in carried_days:
        past = prices.at(coin, day - (window_days - days), "close_btc")
        columns[f"carried_breadth_{days}"] = share(now > past, np.isfinite(now) & np.isfinite(past))
    usd, mean = (prices.at(coin, day, column) for column in ("close_usd", "mean_usd"))
    columns[f"share_above_{MEAN_DAYS}d_mean"] = share(
        usd > mean, np.isfinite(usd) & np.isfinite(mean)
    )
    dates = (first + np.arange(size)).astype("datetime64[D]").astype("datetime64[s]")
    table = pd.DataFrame(columns, index=pd.DatetimeIndex(dates, name="date"))
    relative = pd.Series(np.log(now[both] / then[both])).groupby(group[both])
    every = pd.RangeIndex(size)
    usable = table["season_index"].notna().to_numpy()
    # A day too few coins are compared on has no index, and no median or dispersion either.
    table["median_relative_return"] = relative.median().reindex(every).where(usable).to_numpy()
    table["relative_return_dispersion"] = relative.std().reindex(every).where(usable).to_numpy()
    table["coins_compared"] = np.bincount(group[both], minlength=size)
    for name, flips in _near_flipping(now, then):
        table[name] = share(flips, both)
    return table


def _share(ahead: np.ndarray, counted: np.ndarray, *, group: np.ndarray, size: int) -> np.ndarray:
    """Return the percentage of the coins counted on each day that are ahead."""
    ranked = np.bincount(group, minlength=size)
    compared = np.bincount(group[counted], minlength=size)
    leading = np.bincount(group[ahead & counted], minlength=size)
    usable = (compared > 0) & (compared >= MIN_COVERAGE * np.maximum(ranked, 1))
    return np.where(usable, 100.0 * leading / np.maximum(compared, 1), np.nan)


def season_index(panel: MarketPanel) -> pd.Series:
    """Return the season index on every calendar day of its span.

    On a day without an index the last one stands in, for at most seven days.

    Parameters
    ----------
    panel : MarketPanel
        Must hold `season_index`.

    Returns
    -------
    pandas.Series
        Percent (0-100), one value a day from the first to the last.

    Raises
    ------
    DataError
        If the panel holds no season index.
    """
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
    """Tell on which days a season could begin next.

    A day is at risk if the index was below the threshold on it and on each of
    the `quiet_days` days before it; a day with an unknown index is not below.

    Parameters
    ----------
    index : pandas.Series
        Season index (0-100) on consecutive days.
    threshold : float
        Index at which the season begins.
    quiet_days : int
        Days that must have been quiet.

    Returns
    -------
    pandas.Series
        bool, same index.

    Examples
    --------
    >>> index = pd.Series([80.0, 20.0, 20.0, 20.0], pd.date_range("2025-01-01", periods=4))
    >>> at_risk(index, threshold=75, quiet_days=1).tolist()
    [False, False, True, True]
    """
    # The day itself and the quiet days before it. NaN < threshold is false: unknown is not quiet.
    return _quiet(index, threshold, quiet_days + 1)


def onset_days(index: pd.Series, *, threshold: float, quiet_days: int) -> pd.DatetimeIndex:
    """Return the days on which a season began.

    An onset is a day with the index at the threshold or above after at least
    `quiet_days` days below it. It is known at the end of that day.

    Parameters
    ----------
    index : pandas.Series
        Season index (0-100) on consecutive days.
    threshold : float
        Index at which the season begins.
    quiet_days : int
        Days that must have been quiet.

    Returns
    -------
    pandas.DatetimeIndex
        The onsets, in order.

    Examples
    --------
    >>> index = pd.Series([20.0, 20.0, 80.0, 20.0, 80.0], pd.date_range("2025-01-01", periods=5))
    >>> [str(day.date()) for day in onset_days(index, threshold=75, quiet_days=2)]
    ['2025-01-03']
    """
    # The quiet days end the day before. Nothing is known before the first day, so it is no onset.
    quiet_before = _quiet(index, threshold, quiet_days).shift(1, fill_value=False)
    return pd.DatetimeIndex(index.index[(index >= threshold) & quiet_before])


def season_state(index: float, *, threshold: float) -> str:
    """Name the state of the market: bitcoin, neutral, partial or broad.

    Parameters
    ----------
    index : float
        Season index (0-100).
    threshold : float
        Index at which a broad season stands.

    Examples
    --------
    >>> [season_state(index, threshold=75) for index in (25, 49.9, 50, 75)]
    ['bitcoin', 'neutral', 'partial', 'broad']
    """
    # The day that reaches a bound is in that state, on either side: as in onset, not strict.
    if index >= threshold:
        return "broad"
    if index >= PARTIAL_THRESHOLD:
        return "partial"
    return "bitcoin" if index <= BITCOIN_THRESHOLD else "neutral"


PARTIAL_THRESHOLD = 50.0
BITCOIN_THRESHOLD = 25.0


def _quiet(index: pd.Series, threshold: float, days: int) -> pd.Series:
    return (index < threshold).rolling(days).sum() == days


def _near_flipping(now: np.ndarray, then: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Tell which coins would begin, or cease, to lead had they gained or lost so many percent."""
    for margin in NEAR_MARGINS:
        yield f"near_lead_{margin}", (now <= then) & (now * (1 + margin / 100) > then)
        # What lost just enough to keep pace with Bitcoin no longer leads: not strict.
        yield f"near_lag_{margin}", (now > then) & (now * (1 - margin / 100) <= then)


class Prices:
    """Look-up of coin prices by coin and day, in time linear in the rows asked for."""

    def __init__(self, coins: pd.DataFrame) -> None:
        self.ids = pd.Index(coins["coin"].unique())
        code = self.ids.get_indexer(coins["coin"])
        day = _day_number(coins["date"])
        self.first, self.last = int(day.min()), int(day.max())
        self.span = self.last - self.first + 1
        key = code * self.span + (day - self.first)
        order = np.argsort(key, kind="stable")
        self.key = key[order]
        repeated = np.flatnonzero(np.diff(self.key) == 0)
        if repeated.size:
            row = coins.iloc[order[repeated[0]]]
            raise DataError(
                f"coins: {row['coin']} on {row['date']:%Y-%m-%d}: two rows for one day."
            )
        ordered = coins.iloc[order]
        mean = (
            ordered.set_index("date")
            .groupby(code[order])["close_usd"]
            .rolling(f"{MEAN_DAYS}D", min_periods=MEAN_DAYS // 2)
            .mean()
        )
        self.columns = {
            "close_usd": ordered["close_usd"].to_numpy(),
            "close_btc": ordered["close_btc"].to_numpy(),
            "mean_usd": mean.to_numpy(),
        }

    def at(self, code: np.ndarray, day: np.ndarray, column: str) -> np.ndarray:
        """Return a column's value for each coin and day; NaN where there is none."""
        key = code * self.span + (day - self.first)
        row = np.minimum(np.searchsorted(self.key, key), len(self.key) - 1)
        priced = (code >= 0) & (day >= self.first) & (day <= self.last) & (self.key[row] == key)
        return np.where(priced, self.columns[column][row], np.nan)


def _members(
    universe: pd.DataFrame, prices: Prices, top: int
) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Expand snapshots to one row per day and ranked coin: day, coin code; first day, day count."""
    ranked = universe[universe["rank"] <= top].sort_values(["snapshot_date", "rank"])
    code = prices.ids.get_indexer(ranked["coin"])
    snapshot, start, count = np.unique(
        _day_number(ranked["snapshot_date"]), return_index=True, return_counts=True
    )
    if not snapshot.size or snapshot[0] > prices.last:
        raise DataError("universe: no snapshot on or before the last coin day.")
    days = np.arange(snapshot[0], prices.last + 1)
    # The newest snapshot of the day itself or before: side="right" includes the day.
    newest = np.searchsorted(snapshot, days, side="right") - 1
    # A snapshot's own day is age 0; on the 45th day after it it still serves, so not strict.
    fresh = days - snapshot[newest] <= MAX_SNAPSHOT_AGE_DAYS
    size = np.where(fresh, count[newest], 0)
    within = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    rows = np.repeat(start[newest], size) + within
    return np.repeat(days, size), code[rows], int(snapshot[0]), len(days)


def _day_number(dates: pd.Series) -> np.ndarray:
    return dates.to_numpy().astype("datetime64[D]").astype(np.int64)
