from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from features.market.paths import series_name
from models.hazard.base import THRESHOLD
from models.hazard.first_passage import simulated_hazards, simulated_or
from models.hazard.leads import LEAD_DAYS, N_LEADS, incidence, lead_probabilities
from tests.hazard_rows import (
    SIMULATED,
    simulated_row,
)


def test_simulated_hazards_worked_by_hand():
    row = simulated_row(75, [20.0, 60.0, 60.0, 50.0, *[80.0] * 9])
    # Of 80 % that survive the first lead half cross in the second; shares never fall.
    assert simulated_hazards(row)[0] == pytest.approx([0.2, 0.5, 0, 0, 0.5, *[0] * 8], abs=1e-12)


def test_each_threshold_has_its_own_simulation(asked):
    for threshold in (50.0, 75.0):
        own = asked[asked[THRESHOLD] == threshold]
        expected = own[series_name(int(threshold), LEAD_DAYS)].to_numpy() / 100
        np.testing.assert_allclose(simulated_hazards(own)[:, 0], expected, atol=1e-12)


def test_without_paths_there_are_no_simulated_hazards(asked):
    for rows in (asked.assign(threshold=49.0), asked.drop(columns=SIMULATED)):
        assert np.isnan(simulated_hazards(rows)).all()


@pytest.mark.parametrize(
    ("threshold", "crossed"),
    [
        (50, 0.8),
        (60, expit(0.6 * logit(0.8) + 0.4 * logit(0.2))),
        (62.5, 0.5),
        (75, 0.2),
        (85, 0.2),
    ],
)
def test_between_simulated_thresholds_log_odds_run_straight(threshold, crossed):
    row = pd.concat(
        [simulated_row(50, [80.0] * N_LEADS), simulated_row(75, [20.0] * N_LEADS)], axis=1
    ).iloc[:, ::-1]
    row = row.loc[:, ~row.columns.duplicated()].assign(threshold=float(threshold))
    assert simulated_hazards(row)[0, 0] == pytest.approx(crossed, abs=1e-12)


def test_above_the_highest_threshold_its_paths_bound():
    row = simulated_row(75, [20.0] * N_LEADS).assign(threshold=80.0)
    hazards = np.full((1, N_LEADS), 0.1)
    made = incidence(lead_probabilities(simulated_or(row, hazards)), [30, 60, 90, 390])[0]
    assert made == pytest.approx([0.1, 0.19, 0.2, 0.2])
    assert simulated_or(row.assign(threshold=75.0), hazards)[0, 0] == pytest.approx(0.2)


def test_the_simulation_is_forecast_as_it_is(fitted, lead_rows):
    X, _, _ = lead_rows
    rows = X[X[THRESHOLD] == 75].dropna(subset=SIMULATED)
    ends = LEAD_DAYS * np.arange(1, N_LEADS + 1)
    names = [series_name(75, end) for end in ends]
    made = incidence(fitted["simulation"].predict_proba(rows), ends)
    assert len(rows) > 100
    np.testing.assert_allclose(made, rows[names].cummax(axis=1) / 100, rtol=0, atol=1e-12)


def test_without_a_simulation_climatology_is_forecast(fitted, asked):
    rows = asked.assign(**dict.fromkeys(SIMULATED, np.nan))
    expected = fitted["climatology"].hazards(rows)
    np.testing.assert_allclose(fitted["simulation"].hazards(rows), expected, rtol=0, atol=1e-12)
