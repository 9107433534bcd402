"""What the same model forecasts from a week and a month ago, on what was known then."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from features.panel import DataError
from models.forecasting.intervals import probability
from models.forecasting.parts import EarlierForecast, Window
from models.forecasting.season_status import SeasonStatus, season_status
from models.hazard.forecaster import Forecaster
from models.hazard.leads import LIMIT_DAYS
from models.vocabulary import Kind

DAYS_AGO = (7, 30)
_BEFORE_THE_DATA = "the data begin later"
_OUT_OF_REACH = f"more than {LIMIT_DAYS} days ahead, the end of the last lead"


def trend(
    status: SeasonStatus,
    forecaster: Forecaster,
    *,
    horizons: Sequence[int],
    by: pd.Timestamp | None,
) -> tuple[EarlierForecast, ...]:
    """Forecast the same windows from earlier days with the same model.

    The model is the one of today: it has learnt from outcomes up to its
    training's end, so that a day before that is `in_sample`. Its inputs are
    only what was known at the end of the earlier day.

    Parameters
    ----------
    status : SeasonStatus
        Of the day that the earlier days are counted from.
    forecaster : Forecaster
        A fitted candidate.
    horizons : sequence of int
        Days ahead, each in [1, 390], from the earlier day.
    by : pandas.Timestamp, optional
        Last day of the window by date, the same on every day.

    Returns
    -------
    tuple of EarlierForecast
        One per number of days in `DAYS_AGO`; a window without a probability
        has a reason.
    """
    return tuple(_earlier(status, forecaster, days, horizons, by) for days in DAYS_AGO)


def _earlier(
    status: SeasonStatus,
    forecaster: Forecaster,
    days_ago: int,
    horizons: Sequence[int],
    by: pd.Timestamp | None,
) -> EarlierForecast:
    day = status.as_of - pd.Timedelta(days=days_ago)
    try:
        then = season_status(status.view, forecaster, day)
    except DataError:
        then = None
    windows: list[Window] = []
    by_date: list[Window] = []
    for kind in status.kinds:
        lengths = [*horizons, *([] if by is None else [(by - day).days])]
        own = _windows(then, forecaster, day, kind, lengths)
        windows += own[: len(horizons)]
        by_date += own[len(horizons) :]
    return EarlierForecast(
        days_ago=days_ago,
        as_of=day,
        in_sample=forecaster.evidence.in_sample(day),
        index=None if then is None else float(then.index.loc[day]),
        windows=tuple(windows),
        by_date=tuple(by_date),
    )


def _windows(
    then: SeasonStatus | None,
    forecaster: Forecaster,
    day: pd.Timestamp,
    kind: Kind,
    lengths: Sequence[int],
) -> list[Window]:
    """Return one kind's windows of several lengths from a day, before the data if it is None."""
    # The window by date is longer seen from further back and can leave the model's reach.
    reached = [days for days in lengths if days <= LIMIT_DAYS]
    reason = _BEFORE_THE_DATA if then is None else then.kinds[kind].reason
    chances: dict[int, float] = {}
    if then is not None and reason is None:
        values = probability(forecaster, then.features, kind, reached)[0].tolist()
        chances = dict(zip(reached, values, strict=True))
    return [
        Window(
            kind=kind,
            horizon_days=days,
            window_end=day + pd.Timedelta(days=days),
            probability=chances.get(days),
            reason=reason or (None if days <= LIMIT_DAYS else _OUT_OF_REACH),
        )
        for days in lengths
    ]
