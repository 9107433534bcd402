"""Fund tables as people have them: late funds, other notations, indices, files of other funds."""

from __future__ import annotations

import pandas as pd
import pytest

from features.panel import DataError
from features.sources.etf_flows import flow_store
from features.sources.etf_flows.checks import NAV_PER_POINT, check_fund
from features.sources.etf_flows.command import app
from features.sources.etf_flows.layouts import interpret
from features.sources.etf_flows.series import fund_flows
from features.sources.etf_flows.spreadsheets import tables_of
from tests.commands import run_command

BTC, NAV, SHARES = "btc_etf_net_flow_usd", "iwm_nav", "iwm_shares_outstanding"
HEADER = "Date,IBIT,FBTC,GBTC,Total"
LATE = f"""{HEADER}
04 Dec 2025,100.0,20.0,(5.0),115.0
05 Dec 2025,90.0,10.0,(5.0),95.0
08 Dec 2025,-,30.6,(2.0),28.6
09 Dec 2025,-,(103.6),(1.0),(104.6)
"""
FULL = f"""{HEADER}
08 Dec 2025,28.8,30.6,(2.0),57.4
09 Dec 2025,(135.4),(103.6),(1.0),(240.0)
"""
FUND = """As Of,NAV per Share,Ex-Dividends,Shares Outstanding
09-Dec-25,251.24,--,278350000
08-Dec-25,249.9,--,279350000
"""


def read(text: str, asset=None):
    return interpret(tables_of(text.encode()), asset=asset)


def refusal(text: str) -> str:
    with pytest.raises(DataError) as error:
        read(text)
    return str(error.value)


def flow(text: str) -> list[float]:
    return read(text).series[BTC].div(1e6).round(6).tolist()


@pytest.fixture
def bring(tmp_path):
    """Import a text as a file into a store of this test."""

    def run(text: str, *options: str, name: str = "flows.csv"):
        (tmp_path / name).write_text(text)
        return run_command(app, "import", tmp_path / name, "--store", tmp_path / "kept", *options)

    run.directory = tmp_path / "kept"
    return run


def held(bring, *, final: bool | None = None) -> list[float]:
    table = flow_store.read(bring.directory)
    rows = table if final is None else table[table["final"] == final]
    return rows["value"].div(1e6).round(6).tolist()


# --- a total is final when every fund has reported -----------------------------------------------


def test_provisional_totals_are_kept_and_replaced(bring):
    first = bring(LATE)
    assert first.exit_code == 0, first.stderr
    assert "2025-12-08 provisional: IBIT not yet reported" in first.stdout
    assert held(bring, final=True) == [115, 95]
    assert held(bring, final=False) == [28.6, -104.6]
    assert bring(FULL).exit_code == 0
    assert held(bring, final=True) == [115, 95, 57.4, -240]


def test_a_final_total_stays_against_a_provisional_one(bring):
    bring(FULL)
    again = bring(LATE)
    assert again.exit_code == 0, again.stderr
    assert "Kept against a provisional figure of this file: 2 final ones" in again.stdout
    assert held(bring, final=True) == [115, 95, 57.4, -240]
    assert bring(LATE, "--replace").exit_code == 0
    assert held(bring, final=True) == [115, 95, 57.4, -240]


def test_final_totals_contradict_each_other_as_before(bring):
    bring(FULL)
    other = bring(FULL.replace("28.8", "29.8").replace("57.4", "58.4"))
    assert other.exit_code == 3
    assert "--replace if flows.csv is right" in other.stderr


def test_a_total_that_turns_out_right_becomes_final(bring):
    bring(LATE)
    zero = LATE.replace("08 Dec 2025,-", "08 Dec 2025,0.0").replace("2025,-", "2025,0.0")
    assert bring(zero).exit_code == 0
    assert held(bring, final=True) == [115, 95, 28.6, -104.6]


def test_provisional_totals_reach_no_panel_and_are_shown(bring):
    bring(LATE)
    days = pd.date_range("2025-11-01", "2025-12-10")
    price = pd.Series(1e5, days)
    given = fund_flows(bring.directory, price, price / 30)["btc_etf_flow"]
    assert given.index[-1] == pd.Timestamp("2025-12-05")
    shown = run_command(app, "show", "--store", bring.directory)
    assert "provisional and not used: 2025-12-08, 2025-12-09" in shown.stdout


@pytest.mark.parametrize("cell", ["-", "", "n/a", "N/A", "--", "\u2013", "#N/A", "TBA"])
def test_unreported_is_not_no_flow(cell):
    found = read(f"{HEADER}\n05 Dec 2025,1.0,2.0,3.0,6.0\n08 Dec 2025,{cell},2.0,3.0,5.0\n")
    assert found.provisional[BTC].tolist() == [pd.Timestamp("2025-12-08")]
    none = read(f"{HEADER}\n05 Dec 2025,1.0,2.0,3.0,6.0\n08 Dec 2025,0.0,2.0,3.0,5.0\n")
    assert not none.provisional


@pytest.mark.parametrize("total", ["-", ""])
def test_a_late_day_may_have_no_total_yet(total):
    text = f"{HEADER}\n05 Dec 2025,1.0,2.0,3.0,6.0\n08 Dec 2025,-,2.0,3.0,{total}\n"
    assert flow(text) == [6, 5]
    assert len(read(text).provisional[BTC]) == 1


def sessions(count: int, ibit) -> str:
    days = pd.bdate_range("2025-10-01", periods=count)
    rows = [(day, ibit(at)) for at, day in enumerate(days)]
    lines = [
        f"{day:%d %b %Y},{cell},2.0,1.0,{3 + (0 if cell == '-' else float(cell)):.1f}"
        for day, cell in rows
    ]
    return "\n".join([HEADER, *lines])


@pytest.mark.parametrize(
    ("ibit", "waiting"),
    [
        (lambda at: "-", 0),  # closed, or never begun
        (lambda at: "-" if at < 25 else "1.0", 0),  # begins later
        (lambda at: "1.0" if at < 12 else "-", 0),  # closed eighteen sessions ago
        (lambda at: "1.0" if at < 25 else "-", 5),  # five sessions late
        (lambda at: "-" if at == 20 else "1.0", 0),  # never told, but fourteen days ago
        (lambda at: "-" if at == 25 else "1.0", 1),
    ],
)
def test_only_a_fund_that_reports_is_waited_for_and_not_for_ever(ibit, waiting):
    found = read(sessions(30, ibit))
    assert len(found.series[BTC]) == 30
    assert len(found.provisional.get(BTC, ())) == waiting


def test_seven_later_days_settle_a_total():
    late = "05 Dec 2025,1.0,2.0,3.0,6.0\n08 Dec 2025,-,2.0,3.0,5.0\n"
    for last, count in (("14 Dec 2025", 1), ("15 Dec 2025", 0)):
        text = f"{HEADER}\n{late}{last},1.0,2.0,3.0,6.0\n"
        assert len(read(text).provisional.get(BTC, ())) == count


def test_a_store_of_the_schema_before_is_read(tmp_path):
    from features.storage.parquet import write_table

    rows = flow_store.rows_of(BTC, pd.Series([1e8], pd.DatetimeIndex(["2025-12-05"])), "old.csv")
    write_table(tmp_path / flow_store.FILE, rows.drop(columns="final"), {"schema": 2})
    assert flow_store.read(tmp_path)["final"].tolist() == [True]
    assert flow_store.digest(flow_store.read(tmp_path)) == flow_store.digest(rows)


# --- notations -----------------------------------------------------------------------------------

PLAIN = f"{HEADER}\n04 Dec 2025,1100.5,20.0,(5.0),1115.5\n05 Dec 2025,90.0,10.0,(5.0),95.0\n"
NOTATIONS = {
    "Excel's days": PLAIN.replace(" Dec 2025", "-Dec-25"),
    "slashes": PLAIN.replace(" Dec ", "/Dec/"),
    "time stamps": PLAIN.replace("04 Dec 2025", "2025-12-04T00:00:00Z").replace(
        "05 Dec 2025", "2025-12-05 00:00:00"),
    "day first": PLAIN.replace(" Dec 2025", "/12/2025") + "15/12/2025,,,,\n",
    "month first": PLAIN.replace("04 Dec 2025", "12/04/2025").replace("05 Dec 2025", "12/05/2025")
    + "12/15/2025,,,,\n",
    "thousands": PLAIN.replace("1100.5", '"1,100.5"').replace("1115.5", '"1,115.5"'),
    "minus": PLAIN.replace("(5.0)", "-5.0"),
    "dollars": PLAIN.replace("1100.5", "$1100.5").replace("(5.0)", "($5.0)"),
    "decimal comma": PLAIN.replace(",", ";").replace(".", ","),
    "decimal comma, thousands": PLAIN.replace(",", ";").replace(".", ",").replace(
        "1100,5", "1.100,5").replace("1115,5", "1.115,5"),
    "footers": PLAIN + "Total,1190.5,30.0,(10.0),1210.5\nAvg,595.2,15,(5.0),605.2\n"
    "Source: somebody\n",
    "unnamed index": "\n".join(
        f"{'' if at < 0 else at},{line}" for at, line in enumerate(PLAIN.splitlines(), -1)),
    "two indices": "\n".join(
        f",Unnamed: 0,{line}" if at < 0 else f"{at},{at},{line}"
        for at, line in enumerate(PLAIN.splitlines(), -1)),
    "three indices": "\n".join(
        f",Unnamed: 0.1,Unnamed: 0,{line}" if at < 0 else f"{at},{at},{at},{line}"
        for at, line in enumerate(PLAIN.splitlines(), -1)),
    "day without name": PLAIN.replace("Date", ""),
    "index before a day without name": "\n".join(
        f",{line}" if at < 0 else f"{at},{line}"
        for at, line in enumerate(PLAIN.replace("Date", "").splitlines(), -1)),
}  # fmt: skip


@pytest.mark.parametrize("text", NOTATIONS.values(), ids=NOTATIONS)
def test_a_table_is_read_in_every_clear_notation(text):
    found = read(text)
    assert found.series[BTC].tolist() == pytest.approx([1115.5e6, 95e6])
    assert [f"{day:%F}" for day in found.series[BTC].index] == ["2025-12-04", "2025-12-05"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (PLAIN.replace(" Dec 2025", "/12/2025"), "can be 04 Dec 2025 or 12 Apr 2025"),
        (PLAIN.replace("04 Dec 2025", "13/12/2025").replace("05 Dec 2025", "12/13/2025"),
         "no one order of day and month fits"),
        (PLAIN.replace(",Total", ",Date,Total"), "2 columns that could be the day"),
        ("Flow (BTC),,,,\n" + PLAIN, "says '(BTC)': flows must be in US$ million"),
        ("Net flows in bitcoin,,,,\n" + PLAIN, "says 'in bitcoin'"),
        ("Net flows (US$ bn),,,,\n" + PLAIN, "US$ million"),
    ],
)  # fmt: skip
def test_what_is_not_clear_is_refused_with_the_way_out(text, told):
    message = refusal(text)
    assert told in message


@pytest.mark.parametrize("title", ["US$m", "Bitcoin ETF Flow (US$m)", "Fund Flows, US$ million"])
def test_a_table_may_say_that_it_is_in_millions(title):
    assert flow(f'"{title}",,,,\n{PLAIN}') == [1115.5, 95]


@pytest.mark.parametrize("times", [1000, 1e6])
def test_another_unit_is_refused_by_size(bring, times):
    lines = [
        f"{day} Dec 2025,{ibit * times},0.0,0.0,{ibit * times}" for day, ibit in ((4, 110), (5, 90))
    ]
    result = bring("\n".join([HEADER, *lines]))
    assert result.exit_code == 3
    assert "another unit?" in result.stderr
    assert not (bring.directory / flow_store.FILE).exists()


# --- the fund ------------------------------------------------------------------------------------

NAMES = [
    "iShares\u00ae Core S&amp;P 500 ETF", "iShares Core S&amp;P Small-Cap ETF",
    "iShares Russell 1000 ETF", "iShares Russell 2000 Value ETF", "iShares Russell 2000 Growth ETF",
    "iShares\u00ae Russell 2000 Growth ETF", "Vanguard Russell 2000 ETF",
    "Vanguard Russell 2000 Index Fund ETF Shares", "SPDR S&amp;P 600 Small Cap ETF",
    "iShares Bitcoin Trust ETF",
]  # fmt: skip


def page(*names: str) -> str:
    rows = [line.split(",") for line in FUND.splitlines()]
    body = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in rows)
    named = "".join(f"<tr><td>{name}</td></tr>" for name in names)
    return f"<html><table>{named}</table><table>{body}</table></html>"


@pytest.mark.parametrize("name", NAMES)
def test_another_fund_is_refused_by_name(name):
    assert f"is the file of {name.replace('&amp;', '&')}; needed" in refusal(page(name))


@pytest.mark.parametrize(
    "name", ["iShares Russell 2000 ETF", "iShares\u00ae Russell 2000 ETF",
             "iShares(R) Russell 2000\u00ae ETF"],
)  # fmt: skip
def test_the_fund_itself_is_known_by_name(name):
    assert read(page(name)).series[NAV].tolist() == [249.9, 251.24]


@pytest.mark.parametrize(
    ("fund", "nav"),
    [("IVV", 690.2), ("IJR", 122.0), ("IWB", 375.0), ("IWN", 181.0), ("IWO", 330.0),
     ("VTWO", 101.5)],
)  # fmt: skip
def test_another_fund_is_refused_by_size(fund, nav):
    text = FUND.replace("251.24", f"{nav}").replace("249.9", f"{nav}")
    assert "the file of another fund?" in refusal(text)


def test_a_split_fund_is_taken_by_its_name():
    halved = page("iShares Russell 2000 ETF").replace("251.24", "125.62").replace("249.9", "124.9")
    assert read(halved).series[NAV].tolist() == [124.9, 125.62]


def test_behind_the_embedded_index_the_limit_is_wider(reference):
    index = reference.series("russell2000")
    value = NAV_PER_POINT * index.iloc[-1]
    later = pd.DatetimeIndex([index.index[-1] + pd.Timedelta(days=200)])
    check_fund(pd.Series([1.25 * value], later), index)
    with pytest.raises(DataError, match="another fund"):
        check_fund(pd.Series([1.35 * value], later), index)
    with pytest.raises(DataError, match="another fund"):
        check_fund(pd.Series([1.25 * value], index.index[-1:]), index)


def test_excels_days_are_read_in_fund_data():
    found = read(FUND)
    assert found.series[SHARES].tolist() == [279350000, 278350000]
    assert found.series[NAV].index[-1] == pd.Timestamp("2025-12-09")
