"""What history says to a question: by hand, one table of question, day, data and outcome."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.answers import Event, Question
from models.season.definition import OnsetDefinition
from models.season.outcomes import Outcomes
from models.vocabulary import Kind

FIRST = pd.Timestamp("2025-01-01")
# Two quiet days make an onset possible; two of three days at 75 make a season sustained.
DEFINITION = OnsetDefinition(quiet_days=2, sustained_days=2, sustained_within=3)
KINDS = {Kind.BROAD: DEFINITION, Kind.PARTIAL: DEFINITION.at(50)}
#        day: 1   2   3   4   5   6   7   8   9  10  11  12
VALUES = [20, 20, 80, 20, 80, 20, 20, 60, 20, 20, 20, 90]


def day(number: int) -> pd.Timestamp:
    return FIRST + pd.Timedelta(days=number - 1)


def outcomes(values=VALUES) -> Outcomes:
    return Outcomes(pd.Series(values, pd.date_range(FIRST, periods=len(values)), float), KINDS)


BROAD, PARTIAL, SUSTAINED = Kind.BROAD, Kind.PARTIAL, Kind.SUSTAINED
NAN = np.nan


@pytest.mark.parametrize(
    ("kind", "event", "as_of", "start", "end", "value", "due"),
    [
        # The broad season of day 3 begins on the window's only day; day 5 is no onset: not quiet.
        (BROAD, Event.BEGINS, 2, 3, 3, 1, 3),
        (BROAD, Event.BEGINS, 3, 4, 7, 0, 7),
        (BROAD, Event.BEGINS, 7, 8, 11, 0, 11),
        (BROAD, Event.BEGINS, 7, 8, 12, 1, 12),
        # An onset counts on the first and the last day of a window, and not on as_of.
        (BROAD, Event.BEGINS, 11, 12, 12, 1, 12),
        # A partial season begins on day 8; a broad one that begins counts as partial too.
        (PARTIAL, Event.BEGINS, 7, 8, 9, 1, 9),
        (PARTIAL, Event.BEGINS, 8, 9, 12, 1, 12),
        # One seen on as_of already, of a window that counts from before it, was no forecast.
        (BROAD, Event.BEGINS, 4, 1, 9, NAN, 9),
        # As was that of as_of itself, known at its end.
        (BROAD, Event.BEGINS, 3, 1, 9, NAN, 9),
        # Day 3 is sustained by day 5: on day 4 that was open, on day 5 it was known.
        (SUSTAINED, Event.BEGINS, 2, 3, 5, 1, 7),
        (SUSTAINED, Event.BEGINS, 4, 1, 5, 1, 7),
        (SUSTAINED, Event.BEGINS, 5, 1, 5, NAN, 7),
        (SUSTAINED, Event.BEGINS, 5, 6, 10, 0, 12),
        # Whether the onset of day 12 is sustained shows on day 14: open.
        (SUSTAINED, Event.BEGINS, 5, 6, 12, NAN, 14),
        # Beyond the data.
        (BROAD, Event.BEGINS, 11, 12, 13, NAN, 13),
        (BROAD, Event.STANDS, 2, 5, 5, 1, 5),
        (BROAD, Event.STANDS, 2, 6, 6, 0, 6),
        (PARTIAL, Event.STANDS, 2, 8, 8, 1, 8),
        (BROAD, Event.STANDS, 2, 13, 13, NAN, 13),
        # Days at the threshold, those before as_of that count included.
        (BROAD, Event.DAYS, 4, 1, 10, 2, 10),
        (PARTIAL, Event.DAYS, 4, 5, 12, 3, 12),
        (BROAD, Event.DAYS, 4, 1, 13, NAN, 13),
        # The season of day 3 stands on day 4 and has its last day on day 5.
        (BROAD, Event.LASTS, 4, 5, 5, 1, 6),
        (BROAD, Event.LASTS, 4, 5, 6, 0, 7),
        (BROAD, Event.LASTS, 2, 3, 5, NAN, 6),
        (BROAD, Event.LASTS, 12, 13, 13, NAN, 14),
        (BROAD, Event.FIRST, 2, 3, 9, 1, 9),
        (BROAD, Event.FIRST, 3, 4, 12, 9, 12),
        (BROAD, Event.FIRST, 3, 4, 11, np.inf, 11),
        (BROAD, Event.FIRST, 3, 1, 12, 9, 12),
    ],
)
def test_outcomes_by_hand(kind, event, as_of, start, end, value, due):
    came = outcomes().of(Question(kind, event, day(start), day(end)), day(as_of))
    assert came.resolved_on == day(due)
    np.testing.assert_equal(came.value, float(value))


def test_an_outcome_is_open_until_the_day_that_decides_it_whatever_it_will_be():
    # An onset on the first day of a window resolves it no sooner than none would.
    for values in ([20, 20, 80, 20], [20, 20, 20, 20]):
        came = outcomes(values).of(Question(BROAD, Event.BEGINS, day(3), day(5)), day(2))
        assert np.isnan(came.value)
        assert came.resolved_on == day(5)


def test_an_unknown_day_is_no_answer():
    came = outcomes([20, 20, np.nan, 20]).of(Question(BROAD, Event.STANDS, day(3), day(3)), day(2))
    assert np.isnan(came.value)
