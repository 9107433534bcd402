"""The panel: what it refuses, what a past view holds, what its digest notices."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from features.panel import DAY, SERIES, SPECS, DataError, MarketPanel, end_of_day, publication

MONDAY = pd.Timestamp("2025-12-01")


def rows(name="bitcoin", values=(1.0, 2.0, 4.0), first=MONDAY):
    """Return valid observations of one series on consecutive days."""
    days = pd.date_range(first, periods=len(values), unit="s")
    return pd.DataFrame(
        {
            "series": name,
            "date": days,
            "value": np.array(values, dtype=np.float64),
            "available_at": publication(SPECS[name], days),
        }
    )


def closes(values=(1.0, 2.0, 4.0)):
    return pd.Series(values, pd.date_range(MONDAY, periods=len(values), unit="s"))


def with_days(days, name="bitcoin"):
    """Return observations on the given days of December 2025, published as they should be."""
    dates = pd.DatetimeIndex([f"2025-12-{day:02d}" for day in days]).as_unit("s")
    frame = rows(name, np.arange(1.0, len(days) + 1))
    return frame.assign(date=dates, available_at=publication(SPECS[name], dates))


def replaced(column, value, name="bitcoin"):
    """Return valid observations with one column of the second row replaced."""
    frame = rows(name)
    frame.loc[1, column] = value
    return frame


def refusal(frame, until=None):
    with pytest.raises(DataError) as error:
        MarketPanel.from_observations(frame, "test", until=until)
    return str(error.value)


@pytest.mark.parametrize(
    ("frame", "series", "day", "rule"),
    [
        (with_days([1, 2, 2, 3]), "bitcoin", "2025-12-02", "must not appear twice"),
        (with_days([1, 3, 2, 4]), "bitcoin", "2025-12-02", "must be sorted"),
        (with_days([1, 2, 10]), "bitcoin", "2025-12-10", "at most 7 days"),
        (with_days([1, 2, 13], "sp500"), "sp500", "2025-12-13", "at most 10 days"),
        (replaced("value", np.nan), "bitcoin", "2025-12-02", "must be finite"),
        (replaced("value", np.inf), "bitcoin", "2025-12-02", "must be finite"),
        (replaced("value", -np.inf, "iwm_flow"), "iwm_flow", "2025-12-02", "must be finite"),
        (replaced("value", 0.0), "bitcoin", "2025-12-02", "a level must be positive"),
        (replaced("value", -3.0), "bitcoin", "2025-12-02", "a level must be positive"),
        (replaced("value", 100.5, "season_index"), "season_index", "2025-12-02", "in [0, 100]"),
        (replaced("value", -0.5, "season_index"), "season_index", "2025-12-02", "in [0, 100]"),
        (replaced("date", MONDAY + pd.Timedelta("1D12h")), "bitcoin", "2025-12-02", "whole day"),
        (replaced("available_at", MONDAY + pd.Timedelta("47h")), "bitcoin", "2025-12-02",
         "must not be available before its day has ended"),
        (replaced("available_at", pd.Timestamp("2025-12-04 00:00:01")), "bitcoin", "2025-12-03",
         "must not be available before its predecessor"),
    ],
    ids=["duplicate", "unsorted", "gap", "gap in sessions", "nan", "inf", "infinite flow", "zero",
         "negative", "above 100", "below 0", "time of day", "too early", "out of order"],
)  # fmt: skip
def test_a_broken_rule_names_series_and_day(frame, series, day, rule):
    message = refusal(frame)
    assert message.startswith(f"test: {series} on {day}: ")
    assert rule in message


def test_days_after_until_are_refused():
    last = rows()["date"].max()
    assert MarketPanel.from_observations(rows(), "test", until=last).last_day == last
    message = refusal(rows(), until=last - DAY)
    assert "bitcoin on 2025-12-03" in message
    assert "no observation may be later than 2025-12-02" in message


@pytest.mark.parametrize("name", ["bitcoin", "russell2000"])
def test_a_gap_of_exactly_the_limit_is_allowed(name):
    gap = SPECS[name].max_gap_days
    frame = with_days([1, 1 + gap], name)
    assert len(MarketPanel.from_observations(frame, "test").series(name)) == 2


@pytest.mark.parametrize(
    ("name", "value"), [("season_index", 0.0), ("season_index", 100.0), ("iwm_flow", -5.0)]
)
def test_values_at_their_bounds_are_kept(name, value):
    panel = MarketPanel.from_observations(replaced("value", value, name), "test")
    assert panel.series(name).iloc[1] == value


MIXED = [pd.Timestamp("2025-12-02"), pd.Timestamp("2025-12-03", tz="UTC"),
         pd.Timestamp("2025-12-04")]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *((lambda frame, column=column: frame.drop(columns=column), f"column '{column}' is missing")
          for column in ("series", "date", "value", "available_at")),
        *((lambda frame, dtype=dtype: frame.assign(value=frame["value"].astype(dtype)),
           f"value must be float64, got {dtype}") for dtype in ("int64", "float32", "str")),
        *((lambda frame, column=column: frame.assign(**{column: frame[column].astype(str)}),
           f"{column} must be datetime64[s], got str") for column in ("date", "available_at")),
        *((lambda frame, column=column: replaced(column, pd.NaT), f"{column} must not be missing")
          for column in ("date", "available_at")),
        (lambda frame: frame.assign(available_at=pd.Series(MIXED, dtype=object)),
         "available_at must be datetime64[s], got object"),
        (lambda frame: frame.iloc[:0], "holds no"),
        (lambda frame: frame.assign(series=["bitcoin", "bitcoin", None]), "series"),
        (lambda frame: replaced("value", -3.0), "got -3."),
    ],
)  # fmt: skip
def test_a_table_of_another_form_is_refused(change, message):
    assert message in refusal(change(rows()))


@pytest.mark.parametrize("column", ["date", "available_at"])
def test_a_time_zone_in_a_column_is_refused(column):
    frame = rows()
    message = refusal(frame.assign(**{column: frame[column].dt.tz_localize("UTC")}))
    assert message.startswith(f"test: {column} must be datetime64[s]")
    assert "time zone must not be mixed in" in message


def test_an_unknown_series_lists_the_known():
    message = refusal(rows().assign(series="dogecoin"))
    assert "unknown series 'dogecoin'" in message
    assert "season_index" in message
    with pytest.raises(DataError, match="unknown series 'dogecoin'"):
        MarketPanel.from_series({"dogecoin": closes()}, "test")


@pytest.mark.parametrize(
    ("series", "message"),
    [
        ({"bitcoin": closes().tz_localize("UTC")}, "days must carry no time zone, got UTC"),
        ({"bitcoin": closes().reset_index(drop=True)}, "days must be datetime64, got int64"),
        ({"bitcoin": closes().shift(freq="12h")}, r"bitcoin on 2025-12-01: .* whole day"),
        ({}, "test: holds no series at all"),
    ],
    ids=["time zone", "numbers", "noon", "none"],
)
def test_days_of_a_series_are_checked(series, message):
    with pytest.raises(DataError, match=message):
        MarketPanel.from_series(series, "test")


@pytest.mark.parametrize("dtype", ["int64", "str"])
@pytest.mark.parametrize("others", [(), ("eth_btc",)])
def test_a_series_of_a_wrong_type_is_named(dtype, others):
    series = {"bitcoin": closes().astype(dtype), **{name: closes() for name in others}}
    with pytest.raises(DataError, match=rf"test: bitcoin: .*must be float64, got {dtype}"):
        MarketPanel.from_series(series, "test")


def test_attributes_cannot_be_set():
    panel = MarketPanel.from_observations(rows(), "test")
    with pytest.raises(FrozenInstanceError):
        panel.source = "elsewhere"
    with pytest.raises(AttributeError):
        panel.last_day = MONDAY


def test_changing_its_outputs_leaves_the_panel():
    panel = MarketPanel.from_observations(rows(), "test")
    before = panel.digest
    values, instants = panel.series("bitcoin"), panel.available_at("bitcoin")
    table, view = panel.observations(), panel.known_at(pd.Timestamp("2026-01-01"))
    seen = view.series("bitcoin")
    values.iloc[0] = seen.iloc[0] = table.loc[0, "value"] = 99.0
    instants.iloc[0] = pd.Timestamp("1999-01-01")
    array = panel.series("bitcoin").to_numpy()
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 99.0
    assert panel.digest == before
    assert panel.series("bitcoin").tolist() == [1.0, 2.0, 4.0]


def test_changing_its_inputs_leaves_the_panel():
    frame, series = rows(), closes()
    panels = [
        MarketPanel.from_observations(frame, "test"),
        MarketPanel.from_series({"bitcoin": series}, "test"),
    ]
    frame.loc[0, "value"] = 99.0
    series.iloc[0] = 99.0
    assert [panel.series("bitcoin").iloc[0] for panel in panels] == [1.0, 1.0]


def test_known_from_the_instant_of_publication():
    panel = MarketPanel.from_observations(rows(), "test")
    midnight = pd.Timestamp("2025-12-03")
    assert panel.known_at(midnight).series("bitcoin").tolist() == [1.0, 2.0]
    just_before = midnight - pd.Timedelta("1s")
    assert panel.known_at(just_before).series("bitcoin").tolist() == [1.0]


@pytest.mark.parametrize(
    ("instant", "zone", "known"),
    [
        ("2025-12-03 00:00", "UTC", 2),
        ("2025-12-03 00:00", "Europe/Berlin", 1),
        ("2025-12-03 01:00", "Europe/Berlin", 2),
        ("2025-12-02 19:00", "America/New_York", 2),
        ("2025-12-02 18:59", "America/New_York", 1),
    ],
)
def test_an_instant_with_a_time_zone_is_converted(instant, zone, known):
    panel = MarketPanel.from_observations(rows(), "test")
    assert len(panel.known_at(pd.Timestamp(instant, tz=zone)).series("bitcoin")) == known


def test_a_view_holds_each_series_to_its_publication():
    panel = MarketPanel.from_series({"bitcoin": closes(), "iwm_flow": closes()}, "test")
    view = panel.known_at(pd.Timestamp("2025-12-04"))
    assert len(view.series("bitcoin")) == 3
    assert view.series("iwm_flow").tolist() == [1.0]


def test_a_past_view_changes_nothing():
    panel = MarketPanel.from_observations(rows(), "test")
    before = panel.digest
    assert panel.known_at(MONDAY).series("bitcoin").empty
    assert panel.digest == before


@given(days=st.lists(st.integers(0, 40), min_size=2, max_size=2))
def test_the_earlier_of_two_views_holds(days):
    panel = MarketPanel.from_series(
        {"bitcoin": closes(np.arange(1.0, 31)), "iwm_flow": closes(np.arange(30.0))}, "test"
    )
    first, second = (MONDAY + day * DAY for day in days)
    nested = panel.known_at(first).known_at(second)
    assert nested.digest == panel.known_at(min(first, second)).digest


def test_absent_is_empty_undefined_an_error():
    panel = MarketPanel.from_observations(rows(), "test")
    assert panel.series("sp500").empty
    assert panel.available_at("sp500").empty
    with pytest.raises(DataError, match="unknown series 'dogecoin'"):
        panel.series("dogecoin")


def test_names_stand_in_the_order_of_the_specification():
    panel = MarketPanel.from_series(
        {spec.name: closes() for spec in reversed(SERIES)}, "test"
    )  # fmt: skip
    assert panel.names == tuple(spec.name for spec in SERIES)


def test_the_index_sets_the_last_day():
    short, long = closes((1.0, 2.0)), closes((1.0, 2.0, 4.0))
    both = MarketPanel.from_series({"season_index": short, "bitcoin": long}, "test")
    assert both.last_day == short.index[-1]
    assert MarketPanel.from_series({"bitcoin": long}, "test").last_day == long.index[-1]


def test_a_view_before_everything_has_no_last_day():
    view = MarketPanel.from_observations(rows(), "test").known_at(pd.Timestamp("2000-01-01"))
    with pytest.raises(DataError, match="holds no observation"):
        _ = view.last_day


@pytest.mark.parametrize(
    "changed",
    [
        replaced("value", np.nextafter(2.0, 3.0)),
        rows(first=MONDAY + DAY),
        with_days([1, 2, 4]),
        rows().assign(available_at=rows()["available_at"] + pd.Timedelta("1s")),
        rows("eth_btc"),
        rows().iloc[:2],
    ],
    ids=["last bit of a value", "all days", "one day", "publication", "series", "length"],
)
def test_the_digest_notices_every_change(changed):
    digests = [MarketPanel.from_observations(f, "test").digest for f in (rows(), changed)]
    assert digests[0] != digests[1]


def test_the_digest_notices_a_day_whose_publication_stays():
    earlier, later = with_days([1, 2, 3]), with_days([1, 2, 4])
    earlier["available_at"] = later["available_at"]
    digests = [MarketPanel.from_observations(f, "test").digest for f in (earlier, later)]
    assert digests[0] != digests[1]


def test_the_digest_depends_on_content_alone():
    series = {"bitcoin": closes(), "iwm_flow": closes((3.0, -1.0))}
    panel = MarketPanel.from_series(series, "one")
    reordered = MarketPanel.from_series(dict(reversed(series.items())), "two")
    frame = panel.observations()
    coarse_and_fine = frame.assign(
        date=frame["date"].dt.as_unit("ns"), available_at=frame["available_at"].dt.as_unit("us")
    )
    assert reordered.digest == panel.digest
    assert MarketPanel.from_observations(coarse_and_fine, "three").digest == panel.digest


def test_one_table_reads_back_whole():
    panel = MarketPanel.from_series({"bitcoin": closes(), "iwm_flow": closes()}, "test")
    table = panel.observations()
    assert list(table.columns) == ["series", "date", "value", "available_at"]
    assert MarketPanel.from_observations(table, "again").digest == panel.digest


@pytest.mark.parametrize(
    ("observed", "as_of"),
    [
        ("2025-12-01", "2025-12-03"),  # Monday to Wednesday
        ("2025-12-03", "2025-12-05"),  # Wednesday to Friday
        ("2025-12-04", "2025-12-08"),  # Thursday to Monday
        ("2025-12-05", "2025-12-09"),  # Friday to Tuesday
        ("2025-12-06", "2025-12-09"),  # Saturday to Tuesday
        ("2025-12-07", "2025-12-09"),  # Sunday to Tuesday
    ],
)
def test_fund_figures_are_known_two_business_days_later(observed, as_of):
    instants = publication(SPECS["iwm_flow"], pd.DatetimeIndex([observed]))
    assert instants[0] == pd.Timestamp(as_of) + DAY


@given(day=st.dates(pd.Timestamp("2000-01-01").date(), pd.Timestamp("2035-12-31").date()))
@settings(max_examples=200)
def test_fund_figures_wait_at_least_two_calendar_days(day):
    days = pd.DatetimeIndex([day])
    for name in ("iwm_flow", "btc_etf_flow", "eth_etf_flow"):
        waited = publication(SPECS[name], days)[0] - end_of_day(days)[0]
        assert 2 * DAY <= waited <= 4 * DAY


@given(day=st.dates(pd.Timestamp("2000-01-01").date(), pd.Timestamp("2035-12-31").date()))
def test_closes_are_known_at_days_end(day):
    days = pd.DatetimeIndex([day])
    for spec in SERIES:
        if spec.kind != "flow":
            assert publication(spec, days)[0] == days[0] + DAY
