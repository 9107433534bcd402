from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from models.verification.contrasts import window_contrasts
from models.verification.scores import brier_scores, corp, log_scores, recalibrate, skill
from models.verification.intervals import skill_interval
from models.verification.skill import COLUMNS, verify

fast = settings(derandomize=True, deadline=None, max_examples=100)

OUTCOME = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
PROBABILITY = np.array([0.4, 0.3, 0.2, 0.1, 0.5, 0.9])

# Coarse probabilities, so that ties are frequent; scikit-learn takes nearly equal ones for equal.
forecasts = st.lists(
    st.tuples(
        st.booleans(),
        st.integers(0, 10).map(lambda n: n / 10) | st.floats(0, 1).map(lambda p: round(p, 6)),
    ),
    min_size=1,
    max_size=30,
).map(lambda pairs: np.array(pairs, dtype=float).T)


def random_forecasts(n=200, seed=0):
    random = np.random.default_rng(seed)
    probability = random.uniform(0.01, 0.99, n).round(2)
    return (random.random(n) < probability).astype(float), probability


# Scores of single forecasts


def test_brier_and_log_scores_worked_by_hand():
    outcome, probability = np.array([1.0, 0.0]), np.array([0.75, 0.75])
    assert brier_scores(outcome, probability).tolist() == [0.0625, 0.5625]
    assert log_scores(outcome, probability) == pytest.approx([np.log(4 / 3), np.log(4)])


def test_brier_and_log_scores_agree_with_scikit_learn():
    outcome, probability = random_forecasts()
    brier, log_score = brier_scores(outcome, probability), log_scores(outcome, probability)
    assert brier.mean() == pytest.approx(brier_score_loss(outcome, probability), rel=1e-12)
    assert log_score.mean() == pytest.approx(log_loss(outcome, probability), rel=1e-12)


def test_the_log_score_of_the_impossible_is_infinite():
    scores = log_scores(np.array([1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0]))
    assert scores.tolist() == [np.inf, np.inf, 0.0]


def test_skill_compares_with_the_reference():
    assert skill(0.0, 0.2) == 1
    assert skill(0.2, 0.2) == 0
    assert skill(0.3, 0.2) == pytest.approx(-0.5)
    assert np.isnan(skill(0.1, 0.0))


# CORP


def test_corp_of_the_golden_example():
    parts = corp(OUTCOME, PROBABILITY)
    assert brier_scores(OUTCOME, PROBABILITY).mean() == pytest.approx(0.22666666666666666)
    assert parts.miscalibration == pytest.approx(0.10166666666666667)
    assert parts.discrimination == pytest.approx(0.125)
    assert parts.uncertainty == pytest.approx(0.25)


@fast
@given(forecasts)
def test_corp_adds_up_to_the_brier_score(drawn):
    outcome, probability = drawn
    miscalibration, discrimination, uncertainty = corp(outcome, probability)
    brier = brier_scores(outcome, probability).mean()
    assert miscalibration - discrimination + uncertainty == pytest.approx(brier, abs=1e-12)
    assert miscalibration >= -1e-12
    assert -1e-12 <= discrimination <= uncertainty + 1e-12


def test_a_constant_forecast_has_no_discrimination():
    parts = corp(OUTCOME, np.full(6, 0.7))
    assert parts == pytest.approx((0.04, 0.0, 0.25))


@fast
@given(forecasts)
def test_recalibration_is_the_isotonic_regression_of_scikit_learn(drawn):
    outcome, probability = drawn
    expected = IsotonicRegression().fit_transform(probability, outcome)
    np.testing.assert_allclose(recalibrate(outcome, probability), expected, rtol=0, atol=1e-6)


def test_equal_forecasts_are_recalibrated_to_their_frequency():
    outcome = np.array([0.0, 1.0, 1.0, 1.0, 0.0])
    probability = np.array([0.2, 0.2, 0.2, 0.9, 0.1])
    assert recalibrate(outcome, probability) == pytest.approx([2 / 3, 2 / 3, 2 / 3, 1, 0])


WEEKS = pd.date_range("2017-01-03", periods=520, freq="7D", unit="s")


# The verification of a hindcast

FIVE = WEEKS[:5]
TINY_OUTCOME = [0.0, 1.0, 1.0, 0.0, np.nan]
TINY_MODEL = [0.2, 0.6, 0.8, 0.4, 0.9]
TINY_CLIMATOLOGY = [0.5, 0.5, 0.5, 0.25, 0.25]


def tiny_hindcast(outcome=TINY_OUTCOME, kind="broad", horizon=30):
    common = {
        "as_of": FIVE,
        "kind": kind,
        "horizon_days": horizon,
        "climatology": TINY_CLIMATOLOGY,
        "outcome": outcome,
    }
    tables = [
        pd.DataFrame({**common, "model": "climatology", "probability": TINY_CLIMATOLOGY}),
        pd.DataFrame({**common, "model": "m", "probability": TINY_MODEL}),
    ]
    return pd.concat(tables, ignore_index=True)


def verified(hindcast, onsets=()):
    days = pd.DatetimeIndex(list(onsets)).as_unit("s")
    kinds = hindcast["kind"].unique()
    return verify(hindcast, dict.fromkeys(kinds, days), step_days=7)


def test_verification_worked_by_hand():
    table = verified(tiny_hindcast(), [WEEKS[1] + pd.Timedelta(days=3)])
    assert table.columns.tolist() == list(COLUMNS)
    assert table["model"].tolist() == ["climatology", "m"]
    climatology, row = table.iloc[0], table.iloc[1]
    assert (row["days"], row["base_rate"]) == (4, 0.5)
    assert row["brier"] == pytest.approx((0.04 + 0.16 + 0.04 + 0.16) / 4)
    assert climatology["brier"] == pytest.approx((0.25 * 3 + 0.0625) / 4)
    assert row["brier_skill"] == pytest.approx(1 - 0.4 / 0.8125)
    log_score = -np.log([0.8, 0.6, 0.8, 0.6]).mean()
    reference = -np.log([0.5, 0.5, 0.5, 0.75]).mean()
    assert row["log_score"] == pytest.approx(log_score)
    assert row["log_skill"] == pytest.approx(1 - log_score / reference)
    assert row["auc"] == 1
    assert row["miscalibration"] == pytest.approx(0.1)
    assert row["discrimination"] == row["uncertainty"] == pytest.approx(0.25)


def test_climatology_has_no_skill_against_itself():
    outcome, _ = random_forecasts(300)
    table = pd.DataFrame(
        {
            "as_of": WEEKS[:300],
            "kind": "broad",
            "horizon_days": 30,
            "outcome": outcome,
            "climatology": 0.5,
            "model": "climatology",
            "probability": 0.5,
        }
    )
    row = verified(table).set_index("model").loc["climatology"]
    skills = [f"{score}_skill{end}" for score in ("brier", "log") for end in ("", "_low", "_high")]
    assert row[skills].tolist() == [0.0] * 6


def test_episodes_are_the_different_onsets_inside_the_windows():
    days = [
        FIVE[0],  # on the first row's own day: not ahead of it
        FIVE[0] + pd.Timedelta(days=10),  # seen by rows 0 and 1: one episode
        FIVE[3] + pd.Timedelta(days=30),  # on the last day of the last resolved window
        FIVE[4] + pd.Timedelta(days=30),  # ahead of an unresolved row only
    ]
    assert verified(tiny_hindcast(), days)["episodes"].tolist() == [2, 2]
    assert verified(tiny_hindcast(), days[:1])["episodes"].tolist() == [0, 0]
    assert verified(tiny_hindcast(horizon=29), days)["episodes"].tolist() == [1, 1]


@pytest.mark.parametrize("same", [0.0, 1.0])
def test_what_cannot_be_computed_is_not_a_number(same):
    row = verified(tiny_hindcast([same] * 4 + [np.nan])).iloc[1]
    assert row.filter(regex="skill|auc").isna().all()
    expected = np.mean((np.array(TINY_MODEL[:4]) - same) ** 2)
    assert row["brier"] == row["miscalibration"] == pytest.approx(expected)
    assert (row["base_rate"], row["discrimination"], row["uncertainty"]) == (same, 0, 0)


def test_nothing_resolved_gives_an_empty_table():
    table = verified(tiny_hindcast([np.nan] * 5))
    assert table.empty
    assert table.columns.tolist() == list(COLUMNS)


def test_every_kind_and_horizon_is_scored_by_itself():
    flipped = [1.0, 0.0, 0.0, 1.0, 1.0]
    hindcast = pd.concat(
        [tiny_hindcast(), tiny_hindcast(horizon=60), tiny_hindcast(flipped, kind="partial")]
    )
    table = verified(hindcast)
    keys = table[["kind", "horizon_days"]].drop_duplicates().apply(tuple, axis=1).tolist()
    assert keys == [("broad", 30), ("broad", 60), ("partial", 30)]
    by_key = table[table["model"] == "m"].set_index(["kind", "horizon_days"])
    assert by_key.loc[("broad", 30), "brier"] == by_key.loc[("broad", 60), "brier"]
    assert by_key.loc[("partial", 30), "days"] == 5
    assert by_key.loc[("partial", 30), "auc"] == pytest.approx(roc_auc_score(flipped, TINY_MODEL))


@pytest.mark.parametrize("horizon", [30, 90, 365])
def test_windows_are_as_long_as_the_horizon(horizon):
    outcome, probability = random_forecasts(300)
    days = WEEKS[:300]
    table = pd.DataFrame(
        {
            "as_of": days,
            "kind": "broad",
            "horizon_days": horizon,
            "outcome": outcome,
            "climatology": 0.5,
            "model": "m",
            "probability": probability,
        }
    )
    row = verify(table, {"broad": days[:0]}, step_days=7).iloc[0]
    contrasts = window_contrasts(days, horizon_days=horizon, step_days=7)
    reference = brier_scores(outcome, np.full(300, 0.5))
    expected = skill_interval(brier_scores(outcome, probability), reference, contrasts)
    ends = row[["brier_skill", "brier_skill_low", "brier_skill_high"]]
    assert ends.tolist() == pytest.approx(list(expected))
