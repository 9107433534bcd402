"""LightGBM's hazards: monotone, seeded, and stored as text that LightGBM can only read rightly."""

from __future__ import annotations

import re

import lightgbm
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.base import clone

from features.catalogue.features import FEATURE_NAMES
from models.hazard.base import THRESHOLD
from models.hazard.boosting import BoostedHazard, safe_trees
from models.hazard.candidates import BREADTH_CORE, CANDIDATES
from models.hazard.leads import incidence
from tests.hazard_rows import EVERY_DAY, driver_log_odds, synthetic


def test_contributions_add_up(fitted, asked):
    # What is left, the share of the threshold, the lead and the training mean, hardly varies.
    model, rows = fitted["lightgbm_all"], asked.assign(threshold=75.0)
    total = model.contributions(rows).sum(axis=1).to_numpy()
    rest = driver_log_odds(model, rows) - total
    assert total.std() > 0.2
    assert rest.std() < 0.2 * total.std()


def test_an_increasing_feature_never_lowers_the_hazard():
    def boosted(increasing, slope):
        X, targets = synthetic(600, lambda x: expit(-2 + slope * x), seed=5)
        grid = pd.DataFrame({"x": np.linspace(-4, 4, 81), THRESHOLD: 75.0})
        model = BoostedHazard(("x",), increasing=increasing, min_rows=20)
        return model.fit(X, targets).hazards(grid)

    assert (np.diff(boosted((), -1), axis=0) < 0).any()
    assert (np.diff(boosted(("x",), -1), axis=0) >= 0).all()
    rising = boosted(("x",), 1)
    assert (rising[60] > rising[20] + 0.1).all()


def test_theory_gives_breadth_and_threshold_their_signs(lead_rows, asked):
    X, targets, weight = lead_rows
    model = clone(CANDIDATES["lightgbm"].model).set_params(min_rows=10).fit(X, targets, weight)
    for feature in BREADTH_CORE:
        by_day = np.stack([
            incidence(model.predict_proba(asked.assign(**{feature: value})), EVERY_DAY)
            for value in np.linspace(-10, 110, 13)
        ])  # fmt: skip
        assert (np.diff(by_day, axis=0) >= -1e-12).all()
        assert by_day.std() > 0
    partial, broad = (model._hazards(asked.assign(threshold=t)) for t in (50.0, 75.0))
    assert (partial >= broad).all()
    assert (partial > broad).any()


def test_the_seed_decides_the_columns_drawn(lead_rows, asked):
    X, targets, weight = lead_rows
    drawing = BoostedHazard(FEATURE_NAMES, min_rows=10, column_share=0.3, trees=(20,))
    made = [
        drawing.unfitted(seed=seed).fit(X, targets, weight).predict_proba(asked)
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])


# --- trees as text -------------------------------------------------------------------------------


COLUMNS = 4


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    values = np.random.default_rng(0).normal(size=(500, COLUMNS))
    values[::5, 1] = np.nan
    return values


@pytest.fixture(scope="module")
def written(rows) -> str:
    """What LightGBM writes of four trees, settings included."""
    outcome = (np.random.default_rng(1).random(len(rows)) < 0.3 + 0.3 * (rows[:, 0] > 0)) * 1
    asked = {
        "objective": "binary", "num_leaves": 5, "monotone_constraints": [1, 0, -1, 0],
        "verbosity": -1, "deterministic": True, "num_threads": 1, "force_row_wise": True,
    }  # fmt: skip
    return lightgbm.train(asked, lightgbm.Dataset(rows, outcome), 4).model_to_string()


def answers(text: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    booster = lightgbm.Booster(model_str=text)
    predicted = [booster.predict(rows, pred_contrib=by, num_threads=1) for by in (False, True)]
    return np.asarray(predicted[0]), np.asarray(predicted[1])


def test_trees_written_anew_answer_the_same(written, rows, capfd):
    safe = safe_trees(written, COLUMNS)
    assert len(safe) < len(written) / 2
    assert safe_trees(safe, COLUMNS) == safe
    for mine, theirs in zip(answers(safe, rows), answers(written, rows), strict=True):
        assert np.array_equal(mine, theirs)
    assert capfd.readouterr() == ("", "")


def test_a_tree_without_a_split_is_a_tree():
    plain = lightgbm.train(
        {"objective": "binary", "verbosity": -1, "monotone_constraints": [-1, 0]},
        lightgbm.Dataset(np.zeros((50, 2)), np.arange(50) % 2), 2,
    )  # fmt: skip
    text = safe_trees(plain.model_to_string(), 2)
    assert np.array_equal(answers(text, np.zeros((3, 2)))[0], [0.5] * 3)


FORGED = {
    "a child that is its own parent": ("left_child", "0 0 0 0"),
    "a child with two parents": ("right_child", "2 -3 2 -5"),
    "a child that is not there": ("left_child", "1 -1 -2000000000 -2"),
    "a feature that is not there": ("split_feature", "2000000000 0 0 0"),
    "a feature below 0": ("split_feature", "-1 0 0 0"),
    "a leaf that is no number": ("leaf_value", "nan 0 0 0 0"),
    "a leaf too many": ("leaf_value", "0 0 0 0 0 0"),
    "a number of Python's alone": ("leaf_value", "1_0 0 0 0 0"),
    "no leaf": ("leaf_value", ""),
    "categories": ("decision_type", "1 10 10 10"),
}


@pytest.mark.parametrize("name", FORGED)
def test_trees_that_could_mislead_lightgbm_are_refused(name, written):
    line, value = FORGED[name]
    forged = re.sub(rf"^{line}=.*$", f"{line}={value}", written, count=1, flags=re.MULTILINE)
    assert forged != written
    with pytest.raises(ValueError, match="tree"):
        safe_trees(forged, COLUMNS)
    assert safe_trees(written.replace("num_leaves=5", "num_leaves=99"), COLUMNS) == (
        safe_trees(written, COLUMNS)
    )
    for cut in (written[:900], "", "tree\nend of trees\n"):
        with pytest.raises(ValueError, match="end of trees"):
            safe_trees(cut, COLUMNS)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.data())
def test_what_is_not_refused_can_be_predicted_with(written, rows, data):
    lines = written.partition("end of trees")[0].split("\n")
    at = data.draw(st.integers(0, len(lines) - 1))
    name, _, values = lines[at].partition("=")
    words = values.split(" ")
    words[data.draw(st.integers(0, len(words) - 1))] = data.draw(
        st.sampled_from(["0", "1", "-1", "2", "-5", "7", "1e300", "-1e300", "inf", "nan", "x", ""])
    )
    forged = "\n".join([*lines[:at], f"{name}={' '.join(words)}", *lines[at + 1 :]])
    try:
        safe = safe_trees(f"{forged}end of trees\n", COLUMNS)
    except ValueError:
        return
    chances, _ = answers(safe, rows[:50])
    assert ((chances >= 0) & (chances <= 1)).all()
