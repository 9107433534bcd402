"""Prices from Yahoo: the real client against a local server, one scenario for every failure."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from features.panel import DataError, SourceUnavailable
from features.patience import Patience, patient
from features.sources.yahoo import client as yahoo
from features.sources.yahoo.closes import Bars, Missing, Rejected, accept
from features.sources.yahoo.sessions import is_late, last_complete_day
from models.cli.boundary import clear_errors
from models.cli.options import ExitCode
from tests.yahoo_server import FAULTS, OTHER, YahooServer, random_market

NOW = pd.Timestamp("2025-12-10 18:00")  # Wednesday, 13:00 in New York
FIRST, LAST = pd.Timestamp("2025-01-01"), pd.Timestamp("2025-12-09")
TICKERS = ["^RUT", "^GSPC", "IWM", "^VIX", "BTC-USD", "ETH-USD", "SOL-USD", "SUI20947-USD"]

REFUSED = {
    "rate_limit": "rate limit",
    "rate_limit_json": "rate limit",
    "rate_limit_text": "rate limit",
    "down": "cannot be reached .HTTP status 503",
    "closing": "cannot be reached .*DOWN",
    "not_json": "something else than JSON",
    "dropped": "cannot be reached .*closed abruptly",
    "hanging": "cannot be reached .*timed out",
    "unauthorized": "refuses service .Unauthorized: Invalid Crumb",
}
UNUSABLE = {
    "unknown": "gave no prices: No data found, symbol may be delisted",
    "gone": "gave no prices: No such thing",
    "empty": "came back empty, without any reason given",
    "null": "came back empty, without any reason given",
    "time_zone": "is in time zone Europe/London, not (UTC|America/New_York)",
    "currency": "has prices in EUR, not in US dollars",
    "layout": "layout that yfinance .* does not understand .KeyError: 'close'.",
    "column": "layout that yfinance .* does not understand .TypeError",
    "late": r"gave no prices: Data doesn't exist for startDate = \d+, endDate = \d+",
}
INCOMPLETE = {
    "truncated": "is truncated: it begins on 20..-..-.., not 2025-01-01",
    "sparse": r"has only \d+ closes on \d+ days from 20..-..-.. on",
    "hole": "has no close between 20..-..-.. and 20..-..-..",
    "stale": "is stale: its last close is of 2025-1.-.., not 2025-12-09",
    "silent": "is stale: its last close is of 2025-1.-.., not 2025-12-09",
}
SHIFTED = {"shifted": "has a session on Sunday"}
# Shapes that Yahoo's answers have at times, and what the rules of plausibility judge: taken.
SOUND = ("jump", "no_adjclose", "live_row", "gaps", "no_currency")
# A fault of the whole service that charts do not need.
NO_CRUMB = "no_crumb"


@pytest.fixture
def yahoo_market(yahoo_server):
    yahoo_server.market = random_market(TICKERS, "2024-06-01", NOW)
    return yahoo_server.market


def fetch(*tickers, first=FIRST, last=LAST, now=NOW):
    return yahoo.fetch_closes(tickers or TICKERS, first, last, now=now)


def test_closes_are_the_markets(yahoo_market, yahoo_server):
    seen = []
    answer = yahoo.fetch_closes(
        TICKERS, FIRST, LAST, now=NOW, progress=lambda done, total: seen.append((done, total))
    )
    assert list(answer.closes) == TICKERS
    assert answer.problems == ()
    assert answer.fetched_at == NOW
    assert answer.closes.index.name == "date"
    assert answer.closes.index.dtype == "datetime64[s]"
    for ticker in TICKERS:
        expected = yahoo_market.closes[ticker].loc[FIRST:LAST]
        got = answer.closes[ticker].dropna()
        assert got.index.equals(expected.index)
        assert (got == expected).all(), ticker
    assert seen == [(done, len(TICKERS)) for done in range(1, len(TICKERS) + 1)]
    assert yahoo_server.charts() == TICKERS, "one request each, none for time zones"


def test_an_instant_with_a_time_zone_is_the_same(yahoo_market):
    aware = fetch("BTC-USD", now=NOW.tz_localize("UTC").tz_convert("Asia/Tokyo"))
    assert aware.closes.equals(fetch("BTC-USD").closes)
    assert aware.fetched_at == NOW


@pytest.mark.parametrize(
    ("now", "coin", "index"),
    [
        ("2025-12-10 00:00", "2025-12-09", "2025-12-09"),  # Wednesday begins in UTC
        ("2025-12-09 23:59", "2025-12-08", "2025-12-09"),
        ("2025-12-10 21:29", "2025-12-09", "2025-12-09"),  # 16:29 in New York
        ("2025-12-10 21:30", "2025-12-09", "2025-12-10"),
        ("2025-07-09 20:29", "2025-07-08", "2025-07-08"),  # summer time: 16:29
        ("2025-07-09 20:30", "2025-07-08", "2025-07-09"),
        ("2025-12-07 12:00", "2025-12-06", "2025-12-05"),  # Sunday
        ("2025-12-08 12:00", "2025-12-07", "2025-12-05"),  # Monday before the session
    ],
)
def test_the_running_day_is_dropped(yahoo_server, now, coin, index):
    now = pd.Timestamp(now)
    yahoo_server.market = random_market(["^RUT", "BTC-USD"], "2025-05-01", now)
    answer = fetch("^RUT", "BTC-USD", first=pd.Timestamp("2025-05-01"), last=now, now=now)
    assert answer.closes["BTC-USD"].last_valid_index() == pd.Timestamp(coin)
    assert answer.closes["^RUT"].last_valid_index() == pd.Timestamp(index)


@given(st.datetimes(pd.Timestamp("2014-01-01"), pd.Timestamp("2030-01-01")))
def test_complete_days_are_over_and_only_move_on(moment):
    now = pd.Timestamp(moment).as_unit("s")
    for ticker in ("BTC-USD", "^RUT"):
        day = last_complete_day(ticker, now)
        assert day + pd.Timedelta(hours=20) <= now
        assert now - day < pd.Timedelta(days=2 if ticker == "BTC-USD" else 5)
        assert day <= last_complete_day(ticker, now + pd.Timedelta(hours=1))
        assert ticker == "BTC-USD" or day.day_of_week < 5


@pytest.mark.parametrize(
    ("ticker", "last", "expected", "late"),
    [
        ("BTC-USD", "2025-12-07", "2025-12-09", False),
        ("BTC-USD", "2025-12-06", "2025-12-09", True),
        ("^RUT", "2025-12-04", "2025-12-09", False),  # three sessions behind
        ("^RUT", "2025-12-03", "2025-12-09", True),
    ],
)
def test_how_late_is_stale(ticker, last, expected, late):
    assert is_late(ticker, pd.Timestamp(last), pd.Timestamp(expected)) is late


def test_every_fault_of_the_server_is_a_scenario_here():
    assert set(FAULTS) == {*REFUSED, *UNUSABLE, *INCOMPLETE, *SHIFTED, *SOUND, NO_CRUMB}


@pytest.mark.parametrize("ticker", ["BTC-USD", "^GSPC", "IWM"])
@pytest.mark.parametrize("fault", SOUND)
def test_a_shape_that_yahoo_has_at_times_is_read(yahoo_market, ticker, fault):
    yahoo_market.faults = {ticker: fault}
    answer = fetch(ticker)
    assert answer.problems == ()
    got, whole = answer.closes[ticker].dropna(), yahoo_market.closes[ticker].loc[FIRST:LAST]
    if fault == "gaps":
        assert 0.9 * len(whole) < len(got) < len(whole)
    if fault != "jump":
        assert (got == whole[got.index]).all()
    else:
        assert (got / whole).round(6).isin([1, 60]).all()
    assert got.index[-1] == whole.index[-1]


def test_charts_need_no_crumb(yahoo_market):
    yahoo_market.faults = {"crumb": NO_CRUMB}
    assert fetch("BTC-USD").problems == ()


@pytest.mark.parametrize("fault", REFUSED)
def test_refusals_stop_everything_after_three_attempts(
    yahoo_market, yahoo_server, monkeypatch, fault, capfd
):
    ticker = "SOL-USD"
    if fault == "hanging":
        monkeypatch.setattr(yahoo, "TIMEOUT_SECONDS", 0.1)
    yahoo_market.faults = {ticker: fault}
    with pytest.raises(SourceUnavailable, match=REFUSED[fault]) as caught:
        fetch(ticker, "ETH-USD")
    assert "or use --offline" in str(caught.value)
    assert "http" not in str(caught.value), "no link, no address"
    attempts = yahoo_server.charts().count(ticker)
    # yfinance itself asks once more when it is not let in, curl when a used line breaks.
    assert attempts in {"unauthorized": (6,), "dropped": (3, 4)}.get(fault, (3,))
    assert "ETH-USD" not in yahoo_server.charts()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("fault", UNUSABLE)
def test_an_unusable_coin_is_left_out_and_named(yahoo_market, fault, capfd):
    yahoo_market.faults = {"SOL-USD": fault}
    answer = fetch("BTC-USD", "SOL-USD", "^RUT")
    assert list(answer.closes) == ["BTC-USD", "^RUT"]
    named, few = answer.problems
    assert pd.Series([named]).str.fullmatch(f"Yahoo: SOL-USD .*{UNUSABLE[fault]}.*; left out.")[0]
    assert few == "only 1 of 2 coins have closes; at least 80 % should."
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("fault", INCOMPLETE)
def test_an_incomplete_coin_is_kept_and_named(yahoo_market, fault):
    yahoo_market.faults = {"SOL-USD": fault}
    answer = fetch("ETH-USD", "SOL-USD")
    assert list(answer.closes) == ["ETH-USD", "SOL-USD"]
    assert 0 < answer.closes["SOL-USD"].count() < answer.closes["ETH-USD"].count()
    (named,) = answer.problems
    assert pd.Series([named]).str.fullmatch(f"Yahoo: SOL-USD {INCOMPLETE[fault]}.")[0]


@pytest.mark.parametrize(
    ("ticker", "fault"),
    [("^RUT", fault) for fault in (*UNUSABLE, *INCOMPLETE)]
    + [("BTC-USD", "unknown"), ("BTC-USD", "hole"), ("ETH-USD", "stale")],
)
def test_a_required_series_must_be_whole(yahoo_market, ticker, fault, capfd):
    yahoo_market.faults = {ticker: fault}
    with pytest.raises(DataError, match={**UNUSABLE, **INCOMPLETE}[fault]) as caught:
        fetch(ticker)
    assert str(caught.value).startswith(f"Yahoo: {ticker} ")
    assert str(caught.value).endswith("; try again later, or use --offline.")
    assert capfd.readouterr() == ("", "")


def test_a_wrong_time_zone_shows_at_the_weekend(yahoo_market):
    yahoo_market.faults = {"^GSPC": "shifted"}
    with pytest.raises(DataError, match=SHIFTED["shifted"]):
        fetch()


def test_a_listing_within_the_span_is_no_truncation(yahoo_market):
    yahoo_market.closes["SOL-USD"] = yahoo_market.closes["SOL-USD"].loc["2025-08-01":]
    answer = fetch("SOL-USD")
    assert answer.problems == ()
    assert answer.closes["SOL-USD"].first_valid_index() == pd.Timestamp("2025-08-01")


def test_a_passing_failure_is_passed_over(yahoo_market, yahoo_server):
    yahoo_market.hiccups = 2
    assert fetch("BTC-USD", "ETH-USD").problems == ()
    assert yahoo_server.charts() == ["BTC-USD"] * 3 + ["ETH-USD"]


def test_waits_grow_between_attempts(yahoo_market, monkeypatch):
    waits = []
    monkeypatch.setattr(yahoo, "BACKOFF_SECONDS", (1.0, 4.0))
    monkeypatch.setattr(yahoo.time, "sleep", waits.append)
    yahoo_market.faults = {OTHER: "rate_limit"}
    with pytest.raises(SourceUnavailable):
        fetch()
    assert [wait for wait in waits if wait] == [1.0, 4.0]


@pytest.mark.parametrize("seconds", [0.3, 2.0])
def test_the_deadline_is_that_of_all_attempts_together(
    yahoo_market, yahoo_server, monkeypatch, seconds
):
    monkeypatch.setattr(yahoo, "BACKOFF_SECONDS", (0.1, 0.4))
    monkeypatch.setattr(yahoo, "TIMEOUT_SECONDS", 1.0)
    yahoo_market.faults = {OTHER: "hanging"}
    said = []
    begun = time.monotonic()
    with (
        patient(Patience(seconds, said.append)),
        pytest.raises(SourceUnavailable, match="Yahoo cannot be reached"),
    ):
        fetch("SOL-USD")
    assert time.monotonic() - begun < seconds + 1
    attempts = 1 if seconds < 1 else 2
    assert yahoo_server.charts() == ["SOL-USD"] * attempts
    assert len(said) == attempts - 1
    assert all(line.endswith("; asking again, for up to 2 s ...") for line in said)


def test_a_broken_answer_is_not_remembered(yahoo_market):
    yahoo_market.faults = {"BTC-USD": "rate_limit_json"}
    with pytest.raises(SourceUnavailable):
        fetch("BTC-USD")
    yahoo_market.faults = {}
    assert fetch("BTC-USD").problems == ()


def test_no_network(monkeypatch, yahoo_server):
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    yahoo._session.cache_clear()
    with pytest.raises(SourceUnavailable, match="Yahoo cannot be reached"):
        fetch()


def test_an_answer_beyond_all_bounds_is_not_read(yahoo_market, monkeypatch):
    monkeypatch.setattr(yahoo, "LARGEST_BYTES", 1_000)
    with pytest.raises(SourceUnavailable, match=r"cannot be reached .*file size"):
        fetch()


def test_nothing_usable_at_all(yahoo_market):
    yahoo_market.faults = {OTHER: "unknown"}
    with pytest.raises(DataError, match="no close of 2 tickers can be used: Yahoo: SOL-USD gave"):
        fetch("SOL-USD", "SUI20947-USD")


def test_a_span_that_is_not_over_is_refused(yahoo_market):
    with pytest.raises(DataError, match="no day from 2025-12-10 to 2025-12-10 is over"):
        fetch("BTC-USD", first=pd.Timestamp("2025-12-10"), last=pd.Timestamp("2025-12-10"))


@pytest.mark.parametrize(
    ("error", "code"),
    [(SourceUnavailable("no network"), ExitCode.FAILURE), (DataError("stale"), ExitCode.DATA)],
)
def test_exit_codes(error, code, capsys):
    with pytest.raises(typer.Exit) as left, clear_errors():
        raise error
    assert left.value.exit_code == code
    assert capsys.readouterr() == ("", f"error: {error}\n")


def bars(columns=("Close",), zone="UTC", values=(1.0, 2.0, 3.0), currency="USD"):
    days = pd.date_range("2025-12-05", periods=len(values), tz=zone)
    table = pd.DataFrame(np.tile(np.array([values]).T, len(columns)), days, columns=columns)
    return Bars(table, currency, None)


def judge(given_bars, ticker="SOL-USD"):
    return accept(ticker, given_bars, pd.Timestamp("2025-12-05"), pd.Timestamp("2025-12-07"))


def test_the_plain_layout_is_accepted():
    closes, lacks = judge(bars(("Open", "Close", "Adj Close")))
    assert closes.tolist() == [1.0, 2.0, 3.0]
    assert lacks == []


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        (pd.MultiIndex.from_tuples([("Close", "SOL-USD")]), (1.0, 2.0, 3.0)),
        (("Adj Close",), (1.0, 2.0, 3.0)),
        (("Close",), ("1", "2", "3")),
        (("Close",), (1, 2, 3)),
    ],
)
def test_another_layout_is_named(columns, values):
    with pytest.raises(Rejected, match="unknown layout"):
        judge(bars(columns, values=values))


def test_a_time_without_zone_is_refused():
    with pytest.raises(Rejected, match="is in time zone None, not UTC"):
        judge(bars(zone=None))


def test_what_is_no_price_is_no_close():
    closes, _ = judge(bars(values=(0.0, np.nan, 3.0)))
    assert closes.tolist() == [3.0]
    with pytest.raises(Missing, match="no close from 2025-12-05 to 2025-12-07"):
        judge(bars(values=(0.0, -1.0, np.inf)))


def test_two_closes_of_one_day_are_refused():
    table = pd.concat([bars().table, bars().table])
    # Of the last day there may be two: its bar and a row of the newest quote, which counts.
    live = bars(values=(1.0, 2.0, 3.0)).table
    live = pd.concat([live, live.iloc[-1:].assign(Close=3.5)])
    assert judge(Bars(live, "USD", None))[0].tolist() == [1.0, 2.0, 3.5]
    with pytest.raises(Rejected, match="two closes for 2025-12-05"):
        judge(Bars(table, "USD", None))


def test_ranking_is_by_market_cap(yahoo_market):
    # Prices moved since it was sorted.
    yahoo_market.ranking = yahoo_market.ranking.iloc[[0, 2, 1, 3]]
    ranking = yahoo.fetch_ranking(4, now=NOW)
    assert ranking["ticker"].tolist() == ["BTC-USD", "ETH-USD", "SOL-USD", "SUI20947-USD"]
    assert ranking["symbol"].tolist() == ["BTC", "ETH", "SOL", "SUI"]
    assert ranking["name"].tolist() == ["Btc", "Eth", "Sol", "Sui20947"]
    assert ranking["market_cap_usd"].is_monotonic_decreasing
    assert ranking["close_usd"].tolist() == [
        yahoo_market.closes[ticker].iloc[-1] for ticker in ranking["ticker"]
    ]


@pytest.mark.parametrize(
    ("ticker", "symbol"),
    [("USD136148-USD", "USD1"), ("1INCH-USD", "1INCH"), ("C98-USD", "C98"), ("UNI7083-USD", "UNI")],
)
def test_numbers_behind_symbols_are_taken_off(ticker, symbol):
    assert yahoo._coin({"symbol": ticker})[1] == symbol


@pytest.mark.parametrize(
    ("fault", "error", "match"),
    [
        ("empty", DataError, "of 0 current coins does not begin with Bitcoin"),
        ("stale", DataError, "of 0 current coins does not begin with Bitcoin"),
        ("gone", DataError, r"ranking is not served any more .HTTP status 400."),
        ("layout", DataError, "unknown layout .KeyError: 'quotes'"),
        ("column", DataError, "unknown layout .KeyError: 'symbol'"),
        *(
            (fault, SourceUnavailable, REFUSED[fault])
            for fault in ("rate_limit", "rate_limit_json", "down", "not_json")
        ),
    ],
)
def test_a_ranking_that_cannot_be_had(yahoo_market, fault, error, match, capfd):
    yahoo_market.faults = {"ranking": fault}
    with pytest.raises(error, match=match):
        yahoo.fetch_ranking(4, now=NOW)
    assert capfd.readouterr() == ("", "")


def test_a_ranking_by_something_else(yahoo_market):
    yahoo_market.ranking = yahoo_market.ranking.iloc[::-1]
    with pytest.raises(DataError, match="of 4 current coins does not begin with Bitcoin"):
        yahoo.fetch_ranking(4, now=NOW)


@pytest.mark.parametrize("count", [0, 251])
def test_a_ranking_has_its_limits(count):
    with pytest.raises(ValueError, match=f"from 1 to 250, got {count}"):
        yahoo.fetch_ranking(count, now=NOW)


def test_shares_of_a_fund(yahoo_market):
    assert yahoo.fetch_shares("IWM", now=NOW) == (pd.Timestamp("2025-12-09"), 280e6, 250.0)


@pytest.mark.parametrize(
    ("fault", "error", "match"),
    [
        ("column", DataError, "KeyError: 'sharesOutstanding'"),
        ("unknown", DataError, "Yahoo: IWM is unknown to Yahoo; try again later"),
        ("rate_limit", SourceUnavailable, "rate limit"),
    ],
)
def test_shares_that_cannot_be_had(yahoo_market, fault, error, match, capfd):
    yahoo_market.faults = {"IWM": fault}
    with pytest.raises(error, match=match):
        yahoo.fetch_shares("IWM", now=NOW)
    assert capfd.readouterr() == ("", "")


def test_yfinance_leaves_nothing_behind(yahoo_market, yahoo_server: YahooServer, tmp_path):
    """Its databases are of the process alone, and gone with it."""
    code = (
        "import pandas as pd; from features.sources.yahoo import client as yahoo;"
        f"print(len(yahoo.fetch_closes(['BTC-USD'], pd.Timestamp('{FIRST}'), "
        f"pd.Timestamp('{LAST}'), now=pd.Timestamp('{NOW}')).closes))"
    )
    places = {name: str(tmp_path / name) for name in ("HOME", "XDG_CACHE_HOME", "TMPDIR")}
    (tmp_path / "TMPDIR").mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **places}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "343\n", "")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.network
def test_the_real_yahoo():
    now = pd.Timestamp.now("UTC")
    last = now.tz_localize(None).normalize()
    ranking = yahoo.fetch_ranking(100, now=now)
    assert ranking["ticker"].iloc[0] == "BTC-USD"
    tickers = ["^RUT", "^GSPC", "IWM", "^VIX", *ranking["ticker"].head(20)]
    answer = yahoo.fetch_closes(tickers, pd.Timestamp("2014-09-17"), last, now=now)
    assert {"^RUT", "^GSPC", "IWM", "^VIX", "BTC-USD", "ETH-USD"} <= set(answer.closes)
    day, shares, value = yahoo.fetch_shares("IWM", now=now)
    assert day <= last
    assert 1e8 < shares < 1e9
    assert 50 < value < 1000
