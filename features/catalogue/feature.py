"""What a feature is: its description for people and the function that computes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Feature:
    """One column of the feature frame.

    Parameters
    ----------
    name : str
        Column name.
    group : {"russell", "etf_flows", "eth_btc", "breadth", "bitcoin", "simulation"}
        Group under which people read it.
    unit : str
        Unit of its values.
    window : int
        Observations it looks back over; 0 where there is no fixed window (the
        newest one alone, or all so far).
    step : {"sessions", "days"}
        What `window` and `warm_up` count.
    warm_up : int
        Observations needed before the first value.
    sources : tuple of str
        Series of the panel, in the order of `compute`'s arguments.
    meaning : str
        One line for people.
    compute : callable
        Takes one series per source, on the days that all of them share, and
        returns one value for each of those days from that day and earlier.
    """

    name: str
    group: Literal["russell", "etf_flows", "eth_btc", "breadth", "bitcoin", "simulation"]
    unit: str
    window: int
    step: Literal["sessions", "days"]
    warm_up: int
    sources: tuple[str, ...]
    meaning: str
    compute: Callable[..., pd.Series]


def log_change(level: pd.Series, window: int) -> pd.Series:
    """Return the log change over `window` observations."""
    return _log(level / level.shift(window))


def distance_from_high(level: pd.Series, high: pd.Series) -> pd.Series:
    """Return the log distance from a high: 0 at the high, negative below."""
    return _log(level / high)


def volatility(level: pd.Series, window: int, per_year: int) -> pd.Series:
    """Return the annualised standard deviation of log returns over `window` observations."""
    return log_change(level, 1).rolling(window).std() * np.sqrt(per_year)


def _log(values: pd.Series) -> pd.Series:
    return pd.Series(np.log(values.to_numpy()), values.index)
