"""The `files` source: a directory of market history as Parquet or CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from features.flows import fund_flow, share_of_market_cap
from features.panel import DataError, MarketPanel
from features.season import CARRIED_DAYS, TOP, WINDOW_DAYS, breadth

_TABLES: Mapping[str, Mapping[str, str]] = {
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


def load_files(
    directory: Path,
    *,
    until: pd.Timestamp | None = None,
    window_days: int = WINDOW_DAYS,
    top: int = TOP,
    simulation: Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame] | None = None,
) -> MarketPanel:
    """Read a directory of market history into a panel.

    Parameters
    ----------
    directory : pathlib.Path
        Holds `series`, `coins` and `universe`, each as `.parquet` or `.csv`.
    until : pandas.Timestamp, optional
        Last day a row may carry (today); a later row is an error.
    window_days, top : int
        Definition of the season index.
    simulation : callable, optional
        Takes coins and universe, returns the simulated series, for instance
        `features.sources.simulated.simulated_series`; without it the panel
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
    series, coins, universe = load_tables(directory, until=until)
    observed = _observed(series, directory)
    carried = tuple(days for days in CARRIED_DAYS if days < window_days)
    shares = breadth(coins, universe, window_days=window_days, top=top, carried_days=carried)
    shares = shares.drop(columns="coins_compared").loc[shares["season_index"].first_valid_index() :]
    panel = {
        **_equity(observed),
        **_crypto(observed, coins, universe),
        **{str(name): shares[name].dropna() for name in shares},
    }
    if simulation is not None:
        simulated = simulation(coins, universe)
        panel |= {str(name): simulated[name] for name in simulated}
    return MarketPanel.from_series(panel, f"files:{directory}", until=until)


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
    series, coins, universe = (_read(directory, name) for name in _TABLES)
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
    _check_unique(universe, ["snapshot_date", "coin"], directory / "universe")
    _check_ranks(universe, directory)
    return series, coins, universe


def _read(directory: Path, name: str) -> pd.DataFrame:
    columns = _TABLES[name]
    path = directory / f"{name}.parquet"
    try:
        if path.exists():
            table = pd.read_parquet(path)
        else:
            path = directory / f"{name}.csv"
            # A coin may be called nan: only an empty cell is missing, and only in a number.
            text = {column: str for column, kind in columns.items() if kind != "number"}
            table = pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""])
    except FileNotFoundError as error:
        raise DataError(
            f"{directory}: neither {name}.parquet nor {name}.csv is there; "
            f"need series, coins and universe."
        ) from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    absent = [column for column in columns if column not in table.columns]
    if absent:
        raise DataError(f"{path}: column {absent[0]!r} is missing; need {', '.join(columns)}.")
    if table.empty:
        raise DataError(f"{path}: holds no row.")
    return pd.DataFrame({c: _column(table[c], kind, f"{path}: {c}") for c, kind in columns.items()})


def _column(values: pd.Series, kind: str, name: str) -> pd.Series:
    if kind == "text":
        if values.isna().any():
            raise DataError(f"{name}: must not be missing.")
        return values.astype(str)
    if kind == "number":
        if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
            raise DataError(f"{name}: must be numeric, got {values.dtype}.")
        return values.astype(np.float64)
    if pd.api.types.is_numeric_dtype(values):
        raise DataError(f"{name}: must be dates, got {values.dtype}.")
    try:
        days = pd.to_datetime(values, format="ISO8601")
    except (ValueError, TypeError) as error:
        raise DataError(f"{name}: must be dates such as 2025-12-10: {error}") from error
    if getattr(days.dtype, "tz", None) is not None:
        raise DataError(f"{name}: must carry no time zone, got {days.dtype}.")
    if days.isna().any() or (days != days.dt.normalize()).any():
        raise DataError(f"{name}: must be whole days, none missing.")
    return days.dt.as_unit("s")


def _check_coins(coins: pd.DataFrame, directory: Path) -> None:
    for column in ("close_usd", "close_btc"):
        bad = ~(np.isfinite(coins[column]) & (coins[column] > 0))
        if bad.any():
            row = coins[bad].iloc[0]
            raise DataError(
                f"{directory / 'coins'}: {row['coin']} on {row['date']:%Y-%m-%d}: "
                f"{column} must be finite and positive, got {row[column]:g}."
            )


def _observed(series: pd.DataFrame, directory: Path) -> dict[str, pd.Series]:
    _check_unique(series, ["date", "series"], directory / "series")
    ordered = series.sort_values(["series", "date"])
    return {str(name): rows.set_index("date")["value"] for name, rows in ordered.groupby("series")}


def _check_unique(rows: pd.DataFrame, key: list[str], name: Path) -> None:
    repeated = rows.duplicated(key)
    if repeated.any():
        day, label = rows.loc[repeated, key].iloc[0]
        raise DataError(f"{name}: {label} on {day:%Y-%m-%d}: two rows for one day.")


def _check_ranks(universe: pd.DataFrame, directory: Path) -> None:
    rank = universe["rank"]
    bad = ~((rank >= 1) & (rank == rank.round()))
    if bad.any():
        row = universe[bad].iloc[0]
        raise DataError(
            f"{directory / 'universe'}: {row['coin']} on {row['snapshot_date']:%Y-%m-%d}: "
            f"rank must be a whole number from 1 on, got {row['rank']:g}."
        )


def _check_positive(values: pd.Series, name: str) -> None:
    bad = ~(np.isfinite(values) & (values > 0))
    if bad.any():
        day = values.index[bad][0]
        raise DataError(
            f"{name} on {day:%Y-%m-%d}: must be finite and positive, got {values[bad].iloc[0]:g}."
        )


def _equity(observed: Mapping[str, pd.Series]) -> dict[str, pd.Series]:
    panel = {}
    for name, raw in (("russell2000", "russell2000_close"), ("sp500", "sp500_close")):
        if raw in observed:
            panel[name] = observed[raw]
    if "iwm_shares_outstanding" in observed and "iwm_nav" in observed:
        for raw in ("iwm_shares_outstanding", "iwm_nav"):
            _check_positive(observed[raw], raw)
        panel["iwm_flow"] = fund_flow(observed["iwm_shares_outstanding"], observed["iwm_nav"])
    return panel


def _crypto(
    observed: Mapping[str, pd.Series], coins: pd.DataFrame, universe: pd.DataFrame
) -> dict[str, pd.Series]:
    panel = {}
    bitcoin = coins[coins["coin"] == "bitcoin"].set_index("date").sort_index()
    ether = coins[coins["coin"] == "ethereum"].set_index("date").sort_index()
    if not bitcoin.empty:
        panel["bitcoin"] = bitcoin["close_usd"]
    if not ether.empty:
        panel["eth_btc"] = ether["close_btc"]
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
