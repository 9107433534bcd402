"""What stands behind a forecast: onsets, what was verified, what of it answers which window."""

from __future__ import annotations

from dataclasses import dataclass

from models.forecasting.near_term import NEAR_DAYS
from models.forecasting.season_status import SeasonStatus
from models.hazard.forecaster import Forecaster, OutlookSkill, Skill
from models.vocabulary import Kind


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
        skill=forecaster.evidence.skill,
        out_of_range=out_of_range,
        measured_at=forecaster.measured_at,
        outlook=forecaster.evidence.outlook,
    )


def _onsets(status: SeasonStatus, forecaster: Forecaster) -> int:
    """Count the broad onsets behind a forecast."""
    evidence = forecaster.evidence
    if forecaster.measured_at is None:
        return len(evidence.onsets[Kind.BROAD])
    seen = status.kinds[Kind.BROAD].onsets
    # The training knew the outcome of its last day: not strict.
    return int((seen <= evidence.trained_until).sum())
