"""What the same model said a week and a month ago, on what was known then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from features.catalogue.builder import build_features
from features.panel import DataError, MarketPanel
from models.forecasting.intervals import probability
from models.forecasting.season_status import standing
from models.formatting import iso_day
from models.hazard.forecaster import Forecaster
from models.hazard.leads import LIMIT_DAYS

DAYS_AGO = (7, 30)


def trend(
    panel: MarketPanel,
    forecaster: Forecaster,
    *,
    as_of: pd.Timestamp,
    horizons: Sequence[int],
    by: pd.Timestamp | None,
) -> list[dict[str, Any]]:
    """Forecast the same windows from earlier days with the same model.

    The model is the one of today: it has learnt from outcomes up to its
    training's end, so that a day before that is `in_sample`. Its inputs are
    only what was known at the end of the earlier day.

    Parameters
    ----------
    panel : MarketPanel
        The market.
    forecaster : Forecaster
        A fitted candidate.
    as_of : pandas.Timestamp
        Day that the earlier days are counted from.
    horizons : sequence of int
        Days ahead, each in [1, 390], from the earlier day.
    by : pandas.Timestamp, optional
        Last day of the window by date, the same on every day.

    Returns
    -------
    list of dict
        One per number of days in `DAYS_AGO`: `days_ago`, `as_of`, `in_sample`,
        `index`, and `forecasts` and `by_date` as in the forecast itself, with
        `probability` None and a `reason` where there is none.
    """
    return [_past(panel, forecaster, as_of, days, horizons, by) for days in DAYS_AGO]


def _past(
    panel: MarketPanel,
    forecaster: Forecaster,
    as_of: pd.Timestamp,
    days_ago: int,
    horizons: Sequence[int],
    by: pd.Timestamp | None,
) -> dict[str, Any]:
    day = as_of - pd.Timedelta(days=days_ago)
    # The window by date is longer seen from further back and can leave the model's reach.
    reachable = by is not None and (by - day).days <= LIMIT_DAYS
    windows = [*horizons, (by - day).days] if by is not None and reachable else list(horizons)
    index, reasons, values = _known(panel, forecaster, day, windows)
    return {
        "days_ago": days_ago,
        "as_of": iso_day(day),
        "in_sample": forecaster.evidence.in_sample(day),
        "index": index,
        "forecasts": [
            {
                "kind": kind,
                "horizon_days": horizon,
                "window_end": iso_day(day + pd.Timedelta(days=horizon)),
                "probability": values[kind][position],
                "reason": reasons[kind],
            }
            for kind in forecaster.thresholds
            for position, horizon in enumerate(horizons)
        ],
        "by_date": [
            {
                "kind": kind,
                "date": iso_day(by),
                "probability": values[kind][-1] if reachable else None,
                "reason": reasons[kind] or (None if reachable else _OUT_OF_REACH),
            }
            for kind in forecaster.thresholds
            if by is not None
        ],
    }


def _known(
    panel: MarketPanel, forecaster: Forecaster, day: pd.Timestamp, windows: list[int]
) -> tuple[float | None, dict[str, str | None], dict[str, list[float | None]]]:
    """Return the season index of a day, and why not or how likely each kind of season was."""
    none: dict[str, list[float | None]] = {
        kind: [None] * len(windows) for kind in forecaster.thresholds
    }
    try:
        then = standing(panel, forecaster, day)
    except DataError:
        return None, dict.fromkeys(forecaster.thresholds, "the data begin later"), none
    row = build_features(then.view, pd.DatetimeIndex([day]))
    values = {
        kind: probability(forecaster, row, kind, windows)[0].tolist()
        for kind in forecaster.thresholds
        if then.at_risk[kind]
    }
    return float(then.index.loc[day]), then.reasons, {**none, **values}


_OUT_OF_REACH = f"more than {LIMIT_DAYS} days ahead, the end of the last lead"
