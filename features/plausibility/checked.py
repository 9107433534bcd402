"""The rule book applied: tables in, what can be used of them out, with every finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.market.supply import bitcoin_supply
from features.plausibility.flows import check_flow, check_scale
from features.plausibility.levels import check_frozen, check_sessions, check_steps, until_gap
from features.plausibility.market import judge
from features.plausibility.pegs import Named, without_pegged
from features.plausibility.prices import Prices
from features.plausibility.rules import (
    LARGEST_FLOW,
    MIN_OBSERVATIONS,
    SCALES,
    STEPS,
    SUPPLY_FACTOR,
    TOGETHER,
    StepLimit,
    found,
)
from features.provenance import Finding

# Series of American sessions: a value of theirs on a weekend is none.
SESSIONS = frozenset({"russell2000", "sp500", "iwm_nav", "iwm_shares_outstanding", *LARGEST_FLOW})


@dataclass(frozen=True)
class CheckedMarket:
    """A market of coins that passed the rules.

    Parameters
    ----------
    coins, universe : pandas.DataFrame
        What can be used, columns as given.
    withheld : pandas.DatetimeIndex
        Days of which no close is used.
    bitcoin_out : pandas.DatetimeIndex
        Further days of which Bitcoin's own close is not used.
    findings : tuple of Finding
        What was noticed.
    """

    coins: pd.DataFrame
    universe: pd.DataFrame
    withheld: pd.DatetimeIndex
    bitcoin_out: pd.DatetimeIndex
    findings: tuple[Finding, ...]


def check_market(
    coins: pd.DataFrame,
    universe: pd.DataFrame,
    *,
    bitcoin_usd: pd.Series | None = None,
    bitcoin_cap: pd.Series | None = None,
    named: Named = lambda coin: None,
) -> CheckedMarket:
    """Apply every rule on coins and rankings.

    Parameters
    ----------
    coins : pandas.DataFrame
        Columns `date`, `coin`, `close_usd`, `close_btc` and any others; one row
        a coin and day.
    universe : pandas.DataFrame
        Columns `snapshot_date`, `rank`, `coin` and any others.
    bitcoin_usd : pandas.Series, optional
        Bitcoin's close by day, where it is not among the coins.
    bitcoin_cap : pandas.Series, optional
        Its market cap in US dollars by day: a second witness of its close.
    named : callable, optional
        As for `features.plausibility.pegs.without_pegged`.
    """
    prices = Prices(coins, universe, bitcoin_usd=bitcoin_usd, bitcoin_cap=bitcoin_cap)
    universe, pegged = without_pegged(universe, prices, named=named)
    if pegged:
        prices.rank(universe)
    verdict = judge(prices)
    bad = (verdict.left_out | verdict.withheld[:, None])[prices.row, prices.code]
    if verdict.bitcoin_out.any():
        bad |= verdict.bitcoin_out[prices.row] & (coins["coin"] == "bitcoin").to_numpy()
    return CheckedMarket(
        coins[~bad] if bad.any() else coins,
        universe,
        prices.days[verdict.withheld],
        prices.days[verdict.bitcoin_out],
        (*pegged, *verdict.findings),
    )


def check_series(
    observed: Mapping[str, pd.Series], *, bitcoin_usd: pd.Series | None = None
) -> tuple[dict[str, pd.Series], list[Finding]]:
    """Apply every rule on single series.

    Parameters
    ----------
    observed : mapping of str to pandas.Series
        By name as in `features.plausibility.rules.STEPS` and `SCALES`; others
        pass. Positive where they are levels, by observation day, sorted.
    bitcoin_usd : pandas.Series, optional
        Bitcoin's close by day: witness of its market cap.

    Returns
    -------
    series : dict of str to pandas.Series
        What is left of each; empty where the whole series is dropped.
    findings : list of Finding
        What was noticed.
    """
    kept, findings = dict(observed), list[Finding]()
    for name in observed:
        kept[name], said = _check_one(name, kept[name], observed)
        findings += said
    if bitcoin_usd is not None and "btc_market_cap_usd" in kept:
        name = "btc_market_cap_usd"
        kept[name], said = _check_supply(name, kept[name], bitcoin_usd)
        findings += said
    return kept, findings


def _check_one(
    name: str, values: pd.Series, observed: Mapping[str, pd.Series]
) -> tuple[pd.Series, list[Finding]]:
    before, findings = values, list[Finding]()
    # What is no number is refused by the panel's own rules.
    if not np.isfinite(values).all():
        return values, findings
    if name in SESSIONS and len(values):
        values, said = check_sessions(name, values, flow=name in LARGEST_FLOW)
        findings += said
    if name in LARGEST_FLOW:
        values, said = check_flow(name, values)
        findings += said
    if name in SCALES:
        values, said = check_scale(name, values)
        findings += said
    limit = STEPS.get(name)
    if limit is None or not len(values) or not (values > 0).all():
        return values, findings
    values, said = check_steps(name, values, limit, witness=_witness(name, observed))
    findings += said
    values, said = check_frozen(name, values, limit.frozen, since=limit.since)
    findings += said
    if len(values) < len(before):
        values, said = until_gap(name, values, before)
        findings += said
    return values, findings


def _witness(name: str, observed: Mapping[str, pd.Series]) -> tuple[pd.Series, StepLimit] | None:
    """Return the series that moves alike, if it is there and whole."""
    if name not in TOGETHER:
        return None
    other, limit = TOGETHER[name]
    return (observed[other], limit) if other in observed and (observed[other] > 0).all() else None


def _check_supply(
    name: str, values: pd.Series, bitcoin_usd: pd.Series
) -> tuple[pd.Series, list[Finding]]:
    """Leave out market caps of Bitcoin that are not its close times its supply."""
    days = values.index.intersection(bitcoin_usd.index)
    # A few figures are no series to speak of.
    if len(days) < MIN_OBSERVATIONS:
        return values, []
    supply = values[days] / bitcoin_usd[days]
    off = supply / bitcoin_supply(pd.DatetimeIndex(days))
    bad = off[(off > SUPPLY_FACTOR) | (off < 1 / SUPPLY_FACTOR)]
    if bad.empty:
        return values, []
    where, value = (bad.index[0], bad.index[-1]), float(values[bad.index[0]])
    said = (
        f"{value:g} over Bitcoin's close is {off[bad.index[0]]:.3g} times its supply "
        f"({len(bad)} days)"
    )
    finding = found("scale", name, where, value, float(bad.iloc[0]), "value left out", said)
    return values.drop(bad.index), [finding]
