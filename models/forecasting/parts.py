"""What a forecast consists of. Days are timestamps here; `schema` turns them into JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import pandas as pd

from features.provenance import Finding
from models.forecasting.evidence import ForecastEvidence
from models.forecasting.moves import CarriedIndex, Driver, DriverSum, NearFlipping
from models.outlook.answers import Outlook
from models.season.definition import OnsetDefinition
from models.vocabulary import Kind


class NoteCode(StrEnum):
    """What a warning is about."""

    MODEL_IS_CLIMATOLOGY = "model_is_climatology"
    STALE_DATA = "stale_data"
    IN_SAMPLE = "in_sample"
    MISSING_FEATURES = "missing_features"
    MISSING_FLOWS = "missing_flows"
    OUT_OF_RANGE = "out_of_range"
    DATA_PROBLEM = "data_problem"
    OTHER_THRESHOLD = "other_threshold"


@dataclass(frozen=True)
class Note:
    """A warning: its code and its figures for machines, its text for a person.

    Parameters
    ----------
    code : NoteCode
        What it is about.
    text : str
        One or two sentences.
    fields : mapping of str to object
        The figures in the text, ready for JSON.
    """

    code: NoteCode
    text: str
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Window:
    """Chance of an onset in (as_of, as_of + horizon_days].

    Parameters
    ----------
    kind : Kind
        Kind of season.
    horizon_days : int
        Length in days.
    window_end : pandas.Timestamp
        Last day.
    probability : float, optional
        In [0, 1]; None where no onset can come next.
    climatology : float, optional
        In [0, 1]; where no onset can come next the base rate of windows as long, from any state.
    low, high : float, optional
        Ends of the 90 % interval; None too where the trend leaves them out.
    reason : str, optional
        Why there is no probability.
    ended : bool
        Whether its last day had passed by the clock when it was made.
    """

    kind: Kind
    horizon_days: int
    window_end: pd.Timestamp
    probability: float | None
    low: float | None = None
    high: float | None = None
    climatology: float | None = None
    reason: str | None = None
    ended: bool = False


@dataclass(frozen=True)
class Season:
    """Where the seasons stand.

    Parameters
    ----------
    index : float
        Season index (0-100).
    state : str
        From `features.market.season.season_state`.
    at_risk : mapping of Kind to bool
        Whether a season of a kind can begin next.
    last_onset : mapping of Kind to pandas.Timestamp or None
        None where there was none.
    """

    index: float
    state: str
    at_risk: Mapping[Kind, bool]
    last_onset: Mapping[Kind, pd.Timestamp | None]


@dataclass(frozen=True)
class EarlierForecast:
    """What the same model forecasts from an earlier day.

    Parameters
    ----------
    days_ago : int
        Before as_of.
    as_of : pandas.Timestamp
        The earlier day.
    in_sample : bool
        Whether the model has learnt from outcomes after it.
    index : float, optional
        Season index of that day; None before the data.
    windows, by_date : tuple of Window
        As in the forecast itself, without intervals and climatology.
    """

    days_ago: int
    as_of: pd.Timestamp
    in_sample: bool
    index: float | None
    windows: tuple[Window, ...]
    by_date: tuple[Window, ...]


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
    trained_until: pd.Timestamp


@dataclass(frozen=True)
class DataSummary:
    """The data.

    Parameters
    ----------
    source : str
        Of the panel.
    digest, dataset_digest : str
        Of what was known at as_of, and of all.
    last_day : pandas.Timestamp
        Last day known.
    age_days : int
        From that to today.
    provenance : tuple of str
        How they were made.
    findings : tuple of Finding
        What the rules of plausibility noticed that concerns the day.
    features : mapping of str to float or None
        What the model was given of the day; None where it is missing.
    """

    source: str
    digest: str
    dataset_digest: str
    last_day: pd.Timestamp
    age_days: int
    provenance: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    features: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def today(self) -> pd.Timestamp:
        """The day on which the forecast was made."""
        return self.last_day + pd.Timedelta(days=self.age_days)


@dataclass(frozen=True)
class Forecast:
    """The forecast of one day.

    Parameters
    ----------
    as_of : pandas.Timestamp
        Day whose end closes the information set.
    definition : OnsetDefinition
        What counts as an onset of a broad season.
    season : Season
        Where the seasons stand.
    windows : tuple of Window
        By kind and horizon.
    by_date : tuple of Window
        Until the last day of the outlook, by kind.
    trend : tuple of EarlierForecast
        A week and a month before.
    drivers : tuple of Driver
        Of broad seasons, the strongest first; empty in season.
    evidence : ForecastEvidence
        What stands behind it.
    model : ModelSummary
        What made it.
    data : DataSummary
        What it was made from.
    notes : tuple of Note
        Its warnings.
    outlook : Outlook, optional
        The seasons to come; None where no season has been seen to learn from.
    driver_sum : DriverSum, optional
        What the drivers add up to; None without any.
    carried : tuple of CarriedIndex
        What is bound to happen to the index if every price in Bitcoin stood still.
    flipping : tuple of NearFlipping
        How many coins a small move would flip, by its size; empty where the data do not tell.
    """

    as_of: pd.Timestamp
    definition: OnsetDefinition
    season: Season
    windows: tuple[Window, ...]
    by_date: tuple[Window, ...]
    trend: tuple[EarlierForecast, ...]
    drivers: tuple[Driver, ...]
    evidence: ForecastEvidence
    model: ModelSummary
    data: DataSummary
    notes: tuple[Note, ...]
    outlook: Outlook | None = None
    driver_sum: DriverSum | None = None
    carried: tuple[CarriedIndex, ...] = ()
    flipping: tuple[NearFlipping, ...] = ()

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Kinds of season that it speaks of."""
        return tuple(self.season.at_risk)
