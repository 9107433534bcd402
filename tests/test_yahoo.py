"""Prices from Yahoo: the real client against a local server, one scenario for every failure."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.panel import DataError, SourceUnavailable
from features.sources.yahoo import client as yahoo
from features.sources.yahoo.closes import Missing, Rejected, accept, lacks_of
from features.sources.yahoo.sessions import is_late, last_complete_day
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
    "unauthorized": "refuses service .Invalid Crumb",
}
ABSENT = {
    "unknown": "is not served by Yahoo: No data found, symbol may be delisted",
    "gone": "is not served by Yahoo: No such thing",
    "late": r"is not served by Yahoo: Data doesn't exist for startDate = \d+, endDate = \d+",
    "empty": "came back empty: without any reason given",
    "null": "came back empty: without any reason given",
}
UNUSABLE = {
    "time_zone": "is in time zone Europe/London, not (UTC|America/New_York)",
    "currency": "has prices in EUR, not in US dollars",
    "layout": "layout that yfinance .* does not understand .KeyError: 'close'.",
    "column": "layout that yfinance .* does not understand .TypeError",
}
INCOMPLETE = {
    "truncated": "is truncated: it begins on 20..-..-.., not 2025-01-01",
    "sparse": r"has only \d+ closes on \d+ days from 20..-..-.. on",
    "hole": "has no close between 20..-..-.. and 20..-..-..",
    "stale": "is stale: its last close is of 2025-1.-.., not 2025-12-09",
    "silent": "is stale: its last close is of 2025-1.-.., not 2025-12-09",
}
# Shapes that Yahoo's answers have at times, and what the rules of plausibility judge: taken.
SOUND = ("jump", "no_adjclose", "live_row", "gaps", "no_currency")
# Faults with a test of their own: a session on a Sunday, and a crumb that charts do not need.
ALONE = ("shifted", "no_crumb")


@pytest.fixture
def yahoo_market(yahoo_server):
    yahoo_server.market = random_market(TICKERS, "2024-06-01", NOW)
    return yahoo_server.market


def fetch(*tickers, first=FIRST, last=LAST, now=NOW, **settings):
    client = yahoo.YahooClient(**settings)
    answers = client.closes(dict.fromkeys(tickers or TICKERS, first), last, now=now)
    return {answer.ticker: answer for answer in answers}


def test_every_fault_of_the_server_is_a_scenario_here():
    assert set(FAULTS) == {*REFUSED, *ABSENT, *UNUSABLE, *INCOMPLETE, *SOUND, *ALONE}


def test_closes_are_the_markets(yahoo_market, yahoo_server):
    answers = fetch(now=NOW.tz_localize("UTC").tz_convert("Asia/Tokyo"))
    for ticker in TICKERS:
        expected = yahoo_market.closes[ticker].loc[FIRST:LAST]
        pd.testing.assert_series_equal(
            answers[ticker].closes, expected, check_names=False, check_freq=False
        )
    assert yahoo_server.charts() == TICKERS, "a request for each, none for time zones"
    # Where the last way to a cookie led over the form of consent, it is taken again: three more.
    assert len(yahoo_server.asked) <= len(TICKERS) + 4, "a cookie and a crumb"


@pytest.mark.parametrize(
    ("now", "coin", "index"),
    [
        ("2025-12-10 00:00", "2025-12-09", "2025-12-09"),  # Wednesday begins in UTC
        ("2025-12-09 23:59", "2025-12-08", "2025-12-09"),
        ("2025-12-10 21:29", "2025-12-09", "2025-12-09"),  # 16:29 in New York
        ("2025-12-10 21:30", "2025-12-09", "2025-12-10"),
        ("2025-07-09 20:29", "2025-07-08", "2025-07-08"),  # summer time: 16:29
        ("2025-07-09 20:30", "2025-07-08", "2025-07-09"),
        ("2025-12-08 12:00", "2025-12-07", "2025-12-05"),  # Monday before the session
    ],
)
def test_the_running_day_is_dropped(yahoo_server, now, coin, index):
    now = pd.Timestamp(now)
    yahoo_server.market = random_market(["^RUT", "BTC-USD"], "2025-05-01", now)
    answers = fetch("^RUT", "BTC-USD", first=pd.Timestamp("2025-05-01"), last=now, now=now)
    assert answers["BTC-USD"].closes.index[-1] == pd.Timestamp(coin)
    assert answers["^RUT"].closes.index[-1] == pd.Timestamp(index)


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
    ("ticker", "last", "late"),
    [("BTC-USD", "2025-12-07", False), ("BTC-USD", "2025-12-06", True),
     ("^RUT", "2025-12-04", False), ("^RUT", "2025-12-03", True)],
)  # fmt: skip
def test_how_late_is_stale(ticker, last, late):
    assert is_late(ticker, pd.Timestamp(last), LAST) is late


@pytest.mark.parametrize("ticker", ["BTC-USD", "^GSPC", "IWM"])
@pytest.mark.parametrize("fault", SOUND)
def test_a_shape_that_yahoo_has_at_times_is_read(yahoo_market, ticker, fault):
    yahoo_market.faults = {ticker: fault}
    got, whole = fetch(ticker)[ticker].closes, yahoo_market.closes[ticker].loc[FIRST:LAST]
    assert len(got) > 0.9 * len(whole)
    assert (got / whole[got.index]).round(6).isin([1, 60] if fault == "jump" else [1]).all()
    assert got.index[-1] == whole.index[-1]


def test_charts_need_no_crumb(yahoo_market):
    yahoo_market.faults = {"crumb": "no_crumb"}
    assert len(fetch("BTC-USD")["BTC-USD"].closes) == 343


@pytest.mark.parametrize("fault", REFUSED)
def test_refusals_stop_everything_after_three_attempts(
    yahoo_market, yahoo_server, monkeypatch, fault, capfd
):
    monkeypatch.setattr(yahoo, "TIMEOUT_SECONDS", 0.1 if fault == "hanging" else 10.0)
    yahoo_market.faults = {"SOL-USD": fault}
    with pytest.raises(SourceUnavailable, match=REFUSED[fault]) as caught:
        fetch("SOL-USD", "ETH-USD")
    assert "or use --offline" in str(caught.value)
    assert "http" not in str(caught.value), "no link, no address"
    attempts = yahoo_server.charts().count("SOL-USD")
    # yfinance itself asks once more when it is not let in, curl when a used line breaks.
    assert attempts in {"unauthorized": (6,), "dropped": (3, 4)}.get(fault, (3,))
    assert "ETH-USD" not in yahoo_server.charts()
    assert capfd.readouterr() == ("", "")
    yahoo_market.faults = {}
    assert len(fetch("SOL-USD")["SOL-USD"].closes) == 343, "a broken answer is not remembered"


@pytest.mark.parametrize("fault", [*ABSENT, *UNUSABLE])
def test_what_cannot_be_used_of_a_coin_is_named(yahoo_market, yahoo_server, fault, capfd):
    yahoo_market.faults = {"SOL-USD": fault, "^RUT": fault}
    refused = fetch("SOL-USD", "BTC-USD")["SOL-USD"]
    assert refused.closes is None
    assert re.search({**ABSENT, **UNUSABLE}[fault], str(refused.rejected))
    assert isinstance(refused.rejected, Missing) is (fault in ABSENT)
    assert yahoo_server.charts() == ["SOL-USD", "BTC-USD"], "asked once"
    with pytest.raises(DataError, match={**ABSENT, **UNUSABLE}[fault]) as caught:
        fetch("^RUT")
    assert str(caught.value).startswith("Yahoo: ^RUT ")
    assert str(caught.value).endswith("; try again later, or use --offline.")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("fault", INCOMPLETE)
def test_what_is_incomplete_of_a_coin_is_kept_and_of_an_index_refused(yahoo_market, fault):
    yahoo_market.faults = {"SOL-USD": fault, "^RUT": fault, "BTC-USD": fault}
    kept = fetch("SOL-USD")["SOL-USD"]
    (lack,) = lacks_of("SOL-USD", kept.closes, kept.first_trade, FIRST, LAST)
    assert re.fullmatch(INCOMPLETE[fault], lack)
    for ticker in ("^RUT", "BTC-USD"):
        with pytest.raises(DataError, match=INCOMPLETE[fault]):
            fetch(ticker)


def test_a_wrong_time_zone_shows_at_the_weekend(yahoo_market):
    yahoo_market.faults = {"^GSPC": "shifted"}
    with pytest.raises(DataError, match="has a session on Sunday"):
        fetch("^GSPC")


def test_a_listing_within_the_span_is_no_truncation(yahoo_market):
    listed = pd.Timestamp("2025-08-01")
    yahoo_market.closes["SOL-USD"] = yahoo_market.closes["SOL-USD"].loc[listed:]
    answer = fetch("SOL-USD")["SOL-USD"]
    assert answer.closes.index[0] == listed
    assert lacks_of("SOL-USD", answer.closes, answer.first_trade, FIRST, LAST) == []


def test_a_passing_failure_is_passed_over_after_growing_waits(
    yahoo_market, yahoo_server, monkeypatch
):
    waits = []
    monkeypatch.setattr(yahoo, "BACKOFF_SECONDS", (1.0, 4.0))
    monkeypatch.setattr(yahoo.time, "sleep", waits.append)
    yahoo_market.hiccups = 2
    fetch("BTC-USD", "ETH-USD")
    assert yahoo_server.charts() == ["BTC-USD"] * 3 + ["ETH-USD"]
    assert [wait for wait in waits if wait] == [1.0, 4.0]


@pytest.mark.parametrize(("seconds", "attempts"), [(0.3, 1), (1.2, 2)])
def test_the_deadline_is_that_of_all_attempts_together(
    yahoo_market, yahoo_server, monkeypatch, seconds, attempts
):
    monkeypatch.setattr(yahoo, "BACKOFF_SECONDS", (0.1, 0.4))
    monkeypatch.setattr(yahoo, "TIMEOUT_SECONDS", 0.8)
    yahoo_market.faults = {OTHER: "hanging"}
    said = []
    begun = time.monotonic()
    with pytest.raises(SourceUnavailable, match="Yahoo cannot be reached"):
        fetch("SOL-USD", deadline=seconds, say=said.append)
    assert time.monotonic() - begun < seconds + 1
    assert yahoo_server.charts() == ["SOL-USD"] * attempts
    assert len(said) == attempts - 1
    assert all(line.endswith("; asking again, for up to 1.2 s ...") for line in said)


def test_no_network(monkeypatch, yahoo_server):
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    yahoo._session.cache_clear()
    with pytest.raises(SourceUnavailable, match="Yahoo cannot be reached"):
        fetch()


def test_an_answer_beyond_all_bounds_is_not_read(yahoo_market, monkeypatch):
    monkeypatch.setattr(yahoo, "LARGEST_BYTES", 1_000)
    with pytest.raises(SourceUnavailable, match=r"cannot be reached .*file size"):
        fetch("BTC-USD")


def judge(values=(1.0, 2.0, 3.0), columns=("Close",), zone="UTC", rows=None):
    days = pd.date_range("2025-12-05", periods=len(values), tz=zone)
    table = pd.DataFrame(np.tile(np.array([values]).T, len(columns)), days, columns=columns)
    table = table if rows is None else table.iloc[list(rows)]
    return accept("SOL-USD", table, "USD", pd.Timestamp("2025-12-05"), pd.Timestamp("2025-12-07"))


@pytest.mark.parametrize(
    ("given_table", "kept"),
    [
        ({"columns": ("Open", "Close", "Adj Close")}, [1.0, 2.0, 3.0]),
        ({"values": (0.0, np.nan, 3.0)}, [3.0]),
        # Of the last day there may be two rows: its bar and the newest quote, which counts.
        ({"rows": (0, 1, 2, 2)}, [1.0, 2.0, 3.0]),
        ({"columns": pd.MultiIndex.from_tuples([("Close", "SOL-USD")])}, "unknown layout"),
        ({"columns": ("Adj Close",)}, "unknown layout"),
        ({"values": ("1", "2", "3")}, "unknown layout"),
        ({"values": (1, 2, 3)}, "unknown layout"),
        ({"zone": None}, "is in time zone None, not UTC"),
        ({"values": (0.0, -1.0, np.inf)}, "no close from 2025-12-05 to 2025-12-07"),
        ({"rows": (0, 0, 1, 2)}, "two closes for 2025-12-05"),
    ],
)
def test_what_is_accepted_of_bars(given_table, kept):
    if isinstance(kept, list):
        assert judge(**given_table).tolist() == kept
    else:
        with pytest.raises(Rejected, match=kept):
            judge(**given_table)


def test_ranking_is_by_market_cap(yahoo_market):
    # Prices moved since it was sorted.
    yahoo_market.ranking = yahoo_market.ranking.iloc[[0, 2, 1, 3]]
    ranking = yahoo.YahooClient().ranking(now=NOW)
    assert ranking["ticker"].tolist() == ["BTC-USD", "ETH-USD", "SOL-USD", "SUI20947-USD"]
    assert ranking["symbol"].tolist() == ["BTC", "ETH", "SOL", "SUI"]
    assert ranking["name"].tolist() == ["Btc", "Eth", "Sol", "Sui20947"]
    assert ranking["market_cap_usd"].is_monotonic_decreasing
    last = [yahoo_market.closes[ticker].iloc[-1] for ticker in ranking["ticker"]]
    assert ranking["close_usd"].tolist() == last


@pytest.mark.parametrize(
    ("ticker", "symbol"),
    [("USD136148-USD", "USD1"), ("1INCH-USD", "1INCH"), ("C98-USD", "C98"), ("UNI7083-USD", "UNI")],
)
def test_numbers_after_symbols_are_taken_off(ticker, symbol):
    assert yahoo._coin({"symbol": ticker})[1] == symbol


@pytest.mark.parametrize(
    ("fault", "error", "match"),
    [
        ("empty", DataError, "of 0 current coins does not begin with Bitcoin"),
        ("stale", DataError, "of 0 current coins does not begin with Bitcoin"),
        ("gone", DataError, "ranking is not served by Yahoo: No such thing"),
        ("layout", DataError, "unknown layout .KeyError: 'quotes'"),
        ("column", DataError, "unknown layout .KeyError: 'symbol'"),
        ("rate_limit", SourceUnavailable, "rate limit"),
        ("not_json", SourceUnavailable, "something else than JSON"),
        ("turned", DataError, "of 4 current coins does not begin with Bitcoin"),
    ],
)
def test_a_ranking_that_cannot_be_had(yahoo_market, fault, error, match, capfd):
    if fault == "turned":
        yahoo_market.ranking = yahoo_market.ranking.iloc[::-1]
    yahoo_market.faults = {"ranking": fault}
    with pytest.raises(error, match=match):
        yahoo.YahooClient().ranking(now=NOW)
    assert capfd.readouterr() == ("", "")


def test_shares_of_a_fund(yahoo_market):
    assert yahoo.YahooClient().shares("IWM", now=NOW) == (pd.Timestamp("2025-12-09"), 280e6, 250.0)
    for fault, error, match in (
        ("column", DataError, "KeyError: 'sharesOutstanding'"),
        ("unknown", DataError, "the shares of IWM is not served by Yahoo: Quote not found"),
        ("rate_limit", SourceUnavailable, "rate limit"),
    ):
        yahoo_market.faults = {"IWM": fault}
        with pytest.raises(error, match=match):
            yahoo.YahooClient().shares("IWM", now=NOW)


def test_yfinance_leaves_nothing_behind(yahoo_market, yahoo_server: YahooServer, tmp_path):
    """Its databases are of the process alone, and gone with it."""
    code = (
        "import pandas as pd; from features.sources.yahoo.client import YahooClient;"
        f"first, last, now = map(pd.Timestamp, {[str(FIRST), str(LAST), str(NOW)]});"
        "(one,) = YahooClient().closes({'BTC-USD': first}, last, now=now); print(len(one.closes))"
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
    ranking = yahoo.YahooClient().ranking(now=now)
    assert ranking["ticker"].iloc[0] == "BTC-USD"
    tickers = ["^RUT", "^GSPC", "IWM", "^VIX", *ranking["ticker"].head(20)]
    answers = fetch(*tickers, first=pd.Timestamp("2014-09-17"), last=last, now=now)
    required = {"^RUT", "^GSPC", "IWM", "^VIX", "BTC-USD", "ETH-USD"}
    assert required <= {ticker for ticker, got in answers.items() if got.closes is not None}
    day, shares, value = yahoo.YahooClient().shares("IWM", now=now)
    assert day <= last
    assert 1e8 < shares < 1e9
    assert 50 < value < 1000
