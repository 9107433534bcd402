"""Season indices of any window and top, from a directory of market history."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from features.market.index_definition import IndexDefinition, IndexSeries, index_series
from features.market.season import Prices
from features.sources.files import checked_tables


def load_index_series(
    directory: Path, definitions: Iterable[IndexDefinition], *, until: pd.Timestamp | None = None
) -> dict[IndexDefinition, IndexSeries]:
    """Compute season index and carried breadth of several definitions from one reading.

    Parameters
    ----------
    directory, until
        As for `features.sources.files.load_files`.
    definitions : iterable of IndexDefinition
        Windows and numbers of coins.

    Raises
    ------
    DataError
        If a table is missing, unreadable or breaks a rule.
    """
    tables = checked_tables(directory, until=until)
    prices = Prices(tables.coins)
    return {each: index_series(prices, tables.universe, each) for each in definitions}
