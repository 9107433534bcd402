"""A setting is chosen on the last third of a window, blind to it until then."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from models.hazard.base import THRESHOLD, HazardModel, choose
from models.hazard.leads import LEAD_DAYS, LIMIT_DAYS, N_LEADS, expand, lead_targets
from models.hazard.logistic import LogisticHazard
from tests.hazard_rows import (
    days_of,
    synthetic,
)


class Spy(HazardModel):
    """Forecasts a constant hazard and remembers what it was fitted to."""

    fits: ClassVar[list] = []

    def __init__(self, hazard):
        self.hazard = hazard

    def _fit(self, X, targets, weight):
        Spy.fits.append((X.copy(), targets.copy(), weight.copy()))

    def _hazards(self, X):
        return np.full((len(X), N_LEADS), self.hazard)


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


def test_the_best_setting_is_chosen(spied):
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


def test_a_choice_knows_only_the_split(spied):
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


def test_later_outcomes_change_no_fit(spied):
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


def test_rows_of_weight_zero_do_not_count(spied):
    weight = np.ones(90)
    weight[::2] = 0
    targets = CHOICE_TARGETS.copy()
    targets[60:90:2, 0] = 1
    assert chosen(targets, weight=weight) == 0.25
    for X, _, fitted_weight in spied:
        assert (X["x"] % 2 == 1).all()
        assert (fitted_weight == 1).all()


def test_a_choice_sees_only_its_rows(spied):
    chosen(CHOICE_TARGETS[:45], X=CHOICE_X.iloc[:45])
    assert len(spied) == 3
    for X, _, _ in spied:
        assert X.index.max() < CHOICE_DAYS[30]


def test_the_most_shrunk_where_nothing_is_judged(spied):
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


def test_the_scale_follows_what_the_features_forecast():
    names = tuple(f"x{number}" for number in range(20))
    columns = np.random.default_rng(6).normal(size=(400, 20))
    signal, targets = synthetic(400, lambda x: expit(-2.5 + 2 * x), seed=7, flat=0.0)
    noise = signal.assign(**dict(zip(names, columns.T, strict=True)))
    model = LogisticHazard(("flat",), others=names, scales=(0.001, 1.0))
    assert model.unfitted().fit(noise, targets).chosen() == {"others_scale": 0.001}
    model.set_params(others=("x",))
    assert model.unfitted().fit(signal, targets).chosen() == {"others_scale": 1.0}
