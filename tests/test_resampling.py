from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.verification.intervals import resample_counts

WEEKS = pd.date_range("2017-01-03", periods=520, freq="7D", unit="s")


def overlapping(n, seed, length=13):
    """Return a series of mean 0 whose neighbours share all but one of `length` terms."""
    terms = np.random.default_rng(seed).normal(size=n + length - 1)
    return np.convolve(terms, np.ones(length), "valid") / np.sqrt(length)


def test_a_resample_is_as_long_as_the_calendar():
    counts = resample_counts(WEEKS, block_days=90, step_days=7, resamples=50)
    assert counts.shape == (50, 520)
    assert (counts.sum(axis=1) == 520).all()
    assert (counts == counts.round()).all()


def test_steps_without_a_row_are_resampled_too():
    every = resample_counts(WEEKS, block_days=90, step_days=7, resamples=50, seed=3)
    kept = np.r_[0:40, 300:520]
    some = resample_counts(WEEKS[kept], block_days=90, step_days=7, resamples=50, seed=3)
    assert (some == every[:, kept]).all()


def test_rows_of_one_step_stay_together():
    counts = resample_counts(WEEKS.repeat(2), block_days=90, step_days=7, resamples=50)
    assert (counts[:, ::2] == counts[:, 1::2]).all()
    assert (counts.sum(axis=1) == 1040).all()


def test_rows_need_no_order():
    order = np.random.default_rng(0).permutation(520)
    counts = resample_counts(WEEKS, block_days=90, step_days=7, resamples=20)
    shuffled = resample_counts(WEEKS[order], block_days=90, step_days=7, resamples=20)
    assert (shuffled == counts[:, order]).all()


def test_the_seed_decides_the_resamples():
    drawn = [
        resample_counts(WEEKS, block_days=90, step_days=7, resamples=20, seed=seed)
        for seed in (1, 1, 2)
    ]
    assert (drawn[0] == drawn[1]).all()
    assert (drawn[0] != drawn[2]).any()


@pytest.mark.parametrize("block_days", [28, 91, 182])
def test_blocks_have_the_mean_length_asked_for(block_days):
    # Neighbours are drawn together unless a block ends between them, so counts k steps apart
    # correlate like (1 - step / block)**k, less a part that shrinks with the calendar's length.
    counts = resample_counts(WEEKS, block_days=block_days, step_days=7, resamples=4000)
    deviation = counts - 1
    together = (deviation[:, 1:] * deviation[:, :-1]).mean() / (deviation**2).mean()
    assert 7 / (1 - together) == pytest.approx(block_days, rel=0.2)


def test_blocks_wrap_at_the_end_of_the_calendar():
    counts = resample_counts(WEEKS, block_days=182, step_days=7, resamples=4000)
    assert np.corrcoef(counts[:, 0], counts[:, -1])[0, 1] > 0.9
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.12)


def test_short_blocks_draw_single_steps():
    counts = resample_counts(WEEKS, block_days=7, step_days=7, resamples=2000)
    assert abs(np.corrcoef(counts[:, 0], counts[:, 1])[0, 1]) < 0.1


def test_variance_is_politis_and_romanos():
    # Their closed form for a mean: 1/n (R0 + 2 sum b(i) R(i)), with the sample autocovariances R
    # and b(i) = (1 - i/n) (1 - p)**i + i/n (1 - p)**(n - i), p = step / block.
    n, p = 150, 7 / 91
    score = overlapping(n, seed=0)
    deviation, lag = score - score.mean(), np.arange(1, n)
    R = np.correlate(deviation, deviation, "full")[n - 1 :] / n
    b = (1 - lag / n) * (1 - p) ** lag + lag / n * (1 - p) ** (n - lag)
    expected = (R[0] + 2 * b @ R[1:]) / n
    counts = resample_counts(WEEKS[:n], block_days=91, step_days=7, resamples=20_000)
    assert (counts @ score / n).var() == pytest.approx(expected, rel=0.04)


def test_the_bootstrap_percentiles_are_those_of_arch():
    # arch 8.0.0, score as below:
    # draws = StationaryBootstrap(13, score, seed=0).apply(np.mean, 20_000)
    # np.quantile(draws, [0.05, 0.95])
    golden = [-0.34798515, 0.08049581]
    score = overlapping(400, seed=0)
    counts = resample_counts(WEEKS[:400], block_days=91, step_days=7, resamples=20_000)
    drawn = np.quantile(counts @ score / 400, [0.05, 0.95])
    np.testing.assert_allclose(drawn, golden, rtol=0, atol=0.006)
