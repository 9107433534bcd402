"""The dense market by hand: where closes and ranks lie, and what is cut off and carried."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.market.market import Market, at_ranks
from features.panel import DAY, DataError

FIRST = pd.Timestamp("2025-01-01")
DAYS = pd.date_range(FIRST, periods=5, unit="s", name="date")
NA = np.nan
USD = pd.DataFrame(
    {"a": [NA, 1.0, 2.0, 4.0, NA], "bitcoin": [10.0, 10, 10, 20, 20], "b": [NA, 3, NA, 3, NA]}, DAYS
)


def universe_of(*rows) -> pd.DataFrame:
    """Rows of day number, rank, coin, market cap."""
    table = pd.DataFrame(rows, columns=["snapshot_date", "rank", "coin", "market_cap_usd"])
    return table.assign(snapshot_date=FIRST + table["snapshot_date"] * DAY)


UNIVERSE = universe_of((1, 1, "a", 9.0), (1, 2, "x", 5.0), (3, 2, "a", NA), (3, 1, "b", 7.0))


def of_tables(**options) -> Market:
    rows = USD.melt(var_name="coin", value_name="close_usd", ignore_index=False).reset_index()
    rows = rows.dropna()
    rows["close_btc"] = rows["close_usd"] / rows["date"].map(USD["bitcoin"])
    return Market.from_tables(rows, UNIVERSE, **options)


def test_rows_and_columns_lay_out_the_same_market():
    rows = of_tables()
    assert list(rows.coins) == ["a", "bitcoin", "b", "x"]  # a ranked coin without a close is last
    assert rows.days.equals(DAYS)
    np.testing.assert_array_equal(rows.usd[:, :3], USD)
    np.testing.assert_array_equal(rows.btc[:, 0], [NA, 0.1, 0.2, 0.2, NA])
    assert rows.bitcoin.tolist() == USD["bitcoin"].tolist()
    columns = Market.from_closes(USD, USD["bitcoin"], UNIVERSE)
    np.testing.assert_array_equal(columns.usd, rows.usd)
    np.testing.assert_array_equal(columns.btc, rows.btc)
    # Bitcoin apart, as where it is no coin: days at either end without a coin's close are cut off.
    altcoins = Market.from_closes(USD[["a", "b"]], USD["bitcoin"], UNIVERSE)
    assert altcoins.days.equals(DAYS[1:4])
    assert altcoins.bitcoin.tolist() == [10.0, 10.0, 20.0]


def test_closes_without_bitcoins_are_unknown():
    bitcoin = USD["bitcoin"].where(USD.index != DAYS[3])
    market = Market.from_closes(USD[["a", "b"]], bitcoin, UNIVERSE)
    assert market.days.equals(DAYS[1:3])


def test_a_rule_sets_masks():
    market = of_tables()
    bad = np.zeros(market.usd.shape, bool)
    bad[[0, 3, 4]] = True
    kept = market.without(bad, bitcoin=np.array([False, True, False, False, False]))
    assert kept.days.equals(DAYS[1:3])
    np.testing.assert_array_equal(kept.usd[:, 0], [1.0, 2.0])
    np.testing.assert_array_equal(kept.bitcoin, [NA, 10.0])
    assert market.usd[3, 0] == 4.0
    with pytest.raises(DataError, match="no close of any coin"):
        market.without(np.ones(market.usd.shape, bool))


def test_members_and_caps_stand_in_until_the_next_ranking():
    market = of_tables()
    a, b, x = market.coins.get_indexer(pd.Index(["a", "b", "x"]))
    ranked = [[-1, -1], [a, x], [a, x], [b, a], [b, a]]
    np.testing.assert_array_equal(market.members(2), ranked)
    np.testing.assert_array_equal(market.members(50), ranked)  # no ranks beyond those there are
    np.testing.assert_array_equal(market.members(1), [row[:1] for row in ranked])
    # At most so many days; on the last of them the ranking still serves.
    np.testing.assert_array_equal(
        market.members(2, max_age=0)[[1, 2, 3]], [[a, x], [-1, -1], [b, a]]
    )
    assert (market.members(2, max_age=None) >= 0)[1:].all()
    # The second rank's cap is unknown from the second ranking on: the last that it had.
    np.testing.assert_array_equal(market.caps(2), [[NA, NA], [9, 5], [9, 5], [7, 5], [7, 5]])


def test_a_ranking_before_the_first_close_serves_from_there():
    early = universe_of((-3, 1, "a", 1.0))
    market = of_tables().ranked_by(early)
    assert (market.members(1)[:, 0] == 0).all()
    assert (market.members(1, max_age=3)[:, 0] == [0, -1, -1, -1, -1]).all()
    with pytest.raises(DataError, match="no snapshot on or before the last coin day"):
        of_tables().ranked_by(universe_of((5, 1, "a", 1.0))).members(1)


def test_values_at_ranks_are_of_the_members_of_their_day():
    market = of_tables()
    members = market.members(2)
    np.testing.assert_array_equal(
        at_ranks(market.usd, members), [[NA, NA], [1, NA], [2, NA], [3, 4], [NA, NA]]
    )
    # What today's members did two days before.
    np.testing.assert_array_equal(
        at_ranks(market.usd, members, days_before=2),
        [[NA, NA], [NA, NA], [NA, NA], [3, 1], [NA, 2]],
    )


def test_a_coins_closes():
    market = of_tables()
    assert market.closes("a", market.usd).tolist() == [1.0, 2.0, 4.0]
    assert market.closes("a", market.usd).index[0] == DAYS[1]
    for coin in ("x", "nobody"):
        assert market.column(coin) is None
        assert market.closes(coin, market.usd).empty


def test_two_rows_for_one_day_are_refused():
    row = pd.DataFrame({"date": [FIRST], "coin": ["a"], "close_usd": [1.0], "close_btc": [1.0]})
    with pytest.raises(DataError, match="coins: a on 2025-01-01: two rows for one day"):
        Market.from_tables(pd.concat([row, row]), UNIVERSE)
