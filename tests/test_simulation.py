"""The path simulation: what it may see, what it must give, and its cache."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from features.market.market import Market
from features.market.paths import COINS, LEAD_ENDS, THRESHOLDS, series_name, simulate
from features.storage import simulations
from features.storage.parquet import read_table
from features.storage.simulations import cache_directory, simulated_series

market_of = Market.from_tables
FIRST = pd.Timestamp("2020-01-01")
DAYS = 420
NAMES = [f"coin{number:03d}" for number in range(COINS + 10)]


def drifting_market(drift: float = 0.0, noise: float = 0.03, seed: int = 0, days: int = DAYS):
    """Return coins and universe of 110 altcoins whose log price in BTC drifts a day."""
    random = np.random.default_rng(seed)
    dates = pd.date_range(FIRST, periods=days, unit="s")
    steps = drift + noise * random.normal(size=(days, len(NAMES)))
    price = np.exp(np.cumsum(steps, axis=0))
    coins = pd.DataFrame(
        {
            "date": np.repeat(dates, len(NAMES)),
            "coin": np.tile(NAMES, days),
            "close_btc": price.ravel(),
            "close_usd": 1000 * price.ravel(),
        }
    )
    size = np.exp(-1.2 * np.log(np.arange(1, len(NAMES) + 1)))
    snapshots = []
    for number, date in enumerate(dates):
        cap = size * price[number]
        order = np.argsort(-cap, kind="stable")[:COINS]
        snapshots.append(
            pd.DataFrame(
                {
                    "snapshot_date": date,
                    "rank": np.arange(1, COINS + 1),
                    "coin": np.array(NAMES)[order],
                    "market_cap_usd": cap[order],
                }
            )
        )
    return coins, pd.concat(snapshots, ignore_index=True)


def on(*numbers: int) -> pd.DatetimeIndex:
    return pd.DatetimeIndex([FIRST + pd.Timedelta(days=number) for number in numbers])


@pytest.fixture(scope="module")
def walk():
    return drifting_market()


@pytest.fixture(scope="module")
def walked(walk):
    return simulate(market_of(*walk), on(300, 350, 400), paths=60)


def test_every_threshold_and_lead_is_given(walked):
    assert list(walked) == [series_name(t, end) for t in THRESHOLDS for end in LEAD_ENDS]
    assert list(walked.index) == list(on(300, 350, 400))


def test_shares_rise_with_days_and_fall_with_threshold(walked):
    low, high = (walked[[series_name(t, end) for end in LEAD_ENDS]].to_numpy() for t in THRESHOLDS)
    assert (np.diff(low, axis=1) >= 0).all()
    assert (np.diff(high, axis=1) >= 0).all()
    assert (low >= high).all()


def test_no_path_share_is_ever_0_or_100(walked):
    assert walked.to_numpy().min() >= 100 * 0.5 / 61
    assert walked.to_numpy().max() <= 100 * 60.5 / 61


@pytest.mark.parametrize("jobs", [1, 2])
def test_draws_depend_on_seed_and_day_alone(walk, walked, jobs):
    again = simulate(market_of(*walk), on(400, 350), paths=60, jobs=jobs)
    pd.testing.assert_frame_equal(again.sort_index(), walked.loc[on(350, 400)])
    other = simulate(market_of(*walk), on(400), paths=60, seed=1)
    assert not other.equals(walked.loc[on(400)])


def test_nothing_after_the_day_bears_on_it(walk, walked):
    day = on(350)[0]
    coins, universe = walk
    cut = coins[coins["date"] <= day], universe[universe["snapshot_date"] <= day]
    pd.testing.assert_frame_equal(simulate(market_of(*cut), on(350), paths=60), walked.loc[on(350)])
    scrambled = coins.copy()
    later = (scrambled["date"] > day).to_numpy()
    random = np.random.default_rng(9)
    scrambled.loc[later, "close_btc"] = random.lognormal(size=int(later.sum()))
    shuffled = universe.copy()
    later = (shuffled["snapshot_date"] > day).to_numpy()
    shuffled.loc[later, "coin"] = random.permutation(shuffled.loc[later, "coin"])
    again = simulate(market_of(scrambled, shuffled), on(350), paths=60)
    pd.testing.assert_frame_equal(again, walked.loc[on(350)])


@pytest.mark.parametrize(("drift", "crossed"), [(0.05, 20), (-0.05, 0)])
def test_a_steady_market_is_certain(drift, crossed):
    table = simulate(market_of(*drifting_market(drift=drift, noise=0.002)), on(400), paths=20)
    assert table.to_numpy() == pytest.approx(100 * (crossed + 0.5) / 21)


def test_a_wilder_present_widens_what_may_happen():
    calm_coins, universe = drifting_market(seed=3)
    wild_coins = calm_coins.copy()
    log_price = np.log(wild_coins["close_btc"].to_numpy().reshape(DAYS, -1))
    steps = np.diff(log_price, axis=0, prepend=log_price[:1])
    steps[-100:] *= 4
    wild_coins["close_btc"] = np.exp(np.cumsum(steps, axis=0) + log_price[0]).ravel()
    dispersions = []
    for coins in (calm_coins, wild_coins):
        from features.market.paths import _Past

        dispersions.append(_Past.of(market_of(coins, universe)).dispersion[-1])
    assert dispersions[1] / dispersions[0] == pytest.approx(4, rel=0.15)


def test_days_that_cannot_be_simulated_are_left_out(walk):
    coins, universe = walk
    assert simulate(market_of(coins, universe), on(50, 110), paths=5).empty
    few = universe[universe["rank"] <= 40]
    assert simulate(market_of(coins, few), on(400), paths=5).empty


def test_a_missing_cap_is_its_ranks_last(walk, walked):
    coins, universe = walk
    without = universe.copy()
    without.loc[without["snapshot_date"] > on(340)[0], "market_cap_usd"] = np.nan
    table = simulate(market_of(coins, without), on(350), paths=60)
    assert table.notna().all(axis=None)
    assert np.abs(table - walked.loc[on(350)]).to_numpy().max() < 15


def thinned(coins, universe, priced: int, number: int = 400):
    """The coins of a market without the prices, on one day, of those ranked behind `priced`."""
    day = on(number)[0]
    ranked = universe[universe["snapshot_date"] == day]
    kept = ranked.loc[ranked["rank"] <= priced, "coin"]
    return coins[(coins["date"] != day) | coins["coin"].isin(kept)]


@pytest.mark.parametrize(("priced", "rows"), [(50, 1), (49, 1), (20, 1), (19, 0)])
def test_fewer_than_20_priced_coins_are_no_market(walk, priced, rows):
    coins, universe = walk
    table = simulate(market_of(thinned(coins, universe, priced), universe), on(400), paths=5)
    assert len(table) == rows


@pytest.mark.parametrize(("drift", "percent"), [(0.05, 100 * 20.5 / 21), (-0.05, 100 * 0.5 / 21)])
def test_the_index_counts_the_priced_coins(drift, percent):
    """Of 50 coins the 30 that gain would be 60 %, and a broad season would never come."""
    coins, universe = drifting_market(drift=drift, noise=0.002)
    table = simulate(market_of(thinned(coins, universe, 30), universe), on(400), paths=20)
    assert table.to_numpy() == pytest.approx(percent)


def test_priced_coins_behind_the_top_make_no_top(walk):
    """Nineteen of the top and eleven behind it are thirty prices, but too few of the index."""
    coins, universe = walk
    day = on(400)[0]
    ranked = universe[universe["snapshot_date"] == day].sort_values("rank")["coin"].tolist()
    for top, rows in ((19, 0), (20, 1)):
        kept = coins["coin"].isin([*ranked[:top], *ranked[50:61]])
        table = simulate(
            market_of(coins[(coins["date"] != day) | kept], universe), on(400), paths=5
        )
        assert len(table) == rows


def test_later_prices_do_not_bear_on_a_day(walk):
    coins, universe = walk
    few = thinned(coins, universe, 30, number=350)
    day = on(350)[0]
    expected = simulate(market_of(few, universe), on(350), paths=60)
    cut = few[few["date"] <= day], universe[universe["snapshot_date"] <= day]
    pd.testing.assert_frame_equal(simulate(market_of(*cut), on(350), paths=60), expected)
    random = np.random.default_rng(9)
    scrambled, shuffled = few.copy(), universe.copy()
    later = (scrambled["date"] > day).to_numpy()
    scrambled.loc[later, "close_btc"] = random.lognormal(size=int(later.sum()))
    later = (shuffled["snapshot_date"] > day).to_numpy()
    shuffled.loc[later, "coin"] = random.permutation(shuffled.loc[later, "coin"])
    pd.testing.assert_frame_equal(
        simulate(market_of(scrambled, shuffled), on(350), paths=60), expected
    )


# --- the cache -----------------------------------------------------------------------------------


@pytest.fixture
def calls(monkeypatch):
    """Count computations, each of them cheap."""
    counted = []

    def cheap(market, days, **options):
        counted.append(len(days))
        return pd.DataFrame({"simulated_50_30": 1.0}, index=days.rename("date"))

    monkeypatch.setattr("features.storage.simulations.simulate", cheap)
    return counted


def test_the_same_data_are_simulated_once(walk, calls, tmp_path):
    first = simulated_series(market_of(*walk), cache=tmp_path / "new")
    second = simulated_series(market_of(*walk), cache=tmp_path / "new")
    assert len(calls) == 1
    pd.testing.assert_frame_equal(first, second, check_freq=False)
    assert {path.suffix for path in (tmp_path / "new").iterdir()} == {".parquet", ".lock"}


def test_other_data_are_simulated_again(walk, calls, tmp_path):
    coins, universe = walk
    simulated_series(market_of(coins, universe), cache=tmp_path)
    changed = coins.copy()
    changed.loc[0, "close_btc"] *= 1.0001
    simulated_series(market_of(changed, universe), cache=tmp_path)
    assert len(calls) == 2


def test_a_damaged_cache_is_never_trusted(walk, calls, tmp_path):
    whole = simulated_series(market_of(*walk), cache=tmp_path)
    (path,) = tmp_path.glob("*.parquet")
    content = path.read_bytes()
    # Cut short, and whole Parquet files with other values or columns.
    spoiled = [lambda: path.write_bytes(content[:100]), lambda: (whole + 40).to_parquet(path),
               lambda: whole.iloc[:, :0].to_parquet(path)]  # fmt: skip
    for spoil in spoiled:
        spoil()
        with pytest.warns(UserWarning, match=r"is damaged .*\.damaged-\d and computed"):
            again = simulated_series(market_of(*walk), cache=tmp_path)
        pd.testing.assert_frame_equal(again, whole, check_freq=False)
    assert len(calls) == 4


def test_an_unwritable_cache_costs_nothing(walk, calls, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(UserWarning, match="cannot be kept"):
        table = simulated_series(market_of(*walk), cache=tmp_path / "file")
    assert len(table)
    assert calls


def until(day, walk):
    """The market as it was at the end of a day."""
    coins, universe = walk
    return coins[coins["date"] <= day], universe[universe["snapshot_date"] <= day]


def test_a_growing_market_costs_only_new_days(walk, calls, tmp_path):
    since, day, next_day = on(380, 400, 401)
    first = simulated_series(market_of(*until(day, walk)), since=since, cache=tmp_path)
    again = simulated_series(market_of(*until(day, walk)), since=since, cache=tmp_path)
    pd.testing.assert_frame_equal(first, again, check_freq=False)
    assert first.index[-1] == day
    assert calls == [len(first)]
    later = simulated_series(market_of(*until(next_day, walk)), since=since, cache=tmp_path)
    assert calls == [len(first), 1]
    assert later.index[-1] == next_day


def test_a_changed_past_is_simulated_again(walk, calls, tmp_path):
    coins, universe = until(on(400)[0], walk)
    since, changed_on = on(380, 395)
    whole = simulated_series(market_of(coins, universe), since=since, cache=tmp_path)
    changed = coins.copy()
    changed.loc[changed["date"] == changed_on, "close_btc"] *= 1.0001
    simulated_series(market_of(changed, universe), since=since, cache=tmp_path)
    assert calls == [len(whole), int((whole.index >= changed_on).sum())]


def test_kept_simulations_are_those_of_simulate(walk, tmp_path, monkeypatch):
    few = partial(simulate, paths=20)
    monkeypatch.setattr("features.storage.simulations.simulate", few)
    past, (since, day) = until(on(400)[0], walk), on(399, 400)
    for _ in range(2):
        table = simulated_series(market_of(*past), since=since, cache=tmp_path)
        pd.testing.assert_frame_equal(
            table, few(market_of(*past), on(400).as_unit("s")), check_freq=False
        )
    assert simulated_series(market_of(*past), since=day, cache=tmp_path).empty


def test_only_the_days_asked_for_are_simulated(walk, calls, tmp_path):
    whole = simulated_series(market_of(*walk), cache=tmp_path / "whole")
    since, last = on(300, 350)
    part = simulated_series(market_of(*walk), since=since, until=last, cache=tmp_path / "part")
    asked = (whole.index > since) & (whole.index <= last)
    assert calls[1] == asked.sum() < len(whole)
    pd.testing.assert_frame_equal(part, whole[asked], check_freq=False)


def test_earlier_days_do_not_depend_on_later_rows(walk, calls, tmp_path):
    """The universe begins later than the simulated days: those are the same however it goes on."""
    coins, universe = walk
    late = universe[universe["snapshot_date"] >= on(390)[0]]
    simulated_series(market_of(*until(on(399)[0], (coins, late))), cache=tmp_path)
    simulated_series(market_of(*until(on(400)[0], (coins, late))), cache=tmp_path)
    assert calls[1] == 1


def test_two_markets_do_not_displace(walk, calls, tmp_path):
    coins, universe = walk
    other = coins.assign(close_btc=2 * coins["close_btc"])
    for day in on(400, 401, 402):
        simulated_series(market_of(*until(day, walk)), since=FIRST, cache=tmp_path)
        simulated_series(market_of(*until(day, (other, universe))), since=FIRST, cache=tmp_path)
    assert calls[2:] == [1, 1, 1, 1]
    assert calls[0] == calls[1] > 50


def test_what_is_kept_does_not_grow_without_bound(walk, calls, tmp_path, monkeypatch):
    days = len(simulated_series(market_of(*walk), since=FIRST, cache=tmp_path))
    monkeypatch.setattr(simulations, "KEPT_DAYS", 2 * days)
    (path,) = tmp_path.glob("*.parquet")
    coins, universe = walk
    for factor in (2, 3, 4, 1, 4):
        scaled = coins.assign(close_btc=factor * coins["close_btc"])
        simulated_series(market_of(scaled, universe), since=FIRST, cache=tmp_path)
        assert len(read_table(path)[0]) <= 2 * days
    assert calls == [days] * 5  # the first fell out, the fourth was still there


def test_two_processes_keep_each_others_simulations(walk, calls, tmp_path, monkeypatch):
    coins, universe = walk
    other = coins.assign(close_btc=2 * coins["close_btc"])
    cheap = simulations.simulate

    def meanwhile(*arguments, **options):
        monkeypatch.setattr(simulations, "simulate", cheap)
        simulated_series(market_of(other, universe), cache=tmp_path)  # another process, in between
        return cheap(*arguments, **options)

    monkeypatch.setattr(simulations, "simulate", meanwhile)
    simulated_series(market_of(coins, universe), cache=tmp_path)
    simulated_series(market_of(coins, universe), cache=tmp_path)
    simulated_series(market_of(other, universe), cache=tmp_path)
    assert len(calls) == 2


def test_the_environment_names_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("ALTSEASON_CACHE_DIR", str(tmp_path))
    assert cache_directory() == tmp_path
