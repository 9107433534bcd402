"""What is bound to happen to the season index, whatever the market does next."""

from __future__ import annotations

import numpy as np

from features.market.season import CARRIED_DAYS
from models.forecasting.parts import CarriedIndex
from models.forecasting.season_status import SeasonStatus


def carried_index(status: SeasonStatus) -> tuple[CarriedIndex, ...]:
    """Return the index that would stand some days on if every coin kept its price in Bitcoin.

    Parameters
    ----------
    status : SeasonStatus
        Of the day.

    Returns
    -------
    tuple of CarriedIndex
        Without the days on which it is not known.
    """
    row = status.features.iloc[0]
    values = ((days, float(row[f"carried_breadth_{days}"])) for days in CARRIED_DAYS)
    return tuple(CarriedIndex(days, value) for days, value in values if np.isfinite(value))
