"""Fund tables as people have them: late funds, other notations, other units, other funds' files."""

from __future__ import annotations

import pandas as pd
import pytest

from features.panel import DataError
from features.sources.etf_flows import flow_store
from features.sources.etf_flows.command import app
from features.sources.etf_flows.embedded import (
    NAV_PER_POINT,
    check_flows,
    check_fund,
    embedded_dollars,
    traded,
)
from features.sources.etf_flows.layouts import interpret, read_file
from features.sources.etf_flows.series import fund_flows
from features.sources.etf_flows.spreadsheets import tables_of
from tests.commands import run_command

BTC, ETH = "btc_etf_net_flow_usd", "eth_etf_net_flow_usd"
NAV, SHARES = "iwm_nav", "iwm_shares_outstanding"
TODAY = pd.Timestamp("2026-11-29")
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
def checked(tmp_path):
    """Read a text as a file, with all that is held against it."""

    def run(text: str, asset=None):
        (tmp_path / "flows.csv").write_text(text)
        return read_file(tmp_path / "flows.csv", asset=asset, until=TODAY)

    return run


@pytest.fixture
def refused(checked):
    """Read a text as a file that must be refused; return the message."""

    def run(text: str, asset=None) -> str:
        with pytest.raises(DataError, match="flows") as error:
            checked(text, asset)
        return str(error.value)

    return run


@pytest.fixture
def bring(tmp_path):
    """Import a text as a file into a store of this test."""

    def run(text: str, *options: str):
        (tmp_path / "flows.csv").write_text(text)
        return run_command(
            app, "import", tmp_path / "flows.csv", "--store", tmp_path / "kept", *options
        )

    run.directory = tmp_path / "kept"
    return run


def held(bring, *, final: bool) -> list[float]:
    table = flow_store.read(bring.directory)
    return table.loc[table["final"] == final, "value"].div(1e6).round(6).tolist()


# --- a total is final when every fund has reported -----------------------------------------------


def test_provisional_totals_are_kept_shown_unused_and_replaced(bring):
    first = bring(LATE)
    assert first.exit_code == 0, first.stderr
    assert "2025-12-08 provisional: IBIT not yet reported" in first.stdout
    assert held(bring, final=True) == [115, 95]
    assert held(bring, final=False) == [28.6, -104.6]
    price = pd.Series(1e5, pd.date_range("2025-11-01", "2025-12-10"))
    given = fund_flows(bring.directory, price, price / 30)["btc_etf_flow"]
    assert given.index[-1] == pd.Timestamp("2025-12-05")
    shown = run_command(app, "show", "--store", bring.directory)
    assert "provisional and not used: 2025-12-08, 2025-12-09" in shown.stdout
    assert bring(FULL).exit_code == 0
    assert held(bring, final=True) == [115, 95, 57.4, -240]


def test_a_final_total_stays_against_a_provisional_one(bring):
    bring(FULL)
    again = bring(LATE)
    assert again.exit_code == 0, again.stderr
    assert "Kept against a provisional figure of this file: 2 final ones" in again.stdout
    assert bring(LATE, "--replace").exit_code == 0
    assert held(bring, final=True) == [115, 95, 57.4, -240]
    other = bring(FULL.replace("28.8", "29.8").replace("57.4", "58.4"))
    assert other.exit_code == 3
    assert "--replace if flows.csv is right" in other.stderr


def test_a_total_that_turns_out_right_becomes_final(bring):
    bring(LATE)
    zero = LATE.replace("08 Dec 2025,-", "08 Dec 2025,0.0").replace("2025,-", "2025,0.0")
    assert bring(zero).exit_code == 0
    assert held(bring, final=True) == [115, 95, 28.6, -104.6]


@pytest.mark.parametrize("cell", ["-", "", "N/A", "\u2013", "#N/A", "TBA"])
def test_unreported_is_not_no_flow(cell):
    found = read(f"{HEADER}\n05 Dec 2025,1.0,2.0,3.0,6.0\n08 Dec 2025,{cell},2.0,3.0,5.0\n")
    assert list(found.provisional) == [pd.Timestamp("2025-12-08")]
    none = read(f"{HEADER}\n05 Dec 2025,1.0,2.0,3.0,6.0\n08 Dec 2025,0.0,2.0,3.0,5.0\n")
    assert not none.provisional


def test_a_late_day_may_have_no_total_yet():
    found = read(f"{HEADER}\n05 Dec 2025,1.0,2.0,3.0,6.0\n08 Dec 2025,-,2.0,3.0,-\n")
    assert (found.series[BTC] / 1e6).tolist() == [6, 5]
    assert len(found.provisional) == 1


@pytest.mark.parametrize(
    ("ibit", "waiting"),
    [
        (lambda at: "-", 0),  # closed, or never begun
        (lambda at: "-" if at < 25 else "1.0", 0),  # begins later
        (lambda at: "1.0" if at < 12 else "-", 0),  # closed eighteen sessions ago
        (lambda at: "1.0" if at < 25 else "-", 5),  # five sessions late
        (lambda at: "-" if at == 20 else "1.0", 0),  # never reported, but fourteen days ago
        (lambda at: "-" if at == 25 else "1.0", 1),
    ],
)
def test_only_a_fund_that_reports_is_waited_for_and_not_for_ever(ibit, waiting):
    lines = [
        f"{day:%d %b %Y},{ibit(at)},2.0,1.0,{3.0 if ibit(at) == '-' else 4.0}"
        for at, day in enumerate(pd.bdate_range("2025-10-01", periods=30))
    ]
    found = read("\n".join([HEADER, *lines]))
    assert len(found.series[BTC]) == 30
    assert len(found.provisional) == waiting


def test_seven_later_days_make_a_total_final():
    late = "05 Dec 2025,1.0,2.0,3.0,6.0\n08 Dec 2025,-,2.0,3.0,5.0\n"
    for last, count in (("14 Dec 2025", 1), ("15 Dec 2025", 0)):
        assert len(read(f"{HEADER}\n{late}{last},1.0,2.0,3.0,6.0\n").provisional) == count


# --- notations -----------------------------------------------------------------------------------

PLAIN = f"{HEADER}\n04 Dec 2025,1100.5,20.0,(5.0),1115.5\n05 Dec 2025,90.0,10.0,(5.0),95.0\n"


def indexed(text: str, heading: str) -> str:
    """Return a table with the index that a program wrote before it, as often as it has headings."""
    return "\n".join(
        f"{heading if at < 0 else f'{at},' * heading.count(',')}{line}"
        for at, line in enumerate(text.splitlines(), -1)
    )


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
    "unit": f'"Bitcoin ETF Flow (US$m)",,,,\n{PLAIN}',
    "unnamed index": indexed(PLAIN, ","),
    "three indices": indexed(PLAIN, ",Unnamed: 0.1,Unnamed: 0,"),
    "day without name": PLAIN.replace("Date", ""),
    "index before a day without name": indexed(PLAIN.replace("Date", ""), ","),
}  # fmt: skip


@pytest.mark.parametrize("text", NOTATIONS.values(), ids=NOTATIONS)
def test_a_table_is_read_in_every_clear_notation(text):
    found = read(text)
    assert found.series[BTC].tolist() == pytest.approx([1115.5e6, 95e6])
    assert [f"{day:%F}" for day in found.series[BTC].index] == ["2025-12-04", "2025-12-05"]


def test_excels_days_are_read_in_fund_data():
    found = read(FUND)
    assert found.series[SHARES].tolist() == [279350000, 278350000]
    assert found.series[NAV].index[-1] == pd.Timestamp("2025-12-09")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PLAIN.replace(" Dec 2025", "/12/2025"), "can be 04 Dec 2025 or 12 Apr 2025"),
        (PLAIN.replace(",Total", ",Date,Total"), "2 columns that could be the day"),
        ("Flow (BTC),,,,\n" + PLAIN, "says '(BTC)': flows must be in US$ million"),
        ("Net flows in bitcoin,,,,\n" + PLAIN, "says 'in bitcoin'"),
        ("Net flows (US$ bn),,,,\n" + PLAIN, "US$ million"),
    ],
)
def test_an_unclear_table_is_refused(text, message):
    assert message in refusal(text)


# --- what the embedded history knows -------------------------------------------------------------


@pytest.fixture(scope="module")
def dollars(reference):
    return {name: embedded_dollars(name, reference) for name in (BTC, ETH)}


def table_of(values, fund="IBIT,FBTC"):
    lines = [f"{day:%F},{value:.1f},0.0,{value:.1f}" for day, value in values.items()]
    return "\n".join([f"Date,{fund},Total", *lines])


def plain_of(values):
    return "\n".join(["date,net_flow_usd", *(f"{day:%F},{v:.1f}" for day, v in values.items())])


def test_the_embedded_flows_themselves_are_taken(checked, dollars):
    for name, fund in ((BTC, "IBIT,FBTC"), (ETH, "ETHA,FETH")):
        millions = (dollars[name] / 1e6).round(1)
        assert len(checked(table_of(millions, fund)).series[name]) == len(millions)
        assert len(checked(plain_of(dollars[name].round()), name[:3]).series[name]) > 400


@pytest.mark.real_data
def test_real_flows_are_taken_whole_and_in_every_part(real_data, reference):
    series = pd.read_parquet(real_data / "series.parquet")
    sessions = pd.DatetimeIndex(reference.series("sp500").index)
    for name in (BTC, ETH, SHARES, NAV):
        values = series[series["series"] == name].set_index("date")["value"]
        assert len(traded(name, values, sessions)) == len(values)
    for name in (BTC, ETH):
        values = series[series["series"] == name].set_index("date")["value"]
        check_flows(name, values, reference)
        known = embedded_dollars(name, reference)
        common = known.index.intersection(values.index)
        assert (known[common] - values[common]).abs().max() < 0.02 * values.abs().max()
        # As if they were later ones, which are known by their usual size only.
        for first in range(0, len(values) - 10, 5):
            part = values.iloc[first : first + 10]
            part.index = pd.bdate_range("2026-07-01", periods=10)
            check_flows(name, part, reference)


@pytest.mark.parametrize(
    ("name", "fund", "price"), [(BTC, "IBIT,FBTC", 92_000), (ETH, "ETHA,FETH", 3_100)]
)
def test_flows_in_coins_are_refused_by_the_embedded_ones(refused, dollars, name, fund, price):
    values = dollars[name].loc["2025-11-20":"2025-12-10"]
    coins = (values / price).round()
    message = refused(table_of(coins[coins.abs() < 9_000], fund))
    assert f"{name} on 2025-1" in message
    assert "US dollars, in the embedded history" in message
    assert "leave out the days to 2026-" in message
    assert "looks like millions" in refused(plain_of(coins), name[:3])


def test_a_few_days_in_millions_among_dollars_are_refused(refused, dollars):
    values = dollars[BTC].iloc[-80:].round(1)
    values.iloc[30:38] = (values.iloc[30:38] / 1e6).round(1)
    message = refused(plain_of(values), "btc")
    assert f"{values.index[30]:%Y-%m-%d}: net_flow_usd must be in US dollars" in message
    values.iloc[30:38] = 4e5  # as far from the embedded ones, and not small enough to look so
    assert "is 4e+05 US dollars, in the embedded history" in refused(plain_of(values), "btc")


@pytest.mark.parametrize("fault", [lambda v: -v, lambda v: v.shift(1), lambda v: v.shift(-1)])
@pytest.mark.parametrize("name", [BTC, ETH])
def test_outflows_for_inflows_and_the_day_before_or_after_are_refused(
    refused, dollars, name, fault
):
    wrong = fault(dollars[name].loc["2025-11-01":"2025-12-10"].round()).dropna()
    assert "another unit, sign or day?" in refused(plain_of(wrong), name[:3])


def test_later_flows_are_known_by_their_usual_size(checked, refused, dollars):
    values = dollars[BTC].iloc[:10]
    values.index = pd.bdate_range("2026-07-06", periods=10)
    assert len(checked(plain_of(values.round()), "btc").series[BTC]) == 10
    assert "its usual day is" in refused(plain_of((values / 1e3).round()), "btc")


def test_a_large_day_is_refused_by_the_limit(bring):
    done = bring(f"{HEADER}\n06 Jul 2026,(9900.5),110.0,(5055.0),(14845.5)\n")
    assert done.exit_code == 3
    assert f"{BTC} on 2026-07-06: must be between -1.38e+10 and 1.38e+10" in done.stderr
    assert "another unit?" in done.stderr
    assert not (bring.directory / flow_store.FILE).exists()


@pytest.mark.parametrize(
    ("day", "why"),
    [
        ("2025-01-09", "a holiday, when US markets are closed, got 1500000"),  # mourning
        ("2025-12-07", "a Sunday"), ("2024-03-29", "a holiday"),
        # After the embedded sessions, by rule: Juneteenth, 4 July moved, Thanksgiving.
        ("2026-06-19", "a holiday"), ("2026-07-03", "a holiday"), ("2026-11-26", "a holiday"),
        ("2026-11-30", "later than today, 2026-11-29"),
    ],
)  # fmt: skip
def test_no_flow_is_of_a_day_without_session(checked, refused, day, why):
    message = refused(f"date,net_flow_usd\n{day},1500000\n", "eth")
    assert f"{ETH} on {day}: is {why}" in message
    if "later" not in why:  # a zero there is what some tables write for a holiday
        zero = checked(f"date,net_flow_usd\n{day},0\n2026-07-06,1500000\n", "eth")
        assert zero.series[ETH].tolist() == [1500000]
    assert len(checked("date,net_flow_usd\n2026-11-27,1500000\n", "eth").series[ETH]) == 1


def test_the_calendar_has_no_holiday_on_an_embedded_session(reference):
    sessions = pd.DatetimeIndex(reference.series("sp500").index)
    later = sessions[sessions >= "2022-06-01"]  # Juneteenth from then on
    judged = traded(NAV, pd.Series(1.0, later), sessions[:1])
    assert judged.index.equals(later)


# --- the fund ------------------------------------------------------------------------------------


def page(*names: str) -> str:
    rows = [line.split(",") for line in FUND.splitlines()]
    body = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in rows)
    named = "".join(f"<tr><td>{name}</td></tr>" for name in names)
    return f"<html><table>{named}</table><table>{body}</table></html>"


@pytest.mark.parametrize(
    "name",
    ["iShares\u00ae Core S&amp;P 500 ETF", "iShares Russell 2000 Value ETF",
     "iShares\u00ae Russell 2000 Growth ETF", "Vanguard Russell 2000 ETF",
     "Vanguard Russell 2000 Index Fund ETF Shares", "iShares Bitcoin Trust ETF"],
)  # fmt: skip
def test_another_fund_is_refused_by_name(refused, name):
    assert f"is the file of {name.replace('&amp;', '&')}; needed" in refused(page(name))


@pytest.mark.parametrize(
    "name", ["iShares Russell 2000 ETF", "iShares\u00ae Russell 2000 ETF",
             "iShares(R) Russell 2000\u00ae ETF"],
)  # fmt: skip
def test_the_fund_itself_is_known_by_name(checked, name):
    assert checked(page(name)).series[NAV].tolist() == [249.9, 251.24]
    # After a split it no longer stands to the index as it did.
    halved = page(name).replace("251.24", "125.62").replace("249.9", "124.9")
    assert checked(halved).series[NAV].tolist() == [124.9, 125.62]


@pytest.mark.parametrize("nav", [690.2, 122.0, 375.0, 181.0, 330.0, 101.5])  # IVV, IJR, IWB, ...
def test_another_fund_is_refused_by_size(refused, nav):
    text = FUND.replace("251.24", f"{nav}").replace("249.9", f"{nav}")
    assert f"{NAV} on 2025-12-09: is {nav:g}, but a share" in refused(text)


def test_after_the_embedded_index_the_limit_is_wider(reference):
    index = reference.series("russell2000")
    value = NAV_PER_POINT * index.iloc[-1]
    later = pd.DatetimeIndex([index.index[-1] + pd.Timedelta(days=200)])
    check_fund(pd.Series([1.25 * value], later), index)
    with pytest.raises(DataError, match="another fund"):
        check_fund(pd.Series([1.35 * value], later), index)
    with pytest.raises(DataError, match="another fund"):
        check_fund(pd.Series([1.25 * value], index.index[-1:]), index)
