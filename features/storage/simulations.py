"""The path simulation of a directory's market, computed once and kept by its data's digest."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from platformdirs import user_cache_path

from features.market import season, simulation
from features.market.simulation import simulate
from features.storage.parquet import DamagedFile, read_table, set_aside, write_table

CACHE_VARIABLE = "ALTSEASON_CACHE_DIR"
FIRST_DAY = pd.Timestamp("2014-07-01")
STEP_DAYS = 7


def cache_directory() -> Path:
    """Return where computed tables are kept: $ALTSEASON_CACHE_DIR or the platform's place."""
    return Path(os.environ.get(CACHE_VARIABLE) or user_cache_path("altseason"))


def simulated_series(
    coins: pd.DataFrame,
    universe: pd.DataFrame,
    *,
    cache: Path,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> pd.DataFrame:
    """Simulate every seventh day from 2014-07-01 and the last day, or read it from the cache.

    Parameters
    ----------
    coins, universe : pandas.DataFrame
        As for `features.market.simulation.simulate`.
    cache : pathlib.Path
        Directory of computed tables; made if absent.
    jobs, progress
        As for `features.market.simulation.simulate`.

    Returns
    -------
    pandas.DataFrame
        From `features.market.simulation.simulate`.
    """
    path = cache / f"simulation-{_digest(coins, universe)}.parquet"
    kept = _kept(path)
    if kept is not None:
        return kept
    last = coins["date"].max()
    days = pd.date_range(FIRST_DAY, last, freq=f"{STEP_DAYS}D", unit="s").union([last])
    table = simulate(coins, universe, pd.DatetimeIndex(days), jobs=jobs, progress=progress)
    _keep(table, path)
    return table


def simulated_since(
    coins: pd.DataFrame,
    universe: pd.DataFrame,
    since: pd.Timestamp,
    last: pd.Timestamp,
    *,
    cache: Path,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> pd.DataFrame:
    """Simulate every seventh day after `since` and the last day, each kept on its own.

    A day is simulated again only if something changed on it or before it, so
    that a market that grows day by day costs one day at a time.

    Parameters
    ----------
    coins, universe : pandas.DataFrame
        As for `features.market.simulation.simulate`.
    since, last : pandas.Timestamp
        The days are after `since` and not after `last`.
    cache, jobs, progress
        As for `simulated_series`.

    Returns
    -------
    pandas.DataFrame
        From `features.market.simulation.simulate`; empty if no day can be simulated.
    """
    every = pd.date_range(FIRST_DAY, last, freq=f"{STEP_DAYS}D", unit="s").union([last])
    days = pd.DatetimeIndex(every[every > since])
    if days.empty:
        return pd.DataFrame()
    keys = _keys(coins, universe, days)
    path = cache / "simulation-live.parquet"
    held = _kept(path)
    kept = pd.DataFrame() if held is None else held[held.index.isin(keys)]
    wanted = pd.DatetimeIndex(keys.index[~keys.isin(kept.index)])
    if len(wanted):
        fresh = simulate(coins, universe, wanted, jobs=jobs, progress=progress)
        fresh = fresh.reindex(wanted)  # days that cannot be simulated are kept as such
        fresh.index = pd.Index(keys[wanted])
        kept = pd.concat([kept, fresh]) if len(kept) else fresh
        _keep(kept, path)
    table = kept.loc[keys].set_index(days.rename("date"))
    return table.dropna()


def _keys(coins: pd.DataFrame, universe: pd.DataFrame, days: pd.DatetimeIndex) -> pd.Series:
    """Return what identifies each day's simulation: everything on that day and before it."""
    sums = []
    for table, columns in _read_by_simulation(coins, universe):
        rows = pd.util.hash_pandas_object(table[columns], index=False)
        by_day = rows.groupby(table[columns[0]].to_numpy()).sum().cumsum()
        at = by_day.index.searchsorted(days, side="right") - 1
        sums.append(by_day.to_numpy()[at])
    code = _code(f"{coins['date'].min()}").hexdigest()[:16]
    return pd.Series(
        [f"{day:%Y-%m-%d}-{code}-{a:016x}{b:016x}" for day, a, b in zip(days, *sums, strict=True)],
        days,
    )


def _read_by_simulation(
    coins: pd.DataFrame, universe: pd.DataFrame
) -> tuple[tuple[pd.DataFrame, list[str]], ...]:
    return (
        (coins, ["date", "coin", "close_btc"]),
        (universe, ["snapshot_date", "rank", "coin", "market_cap_usd"]),
    )


def _kept(path: Path) -> pd.DataFrame | None:
    """Read a computed table; None if there is none, or if it is damaged and set aside."""
    try:
        return read_table(path)[0]
    except FileNotFoundError:
        return None
    except DamagedFile as error:
        warnings.warn(
            f"the kept simulation {path.name} is damaged ({error}); set aside as "
            f"{set_aside(path)} and computed again.",
            stacklevel=3,
        )
        return None


def _keep(table: pd.DataFrame, path: Path) -> None:
    """Write a computed table, whole or not at all; a full disk is a warning only."""
    try:
        write_table(path, table, {})
    except OSError as error:
        warnings.warn(f"the simulation cannot be kept in {path.parent}: {error}", stacklevel=3)


def _digest(coins: pd.DataFrame, universe: pd.DataFrame) -> str:
    """Digest what the simulation reads and how it is computed."""
    content = _code(f"{FIRST_DAY} {STEP_DAYS}")
    for table, columns in _read_by_simulation(coins, universe):
        content.update(pd.util.hash_pandas_object(table[columns], index=False).to_numpy().tobytes())
    return content.hexdigest()[:32]


def _code(days: str) -> hashlib._Hash:
    """Digest how the simulation is computed, and from which days on."""
    content = hashlib.sha256()
    for module in (simulation, season):
        content.update(Path(str(module.__file__)).read_bytes())
    content.update(days.encode())
    return content
