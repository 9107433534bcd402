"""A whole training: its replicates, thresholds, and data that do not suffice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.market.season import season_index
from features.panel import DataError, MarketPanel
from models.hazard.base import THRESHOLD
from models.hazard.candidates import TRIALS
from models.hazard.leads import LEAD_DAYS
from models.season.definition import OnsetDefinition
from models.season.labels import label, onsets
from models.training.landmarks import STEP_DAYS, landmarks
from models.training.replicates import fit_with_replicates
from models.training.run import Settings, train
from models.verification.hindcast import hindcast
from models.verification.walk_forward import WalkForward
from tests.test_hindcast import CHEAP, fit_of, rows_of


@pytest.fixture(scope="module")
def real_rows(reference):
    """Rows of the embedded history until 2019."""
    return rows_of(reference.known_at(pd.Timestamp("2020-01-01")))


def test_training_learns_nothing_after_its_last_refit(random_panel):
    first, second = (
        train(random_panel, CHEAP, until=pd.Timestamp(day)) for day in ("2017-04-04", "2017-04-10")
    )
    assert first.trained_until == second.trained_until == pd.Timestamp("2017-03-28")
    X = rows_of(random_panel).X
    for name, forecaster in first.forecasters.items():
        expected = forecaster.model.predict_proba(X)
        assert np.array_equal(second.forecasters[name].model.predict_proba(X), expected)


# Replicates


def replicated(rows, begun, seed=0, replicates=6):
    unfitted = Settings(candidates=("logistic",), seed=seed).unfitted()
    day = pd.Timestamp("2019-12-31")
    return fit_with_replicates(rows, day, begun, unfitted, n_replicates=replicates, seed=seed)


@pytest.fixture(scope="module")
def real_onsets(reference):
    return onsets(season_index(reference), OnsetDefinition())


def test_replicates_are_refits_to_whole_episodes_drawn_again(real_rows, real_onsets, monkeypatch):
    drawn = []

    def spy(settled, X, targets, weight):
        drawn.append((X, targets, weight))
        return settled

    monkeypatch.setattr("models.training.replicates._refit", spy)
    replicated(real_rows, real_onsets, replicates=20)
    assert len(drawn) == 20
    for X, targets, weight in drawn:
        times = weight / (STEP_DAYS / LEAD_DAYS)
        episode = pd.Series(times).groupby(np.searchsorted(real_onsets, X.index, side="right"))
        assert (episode.min() == episode.max()).all()
        counts = episode.first()
        np.testing.assert_allclose(counts, counts.round(), atol=1e-9)
        assert counts.sum() == pytest.approx(len(counts))
        assert (targets[weight > 0, 0] > 0).any()
    assert len({tuple(weight) for _, _, weight in drawn}) > 10


def test_replicates_vary_and_surround_the_model(real_rows, real_onsets):
    models, replicates = replicated(real_rows, real_onsets, replicates=12)
    X = real_rows.X[real_rows.kind == "broad"]
    made = np.stack([replicate["logistic"].hazards(X)[:, 0] for replicate in replicates])
    assert (made.std(axis=0) > 0).all()
    own = models["logistic"].hazards(X)[:, 0]
    surrounded = (made.min(axis=0) <= own) & (own <= made.max(axis=0))
    assert surrounded.mean() > 0.8


def test_the_seed_decides_the_replicates(real_rows, real_onsets):
    X = real_rows.X
    made = [
        np.stack([each["logistic"].hazards(X) for each in replicated(real_rows, begun, seed)[1]])
        for begun, seed in ((real_onsets, 1), (real_onsets, 1), (real_onsets, 2))
    ]
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])


# Data that do not suffice


def test_an_early_end_is_an_error(random_panel):
    with pytest.raises(DataError, match=r"until must not be before 2017-01-03.* got 2017-01-02"):
        train(random_panel, CHEAP, until=pd.Timestamp("2017-01-02"))


@pytest.mark.parametrize("first", ["2016-11-01", "2017-06-01"])
def test_a_late_beginning_is_an_error(reference, first):
    table = reference.observations()
    late = MarketPanel.from_observations(table[table["date"] >= first], "late")
    with pytest.raises(DataError, match=r"training rows|out of sample"):
        train(late, CHEAP)


# Thresholds


@pytest.mark.parametrize(
    ("threshold", "learnt"),
    [
        (75.0, [50, 55, 60, 65, 70, 75, 80, 85]),
        (62.0, [50, 55, 60, 62, 65, 70, 75, 80, 85]),
        (90.0, [50, 90]),  # Beyond what is pooled: the two kinds alone.
    ],
)
def test_every_threshold_is_learnt_and_kinds_scored(random_panel, threshold, learnt):
    definition = OnsetDefinition(threshold=threshold)
    rows = landmarks(random_panel, season_index(random_panel), definition)
    assert np.unique(rows.X[THRESHOLD]).tolist() == learnt
    asked = {kind: each.threshold for kind, each in definition.by_kind().items()}
    assert {
        (kind, at) for kind, at in zip(rows.kind, rows.X[THRESHOLD], strict=True) if kind
    } == set(asked.items())
    schedule = WalkForward(pd.Timestamp("2017-01-03"), 364)
    table = hindcast(rows, schedule, fit_of("climatology"), [30])
    assert set(table["kind"]) == set(asked)


def test_labels_follow_their_threshold(random_panel):
    index = season_index(random_panel)
    rows = landmarks(random_panel, index, OnsetDefinition())
    own = (rows.X[THRESHOLD] == 65).to_numpy()
    labels = label(index, rows.as_of[own], OnsetDefinition(threshold=65.0))
    assert labels["at_risk"].all()
    np.testing.assert_array_equal(rows.days_to_onset[own], labels["days_to_onset"])


def test_every_variant_looked_at_is_listed_and_counted():
    page = (Path(__file__).parents[1] / "docs" / "choices.md").read_text()
    table = page[page.index("| looked at | count |") :].split("\n\n")[0].splitlines()[2:]
    assert sum(int(row.split("|")[2]) for row in table) == TRIALS
    for name in ("logistic", "simulation", "pool", "stack", "logistic_simulated"):
        assert any(row.startswith(f"| `{name}`") for row in table)
