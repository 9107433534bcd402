"""CoinMarketCap: the client against a local server; snapshot, days, the choice of a source."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import predict
import train
from features.health import usable_view
from features.panel import DAY, DataError, SourceUnavailable
from features.reference import make
from features.reference.load import DIRECTORY, load_definitions, load_reference
from features.reference.makers import from_coinmarketcap
from features.reference.membership import load_membership
from features.sources import automatic
from features.sources.automatic import load_live
from features.sources.coinmarketcap import client as cmc
from features.sources.coinmarketcap.client import CoinMarketCap
from features.sources.coinmarketcap.listings import altcoins, coins_of, read_listing
from features.sources.coinmarketcap.panel import load_coinmarketcap, stored_days
from features.sources.coinmarketcap.published import fetch_published
from features.sources.coinmarketcap.snapshot import kept_rankings, kept_snapshot, snapshot_of
from features.sources.yahoo.panel import load_yahoo
from features.sources.yahoo.request import Notes, Request
from features.storage.parquet import write_table
from models.forecasting.beside import market_now
from models.forecasting.data_quality import _on_data
from tests import live_market
from tests.cmc_server import FAULTS, KEY, CmcServer, listing
from tests.commands import run_command, squeezed
from tests.embedded import END, RANKED, after, iso
from tests.test_live import LAST, NOW, TODAY, Prices

NEWCOMER, PEG, IMPOSTOR, TETHER = 990_002, 990_001, 990_003, 825
MEMBERSHIP = load_membership()


@pytest.fixture(scope="module")
def closes():
    return live_market.closes(NOW, largest=120)


@pytest.fixture(scope="module")
def vendor(closes):
    return live_market.vendor(closes, NOW)


@pytest.fixture
def server(vendor, monkeypatch):
    monkeypatch.setattr(cmc, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(cmc, "LIMIT_SECONDS", 0.0)
    with CmcServer(replace(vendor, days={})) as running:
        yield running


def client(server, key=KEY, **settings):
    return CoinMarketCap(server.url, key, **{"deadline": 300.0, **settings})


class Kept(Prices):
    """Yahoo's prices in memory, and a directory for what else is kept."""

    def __init__(self, closes, parent):
        super().__init__(closes)
        self.parent = parent

    def shares(self, ticker, *, now, mode):
        raise DataError("none here.")


def request(closes, folder, mode="online", **more):
    return Request(Kept(closes, folder), NOW, mode, folder, folder / "flows", **more)


# --- the client ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        ("quota", SourceUnavailable, r"quota of the month is used up \(code 1010\)"),
        ("minute", SourceUnavailable, "limit of calls a minute .* try again after a minute"),
        ("address", SourceUnavailable, "limit of calls from this address"),
        ("bad_key", SourceUnavailable, "the key in CMC_PRO_API_KEY is not valid"),
        ("login_page", SourceUnavailable, "something else than JSON"),
        ("down", SourceUnavailable, r"something else than JSON \(HTTP status 503\)"),
        ("silent", SourceUnavailable, "cannot be reached"),
        ("no_data", DataError, "the answer has no data"),
        ("layout", DataError, "unknown layout .KeyError: 'quote'"),
        ("few", DataError, "must hold at least 100 ranked coins"),
        ("null_ranks", DataError, "must hold at least 100 ranked coins"),
    ],
)
def test_every_fault_has_its_message(server, fault, error, said):
    server.vendor.fault = fault
    asking = client(server, deadline=0.3 if fault == "silent" else 30.0)
    begun = time.monotonic()
    with pytest.raises(error, match=f"^CoinMarketCap.*{said}"):
        read_listing(asking.latest())
    assert time.monotonic() - begun < 3
    assert len(server.asked) == 1, "asked once"
    assert KEY not in repr(asking)


def test_every_fault_of_the_server_is_a_scenario():
    named = {mark.args[1][i][0] for mark in test_every_fault_has_its_message.pytestmark
             for i in range(len(mark.args[1]))}  # fmt: skip
    assert named == {*FAULTS}


def test_an_answer_beyond_all_bounds_is_not_read(server, monkeypatch):
    monkeypatch.setattr(cmc, "LARGEST_BYTES", 1_000)
    with pytest.raises(SourceUnavailable, match="larger than 1,000 bytes"):
        client(server).latest()


def test_the_limit_of_a_minute_is_waited_for(server):
    said = []
    server.vendor.limited = 2
    table = read_listing(client(server, say=said.append).day(LAST))
    assert len(table) > 100
    assert [line.endswith("asking again in 0 s ...") for line in said] == [True, True]
    server.vendor.limited = 3
    with pytest.raises(SourceUnavailable, match="limit of calls a minute"):
        client(server).day(LAST)


def test_the_key_goes_only_where_it_is_needed(server):
    assert client(server, key=None).latest()
    with pytest.raises(SourceUnavailable, match="it asks for a key; set CMC_PRO_API_KEY"):
        client(server, key=None).day(LAST)
    assert all(KEY not in path for path in server.asked)


def test_the_published_index_is_by_day(server):
    stamp = str(int((NOW - pd.Timedelta(days=2)).timestamp()))
    last = f"{LAST:%Y-%m-%d}"
    server.vendor.published = {stamp: 40, f"{last}T01:00:00Z": 41, f"{last}T23:00:00.000Z": 42,
                               f"{NOW.isoformat()}Z": 99}  # fmt: skip
    index = fetch_published(client(server, key=None), now=NOW)
    assert index.to_dict() == {LAST - pd.Timedelta(days=1): 40.0, LAST: 42.0}
    server.vendor.published = {stamp: 140}
    with pytest.raises(DataError, match="must lie between 0 and 100"):
        fetch_published(client(server), now=NOW)


# --- which coin is which -------------------------------------------------------------------------


def test_coins_are_told_by_number_then_by_slug_and_symbol(vendor):
    table = read_listing(listing(vendor, LAST, mapped=False))
    kept, reasons = altcoins(table, MEMBERSHIP)
    coins = kept.set_index("id")["coin"]
    assert coins[1027] == "ethereum"
    assert coins[20947] == "sui", "by its number"
    assert coins[NEWCOMER] == "newcomer"
    assert coins[IMPOSTOR] == "solana-two", "a symbol is no identity"
    assert coins.is_unique
    assert {"bitcoin", "tether", "peg", "gold-x"} <= {*reasons}
    assert reasons["peg"] == "follows the dollar"
    assert len(set(coins) & set(MEMBERSHIP.coins.index)) > 0.9 * (len(coins) - 3)
    # A coin that changes slug and symbol on the way is the one it was; a stolen slug is not.
    renamed = table.assign(slug=table["slug"].replace("chainlink", "link-two"), symbol="X")
    number = int(table.loc[table["slug"] == "chainlink", "id"].iloc[0])
    assert coins_of(pd.concat([table, renamed]), MEMBERSHIP)[number] == "chainlink"
    assert coins_of(table.assign(symbol="X"), MEMBERSHIP)[number] == f"chainlink-{number}"


def still(prices):
    """Coins that have not moved from Bitcoin over 30, 60 and 90 days, by hand."""
    relative = prices.div(prices[1], axis=0)
    moves = [(relative.loc[TODAY] / relative.loc[TODAY - pd.Timedelta(days=days)] - 1).abs()
             for days in (30, 60, 90)]  # fmt: skip
    return [number for number in prices if max(move[number] for move in moves) <= 0.01]


# --- the snapshot --------------------------------------------------------------------------------


def test_the_index_now_is_counted_by_hand(vendor):
    table = read_listing(listing(vendor, TODAY, mapped=False))
    snapshot = snapshot_of(table, MEMBERSHIP, taken_at=NOW)
    prices = vendor.closes
    never = {1, TETHER, PEG, 990_004, *still(prices)}
    top = vendor.caps.loc[TODAY].drop(list(never)).nlargest(50).index
    for days, expected in ((90, snapshot.season_index), (60, snapshot.carried_breadth[30])):
        then = TODAY - pd.Timedelta(days=days)
        grown = (prices.loc[TODAY] / prices.loc[then])[top]
        bitcoin = prices.loc[TODAY, 1] / prices.loc[then, 1]
        assert expected == pytest.approx(100 * np.mean(grown > bitcoin))
    in_dollars = prices.loc[TODAY, top] / prices.loc[TODAY - pd.Timedelta(days=90), top] - 1
    assert snapshot.rose == pytest.approx(100 * np.mean(in_dollars > 0))
    assert snapshot.median_return == pytest.approx(100 * np.median(in_dollars))
    assert [sector.name for sector in snapshot.sectors] == []
    tagged = table.assign(tags=np.where(table["id"].isin(top[:4]), "memes", ""))
    (memes,) = snapshot_of(tagged, MEMBERSHIP, taken_at=NOW).sectors
    assert (memes.name, memes.coins) == ("memes", 4)


def test_closes_that_make_another_index_now_are_a_problem(vendor):
    table = read_listing(listing(vendor, TODAY, mapped=False))
    midnight = snapshot_of(table, MEMBERSHIP, taken_at=TODAY + pd.Timedelta(days=1))
    names = coins_of(table, MEMBERSHIP)
    ours, bitcoin = vendor.closes.rename(columns=names), vendor.closes[1]
    assert midnight.disagreement(ours, bitcoin) is None
    assert "by CoinMarketCap's changes" in midnight.disagreement(ours * 3, bitcoin)


def test_a_snapshot_is_asked_once_a_day_and_enters_no_panel(server, closes, tmp_path):
    asked = request(closes, tmp_path)
    first = load_live("yahoo", asked, client(server, key=None))
    again = kept_snapshot(tmp_path, client(server), MEMBERSHIP, now=NOW + pd.Timedelta(hours=9))
    # The listing, and their index that checks ours.
    assert len(server.asked) == 2
    assert first.snapshot.season_index == again.season_index
    assert again.taken_at == NOW
    assert first.panel.last_day == LAST, "a snapshot is no as_of"
    # Whatever rests on the listing says what its terms ask: on stderr, in text, page and JSON.
    terms, *_ = reversed(list(_on_data(first.panel.provenance, LAST)))
    assert (terms.code, terms.text) == ("data_terms", cmc.TERMS)
    assert first.lines()[-1] == cmc.TERMS
    plain = load_yahoo(request(closes, tmp_path / "other"))
    assert plain.provenance.terms == ""
    assert first.panel.digest == plain.digest, "today's ranking serves from its day's end on"
    (day,) = kept_rankings(tmp_path, MEMBERSHIP)
    assert day == TODAY
    # Tomorrow it is the ranking of yesterday.
    later = replace(asked, now=NOW + pd.Timedelta(days=1), mode="offline")
    tomorrow = load_live("yahoo", later, client(server, key=None))
    assert tomorrow.snapshot is None
    assert f"rankings of 1 days from {iso(TODAY)}" in " ".join(tomorrow.panel.provenance.steps)


# --- the days ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored(vendor, closes, tmp_path_factory):
    """A folder with the days since, a panel of them, and how many were asked for."""
    folder = tmp_path_factory.mktemp("days")
    days = {iso(after(5)): "missing", iso(after(9)): "twice", iso(after(12)): "empty"}
    with pytest.MonkeyPatch.context() as patch, CmcServer(replace(vendor, days=days)) as running:
        patch.setattr(cmc, "PAUSE_SECONDS", 0.0)
        panel = load_coinmarketcap(request(closes, folder), client(running))
        return folder, panel, len(running.asked)


@pytest.fixture
def kept(stored, tmp_path):
    return shutil.copytree(stored[0], tmp_path / "kept")


def test_the_days_join_the_embedded_history(server, vendor, closes, stored, kept, reference):
    _, panel, asked = stored
    assert asked == (LAST - END).days + 120
    assert panel.last_day == LAST
    usable_view(panel, as_of=None, today=TODAY)
    for name in reference.names:
        end = reference.series(name).index[-1]
        live = panel.series(name).loc[:end]
        pd.testing.assert_series_equal(live, reference.series(name), check_freq=False)
    never = [1, TETHER, PEG, 990_004]
    top = vendor.caps.drop(columns=never).rolling(7).median().loc[LAST].nlargest(50).index
    relative = vendor.closes[top].div(vendor.closes[1], axis=0)
    ahead = relative.loc[LAST] > relative.loc[LAST - pd.Timedelta(days=90)]
    assert panel.series("season_index").loc[LAST] == pytest.approx(100 * ahead.mean())
    (said,) = [p for p in panel.provenance.problems if "no listing of" in p]
    assert all(iso(after(n)) in said for n in (5, 9, 12))
    assert "consent" in panel.provenance.terms
    assert panel.provenance.sources["bitcoin"] == f"embedded, CoinMarketCap from {iso(after(1))}"
    # Each day is asked for once; those that were lacking again.
    offline = load_coinmarketcap(request(closes, kept, "offline"), client(server, key=None))
    assert (offline.digest, server.asked) == (panel.digest, [])
    again = load_coinmarketcap(request(closes, kept), client(server))
    assert len(server.asked) == 3
    assert "no listing of" not in " ".join(again.provenance.problems)


def test_a_quota_in_the_middle_keeps_what_came(server, closes, tmp_path):
    done = []

    def progress(stage, count, total):
        done.append(count)
        server.vendor.fault = "quota" if len(done) == 5 else ""

    first, last, notes = LAST - pd.Timedelta(days=9), LAST, Notes()
    asked = request(closes, tmp_path, progress=progress)
    with pytest.raises(SourceUnavailable, match=r"1010.* 5 of 10 days are stored; run again"):
        stored_days(asked, client(server), first, last, notes)
    server.vendor.fault = ""
    server.asked.clear()
    table = stored_days(request(closes, tmp_path), client(server), first, last, notes)
    assert table["date"].nunique() == 10
    assert len(server.asked) == 5


def test_without_yahoo_what_is_missing_is_named(server, closes, kept):
    class Silent(Kept):
        def closes(self, *arguments, **options):
            raise SourceUnavailable("Yahoo cannot be reached.")

    asked = replace(request(closes, kept), cache=Silent(closes, kept))
    panel = load_coinmarketcap(asked, client(server))
    assert panel.last_day == LAST
    assert "Without stock indices and earlier prices: Yahoo" in " ".join(panel.provenance.problems)
    assert panel.series("sp500").index[-1] <= END


# --- the embedded history made longer ------------------------------------------------------------


@pytest.fixture
def longer(server, kept, monkeypatch, tmp_path):
    """Make the embedded history from this server; returns the exit code and where it is."""
    out = tmp_path / "out"
    shutil.copytree(DIRECTORY, out, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    monkeypatch.setattr("sys.argv", ["make", "--source", "coinmarketcap", "--out", str(out)])

    def run(closes):
        made = lambda: from_coinmarketcap(request(closes, kept), client(server))  # noqa: E731
        monkeypatch.setattr(make, "_from_coinmarketcap", made)
        return make.main(), out

    return run


def test_the_embedded_history_is_made_longer(longer, closes, stored, reference, capsys):
    code, out = longer(closes)
    printed = capsys.readouterr()
    assert code == 0, printed.err
    assert printed.out.splitlines()[:2] == [
        "No old value has changed.", "No old rank has changed.",
    ]  # fmt: skip
    assert "redistributed" in printed.err
    made, panel = load_reference(out), stored[1]
    assert (made.last_day, made.provenance.terms[:13]) == (LAST, "CoinMarketCap")
    for name in reference.names:
        old, live = reference.series(name), panel.series(name)
        pd.testing.assert_series_equal(made.series(name).loc[: old.index[-1]], old)
        if name in ("bitcoin", "sp500"):  # of the others a day that was lacking then changes some
            later = live.loc[old.index[-1] :].iloc[1:]
            np.testing.assert_allclose(made.series(name).loc[later.index], later, rtol=1e-5)
    longer_still, before = load_membership(out), MEMBERSHIP
    assert longer_still.last_day == LAST
    assert longer_still.coins.loc["newcomer", "from"] == f"{RANKED + pd.Timedelta(days=1):%Y-%m}"
    assert set(before.coins.index) <= set(longer_still.coins.index)
    assert longer_still.coins["share"].sum() == pytest.approx(100, rel=1e-3)
    months = before.coins["from"]
    assert (longer_still.coins["from"].reindex(months.index) <= months)[months != ""].all()
    (year,) = [row for row in longer_still.coverage if row.year == END.year]
    assert year.days == before.coverage[-1].days + (LAST - END).days
    for definition, series in load_definitions(out).items():
        index, old = series["season_index"], load_definitions()[definition]["season_index"]
        assert index.index[-1] == LAST
        pd.testing.assert_series_equal(index.loc[:END], old)


def test_a_vendor_that_differs_from_the_embedded_history_makes_nothing(
    longer, closes, kept, capsys, reference
):
    # All coins up to twice and back, slowly: a step of all at once would be Bitcoin's fault.
    for at in range(29):
        day = END - pd.Timedelta(days=28 - at)
        path = kept / "coinmarketcap" / f"day-{day:%Y-%m-%d}.parquet"
        table, lift = pd.read_parquet(path), 2 ** (min(at, 28 - at) / 14)
        table.loc[table["id"] != 1, "price"] *= lift
        write_table(path, table, {})
    code, out = longer(closes)
    assert code == 1
    assert capsys.readouterr().err.startswith("error: season_index: ")
    assert load_reference(out).digest == reference.digest


# --- the choice ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "fault", "yahoo", "source", "why"),
    [
        (KEY, "", True, "coinmarketcap", "a key is set"),
        (None, "", True, "yahoo", "no key in CMC_PRO_API_KEY"),
        (KEY, "quota", True, "yahoo", "quota of the month"),
        (None, "silent", True, "yahoo", "no key in CMC_PRO_API_KEY"),
        (None, "silent", False, "reference", "Yahoo cannot be reached"),
    ],
)
def test_auto_takes_the_best_that_answers(
    server, monkeypatch, reference, tmp_path, key, fault, yahoo, source, why
):
    class Unreached(Kept):
        def reach(self, seconds, *, now):
            assert seconds < 5
            raise SourceUnavailable("Yahoo cannot be reached.")

    for name in ("load_coinmarketcap", "load_yahoo"):
        monkeypatch.setattr(automatic, name, lambda *given: reference)
    server.vendor.fault = fault
    asked = request({}, tmp_path)
    if not yahoo:
        asked = replace(asked, cache=Unreached({}, tmp_path))
    found = load_live("auto", asked, client(server, key, deadline=1.0))
    assert found.source == source
    assert why in found.lines()[0]
    assert f"to {found.panel.last_day:%Y-%m-%d}" in found.lines()[0]
    assert (found.snapshot is None) is bool(fault)


def test_the_market_now_stands_beside_its_check(server, monkeypatch, reference, tmp_path):
    """The panel's index against the published one, asked for once a day; and in the answer."""
    days = pd.date_range(END - 89 * DAY, END, unit="s")
    server.vendor.published = {
        f"{day:%Y-%m-%d}T12:00:00Z": value - 8
        for day, value in reference.series("season_index").reindex(days).items()
    }
    monkeypatch.setattr(automatic, "load_yahoo", lambda *given: reference)
    asked = request({}, tmp_path)
    live = load_live("auto", asked, client(server, None))
    calls = len(server.asked)
    again = load_live("auto", asked, client(server, None))
    assert len(server.asked) == calls == 2
    now = market_now(again)
    assert now == market_now(live)
    assert (now.index, now.coins_compared) == (live.snapshot.season_index, 50)
    assert now.published.ours - now.published.index == pytest.approx(8)
    assert now.published.as_usual
    assert market_now(None) is None


def test_auto_offline_and_empty_is_the_embedded_history(server, closes, tmp_path, reference):
    found = load_live("auto", request({}, tmp_path, "offline"), client(server, None))
    assert (found.source, server.asked) == ("reference", [])
    assert found.panel.digest == reference.digest


def test_a_key_is_a_matter_of_usage(monkeypatch):
    monkeypatch.delenv("CMC_PRO_API_KEY", raising=False)
    for app in (predict.app, train.app):
        done = run_command(app, "--source", "coinmarketcap")
        assert done.exit_code == 2
        assert "get a free one at" in squeezed(done.stderr)
        assert "--source yahoo" in squeezed(done.stderr)
    assert run_command(train.app, "--source", "auto").exit_code == 2


def test_the_embedded_history_serves_where_nothing_answers(monkeypatch, tmp_path):
    """The command itself, on a machine without a network."""
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("ALTSEASON_SOURCE", "auto")
    monkeypatch.setenv("ALTSEASON_CMC_URL", "http://127.0.0.1:9")
    begun = time.monotonic()
    done = run_command(predict.app, "health", "--cache-dir", tmp_path, "--json")
    assert done.exit_code == 0
    assert "Source: reference, to " in done.stderr
    assert json.loads(done.stdout)["last_day"] == iso(END)
    assert time.monotonic() - begun < 60


@pytest.mark.network
def test_the_real_service():
    real = CoinMarketCap.from_environment()
    table = read_listing(real.latest())
    snapshot = snapshot_of(table, MEMBERSHIP, taken_at=pd.Timestamp.now("UTC").tz_localize(None))
    assert 0 <= snapshot.season_index <= 100
    index = fetch_published(real, now=pd.Timestamp.now("UTC"))
    assert abs(index.iloc[-1] - snapshot.season_index) < 30
