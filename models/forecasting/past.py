"""Forecasts of past days: by one forecaster, and out of sample by the models of the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.catalogue.frame import build_features
from features.market.season import at_risk, season_index
from features.panel import DataError, MarketPanel
from models.answers import COLUMNS, Event, Question, answers_table
from models.forecasting.ahead import Ahead, Renewals, fitted_renewals
from models.forecasting.leads import by_lead
from models.forecasting.questions import HORIZONS, KINDS, window_of
from models.forecasting.status import SeasonStatus
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


HORIZON_DAYS = 90
GRID_DAYS = 7


@dataclass(frozen=True)
class OutOfSample:
    """The season index and the out-of-sample forecasts of broad seasons up to a day."""

    model: str
    horizon_days: int
    threshold: float  # season index at which a broad season begins
    trained_until: pd.Timestamp
    in_sample: bool  # the last forecast is of a day whose later outcomes the model has learnt from
    index: pd.Series  # season index by day
    onsets: pd.DatetimeIndex
    # `probability` and `base_rate` every seventh day by the models of the time; NaN where no season
    # could begin. Their intervals are not known.
    hindcast: pd.DataFrame
    # `probability`, `low`, `high` and `base_rate` every seventh day by the stored model, after the
    # hindcast's last day and the end of its training.
    since: pd.DataFrame
    now: pd.DataFrame  # the same on the last day alone
    reason: str | None  # why there is no forecast on the last day, if there is none

    def resolved(self) -> pd.DataFrame:
        """Return the forecasts whose window was over on the last day, with their outcome."""
        return _resolved(self)

    def begins(self) -> pd.Timestamp:
        """Return the first day out of sample; two years before the last if there is none."""
        if len(self.hindcast):
            return pd.Timestamp(self.hindcast.index[0])
        day = self.now.index[0] - pd.DateOffset(years=2)
        return pd.Timestamp(max(day, self.index.index[0]))


def _resolved(past: OutOfSample) -> pd.DataFrame:
    known = past.hindcast["probability"].dropna()
    # A slice of labels holds its end: at the end of a window's last day its outcome is known.
    known = known.loc[: past.now.index[0] - pd.Timedelta(days=past.horizon_days)]
    as_of = pd.DatetimeIndex(known.index)
    onsets = past.onsets.to_numpy()
    position = np.searchsorted(onsets, as_of.to_numpy(), side="right")
    following = np.append(onsets, np.datetime64("NaT"))[position]
    came = following - as_of.to_numpy() <= np.timedelta64(past.horizon_days, "D")
    return pd.DataFrame(
        {"as_of": as_of, "probability": known.to_numpy(), "outcome": came.astype(float)}
    )


def out_of_sample(
    status: SeasonStatus, forecaster: Forecaster, hindcast: pd.DataFrame
) -> OutOfSample:
    """Collect what was forecast out of sample for broad seasons within 90 days.

    Past days are those of the hindcast of the forecaster's training: each row was made by a model
    that knew no later outcome. What the stored model itself says of them is left out, for it has
    learnt from what followed.
    """
    as_of, broad = status.as_of, status.kinds[Kind.BROAD]
    past, horizon = _past(hindcast, forecaster.name, as_of)
    trained_until = forecaster.evidence.trained_until
    # From the training's last day on, that day included, the model knows no later outcome.
    grid = pd.date_range(
        past.index[-1] + pd.Timedelta(days=GRID_DAYS) if len(past) else trained_until,
        as_of, freq=f"{GRID_DAYS}D", unit="s", inclusive="left",
    )  # fmt: skip
    stored = _stored(status, forecaster, grid[grid >= trained_until], horizon)
    return OutOfSample(
        model=forecaster.name,
        horizon_days=horizon,
        threshold=broad.threshold,
        trained_until=trained_until,
        in_sample=forecaster.evidence.in_sample(as_of),
        index=status.index,
        onsets=broad.onsets,
        hindcast=past,
        since=stored.iloc[:-1],
        now=stored.iloc[-1:],
        reason=broad.reason,
    )


def _past(hindcast: pd.DataFrame, model: str, as_of: pd.Timestamp) -> tuple[pd.DataFrame, int]:
    """Return a candidate's hindcast up to a day on its grid, and its horizon."""
    rows = hindcast[(hindcast["model"] == model) & (hindcast["kind"] == Kind.BROAD)]
    rows = rows[rows["horizon"].astype(str).str.isdigit()]
    lengths = rows["horizon"].astype(int)
    nearest = min(lengths.unique(), key=lambda days: abs(days - HORIZON_DAYS), default=HORIZON_DAYS)
    rows = rows[(lengths == nearest) & (rows["as_of"] <= as_of)].set_index("as_of")
    past = rows[["probability", "base_rate"]].sort_index().asfreq(f"{GRID_DAYS}D")
    return past.astype(np.float64), int(nearest)


def _stored(
    status: SeasonStatus, forecaster: Forecaster, grid: pd.DatetimeIndex, horizon: int
) -> pd.DataFrame:
    """Return what the stored model forecasts on the days of a grid and on the last day."""
    features = status.features
    if len(grid):
        features = pd.concat([build_features(status.view, grid.as_unit("s")), features])
    quiet_days = forecaster.evidence.definition.quiet_days
    threshold = status.kinds[Kind.BROAD].threshold
    free = at_risk(status.index, threshold=threshold, quiet_days=quiet_days)
    leads = by_lead(forecaster, features, [Kind.BROAD])[Kind.BROAD]
    values = leads.probabilities([horizon], at_risk=free.loc[features.index].to_numpy())
    names = {"climatology": "base_rate"}
    columns = {names.get(name, name): value[:, 0] for name, value in values._asdict().items()}
    return pd.DataFrame(columns, index=pd.DatetimeIndex(features.index).rename(None))
