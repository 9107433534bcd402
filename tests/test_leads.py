"""Leads of 30 days: boundaries by hand, censoring, closed forms, ways there and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.hazard.leads import (
    LEAD_DAYS,
    LIMIT_DAYS,
    N_LEADS,
    censor,
    expand,
    incidence,
    lead_hazards,
    lead_probabilities,
    lead_targets,
)

fast = settings(derandomize=True, deadline=None, max_examples=100)
EVERY_DAY = np.arange(1, LIMIT_DAYS + 1)

rows = st.integers(1, 20).flatmap(
    lambda n: st.tuples(
        arrays(float, n, elements=st.integers(1, 500).map(float) | st.just(np.nan)),
        arrays(np.int64, n, elements=st.integers(0, 500)),
        arrays(np.int64, n, elements=st.integers(0, 500)),
    )
)
hazards = arrays(float, (3, N_LEADS), elements=st.floats(0, 1))
weights = arrays(float, (3, N_LEADS + 1), elements=st.floats(0, 1)).filter(
    lambda w: bool((w.sum(axis=1) > 1e-3).all())
)


@pytest.mark.parametrize(
    ("days", "lead"), [(1, 1), (30, 1), (31, 2), (60, 2), (61, 3), (361, 13), (390, 13), (391, 0)]
)
def test_a_leads_last_day_belongs_to_it(days, lead):
    assert lead_targets([float(days)], [1000]).tolist() == [[lead, 13]]


@pytest.mark.parametrize(
    ("known", "leads"),
    [(0, 0), (29, 0), (30, 1), (59, 1), (60, 2), (389, 12), (390, 13), (900, 13)],
)
def test_a_lead_is_known_at_its_end(known, leads):
    assert lead_targets([np.nan], [known]).tolist() == [[0, leads]]


@pytest.mark.parametrize(("known", "target"), [(35, [0, 1]), (59, [0, 1]), (60, [2, 2])])
def test_an_early_onset_waits_for_its_leads_end(known, target):
    assert lead_targets([35.0], [known]).tolist() == [target]


def test_the_newest_rows_are_not_all_onsets():
    last, onset = 200, 195
    as_of = np.arange(0, last, 7)
    days_to_onset = np.where(as_of < onset, onset - as_of, np.nan)
    onset_lead, known = lead_targets(days_to_onset, last - as_of).T
    assert (known == (last - as_of) // LEAD_DAYS).all()
    # All of them have seen the onset, but only for the last is its lead over.
    newest = known == 1
    assert (days_to_onset <= last - as_of)[newest].all()
    assert onset_lead[newest].tolist() == [0, 0, 0, 1]
    assert (onset_lead[known == 0] == 0).all()


@fast
@given(rows)
def test_targets_are_the_onsets_in_known_leads(drawn):
    days, known, _ = drawn
    onset_lead, leads = lead_targets(days, known).T
    seen = days <= leads * LEAD_DAYS
    assert ((onset_lead > 0) == seen).all()
    assert (onset_lead[seen] == np.ceil(days[seen] / LEAD_DAYS)).all()


@fast
@given(rows)
def test_censored_targets_are_those_of_fewer_days(drawn):
    days, known, elapsed = drawn
    fewer = np.minimum(known, elapsed)
    censored = censor(lead_targets(days, known), elapsed // LEAD_DAYS)
    assert (censored == lead_targets(days, fewer)).all()


def test_censoring_hides_only_later_onsets():
    targets = np.array([[2, 13], [2, 13], [0, 1]])
    assert censor(targets, [1, 2, 5]).tolist() == [[0, 1], [2, 2], [0, 1]]


def test_expansion_worked_by_hand():
    periods = expand(np.array([[2, 5], [0, 3], [0, 0], [1, 1]]))
    assert periods.row.tolist() == [0, 0, 1, 1, 1, 3]
    assert periods.lead.tolist() == [1, 2, 1, 2, 3, 1]
    assert periods.onset.tolist() == [0, 1, 0, 0, 0, 1]


@fast
@given(rows)
def test_rows_give_leads_up_to_the_onset(drawn):
    days, known, _ = drawn
    targets = lead_targets(days, known)
    periods = expand(targets)
    assert periods.onset.sum() == (targets[:, 0] > 0).sum()
    for row, (onset_lead, leads) in enumerate(targets):
        own = periods.row == row
        assert periods.lead[own].tolist() == list(range(1, (onset_lead or leads) + 1))
        assert not periods.onset[own][:-1].any()


def test_probabilities_worked_by_hand():
    hazards = np.array([0.5, 0.5] + [0.0] * 10 + [1.0])
    expected = [0.5, 0.25] + [0.0] * 10 + [0.25, 0.0]
    assert lead_probabilities(hazards).tolist() == expected


@fast
@given(hazards)
def test_probabilities_sum_to_one(drawn):
    probabilities = lead_probabilities(drawn)
    assert probabilities.shape == (3, N_LEADS + 1)
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=0, atol=1e-14)


@fast
@given(hazards)
def test_hazards_survive_the_way_there_and_back(drawn):
    reached = np.cumprod(1 - drawn, axis=1)[:, :-1] > 1e-200
    reached = np.column_stack([np.ones(len(drawn), dtype=bool), reached])
    returned = lead_hazards(lead_probabilities(drawn))
    np.testing.assert_allclose(returned[reached], drawn[reached], rtol=1e-9, atol=1e-12)


@fast
@given(weights)
def test_probabilities_survive_the_way_there_and_back(drawn):
    probabilities = drawn / drawn.sum(axis=1, keepdims=True)
    returned = lead_probabilities(lead_hazards(probabilities))
    np.testing.assert_allclose(returned, probabilities, rtol=0, atol=1e-12)


def test_the_hazard_is_zero_where_nothing_survives():
    certain = np.zeros(N_LEADS + 1)
    certain[0] = 1.0
    assert lead_hazards(certain).tolist() == [1.0] + [0.0] * (N_LEADS - 1)


@pytest.mark.parametrize("hazard", [0.0, 0.01, 0.3, 0.9])
def test_incidence_of_a_constant_hazard_is_geometric(hazard):
    probabilities = lead_probabilities(np.full(N_LEADS, hazard))
    expected = 1 - (1 - hazard) ** (EVERY_DAY / LEAD_DAYS)
    np.testing.assert_allclose(incidence(probabilities, EVERY_DAY), expected, rtol=0, atol=1e-13)


def test_incidence_inside_a_lead_worked_by_hand():
    # Survival 0.64 after the second lead and 0.16 after the third; half-way it is 0.32.
    probabilities = np.array([0.2, 0.16, 0.48] + [0.0] * 10 + [0.16])
    assert incidence(probabilities, [75]) == pytest.approx([0.68])


@pytest.mark.parametrize("horizon", [0, -5, 391, 4000])
def test_a_horizon_out_of_range_is_an_error(horizon):
    with pytest.raises(ValueError, match=f"horizon must be from 1 to 390 days, got {horizon}"):
        incidence(lead_probabilities(np.full(N_LEADS, 0.1)), [30, horizon])


@fast
@given(hazards)
def test_incidence_rises_between_zero_and_one(drawn):
    by_day = incidence(lead_probabilities(drawn), EVERY_DAY)
    assert by_day.shape == (3, LIMIT_DAYS)
    assert (by_day >= 0).all()
    assert (by_day <= 1).all()
    assert (np.diff(by_day, axis=1) >= -1e-14).all()


@fast
@given(hazards)
def test_incidence_at_lead_ends_is_cumulative(drawn):
    probabilities = lead_probabilities(drawn)
    ends = LEAD_DAYS * np.arange(1, N_LEADS + 1)
    sums = np.cumsum(probabilities[:, :N_LEADS], axis=1)
    np.testing.assert_allclose(incidence(probabilities, ends), sums, rtol=0, atol=1e-13)


def test_no_horizons_give_no_columns():
    assert incidence(np.full((2, 14), 1 / 14), []).shape == (2, 0)
