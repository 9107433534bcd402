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
    """Where one kind of season stands."""

    threshold: float  # season index at which it begins
    at_risk: bool  # whether it can begin next
    onsets: pd.DatetimeIndex  # past onsets
    reason: str | None  # why it cannot begin next; None where it can


@dataclass(frozen=True)
class SeasonStatus:
    """What was known of the seasons at the end of a day; built once for each day spoken of."""

    as_of: pd.Timestamp  # the day
    last_day: pd.Timestamp  # last day of all the data there are, for their age
    dataset_digest: str  # digest of all the data there are, as `predict.py health` has it
    view: MarketPanel  # the market as it was known then
    index: pd.Series  # season index by day, to that day
    features: pd.DataFrame  # the features of that day
    kinds: Mapping[Kind, KindStatus]  # where each kind of season stood


def season_status(panel: MarketPanel, forecaster: Forecaster, as_of: pd.Timestamp) -> SeasonStatus:
    """Describe where the seasons stood at the end of a day."""
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
