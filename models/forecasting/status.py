"""Where the seasons stand on a day, and why a season cannot begin next if it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from features.catalogue.frame import build_features
from features.health import usable_view
from features.market.season import at_risk, onset_days
from features.panel import MarketPanel
from models.formatting import long_day
from models.hazard.forecaster import Forecaster
from models.vocabulary import Kind


@dataclass(frozen=True)
class KindStatus:
    """Where one kind of season stands.

    Parameters
    ----------
    threshold : float
        Season index at which it begins.
    at_risk : bool
        Whether it can begin next.
    onsets : pandas.DatetimeIndex
        Past onsets.
    reason : str, optional
        Why it cannot begin next; None where it can.
    """

    threshold: float
    at_risk: bool
    onsets: pd.DatetimeIndex
    reason: str | None


@dataclass(frozen=True)
class SeasonStatus:
    """What was known of the seasons at the end of a day; built once for each day spoken of.

    Parameters
    ----------
    as_of : pandas.Timestamp
        The day.
    last_day : pandas.Timestamp
        Last day of all the data there are, for their age.
    dataset_digest : str
        Digest of all the data there are, as `predict.py health` has it.
    view : MarketPanel
        The market as it was known then.
    index : pandas.Series
        Season index by day, to that day.
    features : pandas.DataFrame, shape (1, f)
        The features of that day.
    kinds : mapping of Kind to KindStatus
        Where each kind of season stood.
    """

    as_of: pd.Timestamp
    last_day: pd.Timestamp
    dataset_digest: str
    view: MarketPanel
    index: pd.Series
    features: pd.DataFrame
    kinds: Mapping[Kind, KindStatus]


def season_status(panel: MarketPanel, forecaster: Forecaster, as_of: pd.Timestamp) -> SeasonStatus:
    """Describe where the seasons stood at the end of a day.

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
    view, index = usable_view(panel, as_of)
    quiet_days = forecaster.evidence.definition.quiet_days
    return SeasonStatus(
        as_of=as_of,
        last_day=panel.last_day,
        dataset_digest=panel.digest,
        view=view,
        index=index,
        features=build_features(view, pd.DatetimeIndex([as_of])),
        kinds={
            kind: _kind_status(index, as_of, threshold, quiet_days)
            for kind, threshold in forecaster.thresholds.items()
        },
    )


def _kind_status(
    index: pd.Series, as_of: pd.Timestamp, threshold: float, quiet_days: int
) -> KindStatus:
    free = bool(at_risk(index, threshold=threshold, quiet_days=quiet_days).loc[as_of])
    onsets = onset_days(index, threshold=threshold, quiet_days=quiet_days)
    reason = None if free else _reason(index, threshold, quiet_days, onsets)
    return KindStatus(threshold, free, onsets, reason)


def _reason(index: pd.Series, threshold: float, quiet_days: int, onsets: pd.DatetimeIndex) -> str:
    """Say why no onset can come next."""
    above = index.index[index >= threshold]
    if not len(above):
        return f"fewer than {quiet_days + 1} days of the season index are known"
    last = above[-1]
    if last == index.index[-1]:
        return f"in season since {long_day(onsets[-1])}" if len(onsets) else "in season"
    # The quiet days are those after the last one in season; the first day at risk comes behind
    # them, for a day is at risk only if it is quiet itself.
    free = last + pd.Timedelta(days=quiet_days + 1)
    return (
        f"the index was last at {threshold:g} or above on {long_day(last)}; an onset needs "
        f"{quiet_days} quiet days, so none is forecast before {long_day(free)}"
    )
