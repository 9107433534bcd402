"""Russell 2000: momentum, distance from the record, breakout, strength against the S&P 500."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from features.catalogue.feature import Feature, distance_from_high, log_change, volatility

SESSIONS_PER_YEAR = 252
BREAKOUT_SESSIONS = 63
BASE_SESSIONS = 126
RETEST_DISTANCE = 0.03


def distance_from_record(close: pd.Series) -> pd.Series:
    """Return the log distance of each close from the record close so far (0 or less)."""
    return distance_from_high(close, close.cummax())


def sessions_since_record(close: pd.Series) -> pd.Series:
    """Return how many sessions ago the last record close was (0 on a record).

    Examples
    --------
    >>> sessions_since_record(pd.Series([2.0, 1.0, 1.5, 3.0])).tolist()
    [0.0, 1.0, 2.0, 0.0]
    """
    session = np.arange(len(close))
    last_record = np.maximum.accumulate(np.where(_is_record(close), session, 0))
    return pd.Series((session - last_record).astype(float), close.index)


def breakout(close: pd.Series) -> pd.Series:
    """Return 1 if a long drought of records ended in the last 63 sessions, else 0.

    A breakout is a record close after at least 126 sessions without one.
    """
    since = sessions_since_record(close)
    broke = _is_record(close) & (since.shift(1) >= BASE_SESSIONS)
    return broke.astype(float).rolling(BREAKOUT_SESSIONS).max()


def retest(close: pd.Series) -> pd.Series:
    """Return 1 if the close stands within 3 % below a record at least 126 sessions old, else 0."""
    near = distance_from_record(close) >= np.log1p(-RETEST_DISTANCE)
    return (near & (sessions_since_record(close) >= BASE_SESSIONS)).astype(float)


def relative_strength(close: pd.Series, benchmark: pd.Series, window: int) -> pd.Series:
    """Return the log return over `window` sessions less the benchmark's."""
    return log_change(close / benchmark, window)


def _is_record(close: pd.Series) -> pd.Series:
    # A close equal to the record sets none: strict.
    return close > close.cummax().shift(1, fill_value=0.0)


_RUSSELL = ("russell2000",)

FEATURES: tuple[Feature, ...] = (
    *(
        Feature(
            f"russell_momentum_{window}", "russell", "log", window, "sessions", window, _RUSSELL,
            f"log return of the Russell 2000 over {window} sessions",
            partial(log_change, window=window),
        )
        for window in (21, 63, 126, 252)
    ),
    Feature(
        "russell_distance_from_record", "russell", "log", 0, "sessions", 0, _RUSSELL,
        "log distance of the Russell 2000 from its record close", distance_from_record,
    ),
    Feature(
        "russell_sessions_since_record", "russell", "sessions", 0, "sessions", 0, _RUSSELL,
        "sessions since the Russell 2000's last record close", sessions_since_record,
    ),
    Feature(
        "russell_breakout", "russell", "flag", BREAKOUT_SESSIONS, "sessions", BREAKOUT_SESSIONS - 1,
        _RUSSELL,
        "1 if a record close after 126 sessions without one fell in the last 63 sessions", breakout,
    ),
    Feature(
        "russell_retest", "russell", "flag", 0, "sessions", 0, _RUSSELL,
        "1 if the Russell 2000 is within 3 % of a record at least 126 sessions old", retest,
    ),
    *(
        Feature(
            f"russell_relative_sp500_{window}", "russell", "log", window, "sessions", window,
            ("russell2000", "sp500"),
            f"log return of the Russell 2000 over {window} sessions less the S&P 500's",
            partial(relative_strength, window=window),
        )
        for window in (63, 252)
    ),
    Feature(
        "russell_volatility_63", "russell", "log per year", 63, "sessions", 63, _RUSSELL,
        "annualised volatility of the Russell 2000 over 63 sessions",
        partial(volatility, window=63, per_year=SESSIONS_PER_YEAR),
    ),
)  # fmt: skip
