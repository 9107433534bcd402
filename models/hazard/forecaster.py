"""A fitted candidate with all that a forecast needs and what it has shown, in one file."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, Self

import pandas as pd
import pydantic
from pydantic import Field, PlainSerializer, PlainValidator

from features.catalogue.features import FEATURE_NAMES
from models.hazard.base import HazardModel
from models.hazard.candidates import from_state, to_state
from models.hazard.leads import LEAD_DAYS
from models.season.definition import OnsetDefinition
from models.vocabulary import Kind, Verdict

SCHEMA: Literal["altseason.forecaster/3"] = "altseason.forecaster/3"


def _day(value: object) -> pd.Timestamp:
    if isinstance(value, str):
        return pd.Timestamp(date.fromisoformat(value))
    raise ValueError(f"a day must be YYYY-MM-DD, got {str(value)[:40]}")


Day = Annotated[pd.Timestamp, PlainValidator(_day), PlainSerializer(lambda day: f"{day:%Y-%m-%d}")]
Stored = Annotated[HazardModel, PlainValidator(from_state), PlainSerializer(to_state)]
Threshold = Annotated[float, Field(gt=0, le=100)]
Finite = pydantic.FiniteFloat
Count = pydantic.NonNegativeInt


class Range(NamedTuple):
    """Lowest and highest value of a feature in training."""

    low: Finite
    high: Finite


@dataclass(frozen=True)
class Skill:
    """Brier skill against climatology out of sample, at one horizon.

    Higher is better, 0 is climatology; None stands for what cannot be computed.
    """

    kind: Kind
    horizon_days: int
    value: Annotated[Finite, Field(le=1)] | None
    # 90 % interval: nothing is better than perfect, but its end may lie beyond.
    low: Finite | None
    high: Finite | None
    days: Count  # forecasts resolved
    episodes: Count  # different onsets inside their windows
    verdict: Verdict  # what the interval allows to be said
    # Chance that a day before an onset was given more than another (0.5 is a coin), 90 % interval.
    auc: Finite | None = None
    auc_low: Finite | None = None
    auc_high: Finite | None = None


@dataclass(frozen=True)
class OutlookSkill(Skill):
    """The same of the outlook, from any state, against the frequency of past windows."""

    # Unbroken runs of forecasts with the rarer outcome: its independent cases.
    spells: Count = 0
    expected: Finite = 0.0  # mean chance
    observed: Finite = 0.0  # share of the windows with an onset
    excess_low: Finite | None = None  # 90 % interval of expected - observed
    excess_high: Finite | None = None

    @property
    def promised_too_much(self) -> bool:
        """Whether the interval of expected - observed lies above 0."""
        return self.excess_low is not None and self.excess_low > 0


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
    outlook: tuple[OutlookSkill, ...] = ()  # of the outlook with its hazards, if hindcast

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
            outlook=(),
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
        except (OSError, EOFError, zlib.error, ValueError) as error:
            said = str(error)
            if isinstance(error, pydantic.ValidationError):
                first = error.errors(include_url=False, include_input=False)[0]
                said = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            raise ValueError(f"not a forecaster of this program: {said[:200]}") from error
        return forecaster


@dataclass(frozen=True)
class _File:
    schema: Literal["altseason.forecaster/3"]
    forecaster: Forecaster


@cache
def _files() -> pydantic.TypeAdapter[_File]:
    return pydantic.TypeAdapter(_File)


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


def skill_of(row: Mapping[Any, Any]) -> Skill:
    """Return what a row of a verification says of the Brier skill, None for what is NaN in it.

    Examples
    --------
    >>> row = {"kind": "broad", "horizon_days": 30, "days": 400, "episodes": 9, "verdict": "better"}
    >>> interval = {"brier_skill": 0.3, "brier_skill_low": 0.1, "brier_skill_high": float("nan")}
    >>> skill_of(row | interval).high is None
    True
    """
    value, low, high, *ranking = (
        None if pd.isna(number := row.get(column)) else float(number)
        for column in (
            "brier_skill", "brier_skill_low", "brier_skill_high", "auc", "auc_low", "auc_high"
        )
    )  # fmt: skip
    counts = int(row["days"]), int(row["episodes"])
    return Skill(
        Kind(row["kind"]), int(row["horizon_days"]), value, low, high, *counts,
        Verdict(row["verdict"]), *ranking,
    )  # fmt: skip
