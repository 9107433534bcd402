"""Live days joined to the embedded history, if both agree where they meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pandas as pd

from features.catalogue.frame import MAX_AGE_DAYS
from features.market.dollars import DOLLAR_SERIES, dollar_series
from features.market.market import Market
from features.market.season import GOOD_COVERAGE, NEAR_MARGINS, TOP, WINDOW_DAYS, breadth
from features.market.splice import OVERLAP_DAYS, joined_index, joined_level, until_gap
from features.panel import DAY, SPECS, DataError, MarketPanel
from features.plausibility.check import check_market, check_series
from features.provenance import DataProvenance, YearCoverage
from features.reference.load import load_reference
from features.reference.membership import Membership, load_membership
from features.sources.yahoo.flows import joined_flows
from features.sources.yahoo.request import Notes, Request
from features.storage.simulations import simulated_series

# With 35 of 50 coins the index has a standard error of 4.6 points at most.
MIN_LIVE_COVERAGE = 0.7
# Points of the season index: a smaller step at the seam is within what one coin makes of 50.
SMALL_STEP = 2.0

SEASON = (
    "season_index",
    "carried_breadth_30",
    "carried_breadth_60",
    "share_above_50d_mean",
    "median_relative_return",
    "relative_return_dispersion",
    "coins_compared",
    *(f"near_{side}_{margin}" for side in ("lead", "lag") for margin in NEAR_MARGINS),
)


@dataclass(frozen=True)
class Live:
    """The market of the live days and of a past before the seam, from one source."""

    source: str  # who gave the coins
    market: Market
    ether: pd.Series  # US dollars by day
    indices: Mapping[str, pd.Series]  # stock indices by the panel's name, by session
    past: str  # what the simulation of live days draws on, after its first day
    symbols: Mapping[str, str] = field(default_factory=dict)  # of coins that history may lack


def embedded(request: Request, notes: Notes) -> tuple[MarketPanel, Membership]:
    """Return the embedded history, which the clock must be past, and its membership."""
    reference = load_reference()
    # The last embedded day has ended, so that a right clock is past it: not strict.
    if request.today <= reference.last_day:
        raise DataError(
            f"this machine's clock says {request.today:%Y-%m-%d}, but the embedded history ends on "
            f"{reference.last_day:%Y-%m-%d}; set the clock."
        )
    notes.steps.append(
        f"Embedded history to {reference.last_day:%Y-%m-%d}, digest {reference.digest[:12]}."
    )
    return reference, load_membership()


def plausible(live: Live, end: pd.Timestamp, notes: Notes) -> Live:
    """Return what the rules leave of closes and rankings; `end` is the last embedded day."""
    market = live.market
    table = market.table()
    bitcoin = pd.Series(market.bitcoin, market.days).dropna()
    checked = check_market(table, market.universe, bitcoin_usd=bitcoin)
    # Older closes bear on no live day: there the embedded history is the witness, at the seam.
    since = end - WINDOW_DAYS * DAY
    notes.findings += [finding for finding in checked.findings if finding.last_day > since]
    late = np.asarray(market.days > since)
    out = np.zeros(market.btc.shape, dtype=bool)
    out[np.isfinite(market.btc)] = ~table.index.isin(checked.coins.index)
    withheld = late & market.days.isin(checked.withheld)
    kept = market.without((out & late[:, None]) | withheld[:, None], bitcoin=withheld)
    last = kept.days[-1]
    universe = checked.universe[checked.universe["snapshot_date"] <= last]
    ether = live.ether.reindex(kept.days)
    return replace(
        live,
        market=kept.ranked_by(universe),
        ether=ether.mask(np.isnan(kept.bitcoin)),
        indices={name: values.loc[:last] for name, values in live.indices.items()},
    )


def joined_panel(
    request: Request, reference: MarketPanel, membership: Membership, live: Live, notes: Notes
) -> MarketPanel:
    """Return every embedded observation as it is, and the live days after."""
    season, coverage = _season(reference, membership, live, notes)
    series = {name: reference.series(name) for name in reference.names}
    series |= _levels(reference, live, notes) | season | _dollars(reference, live)
    bitcoin = pd.Series(live.market.bitcoin, live.market.days).dropna()
    sessions = pd.date_range(reference.last_day, live.market.days[-1], freq="B", unit="s")
    if "sp500" in live.indices:
        sessions = pd.DatetimeIndex(live.indices["sp500"].index)
    ether = live.ether.dropna()
    series |= joined_flows(request, reference, bitcoin, ether, sessions, notes)
    series |= _simulations(reference, live, request, notes)
    _cut_at_gaps(series, live.market.days[-1], notes)
    return _panel(series, reference, (*membership.coverage, *coverage), live, request.today, notes)


def _season(
    reference: MarketPanel, membership: Membership, live: Live, notes: Notes
) -> tuple[dict[str, pd.Series], list[YearCoverage]]:
    """Continue the season series by the live closes, on days with enough coins."""
    table = breadth(live.market)
    covered = table["coins_compared"] / TOP
    table = table.where(covered >= MIN_LIVE_COVERAGE)
    joined = _joined_season(reference, membership, live.market, table, notes)
    # No coin has a price 90 days before the first day.
    covered = covered.loc[covered.index[0] + WINDOW_DAYS * DAY :]
    later = covered.loc[reference.last_day + DAY :]
    unused = later.index[later < MIN_LIVE_COVERAGE]
    if len(unused):
        notes.problems.append(
            f"On {len(unused)} of {len(later)} days after {reference.last_day:%Y-%m-%d} less than "
            f"{100 * MIN_LIVE_COVERAGE:.0f} % of the top {TOP} could be compared, last on "
            f"{unused[-1]:%Y-%m-%d}: their index is not used."
        )
    if len(later):
        lines = notes.problems if later.iloc[-1] < GOOD_COVERAGE else notes.steps
        lines.append(
            f"{later.iloc[-1] * TOP:.0f} of the top {TOP} altcoins could be compared on "
            f"{later.index[-1]:%Y-%m-%d}."
        )
    coverage = [
        YearCoverage(
            int(str(year)), live.source.lower(), len(days), round(float(days.mean()), 3),
            int((days < MIN_LIVE_COVERAGE).sum()),
        )
        for year, days in covered.groupby(pd.DatetimeIndex(covered.index).year)
    ]  # fmt: skip
    return {name: joined[name].dropna() for name in SEASON}, coverage


def _dollars(reference: MarketPanel, live: Live) -> dict[str, pd.Series]:
    """Continue the season in dollars: a view beside the forecast, of which nothing is learnt."""
    later, seam = dollar_series(live.market), reference.last_day + DAY
    return {
        name: pd.concat([reference.series(name), later[name].loc[seam:]]) for name in DOLLAR_SERIES
    }


def _joined_season(
    reference: MarketPanel, membership: Membership, market: Market, live: pd.DataFrame, notes: Notes
) -> pd.DataFrame:
    """Put the live season series after the embedded ones, if both agree over the same coins.

    An embedded history whose last days lack the prices of some coins counts the others; the live
    source may have all. Like is compared with like, and what the other coins change from the seam
    on becomes a problem of the data.
    """
    before = pd.DataFrame({name: reference.series(name) for name in SEASON})
    checked = membership.coins["check_day"]
    others = ~market.coins.isin(checked.index[checked == checked.max()])
    same = breadth(market.without(np.broadcast_to(others, market.btc.shape)))
    _, sentence = joined_index(before, same[list(SEASON)])
    notes.steps.append(sentence)
    end = reference.last_day
    change = (live - same)["season_index"].loc[end - (OVERLAP_DAYS - 1) * DAY : end].mean()
    if abs(change) >= SMALL_STEP:
        notes.problems.append(
            f"season_index: from {end + DAY:%Y-%m-%d} on it also counts coins that have no price "
            f"at the embedded end; over the {OVERLAP_DAYS} days before they change it by "
            f"{change:+.1f} points on average."
        )
    return pd.concat([before, live.loc[end + DAY :, list(SEASON)]])


def _levels(reference: MarketPanel, live: Live, notes: Notes) -> dict[str, pd.Series]:
    """Continue the levels on their embedded base."""
    bitcoin = pd.Series(live.market.bitcoin, live.market.days)
    levels = {**live.indices, "bitcoin": bitcoin, "eth_btc": live.ether / bitcoin}
    joined = {}
    for name, values in levels.items():
        joined[name], sentence = joined_level(reference.series(name), values.dropna(), name)
        notes.steps.append(sentence)
    kept, findings = check_series(joined)
    notes.findings += findings
    return kept


def _simulations(
    reference: MarketPanel, live: Live, request: Request, notes: Notes
) -> dict[str, pd.Series]:
    """Continue the simulated series; what a simulation of these coins cannot see is a problem."""
    names = [name for name in reference.names if name.startswith("simulated_")]
    simulated = simulated_series(
        live.market,
        since=reference.last_day,
        cache=request.simulations,
        jobs=request.jobs,
        progress=partial(request.progress, "simulation"),
    )
    if simulated.empty:
        notes.problems.append(
            f"simulated series: they end on {reference.last_day:%Y-%m-%d}; "
            "too few coins have prices to simulate later days."
        )
        return {}
    notes.problems.append(
        f"simulated series: those after {reference.last_day:%Y-%m-%d} draw their pasts from "
        f"{live.market.days[0]:%Y-%m-%d} on, {live.past}."
    )
    return {name: pd.concat([reference.series(name), simulated[name]]) for name in names}


def _cut_at_gaps(series: dict[str, pd.Series], last: pd.Timestamp, notes: Notes) -> None:
    """End each series at its first gap, and name those whose features are then missing."""
    gaps: dict[str, None] = {}
    over: dict[str, None] = {}
    for name, values in series.items():
        series[name], gap = until_gap(values, name)
        # The simulated series have their days in common: they are named once.
        label = "simulated series" if name.startswith("simulated_") else name
        if gap:
            gaps[f"{label}: {gap}"] = None
        end = series[name].index[-1]
        if (last - end).days > MAX_AGE_DAYS:
            over[f"{label} ({end:%Y-%m-%d})"] = None
    notes.problems += gaps
    if over:
        notes.problems.append(
            f"Ended more than {MAX_AGE_DAYS} days before {last:%Y-%m-%d}, so that the features "
            f"made of them are missing: {', '.join(over)}."
        )


def _panel(
    series: Mapping[str, pd.Series],
    reference: MarketPanel,
    coverage: tuple[YearCoverage, ...],
    live: Live,
    today: pd.Timestamp,
    notes: Notes,
) -> MarketPanel:
    end = reference.last_day
    sources = {}
    for name, values in series.items():
        later = values.loc[end + DAY :]
        origin = "Yahoo" if name in live.indices else live.source
        origin = "imported figures" if SPECS[name].kind == "flow" else origin
        since = f", {origin} from {later.index[0]:%Y-%m-%d}" if len(later) else ""
        sources[name] = f"embedded{since}"
    return MarketPanel.from_series(
        series,
        f"{live.source.lower()}, embedded to {end:%Y-%m-%d}",
        until=today,
        provenance=DataProvenance(
            tuple(notes.steps),
            tuple(notes.problems),
            sources,
            coverage,
            end + DAY,
            tuple(notes.findings),
            tuple(notes.revisions),
            notes.terms or reference.provenance.terms,
        ),
    )
