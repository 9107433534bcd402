"""What was said of past days without knowing what came after them, and what is said today."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.catalogue.builder import build_features
from features.market.season import at_risk
from features.panel import MarketPanel
from models.forecasting.intervals import probabilities
from models.forecasting.season_status import standing
from models.hazard.forecaster import Forecaster
from models.vocabulary import Kind

HORIZON_DAYS = 90
GRID_DAYS = 7
_VALUES = ["probability", "low", "high", "climatology"]


@dataclass(frozen=True)
class Record:
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


def record(
    panel: MarketPanel,
    forecaster: Forecaster,
    hindcast: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
    horizon_days: int = HORIZON_DAYS,
) -> Record:
    """Collect what was forecast out of sample for broad seasons.

    Past days are those of the hindcast of the forecaster's own training: each
    row was made by a model that knew no later outcome. What the stored model
    itself says of them is left out, for it has learnt from what followed.

    Parameters
    ----------
    panel : MarketPanel
        The market; what became available after the end of `as_of` is not used.
    forecaster : Forecaster
        The stored model.
    hindcast : pandas.DataFrame
        The hindcast of its training, at least of its own candidate.
    as_of : pandas.Timestamp
        Last day.
    horizon_days : int
        Days ahead; if the hindcast lacks it, the nearest one that it has.

    Raises
    ------
    DataError
        If the data do not reach `as_of`.
    """
    own = hindcast[(hindcast["model"] == forecaster.name) & (hindcast["kind"] == Kind.BROAD)]
    horizons = own["horizon_days"].unique()
    horizon = int(min(horizons, key=lambda days: abs(days - horizon_days), default=horizon_days))
    own = own[(own["horizon_days"] == horizon) & (own["as_of"] <= as_of)].set_index("as_of")
    said = own[["probability", "climatology"]].sort_index().asfreq(f"{GRID_DAYS}D")
    now = standing(panel, forecaster, as_of)
    trained_until = pd.Timestamp(forecaster.evidence.trained_until)
    # From the training's last day on, that day included, the model knows no later outcome.
    grid = pd.date_range(
        said.index[-1] + pd.Timedelta(days=GRID_DAYS) if len(said) else trained_until,
        as_of, freq=f"{GRID_DAYS}D", unit="s", inclusive="left",
    )  # fmt: skip
    days = pd.DatetimeIndex([*grid[grid >= trained_until], as_of]).as_unit("s")
    quiet_days = int(forecaster.evidence.definition["quiet_days"])
    free = at_risk(now.index, threshold=forecaster.thresholds[Kind.BROAD], quiet_days=quiet_days)
    values = probabilities(
        forecaster, build_features(now.view, days), Kind.BROAD, [horizon],
        at_risk=free.loc[days].to_numpy(),
    )  # fmt: skip
    stored = pd.DataFrame({name: values[name][:, 0] for name in _VALUES}, index=days)
    return Record(
        model=forecaster.name,
        horizon_days=horizon,
        threshold=forecaster.thresholds[Kind.BROAD],
        trained_until=trained_until,
        in_sample=forecaster.evidence.in_sample(as_of),
        index=now.index,
        onsets=now.onsets[Kind.BROAD],
        hindcast=said.astype(np.float64),
        since=stored.iloc[:-1],
        now=stored.iloc[-1:],
        reason=now.reasons[Kind.BROAD],
    )
