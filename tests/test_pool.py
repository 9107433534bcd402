"""Climatology, simulation, renewal and their pool: by hand, closed forms, equalities."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, gamma, logit
from scipy.stats import weibull_min

from features.market.paths import error_name, series_name
from models.hazard.base import THRESHOLD
from models.hazard.climatology import Climatology
from models.hazard.leads import (
    LEAD_DAYS,
    LIMIT_DAYS,
    N_LEADS,
    incidence,
    lead_probabilities,
    lead_targets,
)
from models.hazard.pool import Renewal, _spells
from models.hazard.simulation import redrawn, simulated_hazards, simulated_or
from models.outlook.posterior import PRIOR, fit_spells
from models.season.spells import Spells
from tests.hazard_rows import SIMULATED, days_of, simulated_row

WEEK = 7
ENDS = LEAD_DAYS * np.arange(1, N_LEADS + 1)


# --- climatology ---------------------------------------------------------------------------------


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


def test_climatology_does_not_fall_with_the_lead():
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


# --- simulation ----------------------------------------------------------------------------------


def test_simulated_hazards_worked_by_hand():
    row = simulated_row(75, [20.0, 60.0, 60.0, 50.0, *[80.0] * 9])
    # Of 80 % that survive the first lead half cross in the second; shares never fall.
    assert simulated_hazards(row)[0] == pytest.approx([0.2, 0.5, 0, 0, 0.5, *[0] * 8], abs=1e-12)


def test_without_paths_there_are_no_simulated_hazards(fitted, asked):
    for rows in (asked.assign(threshold=49.0), asked.drop(columns=SIMULATED)):
        assert np.isnan(simulated_hazards(rows)).all()
    rows = asked.assign(**dict.fromkeys(SIMULATED, np.nan))
    expected = fitted["climatology"].hazards(rows)
    np.testing.assert_allclose(fitted["simulation"].hazards(rows), expected, rtol=0, atol=1e-12)


def test_other_quarters_move_the_log_odds_of_all_shares():
    row = simulated_row(75, [20.0] * 2 + [50.0] * 11).join(
        simulated_row(50, [80.0] * N_LEADS).drop(columns=THRESHOLD)
    )
    assert redrawn(row, 1.0) is row  # nothing is known of the quarters
    errors = {error_name(t, end): 4.0 for t in (50, 75) for end in (30, 60, 90)}
    known = row.assign(**errors)
    names = [series_name(75, end) for end in (30, 90, 390)]
    # A deviation of 4 points is 0.25 in the log-odds of 20 %, 0.16 in those of 50 %.
    expected = [100 * expit(logit(0.2) + 0.5), *[100 * expit(0.32)] * 2]
    assert redrawn(known, 2.0)[names].iloc[0].tolist() == pytest.approx(expected)
    assert redrawn(known, 0.0)[names].iloc[0].tolist() == pytest.approx([20.0, 50.0, 50.0])
    missing = known.assign(**dict.fromkeys(errors, np.nan))
    assert redrawn(missing, 2.0)[names].iloc[0].tolist() == pytest.approx([20.0, 50.0, 50.0])


@pytest.mark.parametrize(
    ("threshold", "crossed"),
    [(50, 0.8), (60, expit(0.6 * logit(0.8) + 0.4 * logit(0.2))), (62.5, 0.5), (75, 0.2),
     (85, 0.2)],
)  # fmt: skip
def test_between_simulated_thresholds_log_odds_run_straight(threshold, crossed):
    both = [simulated_row(50, [80.0] * N_LEADS), simulated_row(75, [20.0] * N_LEADS)]
    row = pd.concat([part.drop(columns=THRESHOLD) for part in both], axis=1)
    row = row.assign(threshold=float(threshold))
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
    made = incidence(fitted["simulation"].predict_proba(rows), ENDS)
    shares = rows[[series_name(75, end) for end in ENDS]].cummax(axis=1) / 100
    assert len(rows) > 100
    np.testing.assert_allclose(made, shares, rtol=0, atol=1e-12)


# --- the pool ------------------------------------------------------------------------------------


def test_the_pool_is_a_mean_then_a_renewal(lead_rows, fitted, asked):
    rows = asked.assign(threshold=75.0).dropna(subset=SIMULATED)
    pool, logistic, simulation = (fitted[name] for name in ("pool", "logistic", "simulation"))
    parts = [incidence(model.predict_proba(rows), [30, 60, 90]) for model in (logistic, simulation)]
    made = incidence(pool.predict_proba(rows), [30, 60, 90])
    np.testing.assert_allclose(made, np.mean(parts, axis=0), rtol=0, atol=1e-12)
    renewal = Renewal().fit(*lead_rows).hazards(rows)
    np.testing.assert_allclose(pool.hazards(rows)[:, 3:], renewal[:, 3:], rtol=0, atol=1e-12)
    shares = [model.contributions(rows) for model in (logistic, simulation)]
    assert pool.contributions(rows).equals(0.5 * pd.concat(shares, axis=1))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_pool_above_the_simulated_thresholds(fitted, asked, share):
    # Where no path reaches 75 none reaches 80; where all do, that says nothing of 80.
    rows = asked.assign(**dict.fromkeys(SIMULATED, 0.05 + 99.9 * share), threshold=80.0)
    hazard = incidence(fitted["logistic"].predict_proba(rows), [90])
    made = incidence(fitted["pool"].predict_proba(rows), [90])
    np.testing.assert_allclose(made, hazard if share else hazard / 2, rtol=0, atol=0.003)


def test_the_pool_without_a_simulation_is_the_hazard(fitted, asked):
    rows = asked.assign(**dict.fromkeys(SIMULATED, np.nan), threshold=75.0)
    made = fitted["pool"].hazards(rows)[:, :3]
    np.testing.assert_allclose(made, fitted["logistic"].hazards(rows)[:, :3], rtol=0, atol=1e-12)


# --- quiet spells as a renewal process -----------------------------------------------------------


def rows_of(spells, *, open_days=0, pause=60):
    """Return X, targets and weights of weekly rows of spells, each ended by an onset.

    What follows on the last is a spell still open after so many days, of which the leads are
    known that were over by then.
    """
    start, first, ahead, known = pd.Timestamp("2015-01-06"), [], [], []
    end = sum(spells) + pause * len(spells) + open_days
    begin = 0
    for days in [*spells, *([open_days] if open_days else [])]:
        offsets = np.arange(0, days, WEEK)
        is_open = open_days and begin + open_days == end
        first.extend(begin + offsets)
        ahead.extend(np.full(len(offsets), np.nan) if is_open else days - offsets)
        known.extend(end - begin - offsets)
        begin += days + pause
    index = pd.DatetimeIndex(start + pd.to_timedelta(first, unit="D"), name="as_of")
    X = pd.DataFrame({THRESHOLD: 75.0}, index=index)
    targets = lead_targets(ahead, np.minimum(known, LIMIT_DAYS))
    return X, targets, np.full(len(X), WEEK / LEAD_DAYS)


def by_lead(spells, **rest):
    X, targets, weight = rows_of(spells, **rest)
    return incidence(Renewal().fit(X, targets, weight).predict_proba(X[:1]), ENDS)[0]


def test_spells_are_read_from_the_rows():
    X, targets, weight = rows_of([98, 14, 210], open_days=70)
    used = targets[:, 1] > 0
    spells, counts = _spells(X.index[used], targets[used], weight[used])
    # Open: the last row with a lead known is on day 35, and quiet for 30 days; half a week before
    # the first row, in whole days.
    assert spells.days.tolist() == [98, 14, 210, 35 + 30 + 3]
    assert spells.ended.tolist() == [True, True, True, False]
    assert spells.truncated.tolist() == [True, False, False, False]
    assert counts == pytest.approx([1, 1, 1, 1])


def test_a_spell_drawn_twice_counts_twice():
    X, targets, weight = rows_of([98, 14, 210])
    twice = np.where(np.arange(len(X)) < 14, 2 * weight, weight)
    spells, counts = _spells(X.index, targets, twice)
    assert counts == pytest.approx([2, 1, 1])
    rows = np.r_[np.arange(len(X)), np.arange(14)]
    assert _spells(X.index[rows], targets[rows], weight[rows])[1] == pytest.approx([2, 1, 1])
    repeated = Spells(*(values[[0, 0, 1, 2]] for values in vars(spells).values()))
    counted = fit_spells(spells, counts=counts).weight
    np.testing.assert_allclose(counted, fit_spells(repeated).weight, rtol=1e-9)


@pytest.mark.parametrize("shape", [0.7, 2.0])
def test_a_known_process_is_recovered(shape):
    scale = 150.0
    drawn = weibull_min.rvs(shape, scale=scale, size=1500, random_state=1)
    spells = np.maximum(np.round(drawn / WEEK) * WEEK, WEEK).astype(int).tolist()
    # The rest of a spell that is met on a day at random, by integration of the survival.
    grid = np.linspace(0, ENDS[-1], 20_001)
    alive = weibull_min.sf(grid, shape, scale=scale)
    mean = scale * gamma(1 + 1 / shape)
    expected = [np.trapezoid(alive[grid <= end], grid[grid <= end]) / mean for end in ENDS]
    assert by_lead(spells) == pytest.approx(expected, abs=0.03)


def test_regular_spells_make_the_hazard_rise():
    regular, irregular = by_lead([196] * 12), by_lead([14, 378] * 6)
    assert regular[11] > irregular[11] + 0.1
    hazards = np.diff(regular) / (1 - regular[:-1])
    assert (np.diff(hazards[:6]) > 0).all()
    # Few of them leave room for longer ones, and an open one lowers the chance.
    assert by_lead([196] * 2)[11] < min(by_lead([196] * 40)[11], 0.98)
    assert by_lead([140, 140, 140], open_days=700)[2] < by_lead([140, 140, 140])[2]


def test_one_spell_tells_little_beside_the_prior():
    # The prior's median scale is that of spells of about 200 days: 90 days hold a third.
    assert by_lead([int(PRIOR.scale_days) // WEEK * WEEK])[2] == pytest.approx(0.4, abs=0.15)
