from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import gamma
from scipy.stats import weibull_min

from models.hazard.base import THRESHOLD
from models.hazard.leads import LEAD_DAYS, LIMIT_DAYS, N_LEADS, incidence, lead_targets
from models.hazard.renewal_hazard import Renewal, _spells
from models.outlook.posterior import PRIOR, fit_spells
from models.season.spells import Spells

WEEK = 7
ENDS = LEAD_DAYS * np.arange(1, N_LEADS + 1)


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
    assert _spells(X.index, targets, twice)[1] == pytest.approx([2, 1, 1])
    rows = np.r_[np.arange(len(X)), np.arange(14)]
    assert _spells(X.index[rows], targets[rows], weight[rows])[1] == pytest.approx([2, 1, 1])


@pytest.mark.parametrize("shape", [0.7, 1.0, 2.0])
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


def test_few_spells_leave_room_for_longer_ones():
    few, many = by_lead([196] * 2), by_lead([196] * 40)
    assert few[11] < many[11]
    assert few[11] < 0.98


def test_an_open_spell_lowers_the_chance():
    assert by_lead([140, 140, 140], open_days=700)[2] < by_lead([140, 140, 140])[2]


def test_one_spell_tells_little_beside_the_prior():
    # The prior's median scale is that of spells of about 200 days: 90 days hold a third.
    assert by_lead([int(PRIOR.scale_days) // WEEK * WEEK])[2] == pytest.approx(0.4, abs=0.15)


def test_a_spell_that_counts_twice_is_two_spells():
    X, targets, weight = rows_of([98, 14, 210], open_days=70)
    spells, _ = _spells(X.index, targets, weight)
    order = [0, 1, 2, 2, 3]
    repeated = Spells(*(values[order] for values in vars(spells).values()))
    counted = fit_spells(spells, counts=np.array([1.0, 1.0, 2.0, 1.0])).weight
    np.testing.assert_allclose(counted, fit_spells(repeated).weight, rtol=1e-9)
