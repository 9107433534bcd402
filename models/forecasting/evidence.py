"""What stands behind a forecast: onsets, what was verified, what of it answers which window."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from models.forecasting.season_status import SeasonStatus
from models.hazard.forecaster import Evidence, Forecaster
from models.vocabulary import Kind, Verdict

# The index looks back over 90 days: so far the forecaster answers, the outlook beyond.
NEAR_DAYS = 90


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
    said, came : float
        Mean chance, and share of the windows with an onset.
    excess_low, excess_high : float, optional
        90 % interval of said - came; above 0 the outlook has promised too much.
    """

    spells: int = 0
    said: float = 0.0
    came: float = 0.0
    excess_low: float | None = None
    excess_high: float | None = None

    @property
    def promised_too_much(self) -> bool:
        """Whether the interval of said - came lies above 0."""
        return self.excess_low is not None and self.excess_low > 0


@dataclass(frozen=True)
class ForecastEvidence:
    """What stands behind a forecast.

    Parameters
    ----------
    onsets : int
        Broad onsets in training; of a threshold that was not trained for, those seen by its end.
    skill : tuple of Skill
        By kind and horizon, computed or not.
    out_of_range : tuple of str
        Features outside their range in training.
    measured_at : float, optional
        Threshold of broad seasons that the model was verified at, if the forecast is of another:
        then there is no skill of broad seasons; None if it is the forecast's own.
    outlook : tuple of OutlookSkill
        What the outlook's own hindcast has shown, by kind and horizon; empty where there was none.
    """

    onsets: int
    skill: tuple[Skill, ...]
    out_of_range: tuple[str, ...]
    measured_at: float | None = None
    outlook: tuple[OutlookSkill, ...] = ()

    def answering(self, kind: Kind) -> dict[int, Skill]:
        """Return what could be computed of that which answers a kind's windows, by horizon.

        The forecaster's own up to 90 days, the outlook's beyond; without a hindcast of the outlook
        the forecaster's own everywhere.
        """
        near = self.verified(kind)
        far = {each.horizon_days: each for each in self.outlook if each.kind == kind}
        if not far:
            return near
        kept = {days: skill for days, skill in near.items() if days <= NEAR_DAYS}
        beyond = {days: each for days, each in far.items() if days > NEAR_DAYS}
        return {**kept, **{d: each for d, each in beyond.items() if each.value is not None}}

    def shown_by_outlook(self, kind: Kind, days: int) -> OutlookSkill | None:
        """Return the outlook's hindcast of a kind at the horizon nearest to a number of days."""
        own = [each for each in self.outlook if each.kind == kind]
        return min(own, key=lambda each: abs(each.horizon_days - days), default=None)

    def verified(self, kind: Kind) -> dict[int, Skill]:
        """Return what could be computed of a kind of season, by horizon."""
        return {
            each.horizon_days: each
            for each in self.skill
            if each.kind == kind and each.value is not None
        }


def forecast_evidence(
    status: SeasonStatus, forecaster: Forecaster, out_of_range: tuple[str, ...]
) -> ForecastEvidence:
    """Return what stands behind a forecaster's forecast of a day.

    Parameters
    ----------
    status : SeasonStatus
        Of the day.
    forecaster : Forecaster
        What forecasts.
    out_of_range : tuple of str
        Features outside their range in training.
    """
    return ForecastEvidence(
        onsets=_onsets(status, forecaster),
        skill=_skill(forecaster.evidence),
        out_of_range=out_of_range,
        measured_at=forecaster.measured_at,
        outlook=_outlook_skill(forecaster.evidence),
    )


def _onsets(status: SeasonStatus, forecaster: Forecaster) -> int:
    """Count the broad onsets behind a forecast."""
    evidence = forecaster.evidence
    if forecaster.measured_at is None:
        return len(evidence.onsets[Kind.BROAD])
    seen = status.kinds[Kind.BROAD].onsets
    # The training knew the outcome of its last day: not strict.
    return int((seen <= pd.Timestamp(evidence.trained_until)).sum())


def _skill(evidence: Evidence) -> tuple[Skill, ...]:
    return tuple(
        Skill(
            kind=Kind(row["kind"]),
            horizon_days=row["horizon_days"],
            value=row["brier_skill"],
            low=row["brier_skill_low"],
            high=row["brier_skill_high"],
            days=row["days"],
            episodes=row["episodes"],
            verdict=Verdict(row["verdict"]),
            # Forecasters of earlier versions do not have the ends.
            **{name: row.get(name) for name in ("auc", "auc_low", "auc_high")},
        )
        for row in evidence.skill
    )


def _outlook_skill(evidence: Evidence) -> tuple[OutlookSkill, ...]:
    ends = ("low", "high", "auc", "auc_low", "auc_high", "excess_low", "excess_high")
    return tuple(
        OutlookSkill(
            kind=Kind(row["kind"]),
            horizon_days=row["horizon_days"],
            value=row["skill"],
            days=row["rows"],
            episodes=row["episodes"],
            verdict=Verdict(row["verdict"]),
            spells=row["runs"],
            said=row["said"],
            came=row["events"] / row["rows"],
            **{name: row[name] for name in ends},
        )
        for row in evidence.outlook
    )
