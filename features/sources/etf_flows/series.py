"""Flow series of a panel, from the figures in the user's store."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from features.catalogue.features import fund_flow, share_of_market_cap
from features.market.supply import ETHER_SUPPLY, bitcoin_supply
from features.sources.etf_flows import flow_store
from features.sources.etf_flows.checks import gaps


def fund_flows(
    directory: Path, bitcoin_usd: pd.Series, ether_usd: pd.Series
) -> Mapping[str, pd.Series]:
    """Return the flow series that the store can give.

    Where days are missing (neighbours more than five days apart) a window of
    sessions would span weeks, so only what lies behind the last gap is given,
    with a warning. Provisional totals are not given.

    Parameters
    ----------
    directory : pathlib.Path
        Where the store is, for instance `flow_directory()`.
    bitcoin_usd, ether_usd : pandas.Series
        Closes in US dollars by day, without time zone.

    Returns
    -------
    mapping of str to pandas.Series
        Of `iwm_flow` (% of assets), `btc_etf_flow` and `eth_etf_flow` (% of
        market cap) those for which there are figures, each by session.

    Raises
    ------
    features.sources.etf_flows.flow_store.StoreError
        If the store is there but cannot be read.
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
        shares = _unbroken("iwm_flow", shares[shares.index.isin(held["iwm_nav"].index)])
        flows["iwm_flow"] = fund_flow(shares, held["iwm_nav"])
    caps = {
        "btc": bitcoin_usd * bitcoin_supply(pd.DatetimeIndex(bitcoin_usd.index)),
        "eth": ether_usd * ETHER_SUPPLY,
    }
    for asset, cap in caps.items():
        if f"{asset}_etf_net_flow_usd" in held:
            flow = share_of_market_cap(held[f"{asset}_etf_net_flow_usd"], cap)
            flows[f"{asset}_etf_flow"] = _unbroken(f"{asset}_etf_flow", flow)
    return {name: flow for name, flow in flows.items() if len(flow)}


def record_shares(directory: Path, day: pd.Timestamp, shares: float, nav: float) -> str | None:
    """Add IWM's shares outstanding and NAV as Yahoo gives them for a day.

    What the store already holds for that day stays. A figure that equals the one
    before it is not added: a stale figure and a flow of zero look alike.

    Parameters
    ----------
    directory : pathlib.Path
        Where the store is; made if absent.
    day : pandas.Timestamp
        Session to which the figures belong, without time zone.
    shares, nav : float
        Shares outstanding; net asset value per share, US dollars.

    Returns
    -------
    str or None
        One sentence if the figures were not added: others stand for that day, or
        the shares are those of an earlier one.

    Raises
    ------
    DataError
        If a figure is not positive and finite, or jumps like a split.
    features.sources.etf_flows.flow_store.StoreError
        If the store cannot be read or written.
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
    kept = flow_store.add(directory, rows.reset_index(drop=True)).kept
    if kept.empty:
        return None
    kept_rows = ", ".join(
        f"{row.series} {row.stored:.10g} from {row.stored_origin} (Yahoo: {row.value:.10g})"
        for row in kept.itertuples()
    )
    return f"{index[0]:%Y-%m-%d}: kept {kept_rows}."


def _unbroken(name: str, figures: pd.Series) -> pd.Series:
    """Return what lies behind a series' last gap."""
    holes = gaps(pd.DatetimeIndex(figures.index))
    if not holes:
        return figures
    before, after = holes[-1]
    warnings.warn(
        f"{name}: no figures between {before:%Y-%m-%d} and {after:%Y-%m-%d}, so none before that "
        f"gap are used; import a file that fills it.",
        stacklevel=3,
    )
    return figures.loc[after:]
