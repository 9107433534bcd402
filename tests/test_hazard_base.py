from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline

from models.errors import MALFORMED
from models.hazard.base import THRESHOLD, once_a_day
from models.hazard.boosting import BoostedHazard
from models.hazard.candidates import BREADTH_CORE, CANDIDATES
from models.hazard.climatology import Climatology
from models.hazard.leads import LEAD_DAYS, N_LEADS, incidence
from models.hazard.pooling import from_state, to_state
from models.hazard.regression import LogisticHazard
from models.verification.walk_forward import WalkForward
from tests.hazard_rows import (
    EVERY_DAY,
    OBSERVED,
    SIMULATED,
    every_candidate,
    order_gap,
    synthetic,
)

fast = settings(derandomize=True, deadline=None, max_examples=40)


@every_candidate
def test_probabilities_sum_to_one(fitted, asked, name):
    probabilities = fitted[name].predict_proba(asked)
    assert probabilities.shape == (len(asked), N_LEADS + 1)
    assert (probabilities >= 0).all()
    assert (probabilities <= 1).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=0, atol=1e-12)


@every_candidate
def test_incidence_rises_with_the_horizon(fitted, asked, name):
    by_day = incidence(fitted[name].predict_proba(asked), EVERY_DAY)
    assert (np.diff(by_day, axis=1) >= -1e-13).all()
    assert (by_day[:, -1] > by_day[:, 0]).all()
    assert by_day.min() >= 0
    assert by_day.max() <= 1


@every_candidate
def test_partial_is_no_less_likely_than_broad(fitted, asked, name):
    assert order_gap(fitted[name], asked) >= -1e-12


missing = st.just(np.nan)
wild = st.floats(allow_infinity=False, width=32) | st.floats(0, 100) | missing
percent = st.floats(0.05, 99.95) | missing


@every_candidate
@fast
@given(
    observed=st.lists(wild, min_size=len(OBSERVED), max_size=len(OBSERVED)),
    simulated=st.lists(percent, min_size=len(SIMULATED), max_size=len(SIMULATED)),
)
def test_no_feature_value_breaks_the_promises(fitted, name, observed, simulated):
    row = pd.DataFrame([[*observed, *simulated, 75.0]], columns=[*OBSERVED, *SIMULATED, THRESHOLD])
    assert order_gap(fitted[name], row) >= -1e-12
    by_day = incidence(fitted[name].predict_proba(row), EVERY_DAY)
    assert np.isfinite(by_day).all()
    assert (np.diff(by_day) >= -1e-13).all()


@pytest.mark.parametrize(
    "model", [LogisticHazard(("x",)), BoostedHazard(("x",), min_rows=20), Climatology()]
)
def test_the_order_holds_where_the_data_contradict_it(model):
    # Partial seasons rarer than broad ones: no definition could give this, yet the order holds.
    broad, broad_targets = synthetic(400, lambda x: np.full(len(x), 0.3), threshold=75.0)
    partial, partial_targets = synthetic(400, lambda x: np.full(len(x), 0.05), threshold=50.0)
    model = clone(model).fit(
        pd.concat([broad, partial]), np.concatenate([broad_targets, partial_targets])
    )
    assert order_gap(model, broad) >= 0
    assert model.hazards(partial)[:, 0] == pytest.approx(model.hazards(broad)[:, 0], abs=0.3)


@every_candidate
def test_rows_do_not_bear_on_each_other(fitted, asked, name):
    together = fitted[name].predict_proba(asked)
    alone = [fitted[name].predict_proba(asked.iloc[[row]])[0] for row in range(0, len(asked), 5)]
    assert np.array_equal(together[::5], alone)
    reverse = fitted[name].predict_proba(asked.iloc[::-1])
    assert np.array_equal(together, reverse[::-1])


@every_candidate
def test_forecasting_changes_nothing(fitted, asked, name):
    rows = asked.copy()
    first = fitted[name].predict_proba(rows)
    pd.testing.assert_frame_equal(rows, asked)
    assert np.array_equal(fitted[name].predict_proba(rows), first)


@every_candidate
def test_fitting_is_repeatable(fitted, lead_rows, asked, name):
    again = clone(CANDIDATES[name].model).fit(*lead_rows)
    assert np.array_equal(again.predict_proba(asked), fitted[name].predict_proba(asked))


@every_candidate
@pytest.mark.parametrize("threshold", [49.9, 85.1, np.inf])
def test_a_threshold_outside_of_training_is_an_error(fitted, asked, name, threshold):
    with pytest.raises(ValueError, match=rf"threshold must be from 50 to 85, got {threshold:g}"):
        fitted[name].predict_proba(asked.assign(threshold=threshold))


@every_candidate
@fast
@given(
    st.lists(wild, min_size=len(OBSERVED), max_size=len(OBSERVED)),
    st.lists(percent, min_size=len(SIMULATED), max_size=len(SIMULATED)),
    st.lists(st.floats(50, 85), min_size=6, max_size=6),
)
def test_a_lower_threshold_is_no_less_likely(fitted, name, observed, simulated, thresholds):
    row = [*observed, *simulated]
    ascending = sorted([50.0, 75.0, 85.0, *thresholds])
    rows = pd.DataFrame(
        [[*row, threshold] for threshold in ascending], columns=[*OBSERVED, *SIMULATED, THRESHOLD]
    )
    by_day = incidence(fitted[name].predict_proba(rows), EVERY_DAY)
    assert (np.diff(by_day, axis=0) <= 1e-12).all()


@every_candidate
def test_probabilities_run_straight_between_thresholds(fitted, asked, name):
    low, middle, high = (
        np.cumsum(fitted[name].predict_proba(asked.assign(threshold=threshold)), axis=1)
        for threshold in (70.0, 72.0, 75.0)
    )
    np.testing.assert_allclose(middle, 0.6 * low + 0.4 * high, rtol=0, atol=1e-12)


def test_a_day_counts_once_over_thresholds():
    X = pd.DataFrame({THRESHOLD: [50.0, 60.0, 75.0, 75.0, 75.0]}, index=[1, 1, 1, 2, 2])
    weight = np.array([1.0, 0.0, 1.0, 0.5, 0.5])
    # Day 1: a row of weight 0 takes no share. Day 2: a row that is there twice is drawn twice.
    assert once_a_day(X, weight).tolist() == [0.5, 0.0, 0.5, 0.5, 0.5]


@every_candidate
def test_an_unfitted_model_says_so(asked, name):
    with pytest.raises(NotFittedError):
        clone(CANDIDATES[name].model).predict_proba(asked)


@every_candidate
def test_no_known_lead_is_an_error(lead_rows, name):
    X, targets, _ = lead_rows
    with pytest.raises(ValueError, match=f"none of {len(X)} training rows has a known lead"):
        clone(CANDIDATES[name].model).fit(X, np.zeros_like(targets))


@every_candidate
def test_no_onset_is_an_error(lead_rows, name):
    X, targets, _ = lead_rows
    quiet = np.column_stack([np.zeros(len(X), dtype=int), targets[:, 1]])
    with pytest.raises(ValueError, match=f"none of {len(X)} training rows has an onset"):
        clone(CANDIDATES[name].model).fit(X, quiet)


@every_candidate
def test_onsets_of_weight_zero_are_no_onsets(lead_rows, name):
    X, targets, weight = lead_rows
    with pytest.raises(ValueError, match="has an onset"):
        clone(CANDIDATES[name].model).fit(X, targets, np.where(targets[:, 0] > 0, 0.0, weight))


@pytest.mark.parametrize("name", ["persistence", "logistic", "lightgbm", "pool"])
def test_onsets_alone_are_an_error(lead_rows, name):
    X, _, _ = lead_rows
    with pytest.raises(ValueError, match=r"class|onset"):
        clone(CANDIDATES[name].model).fit(X, np.tile([1, N_LEADS], (len(X), 1)))


@every_candidate
def test_predict_names_the_likeliest_lead(fitted, asked, name):
    model = fitted[name]
    assert model.classes_.tolist() == [*range(1, N_LEADS + 1), 0]
    best = model.predict_proba(asked).argmax(axis=1)
    assert model.predict(asked).tolist() == model.classes_[best].tolist()


@every_candidate
def test_parameters_survive_cloning(name):
    model = CANDIDATES[name].model
    copy = clone(model)
    assert copy is not model
    assert copy.get_params(deep=False).keys() == model.get_params(deep=False).keys()
    copy.set_params(**model.get_params())
    assert repr(copy) == repr(model)
    for parameter, value in model.get_params(deep=False).items():
        assert repr(getattr(copy, parameter)) == repr(value)


@every_candidate
def test_fitting_changes_no_parameter(fitted, name):
    assert repr(clone(fitted[name])) == repr(CANDIDATES[name].model)


@every_candidate
def test_ends_a_pipeline(fitted, lead_rows, asked, name):
    X, targets, weight = lead_rows
    model = clone(CANDIDATES[name].model)
    pipeline = Pipeline([("pass", "passthrough"), ("model", model)])
    pipeline.fit(X, targets, model__sample_weight=weight)
    expected = fitted[name].predict_proba(asked)
    assert np.array_equal(pipeline.predict_proba(asked), expected)
    assert np.array_equal(pipeline.classes_, fitted[name].classes_)


def first_lead_score(estimator, X, targets):
    """Return minus the Brier score of an onset in the first lead."""
    outcome = targets[:, 0] == 1
    return -np.mean((estimator.predict_proba(X)[:, 0] - outcome) ** 2)


@every_candidate
def test_cross_validates_walking_forward(lead_rows, name):
    X, targets, _ = lead_rows
    folds = WalkForward(pd.Timestamp("2020-01-07"), refit_days=364)
    resolved_on = X.index + pd.Timedelta(days=LEAD_DAYS)
    splits = [(fold.train, fold.test) for fold in folds.folds(X.index, resolved_on)]
    pipeline = Pipeline([("pass", "passthrough"), ("model", clone(CANDIDATES[name].model))])
    scores = cross_val_score(
        pipeline, X, targets, cv=splits, scoring=first_lead_score, error_score="raise"
    )
    expected = [
        first_lead_score(
            clone(CANDIDATES[name].model).fit(X.iloc[train], targets[train]),
            X.iloc[test],
            targets[test],
        )
        for train, test in splits
    ]
    assert len(scores) == 2
    assert scores.tolist() == expected


@pytest.mark.parametrize("model", [Climatology(), LogisticHazard(BREADTH_CORE)])
def test_integer_weights_equal_repeated_rows(lead_rows, asked, model):
    X, targets, _ = lead_rows
    times = np.random.default_rng(0).integers(0, 4, len(X))
    weighted = clone(model).fit(X, targets, times.astype(float))
    rows = np.repeat(np.arange(len(X)), times)
    repeated = clone(model).fit(X.iloc[rows], targets[rows])
    unweighted = clone(model).fit(X, targets)
    expected = repeated.predict_proba(asked)
    np.testing.assert_allclose(weighted.predict_proba(asked), expected, rtol=0, atol=1e-3)
    assert abs(unweighted.predict_proba(asked) - expected).max() > 1e-2


@every_candidate
def test_settled_copies_choose_nothing(fitted, lead_rows, asked, name):
    settled = fitted[name].settled()
    for parameter in ("scales", "trees"):
        assert len(getattr(settled, parameter, (1,))) == 1
    again = settled.fit(*lead_rows)
    assert np.array_equal(again.predict_proba(asked), fitted[name].predict_proba(asked))


@every_candidate
def test_state_survives_json(fitted, asked, name):
    model = fitted[name]
    read = from_state(json.loads(json.dumps(to_state(model), allow_nan=False)))
    assert type(read) is type(model)
    assert np.array_equal(read.predict_proba(asked), model.predict_proba(asked))
    assert read.feature_names() == model.feature_names()
    pd.testing.assert_frame_equal(
        read.contributions(asked), model.contributions(asked), check_exact=True
    )


def lists_of(state: object) -> Iterator[list]:
    """Yield every list in plain values, the outer ones first."""
    if isinstance(state, dict | list):
        if isinstance(state, list):
            yield state
        for each in state.values() if isinstance(state, dict) else state:
            yield from lists_of(each)


MALFORM = {
    "longer": lambda values: values.append(values[-1]),
    "shorter": lambda values: values.pop(),
    "empty": lambda values: values.clear(),
    "deeper": lambda values: values.__setitem__(0, [values[0]]),
    "text": lambda values: values.__setitem__(0, "x"),
    "none": lambda values: values.__setitem__(0, None),
    "beyond": lambda values: values.__setitem__(-1, 1e999),
}


@every_candidate
@pytest.mark.parametrize("change", MALFORM)
def test_a_state_whose_lists_do_not_fit_is_refused_or_answers(fitted, asked, name, change):
    written = json.dumps(to_state(fitted[name]))
    refused = 0
    for place in range(min(len(list(lists_of(json.loads(written)))), 40)):
        state = json.loads(written)
        MALFORM[change](list(lists_of(state))[place])
        try:
            model = from_state(state)
        except MALFORMED:
            refused += 1
            continue
        # Of what is not refused every value is one that another training could have given.
        rows = asked.assign(threshold=model.thresholds_[0])
        if set(model.feature_names()) <= set(asked.columns):
            probabilities = model.predict_proba(rows)
            assert np.allclose(probabilities.sum(axis=1), 1)
            assert (probabilities >= 0).all()
    assert refused


def test_a_foreign_state_is_an_error():
    with pytest.raises(ValueError, match=r"type must be one of Climatology.*got 'SVC'"):
        from_state({"type": "SVC"})
