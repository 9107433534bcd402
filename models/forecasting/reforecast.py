"""Forecasts of every day of a span by one forecaster, trained with hindsight or not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from features.catalogue.builder import build_features
from features.market.season import at_risk, season_index
from features.panel import DataError, MarketPanel
from models.forecasting.forecast import HORIZONS
from models.forecasting.intervals import probabilities
from models.hazard.forecaster import Forecaster
from models.vocabulary import Kind


def reforecast(
    panel: MarketPanel,
    forecaster: Forecaster,
    *,
    first: pd.Timestamp,
    last: pd.Timestamp,
    horizons: Sequence[int] = HORIZONS,
) -> pd.DataFrame:
    """Forecast every day of a span with one forecaster.

    Parameters
    ----------
    panel : MarketPanel
        The market.
    forecaster : Forecaster
        A fitted candidate, the same for every day.
    first, last : pandas.Timestamp
        The span, both ends included.
    horizons : sequence of int
        Days ahead, each in [1, 390].

    Returns
    -------
    pandas.DataFrame
        Columns `as_of`, `kind`, `horizon_days`, `window_end`, `index`,
        `at_risk`, `probability`, `low`, `high`, `climatology` (the last four
        NaN where not at risk), `in_training` (the row is one of those fitted),
        `in_sample` (the forecaster has learnt from outcomes after that day; no
        forecast out of sample).

    Raises
    ------
    DataError
        If the data do not hold the span.
    """
    index = season_index(panel)
    days = _span(index, first, last, panel.source)
    features = build_features(panel, days)
    tables = [
        _of_kind(index, features, forecaster, Kind(kind), horizons)
        for kind in forecaster.thresholds
    ]
    return pd.concat(tables, ignore_index=True)


def _span(
    index: pd.Series, first: pd.Timestamp, last: pd.Timestamp, source: str
) -> pd.DatetimeIndex:
    for name, day in (("first", first), ("last", last)):
        if day not in index.index:
            raise DataError(
                f"the {name} day must lie between {index.index[0]:%Y-%m-%d} and "
                f"{index.index[-1]:%Y-%m-%d}, the days of {source}; got {day:%Y-%m-%d}."
            )
    days = pd.date_range(first, last, unit="s")
    if days.empty:
        raise DataError(
            f"the first day {first:%Y-%m-%d} must not be after the last {last:%Y-%m-%d}."
        )
    return days


def _of_kind(
    index: pd.Series,
    features: pd.DataFrame,
    forecaster: Forecaster,
    kind: Kind,
    horizons: Sequence[int],
) -> pd.DataFrame:
    days, evidence = pd.DatetimeIndex(features.index).rename(None), forecaster.evidence
    quiet_days = int(evidence.definition["quiet_days"])
    risk = at_risk(index, threshold=forecaster.thresholds[kind], quiet_days=quiet_days)
    free = risk.loc[days].to_numpy()
    values = probabilities(forecaster, features, kind, horizons, at_risk=free)
    as_of, horizon = np.repeat(days, len(horizons)), np.tile(horizons, len(days))
    return pd.DataFrame(
        {
            "as_of": as_of,
            "kind": kind,
            "horizon_days": horizon,
            "window_end": as_of + pd.to_timedelta(horizon, unit="D"),
            "index": np.repeat(index.loc[days].to_numpy(), len(horizons)),
            "at_risk": np.repeat(free, len(horizons)),
            **{name: value.ravel() for name, value in values._asdict().items()},
            "in_training": [evidence.in_training(day) for day in as_of],
            "in_sample": [evidence.in_sample(day) for day in as_of],
        }
    )


def sample_note(table: pd.DataFrame, forecaster: Forecaster) -> str:
    """Return whose probabilities a reforecast holds, and how many of its days are in sample."""
    days = table.drop_duplicates("as_of")["in_sample"]
    note = (
        f"note: every row is what one model ({forecaster.name}, trained until "
        f"{forecaster.evidence.trained_until}) says; forecasts by the models of the time are in "
        f"the hindcast."
    )
    if days.any():
        note += (
            f"\nwarning: {int(days.sum())} of {len(days)} days are in sample (in_sample = True): "
            f"the model has learnt from outcomes after them."
        )
    return note
