"""Fund files in every form that they come in: what is read out of them, and what is refused."""

from __future__ import annotations

import io
import math

import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.panel import DataError
from features.sources.etf_flows.cells import parse_figure
from features.sources.etf_flows.layouts import interpret, read_file
from features.sources.etf_flows.spreadsheets import tables_of

TODAY = pd.Timestamp("2025-12-12")
BTC, ETH = "btc_etf_net_flow_usd", "eth_etf_net_flow_usd"
SHARES, NAV = "iwm_shares_outstanding", "iwm_nav"

FUND_ROWS = [
    ("As Of", "NAV per Share", "Ex-Dividends", "Shares Outstanding"),
    ("Dec 10, 2025", "254.56", "--", "--"),
    ("Dec 09, 2025", "251.23", "--", "287,350,000.00"),
    ("Dec 08, 2025", "250.70", "0.61", "286,750,000.00"),
]
FLOW_ROWS = [
    ("", "Blackrock", "Fidelity", "Grayscale", "Total"),
    ("", "IBIT", "FBTC", "GBTC", ""),
    ("Fee", "0.25%", "0.25%", "1.50%", ""),
    ("11 Jan 2024", "111.7", "227.0", "(95.1)", "243.6"),
    ("12 Jan 2024", "386.0", "195.3", "(484.1)", "97.2"),
    ("15 Jan 2024", "-", "-", "-", "0.0"),
    ("16 Jan 2024", "1,212.7", "102.0", "(594.1)", "720.6"),
    ("Total", "1,710.4", "524.3", "(1,173.3)", "1,061.4"),
    ("Minimum", "111.7", "102.0", "(594.1)", "97.2"),
]
FLOWS = [243.6e6, 97.2e6, 720.6e6]
PLAIN = b"date,net_flow_usd\n2025-12-08,-60400000\n2025-12-09,151900000.0\n"


def csv_of(rows, delimiter=","):
    lines = [
        delimiter.join(f'"{cell}"' if delimiter in cell else cell for cell in row) for row in rows
    ]
    return "\n".join(lines).encode()


def xlsx_of(*sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def cell_of(text, place=""):
    return (
        f'<ss:Cell{place} ss:StyleID="Left">\n<ss:Data ss:Type="String">{text}</ss:Data></ss:Cell>'
    )


def spreadsheet_of(rows, fund="iShares Russell 2000 ETF"):
    """Return SpreadsheetML with the faults that issuers' files have."""

    def sheet(name, content):
        body = "".join(f"<ss:Row>\n{''.join(map(cell_of, row))}</ss:Row>\n" for row in content)
        return f'<ss:Worksheet ss:Name="{name}">\n<ss:Table>\n{body}</ss:Table>\n</ss:Worksheet>\n'

    holdings = [
        ("10-Dec-2025",), (fund,), ("Fund Holdings as of", "Dec 09, 2025"), (),
        ("Ticker", "Name", "Weight (%)"), ("JJ", "JOHNSON & JOHNSON & CO", "0.5"),
    ]  # fmt: skip
    return (
        '\ufeff\ufeff<?xml version="1.0"?>\n'
        '<ss:Workbook xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">\n'
        '<ss:Styles>\n<ss:Style ss:ID="Left">\n<ss:Alignment ss:Horizontal="Left"/>\n</Style>\n'
        f"</ss:Styles>\n{sheet('Holdings', holdings)}{sheet('Historical', rows)}</ss:Workbook>"
    ).encode()


def page_of(rows):
    body = "".join(
        "<tr>" + "".join(f"<td><span class=x>{cell}</span></td>" for cell in row) + "</tr>\n"
        for row in rows
    )
    return (
        "<!DOCTYPE html>\n<html><head><title>Flows & more</title><style>td > a {color: red}</style>"
        "<script>var t = '<table><tr><td>IBIT</td><td>FBTC</td></tr></table>'</script></head><body>"
        "<table><tr><td>Home<td>About &amp; contact</table>"
        f'<table class="etf">{body}</table>'
        "<table><tr><th>Fund<th>Assets</tr><tr><td>IBIT<td>1</tr></table></body></html>"
    ).encode()


def reading(content, asset=None):
    return interpret(tables_of(content), asset=asset)


def refusal(content, asset=None):
    with pytest.raises(DataError) as error:
        reading(content, asset)
    return str(error.value)


def replaced(rows, row, column, cell):
    changed = [list(each) for each in rows]
    changed[row][column] = cell
    return changed


# ---- three layouts in every form ----

TYPED_ROWS = [
    FUND_ROWS[0],
    (pd.Timestamp("2025-12-10").to_pydatetime(), 254.56, "--", None),
    (pd.Timestamp("2025-12-09").to_pydatetime(), 251.23, None, 287350000),
    (pd.Timestamp("2025-12-08").to_pydatetime(), 250.7, 0.61, 286750000.0),
]
FUND_FILES = {
    "spreadsheet": spreadsheet_of(FUND_ROWS),
    "without prefix": spreadsheet_of(FUND_ROWS).replace(b"<ss:", b"<").replace(b"</ss:", b"</"),
    # Empty cells are left out and the next one names its column.
    "numbered cell": spreadsheet_of(FUND_ROWS).replace(
        (cell_of("--") + cell_of("287,350,000.00")).encode(),
        cell_of("287,350,000.00", ' ss:Index="4"').encode(),
    ),
    "xlsx": xlsx_of(("Holdings", [("iShares Russell 2000 ETF",)]), ("Historical", FUND_ROWS)),
    "xlsx with types": xlsx_of(("Historical", TYPED_ROWS)),
    "csv": csv_of(FUND_ROWS),
    "semicolons": csv_of(FUND_ROWS, ";"),
    "tabs, CRLF": csv_of(FUND_ROWS, "\t").replace(b"\n", b"\r\n"),
    "utf-16": csv_of(FUND_ROWS).decode().encode("utf-16"),
    "page": page_of(FUND_ROWS),
}


@pytest.mark.parametrize("content", FUND_FILES.values(), ids=FUND_FILES)
def test_fund_data_give_nav_and_shares(content):
    found = reading(content)
    assert found.layout == "fund data"
    days = pd.DatetimeIndex(["2025-12-08", "2025-12-09", "2025-12-10"])
    assert found.series[NAV].index.tolist() == days.tolist()
    assert found.series[NAV].tolist() == [250.7, 251.23, 254.56]
    # The newest session has no shares yet.
    assert found.series[SHARES].index.tolist() == days[:2].tolist()
    assert found.series[SHARES].tolist() == [286750000.0, 287350000.0]


FLOW_FILES = {
    "csv": csv_of(FLOW_ROWS),
    "page": page_of(FLOW_ROWS),
    "xlsx": xlsx_of(("Flows", FLOW_ROWS)),
    "one header": csv_of([("Date", "IBIT", "FBTC", "GBTC", "Total"), *FLOW_ROWS[3:]]),
    "BOM, CRLF": b"\xef\xbb\xbf" + csv_of(FLOW_ROWS).replace(b"\n", b"\r\n"),
    "newest first": csv_of([*FLOW_ROWS[:3], *FLOW_ROWS[6:2:-1]]),
    "a day twice": csv_of([*FLOW_ROWS, FLOW_ROWS[3]]),
    # Three funds and a total, each rounded to 0.1: at most 0.2 apart.
    "rounded": csv_of(replaced(FLOW_ROWS, 4, 1, "386.2")),
}


@pytest.mark.parametrize("content", FLOW_FILES.values(), ids=FLOW_FILES)
def test_a_table_gives_totals_in_dollars(content):
    found = reading(content)
    assert found.layout == "table of flows"
    assert list(found.series) == [BTC]
    assert found.series[BTC].tolist() == pytest.approx(FLOWS)
    days = ["2024-01-11", "2024-01-12", "2024-01-16"]
    assert found.series[BTC].index.tolist() == pd.DatetimeIndex(days).tolist()
    assert found.notes == ["Without trading, left out: 1, last 2024-01-15."]


def test_the_funds_name_the_asset():
    rows = [FLOW_ROWS[0], ("", "ETHA", "FETH", "ETHE", ""), *FLOW_ROWS[2:]]
    assert list(reading(csv_of(rows)).series) == [ETH]
    assert "its funds are those of eth, --asset says btc" in refusal(csv_of(rows), "btc")
    rows[1] = ("", "ETHA", "FETH", "GBTC", "")
    assert "Bitcoin or Ether funds, not both" in refusal(csv_of(rows))


def test_a_plain_csv_gives_its_figures():
    found = reading(PLAIN, "eth")
    assert found.layout == "plain CSV"
    assert found.series[ETH].tolist() == [-60400000.0, 151900000.0]
    # A day without flow is a figure.
    assert reading(b"date,net_flow_usd\n2025-12-08,0\n", "eth").series[ETH].tolist() == [0.0]


# ---- what is wrong with a file ----


def broken(old: bytes, new: bytes) -> bytes:
    content = FUND_FILES["spreadsheet"]
    at = content.rindex(old)
    return content[:at] + new + content[at + len(old) :]


def cut_short(content: bytes) -> bytes:
    return content[: content.index(b"Dec 09, 2025</") + 20]


def declared(document_type: str) -> bytes:
    content = FUND_FILES["spreadsheet"].decode()
    return content.replace("<ss:Workbook", f"{document_type}<ss:Workbook").encode()


TWICE = b"\n2025-12-08,1000000,2025-12-08\n"
WRONG_FILES = [
    *((empty, "is empty.") for empty in (b"", b"  \n", b"\xef\xbb\xbf")),
    *((content, "As Of, NAV per Share and Shares Outstanding") for content in
      (b"a,b\n1,2\n", b'{"a": 1}', b"%PDF-1.7 binary", b"<html><p>nothing</html>", b"<", b"a\0b")),
    *((broken(mark, mark.replace(b"ss:", b"ss:x")), "is damaged")
      for mark in (b"<ss:Row>", b"</ss:Row>", b"</ss:Cell>", b"<ss:Data", b"</ss:Table>")),
    *((cut_short(FUND_FILES[form]), "is cut short") for form in ("spreadsheet", "page")),
    *((declared(document_type), "declares a document type")
      for document_type in ('<!DOCTYPE x [<!ENTITY a "b">]>', "<!DOCTYPE html>")),
    (page_of(FUND_ROWS).replace(b"html>", b'x [<!ENTITY a "b">]>', 1), "declares a document type"),
    *((damaged, "is damaged or no .xlsx workbook")
      for damaged in (b"PK\x03\x04 and nothing more", FUND_FILES["xlsx"][:-40])),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "is a binary .xls workbook"),
    (csv_of(FUND_ROWS[:1]), "but no day with a figure"),
    (xlsx_of(("a", FUND_ROWS), ("b", FLOW_ROWS)), "holds both fund data and table of flows"),
    (PLAIN, "add --asset btc or --asset eth"),
    (b"date,net_flow_usd,date" + TWICE, "needs one column"),
    (csv_of(replaced(FLOW_ROWS, 4, 4, "97.5")),
     "2024-01-12: the funds add up to 97.2, but Total is 97.5 (US$ million)."),
    (csv_of(replaced(FLOW_ROWS, 5, 4, "5.0")), "add up to 0.0, but Total is 5"),
    (csv_of([row[:4] for row in FLOW_ROWS]), "needs one column 'Total'"),
    (csv_of([*FLOW_ROWS[:4], (*FLOW_ROWS[4], "7.0")]), "row 5 (12 Jan 2024): has 6 cells"),
    (csv_of([*FLOW_ROWS, ("11 Jan 2024", "111.7", "228.0", "(95.1)", "244.6")]),
     f"{BTC} on 2024-01-11: two rows for one day, 243600000 and 244600000"),
    *((csv_of(replaced(FLOW_ROWS, 4, 1, cell)), f"2024-01-12: {cell!r} is ")
      for cell in ("95,1", "(95.1", "1.2.3", "nan", "inf", "1e999", "\u0661\u0662")),
    *((csv_of(replaced(FLOW_ROWS, 4, 0, label)), f"row 5: {label!r} is no day")
      for label in ("1l Jan 2024", "31 Feb 2024", "12 Xxx 2024")),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), WRONG_FILES)
def test_a_wrong_file_is_refused(content, message):
    assert message in refusal(content, "btc" if b"usd,date" in content else None)


def test_what_cannot_be_opened_is_named(tmp_path):
    for path in (tmp_path, tmp_path / "absent.csv"):
        with pytest.raises(DataError, match=f"{path.name}: "):
            read_file(path, asset=None, until=TODAY)


# ---- whatever a cell or a table holds ----


@given(st.floats(-1e12, 1e12).map(lambda value: round(value, 1)), st.booleans())
def test_a_figure_is_read_as_it_was_written(value, parentheses):
    text = f"({-value:,.1f})" if parentheses and value < 0 else f"{value:,.1f}"
    assert parse_figure(text) == value


DAYS = [f"{day:%d %b %Y}" for day in pd.bdate_range("2024-01-11", periods=30)]


def money(tenths):
    return f"({-tenths / 10:,.1f})" if tenths < 0 else f"{tenths / 10:,.1f}"


@given(
    st.lists(st.lists(st.integers(-9999, 9999), min_size=3, max_size=3), min_size=1, max_size=30),
    st.sampled_from([csv_of, page_of, spreadsheet_of]),
)
def test_any_table_of_flows_comes_back(figures, form):
    rows = [
        (day, *map(money, row), money(sum(row))) for day, row in zip(DAYS, figures, strict=False)
    ]
    found = reading(form([("", "IBIT", "FBTC", "GBTC", "Total"), *rows]))
    assert found.series[BTC].tolist() == pytest.approx([sum(row) * 1e5 for row in figures])


@given(
    st.sampled_from([
        *(FUND_FILES[form] for form in ("spreadsheet", "csv", "xlsx", "utf-16")),
        *(FLOW_FILES[form] for form in ("page", "csv")), PLAIN,
    ]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), st.binary(max_size=3)), max_size=4),
    st.floats(0, 1),
)  # fmt: skip
def test_any_changed_bytes_are_read_or_refused(content, changes, end):
    for place, cut, other in changes:
        at = int(place * len(content))
        content = content[:at] + other + content[at + cut :]
    content = content if changes else content[: int(end * len(content))]
    try:
        found = reading(content, "btc" if b"net_flow" in content else None)
    except DataError:
        return
    for values in found.series.values():
        assert values.map(math.isfinite).all()
        assert values.index.is_monotonic_increasing
        assert values.index.is_unique
