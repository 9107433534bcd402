"""The path simulation: what it may see, what it must give, and how its days are kept."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from features.market.market import Market
from features.market.paths import (
    COINS,
    ERROR_ENDS,
    LEAD_ENDS,
    THRESHOLDS,
    Past,
    _quarter_errors,
    error_name,
    series_name,
    simulate,
)
from features.storage import simulations
from features.storage.parquet import read_table
from features.storage.simulations import cache_directory, simulated_series

FIRST = pd.Timestamp("2020-01-01")
DAYS = 420
NAMES = pd.Index([f"coin{number:03d}" for number in range(COINS + 10)])


def drifting_market(drift: float = 0.0, noise: float = 0.03, seed: int = 0, days: int = DAYS):
    """Return a market of 110 altcoins, 100 of them ranked, whose log price in BTC drifts a day."""
    random = np.random.default_rng(seed)
    price = np.exp(np.cumsum(drift + noise * random.normal(size=(days, len(NAMES))), axis=0))
    cap = price * np.exp(-1.2 * np.log(np.arange(1, len(NAMES) + 1)))
    largest = np.argsort(-cap, axis=1, kind="stable")[:, :COINS]
    dates = pd.date_range(FIRST, periods=days, unit="s", name="date")
    universe = pd.DataFrame(
        {
            "snapshot_date": np.repeat(dates, COINS),
            "rank": np.tile(np.arange(1, COINS + 1), days),
            "coin": NAMES[largest.ravel()],
            "market_cap_usd": np.take_along_axis(cap, largest, axis=1).ravel(),
        }
    )
    return Market(dates, NAMES, 1000 * price, price, np.full(days, 1000.0), universe)


def on(*numbers: int) -> pd.DatetimeIndex:
    return pd.DatetimeIndex([FIRST + pd.Timedelta(days=number) for number in numbers]).as_unit("s")


def until(number: int, market: Market) -> Market:
    """The market as it was at the end of a day."""
    later = np.broadcast_to(np.arange(len(market.days))[:, None] > number, market.btc.shape)
    held = market.universe["snapshot_date"] <= on(number)[0]
    return market.without(later).ranked_by(market.universe[held])


def scrambled(number: int, market: Market) -> Market:
    """The market with closes and ranks after a day drawn anew."""
    random = np.random.default_rng(9)
    btc, universe = market.btc.copy(), market.universe.copy()
    btc[number + 1 :] = random.lognormal(size=btc[number + 1 :].shape)
    later = (universe["snapshot_date"] > on(number)[0]).to_numpy()
    universe.loc[later, "coin"] = random.permutation(universe.loc[later, "coin"])
    return replace(market, btc=btc, universe=universe)


def thinned(market: Market, ranks: list[int], number: int = 400) -> Market:
    """The market without the closes, on one day, of all but some ranks."""
    bad = np.zeros(market.btc.shape, bool)
    bad[number] = True
    bad[number, market.members(COINS)[number, ranks]] = False
    return market.without(bad)


@pytest.fixture(scope="module")
def walk():
    return drifting_market()


@pytest.fixture(scope="module")
def walked(walk):
    return simulate(walk, on(300, 350, 400), paths=60)


def test_every_threshold_and_lead_has_its_share(walked):
    shares = [series_name(t, end) for t in THRESHOLDS for end in LEAD_ENDS]
    errors = [error_name(t, end) for t in THRESHOLDS for end in ERROR_ENDS]
    assert list(walked) == shares + errors
    assert list(walked.index) == list(on(300, 350, 400))
    low, high = (walked[[series_name(t, end) for end in LEAD_ENDS]].to_numpy() for t in THRESHOLDS)
    assert (np.diff(low, axis=1) >= 0).all()
    assert (np.diff(high, axis=1) >= 0).all()
    assert (low >= high).all()
    # Half a path on either side: never 0, never 100.
    assert walked[shares].to_numpy().min() >= 100 * 0.5 / 61
    assert walked[shares].to_numpy().max() <= 100 * 60.5 / 61
    assert walked[errors].to_numpy().max() > 0


def test_the_deviation_is_that_of_quarters_drawn_anew():
    """A Bayesian bootstrap by draws of weights, of five quarters that have 200 paths each."""
    random = np.random.default_rng(0)
    quarter = np.repeat(np.arange(5), 200)
    crossed = random.random((1000, 3)) < np.array([0.1, 0.3, 0.2, 0.6, 0.0])[quarter, None]
    weight = random.standard_exponential((40_000, 5))
    share = weight @ crossed.reshape(5, 200, 3).mean(axis=1) / weight.sum(axis=1, keepdims=True)
    errors = _quarter_errors(crossed, random.permutation(5)[quarter])
    np.testing.assert_allclose(errors, share.std(axis=0), rtol=0.02)
    assert _quarter_errors(crossed, np.zeros(1000, int)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("jobs", [1, 2])
def test_draws_depend_on_seed_and_day_alone(walk, walked, jobs):
    again = simulate(walk, on(400, 350), paths=60, jobs=jobs)
    pd.testing.assert_frame_equal(again.sort_index(), walked.loc[on(350, 400)])
    other = simulate(walk, on(400), paths=60, seed=1)
    assert not other.equals(walked.loc[on(400)])


@pytest.mark.parametrize("few", [False, True])
@pytest.mark.parametrize("without_future", [until, scrambled])
def test_nothing_after_the_day_bears_on_it(walk, walked, few, without_future):
    market = thinned(walk, list(range(30)), 350) if few else walk
    expected = simulate(market, on(350), paths=60) if few else walked.loc[on(350)]
    again = simulate(without_future(350, market), on(350), paths=60)
    pd.testing.assert_frame_equal(again, expected)


@pytest.mark.parametrize(("drift", "crossed"), [(0.05, 20), (-0.05, 0)])
def test_a_steady_market_is_certain(drift, crossed):
    market = drifting_market(drift=drift, noise=0.002)
    # Of 50 coins the 30 that gain would be 60 %: the index counts the priced ones alone.
    for steady in (market, thinned(market, list(range(30)))):
        table = simulate(steady, on(400), paths=20)
        shares = table[[name for name in table if "error" not in name]].to_numpy()
        assert shares == pytest.approx(100 * (crossed + 0.5) / 21)


def test_a_wilder_present_widens_what_may_happen():
    calm = drifting_market(seed=3)
    steps = np.diff(calm.log_btc, axis=0, prepend=calm.log_btc[:1])
    steps[-100:] *= 4
    wild = replace(calm, btc=np.exp(np.cumsum(steps, axis=0) + calm.log_btc[0]))
    narrow, wide = (Past.of(market).dispersion[-1] for market in (calm, wild))
    assert wide / narrow == pytest.approx(4, rel=0.15)


def test_days_that_cannot_be_simulated_are_left_out(walk):
    assert simulate(walk, on(50, 110), paths=5).empty
    few = walk.ranked_by(walk.universe[walk.universe["rank"] <= 40])
    assert simulate(few, on(400), paths=5).empty


def test_a_missing_cap_is_its_ranks_last(walk, walked):
    universe = walk.universe.copy()
    universe.loc[universe["snapshot_date"] > on(340)[0], "market_cap_usd"] = np.nan
    table = simulate(walk.ranked_by(universe), on(350), paths=60)
    assert table.notna().all(axis=None)
    assert np.abs(table - walked.loc[on(350)]).to_numpy().max() < 15


@pytest.mark.parametrize(
    ("ranks", "rows"),
    [
        (range(50), 1), (range(20), 1), (range(19), 0),
        # Eleven after the top make no top: with nineteen of it, thirty prices are too few.
        ([*range(19), *range(50, 61)], 0), ([*range(20), *range(50, 61)], 1),
    ],
)  # fmt: skip
def test_fewer_than_20_priced_coins_of_the_top_are_no_market(walk, ranks, rows):
    assert len(simulate(thinned(walk, list(ranks)), on(400), paths=5)) == rows


# --- the days that are kept ----------------------------------------------------------------------


@pytest.fixture
def calls(monkeypatch):
    """Count computations, each of them cheap."""
    counted = []

    def cheap(market, days, **options):
        counted.append(len(days))
        return pd.DataFrame({"simulated_50_30": 1.0}, index=days.rename("date"))

    monkeypatch.setattr("features.storage.simulations.simulate", cheap)
    return counted


def scaled(market: Market, factor: float) -> Market:
    return replace(market, btc=factor * market.btc)


def test_the_same_data_are_simulated_once_others_again(walk, calls, tmp_path):
    first = simulated_series(walk, cache=tmp_path / "new")
    second = simulated_series(walk, cache=tmp_path / "new")
    assert len(calls) == 1
    pd.testing.assert_frame_equal(first, second, check_freq=False)
    assert {path.suffix for path in (tmp_path / "new").iterdir()} == {".parquet", ".lock"}
    shuffled = walk.ranked_by(walk.universe.sample(frac=1, random_state=0))
    pd.testing.assert_frame_equal(
        simulated_series(shuffled, cache=tmp_path / "new"), first, check_freq=False
    )
    assert len(calls) == 1
    btc, universe = walk.btc.copy(), walk.universe.copy()
    btc[0, 0] *= 1.0001
    universe.loc[0, "market_cap_usd"] *= 1.0001
    simulated_series(replace(walk, btc=btc), cache=tmp_path / "new")
    simulated_series(walk.ranked_by(universe), cache=tmp_path / "new")
    assert len(calls) == 3


def test_a_damaged_cache_is_never_trusted(walk, calls, tmp_path):
    whole = simulated_series(walk, cache=tmp_path)
    (path,) = tmp_path.glob("*.parquet")
    content = path.read_bytes()
    # Cut short, and whole Parquet files with other values or columns.
    spoiled = [lambda: path.write_bytes(content[:100]), lambda: (whole + 40).to_parquet(path),
               lambda: whole.iloc[:, :0].to_parquet(path)]  # fmt: skip
    for spoil in spoiled:
        spoil()
        with pytest.warns(UserWarning, match=r"damaged: .*set aside as .*\.damaged-\d"):
            again = simulated_series(walk, cache=tmp_path)
        pd.testing.assert_frame_equal(again, whole, check_freq=False)
    assert len(calls) == 4


def test_an_unwritable_cache_costs_nothing(walk, calls, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(UserWarning, match="cannot be kept"):
        table = simulated_series(walk, cache=tmp_path / "file")
    assert len(table)
    assert calls


def test_the_environment_names_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv(simulations.CACHE_VARIABLE, str(tmp_path))
    assert cache_directory() == tmp_path


def test_a_growing_market_costs_only_new_days(walk, calls, tmp_path):
    # A universe that begins after the first simulated days leaves them the same too.
    late = walk.ranked_by(walk.universe[walk.universe["snapshot_date"] >= on(390)[0]])
    for market in (walk, late):
        calls.clear()
        simulated_series(until(400, market), cache=tmp_path)
        simulated_series(until(401, market), cache=tmp_path)
        assert calls[1:] == [1]


def test_a_changed_past_is_simulated_again(walk, calls, tmp_path):
    market, (since, changed_on) = until(400, walk), on(380, 395)
    whole = simulated_series(market, since=since, cache=tmp_path)
    btc = market.btc.copy()
    btc[395] *= 1.0001
    simulated_series(replace(market, btc=btc), since=since, cache=tmp_path)
    assert calls == [len(whole), int((whole.index >= changed_on).sum())]


def test_kept_simulations_are_those_of_simulate(walk, tmp_path, monkeypatch):
    few = partial(simulate, paths=20)
    monkeypatch.setattr("features.storage.simulations.simulate", few)
    past, (since, day) = until(400, walk), on(399, 400)
    expected = few(past, on(400))
    for _ in range(2):
        table = simulated_series(past, since=since, cache=tmp_path)
        pd.testing.assert_frame_equal(table, expected, check_freq=False)
    assert simulated_series(past, since=day, cache=tmp_path).empty


def test_only_the_days_asked_for_are_simulated(walk, calls, tmp_path):
    whole = simulated_series(walk, cache=tmp_path / "whole")
    since, last = on(300, 350)
    part = simulated_series(walk, since=since, until=last, cache=tmp_path / "part")
    asked = (whole.index > since) & (whole.index <= last)
    assert calls[1] == asked.sum() < len(whole)
    pd.testing.assert_frame_equal(part, whole[asked], check_freq=False)


def test_two_markets_do_not_displace_each_other(walk, calls, tmp_path):
    for number in (400, 401):
        simulated_series(until(number, walk), since=FIRST, cache=tmp_path)
        simulated_series(until(number, scaled(walk, 2)), since=FIRST, cache=tmp_path)
    assert calls[2:] == [1, 1]
    assert calls[0] == calls[1] > 50


def test_what_is_kept_does_not_grow_without_bound(walk, calls, tmp_path, monkeypatch):
    days = len(simulated_series(walk, since=FIRST, cache=tmp_path))
    monkeypatch.setattr(simulations, "KEPT_DAYS", 2 * days)
    (path,) = tmp_path.glob("*.parquet")
    for factor in (2, 3, 4, 1, 4):
        simulated_series(scaled(walk, factor), since=FIRST, cache=tmp_path)
        assert len(read_table(path)[0]) <= 2 * days
    assert calls == [days] * 5  # the first fell out, the fourth was still there


def test_two_processes_keep_each_others_simulations(walk, calls, tmp_path, monkeypatch):
    cheap = simulations.simulate

    def meanwhile(*arguments, **options):
        monkeypatch.setattr(simulations, "simulate", cheap)
        simulated_series(scaled(walk, 2), cache=tmp_path)  # another process, in between
        return cheap(*arguments, **options)

    monkeypatch.setattr(simulations, "simulate", meanwhile)
    for market in (walk, walk, scaled(walk, 2)):
        simulated_series(market, cache=tmp_path)
    assert len(calls) == 2
