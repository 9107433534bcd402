"""The program from Python: what is stable, and nothing else is.

`load_panel`, `forecast`, `hindcast`, `forecast_table` and `sweep`, the dataclasses that they return
and the columns named here keep their names and meaning within a major version, as the schemas of
the JSON do; every other module may change. docs/python.md shows each of them at work.
Nothing here writes, or changes what MLflow's functions mean: a training is made by ``train.py``, a
forecast recorded by ``predict.py``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np
import pandas as pd

from features.health import usable_view
from features.panel import DataError, MarketPanel, SourceUnavailable
from models.answers import Answer, answers_table
from models.cli.market_options import MarketOptions, Source, load_market
from models.cli.options import ProgressLine, now
from models.errors import TrackingError
from models.forecasting import forecast as forecasting
from models.forecasting.parts import Forecast
from models.forecasting.questions import HORIZONS, Window, WindowError, window_of
from models.forecasting.records import csv_table
from models.forecasting.status import season_status
from models.sweep.run import sweep
from models.tracking.read import load_forecaster, load_tables

__all__ = [
    "HINDCAST_COLUMNS",
    "TABLE_COLUMNS",
    "Answer",
    "DataError",
    "Forecast",
    "MarketPanel",
    "SourceUnavailable",
    "TrackingError",
    "WindowError",
    "forecast",
    "forecast_table",
    "hindcast",
    "load_panel",
    "sweep",
]

Day = str | pd.Timestamp
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
HINDCAST_COLUMNS: Mapping[str, str] = {
    "as_of": "day whose end closed the information, every seventh day from 2017",
    "kind": "`partial`, `broad` or `sustained`",
    "horizon": 'days ahead, as text, or "year": the rest of the calendar year',
    "end": "last day of the window (as_of, end]",
    "model": "candidate; `process` in a state in which no candidate has a say",
    "state": "`at_risk`, `in_season` or `quiet` (for too short a time) on as_of",
    "probability": "its P(a season begins in the window), by the refit in force on as_of",
    "base_rate": "what the past of the same state says, known on as_of: the forecast to beat",
    "base_state": "the state that the base rate is conditioned on, or `any`",
    "outcome": "1.0 a season began, 0.0 none, missing while the window is open",
    "resolved_on": "day that decides it, for either outcome",
}
TABLE_COLUMNS: Mapping[str, str] = {
    "as_of": "day whose end closed the information",
    "kind": "`partial`, `broad` or `sustained`",
    "question": "`begins` (a season from start to end), `first` (day of the first), `days` (in "
    "season), `stands` (the index on `end`), `lasts` (the season that stands)",
    "start": "first day that counts; 1 January for a calendar year",
    "end": "last day that counts",
    "state": "of the kind on as_of",
    "probability": "in [0, 1]; missing where `reason` says why",
    "low": "lower end of the 90 % interval",
    "high": "upper end",
    "base_rate": "the base rate of the same question",
    "base_state": "the state that it is conditioned on, or `any`",
    "began_on": "onset of a season that counts already",
    "reason": "why the definition makes it impossible",
    "mean": "of `days`: mean number",
    "seen": "of `days`: those already seen",
    "q05": "quantiles of `days` in days, of `first` in days ahead",
    "q25": "",
    "q50": "",
    "q75": "",
    "q95": "",
    "threshold": "season index at which the row's kind begins",
}


def _guest(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Let a function compute as it is tested, whatever the caller's np.seterr is."""

    @functools.wraps(function)
    def computed(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        with np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"):
            return function(*args, **kwargs)

    return computed


@_guest
def load_panel(
    source: str = "reference",
    *,
    data_dir: Path | str | None = None,
    cache_dir: Path | str | None = None,
    offline: bool = False,
    days: tuple[Day, Day] | None = None,
) -> MarketPanel:
    """Load the market.

    Parameters
    ----------
    source : {"reference", "files", "yahoo", "coinmarketcap", "auto"}
        The embedded history, a directory, or the embedded history and the days since.
    data_dir : path, optional
        Directory of market history, for ``files``.
    cache_dir : path, optional
        Where prices and simulations are kept; by default the platform's cache folder.
    offline : bool
        With a live source: use what is stored.
    days : tuple of two days, optional
        With ``files``: simulate only what forecasts of these days read (both
        ends included, and the month before them) instead of every
        week since 2014, which takes minutes the first time.

    Raises
    ------
    ValueError
        If the arguments contradict each other.
    DataError
        If the data are missing, malformed or contradictory.
    SourceUnavailable
        If a live source that is named is unavailable.

    Examples
    --------
    >>> panel = load_panel()
    >>> panel.series("season_index").between(0, 100).all()
    np.True_
    """
    if source not in list(Source):
        raise ValueError(f"source must be one of {', '.join(Source)}, got {source!r}.")
    if (source == Source.files) != (data_dir is not None):
        raise ValueError(f"data_dir goes with source 'files', and with it alone; got {source!r}.")
    if offline and not Source(source).live:
        raise ValueError(f"offline goes with a live source, got {source!r}.")
    options = MarketOptions(
        Source(source),
        None if data_dir is None else Path(data_dir),
        offline=offline,
        cache_dir=None if cache_dir is None else Path(cache_dir),
    )
    market = load_market(options, now(), ProgressLine(quiet=True))
    if days is None:
        return market.whole()
    first, last = (_day(each) for each in days)
    return market.for_days(first - pd.Timedelta(days=30), last)


@_guest
def forecast(
    panel: MarketPanel,
    *,
    as_of: Day | None = None,
    horizons: Sequence[int] = HORIZONS,
    year: int | None = None,
    start: Day | None = None,
    by: Day | None = None,
    dates: Sequence[Day] | None = None,
    model: str = "champion",
    tracking_uri: str = "sqlite:///mlflow.db",
    today: Day | None = None,
) -> Forecast:
    """Forecast from what was known at the end of a day, as ``predict.py`` does.

    Parameters
    ----------
    panel : MarketPanel
        From `load_panel`.
    as_of : day, optional
        By default the last day of the data.
    horizons : sequence of int
        Days ahead, up to three years.
    year : int, optional
        Calendar year of the window; by default, without `by`, that of the day after as_of.
    start, by : day, optional
        First and last day of the window instead.
    dates : sequence of days, optional
        Days to be in season on; by default each month's end.
    model : str
        ``champion``, ``challenger``, a version number, a run id of the store, or a candidate of
        the champion's training.
    tracking_uri : str
        The store that ``train.py`` wrote.
    today : day, optional
        For the age of the data; by default today.

    Raises
    ------
    DataError
        If the data are too old (but for the embedded ones) or do not hold the day.
    TrackingError
        If the store holds no such forecaster.
    WindowError
        If the window does not lie within three years after the day.
    """
    clock = now().normalize() if today is None else _day(today)
    day = None if as_of is None else _day(as_of)
    usable_view(panel, day, today=clock)
    stored = load_forecaster(tracking_uri, model)
    status = season_status(panel, stored.forecaster, panel.last_day if day is None else day)
    return forecasting.forecast(
        status,
        stored.forecaster,
        stored.model_id,
        today=clock,
        horizons=horizons,
        window=_window(status.as_of, year, start, by),
        dates=None if dates is None else [_day(each) for each in dates],
    )


@_guest
def hindcast(*, model: str = "champion", tracking_uri: str = "sqlite:///mlflow.db") -> pd.DataFrame:
    """Return the out-of-sample forecasts of the training that made a model.

    Columns `HINDCAST_COLUMNS`, a row per as_of, kind, horizon and candidate, from every state.

    Raises
    ------
    TrackingError
        If the store does not hold it.
    """
    stored = load_forecaster(tracking_uri, model)
    return load_tables(tracking_uri, stored.model_id.run_id).hindcast[list(HINDCAST_COLUMNS)]


def forecast_table(made: Forecast) -> pd.DataFrame:
    """Return a forecast as one table, a row an answer: what ``predict.py --csv`` prints.

    Columns `TABLE_COLUMNS`; days as datetime64.
    """
    return csv_table(answers_table(made.answers), made.as_of, made.thresholds)


def _day(day: Day) -> pd.Timestamp:
    return pd.Timestamp(day).as_unit("s")


def _window(as_of: pd.Timestamp, year: int | None, start: Day | None, by: Day | None) -> Window:
    if year is not None and by is not None:
        raise WindowError("year and by exclude each other.")
    if start is not None and by is None:
        raise WindowError("start goes with by.")
    first, last = (None if day is None else _day(day) for day in (start, by))
    return window_of(as_of, by=last, start=first, year=year)
