"""Tests of rare events: published numbers, counts worked by hand, and what must always hold."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from models.verification.counts import (
    gain_per_event,
    information_gain,
    number_test,
    rare_event_scores,
    separate,
)
from models.verification.scores import log_scores

FIRST = pd.Timestamp("2025-01-01")


def days(*numbers: int) -> pd.DatetimeIndex:
    return FIRST + pd.to_timedelta(list(numbers), unit="D")


# --- separate windows ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("as_of", "length", "chosen"),
    [
        ((0, 7, 14, 21, 28, 35, 42), 30, (0, 35)),  # weekly: day 28 is before the end on day 30
        ((0, 30, 60), 30, (0, 30, 60)),  # one may begin where another ends
        ((0, 29, 58), 30, (0, 58)),
        ((0, 7, 50, 57), 30, (0, 50)),  # not at risk in between
        ((), 30, ()),
    ],
)
def test_windows_are_chosen_as_by_hand(as_of, length, chosen):
    mask = separate(days(*as_of), days(*(number + length for number in as_of)))
    assert tuple(np.array(as_of, dtype=int)[mask]) == chosen


def test_windows_to_one_date_count_once():
    assert separate(days(3, 1, 2), days(90, 90, 90)).tolist() == [False, True, False]


windows = st.lists(st.tuples(st.integers(0, 400), st.integers(1, 120)), max_size=40)


@given(windows)
def test_chosen_windows_are_disjoint_and_complete(drawn):
    begin = np.array([a for a, _ in drawn], dtype=int)
    end = begin + np.array([b for _, b in drawn], dtype=int)
    chosen = separate(days(*begin), days(*end))
    held = sorted(zip(begin[chosen], end[chosen], strict=True))
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(held))
    for a, b in zip(begin[~chosen], end[~chosen], strict=True):
        assert any(a < other_end and other < b for other, other_end in held)


# --- N-test --------------------------------------------------------------------------------------

# The number test of the EEPAS-0F forecast of December 2007, as the CSEP testing centre published
# it: 0.154434176858 earthquakes expected, none seen, and the cumulative distribution it used.
EEPAS = 0.154434176858
EEPAS_CDF = (0.85689989412942635, 0.98923452392879474, 0.99945301874021475, 0.99997904701852369)


@pytest.mark.parametrize("seen", range(4))
def test_number_test_of_the_testing_centre(seen):
    test = number_test(EEPAS, seen)
    assert test.delta2 == pytest.approx(EEPAS_CDF[seen], rel=1e-12)
    assert test.delta1 == pytest.approx(1 - (0.0, *EEPAS_CDF)[seen], rel=1e-9)


def test_number_test_of_pycsep():
    # pyCSEP's own unit test: 0.0015 expected, none seen.
    assert number_test(0.0015, 0) == pytest.approx((1.0, 0.9985011244377109), rel=1e-14)


@pytest.mark.parametrize(
    ("expected", "seen", "delta1", "delta2"),
    [
        # With 2 expected P(0) = e^-2, P(1) = 2 e^-2.
        (2.0, 1, 1 - math.exp(-2), 3 * math.exp(-2)),
        (0.0, 0, 1.0, 1.0),
        (0.0, 1, 0.0, 1.0),
    ],
)
def test_number_tests_worked_by_hand(expected, seen, delta1, delta2):
    assert number_test(expected, seen) == pytest.approx((delta1, delta2))


@given(st.floats(0.01, 50), st.integers(0, 80))
def test_the_two_tails_share_what_was_seen(expected, seen):
    test, more = number_test(expected, seen), number_test(expected, seen + 1)
    assert test.delta1 + test.delta2 == pytest.approx(1 + stats.poisson.pmf(seen, expected))
    assert more.delta1 == pytest.approx(1 - test.delta2, abs=1e-12)


@pytest.mark.parametrize("expected", [-0.1, math.nan])
def test_what_is_no_number_is_refused(expected):
    with pytest.raises(ValueError, match=f"expected must be at least 0, got {expected}"):
        number_test(expected, 0)


# --- T-test --------------------------------------------------------------------------------------


def test_t_test_of_pycsep():
    # pyCSEP's unit test, computed by hand there: rates of two forecasts at the events, 19 events,
    # 18 and 20 expected, 95 %. It gives four ratios; the other 15 events had the same rates.
    log_ratio = np.log([8 / 6, 2 / 4, 3 / 2, 5 / 8, *[1.0] * 15])
    gain = gain_per_event(log_ratio, 18 - 20, level=0.95)
    assert gain == pytest.approx(
        (0.08052612477654024, -0.029435677283374914, 0.19048792683645538), rel=1e-12
    )
    error = (gain.high - gain.value) / 2.10092204024096
    assert gain.value / error == pytest.approx(1.5385261717159382, rel=1e-12)


def test_t_test_is_that_of_scipy():
    log_ratio = np.random.default_rng(1).normal(0.3, 1.0, 12)
    ends = stats.ttest_1samp(log_ratio, 0.0).confidence_interval(0.90)
    assert gain_per_event(log_ratio)[1:] == pytest.approx((ends.low, ends.high))


def test_one_event_has_no_interval():
    assert gain_per_event(np.array([0.5]), 0.2)[0] == pytest.approx(0.3)
    assert np.isnan(gain_per_event(np.array([0.5]))[1:]).all()
    assert np.isnan(gain_per_event(np.array([]))).all()
    assert np.isnan(information_gain(np.zeros(2), np.full(2, 0.1), np.full(2, 0.2))).all()


def test_information_gain_worked_by_hand():
    outcome = np.array([1.0, 0.0, 1.0])
    gain = information_gain(outcome, np.array([0.5, 0.2, 0.4]), np.array([0.25, 0.25, 0.25]))
    # (log 2 + log(0.8 / 0.75) + log 1.6) / 2, and logits log 1 and log(2/3) against log(1/3).
    assert gain.value == pytest.approx(0.5 * math.log(2 * 0.8 / 0.75 * 1.6))
    error = np.std([math.log(3), math.log(2)], ddof=1) / math.sqrt(2)
    assert gain.high - gain.value == pytest.approx(6.313751514675 * error)  # t of 1, 95 %
    assert gain.value - gain.low == pytest.approx(gain.high - gain.value)


probabilities = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0]), st.floats(0.01, 0.99), st.floats(0.01, 0.99)),
    min_size=1, max_size=30,
)  # fmt: skip


@given(probabilities)
def test_gain_per_event_is_from_the_log_scores(rows):
    outcome, own, other = np.array(rows).T
    gain = information_gain(outcome, own, other)
    total = (log_scores(outcome, other) - log_scores(outcome, own)).sum()
    hits = outcome.sum()
    if not hits:
        assert math.isnan(gain.value)
        return
    assert gain.value * hits == pytest.approx(total, abs=1e-9)
    # Rhoades' form: the rates -log(1 - p) and the log ratio of the odds.
    log_ratio = np.log(own / (1 - own)) - np.log(other / (1 - other))
    surplus = (np.log(1 - other) - np.log(1 - own)).sum()
    assert gain == pytest.approx(
        gain_per_event(log_ratio[outcome == 1], surplus), abs=1e-9, nan_ok=True
    )


@pytest.mark.parametrize(
    ("probability", "value"),
    [
        ((1.0, 0.25, 0.25), math.log(4) / 2),  # certain, and right
        ((0.0, 0.25, 0.25), -math.inf),  # ruled out what happened
    ],
)
def test_certain_forecasts_have_a_gain_without_an_interval(probability, value):
    gain = information_gain(np.array([1.0, 0.0, 1.0]), np.array(probability), np.full(3, 0.25))
    assert gain.value == pytest.approx(value)
    assert np.isnan(gain[1:]).all()


# --- all of it -----------------------------------------------------------------------------------


def test_scores_of_overlapping_windows_worked_by_hand():
    # Weekly windows of 14 days, an onset on day 24: in those of days 14 and 21. Those of days 0,
    # 14 and 28 are separate.
    as_of = days(0, 7, 14, 21, 28)
    outcome = np.array([0.0, 0.0, 1.0, 1.0, 0.0])
    probability = np.array([0.2, 0.9, 0.5, 0.9, 0.3])
    climatology = np.full(5, 0.25)
    found = rare_event_scores(
        as_of, as_of + pd.Timedelta(days=14), outcome, probability, climatology
    )
    assert (found.separate_windows, found.onsets) == (3, 1)
    assert found.expected == pytest.approx(1.0)  # 0.2 + 0.5 + 0.3
    assert found.expected_by_climatology == pytest.approx(0.75)
    assert found.number_test == pytest.approx((1 - math.exp(-1), 2 * math.exp(-1)))
    assert found.log_score == pytest.approx(-math.log(0.8 * 0.5 * 0.7))
    assert found.log_score_climatology == pytest.approx(-math.log(0.75 * 0.25 * 0.75))
    gained = math.log(0.8 * 0.5 * 0.7) - math.log(0.75 * 0.25 * 0.75)
    assert found.gain_per_onset.value == pytest.approx(gained)
    every = log_scores(outcome, climatology) - log_scores(outcome, probability)
    assert found.gain_per_forecast == pytest.approx(every.mean())


def test_nothing_resolved_is_no_score_but_no_error():
    none = np.array([])
    found = rare_event_scores(days(), days(), none, none, none)
    assert (found.separate_windows, found.onsets, found.expected) == (0, 0, 0.0)
    assert found.number_test == (1.0, 1.0)
    assert np.isnan([*found.gain_per_onset, found.gain_per_forecast]).all()
