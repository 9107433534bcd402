"""Season indices of any window and top, from a directory of market history."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from features.market.market import Market
from features.market.season import IndexDefinition, IndexSeries, index_series
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
    market = Market.from_tables(tables.coins, tables.universe)
    return {each: index_series(market, each) for each in definitions}
