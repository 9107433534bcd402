"""The yahoo source: what it makes of an embedded history and a market that goes on."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import predict
from features.catalogue.frame import build_features
from features.health import usable_view
from features.market.season import TOP
from features.panel import DataError, MarketPanel, end_of_day
from features.reference.membership import load_membership
from features.sources.etf_flows import flow_store
from features.sources.yahoo.closes import Answer
from features.sources.yahoo.join import MIN_LIVE_COVERAGE
from features.sources.yahoo.panel import load_yahoo
from features.sources.yahoo.request import Request
from features.sources.yahoo.tickers import NEEDED
from models.forecasting.data_quality import data_health
from tests import live_market
from tests.commands import ROOT, run_command, run_python, squeezed
from tests.embedded import END, after, iso, session
from tests.yahoo_server import Market, YahooServer

PREDICT = ROOT / "predict.py"
TODAY, LAST = after(26), after(25)
NOW = TODAY + pd.Timedelta(hours=10)
# A day of the live market on which coins die or a ranking was fetched.
MIDDLE = after(10)
LARGEST = 60
COINS = load_membership().coins
LISTED = COINS["share"].dropna().sort_values(ascending=False)


class Prices:
    """Closes and rankings in memory, with the methods of the price cache."""

    def __init__(self, closes, rankings=None):
        self.held, self.kept = closes, rankings or {}

    def closes(self, tickers, first, last, *, now, mode="online", progress=None):
        span = {t: self.held[t].loc[first : now.normalize() - pd.Timedelta(days=1)]
                for t in tickers if t in self.held}  # fmt: skip
        if not span:
            raise DataError("offline: nothing is stored.")
        absent = frozenset(tickers) - {*span}
        unknown = tuple(f"{t} is unknown to Yahoo; left out." for t in tickers if t in absent)
        return Answer(pd.concat(span, axis=1, sort=True), unknown, now, absent)

    def ranking(self, *, now, mode="online"):
        raise DataError("none here.")

    def rankings(self):
        return self.kept

    def shares(self, ticker, *, now, mode):
        raise DataError("none here.")

    def reach(self, seconds, *, now):
        pass


@pytest.fixture(scope="module")
def live_closes():
    return live_market.closes(NOW, largest=LARGEST)


@pytest.fixture(scope="module")
def panel(live_closes, tmp_path_factory):
    return load(live_closes, tmp_path_factory.mktemp("live"))


def load(closes, folder, *, rankings=None, universe=None) -> MarketPanel:
    prices = Prices(closes, rankings)
    return load_yahoo(Request(prices, NOW, "offline", folder, folder / "flows", universe))


def ticker_of(coin: str) -> str:
    return "ETH-USD" if coin == "ethereum" else COINS["tickers"][coin][-1]


def top(live_closes, count: int) -> list[str]:
    """Tickers of the largest coins at the embedded end that the live market has, but Ether."""
    tickers = [ticker_of(coin) for coin in LISTED.index if coin != "ethereum"]
    return [ticker for ticker in tickers if ticker in live_closes][:count]


def without(live_closes, tickers, since=None):
    """The market without some tickers, or without their closes after a day."""
    held = {ticker: closes for ticker, closes in live_closes.items() if ticker not in tickers}
    return held | ({ticker: live_closes[ticker].loc[:since] for ticker in tickers} if since else {})


def problems(panel: MarketPanel) -> str:
    return "\n".join(panel.provenance.problems)


def compared(panel: MarketPanel) -> int:
    return int(panel.series("coins_compared").loc[panel.last_day])


# --- what it makes -------------------------------------------------------------------------------


def test_live_days_follow_the_embedded_history(panel, reference, live_closes):
    assert panel.last_day == LAST
    instant = end_of_day(pd.DatetimeIndex([END]))[0]
    live, embedded = panel.known_at(instant), reference.known_at(instant)
    for name in reference.names:
        # A level may end before the others: its next days are Yahoo's.
        end = reference.series(name).index[-1]
        pd.testing.assert_series_equal(
            live.series(name).loc[:end], embedded.series(name), check_freq=False
        )
    for name in ("season_index", "bitcoin", "eth_btc", "carried_breadth_30"):
        assert len(panel.series(name).loc[END:]) == 26
    assert panel.series("sp500").index[-1] == session(LAST)
    bitcoin, theirs = panel.series("bitcoin").loc[END:], live_closes["BTC-USD"].loc[END:LAST]
    np.testing.assert_allclose(bitcoin / bitcoin.iloc[0], theirs / theirs.iloc[0], rtol=1e-4)


def test_the_season_index_is_counted_by_hand(panel, live_closes):
    ahead = {}
    for coin in LISTED.index[:70]:
        if ticker_of(coin) in live_closes:
            relative = live_closes[ticker_of(coin)] / live_closes["BTC-USD"]
            ahead[coin] = relative.loc[LAST] > relative.loc[LAST - pd.Timedelta(days=90)]
    # Some coins at the border of the 50 may be others, by their prices since.
    counted = 100 * np.mean(list(ahead.values())[: compared(panel)])
    assert panel.series("season_index").loc[LAST] == pytest.approx(counted, abs=12)


def test_each_step_is_named_and_only_live_days_keep_problems(panel):
    steps = "\n".join(panel.provenance.steps)
    for text in (f"Embedded history to {iso(END)}", "price x last known supply", "season_index:",
                 "bitcoin: rebased over 60 days"):  # fmt: skip
        assert text in steps
    assert panel.provenance.sources["bitcoin"] == f"embedded, Yahoo from {iso(after(1))}"
    assert panel.provenance.sources["iwm_flow"] == "embedded"
    assert f"iwm_flow ({iso(session(END))})" in problems(panel)
    assert f"bitcoin_dominance ({iso(END)})" in problems(panel)
    assert problems(panel).count("simulated series") == 2
    assert panel.provenance.problems_on(END) == ()
    assert panel.provenance.problems_on(LAST) == panel.provenance.problems
    (live,) = [year for year in panel.provenance.coverage if year.source == "yahoo"
               if year.year == LAST.year]  # fmt: skip
    assert (live.days, live.unused_days) == (LAST.day_of_year, 0)
    assert live.coverage == pytest.approx(compared(panel) / TOP, abs=0.05)


# --- no look-ahead -------------------------------------------------------------------------------


@pytest.mark.parametrize("as_of", [after(1), after(14)], ids=iso)
def test_nothing_after_as_of_bears_on_it(panel, live_closes, as_of, tmp_path):
    random = np.random.default_rng(1)
    scrambled = {}
    for ticker, closes in live_closes.items():
        noise = pd.Series(np.exp(random.normal(0, 1, len(closes))), closes.index)
        scrambled[ticker] = closes.where(closes.index <= as_of, closes * noise)
    turned = live_market.ranking().assign(symbol="X")
    turned["market_cap_usd"] = turned["market_cap_usd"].to_numpy()[::-1]
    rankings = {as_of + pd.Timedelta(days=1): turned}
    other = load(scrambled, tmp_path, rankings=rankings)
    instant = end_of_day(pd.DatetimeIndex([as_of]))[0]
    assert other.digest != panel.digest
    assert other.known_at(instant).digest == panel.known_at(instant).digest
    days = pd.DatetimeIndex([END, as_of])
    pd.testing.assert_frame_equal(build_features(panel, days), build_features(other, days))


def test_rankings_serve_from_their_own_day_on(panel, live_closes, tmp_path):
    new = [f"NEW{i}9999-USD" for i in range(10)]
    rows = pd.DataFrame({"ticker": new, "name": "New", "market_cap_usd": 5e11})
    ranking = pd.concat([rows, live_market.ranking()], ignore_index=True).assign(
        symbol=lambda table: table["ticker"].str.removesuffix("-USD")
    )
    # Ten new coins far ahead of Bitcoin.
    rocket = live_closes["BTC-USD"] * np.exp(np.linspace(0, 5, len(live_closes["BTC-USD"])))
    rising = {**live_closes, **dict.fromkeys(new, rocket)}
    # Today's changes no day; no earlier day than its own is changed.
    assert load(rising, tmp_path, rankings={TODAY: ranking}).digest == panel.digest
    other = load(rising, tmp_path, rankings={MIDDLE: ranking})
    change = other.series("season_index") - panel.series("season_index")
    assert (change.loc[: MIDDLE - pd.Timedelta(days=1)] == 0).all()
    assert (change.loc[MIDDLE:] > 0).all()
    assert f"rankings of 1 days from {iso(MIDDLE)}" in "\n".join(other.provenance.steps)


# --- coverage, and what is wrong -----------------------------------------------------------------


def test_missing_and_dead_coins_stay_ranked_but_uncovered(live_closes, panel, tmp_path):
    lost = top(live_closes, 5)
    missing = load(without(live_closes, lost), tmp_path)
    lacking = sum(ticker_of(coin) not in live_closes for coin in LISTED.index)
    assert f"No usable closes of {lacking + 5} of the {len(LISTED)}" in problems(missing)
    assert compared(missing) == compared(panel) - 5
    dying = load(without(live_closes, top(live_closes, 20), since=MIDDLE), tmp_path)
    assert dying.last_day == MIDDLE
    assert f"less than {100 * MIN_LIVE_COVERAGE:.0f} %" in problems(dying)
    (year,) = [year for year in dying.provenance.coverage
               if (year.source, year.year) == ("yahoo", LAST.year)]  # fmt: skip
    assert year.unused_days == (LAST - MIDDLE).days
    with pytest.raises(DataError, match=f"the data end on {iso(MIDDLE)}, 16 days ago"):
        usable_view(dying, as_of=None, today=TODAY)


def test_a_wrong_coin_is_left_out_by_name(live_closes, tmp_path):
    panel = load({**live_closes, "SOL-USD": live_closes["BTC-USD"] * 0.001}, tmp_path)
    assert "SOL-USD is not solana: its 90-day return" in problems(panel)


@pytest.mark.parametrize("factor", [0.5, 1 / 14, 2.0])
def test_a_wrong_last_bitcoin_holds_the_day_back(live_closes, panel, tmp_path, factor):
    bitcoin = live_closes["BTC-USD"].copy()
    bitcoin.loc[LAST] *= factor
    wrong = load({**live_closes, "BTC-USD": bitcoin}, tmp_path)
    assert wrong.last_day == after(24)
    before = panel.series("season_index").loc[: wrong.last_day]
    pd.testing.assert_series_equal(wrong.series("season_index"), before)
    (held,) = [finding for finding in wrong.provenance.findings if finding.withholds]
    assert (held.rule, held.consequence) == ("common mode", "day held back")
    assert held.factor == pytest.approx(factor, rel=0.15)
    usable_view(wrong, as_of=None, today=TODAY)
    assert held.text in data_health(wrong, as_of=None, today=TODAY).problems
    with pytest.raises(DataError, match="common mode; day held back"):
        usable_view(wrong, as_of=LAST, today=TODAY)


def test_another_unit_ends_the_day_before(live_closes, tmp_path):
    russell = live_closes["^RUT"].copy()
    russell.loc[MIDDLE:] *= 10
    wrong = load({**live_closes, "^RUT": russell}, tmp_path)
    assert wrong.series("russell2000").index[-1] < MIDDLE
    (shift,) = [one for one in wrong.provenance.findings if one.rule == "level shift"]
    assert (shift.series, shift.consequence) == ("russell2000", "feature dropped")


@pytest.mark.parametrize(
    ("ticker", "noise", "refused"),
    [("ETH-USD", 0.3, "eth_btc"), ("^RUT", 0.02, "russell2000")],
)
def test_closes_that_disagree_at_the_seam_are_refused(
    live_closes, tmp_path, ticker, noise, refused
):
    random = np.random.default_rng(0)
    other = live_closes[ticker] * np.exp(random.normal(0, noise, len(live_closes[ticker])))
    with pytest.raises(DataError, match=rf"^{refused}: live and embedded values disagree on"):
        load({**live_closes, ticker: other}, tmp_path)


def test_a_season_index_that_disagrees_at_the_seam_is_refused(live_closes, tmp_path):
    # All coins ahead before the end, with the returns by which they are recognised: slowly up to
    # twice and back, for a step of all coins at once would be Bitcoin's fault.
    way = np.minimum(np.arange(29), 28 - np.arange(29)) / 14
    lift = pd.Series(2**way, pd.date_range(END - pd.Timedelta(days=28), END, unit="s"))
    lifted = {
        ticker: closes if ticker in NEEDED else closes * lift.reindex(closes.index, fill_value=1.0)
        for ticker, closes in live_closes.items()
    }
    with pytest.raises(DataError, match=r"^season_index: live and embedded values differ by"):
        load(lifted, tmp_path)


def test_a_clock_before_the_embedded_end_is_refused(tmp_path):
    now = END + pd.Timedelta(hours=12)
    with pytest.raises(DataError, match=rf"clock says {iso(END)}, but .* ends on {iso(END)}"):
        load_yahoo(Request(Prices({}), now, "offline", tmp_path, tmp_path))


@pytest.mark.parametrize(("since", "joins"), [(after(19), False), (after(-2), True)])
def test_fund_figures_are_joined_where_both_meet(live_closes, tmp_path, since, joins):
    days = pd.bdate_range(since, LAST, unit="s")
    for name, value in (("iwm_shares_outstanding", 2.8e8), ("iwm_nav", 250.0)):
        values = pd.Series(value * (1 + 0.001 * np.arange(len(days))), days)
        flow_store.add(tmp_path / "flows", flow_store.rows_of(name, values, "test"))
    panel = load(live_closes, tmp_path)
    fourth = pd.bdate_range(after(1), periods=4)[-1]
    few = f"iwm_flow: only 17 of the 21 sessions to {iso(fourth)} have a figure"
    assert (few in problems(panel)) is not joins
    assert panel.series("iwm_flow").index[-1] == session(LAST if joins else END)


def test_a_users_universe_replaces_the_rankings(live_closes, tmp_path):
    path = tmp_path / "mine.csv"
    rows = [f"{iso(after(1))},{rank},{ticker}" for rank, ticker in
            enumerate(["ETH-USD", *top(live_closes, 59)], 1)]  # fmt: skip
    path.write_text("\n".join(["snapshot_date,rank,ticker", *rows]))
    panel = load(live_closes, tmp_path, universe=path)
    assert panel.last_day == LAST
    assert "after that a file with 1 snapshots" in "\n".join(panel.provenance.steps)


# --- the commands, with the real client against a local Yahoo ------------------------------------


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """A cache filled by a command through the real client, what it did, and the way to nowhere."""
    folder = tmp_path_factory.mktemp("commands")
    now = pd.Timestamp.now("UTC").tz_localize(None)
    market = Market(now, live_market.closes(now, largest=47), live_market.ranking(),
                    {"IWM": (2.8e8, 250.0)})  # fmt: skip
    asked = []
    with YahooServer(market, folder) as server:
        environment = {"ALTSEASON_DATA_DIR": str(folder / "data"), **server.environment,
                       "ALTSEASON_CMC_URL": "http://127.0.0.1:9",
                       "ALTSEASON_CACHE_DIR": str(folder / "cache")}  # fmt: skip
        for _ in range(2):
            server.asked.clear()
            done = run_python(PREDICT, "health", "--source", "yahoo", "--json", **environment)
            asked.append((server.charts(), len(server.asked)))
    return folder, done, asked, environment


def test_health_asks_each_ticker_once_and_again_nothing(live):
    folder, done, asked, _ = live
    assert done.returncode == 0, done.stderr
    state = json.loads(done.stdout)
    assert (state["schema"], state["age_days"]) == ("altseason.health/1", 1)
    assert {row["source"] for row in state["coverage_by_year"]} == {"embedded", "yahoo"}
    (charts, requests), (_, again) = asked
    assert len(charts) == len(set(charts))
    assert requests <= len(charts) + 10
    assert again == 0
    assert len(list((folder / "cache" / "yahoo").glob("ranking-*"))) == 1
    held = flow_store.read(folder / "data")
    assert held["series"].value_counts().to_dict() == {"iwm_shares_outstanding": 1, "iwm_nav": 1}


def test_offline_forecasts_the_same_and_names_the_age(live, copied_store):
    _, done, _, dead = live
    forecast = run_python(
        PREDICT, "--source", "auto", "--offline", "--json", "--tracking-uri", copied_store, **dead
    )
    assert forecast.returncode == 0, forecast.stderr
    assert "offline: the stored prices are 0 hours old" in forecast.stderr
    assert "Source: yahoo, to " in forecast.stderr
    answer = json.loads(forecast.stdout)
    assert answer["data"]["source"] == f"yahoo, embedded to {iso(END)}"
    assert answer["data"]["last_day"] == json.loads(done.stdout)["last_day"]


def test_without_a_connection_the_way_out_is_named(live):
    _, _, _, dead = live
    done = run_python(PREDICT, "health", "--source", "yahoo", "--refresh", **dead)
    assert (done.returncode, done.stdout) == (1, "")
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert "use --offline" in error
    assert "Prices 0 hours old are stored" in error


def test_offline_with_damaged_files_alone_is_malformed_data(tmp_path):
    names = ("closes-BTC-USD.parquet", "ranking-2026-07-04.parquet")
    (tmp_path / "yahoo").mkdir()
    for name in names:
        (tmp_path / "yahoo" / name).write_bytes(b"this is no table")
    done = run_command(
        predict.app, "health", "--source", "yahoo", "--offline", "--cache-dir", tmp_path
    )
    assert done.exit_code == 3
    assert "nothing is stored" in done.stderr
    assert "run once without --offline" in done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("warning: damaged: ")]
    assert [sum(f"{name}.damaged" in line for line in said) for name in names] == [1, 1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--offline"], "--offline goes with --source auto, coinmarketcap or yahoo"),
        (["--refresh"], "--refresh goes with --source auto, coinmarketcap or yahoo"),
        (["--universe", "x.csv"], "--universe goes with --source yahoo"),
        (["--source", "yahoo", "--offline", "--refresh"], "exclude each other"),
        (["--source", "yahoo", "--data-dir", "."], "--data-dir goes with --source files"),
        (["--source", "files"], "--source files needs --data-dir"),
    ],
)
def test_options_that_contradict_each_other_are_usage_errors(arguments, message):
    done = run_command(predict.app, "health", *arguments)
    assert done.exit_code == 2
    assert message in squeezed(done.stderr)
