"""Tables of market history: columns, types and rules of each by one schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.panel import DataError
from features.sources.cells import Cells, read_cells
from features.sources.columns import (
    EARLIEST,
    LARGEST,
    BadValue,
    day_column,
    has_decimal_comma,
    shown,
    with_point,
)

# Names are taken in small letters, text as it is written; numbers may be missing.
Kind = Literal["name", "text", "number", "day"]
Test = Callable[[pd.Series], pd.Series]

# Bitcoin's first day: no coin is older, and every day since has its place in memory.
FIRST_COIN_DAY = pd.Timestamp("2009-01-03")


@dataclass(frozen=True)
class Schema:
    """What a table holds: its columns, what names a row, and the rules of its values."""

    columns: Mapping[str, Kind]
    key: tuple[str, ...]  # names a row; its last column is the day
    rules: Mapping[str, tuple[Test, str]]  # by column: what holds for a good value, and as words
    first_day: pd.Timestamp = EARLIEST
    beside: str | None = None  # a further column, as text, if the table has it


def _positive(values: pd.Series) -> pd.Series:
    # Smaller ones are no prices, and ratios to them are no numbers.
    return values.between(1 / LARGEST, LARGEST)


_CLOSE = (_positive, f"must be finite and positive, from {1 / LARGEST:g} to {LARGEST:g}")
_CAP = (
    lambda values: values.isna() | _positive(values),
    "must be finite and positive, or missing",
)
_RANK = (
    lambda values: (values >= 1) & (values == values.round()) & (values <= LARGEST),
    "must be a whole number from 1 on",
)
_ANY = (
    lambda values: ~np.isfinite(values) | values.between(-LARGEST, LARGEST),
    f"must lie within {LARGEST:g}",
)

SERIES = Schema(
    {"series": "name", "date": "day", "value": "number"}, ("series", "date"), {"value": _ANY}
)
COINS = Schema(
    {"date": "day", "coin": "name", "close_usd": "number", "close_btc": "number",
     "market_cap_usd": "number"},
    ("coin", "date"),
    {"close_usd": _CLOSE, "close_btc": _CLOSE, "market_cap_usd": _CAP},
    first_day=FIRST_COIN_DAY,
)  # fmt: skip
UNIVERSE = Schema(
    {"snapshot_date": "day", "rank": "number", "coin": "name", "market_cap_usd": "number"},
    ("coin", "snapshot_date"),
    {"rank": _RANK, "market_cap_usd": _CAP},
    first_day=FIRST_COIN_DAY,
    # A symbol helps to recognise what is no altcoin; nothing rests on it alone.
    beside="symbol",
)
RANKS = Schema(
    {"snapshot_date": "day", "rank": "number", "ticker": "text"},
    ("ticker", "snapshot_date"),
    {"rank": _RANK},
    first_day=FIRST_COIN_DAY,
)
PUBLISHED = Schema(
    {"date": "day", "value": "number"},
    ("date",),
    {"value": (lambda values: values.between(0, 100), "must lie between 0 and 100")},
)


def read_table(path: Path, schema: Schema, *, until: pd.Timestamp | None = None) -> pd.DataFrame:
    """Return a table in the types of its schema, its rows in their order.

    DataError names the file, the row (the first below the headings is row 1), the day, the value
    and the rule that it breaks. `until` is the last day that a row may carry.
    """
    try:
        cells = read_cells(path, [*schema.columns], day=schema.key[-1], beside=schema.beside)
        table = _typed(cells, schema)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    # Damaged Parquet ends in nearly any exception.
    except Exception as error:
        raise DataError(f"{path}: cannot be read: {shown(error)}.") from error
    check_rows(table, schema, str(path), until=until)
    return table


def read_joined(
    paths: Sequence[Path], schema: Schema, *, until: pd.Timestamp | None = None
) -> pd.DataFrame:
    """Return the table whose rows stand in several files, a row that is in two of them once.

    Rows that contradict each other raise DataError with both files, the day and both values.
    """
    tables = [read_table(path, schema, until=until) for path in paths]
    if len(tables) == 1:
        return tables[0]
    rows = pd.concat(tables, keys=[str(path) for path in paths], names=["file", "row"])
    key, again = list(schema.key), rows.duplicated(list(schema.key))
    first = rows[~again].reset_index("file")
    both = rows[again].reset_index().merge(first.reset_index(), on=key, suffixes=("", "_first"))
    for column in [name for name in schema.columns if name not in key]:
        one, two = both[column], both[f"{column}_first"]
        for at in both.index[(one != two) & ~(one.isna() & two.isna())][:1]:
            raise DataError(
                f"{both['file'][at]}: row {both['row'][at] + 1}: {_named(both, schema, at)}: "
                f"{column} is {one[at]:.17g}, but {two[at]:.17g} in {both['file_first'][at]}: row "
                f"{both['row_first'][at] + 1}; correct or remove one of the rows."
            )
    _check_ranks(first, schema, "")
    # What is read does not depend on the file that a row stands in.
    return first.drop(columns="file").sort_values(key, ignore_index=True)


# --- from cells to values ------------------------------------------------------------------------


def _typed(cells: Cells, schema: Schema) -> pd.DataFrame:
    if not len(cells[schema.key[-1]]):
        raise DataError("holds no row.")
    numbers = {name: cells[name] for name in cells if schema.columns.get(name) == "number"}
    texts = {name: _stripped(column) for name, column in numbers.items() if _is_text(column)}
    try:
        comma = _decimal_comma([*texts.values()])
    except BadValue as error:
        raise _located(error, [*texts], cells, schema) from error
    table = {}
    for name, column in cells.items():
        try:
            if name in texts:
                table[name] = _parsed(texts[name], decimal_comma=comma)
            elif name in numbers:
                table[name] = _numeric(column.to_pandas())
            elif name == schema.key[-1]:
                table[name] = day_column(column.to_pandas())
            else:
                table[name] = _text(column.to_pandas(), schema.columns.get(name))
        except BadValue as error:
            raise _located(error, [name], cells, schema) from error
    return pd.DataFrame(table)


def _text(values: pd.Series, kind: Kind | None) -> pd.Series:
    codes, unique = pd.factorize(values)
    text = pd.Series(list(map(str, unique)), dtype="str")
    if kind is None:
        return values.astype("str").fillna("")
    stripped = text.str.strip()
    if (codes < 0).any() or (stripped == "").any():
        value = None if (codes < 0).any() else text[stripped == ""].iloc[0]
        raise BadValue("must not be missing", value)
    return (stripped.str.lower() if kind == "name" else stripped).take(codes).reset_index(drop=True)


def _numeric(values: pd.Series) -> pd.Series:
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        raise BadValue(f"must be numeric, got {values.iloc[0]!r}", values.iloc[0])
    return values.astype(np.float64)


def _is_text(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


def _stripped(column: pa.ChunkedArray) -> pa.ChunkedArray:
    text = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.equal(text, ""), None, text)


def _decimal_comma(columns: Sequence[pa.ChunkedArray]) -> bool | None:
    """Return whether numbers that stand as text have a decimal comma, None if all are plain."""
    try:
        for column in columns:
            column.cast(pa.float64())
    except pa.ArrowInvalid:
        return has_decimal_comma(
            text for column in columns for text in pc.unique(column).drop_null().to_pylist()
        )
    return None


def _parsed(texts: pa.ChunkedArray, *, decimal_comma: bool | None) -> pd.Series:
    if decimal_comma is None:
        return texts.cast(pa.float64()).to_pandas()
    codes, unique = pd.factorize(texts.to_pandas())
    numbers = np.full(len(unique) + 1, np.nan)  # the last one is what is missing
    for at, text in enumerate(unique):
        try:
            # Not every text that Python reads as a number is one here: 1_000.
            numbers[at] = float(with_point(text, decimal_comma=decimal_comma).replace("_", "?"))
        except ValueError as error:
            raise BadValue(f"must be numeric, got {shown(text)!r}", text) from error
    return pd.Series(numbers[codes])


def _located(error: BadValue, columns: Sequence[str], cells: Cells, schema: Schema) -> DataError:
    """Return the error with the column and row of its value and what names the row, as written."""
    for column in columns:
        values = cells[column].to_pandas()
        text = values.astype("str").str.strip()
        bad = values.isna() if error.value is None else text == str(error.value).strip()
        if bad.any():
            at = int(bad.to_numpy().argmax())
            label = " on ".join(shown(cells[name][at]) for name in schema.key)
            return DataError(f"row {at + 1}: {label}: {column} {error}")
    return DataError(f"{' and '.join(columns)} {error}")


# --- rules ---------------------------------------------------------------------------------------


def check_rows(
    table: pd.DataFrame, schema: Schema, source: str, *, until: pd.Timestamp | None = None
) -> None:
    """Refuse a typed table that breaks a rule of its schema; its index counts the rows from 0."""
    day, last = table[schema.key[-1]], until if until is not None else pd.Timestamp.max
    for column, (holds, rule) in schema.rules.items():
        _require(holds(table[column]), table, schema, source, column, rule)
    for good, rule in (
        (day >= schema.first_day, f"must not be before {schema.first_day:%Y-%m-%d}"),
        (day <= last, f"must not be later than {last:%Y-%m-%d}"),
        (~table.duplicated(list(schema.key)), "must not stand in two rows of it"),
    ):
        _require(good, table, schema, source, str(day.name), rule)
    _check_ranks(table, schema, source)


def _check_ranks(table: pd.DataFrame, schema: Schema, source: str) -> None:
    if "rank" in schema.columns:
        free = ~table.duplicated([schema.key[-1], "rank"])
        _require(free, table, schema, source, "rank", "must not stand in two rows of a day")


def _require(
    good: pd.Series, table: pd.DataFrame, schema: Schema, source: str, column: str, rule: str
) -> None:
    if good.all():
        return
    at = int((~good).to_numpy().argmax())
    value = table[column].iloc[at]
    got = f"{value:%Y-%m-%d}" if column == schema.key[-1] else f"{value:g}"
    where = f"{table['file'].iloc[at] if 'file' in table else source}: row {table.index[at] + 1}"
    raise DataError(
        f"{where}: {_named(table, schema, at)}: {column} {rule}, got {got}; correct it or "
        "remove the row."
    )


def _named(table: pd.DataFrame, schema: Schema, at: int) -> str:
    """Return what names a row: bitcoin on 2025-12-10."""
    *label, day = (table[column].iloc[at] for column in schema.key)
    return " on ".join([*map(shown, label), f"{day:%Y-%m-%d}"])


# --- an index that somebody else publishes -------------------------------------------------------


def read_published(path: Path) -> pd.Series:
    """Read a published index (percent by day) from a CSV or Parquet file with `date`, `value`."""
    return published_series(read_table(path, PUBLISHED), str(path))


def published_series(table: pd.DataFrame, source: str) -> pd.Series:
    """Return an index by day from columns `date`, `value`; DataError if it is no share a day."""
    check_rows(table, PUBLISHED, source)
    index = pd.DatetimeIndex(table["date"], name="date")
    return pd.Series(table["value"].to_numpy(), index).sort_index()
