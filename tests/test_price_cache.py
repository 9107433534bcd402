"""Prices kept on disk: tails, contradictions, damage, two processes, a killed process."""

from __future__ import annotations

import hashlib
import os
import signal
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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.panel import DataError, SourceUnavailable
from features.sources.yahoo import client as yahoo
from features.sources.yahoo.price_cache import PriceCache, spoken
from features.storage import parquet as table_file
from features.storage.parquet import DamagedFile, read_table, write_table
from tests.yahoo_server import OTHER, random_market

DAY = pd.Timedelta(days=1)
NOW = pd.Timestamp("2025-12-10 18:00")
FIRST, LAST = pd.Timestamp("2025-01-01"), pd.Timestamp("2025-12-31")
TICKERS = ["^RUT", "BTC-USD", "SOL-USD"]


@pytest.fixture
def ongoing_market(yahoo_server):
    """A market that goes on behind NOW: the server's clock decides what is shown."""
    yahoo_server.market = random_market([*TICKERS, "ETH-USD"], "2024-06-01", NOW + 45 * DAY)
    advance(yahoo_server.market, NOW)
    return yahoo_server.market


def advance(market, now):
    market.now = now


@pytest.fixture
def cache(tmp_path):
    return PriceCache(tmp_path)


def closes(cache, tickers=TICKERS, first=FIRST, last=LAST, now=NOW, mode="online", **options):
    return cache.closes(tickers, first, last, now=now, mode=mode, **options)


def starts(server):
    """First day asked for, by ticker."""
    return {
        ticker: pd.Timestamp(int(parse_qs(urlsplit(url).query)["period1"][0]), unit="s").normalize()
        for ticker, url in zip(
            server.charts(), [url for url in server.asked if "/chart/" in url], strict=True
        )
    }


def files(cache):
    return sorted(path.name for path in cache.directory.iterdir())


def test_it_answers_what_yahoo_answers(ongoing_market, cache):
    answer = closes(cache)
    straight = yahoo.fetch_closes(TICKERS, FIRST, LAST, now=NOW)
    pd.testing.assert_frame_equal(answer.closes, straight.closes)
    assert answer.problems == ()
    assert answer.fetched_at == NOW
    assert files(cache) == sorted(
        f"closes-{name}.parquet" for name in ("%5ERUT", "BTC-USD", "SOL-USD")
    )


def test_the_second_time_nothing_is_asked(ongoing_market, cache, yahoo_server):
    first = closes(cache)
    yahoo_server.asked.clear()
    seen = []
    again = closes(
        cache, now=NOW + pd.Timedelta(minutes=5), progress=lambda *steps: seen.append(steps)
    )
    pd.testing.assert_frame_equal(again.closes, first.closes)
    assert again.fetched_at == NOW
    assert yahoo_server.asked == []
    assert seen == []


@pytest.mark.parametrize("days", [1, 6])
def test_later_only_the_tail_is_asked(ongoing_market, cache, yahoo_server, tmp_path, days):
    closes(cache)
    later = NOW + days * DAY
    advance(ongoing_market, later)
    yahoo_server.asked.clear()
    answer = closes(cache, last=later, now=later)
    assert set(starts(yahoo_server)) == set(TICKERS)
    assert min(starts(yahoo_server).values()) > NOW - 20 * DAY
    whole = closes(PriceCache(tmp_path / "other"), last=later, now=later)
    pd.testing.assert_frame_equal(answer.closes, whole.closes)
    assert answer.closes.index[-1] == (later - DAY).normalize()
    assert answer.fetched_at == later


def test_a_shorter_span_cuts_nothing_out_of_the_store(ongoing_market, cache, yahoo_server):
    closes(cache)
    summer = pd.Timestamp("2025-06-30")
    assert closes(cache, last=summer, mode="refresh").closes.index[-1] == summer
    yahoo_server.asked.clear()
    assert closes(cache).closes.index[-1] == pd.Timestamp("2025-12-09")
    assert yahoo_server.asked == []


def test_a_tail_overlaps_two_weeks(ongoing_market, cache, yahoo_server):
    closes(cache, ["BTC-USD"])
    yahoo_server.asked.clear()
    advance(ongoing_market, NOW + 3 * DAY)
    closes(cache, ["BTC-USD"], now=NOW + 3 * DAY)
    assert starts(yahoo_server) == {"BTC-USD": pd.Timestamp("2025-11-25")}


def test_an_earlier_beginning_is_asked_for_whole(ongoing_market, cache, yahoo_server):
    closes(cache, ["BTC-USD"])
    yahoo_server.asked.clear()
    answer = closes(cache, ["BTC-USD"], first=pd.Timestamp("2024-07-01"))
    assert answer.closes.index[0] == pd.Timestamp("2024-07-01")
    assert starts(yahoo_server) == {"BTC-USD": pd.Timestamp("2024-07-01")}
    assert closes(cache, ["BTC-USD"]).closes.index[0] == FIRST, "a later one is cut out of it"


def test_a_revised_close_has_the_whole_history_fetched_anew(ongoing_market, cache, yahoo_server):
    closes(cache)
    old = ongoing_market.closes["SOL-USD"]
    ongoing_market.closes["SOL-USD"] = 2 * old  # a split, or another coin under the same ticker
    later = NOW + DAY
    advance(ongoing_market, later)
    yahoo_server.asked.clear()
    answer = closes(cache, now=later)
    assert yahoo_server.charts() == [*TICKERS, "SOL-USD"]
    (said,) = answer.problems
    day = pd.Timestamp("2025-11-25")
    assert said == (
        f"SOL-USD: the stored close of 2025-11-25 is {old[day]:g}, now it is {2 * old[day]:g}; "
        "its whole history is fetched anew."
    )
    expected = (2 * old).loc[FIRST : pd.Timestamp("2025-12-10")]
    assert (answer.closes["SOL-USD"] == expected).all()
    assert closes(cache, now=later).problems == ()


@pytest.mark.parametrize("ago", [1, 30, 90])
def test_a_wrong_close_is_asked_for_until_corrected(ongoing_market, cache, yahoo_server, ago):
    right = ongoing_market.closes["BTC-USD"].copy()
    day = right.index[right.index < NOW.normalize()][-ago]
    ongoing_market.closes["BTC-USD"].loc[day] *= 0.5
    assert closes(cache).closes["BTC-USD"][day] == pytest.approx(0.5 * right[day])
    # The source has corrected it since: the next run of the same day sees it.
    ongoing_market.closes["BTC-USD"] = right
    later = NOW + pd.Timedelta(hours=2)
    advance(ongoing_market, later)
    answer = closes(cache, now=later)
    assert answer.closes["BTC-USD"][day] == pytest.approx(right[day])
    yahoo_server.asked.clear()
    advance(ongoing_market, later + pd.Timedelta(hours=2))
    closes(cache, now=later + pd.Timedelta(hours=2))
    assert "BTC-USD" not in yahoo_server.charts()


@pytest.mark.parametrize(("later", "seen"), [(6, False), (7, True)])
def test_an_older_correction_is_seen_within_a_week(ongoing_market, cache, later, seen):
    """A step too small to be doubted, 60 days ago: behind the overlap of two weeks."""
    day = (NOW - 60 * DAY).normalize()
    right = ongoing_market.closes["SOL-USD"].copy()
    ongoing_market.closes["SOL-USD"].loc[day] *= 1.03
    closes(cache)
    ongoing_market.closes["SOL-USD"] = right
    now = NOW + later * DAY
    advance(ongoing_market, now)
    answer = closes(cache, last=now, now=now)
    assert bool(answer.closes["SOL-USD"][day] == right[day]) is seen
    assert len(answer.revisions) == seen
    if seen:
        (revision,) = answer.revisions
        assert (revision.series, revision.first_day, revision.days) == ("SOL-USD", day, 1)
        assert revision.old == pytest.approx(1.03 * revision.new)
        assert revision.seen_at == now
        # It stays told, by later runs without network as well.
        again = closes(cache, last=now, now=now + DAY, mode="offline")
        assert again.revisions == answer.revisions


def test_what_a_rule_doubts_is_asked_for_again_after_an_hour(ongoing_market, cache, yahoo_server):
    closes(cache)
    yahoo_server.asked.clear()
    soon, later = NOW + pd.Timedelta(minutes=59), NOW + pd.Timedelta(minutes=61)
    closes(cache, now=soon, doubted={"SOL-USD"})
    assert starts(yahoo_server) == {}
    closes(cache, now=later, doubted={"SOL-USD"})
    assert starts(yahoo_server) == {"SOL-USD": FIRST}


def test_rounding_is_no_revision(ongoing_market, cache):
    closes(cache)
    ongoing_market.closes["SOL-USD"] = ongoing_market.closes["SOL-USD"] * (1 + 1e-8)
    advance(ongoing_market, NOW + DAY)
    assert closes(cache, now=NOW + DAY).problems == ()


def test_a_close_filled_in_later_is_taken(ongoing_market, cache):
    """Yahoo's last coin closes come late: they are asked for again after an hour."""
    whole = ongoing_market.closes["SOL-USD"]
    ongoing_market.closes["SOL-USD"] = whole.where(whole.index != pd.Timestamp("2025-12-09"))
    assert np.isnan(closes(cache).closes["SOL-USD"].iloc[-1])
    ongoing_market.closes["SOL-USD"] = whole
    soon, later = NOW + pd.Timedelta(minutes=59), NOW + pd.Timedelta(minutes=61)
    assert np.isnan(closes(cache, now=soon).closes["SOL-USD"].iloc[-1])
    assert closes(cache, now=later).closes["SOL-USD"].iloc[-1] == whole[pd.Timestamp("2025-12-09")]


def test_offline_asks_nothing_and_tells_its_age(ongoing_market, cache, yahoo_server):
    online = closes(cache)
    yahoo_server.asked.clear()
    later = NOW + 5 * DAY
    offline = closes(cache, now=later, mode="offline")
    pd.testing.assert_frame_equal(offline.closes, online.closes)
    assert offline.problems == ()
    assert offline.fetched_at == NOW
    assert cache.age(later) == 5 * DAY
    assert yahoo_server.asked == []


def test_offline_without_a_store(cache):
    assert cache.age(NOW) is None
    with pytest.raises(DataError, match=r"no closes of \^RUT are stored .*run once without --off"):
        closes(cache, mode="offline")


def test_offline_without_one_coin(ongoing_market, cache):
    closes(cache, ["BTC-USD"])
    answer = closes(cache, ["BTC-USD", "SOL-USD"], mode="offline")
    assert list(answer.closes) == ["BTC-USD"]
    assert answer.problems[0] == "offline: no closes of SOL-USD are stored; left out."
    assert answer.absent == {"SOL-USD"}


def test_offline_from_an_earlier_day_says_what_is_missing(ongoing_market, cache):
    closes(cache, ["BTC-USD"])
    answer = closes(cache, ["BTC-USD"], first=pd.Timestamp("2024-07-01"), mode="offline")
    (said,) = answer.problems
    assert said == "BTC-USD is truncated: it begins on 2025-01-01, not 2024-07-01."


def test_refresh_asks_for_everything(ongoing_market, cache, yahoo_server):
    closes(cache, first=pd.Timestamp("2024-07-01"))
    yahoo_server.asked.clear()
    later = NOW + pd.Timedelta(minutes=1)
    answer = closes(cache, now=later, mode="refresh")
    assert set(starts(yahoo_server)) == set(TICKERS)
    assert set(starts(yahoo_server).values()) == {pd.Timestamp("2024-07-01")}, (
        "not less than stored"
    )
    assert answer.closes.index[0] == FIRST
    assert answer.fetched_at == later


def test_a_refusal_keeps_what_came_and_tells_the_age(ongoing_market, cache, yahoo_server):
    ongoing_market.faults = {"BTC-USD": "rate_limit"}
    with pytest.raises(
        SourceUnavailable, match=r"or use --offline. Prices 0 hours old are stored."
    ):
        closes(cache)
    assert files(cache) == ["closes-%5ERUT.parquet"]
    ongoing_market.faults = {}
    yahoo_server.asked.clear()
    closes(cache)
    assert yahoo_server.charts() == ["BTC-USD", "SOL-USD"]
    ongoing_market.faults = {OTHER: "down"}
    with pytest.raises(SourceUnavailable, match=r"or use --offline. Prices 3 days old are stored."):
        closes(cache, now=NOW + 3 * DAY)
    assert len(closes(cache, now=NOW + 3 * DAY, mode="offline").closes) == 343


def test_a_refusal_without_a_store(ongoing_market, cache):
    ongoing_market.faults = {OTHER: "down"}
    with pytest.raises(SourceUnavailable, match=r"No prices are stored."):
        closes(cache)


def test_a_coin_that_vanishes_keeps_its_past(ongoing_market, cache):
    before = closes(cache)
    ongoing_market.faults = {"SOL-USD": "unknown"}
    later = NOW + 6 * DAY
    advance(ongoing_market, later)
    answer = closes(cache, now=later)
    assert answer.closes["SOL-USD"].dropna().equals(before.closes["SOL-USD"].dropna())
    assert [problem[:40] for problem in answer.problems] == [
        "Yahoo: SOL-USD gave no prices: No data f",
        "SOL-USD is stale: its last close is of 2",
    ]
    assert answer.problems[0].endswith("; the stored closes until 2025-12-09 are used.")
    assert answer.absent == {"SOL-USD"}


def test_an_implausible_coin_is_not_held_on_to(ongoing_market, cache):
    closes(cache)
    ongoing_market.faults = {"SOL-USD": "currency"}
    advance(ongoing_market, NOW + DAY)
    answer = closes(cache, now=NOW + DAY)
    assert "SOL-USD" not in answer.closes
    assert answer.problems[0].endswith("has prices in EUR, not in US dollars; left out.")
    assert answer.absent == frozenset()


def test_a_shorter_history_never_replaces_a_longer_one(ongoing_market, cache):
    before = closes(cache)
    ongoing_market.faults = {"SOL-USD": "truncated"}
    answer = closes(cache, mode="refresh")
    pd.testing.assert_frame_equal(answer.closes, before.closes)
    whole = ongoing_market.closes["SOL-USD"]
    came = len(whole.iloc[len(whole) // 2 :].loc[:"2025-12-09"])
    (said,) = answer.problems
    assert said == f"SOL-USD came with {came} closes, 343 are stored; the stored ones are used."


def test_a_directory_that_cannot_be_written(ongoing_market, tmp_path):
    (tmp_path / "yahoo").write_text("in the way")
    with pytest.warns(UserWarning, match="prices cannot be kept") as said:
        answer = closes(PriceCache(tmp_path))
    assert list(answer.closes) == TICKERS
    assert answer.problems == ()
    place = tmp_path / "yahoo"
    assert all(str(each.message).startswith(f"prices cannot be kept in {place}: ") for each in said)


def garbage(path):
    path.write_bytes(b"this is no table")


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def flipped(path):
    closes_begin = pq.ParquetFile(path).metadata.row_group(0).column(0).dictionary_page_offset
    content = bytearray(path.read_bytes())
    content[closes_begin + 500] ^= 0xFF
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


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


DAMAGES = [garbage, cut, flipped, empty, forged, foreign, another_layout]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_set_aside_and_fetched_again(ongoing_market, cache, yahoo_server, damage):
    tickers = ["BTC-USD", "SOL-USD"]
    before = closes(cache, tickers)
    path = cache.directory / "closes-SOL-USD.parquet"
    damage(path)
    assert list(cache.contents().index) == ["BTC-USD"]
    yahoo_server.asked.clear()
    with pytest.warns(UserWarning, match="damaged") as said:
        answer = closes(cache, tickers)
    pd.testing.assert_frame_equal(answer.closes, before.closes)
    assert yahoo_server.charts() == ["SOL-USD"]
    (only,) = {str(each.message) for each in said}
    assert only.startswith("damaged: the stored closes of SOL-USD (")
    assert only.endswith(f"set aside as {path}.damaged-1.")
    assert path.with_name(f"{path.name}.damaged-1").exists()
    assert closes(cache, tickers).problems == ()


def test_a_damaged_file_is_not_trusted_offline(ongoing_market, cache):
    closes(cache, ["BTC-USD"])
    forged(cache.directory / "closes-BTC-USD.parquet")
    with (
        pytest.warns(UserWarning, match="damaged: the stored closes of BTC-USD"),
        pytest.raises(DataError, match="no closes of BTC-USD are stored"),
    ):
        closes(cache, ["BTC-USD"], mode="offline")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255))
def test_no_flipped_byte_is_believed(tmp_path, place, mask):
    """Either the file reads as it was written, or it is damaged."""
    path = tmp_path / "table.parquet"
    days = pd.date_range("2025-01-01", periods=40, unit="s")
    table = pd.DataFrame({"close_usd": np.arange(40) + 0.5}, days)
    write_table(path, table, {"fetched_at": "2025-12-10"})
    pd.testing.assert_frame_equal(read_table(path)[0], table, check_freq=False)
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= mask
    path.write_bytes(content)
    try:
        got, note = read_table(path)
    except DamagedFile:
        return
    pd.testing.assert_frame_equal(got, table, check_freq=False)
    assert note["fetched_at"] == "2025-12-10"


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


def test_contents_for_the_health_report(ongoing_market, cache):
    assert cache.contents().empty
    closes(cache)
    table = cache.contents()
    assert sorted(table.index) == sorted(TICKERS)
    row = table.loc["^RUT"]
    sessions = ongoing_market.closes["^RUT"].loc[FIRST:"2025-12-09"]
    assert row["first_day"] == sessions.index[0]
    assert row["last_day"] == pd.Timestamp("2025-12-09")
    assert row["rows"] == len(sessions)
    assert row["fetched_at"] == NOW
    assert len(row["digest"]) == 64
    assert table["digest"].is_unique


@pytest.mark.parametrize(
    ("hours", "text"),
    [(-1, "0 hours"), (1, "1 hour"), (47.9, "47 hours"), (48, "2 days"), (100, "4 days")],
)
def test_ages_in_words(hours, text):
    assert spoken(pd.Timedelta(hours=hours)) == text


def test_a_ranking_is_kept_for_its_day(ongoing_market, cache, yahoo_server):
    first = cache.ranking(3, now=NOW)
    assert first.attrs["fetched_at"] == NOW
    yahoo_server.asked.clear()
    evening = pd.Timestamp("2025-12-10 23:59")
    again = cache.ranking(3, now=evening)
    pd.testing.assert_frame_equal(again, first)
    assert again.attrs["fetched_at"] == NOW
    assert len(cache.ranking(2, now=evening)) == 2
    assert yahoo_server.asked == []
    advance(ongoing_market, NOW + DAY)
    assert cache.ranking(3, now=NOW + DAY).attrs["fetched_at"] == NOW + DAY
    assert [name for name in files(cache) if name.startswith("ranking")] == [
        "ranking-2025-12-10.parquet", "ranking-2025-12-11.parquet",
    ]  # fmt: skip


def test_a_longer_ranking_than_the_stored_is_fetched(ongoing_market, cache, yahoo_server):
    cache.ranking(2, now=NOW)
    assert len(cache.ranking(3, now=NOW)) == 3
    yahoo_server.asked.clear()
    assert len(cache.ranking(3, now=NOW, mode="refresh")) == 3
    assert yahoo_server.asked


def test_offline_the_newest_ranking_is_read(ongoing_market, cache, yahoo_server):
    with pytest.raises(DataError, match="no crypto ranking is stored"):
        cache.ranking(3, now=NOW, mode="offline")
    for now in (NOW, NOW + DAY, NOW + 2 * DAY):
        advance(ongoing_market, now)
        cache.ranking(3, now=now)
    yahoo_server.asked.clear()
    week = NOW + 7 * DAY
    assert cache.ranking(3, now=week, mode="offline").attrs["fetched_at"] == NOW + 2 * DAY
    assert cache.ranking(3, now=NOW + DAY, mode="offline").attrs["fetched_at"] == NOW + DAY
    garbage(cache.directory / "ranking-2025-12-12.parquet")
    with pytest.warns(UserWarning, match="damaged: the stored crypto ranking .* set aside as"):
        assert cache.ranking(3, now=week, mode="offline").attrs["fetched_at"] == NOW + DAY
    assert yahoo_server.asked == []


def test_a_refused_ranking_tells_the_stored_ones_age(ongoing_market, cache):
    closes(cache)
    ongoing_market.faults = {"ranking": "rate_limit"}
    with pytest.raises(SourceUnavailable, match=r"rate limit.*Prices 1 hour old are stored."):
        cache.ranking(3, now=NOW + pd.Timedelta(hours=1))


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


def test_two_processes_at_once(yahoo_server, tmp_path):
    tickers = ["^RUT", "BTC-USD", *(f"C{place}-USD" for place in range(10))]
    yahoo_server.market = random_market(tickers, "2024-06-01", NOW)
    command = [sys.executable, "-W", "error", "-c", ASK, str(tmp_path), ",".join(tickers)]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    (first, silence), (second, silence_too) = (process.communicate() for process in both)
    assert (silence, silence_too) == ("", "")
    assert first == second
    assert first.endswith("(343, 12) ()\n")
    cache = PriceCache(tmp_path)
    assert len(cache.contents()) == len(tickers)
    assert len(files(cache)) == len(tickers), "nothing staged is left"
    yahoo_server.asked.clear()
    assert closes(cache, tickers).problems == ()
    assert yahoo_server.asked == []


HALF_WRITTEN = """
import sys, time
from pathlib import Path
import pandas as pd
import pyarrow.parquet as pq
from features.sources.yahoo.price_cache import PriceCache

whole = pq.write_table

def half(content, where, **options):
    whole(content, where, **options)
    written = Path(where).read_bytes()
    Path(where).write_bytes(written[: len(written) // 2])
    print("in the middle", flush=True)
    time.sleep(60)

pq.write_table = half
PriceCache(Path(sys.argv[1])).closes(
    ["BTC-USD"], pd.Timestamp("2025-01-01"), pd.Timestamp("2025-12-31"),
    now=pd.Timestamp("2025-12-12 18:00"),
)
"""


def test_killed_in_the_middle_of_a_write(ongoing_market, cache, tmp_path):
    before = closes(cache)
    advance(ongoing_market, NOW + 2 * DAY)
    process = subprocess.Popen(
        [sys.executable, "-c", HALF_WRITTEN, str(tmp_path)],
        env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "in the middle\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    (orphan,) = [name for name in files(cache) if name.endswith(".tmp")]
    assert orphan == f".closes-BTC-USD.parquet.{process.pid}.tmp"
    offline = closes(cache, mode="offline")
    pd.testing.assert_frame_equal(offline.closes, before.closes)
    assert offline.problems == ()
    long_ago = (cache.directory / orphan).stat().st_mtime - 2 * table_file.ORPHAN_SECONDS
    os.utime(cache.directory / orphan, (long_ago, long_ago))
    assert closes(cache, now=NOW + 2 * DAY).problems == ()
    assert orphan not in files(cache)


def test_killed_at_any_moment(yahoo_server, tmp_path):
    """Whatever a killed process leaves is whole: the next one only fetches the rest."""
    tickers = ["BTC-USD", *(f"C{place}-USD" for place in range(50))]
    yahoo_server.market = random_market(tickers, "2024-06-01", NOW)
    process = subprocess.Popen(
        [sys.executable, "-c", ASK, str(tmp_path), ",".join(tickers)],
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    while len(yahoo_server.charts()) < 20:
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    cache = PriceCache(tmp_path)
    held = len(cache.contents())
    assert 10 <= held < len(tickers)
    yahoo_server.asked.clear()
    answer = closes(cache, tickers[: held + 5])
    assert answer.problems == ()
    assert len(yahoo_server.charts()) == 5
