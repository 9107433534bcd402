"""Season indices of other windows and tops: computed, embedded, and refused when damaged."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from features.market.market import Market
from features.market.season import (
    BEYOND,
    DEFAULT,
    OTHERS,
    TOPS,
    WINDOWS,
    IndexDefinition,
    index_series,
)
from features.panel import DAY, MarketPanel
from features.reference.load import column, load_definitions
from features.sources.directory import load_index_series
from tests.small_market import load_small_market, small_market, write_tables

market_of = Market.from_tables


@pytest.fixture(scope="module")
def embedded():
    return load_definitions()


# ---- computed ----


def test_the_default_is_what_the_files_source_gives(tmp_path):
    panel = load_small_market(tmp_path)
    (found,) = load_index_series(tmp_path, [DEFAULT]).values()
    assert list(found) == ["season_index", "carried_breadth_30", "carried_breadth_60"]
    for name, values in found.items():
        pd.testing.assert_series_equal(values, panel.series(name), check_freq=False)


def test_at_a_windows_end_nothing_of_breadth_is_carried():
    assert [IndexDefinition(days).carried_days for days in (30, 31, 60, 61)] == [
        (), (30,), (30,), (30, 60),
    ]  # fmt: skip


def test_a_window_and_a_top_by_hand(tmp_path):
    tables = small_market()
    closes = tables["coins"].pivot_table(index="date", columns="coin", values="close_btc")
    # The ranks are the same every day: ethereum and aaa are the two largest.
    ahead = closes[["ethereum", "aaa"]] > closes[["ethereum", "aaa"]].shift(30)
    expected = 100 * ahead.mean(axis=1).iloc[30:]
    found = index_series(market_of(tables["coins"], tables["universe"]), IndexDefinition(30, 2))
    assert list(found) == ["season_index"]
    assert found["season_index"].tolist() == expected.tolist()


def test_an_index_begins_after_its_last_long_gap():
    tables = small_market()
    coins, universe = tables["coins"], tables["universe"]
    days = universe["snapshot_date"]
    whole = index_series(market_of(coins, universe), IndexDefinition(30, 4))["season_index"]
    # Without prices of all but one coin the coverage is too thin, on the lost days and 30 days
    # after them; 7 days apart is allowed, 8 not.
    for missing, first in ((6, whole.index[0]), (7, whole.index[20] + (30 + 7) * DAY)):
        lost = pd.date_range(whole.index[20], periods=missing)
        thin = coins[~(coins["date"].isin(lost) & ~coins["coin"].isin(["bitcoin", "aaa"]))]
        values = index_series(market_of(thin, universe), IndexDefinition(30, 4))["season_index"]
        assert values.index[0] == first
    assert days.min() < whole.index[0]


def test_a_window_longer_than_the_history_has_no_index(tmp_path):
    write_tables(tmp_path, small_market())
    (found,) = load_index_series(tmp_path, [IndexDefinition(180, 4)]).values()
    assert found["season_index"].empty


# ---- embedded ----


def test_every_definition_but_the_default_is_embedded(embedded, reference):
    assert {*OTHERS, DEFAULT} == {IndexDefinition(w, t) for w in WINDOWS for t in TOPS}
    assert tuple(embedded) == OTHERS
    assert DEFAULT not in embedded
    for each, series in embedded.items():
        assert tuple(series) == each.series
        # They take the place of the default's in a panel, and so obey its rules.
        panel = reference.with_series(series)
        assert isinstance(panel, MarketPanel)
        assert panel.last_day == reference.last_day
        assert panel.digest != reference.digest
        assert all(values.index[0] < pd.Timestamp("2014-09-01") for values in series.values())


def test_indices_of_neighbouring_definitions_agree(embedded, reference):
    index = reference.series("season_index")
    for near, far in (((60, 50), (30, 50)), ((120, 50), (180, 50)), ((90, 100), (30, 100))):
        first, second = (
            embedded[IndexDefinition(*each)]["season_index"].corr(index) for each in (near, far)
        )
        assert 0.2 < second < first < 1


def test_the_card_names_every_column(card):
    described = card["definitions"]["columns"]
    assert sorted(described) == sorted(column(n, each) for each in OTHERS for n in each.series)
    assert json.dumps(described).count("2026-06-06") == len(described)
    assert "--source files" in BEYOND
