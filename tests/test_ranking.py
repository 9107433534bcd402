"""The AUC of overlapping windows and its interval."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from models.verification.contrasts import Contrasts, window_contrasts
from models.verification.ranking import auc_interval

MONTHS = pd.date_range("2017-01-03", periods=118, freq="28D")


def alone(n):
    """Return contrasts of rows that have nothing in common."""
    return Contrasts(np.eye(n) / n, 1e9)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
def test_its_value_is_that_of_scikit_learn(rows):
    outcome, probability = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    found = auc_interval(outcome, probability, alone(len(rows)))
    if 0 < outcome.sum() < len(outcome):
        assert found.value == pytest.approx(roc_auc_score(outcome, probability))
        assert 0 <= found.low <= found.value <= found.high <= 1
    else:
        assert np.isnan(found).all()


def test_rows_in_isolation_have_the_error_of_delong():
    random = np.random.default_rng(0)
    outcome = (random.random(200) < 0.3).astype(float)
    probability = random.normal(size=200) + outcome
    yes, no = probability[outcome > 0], probability[outcome == 0]
    # DeLong's variance, the two sides apart; at n degrees rather than n - 1.
    won = np.array([(no < each).mean() for each in yes])
    lost = np.array([(yes > each).mean() for each in no])
    error = np.sqrt(won.var() / len(yes) + lost.var() / len(no))
    found = auc_interval(outcome, probability, alone(200))
    assert found.high - found.value == pytest.approx(1.6449 * error, rel=1e-3)


def slow(random, months):
    """Return noise whose neighbours share all but one of so many terms."""
    terms = np.cumsum(random.normal(size=len(MONTHS) + months))
    return terms[months:] - terms[:-months]


@pytest.mark.parametrize(("horizon", "months"), [(90, 4), (365, 13)])
def test_slow_noise_is_seldom_significant(horizon, months):
    contrasts = window_contrasts(MONTHS, horizon_days=horizon, step_days=28)
    random, held, naive = np.random.default_rng(1), [], []
    for _ in range(300):
        outcome = (slow(random, months) > 0).astype(float)
        if not 0 < outcome.sum() < len(outcome):
            continue
        forecast = slow(random, months)
        for found, each in ((held, contrasts), (naive, alone(len(MONTHS)))):
            interval = auc_interval(outcome, forecast, each)
            found.append(interval.low <= 0.5 <= interval.high)
    # Nominal 90 %; a true 90 % is seen at 85 % or more in 99 of 100 such studies.
    assert np.mean(held) > 0.85
    assert np.mean(naive) < 0.75
