"""What a forecaster was trained on and what it has shown, as values and as stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

import pandas as pd

from models.hazard.leads import LEAD_DAYS
from models.season.definition import OnsetDefinition
from models.vocabulary import Kind, Verdict


class Range(NamedTuple):
    """Lowest and highest value of a feature in training."""

    low: float
    high: float


@dataclass(frozen=True)
class Skill:
    """Brier skill against climatology out of sample, at one horizon.

    Parameters
    ----------
    kind : Kind
        Kind of season.
    horizon_days : int
        Days ahead.
    value, low, high : float, optional
        Skill (higher is better, 0 is climatology) and its 90 % interval; None
        where it cannot be computed.
    days, episodes : int
        Forecasts resolved, and different onsets inside their windows.
    verdict : Verdict
        What the interval allows to be said.
    auc, auc_low, auc_high : float, optional
        Chance that a day before an onset was given more than another (0.5 is a coin) and its 90 %
        interval; None where it cannot be computed.
    """

    kind: Kind
    horizon_days: int
    value: float | None
    low: float | None
    high: float | None
    days: int
    episodes: int
    verdict: Verdict
    auc: float | None = None
    auc_low: float | None = None
    auc_high: float | None = None


@dataclass(frozen=True)
class OutlookSkill(Skill):
    """The same of the outlook, from any state, against the frequency of past windows.

    Parameters
    ----------
    spells : int
        Unbroken runs of forecasts with the rarer outcome: its independent cases.
    expected, observed : float
        Mean chance, and share of the windows with an onset.
    excess_low, excess_high : float, optional
        90 % interval of expected - observed; above 0 the outlook has promised too much.
    """

    spells: int = 0
    expected: float = 0.0
    observed: float = 0.0
    excess_low: float | None = None
    excess_high: float | None = None

    @property
    def promised_too_much(self) -> bool:
        """Whether the interval of expected - observed lies above 0."""
        return self.excess_low is not None and self.excess_low > 0


@dataclass(frozen=True)
class Evidence:
    """What a forecaster was trained on and what it has shown out of sample.

    Parameters
    ----------
    definition : OnsetDefinition
        What counts as an onset of a broad season.
    trained_until : pandas.Timestamp
        Day whose end closed the training data.
    data_digest : str
        Digest of the panel it was trained on.
    ranges : mapping of str to Range
        Lowest and highest training value of each feature that had any.
    onsets : mapping of Kind to tuple of pandas.Timestamp
        Training onsets of each kind of season.
    skill : tuple of Skill
        What the candidate has shown, by kind and horizon.
    reason : str
        Why it is champion, or that it is not.
    outlook : tuple of OutlookSkill
        What the outlook with its hazards has shown, by kind and horizon; empty where it was not
        hindcast.
    """

    definition: OnsetDefinition
    trained_until: pd.Timestamp
    data_digest: str
    ranges: Mapping[str, Range]
    onsets: Mapping[Kind, tuple[pd.Timestamp, ...]]
    skill: tuple[Skill, ...]
    reason: str
    outlook: tuple[OutlookSkill, ...] = ()

    def in_training(self, as_of: pd.Timestamp) -> bool:
        """Tell whether the row of a day is one of those fitted."""
        # A row enters training once its first lead is resolved, on that day and not after.
        resolved_on = as_of + pd.Timedelta(days=LEAD_DAYS)
        return bool(resolved_on <= self.trained_until)

    def in_sample(self, as_of: pd.Timestamp) -> bool:
        """Tell whether outcomes later than a day were learnt from."""
        # Strict: on the last day of training the model is in force and knows nothing later.
        return bool(as_of < self.trained_until)


def evidence_json(evidence: Evidence) -> dict[str, Any]:
    """Return evidence as it is stored; the rows of skill have the columns of a verification."""
    return {
        "definition": evidence.definition.as_dict(),
        "trained_until": f"{evidence.trained_until:%Y-%m-%d}",
        "data_digest": evidence.data_digest,
        "ranges": {name: list(ends) for name, ends in evidence.ranges.items()},
        "onsets": {
            kind: [f"{day:%Y-%m-%d}" for day in days] for kind, days in evidence.onsets.items()
        },
        "skill": [_stored(skill) for skill in evidence.skill],
        "outlook": [_stored(skill) for skill in evidence.outlook],
        "reason": evidence.reason,
    }


def evidence_from_json(stored: Mapping[str, Any]) -> Evidence:
    """Return the evidence that `evidence_json`, or the release before it, wrote.

    That release stored every column of the verification; those not shown are left aside.

    Raises
    ------
    LookupError, TypeError, ValueError
        If a value is missing or is none that can be.
    """
    definition = stored["definition"]
    return Evidence(
        definition=OnsetDefinition(
            **{field.name: definition[field.name] for field in fields(OnsetDefinition)}
        ),
        trained_until=pd.Timestamp(stored["trained_until"]),
        data_digest=stored["data_digest"],
        ranges={name: Range(*ends) for name, ends in stored["ranges"].items()},
        onsets={
            Kind(kind): tuple(pd.Timestamp(day) for day in days)
            for kind, days in stored["onsets"].items()
        },
        skill=tuple(skill_of(row) for row in stored["skill"]),
        reason=stored["reason"],
        # Forecasters from before the outlook was hindcast say nothing of it.
        outlook=tuple(_outlook_skill(row) for row in stored.get("outlook", ())),
    )


def _stored(skill: Skill) -> dict[str, Any]:
    """Return skill as it is stored, under the column names of a verification."""
    names = {"value": "brier_skill", "low": "brier_skill_low", "high": "brier_skill_high"}
    return {names.get(name, name): value for name, value in asdict(skill).items()}


def _outlook_skill(row: Mapping[str, Any]) -> OutlookSkill:
    names = ("spells", "expected", "observed", "excess_low", "excess_high")
    return OutlookSkill(**asdict(skill_of(row)), **{name: row[name] for name in names})


def skill_of(row: Mapping[Any, Any]) -> Skill:
    """Return what a row of a verification says of the Brier skill, None for what is NaN in it.

    Examples
    --------
    >>> row = {"kind": "broad", "horizon_days": 30, "days": 400, "episodes": 9, "verdict": "better"}
    >>> interval = {"brier_skill": 0.3, "brier_skill_low": 0.1, "brier_skill_high": float("nan")}
    >>> skill_of(row | interval).high is None
    True
    """
    value, low, high, auc, auc_low, auc_high = (
        # The release before did not keep the interval of the AUC.
        None if pd.isna(number := row.get(column)) else float(number)
        for column in (
            "brier_skill", "brier_skill_low", "brier_skill_high", "auc", "auc_low", "auc_high"
        )
    )  # fmt: skip
    return Skill(
        kind=Kind(row["kind"]),
        horizon_days=int(row["horizon_days"]),
        value=value,
        low=low,
        high=high,
        days=int(row["days"]),
        episodes=int(row["episodes"]),
        verdict=Verdict(row["verdict"]),
        auc=auc,
        auc_low=auc_low,
        auc_high=auc_high,
    )
