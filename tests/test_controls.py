from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from benchmarks import controls
from benchmarks.controls import (
    AHEAD,
    Control,
    EarlyOnsets,
    chances_hold_the_truth,
    depending_on_the_future,
    displaced,
    early_onsets_are_flagged,
    features_score,
    fitted_hazard_approaches_the_true_one,
    held_out_outcomes_change_nothing,
    intervals_hold_the_truth,
    look_ahead,
    look_ahead_is_flagged,
    look_ahead_shows_in_skill,
    noise,
    noise_scores_nothing,
    permuted_after,
    synthetic_market,
    true_hazard_is_calibrated,
    true_probability,
)
from features.catalogue.frame import build_features
from features.market.season import season_index
from features.panel import MarketPanel
from models.hazard.base import THRESHOLD
from models.hazard.candidates import BREADTH_CORE
from models.season.definition import OnsetDefinition
from models.training.landmarks import landmarks
from models.verification.hindcast import Landmarks


@pytest.fixture(scope="module")
def rows(reference) -> Landmarks:
    return landmarks(reference, season_index(reference), OnsetDefinition())


@pytest.fixture(scope="module")
def short(reference):
    """The embedded history until 2020, and its rows."""
    panel = reference.known_at(pd.Timestamp("2020-01-01"))
    return panel, landmarks(panel, season_index(panel), OnsetDefinition())


def holds(control: Control) -> None:
    assert control.passed, f"{control.name}: {control.finding}"


# Skill where there is some, none where there is none


@pytest.mark.parametrize(
    "control", [features_score, partial(noise_scores_nothing, seeds=(0,))], ids=["true", "noise"]
)
def test_only_true_features_have_skill(control, rows):
    holds(control(rows))


def test_noise_replaces_the_core_features_alone(rows):
    drawn = noise(rows.X, seed=0)
    others = [name for name in rows.X if name not in BREADTH_CORE]
    pd.testing.assert_frame_equal(drawn[others], rows.X[others])
    assert not drawn.equals(noise(rows.X, seed=1))


def test_noise_is_standard_and_as_slow_as_markets():
    weeks = pd.date_range("2015-01-06", periods=500, freq="7D")
    X = pd.DataFrame(0.0, weeks, list(BREADTH_CORE))
    drawn = np.stack([noise(X, seed).to_numpy() for seed in range(30)])
    assert drawn.mean() == pytest.approx(0, abs=0.1)
    assert drawn.std() == pytest.approx(1, abs=0.05)
    assert (drawn[:, 1:] * drawn[:, :-1]).mean() == pytest.approx(np.exp(-7 / 90), abs=0.05)
    assert (drawn[..., 0] * drawn[..., 1]).mean() == pytest.approx(0, abs=0.1)


def test_displaced_features_come_from_over_a_year_away(rows):
    marked = replace(rows, X=rows.X.assign(season_index=rows.X.index.to_julian_date()))
    for seed in range(2):
        moved = displaced(marked, seed)
        assert moved.index.equals(rows.X.index)
        assert (moved[THRESHOLD] == rows.X[THRESHOLD]).all()
        away = np.abs(moved["season_index"] - moved.index.to_julian_date())
        assert away.min() > 365
        for kind in ("broad", "partial"):
            own = rows.kind == kind
            assert sorted(moved["season_index"][own]) == sorted(marked.X["season_index"][own])


# Planted cheats


def test_a_look_ahead_is_implausible(short):
    panel, rows = short
    holds(look_ahead_shows_in_skill(rows, panel))


def test_an_honest_feature_is_not_flagged(short, monkeypatch):
    panel, rows = short
    monkeypatch.setattr(controls, "look_ahead", lambda X, panel, days: X.assign(**{AHEAD: 0.0}))
    assert not look_ahead_shows_in_skill(rows, panel).passed


@pytest.mark.parametrize(("values", "seen"), [(range(100), 40.0), (range(99, -1, -1), 88.0)])
def test_the_look_ahead_sees_thirty_days(values, seen):
    every = pd.date_range("2025-01-01", periods=100, unit="s")
    index = pd.Series(np.array(values, dtype=float), every)
    panel = MarketPanel.from_series({"season_index": index}, "hand-made")
    days = every[[10, 98, 99]]
    found = look_ahead(pd.DataFrame(index=days), panel, days)[AHEAD].tolist()
    assert found[:2] == [seen, index.iloc[99]]
    assert np.isnan(found[2])


def test_truncation_flags_the_look_ahead_alone(reference):
    holds(look_ahead_is_flagged(reference))


def test_a_second_look_ahead_fails(reference, monkeypatch):
    def centred(panel, days):
        X = build_features(panel, days)
        bitcoin = panel.series("bitcoin").rolling(21, center=True, min_periods=1).mean()
        return X.assign(bitcoin_drawdown=bitcoin.reindex(days).to_numpy())

    monkeypatch.setattr(controls, "build_features", centred)
    control = look_ahead_is_flagged(reference)
    assert not control.passed
    assert "bitcoin_drawdown" in control.finding


def test_truncation_takes_missing_for_missing(reference):
    days = pd.DatetimeIndex(["2016-01-05", "2023-06-06"])
    assert build_features(reference, days).isna().any(axis=None)
    assert depending_on_the_future(build_features, reference, days) == []


def test_onsets_learnt_early_are_noticed(short):
    holds(early_onsets_are_flagged(short[1]))


def test_the_control_fails_where_the_cheat_is_honest(short, monkeypatch):
    monkeypatch.setattr(controls, "EarlyOnsets", Landmarks)
    assert not early_onsets_are_flagged(short[1]).passed


def test_the_control_fails_where_the_rows_cheat(short):
    assert not early_onsets_are_flagged(EarlyOnsets(**vars(short[1]))).passed


def test_early_onsets_are_counted_when_seen():
    X = pd.DataFrame({THRESHOLD: 75.0}, index=pd.date_range("2025-01-01", periods=3, freq="30D"))
    rows = EarlyOnsets(
        X, np.full(3, "broad"), np.array([70.0, 40.0, 10.0]), np.array([400, 370, 340]), 30
    )
    # On day 80: the first onset, of day 70, and the second, of day 70 too, have been seen; so
    # has the third, of day 70. Honest targets know 2, 1 and 0 leads.
    assert rows.targets(pd.Timestamp("2025-03-22")).tolist() == [[3, 3], [2, 2], [1, 1]]
    # On day 65 none has been seen.
    assert rows.targets(pd.Timestamp("2025-03-07")).tolist() == [[0, 2], [0, 1], [0, 0]]


# Outcomes held out

REFIT_ON = pd.Timestamp("2018-06-05")


def test_outcomes_held_out_change_no_parameter(short):
    holds(held_out_outcomes_change_nothing(short[1], REFIT_ON))


class _Leaking(Landmarks):
    """Rows that give away every outcome, whenever they are asked."""

    def targets(self, day):
        return super().targets(self.as_of[-1] + pd.Timedelta(days=500))


def test_the_control_fails_where_outcomes_leak(short):
    leaking = _Leaking(**vars(short[1]))
    control = held_out_outcomes_change_nothing(leaking, REFIT_ON)
    assert not control.passed
    assert not control.finding.startswith("0 of")


def test_permuted_outcomes_are_those_open_on_the_day(short):
    rows = short[1]
    altered = permuted_after(rows, REFIT_ON)
    elapsed = np.asarray((REFIT_ON - rows.as_of).days)
    seen = rows.days_to_onset <= elapsed
    assert np.array_equal(altered.days_to_onset[seen], rows.days_to_onset[seen])
    assert (altered.days_to_onset[~seen] != rows.days_to_onset[~seen]).mean() > 0.9
    opened = altered.days_to_onset[~seen] - np.maximum(elapsed[~seen], 0)
    before = rows.days_to_onset[~seen] - np.maximum(elapsed[~seen], 0)
    assert (np.isnan(opened) | (opened > 0)).all()
    assert np.array_equal(np.sort(opened), np.sort(before), equal_nan=True)


# A known hazard


def wrong_hazard(x, days, honest=controls.true_probability):
    return honest(x, days) ** (1 if days == 1 else 2)


def test_a_control_of_the_hazard_can_fail(monkeypatch):
    monkeypatch.setattr(controls, "true_probability", wrong_hazard)
    assert not true_hazard_is_calibrated().passed


def test_the_true_hazard_is_calibrated():
    holds(true_hazard_is_calibrated())


def test_the_fitted_hazard_approaches_the_true_one():
    holds(fitted_hazard_approaches_the_true_one(seeds=range(4)))


def test_the_synthetic_market_has_the_hazard_it_says():
    rows = synthetic_market(4000, seed=0)
    x, ahead = rows.X["x"].to_numpy(), rows.days_to_onset
    starts = np.append(True, x[1:] != x[:-1])
    assert starts.sum() > 3500
    for low in (-1.5, 0.0, 1.0):
        near = (x >= low) & (x < low + 0.5) & (rows.days_known >= 30)
        expected = true_probability(x[near], 30).mean()
        assert (ahead[near] <= 30).mean() == pytest.approx(expected, abs=0.03)
    assert ahead.min() >= 1
    assert (rows.days_known >= ahead).all()


def test_probabilities_of_the_synthetic_market_by_hand():
    assert true_probability(np.array([1.4]), 30) == pytest.approx(0.5)
    assert true_probability(np.array([1.4]), 90) == pytest.approx(0.875)


# Coverage of intervals

OVERLAPPING = pd.DataFrame({"world": "overlap", "coverage": [0.88, 0.905]})


def chances(posterior: float, halves: float = 0.75, bias: float = 0.02) -> pd.DataFrame:
    """Return a table of coverage of the outlook's probabilities at one horizon."""
    worlds = ["exponential", "weibull 1.3", "rate halves"]
    return pd.DataFrame(
        {"world": worlds, "horizon_days": 90, "mean_true": 0.3,
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


def test_intervals_too_narrow_fail():
    assert intervals_hold_the_truth(OVERLAPPING).passed
    assert not intervals_hold_the_truth(OVERLAPPING.assign(coverage=0.86)).passed


# The command


def test_the_command_runs_every_control_and_returns_what_passed(reference, monkeypatch, capsys):
    names = [
        "features_score", "noise_scores_nothing", "placebo_scores_nothing",
        "look_ahead_shows_in_skill", "look_ahead_is_flagged", "early_onsets_are_flagged",
        "held_out_outcomes_change_nothing", "true_hazard_is_calibrated",
        "fitted_hazard_approaches_the_true_one",
    ]  # fmt: skip
    failing = names[-1]
    for name in names:
        made = Control(name, name != failing, "")
        monkeypatch.setattr(controls, name, lambda *data, made=made: made)
    monkeypatch.setattr(controls, "skill_coverage", lambda: OVERLAPPING)
    monkeypatch.setattr(controls, "chance_coverage", lambda: chances(0.9))
    assert [control.name for control in controls.run(reference)] == names
    assert controls.main() == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"passed  {names[0]}: "
    assert f"FAILED  {failing}: " in lines
    assert lines[-1] == "1 failed"
