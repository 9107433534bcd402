"""Prices kept on disk: what is asked again and when, corrections, damage, killed processes."""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import sys
import time
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from features.panel import DataError, SourceUnavailable
from features.sources.yahoo.price_cache import PriceCache, spoken
from features.storage.parquet import read_table, write_table
from tests.yahoo_server import OTHER, random_market

DAY, HOUR = pd.Timedelta(days=1), pd.Timedelta(hours=1)
NOW = pd.Timestamp("2025-12-10 18:00")
FIRST, LAST = pd.Timestamp("2025-01-01"), pd.Timestamp("2025-12-31")
TICKERS = ["^RUT", "BTC-USD", "SOL-USD"]


@pytest.fixture
def ongoing_market(yahoo_server):
    """A market that goes on after NOW: the server's clock decides what is shown."""
    yahoo_server.market = random_market([*TICKERS, "ETH-USD"], "2024-06-01", NOW + 45 * DAY)
    yahoo_server.market.now = NOW
    return yahoo_server.market


@pytest.fixture
def cache(tmp_path):
    return PriceCache(tmp_path)


def closes(cache, tickers=TICKERS, first=FIRST, last=LAST, now=NOW, mode="online", **options):
    return cache.closes(tickers, first, last, now=now, mode=mode, **options)


@pytest.fixture
def asked(yahoo_server):
    """Return and forget the first day asked for, by ticker."""

    def since():
        charts = [url for url in yahoo_server.asked if "/chart/" in url]
        seconds = [int(parse_qs(urlsplit(url).query)["period1"][0]) for url in charts]
        days = pd.to_datetime(seconds, unit="s").normalize()
        found = dict(zip(yahoo_server.charts(), days, strict=True))
        yahoo_server.asked.clear()
        return found

    return since


def files(cache):
    return sorted(path.name for path in cache.directory.iterdir())


def test_it_answers_what_yahoo_has_and_asks_once(ongoing_market, cache, asked, yahoo_server):
    first = closes(cache)
    for ticker in TICKERS:
        expected = ongoing_market.closes[ticker].loc[FIRST:"2025-12-09"]
        assert (first.closes[ticker].dropna() == expected).all()
    assert (first.problems, first.fetched_at) == ((), NOW)
    assert asked() == dict.fromkeys(TICKERS, FIRST)
    again = closes(cache, now=NOW + 3.4 * HOUR)
    pd.testing.assert_frame_equal(again.closes, first.closes)
    assert again.fetched_at == NOW
    assert yahoo_server.asked == [], "not even a cookie"


@pytest.mark.parametrize(
    ("hours", "expected"),
    [(4.5, {"^RUT"}), (6.1, {"^RUT", "BTC-USD", "SOL-USD"})],  # a session, a day in UTC is over
)
def test_what_has_ended_since_is_asked_whole(
    ongoing_market, cache, asked, tmp_path, hours, expected
):
    closes(cache)
    asked()
    ongoing_market.now = later = NOW + hours * HOUR
    answer = closes(cache, now=later)
    assert asked() == dict.fromkeys(expected, FIRST)
    whole = closes(PriceCache(tmp_path / "other"), now=later)
    pd.testing.assert_frame_equal(answer.closes, whole.closes)


def test_other_spans_cut_nothing_out_of_the_store(ongoing_market, cache, asked):
    closes(cache)
    summer, earlier = pd.Timestamp("2025-06-30"), pd.Timestamp("2024-07-01")
    assert closes(cache, last=summer, mode="refresh").closes.index[-1] == summer
    asked()
    assert closes(cache).closes.index[-1] == pd.Timestamp("2025-12-09")
    assert asked() == {}
    assert closes(cache, ["BTC-USD"], first=earlier).closes.index[0] == earlier
    assert closes(cache, ["BTC-USD"], mode="refresh").closes.index[0] == FIRST
    assert asked() == {"BTC-USD": earlier}, "not less than stored"


@pytest.mark.parametrize("ago", [1, 16, 90])
def test_a_wrong_close_is_taken_over_once_corrected(ongoing_market, cache, asked, ago):
    """A Bitcoin close halved, or not there yet, and corrected by the source later."""
    right = ongoing_market.closes["BTC-USD"].copy()
    day = right.index[right.index < NOW.normalize()][-ago]
    ongoing_market.closes["BTC-USD"].loc[day] *= 0.5
    ongoing_market.closes["SOL-USD"].loc[day] = np.nan
    assert closes(cache).closes["BTC-USD"][day] == pytest.approx(0.5 * right[day])
    ongoing_market.closes["BTC-USD"] = right
    asked()
    closes(cache, now=NOW + 3 * HOUR)
    assert asked() == {}, "again on the same day nothing"
    ongoing_market.now = later = NOW + 7 * HOUR
    answer = closes(cache, now=later)
    assert set(asked()) == {*TICKERS}
    assert answer.closes["BTC-USD"][day] == right[day]
    (revision,) = answer.revisions
    assert (revision.series, revision.first_day, revision.days) == ("BTC-USD", day, 1)
    assert revision.old == pytest.approx(0.5 * revision.new)
    assert revision.seen_at == later
    # It stays in the record, of later runs without network as well.
    assert closes(cache, now=NOW + DAY, mode="offline").revisions == answer.revisions


def test_what_no_rule_doubts_is_corrected_the_next_day(ongoing_market, cache):
    day = pd.Timestamp("2025-10-01")
    closes(cache)
    old = ongoing_market.closes["SOL-USD"].copy()
    ongoing_market.closes["SOL-USD"] = old * np.where(old.index <= day, 1.03, 1 + 1e-8)
    ongoing_market.now = NOW + DAY
    (revision,) = closes(cache, now=NOW + DAY).revisions
    assert (revision.first_day, revision.last_day) == (FIRST, day), "rounding is no revision"


def test_what_yahoo_lacks_is_asked_once_a_day(ongoing_market, cache, asked):
    """A dead coin, an unknown ticker, another currency: no question again on the same day."""
    tickers = [*TICKERS, "GONE-USD", "EUR-USD", "DEAD-USD"]
    ongoing_market.closes["EUR-USD"] = ongoing_market.closes["SOL-USD"]
    ongoing_market.closes["DEAD-USD"] = ongoing_market.closes["SOL-USD"].loc[:"2025-06-30"]
    ongoing_market.faults = {"EUR-USD": "currency"}
    first = closes(cache, tickers)
    assert first.absent == {"GONE-USD"}
    gone, eur, dead = first.problems
    assert gone.startswith("Yahoo: GONE-USD is not served by Yahoo: No data found")
    assert gone.endswith("; left out.")
    assert eur == "Yahoo: EUR-USD has prices in EUR, not in US dollars; left out."
    assert dead.startswith("DEAD-USD is stale: its last close is of 2025-06-30")
    assert list(first.closes) == [*TICKERS, "DEAD-USD"]
    asked()
    again = closes(cache, tickers, now=NOW + 3 * HOUR)
    assert asked() == {}
    assert (again.problems, again.absent) == (first.problems, first.absent)
    closes(cache, tickers, now=NOW + 7 * HOUR)
    assert set(asked()) == {*tickers}


@pytest.mark.parametrize(
    ("fault", "said", "kept", "absent"),
    [
        ("unknown", "may be delisted; the stored closes until 2025-12-09 are used.", True, True),
        ("currency", "has prices in EUR, not in US dollars; left out.", False, False),
        ("truncated", "closes, 343 are stored; the stored ones are used.", True, False),
    ],
)
def test_an_answer_that_cannot_be_used_costs_no_stored_close(
    ongoing_market, cache, fault, said, kept, absent
):
    before = closes(cache)
    ongoing_market.faults = {"SOL-USD": fault}
    ongoing_market.now = NOW + DAY
    answer = closes(cache, last=pd.Timestamp("2025-12-09"), now=NOW + DAY)
    assert [problem.endswith(said) for problem in answer.problems] == [True]
    assert ("SOL-USD" in answer.closes) is kept
    assert ("SOL-USD" in answer.absent) is absent
    ongoing_market.faults = {}
    right = closes(cache, now=NOW + DAY, mode="refresh")
    past = right.closes.loc[:"2025-12-09"]
    pd.testing.assert_frame_equal(past, before.closes, check_freq=False)
    assert right.problems == ()


def test_offline_asks_nothing_and_names_its_age(ongoing_market, cache, asked):
    assert cache.age(NOW) is None
    with pytest.raises(DataError, match=r"no closes of \^RUT are stored .*run once without --off"):
        closes(cache, mode="offline")
    online, later = closes(cache), NOW + 5 * DAY
    asked()
    offline = closes(cache, [*TICKERS, "GONE-USD"], now=later, mode="offline")
    pd.testing.assert_frame_equal(offline.closes, online.closes)
    assert offline.problems == ("offline: no closes of GONE-USD are stored; left out.",)
    assert (offline.absent, offline.fetched_at) == ({"GONE-USD"}, NOW)
    assert cache.age(later) == 5 * DAY
    early = closes(cache, ["BTC-USD"], first=pd.Timestamp("2024-07-01"), mode="offline")
    assert early.problems == ("BTC-USD is truncated: it begins on 2025-01-01, not 2024-07-01.",)
    assert asked() == {}


def test_a_refusal_keeps_what_came_and_names_the_age(ongoing_market, cache, asked):
    ongoing_market.faults = {OTHER: "down"}
    with pytest.raises(SourceUnavailable, match=r"No prices are stored."):
        closes(cache)
    ongoing_market.faults = {"BTC-USD": "rate_limit"}
    with pytest.raises(SourceUnavailable, match=r"use --offline. Prices 0 hours old are stored."):
        closes(cache)
    assert files(cache) == ["closes-%5ERUT.parquet"]
    ongoing_market.faults = {}
    asked()
    closes(cache)
    assert set(asked()) == {"BTC-USD", "SOL-USD"}
    ongoing_market.faults = {OTHER: "down"}
    with pytest.raises(SourceUnavailable, match=r"use --offline. Prices 3 days old are stored."):
        closes(cache, now=NOW + 3 * DAY)


def test_nothing_usable_at_all(ongoing_market, cache):
    with pytest.raises(DataError, match="no close of 2 tickers can be used: Yahoo: X-USD is not"):
        closes(cache, ["X-USD", "Y-USD"])


def test_a_directory_that_cannot_be_written(ongoing_market, tmp_path):
    place = tmp_path / "yahoo"
    place.write_text("in the way")
    with pytest.warns(UserWarning, match=f"^prices cannot be kept in {place}: "):
        answer = closes(PriceCache(tmp_path))
    assert list(answer.closes) == TICKERS
    assert answer.problems == ()


def garbage(path):
    path.write_bytes(b"this is no table")


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def forged(path):
    """Other closes under the old note."""
    content = pq.read_table(path)
    doubled = content.set_column(0, "close_usd", pc.multiply(content["close_usd"], 2.0))
    pq.write_table(doubled.replace_schema_metadata(content.schema.metadata), path)


def foreign(path):
    pd.DataFrame({"close_usd": [1.0]}).to_parquet(path)


def another_layout(path):
    table, note = read_table(path)
    note = {key: note[key] for key in note if key not in ("digest", "rows", "asked_from")}
    write_table(path, table, note)


@pytest.mark.parametrize("damage", [garbage, cut, forged, foreign, another_layout])
def test_a_damaged_file_is_set_aside_and_fetched_again(ongoing_market, cache, asked, damage):
    before = closes(cache)
    path = cache.directory / "closes-BTC-USD.parquet"
    aside = f"damaged: {path.name} .* set aside as {path}.damaged-1.$"
    damage(path)
    asked()
    with pytest.warns(UserWarning, match=aside):
        answer = closes(cache)
    pd.testing.assert_frame_equal(answer.closes, before.closes)
    assert set(asked()) == {"BTC-USD"}
    assert closes(cache).problems == ()
    damage(path)
    with (
        pytest.warns(UserWarning, match="damaged-2"),
        pytest.raises(DataError, match="no closes of BTC-USD are stored"),
    ):
        closes(cache, mode="offline")


def test_the_digest_by_hand(tmp_path):
    """It is made of plain bytes: no change of pandas makes a store look damaged."""
    days = pd.DatetimeIndex(["1970-01-02", "1970-01-03"], name="date")
    table = pd.DataFrame({"close_usd": [1.5, 2.0], "name": ["a", "b"]}, days)
    write_table(tmp_path / "t.parquet", table, {"source": "hand"})
    content = (
        b'[{"rows": 2, "source": "hand"}, ["close_usd", "name"]]'
        + struct.pack("<2q", 86400, 2 * 86400)
        + struct.pack("<2d", 1.5, 2.0)
        + b'["a", "b"]'
    )
    note = read_table(tmp_path / "t.parquet")[1]
    assert note["digest"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("hours", "text"),
    [(-1, "0 hours"), (1, "1 hour"), (47.9, "47 hours"), (48, "2 days"), (100, "4 days")],
)
def test_ages_in_words(hours, text):
    assert spoken(hours * HOUR) == text


def test_a_ranking_is_kept_for_its_day(ongoing_market, cache, yahoo_server):
    cache.ranking(now=NOW)
    yahoo_server.asked.clear()
    cache.ranking(now=NOW + 5.9 * HOUR)
    cache.ranking(now=NOW + DAY, mode="offline")
    assert yahoo_server.asked == []
    ongoing_market.now = NOW + DAY
    cache.ranking(now=NOW + DAY)
    cache.ranking(now=NOW + DAY, mode="refresh")
    assert sum("/screener/" in url for url in yahoo_server.asked) == 2
    kept = cache.rankings()
    assert list(kept) == [pd.Timestamp("2025-12-10"), pd.Timestamp("2025-12-11")]
    assert kept[pd.Timestamp("2025-12-11")]["ticker"].tolist()[:2] == ["BTC-USD", "SOL-USD"]
    garbage(cache.directory / "ranking-2025-12-11.parquet")
    with pytest.warns(UserWarning, match="damaged: ranking-2025-12-11.parquet .* set aside as"):
        assert list(cache.rankings()) == [pd.Timestamp("2025-12-10")]
    ongoing_market.faults = {"ranking": "rate_limit"}
    closes(cache)
    with pytest.raises(SourceUnavailable, match=r"rate limit.*Prices 30 hours old are stored."):
        cache.ranking(now=NOW + DAY + 6 * HOUR)


def test_the_shares_of_a_fund_are_asked_once_a_day(ongoing_market, cache, yahoo_server):
    first = cache.shares("IWM", now=NOW)
    assert first == (pd.Timestamp("2025-12-09"), 280e6, 250.0)
    yahoo_server.asked.clear()
    ongoing_market.shares = {"IWM": (290e6, 251.0)}
    assert cache.shares("IWM", now=NOW + HOUR) == first
    assert yahoo_server.asked == []
    assert cache.shares("IWM", now=NOW + DAY)[1:] == (290e6, 251.0)
    assert files(cache) == ["shares-2025-12-11-IWM.parquet"]


ASK = """
import sys
from pathlib import Path
import pandas as pd
from features.sources.yahoo.price_cache import PriceCache

answer = PriceCache(Path(sys.argv[1])).closes(
    sys.argv[2].split(","), pd.Timestamp("2025-01-01"), pd.Timestamp("2025-12-31"),
    now=pd.Timestamp("2025-12-10 18:00"),
)
print(pd.util.hash_pandas_object(answer.closes).sum(), answer.closes.shape, answer.problems)
"""


def asking(folder, tickers):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", ASK, str(folder), ",".join(tickers)],
        env={**os.environ, "TMPDIR": str(folder)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_two_processes_at_once(yahoo_server, tmp_path):
    tickers = ["^RUT", "BTC-USD", *(f"C{place}-USD" for place in range(10))]
    yahoo_server.market = random_market(tickers, "2024-06-01", NOW)
    first, second = [
        process.communicate() for process in [asking(tmp_path, tickers) for _ in range(2)]
    ]
    assert first == second
    assert first[0].endswith("(343, 12) ()\n")
    assert first[1] == ""
    cache = PriceCache(tmp_path)
    assert len(files(cache)) == len(tickers), "nothing staged is left"
    yahoo_server.asked.clear()
    assert closes(cache, tickers).problems == ()
    assert yahoo_server.asked == []


def test_killed_at_any_moment(yahoo_server, tmp_path):
    """Whatever a killed process leaves is whole: the next one only fetches the rest."""
    tickers = ["BTC-USD", *(f"C{place}-USD" for place in range(50))]
    yahoo_server.market = random_market(tickers, "2024-06-01", NOW)
    process = asking(tmp_path, tickers)
    while len(yahoo_server.charts()) < 20:
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.communicate()
    cache = PriceCache(tmp_path)
    held = sum(name.startswith("closes-") for name in files(cache))
    assert 10 <= held < len(tickers)
    yahoo_server.asked.clear()
    assert closes(cache, tickers[: held + 5]).problems == ()
    assert len(yahoo_server.charts()) == 5
