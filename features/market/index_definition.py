"""The season index under other windows and other numbers of coins than the default's."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from features.market.season import CARRIED_DAYS, TOP, WINDOW_DAYS, Prices, breadth
from features.panel import DAY, SPECS

# What is embedded beside the default; any other is computed from the coins themselves.
WINDOWS = (30, 60, 90, 120, 180)
TOPS = (20, 50, 100)


class IndexDefinition(NamedTuple):
    """Which coins are compared, and over how many days.

    Parameters
    ----------
    window_days : int
        Days over which a coin must beat Bitcoin.
    top : int
        Number of altcoins by market cap.

    Examples
    --------
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
GRID = tuple(IndexDefinition(window, top) for window in WINDOWS for top in TOPS)
OTHERS = tuple(each for each in GRID if each != DEFAULT)
BEYOND = (
    f"windows or tops beyond {', '.join(map(str, WINDOWS))} days and "
    f"{', '.join(map(str, TOPS))} coins need --source files"
)

IndexSeries = dict[str, pd.Series]


def index_series(
    coins: pd.DataFrame | Prices, universe: pd.DataFrame, definition: IndexDefinition
) -> IndexSeries:
    """Compute the season index and the carried breadth of a definition.

    Parameters
    ----------
    coins, universe : pandas.DataFrame
        As for `features.market.season.breadth`.
    definition : IndexDefinition
        Window and number of coins.

    Returns
    -------
    dict of str to pandas.Series
        `season_index` and `carried_breadth_<days>` for 30 and 60 days where the
        window is longer (percent, 0-100), each from the first day after its
        last gap of more than seven days: in the first years too few of many
        coins had prices. Empty where the history is too short for the window.

    Raises
    ------
    DataError
        If a value is out of range.
    """
    shares = breadth(
        coins,
        universe,
        window_days=definition.window_days,
        top=definition.top,
        carried_days=definition.carried_days,
    )
    first = shares["season_index"].first_valid_index()
    return {name: _unbroken(shares.loc[first:, name].dropna(), name) for name in definition.series}


def _unbroken(values: pd.Series, name: str) -> pd.Series:
    """Return what follows the last gap that the panel's rule for the series would refuse."""
    step = np.diff(values.index.to_numpy()) / DAY.to_timedelta64()
    # A gap of the longest allowed length is allowed: strict.
    gaps = np.flatnonzero(step > SPECS[name].max_gap_days)
    return values.iloc[int(gaps[-1]) + 1 :] if gaps.size else values
