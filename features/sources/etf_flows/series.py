"""Flow series of a panel, from the figures in the user's store."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from features.catalogue.features import FUND_START, fund_flow, share_of_market_cap
from features.market.splice import gaps
from features.market.supply import ETHER_SUPPLY, bitcoin_supply
from features.panel import DAY
from features.sources.etf_flows import flow_store

# No closure of the exchange since 2008 lasted longer: a greater distance is a gap.
_LONGEST_CLOSURE = 5


def fund_gaps(days: pd.DatetimeIndex) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """Return the neighbouring days more than five days apart, from 2008 on."""
    return gaps(days[days >= FUND_START - _LONGEST_CLOSURE * DAY], _LONGEST_CLOSURE)


def fund_flows(
    directory: Path, bitcoin_usd: pd.Series, ether_usd: pd.Series
) -> Mapping[str, pd.Series]:
    """Return the flow series, of those in `panel.SPECS`, for which the store has final figures.

    Where days are missing (neighbours more than five days apart) a window of sessions would span
    weeks, so only what follows the last gap is given, with a warning. The closes are US dollars
    by day, without time zone.
    """
    table = flow_store.read(directory)
    # A total that will be another one tomorrow is no figure of today.
    held = {
        str(name): rows.set_index("date")["value"]
        for name, rows in table[table["final"]].groupby("series")
    }
    flows = {}
    if "iwm_shares_outstanding" in held and "iwm_nav" in held:
        # Cut before the difference is taken: a change across a gap is no session's flow.
        shares = held["iwm_shares_outstanding"]
        shares = _after_gaps("iwm_flow", shares[shares.index.isin(held["iwm_nav"].index)])
        flows["iwm_flow"] = fund_flow(shares, held["iwm_nav"])
    caps = {
        "btc": bitcoin_usd * bitcoin_supply(pd.DatetimeIndex(bitcoin_usd.index)),
        "eth": ether_usd * ETHER_SUPPLY,
    }
    for asset, cap in caps.items():
        if f"{asset}_etf_net_flow_usd" in held:
            flow = share_of_market_cap(held[f"{asset}_etf_net_flow_usd"], cap)
            flows[f"{asset}_etf_flow"] = _after_gaps(f"{asset}_etf_flow", flow)
    return {name: flow for name, flow in flows.items() if len(flow)}


def record_shares(directory: Path, day: pd.Timestamp, shares: float, nav: float) -> str | None:
    """Add IWM's shares outstanding and NAV in US dollars as Yahoo gives them for a session.

    Returns a sentence if they were not added: other figures are held for that day, or the shares
    equal those of an earlier one (a stale figure and a flow of zero look alike).
    """
    index = pd.DatetimeIndex([day]).normalize()
    held = flow_store.read(directory)
    before = held[(held["series"] == "iwm_shares_outstanding") & (held["date"] < index[0])]
    if len(before) and before["value"].iloc[-1] == shares:
        return (
            f"{index[0]:%Y-%m-%d}: Yahoo's shares outstanding of IWM are still those of "
            f"{before['date'].iloc[-1]:%Y-%m-%d}; not recorded, as they may be stale."
        )
    rows = pd.concat(
        flow_store.rows_of(name, pd.Series([value], index), flow_store.YAHOO)
        for name, value in (("iwm_shares_outstanding", shares), ("iwm_nav", nav))
    )
    merged = flow_store.add(directory, rows.reset_index(drop=True))
    kept = merged[merged["became"] == "kept"]
    if kept.empty:
        return None
    kept_rows = ", ".join(
        f"{row.series} {row.stored:.10g} from {row.stored_origin} (Yahoo: {row.value:.10g})"
        for row in kept.itertuples()
    )
    return f"{index[0]:%Y-%m-%d}: kept {kept_rows}."


def _after_gaps(name: str, figures: pd.Series) -> pd.Series:
    holes = fund_gaps(pd.DatetimeIndex(figures.index))
    if not holes:
        return figures
    before, after = holes[-1]
    warnings.warn(
        f"{name}: no figures between {before:%Y-%m-%d} and {after:%Y-%m-%d}, so those before that "
        f"gap are not used; import a file that fills it.",
        stacklevel=3,
    )
    return figures.loc[after:]
