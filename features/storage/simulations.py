"""Path simulations of the markets on this machine, each day computed once and kept."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from platformdirs import user_cache_path

from features.market import market as market_module
from features.market import paths, season
from features.market.market import Market
from features.market.paths import simulate
from features.panel import DAY
from features.storage.atomic import locked
from features.storage.parquet import kept_table, write_table

CACHE_VARIABLE = "ALTSEASON_CACHE_DIR"
FIRST_DAY = pd.Timestamp("2014-07-01")
STEP_DAYS = 7
# Some fifteen whole histories of 2014 to 2026, and two megabytes. The days that were computed or
# added to longest ago fall out: a few directories in turn never displace each other, and the days
# of data that were revised since, or of directories that are gone, do not pile up.
KEPT_DAYS = 10_000


def cache_directory() -> Path:
    """Return where computed tables are kept: $ALTSEASON_CACHE_DIR or the platform's place."""
    return Path(os.environ.get(CACHE_VARIABLE) or user_cache_path("altseason"))


def simulated_series(
    market: Market,
    *,
    since: pd.Timestamp | None = None,
    until: pd.Timestamp | None = None,
    cache: Path,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> pd.DataFrame:
    """Return the simulated series of every seventh day from 2014-07-01 and of the last day.

    Each day is kept on its own and simulated again only if something changed on it or before it,
    so that a market that grows day by day costs one day at a time. Only days after `since` and not
    after `until` are given; `jobs` and `progress` are those of `simulate`, of the days not kept.
    """
    days = _days(market.days[-1], since, until)
    if days.empty:
        return pd.DataFrame()
    keys = _keys(market, days)
    path = cache / f"simulations-{_code().hexdigest()[:16]}.parquet"
    held = kept_table(path)
    table = pd.DataFrame() if held is None else held[held.index.isin(keys)]
    wanted = pd.DatetimeIndex(days[~keys.isin(table.index)])
    if len(wanted):
        fresh = simulate(market, wanted, jobs=jobs, progress=progress)
        fresh = fresh.reindex(wanted)  # days that cannot be simulated are kept as such
        fresh.index = pd.Index(keys[wanted])
        table = pd.concat([table, fresh]) if len(table) else fresh
        _keep(table, path)
    return table.loc[keys].set_index(days).dropna()


def _days(
    last: pd.Timestamp, since: pd.Timestamp | None, until: pd.Timestamp | None
) -> pd.DatetimeIndex:
    days = pd.date_range(FIRST_DAY, last, freq=f"{STEP_DAYS}D", unit="s", name="date")
    days = days.union(pd.DatetimeIndex([last], name="date"))
    # The simulation of `since` is there already: strict. `until` is asked for: not strict.
    after = days > (FIRST_DAY - DAY if since is None else since)
    return days[after & (days <= (last if until is None else until))]


def _keys(market: Market, days: pd.DatetimeIndex) -> pd.Series:
    """Return what identifies each day's simulation: everything on that day and before it."""
    sums = []
    for table, columns in _read_by_simulation(market):
        rows = pd.util.hash_pandas_object(table[columns], index=False)
        by_day = rows.groupby(table[columns[0]].to_numpy()).sum().cumsum()
        # Rows of the day itself are known at its end: side="right". Before the first is nothing: 0.
        before = by_day.index.searchsorted(days, side="right")
        sums.append(np.append(np.uint64(0), by_day.to_numpy())[before])
    # The draws are counted from the first coin day.
    first = market.days[0]
    return pd.Series(
        [f"{day:%Y-%m-%d}-{first:%Y%m%d}-{a:016x}{b:016x}"
         for day, a, b in zip(days, *sums, strict=True)], days,
    )  # fmt: skip


def _read_by_simulation(market: Market) -> tuple[tuple[pd.DataFrame, list[str]], ...]:
    row, column = np.nonzero(np.isfinite(market.btc))
    closes = pd.DataFrame(
        {
            "date": market.days[row],
            "coin": pd.Categorical.from_codes(column, market.coins),
            "close_btc": market.btc[row, column],
        }
    )
    return (
        (closes, ["date", "coin", "close_btc"]),
        (market.universe, ["snapshot_date", "rank", "coin", "market_cap_usd"]),
    )


def _keep(table: pd.DataFrame, path: Path) -> None:
    """Add days to what is kept, as the newest ones; a full disk is a warning only."""
    try:
        with locked(path):
            held = kept_table(path)  # another process may have added some meanwhile
            if held is not None:
                table = pd.concat([held[~held.index.isin(table.index)], table])
            write_table(path, table.tail(KEPT_DAYS), {})
    except OSError as error:
        warnings.warn(f"the simulation cannot be kept in {path.parent}: {error}", stacklevel=3)


def _code() -> hashlib._Hash:
    """Digest how a day is simulated: what it draws from, and what the index takes from it."""
    content = hashlib.sha256()
    for module in (market_module, paths):
        content.update(Path(str(module.__file__)).read_bytes())
    content.update(f"{season.MIN_COVERAGE} {season.TOP} {season.WINDOW_DAYS}".encode())
    return content
