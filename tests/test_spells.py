"""Spells and seasons up to a day: hand-worked, by the definition of an onset, blind to the rest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.market.season import at_risk, daily, onset_days
from models.season.definition import OnsetDefinition
from models.season.spells import observe

INDEX = st.lists(st.sampled_from([20.0, 60.0, 80.0, np.nan]), min_size=1, max_size=80)


def index_of(values) -> pd.Series:
    return pd.Series(np.asarray(values, float), pd.date_range("2020-01-01", periods=len(values)))


def seen_in(values, quiet_days=30, until=None):
    index = index_of(values)
    once = OnsetDefinition(quiet_days=quiet_days)
    return observe(index, until=until or index.index[-1], definition=once)


def test_a_season_begins_again_within_the_quiet_days():
    # Days: 3 quiet, season 80 1 80, 3 quiet = over, 1 more, onset, still on.
    seen = seen_in([1, 1, 1, 80, 1, 75, 1, 1, 1, 1, 1, 90], quiet_days=3)
    assert seen.spells.days.tolist() == [1, 3]
    assert seen.spells.ended.all()
    assert seen.spells.truncated.tolist() == [True, False]
    assert list(seen.spells.origin) == list(seen.first + pd.to_timedelta([2, 8], unit="D"))
    first, last = seen.seasons
    assert (first.length, first.span, first.days, first.complete) == (6, 3, 2, True)
    assert first.in_season.tolist() == [True, False, True]
    assert (first.days_within(2), first.days_within(20)) == (1, 3)
    assert (last.length, last.span, last.days, last.complete) == (1, 1, 1, False)
    assert list(seen.onsets) == [first.onset, last.onset] == [seen.until - pd.Timedelta(days=8),
                                                              seen.until]  # fmt: skip
    assert seen.current is not None
    assert seen.current.onset == seen.until
    assert seen.days_in_season(first.onset) == 3
    assert seen.days_in_season(first.onset + pd.Timedelta(days=1)) == 2
    assert seen.days_in_season(seen.first - pd.Timedelta(days=9)) == 3


@pytest.mark.parametrize(
    ("run", "earliest", "risk", "elapsed"),
    [(0, 4, False, 0), (2, 2, False, 0), (3, 1, False, 0), (4, 1, True, 1)],
)
def test_the_earliest_onset_waits_for_the_quiet_days(run, earliest, risk, elapsed):
    seen = seen_in([1, 1, 1, 1, 80] + [1] * run, quiet_days=3)
    assert seen.earliest_onset == seen.until + pd.Timedelta(days=earliest)
    assert (seen.at_risk, seen.elapsed) == (risk, elapsed)
    assert (seen.current is None) == (run >= 3)


def test_an_unknown_day_ends_no_spell():
    seen = seen_in([1, 1, 80, 1, 1, 1, np.nan, 1, 1, 1], quiet_days=2)
    assert seen.spells.days.tolist() == [1, 1, 1]
    assert seen.spells.ended.tolist() == [True, False, False]
    assert seen.spells.truncated.tolist() == [True, False, True]


def test_later_seasons_count_from_their_onset():
    once = OnsetDefinition()
    touch, season = seen_in([1] * 30 + [80] + [1] * 30 + [80] * 29).seasons
    assert (touch.days, touch.span, touch.days_within(90), touch.complete) == (1, 1, 30, True)
    assert (touch.sustained(once), season.sustained(once)) == (True, None)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(INDEX, INDEX, st.integers(1, 5))
def test_it_agrees_with_the_definition_of_an_onset(values, later, quiet_days):
    index = index_of(values)
    seen = seen_in(values, quiet_days)
    assert list(seen.onsets) == list(onset_days(index, threshold=75, quiet_days=quiet_days))
    risk = at_risk(index, threshold=75, quiet_days=quiet_days)
    assert seen.at_risk == risk.iloc[-1]
    # Every day on which an onset was possible lies in one spell.
    possible = at_risk(index, threshold=75, quiet_days=quiet_days - 1)
    assert sum(seen.spells.days + 1 - seen.spells.ended) == possible.sum()
    # From an onset on, a season lasts until the day before an onset is possible again.
    closed = [season for season in seen.seasons if season.complete]
    for season in closed:
        end = season.onset + pd.Timedelta(days=season.length)
        assert possible.loc[end - pd.Timedelta(days=1)]
        assert not possible.loc[season.onset : end - pd.Timedelta(days=2)].any()
        # An unknown day is not quiet: after it the quiet days begin anew, as after one in season.
        assert season.in_season[-1] or np.isnan(values).any()
    # What comes after the day is not read.
    blind = seen_in([*values, *later], quiet_days, until=seen.until)
    assert repr(blind) == repr(seen)


def test_the_day_must_be_known(reference):
    index = daily(reference.series("season_index"))
    day, once = pd.Timedelta(days=1), OnsetDefinition()
    with pytest.raises(ValueError, match="until must be a day of the index"):
        observe(index, until=index.index[-1] + day, definition=once)
    with pytest.raises(ValueError, match="one value a day"):
        observe(index[::2], until=index.index[0] + 4 * day, definition=once)
