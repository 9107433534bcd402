"""What the embedded history is made of: a directory of market history, or itself and days since.

A maintainer who holds CoinMarketCap's consent makes it longer by that source: the old history stays
as it is, and the new days must agree with it where both have values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from features.market.market import Market
from features.market.season import OTHERS, index_series
from features.panel import DAY, MarketPanel
from features.provenance import DataProvenance, Finding
from features.reference.load import column, load_definitions
from features.reference.members import coin_table, coverage, snapshots
from features.reference.membership import Membership
from features.sources.coinmarketcap.client import NAME, TERMS, CoinMarketCap
from features.sources.coinmarketcap.panel import live_market
from features.sources.directory import CheckedTables
from features.sources.yahoo.join import Live, joined_panel
from features.sources.yahoo.request import Notes, Request

_COVERAGE = ("year", "days", "coverage", "unused_days")
_MONTHS, _CHECKS = ["from", "to"], ["check_day", "check_30", "check_90"]


@dataclass(frozen=True)
class Made:
    """What is embedded, before its levels are rebased and its values rounded."""

    panel: MarketPanel
    indices: pd.DataFrame  # season index and carried breadth of other windows and tops, by column
    ranks: pd.DataFrame  # snapshot_date, rank, coin
    coins: pd.DataFrame  # as `members.coin_table` gives it
    coverage: Sequence[dict[str, object]]  # by year
    last_ranking: pd.Timestamp
    findings: Sequence[Finding] = ()
    grows: bool = False  # whether every old value must come out again


def from_tables(tables: CheckedTables, panel: MarketPanel) -> Made:
    """Return what the tables of a directory give."""
    return Made(
        panel,
        _indices(tables.market),
        snapshots(tables.universe),
        coin_table(tables.universe, tables.coins),
        coverage(tables.market),
        tables.universe["snapshot_date"].max(),
        tables.findings,
    )


def from_coinmarketcap(request: Request, client: CoinMarketCap) -> Made:
    """Return the embedded history and the days since; DataError where they differ at the seam."""
    notes = Notes(terms=TERMS)
    reference, membership, live = live_market(request, client, notes)
    panel = joined_panel(request, reference, membership, live, notes)
    end, before = reference.last_day, reference.provenance
    provenance = DataProvenance(
        (*before.steps, f"{NAME} from {end + DAY:%Y-%m-%d}, with its consent.", *notes.steps),
        (*before.problems, *notes.problems),
        since=before.since or end + DAY,
        findings=tuple(notes.findings),
        terms=TERMS,
    )
    later = live.market.universe
    later = later[later["snapshot_date"] > membership.last_day]
    return Made(
        replace(panel, provenance=provenance),
        _continued(_indices(live.market), end),
        pd.concat([membership.snapshots, snapshots(later)], ignore_index=True),
        _coins(membership, live, later),
        _years(membership, coverage(live.market, since=end + DAY)),
        later["snapshot_date"].max(),
        notes.findings,
        grows=True,
    )


def _indices(market: Market) -> pd.DataFrame:
    return pd.DataFrame(
        {
            column(name, definition): values
            for definition in OTHERS
            for name, values in index_series(market, definition).items()
        }
    )


def _continued(later: pd.DataFrame, end: pd.Timestamp) -> pd.DataFrame:
    """Put days after the embedded end after the embedded indices."""
    embedded = {
        column(name, definition): values
        for definition, series in load_definitions().items()
        for name, values in series.items()
    }
    return pd.concat([pd.DataFrame(embedded), later.loc[end + DAY :, list(embedded)]])


def _coins(membership: Membership, live: Live, later: pd.DataFrame) -> pd.DataFrame:
    """Return every embedded coin and those ranked since: months and shares go on, checks move."""
    old = membership.coins
    universe = pd.concat([membership.snapshots.assign(market_cap_usd=np.nan), later])
    symbols = {**live.symbols, **old["symbol"]}
    universe["symbol"] = universe["coin"].map(symbols)
    new = coin_table(universe, live.market.table())
    known = old[["symbol", *_MONTHS, "share", *_CHECKS]].replace({"": None})
    known = known.assign(check_day=known["check_day"].dt.strftime("%Y-%m-%d"))
    table = new.reindex(new.index.union(known.index))
    table["symbol"] = table["symbol"].fillna(known["symbol"])
    months = pd.concat([new[_MONTHS], known[_MONTHS]])
    for name, chosen in (("from", "min"), ("to", "max")):
        table[name] = months[name].dropna().groupby(level=0).agg(chosen).reindex(table.index)
    fresh = table["check_day"].notna()
    for name in _CHECKS:
        table[name] = table[name].where(fresh, known[name])
    return table.rename_axis("coin")


def _years(membership: Membership, later: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """Return the coverage by year, a year that both have by the days of each."""
    embedded = [{name: getattr(row, name) for name in _COVERAGE} for row in membership.coverage]
    table = pd.DataFrame([*embedded, *later])
    table["coverage"] *= table["days"]
    summed = table.groupby("year", as_index=False).sum()
    summed["coverage"] = (summed["coverage"] / summed["days"]).round(3)
    return [{str(name): value for name, value in row.items()} for row in summed.to_dict("records")]
