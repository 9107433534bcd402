"""Where the seasons stand on a day, and why a season cannot begin next if it cannot."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from features.health import index_at
from features.market.season import at_risk, onset_days
from features.panel import MarketPanel, end_of_day
from models.formatting import long_day
from models.hazard.forecaster import Forecaster


@dataclass(frozen=True)
class Standing:
    """What was known of the seasons at the end of a day.

    Parameters
    ----------
    view : MarketPanel
        The market as it was known then.
    index : pandas.Series
        Season index by day, to that day.
    at_risk : dict of str to bool
        Whether a season of each kind could begin next.
    onsets : dict of str to pandas.DatetimeIndex
        Past onsets of each kind.
    reasons : dict of str to str or None
        Why no season of a kind can begin next; None where one can.
    """

    view: MarketPanel
    index: pd.Series
    at_risk: dict[str, bool]
    onsets: dict[str, pd.DatetimeIndex]
    reasons: dict[str, str | None]


def standing(panel: MarketPanel, forecaster: Forecaster, as_of: pd.Timestamp) -> Standing:
    """Tell where the seasons stood at the end of a day.

    Parameters
    ----------
    panel : MarketPanel
        The market; what became available after the end of `as_of` is not used.
    forecaster : Forecaster
        Its thresholds and quiet days count.
    as_of : pandas.Timestamp
        Day whose end closes the information set.

    Raises
    ------
    DataError
        If the data do not reach `as_of` or begin after it.
    """
    view = panel.known_at(end_of_day(pd.DatetimeIndex([as_of]))[0])
    index = index_at(panel, as_of)
    quiet_days = int(forecaster.evidence.definition["quiet_days"])
    risk, onsets, reasons = {}, {}, {}
    for kind, threshold in forecaster.thresholds.items():
        free = at_risk(index, threshold=threshold, quiet_days=quiet_days)
        risk[kind] = bool(free.loc[as_of])
        onsets[kind] = onset_days(index, threshold=threshold, quiet_days=quiet_days)
        reasons[kind] = None if risk[kind] else _reason(index, threshold, quiet_days, onsets[kind])
    return Standing(view, index, risk, onsets, reasons)


def _reason(index: pd.Series, threshold: float, quiet_days: int, onsets: pd.DatetimeIndex) -> str:
    """Say why no onset can come next."""
    above = index.index[index >= threshold]
    if not len(above):
        return f"fewer than {quiet_days + 1} days of the season index are known"
    last = above[-1]
    if last == index.index[-1]:
        return f"in season since {long_day(onsets[-1])}" if len(onsets) else "in season"
    free = last + pd.Timedelta(days=quiet_days + 1)
    return (
        f"the index was last at {threshold:g} or above on {long_day(last)}; an onset needs "
        f"{quiet_days} quiet days, so none is forecast before {long_day(free)}"
    )
