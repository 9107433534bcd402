"""The path simulation of a directory's market, computed once and kept by its data's digest."""

from __future__ import annotations

import contextlib
import hashlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from platformdirs import user_cache_path

from features import season, simulation
from features.simulation import simulate

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
        As for `features.simulation.simulate`.
    cache : pathlib.Path
        Directory of computed tables; made if absent.
    jobs, progress
        As for `features.simulation.simulate`.

    Returns
    -------
    pandas.DataFrame
        From `features.simulation.simulate`.
    """
    path = cache / f"simulation-{_digest(coins, universe)}.parquet"
    try:
        table = pd.read_parquet(path)
        return table.set_index(pd.DatetimeIndex(table.index).as_unit("s"))
    except (OSError, ValueError):
        pass  # absent or damaged: computed again
    last = coins["date"].max()
    days = pd.date_range(FIRST_DAY, last, freq=f"{STEP_DAYS}D", unit="s").union([last])
    table = simulate(coins, universe, pd.DatetimeIndex(days), jobs=jobs, progress=progress)
    staged = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        table.to_parquet(staged)
        staged.replace(path)
    except OSError as error:
        warnings.warn(f"the simulation cannot be kept in {cache}: {error}", stacklevel=2)
        with contextlib.suppress(OSError):
            staged.unlink(missing_ok=True)
    return table


def _digest(coins: pd.DataFrame, universe: pd.DataFrame) -> str:
    """Digest what the simulation reads and how it is computed."""
    content = hashlib.sha256()
    for module in (simulation, season):
        content.update(Path(str(module.__file__)).read_bytes())
    content.update(f"{FIRST_DAY} {STEP_DAYS}".encode())
    for table, columns in (
        (coins, ["date", "coin", "close_btc"]),
        (universe, ["snapshot_date", "rank", "coin", "market_cap_usd"]),
    ):
        content.update(pd.util.hash_pandas_object(table[columns], index=False).to_numpy().tobytes())
    return content.hexdigest()[:32]
