"""Fund flows of live days: from the store of imported figures."""

from __future__ import annotations

import warnings

import pandas as pd

from features.panel import DAY, SPECS, DataError, MarketPanel, SourceUnavailable
from features.sources.coin_closes import Closes
from features.sources.etf_flows import fund_flows, record_shares
from features.sources.request import Notes, Request
from features.sources.yahoo import fetch_shares

FUND = "IWM"
FLOWS = ("iwm_flow", "btc_etf_flow", "eth_etf_flow")


def joined_flows(
    request: Request, reference: MarketPanel, closes: Closes, notes: Notes
) -> dict[str, pd.Series]:
    """Continue the embedded flows with the store's, where both meet.

    A store that begins later than the allowed gap after the embedded end is
    not joined, and said so. Online the fund's current shares are added to the
    store first.
    """
    if request.mode != "offline":
        _record(request, notes)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        stored = fund_flows(request.flows, closes.bitcoin.dropna(), closes.ether.dropna())
    notes.problems += [str(warning.message) for warning in caught]
    joined = {}
    for name in FLOWS:
        embedded = reference.series(name)
        end = embedded.index[-1]
        later = stored.get(name, embedded.iloc[:0]).loc[end + DAY :]
        longest = SPECS[name].max_gap_days
        if len(later) and (later.index[0] - end).days > longest:
            notes.problems.append(
                f"{name}: the stored figures begin on {later.index[0]:%Y-%m-%d}, more than "
                f"{longest} days after the embedded ones end ({end:%Y-%m-%d}): not joined."
            )
            later = later.iloc[:0]
        elif len(later):
            notes.steps.append(
                f"{name}: imported figures from {later.index[0]:%Y-%m-%d} "
                f"to {later.index[-1]:%Y-%m-%d}."
            )
        joined[name] = pd.concat([embedded, later]) if len(later) else embedded
    return joined


def _record(request: Request, notes: Notes) -> None:
    try:
        day, shares, nav = fetch_shares(FUND, now=request.now)
        kept = record_shares(request.flows, day, shares, nav)
    except (SourceUnavailable, DataError, OSError) as error:
        notes.problems.append(f"{FUND}: today's shares outstanding were not recorded: {error}")
    else:
        notes.problems += [kept] if kept else []
