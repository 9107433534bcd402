"""Folds: every earlier row is in exactly one of train and purged, a later one forecast once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import TimeSeriesSplit

from models.verification.walk_forward import WalkForward

fast = settings(derandomize=True, deadline=None, max_examples=100)

FIRST = pd.Timestamp("2025-01-01").as_unit("s")
WEEKS = pd.date_range(FIRST, periods=30, freq="7D", unit="s")

# Rows in any order, several on one day, each resolved after a time of its own.
tables = st.lists(st.tuples(st.integers(0, 150), st.integers(1, 80)), min_size=1, max_size=40)


def later(days):
    return FIRST + pd.to_timedelta(days, unit="D")


@st.composite
def schedules(draw):
    rows = draw(tables)
    start = draw(st.integers(0, max(day for day, _ in rows)))
    # One row resolved before the first refit, so that no fold is without training rows.
    days, lengths = np.array([*rows, (-9, 1)]).T
    as_of = later(days)
    resolved_on = as_of + pd.to_timedelta(lengths, unit="D")
    return as_of, resolved_on, WalkForward(later(start), draw(st.integers(1, 60)))


@fast
@given(schedules())
def test_every_row_is_in_exactly_one_of_train_purged_and_test(schedule):
    as_of, resolved_on, folds = schedule
    made = list(folds.folds(as_of, resolved_on))
    for number, fold in enumerate(made):
        assert fold.number == number
        assert fold.refit_on == folds.start + pd.Timedelta(days=number * folds.refit_days)
        earlier = np.flatnonzero(as_of < fold.refit_on)
        assert np.array_equal(np.sort(np.append(fold.train, fold.purged)), earlier)
        assert (resolved_on[fold.train] <= fold.refit_on).all()
        assert (resolved_on[fold.purged] > fold.refit_on).all()
        assert {folds.refit_day(day) for day in as_of[fold.test]} <= {fold.refit_on}
    tested = np.concatenate([fold.test for fold in made])
    assert np.array_equal(np.sort(tested), np.flatnonzero(as_of >= folds.start))
    assert all(set(before.train) <= set(after.train) for before, after in pairwise(made))


def test_folds_worked_by_hand():
    folds = WalkForward(WEEKS[3], refit_days=14)
    made = list(folds.folds(WEEKS[:7], WEEKS[:7] + pd.Timedelta(days=14)))
    # An outcome resolved on the refit day itself is known at its end, when the refit happens.
    assert [fold.train.tolist() for fold in made] == [[0, 1], [0, 1, 2, 3]]
    assert [fold.purged.tolist() for fold in made] == [[2], [4]]
    assert [fold.test.tolist() for fold in made] == [[3, 4], [5, 6]]


@pytest.mark.parametrize(("weeks", "splits"), [(1, 5), (4, 6), (9, 3)])
def test_without_overlap_equals_time_series_split(weeks, splits):
    as_of = WEEKS[: 3 + weeks * splits]
    folds = WalkForward(as_of[3], refit_days=7 * weeks)
    made = list(folds.folds(as_of, as_of + pd.Timedelta(days=7)))
    expected = list(TimeSeriesSplit(splits, test_size=weeks).split(as_of))
    assert len(made) == len(expected) == splits
    for fold, (train, test) in zip(made, expected, strict=True):
        assert not fold.purged.size
        assert fold.train.tolist() == train.tolist()
        assert fold.test.tolist() == test.tolist()


def test_an_outcome_precedes_no_row():
    resolved_on = WEEKS + pd.Timedelta(days=1)
    with pytest.raises(ValueError, match="resolved_on must be later than as_of in every row"):
        next(WalkForward(WEEKS[5]).folds(WEEKS, resolved_on.delete(3).insert(3, WEEKS[3])))


@pytest.mark.parametrize(
    ("start", "as_of", "resolved_after", "message"),
    [
        (WEEKS[-1] + pd.Timedelta(days=1), WEEKS, 1, "none is on or after 2025-07-24"),
        (WEEKS[6], WEEKS, 365, "fold 0 has no training rows: 6 of 6 purged; shorten the horizon"),
        (WEEKS[0], WEEKS, 7, "fold 0 has no training rows: none is before 2025-01-01; shorten"),
    ],
    ids=["nothing out of sample", "all purged", "nothing before"],
)
def test_a_fold_without_rows_is_an_error(start, as_of, resolved_after, message):
    with pytest.raises(ValueError, match=message):
        next(WalkForward(start).folds(as_of, as_of + pd.Timedelta(days=resolved_after)))


def test_an_empty_fold_without_forecasts_is_no_error():
    as_of = WEEKS.delete(range(6, 10))
    folds = WalkForward(WEEKS[6], refit_days=28)
    first, second = list(folds.folds(as_of, as_of + pd.Timedelta(days=70)))[:2]
    assert not first.train.size
    assert not first.test.size
    assert second.train.tolist() == [0]


@pytest.mark.parametrize("refit_days", [0, -28])
def test_refits_must_be_at_least_a_day_apart(refit_days):
    with pytest.raises(ValueError, match=f"refit_days must be at least 1, got {refit_days}"):
        WalkForward(FIRST, refit_days)
    assert WalkForward(FIRST, 1).refit_day(WEEKS[1]) == WEEKS[1]


@pytest.mark.parametrize(
    ("day", "refit"),
    [
        ("2025-01-01", "2025-01-01"),
        ("2025-01-28", "2025-01-01"),
        ("2025-01-29", "2025-01-29"),
        ("2025-12-10", "2025-12-03"),
    ],
)
def test_the_last_refit_is_in_force(day, refit):
    folds = WalkForward(FIRST, 28)
    assert folds.refit_day(pd.Timestamp(day)) == pd.Timestamp(refit)
    with pytest.raises(ValueError, match="first refit on 2025-01-01, got 2024-12-31"):
        folds.refit_day(pd.Timestamp("2024-12-31"))
