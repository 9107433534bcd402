"""The panel: what it refuses, what a past view holds, what its digest notices."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from features.panel import DAY, SERIES, SPECS, DataError, MarketPanel, end_of_day, publication

MONDAY = pd.Timestamp("2025-12-01")
FLOWS = ("iwm_flow", "btc_etf_flow", "eth_etf_flow")


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


def panel_of(frame, **options):
    return MarketPanel.from_observations(frame, "test", **options)


def refusal(frame, **options):
    with pytest.raises(DataError) as error:
        panel_of(frame, **options)
    return str(error.value)


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "series", "day", "rule"),
    [
        (with_days([1, 2, 2, 3]), "bitcoin", "2025-12-02", "must not appear twice"),
        (with_days([1, 3, 2, 4]), "bitcoin", "2025-12-02", "must be sorted"),
        (with_days([1, 2, 10]), "bitcoin", "2025-12-10", "must be at most 7 days, got 8."),
        (with_days([1, 2, 13], "sp500"), "sp500", "2025-12-13", "must be at most 10 days, got 11."),
        (replaced("value", np.nan), "bitcoin", "2025-12-02", "must be finite, got nan."),
        (replaced("value", -np.inf, "iwm_flow"), "iwm_flow", "2025-12-02", "finite, got -inf."),
        (replaced("value", 0.0), "bitcoin", "2025-12-02", "a level must be positive, got 0."),
        (replaced("value", 100.5, "season_index"), "season_index", "2025-12-02", "got 100.5."),
        (replaced("value", -0.5, "season_index"), "season_index", "2025-12-02", "in [0, 100]"),
        (replaced("date", MONDAY + pd.Timedelta("36h")), "bitcoin", "2025-12-02", "12:00."),
        (replaced("available_at", MONDAY + pd.Timedelta("47h")), "bitcoin", "2025-12-02",
         "must not be available before its day has ended, got 2025-12-02 23:00."),
        (replaced("available_at", pd.Timestamp("2025-12-04 00:00:01")), "bitcoin", "2025-12-03",
         "must not be available before its predecessor"),
    ],
)  # fmt: skip
def test_a_broken_rule_names_series_day_and_value(frame, series, day, rule):
    message = refusal(frame)
    assert message.startswith(f"test: {series} on {day}: ")
    assert rule in message


def test_days_after_until_are_refused():
    last = rows()["date"].max()
    assert panel_of(rows(), until=last).last_day == last
    assert refusal(rows(), until=last - DAY).startswith("test: bitcoin on 2025-12-03: ")


def test_bounds_belong_to_what_is_allowed():
    for name in ("bitcoin", "russell2000"):
        assert len(panel_of(with_days([1, 1 + SPECS[name].max_gap_days], name)).series(name)) == 2
    for name, value in (("season_index", 0.0), ("season_index", 100.0), ("iwm_flow", -5.0)):
        assert panel_of(replaced("value", value, name)).series(name).iloc[1] == value


@pytest.mark.parametrize("column", ["date", "available_at"])
@pytest.mark.parametrize("change", ["text", "missing", "zone", "mixed"])
def test_instants_of_another_form_are_refused(column, change):
    frame = rows()
    if change == "missing":
        changed = replaced(column, pd.NaT)
    elif change == "text":
        changed = frame.assign(**{column: frame[column].astype(str)})
    else:
        zoned = frame[column].dt.tz_localize("UTC")
        changed = frame.assign(**{column: zoned})
        if change == "mixed":
            changed[column] = pd.Series([frame[column][0], *zoned[1:]], dtype=object)
    assert f"test: bitcoin: {column} must " in refusal(changed)


def test_a_table_of_another_form_is_refused():
    for column in ("series", "date", "value", "available_at"):
        assert f"column '{column}' is missing" in refusal(rows().drop(columns=column))
    for dtype in ("int64", "float32", "str"):
        frame = rows().assign(value=rows()["value"].astype(dtype))
        assert f"test: bitcoin: value must be float64, got {dtype}" in refusal(frame)
        with pytest.raises(DataError, match=f"test: bitcoin: value must be float64, got {dtype}"):
            MarketPanel.from_series(
                {"eth_btc": closes(), "bitcoin": closes().astype(dtype)}, "test"
            )
    assert "holds no observation" in refusal(rows().iloc[:0])
    assert "unknown series" in refusal(rows().assign(series=["bitcoin", "bitcoin", None]))


@pytest.mark.parametrize(
    ("series", "message"),
    [
        ({"bitcoin": closes().tz_localize("UTC")}, "bitcoin: date must be .* without a time zone"),
        ({"bitcoin": closes().reset_index(drop=True)}, "bitcoin: date must be .* got int64"),
        ({"bitcoin": closes().shift(freq="12h")}, r"bitcoin on 2025-12-01: .* whole day"),
        ({"dogecoin": closes()}, "unknown series 'dogecoin'; known are .*season_index"),
        ({}, "test: holds no observation"),
    ],
)
def test_what_is_no_series_is_refused(series, message):
    with pytest.raises(DataError, match=message):
        MarketPanel.from_series(series, "test")


# --- nothing changes it --------------------------------------------------------------------------


def test_a_panel_cannot_be_changed():
    frame, series = rows(), closes()
    panels = [panel_of(frame), MarketPanel.from_series({"bitcoin": series}, "test")]
    frame.loc[0, "value"] = series.iloc[0] = 99.0
    for panel in panels:
        before = panel.digest
        table, view = panel.observations(), panel.known_at(pd.Timestamp("2026-01-01"))
        seen, instants = view.series("bitcoin"), panel.available_at("bitcoin")
        seen.iloc[0] = table.loc[0, "value"] = 99.0
        instants.iloc[0] = pd.Timestamp("1999-01-01")
        with pytest.raises(ValueError, match="read-only"):
            panel.series("bitcoin").to_numpy()[0] = 99.0
        with pytest.raises(FrozenInstanceError):
            panel.source = "elsewhere"
        assert panel.digest == before
        assert panel.series("bitcoin").tolist() == [1.0, 2.0, 4.0]


# --- when a value is known -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("observed", "close_known", "flow_known"),
    [
        ("2025-12-01", "2025-12-02", "2025-12-04"),  # Monday: to Wednesday's end
        ("2025-12-03", "2025-12-04", "2025-12-06"),  # Wednesday: to Friday's end
        ("2025-12-04", "2025-12-05", "2025-12-09"),  # Thursday: to Monday's end
        ("2025-12-05", "2025-12-06", "2025-12-10"),  # Friday: to Tuesday's end
        ("2025-12-06", "2025-12-07", "2025-12-10"),  # Saturday
        ("2025-12-07", "2025-12-08", "2025-12-10"),  # Sunday
    ],
)
def test_every_series_is_published_at_the_instant_worked_by_hand(observed, close_known, flow_known):
    day = pd.DatetimeIndex([observed])
    panel = MarketPanel.from_series({spec.name: pd.Series([1.0], day) for spec in SERIES}, "test")
    names = {spec.name for spec in SERIES}
    for known, published in ((flow_known, {*FLOWS}), (close_known, names - {*FLOWS})):
        instant = pd.Timestamp(known)
        then, before = panel.known_at(instant), panel.known_at(instant - pd.Timedelta("1s"))
        for name in published:
            assert panel.available_at(name).tolist() == [instant], name
            assert then.series(name).tolist() == [1.0]
            assert before.series(name).empty


@given(day=st.dates(pd.Timestamp("2000-01-01").date(), pd.Timestamp("2035-12-31").date()))
def test_publication_waits_for_the_day_and_the_funds(day):
    days = pd.DatetimeIndex([day])
    for spec in SERIES:
        waited = publication(spec, days)[0] - end_of_day(days)[0]
        assert 2 * DAY <= waited <= 4 * DAY if spec.name in FLOWS else waited == 0 * DAY


@pytest.mark.parametrize(
    ("instant", "zone", "count"),
    [
        ("2025-12-03 00:00", "UTC", 2),
        ("2025-12-03 00:00", "Europe/Berlin", 1),
        ("2025-12-03 01:00", "Europe/Berlin", 2),
        ("2025-12-02 19:00", "America/New_York", 2),
        ("2025-12-02 18:59", "America/New_York", 1),
    ],
)
def test_an_instant_with_a_time_zone_is_converted(instant, zone, count):
    view = panel_of(rows()).known_at(pd.Timestamp(instant, tz=zone))
    assert len(view.series("bitcoin")) == count


@given(days=st.lists(st.integers(0, 40), min_size=2, max_size=2))
def test_the_earlier_of_two_views_holds(days):
    panel = MarketPanel.from_series(
        {"bitcoin": closes(np.arange(1.0, 31)), "iwm_flow": closes(np.arange(30.0))}, "test"
    )
    first, second = (MONDAY + day * DAY for day in days)
    nested = panel.known_at(first).known_at(second)
    assert nested.digest == panel.known_at(min(first, second)).digest


# --- what it holds -------------------------------------------------------------------------------


def test_absent_is_empty_undefined_an_error():
    panel = panel_of(rows())
    assert panel.series("sp500").empty
    assert panel.available_at("sp500").empty
    assert MarketPanel.from_series({"bitcoin": closes(), "sp500": closes(())}, "x").names == (
        "bitcoin",
    )
    with pytest.raises(DataError, match="unknown series 'dogecoin'"):
        panel.series("dogecoin")


def test_names_stand_in_the_order_of_the_specification():
    panel = MarketPanel.from_series({spec.name: closes() for spec in reversed(SERIES)}, "test")
    assert panel.names == tuple(spec.name for spec in SERIES)


def test_the_index_sets_the_last_day():
    short, long = closes((1.0, 2.0)), closes((1.0, 2.0, 4.0))
    both = MarketPanel.from_series({"season_index": short, "bitcoin": long}, "test")
    assert both.last_day == short.index[-1]
    assert MarketPanel.from_series({"bitcoin": long}, "test").last_day == long.index[-1]
    with pytest.raises(DataError, match="holds no observation"):
        _ = both.known_at(pd.Timestamp("2000-01-01")).last_day


@pytest.mark.parametrize(
    "changed",
    [
        replaced("value", np.nextafter(2.0, 3.0)),
        rows(first=MONDAY + DAY),
        with_days([1, 2, 4]),
        with_days([1, 2, 4]).assign(available_at=rows()["available_at"] + DAY),
        rows().assign(available_at=rows()["available_at"] + pd.Timedelta("1s")),
        rows("eth_btc"),
        rows().iloc[:2],
    ],
    ids=["last bit", "all days", "a day", "a day only", "publication", "series", "length"],
)
def test_the_digest_notices_every_change(changed):
    assert panel_of(changed).digest != panel_of(rows()).digest


def test_the_digest_depends_on_content_alone():
    series = {"bitcoin": closes(), "iwm_flow": closes((3.0, -1.0))}
    panel = MarketPanel.from_series(series, "one")
    reordered = MarketPanel.from_series(dict(reversed(series.items())), "two")
    frame = panel.observations()
    assert list(frame) == ["series", "date", "value", "available_at"]
    other_units = frame.assign(
        date=frame["date"].dt.as_unit("ns"), available_at=frame["available_at"].dt.as_unit("us")
    )
    assert panel.digest == reordered.digest == panel_of(frame).digest
    assert panel.digest == panel_of(other_units).digest
