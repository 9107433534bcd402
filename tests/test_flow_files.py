"""Fund files: what is read out of them, and what is refused with which words."""

from __future__ import annotations

import io
import math
from datetime import date

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.panel import DataError
from features.sources.days import day_of
from features.sources.etf_flows.cells import _ABSENT, parse_figure
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
    ("Average", "570.1", "174.8", "(391.1)", "353.8"),
    ("Maximum", "1,212.7", "227.0", "(95.1)", "720.6"),
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


def spreadsheet_of(rows, fund="iShares Russell 2000 ETF"):
    """Return SpreadsheetML with the faults that issuers' files have."""

    def table(name, content):
        cells = "".join(
            "<ss:Row>\n"
            + "".join(
                f'<ss:Cell ss:StyleID="Left">\n<ss:Data ss:Type="String">{cell}</ss:Data></ss:Cell>'
                for cell in row
            )
            + "</ss:Row>\n"
            for row in content
        )
        return f'<ss:Worksheet ss:Name="{name}">\n<ss:Table>\n{cells}</ss:Table>\n</ss:Worksheet>\n'

    holdings = [
        ("10-Dec-2025",), (fund,), ("Fund Holdings as of", "Dec 09, 2025"), (),
        ("Ticker", "Name", "Weight (%)"), ("JJ", "JOHNSON & JOHNSON & CO", "0.5"),
    ]  # fmt: skip
    text = (
        '\ufeff\ufeff<?xml version="1.0"?>\n'
        '<ss:Workbook xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">\n'
        '<ss:Styles>\n<ss:Style ss:ID="Left">\n<ss:Alignment ss:Horizontal="Left"/>\n</Style>\n'
        "</ss:Styles>\n" + table("Holdings", holdings) + table("Historical", rows)
        + table("Distributions", [("Record Date", "Ex-Date"), ("Sep 16, 2025", "Sep 16, 2025")])
        + "</ss:Workbook>"
    )  # fmt: skip
    return text.encode()


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


# ---- the issuer's fund data ----

FUND_FILES = {
    "spreadsheet": spreadsheet_of(FUND_ROWS),
    "without prefix": spreadsheet_of(FUND_ROWS).replace(b"<ss:", b"<").replace(b"</ss:", b"</"),
    "xlsx": xlsx_of(("Holdings", [("iShares Russell 2000 ETF",)]), ("Historical", FUND_ROWS)),
    "xlsx with types": xlsx_of(
        ("Historical", [
            FUND_ROWS[0],
            (pd.Timestamp("2025-12-10").to_pydatetime(), 254.56, "--", None),
            (pd.Timestamp("2025-12-09").to_pydatetime(), 251.23, None, 287350000),
            (pd.Timestamp("2025-12-08").to_pydatetime(), 250.7, 0.61, 286750000.0),
        ])
    ),
    "csv": csv_of(FUND_ROWS),
    "semicolons": csv_of(FUND_ROWS, ";"),
    "tabs, CRLF": csv_of(FUND_ROWS, "\t").replace(b"\n", b"\r\n"),
    "utf-16": csv_of(FUND_ROWS).decode().encode("utf-16"),
    "page": page_of(FUND_ROWS),
}  # fmt: skip


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


def test_a_cell_stands_in_its_column():
    """SpreadsheetML leaves empty cells out and numbers the one behind them."""
    content = spreadsheet_of(FUND_ROWS).replace(
        b'<ss:Cell ss:StyleID="Left">\n<ss:Data ss:Type="String">--</ss:Data></ss:Cell>'
        b'<ss:Cell ss:StyleID="Left">\n<ss:Data ss:Type="String">287',
        b'<ss:Cell ss:Index="4" ss:StyleID="Left">\n<ss:Data ss:Type="String">287',
    )
    assert b'ss:Index="4"' in content
    assert reading(content).series[SHARES].tolist() == [286750000.0, 287350000.0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<ss:Row>", b"<ss:Rxw>"), (b"</ss:Row>", b"</ss:Rxw>"),
        (b"</ss:Cell>", b"</ss:Cexl>"), (b"<ss:Data", b"<ss:Dxta"),
        (b"</ss:Table>", b"<ss:Table>"),
    ],
)  # fmt: skip
def test_a_broken_element_loses_no_row_unseen(old, new):
    content = spreadsheet_of(FUND_ROWS)
    at = content.rindex(old)
    assert "is damaged" in refusal(content[:at] + new + content[at + len(old) :])


# ---- tables of flows ----

FLOW_FILES = {
    "csv": csv_of(FLOW_ROWS),
    "page": page_of(FLOW_ROWS),
    "xlsx": xlsx_of(("Flows", FLOW_ROWS)),
    "one header": csv_of([("Date", "IBIT", "FBTC", "GBTC", "Total"), *FLOW_ROWS[3:]]),
    "BOM, CRLF": b"\xef\xbb\xbf" + csv_of(FLOW_ROWS).replace(b"\n", b"\r\n"),
    "newest first": csv_of([*FLOW_ROWS[:3], *FLOW_ROWS[6:2:-1]]),
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


def test_the_funds_tell_the_asset():
    rows = [tuple(cell.replace("BTC", "ETH").replace("IBIT", "ETHA") for cell in row)
            for row in FLOW_ROWS]  # fmt: skip
    rows[1] = ("", "ETHA", "FETH", "ETHE", "")
    assert list(reading(csv_of(rows)).series) == [ETH]
    assert "its funds are those of eth, --asset says btc" in refusal(csv_of(rows), "btc")
    rows[1] = ("", "ETHA", "FETH", "GBTC", "")
    assert "Bitcoin or Ether funds, not both" in refusal(csv_of(rows))


def test_a_total_may_differ_by_rounding():
    # Three funds and a total, each rounded to 0.1: at most 0.2 apart.
    assert len(reading(csv_of(replaced(FLOW_ROWS, 4, 4, "97.4"))).series[BTC]) == 3
    assert "but Total is 97.5" in refusal(csv_of(replaced(FLOW_ROWS, 4, 4, "97.5")))


def test_the_newest_day_waits_for_every_fund():
    late = replaced(replaced(FLOW_ROWS, 6, 2, "-"), 6, 4, "618.6")
    found = reading(csv_of(late))
    assert found.series[BTC].tolist() == pytest.approx([*FLOWS[:2], 618.6e6])
    assert found.provisional[BTC].tolist() == [pd.Timestamp("2024-01-16")]
    assert found.notes[-2] == "2024-01-16 provisional: FBTC not yet reported."


def test_an_absent_fund_is_not_waited_for():
    young = replaced(replaced(FLOW_ROWS, 3, 1, "-"), 3, 4, "131.9")
    assert len(reading(csv_of(young)).series[BTC]) == 3
    closed = [row[:2] + ("-",) + row[3:] if "Jan" in row[0] else row for row in FLOW_ROWS]
    for at, total in ((3, "16.6"), (4, "(98.1)"), (6, "618.6")):
        closed = replaced(closed, at, 4, total)
    assert len(reading(csv_of(closed)).series[BTC]) == 3


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("95,1", "2024-01-12: '95,1' is no figure such as 1,119.9 or (95.1)."),
        ("(95.1", "'(95.1' is no figure"),
        ("1.2.3", "'1.2.3' is no figure"),
        ("nan", "'nan' is no figure"),
        ("inf", "'inf' is no figure"),
        ("1e999", "'1e999' is too large"),
        ("\u0661\u0662", "is no figure"),
    ],
)
def test_a_cell_without_figure_is_named(cell, told):
    assert told in refusal(csv_of(replaced(FLOW_ROWS, 4, 1, cell)))


@pytest.mark.parametrize("label", ["1l Jan 2024", "31 Feb 2024", "12 Xxx 2024"])
def test_figures_without_a_day_are_refused(label):
    assert f"row 5: {label!r} is no day" in refusal(csv_of(replaced(FLOW_ROWS, 4, 0, label)))


def test_only_equal_rows_of_a_day_are_accepted():
    assert len(reading(csv_of([*FLOW_ROWS, FLOW_ROWS[3]])).series[BTC]) == 3
    other = ("11 Jan 2024", "111.7", "228.0", "(95.1)", "244.6")
    message = refusal(csv_of([*FLOW_ROWS, other]))
    assert f"{BTC} on 2024-01-11: two rows for one day, 243600000 and 244600000" in message


# ---- plain CSV ----


def test_a_plain_csv_gives_its_figures():
    found = reading(PLAIN, "eth")
    assert found.layout == "plain CSV"
    assert found.series[ETH].tolist() == [-60400000.0, 151900000.0]


def test_days_without_flow_are_figures():
    assert reading(b"date,net_flow_usd\n2025-12-08,0\n", "eth").series[ETH].tolist() == [0.0]


@pytest.mark.parametrize(
    "content",
    [b"a,b\n1,2\n", b"hello", b'{"a": 1}', b"%PDF-1.7 binary", b"<html><p>nothing</html>", b"<"],
)
def test_an_unknown_layout_is_told_what_is_read(content):
    message = refusal(content)
    assert "As Of, NAV per Share and Shares Outstanding" in message
    assert "date,net_flow_usd" in message


# ---- what is wrong with a file ----


def cut_short(content: bytes) -> bytes:
    return content[: content.index(b"Dec 09, 2025</") + 20]


def declared(document_type: str) -> bytes:
    content = spreadsheet_of(FUND_ROWS).decode()
    return content.replace("<ss:Workbook", f"{document_type}<ss:Workbook").encode()


WRONG_FILES = [
    *((empty, "is empty.") for empty in (b"", b"  \n", b"\xef\xbb\xbf")),
    *((cut_short(FUND_FILES[form]), "is cut short") for form in ("spreadsheet", "page")),
    *((declared(document_type), "declares a document type")
      for document_type in ('<!DOCTYPE x [<!ENTITY a "b">]>',
                            '<!DOCTYPE x SYSTEM "file:///etc/passwd">', "<!DOCTYPE html>")),
    *((damaged, "is damaged or no .xlsx workbook")
      for damaged in (b"PK\x03\x04 and nothing more", FUND_FILES["xlsx"][:-40],
                      FUND_FILES["xlsx"][:900])),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "is a binary .xls workbook"),
    (spreadsheet_of(FUND_ROWS, fund="iShares Russell 2000 Growth ETF"),
     "is the file of iShares Russell 2000 Growth ETF; needed is that of"),
    (csv_of(FUND_ROWS[:1]), "but no day with a figure"),
    (xlsx_of(("a", FUND_ROWS), ("b", FLOW_ROWS)), "holds both fund data and table of flows"),
    (PLAIN, "add --asset btc or --asset eth"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), WRONG_FILES)
def test_a_wrong_file_is_refused(content, message):
    assert message in refusal(content)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (replaced(FLOW_ROWS, 4, 4, "99.2"),
         "2024-01-12: the funds add up to 97.2, but Total is 99.2 (US$ million)."),
        (replaced(FLOW_ROWS, 5, 4, "5.0"), "add up to 0.0, but Total is 5"),
        ([row[:4] for row in FLOW_ROWS], "needs one column 'Total'"),
        ([*FLOW_ROWS[:4], (*FLOW_ROWS[4], "7.0"), *FLOW_ROWS[5:]],
         "row 5 (12 Jan 2024): has 6 cells, its header has 5"),
    ],
    ids=["sum", "no funds", "no total", "width"],
)  # fmt: skip
def test_a_wrong_table_of_flows_is_refused(rows, message):
    assert message in refusal(csv_of(rows))


TWICE = b"\n2025-12-08,1000000,2025-12-08\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"date,net_flow_usd\n2025-12-08,-60.4\n2025-12-09,151.9\n",
         "net_flow_usd must be in US dollars; the largest is 151.9"),
        (b"date,net_flow_usd,date" + TWICE, "needs one column"),
        (b"date,net_flow_usd,NET_FLOW_USD" + TWICE, "needs one column"),
    ],
    ids=["millions", "two dates", "two flows"],
)  # fmt: skip
def test_a_wrong_plain_csv_is_refused(content, message):
    assert message in refusal(content, "btc")


# ---- days, files ----


@pytest.mark.parametrize(
    ("day", "told"),
    [("2025-12-15", "is later than today, 2025-12-12"), ("2025-12-07", "is a Sunday")],
)
def test_impossible_days_are_refused(tmp_path, day, told):
    path = tmp_path / "flows.csv"
    path.write_text(f"date,net_flow_usd\n{day},1000000\n")
    with pytest.raises(DataError, match=rf"flows.csv: {BTC} on {day}: {told}"):
        read_file(path, asset="btc", until=TODAY)


def test_today_itself_is_not_too_late(tmp_path):
    path = tmp_path / "flows.csv"
    path.write_text(f"date,net_flow_usd\n{TODAY:%Y-%m-%d},1000000\n")
    assert len(read_file(path, asset="btc", until=TODAY).series[BTC]) == 1


def test_what_cannot_be_opened_is_named(tmp_path):
    for path in (tmp_path, tmp_path / "absent.csv"):
        with pytest.raises(DataError, match=f"{path}: cannot be read: "):
            read_file(path, asset=None, until=TODAY)


# ---- cells ----


@given(
    st.dates(min_value=date(1000, 1, 1)),
    st.sampled_from(["%Y-%m-%d", "%b %d, %Y", "%d %b %Y", "%B %d, %Y", "%d-%b-%Y"]),
)
def test_every_day_is_read_in_every_form(day, form):
    assert day_of(day.strftime(form)) == pd.Timestamp(day)


@given(st.floats(-1e12, 1e12).map(lambda value: round(value, 1)), st.booleans())
def test_a_figure_is_read_as_it_was_written(value, parentheses):
    text = f"({-value:,.1f})" if parentheses and value < 0 else f"{value:,.1f}"
    assert parse_figure(text) == value


@given(st.text(max_size=12))
def test_any_cell_is_refused_finite_or_none(text):
    try:
        value = parse_figure(text)
    except DataError:
        return
    assert math.isfinite(value) or text.lower() in _ABSENT


@given(st.text(max_size=20))
def test_any_other_cell_is_a_day_or_none(text):
    day = day_of(text)
    assert day is None or day == day.normalize()


# ---- tables, whatever they hold ----

DAYS = [f"{day:%d %b %Y}" for day in pd.bdate_range("2024-01-11", periods=30)]
TENTHS = st.integers(-9999, 9999)


def money(tenths):
    return f"({-tenths / 10:,.1f})" if tenths < 0 else f"{tenths / 10:,.1f}"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(TENTHS, min_size=3, max_size=3), min_size=1, max_size=len(DAYS)),
    st.sampled_from([csv_of, page_of]),
)
def test_any_table_of_flows_comes_back(figures, form):
    rows = [
        ("", "IBIT", "FBTC", "GBTC", "Total"),
        *(
            (day, *(money(tenths) for tenths in row), money(sum(row)))
            for day, row in zip(DAYS, figures, strict=False)
        ),
    ]
    assert reading(form(rows)).series[BTC].tolist() == pytest.approx(
        [sum(row) * 1e5 for row in figures]
    )


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([
        FUND_FILES["spreadsheet"], FUND_FILES["csv"], FLOW_FILES["page"], FLOW_FILES["csv"],
    ]),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=3)), min_size=1, max_size=4),
)  # fmt: skip
def test_any_changed_bytes_are_read_or_refused(content, changes):
    for place, other in changes:
        at = int(place * len(content))
        content = content[:at] + other + content[at + len(other) :]
    try:
        found = reading(content)
    except DataError:
        return
    for values in found.series.values():
        assert values.map(math.isfinite).all()
        assert values.index.is_monotonic_increasing
        assert values.index.is_unique
