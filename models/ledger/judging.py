"""Recorded answers beside what came after them: rows with outcomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cache

import numpy as np
import pandas as pd

from features.market.season import at_risk
from features.panel import DataError
from models.answers import COLUMNS, Answer, Event, State
from models.forecasting.questions import HORIZONS, LASTS_DAYS
from models.ledger.entry import PROMPT_DAYS, Entry
from models.season.definition import OnsetDefinition
from models.season.outcome_file import continued
from models.season.outcomes import Outcomes
from models.vocabulary import Kind

DAY = pd.Timedelta(days=1)
RULE = (
    f"A forecast counts as made ahead of time if it was recorded within {PROMPT_DAYS} days of "
    "as_of and before its window ended; any other is a replay. A window is resolved when the data "
    "reach its last day (of a sustained season 89 days later), whether an onset came early or not. "
    "Of one model's forecasts for the same day and window the first recorded counts."
)


class MadeWhen(StrEnum):
    """When a forecast was recorded: promptly and before its window ended, or too late."""

    AHEAD = "ahead"
    REPLAY = "replay"


class Status(StrEnum):
    """How far an answer can be judged, and whether it counts."""

    NO_FORECAST = "no_forecast"  # the definition made it impossible
    BEGAN = "began"  # a season of the kind was known when the line was made: no forecast
    OPEN = "open"
    RESOLVED = "resolved"
    REVISED = "revised"  # what the line took as known is no longer so by today's data
    REPEATED = "repeated"  # the same model answered it before


def judged(
    entries: Sequence[Entry],
    index: pd.Series,
    source: str,
    *,
    outcomes: pd.DataFrame | None = None,  # from `read_outcomes`: days after the index
) -> pd.DataFrame:
    """Return every recorded answer with its outcome: a row an answer, in the order of recording.

    Columns: those of an answer, and `line`, `as_of`, `recorded_at`, `made`, `in_training`, `model`,
    `threshold`, `window` (what is scored together), `status`, `outcome` (NaN unless resolved),
    `resolved_on` and `onset` (the first of the kind in the window).
    """
    levels = {value for entry in entries for value in entry.thresholds.values()}
    open_days: dict[float, pd.DatetimeIndex] = {}
    if outcomes is not None:
        index, open_days = continued(index, outcomes, levels)
    history = _History(index, open_days)
    rows = [row for entry in entries for row in _rows(entry, history, source)]
    table = pd.DataFrame.from_records(rows, columns=[*COLUMNS, *_EXTRA])
    if table.empty:
        return table
    key = ["model", "as_of", "kind", "threshold", "question", "start", "end"]
    counts = ~table["status"].isin([Status.NO_FORECAST, Status.BEGAN])
    repeated = table[counts].duplicated(key).reindex(table.index, fill_value=False)
    table.loc[repeated, "status"] = Status.REPEATED
    table.loc[table["status"] != Status.RESOLVED, "outcome"] = np.nan
    return table


_EXTRA = (
    "line", "as_of", "recorded_at", "made", "in_training", "model", "threshold", "window", "status",
    "outcome", "resolved_on", "onset",
)  # fmt: skip


def window_label(answer: Answer, as_of: pd.Timestamp) -> str:
    """Return the days asked about in words: windows of one label are scored together."""
    days, tomorrow = answer.horizon(as_of), as_of + DAY
    if answer.question is Event.STANDS:
        return f"on {answer.end:%Y-%m-%d}"
    first, last = pd.Timestamp(answer.end.year, 1, 1), pd.Timestamp(answer.end.year, 12, 31)
    if (answer.start, answer.end) == (first, last):
        return f"{answer.end.year}"
    lengths = LASTS_DAYS if answer.question is Event.LASTS else HORIZONS
    if answer.start == tomorrow and days in lengths:
        return f"{days} days"
    if answer.start == tomorrow:
        return f"to {answer.end:%Y-%m-%d}"
    return f"{answer.start:%Y-%m-%d} to {answer.end:%Y-%m-%d}"


class _History:
    """What the data of today say, by definition."""

    def __init__(self, index: pd.Series, open_days: Mapping[float, pd.DatetimeIndex]) -> None:
        self.index, self.open_days = index, open_days
        self._outcomes = cache(self._outcomes_of)
        self.at_risk = cache(self._at_risk)

    def outcomes(self, entry: Entry) -> Outcomes:
        return self._outcomes(tuple(entry.definitions().items()))

    def _outcomes_of(self, definitions: tuple[tuple[Kind, OnsetDefinition], ...]) -> Outcomes:
        thresholds = {definition.threshold for _, definition in definitions}
        unknown = {level: days for level, days in self.open_days.items() if level in thresholds}
        return Outcomes(self.index, dict(definitions), unknown)

    def _at_risk(self, definition: OnsetDefinition) -> pd.Series:
        return at_risk(self.index, threshold=definition.threshold, quiet_days=definition.quiet_days)


def _rows(entry: Entry, history: _History, source: str) -> Iterator[tuple[object, ...]]:
    """Yield a recorded answer's own fields, and those of `_EXTRA`."""
    if entry.as_of < history.index.index[0]:
        raise DataError(
            f"{source} begins on {history.index.index[0]:%Y-%m-%d}, after {entry.as_of:%Y-%m-%d}, "
            f"the day of line {entry.line} of the ledger; name a source that holds it."
        )
    _check_index(entry)
    outcomes = history.outcomes(entry)
    thresholds = {Kind.SUSTAINED: entry.thresholds[Kind.BROAD], **entry.thresholds}
    revised = {kind: _revised(entry, kind, history) for kind in entry.thresholds}
    revised[Kind.SUSTAINED] = revised[Kind.BROAD]
    for answer in entry.answers:
        came = outcomes.of(answer.asked(), entry.as_of)
        first = max(answer.start, entry.as_of + DAY)
        onset = outcomes.first_onset(answer.kind, first, answer.end)
        status = _status(answer, came.value, came.resolved_on, outcomes.last_day)
        if status is Status.RESOLVED and outcomes.undecided(answer.asked(), entry.as_of):
            status = Status.OPEN
        if status is Status.RESOLVED and revised[answer.kind]:
            status = Status.REVISED
        made = MadeWhen.AHEAD if entry.ahead(answer.end) else MadeWhen.REPLAY
        yield (
            *vars(answer).values(), entry.line, entry.as_of, entry.recorded_at, made,
            entry.in_training(), entry.model.name, thresholds[answer.kind],
            window_label(answer, entry.as_of), status, came.value, came.resolved_on,
            pd.NaT if onset is None else onset,
        )  # fmt: skip


def _status(
    answer: Answer, value: float, resolved_on: pd.Timestamp, last_day: pd.Timestamp
) -> Status:
    if answer.reason is not None:
        return Status.NO_FORECAST
    if answer.began_on is not None:
        return Status.BEGAN
    # On the day itself it is known: strict.
    if resolved_on > last_day:
        return Status.OPEN
    # Days without an index may leave it open for good.
    return Status.REVISED if np.isnan(value) else Status.RESOLVED


def _revised(entry: Entry, kind: Kind, history: _History) -> bool:
    """Return whether today's data put the recorded day in another state."""
    free = history.at_risk(entry.definitions()[kind]).get(entry.as_of)
    return free is None or bool(free) != (entry.states.get(kind) is State.AT_RISK)


def _check_index(entry: Entry) -> None:
    standard, recorded = OnsetDefinition(), entry.definition
    if (recorded.window_days, recorded.top) != (standard.window_days, standard.top):
        raise DataError(
            f"line {entry.line} of the ledger counts the top {recorded.top} over "
            f"{recorded.window_days} days; this program's index is of the top {standard.top} over "
            f"{standard.window_days}."
        )
