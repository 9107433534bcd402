"""The logistic hazard: scikit-learn's own, recovered, shrunk, blind to what never varied."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from models.hazard.base import THRESHOLD
from models.hazard.leads import N_LEADS
from models.hazard.logistic import LogisticHazard
from tests.hazard_rows import driver_log_odds, every_candidate, synthetic


def by_scikit_learn(X, targets, weight):
    """Hazards of the same penalised regression, fitted to a design built row by row."""

    def standardised(column):
        mean = np.average(column, weights=weight)
        return (column - mean) / np.sqrt(np.average((column - mean) ** 2, weights=weight))

    x, threshold = standardised(X["x"].to_numpy()), standardised(X[THRESHOLD].to_numpy())
    x = np.clip(x, -3, 3)

    def design(row, lead):
        block = [float(lead == 1), float(lead == 2), float(lead == 3), float(lead >= 4)]
        return [value * b for value in (1.0, x[row], threshold[row]) for b in block]

    rows, onsets, weights = [], [], []
    for row, (onset_lead, known) in enumerate(targets):
        for lead in range(1, known + 1):
            rows.append(design(row, lead))
            onsets.append(lead == onset_lead)
            weights.append(weight[row])
            if lead == onset_lead:
                break
    oracle = LogisticRegression(C=0.5, tol=1e-9, max_iter=5000)
    oracle.fit(rows, onsets, sample_weight=weights)
    leads = range(1, N_LEADS + 1)
    return np.array(
        [oracle.predict_proba([design(row, lead) for lead in leads])[:, 1] for row in range(len(X))]
    )


def test_scikit_learn_agrees():
    random = np.random.default_rng(3)
    n = 150
    X, targets = synthetic(n, lambda x: expit(-2 + x), seed=3)
    X[THRESHOLD] = random.choice([50.0, 75.0], n)
    targets[:, 1] = random.integers(1, N_LEADS + 1, n)
    targets[:, 0] = np.where(targets[:, 0] <= targets[:, 1], targets[:, 0], 0)
    weight = random.uniform(0.5, 2, n)

    expected = by_scikit_learn(X, targets, weight)
    model = LogisticHazard(("x",), C=0.5).fit(X, targets, weight)
    # The order of the thresholds binds on rows of the lower one only.
    higher = (X[THRESHOLD] == 75).to_numpy()
    np.testing.assert_allclose(model.hazards(X)[higher], expected[higher], rtol=0, atol=2e-3)
    assert (model.hazards(X)[~higher] - expected[~higher] >= -2e-3).all()


def test_a_known_hazard_is_recovered_as_rows_grow():
    grid = np.linspace(-2, 2, 21)
    truth = expit(-2.5 + 0.8 * grid)
    asked = pd.DataFrame({"x": grid, THRESHOLD: 75.0})
    errors = []
    for n in (150, 1500, 15000):
        X, targets = synthetic(n, lambda x: expit(-2.5 + 0.8 * x), seed=1)
        hazards = LogisticHazard(("x",)).fit(X, targets).hazards(asked)
        errors.append(np.abs(hazards - truth[:, None]).mean())
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.01


def test_noise_gets_no_weight():
    random = np.random.default_rng(2)
    n = 5000
    X, targets = synthetic(n, lambda x: expit(-2.5 + 0.8 * x), seed=1, noise=random.normal(size=n))
    shares = LogisticHazard(("x", "noise")).fit(X, targets).contributions(X).abs().mean()
    assert shares["x"] > 0.4
    assert shares["noise"] < 0.1


@pytest.mark.parametrize("name", ["persistence", "logistic_all"])
def test_contributions_add_up(fitted, asked, name):
    model = fitted[name]
    # Of the highest threshold no order lifts the hazard.
    rows = asked.assign(threshold=75.0)
    mean = pd.DataFrame([model.mean_[:-1]], columns=model.feature_names()).assign(threshold=75.0)
    contributions = model.contributions(rows)
    assert contributions.columns.tolist() == model.feature_names()
    expected = driver_log_odds(model, rows) - driver_log_odds(model, mean)
    np.testing.assert_allclose(contributions.sum(axis=1), expected, rtol=0, atol=1e-9)
    assert contributions.abs().to_numpy().max() > 0.1


@every_candidate
def test_a_missing_value_contributes_nothing(fitted, asked, name):
    model = fitted[name]
    contributions = model.contributions(asked)
    assert contributions.index.equals(asked.index)
    assert np.isfinite(contributions.to_numpy()).all()
    if isinstance(model, LogisticHazard):
        absent = asked[contributions.columns].isna()
        assert (contributions[absent].fillna(0) == 0).all(axis=None)


def test_three_deviations_are_the_most(fitted, asked):
    model = fitted["persistence"]
    middle = asked.iloc[[5]].assign(threshold=75.0)
    ends = model.mean_[0] + np.array([3.0, 4.0, 1e9, 2.9]) * model.deviation_[0]
    hazards = [model.hazards(middle.assign(season_index=end))[0] for end in ends]
    np.testing.assert_allclose(hazards[1:3], [hazards[0]] * 2, rtol=1e-12)
    assert hazards[3][0] < hazards[0][0]


@pytest.mark.parametrize("constant", [0.1, 1e9, np.nan])
def test_a_feature_that_never_varied_says_nothing(lead_rows, constant):
    X, targets, weight = lead_rows
    X = X[["season_index", THRESHOLD]].assign(flat=constant)
    model = LogisticHazard(("season_index", "flat")).fit(X, targets, weight)
    without = LogisticHazard(("season_index",)).fit(X, targets, weight)
    np.testing.assert_allclose(model.hazards(X), without.hazards(X), rtol=0, atol=1e-3)
    # Standardised by 1 where nothing varied: a step of 1 or more moves it no further than that.
    moved = X.assign(flat=np.nan_to_num(constant) + np.fmax(1.0, constant))
    assert (model.contributions(moved)["flat"].abs() < 1e-3).all()


def test_other_features_are_shrunk_by_their_scale():
    X, targets = synthetic(400, lambda x: expit(-2.5 + 0.8 * x), seed=4, flat=0.0)
    spread = [
        LogisticHazard(("flat",), others=("x",), scales=(scale,)).fit(X, targets).hazards(X).std()
        for scale in (0.01, 0.1, 1.0)
    ]
    direct = LogisticHazard(("flat", "x")).fit(X, targets).hazards(X).std()
    assert spread[0] < spread[1] < spread[2]
    assert spread[2] == pytest.approx(direct, rel=1e-3)
