"""The program from Python: what is stable, and nothing else is.

`load_panel`, `forecast`, `outlook`, `hindcast`, `forecast_table` and `sweep`, the dataclasses that
they return and the columns named here keep their names and meaning within a major version, as the
schemas of the JSON do; every other module may change. docs/python.md shows each of them at work.

Nothing here writes: a training is made by ``train.py``, a forecast recorded by ``predict.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from features.health import usable_view
from features.panel import DataError, MarketPanel, SourceUnavailable
from models.cli.market_options import MarketOptions, Source, load_market
from models.cli.options import ProgressLine, now
from models.errors import TrackingError
from models.forecasting import forecast as forecasting
from models.forecasting.forecast import WindowError, outlook_window
from models.forecasting.parts import Forecast
from models.forecasting.schema import forecast_rows
from models.forecasting.season_status import season_status
from models.outlook.answers import Outlook
from models.outlook.window import OutlookWindow
from models.sweep.run import sweep
from models.tracking.reading import load_forecaster
from models.tracking.tables import load_tables

__all__ = [
    "HINDCAST_COLUMNS",
    "TABLE_COLUMNS",
    "DataError",
    "Forecast",
    "MarketPanel",
    "Outlook",
    "SourceUnavailable",
    "TrackingError",
    "WindowError",
    "forecast",
    "forecast_table",
    "hindcast",
    "load_panel",
    "outlook",
    "sweep",
]

Day = str | pd.Timestamp

HINDCAST_COLUMNS: Mapping[str, str] = {
    "as_of": "day whose end closed the information, every seventh day from 2017",
    "kind": "`broad` or `partial`",
    "horizon_days": "length of the window (as_of, as_of + horizon_days]",
    "model": "candidate",
    "probability": "its P(onset in the window), by the refit in force on as_of",
    "climatology": "the base rate known on as_of: the forecast to beat",
    "outcome": "1.0 an onset came, 0.0 none, missing while the window is open",
    "resolved_on": "last day of the window, for either outcome",
    "fold": "number of the refit that made it, from 0",
}

TABLE_COLUMNS: Mapping[str, str] = {
    "as_of": "day whose end closed the information",
    "question": "`window` and `by_date`: an onset until window_end; of the outlook `chance` "
    "(a season in the window), `first_onset` (in the month that ends on window_end), "
    "`days_in_season`, `in_season_on`, `season_lasts`",
    "kind": "`broad`, `partial` or `sustained`",
    "horizon_days": "days from as_of to window_end, of windows",
    "window_start": "first day that counts, where it is not the day after as_of",
    "window_end": "last day that counts",
    "probability": "in [0, 1]; missing where no onset can come next",
    "low": "lower end of the 90 % interval; of `days_in_season` in days",
    "high": "upper end",
    "climatology": "the base rate of the same question",
    "median": "of `days_in_season`, in days",
    "begun_on": "onset of a season that counts already",
    "ended": "whether the window had ended by today",
    "none": "of `days_in_season`, the chance of no day",
    "threshold": "season index at which the row's kind begins",
}


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
        ends included, and the month before them for a trend) instead of every
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


def forecast(
    panel: MarketPanel,
    *,
    as_of: Day | None = None,
    horizons: Sequence[int] = forecasting.HORIZONS,
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
        Days ahead, each in [1, 390].
    year, start, by, dates
        As for `outlook`.
    model : str
        ``champion``, ``challenger``, a version number or a run id of the store.
    tracking_uri : str
        The store that ``train.py`` wrote.
    today : day, optional
        For the age of the data and the windows that have ended; by default today.

    Raises
    ------
    DataError
        If the data are too old (but for the embedded ones) or do not hold the day.
    TrackingError
        If the store holds no such forecaster.
    WindowError
        If the window of the outlook does not lie within three years after the day.
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


def outlook(
    panel: MarketPanel,
    *,
    as_of: Day | None = None,
    year: int | None = None,
    start: Day | None = None,
    by: Day | None = None,
    dates: Sequence[Day] | None = None,
    model: str = "champion",
    tracking_uri: str = "sqlite:///mlflow.db",
    today: Day | None = None,
) -> Outlook | None:
    """Return the distribution of the seasons to come in a window.

    Parameters
    ----------
    panel, as_of, model, tracking_uri, today
        As for `forecast`, whose errors it raises.
    year : int, optional
        Calendar year; by default, without `by`, that of the day after as_of.
    start, by : day, optional
        First and last day instead; from the day after as_of where no first one is given.
    dates : sequence of days, optional
        Days to tell the chance of being in season on; by default each month's end.

    Returns
    -------
    Outlook or None
        None where no season has been seen to learn from.
    """
    return forecast(
        panel, as_of=as_of, year=year, start=start, by=by, dates=dates, model=model,
        tracking_uri=tracking_uri, today=today,
    ).outlook  # fmt: skip


def hindcast(*, model: str = "champion", tracking_uri: str = "sqlite:///mlflow.db") -> pd.DataFrame:
    """Return the out-of-sample forecasts of the training that made a model.

    Parameters
    ----------
    model, tracking_uri
        As for `forecast`.

    Returns
    -------
    pandas.DataFrame
        Columns `HINDCAST_COLUMNS`, one row per as_of, kind, horizon and
        candidate; only days on which a season could begin.

    Raises
    ------
    TrackingError
        If the store does not hold it.
    """
    stored = load_forecaster(tracking_uri, model)
    return load_tables(tracking_uri, stored.model_id.run_id).hindcast[list(HINDCAST_COLUMNS)]


def forecast_table(made: Forecast) -> pd.DataFrame:
    """Return a forecast as one table, a row per question: what ``predict.py --csv`` prints.

    Parameters
    ----------
    made : Forecast
        From `forecast`.

    Returns
    -------
    pandas.DataFrame
        Columns `TABLE_COLUMNS`; days as datetime64.
    """
    table = forecast_rows(made)
    days = ("as_of", "window_start", "window_end", "begun_on")
    return table.assign(**{name: pd.to_datetime(table[name]) for name in days})


def _day(day: Day) -> pd.Timestamp:
    return pd.Timestamp(day).as_unit("s")


def _window(
    as_of: pd.Timestamp, year: int | None, start: Day | None, by: Day | None
) -> OutlookWindow:
    if year is not None and by is not None:
        raise WindowError("year and by exclude each other.")
    if start is not None and by is None:
        raise WindowError("start goes with by.")
    first, last = (None if day is None else _day(day) for day in (start, by))
    return outlook_window(as_of, by=last, start=first, year=year)
