"""The features: what each is made of, over which window, and the function that computes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd

from features.market.paths import ERROR_ENDS, LEAD_ENDS, THRESHOLDS, error_name, series_name
from features.panel import SPECS

_SESSIONS_PER_YEAR = 252
_DAYS_PER_YEAR = 365
_BREAKOUT_SESSIONS = 63
_BASE_SESSIONS = 126
_RETEST_DISTANCE = 0.03
_DIVERGENCE_SESSIONS = 21
_ZSCORE_SESSIONS = 252
_HIGH_DAYS = 365

# Shares outstanding of IWM are noisy before 2008 (days with 590-fold changes).
FUND_START = pd.Timestamp("2008-01-01")
_STAND_IN_DAYS = 7


@dataclass(frozen=True)
class Feature:
    """One column of the feature frame."""

    name: str
    group: Literal["russell", "etf_flows", "eth_btc", "breadth", "bitcoin", "simulation"]
    unit: str
    # Observations it looks back over; 0 without a fixed window (the newest alone, or all so far).
    window: int
    step: Literal["sessions", "days"]  # what `window` and `warm_up` count
    warm_up: int  # observations needed before the first value
    sources: tuple[str, ...]  # series of the panel, in the order of `compute`'s arguments
    meaning: str  # one line for people
    # Takes one series per source, on the days that all of them share, and returns one value for
    # each of those days from that day and earlier.
    compute: Callable[..., pd.Series]


def log_change(level: pd.Series, window: int) -> pd.Series:
    """Return the log change over `window` observations."""
    return _log(level / level.shift(window))


def _relative_strength(close: pd.Series, benchmark: pd.Series, window: int) -> pd.Series:
    """Return the log return over `window` sessions less the benchmark's."""
    return log_change(close / benchmark, window)


def _volatility(level: pd.Series, window: int, per_year: int) -> pd.Series:
    """Return the annualised standard deviation of log returns over `window` observations."""
    return log_change(level, 1).rolling(window).std() * np.sqrt(per_year)


def _distance_from_record(close: pd.Series) -> pd.Series:
    """Return the log distance of each close from the record close so far (0 or less)."""
    return _log(close / close.cummax())


def _distance_from_one_year_high(ratio: pd.Series) -> pd.Series:
    """Return the log distance of each close from the highest of the last 365 days (0 or less)."""
    return _log(ratio / ratio.rolling(_HIGH_DAYS).max())


def sessions_since_record(close: pd.Series) -> pd.Series:
    """Return how many sessions ago the last record close was (0 on a record).

    >>> sessions_since_record(pd.Series([2.0, 1.0, 1.5, 3.0])).tolist()
    [0.0, 1.0, 2.0, 0.0]
    """
    session = np.arange(len(close))
    last_record = np.maximum.accumulate(np.where(_is_record(close), session, 0))
    return pd.Series((session - last_record).astype(float), close.index)


def _breakout(close: pd.Series) -> pd.Series:
    """Return 1 if a record close ended 126 or more sessions without one in the last 63, else 0."""
    since = sessions_since_record(close)
    broke = _is_record(close) & (since.shift(1) >= _BASE_SESSIONS)
    return broke.astype(float).rolling(_BREAKOUT_SESSIONS).max()


def _retest(close: pd.Series) -> pd.Series:
    """Return 1 if the close stands within 3 % below a record at least 126 sessions old, else 0."""
    near = _distance_from_record(close) >= np.log1p(-_RETEST_DISTANCE)
    return (near & (sessions_since_record(close) >= _BASE_SESSIONS)).astype(float)


def _is_record(close: pd.Series) -> pd.Series:
    # A close equal to the record sets none: strict.
    return close > close.cummax().shift(1, fill_value=0.0)


def _log(values: pd.Series) -> pd.Series:
    return pd.Series(np.log(values.to_numpy()), values.index)


def fund_flow(shares: pd.Series, nav: pd.Series) -> pd.Series:
    """Return a fund's creations less redemptions in percent of its assets, from 2008 on.

    Change of shares outstanding x net asset value per share over the assets of the session before.

    >>> days = pd.bdate_range("2025-12-01", periods=3)
    >>> shares, nav = pd.Series([1000.0, 1100.0, 1045.0], days), pd.Series([10.0, 20.0, 40.0], days)
    >>> fund_flow(shares, nav).tolist()
    [20.0, -10.0]
    """
    fund = pd.concat({"shares": shares, "nav": nav}, axis=1, join="inner")
    assets = fund["shares"] * fund["nav"]
    flow = 100 * fund["shares"].diff() * fund["nav"] / assets.shift()
    return flow.loc[FUND_START:].dropna()


def share_of_market_cap(flow: pd.Series, market_cap: pd.Series) -> pd.Series:
    """Return flows in percent of the market cap of the day, or of the last one within a week.

    >>> day = pd.DatetimeIndex(["2025-12-01"])
    >>> share_of_market_cap(pd.Series([1e9], day), pd.Series([2e12], day)).tolist()
    [0.05]
    """
    if flow.empty or market_cap.empty:
        return flow.iloc[:0]
    days = pd.date_range(market_cap.index.min(), max(market_cap.index.max(), flow.index.max()))
    cap = market_cap.sort_index().reindex(days).ffill(limit=_STAND_IN_DAYS).reindex(flow.index)
    return (100 * flow / cap).dropna()


def _net_flow(flow: pd.Series, window: int) -> pd.Series:
    """Return the sum of the daily flows over `window` sessions."""
    return flow.rolling(window).sum()


def _flow_zscore(flow: pd.Series) -> pd.Series:
    """Return the 21-session flow against its mean and deviation over the last 252 sessions."""
    recent = _net_flow(flow, _DIVERGENCE_SESSIONS)
    past = recent.rolling(_ZSCORE_SESSIONS)
    return (recent - past.mean()) / past.std()


def _divergence(close: pd.Series, flow: pd.Series) -> pd.Series:
    """Return 1 if the index rose over 21 sessions while the fund had net outflows, else 0."""
    rise = log_change(close, _DIVERGENCE_SESSIONS)
    net = _net_flow(flow, _DIVERGENCE_SESSIONS)
    known = rise.notna() & net.notna()
    return ((rise > 0) & (net < 0)).astype(float).where(known, np.nan)


def _flow_difference(ether: pd.Series, bitcoin: pd.Series, window: int) -> pd.Series:
    """Return the Ether funds' flow over `window` sessions less the Bitcoin funds'."""
    return _net_flow(ether, window) - _net_flow(bitcoin, window)


def _change(values: pd.Series, window: int) -> pd.Series:
    """Return the change over `window` days."""
    return values - values.shift(window)


def _newest(values: pd.Series) -> pd.Series:
    return values


_RUSSELL, _SP500, _BITCOIN, _RATIO = ("russell2000",), ("sp500",), ("bitcoin",), ("eth_btc",)
_BREADTH = (
    "season_index", "carried_breadth_30", "carried_breadth_60", "share_above_50d_mean",
    "median_relative_return", "relative_return_dispersion", "bitcoin_dominance",
)  # fmt: skip
_CHANGES = {"season_index": (7, 30, 90), "bitcoin_dominance": (30, 90)}
_FUNDS = (
    ("iwm_flow", "IWM", "% of assets", (5, 21, 63)),
    ("btc_etf_flow", "US spot Bitcoin ETFs", "% of market cap", (5, 21)),
    ("eth_etf_flow", "US spot Ether ETFs", "% of market cap", (5, 21)),
)
_SIMULATED = (
    *(series_name(threshold, end) for threshold in THRESHOLDS for end in LEAD_ENDS),
    *(error_name(threshold, end) for threshold in THRESHOLDS for end in ERROR_ENDS),
)

CATALOGUE: tuple[Feature, ...] = (
    *(Feature(f"russell_momentum_{n}", "russell", "log", n, "sessions", n, _RUSSELL,
              f"log return of the Russell 2000 over {n} sessions", partial(log_change, window=n))
      for n in (21, 63, 126, 252)),
    Feature("russell_distance_from_record", "russell", "log", 0, "sessions", 0, _RUSSELL,
            "log distance of the Russell 2000 from its record close", _distance_from_record),
    Feature("russell_sessions_since_record", "russell", "sessions", 0, "sessions", 0, _RUSSELL,
            "sessions since the Russell 2000's last record close", sessions_since_record),
    Feature("russell_breakout", "russell", "flag", _BREAKOUT_SESSIONS, "sessions",
            _BREAKOUT_SESSIONS - 1, _RUSSELL,
            "1 if a record close after 126 sessions without one fell in the last 63 sessions",
            _breakout),
    Feature("russell_retest", "russell", "flag", 0, "sessions", 0, _RUSSELL,
            "1 if the Russell 2000 is within 3 % of a record at least 126 sessions old", _retest),
    *(Feature(f"russell_relative_sp500_{n}", "russell", "log", n, "sessions", n,
              _RUSSELL + _SP500,
              f"log return of the Russell 2000 over {n} sessions less the S&P 500's",
              partial(_relative_strength, window=n))
      for n in (63, 252)),
    Feature("russell_volatility_63", "russell", "log per year", 63, "sessions", 63, _RUSSELL,
            "annualised volatility of the Russell 2000 over 63 sessions",
            partial(_volatility, window=63, per_year=_SESSIONS_PER_YEAR)),
    *(Feature(f"{source}_{n}", "etf_flows", unit, n, "sessions", n - 1, (source,),
              f"net flow of {fund} over {n} sessions, {unit}", partial(_net_flow, window=n))
      for source, fund, unit, windows in _FUNDS for n in windows),
    Feature("iwm_flow_zscore", "etf_flows", "deviations", _ZSCORE_SESSIONS, "sessions",
            _DIVERGENCE_SESSIONS + _ZSCORE_SESSIONS - 2, ("iwm_flow",),
            "21-session net flow of IWM against its last 252 sessions", _flow_zscore),
    Feature("iwm_divergence", "etf_flows", "flag", _DIVERGENCE_SESSIONS, "sessions",
            _DIVERGENCE_SESSIONS, ("russell2000", "iwm_flow"),
            "1 if the Russell 2000 rose over 21 sessions while IWM had net outflows", _divergence),
    *(Feature(f"etf_flow_ether_less_bitcoin_{n}", "etf_flows", "% of market cap", n, "sessions",
              n - 1, ("eth_etf_flow", "btc_etf_flow"),
              f"Ether ETFs' net flow over {n} sessions less the Bitcoin ETFs', % of market cap",
              partial(_flow_difference, window=n))
      for n in (5, 21)),
    *(Feature(f"eth_btc_momentum_{n}", "eth_btc", "log", n, "days", n, _RATIO,
              f"log change of ETH/BTC over {n} days", partial(log_change, window=n))
      for n in (7, 30, 90, 180)),
    Feature("eth_btc_distance_from_high", "eth_btc", "log", _HIGH_DAYS, "days", _HIGH_DAYS - 1,
            _RATIO, "log distance of ETH/BTC from its one-year high", _distance_from_one_year_high),
    *(Feature(name, "breadth", SPECS[name].unit, 0, "days", 0, (name,), SPECS[name].meaning,
              _newest)
      for name in _BREADTH),
    *(Feature(f"{source}_change_{n}", "breadth", "points", n, "days", n, (source,),
              f"change over {n} days of: {SPECS[source].meaning}", partial(_change, window=n))
      for source, windows in _CHANGES.items() for n in windows),
    *(Feature(f"bitcoin_momentum_{n}", "bitcoin", "log", n, "days", n, _BITCOIN,
              f"log return of Bitcoin over {n} days", partial(log_change, window=n))
      for n in (30, 90, 365)),
    Feature("bitcoin_drawdown", "bitcoin", "log", 0, "days", 0, _BITCOIN,
            "log distance of Bitcoin from its record close", _distance_from_record),
    *(Feature(f"bitcoin_volatility_{n}", "bitcoin", "log per year", n, "days", n, _BITCOIN,
              f"annualised volatility of Bitcoin over {n} days",
              partial(_volatility, window=n, per_year=_DAYS_PER_YEAR))
      for n in (30, 90)),
    *(Feature(name, "simulation", "%", 0, "days", 0, (name,), SPECS[name].meaning, _newest)
      for name in _SIMULATED),
)  # fmt: skip
FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in CATALOGUE)
