"""Cells of a table in a file, Parquet or CSV, as written: bounded, and by their columns."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from features.panel import DataError
from features.sources.columns import BadValue, day_column, shown

# The real history of every coin since 2013 is 75 MB of CSV, and a million rows.
MAX_BYTES = 500_000_000
MAX_ROWS = 10_000_000

Cells = dict[str, pa.ChunkedArray]

_HEAD = 65_536
_CHUNK = 1 << 20
_UNNAMED = re.compile(
    r"(unnamed: ?\d+(\.\d+)?|index|level_\d+|__index_level_\d+__)?", re.IGNORECASE
)


def read_cells(path: Path, needed: Sequence[str], *, day: str, beside: str | None = None) -> Cells:
    """Return the needed columns of a file, and one beside them if it is there.

    Of these `day` may stand in an index or in a column without a heading. Headings are taken in
    small letters, blanks and hyphens as underscores. Numbers of a CSV are text.
    """
    if path.exists() and not path.is_file():
        raise DataError("cannot be read: it is no file.")  # a device or a pipe may have no end
    read = _parquet if path.suffix == ".parquet" else _csv
    headings, columns = read(path, needed)
    plain = [_heading(heading) for heading in headings]
    found: dict[str, int] = {}
    for name in [*needed, *([beside] if beside else [])]:
        places = [at for at, heading in enumerate(plain) if heading == name]
        if not places and name == day:
            unnamed = [at for at, text in enumerate(headings) if _UNNAMED.fullmatch(text.strip())]
            places = [at for at in unnamed if _holds_days(columns([at])[0])]
        if len(places) > 1:
            raise DataError(
                f"columns {' and '.join(repr(headings[at]) for at in places)} could each be "
                f"{name!r}; remove or rename all but one."
            )
        if places:
            found[name] = places[0]
        elif name in needed:
            raise DataError(
                f"column {name!r} is missing; need {', '.join(needed)}; it has "
                f"{shown(', '.join(map(repr, headings)))}."
            )
    return dict(zip(found, columns(list(found.values())), strict=True))


def read_content(path: Path, limit: int) -> bytes:
    """Return what a file holds, unpacked if it is gzip; DataError if that is more than a limit."""
    if path.exists() and not path.is_file():
        raise DataError("cannot be read: it is no file.")
    if path.stat().st_size > limit:
        raise DataError(f"is larger than {limit // 10**6} MB, the most that is read.")
    content = path.read_bytes()
    if not content.startswith(b"\x1f\x8b"):
        return content
    unpacked = bytearray()
    try:
        # In pieces: what a gzip file says of its own size may be wrong.
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            # Not strict: a file of exactly the limit is read.
            while len(unpacked) <= limit and (piece := stream.read(_CHUNK)):
                unpacked += piece
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"is damaged gzip: {error}") from error
    if len(unpacked) > limit:
        raise DataError(f"unpacks to more than {limit // 10**6} MB, the most that is read.")
    return bytes(unpacked)


# --- a file: its headings, and how to read columns by their places -------------------------------

_File = tuple[list[str], Callable[[Sequence[int]], list[pa.ChunkedArray]]]


def _parquet(path: Path, needed: Sequence[str]) -> _File:
    file = pq.ParquetFile(path)
    facts = file.metadata
    size = sum(facts.row_group(at).total_byte_size for at in range(facts.num_row_groups))
    # What a file says of itself may be wrong, but then it is damaged.
    if facts.num_rows > MAX_ROWS or size > MAX_BYTES:
        raise DataError(
            f"holds {facts.num_rows} rows and {size // 10**6} MB; at most {MAX_ROWS} rows and "
            f"{MAX_BYTES // 10**6} MB are read."
        )
    headings = file.schema_arrow.names

    def columns(places: Sequence[int]) -> list[pa.ChunkedArray]:
        names = [headings[at] for at in places]
        table = file.read(columns=names)
        return [table.column(name) for name in names]

    return headings, columns


def _csv(path: Path, needed: Sequence[str]) -> _File:
    content = read_content(path, MAX_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    head = io.StringIO(content[:_HEAD].decode("utf-8", errors="replace"), newline="")
    rows = {}
    for delimiter in ",;\t|":
        head.seek(0)
        rows[delimiter] = [*islice(csv.reader(head, delimiter=delimiter), 2), [], []]
    delimiter = max(rows, key=lambda each: len({*map(_heading, rows[each][0])} & {*needed}))
    headings, first = rows[delimiter][:2]
    if any("\ufffd" in heading for heading in headings):
        raise DataError("cannot be read: it is not UTF-8 text.")
    # Row numbers may have no heading.
    headings = ["", *headings] if len(first) == len(headings) + 1 else headings
    numbers = [str(at) for at in range(len(headings))]

    def columns(places: Sequence[int]) -> list[pa.ChunkedArray]:
        chosen = [numbers[at] for at in places]
        # All cells as text: a coin may be called nan, and a decimal comma is seen in text only.
        options = pa.csv.ConvertOptions(
            column_types=dict.fromkeys(chosen, pa.string()), include_columns=chosen
        )
        table = pa.csv.read_csv(
            io.BytesIO(content),
            pa.csv.ReadOptions(column_names=numbers, skip_rows=1),
            pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            options,
        )
        return list(table.columns)

    return headings, columns


def _heading(heading: str) -> str:
    return "_".join(heading.strip("\ufeff \t").lower().replace("-", " ").split())


def _holds_days(cells: pa.ChunkedArray) -> bool:
    """Return whether a column without a heading holds days, and not the numbers of its rows."""
    try:
        return len(day_column(cells.to_pandas().head(100))) > 0
    except BadValue:
        return False
