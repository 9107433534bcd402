"""Tables of text cells out of CSV, saved HTML, SpreadsheetML and .xlsx, by content, not ending.

Nothing here knows what a table means. Markup is read by the standard
library's HTML parser, which expands no entities and opens nothing; issuers'
spreadsheet files are no well-formed XML (bare ampersands, styles that end
under another name), so an XML parser would refuse them.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from errno import EINVAL
from html.parser import HTMLParser
from pathlib import Path

from features.panel import DataError
from features.sources.bounded import GZIP, unpacked

MAX_BYTES = 100_000_000
MAX_COLUMNS = 1000

LAYOUTS = (
    "read are: the issuer's fund data (a table with As Of, NAV per Share and Shares Outstanding), "
    "a table of flows (a column a fund such as IBIT or ETHA, Total last, in US$ million) "
    "and a CSV with date,net_flow_usd"
)

_BINARY_XLS = b"\xd0\xcf\x11\xe0"
_ZIP = b"PK\x03\x04"
_DELIMITERS = ",;\t"
_STRUCTURE = ("worksheet", "table", "row", "cell", "data")


@dataclass(frozen=True)
class Table:
    """One table: its name (a sheet's) and its rows of stripped text cells."""

    name: str
    rows: list[list[str]]


def read_tables(path: Path) -> list[Table]:
    """Read every table of a file.

    Parameters
    ----------
    path : pathlib.Path
        CSV (separated by commas, semicolons or tabs), HTML, SpreadsheetML
        2003 (the .xls that fund issuers offer) or .xlsx.

    Returns
    -------
    list of Table
        In the order of the file; a CSV once for each delimiter it could have.

    Raises
    ------
    DataError
        If the file cannot be read, is of another kind, damaged or cut short.
    """
    try:
        if path.exists() and not path.is_file():
            raise OSError(EINVAL, "it is no file")  # a device may have no end
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"is larger than {MAX_BYTES // 10**6} MB; no fund file is.")
        content = path.read_bytes()
    except DataError as error:
        raise DataError(f"{path.name}: {error}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        return tables_of(content)
    except DataError as error:
        raise DataError(f"{path.name}: {error}") from error


def tables_of(content: bytes) -> list[Table]:
    r"""Read every table of a file's content; `read_tables` says of what kinds.

    Examples
    --------
    >>> tables_of(b"date,net_flow_usd\n2025-12-09,1.5\n")[0].rows
    [['date', 'net_flow_usd'], ['2025-12-09', '1.5']]
    """
    if content.startswith(GZIP):
        content = unpacked(io.BytesIO(content), MAX_BYTES)
    if content.startswith(_ZIP):
        return _workbook(content)
    if content.startswith(_BINARY_XLS):
        raise DataError(
            "is a binary .xls workbook, which is not read; save it as .xlsx or CSV and import that."
        )
    text = _decoded(content).lstrip("\ufeff").strip()
    if not text:
        raise DataError("is empty.")
    if "\0" in text:
        raise DataError(f"is neither text nor a workbook; {LAYOUTS}.")
    return _markup(text) if text.startswith("<") else _delimited(text)


def _decoded(content: bytes) -> str:
    """Decode text; a byte that is none becomes a mark that no label, day or figure can hold."""
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if wide else "utf-8-sig", errors="replace")


def _delimited(text: str) -> list[Table]:
    tables, failures = [], []
    for delimiter in _DELIMITERS:
        try:
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
        except csv.Error as error:
            failures.append(str(error))
            continue
        tables.append(Table("", [[_clean(cell) for cell in row] for row in rows]))
    if not tables:
        raise DataError(f"cannot be read as CSV ({failures[0]}); {LAYOUTS}.")
    return tables


def _workbook(content: bytes) -> list[Table]:
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            if sum(part.file_size for part in parts.infolist()) > 2 * MAX_BYTES:
                raise DataError("unpacks to more than any fund file holds.")
            if any(b"<!DOCTYPE" in parts.read(part) for part in parts.infolist()):
                raise DataError("declares a document type, which no fund file does; not read.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            sheets = list(book.worksheets)
            for sheet in sheets:
                sheet.reset_dimensions()  # what a file says of its own size may be wrong
            return [
                Table(sheet.title, _padded(sheet.iter_rows(values_only=True))) for sheet in sheets
            ]
    except DataError:
        raise
    # A damaged workbook ends in nearly any exception of zipfile, the XML parser or openpyxl.
    except Exception as error:
        raise DataError(f"is damaged or no .xlsx workbook: {error}") from error


def _padded(rows: Iterable[Sequence[object]]) -> list[list[str]]:
    """Return a sheet's rows as text of one width: it leaves out empty cells at a row's end."""
    texts = [[_text(value) for value in row[:MAX_COLUMNS]] for row in rows]
    width = max(map(len, texts), default=0)
    return [row + [""] * (width - len(row)) for row in texts]


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    return _clean(str(value))


def _clean(text: str) -> str:
    return " ".join(text.split())


def _markup(text: str) -> list[Table]:
    spreadsheet = re.search(r"<(\w+:)?workbook\b", text, re.IGNORECASE) is not None
    parser = _Markup(strict=spreadsheet)
    try:
        parser.feed(text)
        parser.close()
    # Some broken declarations end the standard parser in an AssertionError.
    except AssertionError as error:
        raise DataError(f"is damaged: {error}") from error
    if parser.open:
        raise DataError("is cut short: a table does not end.")
    return parser.tables


class _Markup(HTMLParser):
    """Collects the tables of HTML or SpreadsheetML; the latter must nest without fault."""

    def __init__(self, *, strict: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.strict = strict
        self.tables: list[Table] = []
        self.open: list[Table] = []
        self.nesting: list[str] = []
        self.sheet = ""
        self.cell: list[str] | None = None
        self.span = 1
        self.hidden = False

    def set_cdata_mode(self, elem: str, **options: bool) -> None:
        """Take the content of styles as text in HTML only: a spreadsheet's are elements."""
        if not self.strict:
            super().set_cdata_mode(elem, **options)

    def handle_decl(self, decl: str) -> None:
        """Refuse a document type other than plain HTML's: it could declare entities."""
        if self.strict or "[" in decl or not decl.lower().startswith("doctype html"):
            raise DataError("declares a document type, which no fund file does; not read.")

    def unknown_decl(self, data: str) -> None:
        """Keep the text of a CDATA section."""
        self.handle_data(data.removeprefix("CDATA["))

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        """Open a sheet, table, row or cell."""
        local = tag.rpartition(":")[2]
        attributes = {name.rpartition(":")[2]: value or "" for name, value in attrs}
        if self.strict:
            if local in _STRUCTURE:
                above = self.nesting[-1] if self.nesting else ""
                at = _STRUCTURE.index(local)
                if above != ("" if at == 0 else _STRUCTURE[at - 1]):
                    raise DataError(f"is damaged: a {local} stands inside a {above or 'workbook'}.")
                self.nesting.append(local)
        elif tag in ("script", "style"):
            self.hidden = True
        if local == "worksheet":
            self.sheet = attributes.get("name", "")
        elif local == "table":
            self._end_cell()
            self.open.append(Table(self.sheet, []))
        elif self.open and local in ("row", "tr"):
            self._end_cell()
            self.open[-1].rows.append([])
        elif self.open and local in ("cell", "td", "th"):
            self._start_cell(attributes)

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        """Treat an empty element as one that is opened and closed."""
        self.handle_starttag(tag, attrs)
        if self.strict:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close a table, row or cell."""
        local = tag.rpartition(":")[2]
        if self.strict and local in _STRUCTURE:
            if not self.nesting or self.nesting.pop() != local:
                raise DataError(f"is damaged: a {local} ends that did not begin.")
        elif tag in ("script", "style"):
            self.hidden = False
        if local in ("cell", "td", "th", "row", "tr", "table"):
            self._end_cell()
        if local == "table" and self.open:
            self.tables.append(self.open.pop())

    def handle_data(self, data: str) -> None:
        """Add text to the open cell."""
        if self.cell is not None and not self.hidden:
            self.cell.append(data)

    def _start_cell(self, attributes: dict[str, str]) -> None:
        self._end_cell()
        rows = self.open[-1].rows
        if not rows:
            rows.append([])
        # A SpreadsheetML cell names its column, counted from 1, where cells before it are left out.
        missing = _small(attributes.get("index", "")) - 1 - len(rows[-1])
        rows[-1].extend([""] * missing)
        self.span = max(
            _small(attributes.get("colspan", "")), _small(attributes.get("mergeacross", "")) + 1
        )
        self.cell = []

    def _end_cell(self) -> None:
        if self.cell is not None and self.open and self.open[-1].rows:
            row = self.open[-1].rows[-1]
            row.append(_clean("".join(self.cell)))
            row.extend([""] * (self.span - 1))
        self.cell = None


def _small(number: str) -> int:
    return min(int(number), MAX_COLUMNS) if number.isascii() and number.isdigit() else 0
