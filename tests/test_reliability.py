from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from models.verification.scores import consistency_band, reliability_table
from models.verification.scores import (
    average_precision,
    brier_scores,
    corp,
    precision_recall,
    recalibrate,
    sharpness,
)

fast = settings(derandomize=True, deadline=None, max_examples=50)

WEEKS = pd.date_range("2017-01-03", periods=400, freq="7D", unit="s")

coarse = st.lists(
    st.tuples(st.booleans(), st.integers(0, 10).map(lambda n: n / 10)), min_size=1, max_size=40
).map(lambda pairs: np.array(pairs, dtype=float).T)


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
@given(coarse)
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


def test_rows_of_one_day_share_their_outcome():
    band = consistency_band(np.full(20, 0.5), WEEKS[:1].repeat(20), horizon_days=30).iloc[0]
    assert (band["low"], band["high"]) == (0.0, 1.0)


@pytest.mark.parametrize(("lag", "different"), [(15, 0.25), (42, 0.7), (60, 1.0), (90, 1.0)])
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
    ]
    assert low == [0.5, 0.0]


@fast
@given(coarse, st.integers(1, 400), st.integers(0, 100))
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


def test_rows_of_the_band_need_no_order():
    random = np.random.default_rng(0)
    probability, order = random.random(100), random.permutation(100)
    band = consistency_band(probability, WEEKS[:100], horizon_days=90, resamples=50)
    moved = consistency_band(probability[order], WEEKS[:100][order], horizon_days=90, resamples=50)
    pd.testing.assert_frame_equal(band, moved)


def test_the_seed_decides_the_band():
    probability = np.random.default_rng(0).random(100)
    bands = [
        consistency_band(probability, WEEKS[:100], horizon_days=90, resamples=50, seed=seed)
        for seed in (1, 1, 2)
    ]
    assert bands[0].equals(bands[1])
    assert not bands[0].equals(bands[2])


def test_level_and_horizon_widen_the_band():
    probability = np.random.default_rng(0).random(400)
    widths = {
        (horizon_days, level): consistency_band(
            probability, WEEKS, horizon_days=horizon_days, level=level
        ).pipe(lambda band: (band["high"] - band["low"]).mean())
        for horizon_days, level in ((7, 0.9), (90, 0.5), (90, 0.9))
    }
    assert widths[90, 0.9] > 1.5 * widths[90, 0.5]
    assert widths[90, 0.9] > 1.3 * widths[7, 0.9]


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
    for _ in range(150):
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
    band = consistency_band(claimed, WEEKS, horizon_days=30)
    value = reliability_table(outcomes(), claimed)["recalibrated"]
    assert (value < band["low"]).mean() > 0.5


def test_a_horizon_of_no_day_is_an_error():
    with pytest.raises(ValueError, match="horizon_days must be at least 1, got 0"):
        consistency_band(np.array([0.5]), WEEKS[:1], horizon_days=0)


# Sharpness


def test_sharpness_is_the_forecast_variance():
    assert sharpness(np.array([0.1, 0.5])) == pytest.approx((0.09 + 0.25) / 2)
    assert sharpness(np.array([0.0, 1.0, 1.0])) == 0
    assert sharpness(np.full(3, 0.5)) == 0.25


def test_sharpness_is_the_expected_brier_score():
    random = np.random.default_rng(0)
    probability = random.random(200_000)
    outcome = (random.random(200_000) < probability).astype(float)
    assert brier_scores(outcome, probability).mean() == pytest.approx(
        sharpness(probability), abs=0.002
    )


# Precision and recall

OUTCOME = np.array([0.0, 1.0, 0.0, 1.0, 1.0])
PROBABILITY = np.array([0.1, 0.2, 0.4, 0.4, 0.8])


def test_precision_and_recall_worked_by_hand():
    curve = precision_recall(OUTCOME, PROBABILITY)
    assert curve.threshold.tolist() == [0.1, 0.2, 0.4, 0.8]
    assert curve.precision.tolist() == pytest.approx([3 / 5, 3 / 4, 2 / 3, 1])
    assert curve.recall.tolist() == pytest.approx([1, 1, 2 / 3, 1 / 3])


def test_average_precision_worked_by_hand():
    # Recall gained from above: 1/3 at precision 1, 1/3 at 2/3, 1/3 at 3/4, none at 3/5.
    assert average_precision(OUTCOME, PROBABILITY) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)


@fast
@given(coarse)
def test_average_precision_is_the_area_of_the_steps(drawn):
    outcome, probability = drawn
    if not outcome.any():
        assert np.isnan(average_precision(outcome, probability))
        return
    curve = precision_recall(outcome, probability)
    gained = -np.diff(curve.recall, append=0)
    assert average_precision(outcome, probability) == pytest.approx(gained @ curve.precision)
    assert curve.recall[0] == 1
    assert curve.precision[0] == pytest.approx(outcome.mean())


def test_uninformative_average_precision_is_the_base_rate():
    assert average_precision(OUTCOME, np.full(5, 0.3)) == pytest.approx(3 / 5)


def test_recall_without_any_outcome_is_an_error():
    with pytest.raises(ValueError, match="outcome must be 1 in some row"):
        precision_recall(np.zeros(3), np.array([0.1, 0.2, 0.3]))
