"""A table of a directory in the form it is kept in: every column, every cell as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from features.panel import DataError
from features.sources.bounded import is_gzip
from features.sources.columns import shown


def read_raw(path: Path) -> pa.Table:
    """Read a table without interpreting it: Parquet in its types, CSV as text."""
    if path.suffix == ".parquet":
        return pq.read_table(path).replace_schema_metadata()
    packed: Literal["gzip"] | None = "gzip" if is_gzip(path) else None
    cells = pd.read_csv(path, dtype=str, keep_default_na=False, compression=packed)
    return pa.Table.from_pandas(cells, preserve_index=False).replace_schema_metadata()


def write_raw(table: pa.Table, path: Path) -> None:
    """Write a table from `read_raw` in the form that the name says."""
    if path.suffix == ".parquet":
        pq.write_table(table, path, compression="zstd")
    else:
        # The same rows make the same file: gzip would write the hour into it.
        packed: dict[str, Any] | None = (
            {"method": "gzip", "mtime": 1} if path.suffix == ".gz" else None
        )
        table.to_pandas().to_csv(path, index=False, lineterminator="\n", compression=packed)


def in_form_of(
    table: pa.Table, rows: pd.DataFrame, kinds: Mapping[str, str], path: Path
) -> pa.Table:
    """Return rows as a table of the same form would hold them.

    Parameters
    ----------
    table : pyarrow.Table
        From `read_raw` of `path`.
    rows : pandas.DataFrame
        Columns in the types of `features.sources.columns.checked`, and others;
        a column of the table that they lack stays empty.
    kinds : mapping of str to str
        What each checked column holds: text, number or day.
    path : pathlib.Path
        The table's file; its ending tells the form.

    Raises
    ------
    DataError
        If a column of the table cannot hold the values.
    """
    csv = path.suffix != ".parquet"
    columns = []
    for field in table.schema:
        kind = kinds.get(field.name, "other")
        if field.name not in rows:
            cells = pa.array([""] * len(rows)) if csv else pa.nulls(len(rows))
        elif csv:
            cells = pa.array([_cell(value, kind) for value in rows[field.name]], pa.string())
        else:
            cells = pa.array(rows[field.name], from_pandas=True)
        try:
            columns.append(cells.cast(field.type))
        except pa.ArrowException as error:
            raise DataError(
                f"{path}: column {field.name!r} ({field.type}) cannot hold the rows to add: "
                f"{shown(error)}"
            ) from error
    return pa.table(columns, schema=table.schema)


def _cell(value: object, kind: str) -> str:
    if value is None or value is pd.NaT or value != value:
        return ""
    if kind == "day":
        return f"{value:%Y-%m-%d}"
    # The shortest text that reads as the same number.
    return (
        np.format_float_positional(float(str(value)), trim="-") if kind == "number" else str(value)
    )
