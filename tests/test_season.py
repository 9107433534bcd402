"""The season index by hand, against a slow reference, and against the published index."""

from __future__ import annotations

import itertools
from fractions import Fraction

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from features.market.market import Market
from features.market.season import at_risk, breadth, daily, onset_days, season_index, season_state
from features.panel import DAY, DataError, MarketPanel

FIRST = pd.Timestamp("2025-01-01")
NA = np.nan


def coin_table(closes, per_coin=1000.0):
    """Return coin rows from one list of closes in Bitcoin a coin; NaN where it has none."""
    table = [
        (FIRST + day * DAY, coin, close, close * per_coin)
        for coin, path in closes.items()
        for day, close in enumerate(path)
        if np.isfinite(close)
    ]
    return pd.DataFrame(table, columns=["date", "coin", "close_btc", "close_usd"])


def universe_table(snapshots):
    """Return universe rows from one list of coins, largest first, by day number."""
    table = [
        (FIRST + day * DAY, rank, coin)
        for day, coins in snapshots.items()
        for rank, coin in enumerate(coins, start=1)
    ]
    return pd.DataFrame(table, columns=["snapshot_date", "rank", "coin"])


def market_of(closes, snapshots):
    return Market.from_tables(coin_table(closes), universe_table(snapshots))


def small_breadth(closes, snapshots, **parameters):
    defaults = {"window_days": 3, "top": 5, "carried_days": (1,)}
    return breadth(market_of(closes, snapshots), **{**defaults, **parameters})


def random_market(seed, *, coins=8, days=120, missing=0.1, whole=False):
    """Return coin and universe tables with gaps, entries, deaths and coins nobody prices."""
    random = np.random.default_rng(seed)
    names = [f"coin{i}" for i in range(coins)]
    closes = {}
    for name in names:
        if whole:
            path = random.integers(1, 6, size=days).astype(float)
        else:
            path = np.exp(np.cumsum(0.1 * random.normal(size=days)))
        path[random.random(days) < missing] = np.nan
        path[: max(random.integers(-days, days // 2), 0)] = np.nan
        path[random.integers(days // 2, 3 * days) :] = np.nan
        closes[name] = path
    closes["anchor"] = np.full(days, 2.0)
    listed = [*names, "anchor", "nobody prices this"]
    snapshots = {
        int(day): list(random.permutation(listed)[: random.integers(2, len(listed) + 1)])
        for day in random.choice(days, size=1 + days // 20, replace=False)
    }
    return coin_table(closes, per_coin=8.0), universe_table(snapshots)


# Five coins count (top=5). `dead` has no price from day 4 on, `young` is listed on day 2 and enters
# the universe on day 4, where `sixth` falls to rank 6; `patchy` has no price on day 1.
FIVE_COINS = {
    "alpha":  [10, 10, 10, 11, 12, 9, 9],
    "beta":   [10, 10, 10, 9, 8, 12, 12],
    "dead":   [10, 10, 10, 12, NA, NA, NA],
    "patchy": [10, NA, 10, 11, 10, 10, 12],
    "sixth":  [10, 10, 10, 20, 20, 20, 20],
    "young":  [NA, NA, 10, 10, 10, 11, 12],
}  # fmt: skip
FIVE_COIN_UNIVERSE = {
    0: ["alpha", "beta", "dead", "patchy", "sixth"],
    4: ["alpha", "beta", "dead", "patchy", "young", "sixth"],
}


def test_season_index_of_a_five_coin_market():
    shares = small_breadth(FIVE_COINS, FIVE_COIN_UNIVERSE)
    # Day 3: alpha, dead, patchy and sixth are ahead of day 0, beta is not.
    # Day 4: only alpha (ahead) and beta (behind) have a price on both days.
    # Day 5: beta and young lead; patchy stands exactly where it stood, which is not ahead.
    # Day 6: beta, patchy and young lead, alpha does not.
    expected = [NA, NA, NA, 80.0, 50.0, 50.0, 75.0]
    np.testing.assert_array_equal(shares["season_index"], expected)
    assert shares["coins_compared"].tolist() == [0, 0, 0, 5, 2, 4, 4]
    assert shares.index.equals(pd.date_range(FIRST, periods=7, unit="s", name="date"))


def test_carried_breadth_of_a_five_coin_market():
    shares = small_breadth(FIVE_COINS, FIVE_COIN_UNIVERSE)
    # Against two days before. Day 3: alpha and dead and sixth of four, patchy having no price then.
    # Day 4: alpha of alpha, beta, patchy, young. Day 5: beta, young of four; day 6: all but alpha.
    expected = [NA, NA, 0.0, 75.0, 25.0, 50.0, 75.0]
    np.testing.assert_array_equal(shares["carried_breadth_1"], expected)


def test_coins_count_by_the_newest_ranking_down_to_the_top():
    closes = {"old": [1, 1, 1, 1], "new": [1, 2, 3, 4]}
    options = {"window_days": 1, "carried_days": ()}
    entered = small_breadth(closes, {0: ["old"], 3: ["old", "new"]}, **options)
    np.testing.assert_array_equal(entered["season_index"], [NA, 0.0, 0.0, 50.0])
    for top, index in ((1, 0.0), (2, 50.0)):
        below = small_breadth(closes, {0: ["old", "new"]}, **options, top=top)
        assert below["season_index"].iloc[-1] == index
    # Before the first ranking there is no row.
    late = small_breadth(closes, {2: ["old"]}, **options)
    assert late.index.tolist() == [FIRST + 2 * DAY, FIRST + 3 * DAY]


def test_no_index_under_two_in_five_coins():
    names = ["a", "b", "c", "d", "e"]
    closes = {"a": [1, 2, 3], "b": [1, 2, NA]}
    shares = small_breadth(closes, {0: names}, window_days=1, carried_days=())
    np.testing.assert_array_equal(shares["season_index"], [NA, 100.0, NA])
    assert shares["median_relative_return"].isna().tolist() == [True, False, True]
    assert shares["relative_return_dispersion"].isna().tolist() == [True, False, True]
    assert shares["coins_compared"].tolist() == [0, 2, 1]


def test_a_snapshot_stands_in_for_45_days():
    closes = {"rising": range(1, 49), "falling": range(48, 0, -1)}
    shares = small_breadth(closes, {0: ["rising"]}, window_days=1, carried_days=())
    index = shares["season_index"].to_numpy()
    np.testing.assert_array_equal(index, [NA] + [100.0] * 45 + [NA, NA])
    renewed = {0: ["rising"], 47: ["falling"]}
    again = small_breadth(closes, renewed, window_days=1, carried_days=())
    np.testing.assert_array_equal(again["season_index"].iloc[-2:], [NA, 0.0])


def test_median_and_dispersion_of_relative_returns():
    closes = {"doubled": [1, 2], "halved": [2, 1], "fourfold": [1, 4]}
    shares = small_breadth(closes, {0: list(closes)}, window_days=1, carried_days=())
    # Log returns ln 2, -ln 2, 2 ln 2: mean 2/3 ln 2, squares 1/9 + 25/9 + 16/9, over two degrees.
    last = shares.iloc[-1]
    assert last["median_relative_return"] == pytest.approx(np.log(2))
    assert last["relative_return_dispersion"] == pytest.approx(np.sqrt(7 / 3) * np.log(2))


def test_coins_near_flipping_would_lead_or_cease_to():
    now = {"even": 100, "behind": 96, "far": 100, "ahead": 105, "fifth": 125}
    closes = {name: [100, 100, 100, close] for name, close in now.items()}
    closes["far"][:3] = [105] * 3  # with 5 % more it only keeps pace
    table = small_breadth(closes, {0: list(now)}).iloc[3]
    # What loses a fifth of 125 only keeps pace, and leads no longer.
    expected = {"lead_5": 40, "lag_5": 20, "lead_10": 60, "lag_10": 20, "lead_20": 60, "lag_20": 40}
    assert {name: table[f"near_{name}"] for name in expected} == pytest.approx(expected)


def test_the_mean_is_of_50_dollar_closes():
    usd = {"a": [1000.0] + [10.0] * 49 + [11.0], "b": [10.0] * 50 + [9.0]}
    coins = coin_table({coin: [1.0] * 51 for coin in usd})
    coins["close_usd"] = [close for path in usd.values() for close in path]
    universe = universe_table({0: ["a", "b"], 40: ["a", "b"]})
    above = breadth(Market.from_tables(coins, universe), window_days=3, carried_days=())[
        "share_above_50d_mean"
    ]
    # From the 25th close on; equal to their mean, none is above it.
    assert above.iloc[:24].isna().all()
    assert above.iloc[24] == 0.0
    # Day 49: the spike of day 0 is still in the mean, and no close equal to its mean is above it.
    assert above.iloc[49] == 0.0
    # Day 50: days 1 to 50 have the means 10.02 and 9.98, below the close of one coin.
    assert above.iloc[50] == 50.0


def test_a_doubled_coin_day_is_an_error():
    coins = coin_table({"a": [1, 2, 3], "b": [1, 2, 3]})
    twice = pd.concat([coins, coins.iloc[[4]]])
    with pytest.raises(DataError, match="coins: b on 2025-01-02: two rows for one day"):
        Market.from_tables(twice, universe_table({0: ["a", "b"]}))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"window_days": 0, "carried_days": ()}, "window_days and top must be at least 1, got 0"),
        ({"top": 0}, "window_days and top must be at least 1, got 3 and 0"),
        ({"carried_days": (0,)}, r"carried_days must lie in \(0, 3\), got \(0,\)"),
        ({"carried_days": (1, 3)}, r"carried_days must lie in \(0, 3\), got \(1, 3\)"),
    ],
)
def test_a_parameter_out_of_range_is_an_error(parameters, message):
    with pytest.raises(DataError, match=message):
        small_breadth({"a": [1, 2]}, {0: ["a"]}, **parameters)


def test_a_universe_after_the_coins_is_an_error():
    with pytest.raises(DataError, match="universe: no snapshot on or before the last coin day"):
        small_breadth({"a": [1, 2, 3, 4, 5]}, {5: ["a"]})


@given(seed=st.integers(0, 10_000), missing=st.sampled_from([0.0, 0.2]))
@settings(max_examples=25)
def test_carried_breadth_is_the_index_at_standing_prices(seed, missing):
    window, carried, now, days = 12, (3, 7), 20, 30
    random = np.random.default_rng(seed)
    closes = {}
    for name in "abcdef":
        path = random.integers(1, 8, size=days).astype(float)
        path[random.random(days) < missing] = np.nan
        path[now:] = path[now]
        closes[name] = path
    shares = small_breadth(
        closes, {0: list(closes)}, window_days=window, top=6, carried_days=carried
    )
    for ahead in carried:
        np.testing.assert_array_equal(
            shares[f"carried_breadth_{ahead}"].iloc[now], shares["season_index"].iloc[now + ahead]
        )


def slow_share(pairs, ranked):
    """Percent of pairs (now, then) with now above then; NaN under two in five of the ranked."""
    known = [pair for pair in pairs if None not in pair]
    if not known or 5 * len(known) < 2 * ranked:
        return np.nan
    return 100.0 * sum(now > then for now, then in known) / len(known)


def slow_breadth(coins, universe, window, top, ahead):
    """Say the definition once more, coin by coin, in plain Python."""
    price = {(row.coin, row.date): row for row in coins.itertuples()}
    shots = {}
    for row in universe.itertuples():
        shots.setdefault(row.snapshot_date, [])
        if row.rank <= top:
            shots[row.snapshot_date].append(row.coin)

    def btc(coin, day):
        return price[coin, day].close_btc if (coin, day) in price else None

    def dollars(coin, day):
        return Fraction(price[coin, day].close_usd) if (coin, day) in price else None

    def mean(coin, day):
        last = [dollars(coin, day - age * DAY) for age in range(50)]
        last = [close for close in last if close is not None]
        return sum(last) / len(last) if len(last) >= 25 else None

    result = {}
    for day in pd.date_range(min(shots), coins["date"].max()):
        newest = max(shot for shot in shots if shot <= day)
        members = shots[newest] if (day - newest).days <= 45 else []
        moves = [(btc(c, day), btc(c, day - window * DAY)) for c in members]
        carried = [(btc(c, day), btc(c, day - (window - ahead) * DAY)) for c in members]
        means = [(dollars(c, day), mean(c, day)) for c in members]
        result[day] = [slow_share(pairs, len(members)) for pairs in (moves, carried, means)]
        logs = sorted(np.log(now / then) for now, then in moves if now and then)
        known = not np.isnan(result[day][0])
        result[day] += [np.median(logs) if known else np.nan]
        result[day] += [np.std(logs, ddof=1) if known and len(logs) > 1 else np.nan]
        result[day] += [len(logs)]
    return pd.DataFrame.from_dict(result, orient="index")


@given(
    seed=st.integers(0, 100_000),
    coins=st.integers(1, 6),
    days=st.integers(4, 70),
    top=st.integers(1, 6),
    window=st.integers(2, 12),
    missing=st.sampled_from([0.0, 0.1, 0.5]),
)
@settings(max_examples=40)
def test_breadth_equals_its_definition_said_slowly(seed, coins, days, top, window, missing):
    tables = random_market(seed, coins=coins, days=days, missing=missing, whole=True)
    fast = breadth(
        Market.from_tables(*tables), window_days=window, top=top, carried_days=(window - 1,)
    )
    slow = slow_breadth(*tables, window, top, window - 1)
    assert fast.index.equals(slow.index.as_unit("s"))
    np.testing.assert_array_equal(fast.iloc[:, :3], slow.iloc[:, :3])
    np.testing.assert_allclose(fast.iloc[:, 3:5], slow.iloc[:, 3:5], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(fast["coins_compared"], slow.iloc[:, 5])


@pytest.mark.parametrize("seed", range(3))
def test_breadth_depends_on_neither_later_days_nor_the_order_of_rows(seed):
    def shares(coins, universe):
        market = Market.from_tables(coins, universe)
        return breadth(market, window_days=20, carried_days=(5,))

    coins, universe = random_market(seed, days=150)
    whole = shares(coins, universe)
    assert whole["season_index"].notna().mean() > 0.5
    shuffled = shares(*(t.sample(frac=1, random_state=seed) for t in (coins, universe)))
    pd.testing.assert_frame_equal(shuffled, whole, check_exact=True)
    for days in (40, 90, 91, 149):
        cut = FIRST + days * DAY
        past = coins[coins["date"] <= cut], universe[universe["snapshot_date"] <= cut]
        pd.testing.assert_frame_equal(
            shares(*past), whole.loc[:cut], check_exact=True, check_freq=False
        )


def index_of(values):
    return pd.Series(values, pd.date_range(FIRST, periods=len(values), unit="s"), dtype=float)


def day_numbers(days):
    return [(day - FIRST).days for day in days]


@pytest.mark.parametrize(
    ("values", "quiet_days", "days"),
    [
        ([80, 10, 10, 10, 75, 10, 10, 74.9], 2, [3, 7]),  # the day itself and two before it
        ([10, 10, NA, 80, 10, NA, 10, 10, 80], 1, [1, 7]),  # an unknown day is not quiet
    ],
)
def test_at_risk_by_hand(values, quiet_days, days):
    risk = at_risk(index_of(values), threshold=75, quiet_days=quiet_days)
    assert np.flatnonzero(risk).tolist() == days


@pytest.mark.parametrize(
    ("values", "threshold", "quiet_days", "days"),
    [
        ([80, 10, 10, 75, 90, 10, 80, 10, 10, 74.9, 75], 75, 2, [3, 10]),
        ([10, 80, 10], 75, 2, []),  # nobody has seen two quiet days
        ([10, 10, 80], 75, 2, [2]),
        ([10, 10, NA, 80, 10, NA, 10, 10, 80], 75, 2, [8]),  # an unknown day is not quiet
        ([10] * 5 + [80, 10] * 20, 75, 5, [5]),  # chattering is one onset
        ([10, 10, 60, 10, 10, 80], 50, 2, [2, 5]),  # each threshold by itself
        ([10, 10, 60, 10, 10, 80], 75, 2, [5]),
    ],
)
def test_onset_days_by_hand(values, threshold, quiet_days, days):
    found = onset_days(index_of(values), threshold=threshold, quiet_days=quiet_days)
    assert day_numbers(found) == days


INDICES = st.lists(st.sampled_from([10.0, 74.0, 75.0, 90.0, np.nan]), min_size=1, max_size=80)
QUIET_DAYS = st.integers(1, 6)


@given(values=INDICES, quiet=QUIET_DAYS)
def test_risk_and_onsets_equal_their_definition(values, quiet):
    index = index_of(values)
    below = [value < 75 for value in values]
    risk = [day >= quiet and all(below[day - quiet : day + 1]) for day in range(len(values))]
    onsets = [
        day
        for day in range(quiet, len(values))
        if values[day] >= 75 and all(below[day - quiet : day])
    ]
    assert at_risk(index, threshold=75, quiet_days=quiet).tolist() == risk
    assert day_numbers(onset_days(index, threshold=75, quiet_days=quiet)) == onsets


@given(values=INDICES, quiet=QUIET_DAYS)
def test_risk_ends_through_an_onset_and_onsets_are_apart(values, quiet):
    index = index_of(values)
    risk = at_risk(index, threshold=75, quiet_days=quiet)
    onsets = onset_days(index, threshold=75, quiet_days=quiet)
    assert not risk[onsets].any()
    after_risk = index.index[risk.shift(1, fill_value=False) & (index >= 75)]
    assert after_risk.isin(onsets).all()
    for earlier, later in itertools.pairwise(onsets):
        assert (later - earlier).days >= quiet + 1


def test_states_begin_at_their_thresholds():
    bounds = (0.0, 25.0, 25.1, 49.9, 50.0, 74.9, 75.0, 100.0)
    states = [season_state(index, threshold=75) for index in bounds]
    assert states == [*["bitcoin"] * 2, *["neutral"] * 2, *["partial"] * 2, *["broad"] * 2]


def test_the_last_value_stands_in_for_seven_days():
    observed = index_of([40.0] + [NA] * 9 + [60.0]).dropna()
    expected = [40.0] * 8 + [NA, NA] + [60.0]
    np.testing.assert_array_equal(daily(observed), expected)


def test_the_index_has_a_value_every_day():
    observed = index_of([40.0, NA, 50.0, NA, NA, 60.0]).dropna()
    panel = MarketPanel.from_series({"season_index": observed}, "test")
    assert season_index(panel).tolist() == [40.0, 40.0, 50.0, 50.0, 50.0, 60.0]
    assert season_index(panel).index.equals(pd.date_range(FIRST, periods=6, unit="s"))


def test_a_panel_without_season_index_is_an_error():
    panel = MarketPanel.from_series({"bitcoin": index_of([1.0, 2.0])}, "test")
    with pytest.raises(DataError, match="test: holds no season index"):
        season_index(panel)


@pytest.mark.real_data
def test_the_computed_index_agrees_with_the_published_one(real_data):
    tables = (pd.read_parquet(real_data / f"{name}.parquet") for name in ("coins", "universe"))
    computed = breadth(Market.from_tables(*tables))["season_index"]
    published = pd.read_parquet(real_data / "published_index.parquet").set_index("date")
    both = pd.DataFrame({"computed": computed, "published": published["index_90d"]}).dropna()
    assert len(both) > 1700
    assert both["computed"].corr(both["published"]) >= 0.985
    same_side = (both["computed"] >= 75) == (both["published"] >= 75)
    assert same_side.mean() >= 0.97
