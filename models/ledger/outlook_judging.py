"""Recorded outlooks beside what the data have shown; the labels come from `track_record`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from models.ledger.entry import Entry
from models.ledger.outlook_entry import (
    RecordedChance,
    RecordedDays,
    RecordedFirstOnset,
    RecordedOutlook,
)
from models.ledger.outlook_results import (
    Judged,
    JudgedChance,
    JudgedDays,
    JudgedFirstOnset,
    Question,
)
from models.ledger.words import Made, Status
from models.vocabulary import Kind

J = TypeVar("J", bound=Judged)

_DAY = timedelta(days=1)


@dataclass(frozen=True, eq=False)
class Observations:
    """What the data have shown of the seasons that a line speaks of.

    Parameters
    ----------
    last_day : datetime.date
        Of the data.
    in_season : mapping of Kind to pandas.Series
        Whether the index stood at the kind's threshold, day by day; NA where it is unknown.
    onsets : mapping of Kind to pandas.DatetimeIndex
        Onsets at the kind's own threshold.
    sustained : pandas.DataFrame
        Of the broad onsets, from `models.season.labels.sustained`.
    sustained_within : int
        Days from an onset that tell whether it was sustained.
    season : mapping of Kind to tuple, optional
        Of the season that stands on as_of, from `models.season.labels.last_day_in_season`.
    """

    last_day: date
    in_season: Mapping[Kind, pd.Series]
    onsets: Mapping[Kind, pd.DatetimeIndex]
    sustained: pd.DataFrame
    sustained_within: int
    season: Mapping[Kind, tuple[pd.Timestamp | None, bool] | None]


@dataclass(frozen=True)
class _Came:
    """The onsets of a kind or a stronger one in some days, and whether all of it is decided."""

    first: date | None
    decided: bool
    due: date


def judge_outlook(
    entry: Entry, observations: Observations, *, in_training: bool
) -> Iterator[Judged]:
    """Yield every answer of a line's outlook with its status.

    Parameters
    ----------
    entry : Entry
        A line.
    observations : Observations
        What its kinds of season did.
    in_training : bool
        Whether its model was fitted to its day.
    """
    outlook = entry.outlook
    if outlook is None:
        return
    base = {chance.kind: chance.climatology for chance in outlook.chances}
    line = _Line(entry, observations, in_training)
    for chance in outlook.chances:
        yield _chance(line, outlook, chance)
    for on in outlook.in_season_on:
        yield _in_season_on(line, on.kind, on.day, on.probability)
    for lasts in outlook.season_lasts:
        yield _season_lasts(line, lasts.kind, lasts.days, lasts.probability)
    for first in outlook.first_onset:
        yield _first_onset(line, outlook, first, base[first.kind])
    for days in outlook.days_in_season:
        yield _days_in_season(line, outlook, days)


def marked(judged: Sequence[J]) -> tuple[J, ...]:
    """Mark what a model had said before of the same day and days asked about."""
    keys: set[tuple[object, ...]] = set()
    kept: list[J] = []
    for each in judged:
        key = (*each.group, each.as_of, each.first_day, each.last_day)
        # What had begun was no forecast, so that it can neither be one again nor stand for one.
        forecast = each.status is not Status.BEGUN
        kept.append(replace(each, status=Status.REPEATED) if forecast and key in keys else each)
        if forecast:
            keys.add(key)
    return tuple(kept)


@dataclass(frozen=True, eq=False)
class _Line:
    """A line, what came after it, and what every answer of it has in common."""

    entry: Entry
    observations: Observations
    in_training: bool

    def common(self, kind: Kind, window: str, first: date, last: date) -> dict[str, Any]:
        entry = self.entry
        return {
            "line": entry.line,
            "as_of": entry.as_of,
            "made": Made.AHEAD if entry.ahead(last) else Made.REPLAY,
            "in_training": self.in_training,
            "model": entry.model,
            "kind": kind,
            "threshold": entry.thresholds[Kind.BROAD if kind is Kind.SUSTAINED else kind],
            "window": window,
            "first_day": first,
            "last_day": last,
        }

    def came(self, kind: Kind, first: date, last: date) -> _Came:
        """Return the first onset from one day to another, both of them inside."""
        observations = self.observations
        if kind is Kind.SUSTAINED:
            inside = observations.sustained.loc[pd.Timestamp(first) : pd.Timestamp(last)]
            waiting = inside.index[inside["sustained"].isna()]
            onsets = pd.DatetimeIndex(inside.index[inside["sustained"].fillna(False)])
            # An onset's own day is the first of those that count.
            late = [day.date() + (observations.sustained_within - 1) * _DAY for day in waiting]
            due = max([last, *late])
            decided = not late and observations.last_day >= last
        else:
            onsets = self._onsets(kind)
            onsets = onsets[(onsets >= pd.Timestamp(first)) & (onsets <= pd.Timestamp(last))]
            due, decided = last, observations.last_day >= last
        return _Came(onsets[0].date() if len(onsets) else None, decided, due)

    def known(self, kind: Kind, first: date) -> bool:
        """Tell whether, by today's data, such an onset was known on as_of."""
        as_of = pd.Timestamp(self.entry.as_of)
        if kind is Kind.SUSTAINED:
            own = self.observations.sustained.loc[pd.Timestamp(first) : as_of]
            return bool((own["sustained"].fillna(False) & (own["decided_on"] <= as_of)).any())
        return self.came(kind, first, self.entry.as_of).first is not None

    def _onsets(self, kind: Kind) -> pd.DatetimeIndex:
        """Return the onsets of a kind and of each stronger one, whose threshold is higher."""
        thresholds = self.entry.thresholds
        stronger = [other for other in thresholds if thresholds[other] >= thresholds[kind]]
        days = self.observations.onsets[kind]
        for other in stronger:
            days = days.union(self.observations.onsets[other])
        return days


def _words(entry: Entry, outlook: RecordedOutlook) -> str:
    if outlook.year is not None:
        return f"{outlook.year}"
    # Asked day by day with one last day these are forecasts of one thing, whatever their length.
    later = outlook.start > entry.as_of + _DAY
    return f"{outlook.start} to {outlook.end}" if later else f"by {outlook.end}"


def _chance(line: _Line, outlook: RecordedOutlook, chance: RecordedChance) -> JudgedChance:
    kind, since = chance.kind, outlook.counts_from
    came = line.came(kind, since, outlook.end)
    if chance.begun_on is not None:
        status = Status.BEGUN
    elif not came.decided:
        # Not before the last day, even if the onset came early, as for every window.
        status = Status.OPEN
    else:
        status = Status.REVISED if line.known(kind, since) else Status.RESOLVED
    return JudgedChance(
        **line.common(kind, _words(line.entry, outlook), since, outlook.end),
        due=came.due,
        status=status,
        question=Question.BEGINS,
        probability=chance.probability,
        climatology=chance.climatology,
        outcome=int(came.first is not None) if status is Status.RESOLVED else None,
    )


def _in_season_on(line: _Line, kind: Kind, day: date, probability: float) -> JudgedChance:
    in_season = line.observations.in_season[kind]
    stands = in_season.get(pd.Timestamp(day), pd.NA)
    if line.observations.last_day < day:
        status = Status.OPEN
    else:
        status = Status.REVISED if stands is pd.NA else Status.RESOLVED
    past = in_season.loc[: pd.Timestamp(line.entry.as_of)].dropna()
    return JudgedChance(
        **line.common(kind, "on a day", day, day),
        due=day,
        status=status,
        question=Question.IN_SEASON_ON,
        probability=probability,
        climatology=float(past.mean()) if len(past) else None,
        outcome=int(stands) if status is Status.RESOLVED else None,
    )


def _season_lasts(line: _Line, kind: Kind, days: int, probability: float) -> JudgedChance:
    until = line.entry.as_of + days * _DAY
    # By then either a day at the threshold has come or the quiet days have passed without one.
    due = until + (int(line.entry.definition["quiet_days"]) - 1) * _DAY
    season, outcome = line.observations.season[kind], None
    if line.observations.last_day < due:
        status = Status.OPEN
    elif season is None:
        status = Status.REVISED
    else:
        last, over = season
        lasts = last is not None and last.date() >= until
        # Days without an index may leave it open for good.
        status = Status.RESOLVED if lasts or over else Status.REVISED
        outcome = int(lasts) if status is Status.RESOLVED else None
    return JudgedChance(
        **line.common(kind, f"{days} days more", line.entry.as_of + _DAY, until),
        due=due,
        status=status,
        question=Question.SEASON_LASTS,
        probability=probability,
        climatology=None,
        outcome=outcome,
    )


def _first_onset(
    line: _Line, outlook: RecordedOutlook, first: RecordedFirstOnset, climatology: float
) -> JudgedFirstOnset:
    came = line.came(first.kind, outlook.start, outlook.end)
    months = pd.date_range(outlook.start, outlook.end).strftime("%Y-%m").value_counts(sort=False)
    days = [int(months[name]) for name, _ in first.months]
    # At an even rate the chance of no onset falls by one factor a day to that of the window.
    waiting = (1 - climatology) ** (np.append(0, np.cumsum(days)) / sum(days))
    return JudgedFirstOnset(
        **line.common(first.kind, _words(line.entry, outlook), outlook.start, outlook.end),
        due=came.due,
        status=Status.RESOLVED if came.decided else Status.OPEN,
        months=first.months,
        none=first.none,
        climatology=(*(-np.diff(waiting)).tolist(), float(waiting[-1])),
        onset=came.first if came.decided else None,
    )


def _days_in_season(line: _Line, outlook: RecordedOutlook, days: RecordedDays) -> JudgedDays:
    resolved = line.observations.last_day >= outlook.end
    inside = line.observations.in_season[days.kind].loc[
        pd.Timestamp(outlook.start) : pd.Timestamp(outlook.end)
    ]
    return JudgedDays(
        **line.common(days.kind, _words(line.entry, outlook), outlook.counts_from, outlook.end),
        due=outlook.end,
        status=Status.RESOLVED if resolved else Status.OPEN,
        low=days.low,
        low_50=days.low_50,
        median=days.median,
        high_50=days.high_50,
        high=days.high,
        none=days.none,
        # What was known then stays: a revision of those days is no fault of the forecast.
        days=days.known + int(inside.sum()) if resolved else None,
    )
