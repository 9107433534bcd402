"""The yahoo source: what it makes of an embedded history and a market that goes on."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import predict
import train
from features.catalogue.frame import build_features
from features.health import series_health, usable_view
from features.market.season import TOP
from features.panel import SERIES, DataError, MarketPanel, end_of_day
from features.reference.membership import load_membership
from features.sources.etf_flows import flow_store
from features.sources.yahoo.closes import Answer
from features.sources.yahoo.join import MIN_LIVE_COVERAGE
from features.sources.yahoo.panel import load_yahoo
from features.sources.yahoo.request import Request
from features.sources.yahoo.tickers import NEEDED
from models.forecasting.data_quality import data_health
from models.forecasting.schema import health_json
from models.report.health_text import health_text
from tests import live_market
from tests.commands import ROOT, run_command, run_python, squeezed
from tests.embedded import END, after, iso, session
from tests.yahoo_server import Market, YahooServer

PREDICT = ROOT / "predict.py"
TODAY, LAST = after(26), after(25)
NOW = TODAY + pd.Timedelta(hours=10)
# A day of the live market on which coins die or a ranking was fetched.
MIDDLE = after(10)
COINS = load_membership().coins
LISTED = COINS["share"].dropna()
# Coins of the last ranking that no check recognises: the live market lacks them.
UNCHECKED = COINS["check_day"][LISTED.index].isna()
LACKING, LACKING_TOP = (int(UNCHECKED[LISTED.nlargest(n).index].sum()) for n in (100, TOP))


class Prices:
    """Closes and rankings in memory, with the methods of the price cache."""

    def __init__(self, closes, rankings=None):
        self.held = closes
        self.kept = rankings or {}

    def closes(self, tickers, first, last, *, now, mode="online", doubted=(), progress=None):
        span = {t: self.held[t].loc[first : now.normalize() - pd.Timedelta(days=1)]
                for t in tickers if t in self.held}  # fmt: skip
        absent = frozenset(tickers) - {*span}
        unknown = tuple(f"{t} is unknown to Yahoo; left out." for t in tickers if t in absent)
        return Answer(pd.concat(span, axis=1, sort=True), unknown, now, absent)

    def ranking(self, *, now, mode="online"):
        raise DataError("none here.")

    def rankings(self):
        return self.kept

    def reach(self, seconds, *, now):
        pass


@pytest.fixture(scope="module")
def live_closes():
    return live_market.closes(NOW)


@pytest.fixture(scope="module")
def panel(live_closes, tmp_path_factory):
    return load(live_closes, tmp_path_factory.mktemp("live"))


def load(closes, folder, *, rankings=None, universe=None) -> MarketPanel:
    prices = Prices(closes, rankings)
    return load_yahoo(Request(prices, NOW, "offline", folder, folder / "flows", universe))


def top(count: int, *, skip: int = 1) -> list[str]:
    """Tickers of the largest coins at the embedded end, behind Ether."""
    coins = load_membership().coins
    largest = coins["share"].nlargest(count + skip).index[skip:]
    return [coins["tickers"][coin][-1] for coin in largest]


def compared(lost: int) -> str:
    """What is said of the last day when so many coins of the top are lost."""
    return f"{TOP - LACKING_TOP - lost} of the top 50 altcoins could be compared on {iso(LAST)}"


def unusable(lost: int) -> str:
    return f"No usable closes of {LACKING + lost} of the {len(LISTED)} altcoins"


def problems(panel: MarketPanel) -> str:
    return "\n".join(panel.provenance.problems)


# --- what it makes -------------------------------------------------------------------------------


def test_live_days_follow_the_embedded_history(panel, reference):
    assert panel.last_day == LAST
    instant = end_of_day(pd.DatetimeIndex([END]))[0]
    live, embedded = panel.known_at(instant), reference.known_at(instant)
    for name in reference.names:
        # A level may end before the others: its next days are Yahoo's.
        end = reference.series(name).index[-1]
        pd.testing.assert_series_equal(
            live.series(name).loc[:end], embedded.series(name), check_freq=False
        )
    flows = ["iwm_flow", "btc_etf_flow", "eth_etf_flow"]
    assert [panel.digest_of(name) for name in flows] == [reference.digest_of(n) for n in flows]
    for name in ("season_index", "bitcoin", "eth_btc", "carried_breadth_30"):
        assert len(panel.series(name).loc[END:]) == 26
    assert panel.series("sp500").index[-1] == session(LAST)


def test_levels_go_on_with_yahoos_returns(panel, live_closes):
    bitcoin = panel.series("bitcoin").loc[END:]
    np.testing.assert_allclose(
        bitcoin / bitcoin.iloc[0],
        live_closes["BTC-USD"].loc[END:LAST] / live_closes["BTC-USD"].loc[END],
        rtol=1e-4,
    )


def test_the_season_index_is_counted_by_hand(panel, live_closes):
    members = load_membership().coins["share"].nlargest(70).index
    coins = load_membership().coins
    ahead = {}
    for coin in members:
        ticker = "ETH-USD" if coin == "ethereum" else coins["tickers"][coin][-1]
        if ticker in live_closes:
            relative = live_closes[ticker] / live_closes["BTC-USD"]
            ahead[coin] = relative.loc[LAST] > relative.loc[LAST - pd.Timedelta(days=90)]
    # Some coins at the border of the 50 may be others, by their prices since.
    counted = 100 * np.mean(list(ahead.values())[:49])
    assert panel.series("season_index").loc[LAST] == pytest.approx(counted, abs=12)


def test_each_step_is_told(panel):
    steps = "\n".join(panel.provenance.steps)
    for said in (f"Embedded history to {iso(END)}", "price x last known supply", "season_index:",
                 "bitcoin: rebased over 60 days", compared(0)):  # fmt: skip
        assert said in steps
    assert panel.provenance.sources["bitcoin"] == f"embedded, Yahoo from {iso(after(1))}"
    assert panel.provenance.sources["iwm_flow"] == "embedded"
    assert f"iwm_flow ({iso(session(END))})" in problems(panel)
    assert f"bitcoin_dominance ({iso(END)})" in problems(panel)
    assert problems(panel).count("simulated series") == 2


def test_only_views_of_live_days_keep_problems(panel):
    view = panel.known_at(end_of_day(pd.DatetimeIndex([END]))[0])
    assert view.provenance == panel.provenance
    assert view.provenance.problems_on(END) == ()
    assert view.provenance.problems_on(LAST) == panel.provenance.problems


def test_coverage_is_told_by_year(panel):
    years = {(year.year, year.source): year for year in panel.provenance.coverage}
    assert years[2014, "embedded"].coverage < 0.7 < years[2020, "embedded"].coverage
    live = years[LAST.year, "yahoo"]
    assert (live.days, live.coverage, live.unused_days) == (
        LAST.day_of_year, pytest.approx(1 - LACKING_TOP / TOP, abs=0.01), 0,
    )  # fmt: skip


def test_coins_repriced_behind_the_seam_agree(live_closes, tmp_path):
    """The embedded end lacks the prices of some coins: like is compared with like, and it is said.

    All those coins gain on Bitcoin every day of the overlap, so that the index over all coins is
    further off than is allowed.
    """
    members = LISTED.nlargest(TOP).index
    lost = members[COINS["check_day"][members] < COINS["check_day"].max()]
    if len(lost) < 10:
        pytest.skip("the embedded end has the prices of nearly all coins")
    rising = dict(live_closes)
    for coin in lost:
        ticker = COINS["tickers"][coin][-1]
        closes = live_closes[ticker]
        overlap = (closes.index > after(-60)) & (closes.index != COINS["check_day"][coin])
        rising[ticker] = closes * np.exp(np.where(overlap & (closes.index <= END), 0.5, 0.0))
    panel = load(rising, tmp_path)
    (said,) = [p for p in panel.provenance.problems if p.startswith("season_index: from ")]
    assert f"from {iso(after(1))} on it also counts coins that have no price" in said
    points = float(said.split("change it by ")[1].split()[0])
    assert 5 < points < 100 * len(lost) / TOP


# --- no look-ahead -------------------------------------------------------------------------------


@pytest.mark.parametrize("as_of", [after(1), after(14)], ids=iso)
def test_nothing_after_as_of_bears_on_it(panel, live_closes, as_of, tmp_path):
    day = as_of
    random = np.random.default_rng(1)
    scrambled = {}
    for ticker, closes in live_closes.items():
        noise = pd.Series(np.exp(random.normal(0, 1, len(closes))), closes.index)
        scrambled[ticker] = closes.where(closes.index <= day, closes * noise)
    turned = live_market.ranking().assign(symbol="X")
    turned["market_cap_usd"] = turned["market_cap_usd"].to_numpy()[::-1]
    rankings = {day + pd.Timedelta(days=1): turned}
    other = load(scrambled, tmp_path, rankings=rankings)
    instant = end_of_day(pd.DatetimeIndex([day]))[0]
    assert other.digest != panel.digest
    assert other.known_at(instant).digest == panel.known_at(instant).digest
    days = pd.DatetimeIndex([END, day])
    pd.testing.assert_frame_equal(build_features(panel, days), build_features(other, days))


def test_a_ranking_of_today_changes_no_day(panel, live_closes, tmp_path):
    today = live_market.ranking().assign(symbol="X")
    today["market_cap_usd"] = today["market_cap_usd"].to_numpy()[::-1]
    assert load(live_closes, tmp_path, rankings={TODAY: today}).digest == panel.digest


def test_a_past_ranking_brings_in_new_coins(panel, live_closes, tmp_path):
    day = MIDDLE
    new = [f"NEW{i}9999-USD" for i in range(10)]
    ranking = live_market.ranking()
    rows = pd.DataFrame({"ticker": new, "name": "New", "market_cap_usd": 5e11})
    ranking = pd.concat([rows, ranking], ignore_index=True).assign(
        symbol=lambda table: table["ticker"].str.removesuffix("-USD")
    )
    # Ten new coins far ahead of Bitcoin.
    rocket = live_closes["BTC-USD"] * np.exp(np.linspace(0, 5, len(live_closes["BTC-USD"])))
    other = load({**live_closes, **dict.fromkeys(new, rocket)}, tmp_path, rankings={day: ranking})
    change = other.series("season_index") - panel.series("season_index")
    assert (change.loc[: day - pd.Timedelta(days=1)] == 0).all()
    assert (change.loc[day:] > 0).all()
    assert f"rankings of 1 days from {iso(day)}" in "\n".join(other.provenance.steps)


# --- survivorship and coverage -------------------------------------------------------------------


def without(live_closes, tickers, since=None):
    """The market without some tickers, or without their closes after a day."""
    held = {ticker: closes for ticker, closes in live_closes.items() if ticker not in tickers}
    return held | ({ticker: live_closes[ticker].loc[:since] for ticker in tickers} if since else {})


@pytest.mark.parametrize("factor", [0.5, 1 / 14, 0.8, 1.25, 2.0, 50.0])
def test_a_wrong_last_bitcoin_holds_the_day_back(live_closes, tmp_path, factor):
    wrong = live_closes | {"BTC-USD": live_closes["BTC-USD"].copy()}
    wrong["BTC-USD"].loc[LAST] *= factor
    panel = load(wrong, tmp_path)
    assert panel.last_day == after(24)
    (held,) = [each for each in panel.provenance.findings if each.withholds]
    assert (held.rule, held.consequence, held.series) == (
        "common mode", "day held back", "bitcoin",
    )  # fmt: skip
    assert held.factor == pytest.approx(factor, rel=0.1)
    state = data_health(panel, as_of=None, today=TODAY)
    assert state.refusal is None
    assert held.text in health_text(state)
    assert held.text in [each["text"] for each in health_json(state)["findings"]]
    assert held.text in panel.provenance.problems_on(panel.last_day)
    assert held.text in str(data_health(panel, as_of=LAST, today=TODAY).refusal)


def test_a_wrong_bitcoin_before_the_seam_spoils_no_live_day(live_closes, panel, tmp_path):
    """The last days of the season index look back to it."""
    wrong = live_closes | {"BTC-USD": live_closes["BTC-USD"].copy()}
    day = after(20) - pd.Timedelta(days=90)
    wrong["BTC-USD"].loc[day] *= 0.5
    spoilt = load(wrong, tmp_path).series("season_index")
    assert after(20) not in spoilt.index
    pd.testing.assert_series_equal(
        spoilt, panel.series("season_index").drop(after(20)), check_freq=False
    )


def test_missing_coins_stay_ranked_but_uncovered(live_closes, tmp_path):
    panel = load(without(live_closes, top(9)), tmp_path)
    assert unusable(9) in problems(panel)
    assert compared(9) in problems(panel)
    assert panel.last_day == LAST


def test_refused_closes_are_explained(live_closes, tmp_path):
    class Jumping(Prices):
        def closes(self, *arguments, **options):
            answer = super().closes(*arguments, **options)
            said = "Yahoo: SOL-USD jumps from 1 to 90; left out."
            return replace(answer, problems=(*answer.problems, said), absent=frozenset({"XRP-USD"}))

    prices = Jumping(without(live_closes, ["SOL-USD", "XRP-USD"]))
    panel = load_yahoo(Request(prices, NOW, "offline", tmp_path, tmp_path))
    assert unusable(2) in problems(panel)
    assert problems(panel).count("Yahoo: SOL-USD jumps from 1 to 90") == 1
    assert "XRP-USD" not in problems(panel)


def test_coins_that_die_count_as_uncovered(live_closes, tmp_path):
    panel = load(without(live_closes, top(9), since=MIDDLE), tmp_path)
    assert compared(9) in problems(panel)


def test_below_the_coverage_the_index_is_not_used(live_closes, tmp_path):
    dying = without(live_closes, top(20), since=MIDDLE)
    panel = load(dying, tmp_path)
    assert panel.last_day == MIDDLE
    assert f"less than {100 * MIN_LIVE_COVERAGE:.0f} %" in problems(panel)
    assert compared(20) in problems(panel)
    unused = [year.unused_days for year in panel.provenance.coverage if year.source == "yahoo"]
    assert sum(unused) == (LAST - MIDDLE).days
    with pytest.raises(DataError, match=f"the data end on {iso(MIDDLE)}, 16 days ago"):
        usable_view(panel, None, today=TODAY)


def test_a_wrong_coin_is_left_out_by_name(live_closes, tmp_path):
    panel = load({**live_closes, "SOL-USD": live_closes["BTC-USD"] * 0.001}, tmp_path)
    assert "SOL-USD is not solana: its 90-day return" in problems(panel)
    assert unusable(1) in problems(panel)


@pytest.mark.parametrize(
    ("ticker", "noise", "refused"),
    [("ETH-USD", 0.3, "eth_btc"), ("^RUT", 0.02, "russell2000")],
)
def test_closes_that_disagree_are_refused(live_closes, tmp_path, ticker, noise, refused):
    random = np.random.default_rng(0)
    other = live_closes[ticker] * np.exp(random.normal(0, noise, len(live_closes[ticker])))
    with pytest.raises(DataError, match=rf"^{refused}: live and embedded values disagree on"):
        load({**live_closes, ticker: other}, tmp_path)


# --- rules of plausibility -----------------------------------------------------------------------


@pytest.mark.parametrize("factor", [0.5, 1 / 14, 2.0])
def test_a_wrong_bitcoin_close_holds_back(live_closes, panel, tmp_path, factor):
    bitcoin = live_closes["BTC-USD"].copy()
    bitcoin.loc[LAST] *= factor
    wrong = load({**live_closes, "BTC-USD": bitcoin}, tmp_path)
    assert wrong.last_day == LAST - pd.Timedelta(days=1)
    before = panel.series("season_index").loc[: wrong.last_day]
    pd.testing.assert_series_equal(wrong.series("season_index"), before)
    (held,) = [each for each in wrong.provenance.findings if each.rule == "common mode"]
    assert (held.consequence, held.first_day) == ("day held back", LAST)
    assert held.factor == pytest.approx(factor, rel=0.15)
    assert held.text in data_health(wrong, as_of=None, today=TODAY).problems
    usable_view(wrong, None, today=TODAY)
    with pytest.raises(DataError, match="common mode; day held back"):
        usable_view(wrong, LAST, today=TODAY)


def test_another_unit_ends_the_day_before(live_closes, tmp_path):
    russell = live_closes["^RUT"].copy()
    russell.loc[MIDDLE:] *= 10
    wrong = load({**live_closes, "^RUT": russell}, tmp_path)
    assert wrong.series("russell2000").index[-1] < MIDDLE
    (shift,) = [each for each in wrong.provenance.findings if each.rule == "level shift"]
    assert (shift.series, shift.consequence) == ("russell2000", "feature dropped")


# --- disagreement at the seam --------------------------------------------------------------------


def test_a_season_index_that_disagrees_is_refused(live_closes, tmp_path):
    # All coins ahead before the end, with the returns by which they are recognised.
    membership = load_membership()
    lifted = dict(live_closes)
    # Slowly up to twice and back: a step of all coins at once would be Bitcoin's fault.
    way = np.minimum(np.arange(29), 28 - np.arange(29)) / 14
    lift = pd.Series(2**way, pd.date_range(END - pd.Timedelta(days=28), END, unit="s"))
    for ticker in set(membership.coins["tickers"].explode()) & set(live_closes):
        if ticker not in NEEDED:
            own = live_closes[ticker]
            lifted[ticker] = own * lift.reindex(own.index, fill_value=1.0)
    with pytest.raises(DataError, match=r"^season_index: live and embedded values differ by"):
        load(lifted, tmp_path)


def test_a_clock_before_the_embedded_end_is_refused(tmp_path):
    now = END + pd.Timedelta(hours=12)
    with pytest.raises(DataError, match=rf"clock says {iso(END)}, but .* ends on {iso(END)}"):
        load_yahoo(Request(Prices({}), now, "offline", tmp_path, tmp_path))


def test_late_fund_figures_are_not_joined(live_closes, tmp_path):
    days = pd.bdate_range(after(19), LAST, unit="s")
    for name, value in (("iwm_shares_outstanding", 2.8e8), ("iwm_nav", 250.0)):
        values = pd.Series(value * (1 + 0.001 * np.arange(len(days))), days)
        flow_store.add(tmp_path / "flows", flow_store.rows_of(name, values, "test"))
    late = load(live_closes, tmp_path)
    fourth = pd.bdate_range(after(1), periods=4)[-1]
    assert f"iwm_flow: only 17 of the 21 sessions to {iso(fourth)} have a figure" in problems(late)
    assert late.series("iwm_flow").index[-1] == session(END)


def test_meeting_fund_figures_are_joined(live_closes, tmp_path):
    days = pd.bdate_range(after(-2), LAST, unit="s")
    for name, value in (("iwm_shares_outstanding", 2.8e8), ("iwm_nav", 250.0)):
        values = pd.Series(value * (1 + 0.001 * np.arange(len(days))), days)
        flow_store.add(tmp_path / "flows", flow_store.rows_of(name, values, "test"))
    joined = load(live_closes, tmp_path)
    assert joined.series("iwm_flow").index[-1] == session(LAST)
    assert "iwm_flow" not in problems(joined)
    first = iso(pd.bdate_range(after(1), periods=1)[0])
    assert joined.provenance.sources["iwm_flow"] == f"embedded, imported figures from {first}"


def test_a_users_universe_replaces_the_rankings(live_closes, tmp_path):
    path = tmp_path / "mine.csv"
    rows = [f"{iso(after(1))},{rank},{ticker}" for rank, ticker in enumerate(top(60, skip=0), 1)
            if ticker in live_closes]  # fmt: skip
    path.write_text("\n".join(["snapshot_date,rank,ticker", *rows]))
    panel = load(live_closes, tmp_path, universe=path)
    assert panel.last_day == LAST
    assert "after that a file with 1 snapshots" in "\n".join(panel.provenance.steps)


# --- health --------------------------------------------------------------------------------------


def test_health_describes_every_series(panel):
    table = series_health(panel, TODAY).set_index("series")
    assert list(table.index) == [spec.name for spec in SERIES]
    bitcoin = table.loc["bitcoin"]
    assert (bitcoin["last_day"], bitcoin["age_days"]) == (LAST, 1)
    assert bitcoin["longest_gap_days"] == 2
    assert table.loc["sp500", "coverage"] == pytest.approx(0.964, abs=0.002)
    assert table.loc["simulated_50_30", "gaps"] == 0
    assert table.loc["iwm_flow", "problem"].startswith(
        f"ended {(LAST - session(END)).days} days before"
    )
    assert table.loc["bitcoin", "digest"] == panel.digest_of("bitcoin")[:12]


def test_health_of_one_series():
    days = pd.DatetimeIndex(["2025-12-01", "2025-12-02", "2025-12-05"]).as_unit("s")
    values = {name: pd.Series([1.0, 2.0, 3.0], days) for name in ("bitcoin", "season_index")}
    small = MarketPanel.from_series(values, "small")
    state = series_health(small, pd.Timestamp("2025-12-06")).set_index("series")
    row = state.loc["bitcoin"]
    assert row[["age_days", "observations", "longest_gap_days"]].tolist() == [1, 3, 3]
    assert state.loc["sp500", "problem"].startswith("missing")


def test_health_refuses_exactly_when_a_forecast_would(panel, reference):
    fine = data_health(panel, as_of=None, today=TODAY)
    assert fine.refusal is None
    later = data_health(panel, as_of=None, today=TODAY + pd.Timedelta(days=30))
    assert later.refusal.startswith(f"the data end on {iso(LAST)}, 31 days ago")
    assert data_health(panel, as_of=LAST, today=TODAY + pd.Timedelta(days=30)).refusal is None
    assert "as_of must lie" in data_health(panel, as_of=TODAY, today=TODAY).refusal
    assert data_health(reference, as_of=None, today=TODAY).refusal is None
    content = health_json(fine)
    assert content["schema"] == "altseason.health/1"
    json.dumps(content, allow_nan=False)
    text = health_text(fine)
    assert "Fit for a forecast." in text
    assert "simulated (26 series)" in text
    assert f"{LAST.year}  yahoo" in text


# --- the commands, with the real client against a local Yahoo ------------------------------------


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """A cache filled by a command through the real client, its answer, and the way to nowhere."""
    folder = tmp_path_factory.mktemp("commands")
    now = pd.Timestamp.now("UTC").tz_localize(None)
    closes = live_market.closes(now, largest=47)
    shares = {"IWM": (2.8e8, 250.0)}
    with YahooServer(Market(now, closes, live_market.ranking(), shares), folder) as server:
        environment = {"ALTSEASON_DATA_DIR": str(folder / "data"), **server.environment}
        cache = ("--cache-dir", folder / "cache")
        done = run_python(PREDICT, "health", "--source", "yahoo", *cache, "--json", **environment)
    return folder, done, environment


def test_health_from_yahoo(live):
    folder, done, _ = live
    assert done.returncode == 0, done.stderr
    state = json.loads(done.stdout)
    assert (state["schema"], state["age_days"]) == ("altseason.health/1", 1)
    assert {row["source"] for row in state["coverage_by_year"]} == {"embedded", "yahoo"}
    assert any("iwm_flow" in problem for problem in state["problems"])
    assert len(list((folder / "cache" / "yahoo").glob("ranking-*"))) == 1
    held = flow_store.read(folder / "data")
    assert held["series"].value_counts().to_dict() == {"iwm_shares_outstanding": 1, "iwm_nav": 1}


def test_offline_forecasts_the_same_and_tells_the_age(live, tmp_path):
    folder, done, dead = live
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    trained = run_command(
        train.app, "--model", "climatology", "--until", "2017-06-30", "--tracking-uri", uri
    )
    assert trained.exit_code == 0, trained.output
    forecast = run_python(
        PREDICT, "--source", "yahoo", "--offline", "--json", "--tracking-uri", uri,
        ALTSEASON_CACHE_DIR=str(folder / "cache"), **dead,
    )  # fmt: skip
    assert forecast.returncode == 0, forecast.stderr
    assert "offline: the stored prices are 0 hours old" in forecast.stderr
    answer = json.loads(forecast.stdout)
    assert answer["data"]["source"] == f"yahoo, embedded to {iso(END)}"
    assert answer["data"]["last_day"] == json.loads(done.stdout)["last_day"]
    assert any("Data: " in warning and "iwm_flow" in warning for warning in answer["warnings"])
    assert any("Embedded history" in step for step in answer["data"]["provenance"])


def test_without_a_connection_the_way_out_is_named(live):
    folder, _, dead = live
    done = run_python(
        PREDICT, "health", "--source", "yahoo", "--refresh", "--cache-dir", folder / "cache", **dead
    )
    assert done.returncode == 1
    assert done.stdout == ""
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert "use --offline" in error
    assert "Prices 0 hours old are stored" in error
    assert "Traceback" not in done.stderr


def test_offline_without_a_cache_is_malformed_data(tmp_path):
    done = run_command(
        predict.app, "health", "--source", "yahoo", "--offline", "--cache-dir", tmp_path
    )
    assert done.exit_code == 3
    assert "nothing is stored" in done.stderr
    assert "run once without --offline" in done.stderr


def test_damaged_files_of_the_store_are_named_once(tmp_path):
    names = ("closes-BTC-USD.parquet", "ranking-2026-01-04.parquet")
    (tmp_path / "yahoo").mkdir()
    for name in names:
        (tmp_path / "yahoo" / name).write_bytes(b"this is no table")
    done = run_command(
        predict.app, "health", "--source", "yahoo", "--offline", "--cache-dir", tmp_path
    )
    assert done.exit_code == 3
    said = [line for line in done.stderr.splitlines() if line.startswith("warning: damaged: ")]
    assert [sum(f"{name}.damaged" in line for line in said) for name in names] == [1, 1]


def test_health_of_the_embedded_history():
    done = run_command(predict.app, "health")
    assert done.exit_code == 0
    assert "season_index" in done.stdout
    refused = run_command(predict.app, "health", "--as-of", iso(after(1)), "--json")
    assert refused.exit_code == 3
    assert json.loads(refused.stdout)["refusal"] in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--offline"], "--offline goes with --source yahoo"),
        (["--refresh"], "--refresh goes with --source yahoo"),
        (["--universe", "x.csv"], "--universe goes with --source yahoo"),
        (["--source", "yahoo", "--offline", "--refresh"], "exclude each other"),
        (["--source", "yahoo", "--data-dir", "."], "--data-dir goes with --source files"),
        (["--source", "files"], "--source files needs --data-dir"),
    ],
)
@pytest.mark.parametrize("command", [[], ["health"]])
def test_options_that_contradict_each_other_are_usage_errors(command, arguments, message):
    done = run_command(predict.app, *command, *arguments)
    assert done.exit_code == 2
    assert message in squeezed(done.stderr)
