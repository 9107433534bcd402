"""What counts as an onset, and its labels: hand-worked, and the definition said slowly."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.market.season import season_index
from models.season.definition import OnsetDefinition
from models.season.labels import (
    days_to_onset,
    in_season,
    label,
    last_day_in_season,
    onsets,
    sustained,
)
from models.season.spells import observe

fast = settings(derandomize=True, deadline=None, max_examples=100)
both_thresholds = pytest.mark.parametrize("threshold", [50.0, 75.0])
DAY = pd.Timedelta(days=1)

# Mostly quiet, so that days are at risk and onsets happen in a short series.
VALUES = st.sampled_from([10.0, 20.0, 30.0, 40.0, 49.9, 50.0, 74.9, 75.0, 90.0, np.nan])
indices = st.lists(VALUES, min_size=8, max_size=60)


def daily(values):
    days = pd.date_range("2025-01-01", periods=len(values), unit="s")
    return pd.Series(values, days, dtype=float)


# --- the definition ------------------------------------------------------------------------------


COUNTS = ("quiet_days", "window_days", "top", "sustained_days", "sustained_within")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        *(({"threshold": value}, rf"threshold must lie in \(0, 100\], got {value:g}")
          for value in (0.0, 100.5, float("nan"))),
        *(({name: 0}, f"{name} must be at least 1, got 0") for name in COUNTS),
        ({"sustained_days": 91}, r"at most sustained_within \(90\), got 91"),
    ],
)  # fmt: skip
def test_a_value_out_of_range_is_an_error(values, message):
    with pytest.raises(ValueError, match=message):
        OnsetDefinition(**values)


def test_values_at_the_end_of_a_range_are_allowed():
    assert OnsetDefinition(threshold=100, sustained_days=90).sustained_days == 90
    assert OnsetDefinition(100, 1, 1, 1, 1, 1).top == 1


def test_the_definition_is_that_of_the_design():
    values = {"threshold": 75.0, "quiet_days": 30, "window_days": 90, "top": 50,
              "sustained_days": 30, "sustained_within": 90}  # fmt: skip
    assert OnsetDefinition().as_dict() == values
    broad = OnsetDefinition(quiet_days=20)
    assert broad.by_kind() == {"broad": broad, "partial": OnsetDefinition(50.0, 20)}
    assert broad.at(62.0) == OnsetDefinition(62.0, 20)
    with pytest.raises(FrozenInstanceError):
        broad.threshold = 60.0


# --- days to the next onset ----------------------------------------------------------------------


def test_days_to_onset_worked_by_hand():
    ahead = days_to_onset(daily([20, 80, 30, 30, 75, 74.9]), 75)
    np.testing.assert_array_equal(ahead, [1, 3, 2, 1, np.nan, np.nan])


@both_thresholds
def test_labels_worked_by_hand(threshold):
    # Quiet, an onset on day 4, one day of chatter, quiet again; the last day is not in season.
    index = daily([10, 10, 10, 10, threshold, 40, threshold, 10, 10, 10, 10])
    once = OnsetDefinition(threshold, quiet_days=2)
    days = index.index.union([index.index[0] - DAY, index.index[-1] + DAY])
    labels = label(index, days, once)
    risk = [False, False, True, True, False, False, False, False, False, True, True]
    # Days outside the index are not at risk, and nothing is known after the last one.
    assert labels["at_risk"].tolist() == [False, *risk, False]
    assert labels["days_known"].tolist() == [*range(11, -1, -1), 0]
    ahead = labels["days_to_onset"][labels["at_risk"]]
    np.testing.assert_array_equal(ahead, [2, 1, np.nan, np.nan])
    assert labels.index.name == "as_of"
    assert onsets(index, once).equals(index.index[[4]])


def said_slowly(values, threshold, quiet_days):
    """Onsets, and of each day whether it is at risk, by the words of the definition."""
    begun, risk = [], []
    for day, value in enumerate(values):
        before = values[max(day - quiet_days, 0) : day]
        quiet = len(before) == quiet_days and all(earlier < threshold for earlier in before)
        if quiet and value >= threshold:
            begun.append(day)
        risk.append(quiet and value < threshold)
    return begun, risk


@both_thresholds
@fast
@given(values=indices, quiet_days=st.integers(1, 4))
def test_labels_follow_the_definition(threshold, values, quiet_days):
    index, once = daily(values), OnsetDefinition(threshold, quiet_days)
    begun, risk = said_slowly(values, threshold, quiet_days)
    assert list(onsets(index, once)) == list(index.index[begun])
    labels = label(index, index.index, once)
    assert labels["at_risk"].tolist() == risk
    for day in np.flatnonzero(risk):
        later = [onset for onset in begun if onset > day]
        # An unknown day breaks what is quiet: the next day in season is then no onset.
        unknown = [other for other in np.flatnonzero(np.isnan(values)) if other > day]
        if later and not (unknown and unknown[0] < later[0]):
            assert labels["days_to_onset"].iloc[day] == later[0] - day


@both_thresholds
@fast
@given(values=indices, others=indices, days=st.integers(1, 60))
def test_what_comes_later_changes_no_outcome(threshold, values, others, days):
    kept = values[:days]
    index, other = daily(kept), daily(kept + others)
    once = OnsetDefinition(threshold, quiet_days=3)
    before, after = (label(each, index.index, once) for each in (index, other))
    known = np.arange(len(index))[::-1]
    assert before["days_known"].tolist() == known.tolist()
    assert after["at_risk"].equals(before["at_risk"])
    # A shorter index gives the same labels, censored.
    seen = after["days_to_onset"] <= known
    assert before["days_to_onset"].equals(after["days_to_onset"].where(seen))


@pytest.mark.parametrize("ahead", [2, 9])
def test_both_outcomes_resolve_on_one_day(ahead):
    horizon, as_of = 5, 10
    index = daily([10.0] * (as_of + ahead) + [80.0] * 10)
    for end in range(as_of, len(index)):
        labels = label(index.iloc[: end + 1], index.index[[as_of]], OnsetDefinition(quiet_days=3))
        assert (labels["days_known"].iloc[0] >= horizon) == (end >= as_of + horizon)


def test_the_reference_history_holds_about_fifteen_onsets(reference):
    index = season_index(reference)
    crossings = ((index >= 75) & (index.shift() < 75)).sum()
    begun = onsets(index, OnsetDefinition())
    assert 12 <= len(begun) <= 18
    assert crossings > 2 * len(begun)
    assert begun.to_series().diff().dropna().min() > pd.Timedelta(days=30)


# --- sustained -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "days", "verdict", "decided"),
    [
        ([80] * 28, 29, None, None),
        ([80] * 29, 30, True, 29),
        ([80] * 60, 61, True, 29),  # on the 30th day, the onset's included, and not later
        ([20] * 60, 1, None, None),  # the 29 days left would just do
        ([20] * 61, 1, False, 61),
        ([20] * 60 + [80] * 29, 30, True, 89),  # the last of the 90 days, of a later season
        ([20] * 60 + [80] * 30, 30, True, 89),  # and one day more counts no longer
        ([20] * 61 + [80] * 29, 29, False, 61),
        ([80] * 28 + [20] * 61, 29, False, 89),
    ],
)
def test_sustained_worked_by_hand(after, days, verdict, decided):
    index = daily([20] * 30 + [80] + after)
    row = sustained(index, OnsetDefinition()).iloc[0]
    assert row["days"] == days
    assert pd.isna(row["sustained"]) if verdict is None else row["sustained"] == verdict
    assert row["decided_on"] is pd.NaT if decided is None else (
        row["decided_on"] == index.index[30 + decided]
    )  # fmt: skip
    # The outlook reads the same of the same days.
    season = observe(index, until=index.index[-1], definition=OnsetDefinition()).seasons[0]
    assert season.sustained(OnsetDefinition()) is verdict


def test_of_no_onset_nothing_is_sustained():
    table = sustained(daily([20.0] * 40), OnsetDefinition())
    assert table.empty
    assert list(table.columns) == ["days", "sustained", "decided_on"]


@fast
@given(values=indices, others=indices, needed=st.integers(1, 12), within=st.integers(12, 20))
def test_sustained_follows_the_definition_and_stays(values, others, needed, within):
    once = OnsetDefinition(50.0, 3, sustained_days=needed, sustained_within=within)
    index = daily(values)
    table, later = sustained(index, once), sustained(daily(values + others), once)
    assert table.index.equals(onsets(index, once).rename("onset"))
    for onset, row in table.iterrows():
        stood = (index.loc[onset:].iloc[:within] >= 50).to_numpy()
        assert row["days"] == stood.sum()
        left = within - len(stood)
        if row["sustained"] is pd.NA:
            assert row["days"] < needed <= row["days"] + left
        else:
            assert row["sustained"] == (row["days"] >= needed)
            # Decided on that day, and what comes after it changes nothing.
            age = (row["decided_on"] - onset).days
            so_far = stood[: age + 1].sum()
            assert so_far >= needed or so_far + within - 1 - age < needed
            assert later.loc[onset, ["sustained", "decided_on"]].tolist() == row[1:].tolist()
        assert row["sustained"] is not pd.NA or left > 0


# --- the season that stands ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("as_of", "day", "over"), [(1, 3, True), (3, 3, True), (5, 3, True), (8, 8, False)]
)
def test_the_last_day_of_a_season_by_hand(as_of, day, over):
    index = daily([10, 80, 10, 75, 10, 10, 10, 10, 80, 10])
    last = last_day_in_season(index, index.index[as_of], OnsetDefinition(quiet_days=3))
    assert last == (index.index[day], over)


def test_no_season_has_no_last_day():
    index = daily([10, 80, 10, 10, 10, 80])
    once = OnsetDefinition(quiet_days=3)
    assert last_day_in_season(index, index.index[4], once) is None
    unknown = daily([10, 10, 10, np.nan])
    assert last_day_in_season(unknown, unknown.index[-1], once) == (None, False)


def test_an_unknown_index_is_neither():
    assert in_season(daily([75, 74.9, np.nan]), 75).tolist() == [True, False, pd.NA]
