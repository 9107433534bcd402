"""What history says to a question: with the labels the only code that looks forward.

Hindcast, prospective table, replay and ledger are rows of answers with an outcome from here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from models.answers import Event, Question
from models.season.definition import OnsetDefinition
from models.season.labels import in_season, last_day_in_season, onsets, sustained
from models.vocabulary import Kind

DAY = pd.Timedelta(days=1)


class Outcome(NamedTuple):
    """What came: 0 or 1, of DAYS a number of days, of FIRST days ahead (infinite for none)."""

    value: float  # NaN while open, and where the question was answered on as_of already
    resolved_on: pd.Timestamp  # the day whose end decides it, the same for every outcome


class Outcomes:
    """The outcomes of questions, as far as a season index has shown them."""

    def __init__(
        self,
        index: pd.Series,
        definitions: Mapping[Kind, OnsetDefinition],
        open_days: Mapping[float, pd.DatetimeIndex] | None = None,
    ) -> None:
        """Take an index; `open_days` are those, by threshold, on which it is not known."""
        self._index = index
        self._open_days = open_days or {}
        # From the highest threshold to the lowest: a stronger season counts as a weaker one too.
        self._definitions = dict(sorted(definitions.items(), key=lambda each: -each[1].threshold))
        self._broad = next(iter(self._definitions.values()))

    @cached_property
    def last_day(self) -> pd.Timestamp:
        """Last day whose index is known."""
        return pd.Timestamp(self._index.index[-1])

    def of(self, question: Question, as_of: pd.Timestamp) -> Outcome:
        """Return the outcome of a question that was asked at the end of a day."""
        by_event = {
            Event.BEGINS: self._begins,
            Event.STANDS: self._stands,
            Event.DAYS: self._days,
            Event.LASTS: self._lasts,
            Event.FIRST: self._first,
        }
        value, resolved_on = by_event[question.question](question, as_of)
        # On the day itself it is known: not strict.
        return Outcome(value if resolved_on <= self.last_day else np.nan, resolved_on)

    def undecided(self, question: Question, as_of: pd.Timestamp) -> bool:
        """Return whether a day that bears on a question is open: its own, and the quiet ones."""
        quiet_days = self._broad.quiet_days
        first = min(question.start, as_of - quiet_days * DAY)
        last = self.of(question, as_of).resolved_on
        # A stronger season counts as a weaker one too: its threshold must be decided as well.
        floor = self._definitions.get(question.kind, self._broad).threshold
        return any(
            bool(((days >= first) & (days <= last)).any())
            for threshold, days in self._open_days.items()
            if threshold >= floor
        )

    def onsets(self, kind: Kind) -> pd.DatetimeIndex:
        """Return the onsets of a kind or a stronger one; sustained ones as far as decided."""
        return self._onsets[kind]

    @cached_property
    def _onsets(self) -> dict[Kind, pd.DatetimeIndex]:
        lasting = sustained(self._index, self._broad)["sustained"].fillna(value=False)
        days = pd.DatetimeIndex(lasting.index[lasting.to_numpy(dtype=bool)])
        by_kind = {Kind.SUSTAINED: days}
        stronger = days[:0]
        for kind, definition in self._definitions.items():
            stronger = stronger.union(onsets(self._index, definition))
            by_kind[kind] = stronger
        return by_kind

    @cached_property
    def _stood(self) -> dict[Kind, pd.Series]:
        return {
            kind: in_season(self._index, each.threshold) for kind, each in self._definitions.items()
        }

    def _decided(self, question: Question) -> pd.Timestamp:
        """Return the day that decides a window: a last onset shows whether it was sustained."""
        if question.kind is Kind.SUSTAINED:
            # The onset's day is the first of those that count.
            return question.end + (self._broad.sustained_within - 1) * DAY
        return question.end

    def first_onset(
        self, kind: Kind, start: pd.Timestamp, end: pd.Timestamp
    ) -> pd.Timestamp | None:
        """Return the first onset of a kind, or a stronger one, in a window; both ends count."""
        days = self._days_of_onsets[kind]
        place = bisect_left(days, start)
        return days[place] if place < len(days) and days[place] <= end else None

    @cached_property
    def _days_of_onsets(self) -> dict[Kind, list[pd.Timestamp]]:
        return {kind: list(days) for kind, days in self._onsets.items()}

    def _begins(self, question: Question, as_of: pd.Timestamp) -> Outcome:
        first = self.first_onset(question.kind, question.start, question.end)
        decided = self._decided(question)
        if first is None:
            return Outcome(0.0, decided)
        # What had begun by as_of was no forecast. A season that was not yet sustained then was.
        known = first <= as_of and self._was_known(question.kind, first, as_of)
        return Outcome(np.nan if known else 1.0, decided)

    def _was_known(self, kind: Kind, onset: pd.Timestamp, as_of: pd.Timestamp) -> bool:
        if kind is not Kind.SUSTAINED:
            return True
        decided = sustained(self._index, self._broad)["decided_on"]
        return bool(decided.loc[onset] <= as_of)

    def _first(self, question: Question, as_of: pd.Timestamp) -> Outcome:
        first = self.first_onset(question.kind, max(question.start, as_of + DAY), question.end)
        days = np.inf if first is None else float((first - as_of).days)
        return Outcome(days, self._decided(question))

    def _stands(self, question: Question, as_of: pd.Timestamp) -> Outcome:
        stands = self._stood[question.kind].get(question.end, pd.NA)
        return Outcome(np.nan if pd.isna(stands) else float(stands), question.end)

    def _days(self, question: Question, as_of: pd.Timestamp) -> Outcome:
        days = self._stood[question.kind].loc[question.start : question.end]
        return Outcome(float(days.sum()), question.end)

    def _lasts(self, question: Question, as_of: pd.Timestamp) -> Outcome:
        definition = self._definitions[question.kind]
        # By then a day at the threshold has come, or all quiet days have passed from `end` on.
        resolved_on = question.end + (definition.quiet_days - 1) * DAY
        season = last_day_in_season(self._index, as_of, definition)
        if season is None:
            return Outcome(np.nan, resolved_on)
        last, over = season
        lasts = last is not None and last >= question.end
        return Outcome(float(lasts) if lasts or over else np.nan, resolved_on)
