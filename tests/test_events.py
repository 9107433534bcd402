from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.verification.events import (
    alarms,
    before_onsets,
    contingency,
    leave_one_episode_out,
)
from models.verification.scores import brier_scores, skill

STEP = 7
FIRST = pd.Timestamp("2025-01-07")


def forecasts(probabilities, *, weeks=None, horizon=30, outcome=0.0, base_rate=0.2):
    """Return forecasts of given weeks after 2025-01-07; without weeks, of consecutive ones."""
    weeks = np.arange(len(probabilities)) if weeks is None else np.asarray(weeks)
    return pd.DataFrame(
        {
            "as_of": FIRST + pd.to_timedelta(STEP * weeks, unit="D"),
            "kind": "broad",
            "horizon_days": horizon,
            "model": "logistic",
            "probability": np.asarray(probabilities, dtype=float),
            "base_rate": base_rate,
            "outcome": outcome,
        }
    )


def week(number, days=0):
    return FIRST + pd.Timedelta(days=STEP * number + days)


def onset_days(*days):
    return pd.DatetimeIndex(days)


def found_at(table, onsets, level=0.5):
    return alarms(table, onsets, level=level, step_days=STEP)


# Alarms


@pytest.mark.parametrize(
    ("probabilities", "weeks", "onset", "spans", "hits"),
    [
        # A run at the level is one alarm.
        ([0.1, 0.5, 0.8, 0.4, 0.9], None, week(6), [(1, 2, 8), (4, 4, 1)], [True, True]),
        # It ends where a week is not at risk.
        ([0.9, 0.9, 0.9], [0, 1, 3], week(5), [(0, 1, 8), (3, 3, 1)], [True, True]),
        # It hits within the horizon of its last day, the last of the 30 days included.
        ([0.9, 0.9], None, week(1, 1), [(0, 1, 8)], [True]),
        ([0.9, 0.9], None, week(1, 30), [(0, 1, 8)], [True]),
        ([0.9, 0.9], None, week(1, 31), [(0, 1, 8)], [False]),
        # Its own last day is not ahead of it.
        ([0.9], None, week(0), [(0, 0, 1)], [False]),
        # Below the level there is none.
        ([0.1, 0.2], None, week(3), [], []),
    ],
    ids=["run", "gap", "next day", "day 30", "day 31", "same day", "none"],
)
def test_alarms_by_hand(probabilities, weeks, onset, spans, hits):
    table = forecasts(probabilities) if weeks is None else forecasts(probabilities, weeks=weeks)
    found = found_at(table, onset_days(onset))
    rows = zip(found["first_day"], found["last_day"], found["days"], strict=True)
    assert list(rows) == [(week(first), week(last), days) for first, last, days in spans]
    assert found["hit"].tolist() == hits


def test_an_alarm_ends_at_an_onset():
    # An onset between two weekly days, with so short a season that the grid does not show it.
    found = found_at(forecasts([0.9, 0.9]), onset_days(week(0, 3), week(3)))
    assert found["onset"].tolist() == [week(0, 3), week(3)]
    assert len(found) == 2


def test_a_level_must_be_a_probability():
    for level in (0, 1.1):
        with pytest.raises(ValueError, match=rf"level must lie in \(0, 1\], got {level}"):
            found_at(forecasts([0.5]), onset_days(week(1)), level)
    assert found_at(forecasts([1.0]), onset_days(week(1)), 1)["hit"].all()


def alarms_one_by_one(table, onsets, level):
    """Oracle: walk over the forecasts one at a time."""
    runs = []
    for row in table.itertuples():
        after = onsets[onsets > row.as_of]
        onset = after[0] if len(after) else None
        if row.probability >= level:
            last = runs[-1] if runs else None
            if last and (row.as_of - last[1]).days == STEP and last[2] == onset and last[3]:
                last[1] = row.as_of
            else:
                runs.append([row.as_of, row.as_of, onset, True])
        elif runs:
            runs[-1][3] = False
    return [
        (first, last, onset is not None and (onset - last).days <= table["horizon_days"].iloc[0])
        for first, last, onset, _ in runs
    ]


histories = st.lists(
    st.tuples(st.sampled_from([0.1, 0.4, 0.6, 0.9]), st.booleans()), min_size=1, max_size=40
)
onset_lists = st.lists(st.integers(0, 300), max_size=4, unique=True)


def history_of(drawn, onset_offsets):
    weeks = [number for number, (_, at_risk) in enumerate(drawn) if at_risk] or [0]
    table = forecasts([drawn[number][0] for number in weeks], weeks=weeks)
    onsets = pd.DatetimeIndex([FIRST + pd.Timedelta(days=offset) for offset in onset_offsets])
    return table, onsets.sort_values()


@settings(max_examples=60, deadline=None)
@given(drawn=histories, offsets=onset_lists, level=st.sampled_from([0.3, 0.5, 0.9]))
def test_alarms_are_those_found_one_by_one(drawn, offsets, level):
    table, onsets = history_of(drawn, offsets)
    found = found_at(table, onsets, level)
    pairs = list(zip(found["first_day"], found["last_day"], found["hit"], strict=True))
    assert pairs == alarms_one_by_one(table, onsets, level)


# Before each onset


def before(table, onsets, level=0.5, days_before=(30, 14)):
    return before_onsets(
        table, onsets, level=level, step_days=STEP, days_before=days_before
    ).set_index("onset")


def test_before_an_onset_the_newest_probability_counts():
    # The onset falls on a grid day: 14 days before it is one, 30 days before it is not.
    table = forecasts([0.01, 0.02, 0.03, 0.04, 0.05, 0.06])
    told = before(table, onset_days(week(6))).iloc[0]
    assert told["probability_14"] == 0.05
    assert told["probability_30"] == 0.02
    assert told["base_rate"] == 0.2


def test_a_forecast_of_another_spell_stands_for_nothing():
    table = forecasts([0.3, 0.4, 0.6, 0.7], weeks=[0, 1, 10, 11])
    told = before(table, onset_days(week(2), week(12)), days_before=(60, 14, 7))
    second = told.loc[week(12)]
    assert second["probability_7"] == 0.7
    assert second["probability_14"] == 0.6
    # 60 days before lies in the week after the last forecast of the first spell.
    assert np.isnan(second["probability_60"])
    # 70 days before it is a day of the grid, not at risk: the last forecast is a whole step old.
    gap = before(table, onset_days(week(12)), days_before=(21, 70)).loc[week(12)]
    assert np.isnan(gap[["probability_21", "probability_70"]].to_numpy(dtype=float)).all()


def test_forecasts_before_the_previous_onset_do_not_count():
    table = forecasts([0.3, 0.4])
    told = before(table, onset_days(week(1, 2), week(1, 6)), days_before=(3,))
    assert told.loc[week(1, 2), "probability_3"] == 0.3
    assert np.isnan(told.loc[week(1, 6), "probability_3"])


def test_first_warning_opens_the_last_hit():
    table = forecasts([0.9, 0.1, 0.6, 0.7, 0.2], horizon=60)
    assert found_at(table, onset_days(week(6)))["hit"].tolist() == [True, True]
    told = before(table, onset_days(week(6))).iloc[0]
    assert told["first_warning"] == week(2)
    assert told["last_warning"] == week(3)
    assert told["lead_days"] == 28


@pytest.mark.parametrize(
    ("probabilities", "onset", "lead_days"),
    [
        ([0.9] * 8, week(8), 56),  # a standing warning counts from its first day
        ([0.9, 0.1, 0.1, 0.1, 0.1, 0.1], week(6), np.nan),  # withdrawn too early
    ],
)
def test_the_lead_time_is_that_of_a_warning_in_force(probabilities, onset, lead_days):
    told = before(forecasts(probabilities), onset_days(onset)).iloc[0]
    assert told["lead_days"] == pytest.approx(lead_days, nan_ok=True)
    assert pd.isna(told["first_warning"]) == np.isnan(lead_days)


def test_onsets_before_the_first_forecast_are_left_out():
    told = before(forecasts([0.9]), onset_days(week(0, -3), week(0), week(0, 2)))
    assert told.index.tolist() == [week(0, 2)]


def test_forecasts_not_resolved_yet_are_shown():
    told = before(forecasts([0.9], outcome=np.nan), onset_days(week(0, 3))).iloc[0]
    assert told["lead_days"] == 3


# Hits, misses and false alarms


def test_hits_and_misses_of_a_worked_case():
    # Alarms: weeks 0 and 1 (false: nothing follows within 30 days), week 8 and week 10 (both
    # before the onset in week 11). The onset in week 20 has forecasts before it, none an alarm.
    weeks = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 17, 18, 19]
    values = [0.6, 0.6, *[0.1] * 6, 0.7, 0.1, 0.6, *[0.2] * 4]
    table = forecasts(values, weeks=weeks)
    onsets = onset_days(week(11), week(20))
    half, most = contingency(table, onsets, step_days=STEP, levels=(0.5, 0.65)).to_dict("records")
    assert (half["onsets"], half["hits"], half["misses"], half["hit_rate"]) == (2, 1, 1, 0.5)
    assert (half["alarms"], half["false_alarms"]) == (3, 1)
    assert half["false_alarm_ratio"] == pytest.approx(1 / 3)
    assert half["false_alarm_days"] == 8
    assert half["alarm_share"] == pytest.approx(4 / 15)
    assert (most["hits"], most["false_alarms"], most["alarms"]) == (1, 0, 1)
    assert np.isnan(most["false_alarm_days"])


@pytest.mark.parametrize(
    ("table", "onsets", "expected"),
    [
        # No window reached the onset.
        (forecasts([0.1, 0.1]), onset_days(week(20)), {"onsets": 0, "hit_rate": np.nan}),
        # The alarm is not resolved.
        (
            forecasts([0.1, 0.9], outcome=[0.0, np.nan]),
            onset_days(),
            {"alarms": 0, "false_alarm_ratio": np.nan},
        ),
        # Whoever always gives alarm never misses.
        (forecasts([0.9] * 10), onset_days(week(10)), {"hit_rate": 1, "alarm_share": 1}),
    ],
    ids=["out of reach", "unresolved", "always alarm"],
)
def test_what_is_counted_at_the_edges(table, onsets, expected):
    counted = contingency(table, onsets, step_days=STEP, levels=(0.5,)).iloc[0]
    assert counted[list(expected)].tolist() == pytest.approx(list(expected.values()), nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(drawn=histories, offsets=onset_lists)
def test_hit_onsets_are_those_with_a_first_warning(drawn, offsets):
    table, onsets = history_of(drawn, offsets)
    told = before(table, onsets)
    counted = contingency(table, onsets, step_days=STEP, levels=(0.5,)).iloc[0]
    assert counted["hits"] == told["first_warning"].notna().sum()
    assert 0 <= counted["hits"] <= counted["onsets"]


# Leaving one episode out


def random_history(seed=0, n=60):
    random = np.random.default_rng(seed)
    table = forecasts(random.random(n), outcome=random.integers(0, 2, n).astype(float))
    table["base_rate"] = random.uniform(0.2, 0.4, n)
    return table, onset_days(week(10, 2), week(25, 1), week(41))


def test_leaving_one_episode_out_equals_scoring_the_rest():
    table, onsets = random_history()
    left = leave_one_episode_out(table, onsets)
    assert left["onset"].tolist() == list(onsets)
    bounds = [pd.Timestamp.min, *onsets]
    for row, start, end in zip(left.itertuples(), bounds, bounds[1:], strict=False):
        gone = (table["as_of"] >= start) & (table["as_of"] < end)
        kept = table[~gone]
        own, reference = (
            brier_scores(kept["outcome"].to_numpy(), kept[name].to_numpy()).mean()
            for name in ("probability", "base_rate")
        )
        assert row.days == gone.sum()
        assert row.brier_skill_without == pytest.approx(skill(own, reference), rel=1e-12)


def test_only_resolved_rows_of_an_episode_are_left_out():
    table, onsets = random_history()
    left = leave_one_episode_out(table, onsets)
    # Those after the last onset are always kept; an episode without forecasts has no row.
    assert left["days"].sum() == (table["as_of"] < onsets[-1]).sum() < len(table)
    assert left["brier_skill"].iloc[0] == pytest.approx(
        skill(
            *(
                brier_scores(table["outcome"].to_numpy(), table[name].to_numpy()).mean()
                for name in ("probability", "base_rate")
            )
        )
    )
    more = onset_days(week(-5)).append(onsets)
    opened = pd.concat([table, forecasts([0.9] * 3, weeks=[60, 61, 62], outcome=np.nan)])
    pd.testing.assert_frame_equal(left, leave_one_episode_out(opened, more))
