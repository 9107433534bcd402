"""Fund flows of live days: from the store of imported figures."""

from __future__ import annotations

import warnings

import pandas as pd

from features.market.splice import joined_flow
from features.panel import DAY, DataError, MarketPanel, SourceUnavailable
from features.sources.etf_flows.series import fund_flows, record_shares
from features.sources.yahoo.request import Notes, Request

FUND = "IWM"
FLOWS = ("iwm_flow", "btc_etf_flow", "eth_etf_flow")


def joined_flows(
    request: Request,
    reference: MarketPanel,
    bitcoin: pd.Series,
    ether: pd.Series,
    sessions: pd.DatetimeIndex,
    notes: Notes,
) -> dict[str, pd.Series]:
    """Continue the embedded flows with the store's, where both meet.

    A store that begins too late or lacks too many sessions is not joined from
    there on, and said so. Online the fund's current shares are added first.
    """
    if request.mode != "offline":
        _record(request, notes)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        stored = fund_flows(request.flows, bitcoin, ether)
    notes.problems += [str(warning.message) for warning in caught]
    joined = {}
    for name in FLOWS:
        embedded = reference.series(name)
        later = stored.get(name, embedded.iloc[:0])
        joined[name], few = joined_flow(embedded, later, sessions, name)
        notes.problems += [few] if few else []
        added = joined[name].loc[embedded.index[-1] + DAY :]
        if len(added):
            notes.steps.append(
                f"{name}: imported figures from {added.index[0]:%Y-%m-%d} "
                f"to {added.index[-1]:%Y-%m-%d}."
            )
    return joined


def _record(request: Request, notes: Notes) -> None:
    try:
        day, shares, nav = request.cache.shares(FUND, now=request.now, mode=request.mode)
        kept = record_shares(request.flows, day, shares, nav)
    except (SourceUnavailable, DataError, OSError) as error:
        notes.problems.append(f"{FUND}: today's shares outstanding were not recorded: {error}")
    else:
        notes.problems += [kept] if kept else []
