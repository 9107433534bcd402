"""What the same model forecasts from a week and a month ago, on what was known then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from features.panel import DataError
from models.forecasting.intervals import ByLead, by_lead
from models.forecasting.parts import EarlierForecast, Window
from models.forecasting.season_status import SeasonStatus, season_status
from models.forecasting.seasons_ahead import fitted_renewals, seasons_ahead
from models.forecasting.windows import BEFORE_THE_DATA, windows
from models.hazard.forecaster import Forecaster
from models.vocabulary import Kind

DAYS_AGO = (7, 30)


def earlier_statuses(
    status: SeasonStatus, forecaster: Forecaster
) -> dict[int, SeasonStatus | None]:
    """Return where the seasons stood on the earlier days, by days ago; None before the data."""
    statuses: dict[int, SeasonStatus | None] = {}
    for days in DAYS_AGO:
        try:
            day = status.as_of - pd.Timedelta(days=days)
            statuses[days] = season_status(status.view, forecaster, day)
        except DataError:
            statuses[days] = None
    return statuses


def leads_of(
    statuses: Mapping[int, SeasonStatus | None], forecaster: Forecaster
) -> dict[int, dict[Kind, ByLead]]:
    """Return what a forecaster says of the days that have a status, all in one prediction."""
    known = {days: each for days, each in statuses.items() if each is not None}
    if not known:
        return {}
    features = pd.concat([each.features for each in known.values()])
    leads = by_lead(forecaster, features, list(forecaster.thresholds))
    return {
        days: {kind: own.row(at) for kind, own in leads.items()} for at, days in enumerate(known)
    }


def trend(
    status: SeasonStatus,
    forecaster: Forecaster,
    *,
    horizons: Sequence[int],
    by: pd.Timestamp,
    before: Mapping[int, SeasonStatus | None] | None = None,
    leads: Mapping[int, Mapping[Kind, ByLead]] | None = None,
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
        Days ahead from the earlier day.
    by : pandas.Timestamp
        Last day of the window by date, the same on every day.
    before, leads : mappings by days ago, optional
        From `earlier_statuses` and `leads_of`; made here where they are not at hand.

    Returns
    -------
    tuple of EarlierForecast
        One per number of days in `DAYS_AGO`; a window without a probability
        has a reason.
    """
    before = earlier_statuses(status, forecaster) if before is None else before
    leads = leads_of(before, forecaster) if leads is None else leads
    return tuple(
        _earlier(status, forecaster, days, then, leads.get(days), horizons, by)
        for days, then in before.items()
    )


def _earlier(
    status: SeasonStatus,
    forecaster: Forecaster,
    days_ago: int,
    then: SeasonStatus | None,
    leads: Mapping[Kind, ByLead] | None,
    horizons: Sequence[int],
    by: pd.Timestamp,
) -> EarlierForecast:
    day = status.as_of - pd.Timedelta(days=days_ago)
    ahead = None
    if then is not None and leads is not None:
        renewals = fitted_renewals(then.index, forecaster, day)
        ahead = seasons_ahead(then.index, renewals, leads, day)
    own: list[Window] = []
    by_date: list[Window] = []
    for kind in status.kinds:
        by_length, until = windows(
            kind,
            day,
            None if leads is None else leads[kind],
            ahead,
            BEFORE_THE_DATA if then is None else then.kinds[kind].reason,
            horizons=horizons,
            by=by,
            today=day,
        )
        own += map(_bare, by_length)
        by_date.append(_bare(until))
    return EarlierForecast(
        days_ago=days_ago,
        as_of=day,
        in_sample=forecaster.evidence.in_sample(day),
        index=None if then is None else float(then.index.loc[day]),
        windows=tuple(own),
        by_date=tuple(by_date),
    )


def _bare(window: Window) -> Window:
    return replace(window, low=None, high=None, climatology=None)
