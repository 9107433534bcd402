"""Intervals of skill hold what is true in simulated worlds; a blind one is caught."""

from __future__ import annotations

import numpy as np
import pandas as pd
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
from models.training.controls import chances_hold_the_truth, intervals_hold_the_truth
from models.training.coverage_tables import (
    chance_coverage_rows,
    coverage_sentence,
    skill_coverage_rows,
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
    assert not intervals_hold_the_truth(blind).passed


def test_a_column_per_horizon_and_one_over_all(measured):
    head, *rows = skill_coverage_rows(measured)
    assert head[3:] == ["30 days", "60 days", "90 days", "180 days", "365 days", "all horizons"]
    assert len(rows) == 2 + 8
    shown = measured.query("world == 'overlap' and statistic == 'skill'")["coverage"]
    (own,) = (row for row in rows if row[:2] == ["overlap", "skill"])
    assert own[3:] == [*(f"{100 * value:.1f}" for value in shown), ""]


def chances(posterior: float, halves: float = 0.75, bias: float = 0.02) -> pd.DataFrame:
    """Return a table of coverage of the outlook's probabilities at one horizon."""
    worlds = ["exponential", "weibull 1.3", "rate halves"]
    return pd.DataFrame(
        {"world": worlds, "method": "posterior", "horizon_days": 90, "mean_true": 0.3,
         "coverage": [0.9, posterior, halves], "mean_forecast": 0.3 + bias}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("table", "passed"),
    [
        (chances(0.85), True),
        (chances(0.84), False),
        (chances(0.96), False),
        (chances(0.9, halves=0.1), True),
        (chances(0.9, bias=-0.07), False),
    ],
)
def test_the_outlook_must_cover_where_the_world_stays(table, passed):
    assert chances_hold_the_truth(table).passed is passed


def test_coverage_of_chances_tells_the_mean_beside_it():
    head, *rows = chance_coverage_rows(chances(0.876))
    assert head == ["world", "method", "90 days"]
    assert rows[1] == ["weibull 1.3", "posterior", "88 (+2.0)"]


def test_the_sentence_has_the_figures_of_both_tables(measured):
    said = coverage_sentence(measured, chances(0.88))
    own = measured.query("world == 'renewal' and unit == 'windows' and horizon_days == 365")
    low, high = (f"{100 * end:.0f}" for end in (own["coverage"].min(), own["coverage"].max()))
    assert f"at 365 days in {low} to {high} %" in said
    assert "in 88 to 90 % of cases if the onset process stays the same, and in 75 % if" in said


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
