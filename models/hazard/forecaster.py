"""A fitted candidate with all that a forecast needs and what it has shown, in one file."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Literal, NamedTuple, Self

import pandas as pd
from pydantic import (
    Field,
    FiniteFloat,
    NonNegativeInt,
    PlainSerializer,
    PlainValidator,
    TypeAdapter,
    ValidationError,
)

from features.catalogue.features import FEATURE_NAMES
from models.answers import Day, State
from models.hazard.base import HazardModel
from models.hazard.candidates import from_state, to_state
from models.hazard.leads import LEAD_DAYS
from models.season.definition import OnsetDefinition
from models.vocabulary import Kind, Verdict

SCHEMA: Literal["altseason.forecaster/3"] = "altseason.forecaster/3"


Stored = Annotated[HazardModel, PlainValidator(from_state), PlainSerializer(to_state)]
Threshold = Annotated[float, Field(gt=0, le=100)]


class Range(NamedTuple):
    """Lowest and highest value of a feature in training."""

    low: FiniteFloat
    high: FiniteFloat


@dataclass(frozen=True)
class Skill:
    """What forecasts of days at risk have shown out of sample, at one horizon.

    Skill is the Brier skill against the base rate: higher is better, 0 is the base rate; None
    stands for what cannot be computed.
    """

    kind: Kind
    horizon: str  # days ahead, or "year": the rest of the calendar year
    value: Annotated[FiniteFloat, Field(le=1)] | None
    # 90 % interval: nothing is better than perfect, but its end may lie beyond.
    low: FiniteFloat | None
    high: FiniteFloat | None
    days: NonNegativeInt  # forecasts resolved
    episodes: NonNegativeInt  # different onsets inside their windows
    verdict: Verdict  # what the interval allows to be said
    # Chance that a day before an onset was given more than another (0.5 is a coin), 90 % interval.
    auc: FiniteFloat | None = None
    auc_low: FiniteFloat | None = None
    auc_high: FiniteFloat | None = None
    expected: FiniteFloat | None = None  # mean forecast
    observed: FiniteFloat | None = None  # share of the windows in which a season began
    excess_low: FiniteFloat | None = None  # 90 % interval of expected - observed
    excess_high: FiniteFloat | None = None

    @property
    def too_high(self) -> bool:
        """Whether the interval of expected - observed lies above 0."""
        return self.excess_low is not None and self.excess_low > 0


@dataclass(frozen=True)
class StateRecord:
    """What came of the forecasts made in a state in which no candidate's hazards have a say."""

    kind: Kind
    state: State
    horizon: str
    forecasts: NonNegativeInt
    expected: FiniteFloat  # mean forecast
    observed: FiniteFloat  # share in which a season began


@dataclass(frozen=True)
class Fifth:
    """A fifth of the out-of-sample chances of a broad season within 90 days, and what came."""

    low: FiniteFloat  # the smallest and the largest of its chances
    high: FiniteFloat
    forecasts: NonNegativeInt
    episodes: NonNegativeInt  # different onsets that followed in time
    expected: FiniteFloat
    observed: FiniteFloat


@dataclass(frozen=True)
class AlarmRecord:
    """What came of the weeks with a high chance of a broad season within 90 days."""

    level: FiniteFloat  # probability from which on a week counts
    alarms: NonNegativeInt  # unbroken runs of such weeks
    false_alarms: NonNegativeInt  # that no onset followed in time
    seasons: NonNegativeInt  # onsets that a forecast could have foreseen
    announced: NonNegativeInt  # of them preceded by an alarm
    median_days: FiniteFloat | None  # from an alarm to the onset it announced


@dataclass(frozen=True)
class ClaimRecord:
    """What followed the days at risk on which a condition of the article held."""

    claim: str
    condition: str
    horizon_days: int
    days: NonNegativeInt
    spells: NonNegativeInt  # unbroken runs of such days
    onsets: NonNegativeInt
    rate: FiniteFloat | None  # share of such days after which a broad season began in time
    otherwise: FiniteFloat | None  # the same of all other days
    low: FiniteFloat | None  # 90 % interval of the difference
    high: FiniteFloat | None
    verdict: str


@dataclass(frozen=True)
class Evidence:
    """What a forecaster was trained on and what it has shown out of sample."""

    definition: OnsetDefinition  # of a broad season
    trained_until: Day  # its end closed the training data
    data_digest: str  # of the panel it was trained on
    ranges: Mapping[str, Range]  # of each feature that had any value in training
    onsets: Mapping[Kind, tuple[Day, ...]]  # in training
    skill: tuple[Skill, ...]  # of the candidate, by kind and horizon
    reason: str  # why it is champion, or that it is not
    states: tuple[StateRecord, ...] = ()
    fifths: tuple[Fifth, ...] = ()  # of broad seasons within 90 days, the lowest first
    alarms: AlarmRecord | None = None
    claims: tuple[ClaimRecord, ...] = ()  # of the article, on the same history

    def fifth(self, probability: float) -> Fifth | None:
        """Return the fifth that a chance of a broad season within 90 days falls into."""
        above = [each for each in self.fifths if probability <= each.high]
        return above[0] if above else (self.fifths[-1] if self.fifths else None)

    def in_training(self, as_of: pd.Timestamp) -> bool:
        """Whether the row of a day is one of those fitted."""
        # A row enters training once its first lead is resolved, on that day and not after.
        resolved_on = as_of + pd.Timedelta(days=LEAD_DAYS)
        return bool(resolved_on <= self.trained_until)

    def in_sample(self, as_of: pd.Timestamp) -> bool:
        """Whether outcomes later than a day were learnt from."""
        # Strict: on the last day of training the model is in force and knows nothing later.
        return bool(as_of < self.trained_until)


@dataclass(frozen=True)
class Forecaster:
    """A fitted candidate, the climatology beside it, its replicates and its evidence."""

    name: str  # candidate
    thresholds: Mapping[Kind, Threshold]  # at which each kind of season begins
    model: Stored
    climatology: Stored  # fitted to the same rows
    # The candidate refitted to resampled training episodes.
    replicates: Annotated[Sequence[Stored], Field(min_length=1)]
    evidence: Evidence
    # Threshold of broad seasons at which it was verified, where it is asked for another (`at`).
    measured_at: Annotated[float | None, Field(exclude=True)] = None

    def at(self, threshold: float) -> Self:
        """Return the forecaster of broad seasons that begin at another threshold.

        Nothing is fitted again: the hazard holds for all thresholds of its training. What the
        forecaster has shown, it has shown at its own threshold; of another's broad seasons neither
        skill nor onsets are claimed. ValueError where the threshold is not above a partial
        season's, or is above all of training.
        """
        partial, verified = self.thresholds[Kind.PARTIAL], self.thresholds[Kind.BROAD]
        highest = float(self.model.thresholds_[-1])
        # Strict: at a partial season's threshold the two kinds would be one.
        if not partial < threshold <= highest:
            way_out = (
                "seasons at that index are the partial ones, shown in every forecast."
                if threshold == partial
                else "the hazard is fitted from the one to the other; train again for more."
            )
            raise ValueError(
                f"threshold must be above {partial:g} and at most {highest:g}, got {threshold:g}; "
                f"{way_out}"
            )
        if threshold == verified:
            return self
        evidence = replace(
            self.evidence,
            definition=self.evidence.definition.at(threshold),
            onsets={**self.evidence.onsets, Kind.BROAD: ()},
            skill=tuple(skill for skill in self.evidence.skill if skill.kind != Kind.BROAD),
            states=(),
            fifths=(),
            alarms=None,
            claims=(),
            reason=f"verified at {verified:g}, asked for {threshold:g}",
        )
        thresholds = {**self.thresholds, Kind.BROAD: threshold}
        return replace(self, thresholds=thresholds, evidence=evidence, measured_at=verified)

    def to_bytes(self) -> bytes:
        """Return the forecaster as compressed JSON; equal forecasters give equal bytes."""
        return gzip.compress(_files().dump_json(_File(SCHEMA, self)), mtime=0)

    @classmethod
    def from_bytes(cls, content: bytes) -> Forecaster:
        """Return the forecaster that `to_bytes` wrote; ValueError if it is none of this schema."""
        try:
            forecaster = _files().validate_json(gzip.decompress(content), strict=True).forecaster
            _check(forecaster)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise ValueError(_refusal(f"{where}: {first['msg']}")) from error
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise ValueError(_refusal(str(error))) from error
        return forecaster


@dataclass(frozen=True)
class _File:
    schema: Literal["altseason.forecaster/3"]
    forecaster: Forecaster


@cache
def _files() -> TypeAdapter[_File]:
    return TypeAdapter(_File)


def _check(forecaster: Forecaster) -> None:
    """Refuse models of other thresholds, or of another release's features."""
    if set(forecaster.thresholds) != {Kind.BROAD, Kind.PARTIAL}:
        raise ValueError("thresholds must be those of broad and partial seasons")
    models = (forecaster.model, forecaster.climatology, *forecaster.replicates)
    lowest, highest = forecaster.thresholds[Kind.PARTIAL], forecaster.thresholds[Kind.BROAD]
    if not all(m.thresholds_[0] <= lowest < highest <= m.thresholds_[-1] for m in models):
        raise ValueError(f"model must reach from the threshold {lowest:g} to {highest:g}")
    used = {name for model in models for name in model.feature_names()}
    if unknown := used - {*FEATURE_NAMES}:
        raise ValueError(f"{min(unknown)} is no feature of this release; train again")


def _refusal(reason: str) -> str:
    return f"not a forecaster of this program: {reason[:200]}"
