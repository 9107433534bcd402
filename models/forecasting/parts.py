"""What a forecast consists of beside its answers; pydantic writes and reads all of it as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

import pandas as pd

from models.answers import Answer, Day, Event, Number, Share, State, find
from models.forecasting.questions import Window
from models.hazard.forecaster import AlarmRecord, ClaimRecord, Fifth, Skill, StateRecord
from models.season.definition import OnsetDefinition
from models.vocabulary import Kind

SCHEMA: Literal["altseason.forecast/3"] = "altseason.forecast/3"


class NoteCode(StrEnum):
    """What a warning is about."""

    MODEL_IS_CLIMATOLOGY = "model_is_climatology"
    STALE_DATA = "stale_data"
    IN_SAMPLE = "in_sample"
    MISSING_FEATURES = "missing_features"
    MISSING_FLOWS = "missing_flows"
    OUT_OF_RANGE = "out_of_range"
    DATA_PROBLEM = "data_problem"
    DATA_TERMS = "data_terms"
    OTHER_THRESHOLD = "other_threshold"


@dataclass(frozen=True)
class Note:
    """A warning: its code and figures for machines, its text for a person."""

    code: NoteCode
    text: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Season:
    """Where the seasons stand on as_of."""

    index: Number  # 0-100
    state: str  # in words, from features.market.season.season_state
    states: Mapping[Kind, State]
    reasons: Mapping[Kind, str | None]  # why a season of the kind cannot begin next
    last_onset: Mapping[Kind, Day | None]
    earliest_onset: Mapping[Kind, Day]


@dataclass(frozen=True)
class Earlier:
    """What the same model forecasts from an earlier day, without intervals."""

    days_ago: int
    as_of: Day
    in_sample: bool  # the model has learnt from outcomes after that day
    index: Number | None  # None before the data
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Driver:
    """What a feature moves the chance of a broad season in the next 90 days by."""

    feature: str
    group: str  # from the catalogue
    value: Number | None  # None where it is missing
    log_odds: Number  # against an average day
    points: Number  # percentage points on the way from the base rate


@dataclass(frozen=True)
class DriverSum:
    """What the drivers add up to: base rate + their points + rest = probability."""

    horizon_days: int
    base_rate: Share
    probability: Share
    rest: Number  # points of no feature: an average day off the base rate, leads taken together


@dataclass(frozen=True)
class CarriedIndex:
    """The season index so many days on if every coin kept its price in Bitcoin."""

    days: int
    index: Number


@dataclass(frozen=True)
class NearFlipping:
    """Coins of those compared that so many percent against Bitcoin would flip."""

    margin: int
    lead: int  # would begin to beat it over 90 days had they gained as much more
    lag: int  # would cease to had they lost as much
    compared: int


@dataclass(frozen=True)
class Estimate:
    """A value with its 90 % interval."""

    value: Number
    low: Number
    high: Number


@dataclass(frozen=True)
class Followed:
    """What followed the past onsets of a kind: medians over the onsets, in percent."""

    kind: Kind
    days: int  # after the onset
    onsets: int  # whose days after are known
    relative: Estimate  # return of the median altcoin of the top 50 then, against Bitcoin
    dollars: Estimate  # the same in US dollars
    rose: Estimate  # share of them that rose in US dollars
    worst: Number  # return in US dollars of the median altcoin after the worst onset
    hollow: int  # onsets after which the median altcoin had lost US dollars
    hollow_share: Estimate  # the same as a share, in [0, 1]


@dataclass(frozen=True)
class Dollars:
    """The season in US dollars: a race against Bitcoin can be won by falling less."""

    rose: Number  # percent of the top 50 that rose over 90 days
    median_return: Number  # of the median one, percent
    followed: tuple[Followed, ...]


@dataclass(frozen=True)
class Sector:
    """The season index of the coins of one kind: of today only, nothing is forecast."""

    name: str
    index: Number
    coins: int  # compared


@dataclass(frozen=True)
class PublishedIndex:
    """An index that somebody else publishes, beside ours of the same day."""

    source: str
    day: Day
    index: Number
    ours: Number
    as_usual: bool  # whether they are as far apart as they usually are
    text: str


@dataclass(frozen=True)
class MarketNow:
    """The market within the running day, from one listing; no day's forecast is made from it."""

    source: str
    taken_at: str  # UTC, ISO 8601
    index: Number
    coins_compared: int
    carried: tuple[CarriedIndex, ...]
    rose: Number  # percent of the top 50 that rose in US dollars over 90 days
    median_return: Number  # of the median one, percent
    sectors: tuple[Sector, ...]
    published: PublishedIndex | None


@dataclass(frozen=True)
class Signal:
    """One of the article's signals on as_of."""

    name: str
    reading: str  # what it reads today, in words
    condition: str  # what the article takes for a sign
    holds: bool | None  # whether it holds today; None where the data do not show
    record: ClaimRecord | None  # what such days were followed by


@dataclass(frozen=True)
class SecondOpinion:
    """What another candidate of the same training forecasts for the next 90 days."""

    model: str
    probability: Share | None
    skill: Skill | None  # at 90 days
    points: Mapping[str, Number] = field(default_factory=dict)  # by group, from the base rate


@dataclass(frozen=True)
class ModelId:
    """Which stored model a forecaster is: its version (None if unregistered) and run."""

    version: str | None
    run_id: str


@dataclass(frozen=True)
class ModelSummary:
    """The model that made a forecast: candidate, where it is stored, end of its training."""

    name: str
    version: str | None
    run_id: str
    trained_until: Day


@dataclass(frozen=True)
class DataFinding:
    """What a rule of plausibility found in the data of the day."""

    rule: str
    series: str
    first_day: Day
    last_day: Day
    text: str
    consequence: str


@dataclass(frozen=True)
class DataSummary:
    """The data a forecast was made from."""

    source: str
    digest: str  # of what was known at as_of
    dataset_digest: str  # of all
    last_day: Day
    age_days: int  # from the last day to today
    provenance: tuple[str, ...]
    findings: tuple[DataFinding, ...] = ()
    features: Mapping[str, Number | None] = field(default_factory=dict)  # the model's, of the day

    @property
    def today(self) -> pd.Timestamp:
        """Day on which the forecast was made."""
        return self.last_day + pd.Timedelta(days=self.age_days)


@dataclass(frozen=True)
class ForecastEvidence:
    """What a forecast rests on."""

    onsets: int  # broad onsets in training, or seen by its end at a threshold not trained for
    skill: tuple[Skill, ...]  # by kind and horizon, of days at risk
    out_of_range: tuple[str, ...]  # features outside their range in training
    measured_at: Number | None = None  # threshold verified, where the forecast is of another
    states: tuple[StateRecord, ...] = ()
    fifth: Fifth | None = None  # that today's chance of a broad season within 90 days falls into
    alarms: AlarmRecord | None = None

    def verified(self, kind: Kind) -> dict[str, Skill]:
        """Return what could be computed of a kind of season, by horizon."""
        return {
            each.horizon: each
            for each in self.skill
            if each.kind == kind and each.value is not None
        }


@dataclass(frozen=True)
class Forecast:
    """The forecast of one day: a table of answers, where the season stands, its evidence."""

    as_of: Day
    definition: OnsetDefinition  # of a broad season
    thresholds: Mapping[Kind, Number]
    season: Season
    window: Window
    answers: tuple[Answer, ...]
    curve: tuple[Answer, ...]  # chances of an onset by every fifth day of the next year
    earlier: tuple[Earlier, ...]
    drivers: tuple[Driver, ...]  # of broad seasons, the strongest first; empty in season
    driver_sum: DriverSum | None
    carried: tuple[CarriedIndex, ...]
    flipping: tuple[NearFlipping, ...]
    signals: tuple[Signal, ...]
    evidence: ForecastEvidence
    model: ModelSummary
    data: DataSummary
    notes: tuple[Note, ...]
    dollars: Dollars | None = None
    now: MarketNow | None = None  # with a live source
    second_opinion: SecondOpinion | None = None
    schema: Literal["altseason.forecast/3"] = SCHEMA

    def begins(self, kind: Kind, end: pd.Timestamp | int) -> Answer | None:
        """Return the chance that a season begins by a day, or within days; None if not asked."""
        if isinstance(end, int):
            end = self.as_of + pd.Timedelta(days=end)
        return find(self.answers, kind, Event.BEGINS, end)

    def year(self, kind: Kind) -> Answer:
        """Return the chance of the window asked for, onsets already seen in its year included."""
        return next(
            each
            for each in self.answers
            if (each.kind, each.question, each.start, each.end)
            == (kind, Event.BEGINS, self.window.counts_from, self.window.end)
        )

    def of(self, question: Event, kind: Kind | None = None) -> tuple[Answer, ...]:
        """Return the answers to one question, of every kind or of one."""
        return tuple(
            each for each in self.answers
            if each.question is question and kind in (None, each.kind)
        )  # fmt: skip
