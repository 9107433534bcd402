"""Intervals of skill hold what is true in simulated worlds; a blind one is caught."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import coverage as module
from benchmarks.coverage import (
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


def test_nominal_intervals_hold_the_truth(measured):
    # 300 histories measure 90 % with a standard error of 1.7 %.
    assert measured.columns.tolist() == list(COLUMNS)
    overlap, renewal = (measured[measured["world"] == world] for world in ("overlap", "renewal"))
    assert sorted(overlap["horizon_days"]) == sorted(2 * HORIZONS)
    assert overlap["coverage"].between(0.86, 0.94).all()
    assert (overlap["histories"] == 300).all()
    short = renewal[renewal["horizon_days"].fillna(0) <= 180]
    assert len(short) == 2 * 2 * 2 * 5
    assert short["coverage"].between(0.85, 0.96).all()
    # Of a year without an onset nine years hold one or two, and some hold none.
    longest = renewal[renewal["horizon_days"] == 365]
    assert (longest["coverage"] > 0.72).all()
    assert (longest["histories"] < 300).all()


def test_intervals_blind_to_overlap_are_caught(monkeypatch):
    contrasts = module.window_contrasts
    monkeypatch.setattr(
        module, "window_contrasts",
        lambda as_of, *, horizon_days, step_days: contrasts(
            as_of, horizon_days=7, step_days=step_days
        ),
    )  # fmt: skip
    blind = skill_coverage(200, horizons=[365])
    assert (blind.loc[blind["world"] == "overlap", "coverage"] < 0.83).all()


# The renewal world


@pytest.mark.parametrize("horizon", HORIZONS)
def test_expected_scores_are_those_of_a_long_run(horizon):
    _, phase, ahead, _ = renewal_history(np.random.default_rng(0), rows=200_000)
    outcome = (ahead <= horizon).astype(float)
    chance = onset_chance(horizon)
    base = np.full(len(phase), climatology(horizon))
    assert outcome.mean() == pytest.approx(climatology(horizon), rel=0.04)
    for which in (0, 1):
        assert outcome[phase == which].mean() == pytest.approx(chance[which], rel=0.06)
    for name, score in (("brier", brier_scores), ("log", log_scores)):
        made = [score(outcome, forecasts).mean() for forecasts in (chance[phase], base)]
        assert made == pytest.approx(expected_scores(horizon)[name], rel=0.05)
