from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.market.season import season_index
from models.onset import (
    OnsetDefinition,
    days_to_onset,
    in_season,
    label,
    last_day_in_season,
    onsets,
    sustained,
)
from models.outlook.seasons import QUIET_DAYS, SUSTAINED_DAYS, SUSTAINED_WITHIN, observe

fast = settings(derandomize=True, deadline=None, max_examples=100)
both_thresholds = pytest.mark.parametrize("threshold", [50.0, 75.0])

# Mostly quiet, so that days are at risk and onsets happen in a short series.
indices = st.lists(
    st.sampled_from([10.0, 20.0, 30.0, 40.0, 49.9, 50.0, 74.9, 75.0, 90.0]), min_size=8, max_size=60
)


def daily(values):
    days = pd.date_range("2025-01-01", periods=len(values), unit="s")
    return pd.Series(values, days, dtype=float)


def definition(threshold, quiet_days=3):
    return OnsetDefinition(threshold=threshold, quiet_days=quiet_days)


COUNTS = ("quiet_days", "window_days", "top", "sustained_days", "sustained_within")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        *(({"threshold": value}, rf"threshold must lie in \(0, 100\], got {value:g}")
          for value in (0.0, -1.0, 100.5, float("nan"))),
        *(({name: 0}, f"{name} must be at least 1, got 0") for name in COUNTS),
        ({"sustained_days": 91}, r"at most sustained_within \(90\), got 91"),
    ],
)  # fmt: skip
def test_a_value_out_of_range_is_an_error(values, message):
    with pytest.raises(ValueError, match=message):
        OnsetDefinition(**values)


def test_all_days_may_be_needed():
    assert OnsetDefinition(sustained_days=90).sustained_days == 90


def test_the_definition_is_that_of_the_design():
    values = {"threshold": 75.0, "quiet_days": 30, "window_days": 90, "top": 50,
              "sustained_days": 30, "sustained_within": 90}  # fmt: skip
    assert OnsetDefinition().as_dict() == values
    assert (SUSTAINED_DAYS, SUSTAINED_WITHIN, QUIET_DAYS) == (30, 90, 30)  # the outlook's


def test_a_partial_season_differs_in_its_threshold_only():
    broad = OnsetDefinition(quiet_days=20)
    assert broad.by_kind() == {"broad": broad, "partial": OnsetDefinition(50.0, 20)}


def test_a_definition_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        OnsetDefinition().threshold = 60.0


def test_days_to_onset_worked_by_hand():
    ahead = days_to_onset(daily([20, 80, 30, 30, 75, 74.9]), 75)
    np.testing.assert_array_equal(ahead, [1, 3, 2, 1, np.nan, np.nan])


@both_thresholds
def test_labels_worked_by_hand(threshold):
    # Quiet, an onset on day 4, one day of chatter, quiet again; the last day is not in season.
    index = daily([10, 10, 10, 10, threshold, 40, threshold, 10, 10, 10, 10])
    labels = label(index, index.index, definition(threshold, quiet_days=2))
    risk = [False, False, True, True, False, False, False, False, False, True, True]
    assert labels["at_risk"].tolist() == risk
    assert labels["days_known"].tolist() == list(range(10, -1, -1))
    ahead = labels["days_to_onset"][labels["at_risk"]]
    np.testing.assert_array_equal(ahead, [2, 1, np.nan, np.nan])
    assert onsets(index, definition(threshold, quiet_days=2)).equals(index.index[[4]])


def test_days_outside_the_index_are_not_at_risk():
    index = daily([10.0] * 10)
    days = pd.date_range("2024-12-31", "2025-01-11", unit="s")
    labels = label(index, days, definition(75, quiet_days=1))
    assert labels["at_risk"].tolist() == [False, False, *[True] * 9, False]
    assert labels["days_known"].iloc[-1] == 0
    assert labels.index.name == "as_of"


@both_thresholds
@fast
@given(values=indices)
def test_the_day_counted_to_is_the_next_onset(threshold, values):
    index = daily(values)
    labels = label(index, index.index, definition(threshold))
    begun = onsets(index, definition(threshold))
    for day, ahead in labels["days_to_onset"][labels["at_risk"]].items():
        later = begun[begun > day]
        expected = (later[0] - day).days if len(later) else np.nan
        np.testing.assert_equal(ahead, expected)


@both_thresholds
@fast
@given(values=indices)
def test_every_onset_ends_a_day_at_risk(threshold, values):
    index = daily(values)
    # An onset follows 3 quiet days; its eve is the last of them, with 2 before it.
    labels = label(index, index.index, definition(threshold, quiet_days=2))
    eves = onsets(index, definition(threshold, quiet_days=3)) - pd.Timedelta(days=1)
    assert labels["at_risk"].loc[eves].all()
    assert (labels["days_to_onset"].loc[eves] == 1).all()


@both_thresholds
@fast
@given(values=indices, days=st.integers(1, 60))
def test_a_shorter_index_gives_the_same_labels_censored(threshold, values, days):
    index = daily(values)
    shorter = index.iloc[:days]
    full = label(index, shorter.index, definition(threshold))
    cut = label(shorter, shorter.index, definition(threshold))
    known = np.arange(len(shorter))[::-1]
    assert cut["days_known"].tolist() == known.tolist()
    assert cut["at_risk"].equals(full["at_risk"])
    seen = full["days_to_onset"] <= known
    assert cut["days_to_onset"].equals(full["days_to_onset"].where(seen))


@both_thresholds
@fast
@given(values=indices, others=indices, days=st.integers(1, 60))
def test_what_comes_after_the_window_changes_no_outcome(threshold, values, others, days):
    kept = values[:days]
    index, other = daily(kept), daily(kept + others)
    before = label(index, index.index, definition(threshold))
    after = label(other, index.index, definition(threshold))
    assert after["at_risk"].equals(before["at_risk"])
    for horizon in (1, 5, 20):
        resolved = before["days_known"] >= horizon
        outcome = (before["days_to_onset"] <= horizon)[resolved]
        assert outcome.equals((after["days_to_onset"] <= horizon)[resolved])


@pytest.mark.parametrize("ahead", [2, 9])
def test_both_outcomes_resolve_on_one_day(ahead):
    horizon, as_of = 5, 10
    index = daily([10.0] * (as_of + ahead) + [80.0] * 10)
    for end in range(as_of, len(index)):
        labels = label(index.iloc[: end + 1], index.index[[as_of]], definition(75))
        assert (labels["days_known"].iloc[0] >= horizon) == (end >= as_of + horizon)


def test_chatter_around_the_threshold_is_one_onset():
    index = daily([10.0] * 40 + [80.0, 60.0] * 10)
    assert len(onsets(index, OnsetDefinition())) == 1


def test_the_reference_history_holds_about_fifteen_onsets(reference):
    index = season_index(reference)
    crossings = ((index >= 75) & (index.shift() < 75)).sum()
    begun = onsets(index, OnsetDefinition())
    assert 12 <= len(begun) <= 18
    assert crossings > 2 * len(begun)
    assert begun.to_series().diff().dropna().min() > pd.Timedelta(days=30)


# --- sustained -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "days", "told", "decided"),
    [
        ([80] * 28, 29, None, None),
        ([80] * 29, 30, True, 29),
        ([80] * 60, 61, True, 29),  # on the 30th day, the onset's included, and not later
        ([20] * 60, 1, None, None),  # the 29 days left would just do
        ([20] * 61, 1, False, 61),
        ([20] * 60 + [80] * 29, 30, True, 89),  # the last of the 90 days
        ([20] * 61 + [80] * 29, 29, False, 61),
        ([80] * 28 + [20] * 61, 29, False, 89),
    ],
)
def test_sustained_worked_by_hand(after, days, told, decided):
    index = daily([20] * 30 + [80] + after)
    row = sustained(index, OnsetDefinition()).iloc[0]
    assert row["days"] == days
    assert pd.isna(row["sustained"]) if told is None else row["sustained"] == told
    onset = index.index[30]
    assert decided is None or row["decided_on"] == onset + pd.Timedelta(days=decided)
    assert pd.isna(row["decided_on"]) == (decided is None)


def test_of_no_onset_none_is_sustained():
    table = sustained(daily([20.0] * 40), OnsetDefinition())
    assert table.empty
    assert list(table.columns) == ["days", "sustained", "decided_on"]


@pytest.mark.parametrize("threshold", [50.0, 60.0, 75.0])
def test_the_outlook_calls_the_same_seasons_sustained(threshold, reference):
    index = season_index(reference)
    for until in index.index[60::23]:
        own = sustained(index[:until], OnsetDefinition(threshold=threshold))
        seen = observe(index, until=until, threshold=threshold).seasons
        assert [season.onset for season in seen] == list(own.index)
        assert [season.days_within() for season in seen] == own["days"].tolist()
        assert [season.sustained() for season in seen] == [
            None if verdict is pd.NA else verdict for verdict in own["sustained"]
        ]


@fast
@given(values=indices, needed=st.integers(1, 12), within=st.integers(12, 20))
def test_the_outlook_calls_the_same_seasons_sustained_anywhere(values, needed, within):
    index = daily(values)
    own = sustained(index, OnsetDefinition(50.0, 3, sustained_days=needed, sustained_within=within))
    seen = observe(index, until=index.index[-1], threshold=50.0, quiet_days=3).seasons
    assert [(season.onset, season.sustained(needed, within)) for season in seen] == [
        (onset, None if verdict is pd.NA else verdict)
        for onset, verdict in own["sustained"].items()
    ]


@fast
@given(values=indices, others=indices, needed=st.integers(1, 12))
def test_what_is_decided_stays_so(values, others, needed):
    once = OnsetDefinition(50.0, 3, sustained_days=needed, sustained_within=12)
    before, after = sustained(daily(values), once), sustained(daily(values + others), once)
    done = before[before["sustained"].notna()]
    pd.testing.assert_frame_equal(
        done[["sustained", "decided_on"]],
        after.loc[done.index, ["sustained", "decided_on"]],
        check_freq=False,
    )
    age = (daily(values).index[-1] - before.index).days
    assert before["sustained"][age >= 11].notna().all()


@pytest.mark.parametrize(
    ("as_of", "day", "over"), [(1, 3, True), (3, 3, True), (5, 3, True), (8, 8, False)]
)
def test_the_last_day_of_a_season_by_hand(as_of, day, over):
    index = daily([10, 80, 10, 80, 10, 10, 10, 10, 80, 10])
    found = last_day_in_season(index, index.index[as_of], definition(75))
    assert found == (index.index[day], over)


def test_no_season_has_no_last_day():
    index = daily([10, 80, 10, 10, 10, 80])
    assert last_day_in_season(index, index.index[4], definition(75)) is None
    unknown = daily([10, 10, 10, np.nan])
    assert last_day_in_season(unknown, unknown.index[-1], definition(75)) == (None, False)


def test_an_unknown_index_is_neither():
    assert in_season(daily([75, 74.9, np.nan]), 75).tolist() == [True, False, pd.NA]
