"""The state of the data from the command line, simulated as far as a forecast of them is."""

from __future__ import annotations

import pandas as pd

from features.sources.deferred import DeferredPanel
from models.forecasting.data_quality import DataHealth, data_health
from models.forecasting.forecast import DAYS_AGO


def health_of(
    market: DeferredPanel,
    *,
    as_of: pd.Timestamp | None,
    today: pd.Timestamp,
    published: tuple[str, pd.Series] | None = None,
) -> DataHealth:
    """Describe the data; what would be refused is not simulated first.

    Parameters
    ----------
    market : DeferredPanel
        The market.
    as_of : pandas.Timestamp, optional
        The day of the forecast, by default the last one.
    today : pandas.Timestamp
        Current UTC day.
    published : (str, pandas.Series), optional
        Who publishes another season index, and that index.
    """
    state = data_health(market.panel, as_of=as_of, today=today, published=published)
    if state.refusal or market.simulate is None:
        return state
    day = market.panel.last_day if as_of is None else as_of
    panel = market.for_days(day - pd.Timedelta(days=max(DAYS_AGO)), day)
    return data_health(panel, as_of=as_of, today=today, published=published)
