"""The catalogue: what it says of itself, that it looks back only, and its values by hand."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from features.catalogue import frame as catalogue_frame
from features.catalogue.features import CATALOGUE, FEATURE_NAMES, Feature, log_change
from features.catalogue.frame import MAX_AGE_DAYS, build_features, feature_frame
from features.panel import DAY, SPECS, MarketPanel, end_of_day
from tests.embedded import SHOWN_ALONE

GROUPS = {"russell", "etf_flows", "eth_btc", "breadth", "bitcoin", "simulation"}
FUND_FEATURES = [f.name for f in CATALOGUE if any(s.endswith("_flow") for s in f.sources)]

# A Monday, the days around a weekend, a New Year, and a day on which most features warm up.
MONDAY, FRIDAY, WARMING_UP = (
    pd.Timestamp(day) for day in ("2016-08-15", "2016-08-19", "2013-02-06")
)
AS_OF = [MONDAY, FRIDAY, FRIDAY + DAY, FRIDAY + 2 * DAY, pd.Timestamp("2018-01-01"), WARMING_UP]


def sessions(count, first="2020-01-01"):
    """Return that many weekdays."""
    return pd.bdate_range(first, periods=count, unit="s")


def panel_of(**series):
    """Return a panel from lists of values: sessions for shares and funds, days for coins."""
    held = {}
    for name, values in series.items():
        weekdays = name in ("russell2000", "sp500") or SPECS[name].kind == "flow"
        if not isinstance(values, pd.Series):
            days = sessions if weekdays else (lambda n: pd.date_range("2020-01-01", periods=n))
            values = pd.Series(values, days(len(values)), dtype=np.float64)
        held[name] = values
    return MarketPanel.from_series(held, "test")


def feature_on_its_days(name, **series):
    """Return one feature on the observation days of the first series, fully published."""
    (feature,) = [f for f in CATALOGUE if f.name == name]
    panel = panel_of(**series)
    values = [panel.series(source) for source in feature.sources]
    return feature.compute(*values).to_numpy()


def newest(name, as_of, **series):
    """Return one feature of one day as the builder gives it."""
    return build_features(panel_of(**series), pd.DatetimeIndex([as_of]))[name].iloc[0]


# ---- what the catalogue says ----


def test_the_catalogue_describes_itself():
    assert len(set(FEATURE_NAMES)) == len(CATALOGUE) == 77
    assert {feature.group for feature in CATALOGUE} == GROUPS
    for feature in CATALOGUE:
        assert feature.meaning
        assert feature.unit
        assert feature.window >= 0 <= feature.warm_up
        assert set(feature.sources) <= set(SPECS)
    assert {s for feature in CATALOGUE for s in feature.sources} == set(SPECS) - set(SHOWN_ALONE)
    table = feature_frame()
    assert table["name"].tolist() == list(FEATURE_NAMES)
    row = table.set_index("name").loc["russell_relative_sp500_63"]
    assert row["sources"] == "russell2000, sp500"
    assert (row["window"], row["step"], row["warm_up"]) == (63, "sessions", 63)


def test_one_row_a_day_one_column_a_feature(random_panel):
    days = pd.DatetimeIndex(AS_OF[1:4])
    frame = build_features(random_panel, days)
    assert tuple(frame.columns) == FEATURE_NAMES
    assert frame.index.name == "as_of"
    assert frame.index.tolist() == days.tolist()
    assert (frame.dtypes == np.float64).all()


@pytest.fixture(scope="module")
def two_years(random_panel):
    """The first two years of the random panel."""
    return random_panel.known_at(random_panel.observations()["date"].min() + 730 * DAY)


@pytest.fixture(scope="module")
def frame_of_two_years(two_years):
    days = pd.date_range("2013-01-01", periods=730, unit="s")
    return build_features(two_years, days)


@pytest.mark.parametrize("feature", CATALOGUE, ids=FEATURE_NAMES)
def test_warm_up_is_exact(feature, two_years, frame_of_two_years):
    published = two_years.available_at(feature.sources[0])
    for source in feature.sources[1:]:
        other = two_years.available_at(source)
        published = published[published.index.isin(other.index)].clip(lower=other)
    first = published.iloc[feature.warm_up] - DAY
    values = frame_of_two_years[feature.name]
    assert values.first_valid_index() == first
    assert values.loc[first:].notna().all()


# ---- nothing looks ahead ----


def truncated(panel, as_of):
    """Return the panel as it was at the end of a day."""
    return panel.known_at(end_of_day(pd.DatetimeIndex([as_of]))[0])


def scrambled(panel, as_of):
    """Return the panel with every value published after a day replaced, dates kept."""
    rows = panel.observations()
    later = rows["available_at"] > end_of_day(pd.DatetimeIndex([as_of]))[0]
    noise = np.random.default_rng(0).uniform(1.0, 99.0, size=len(rows))
    rows["value"] = rows["value"].mask(later, noise)
    return MarketPanel.from_observations(rows, "scrambled")


def looking_ahead(panel, as_of, without_future):
    """Return the features whose values up to a day change when its future is taken away."""
    days = pd.date_range(as_of - 40 * DAY, as_of, unit="s")
    whole = build_features(panel, days)
    past = build_features(without_future(panel, as_of), days)
    return [
        name for name in whole if not np.array_equal(whole[name], past[name], equal_nan=True)
    ]  # fmt: skip


WITHOUT_FUTURE = pytest.mark.parametrize("without_future", [truncated, scrambled])


@WITHOUT_FUTURE
@pytest.mark.parametrize("as_of", AS_OF, ids=[f"{day:%a %Y-%m-%d}" for day in AS_OF])
def test_no_feature_needs_its_future(random_panel, as_of, without_future):
    assert looking_ahead(random_panel, as_of, without_future) == []


def cheat_of(compute, source="russell2000"):
    return Feature("cheat", "russell", "log", 0, "sessions", 0, (source,), "a cheat", compute)


@WITHOUT_FUTURE
@pytest.mark.parametrize(
    "compute",
    [
        lambda close: close.shift(-1),
        lambda close: close.rolling(5, center=True).mean(),
        lambda close: (close - close.mean()) / close.std(),
        lambda close: close / close.max(),
        lambda close: log_change(close, 63).bfill(),
        lambda close: close[::-1].ewm(span=10).mean()[::-1],
    ],
    ids=["next value", "centred mean", "full-sample deviations", "full-sample record",
         "backfilled warm-up", "smoothed from the end"],
)  # fmt: skip
def test_a_feature_that_looks_ahead_is_caught(monkeypatch, random_panel, compute, without_future):
    monkeypatch.setattr(catalogue_frame, "CATALOGUE", (cheat_of(compute),))
    assert looking_ahead(random_panel, WARMING_UP, without_future) == ["cheat"]


@WITHOUT_FUTURE
def test_a_builder_that_ignores_publication_is_caught(monkeypatch, random_panel, without_future):
    def at_once(panel, name):
        days = panel.series(name).index
        return pd.Series(end_of_day(days), days)

    monkeypatch.setattr(MarketPanel, "available_at", at_once)
    caught = looking_ahead(random_panel, FRIDAY, without_future)
    assert {"iwm_flow_5", "btc_etf_flow_21", "etf_flow_ether_less_bitcoin_5"} <= set(caught)
    assert set(caught) <= set(FUND_FEATURES)


@WITHOUT_FUTURE
def test_a_builder_that_fills_backwards_is_caught(monkeypatch, random_panel, without_future):
    monkeypatch.setattr(
        catalogue_frame,
        "_observed",
        lambda panel, name, feature: panel.series(name).shift(-1).ffill(),
    )
    assert len(looking_ahead(random_panel, MONDAY, without_future)) > len(CATALOGUE) / 2


@pytest.mark.parametrize(
    ("as_of", "total"),
    [
        ("2020-03-06", 45 + 44 + 43 + 42 + 41),  # on Friday number 47 itself: up to Wednesday's
        ("2020-03-07", 45 + 44 + 43 + 42 + 41),
        ("2020-03-08", 45 + 44 + 43 + 42 + 41),
        ("2020-03-09", 46 + 45 + 44 + 43 + 42),  # Monday: up to Thursday's
        ("2020-03-10", 47 + 46 + 45 + 44 + 43),  # Tuesday: Friday's at last
    ],
)
def test_fridays_flow_is_seen_on_tuesday(as_of, total):
    flows = np.arange(60.0)
    assert sessions(60)[47] == pd.Timestamp("2020-03-06")
    assert newest("iwm_flow_5", as_of, iwm_flow=flows) == total


# ---- from observation days to calendar days ----


def test_an_observation_serves_ten_days():
    closes = [100.0] * 29 + [90.0]
    last = sessions(30)[-1]
    panel = panel_of(russell2000=closes)
    days = pd.date_range(last, last + (MAX_AGE_DAYS + 1) * DAY, unit="s")
    values = build_features(panel, days)["russell_distance_from_record"]
    assert MAX_AGE_DAYS == 10
    assert values.iloc[:-1].tolist() == pytest.approx([math.log(0.9)] * 11)
    assert np.isnan(values.iloc[-1])


def test_a_flows_age_counts_from_observation():
    last = sessions(30)[-1]
    panel = panel_of(iwm_flow=np.ones(30))
    days = pd.DatetimeIndex([last + 10 * DAY, last + 11 * DAY])
    np.testing.assert_array_equal(build_features(panel, days)["iwm_flow_5"], [5.0, np.nan])


def test_nothing_before_the_first_observation():
    frame = build_features(panel_of(bitcoin=[1.0, 2.0]), pd.DatetimeIndex(["2019-12-31"]))
    assert frame.isna().all(axis=None)


@pytest.mark.parametrize("lacking", ["russell2000", "eth_btc", "btc_etf_flow", "season_index"])
def test_without_a_series_only_its_features_are_missing(two_years, lacking):
    rows = two_years.observations()
    poorer = MarketPanel.from_observations(rows[rows["series"] != lacking], "poorer")
    frame = build_features(poorer, pd.DatetimeIndex(["2014-12-31"]))
    dependent = {feature.name for feature in CATALOGUE if lacking in feature.sources}
    assert set(frame.columns[frame.isna().any()]) == dependent


def test_a_missing_day_keeps_the_window():
    days = pd.date_range("2020-01-01", periods=41, unit="s")
    closes = pd.Series(np.exp(0.01 * np.arange(41.0)), days).drop(days[[20, 21]])
    assert newest("bitcoin_momentum_30", days[40], bitcoin=closes) == pytest.approx(0.30)
    # Day 21, thirty days before day 51, is missing: the close of day 19 stands in.
    longer = pd.Series(np.exp(0.01 * np.arange(52.0)), pd.date_range(days[0], periods=52, unit="s"))
    value = newest("bitcoin_momentum_30", longer.index[51], bitcoin=longer.drop(days[[20, 21]]))
    assert value == pytest.approx(0.51 - 0.19)


# ---- values by hand ----


def test_russell_momentum_counts_sessions_and_not_calendar_days():
    closes = 100 * np.exp(0.01 * np.arange(60.0))
    friday = sessions(60)[47]
    # 21 calendar days before a Friday lie only 15 sessions back: 0.15 if forward-filled first.
    for as_of in (friday, friday + DAY, friday + 2 * DAY):
        assert newest("russell_momentum_21", as_of, russell2000=closes) == pytest.approx(0.21)


def rising(rate, count, base=100.0):
    return base * np.exp(rate * np.arange(float(count)))


@pytest.mark.parametrize(
    ("name", "series", "expected"),
    [
        # A momentum is the log return of its window.
        *((f"eth_btc_momentum_{days}", {"eth_btc": rising(0.002, 400, 7)}, 0.002 * days)
          for days in (7, 30, 90, 180)),
        *((f"bitcoin_momentum_{days}", {"bitcoin": rising(0.002, 400, 7)}, 0.002 * days)
          for days in (30, 90, 365)),
        ("russell_relative_sp500_63",
         {"russell2000": rising(0.004, 70, 1), "sp500": rising(0.001, 70)}, 63 * 0.003),
        # Flows are sums over sessions, of the same ones where two are compared.
        *((f"iwm_flow_{n}", {"iwm_flow": np.arange(1.0, 81.0)}, sum(range(81 - n, 81)))
          for n in (5, 21, 63)),
        ("etf_flow_ether_less_bitcoin_21",
         {"btc_etf_flow": np.arange(30.0), "eth_etf_flow": np.arange(30.0) ** 2},
         sum(n * n - n for n in range(9, 30))),
        # A close equal to the record sets none.
        ("russell_sessions_since_record",
         {"russell2000": [100.0, 110.0, 99.0, 110.0, 109.0]}, 3),
        # Changes are in points.
        *((f"bitcoin_dominance_change_{days}",
           {"bitcoin_dominance": 40 + 0.1 * np.arange(100.0)}, 0.1 * days) for days in (30, 90)),
        *((f"season_index_change_{days}",
           {"season_index": 90 - 2 * np.arange(40.0)}, -2.0 * days) for days in (7, 30)),
        # 251 windows sum to 0 and the last to 1: mean 1/252, sample variance 1/252.
        ("iwm_flow_zscore", {"iwm_flow": [0.0] * 271 + [1.0]},
         (1 - 1 / 252) / math.sqrt(1 / 252)),
        # Outflows of the whole window count, not the last session's inflow.
        ("iwm_divergence",
         {"russell2000": rising(0.01, 22), "iwm_flow": [0.0] + [-1.0] * 20 + [19.0]}, 1.0),
    ],
)  # fmt: skip
def test_the_last_value_by_hand(name, series, expected):
    assert feature_on_its_days(name, **series)[-1] == pytest.approx(expected)


@pytest.mark.parametrize(("drought", "flag"), [(125, 0.0), (126, 1.0), (300, 1.0)])
def test_a_breakout_ends_126_sessions_without_record(drought, flag):
    closes = [100.0] + [90.0] * drought + [101.0] + [95.0] * 100
    values = feature_on_its_days("russell_breakout", russell2000=closes)
    record = drought + 1
    assert np.all(values[62:record] == 0.0)
    assert np.all(values[record : record + 63] == flag)
    assert np.all(values[record + 63 :] == 0.0)


@pytest.mark.parametrize(
    ("close", "age", "flag"),
    [
        (97.1, 126, 1.0),
        (97.1, 125, 0.0),
        (96.9, 126, 0.0),
        (100.0, 126, 1.0),  # equal to the record: back at it, but no new one
        (100.1, 126, 0.0),  # a new record is a breakout
    ],
)
def test_a_retest_is_just_below_an_old_record(close, age, flag):
    closes = [100.0] + [80.0] * (age - 1) + [close]
    assert feature_on_its_days("russell_retest", russell2000=closes)[-1] == flag


@pytest.mark.parametrize(
    ("name", "series", "count", "per_year"),
    [
        ("russell_volatility_63", "russell2000", 63, 252),
        ("bitcoin_volatility_30", "bitcoin", 30, 365),
        ("bitcoin_volatility_90", "bitcoin", 90, 365),
    ],
)
def test_volatility_is_the_annualised_sample_deviation(name, series, count, per_year):
    returns = [0.02 if step % 2 else -0.02 for step in range(count)]
    closes = 50 * np.exp(np.cumsum([0.0, *returns]))
    mean = sum(returns) / count
    variance = sum((r - mean) ** 2 for r in returns) / (count - 1)
    values = feature_on_its_days(name, **{series: closes})
    assert np.isnan(values[:-1]).all()
    assert values[-1] == pytest.approx(math.sqrt(variance * per_year))


@pytest.mark.parametrize(
    ("step", "flow", "flag"),
    [(0.01, -1.0, 1.0), (0.01, 1.0, 0.0), (-0.01, -1.0, 0.0), (-0.01, 1.0, 0.0),
     (0.0, -1.0, 0.0), (0.01, 0.0, 0.0)],
)  # fmt: skip
def test_divergence_is_a_rise_with_outflows(step, flow, flag):
    series = {"russell2000": rising(step, 30), "iwm_flow": [flow] * 30}
    assert np.all(feature_on_its_days("iwm_divergence", **series)[21:] == flag)


def test_fund_flows_are_missing_before_the_funds_existed():
    bitcoin_funds = pd.Series(0.5, sessions(60, "2024-01-11"))
    ether_funds = pd.Series(0.75, sessions(30, "2024-02-22"))
    panel = panel_of(btc_etf_flow=bitcoin_funds, eth_etf_flow=ether_funds)
    days = pd.date_range("2023-12-01", bitcoin_funds.index[-1], unit="s")
    frame = build_features(panel, days)
    assert frame.loc[:"2024-01-18", "btc_etf_flow_5"].isna().all()
    assert frame.loc["2024-01-19":, "btc_etf_flow_5"].eq(2.5).all()
    # The fifth Ether session is Wednesday 2024-02-28, published on Friday.
    for name, value in (("eth_etf_flow_5", 3.75), ("etf_flow_ether_less_bitcoin_5", 1.25)):
        assert frame.loc[:"2024-02-29", name].isna().all()
        assert frame.loc["2024-03-01":, name].eq(value).all()


@pytest.mark.parametrize(
    ("name", "series", "values", "places", "expected"),
    [
        ("russell_distance_from_record", "russell2000", [100.0, 110.0, 99.0, 121.0, 60.5],
         [0, 1, 2, 3, 4], [1.0, 1.0, 0.9, 1.0, 0.5]),
        # Ether forgets a high after a year,
        ("eth_btc_distance_from_high", "eth_btc", [4.0] + [1.0] * 364 + [0.5, 2.0],
         [364, 365, 366], [1 / 4, 0.5, 1.0]),
        # Bitcoin never forgets its record.
        ("bitcoin_drawdown", "bitcoin", [100.0] + [40.0] * 500 + [50.0, 200.0, 100.0],
         [1, -3, -2, -1], [0.4, 0.5, 1.0, 0.5]),
    ],
)  # fmt: skip
def test_the_distance_from_a_high(name, series, values, places, expected):
    distance = feature_on_its_days(name, **{series: values})
    np.testing.assert_allclose(distance[places], np.log(expected), atol=1e-15)


@pytest.mark.parametrize("name", [f.name for f in CATALOGUE if f.sources == (f.name,)])
def test_series_that_are_features_are_passed_on(two_years, frame_of_two_years, name):
    pd.testing.assert_series_equal(
        frame_of_two_years[name], two_years.series(name), check_exact=True, check_index=True,
        check_freq=False, check_names=False,
    )  # fmt: skip


LEVELS = [name for name, spec in SPECS.items() if spec.kind == "level"]


@given(series=st.sampled_from(LEVELS), factor=st.floats(1e-6, 1e6))
@settings(max_examples=8)
def test_rebasing_a_level_changes_no_feature(two_years, frame_of_two_years, series, factor):
    values = {name: two_years.series(name) for name in [*LEVELS, "iwm_flow"]}
    rebased = MarketPanel.from_series({**values, series: values[series] * factor}, "rebased")
    touched = [f.name for f in CATALOGUE if series in f.sources]
    after = build_features(rebased, frame_of_two_years.index)[touched]
    assert after.iloc[-1].notna().all()
    np.testing.assert_allclose(after, frame_of_two_years[touched], rtol=0, atol=1e-9)
