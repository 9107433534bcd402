"""A season index that somebody else publishes: from a file, or from a public address."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from features.panel import DAY, DataError
from features.sources.bounded import check_size
from features.sources.columns import checked, shown
from features.sources.yahoo.client import fetch_json
from features.witness import REFERENCE_DAYS

# CoinMarketCap's index (top 100, 90 days), which its own page reads from here without a key.
ADDRESS = "https://api.coinmarketcap.com/data-api/v3/altcoin-season/chart"
NAME = "CoinMarketCap"
# An index of fifteen years has 100 kB.
MAX_BYTES = 50_000_000
# The days judged and those judged by, and some that may be missing.
_ASKED_DAYS = REFERENCE_DAYS + 60


def read_published(path: Path) -> pd.Series:
    """Read a published index from a file.

    Parameters
    ----------
    path : pathlib.Path
        CSV or Parquet with `date` and `value` (0-100), one row a day.

    Returns
    -------
    pandas.Series
        Percent by day, sorted.

    Raises
    ------
    DataError
        If it cannot be read, a column is missing or a value is none.
    """
    try:
        check_size(path, MAX_BYTES)
        if path.suffix == ".parquet":
            table = pd.read_parquet(path)
        else:
            table = pd.read_csv(path, dtype={"date": str}, keep_default_na=False, na_values=[""])
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    # Damaged Parquet ends in nearly any exception.
    except Exception as error:
        raise DataError(f"{path}: cannot be read: {shown(error)}") from error
    for column in ("date", "value"):
        if column not in table.columns:
            raise DataError(f"{path}: column {column!r} is missing; need date, value.")
    days = checked(table["date"], "day", f"{path}: date")
    values = checked(table["value"], "number", f"{path}: value")
    return _series(days, values, str(path))


def fetch_published(*, now: pd.Timestamp) -> pd.Series:
    """Fetch CoinMarketCap's index of the last year.

    Parameters
    ----------
    now : pandas.Timestamp
        Current instant, UTC; its running day is left out.

    Raises
    ------
    SourceUnavailable
        If it cannot be reached or refuses service.
    DataError
        If the answer is in another layout.
    """
    today = now.normalize()
    start, end = ((today - days * DAY).timestamp() for days in (_ASKED_DAYS, 0))
    answer = fetch_json(ADDRESS, {"start": int(start), "end": int(end)}, source=NAME)
    try:
        points = answer["data"]["points"]
        seconds = [int(point["timestamp"]) for point in points]
        values = pd.Series([float(point["altcoinIndex"]) for point in points], dtype=float)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{NAME}: the index came in an unknown layout ({type(error).__name__}: "
            f"{shown(error)}); use --published FILE."
        ) from error
    days = pd.Series(pd.to_datetime(seconds, unit="s").normalize().as_unit("s"))
    # The point of the running day is none of a day yet; of two of a day the last one counts.
    last = (days < today).to_numpy() & ~days.duplicated(keep="last").to_numpy()
    return _series(days[last], values[last], NAME)


def _series(days: pd.Series, values: pd.Series, name: str) -> pd.Series:
    if days.duplicated().any():
        raise DataError(f"{name}: {days[days.duplicated()].iloc[0]:%Y-%m-%d} stands twice.")
    bad = ~(np.isfinite(values) & values.between(0, 100))
    if bad.any():
        at, wrong = days[bad].iloc[0], values[bad].iloc[0]
        raise DataError(
            f"{name}: value on {at:%Y-%m-%d} must lie between 0 and 100, got {wrong:g}."
        )
    index = pd.DatetimeIndex(days, name="date")
    return pd.Series(values.to_numpy(dtype=float), index).sort_index()
