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
    """The season index and the out-of-sample forecasts of broad seasons up to a day.

    Parameters
    ----------
    model : str
        Candidate.
    horizon_days : int
        Days ahead.
    threshold : float
        Season index at which a broad season begins.
    trained_until : pandas.Timestamp
        Last day whose outcomes the stored model has learnt from.
    in_sample : bool
        Whether the last forecast is one of a day before that.
    index : pandas.Series
        Season index by day.
    onsets : pandas.DatetimeIndex
        Onsets of broad seasons.
    hindcast : pandas.DataFrame
        `probability` and `climatology` every seventh day by the models of the
        time; NaN where no season could begin. Their intervals are not known.
    since : pandas.DataFrame
        `probability`, `low`, `high` and `climatology` every seventh day by the
        stored model, after the hindcast's last and its training's last day.
    now : pandas.DataFrame
        The same on the last day alone.
    reason : str, optional
        Why there is no forecast on the last day, if there is none.
    """

    model: str
    horizon_days: int
    threshold: float
    trained_until: pd.Timestamp
    in_sample: bool
    index: pd.Series
    onsets: pd.DatetimeIndex
    hindcast: pd.DataFrame
    since: pd.DataFrame
    now: pd.DataFrame
    reason: str | None

    def begins(self) -> pd.Timestamp:
        """Return the first day out of sample; two years before the last if there is none."""
        if len(self.hindcast):
            return pd.Timestamp(self.hindcast.index[0])
        day = self.now.index[0] - pd.DateOffset(years=2)
        return pd.Timestamp(max(day, self.index.index[0]))


def out_of_sample(
    status: SeasonStatus,
    forecaster: Forecaster,
    hindcast: pd.DataFrame,
    *,
    horizon_days: int = HORIZON_DAYS,
) -> OutOfSample:
    """Collect what was forecast out of sample for broad seasons.

    Past days are those of the hindcast of the forecaster's own training: each
    row was made by a model that knew no later outcome. What the stored model
    itself says of them is left out, for it has learnt from what followed.

    Parameters
    ----------
    status : SeasonStatus
        Of the last day.
    forecaster : Forecaster
        The stored model.
    hindcast : pandas.DataFrame
        The hindcast of its training, at least of its own candidate.
    horizon_days : int
        Days ahead; if the hindcast lacks it, the nearest one that it has.
    """
    as_of, broad = status.as_of, status.kinds[Kind.BROAD]
    past, horizon = _past(hindcast, forecaster.name, as_of, horizon_days)
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


def _past(
    hindcast: pd.DataFrame, model: str, as_of: pd.Timestamp, horizon_days: int
) -> tuple[pd.DataFrame, int]:
    """Return a candidate's hindcast up to a day on its grid, and its horizon."""
    own = hindcast[(hindcast["model"] == model) & (hindcast["kind"] == Kind.BROAD)]
    horizons = own["horizon_days"].unique()
    horizon = int(min(horizons, key=lambda days: abs(days - horizon_days), default=horizon_days))
    own = own[(own["horizon_days"] == horizon) & (own["as_of"] <= as_of)].set_index("as_of")
    past = own[["probability", "climatology"]].sort_index().asfreq(f"{GRID_DAYS}D")
    return past.astype(np.float64), horizon


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
    columns = {name: value[:, 0] for name, value in values._asdict().items()}
    return pd.DataFrame(columns, index=pd.DatetimeIndex(features.index).rename(None))
