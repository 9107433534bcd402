"""The `files` source: a directory of market history as Parquet or CSV."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from features.catalogue.flows import fund_flow, share_of_market_cap
from features.market.market import Market
from features.market.season import (
    CARRIED_DAYS,
    GOOD_COVERAGE,
    STAND_IN_DAYS,
    TOP,
    WINDOW_DAYS,
    breadth,
)
from features.panel import DAY, DataError, MarketPanel
from features.plausibility.check import CheckedMarket, check_market, check_series
from features.plausibility.pegs import Named
from features.provenance import DataProvenance, Finding
from features.reference.exclusions import excluded, read_exclusions
from features.sources.columns import checked, identified, shown
from features.sources.table_file import read_table_file

TABLES: Mapping[str, Mapping[str, str]] = {
    "series": {"series": "text", "date": "day", "value": "number"},
    "coins": {
        "date": "day",
        "coin": "text",
        "close_usd": "number",
        "close_btc": "number",
        "market_cap_usd": "number",
    },
    "universe": {
        "snapshot_date": "day",
        "rank": "number",
        "coin": "text",
        "market_cap_usd": "number",
    },
}

ENDINGS = ("parquet", "csv", "csv.gz")

_SMALLEST_CLOSE = 1e-30
# Bitcoin's first day: no coin is older, and every day since has its place in memory.
_FIRST_COIN_DAY = pd.Timestamp("2009-01-03")


def load_files(
    directory: Path,
    *,
    until: pd.Timestamp | None = None,
    window_days: int = WINDOW_DAYS,
    top: int = TOP,
    simulation: Callable[[Market], pd.DataFrame] | None = None,
) -> MarketPanel:
    """Read a directory of market history into a panel.

    Parameters
    ----------
    directory : pathlib.Path
        Holds `series`, `coins` and `universe`, each as `.parquet`, `.csv` or
        `.csv.gz`; `features.sources.table_file` says what is read.
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
    coins, universe = tables.coins, tables.universe
    carried = tuple(days for days in CARRIED_DAYS if days < window_days)
    market = Market.from_tables(coins, universe)
    shares = breadth(market, window_days=window_days, top=top, carried_days=carried)
    shares = shares.loc[shares["season_index"].first_valid_index() :]
    compared = shares["coins_compared"]
    provenance = _ranking_provenance(universe, compared, top)
    # A day without an index compares nothing.
    shares["coins_compared"] = compared.astype(float).where(shares["season_index"].notna())
    values = {
        **_equity(tables.observed),
        **_crypto(tables.observed, coins, universe),
        **{str(name): shares[name].dropna() for name in shares},
    }
    panel = MarketPanel.from_series(
        values, f"files:{directory}", until=until,
        provenance=replace(provenance, findings=tables.findings),
    )  # fmt: skip
    if simulation is None:
        return panel
    simulated = simulation(market)
    return panel.with_series({str(name): simulated[name] for name in simulated})


@dataclass(frozen=True)
class CheckedTables:
    """What the rules of plausibility left of a directory's tables, and what they noticed.

    Parameters
    ----------
    observed : mapping of str to pandas.Series
        Single series by name.
    coins, universe : pandas.DataFrame
        As from `load_tables`.
    findings : tuple of Finding
        What was noticed.
    """

    observed: Mapping[str, pd.Series]
    coins: pd.DataFrame
    universe: pd.DataFrame
    findings: tuple[Finding, ...]


# The rule book speaks of series as the panel names them.
PANEL_NAMES = {"russell2000_close": "russell2000", "sp500_close": "sp500"}


def checked_tables(directory: Path, *, until: pd.Timestamp | None = None) -> CheckedTables:
    """Read the tables of a directory and leave out what the rules of plausibility do not pass.

    Parameters
    ----------
    directory, until
        As for `load_files`.

    Raises
    ------
    DataError
        As for `load_tables`.
    """
    series, coins, universe = load_tables(directory, until=until)
    observed = {
        PANEL_NAMES.get(name, name): values for name, values in _observed(series, directory).items()
    }
    # What can be no figure at all is refused before plausibility is asked about.
    for raw in ("iwm_shares_outstanding", "iwm_nav"):
        if raw in observed:
            _check_positive(observed[raw], raw)
    for raw in ("btc_market_cap_usd", "crypto_market_cap_ex_btc_usd"):
        if raw in observed:
            _check_positive(observed[raw].dropna(), raw)
    market = check_market(
        coins,
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


def _closes(market: CheckedMarket, coin: str, column: str) -> pd.Series:
    own = market.coins[market.coins["coin"] == coin]
    return own.set_index("date")[column].sort_index()


def _names(universe: pd.DataFrame) -> Named:
    """Tell of a coin by its id, and its symbol where the table has one, what it is called."""
    patterns = read_exclusions()
    symbols: dict[str, str] = {}
    if "symbol" in universe:
        newest = universe.drop_duplicates("coin", keep="last")
        symbols = dict(zip(newest["coin"], newest["symbol"], strict=True))

    def named(coin: str) -> str | None:
        name = coin.replace("-", " ")
        return excluded(patterns, symbols.get(coin, name), name)

    return named


def _ranking_provenance(universe: pd.DataFrame, compared: pd.Series, top: int) -> DataProvenance:
    """Tell how old the last ranking is, and how many of its coins the last day compares."""
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


def load_tables(
    directory: Path, *, until: pd.Timestamp | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Read and check the three tables of a directory: series, coins, universe.

    Parameters
    ----------
    directory, until
        As for `load_files`.

    Raises
    ------
    DataError
        If a table is missing, unreadable or breaks a rule.
    """
    series, coins = (read_checked(directory, name) for name in ("series", "coins"))
    # A symbol helps to tell what is no altcoin; nothing rests on it alone.
    universe = read_checked(directory, "universe", beside="symbol")
    for name, rows, day in (
        ("series", series, "date"),
        ("coins", coins, "date"),
        ("universe", universe, "snapshot_date"),
    ):
        if until is not None and rows[day].max() > until:
            raise DataError(
                f"{directory / name}: {day} must not be later than {until:%Y-%m-%d}, "
                f"got {rows[day].max():%Y-%m-%d}."
            )
    _check_coins(coins, directory)
    check_unique(universe, ["snapshot_date", "coin"], directory / "universe")
    _check_ranks(universe, directory)
    return series, coins, universe


def read_checked(directory: Path, name: str, *, beside: str | None = None) -> pd.DataFrame:
    """Read one table of a directory: its columns in their types, its rows in their order.

    Parameters
    ----------
    directory : pathlib.Path
        Holds the table.
    name : str
        A key of `TABLES`.
    beside : str, optional
        A further column, as text, if the table has it.

    Raises
    ------
    DataError
        If it is missing, unreadable or a value is not of its column's type.
    """
    columns = TABLES[name]
    path = table_path(directory, name)
    if path.is_dir():
        raise DataError(f"{path}: cannot be read: it is a directory.")
    if not path.is_file():
        raise DataError(f"{path}: cannot be read: it is no file.")
    table = read_table_file(path, columns, beside)
    read = {c: checked(table[c], kind, f"{path}: {c}") for c, kind in columns.items()}
    read |= {c: identified(read[c]) for c, kind in columns.items() if kind == "text"}
    if beside in table:
        read[str(beside)] = table[beside].astype(str)
    return pd.DataFrame(read)


def table_path(directory: Path, name: str) -> Path:
    """Return the file of a table; one that is there twice may be stale, so neither is taken."""
    paths = [directory / f"{name}.{ending}" for ending in ENDINGS]
    there = [path for path in paths if os.path.lexists(path)]
    if len(there) > 1:
        told = " and ".join(path.name for path in there)
        raise DataError(f"{directory}: both {told} are there; remove one.")
    if not there:
        raise DataError(
            f"{directory}: neither {name}.parquet nor {name}.csv is there (nor {name}.csv.gz); "
            f"need series, coins and universe."
        )
    return there[0]


def _check_coins(coins: pd.DataFrame, directory: Path) -> None:
    name = directory / "coins"
    for column in ("close_usd", "close_btc"):
        bad = ~(np.isfinite(coins[column]) & (coins[column] > 0))
        if bad.any():
            row = coins[bad].iloc[0]
            raise DataError(
                f"{name}: {shown(row['coin'])} on {row['date']:%Y-%m-%d}: "
                f"{column} must be finite and positive, got {row[column]:g}."
            )
        # A smaller one is no price, and ratios to it are no numbers.
        if (coins[column] < _SMALLEST_CLOSE).any():
            raise DataError(
                f"{name}: {column} must be at least {_SMALLEST_CLOSE:g}, "
                f"got {coins[column].min():g}."
            )
    check_unique(coins, ["date", "coin"], name)
    _check_caps(coins, "date", name)
    _check_first_day(coins["date"], name)


def _check_first_day(days: pd.Series, name: Path) -> None:
    if days.min() < _FIRST_COIN_DAY:
        raise DataError(
            f"{name}: {days.name} must not be before {_FIRST_COIN_DAY:%Y-%m-%d}, "
            f"got {days.min().date()}."
        )


def _check_caps(rows: pd.DataFrame, day: str, name: Path) -> None:
    """Refuse a market cap that is known and none; it may be missing."""
    cap = rows["market_cap_usd"]
    bad = ~(cap.isna() | (np.isfinite(cap) & (cap > 0)))
    if bad.any():
        row = rows[bad].iloc[0]
        raise DataError(
            f"{name}: {shown(row['coin'])} on {row[day]:%Y-%m-%d}: market_cap_usd must be finite "
            f"and positive or missing, got {row['market_cap_usd']:g}."
        )


def _observed(series: pd.DataFrame, directory: Path) -> dict[str, pd.Series]:
    check_unique(series, ["date", "series"], directory / "series")
    ordered = series.sort_values(["series", "date"])
    return {str(name): rows.set_index("date")["value"] for name, rows in ordered.groupby("series")}


def check_unique(rows: pd.DataFrame, key: list[str], name: Path) -> None:
    """Refuse two rows of one day; `key` is the day's column and the label's."""
    repeated = rows.duplicated(key)
    if repeated.any():
        day, label = rows.loc[repeated, key].iloc[0]
        raise DataError(f"{name}: {shown(label)} on {day:%Y-%m-%d}: two rows for one day.")


def _check_ranks(universe: pd.DataFrame, directory: Path) -> None:
    rank = universe["rank"]
    bad = ~((rank >= 1) & (rank == rank.round()))
    if bad.any():
        row = universe[bad].iloc[0]
        raise DataError(
            f"{directory / 'universe'}: {shown(row['coin'])} on {row['snapshot_date']:%Y-%m-%d}: "
            f"rank must be a whole number from 1 on, got {row['rank']:g}."
        )
    shared = universe.duplicated(["snapshot_date", "rank"], keep=False)
    if shared.any():
        first = universe[shared].sort_values(["snapshot_date", "rank"], kind="stable").iloc[:2]
        day, rank = first["snapshot_date"].iloc[0], first["rank"].iloc[0]
        raise DataError(
            f"{directory / 'universe'}: on {day:%Y-%m-%d} rank {rank:g} is held by both "
            f"{shown(first['coin'].iloc[0])} and {shown(first['coin'].iloc[1])}."
        )
    _check_caps(universe, "snapshot_date", directory / "universe")
    _check_first_day(universe["snapshot_date"], directory / "universe")


def _check_positive(values: pd.Series, name: str) -> None:
    bad = ~(np.isfinite(values) & (values > 0))
    if bad.any():
        day = values.index[bad][0]
        raise DataError(
            f"{name} on {day:%Y-%m-%d}: must be finite and positive, got {values[bad].iloc[0]:g}."
        )


def _equity(observed: Mapping[str, pd.Series]) -> dict[str, pd.Series]:
    panel = {name: observed[name] for name in PANEL_NAMES.values() if name in observed}
    if "iwm_shares_outstanding" in observed and "iwm_nav" in observed:
        panel["iwm_flow"] = fund_flow(observed["iwm_shares_outstanding"], observed["iwm_nav"])
    return panel


def _crypto(
    observed: Mapping[str, pd.Series], coins: pd.DataFrame, universe: pd.DataFrame
) -> dict[str, pd.Series]:
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
        snapshots = universe[universe["coin"] == "ethereum"].set_index("snapshot_date")
        panel["eth_etf_flow"] = share_of_market_cap(
            observed["eth_etf_net_flow_usd"], _ether_market_cap(ether, snapshots["market_cap_usd"])
        )
    return panel


def _ether_market_cap(ether: pd.DataFrame, snapshots: pd.Series) -> pd.Series:
    """Close x supply, the supply being that of the last day on which a market cap was known."""
    cap = ether["market_cap_usd"].combine_first(snapshots.reindex(ether.index))
    supply = (cap / ether["close_usd"]).ffill()
    return supply * ether["close_usd"]
