"""Forecasts of every day of a span by one forecaster, trained with hindsight or not."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from features.catalogue.frame import build_features
from features.market.season import season_index
from features.panel import DataError, MarketPanel
from models.answers import COLUMNS, Event, Question, answers_table
from models.forecasting.ahead import Ahead, Renewals, fitted_renewals
from models.forecasting.leads import by_lead
from models.forecasting.questions import HORIZONS, KINDS, window_of
from models.formatting import iso_day
from models.hazard.forecaster import Forecaster
from models.vocabulary import Kind

# Of a single forecast's 10,000: only what no formula gives is counted on paths, above all
# sustained seasons, to within 3 points in 100 (two standard errors).
PATHS = 1_000
DAY = pd.Timedelta(days=1)


def past_forecasts(
    panel: MarketPanel,
    forecaster: Forecaster,
    *,
    first: pd.Timestamp,
    last: pd.Timestamp,
    horizons: Sequence[int] = HORIZONS,
) -> pd.DataFrame:
    """Forecast every day of a span, both ends included, with one forecaster.

    Returns the columns of answers with `as_of` before them and `index`, `threshold`, `in_training`
    (the row of the day is one of those fitted) and `in_sample` (the forecaster has learnt from
    outcomes after that day) after them: the chances that a season begins, by length and in the
    calendar year of the day after.

    Raises
    ------
    DataError
        If the data do not hold the span.
    """
    index = season_index(panel)
    days = _span(index, first, last, panel.source)
    evidence = forecaster.evidence
    leads = by_lead(forecaster, build_features(panel, days), list(forecaster.thresholds))
    definitions = {
        kind: evidence.definition.at(threshold) for kind, threshold in forecaster.thresholds.items()
    }
    fitted: dict[pd.Timestamp, Renewals | None] = {}
    tables = []
    for at, day in enumerate(days):
        # From the training's last day on the process is the same every day.
        until = min(evidence.trained_until, day)
        if until not in fitted:
            fitted[until] = fitted_renewals(index, forecaster, day)
        rows = {kind: each.row(at) for kind, each in leads.items()}
        ahead = Ahead.from_index(index, day, definitions, rows, fitted[until], n_paths=PATHS)
        table = answers_table(ahead.answers(_questions(day, horizons)))
        table.insert(0, "as_of", day)
        tables.append(
            table.assign(
                index=float(index.loc[day]),
                in_training=evidence.in_training(day),
                in_sample=evidence.in_sample(day),
            )
        )
    table = pd.concat(tables, ignore_index=True)
    broad = forecaster.thresholds[Kind.BROAD]
    thresholds = {Kind.SUSTAINED: broad, **forecaster.thresholds}
    dropped = [name for name in COLUMNS if name in ("mean", "seen", "quantiles")]
    return table.assign(threshold=table["kind"].map(thresholds)).drop(columns=dropped)


def sample_note(table: pd.DataFrame, forecaster: Forecaster) -> str:
    """Return whose probabilities past forecasts are, and how many of their days are in sample."""
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


def _questions(day: pd.Timestamp, horizons: Sequence[int]) -> list[Question]:
    window = window_of(day)
    ends = [day + days * DAY for days in horizons]
    asked = [Question(kind, Event.BEGINS, day + DAY, end) for kind in KINDS for end in ends]
    asked += [Question(kind, Event.BEGINS, window.counts_from, window.end) for kind in KINDS]
    return list(dict.fromkeys(asked))


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
