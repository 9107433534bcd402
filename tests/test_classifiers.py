from __future__ import annotations

import gzip
import json
from dataclasses import replace
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline

from features.catalogue.builder import FEATURE_NAMES
from features.market.season import season_index
from features.market.simulation import series_name
from models.hazard.base import THRESHOLD, LeadClassifier
from models.hazard.boosting import BoostedHazard
from models.hazard.candidates import BREADTH_CORE, CANDIDATES, fit_candidates, seeded
from models.hazard.climatology import Climatology
from models.hazard.first_passage import simulated_hazards
from models.hazard.forecaster import Evidence, Forecaster
from models.hazard.leads import LEAD_DAYS, LIMIT_DAYS, N_LEADS, expand, incidence, lead_targets
from models.hazard.pooling import from_state, to_state
from models.hazard.regression import LogisticHazard
from models.hazard.stacking import PRIOR_MONTHS, SHARES, mixture_weights
from models.hazard.tuning import choose, split_at
from models.onset import OnsetDefinition
from models.training.run import landmarks
from models.verification.hindcast import training_rows
from models.verification.walk_forward import WalkForward

fast = settings(derandomize=True, deadline=None, max_examples=40)
every_candidate = pytest.mark.parametrize("name", list(CANDIDATES))

EVERY_DAY = np.arange(1, LIMIT_DAYS + 1)
# Percentages by their meaning, never 0 or 100; every other feature may take any value.
SIMULATED = [name for name in FEATURE_NAMES if name.startswith("simulated")]
OBSERVED = [name for name in FEATURE_NAMES if name not in SIMULATED]


@pytest.fixture(scope="module")
def training(reference):
    """X, targets and weights of the embedded history until 2021: rows enough to grow trees."""
    rows = landmarks(reference, season_index(reference), OnsetDefinition())
    return training_rows(rows, pd.Timestamp("2021-12-31"))


@pytest.fixture(scope="module")
def fitted(training):
    """Every candidate, fitted to the same rows."""
    return {name: clone(c.model).fit(*training) for name, c in CANDIDATES.items()}


@pytest.fixture(scope="module")
def asked(training):
    """Feature rows nobody has seen: ordinary, extreme and missing values in any mixture."""
    X, _, _ = training
    random = np.random.default_rng(0)
    seen = X.to_numpy()
    values = np.column_stack([random.choice(column, 120) for column in seen.T])
    extreme = random.random(values.shape)
    values[extreme < 0.05] = np.nan
    values[extreme > 0.95] *= -1e6
    values[0], values[1], values[2] = np.nan, 1e12, -1e12
    rows = pd.DataFrame(values, columns=X.columns).assign(threshold=np.tile([50.0, 75.0], 60))
    rows[SIMULATED] = rows[SIMULATED].clip(0.05, 99.95)
    return rows


def days_of(n, step=7):
    return pd.date_range("2015-01-01", periods=n, freq=f"{step}D", unit="s", name="as_of")


def synthetic(n, hazard_of, *, seed=0, threshold=75.0, **columns):
    """Return X and targets of n rows whose hazard in every lead is a function of x."""
    random = np.random.default_rng(seed)
    x = random.normal(size=n)
    begins = random.random((n, N_LEADS)) < hazard_of(x)[:, None]
    lead = np.where(begins.any(axis=1), begins.argmax(axis=1) + 1, 0)
    X = pd.DataFrame({"x": x, **columns, THRESHOLD: threshold}, index=days_of(n, step=1))
    return X, np.column_stack([lead, np.full(n, N_LEADS)])


# What every candidate promises


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


def order_gap(model, rows):
    """Return the least P(partial) - P(broad) over rows and days."""
    partial, broad = (
        incidence(model.predict_proba(rows.assign(threshold=threshold)), EVERY_DAY)
        for threshold in (50.0, 75.0)
    )
    return (partial - broad).min()


@every_candidate
def test_a_partial_season_is_never_less_likely_than_a_broad_one(fitted, asked, name):
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
def test_a_row_is_forecast_as_if_it_were_alone(fitted, asked, name):
    together = fitted[name].predict_proba(asked)
    alone = [fitted[name].predict_proba(asked.iloc[[row]])[0] for row in range(0, len(asked), 5)]
    assert np.array_equal(together[::5], alone)
    reverse = fitted[name].predict_proba(asked.iloc[::-1])
    assert np.array_equal(together, reverse[::-1])


@every_candidate
def test_forecasting_leaves_the_model_and_the_rows_as_they_were(fitted, asked, name):
    rows = asked.copy()
    first = fitted[name].predict_proba(rows)
    pd.testing.assert_frame_equal(rows, asked)
    assert np.array_equal(fitted[name].predict_proba(rows), first)


@every_candidate
def test_fitting_again_gives_the_same_forecasts(fitted, training, asked, name):
    again = clone(CANDIDATES[name].model).fit(*training)
    assert np.array_equal(again.predict_proba(asked), fitted[name].predict_proba(asked))


@every_candidate
def test_an_unseen_threshold_is_an_error(fitted, asked, name):
    with pytest.raises(ValueError, match=r"threshold must be one of \[50\.0, 75\.0\], got 60"):
        fitted[name].predict_proba(asked.assign(threshold=60.0))


@every_candidate
def test_a_model_that_is_not_fitted_says_so(asked, name):
    with pytest.raises(NotFittedError):
        clone(CANDIDATES[name].model).predict_proba(asked)


@every_candidate
def test_rows_without_a_known_lead_cannot_be_fitted(training, name):
    X, targets, _ = training
    with pytest.raises(ValueError, match=f"none of {len(X)} training rows has a known lead"):
        clone(CANDIDATES[name].model).fit(X, np.zeros_like(targets))


@every_candidate
def test_rows_without_an_onset_cannot_be_fitted(training, name):
    X, targets, _ = training
    quiet = np.column_stack([np.zeros(len(X), dtype=int), targets[:, 1]])
    with pytest.raises(ValueError, match=f"none of {len(X)} training rows has an onset"):
        clone(CANDIDATES[name].model).fit(X, quiet)


@every_candidate
def test_onsets_of_weight_zero_are_no_onsets(training, name):
    X, targets, weight = training
    with pytest.raises(ValueError, match="has an onset"):
        clone(CANDIDATES[name].model).fit(X, targets, np.where(targets[:, 0] > 0, 0.0, weight))


@pytest.mark.parametrize("name", ["persistence", "logistic", "lightgbm", "blend"])
def test_nothing_but_onsets_cannot_be_fitted(training, name):
    X, _, _ = training
    with pytest.raises(ValueError, match=r"class|onset"):
        clone(CANDIDATES[name].model).fit(X, np.tile([1, N_LEADS], (len(X), 1)))


@every_candidate
def test_predict_names_the_likeliest_lead(fitted, asked, name):
    model = fitted[name]
    assert model.classes_.tolist() == [*range(1, N_LEADS + 1), 0]
    best = model.predict_proba(asked).argmax(axis=1)
    assert model.predict(asked).tolist() == model.classes_[best].tolist()


# The protocol of scikit-learn


@every_candidate
def test_parameters_survive_the_way_there_and_back(name):
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
def test_a_candidate_is_the_last_step_of_a_pipeline(fitted, training, asked, name):
    X, targets, weight = training
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
def test_a_candidate_is_cross_validated_by_walking_forward(training, name):
    X, targets, _ = training
    folds = WalkForward(pd.Timestamp("2020-01-07"), refit_days=364)
    pipeline = Pipeline([("pass", "passthrough"), ("model", clone(CANDIDATES[name].model))])
    scores = cross_val_score(
        pipeline, X, targets, cv=folds, scoring=first_lead_score, error_score="raise"
    )
    expected = [
        first_lead_score(
            clone(CANDIDATES[name].model).fit(X.iloc[train], targets[train]),
            X.iloc[test],
            targets[test],
        )
        for train, test in folds.split(X)
    ]
    assert len(scores) == folds.get_n_splits(X) == 2
    assert scores.tolist() == expected


@pytest.mark.parametrize("model", [Climatology(), LogisticHazard(BREADTH_CORE)])
def test_integer_weights_equal_repeated_rows(training, asked, model):
    X, targets, _ = training
    times = np.random.default_rng(0).integers(0, 4, len(X))
    weighted = clone(model).fit(X, targets, times.astype(float))
    rows = np.repeat(np.arange(len(X)), times)
    repeated = clone(model).fit(X.iloc[rows], targets[rows])
    unweighted = clone(model).fit(X, targets)
    expected = repeated.predict_proba(asked)
    np.testing.assert_allclose(weighted.predict_proba(asked), expected, rtol=0, atol=1e-3)
    assert abs(unweighted.predict_proba(asked) - expected).max() > 1e-2


@every_candidate
def test_a_seed_reaches_all_that_draws_and_no_other_copy(name):
    model, untouched = seeded([name], 7)[name], CANDIDATES[name].model
    for part in (model, *getattr(model, "members", ())):
        assert getattr(part, "seed", 7) == 7
    for part in (untouched, *getattr(untouched, "members", ())):
        assert getattr(part, "seed", 0) == 0


def test_candidates_come_simplest_first():
    assert list(seeded(["blend", "climatology", "logistic"], 0)) == [
        "climatology",
        "logistic",
        "blend",
    ]


@every_candidate
def test_settled_copies_have_nothing_left_to_choose(fitted, training, asked, name):
    settled = fitted[name].settled()
    for parameter in ("scales", "trees"):
        assert len(getattr(settled, parameter, (1,))) == 1
    again = settled.fit(*training)
    assert np.array_equal(again.predict_proba(asked), fitted[name].predict_proba(asked))


# Stored and read back


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


def test_a_foreign_state_is_an_error():
    with pytest.raises(ValueError, match=r"type must be one of Climatology.*got 'SVC'"):
        from_state({"type": "SVC"})


@pytest.fixture(scope="module")
def forecaster(fitted):
    """A forecaster with every kind of classifier in it."""
    return Forecaster(
        name="blend",
        thresholds={"broad": 75.0, "partial": 50.0},
        model=fitted["blend"],
        climatology=fitted["climatology"],
        replicates=[fitted["logistic_all"], fitted["lightgbm_all"]],
        evidence=Evidence(
            definition=OnsetDefinition().as_dict(),
            trained_until="2019-12-31",
            data_digest="0" * 64,
            ranges={"season_index": (0.0, 74.5)},
            onsets={"broad": ["2018-01-01"], "partial": []},
            skill=[{"kind": "broad", "horizon_days": 30, "brier_skill": None}],
            reason="a test",
        ),
    )


def test_a_forecaster_survives_its_bytes(forecaster, asked):
    read = Forecaster.from_bytes(forecaster.to_bytes())
    for model, expected in zip(
        [read.model, read.climatology, *read.replicates],
        [forecaster.model, forecaster.climatology, *forecaster.replicates],
        strict=True,
    ):
        assert np.array_equal(model.predict_proba(asked), expected.predict_proba(asked))
    assert (read.name, read.thresholds) == (forecaster.name, forecaster.thresholds)
    assert read.evidence == replace(forecaster.evidence, ranges={"season_index": [0.0, 74.5]})


def test_the_bytes_of_a_forecaster_are_its_content(forecaster, fitted):
    content = forecaster.to_bytes()
    assert forecaster.to_bytes() == content
    assert Forecaster.from_bytes(content).to_bytes() == content
    assert replace(forecaster, model=fitted["logistic"]).to_bytes() != content
    # Where gzip would keep the time.
    assert content[4:8] == bytes(4)


def test_truncated_content_is_an_error(forecaster):
    content = forecaster.to_bytes()
    for size in [*range(0, 20), *range(20, len(content), 97), len(content) - 1]:
        with pytest.raises(ValueError, match="not a forecaster of this program"):
            Forecaster.from_bytes(content[:size])


def test_corrupt_content_is_an_error(forecaster):
    content = bytearray(forecaster.to_bytes())
    # Behind the header of 10 bytes, of which not all are read.
    for position in range(10, len(content), 97):
        changed = content.copy()
        changed[position] ^= 0x55
        with pytest.raises(ValueError, match="not a forecaster of this program"):
            Forecaster.from_bytes(bytes(changed))


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04", b"{}", gzip.compress(b"\xff\xfe{", mtime=0)],
    ids=["nothing", "an archive", "plain", "no text"],
)
def test_foreign_content_is_an_error(content):
    with pytest.raises(ValueError, match="not a forecaster of this program"):
        Forecaster.from_bytes(content)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "altseason.forecaster/0"},
        {"model": None},
        {"model": []},
        {"model": {"type": "Pipeline"}},
        {"model": {"type": "Climatology"}},
        {"model": {"type": "Blend", "members": []}},
        {"replicates": 3},
        {"replicates": [None]},
        {"evidence": {}},
        {"evidence": None},
    ],
    ids=repr,
)
def test_content_of_another_schema_is_an_error(forecaster, change):
    stored = json.loads(gzip.decompress(forecaster.to_bytes()))
    changed = gzip.compress(json.dumps({**stored, **change}).encode())
    with pytest.raises(ValueError, match="not a forecaster of this program"):
        Forecaster.from_bytes(changed)


@pytest.mark.parametrize("document", [None, 3, "x", [], {}])
def test_other_json_is_an_error(document):
    with pytest.raises(ValueError, match="not a forecaster of this program"):
        Forecaster.from_bytes(gzip.compress(json.dumps(document).encode()))


# Climatology


def test_climatology_is_the_frequency_by_hand():
    # Broad: onsets in leads 1 and 3, two rows without; the last row knows two leads only.
    targets = np.array([[1, 13], [3, 13], [0, 13], [0, 2], [2, 13]])
    X = pd.DataFrame({THRESHOLD: [75.0, 75.0, 75.0, 75.0, 50.0]}, index=days_of(5))
    model = Climatology().fit(X, targets)
    broad = incidence(model.predict_proba(X.iloc[:1]), [30, 60, 90, 390])[0]
    assert broad == pytest.approx([1.5 / 5, 1.5 / 5, 2.5 / 4, 2.5 / 4])
    partial = incidence(model.predict_proba(X.iloc[4:]), [30, 60, 90])[0]
    # Below that of broad seasons in lead 1, which the order of the thresholds forbids.
    assert partial[0] == pytest.approx(1.5 / 5)
    assert Climatology().fit(X[4:], targets[4:]).predict_proba(X[4:])[0, :2] == pytest.approx(
        [0.5 / 2, 1.5 / 2 - 0.5 / 2]
    )


def test_climatology_does_not_fall_where_fewer_rows_know_later_leads():
    # All three rows know lead 1 and one of them had its onset; the two that know more had none.
    targets = np.array([[1, 1], [0, 13], [0, 13]])
    X = pd.DataFrame({THRESHOLD: 75.0}, index=days_of(3))
    by_lead = incidence(Climatology().fit(X, targets).predict_proba(X[:1]), [30, 60, 390])[0]
    assert by_lead == pytest.approx([1.5 / 4] * 3)


def test_climatology_knows_no_features(fitted, asked):
    probabilities = fitted["climatology"].predict_proba(asked[asked[THRESHOLD] == 75])
    assert (probabilities == probabilities[0]).all()
    assert fitted["climatology"].feature_names() == []
    assert fitted["climatology"].contributions(asked).shape == (len(asked), 0)


# The logistic hazard


def test_one_feature_agrees_with_scikit_learn_on_a_design_built_by_hand():
    random = np.random.default_rng(3)
    n = 150
    X, targets = synthetic(n, lambda x: expit(-2 + x), seed=3)
    X[THRESHOLD] = random.choice([50.0, 75.0], n)
    targets[:, 1] = random.integers(1, N_LEADS + 1, n)
    targets[:, 0] = np.where(targets[:, 0] <= targets[:, 1], targets[:, 0], 0)
    weight = random.uniform(0.5, 2, n)

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
    expected = np.array(
        [
            oracle.predict_proba([design(row, lead) for lead in range(1, N_LEADS + 1)])[:, 1]
            for row in range(n)
        ]
    )
    model = LogisticHazard(("x",), C=0.5).fit(X, targets, weight)
    # The order of the thresholds binds on rows of the lower one only.
    higher = (X[THRESHOLD] == 75).to_numpy()
    assert higher.any()
    np.testing.assert_allclose(model.hazards(X)[higher], expected[higher], rtol=0, atol=2e-3)
    raw = model.hazards(X)[~higher] - expected[~higher]
    assert (raw >= -2e-3).all()


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


def test_a_feature_that_forecasts_nothing_gets_no_weight():
    random = np.random.default_rng(2)
    n = 5000
    X, targets = synthetic(n, lambda x: expit(-2.5 + 0.8 * x), seed=1, noise=random.normal(size=n))
    shares = LogisticHazard(("x", "noise")).fit(X, targets).contributions(X).abs().mean()
    assert shares["x"] > 0.4
    assert shares["noise"] < 0.1


def driver_log_odds(model, rows):
    return logit(model.hazards(rows)[:, :3]).mean(axis=1)


@pytest.mark.parametrize("name", ["persistence", "logistic", "logistic_all"])
def test_contributions_add_up_to_the_log_odds_against_the_training_mean(fitted, asked, name):
    model = fitted[name]
    # Of the highest threshold no order lifts the hazard.
    rows = asked.assign(threshold=75.0)
    mean = pd.DataFrame([model.mean_[:-1]], columns=model.feature_names()).assign(threshold=75.0)
    contributions = model.contributions(rows)
    assert contributions.columns.tolist() == model.feature_names()
    expected = driver_log_odds(model, rows) - driver_log_odds(model, mean)
    np.testing.assert_allclose(contributions.sum(axis=1), expected, rtol=0, atol=1e-9)
    assert contributions.abs().to_numpy().max() > 0.1


@pytest.mark.parametrize("name", ["lightgbm", "lightgbm_all"])
def test_contributions_of_lightgbm_add_up_to_the_log_odds(fitted, asked, name):
    # What is left, the share of the threshold, the lead and the training mean, hardly varies.
    model, rows = fitted[name], asked.assign(threshold=75.0)
    total = model.contributions(rows).sum(axis=1).to_numpy()
    rest = driver_log_odds(model, rows) - total
    assert total.std() > 0.2
    assert rest.std() < 0.1 * total.std()


@every_candidate
def test_a_missing_or_average_value_contributes_nothing_to_a_logistic_hazard(fitted, asked, name):
    model = fitted[name]
    contributions = model.contributions(asked)
    assert contributions.index.equals(asked.index)
    assert np.isfinite(contributions.to_numpy()).all()
    if isinstance(model, LogisticHazard):
        own = contributions[[*model.features, *model.others]]
        assert (own[asked[own.columns].isna()].fillna(0) == 0).all(axis=None)


def test_values_beyond_three_deviations_count_as_three(fitted, asked):
    model = fitted["persistence"]
    middle = asked.iloc[[5]].assign(threshold=75.0)
    ends = model.mean_[0] + np.array([3.0, 4.0, 1e9]) * model.deviation_[0]
    hazards = [model.hazards(middle.assign(season_index=end))[0] for end in ends]
    np.testing.assert_allclose(hazards[1:], [hazards[0]] * 2, rtol=1e-12)


@pytest.mark.parametrize("constant", [0.0, 0.1, 7.7, 1e9])
def test_a_feature_that_never_varied_says_nothing(training, constant):
    X, targets, weight = training
    X = X[["season_index", THRESHOLD]].assign(flat=constant)
    model = LogisticHazard(("season_index", "flat")).fit(X, targets, weight)
    moved = X.assign(flat=constant + np.maximum(1.0, constant))
    without = LogisticHazard(("season_index",)).fit(X, targets, weight)
    np.testing.assert_allclose(model.hazards(X), without.hazards(X), rtol=0, atol=1e-3)
    # Standardised by 1 where nothing varied: a step of 1 or more moves it no further than that.
    assert (model.contributions(moved)["flat"].abs() < 1e-3).all()


def test_a_feature_missing_throughout_says_nothing(training):
    X, targets, weight = training
    without = LogisticHazard(("season_index",)).fit(X, targets, weight)
    model = LogisticHazard(("season_index", "gone")).fit(X.assign(gone=np.nan), targets, weight)
    asked = X.assign(gone=5.0)
    np.testing.assert_allclose(model.hazards(asked), without.hazards(asked), rtol=0, atol=1e-3)


def test_other_features_are_shrunk_by_their_scale():
    X, targets = synthetic(400, lambda x: expit(-2.5 + 0.8 * x), seed=4, flat=0.0)
    spread = [
        LogisticHazard(("flat",), others=("x",), scales=(scale,)).fit(X, targets).hazards(X).std()
        for scale in (0.01, 0.1, 1.0)
    ]
    direct = LogisticHazard(("flat", "x")).fit(X, targets).hazards(X).std()
    assert spread[0] < spread[1] < spread[2]
    assert spread[2] == pytest.approx(direct, rel=1e-3)


# The boosted hazard


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
def test_breadth_never_lowers_the_hazard_of_a_boosted_candidate(training, asked, name, feature):
    X, targets, weight = training
    model = clone(CANDIDATES[name].model).set_params(min_rows=10).fit(X, targets, weight)
    grid = np.linspace(-10, 110, 25)
    hazards = np.stack([model.hazards(asked.assign(**{feature: value})) for value in grid])
    assert (np.diff(hazards, axis=0) >= 0).all()
    assert hazards.std() > 0


def test_a_higher_threshold_never_raises_the_hazard(training, asked):
    X, targets, weight = training
    model = clone(CANDIDATES["lightgbm"].model).set_params(min_rows=10).fit(X, targets, weight)
    partial, broad = (model._hazards(asked.assign(threshold=t)) for t in (50.0, 75.0))
    assert (partial >= broad).all()
    assert (partial > broad).any()


def test_the_seed_decides_the_columns_drawn(training, asked):
    X, targets, weight = training
    drawing = BoostedHazard(FEATURE_NAMES, min_rows=10, column_share=0.3)
    made = [
        clone(drawing).set_params(seed=seed).fit(X, targets, weight).predict_proba(asked)
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])


# The blend


def test_a_blend_is_the_mean_of_its_members(fitted, asked):
    members = [fitted[name] for name in CANDIDATES["blend"].members]
    rows = asked.assign(threshold=75.0)
    mean = np.mean([member.predict_proba(rows) for member in members], axis=0)
    np.testing.assert_allclose(fitted["blend"].predict_proba(rows), mean, rtol=0, atol=1e-12)
    names = fitted["blend"].feature_names()
    assert names == list(BREADTH_CORE)
    shares = [m.contributions(rows).reindex(columns=names, fill_value=0.0) for m in members]
    np.testing.assert_allclose(
        fitted["blend"].contributions(rows), sum(shares) / 3, rtol=0, atol=1e-12
    )


def test_a_blend_of_lower_thresholds_is_at_least_the_mean_of_its_members(fitted, asked):
    members = [fitted[name] for name in CANDIDATES["blend"].members]
    rows = asked.assign(threshold=50.0)
    ends = EVERY_DAY[LEAD_DAYS - 1 :: LEAD_DAYS]
    mean = np.mean([incidence(m.predict_proba(rows), ends) for m in members], axis=0)
    blended = incidence(fitted["blend"].predict_proba(rows), ends)
    assert (blended >= mean - 1e-12).all()
    assert (blended - mean).max() < 0.05


def test_candidates_fitted_together_are_those_fitted_alone(fitted, training, asked):
    unfitted = {name: candidate.model for name, candidate in CANDIDATES.items()}
    together = fit_candidates(unfitted, *training)
    assert list(together) == list(CANDIDATES)
    assert together["blend"].members_[1] is together["logistic"]
    for name, model in together.items():
        assert np.array_equal(model.predict_proba(asked), fitted[name].predict_proba(asked))


def test_a_blend_without_its_members_beside_it_fits_its_own(fitted, training, asked):
    alone = fit_candidates({"blend": CANDIDATES["blend"].model}, *training)["blend"]
    assert np.array_equal(alone.predict_proba(asked), fitted["blend"].predict_proba(asked))


# The choice of a setting


class Spy(LeadClassifier):
    """Forecasts a constant hazard and remembers what it was fitted to."""

    fits: ClassVar[list] = []

    def __init__(self, hazard):
        self.hazard = hazard

    def _fit(self, X, targets, weight):
        Spy.fits.append((X.copy(), targets.copy(), weight.copy()))

    def _hazards(self, X):
        return np.full((len(X), N_LEADS), self.hazard)

    def state(self):
        return {"hazard": self.hazard}

    @classmethod
    def from_state(cls, state):
        return cls(**state)


@pytest.fixture
def spied():
    Spy.fits.clear()
    yield Spy.fits
    Spy.fits.clear()


# Weekly rows over 90 weeks with an onset every 20 weeks; all 13 leads are known for every row.
CHOICE_DAYS = days_of(90)
CHOICE_X = pd.DataFrame({"x": np.arange(90.0), THRESHOLD: 75.0}, index=CHOICE_DAYS)
CHOICE_AHEAD = 140.0 - 7 * (np.arange(90) % 20)
CHOICE_TARGETS = lead_targets(CHOICE_AHEAD, np.full(90, LIMIT_DAYS))
CHOICE_SPLIT = CHOICE_DAYS[60]


def chosen(targets=CHOICE_TARGETS, *, hazards=(0.01, 0.25, 0.9), weight=None, X=CHOICE_X):
    return choose(hazards, Spy, X, targets, np.ones(len(X)) if weight is None else weight)


def test_the_setting_that_forecasts_the_last_third_best_is_chosen(spied):
    last = CHOICE_TARGETS[60:]
    periods = expand(last)
    assert chosen() == 0.25
    assert periods.onset.mean() == pytest.approx(0.25, abs=0.1)
    assert len(spied) == 3


def test_the_last_third_decides_alone(spied):
    targets = CHOICE_TARGETS.copy()
    targets[60:, 0] = 1
    assert chosen(targets) == 0.9
    targets[60:, 0] = np.where(np.arange(30) == 0, 13, 0)
    assert chosen(targets) == 0.01


def test_a_choice_is_fitted_to_what_was_known_at_the_split(spied):
    chosen()
    for X, targets, _ in spied:
        assert (X.index < CHOICE_SPLIT).all()
        ends = X.index + pd.to_timedelta(LEAD_DAYS * targets[:, 1], unit="D")
        assert (ends <= CHOICE_SPLIT).all()
        assert (targets[:, 1] > 0).all()
        elapsed = np.asarray((CHOICE_SPLIT - X.index).days)
        ahead = CHOICE_AHEAD[X["x"].to_numpy(dtype=int)]
        assert np.array_equal(targets, lead_targets(ahead, np.minimum(elapsed, LIMIT_DAYS)))
        # Weeks 56 to 59 have no lead resolved by the split in week 60, week 55 has one.
        assert X.index[-1] == CHOICE_DAYS[55]


def test_outcomes_after_the_split_change_nothing_that_was_fitted(spied):
    chosen()
    before = list(spied)
    spied.clear()
    elapsed = np.asarray((CHOICE_SPLIT - CHOICE_DAYS).days)
    lead_end = np.ceil(CHOICE_AHEAD / LEAD_DAYS) * LEAD_DAYS
    open_then = lead_end > elapsed
    ahead = np.where(open_then, np.nan, CHOICE_AHEAD)
    ahead[70] = 5.0
    chosen(lead_targets(ahead, np.full(90, LIMIT_DAYS)))
    for (X, targets, _), (other_X, other_targets, _) in zip(before, spied, strict=True):
        pd.testing.assert_frame_equal(X, other_X)
        assert np.array_equal(targets, other_targets)


def test_rows_of_weight_zero_take_no_part_in_a_choice(spied):
    weight = np.ones(90)
    weight[::2] = 0
    targets = CHOICE_TARGETS.copy()
    targets[60:90:2, 0] = 1
    assert chosen(targets, weight=weight) == 0.25
    for X, _, fitted_weight in spied:
        assert (X["x"] % 2 == 1).all()
        assert (fitted_weight == 1).all()


def test_a_choice_sees_the_rows_given_and_no_others(spied):
    chosen(CHOICE_TARGETS[:45], X=CHOICE_X.iloc[:45])
    assert len(spied) == 3
    for X, _, _ in spied:
        assert X.index.max() < CHOICE_DAYS[30]


def test_the_most_shrunk_setting_is_taken_where_nothing_can_be_judged(spied):
    no_onset_late = CHOICE_TARGETS.copy()
    no_onset_late[60:, 0] = 0
    no_onset_early = CHOICE_TARGETS.copy()
    no_onset_early[:60, 0] = 0
    for targets in (no_onset_late, no_onset_early):
        assert chosen(targets) == 0.01
    assert chosen(CHOICE_TARGETS[:1], X=CHOICE_X.iloc[:1]) == 0.01
    assert spied == []


def test_a_single_setting_is_no_choice(spied):
    assert chosen(hazards=(0.9,)) == 0.9
    assert spied == []


def test_a_choice_needs_no_sorted_rows(spied):
    order = np.random.default_rng(0).permutation(90)
    assert chosen(CHOICE_TARGETS[order], X=CHOICE_X.iloc[order]) == 0.25
    assert all((X.index < CHOICE_SPLIT).all() for X, _, _ in spied)


def test_the_strength_of_the_other_features_follows_what_they_forecast():
    names = tuple(f"x{number}" for number in range(20))
    columns = np.random.default_rng(6).normal(size=(400, 20))
    signal, targets = synthetic(400, lambda x: expit(-2.5 + 2 * x), seed=7, flat=0.0)
    noise = signal.assign(**dict(zip(names, columns.T, strict=True)))
    model = LogisticHazard(("flat",), others=names, scales=(0.001, 1.0))
    assert clone(model).fit(noise, targets).chosen() == {"others_scale": 0.001}
    model.set_params(others=("x",))
    assert clone(model).fit(signal, targets).chosen() == {"others_scale": 1.0}


# The simulation


def simulated_row(threshold, shares, **features):
    """Return a row with the share of paths, in percent, that crossed by the end of each lead."""
    names = [series_name(threshold, LEAD_DAYS * lead) for lead in range(1, N_LEADS + 1)]
    values = {**features, **dict(zip(names, shares, strict=True)), THRESHOLD: float(threshold)}
    return pd.DataFrame([values])


def test_simulated_hazards_worked_by_hand():
    row = simulated_row(75, [20.0, 60.0, 60.0, 50.0, *[80.0] * 9])
    # Of 80 % that survive the first lead half cross in the second; shares never fall.
    assert simulated_hazards(row)[0] == pytest.approx([0.2, 0.5, 0, 0, 0.5, *[0] * 8], abs=1e-12)


def test_rows_get_the_simulation_of_their_own_threshold(asked):
    for threshold in (50.0, 75.0):
        own = asked[asked[THRESHOLD] == threshold]
        expected = own[series_name(int(threshold), LEAD_DAYS)].to_numpy() / 100
        np.testing.assert_allclose(simulated_hazards(own)[:, 0], expected, atol=1e-12)


def test_a_threshold_nobody_simulated_has_no_simulated_hazards(asked):
    for rows in (asked.assign(threshold=60.0), asked.drop(columns=SIMULATED)):
        assert np.isnan(simulated_hazards(rows)).all()


def test_the_simulation_is_forecast_as_it_is(fitted, training):
    X, _, _ = training
    rows = X[X[THRESHOLD] == 75].dropna(subset=SIMULATED)
    ends = LEAD_DAYS * np.arange(1, N_LEADS + 1)
    names = [series_name(75, end) for end in ends]
    made = incidence(fitted["simulation"].predict_proba(rows), ends)
    assert len(rows) > 100
    np.testing.assert_allclose(made, rows[names].cummax(axis=1) / 100, rtol=0, atol=1e-12)


def test_without_a_simulation_climatology_is_forecast(fitted, asked):
    rows = asked.assign(**dict.fromkeys(SIMULATED, np.nan))
    expected = fitted["climatology"].hazards(rows)
    assert np.array_equal(fitted["simulation"].hazards(rows), expected)


def test_the_pool_has_equal_parts_over_90_days_and_is_shrunk_beyond(fitted, asked):
    rows = asked.assign(threshold=75.0).dropna(subset=SIMULATED)
    pool, logistic, simulation, climatology = (
        fitted[name] for name in ("pool", "logistic", "simulation", "climatology")
    )
    parts = [incidence(model.predict_proba(rows), [30, 60, 90]) for model in (logistic, simulation)]
    made = incidence(pool.predict_proba(rows), [30, 60, 90])
    np.testing.assert_allclose(made, np.mean(parts, axis=0), rtol=0, atol=1e-12)
    expected = (logistic.hazards(rows) + climatology.hazards(rows)) / 2
    np.testing.assert_allclose(pool.hazards(rows)[:, 3:], expected[:, 3:], rtol=0, atol=1e-12)


def test_without_a_simulation_the_pool_forecasts_90_days_like_the_hazard(fitted, asked):
    rows = asked.assign(**dict.fromkeys(SIMULATED, np.nan), threshold=75.0)
    made = fitted["pool"].hazards(rows)[:, :3]
    np.testing.assert_allclose(made, fitted["logistic"].hazards(rows)[:, :3], rtol=0, atol=1e-12)


def test_a_name_that_is_no_candidates_is_an_error():
    with pytest.raises(ValueError, match=r"must be one of climatology, .*, got 'logistik'"):
        seeded(["climatology", "logistik"], 0)


def test_mixture_weights_are_the_mode_that_a_general_optimiser_finds():
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


def test_without_evidence_the_mixture_is_equal_and_with_much_it_names_the_truth():
    nothing = mixture_weights(np.empty((0, 3)), np.empty(0))
    np.testing.assert_allclose(nothing, 1 / 3)
    random = np.random.default_rng(0)
    truth, rival = random.uniform(0.05, 0.6, size=(2, 4000))
    began = random.random(4000) < truth
    likelihood = np.column_stack([np.where(began, h, 1 - h) for h in (truth, rival)])
    assert mixture_weights(likelihood, np.ones(4000))[0] > 0.95


def test_the_stack_is_the_mean_of_its_members_by_its_weights(fitted, asked):
    stack, rows = fitted["stack"], asked.assign(threshold=75.0).dropna(subset=SIMULATED)
    members = [fitted[name].hazards(rows) for name in ("climatology", "logistic", "simulation")]
    for lead in range(N_LEADS):
        expected = sum(
            weight * member[:, lead]
            for weight, member in zip(stack.weights_[min(lead, 3)], members, strict=True)
        )
        np.testing.assert_allclose(stack.hazards(rows)[:, lead], expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.sum(stack.weights_, axis=1), 1, rtol=0, atol=1e-12)
    assert np.ptp(stack.weights_) > 0.01


def test_weights_learn_nothing_from_outcomes_unknown_when_they_are_judged(training):
    X, targets, weight = training
    days = X.index.unique().sort_values()
    for share, end in ((1 / 2, 2 / 3), (5 / 6, 1.0)):
        earlier, train, valid = split_at(X, targets, weight, share, end)
        split = days[int(share * len(days))]
        assert X.index[valid].min() == split
        assert not (train & valid).any()
        resolved = X.index[train] + pd.to_timedelta(LEAD_DAYS * earlier[train, 1], unit="D")
        assert (resolved <= split).all()
        assert (earlier[train, 1] <= targets[train, 1]).all()


def test_the_parts_judged_follow_each_other_without_overlap(training):
    X, targets, weight = training
    parts = [split_at(X, targets, weight, a, b)[2] for a, b in pairwise((*SHARES, 1.0))]
    assert (np.sum(parts, axis=0) <= 1).all()
    days = X.index.unique().sort_values()
    judged = X.index[np.any(parts, axis=0)].unique()
    assert len(judged) == len(days) - len(days) // 2


def test_a_window_too_short_to_judge_gives_equal_weights(training):
    X, _, weight = training
    first = X.index < X.index[0] + pd.Timedelta(days=200)
    onset = np.where(np.arange(first.sum()) == first.sum() - 1, 1, 0)
    late = np.column_stack([onset, np.ones_like(onset)])
    stack = clone(CANDIDATES["stack"].model).fit(X[first], late, weight[first])
    np.testing.assert_allclose(stack.weights_, 1 / 3)


def test_settled_stacks_keep_their_weights(training, fitted):
    X, targets, weight = training
    again = fitted["stack"].settled().fit(X, targets, np.where(np.arange(len(X)) % 2, weight, 0.0))
    assert again.weights_ == fitted["stack"].weights_
    assert len(fitted["stack"].chosen()) == 12


def test_where_nothing_was_simulated_the_simulated_hazard_is_no_column(training, asked):
    X, targets, weight = training
    known = X.drop(columns=SIMULATED)
    model = clone(CANDIDATES["logistic_simulated"].model).fit(known, targets, weight)
    plain = clone(CANDIDATES["logistic"].model).fit(known, targets, weight)
    assert np.array_equal(model.hazards(asked), plain.hazards(asked))
    assert model.feature_names() == plain.feature_names()


def test_the_simulated_hazard_moves_the_hazard_it_is_a_column_of(fitted):
    model = fitted["logistic_simulated"]
    middle = dict(zip(model.columns_, model.mean_[:-1], strict=True))
    low, high = (
        model.hazards(simulated_row(75, np.linspace(start, 90.0, N_LEADS), **middle))[0]
        for start in (1.0, 60.0)
    )
    assert high[0] > low[0] + 0.05
    contributions = model.contributions(
        simulated_row(75, np.linspace(60.0, 90.0, N_LEADS), **middle)
    )
    assert contributions.columns[-1] == "simulated_75_90"
    assert contributions[list(BREADTH_CORE)].abs().to_numpy().max() < 1e-9
