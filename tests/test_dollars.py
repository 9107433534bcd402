"""The season in dollars: by hand, and that nothing of a day rests on later ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.market.dollars import DOLLAR_SERIES, MEDIAN, ROSE, dollar_series
from features.market.market import Market
from features.panel import DAY
from tests.test_season import FIRST, coin_table, random_market, universe_table


def test_a_season_that_falls_less_than_bitcoin_is_no_rise_in_dollars():
    # Over 90 days Bitcoin falls to a quarter; in Bitcoin each coin doubles, and `strong` rises
    # eightfold, so that the index is 100 while two of three coins fall in dollars.
    closes = {name: [1.0] * 90 + [2.0] for name in ("weak", "weaker")}
    closes["strong"] = [1.0] * 90 + [8.0]
    coins = coin_table(closes)
    bitcoin = np.where(coins["date"] == FIRST + 90 * DAY, 250.0, 1000.0)
    coins["close_usd"] = coins["close_btc"] * bitcoin
    series = dollar_series(Market.from_tables(coins, universe_table({60: list(closes)})))
    assert tuple(series) == DOLLAR_SERIES
    last = FIRST + 90 * DAY
    assert series[ROSE][last] == pytest.approx(100 / 3)
    assert series[MEDIAN][last] == pytest.approx(np.log(0.5))


def test_what_followed_is_of_the_coins_that_ranked_then():
    # `risen` enters the ranking on day 20 for its rise; on day 30 those of day 0 are looked at.
    days = 31
    closes = {
        "falling": [4.0] * (days - 1) + [1.0],
        "steady": [1.0] * days,
        "dead": [1.0] * (days - 1),
        "risen": [1.0] * (days - 1) + [100.0],
    }
    rankings = {0: ["falling", "steady", "dead"], 20: ["risen"]}
    series = dollar_series(Market.from_tables(coin_table(closes), universe_table(rankings)))
    last = FIRST + 30 * DAY
    assert series["followed_rose_30"][last] == 0.0
    # Of a coin without a price nothing is known: the median is between a quarter and no change.
    for what in ("dollars", "relative"):
        assert series[f"followed_{what}_30"][last] == pytest.approx(np.log(0.25) / 2)
    assert series["followed_rose_60"].empty


@pytest.mark.parametrize("seed", range(2))
def test_no_day_rests_on_later_ones(seed):
    coins, _ = random_market(seed, days=200)
    universe = universe_table({day: coins["coin"].unique()[: 4 + day // 50]
                               for day in range(0, 200, 20)})  # fmt: skip
    whole = dollar_series(Market.from_tables(coins, universe))
    end = FIRST + 150 * DAY
    past = (coins["date"] <= end, universe["snapshot_date"] <= end)
    cut = dollar_series(Market.from_tables(coins[past[0]], universe[past[1]]))
    shared = {name: cut[name].index.intersection(whole[name].index) for name in DOLLAR_SERIES}
    assert sum(map(len, shared.values())) > 200
    for name, days in shared.items():
        pd.testing.assert_series_equal(cut[name].loc[days], whole[name].loc[days])
