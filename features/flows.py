"""ETF flows: IWM creations and redemptions, US spot Bitcoin and Ether funds."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from features.feature import Feature, log_change

DIVERGENCE_SESSIONS = 21
ZSCORE_SESSIONS = 252


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
