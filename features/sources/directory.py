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
from features.panel import DAY, DataError, MarketPanel
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
_AS_OBSERVED = (*PANEL_NAMES.values(), "bitcoin", "eth_btc")
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
    """Read a directory of market history into a panel, with every series that it can give.

    It holds `series*`, `coins*` and `universe*`, in one file or several each (`tables` and `cells`
    say what is read); a row later than `until` (today), and whatever breaks a rule, raises
    DataError. `simulation` takes the market and returns the simulated series, as
    `features.storage.simulations.simulated_series` does; without it the panel lacks them.
    """
    tables = checked_tables(directory, until=until)
    panel = panel_of(tables, f"files:{directory}", until=until, window_days=window_days, top=top)
    if simulation is None:
        return panel
    simulated = simulation(tables.market)
    return panel.with_series({str(name): simulated[name] for name in simulated})


def deferred_files(
    directory: Path, *, today: pd.Timestamp, newest: bool, simulation: Simulation
) -> DeferredPanel:
    """Read a directory of market history; its days are simulated when they are asked for.

    Where the `newest` day is asked for, data of before this week are refused before they are
    judged: no index is newer than the last price.
    """
    rows = load_tables(directory, until=today)
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
    given = {**observed, "bitcoin": bitcoin, "eth_btc": _closes(market, "ethereum", "close_btc")}
    kept, findings = check_series(
        {name: values for name, values in given.items() if len(values)},
        bitcoin_usd=bitcoin if len(bitcoin) else None,
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
    carried = tuple(days for days in CARRIED_DAYS if days < window_days)
    shares = breadth(tables.market, window_days=window_days, top=top, carried_days=carried)
    shares = shares.loc[shares["season_index"].first_valid_index() :]
    compared = shares["coins_compared"]
    provenance = replace(
        _ranking_provenance(tables.universe, compared, top), findings=tables.findings
    )
    # A day without an index compares nothing.
    shares["coins_compared"] = compared.astype(float).where(shares["season_index"].notna())
    values = {
        **_derived(tables),
        **{str(name): shares[name].dropna() for name in shares},
        **dollar_series(tables.market),
    }
    return MarketPanel.from_series(values, source, until=until, provenance=provenance)


def _ranking_provenance(universe: pd.DataFrame, compared: pd.Series, top: int) -> DataProvenance:
    """Return how old the last ranking is, and how many of its coins the last day compares."""
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
    return DataProvenance((step,), tuple(problems), since=min(problems.values(), default=None))


def _derived(tables: CheckedTables) -> dict[str, pd.Series]:
    """Return the single series and ratios of a panel."""
    observed, coins = tables.observed, tables.coins
    panel = {name: observed[name] for name in _AS_OBSERVED if name in observed}
    if "iwm_shares_outstanding" in observed and "iwm_nav" in observed:
        panel["iwm_flow"] = fund_flow(observed["iwm_shares_outstanding"], observed["iwm_nav"])
    cap = observed.get("btc_market_cap_usd")
    if cap is not None and "crypto_market_cap_ex_btc_usd" in observed:
        others = observed["crypto_market_cap_ex_btc_usd"]
        panel["bitcoin_dominance"] = (100 * cap / (cap + others)).dropna()
    if cap is not None and "btc_etf_net_flow_usd" in observed:
        panel["btc_etf_flow"] = share_of_market_cap(observed["btc_etf_net_flow_usd"], cap)
    ether = coins[coins["coin"] == "ethereum"].set_index("date").sort_index()
    if "eth_etf_net_flow_usd" in observed and not ether.empty:
        ranked = tables.universe[tables.universe["coin"] == "ethereum"]
        snapshots = ranked.set_index("snapshot_date")["market_cap_usd"]
        panel["eth_etf_flow"] = share_of_market_cap(
            observed["eth_etf_net_flow_usd"], _ether_market_cap(ether, snapshots)
        )
    return panel


def _ether_market_cap(ether: pd.DataFrame, snapshots: pd.Series) -> pd.Series:
    """Close x supply, the supply being that of the last day on which a market cap was known."""
    cap = ether["market_cap_usd"].combine_first(snapshots.reindex(ether.index))
    supply = (cap / ether["close_usd"]).ffill()
    return supply * ether["close_usd"]
