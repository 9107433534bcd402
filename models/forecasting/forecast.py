"""The forecast of one day: where the season stands, probabilities, drivers, evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from features.market.season import season_state
from models.forecasting.carried import carried_index, near_flipping
from models.forecasting.drivers import drivers
from models.forecasting.evidence import forecast_evidence
from models.forecasting.intervals import ByLead
from models.forecasting.notes import forecast_notes
from models.forecasting.parts import (
    DataSummary,
    Forecast,
    ModelId,
    ModelSummary,
    Season,
    Window,
)
from models.forecasting.season_status import SeasonStatus
from models.forecasting.seasons_ahead import SeasonsAhead, fitted_renewals, seasons_ahead
from models.forecasting.trend import earlier_statuses, leads_of, trend
from models.forecasting.windows import plain, windows
from models.hazard.forecaster import Forecaster
from models.outlook.answers import Outlook
from models.outlook.paths import REACH_DAYS
from models.outlook.window import OutlookWindow, date_window, year_window
from models.vocabulary import Kind

HORIZONS = (30, 60, 90, 180, 365)


class WindowError(ValueError):
    """A window ends outside what can be said."""


def outlook_window(
    as_of: pd.Timestamp,
    *,
    by: pd.Timestamp | None = None,
    start: pd.Timestamp | None = None,
    year: int | None = None,
) -> OutlookWindow:
    """Return the window of the outlook that is asked for.

    Parameters
    ----------
    as_of : pandas.Timestamp
        Day whose end closes the information set.
    by, start : pandas.Timestamp, optional
        Last and first day; from the day after as_of where no first one is given.
    year : int, optional
        A calendar year; without any of these it is that of the day after as_of.

    Raises
    ------
    WindowError
        If it does not lie within three years after as_of.
    """
    try:
        return year_window(as_of, year) if by is None else date_window(as_of, start, by)
    except ValueError as error:
        raise WindowError(str(error)) from error


def month_ends(window: OutlookWindow) -> tuple[pd.Timestamp, ...]:
    """Return the ends of the months in a window."""
    return tuple(pd.date_range(window.start, window.end, freq="ME"))


def forecast(
    status: SeasonStatus,
    forecaster: Forecaster,
    model_id: ModelId,
    *,
    today: pd.Timestamp,
    by: pd.Timestamp | None = None,
    horizons: Sequence[int] = HORIZONS,
    window: OutlookWindow | None = None,
    dates: Sequence[pd.Timestamp] | None = None,
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
    today : pandas.Timestamp
        For the age of the data and the windows that have ended, which nothing else depends on.
    by : pandas.Timestamp, optional
        Last day of the forecast by date, where no window is given.
    horizons : sequence of int
        Days ahead, each in [1, 390].
    window : Window, optional
        From `outlook_window`; by default up to `by`, else the calendar year of the day after.
    dates : sequence of pandas.Timestamp, optional
        Days to tell the chance of being in season on; by default the ends of the window's months.

    Raises
    ------
    WindowError
        If the window does not lie within three years after the day.
    """
    window = outlook_window(status.as_of, by=by) if window is None else window
    before = earlier_statuses(status, forecaster)
    leads = leads_of({0: status, **before}, forecaster)
    renewals = fitted_renewals(status.index, forecaster, status.as_of)
    ahead = seasons_ahead(status.index, renewals, leads[0], status.as_of)
    by_length, by_date = _windows(status, leads[0], ahead, horizons, window.end, today)
    out_of_range = _out_of_range(forecaster, status.features)
    moved, total = drivers(status, forecaster, leads[0][Kind.BROAD])
    return Forecast(
        as_of=status.as_of,
        definition=forecaster.evidence.definition,
        season=_season(status),
        windows=by_length,
        by_date=by_date,
        trend=trend(
            status, forecaster, horizons=horizons, by=window.end, before=before, leads=leads
        ),
        drivers=moved,
        evidence=forecast_evidence(status, forecaster, out_of_range),
        model=model_summary(model_id, forecaster),
        data=_data(status, forecaster, today),
        notes=forecast_notes(status, forecaster, today=today, out_of_range=out_of_range),
        outlook=_outlook(ahead, window, dates),
        driver_sum=total,
        carried=carried_index(status),
        flipping=near_flipping(status),
    )


def _outlook(
    ahead: SeasonsAhead | None, window: OutlookWindow, dates: Sequence[pd.Timestamp] | None
) -> Outlook | None:
    if ahead is None:
        return None
    first, last = (ahead.as_of + pd.Timedelta(days=days) for days in (1, REACH_DAYS))
    for date in dates or ():
        if not first <= date <= last:
            raise WindowError(
                f"a day to be in season on must lie from {first:%Y-%m-%d} to {last:%Y-%m-%d}, "
                f"three years after as_of, got {date:%Y-%m-%d}."
            )
    return ahead.outlook(window, dates=month_ends(window) if dates is None else dates)


def model_summary(model_id: ModelId, forecaster: Forecaster) -> ModelSummary:
    """Return what an answer says of its model."""
    return ModelSummary(
        name=forecaster.name,
        version=model_id.version,
        run_id=model_id.run_id,
        trained_until=forecaster.evidence.trained_until,
    )


def _windows(
    status: SeasonStatus,
    leads: Mapping[Kind, ByLead],
    ahead: SeasonsAhead | None,
    horizons: Sequence[int],
    by: pd.Timestamp,
    today: pd.Timestamp,
) -> tuple[tuple[Window, ...], tuple[Window, ...]]:
    """Return the windows by length and those by date, by kind."""
    by_length: list[Window] = []
    by_date: list[Window] = []
    for kind, own in status.kinds.items():
        lengths, until = windows(
            kind,
            status.as_of,
            leads[kind],
            ahead,
            own.reason,
            horizons=horizons,
            by=by,
            today=today,
        )
        by_length += lengths
        by_date.append(until)
    return tuple(by_length), tuple(by_date)


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


def _data(status: SeasonStatus, forecaster: Forecaster, today: pd.Timestamp) -> DataSummary:
    view, row = status.view, status.features
    return DataSummary(
        source=view.source,
        digest=view.digest,
        dataset_digest=status.dataset_digest,
        last_day=view.last_day,
        age_days=int((today - view.last_day).days),
        provenance=tuple(view.provenance.steps),
        findings=view.provenance.findings_on(status.as_of),
        features={name: plain(row[name].iloc[0]) for name in forecaster.model.feature_names()},
    )


def _out_of_range(forecaster: Forecaster, row: pd.DataFrame) -> tuple[str, ...]:
    ranges = forecaster.evidence.ranges
    # A missing value is told as missing, not as out of range.
    return tuple(
        name
        for name in forecaster.model.feature_names()
        if name in ranges and not ranges[name].low <= row[name].iloc[0] <= ranges[name].high
        and not np.isnan(row[name].iloc[0])
    )  # fmt: skip
