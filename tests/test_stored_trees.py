"""Only what LightGBM itself could have written is given to its reader."""

from __future__ import annotations

import re

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.hazard.stored_trees import check_trees, only_trees

COLUMNS = 4


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    values = random.normal(size=(3000, COLUMNS))
    values[random.random(values.shape) < 0.1] = np.nan
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


@pytest.fixture(scope="module")
def trees(written) -> str:
    return only_trees(written)


def probabilities(text: str, rows: np.ndarray) -> np.ndarray:
    return np.asarray(lightgbm.Booster(model_str=text).predict(rows, num_threads=1))


def test_the_settings_of_training_change_no_prediction(written, trees, rows, capfd):
    assert len(trees) < len(written) / 1.5
    check_trees(trees, COLUMNS)
    assert np.array_equal(probabilities(trees, rows), probabilities(written, rows))
    assert capfd.readouterr() == ("", "")


def test_a_tree_without_a_split_is_one():
    plain = lightgbm.train(
        {"objective": "binary", "verbosity": -1, "monotone_constraints": [-1, 0]},
        lightgbm.Dataset(np.zeros((50, 2)), np.arange(50) % 2), 2,
    )  # fmt: skip
    check_trees(only_trees(plain.model_to_string()), 2)


def field(name: str, value: str):
    """Return a change of the first line of a name, which keeps the stated sizes true."""

    def change(text: str) -> str:
        return resized(re.sub(rf"^{name}=.*$", f"{name}={value}", text, count=1, flags=re.M))

    return change


def resized(text: str) -> str:
    sizes = map(len, re.split(r"^(?=Tree=)", text.removesuffix("end of trees\n"), flags=re.M)[1:])
    return re.sub(r"^tree_sizes=.*$", f"tree_sizes={' '.join(map(str, sizes))}", text, flags=re.M)


FORGED = {
    "a child that is its own parent": field("left_child", "0 0 0 0"),
    "a child with two parents": field("right_child", "2 -3 2 -5"),
    "a child that is not there": field("left_child", "1 -1 -2000000000 -2"),
    "a feature that is not there": field("split_feature", "2000000000 0 0 0"),
    "a column that is not there": field("max_feature_idx", "94"),
    "a leaf that is no number": field("leaf_value", "nan 0 0 0 0"),
    "a leaf too many": field("leaf_value", "0 0 0 0 0 0"),
    "a number of Python's alone": field("leaf_value", "1_0 0 0 0 0"),
    "more leaves than any": field("num_leaves", "2000000000"),
    "no leaf": field("num_leaves", "0"),
    "categories": field("decision_type", "1 10 10 10"),
    "linear trees": field("is_linear", "1"),
    "another objective": field("objective", "regression"),
    "another number": field("Tree", "7"),
    "a line more": lambda text: resized(text.replace("shrinkage=", "cat_threshold=1\nshrinkage=")),
    "a line twice": lambda text: resized(text.replace("num_cat=0", "num_cat=0\nnum_cat=0")),
    "a line less": lambda text: resized(re.sub(r"^internal_count=.*\n", "", text, flags=re.M)),
    "sizes of other trees": lambda text: text.replace("tree_sizes=", "tree_sizes=9"),
    "a tree cut off": lambda text: text[:900] + "end of trees\n",
    "letters that are no bytes": lambda text: text.replace("Column_0", "Cölumn_0"),
    "nothing": lambda text: "end of trees\n",
}


@pytest.mark.parametrize("name", FORGED)
def test_what_lightgbm_could_not_have_written_is_refused(name, trees):
    forged = FORGED[name](trees)
    assert forged != trees
    with pytest.raises(ValueError, match="model "):
        check_trees(forged, COLUMNS)


def test_resizing_alone_forges_nothing(trees):
    assert resized(trees) == trees


def test_text_without_an_end_is_refused(trees):
    with pytest.raises(ValueError, match="with its end"):
        only_trees(trees[:-5])


@given(st.data())
@settings(derandomize=True, deadline=None, max_examples=300)
def test_what_is_not_refused_can_be_predicted_with(trees, rows, data):
    lines = trees.split("\n")
    at = data.draw(st.integers(0, len(lines) - 1))
    name, _, values = lines[at].partition("=")
    words = values.split(" ")
    words[data.draw(st.integers(0, len(words) - 1))] = data.draw(
        st.sampled_from(["0", "1", "-1", "2", "-5", "7", "1e300", "-1e300", "inf", "nan", "x", ""])
    )
    forged = resized("\n".join([*lines[:at], f"{name}={' '.join(words)}", *lines[at + 1 :]]))
    try:
        check_trees(forged, COLUMNS)
    except ValueError:
        return
    found = probabilities(forged, rows)
    assert ((found >= 0) & (found <= 1)).all()
