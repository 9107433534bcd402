from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.base import clone

from features.catalogue.features import FEATURE_NAMES
from models.hazard.base import THRESHOLD
from models.hazard.boosting import BoostedHazard
from models.hazard.candidates import BREADTH_CORE, CANDIDATES
from models.hazard.leads import incidence
from tests.hazard_rows import (
    EVERY_DAY,
    driver_log_odds,
    synthetic,
)


@pytest.mark.parametrize("name", ["lightgbm", "lightgbm_all"])
def test_contributions_add_up(fitted, asked, name):
    # What is left, the share of the threshold, the lead and the training mean, hardly varies.
    model, rows = fitted[name], asked.assign(threshold=75.0)
    total = model.contributions(rows).sum(axis=1).to_numpy()
    rest = driver_log_odds(model, rows) - total
    assert total.std() > 0.2
    assert rest.std() < 0.2 * total.std()


def boosted(increasing=(), **settings):
    return BoostedHazard(("x",), increasing=increasing, min_rows=20, **settings)


def test_an_increasing_feature_never_lowers_the_hazard():
    X, targets = synthetic(600, lambda x: expit(-2 - x), seed=5)
    grid = pd.DataFrame({"x": np.linspace(-4, 4, 81), THRESHOLD: 75.0})
    free = boosted().fit(X, targets).hazards(grid)
    bound = boosted(increasing=("x",)).fit(X, targets).hazards(grid)
    assert (np.diff(free, axis=0) < 0).any()
    assert (np.diff(bound, axis=0) >= 0).all()


def test_an_increasing_feature_can_raise_the_hazard():
    X, targets = synthetic(600, lambda x: expit(-2 + x), seed=5)
    grid = pd.DataFrame({"x": [-2.0, 2.0], THRESHOLD: 75.0})
    hazards = boosted(increasing=("x",)).fit(X, targets).hazards(grid)
    assert (hazards[1] > hazards[0] + 0.1).all()


@pytest.mark.parametrize("name", ["lightgbm", "lightgbm_all"])
@pytest.mark.parametrize("feature", BREADTH_CORE)
def test_breadth_never_lowers_the_hazard(lead_rows, asked, name, feature):
    X, targets, weight = lead_rows
    model = clone(CANDIDATES[name].model).set_params(min_rows=10).fit(X, targets, weight)
    grid = np.linspace(-10, 110, 25)
    by_day = np.stack([
        incidence(model.predict_proba(asked.assign(**{feature: value})), EVERY_DAY)
        for value in grid
    ])  # fmt: skip
    assert (np.diff(by_day, axis=0) >= -1e-12).all()
    assert by_day.std() > 0


def test_a_higher_threshold_never_raises_the_hazard(lead_rows, asked):
    X, targets, weight = lead_rows
    model = clone(CANDIDATES["lightgbm"].model).set_params(min_rows=10).fit(X, targets, weight)
    partial, broad = (model._hazards(asked.assign(threshold=t)) for t in (50.0, 75.0))
    assert (partial >= broad).all()
    assert (partial > broad).any()


def test_the_seed_decides_the_columns_drawn(lead_rows, asked):
    X, targets, weight = lead_rows
    drawing = BoostedHazard(FEATURE_NAMES, min_rows=10, column_share=0.3)
    made = [
        clone(drawing).set_params(seed=seed).fit(X, targets, weight).predict_proba(asked)
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])
