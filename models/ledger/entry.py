"""A line of the ledger: the answers of one forecast, what made it, and when it was recorded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, model_validator

from models.answers import Answer, Day, Number, State
from models.forecasting.parts import Forecast, ModelSummary
from models.forecasting.questions import Window
from models.forecasting.records import answers_json
from models.hazard.leads import LEAD_DAYS
from models.season.definition import OnsetDefinition
from models.vocabulary import Kind

SCHEMA: Literal["altseason.ledger/4"] = "altseason.ledger/4"
PROMPT_DAYS = 7
_INSTANT = "%Y-%m-%dT%H:%M:%SZ"

Instant = Annotated[
    datetime,
    PlainValidator(lambda text: datetime.strptime(text, _INSTANT).replace(tzinfo=UTC)),
    PlainSerializer(lambda instant: instant.astimezone(UTC).strftime(_INSTANT), return_type=str),
]


class RecordedData(BaseModel):
    """The data a recorded forecast rested on."""

    model_config = ConfigDict(frozen=True)
    source: str
    digest: str
    last_day: Day
    # What is needed to see later whether values that it rested on have been revised.
    features: Mapping[str, Number | None]
    findings: tuple[str, ...] = ()


class Entry(BaseModel):
    """One line of the ledger."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)
    schema_: Literal["altseason.ledger/4"] = Field(default=SCHEMA, alias="schema")
    id: str  # digest of as_of, model, data and, if it is not the model's, the threshold
    line: int = Field(default=0, exclude=True)  # its number in the file, from 1
    as_of: Day
    recorded_at: Instant  # UTC
    replay: bool  # whether that was more than 7 days after as_of
    definition: OnsetDefinition  # of broad seasons
    thresholds: Mapping[Kind, Number]
    index: Number
    states: Mapping[Kind, State]
    window: Window
    answers: tuple[Answer, ...]
    model: ModelSummary
    forecaster_sha256: str
    data: RecordedData
    commit: str
    versions: Mapping[str, str]
    alerts: tuple[str, ...] = ()  # that held when it was recorded

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for answer in self.answers:
            if answer.kind not in {Kind.SUSTAINED, *self.thresholds}:
                raise ValueError(f"kind must be one with a threshold, got {answer.kind}")
            if not (answer.start <= answer.end and answer.end > self.as_of):
                raise ValueError(
                    f"a window of {self.as_of:%Y-%m-%d} cannot run from {answer.start:%Y-%m-%d} "
                    f"to {answer.end:%Y-%m-%d}"
                )
        return self

    @classmethod
    def from_content(cls, content: Mapping[str, Any], line: int) -> Entry:
        """Return the entry of a line's content; ValueError where a value cannot be."""
        return cls.model_validate({**content, "line": line})

    def ahead(self, end: pd.Timestamp) -> bool:
        """Return whether a window was forecast ahead of time, and is no replay.

        It was if the line was recorded within `PROMPT_DAYS` after as_of and before the window's
        last day had ended.
        """
        # The last day ends at 24:00 UTC; at that instant its outcome is known, hence strict.
        return not self.replay and self.recorded_at < _end_of(end)

    def in_training(self) -> bool:
        """Return whether the model was fitted to the day."""
        # A row enters training once its first lead is resolved, on that day and not after: not
        # strict.
        return (self.model.trained_until - self.as_of).days >= LEAD_DAYS

    def definitions(self) -> dict[Kind, OnsetDefinition]:
        """Return what counts as an onset of each kind, as the line says."""
        return {kind: self.definition.at(value) for kind, value in self.thresholds.items()}


def content_of(
    forecast: Forecast,
    *,
    forecaster_sha256: str,
    recorded_at: datetime,
    commit: str,
    versions: Mapping[str, str],
    alerts: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the content of the line that records a forecast at an instant, UTC."""
    data, season, ended = forecast.data, forecast.season, _ended(forecast.as_of, recorded_at)
    entry = Entry(
        schema=SCHEMA,
        id=_id_of(forecast, forecaster_sha256),
        as_of=forecast.as_of,
        recorded_at=recorded_at.astimezone(UTC).strftime(_INSTANT),  # type: ignore[arg-type]
        # A week is the age up to which data count as current; at its very end they still do.
        replay=recorded_at > ended + timedelta(days=PROMPT_DAYS),
        definition=forecast.definition,
        thresholds=forecast.thresholds,
        index=season.index,
        states=season.states,
        window=forecast.window,
        answers=forecast.answers,
        model=forecast.model,
        forecaster_sha256=forecaster_sha256,
        data=RecordedData(
            source=data.source, digest=data.digest, last_day=data.last_day, features=data.features,
            findings=tuple(finding.text for finding in data.findings),
        ),
        commit=commit,
        versions=versions,
        alerts=tuple(alerts),
    )  # fmt: skip
    content: dict[str, Any] = entry.model_dump(mode="json", by_alias=True)
    content["answers"] = answers_json(forecast.answers)
    return content


def _ended(as_of: pd.Timestamp, recorded_at: datetime) -> datetime:
    """Return the end of a day, which must have come."""
    ended = _end_of(as_of)
    if recorded_at < ended:
        raise ValueError(
            f"a forecast of {as_of:%Y-%m-%d} cannot be recorded before that day has "
            f"ended, and the clock says {recorded_at:%Y-%m-%d %H:%M} UTC; record it after that "
            "day, name an earlier one with --as-of, or set the clock right."
        )
    return ended


def _id_of(forecast: Forecast, forecaster_sha256: str) -> str:
    """Return what tells a forecast from every other: its day, model and data."""
    model, data = forecast.model, forecast.data
    parts = [f"{forecast.as_of:%Y-%m-%d}", model.run_id, forecaster_sha256, data.digest]
    if forecast.evidence.measured_at is not None:
        # The same model asked for seasons at another index is another forecast.
        parts.append(f"{forecast.thresholds[Kind.BROAD]!r}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _end_of(day: pd.Timestamp) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
