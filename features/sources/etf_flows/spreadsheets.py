"""Tables of text cells out of CSV, saved HTML, SpreadsheetML and .xlsx, by content, not ending."""

from __future__ import annotations

import codecs
import csv
import html
import io
import re
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from features.panel import DataError
from features.sources.cells import read_content

MAX_BYTES = 100_000_000
LAYOUTS = (
    "read are: the issuer's fund data (a table with As Of, NAV per Share and Shares Outstanding), "
    "a table of flows (a column a fund such as IBIT or ETHA, Total last, in US$ million) "
    "and a CSV with date,net_flow_usd"
)

_MAX_COLUMNS = 1000
_BINARY_XLS = b"\xd0\xcf\x11\xe0"
_ZIP = b"PK\x03\x04"
_DECLARATION = "declares a document type, which no fund file does; not read."


Table = list[list[str]]  # rows of stripped text cells


def read_tables(path: Path) -> list[Table]:
    """Return every table of a file; a CSV once for each delimiter that it could have."""
    try:
        return tables_of(read_content(path, MAX_BYTES))
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}") from error


def tables_of(content: bytes) -> list[Table]:
    r"""Return every table of a file's content.

    >>> tables_of(b"date,net_flow_usd\n2025-12-09,1.5\n")[0]
    [['date', 'net_flow_usd'], ['2025-12-09', '1.5']]
    """
    if content.startswith(_ZIP):
        return _workbook(content)
    if content.startswith(_BINARY_XLS):
        raise DataError(
            "is a binary .xls workbook, which is not read; save it as .xlsx or CSV and import that."
        )
    # A byte that is no text becomes a mark that no label, day or figure can hold.
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = content.decode("utf-16" if wide else "utf-8-sig", errors="replace")
    text = text.lstrip("\ufeff").strip()
    if not text:
        raise DataError("is empty.")
    if "\0" in text:
        raise DataError(f"is neither text nor a workbook; {LAYOUTS}.")
    if not text.startswith("<"):
        return _delimited(text)
    workbook = re.search(r"<(\w+:)?workbook\b", text, re.IGNORECASE)
    return _spreadsheet(text) if workbook else _page(text)


def _delimited(text: str) -> list[Table]:
    tables = []
    for delimiter in ",;\t":
        try:
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
        except csv.Error as error:
            failure = error
        else:
            tables.append([[_clean(cell) for cell in row] for row in rows])
    if not tables:
        raise DataError(f"cannot be read as CSV ({failure}); {LAYOUTS}.")
    return tables


def _workbook(content: bytes) -> list[Table]:
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            if sum(part.file_size for part in parts.infolist()) > 2 * MAX_BYTES:
                raise DataError("unpacks to more than any fund file holds.")
            if any(b"<!DOCTYPE" in parts.read(part) for part in parts.infolist()):
                raise DataError(_DECLARATION)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sheets = load_workbook(io.BytesIO(content), read_only=True, data_only=True).worksheets
            for sheet in sheets:
                sheet.reset_dimensions()  # the size that a file claims for itself may be wrong
            return [_padded(sheet.values) for sheet in sheets]
    except DataError:
        raise
    # A damaged workbook ends in nearly any exception of zipfile, the XML parser or openpyxl.
    except Exception as error:
        raise DataError(f"is damaged or no .xlsx workbook: {error}") from error


def _padded(rows: Iterable[Sequence[object]]) -> Table:
    """Return a sheet's rows in one width: empty cells at a row's end are left out of it."""
    texts = [[_clean(value) for value in row[:_MAX_COLUMNS]] for row in rows]
    width = max(map(len, texts), default=0)
    return [row + [""] * (width - len(row)) for row in texts]


# Issuers' SpreadsheetML is no XML (bare ampersands, styles that end under another name): an XML
# parser refuses it or loses the sheet. Its tables, rows and cells are found by their marks.
_TABLE, _ROW, _CELL = (
    re.compile(rf"<(?:\w+:)?{name}\b([^>]*?)(?:/>|>(.*?)</(?:\w+:)?{name}>)", re.I | re.DOTALL)
    for name in ("table", "row", "cell")
)
_PLACE = re.compile(r"\b(index|mergeacross|colspan)\s*=\s*[\"'](\d{1,3})[\"']", re.IGNORECASE)


def _spreadsheet(text: str) -> list[Table]:
    if re.search("<!DOCTYPE", text, re.IGNORECASE):
        raise DataError(_DECLARATION)
    text = re.sub("<!--.*?-->", "", text, flags=re.DOTALL)
    # What is opened and does not end under its name would be lost unseen.
    for name in ("worksheet", "table", "row", "cell", "data"):
        opened = len(re.findall(rf"<(?:\w+:)?{name}\b[^>]*(?<!/)>", text, re.IGNORECASE))
        if opened != len(re.findall(rf"</(?:\w+:)?{name}>", text, re.IGNORECASE)):
            raise DataError(f"is damaged or is cut short: a {name} does not end.")
    return [
        [
            _row_of((cell[1], _bare(cell[2] or "")) for cell in _CELL.finditer(row[2] or ""))
            for row in _ROW.finditer(table[2] or "")
        ]
        for table in _TABLE.finditer(text)
    ]


def _bare(markup: str) -> str:
    text = markup.replace("<![CDATA[", "").replace("]]>", "")
    return html.unescape(re.sub("<[^>]*>", "", text))


def _page(text: str) -> list[Table]:
    from lxml import etree
    from lxml import html as pages

    text = re.sub(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", "", text, flags=re.I | re.DOTALL)
    for declared in re.findall(r"<!DOCTYPE\s*([^>]*)", text, re.IGNORECASE):
        if "[" in declared or not declared.lower().startswith("html"):
            raise DataError(_DECLARATION)
    # The parser ends whatever is open, so that a page that is cut short would look whole.
    if len(re.findall(r"<table\b", text, re.I)) > len(re.findall(r"</table\b", text, re.I)):
        raise DataError("is cut short: a table does not end.")
    try:
        page = pages.document_fromstring(
            text.encode(), parser=pages.HTMLParser(encoding="utf-8", no_network=True)
        )
    except (etree.LxmlError, AssertionError, ValueError) as error:
        raise DataError(f"is damaged: {error}") from error
    return [
        [
            _row_of(
                (f"colspan='{cell.get('colspan')}'", cell.text_content())
                for cell in row.iterchildren("td", "th")
            )
            for row in table.iter("tr")
            if next(row.iterancestors("table")) is table
        ]
        for table in page.iter("table")
    ]


def _row_of(cells: Iterable[tuple[str, str]]) -> list[str]:
    """Return a row's texts at their places, from the attributes and the text of its cells."""
    row: list[str] = []
    for attributes, text in cells:
        given = {name.lower(): int(number) for name, number in _PLACE.findall(attributes)}
        # A SpreadsheetML cell names its column, counted from 1, where cells before it are left out.
        row += [""] * (given.get("index", 0) - 1 - len(row))
        columns = max(given.get("colspan", 1), given.get("mergeacross", 0) + 1)
        row += [_clean(text), *[""] * (columns - 1)]
    return row


def _clean(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return "" if value is None else " ".join(str(value).split())
