"""What every candidate promises: probabilities in order, scikit-learn's protocol, plain values."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline

from models.hazard.base import THRESHOLD, once_a_day
from models.hazard.boosting import BoostedHazard
from models.hazard.candidates import (
    BREADTH_CORE,
    CANDIDATES,
    fit_candidates,
    from_state,
    seeded,
    to_state,
)
from models.hazard.climatology import Climatology
from models.hazard.leads import LEAD_DAYS, N_LEADS, incidence
from models.hazard.logistic import LogisticHazard
from models.verification.walk_forward import WalkForward
from models.vocabulary import CandidateName
from tests.hazard_rows import EVERY_DAY, OBSERVED, SIMULATED, every_candidate, order_gap, synthetic


@every_candidate
def test_probabilities_sum_to_one_and_rise(fitted, asked, name):
    model, rows = fitted[name], asked.copy()
    probabilities = model.predict_proba(rows)
    assert probabilities.shape == (len(asked), N_LEADS + 1)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=0, atol=1e-12)
    by_day = incidence(probabilities, EVERY_DAY)
    assert (np.diff(by_day, axis=1) >= -1e-13).all()
    assert (by_day[:, -1] > by_day[:, 0]).all()
    assert model.classes_.tolist() == [*range(1, N_LEADS + 1), 0]
    # Asking changes nothing.
    pd.testing.assert_frame_equal(rows, asked)
    assert np.array_equal(model.predict_proba(rows), probabilities)


missing = st.just(np.nan)
wild = st.floats(allow_infinity=False, width=32) | st.floats(0, 100) | missing
percent = st.floats(0.05, 99.95) | missing


@every_candidate
@settings(derandomize=True, deadline=None, max_examples=25)
@given(
    st.lists(wild, min_size=len(OBSERVED), max_size=len(OBSERVED)),
    st.lists(percent, min_size=len(SIMULATED), max_size=len(SIMULATED)),
    st.lists(st.floats(50, 85), min_size=3, max_size=3),
)
def test_a_lower_threshold_is_no_less_likely(fitted, name, observed, simulated, thresholds):
    row = [*observed, *simulated]
    ascending = sorted([50.0, 75.0, 85.0, *thresholds])
    rows = pd.DataFrame(
        [[*row, threshold] for threshold in ascending], columns=[*OBSERVED, *SIMULATED, THRESHOLD]
    )
    by_day = incidence(fitted[name].predict_proba(rows), EVERY_DAY)
    assert np.isfinite(by_day).all()
    assert (np.diff(by_day, axis=0) <= 1e-12).all()
    assert (np.diff(by_day, axis=1) >= -1e-13).all()


@pytest.mark.parametrize(
    "model", [LogisticHazard(("x",)), BoostedHazard(("x",), min_rows=20), Climatology()]
)
def test_the_order_holds_where_the_data_contradict_it(model):
    # Partial seasons rarer than broad ones: no definition could give this, yet the order holds.
    broad, broad_targets = synthetic(400, lambda x: np.full(len(x), 0.3), threshold=75.0)
    partial, partial_targets = synthetic(400, lambda x: np.full(len(x), 0.05), threshold=50.0)
    rows, targets = pd.concat([broad, partial]), np.concatenate([broad_targets, partial_targets])
    model = clone(model).fit(rows, targets)
    assert order_gap(model, broad) >= 0
    assert model.hazards(partial)[:, 0] == pytest.approx(model.hazards(broad)[:, 0], abs=0.3)


@every_candidate
def test_probabilities_run_straight_between_thresholds(fitted, asked, name):
    low, middle, high = (
        np.cumsum(fitted[name].predict_proba(asked.assign(threshold=threshold)), axis=1)
        for threshold in (70.0, 72.0, 75.0)
    )
    np.testing.assert_allclose(middle, 0.6 * low + 0.4 * high, rtol=0, atol=1e-12)
    for threshold in (49.9, 85.1, np.inf):
        rule = f"threshold must be from 50 to 85, got {threshold:g}"
        with pytest.raises(ValueError, match=rule):
            fitted[name].predict_proba(asked.assign(threshold=threshold))


@every_candidate
def test_rows_do_not_bear_on_each_other(fitted, asked, name):
    together = fitted[name].predict_proba(asked)
    alone = [fitted[name].predict_proba(asked.iloc[[row]])[0] for row in range(0, len(asked), 9)]
    assert np.array_equal(together[::9], alone)
    assert np.array_equal(together, fitted[name].predict_proba(asked.iloc[::-1])[::-1])


def test_a_day_counts_once_over_thresholds():
    X = pd.DataFrame({THRESHOLD: [50.0, 60.0, 75.0, 75.0, 75.0]}, index=[1, 1, 1, 2, 2])
    weight = np.array([1.0, 0.0, 1.0, 0.5, 0.5])
    # Day 1: a row of weight 0 takes no share. Day 2: a row that is there twice is drawn twice.
    assert once_a_day(X, weight).tolist() == [0.5, 0.0, 0.5, 0.5, 0.5]


def test_rows_that_teach_nothing_are_an_error(lead_rows, asked):
    X, targets, weight = lead_rows
    none = len(X)
    quiet = np.column_stack([np.zeros(none, dtype=int), targets[:, 1]])
    for wrong, drawn, rule in (
        (np.zeros_like(targets), weight, f"none of {none} training rows has a known lead"),
        (quiet, weight, f"none of {none} training rows has an onset"),
        (targets, np.where(targets[:, 0] > 0, 0.0, weight), "has an onset"),
        (np.tile([1, N_LEADS], (none, 1)), weight, f"each of {none} training rows has an onset"),
    ):
        with pytest.raises(ValueError, match=rule):
            Climatology().fit(X, wrong, drawn)
    with pytest.raises(ValueError, match="Climatology is not fitted yet; call fit first"):
        Climatology().predict_proba(asked)


# --- scikit-learn's protocol ---------------------------------------------------------------------


def first_lead_score(estimator, X, targets):
    """Return minus the Brier score of an onset in the first lead."""
    outcome = targets[:, 0] == 1
    return -np.mean((estimator.predict_proba(X)[:, 0] - outcome) ** 2)


def test_it_ends_a_pipeline_and_cross_validates(fitted, lead_rows, asked):
    X, targets, weight = lead_rows
    model = CANDIDATES["logistic"].model
    pipeline = Pipeline([("pass", "passthrough"), ("model", clone(model))])
    pipeline.fit(X, targets, model__sample_weight=weight)
    assert np.array_equal(pipeline.predict_proba(asked), fitted["logistic"].predict_proba(asked))
    assert np.array_equal(pipeline.classes_, model.classes_)
    folds = WalkForward(pd.Timestamp("2020-01-07"), refit_days=364)
    resolved_on = X.index + pd.Timedelta(days=LEAD_DAYS)
    splits = [(fold.train, fold.test) for fold in folds.folds(X.index, resolved_on)]
    scores = cross_val_score(
        pipeline, X, targets, cv=splits, scoring=first_lead_score, error_score="raise"
    )
    expected = [
        first_lead_score(clone(model).fit(X.iloc[train], targets[train]), X.iloc[test],
                         targets[test])
        for train, test in splits
    ]  # fmt: skip
    assert scores.tolist() == expected


@every_candidate
def test_settings_survive_copies_and_fits(fitted, lead_rows, asked, name):
    model = CANDIDATES[name].model
    copy = clone(model)
    assert copy is not model
    assert not hasattr(copy, "thresholds_")
    assert json.dumps(copy.set_params(**model.get_params()).get_params(), default=vars) == (
        json.dumps(fitted[name].get_params(), default=vars)
    )
    # The settings once chosen are kept by a copy, which chooses nothing and comes out the same.
    chosen = fitted[name].with_chosen_settings()
    for parameter in ("scales", "trees"):
        assert len(getattr(chosen, parameter, (1,))) == 1
    again = chosen.fit(*lead_rows)
    assert np.array_equal(again.predict_proba(asked), fitted[name].predict_proba(asked))


@pytest.mark.parametrize("model", [Climatology(), LogisticHazard(BREADTH_CORE)])
def test_integer_weights_equal_repeated_rows(lead_rows, asked, model):
    X, targets, _ = lead_rows
    times = np.random.default_rng(0).integers(0, 4, len(X))
    weighted = clone(model).fit(X, targets, times.astype(float))
    rows = np.repeat(np.arange(len(X)), times)
    expected = clone(model).fit(X.iloc[rows], targets[rows]).predict_proba(asked)
    np.testing.assert_allclose(weighted.predict_proba(asked), expected, rtol=0, atol=1e-3)
    unweighted = clone(model).fit(X, targets)
    assert abs(unweighted.predict_proba(asked) - expected).max() > 1e-2


# --- the candidates ------------------------------------------------------------------------------


def test_candidates_come_simplest_first_with_a_seed(fitted, lead_rows, asked):
    assert list(CandidateName) == list(CANDIDATES)
    few = seeded(["lightgbm", "climatology", "logistic"], 7)
    assert list(few) == ["climatology", "logistic", "lightgbm"]
    assert few["lightgbm"].seed == 7
    assert CANDIDATES["lightgbm"].model.seed == 0
    del few["lightgbm"]
    for name, model in fit_candidates(few, *lead_rows).items():
        assert np.array_equal(model.predict_proba(asked), fitted[name].predict_proba(asked))
        assert not hasattr(few[name], "thresholds_")
    with pytest.raises(ValueError, match=r"must be one of climatology, .*, got 'logistik'"):
        seeded(["climatology", "logistik"], 0)


# --- plain values --------------------------------------------------------------------------------


@every_candidate
def test_what_was_fitted_survives_json(fitted, asked, name):
    model = fitted[name]
    assert {each for each in vars(model) if each.endswith("_")} == set(model.fitted)
    read = from_state(json.loads(json.dumps(to_state(model), allow_nan=False)))
    assert type(read) is type(model)
    assert np.array_equal(read.predict_proba(asked), model.predict_proba(asked))
    assert read.feature_names() == model.feature_names()
    pd.testing.assert_frame_equal(
        read.contributions(asked), model.contributions(asked), check_exact=True
    )


def lists_of(state):
    """Yield every list in plain values, the outer ones first."""
    if isinstance(state, list):
        yield state
    for part in state.values() if isinstance(state, dict) else state if (
        isinstance(state, list)
    ) else ():  # fmt: skip
        yield from lists_of(part)


MALFORM = {
    "longer": lambda values: values.append(values[-1]),
    "shorter": lambda values: values.pop(),
    "empty": lambda values: values.clear(),
    "deeper": lambda values: values.__setitem__(0, [values[0]]),
    "text": lambda values: values.__setitem__(0, "x"),
    "null": lambda values: values.__setitem__(0, None),
    "beyond": lambda values: values.__setitem__(-1, 1e999),
}


@pytest.mark.parametrize("name", ["climatology", "pool", "lightgbm"])
@pytest.mark.parametrize("change", MALFORM)
def test_a_state_whose_lists_do_not_fit_is_refused_or_answers(fitted, asked, name, change):
    written = json.dumps(to_state(fitted[name]))
    refused = 0
    for place in range(min(len(list(lists_of(json.loads(written)))), 40)):
        state = json.loads(written)
        MALFORM[change](list(lists_of(state))[place])
        try:
            model = from_state(state)
        except ValueError:
            refused += 1
            continue
        # Of what is not refused every value is one that another training could have given.
        if set(model.feature_names()) <= set(asked.columns):
            rows = asked.iloc[:9].assign(threshold=model.thresholds_[0])
            probabilities = model.predict_proba(rows)
            assert np.allclose(probabilities.sum(axis=1), 1)
            assert (probabilities >= 0).all()
    assert refused


@pytest.mark.parametrize("state", [{"type": "SVC"}, {"type": []}, {}, [], None, "Pool"])
def test_a_foreign_state_is_an_error(state):
    with pytest.raises(ValueError, match=r"type must be one of Climatology.*got"):
        from_state(state)
    with pytest.raises(ValueError, match="Climatology must have type, thresholds_, hazards_, got"):
        from_state({"type": "Climatology", "thresholds_": [75.0]})


@pytest.mark.parametrize(
    ("name", "change", "rule"),
    [
        ("climatology", {"thresholds_": [50.0] * 8}, r"thresholds must rise and lie in \(0, 100\]"),
        ("climatology", {"hazards_": [[1.5] * 13] * 8}, "hazards must lie between 0 and 1"),
        ("logistic", {"deviation_": [1.0, 1.0, 0.0, 1.0]}, "deviations above 0"),
        ("logistic", {"columns_": ["threshold", "a", "b", "c"]}, "last column must be the thresh"),
        ("logistic", {"columns_": ["a", "a", "b", "threshold"]}, "columns_ must be distinct names"),
        ("simulation", {"climatology_": {"type": "SVC"}}, "type must be one of"),
    ],
)  # fmt: skip
def test_values_that_no_fit_gives_are_refused(fitted, name, change, rule):
    with pytest.raises(ValueError, match=rule):
        from_state({**to_state(fitted[name]), **change})
