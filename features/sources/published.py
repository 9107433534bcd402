"""A season index that somebody else publishes: from a file, or from a public address."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from features.panel import DAY, DataError
from features.sources.columns import shown
from features.sources.tables import PUBLISHED, check_rows, read_table
from features.sources.yahoo.client import fetch_json
from features.witness import REFERENCE_DAYS

# CoinMarketCap's index (top 100, 90 days), which its own page reads from here without a key.
ADDRESS = "https://api.coinmarketcap.com/data-api/v3/altcoin-season/chart"
NAME = "CoinMarketCap"
# The days judged and those judged by, and some that may be missing.
_ASKED_DAYS = REFERENCE_DAYS + 60


def read_published(path: Path) -> pd.Series:
    """Read a published index (percent by day) from a CSV or Parquet file with `date`, `value`."""
    return _series(read_table(path, PUBLISHED), str(path))


def fetch_published(*, now: pd.Timestamp) -> pd.Series:
    """Fetch CoinMarketCap's index of the last year, without the running day of the instant `now`.

    SourceUnavailable if it cannot be reached or refuses service, DataError if the answer is in
    another layout.
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
    # The running day has no value yet; of two points of a day the last one counts.
    last = (days < today) & ~days.duplicated(keep="last")
    return _series(pd.DataFrame({"date": days, "value": values})[last], NAME)


def _series(table: pd.DataFrame, source: str) -> pd.Series:
    check_rows(table, PUBLISHED, source)
    index = pd.DatetimeIndex(table["date"], name="date")
    return pd.Series(table["value"].to_numpy(), index).sort_index()
