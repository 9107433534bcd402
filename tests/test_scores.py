"""Scores by hand and against scikit-learn; CORP, the reliability table and its band."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss

from models.verification.scores import (
    brier_scores,
    consistency_band,
    corp,
    log_scores,
    recalibrate,
    reliability_table,
    sharpness,
    skill,
)

fast = settings(derandomize=True, deadline=None, max_examples=100)

WEEKS = pd.date_range("2017-01-03", periods=400, freq="7D", unit="s")

OUTCOME = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
PROBABILITY = np.array([0.4, 0.3, 0.2, 0.1, 0.5, 0.9])

# Coarse probabilities, so that ties are frequent; scikit-learn takes nearly equal ones for equal.
forecasts = st.lists(
    st.tuples(
        st.booleans(),
        st.integers(0, 10).map(lambda n: n / 10) | st.floats(0, 1).map(lambda p: round(p, 6)),
    ),
    min_size=1,
    max_size=30,
).map(lambda pairs: np.array(pairs, dtype=float).T)


def random_forecasts(n=200, seed=0):
    random = np.random.default_rng(seed)
    probability = random.uniform(0.01, 0.99, n).round(2)
    return (random.random(n) < probability).astype(float), probability


# Scores of single forecasts


def test_brier_and_log_scores_worked_by_hand():
    outcome, probability = np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.75, 0.75, 0.0, 1.0])
    assert brier_scores(outcome, probability).tolist() == [0.0625, 0.5625, 1, 1]
    # What a forecast ruled out is infinitely surprising.
    expected = [np.log(4 / 3), np.log(4), np.inf, np.inf]
    assert log_scores(outcome, probability) == pytest.approx(expected)


def test_brier_and_log_scores_agree_with_scikit_learn():
    outcome, probability = random_forecasts()
    brier, log_score = brier_scores(outcome, probability), log_scores(outcome, probability)
    assert brier.mean() == pytest.approx(brier_score_loss(outcome, probability), rel=1e-12)
    assert log_score.mean() == pytest.approx(log_loss(outcome, probability), rel=1e-12)


def test_skill_compares_with_the_reference():
    assert skill(0.0, 0.2) == 1
    assert skill(0.2, 0.2) == 0
    assert skill(0.3, 0.2) == pytest.approx(-0.5)
    assert np.isnan(skill(0.1, 0.0))


# CORP


def test_corp_of_the_golden_example():
    parts = corp(OUTCOME, PROBABILITY)
    assert brier_scores(OUTCOME, PROBABILITY).mean() == pytest.approx(0.22666666666666666)
    assert parts.miscalibration == pytest.approx(0.10166666666666667)
    assert parts.discrimination == pytest.approx(0.125)
    assert parts.uncertainty == pytest.approx(0.25)
    # A constant forecast has no discrimination.
    assert corp(OUTCOME, np.full(6, 0.7)) == pytest.approx((0.04, 0.0, 0.25))


@fast
@given(forecasts)
def test_corp_adds_up_to_the_brier_score(drawn):
    outcome, probability = drawn
    miscalibration, discrimination, uncertainty = corp(outcome, probability)
    brier = brier_scores(outcome, probability).mean()
    assert miscalibration - discrimination + uncertainty == pytest.approx(brier, abs=1e-12)
    assert miscalibration >= -1e-12
    assert -1e-12 <= discrimination <= uncertainty + 1e-12


@fast
@given(forecasts)
def test_recalibration_is_the_isotonic_regression_of_scikit_learn(drawn):
    outcome, probability = drawn
    expected = IsotonicRegression().fit_transform(probability, outcome)
    np.testing.assert_allclose(recalibrate(outcome, probability), expected, rtol=0, atol=1e-6)


# The reliability table


def test_a_reliability_table_worked_by_hand():
    # 0.1 and 0.3 are out of order (1 before 0, 0) and pool to 1/3; 0.9 stands alone.
    outcome, probability = np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.3, 0.9, 0.1, 0.3])
    table = reliability_table(outcome, probability)
    assert table.columns.tolist() == ["forecast", "recalibrated", "count"]
    assert table["forecast"].tolist() == [0.1, 0.3, 0.9]
    assert table["recalibrated"].tolist() == pytest.approx([1 / 3, 1 / 3, 1.0])
    assert table["count"].tolist() == [1, 2, 1]


def test_the_reliability_table_agrees_with_scores():
    # scores 2.7.0 with the arrays below:
    # fit = scores.probability.isotonic_fit(probability, outcome)
    # fit["fcst_sorted"], fit["regression_values"], fit["fcst_counts"]
    random = np.random.default_rng(0)
    probability = random.integers(0, 11, 60) / 10
    outcome = (random.random(60) < probability**2).astype(float)
    table = reliability_table(outcome, probability)
    sixth, twelfths, sevenths = 1 / 6, 5 / 12, 5 / 7
    values = [0, 0, 0, 0, sixth, sixth, twelfths, twelfths, sevenths, 1, 1]
    np.testing.assert_allclose(table["forecast"], np.arange(11) / 10)
    np.testing.assert_allclose(table["recalibrated"], values, atol=1e-12)
    assert table["count"].tolist() == [11, 3, 2, 3, 5, 7, 5, 7, 7, 4, 6]


@fast
@given(forecasts)
def test_the_table_holds_the_recalibration_of_every_row(drawn):
    outcome, probability = drawn
    table = reliability_table(outcome, probability)
    assert table["forecast"].is_monotonic_increasing
    assert table["forecast"].is_unique
    assert table["count"].sum() == len(outcome)
    assert (np.diff(table["recalibrated"]) >= 0).all()
    by_forecast = table.set_index("forecast")["recalibrated"]
    assert (by_forecast[probability].to_numpy() == recalibrate(outcome, probability)).all()
    # What recalibration leaves of the Brier score is uncertainty less discrimination.
    _, discrimination, uncertainty = corp(outcome, probability)
    left = brier_scores(outcome, by_forecast[probability].to_numpy()).mean()
    assert left == pytest.approx(uncertainty - discrimination, abs=1e-12)


# The consistency band


def test_the_band_of_independent_rows_is_binomial():
    # One forecast value and windows shorter than a step: the recalibrated value is a frequency.
    n = 60
    band = consistency_band(
        np.full(n, 0.3), WEEKS[:n], horizon_days=7, resamples=4000, seed=1
    ).iloc[0]
    expected = stats.binom.ppf([0.05, 0.95], n, 0.3) / n
    assert band["forecast"] == 0.3
    np.testing.assert_allclose(band[["low", "high"]].astype(float), expected, atol=1 / n)


def test_independent_rows_are_drawn_row_by_row():
    # A single row pools with many: the value of all is their frequency, not the mean of two values.
    probability = np.array([0.5] * 39 + [0.6])
    band = consistency_band(probability, WEEKS[:40], horizon_days=7, resamples=2000)
    random = np.random.default_rng(0)
    drawn = [
        recalibrate((random.random(40) < probability).astype(float), probability)
        for _ in range(2000)
    ]
    expected = np.quantile(np.array(drawn)[:, [0, 39]], [0.05, 0.95], axis=0)
    np.testing.assert_allclose(band[["low", "high"]].to_numpy().T, expected, atol=0.03)


@pytest.mark.parametrize(
    ("lag", "different"), [(0, 0), (15, 0.25), (42, 0.7), (60, 1.0), (90, 1.0)]
)
def test_rows_share_outcomes_as_their_windows_overlap(lag, different):
    # Two rows with forecast 1/2 and, in this share of all draws, numbers of their own, of which
    # half fall apart: their mean is 0 in (1 - different / 2) / 2 of all draws, else 1/2 or 1. The
    # low end passes from 1/2 to 0 where the level passes different / 2.
    rows = pd.DatetimeIndex([WEEKS[0], WEEKS[0] + pd.Timedelta(days=lag)])
    low = [
        consistency_band(
            np.full(2, 0.5), rows, horizon_days=60, resamples=2000, level=different / 2 + aside
        )["low"].item()
        for aside in (-0.06, 0.06)
        if different / 2 + aside > 0
    ]
    assert low == [0.5, 0.0][-len(low) :]


@fast
@given(forecasts, st.integers(1, 400), st.integers(0, 100))
def test_bands_rise_within_the_unit_interval(drawn, horizon_days, seed):
    outcome, probability = drawn
    rows = WEEKS[: len(outcome)]
    band = consistency_band(probability, rows, horizon_days=horizon_days, resamples=30, seed=seed)
    assert band.columns.tolist() == ["forecast", "low", "high"]
    assert (band["forecast"] == reliability_table(outcome, probability)["forecast"]).all()
    assert (np.diff(band[["low", "high"]], axis=0) >= 0).all()
    assert (band["low"] <= band["high"]).all()
    assert (band["low"] >= 0).all()
    assert (band["high"] <= 1).all()
    certain = band["forecast"].isin([0.0, 1.0])
    if certain.all():
        assert (band["low"] == band["forecast"]).all()
        assert (band["high"] == band["forecast"]).all()


def test_the_band_depends_on_seed_level_and_horizon_and_on_no_order():
    probability = np.random.default_rng(0).random(400)

    def band(order=slice(None), horizon_days=90, **options):
        rows = probability[order], WEEKS[order]
        return consistency_band(*rows, horizon_days=horizon_days, resamples=100, **options)

    def width(**options):
        return (band(**options)["high"] - band(**options)["low"]).mean()

    pd.testing.assert_frame_equal(band(), band(np.random.default_rng(1).permutation(400)))
    assert not band(seed=1).equals(band(seed=2))
    assert width() > 1.5 * width(level=0.5)
    assert width() > 1.3 * width(horizon_days=7)


def known_hazard(horizon_days, days, seed=0):
    """Return the true probability of an event within the horizon and a way to draw outcomes."""
    hazard = 0.004 * np.exp(1.5 * np.sin(2 * np.pi * np.arange(days[-1] + horizon_days) / 730))
    survival = np.concatenate([[1.0], np.cumprod(1 - hazard)])
    random = np.random.default_rng(seed)

    def outcomes():
        events = np.concatenate([[0], np.cumsum(random.random(len(hazard)) < hazard)])
        return (events[days + horizon_days] > events[days]).astype(float)

    return 1 - survival[days + horizon_days] / survival[days], outcomes


@pytest.mark.parametrize("horizon_days", [30, 90])
def test_calibrated_forecasts_stay_in_the_band(horizon_days):
    probability, outcomes = known_hazard(horizon_days, 7 * np.arange(400))
    fitting = consistency_band(probability, WEEKS, horizon_days=horizon_days)
    naive = consistency_band(probability, WEEKS, horizon_days=1)
    inside = []
    for _ in range(100):
        value = reliability_table(outcomes(), probability)["recalibrated"]
        inside.append(
            [
                ((value >= band["low"] - 1e-12) & (value <= band["high"] + 1e-12)).mean()
                for band in (fitting, naive)
            ]
        )
    fitting_share, naive_share = np.mean(inside, axis=0)
    assert 0.85 < fitting_share < 0.98
    assert naive_share < 0.78


def test_forecasts_that_are_not_calibrated_leave_the_band():
    probability, outcomes = known_hazard(30, 7 * np.arange(400))
    claimed = np.clip(3 * probability, 0, 1)
    value = reliability_table(outcomes(), claimed)["recalibrated"]
    assert (value < consistency_band(claimed, WEEKS, horizon_days=30)["low"]).mean() > 0.5


def test_a_horizon_of_no_day_is_an_error():
    with pytest.raises(ValueError, match="horizon_days must be at least 1, got 0"):
        consistency_band(np.array([0.5]), WEEKS[:1], horizon_days=0)
    assert len(consistency_band(np.array([0.5]), WEEKS[:1], horizon_days=1)) == 1


# Sharpness


def test_sharpness_is_the_forecast_variance_and_expected_brier_score():
    assert sharpness(np.array([0.1, 0.5])) == pytest.approx((0.09 + 0.25) / 2)
    random = np.random.default_rng(0)
    probability = random.random(200_000)
    outcome = (random.random(200_000) < probability).astype(float)
    brier = brier_scores(outcome, probability).mean()
    assert brier == pytest.approx(sharpness(probability), abs=0.002)
