"""What the past of the same state says to a question: the forecast to beat, one per question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.market.season import at_risk, onset_days
from models.answers import Event, Question, State
from models.season.definition import OnsetDefinition
from models.season.spells import BoolArray, IntArray, observe
from models.vocabulary import Kind

LEAST_EPISODES = 5
_STATES = (State.AT_RISK, State.IN_SEASON, State.QUIET)


@dataclass(frozen=True, eq=False)
class _Past:
    """One kind of season on each day known."""

    state: IntArray  # position in _STATES
    episode: IntArray  # onsets of the kind seen by the end of the day
    onsets: IntArray  # positions of onsets of the kind or a stronger one
    in_season: BoolArray
    last: IntArray  # position of the last day at the threshold of the season that stands, else -1
    decided: int  # days after the end of a window until its outcome is known


class BaseRates:
    """Shares of past windows, from the same state, in which what is asked happened."""

    def __init__(
        self, index: pd.Series, as_of: pd.Timestamp, definitions: Mapping[Kind, OnsetDefinition]
    ) -> None:
        self._index = index.loc[:as_of]
        self._as_of = as_of
        # From the highest threshold to the lowest, as a day at the higher is one at the lower.
        self._definitions = dict(sorted(definitions.items(), key=lambda each: -each[1].threshold))

    def state(self, kind: Kind) -> State:
        """Return the state of a kind on as_of."""
        return _STATES[self._past[kind].state[-1]]

    def share(self, question: Question) -> tuple[float | None, State | None]:
        """Return (n + 1/2) / (N + 1) over the past windows of a question, and their state.

        The windows begin as many days after a day of the state as the question's after as_of and
        are as long. Where fewer than five episodes hold such a day, those of any state count.
        """
        past = self._past[question.kind]
        offset, length = self._span(question)
        happened = self._happened(past, question.question, offset, length)
        resolved = np.arange(len(past.state)) + length + past.decided < len(past.state)
        if question.question is Event.LASTS:
            # Whether a season lasts can be asked only of a day on which one stands.
            resolved &= past.last >= 0
        same = resolved & (past.state == past.state[-1])
        if len(np.unique(past.episode[same])) >= LEAST_EPISODES:
            return _frequency(happened[same]), _STATES[past.state[-1]]
        if not resolved.any():
            return None, None
        return _frequency(happened[resolved]), State.ANY

    def days_in_season(self, question: Question) -> IntArray:
        """Return the days in season of the past windows from the same state, or from any."""
        past = self._past[question.kind]
        offset, length = self._span(question)
        starts = np.arange(len(past.state) - length)
        total = np.append(0, np.cumsum(past.in_season))
        days = total[starts + length + 1] - total[starts + offset + 1]
        same = past.state[starts] == past.state[-1]
        enough = len(np.unique(past.episode[starts][same])) >= LEAST_EPISODES
        return days[same] if enough else days

    def _span(self, question: Question) -> tuple[int, int]:
        """Return the days from as_of to the day before the window's first and to its last."""
        tomorrow = self._as_of + pd.Timedelta(days=1)
        offset = (max(question.start, tomorrow) - tomorrow).days
        return offset, (question.end - self._as_of).days

    @staticmethod
    def _happened(past: _Past, event: Event, offset: int, length: int) -> BoolArray:
        day = np.arange(len(past.state))
        if event is Event.BEGINS:
            # The window is (day + offset, day + length]: its first day counts, as does its last.
            before = np.searchsorted(past.onsets, day + offset, side="right")
            until = np.searchsorted(past.onsets, day + length, side="right")
            return until > before
        if event is Event.LASTS:
            return past.last >= day + length
        ahead = np.minimum(day + length, len(day) - 1)
        return past.in_season[ahead]

    @cached_property
    def _past(self) -> dict[Kind, _Past]:
        by_kind: dict[Kind, _Past] = {}
        stronger: IntArray = np.zeros(0, dtype=np.int64)
        for kind, each in self._definitions.items():
            past = self._of(each)
            if not by_kind:
                by_kind[Kind.SUSTAINED] = self._sustained(past, each)
            stronger = np.union1d(stronger, past.onsets)
            by_kind[kind] = _Past(
                past.state, past.episode, stronger, past.in_season, past.last, past.decided
            )
        return by_kind

    def _of(self, definition: OnsetDefinition) -> _Past:
        index, threshold = self._index, definition.threshold
        quiet_days = definition.quiet_days
        free = at_risk(index, threshold=threshold, quiet_days=quiet_days).to_numpy()
        stands = (index >= threshold).to_numpy()
        onsets = index.index.get_indexer(
            onset_days(index, threshold=threshold, quiet_days=quiet_days)
        )
        state = np.where(free, 0, np.where(stands, 1, 2))
        episode = np.searchsorted(onsets, np.arange(len(index)), side="right")
        return _Past(state, episode, onsets, stands, self._last_days(definition), 0)

    def _last_days(self, definition: OnsetDefinition) -> IntArray:
        """Return the last day at the threshold of the season that stands on each day, else -1."""
        history = observe(self._index, until=self._as_of, definition=definition)
        last = np.full(len(self._index), -1, dtype=np.int64)
        for season in history.seasons:
            first = (season.onset - history.first).days
            # A season stands until its quiet days are over; of one not over nobody knows the last.
            if season.complete:
                last[first : first + season.length] = first + len(season.in_season) - 1
        return last

    def _sustained(self, broad: _Past, definition: OnsetDefinition) -> _Past:
        needed, within = definition.sustained_days, definition.sustained_within
        total = np.append(0, np.cumsum(broad.in_season))
        end = np.minimum(broad.onsets + within, len(broad.in_season))
        kept = broad.onsets[total[end] - total[broad.onsets] >= needed]
        return _Past(broad.state, broad.episode, kept, broad.in_season, broad.last, within - 1)


def _frequency(happened: NDArray[np.bool_]) -> float:
    """Return Krichevsky and Trofimov's estimate of a probability: never 0 or 1."""
    return float((happened.sum() + 0.5) / (len(happened) + 1))
