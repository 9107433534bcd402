from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from sklearn.base import clone

from models.hazard.candidates import CANDIDATES
from models.hazard.leads import LEAD_DAYS, N_LEADS
from models.hazard.stacking import PRIOR_MONTHS, SHARES, mixture_weights
from models.hazard.tuning import split_at
from tests.hazard_rows import (
    SIMULATED,
)


def test_mixture_weights_agree_with_an_optimiser():
    random = np.random.default_rng(3)
    likelihood, months = random.uniform(0.02, 0.98, size=(60, 3)), random.uniform(0.1, 1.0, 60)

    def loss(free):
        weights = np.exp(free) / np.exp(free).sum()
        fit = months @ np.log(likelihood @ weights)
        return -fit - PRIOR_MONTHS / 3 * np.log(weights).sum()

    best = minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-8}).x
    expected = np.exp(best) / np.exp(best).sum()
    assert np.ptp(expected) > 0.05
    np.testing.assert_allclose(mixture_weights(likelihood, months), expected, rtol=0, atol=1e-5)


def test_evidence_moves_the_mixture_to_the_truth():
    nothing = mixture_weights(np.empty((0, 3)), np.empty(0))
    np.testing.assert_allclose(nothing, 1 / 3)
    random = np.random.default_rng(0)
    truth, rival = random.uniform(0.05, 0.6, size=(2, 4000))
    began = random.random(4000) < truth
    likelihood = np.column_stack([np.where(began, h, 1 - h) for h in (truth, rival)])
    assert mixture_weights(likelihood, np.ones(4000))[0] > 0.95


def test_the_stack_is_a_weighted_mean(fitted, asked):
    stack, rows = fitted["stack"], asked.assign(threshold=75.0).dropna(subset=SIMULATED)
    members = [fitted[name].hazards(rows) for name in ("climatology", "logistic", "simulation")]
    # Before the thresholds are put in order, which lifts the far-off row of the fixture.
    raw = stack._hazards(rows)
    for lead in range(N_LEADS):
        expected = sum(
            weight * member[:, lead]
            for weight, member in zip(stack.weights_[min(lead, 3)], members, strict=True)
        )
        np.testing.assert_allclose(raw[:, lead], expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.sum(stack.weights_, axis=1), 1, rtol=0, atol=1e-12)
    assert np.ptp(stack.weights_) > 0.01


def test_weights_learn_from_known_outcomes_only(lead_rows):
    X, targets, weight = lead_rows
    days = X.index.unique().sort_values()
    for share, end in ((1 / 2, 2 / 3), (5 / 6, 1.0)):
        earlier, train, valid = split_at(X, targets, weight, share, end)
        split = days[int(share * len(days))]
        assert X.index[valid].min() == split
        assert not (train & valid).any()
        resolved = X.index[train] + pd.to_timedelta(LEAD_DAYS * earlier[train, 1], unit="D")
        assert (resolved <= split).all()
        assert (earlier[train, 1] <= targets[train, 1]).all()


def test_judged_parts_do_not_overlap(lead_rows):
    X, targets, weight = lead_rows
    parts = [split_at(X, targets, weight, a, b)[2] for a, b in pairwise((*SHARES, 1.0))]
    assert (np.sum(parts, axis=0) <= 1).all()
    days = X.index.unique().sort_values()
    judged = X.index[np.any(parts, axis=0)].unique()
    assert len(judged) == len(days) - len(days) // 2


def test_a_short_window_gives_equal_weights(lead_rows):
    X, _, weight = lead_rows
    first = X.index < X.index[0] + pd.Timedelta(days=200)
    onset = np.where(np.arange(first.sum()) == first.sum() - 1, 1, 0)
    late = np.column_stack([onset, np.ones_like(onset)])
    stack = clone(CANDIDATES["stack"].model).fit(X[first], late, weight[first])
    np.testing.assert_allclose(stack.weights_, 1 / 3)


def test_settled_stacks_keep_their_weights(lead_rows, fitted):
    X, targets, weight = lead_rows
    again = fitted["stack"].settled().fit(X, targets, np.where(np.arange(len(X)) % 2, weight, 0.0))
    assert again.weights_ == fitted["stack"].weights_
    assert len(fitted["stack"].chosen()) == 12
