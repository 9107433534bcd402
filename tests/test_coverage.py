from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.verification import coverage as module
from models.verification.coverage import (
    COLUMNS,
    HORIZONS,
    climatology,
    expected_scores,
    onset_chance,
    renewal_history,
    skill_coverage,
)
from models.verification.scores import brier_scores, log_scores


@pytest.fixture(scope="module")
def measured():
    return skill_coverage(300)


def test_coverage_where_windows_overlap(measured):
    # 300 histories measure 90 % with a standard error of 1.7 %.
    found = measured[measured["world"] == "overlap"]
    assert sorted(found["horizon_days"]) == sorted(2 * HORIZONS)
    assert found["coverage"].between(0.86, 0.94).all()
    assert (found["histories"] == 300).all()


def test_coverage_over_seasons_and_weeks_at_risk(measured):
    found = measured[measured["world"] == "renewal"]
    short = found[found["horizon_days"].fillna(0) <= 180]
    assert len(short) == 2 * 2 * 2 * 5
    assert short["coverage"].between(0.85, 0.96).all()
    # Of a year without an onset nine years hold one or two, and some hold none.
    longest = found[found["horizon_days"] == 365]
    assert (longest["coverage"] > 0.72).all()
    assert (longest["histories"] < 300).all()


def test_intervals_blind_to_overlap_are_caught(monkeypatch):
    def naive(as_of, *, horizon_days, step_days):
        return module_contrasts(as_of, horizon_days=7, step_days=step_days)

    module_contrasts = module.window_contrasts
    monkeypatch.setattr(module, "window_contrasts", naive)
    found = skill_coverage(200, horizons=[365])
    assert (found.loc[found["world"] == "overlap", "coverage"] < 0.83).all()


def test_the_seed_decides_the_histories():
    first, again, other = (skill_coverage(10, horizons=[30, 90], seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert first.columns.tolist() == list(COLUMNS)
    assert not first.equals(other)


# The renewal world


@pytest.fixture(scope="module")
def long_run():
    return renewal_history(np.random.default_rng(0), rows=200_000)


@pytest.mark.parametrize("horizon", HORIZONS)
def test_expected_scores_are_those_of_a_long_run(long_run, horizon):
    _, phase, ahead, _ = long_run
    outcome = (ahead <= horizon).astype(float)
    said = onset_chance(horizon)[phase]
    base = np.full(len(said), climatology(horizon))
    assert outcome.mean() == pytest.approx(climatology(horizon), rel=0.04)
    for name, score in (("brier", brier_scores), ("log", log_scores)):
        found = [score(outcome, each).mean() for each in (said, base)]
        assert found == pytest.approx(expected_scores(horizon)[name], rel=0.05)


def test_forecasts_by_phase_are_calibrated(long_run):
    _, phase, ahead, _ = long_run
    for which in (0, 1):
        found = (ahead[phase == which] <= 90).mean()
        assert found == pytest.approx(onset_chance(90)[which], rel=0.04)


def test_weeks_at_risk_wait_for_the_next_onset(long_run):
    as_of, _, ahead, onsets = long_run
    assert len(as_of) / 200_000 == pytest.approx(195 / 261, rel=0.03)
    assert (ahead > 0).all()
    assert as_of.is_monotonic_increasing
    assert (np.diff(as_of) % np.timedelta64(7, "D") == np.timedelta64(0, "D")).all()
    at = np.searchsorted(onsets.to_numpy(), as_of.to_numpy())
    waited = (onsets[at] - as_of) / pd.Timedelta(days=1)
    np.testing.assert_allclose(waited, ahead, atol=1e-3)


def test_the_second_phase_is_exponential():
    assert onset_chance(45 * np.log(2))[1] == pytest.approx(0.5)
    chances = np.array([onset_chance(days) for days in range(1, 1000)])
    assert (np.diff(chances, axis=0) > 0).all()
    assert ((chances > 0) & (chances < 1)).all()
