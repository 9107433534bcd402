"""Contrasts, intervals, p-values, verdicts and the bootstrap of the calendar."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from models.verification.contrasts import (
    MIN_UNITS,
    episode_contrasts,
    next_onset,
    window_contrasts,
)
from models.verification.intervals import (
    Interval,
    difference_interval,
    p_value,
    resample_counts,
    skill_interval,
    verdict,
)
from models.verification.scores import skill

fast = settings(derandomize=True, deadline=None, max_examples=50)

WEEKS = pd.date_range("2017-01-03", periods=520, freq="7D", unit="s")
ROWS = WEEKS[:400]
ONSETS = WEEKS[[20, 70, 71, 120, 180, 250, 340]]


def overlapping(n, seed, length=13):
    """Return a series of mean 0 whose neighbours share all but one of `length` terms."""
    terms = np.random.default_rng(seed).normal(size=n + length - 1)
    return np.convolve(terms, np.ones(length), "valid") / np.sqrt(length)


def by_windows(rows=ROWS, *, horizon_days=91, step_days=7):
    return window_contrasts(rows, horizon_days=horizon_days, step_days=step_days)


def by_episodes(rows=ROWS, onsets=ONSETS):
    return episode_contrasts(next_onset(rows, onsets)[1])


UNITS = {"windows": by_windows, "episodes": by_episodes}
units = pytest.mark.parametrize("unit", list(UNITS))


def naive(score):
    return stats.norm.ppf(0.95) * score.std() / np.sqrt(len(score))


def student(values):
    return tuple(stats.ttest_1samp(values, 0.0).confidence_interval(0.90))


# Contrasts of windows


@pytest.mark.parametrize(
    ("horizon", "cosines"), [(7, 15), (90, 15), (91, 15), (94, 14), (180, 7), (365, 3)]
)
def test_cosines_are_independent_contrasts(horizon, cosines):
    # One for every two windows of at least 90 days among 2,800.
    weights, degrees = by_windows(horizon_days=horizon)
    assert len(weights) == degrees == cosines
    products = weights @ weights.T
    np.testing.assert_allclose(products, products[0, 0] * np.eye(len(weights)), atol=1e-12)
    np.testing.assert_allclose(weights.sum(axis=1), 0, atol=1e-12)
    # Steps without a row leave as many.
    kept = np.r_[0:60, 75:200, 230:231, 260:400]
    fewer, degrees = by_windows(WEEKS[kept], horizon_days=horizon)
    assert fewer.shape == (degrees, len(kept)) == (cosines, 326)
    np.testing.assert_allclose(fewer.sum(axis=1), 0, atol=1e-12)


def test_the_most_cosines_give_students_interval():
    # Four rows in 600 days hold three windows of 180 days, but none that overlap.
    days = pd.DatetimeIndex(["2017-01-01", "2017-05-31", "2017-10-28", "2018-03-27"])
    values = np.array([0.3, -0.1, 0.4, 0.2])
    contrasts = by_windows(days, horizon_days=1, step_days=150)
    made = difference_interval(values, np.zeros(4), contrasts)
    assert made[1:] == pytest.approx(student(values), rel=1e-4)


@pytest.mark.parametrize("horizon", [90, 180, 365])
@pytest.mark.parametrize("n", [400, 700])
def test_expected_variance_of_overlapping_windows(horizon, n):
    days = pd.date_range("2017-01-03", periods=n, freq="7D")
    shared = 1 - np.abs(np.subtract.outer(np.arange(n), np.arange(n))) * 7 / horizon
    covariance = np.maximum(shared, 0)
    weights, _ = by_windows(days, horizon_days=horizon)
    expected = np.trace(weights @ covariance @ weights.T)
    assert expected == pytest.approx(covariance.mean(), rel=0.06)
    blind, _ = by_windows(days, horizon_days=7)
    if horizon == 180:
        assert np.trace(blind @ covariance @ blind.T) < 0.8 * covariance.mean()


@pytest.mark.parametrize(("horizon", "weeks"), [(30, 65), (90, 65), (91, 65), (365, 261)])
def test_less_than_five_windows_have_no_error(horizon, weeks):
    enough = by_windows(WEEKS[:weeks], horizon_days=horizon)
    short = by_windows(WEEKS[: weeks - 1], horizon_days=horizon)
    assert enough.degrees == 2
    assert np.isnan(short.degrees)
    assert short.weights.shape == (1, weeks - 1)
    assert np.isnan(difference_interval(np.arange(weeks - 1.0), np.zeros(weeks - 1), short).low)


def test_as_few_rows_as_cosines_have_no_error():
    assert np.isnan(by_windows(WEEKS[[0, 100, 399]], horizon_days=365).degrees)
    assert by_windows(WEEKS[[0, 100, 200, 399]], horizon_days=365).degrees == 3
    # A calendar of just five windows suffices.
    days = pd.date_range("2017-01-03", periods=450)
    assert by_windows(days, horizon_days=90, step_days=1).degrees == 2
    assert np.isnan(by_windows(days[:-1], horizon_days=90, step_days=1).degrees)


# Contrasts of episodes


def test_the_next_onset_is_after_the_day():
    position, day = next_onset(WEEKS[[19, 20, 70, 399]], ONSETS)
    assert position.tolist() == [0, 1, 2, 7]
    assert day[:3].tolist() == [WEEKS[20], WEEKS[70], WEEKS[71]]
    assert day[3] is pd.NaT


@units
def test_rows_need_no_order(unit):
    order = np.random.default_rng(0).permutation(400)
    in_order, shuffled = UNITS[unit](ROWS), UNITS[unit](ROWS[order])
    np.testing.assert_array_equal(shuffled.weights, in_order.weights[:, order])


def test_over_equal_stretches_the_interval_is_students():
    score = overlapping(400, seed=1)
    contrasts = by_episodes(onsets=WEEKS[40:400:40])
    assert contrasts.degrees == pytest.approx(9)
    made = difference_interval(score, np.zeros(400), contrasts)
    assert made[1:] == pytest.approx(student(score.reshape(10, 40).mean(axis=1)))


def test_a_stretch_enters_its_contrast_whole():
    weights, _ = by_episodes()
    # A row on the day of an onset waits for the next one; those after the last are a stretch.
    stretch = np.repeat(np.arange(8), np.diff([0, 20, 70, 71, 120, 180, 250, 340, 400]))
    assert ((weights > 0) == (np.arange(8)[:, None] == stretch)).all()
    assert len(np.unique(weights)) == 2


def test_unequal_stretches_count_as_fewer():
    # Shares 1/2 and five times 1/10: 1 / (1/4 + 5/100) = 10/3 stretches are too few, and
    # 3/8 and five times 1/8 are 1 / (9/64 + 5/64) = 64/14.
    for lengths in ([50, *[10] * 5], [30, *[10] * 5]):
        ends = np.cumsum(lengths)
        assert np.isnan(by_episodes(WEEKS[: ends[-1]], WEEKS[ends[:-1]]).degrees)
    # 2/7 and five times 1/7: 49/9.
    ends = np.cumsum([20, *[10] * 5])
    contrasts = by_episodes(WEEKS[: ends[-1]], WEEKS[ends[:-1]])
    assert contrasts.degrees == pytest.approx(49 / 9 - 1)
    assert contrasts.weights.max() == pytest.approx(np.sqrt(49 / 40) / 70)


def test_fewer_than_five_stretches_have_no_error():
    enough = by_episodes(WEEKS[:250], WEEKS[[50, 100, 150, 200]])
    few = by_episodes(WEEKS[:200], WEEKS[[50, 100, 150]])
    assert enough.degrees == pytest.approx(MIN_UNITS - 1)
    assert few.weights.shape == (1, 200)
    assert np.isnan(few.weights).all()
    # Stretches without rows do not count.
    assert np.isnan(by_episodes(WEEKS[:100], WEEKS[100:200:10]).degrees)


def test_episode_intervals_cover_the_true_difference():
    # Each of 14 stretches has an effect of its own, which days cannot average away.
    random = np.random.default_rng(0)
    length = random.integers(8, 50, 14)
    n = length.sum()
    rows = pd.date_range("2017-01-03", periods=n, freq="7D", unit="s")
    contrasts = by_episodes(rows, rows[np.cumsum(length)[:-1]])
    covered = []
    for _ in range(1000):
        score = np.repeat(random.normal(size=14), length) + random.normal(size=n)
        interval = difference_interval(score, np.zeros(n), contrasts)
        covered.append((interval.low <= 0 <= interval.high, abs(score.mean()) <= naive(score)))
    episodes, days = np.mean(covered, axis=0)
    assert 0.87 < episodes < 0.93
    assert days < 0.5


# Skill


@fast
@given(st.integers(0, 10_000), st.floats(0.1, 10))
def test_against_a_constant_reference_skill_is_a_difference(seed, constant):
    score, reference = np.random.default_rng(seed).random(400), np.full(400, constant)
    skills = skill_interval(score, reference, by_windows())
    value, low, high = difference_interval(score, reference, by_windows())
    assert skills == pytest.approx((-value / constant, -high / constant, -low / constant))


def test_the_error_of_a_skill_is_linearised():
    score, reference = np.random.default_rng(0).random((2, 400))

    def skill_of(weight):
        return 1 - (weight * score).sum() / (weight * reference).sum()

    # How the skill moves where one row counts a little more, times the rows.
    step = 1e-6
    moved = [skill_of(1 + step * (np.arange(400) == row)) for row in range(400)]
    influence = 400 * (np.array(moved) - skill_of(np.ones(400))) / step
    made = skill_interval(score, reference, by_windows())
    reach = stats.t.ppf(0.95, 15) * by_windows().error(influence)
    assert made.high - made.value == pytest.approx(reach, rel=1e-4)


def test_intervals_hold_the_value_and_are_nested():
    score, reference = np.random.default_rng(1).random((2, 400))
    wide = skill_interval(score, reference, by_windows())
    narrow = skill_interval(score, reference, by_windows(), level=0.5)
    assert wide.value == narrow.value == pytest.approx(skill(score.mean(), reference.mean()))
    assert wide.low < narrow.low < wide.value < narrow.high < wide.high


def test_a_perfect_reference_gives_no_skill():
    assert np.isnan(skill_interval(np.ones(400), np.zeros(400), by_windows())).all()


# Paired differences


@fast
@given(st.integers(0, 10_000), st.floats(-3, 3), st.sampled_from(list(UNITS)))
def test_exchanging_the_forecasts_reverses_the_difference(seed, shift, unit):
    first, second = np.random.default_rng(seed).normal(size=(2, 400))
    first = first + shift
    there = difference_interval(first, second, UNITS[unit]())
    back = difference_interval(second, first, UNITS[unit]())
    assert there == pytest.approx((-back.value, -back.high, -back.low))
    opposite = {"better": "worse", "worse": "better", "cannot tell": "cannot tell"}
    verdicts = [verdict(interval, lower_is_better=True) for interval in (there, back)]
    assert verdicts[1] == opposite[verdicts[0]]


@units
def test_equal_forecasts_differ_by_nothing(unit):
    score, contrasts = overlapping(400, seed=3), UNITS[unit]()
    interval = difference_interval(score, score, contrasts)
    assert interval == (0.0, 0.0, 0.0)
    assert verdict(interval, lower_is_better=True) == "cannot tell"
    assert skill_interval(score**2, score**2, contrasts) == (0.0, 0.0, 0.0)


def test_pairing_cancels_what_both_forecasts_share():
    shared, rest = overlapping(400, seed=4), 0.1 * overlapping(400, seed=5)
    paired = difference_interval(shared + rest, shared, by_windows())
    alone = difference_interval(shared + rest, np.zeros(400), by_windows())
    assert paired.high - paired.low < 0.2 * (alone.high - alone.low)


def test_an_infinite_score_has_no_interval():
    first, second = np.full(400, 0.5), overlapping(400, seed=0) ** 2
    first[7] = np.inf
    contrasts = by_windows()
    for interval, value in (
        (difference_interval(first, second, contrasts), np.inf),
        (difference_interval(second, first, contrasts), -np.inf),
        (difference_interval(first, first, contrasts), np.nan),
        (skill_interval(first, second, contrasts), -np.inf),
        (skill_interval(second, first, contrasts), np.nan),
    ):
        assert interval == pytest.approx((value, np.nan, np.nan), nan_ok=True)
        assert verdict(interval) == "cannot tell"
    assert np.isnan(p_value(first, second, contrasts))


@pytest.mark.parametrize(
    ("low", "high", "of_skill", "of_difference"),
    [
        (0.1, 0.3, "better", "worse"),
        (-0.3, -0.1, "worse", "better"),
        (-0.1, 0.3, "cannot tell", "cannot tell"),
        (0.0, 0.3, "cannot tell", "cannot tell"),
        (-0.3, 0.0, "cannot tell", "cannot tell"),
        (np.nan, np.nan, "cannot tell", "cannot tell"),
    ],
)
def test_a_verdict_needs_the_whole_interval(low, high, of_skill, of_difference):
    interval = Interval(0.0, low, high)
    assert verdict(interval) == of_skill
    assert verdict(interval, lower_is_better=True) == of_difference


# The test of Diebold and Mariano


def test_the_p_value_is_students():
    first, second = overlapping(400, 1), overlapping(400, 2)
    value = (first - second).mean()
    statistic = value / by_windows().error(first - second - value)
    assert p_value(first, second, by_windows()) == pytest.approx(
        2 * stats.t.cdf(-abs(statistic), 15)
    )


@fast
@given(st.integers(0, 10_000), st.floats(-0.6, 0.6))
def test_p_value_and_interval_agree_on_zero(seed, shift):
    first, second = overlapping(400, seed) + shift, overlapping(400, seed + 1)
    apart = verdict(difference_interval(first, second, by_windows())) != "cannot tell"
    assert (p_value(first, second, by_windows()) < 0.10) == apart


@fast
@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-10, 10))
def test_the_p_value_knows_no_unit_and_no_order(seed, scale, shift):
    first, second = np.random.default_rng(seed).normal(size=(2, 80))
    order = np.random.default_rng(seed).permutation(80)
    in_order, shuffled = (by_windows(days, horizon_days=30) for days in (ROWS[:80], ROWS[order]))
    plain = p_value(first, second, in_order)
    assert p_value(scale * first + shift, scale * second + shift, in_order) == pytest.approx(
        plain, rel=1e-6
    )
    assert p_value(second[order], first[order], shuffled) == pytest.approx(plain)


def test_true_hypotheses_are_seldom_rejected_though_windows_overlap():
    # 300 weeks of 400 at random; scores of windows of 91 days differ by nothing in expectation.
    kept = np.sort(np.random.default_rng(0).permutation(400)[:300])
    contrasts = by_windows(WEEKS[kept])
    rejected = []
    for seed in range(1000):
        score = overlapping(400, seed)[kept]
        p = p_value(score, np.zeros(300), contrasts)
        rejected.append((p < 0.10, abs(score.mean()) > naive(score)))
    fitting, days = np.mean(rejected, axis=0)
    assert 0.07 < fitting < 0.13
    assert days > 0.4
    assert p_value(overlapping(400, seed=2) - 1.5, np.zeros(400), by_windows()) < 0.01


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_a_constant_difference_cannot_be_tested(shift):
    assert np.isnan(p_value(np.arange(400.0) + shift, np.arange(400.0), by_windows()))


# The bootstrap of the calendar


def drawn(rows=WEEKS, *, block_days=90, step_days=7, resamples=50, seed=0):
    return resample_counts(
        rows, block_days=block_days, step_days=step_days, resamples=resamples, seed=seed
    )


def test_a_resample_is_as_long_as_the_calendar():
    counts = drawn()
    assert counts.shape == (50, 520)
    assert (counts.sum(axis=1) == 520).all()
    assert (counts == counts.round()).all()


def test_rows_of_one_step_stay_together_and_gaps_are_resampled_too():
    twice = drawn(WEEKS.repeat(2))
    assert (twice[:, ::2] == twice[:, 1::2]).all()
    kept = np.r_[0:40, 300:520]
    assert (drawn(WEEKS[kept]) == drawn()[:, kept]).all()
    order = np.random.default_rng(0).permutation(520)
    assert (drawn(WEEKS[order]) == drawn()[:, order]).all()


def test_the_seed_decides_the_resamples():
    assert (drawn(seed=1) == drawn(seed=1)).all()
    assert (drawn(seed=1) != drawn(seed=2)).any()


@pytest.mark.parametrize("block_days", [28, 91, 182])
def test_blocks_have_the_mean_length_asked_for(block_days):
    # Neighbours are drawn together unless a block ends between them, so counts k steps apart
    # correlate like (1 - step / block)**k, less a part that shrinks with the calendar's length.
    deviation = drawn(block_days=block_days, resamples=4000) - 1
    together = (deviation[:, 1:] * deviation[:, :-1]).mean() / (deviation**2).mean()
    assert 7 / (1 - together) == pytest.approx(block_days, rel=0.2)


def test_blocks_wrap_at_the_end_of_the_calendar():
    counts = drawn(block_days=182, resamples=4000)
    assert np.corrcoef(counts[:, 0], counts[:, -1])[0, 1] > 0.9
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.12)
    single = drawn(block_days=7, resamples=2000)
    assert abs(np.corrcoef(single[:, 0], single[:, 1])[0, 1]) < 0.1


def test_variance_is_politis_and_romanos():
    # Their closed form for a mean: 1/n (R0 + 2 sum b(i) R(i)), with the sample autocovariances R
    # and b(i) = (1 - i/n) (1 - p)**i + i/n (1 - p)**(n - i), p = step / block.
    n, p = 150, 7 / 91
    score = overlapping(n, seed=0)
    deviation, lag = score - score.mean(), np.arange(1, n)
    R = np.correlate(deviation, deviation, "full")[n - 1 :] / n
    b = (1 - lag / n) * (1 - p) ** lag + lag / n * (1 - p) ** (n - lag)
    expected = (R[0] + 2 * b @ R[1:]) / n
    counts = drawn(WEEKS[:n], block_days=91, resamples=20_000)
    assert (counts @ score / n).var() == pytest.approx(expected, rel=0.04)


def test_the_bootstrap_percentiles_are_those_of_arch():
    # arch 8.0.0, score as below:
    # draws = StationaryBootstrap(13, score, seed=0).apply(np.mean, 20_000)
    # np.quantile(draws, [0.05, 0.95])
    golden = [-0.34798515, 0.08049581]
    score = overlapping(400, seed=0)
    means = drawn(ROWS, block_days=91, resamples=20_000) @ score / 400
    np.testing.assert_allclose(np.quantile(means, [0.05, 0.95]), golden, rtol=0, atol=0.006)
