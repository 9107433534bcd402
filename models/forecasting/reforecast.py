"""Forecasts of every day of a span by one forecaster, trained with hindsight or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from features.catalogue.frame import build_features
from features.market.season import at_risk, season_index
from features.panel import DataError, MarketPanel
from models.forecasting.forecast import HORIZONS
from models.forecasting.intervals import ByLead, Probabilities, by_lead
from models.forecasting.near_term import NEAR_DAYS
from models.forecasting.seasons_ahead import (
    Renewals,
    SeasonsAhead,
    fitted_renewals,
    fitted_until,
    seasons_ahead,
)
from models.forecasting.windows import window_values
from models.formatting import iso_day
from models.hazard.forecaster import Forecaster
from models.outlook.paths import SUSTAINED
from models.outlook.window import year_window
from models.vocabulary import Kind

# Of a single forecast's 10,000: only what no formula gives is counted on paths, above all
# sustained seasons, to within 3 points in 100 (two standard errors).
YEAR_PATHS = 1_000
YEAR_KINDS = (Kind.PARTIAL, Kind.BROAD, SUSTAINED)


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
        forecast out of sample); and, the same on every row of a day, `year` (the
        calendar year of the day after) with the chances `chance_year_partial`,
        `chance_year_broad`, `chance_year_sustained` that it brings a season; last,
        `threshold`, the season index at which the kind begins.

    Raises
    ------
    DataError
        If the data do not hold the span.
    """
    index = season_index(panel)
    days = _span(index, first, last, panel.source)
    features = build_features(panel, days)
    kinds = list(forecaster.thresholds)
    leads = by_lead(forecaster, features, kinds)
    ahead = _ahead(index, forecaster, days, leads)
    tables = [
        _of_kind(index, forecaster, days, leads[kind], ahead, kind, horizons) for kind in kinds
    ]
    years = pd.DataFrame([_year(day, then) for day, then in zip(days, ahead, strict=True)])
    table = pd.concat(tables, ignore_index=True).merge(years, on="as_of", how="left")
    return table.assign(threshold=table["kind"].map(dict(forecaster.thresholds)).astype(float))


def _ahead(
    index: pd.Series, forecaster: Forecaster, days: pd.DatetimeIndex, leads: Mapping[Kind, ByLead]
) -> list[SeasonsAhead | None]:
    fitted: dict[pd.Timestamp, Renewals | None] = {}
    by_day = []
    for at, day in enumerate(days):
        # From the training's last day on the process is the same every day.
        until = fitted_until(forecaster, day)
        if until not in fitted:
            fitted[until] = fitted_renewals(index, forecaster, day)
        own = {kind: each.row(at) for kind, each in leads.items()}
        by_day.append(seasons_ahead(index, fitted[until], own, day))
    return by_day


def _year(day: pd.Timestamp, ahead: SeasonsAhead | None) -> dict[str, object]:
    window = year_window(day)
    row: dict[str, object] = {"as_of": day, "year": window.year}
    chances = () if ahead is None else ahead.window_chances(window, n_paths=YEAR_PATHS)
    values = {chance.kind: chance.probability for chance in chances}
    return row | {f"chance_year_{kind}": values.get(kind, np.nan) for kind in YEAR_KINDS}


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
    forecaster: Forecaster,
    days: pd.DatetimeIndex,
    leads: ByLead,
    ahead: Sequence[SeasonsAhead | None],
    kind: Kind,
    horizons: Sequence[int],
) -> pd.DataFrame:
    evidence = forecaster.evidence
    quiet_days = evidence.definition.quiet_days
    risk = at_risk(index, threshold=forecaster.thresholds[kind], quiet_days=quiet_days)
    free = risk.loc[days].to_numpy()
    far = [days_ahead > NEAR_DAYS for days_ahead in horizons]
    values = {name: np.full((len(days), len(horizons)), np.nan) for name in Probabilities._fields}
    for at in np.flatnonzero(free).tolist():
        row = window_values(kind, leads.row(at), ahead[at], horizons, by_process=far)
        for name, chances in row._asdict().items():
            values[name][at] = chances
    as_of, horizon = np.repeat(days, len(horizons)), np.tile(horizons, len(days))
    return pd.DataFrame(
        {
            "as_of": as_of,
            "kind": kind,
            "horizon_days": horizon,
            "window_end": as_of + pd.to_timedelta(horizon, unit="D"),
            "index": np.repeat(index.loc[days].to_numpy(), len(horizons)),
            "at_risk": np.repeat(free, len(horizons)),
            **{name: value.ravel() for name, value in values.items()},
            "in_training": [evidence.in_training(day) for day in as_of],
            "in_sample": [evidence.in_sample(day) for day in as_of],
        }
    )


def sample_note(table: pd.DataFrame, forecaster: Forecaster) -> str:
    """Return whose probabilities a reforecast holds, and how many of its days are in sample."""
    days = table.drop_duplicates("as_of")["in_sample"]
    note = (
        f"note: every row is what one model ({forecaster.name}, trained until "
        f"{iso_day(forecaster.evidence.trained_until)}) says; forecasts by the models of the time "
        f"are in the hindcast."
    )
    if forecaster.measured_at is not None:
        note += (
            f"\nwarning: broad and sustained seasons are those at "
            f"{forecaster.thresholds[Kind.BROAD]:g}; the model was verified at "
            f"{forecaster.measured_at:g}."
        )
    if days.any():
        note += (
            f"\nwarning: {int(days.sum())} of {len(days)} days are in sample (in_sample = True): "
            f"the model was trained on outcomes after them."
        )
    return note
