"""Rates after days of a condition, their intervals, placebos and verdicts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta
from sklearn.metrics import roc_auc_score

from models.verification.association import (
    CANNOT_TELL,
    LESS,
    MIN_EVENTS,
    MORE,
    History,
    compare,
    exact_interval,
    in_words,
    rank,
)
from models.verification.intervals import resample_counts


def history_of(days_to_onset, *, horizon=30, quiet=30, counted=None):
    ahead = np.asarray(days_to_onset, dtype=float)
    days = pd.date_range("2015-01-01", periods=len(ahead), unit="s")
    counted = np.ones(len(ahead), dtype=bool) if counted is None else np.asarray(counted)
    return History(days, counted, ahead, horizon, quiet)


def countdown(n, every):
    """Return the days to the next of onsets that come every so many days."""
    return every - np.arange(n) % every


def counts_of(history, resamples=50, seed=0):
    """Return plain resamples of days, for what does not depend on how they are drawn."""
    random = np.random.default_rng(seed)
    size = int(history.counted.sum())
    return random.multinomial(size, np.full(size, 1 / size), size=resamples).astype(float)


def block_counts(history):
    """Return what `history.counts()` does, with fewer resamples."""
    return resample_counts(
        history.as_of[history.counted], block_days=90, step_days=1, resamples=300
    )


def markets(seed, years=20):
    """Return a long history of onsets at random, 60 to 400 days apart, all days at risk."""
    random = np.random.default_rng(seed)
    onset = np.cumsum(random.integers(60, 400, 2 * years * 365 // 60))
    n = years * 365
    ahead = onset[np.searchsorted(onset, np.arange(n), side="right")] - np.arange(n)
    return history_of(ahead, horizon=90)


def spells_at_random(n, seed, length=40, gap=200):
    """Return spells as long as Russell breakouts, in a rhythm of their own."""
    random = np.random.default_rng(seed)
    holds = np.zeros(n, dtype=bool)
    start = 0
    while start < n:
        start += random.integers(30, gap)
        holds[start : start + length] = True
        start += length
    return holds


# Days, spells, onsets and rates by hand


def test_counts_and_rates_of_a_worked_case():
    # Onsets on days 100 and 200 (counted from 0); a window is 30 days.
    history = history_of(countdown(200, 100))
    holds = np.zeros(200, dtype=bool)
    # 90 to 99: all within 30 days of the first onset. All others: more than 30 days before the
    # second. No two lie more than 30 days apart, 123 and 153 just that: one spell.
    holds[90:100] = holds[120:124] = holds[153] = True
    found = compare(history, holds, counts_of(history))
    assert (found.days, found.spells, found.onsets) == (15, 1, 1)
    assert found.rate == 10 / 15
    # 184 lies 31 days after 153, and 16 days before the second onset.
    holds[184] = True
    found = compare(history, holds, counts_of(history))
    assert (found.days, found.spells, found.onsets) == (16, 2, 2)
    assert found.rate == 11 / 16
    assert found.rate_otherwise == (2 * 30 - 11) / (200 - 16)
    assert found.difference == found.rate - found.rate_otherwise


@pytest.mark.parametrize(("ahead", "rate"), [(30, 1), (31, 0), (np.nan, 0)])
def test_the_horizons_last_day_is_inside_the_window(ahead, rate):
    history = history_of([ahead, 1.0, 40.0])
    found = compare(history, np.array([True, False, False]), counts_of(history))
    assert found.rate == rate


def test_uncounted_days_are_in_no_rate_or_spell():
    counted = np.array([True, False, True, True])
    history = history_of([10, 10, 99, 10], counted=counted)
    found = compare(history, np.array([True, True, False, False]), counts_of(history))
    assert (found.days, found.rate, found.rate_otherwise) == (1, 1.0, 0.5)


def test_the_interval_holds_what_the_resamples_say():
    history = history_of(countdown(400, 100))
    holds = np.arange(400) % 100 >= 80
    counts = counts_of(history, resamples=200)
    found = compare(history, holds & (np.arange(400) % 3 > 0), counts)
    outcome = history.followed
    held = holds & (np.arange(400) % 3 > 0)
    rates = [np.average(outcome, weights=row * ~held) for row in counts]
    # All days of the condition had an onset ahead: what varies is the rate of the others.
    assert found.rate == 1
    assert found.high == pytest.approx(1 - np.quantile(rates, 0.05))


# Where all days agree


def test_where_days_agree_the_interval_is_of_spells():
    history = history_of(countdown(1000, 100))
    holds = np.arange(1000) % 100 >= 90
    found = compare(history, holds, counts_of(history))
    assert (found.spells, found.rate) == (10, 1.0)
    low = beta.ppf(0.05, 10, 1)
    assert (found.rate_low, found.rate_high) == pytest.approx((low, 1.0))
    assert found.low == pytest.approx(low - found.rate_otherwise)
    assert found.high >= 1 - found.rate_otherwise


def test_no_onset_ahead_is_the_same():
    history = history_of(countdown(1000, 100))
    found = compare(history, np.arange(1000) % 100 < 10, counts_of(history))
    assert (found.spells, found.rate) == (10, 0.0)
    assert (found.rate_low, found.rate_high) == pytest.approx((0, 1 - 0.05**0.1))


def test_the_exact_interval_is_clopper_and_pearsons():
    # Worked by hand: with n of n, (1 - high end's tail) ** (1 / n).
    assert exact_interval(3, 3) == pytest.approx((0.05 ** (1 / 3), 1))
    assert exact_interval(6, 20) == pytest.approx((beta.ppf(0.05, 6, 15), beta.ppf(0.95, 7, 14)))
    assert np.isnan(exact_interval(0, 0)).all()


# Ranking


@pytest.mark.parametrize("ties", [False, True])
def test_the_auc_is_that_of_scikit_learn(ties):
    random = np.random.default_rng(0)
    history = history_of(random.integers(1, 120, 300))
    values = random.normal(size=300) + 0.5 * history.followed
    values = np.round(values) if ties else values
    counts = counts_of(history)
    found = rank(history, values, counts)
    assert found.rate == pytest.approx(roc_auc_score(history.followed, values))
    resampled = [roc_auc_score(history.followed, values, sample_weight=row) for row in counts]
    assert found.rate_low == pytest.approx(np.quantile(resampled, 0.05))
    assert found.rate_high == pytest.approx(np.quantile(resampled, 0.95))
    assert found.difference == found.rate - 0.5
    assert (found.low, found.high) == pytest.approx((found.rate_low - 0.5, found.rate_high - 0.5))


# Placebos


def test_the_resamples_are_those_of_the_block_bootstrap():
    history = history_of(countdown(400, 100), horizon=120, counted=np.arange(400) % 2 > 0)
    days = history.as_of[1::2]
    expected = resample_counts(days, block_days=120, step_days=1)
    assert np.array_equal(history.counts(), expected)
    none = history_of([5.0], counted=[False])
    assert none.counts().shape == (1, 0)


def test_shifts_move_outcomes_by_a_year_at_least():
    history = history_of(countdown(800, 100), counted=np.arange(800) % 7 > 0)
    followed, barren = history.shifts()
    assert len(followed) == len(range(365, 800 - 365 + 1, 7))
    assert np.array_equal(followed[0], np.roll(history.followed, 365))
    assert np.array_equal(barren[1], np.roll(history.barren, 372))
    assert (followed.sum(axis=1) == history.followed.sum()).all()


def test_a_history_too_short_to_shift_tells_nothing():
    history = history_of(countdown(700, 100))
    found = compare(history, np.arange(700) % 100 >= 70, counts_of(history))
    assert np.isnan(found.placebo)
    assert found.verdict == CANNOT_TELL


# Verdicts


@pytest.mark.parametrize(("before", "verdict"), [(True, MORE), (False, LESS)])
def test_a_condition_that_goes_with_onsets_is_found(before, verdict):
    history = markets(seed=0)
    holds = (history.days_to_onset <= 60) == before
    found = compare(history, holds, block_counts(history))
    assert found.verdict == verdict
    assert found.scarce == ""
    assert found.placebo < 0.05


@pytest.mark.parametrize(("sign", "verdict"), [(-1, MORE), (1, LESS)])
def test_a_trend_towards_an_onset_is_found(sign, verdict):
    history = markets(seed=1)
    assert rank(history, sign * history.days_to_onset, block_counts(history)).verdict == verdict


def test_rhythmic_conditions_are_seldom_taken_for_a_signal():
    verdicts, intervals = [], []
    for seed in range(40):
        history = markets(seed, years=11)
        holds = spells_at_random(len(history.as_of), seed + 100)
        found = compare(history, holds, block_counts(history))
        verdicts.append(found.verdict != CANNOT_TELL)
        intervals.append(found.low > 0 or found.high < 0)
    assert np.mean(verdicts) <= 0.125
    # The control: spells and onsets enough for a verdict, and intervals that do leave out 0.
    assert np.sum(intervals) > np.sum(verdicts)


def test_fewer_than_five_spells_cannot_tell_anything():
    history = markets(seed=0)
    onset = np.flatnonzero(history.days_to_onset == 1)
    for spells, verdict in ((MIN_EVENTS - 1, CANNOT_TELL), (20, MORE)):
        holds = np.zeros(len(history.as_of), dtype=bool)
        for day in onset[:spells]:
            holds[day - 50 : day] = True
        found = compare(history, holds, block_counts(history))
        assert found.verdict == verdict
        assert bool(found.scarce) == (verdict == CANNOT_TELL)
    assert "spells" not in found.scarce


def test_onsets_after_every_day_tell_nothing():
    history = markets(seed=0)
    always = History(history.as_of, history.counted, history.days_to_onset, 390, 30)
    found = compare(always, history.days_to_onset < 60, block_counts(always))
    assert found.scarce == "0 spells that no onset followed"
    assert found.verdict == CANNOT_TELL


@pytest.mark.parametrize(
    ("number", "words"), [(1, "1 spell of days"), (0, "0 spells of days"), (2, "2 spells of days")]
)
def test_numbers_in_words(number, words):
    assert in_words(number, "spell of days") == words
