"""ETF flows: IWM creations and redemptions, US spot Bitcoin and Ether funds."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from features.catalogue.feature import Feature, log_change

DIVERGENCE_SESSIONS = 21
ZSCORE_SESSIONS = 252

# Shares outstanding of IWM are noisy before 2008 (days with 590-fold changes).
FUND_START = pd.Timestamp("2008-01-01")
STAND_IN_DAYS = 7


def fund_flow(shares: pd.Series, nav: pd.Series) -> pd.Series:
    """Return a fund's creations less redemptions in percent of its assets.

    Parameters
    ----------
    shares : pandas.Series
        Shares outstanding by session.
    nav : pandas.Series
        Net asset value per share by session, US dollars.

    Returns
    -------
    pandas.Series
        Change of shares outstanding x NAV over the assets of the session
        before, percent, from 2008 on.

    Examples
    --------
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

    Parameters
    ----------
    flow, market_cap : pandas.Series
        US dollars by day.

    Returns
    -------
    pandas.Series
        Percent, on the days of the flow that have a market cap.

    Examples
    --------
    >>> day = pd.DatetimeIndex(["2025-12-01"])
    >>> share_of_market_cap(pd.Series([1e9], day), pd.Series([2e12], day)).tolist()
    [0.05]
    """
    if flow.empty or market_cap.empty:
        return flow.iloc[:0]
    days = pd.date_range(market_cap.index.min(), max(market_cap.index.max(), flow.index.max()))
    cap = market_cap.sort_index().reindex(days).ffill(limit=STAND_IN_DAYS).reindex(flow.index)
    return (100 * flow / cap).dropna()


def net_flow(flow: pd.Series, window: int) -> pd.Series:
    """Return the sum of the daily flows over `window` sessions."""
    return flow.rolling(window).sum()


def flow_zscore(flow: pd.Series) -> pd.Series:
    """Return the 21-session flow against its mean and deviation over the last 252 sessions."""
    recent = net_flow(flow, DIVERGENCE_SESSIONS)
    past = recent.rolling(ZSCORE_SESSIONS)
    return (recent - past.mean()) / past.std()


def divergence(close: pd.Series, flow: pd.Series) -> pd.Series:
    """Return 1 if the index rose over 21 sessions while the fund had net outflows, else 0."""
    rise = log_change(close, DIVERGENCE_SESSIONS)
    net = net_flow(flow, DIVERGENCE_SESSIONS)
    known = rise.notna() & net.notna()
    return ((rise > 0) & (net < 0)).astype(float).where(known, np.nan)


def flow_difference(ether: pd.Series, bitcoin: pd.Series, window: int) -> pd.Series:
    """Return the Ether funds' flow over `window` sessions less the Bitcoin funds'."""
    return net_flow(ether, window) - net_flow(bitcoin, window)


# From when on a day's flows can be asked for: the first days of the funds and of their windows.
_FIRST_FLOWS = {
    "IWM": pd.Timestamp("2008-02-01"),
    "US spot Bitcoin ETFs": pd.Timestamp("2024-02-01"),
    "US spot Ether ETFs": pd.Timestamp("2024-08-15"),
}


def missing_flows(features: pd.DataFrame) -> list[str]:
    """Return the funds whose flows are missing on the last day, though the funds existed.

    Parameters
    ----------
    features : pandas.DataFrame
        From `features.catalogue.builder.build_features`.

    Returns
    -------
    list of str
        Names for people.
    """
    day = features.index[-1]
    return [
        fund
        for source, fund, _, windows in _FUNDS
        if day >= _FIRST_FLOWS[fund] and np.isnan(features[f"{source}_{min(windows)}"].iloc[-1])
    ]


def missing_flows_text(funds: list[str]) -> str:
    """Say of which funds flows are missing, what that means and what can be done."""
    return (
        f"ETF flows are missing: {', '.join(funds)}. Features made of them are missing; "
        "docs/flows.md says how to import them."
    )


_FUNDS = (("iwm_flow", "IWM", "% of assets", (5, 21, 63)),
          ("btc_etf_flow", "US spot Bitcoin ETFs", "% of market cap", (5, 21)),
          ("eth_etf_flow", "US spot Ether ETFs", "% of market cap", (5, 21)))  # fmt: skip

FEATURES: tuple[Feature, ...] = (
    *(
        Feature(
            f"{source}_{window}", "etf_flows", unit, window, "sessions", window - 1, (source,),
            f"net flow of {fund} over {window} sessions, {unit}",
            partial(net_flow, window=window),
        )
        for source, fund, unit, windows in _FUNDS
        for window in windows
    ),
    Feature(
        "iwm_flow_zscore", "etf_flows", "deviations", ZSCORE_SESSIONS, "sessions",
        DIVERGENCE_SESSIONS + ZSCORE_SESSIONS - 2, ("iwm_flow",),
        "21-session net flow of IWM against its last 252 sessions", flow_zscore,
    ),
    Feature(
        "iwm_divergence", "etf_flows", "flag", DIVERGENCE_SESSIONS, "sessions",
        DIVERGENCE_SESSIONS, ("russell2000", "iwm_flow"),
        "1 if the Russell 2000 rose over 21 sessions while IWM had net outflows", divergence,
    ),
    *(
        Feature(
            f"etf_flow_ether_less_bitcoin_{window}", "etf_flows", "% of market cap", window,
            "sessions", window - 1, ("eth_etf_flow", "btc_etf_flow"),
            f"Ether ETFs' net flow over {window} sessions less the Bitcoin ETFs', % of market cap",
            partial(flow_difference, window=window),
        )
        for window in (5, 21)
    ),
)  # fmt: skip
