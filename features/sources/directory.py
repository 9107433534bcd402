"""The `files` source: a directory of market history as Parquet or CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from features.catalogue.features import fund_flow, share_of_market_cap
from features.health import refusal_for_age
from features.market.dollars import dollar_series
from features.market.market import Market
from features.market.paths import COINS as SIMULATED_COINS
from features.market.season import (
    CARRIED_DAYS,
    GOOD_COVERAGE,
    STAND_IN_DAYS,
    TOP,
    WINDOW_DAYS,
    IndexDefinition,
    IndexSeries,
    breadth,
    index_series,
)
from features.panel import DAY, SPECS, DataError, MarketPanel
from features.plausibility.book import found
from features.plausibility.check import CheckedMarket, check_market, check_series
from features.plausibility.pegs import Named
from features.provenance import DataProvenance, Finding
from features.reference.exclusions import excluded, read_exclusions
from features.sources.deferred import NOT_SIMULATED, SIMULATED, DeferredPanel
from features.sources.tables import COINS, SERIES, UNIVERSE, read_joined

TABLES = {"series": SERIES, "coins": COINS, "universe": UNIVERSE}
ENDINGS = ("parquet", "csv", "csv.gz")
# The rule book speaks of series as the panel names them.
PANEL_NAMES = {"russell2000_close": "russell2000", "sp500_close": "sp500"}
# What can be no figure at all is refused before plausibility is asked about.
_POSITIVE = ("iwm_shares_outstanding", "iwm_nav")
_POSITIVE_OR_MISSING = ("btc_market_cap_usd", "crypto_market_cap_ex_btc_usd")

Simulation = Callable[..., pd.DataFrame]


@dataclass(frozen=True)
class CheckedTables:
    """What the rules of plausibility left of a directory's tables, and what they noticed."""

    observed: Mapping[str, pd.Series]  # single series by name
    coins: pd.DataFrame
    universe: pd.DataFrame
    findings: tuple[Finding, ...]

    @cached_property
    def market(self) -> Market:
        """The closes and rankings, laid out days x coins."""
        return Market.from_tables(self.coins, self.universe)


def load_files(
    directory: Path,
    *,
    until: pd.Timestamp | None = None,
    window_days: int = WINDOW_DAYS,
    top: int = TOP,
    simulation: Simulation | None = None,
) -> MarketPanel:
    """Read a directory of market history into a panel.

    Parameters
    ----------
    directory : pathlib.Path
        Holds `series*`, `coins*` and `universe*`, in one file or several each, as `.parquet`,
        `.csv` or `.csv.gz`; `features.sources.tables` says what is read.
    until : pandas.Timestamp, optional
        Last day a row may carry (today); a later row is an error.
    window_days, top : int
        Definition of the season index.
    simulation : callable, optional
        Takes the market, returns the simulated series, for instance
        `features.storage.simulations.simulated_series`; without it the panel
        lacks them.

    Returns
    -------
    MarketPanel
        Every series of `features.panel.SERIES` that the directory can give.

    Raises
    ------
    DataError
        If a table is missing, unreadable or breaks a rule.
    """
    tables = checked_tables(directory, until=until)
    panel = panel_of(tables, f"files:{directory}", until=until, window_days=window_days, top=top)
    if simulation is None:
        return panel
    simulated = simulation(tables.market)
    return panel.with_series({str(name): simulated[name] for name in simulated})


def deferred_files(
    directory: Path,
    *,
    today: pd.Timestamp,
    newest: bool,
    simulation: Simulation,
    known_by: pd.Timestamp | None = None,
) -> DeferredPanel:
    """Read a directory of market history; its days are simulated when they are asked for.

    Where the `newest` day is asked for, data of before this week are refused before they are
    judged: no index is newer than the last price. For a past day `known_by` the rules judge what
    was known by then: nothing later bears on it.
    """
    rows = load_tables(directory, until=today)
    if known_by is not None:
        rows = _known_by(rows, known_by)
    if newest and (refused := refusal_for_age(rows["coins"]["date"].max(), today)):
        raise DataError(refused)
    tables = _checked(rows, directory)
    panel = panel_of(tables, f"files:{directory}", until=today)
    waiting = replace(panel.provenance, sources=dict.fromkeys(SIMULATED, NOT_SIMULATED))
    return DeferredPanel(
        replace(panel, provenance=waiting),
        lambda since, until: simulation(tables.market, since=since, until=until),
    )


def load_index_series(
    directory: Path, definitions: Iterable[IndexDefinition], *, until: pd.Timestamp | None = None
) -> dict[IndexDefinition, IndexSeries]:
    """Compute season index and carried breadth of several definitions from one reading."""
    market = checked_tables(directory, until=until).market
    return {definition: index_series(market, definition) for definition in definitions}


def load_tables(directory: Path, *, until: pd.Timestamp | None = None) -> dict[str, pd.DataFrame]:
    """Read the three tables of a directory by name: series, coins, universe."""
    return {
        name: read_joined(_files(directory, name), schema, until=until)
        for name, schema in TABLES.items()
    }


def _known_by(rows: Mapping[str, pd.DataFrame], day: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """Return the rows to a day; a table that begins later stays, for the refusal of the day."""
    known = {}
    for name, table in rows.items():
        past = table[table["snapshot_date" if name == "universe" else "date"] <= day]
        known[name] = table if past.empty else past
    return known


def _files(directory: Path, name: str) -> list[Path]:
    paths = sorted(path for ending in ENDINGS for path in directory.glob(f"{name}*.{ending}"))
    if not paths:
        raise DataError(
            f"{directory}: neither {name}.parquet nor {name}.csv is there (nor {name}.csv.gz); "
            f"need {', '.join(TABLES)}, in one file or several whose names begin so."
        )
    return paths


def checked_tables(directory: Path, *, until: pd.Timestamp | None = None) -> CheckedTables:
    """Read the tables of a directory and leave out what the rules of plausibility do not pass."""
    return _checked(load_tables(directory, until=until), directory)


def _checked(rows: Mapping[str, pd.DataFrame], directory: Path) -> CheckedTables:
    observed = _observed(rows["series"], directory)
    universe = rows["universe"]
    market = check_market(
        rows["coins"],
        universe,
        bitcoin_cap=observed.get("btc_market_cap_usd"),
        named=_names(universe),
    )
    bitcoin = _closes(market, "bitcoin", "close_usd").drop(market.bitcoin_out, errors="ignore")
    ether = _closes(market, "ethereum", "close_usd")
    given = {
        **observed,
        "bitcoin": bitcoin,
        "eth_btc": _closes(market, "ethereum", "close_btc"),
        "eth_market_cap_usd": _ether_market_cap(market),
    }
    for name in ("bitcoin", "eth_btc"):
        _check_gap(name, given[name], market)
    kept, findings = check_series(
        {name: values for name, values in given.items() if len(values)},
        bitcoin_usd=bitcoin if len(bitcoin) else None,
        ether_usd=ether if len(ether) else None,
    )
    return CheckedTables(kept, market.coins, market.universe, (*market.findings, *findings))


def _observed(rows: pd.DataFrame, directory: Path) -> dict[str, pd.Series]:
    observed = {
        PANEL_NAMES.get(str(name), str(name)): values.set_index("date")["value"]
        for name, values in rows.sort_values(["series", "date"]).groupby("series")
    }
    for name in (*_POSITIVE, *_POSITIVE_OR_MISSING):
        values = observed.get(name, pd.Series(dtype=float))
        values = values.dropna() if name in _POSITIVE_OR_MISSING else values
        for day in values.index[~(np.isfinite(values) & (values > 0))][:1]:
            raise DataError(
                f"{directory / 'series'}: {name} on {day:%Y-%m-%d} must be finite and positive, "
                f"got {values[day]:g}; correct it or remove its row."
            )
    return observed


def _closes(market: CheckedMarket, coin: str, column: str) -> pd.Series:
    rows = market.coins[market.coins["coin"] == coin]
    return rows.set_index("date")[column].sort_index()


def _ether_market_cap(market: CheckedMarket) -> pd.Series:
    """Return Ether's market caps beside its closes, else beside its ranks."""
    cap = _closes(market, "ethereum", "market_cap_usd")
    ranked = market.universe[market.universe["coin"] == "ethereum"].set_index("snapshot_date")
    return cap.combine_first(ranked["market_cap_usd"].reindex(cap.index)).dropna()


def _check_gap(name: str, values: pd.Series, market: CheckedMarket) -> None:
    """Refuse a level that lacks more days than a panel allows, and name the rule that took them."""
    days = pd.DatetimeIndex(values.index)
    for at in np.flatnonzero(np.diff(days) > SPECS[name].max_gap_days * DAY.to_timedelta64())[:1]:
        first, last = days[at] + DAY, days[at + 1] - DAY
        causes = (
            finding.text for finding in market.findings
            if finding.consequence != "note" and finding.first_day <= last
            and finding.last_day >= first
        )  # fmt: skip
        if market.withheld.isin(pd.date_range(first, last)).any():
            raise DataError(
                f"{name}: no close of the {(last - first).days + 1} days from {first:%Y-%m-%d} to "
                f"{last:%Y-%m-%d} can be used; at most {SPECS[name].max_gap_days - 1} may be "
                f"missing. {next(causes, '')}".strip()
            )


def _names(universe: pd.DataFrame) -> Named:
    """Return what a coin is called, by its id, and its symbol where the table has it."""
    patterns = read_exclusions()
    symbols: dict[str, str] = {}
    if "symbol" in universe:
        newest = universe.sort_values("snapshot_date", kind="stable")
        newest = newest.drop_duplicates("coin", keep="last")
        symbols = dict(zip(newest["coin"], newest["symbol"], strict=True))

    def named(coin: str) -> str | None:
        name = coin.replace("-", " ")
        return excluded(patterns, symbols.get(coin, name), name)

    return named


# --- the panel -----------------------------------------------------------------------------------


def panel_of(
    tables: CheckedTables,
    source: str,
    *,
    until: pd.Timestamp | None = None,
    window_days: int = WINDOW_DAYS,
    top: int = TOP,
) -> MarketPanel:
    """Derive every series of a panel that tables can give, but the simulated ones."""
    coins, universe = tables.coins, tables.universe
    carried = tuple(days for days in CARRIED_DAYS if days < window_days)
    shares = breadth(tables.market, window_days=window_days, top=top, carried_days=carried)
    if shares["season_index"].isna().all():
        cause = next((each.text for each in tables.findings if each.withholds), "")
        raise DataError(f"{source}: no day has a season index. {cause}".strip())
    shares = shares.loc[shares["season_index"].first_valid_index() :]
    compared = shares["coins_compared"]
    findings = (*tables.findings, *_not_simulated(universe, compared.index[-1]))
    provenance = replace(_ranking_provenance(universe, compared, top), findings=findings)
    # A day without an index compares nothing.
    shares["coins_compared"] = compared.astype(float).where(shares["season_index"].notna())
    values = {
        **_equity(tables.observed),
        **_crypto(tables.observed, coins),
        **{str(name): shares[name].dropna() for name in shares},
        **dollar_series(tables.market),
    }
    return MarketPanel.from_series(values, source, until=until, provenance=provenance)


def _ranking_provenance(universe: pd.DataFrame, compared: pd.Series, top: int) -> DataProvenance:
    """Say how old the last ranking is, and how many of its coins the last day compares."""
    ranked = universe.loc[universe["rank"] <= top, "snapshot_date"]
    ranked_until, last = ranked.max(), compared.index[-1]
    step = (
        f"Top {top}: rankings to {ranked_until:%Y-%m-%d}; on {last:%Y-%m-%d} "
        f"{compared.iloc[-1]} of its coins could be compared."
    )
    problems: dict[str, pd.Timestamp] = {}
    age = (last - ranked_until).days
    if age > STAND_IN_DAYS:
        problems[
            f"The last ranking is of {ranked_until:%Y-%m-%d}, {age} days before {last:%Y-%m-%d}: "
            "it stands in for the days since."
        ] = ranked_until + (STAND_IN_DAYS + 1) * DAY
    listed = int((ranked == ranked_until).sum())
    thin = compared < GOOD_COVERAGE * listed
    if thin.iloc[-1]:
        problems[
            f"Only {compared.iloc[-1]} of the {listed} largest altcoins could be compared on "
            f"{last:%Y-%m-%d}: the season index is that of those coins alone."
        ] = thin[~thin].index.max() + DAY if not thin.all() else compared.index[0]
    since = min(problems.values(), default=None)
    return DataProvenance((step,), tuple(problems), since=since)


def _not_simulated(universe: pd.DataFrame, last_day: pd.Timestamp) -> list[Finding]:
    """Return why no path can be simulated from any ranking, if so."""
    deepest, way_out = int(universe["rank"].max()), "give the column market_cap_usd"
    if universe["market_cap_usd"].isna().all():
        lacks = "no market caps"
    elif deepest < SIMULATED_COINS:
        lacks = f"{deepest} altcoins at most, {SIMULATED_COINS} are needed"
        way_out = f"give the {SIMULATED_COINS} largest altcoins"
        lacks += f", and the season index is that of {deepest} coins" if deepest < TOP else ""
    else:
        return []
    said = f"the rankings hold {lacks}: no path is simulated, features made of paths are missing"
    first = universe["snapshot_date"].min()
    return [found("ranking", "universe", (first, last_day), np.nan, np.nan, "feature dropped", said,
                  way_out)]  # fmt: skip


def _equity(observed: Mapping[str, pd.Series]) -> dict[str, pd.Series]:
    panel = {name: observed[name] for name in PANEL_NAMES.values() if name in observed}
    if "iwm_shares_outstanding" in observed and "iwm_nav" in observed:
        panel["iwm_flow"] = fund_flow(observed["iwm_shares_outstanding"], observed["iwm_nav"])
    return panel


def _crypto(observed: Mapping[str, pd.Series], coins: pd.DataFrame) -> dict[str, pd.Series]:
    panel = {name: observed[name] for name in ("bitcoin", "eth_btc") if name in observed}
    ether = coins[coins["coin"] == "ethereum"].set_index("date").sort_index()
    cap = observed.get("btc_market_cap_usd")
    if cap is not None and "crypto_market_cap_ex_btc_usd" in observed:
        panel["bitcoin_dominance"] = (
            100 * cap / (cap + observed["crypto_market_cap_ex_btc_usd"])
        ).dropna()
    if cap is not None and "btc_etf_net_flow_usd" in observed:
        panel["btc_etf_flow"] = share_of_market_cap(observed["btc_etf_net_flow_usd"], cap)
    if "eth_etf_net_flow_usd" in observed and not ether.empty:
        # Close x supply, the supply being that of the last day on which a market cap was known.
        close = ether["close_usd"]
        cap = observed.get("eth_market_cap_usd", pd.Series(dtype=float)).reindex(close.index)
        panel["eth_etf_flow"] = share_of_market_cap(
            observed["eth_etf_net_flow_usd"], (cap / close).ffill() * close
        )
    return panel
