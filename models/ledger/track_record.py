"""The track record: recorded forecasts against what came after them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd

from features.market.season import season_index
from features.panel import DAY, DataError, MarketPanel
from models.hazard.leads import LEAD_DAYS
from models.ledger.book import Ledger
from models.ledger.entry import PROMPT_DAYS, Entry, RecordedWindow
from models.ledger.outlook_judging import Observations, judge_outlook, marked
from models.ledger.outlook_results import (
    JudgedChance,
    JudgedDays,
    JudgedFirstOnset,
    OutlookRecord,
)
from models.ledger.outlook_scores import score_chances, score_days, score_first_onsets
from models.ledger.results import JudgedWindow, TrackRecord
from models.ledger.revised import revised_forecasts
from models.ledger.window_scores import score_windows
from models.ledger.words import Made, Status
from models.season.definition import OnsetDefinition
from models.season.labels import (
    in_season,
    label,
    last_day_in_season,
    onsets,
    sustained,
)
from models.vocabulary import Kind

RULE = (
    f"A forecast counts as made ahead of time if it was recorded within {PROMPT_DAYS} days of "
    "as_of and before its window ended; any other is a replay. A window is resolved when the data "
    "reach its last day, whether an onset came early or not. Of one model's forecasts for the same "
    "day and window the first recorded counts."
)


def track_record(
    ledger: Ledger, panel: MarketPanel, *, today: pd.Timestamp | None = None
) -> TrackRecord:
    """Judge what a ledger holds by the data of today.

    Parameters
    ----------
    ledger : Ledger
        From `models.ledger.book.read_ledger`.
    panel : MarketPanel
        The market as it is known now, which decides the outcomes.

    Raises
    ------
    DataError
        If the data begin after a recorded day, or a line counts a season as
        this program cannot.
    """
    days = [entry.as_of for entry in ledger.entries]
    stamps = pd.DatetimeIndex(sorted({pd.Timestamp(day) for day in days})).as_unit("s")
    outcomes = _Outcomes(panel, stamps)
    windows = tuple(_judged(ledger, outcomes))
    return TrackRecord(
        rule=RULE,
        lines=len(ledger.entries),
        torn_lines=ledger.torn,
        first_as_of=min(days, default=None),
        last_as_of=max(days, default=None),
        source=panel.source,
        digest=panel.digest,
        last_day=panel.last_day.date(),
        age_days=None if today is None else (today - panel.last_day).days,
        scores=tuple(score_windows(windows)),
        windows=windows,
        outlook=_outlook(ledger, outcomes),
        revised=revised_forecasts(ledger, panel),
    )


def _outlook(ledger: Ledger, outcomes: _Outcomes) -> OutlookRecord:
    """Judge and score every answer of the recorded outlooks."""
    judged = [
        answer
        for entry in ledger.entries
        if entry.outlook is not None
        for answer in judge_outlook(
            entry, outcomes.observations(entry), in_training=_in_training(entry)
        )
    ]
    chances = marked([each for each in judged if isinstance(each, JudgedChance)])
    first_onsets = marked([each for each in judged if isinstance(each, JudgedFirstOnset)])
    days = marked([each for each in judged if isinstance(each, JudgedDays)])
    return OutlookRecord(
        chances=chances,
        first_onsets=first_onsets,
        days=days,
        chance_scores=tuple(score_chances(chances)),
        first_onset_scores=tuple(score_first_onsets(first_onsets)),
        days_scores=tuple(score_days(days)),
    )


def _judged(ledger: Ledger, outcomes: _Outcomes) -> Iterator[JudgedWindow]:
    """Yield every window of a ledger with its status, in the order of recording."""
    keys = set()
    for entry in ledger.entries:
        for window in _windows(entry, outcomes):
            key = (*window.group, window.as_of)
            if window.status is not Status.NO_FORECAST and key in keys:
                yield replace(window, status=Status.REPEATED)
                continue
            if window.status is not Status.NO_FORECAST:
                keys.add(key)
            yield window


class _Outcomes:
    """What came after the recorded days."""

    def __init__(self, panel: MarketPanel, days: pd.DatetimeIndex) -> None:
        index = season_index(panel)
        self.source, self.first = panel.source, index.index[0]
        self.ahead = cache(lambda definition: label(index, days, definition).to_dict("index"))
        self.onsets = cache(partial(onsets, index))
        self.sustained = cache(partial(sustained, index))
        self.in_season = cache(partial(in_season, index))
        self.index = index
        self.unknown = np.append(0, np.cumsum(index.isna()))

    def observations(self, entry: Entry) -> Observations:
        """Return what the data have shown of the seasons that a line speaks of."""
        own = _definitions(entry)
        as_of = pd.Timestamp(entry.as_of).as_unit("s")
        lasting = {each.kind for each in entry.outlook.season_lasts} if entry.outlook else set()
        known = as_of in self.index.index
        return Observations(
            last_day=self.index.index[-1].date(),
            in_season={kind: self.in_season(each.threshold) for kind, each in own.items()},
            onsets={kind: self.onsets(each) for kind, each in own.items()},
            sustained=self.sustained(own[Kind.BROAD]),
            sustained_within=int(entry.definition["sustained_within"]),
            season={
                kind: last_day_in_season(self.index, as_of, own[kind]) if known else None
                for kind in lasting
            },
        )

    def days_without_index(self, as_of: pd.Timestamp, horizon: int) -> int:
        """Count the days of a window, as far as the data reach, that have no index."""
        begin = (as_of - self.first).days + 1
        begin, end = np.minimum([begin, begin + horizon], len(self.unknown) - 1)
        return int(self.unknown[end] - self.unknown[begin])


def _windows(entry: Entry, outcomes: _Outcomes) -> Iterator[JudgedWindow]:
    as_of = pd.Timestamp(entry.as_of).as_unit("s")
    if as_of < outcomes.first:
        raise DataError(
            f"{outcomes.source} begins on {outcomes.first:%Y-%m-%d}, after {entry.as_of}, the day "
            f"of line {entry.line} of the ledger; name a source that holds it."
        )
    ahead = {kind: outcomes.ahead(each)[as_of] for kind, each in _definitions(entry).items()}
    for window in entry.windows:
        status, outcome, onset = _outcome(as_of, window, ahead[window.kind])
        yield JudgedWindow(
            line=entry.line,
            as_of=entry.as_of,
            recorded_at=entry.recorded_at,
            made=Made.AHEAD if entry.ahead(window.end) else Made.REPLAY,
            in_training=_in_training(entry),
            model=entry.model,
            kind=window.kind,
            threshold=entry.thresholds[window.kind],
            horizon_days=window.horizon_days,
            window_end=window.end,
            by_date=window.by_date,
            quiet_days=int(entry.definition["quiet_days"]),
            probability=window.probability,
            low=window.low,
            high=window.high,
            climatology=window.climatology,
            status=status,
            outcome=outcome,
            onset=None if onset is None else onset.date(),
            days_without_index=outcomes.days_without_index(as_of, window.horizon_days),
        )


def _definitions(entry: Entry) -> dict[Kind, OnsetDefinition]:
    """Return what counts as an onset of each kind, as the line says."""
    own, recorded = OnsetDefinition(), entry.definition
    if (recorded["window_days"], recorded["top"]) != (own.window_days, own.top):
        raise DataError(
            f"line {entry.line} of the ledger counts the top {recorded['top']:g} over "
            f"{recorded['window_days']:g} days; this program's index is of the top {own.top} over "
            f"{own.window_days}."
        )
    try:
        names = ("quiet_days", "sustained_days", "sustained_within")
        quiet = replace(own, **{name: int(recorded[name]) for name in names})
        return {kind: replace(quiet, threshold=value) for kind, value in entry.thresholds.items()}
    except ValueError as error:
        raise DataError(f"line {entry.line} of the ledger: {error}") from error


def _in_training(entry: Entry) -> bool:
    # A row enters training once its first lead is resolved, on that day and not after: not strict.
    return (entry.trained_until - entry.as_of).days >= LEAD_DAYS


def _outcome(
    as_of: pd.Timestamp, window: RecordedWindow, ahead: Mapping[Hashable, Any]
) -> tuple[Status, int | None, pd.Timestamp | None]:
    """Return status, outcome and onset of one window."""
    # Not before its last day, even if the onset came early: the quiet windows of the same day
    # are unknown until then, and onsets alone would fill the record.
    resolved = bool(ahead["days_known"] >= window.horizon_days)
    # An onset on the window's last day is inside it.
    hit = bool(ahead["days_to_onset"] <= window.horizon_days)
    if window.probability is None:
        status = Status.NO_FORECAST
    elif not resolved:
        status = Status.OPEN
    else:
        status = Status.RESOLVED if ahead["at_risk"] else Status.REVISED
    # For a day that is not at risk the next day in season is no onset.
    onset_known = hit and status is not Status.NO_FORECAST and ahead["at_risk"]
    return (
        status,
        int(hit) if status is Status.RESOLVED else None,
        as_of + ahead["days_to_onset"] * DAY if onset_known else None,
    )
