"""What a track record holds of recorded outlooks: each answer as it turned out, and the scores."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from models.ledger.words import Made, Status, dates_as_text
from models.vocabulary import Kind


class Question(StrEnum):
    """What a probability of an outlook is about."""

    BEGINS = "begins"
    IN_SEASON_ON = "in_season_on"
    SEASON_LASTS = "season_lasts"


@dataclass(frozen=True)
class Judged:
    """An answer of a recorded outlook beside what came after it.

    Parameters
    ----------
    line : int
        Of the ledger.
    as_of : datetime.date
        Day whose end closed the information.
    made : Made
        Whether it is a forecast or a replay.
    in_training : bool
        Whether the model was fitted to its day.
    model : str
        Candidate.
    kind, threshold
        What would begin or stand, and at which season index.
    window : str
        The days asked about, in words: what is scored together.
    first_day, last_day : datetime.date
        Those days; of a year from 1 January.
    due : datetime.date
        The day by which the data will have decided it, as far as can be told.
    status : Status
        How far it can be judged.
    """

    line: int
    as_of: dt.date
    made: Made
    in_training: bool
    model: str
    kind: Kind
    threshold: float
    window: str
    first_day: dt.date
    last_day: dt.date
    due: dt.date
    status: Status

    @property
    def group(self) -> tuple[Made, str, Kind, float, str, str]:
        """What is scored together."""
        return (self.made, "", self.kind, self.threshold, self.window, self.model)


@dataclass(frozen=True)
class JudgedChance(Judged):
    """A probability: `outcome` 0 or 1, None unless it is resolved.

    Of a chance that a season begins `climatology` is the recorded one, of one to be in season on a
    day the share of days in season up to as_of; None where there is none.
    """

    question: Question
    probability: float
    climatology: float | None
    outcome: int | None

    @property
    def group(self) -> tuple[Made, str, Kind, float, str, str]:
        """What is scored together: one question."""
        return (self.made, self.question, self.kind, self.threshold, self.window, self.model)


@dataclass(frozen=True)
class JudgedFirstOnset(Judged):
    """The months of the first onset after as_of: `onset` is it, None unless seen and resolved.

    `climatology` is the recorded chance of the window spread evenly over its days.
    """

    months: tuple[tuple[str, float], ...]
    none: float
    climatology: tuple[float, ...]
    onset: dt.date | None


@dataclass(frozen=True)
class JudgedDays(Judged):
    """Days in season in the window: quantiles, P(0), and the `days` seen, None unless resolved."""

    low: float
    low_50: float
    median: float
    high_50: float
    high: float
    none: float
    days: int | None


@dataclass(frozen=True)
class Group:
    """What the scores of an answer rest on: counts over one way of making, kind, window, model.

    `separate_windows` are the resolved ones whose days from as_of to the last share none.
    """

    made: Made
    kind: Kind
    threshold: float
    window: str
    model: str
    resolved: int
    open: int
    next_resolved_on: dt.date | None
    begun: int
    repeated: int
    revised: int
    in_training: int
    separate_windows: int


@dataclass(frozen=True)
class ChanceScore:
    """Brier and log score of probabilities; lower is better, None where there is none.

    `came` of the resolved outcomes were 1, `expected` the sum of their probabilities; `ruled_out`
    counts probabilities of 0 for what happened, which make the log score infinite (None).
    """

    group: Group
    question: Question
    came: int
    expected: float
    expected_by_climatology: float | None
    brier: float | None
    brier_climatology: float | None
    brier_skill: float | None
    log_score: float | None
    log_score_climatology: float | None
    log_skill: float | None
    ruled_out: int


@dataclass(frozen=True)
class FirstOnsetScore:
    """Ranked probability score in [0, 1] and log score of the month; `none` had no onset."""

    group: Group
    none: int
    ranked: float | None
    ranked_climatology: float | None
    ranked_skill: float | None
    log_score: float | None
    log_score_climatology: float | None
    log_skill: float | None
    ruled_out: int


@dataclass(frozen=True)
class DaysScore:
    """Days in season: how many fell inside the intervals, and the mean quantile score in days.

    The quantile score is that of the five quantiles together; `brier_none` that of P(0).
    """

    group: Group
    mean_days: float | None
    mean_median: float | None
    inside_50: int
    inside_90: int
    quantile_score: float | None
    none: int
    brier_none: float | None


@dataclass(frozen=True)
class OutlookRecord:
    """Recorded outlooks, judged: every answer in the order of recording, and the scores."""

    chances: tuple[JudgedChance, ...]
    first_onsets: tuple[JudgedFirstOnset, ...]
    days: tuple[JudgedDays, ...]
    chance_scores: tuple[ChanceScore, ...]
    first_onset_scores: tuple[FirstOnsetScore, ...]
    days_scores: tuple[DaysScore, ...]


def outlook_record_json(record: OutlookRecord) -> dict[str, Any]:
    """Return judged outlooks as part of the schema `altseason.ledger_score/1`."""
    return {
        "chances": {
            "scores": [_score(each) for each in record.chance_scores],
            "answers": [dates_as_text(asdict(each)) for each in record.chances],
        },
        "first_onset": {
            "scores": [_score(each) for each in record.first_onset_scores],
            "answers": [_first_onset(each) for each in record.first_onsets],
        },
        "days_in_season": {
            "scores": [_score(each) for each in record.days_scores],
            "answers": [dates_as_text(asdict(each)) for each in record.days],
        },
    }


def _score(score: ChanceScore | FirstOnsetScore | DaysScore) -> dict[str, Any]:
    values = asdict(score)
    return {**dates_as_text(values.pop("group")), **values}


def _first_onset(judged: JudgedFirstOnset) -> dict[str, Any]:
    names = (*(name for name, _ in judged.months), "none")
    shares = (*(share for _, share in judged.months), judged.none)
    return {
        **dates_as_text(asdict(judged)),
        "months": [
            {"month": name, "probability": own, "climatology": base}
            for name, own, base in zip(names[:-1], shares, judged.climatology, strict=False)
        ],
        "climatology": judged.climatology[-1],
    }
