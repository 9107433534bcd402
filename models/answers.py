"""What is asked of the seasons to come, and the answer: a forecast is a table of answers.

Text, page, JSON, CSV, MLflow, ledger and scores read these rows and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Annotated, NamedTuple

import pandas as pd
from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema

from models.vocabulary import Kind


# Types of stored values: what pydantic reads and writes of them.
def _day(value: object) -> pd.Timestamp:
    day = pd.Timestamp(value)  # type: ignore[arg-type]
    if day != day.normalize() or day.tz is not None:
        raise ValueError(f"a day must be written YYYY-MM-DD, got {value}")
    return day.as_unit("s")


Day = Annotated[
    pd.Timestamp,
    PlainValidator(_day),
    PlainSerializer(lambda day: f"{day:%Y-%m-%d}", return_type=str),
    WithJsonSchema({"type": "string", "format": "date"}),
]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class Event(StrEnum):
    """What is asked of a kind of season; the column `question` of every table."""

    BEGINS = "begins"  # does a season of the kind, or a stronger one, begin from start to end?
    STANDS = "stands"  # does the index stand at the kind's threshold on the day `end`?
    DAYS = "days"  # on how many days from start to end does it stand there?
    LASTS = "lasts"  # has the season that stands on as_of a day at the threshold on `end` or later?
    FIRST = "first"  # on which day from start to end does the first one begin?


class State(StrEnum):
    """State of the market for one kind of season; every base rate is conditioned on it."""

    AT_RISK = "at_risk"  # below the threshold on as_of and on the quiet days before it
    IN_SEASON = "in_season"  # at the threshold on as_of
    QUIET = "quiet"  # below it for too short a time: no season can begin next
    ANY = "any"  # of a base rate alone: the state has been seen in fewer than five episodes


class Question(NamedTuple):
    """A kind of season, what is asked of it, and the first and last day that count.

    A window begins on the day after as_of. That of a calendar year begins on 1 January, so that
    an onset already seen this year counts: then `start` may lie before as_of.
    """

    kind: Kind
    question: Event
    start: pd.Timestamp
    end: pd.Timestamp


@dataclass(frozen=True)
class Answer:
    """A question with its answer; a row of every table of a forecast."""

    kind: Kind
    question: Event
    start: Day
    end: Day
    state: State  # of the kind on as_of
    probability: Share | None = None  # None where `reason` holds; of DAYS: that of any day at all
    low: Share | None = None  # ends of the 90 % interval of the probability
    high: Share | None = None
    base_rate: Share | None = None  # what the past of the same state says
    base_state: State | None = None  # the state it is conditioned on: `state`, or any
    began_on: Day | None = None  # an onset already seen that answers the question
    reason: str | None = None  # why the definition makes it impossible, or nothing can be said
    mean: Number | None = None  # of DAYS: days in the window, those already seen included
    seen: int | None = None  # of DAYS: days already seen since `start`
    quantiles: Mapping[str, Number | None] | None = None  # of DAYS in days, of FIRST in days ahead

    def asked(self) -> Question:
        """Return the question."""
        return Question(self.kind, self.question, self.start, self.end)

    def horizon(self, as_of: pd.Timestamp) -> int:
        """Return the days from as_of to the last day that counts."""
        return (self.end - as_of).days


COLUMNS = tuple(field.name for field in fields(Answer))


def answers_table(answers: Sequence[Answer]) -> pd.DataFrame:
    """Return answers as a table: a row an answer, the columns in the order of its fields."""
    return pd.DataFrame([asdict(answer) for answer in answers], columns=list(COLUMNS))


def find(
    answers: Sequence[Answer], kind: Kind, question: Event, end: pd.Timestamp
) -> Answer | None:
    """Return the answer to a question about a window, by its last day; None where not asked."""
    return next((a for a in answers if (a.kind, a.question, a.end) == (kind, question, end)), None)
