"""A season index that somebody else publishes, from a file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from features.sources.tables import PUBLISHED, check_rows, read_table


def read_published(path: Path) -> pd.Series:
    """Read a published index (percent by day) from a CSV or Parquet file with `date`, `value`."""
    return published_series(read_table(path, PUBLISHED), str(path))


def published_series(table: pd.DataFrame, source: str) -> pd.Series:
    """Return an index by day from columns `date`, `value`; DataError if it is no share a day."""
    check_rows(table, PUBLISHED, source)
    index = pd.DatetimeIndex(table["date"], name="date")
    return pd.Series(table["value"].to_numpy(), index).sort_index()
