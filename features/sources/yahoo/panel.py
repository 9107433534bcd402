"""The `yahoo` source: the embedded history and, from its end on, what Yahoo gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import numpy as np
import pandas as pd

from features.catalogue.frame import MAX_AGE_DAYS
from features.market.market import Market
from features.market.rankings import carried_rankings
from features.market.season import GOOD_COVERAGE, NEAR_MARGINS, TOP, WINDOW_DAYS, breadth
from features.market.splice import OVERLAP_DAYS, joined_index, joined_level, until_gap
from features.panel import DAY, SPECS, DataError, MarketPanel, SourceUnavailable
from features.plausibility.check import check_market, check_series
from features.provenance import DataProvenance, Finding, YearCoverage
from features.reference.load import load_reference
from features.reference.membership import Membership, load_membership
from features.sources.yahoo.flows import joined_flows
from features.sources.yahoo.rankings import altcoins, left_out, read_universe
from features.sources.yahoo.request import Notes, Request
from features.sources.yahoo.tickers import Closes, coin_closes
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


def load_yahoo(request: Request) -> MarketPanel:
    """Continue the embedded history with the days since, from Yahoo.

    Parameters
    ----------
    request : Request
        What to load.

    Returns
    -------
    MarketPanel
        Every embedded observation as it is, and the days after. Its
        provenance tells each step.

    Raises
    ------
    SourceUnavailable
        If Yahoo is needed and unavailable.
    DataError
        If data are missing or malformed, or disagree with the embedded ones
        where both meet.
    """
    reference, membership, notes = load_reference(), load_membership(), Notes()
    # The last embedded day has ended, so that a right clock is past it: not strict.
    if request.today <= reference.last_day:
        raise DataError(
            f"this machine's clock says {request.today:%Y-%m-%d}, but the embedded history ends on "
            f"{reference.last_day:%Y-%m-%d}; set the clock."
        )
    notes.steps.append(
        f"Embedded history to {reference.last_day:%Y-%m-%d}, digest {reference.digest[:12]}."
    )
    own = None
    if request.universe is not None:
        own = read_universe(request.universe, membership, request.today)
    rankings = {} if own is not None else _rankings(request, membership, notes)
    closes, snapshots = _market(request, membership, own, rankings, notes)
    table, last = closes.table(), closes.coins.index[-1]
    season, coverage = _season(reference, membership, table, snapshots, notes)
    series = {name: reference.series(name) for name in reference.names}
    series |= _levels(reference, closes, notes) | season
    series |= joined_flows(request, reference, closes, notes)
    series |= _simulations(reference, table, snapshots, request, notes)
    _cut_at_gaps(series, last, notes)
    return _panel(series, reference, (*membership.coverage, *coverage), request.today, notes)


def _market(
    request: Request,
    membership: Membership,
    own: pd.DataFrame | None,
    rankings: Mapping[pd.Timestamp, pd.DataFrame],
    notes: Notes,
) -> tuple[Closes, pd.DataFrame]:
    """Return closes and rankings that passed the rules; what a rule doubts is asked for again."""
    end, doubted = load_reference().last_day, frozenset[str]()
    others = _tickers(own, rankings)
    for again in (True, False):
        told = Notes()
        closes = coin_closes(request, membership, others, told, doubted=doubted)
        snapshots = _universe(membership, own, rankings, closes, told)
        kept = _plausible(closes, snapshots, end, told)
        doubted = _doubted(told.findings, closes)
        if request.mode != "online" or not (again and doubted):
            break
    notes.add(told)
    return kept


def _doubted(findings: Iterable[Finding], closes: Closes) -> frozenset[str]:
    """Return the tickers whose closes the rules do not use; all of them if many stand still."""
    faults = [each for each in findings if each.consequence != "note"]
    if any(each.rule == "frozen market" for each in faults):
        return frozenset(closes.tickers.values())
    return frozenset(
        closes.tickers[each.series] for each in faults if each.series in closes.tickers
    )


def _rankings(
    request: Request, membership: Membership, notes: Notes
) -> dict[pd.Timestamp, pd.DataFrame]:
    """Fetch the ranking of the day, and return the altcoins of all kept ones since the seam."""
    try:
        request.cache.ranking(now=request.now, mode=request.mode)
    except (SourceUnavailable, DataError) as error:
        notes.problems.append(f"No current ranking: {error}")
    usable = {}
    kept = {day: ranking for day, ranking in request.cache.rankings().items()
            if day > membership.last_day}  # fmt: skip
    notes.findings += left_out(kept, membership)
    for day, ranking in kept.items():
        try:
            usable[day] = altcoins(ranking, membership)
        except DataError as error:
            notes.problems.append(f"The ranking of {day:%Y-%m-%d} is not used: {error}")
    return usable


def _tickers(
    own: pd.DataFrame | None, rankings: Mapping[pd.Timestamp, pd.DataFrame]
) -> dict[str, str]:
    """Return the tickers by coin that a user's universe or the rankings name, the newest ones."""
    tables = [rankings[day] for day in sorted(rankings)]
    if own is not None:
        tables = [own.sort_values("snapshot_date").set_index("coin")]
    return {str(coin): ticker for table in tables for coin, ticker in table["ticker"].items()}


def _universe(
    membership: Membership,
    own: pd.DataFrame | None,
    rankings: Mapping[pd.Timestamp, pd.DataFrame],
    closes: Closes,
    notes: Notes,
) -> pd.DataFrame:
    """Return the snapshots of the whole span: embedded ones, then the user's or carried ones."""
    end, last = membership.last_day, closes.coins.index[-1]
    if own is not None:
        later = own[own["snapshot_date"] > end].assign(market_cap_usd=np.nan)
        how = f"after that a file with {later['snapshot_date'].nunique()} snapshots"
    else:
        usable = {end: membership.coins["share"].dropna()}
        usable |= {day: table["market_cap_usd"] for day, table in rankings.items()}
        carried = carried_rankings(usable, closes.coins.loc[end:])
        later = carried[carried["snapshot_date"] > end]
        days = [day for day in sorted(usable) if end < day <= last]
        how = "after that price x last known supply" + (
            f", with Yahoo's rankings of {len(days)} days from {days[0]:%Y-%m-%d} "
            f"to {days[-1]:%Y-%m-%d}"
            if days
            else ", for no ranking of Yahoo was fetched on a day before the last"
        )
    notes.steps.append(f"Top {TOP}: embedded ranks to {end:%Y-%m-%d}; {how}.")
    columns = ["snapshot_date", "rank", "coin", "market_cap_usd"]
    embedded = membership.snapshots[membership.snapshots["snapshot_date"] >= closes.coins.index[0]]
    return pd.concat(
        [embedded.assign(market_cap_usd=np.nan)[columns], later[columns]], ignore_index=True
    )


def _plausible(
    closes: Closes, snapshots: pd.DataFrame, end: pd.Timestamp, notes: Notes
) -> tuple[Closes, pd.DataFrame]:
    """Return what the rules of plausibility leave of closes and rankings."""
    table = closes.table()
    market = check_market(table, snapshots, bitcoin_usd=closes.bitcoin)
    # Older closes bear on no live day: there the embedded history is the witness, at the seam.
    since = end - WINDOW_DAYS * DAY
    notes.findings += [each for each in market.findings if each.last_day > since]
    out = table.loc[table.index.difference(market.coins.index), ["date", "coin"]]
    withheld = market.withheld[market.withheld > since]
    kept = closes.without(withheld, out[(out["date"] > since) & ~out["date"].isin(withheld)])
    last = kept.coins.index[-1]
    return kept, market.universe[market.universe["snapshot_date"] <= last]


def _season(
    reference: MarketPanel,
    membership: Membership,
    table: pd.DataFrame,
    snapshots: pd.DataFrame,
    notes: Notes,
) -> tuple[dict[str, pd.Series], list[YearCoverage]]:
    """Continue the season series by Yahoo's closes, on days with enough coins."""
    live = breadth(Market.from_tables(table, snapshots))
    covered = live["coins_compared"] / TOP
    live = live.where(covered >= MIN_LIVE_COVERAGE)
    joined = _joined_season(reference, membership, table, snapshots, live, notes)
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
        said = notes.problems if later.iloc[-1] < GOOD_COVERAGE else notes.steps
        said.append(
            f"{later.iloc[-1] * TOP:.0f} of the top {TOP} altcoins could be compared on "
            f"{later.index[-1]:%Y-%m-%d}."
        )
    by_year = covered.groupby(pd.DatetimeIndex(covered.index).year)
    coverage = [
        YearCoverage(
            int(str(year)), "yahoo", len(days), round(float(days.mean()), 3),
            int((days < MIN_LIVE_COVERAGE).sum()),
        )
        for year, days in by_year
    ]  # fmt: skip
    return {name: joined[name].dropna() for name in SEASON}, coverage


def _joined_season(
    reference: MarketPanel,
    membership: Membership,
    table: pd.DataFrame,
    snapshots: pd.DataFrame,
    live: pd.DataFrame,
    notes: Notes,
) -> pd.DataFrame:
    """Put the live season series behind the embedded ones, if both agree over the same coins.

    An embedded history whose last days lack the prices of some coins counts
    the others; Yahoo may have all. Like is compared with like, and what the
    other coins change from the seam on is said.
    """
    embedded = pd.DataFrame({name: reference.series(name) for name in SEASON})
    checked = membership.coins["check_day"]
    lasting = table["coin"].isin(checked.index[checked == checked.max()])
    same = breadth(Market.from_tables(table[lasting], snapshots))
    _, sentence = joined_index(embedded, same[list(SEASON)])
    notes.steps.append(sentence)
    end = reference.last_day
    others = (live - same)["season_index"].loc[end - (OVERLAP_DAYS - 1) * DAY : end].mean()
    if abs(others) >= SMALL_STEP:
        notes.problems.append(
            f"season_index: from {end + DAY:%Y-%m-%d} on it also counts coins that have no price "
            f"at the embedded end; over the {OVERLAP_DAYS} days before they change it by "
            f"{others:+.1f} points on average."
        )
    return pd.concat([embedded, live.loc[end + DAY :, list(SEASON)]])


def _levels(reference: MarketPanel, closes: Closes, notes: Notes) -> dict[str, pd.Series]:
    """Continue the levels on their embedded base."""
    live = {
        **closes.indices,
        "bitcoin": closes.bitcoin.dropna(),
        "eth_btc": (closes.ether / closes.bitcoin).dropna(),
    }
    joined = {}
    for name, values in live.items():
        joined[name], sentence = joined_level(reference.series(name), values, name)
        notes.steps.append(sentence)
    kept, findings = check_series(joined)
    notes.findings += findings
    return kept


def _simulations(
    reference: MarketPanel,
    table: pd.DataFrame,
    snapshots: pd.DataFrame,
    request: Request,
    notes: Notes,
) -> dict[str, pd.Series]:
    """Continue the simulated series; what a simulation of Yahoo's coins cannot see is said."""
    names = [name for name in reference.names if name.startswith("simulated_")]
    simulated = simulated_series(
        Market.from_tables(table, snapshots), since=reference.last_day,
        cache=request.simulations, jobs=request.jobs,
        progress=partial(request.progress, "simulation"),
    )  # fmt: skip
    if simulated.empty:
        notes.problems.append(
            f"simulated series: they end on {reference.last_day:%Y-%m-%d}; "
            "too few coins have prices to simulate later days."
        )
        return {}
    notes.problems.append(
        f"simulated series: those after {reference.last_day:%Y-%m-%d} draw their pasts from "
        f"{table['date'].min():%Y-%m-%d} on, of the coins Yahoo has today: a shorter past than the "
        "embedded ones, with fewer of the dead."
    )
    return {name: pd.concat([reference.series(name), simulated[name]]) for name in names}


def _cut_at_gaps(series: dict[str, pd.Series], last: pd.Timestamp, notes: Notes) -> None:
    """End each series at its first gap, and name those whose features are then missing."""
    told: dict[str, None] = {}
    ended: dict[str, None] = {}
    for name, values in series.items():
        series[name], gap = until_gap(values, name)
        # The simulated series have their days in common: they are named once.
        label = "simulated series" if name.startswith("simulated_") else name
        if gap:
            told[f"{label}: {gap}"] = None
        end = series[name].index[-1]
        if (last - end).days > MAX_AGE_DAYS:
            ended[f"{label} ({end:%Y-%m-%d})"] = None
    notes.problems += told
    if ended:
        notes.problems.append(
            f"Ended more than {MAX_AGE_DAYS} days before {last:%Y-%m-%d}, so that the features "
            f"made of them are missing: {', '.join(ended)}."
        )


def _panel(
    series: Mapping[str, pd.Series],
    reference: MarketPanel,
    coverage: tuple[YearCoverage, ...],
    today: pd.Timestamp,
    notes: Notes,
) -> MarketPanel:
    end = reference.last_day
    sources = {}
    for name, values in series.items():
        later = values.loc[end + DAY :]
        origin = "imported figures" if SPECS[name].kind == "flow" else "Yahoo"
        since = f", {origin} from {later.index[0]:%Y-%m-%d}" if len(later) else ""
        sources[name] = f"embedded{since}"
    return MarketPanel.from_series(
        series,
        f"yahoo, embedded to {end:%Y-%m-%d}",
        until=today,
        provenance=DataProvenance(
            tuple(notes.steps),
            tuple(notes.problems),
            sources,
            coverage,
            end + DAY,
            tuple(notes.findings),
            tuple(notes.revisions),
        ),
    )
