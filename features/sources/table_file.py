"""One table of market history in a file: Parquet or CSV as people have them, by its columns."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow.parquet as pq

from features.panel import DataError
from features.sources.bounded import check_size, is_gzip
from features.sources.columns import checked, shown
from features.sources.numerals import has_decimal_comma, with_point

# The real history of every coin since 2013 is 75 MB of CSV, and a million rows.
MAX_BYTES = 500_000_000
MAX_ROWS = 10_000_000

_DELIMITERS = ",;\t|"
_HEAD = 65_536
_UNNAMED = re.compile(r"(unnamed: ?\d+(\.\d+)?|index|level_\d+)?", re.IGNORECASE)


def read_table_file(path: Path, columns: Mapping[str, str], beside: str | None) -> pd.DataFrame:
    """Read the columns of a table as they stand in its file, under the names that are needed.

    Parameters
    ----------
    path : pathlib.Path
        Parquet, or CSV (commas, semicolons, tabs or bars; decimal point or comma), packed
        with gzip or not.
    columns : mapping of str to str
        What each needed column holds: text, number or day.
    beside : str, optional
        A further column, if the table has it.

    Returns
    -------
    pandas.DataFrame
        The needed columns, not yet checked, and `beside`.

    Raises
    ------
    DataError
        If it is too large, unreadable, or a column is missing or stands twice.
    """
    parquet = path.suffix == ".parquet"
    try:
        table = _parquet(path) if parquet else _csv(path, columns)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: cannot be read: it is not UTF-8 text.") from error
    # Damaged Parquet ends in nearly any exception.
    except Exception as error:
        raise DataError(f"{path}: cannot be read: {shown(error)}") from error
    if table.empty:
        needed(table, columns, path)
        raise DataError(f"{path}: holds no row.")
    found = needed(table, columns, path)
    chosen = {name: table.iloc[:, at] for name, at in found.items()}
    others = [at for at, heading in enumerate(table.columns) if heading_of(heading) == beside]
    if beside is not None and others:
        chosen[beside] = table.iloc[:, others[0]]
    return pd.DataFrame(chosen).reset_index(drop=True)


def heading_of(heading: object) -> str:
    r"""Return a column's heading without what does not tell it from another.

    Examples
    --------
    >>> heading_of("\ufeffClose USD "), heading_of("Date")
    ('close_usd', 'date')
    """
    return "_".join(str(heading).strip("\ufeff \t").lower().replace("-", " ").split())


def needed(table: pd.DataFrame, columns: Mapping[str, str], path: Path) -> dict[str, int]:
    """Return where each needed column stands.

    Raises
    ------
    DataError
        If one is missing, stands twice or could be more than one.
    """
    headings = [heading_of(heading) for heading in table.columns]
    found: dict[str, int] = {}
    for name, kind in columns.items():
        places = [at for at, heading in enumerate(headings) if heading == name]
        # Of two columns of one name pandas renames the second of a CSV.
        if f"{name}.1" in headings:
            raise DataError(f"{path}: column {name!r} stands twice.")
        if not places and kind == "day":
            places = [at for at in _unnamed(table) if _holds_days(table.iloc[:, at])]
        if not places:
            raise DataError(
                f"{path}: column {name!r} is missing; need {', '.join(columns)}; it has "
                f"{shown(', '.join(map(repr, map(str, table.columns))))}."
            )
        if len(places) > 1:
            names = [str(table.columns[at]) for at in places]
            if len(set(names)) == 1 and names[0] == name:
                raise DataError(f"{path}: column {name!r} stands twice.")
            told = " and ".join(map(repr, names))
            raise DataError(
                f"{path}: columns {told} could each be {name!r}; remove or rename all but one."
            )
        found[name] = places[0]
    return found


def _unnamed(table: pd.DataFrame) -> list[int]:
    return [at for at, name in enumerate(table.columns) if _UNNAMED.fullmatch(str(name).strip())]


def _holds_days(values: pd.Series) -> bool:
    """Tell whether a column without a name holds days, and not the numbers of its rows."""
    if pd.api.types.is_numeric_dtype(values):
        return False
    try:
        checked(values, "day", "")
    except DataError as error:
        # Days that are not clear are days all the same: the message comes when they are read.
        return "which can be" in str(error) or "whole days, got" in str(error)
    return True


def _with_index(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with what its index holds as its first columns."""
    if isinstance(table.index, pd.RangeIndex) and table.index.name is None:
        return table
    levels = table.index.to_frame(index=False)
    levels.columns = pd.Index(["" if name is None else name for name in table.index.names])
    return pd.concat([levels, table.reset_index(drop=True)], axis=1)


def _parquet(path: Path) -> pd.DataFrame:
    facts = pq.ParquetFile(path).metadata
    size = sum(facts.row_group(at).total_byte_size for at in range(facts.num_row_groups))
    # What a file says of itself may be wrong, but then it is damaged.
    if facts.num_rows > MAX_ROWS or size > MAX_BYTES:
        raise DataError(
            f"holds {facts.num_rows} rows and {size // 10**6} MB; at most {MAX_ROWS} rows and "
            f"{MAX_BYTES // 10**6} MB are read."
        )
    return _with_index(pd.read_parquet(path))


def _csv(path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    check_size(path, MAX_BYTES)
    packed: Literal["gzip"] | None = "gzip" if is_gzip(path) else None
    delimiter, headings = _header(path, packed, columns)
    # A coin may be called nan: only an empty cell is missing, and only in a number. A first column
    # without heading may hold the days.
    kinds = {heading: columns.get(heading_of(heading), "") for heading in headings}
    text = {name: str for name, kind in kinds.items() if kind in ("text", "day")}

    def read(dtype: Mapping[str, type]) -> pd.DataFrame:
        return _with_index(
            pd.read_csv(
                path, sep=delimiter, dtype=dict(dtype), keep_default_na=False, na_values=[""],
                compression=packed,
            )
        )  # fmt: skip

    table = read(text)
    numbers = [name for name, kind in kinds.items() if kind == "number" and name in table]
    if all(pd.api.types.is_numeric_dtype(table[name]) for name in numbers):
        return table
    written = read({**text, **dict.fromkeys(numbers, str)})
    return _with_numbers(table, written, numbers)


def _with_numbers(
    table: pd.DataFrame, written: pd.DataFrame, numbers: Sequence[str]
) -> pd.DataFrame:
    """Return a table with its numbers, which are not written as a program writes them."""
    cells = {name: written[name].str.strip() for name in numbers}
    unique = {name: pd.unique(values.dropna()) for name, values in cells.items()}
    comma = has_decimal_comma(text for texts in unique.values() for text in texts)
    for name, values in cells.items():
        plain = {text: with_point(text, decimal_comma=comma) for text in unique[name]}
        try:
            table[name] = pd.to_numeric(values.map(plain, na_action="ignore").replace("", None))
        # What is no number is named by the check of its column.
        except (ValueError, TypeError):
            continue
    return table


def _header(path: Path, packed: str | None, columns: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return the delimiter that gives most of the needed columns, and the headings."""
    opened = gzip.open if packed else open
    with opened(path, "rb") as file:
        line = file.readline(_HEAD).decode("utf-8-sig", errors="replace").strip("\r\n")
    best = (",", next(csv.reader([line]), []))
    for delimiter in _DELIMITERS:
        headings = next(csv.reader([line], delimiter=delimiter), [])
        if _known(headings, columns) > _known(best[1], columns):
            best = (delimiter, headings)
    return best


def _known(headings: Sequence[str], columns: Mapping[str, str]) -> int:
    return len({heading_of(heading) for heading in headings} & set(columns))
