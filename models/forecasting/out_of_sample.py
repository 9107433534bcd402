"""Forecasts of past days that knew nothing of what came after them, and today's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.catalogue.frame import build_features
from features.market.season import at_risk
from models.forecasting.leads import by_lead
from models.forecasting.status import SeasonStatus
from models.hazard.forecaster import Forecaster
from models.vocabulary import Kind

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
