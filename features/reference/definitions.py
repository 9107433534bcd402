"""The embedded season indices of other windows and tops than the default's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.market.season import OTHERS, IndexDefinition, IndexSeries
from features.panel import DataError
from features.reference.load import CARD_FILE, DIRECTORY
from features.storage.atomic import staged

DEFINITIONS_FILE = "definitions.parquet"
CARD_KEY = "definitions"


def load_definitions(directory: Path = DIRECTORY) -> dict[IndexDefinition, IndexSeries]:
    """Read the season index and carried breadth of every embedded window and top but the default.

    Parameters
    ----------
    directory : pathlib.Path
        Holds the table and the data card; by default the package's own.

    Returns
    -------
    dict of IndexDefinition to dict of str to pandas.Series
        Percent (0-100) by observation day, by series name.

    Raises
    ------
    DataError
        If a file is missing or damaged, or the content is not what the card says.

    Examples
    --------
    >>> list(load_definitions()[IndexDefinition(30, 20)])
    ['season_index']
    """
    try:
        table = pd.read_parquet(directory / DEFINITIONS_FILE)
        promised = json.loads((directory / CARD_FILE).read_text())[CARD_KEY]["digest"]
        found = {
            each: {name: _column(table[column(name, each)], name) for name in each.series}
            for each in OTHERS
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{directory}: the embedded indices cannot be read: {error}") from error
    if (digest := digest_of(found)) != promised:
        raise DataError(
            f"{directory}: the embedded indices have digest {digest[:12]}, "
            f"their card says {promised[:12]}; install the package again."
        )
    return found


def write_definitions(found: Mapping[IndexDefinition, IndexSeries], directory: Path) -> None:
    """Write the indices as one table, a column each: whole or not at all."""
    table = pd.DataFrame(
        {
            column(name, each): values
            for each, series in found.items()
            for name, values in series.items()
        }
    ).rename_axis("date")
    # Shares of so many coins take few values: Parquet's dictionaries make them small.
    with staged(directory / DEFINITIONS_FILE) as beside:
        pq.write_table(
            pa.Table.from_pandas(table), beside, compression="zstd", compression_level=19
        )


def definitions_card(found: Mapping[IndexDefinition, IndexSeries]) -> dict[str, object]:
    """Describe the indices for the data card."""
    return {
        "meaning": "season index and carried breadth of other windows and tops than the default's",
        "unit": "%",
        "known": "end of the day",
        "digest": digest_of(found),
        "columns": {
            column(name, each): {
                "first_day": f"{values.index[0]:%Y-%m-%d}",
                "last_day": f"{values.index[-1]:%Y-%m-%d}",
                "rows": len(values),
            }
            for each, series in found.items()
            for name, values in series.items()
            if len(values)
        },
    }


def column(name: str, definition: IndexDefinition) -> str:
    """Return what a series of a definition is called in the table.

    Examples
    --------
    >>> column("season_index", IndexDefinition(60, 20))
    'season_index_60d_top20'
    """
    return f"{name}_{definition.window_days}d_top{definition.top}"


def digest_of(found: Mapping[IndexDefinition, IndexSeries]) -> str:
    """SHA-256 of the content: names, days and values."""
    content = hashlib.sha256()
    for each, series in sorted(found.items()):
        for name, values in sorted(series.items()):
            content.update(f"{column(name, each)}:{len(values)}\n".encode())
            content.update(values.index.to_numpy().astype("<M8[s]").tobytes())
            content.update(values.to_numpy().astype("<f8").tobytes())
    return content.hexdigest()


def _column(values: pd.Series, name: str) -> pd.Series:
    known = values.dropna().rename(name)
    known.index = pd.DatetimeIndex(known.index).as_unit("s")
    return known
