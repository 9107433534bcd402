"""What a track record holds: each recorded window as it turned out, and the scores of groups."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any

from models.formatting import finite
from models.ledger.outlook_results import OutlookRecord, outlook_record_json
from models.ledger.revised import RevisedForecast
from models.ledger.words import Made, Status, dates_as_text, text
from models.verification.counts import RareEventScores
from models.vocabulary import Kind

SCHEMA = "altseason.ledger_score/1"


@dataclass(frozen=True)
class JudgedWindow:
    """A recorded window beside what came after it.

    Parameters
    ----------
    line : int
        Of the ledger.
    as_of, window_end : datetime.date
        The window is (as_of, window_end].
    recorded_at : datetime.datetime
        UTC.
    made : Made
        Whether it is a forecast or a replay.
    in_training : bool
        Whether the model was fitted to its day.
    model : str
        Candidate.
    kind, threshold
        What would begin, and at which season index.
    horizon_days : int
        Length.
    by_date : bool
        Whether the last day was asked for, not the length.
    quiet_days : int
        Quiet days before an onset, as the line counts.
    probability, low, high, climatology : float, optional
        As recorded.
    status : Status
        How far it can be judged.
    outcome : int, optional
        0 or 1; None unless it is resolved.
    onset : datetime.date, optional
        The onset in or after it, as far as it has been seen.
    days_without_index : int
        Days inside that have no season index.
    """

    line: int
    as_of: dt.date
    recorded_at: dt.datetime
    made: Made
    in_training: bool
    model: str
    kind: Kind
    threshold: float
    horizon_days: int
    window_end: dt.date
    by_date: bool
    quiet_days: int
    probability: float | None
    low: float | None
    high: float | None
    climatology: float | None
    status: Status
    outcome: int | None
    onset: dt.date | None
    days_without_index: int

    @property
    def group(self) -> tuple[Made, Kind, float, bool, int, str, str]:
        """What is scored together: windows of one length; those by a date, whatever theirs."""
        length, last_day = (0, f"{self.window_end}") if self.by_date else (self.horizon_days, "")
        return (self.made, self.kind, self.threshold, self.by_date, length, last_day, self.model)


@dataclass(frozen=True)
class ProbabilityClass:
    """What came of the forecasts in [low, high), the last class with its upper end."""

    low: float
    high: float
    forecasts: int
    onsets: int
    mean_probability: float
    mean_climatology: float


@dataclass(frozen=True)
class Score:
    """Counts and scores of one group of windows; scores over resolved windows only.

    Scores are lower the better, skills higher; None where there is none.
    """

    made: Made
    kind: Kind
    threshold: float
    horizon_days: int | None
    date: dt.date | None
    model: str
    resolved: int
    open: int
    next_resolved_on: dt.date | None
    no_forecast: int
    repeated: int
    revised: int
    in_training: int
    with_days_without_index: int
    onsets: int
    episodes: int
    separate_windows: int
    expected: float
    expected_by_climatology: float
    brier: float | None
    brier_climatology: float | None
    brier_skill: float | None
    log_score: float | None
    log_score_climatology: float | None
    log_skill: float | None
    ruled_out: int
    rare_events: RareEventScores
    classes: tuple[ProbabilityClass, ...]


@dataclass(frozen=True)
class TrackRecord:
    """Recorded forecasts, judged.

    Parameters
    ----------
    rule : str
        What counts, in words.
    lines : int
        Of the ledger.
    torn_lines : tuple of int
        Those that a crash cut off.
    first_as_of, last_as_of : datetime.date, optional
        None if the ledger is empty.
    source, digest : str
        Of the data that decide.
    last_day : datetime.date
        Their last day.
    age_days : int, optional
        From that to today; None where no day was named.
    scores : tuple of Score
        A row for each way of making, kind, threshold, window and model.
    windows : tuple of JudgedWindow
        Every window, in the order of recording.
    outlook : OutlookRecord
        What was said of the seasons to come, likewise.
    revised : tuple of RevisedForecast
        Lines that rested on values which have been revised since.
    """

    rule: str
    lines: int
    torn_lines: tuple[int, ...]
    first_as_of: dt.date | None
    last_as_of: dt.date | None
    source: str
    digest: str
    last_day: dt.date
    age_days: int | None
    scores: tuple[Score, ...]
    windows: tuple[JudgedWindow, ...]
    outlook: OutlookRecord
    revised: tuple[RevisedForecast, ...] = ()


def track_record_json(record: TrackRecord) -> dict[str, Any]:
    """Return a track record under the schema `altseason.ledger_score/1`."""
    return {
        "schema": SCHEMA,
        "rule": record.rule,
        "ledger": {
            "lines": record.lines,
            "torn_lines": list(record.torn_lines),
            "first_as_of": text(record.first_as_of),
            "last_as_of": text(record.last_as_of),
        },
        "data": {
            "source": record.source,
            "digest": record.digest,
            "last_day": text(record.last_day),
            "age_days": record.age_days,
        },
        "scores": [_score(score) for score in record.scores],
        "windows": [_window(window) for window in record.windows],
        "outlook": outlook_record_json(record.outlook),
        "revised": [_revised(each) for each in record.revised],
    }


def _revised(revised: RevisedForecast) -> dict[str, Any]:
    features = {name: {"then": then, "now": now} for name, (then, now) in revised.features.items()}
    findings = list(revised.findings)
    return {**dates_as_text(asdict(revised)), "features": features, "findings": findings}


def _window(window: JudgedWindow) -> dict[str, Any]:
    values = dates_as_text(asdict(window))
    values.pop("quiet_days")
    return values


def _score(score: Score) -> dict[str, Any]:
    classes = []
    for each in score.classes:
        low, high, *_ = values = asdict(each)
        classes.append({"from": values.pop(low), "to": values.pop(high), **values})
    rare_events = _rare_events(score.rare_events)
    return {**dates_as_text(asdict(score)), "rare_events": rare_events, "classes": classes}


def _rare_events(rare: RareEventScores) -> dict[str, Any]:
    """Return the scores for JSON, which holds no infinity: None where there is no number."""
    return {
        "onsets": rare.onsets,
        **finite(
            {
                "expected": rare.expected,
                "expected_by_climatology": rare.expected_by_climatology,
                "log_score": rare.log_score,
                "log_score_climatology": rare.log_score_climatology,
                "gain_per_forecast": rare.gain_per_forecast,
            }
        ),
        "gain_per_onset": finite(rare.gain_per_onset._asdict()),
        "n_test": finite(rare.number_test._asdict()),
    }
