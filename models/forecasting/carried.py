"""What is bound to happen to the season index, and how near its coins are to flipping."""

from __future__ import annotations

import numpy as np

from features.market.season import CARRIED_DAYS, NEAR_MARGINS, daily
from models.forecasting.parts import CarriedIndex, NearFlipping
from models.forecasting.status import SeasonStatus


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


def near_flipping(status: SeasonStatus) -> tuple[NearFlipping, ...]:
    """Count the coins behind the index that a small move against Bitcoin would flip.

    Parameters
    ----------
    status : SeasonStatus
        Of the day.

    Returns
    -------
    tuple of NearFlipping
        By margin; empty where the data do not tell.
    """
    compared = _on_day(status, "coins_compared")
    found = []
    for margin in NEAR_MARGINS:
        shares = [_on_day(status, f"near_{side}_{margin}") for side in ("lead", "lag")]
        if np.isfinite([compared, *shares]).all():
            lead, lag = (round(share * compared / 100) for share in shares)
            found.append(NearFlipping(margin, lead, lag, round(compared)))
    return tuple(found)


def _on_day(status: SeasonStatus, name: str) -> float:
    """Return a series' value of the day, which the last one stands in for as in the index."""
    values = status.view.series(name)
    if values.empty:
        return float("nan")
    return float(daily(values).reindex([status.as_of]).iloc[0])
