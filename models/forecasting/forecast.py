"""The forecast of one day: where the season stands, probabilities, drivers, evidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from features.catalogue.builder import CATALOGUE
from features.market.season import season_state
from models.forecasting.intervals import probabilities
from models.forecasting.notes import forecast_notes
from models.forecasting.parts import (
    DataSummary,
    Driver,
    Forecast,
    ForecastEvidence,
    ModelId,
    ModelSummary,
    Season,
    Skill,
    Window,
)
from models.forecasting.season_status import SeasonStatus
from models.forecasting.trend import trend
from models.hazard.base import THRESHOLD
from models.hazard.forecaster import Evidence, Forecaster
from models.hazard.leads import LIMIT_DAYS
from models.vocabulary import Kind, Verdict

HORIZONS = (30, 60, 90, 180, 365)
BY = pd.Timestamp("2026-12-31")

_GROUPS = {feature.name: feature.group for feature in CATALOGUE}


class WindowError(ValueError):
    """A window ends outside what the model can say."""


def forecast(
    status: SeasonStatus,
    forecaster: Forecaster,
    model_id: ModelId,
    *,
    by: pd.Timestamp | None,
    today: pd.Timestamp,
    horizons: Sequence[int] = HORIZONS,
) -> Forecast:
    """Forecast from what was known at the end of a day.

    Parameters
    ----------
    status : SeasonStatus
        Of the day, from `models.forecasting.season_status.season_status`.
    forecaster : Forecaster
        A fitted candidate.
    model_id : ModelId
        Where it is stored.
    by : pandas.Timestamp, optional
        Last day of the window of the forecast by date; by default 2026-12-31,
        left out with a warning where that is out of reach.
    today : pandas.Timestamp
        For the age of the data, which nothing else depends on.
    horizons : sequence of int
        Days ahead, each in [1, 390].

    Raises
    ------
    WindowError
        If `by` is not within 390 days after the day.
    """
    last = _last_day(by, status.as_of)
    windows, by_date = _windows(status, forecaster, horizons, last)
    out_of_range = _out_of_range(forecaster, status.features)
    default = BY if by is None and last is None else None
    return Forecast(
        as_of=status.as_of,
        definition=forecaster.evidence.definition,
        season=_season(status),
        windows=windows,
        by_date=by_date,
        trend=trend(status, forecaster, horizons=horizons, by=last),
        drivers=_drivers(status, forecaster),
        evidence=ForecastEvidence(
            onsets=len(forecaster.evidence.onsets[Kind.BROAD]),
            skill=_skill(forecaster.evidence),
            out_of_range=out_of_range,
        ),
        model=model_summary(model_id, forecaster),
        data=_data(status, today),
        notes=forecast_notes(
            status, forecaster, today=today, out_of_range=out_of_range, out_of_reach=default
        ),
    )


def model_summary(model_id: ModelId, forecaster: Forecaster) -> ModelSummary:
    """Return what an answer says of its model."""
    return ModelSummary(
        name=forecaster.name,
        version=model_id.version,
        run_id=model_id.run_id,
        trained_until=pd.Timestamp(forecaster.evidence.trained_until),
    )


def _last_day(by: pd.Timestamp | None, as_of: pd.Timestamp) -> pd.Timestamp | None:
    """Return the end of the window by date; None if the default one is out of reach."""
    last = BY if by is None else by
    # A window begins after as_of, so it has a day at the least; the last lead's end is inside.
    if 1 <= (last - as_of).days <= LIMIT_DAYS:
        return last
    if by is None:
        return None
    limit = as_of + pd.Timedelta(days=LIMIT_DAYS)
    raise WindowError(
        f"by must be after as_of {as_of:%Y-%m-%d} and not after {limit:%Y-%m-%d}, "
        f"the end of the last lead ({LIMIT_DAYS} days), got {by:%Y-%m-%d}."
    )


def _windows(
    status: SeasonStatus,
    forecaster: Forecaster,
    horizons: Sequence[int],
    last: pd.Timestamp | None,
) -> tuple[tuple[Window, ...], tuple[Window, ...]]:
    """Return the windows by length and those by date, by kind."""
    lengths = [*horizons, *([] if last is None else [(last - status.as_of).days])]
    by_length: list[Window] = []
    by_date: list[Window] = []
    for kind in status.kinds:
        own = _windows_of(status, forecaster, kind, lengths)
        by_length += own[: len(horizons)]
        by_date += own[len(horizons) :]
    return tuple(by_length), tuple(by_date)


def _windows_of(
    status: SeasonStatus, forecaster: Forecaster, kind: Kind, lengths: Sequence[int]
) -> list[Window]:
    own = status.kinds[kind]
    chances = probabilities(
        forecaster, status.features, kind, lengths, at_risk=np.array([own.at_risk])
    )
    return [
        Window(
            kind=kind,
            horizon_days=days,
            window_end=status.as_of + pd.Timedelta(days=days),
            **{name: _plain(values[0, at]) for name, values in chances._asdict().items()},
            reason=own.reason,
        )
        for at, days in enumerate(lengths)
    ]


def _season(status: SeasonStatus) -> Season:
    index = float(status.index.loc[status.as_of])
    return Season(
        index=index,
        state=season_state(index, threshold=status.kinds[Kind.BROAD].threshold),
        at_risk={kind: own.at_risk for kind, own in status.kinds.items()},
        last_onset={
            kind: pd.Timestamp(own.onsets[-1]) if len(own.onsets) else None
            for kind, own in status.kinds.items()
        },
    )


def _data(status: SeasonStatus, today: pd.Timestamp) -> DataSummary:
    view = status.view
    return DataSummary(
        source=view.source,
        digest=view.digest,
        last_day=view.last_day,
        age_days=int((today - view.last_day).days),
        provenance=tuple(view.provenance.steps),
    )


def _drivers(status: SeasonStatus, forecaster: Forecaster) -> tuple[Driver, ...]:
    if not status.kinds[Kind.BROAD].at_risk:
        return ()
    row = status.features
    rows = row.assign(**{THRESHOLD: forecaster.thresholds[Kind.BROAD]})
    log_odds = forecaster.model.contributions(rows).iloc[0]
    strongest = log_odds[log_odds != 0].sort_values(key=np.abs, ascending=False, kind="stable")
    return tuple(
        Driver(str(name), _GROUPS[str(name)], _plain(row[name].iloc[0]), float(value))
        for name, value in strongest.to_dict().items()
    )


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
        )
        for row in evidence.skill
    )


def _out_of_range(forecaster: Forecaster, row: pd.DataFrame) -> tuple[str, ...]:
    ranges = forecaster.evidence.ranges
    # A missing value is told as missing, not as out of range.
    return tuple(
        name
        for name in forecaster.model.feature_names()
        if name in ranges and not ranges[name][0] <= row[name].iloc[0] <= ranges[name][1]
        and not np.isnan(row[name].iloc[0])
    )  # fmt: skip


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
