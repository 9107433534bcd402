"""What the specifications of a sweep share, computed once: indices, features, the days."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from features.catalogue.features import CATALOGUE
from features.catalogue.frame import build_features
from features.market.season import (
    BEYOND,
    DEFAULT,
    OTHERS,
    IndexDefinition,
    IndexSeries,
    season_index,
)
from features.panel import DataError, MarketPanel, end_of_day
from models.sweep.specification import GROUPS, Specification, SpecificationError
from models.training.landmarks import grid_days

# Features computed from the series that depend on window and top; without the window's carried
# breadth they are missing.
_OF_INDEX = ("season_index", "carried_breadth_30", "carried_breadth_60")
_BY_INDEX = [
    feature.name for feature in CATALOGUE if any(name in _OF_INDEX for name in feature.sources)
]


@dataclass(frozen=True, eq=False)
class OfIndex:
    """What belongs to one window and top: its index by day, its features, its data's digest."""

    index: pd.Series
    features: pd.DataFrame
    digest: str


@dataclass(frozen=True, eq=False)
class Material:
    """What all specifications of a sweep are evaluated on."""

    until: pd.Timestamp  # last day whose news is used
    features: pd.DataFrame  # those no window or top bears on, every seventh day and the last ones
    by_index: Mapping[IndexDefinition, OfIndex]

    @property
    def digest(self) -> str:
        """SHA-256 over the digests of the data."""
        content = hashlib.sha256(f"{self.until:%Y-%m-%d}".encode())
        for definition, part in sorted(self.by_index.items(), key=lambda item: item[0]):
            content.update(f"{definition.window_days} {definition.top} {part.digest}".encode())
        return content.hexdigest()

    def features_of(self, specification: Specification) -> pd.DataFrame:
        """Return the features under a specification, those of the group left out missing."""
        part = self.by_index[specification.index].features
        whole = pd.concat([self.features, part], axis=1)
        table = whole[[feature.name for feature in CATALOGUE]]
        hidden = [name for name in GROUPS.get(specification.without, ()) if name in table]
        return table.assign(**dict.fromkeys(hidden, float("nan"))) if hidden else table


def material(
    panel: MarketPanel,
    indices: Mapping[IndexDefinition, IndexSeries],
    wanted: Iterable[IndexDefinition],
    *,
    until: pd.Timestamp | None = None,
) -> Material:
    """Compute what specifications share; nothing published after the end of `until` is used.

    The panel's index is that of the default window and top, `indices` holds the others. A feature
    that they do not bear on is that of the default under every specification. Raises `DataError`
    if an index has no values, `SpecificationError` if a wanted one is not there.
    """
    until = panel.last_day if until is None else min(until, panel.last_day)
    instant = end_of_day(pd.DatetimeIndex([until]))[0]
    panels: dict[IndexDefinition, MarketPanel] = {}
    for definition in sorted(set(wanted)):
        if definition != DEFAULT and definition not in indices:
            raise SpecificationError(_refusal(definition))
        panels[definition] = _with_index(panel, indices.get(definition)).known_at(instant)
    index = {definition: _index(part, definition) for definition, part in panels.items()}
    # An index may end before the others, and is then asked about on its last day.
    last = [series.index[-1] for series in index.values()]
    days = grid_days(pd.Series(index=[until])).union(pd.DatetimeIndex([until, *last]))
    by_index, shared = {}, pd.DataFrame()
    for definition, part in panels.items():
        features = build_features(part, days)
        by_index[definition] = OfIndex(index[definition], features[_BY_INDEX], part.digest)
        shared = features.drop(columns=_BY_INDEX)
    return Material(until, shared, by_index)


def require_embedded(wanted: Iterable[IndexDefinition]) -> None:
    """Raise `SpecificationError` for windows and tops that the embedded history does not hold."""
    for definition in wanted:
        if definition != DEFAULT and definition not in OTHERS:
            raise SpecificationError(_refusal(definition))


def _refusal(definition: IndexDefinition) -> str:
    return f"{BEYOND}, got window {definition.window_days} and top {definition.top}."


def _index(panel: MarketPanel, definition: IndexDefinition) -> pd.Series:
    try:
        return season_index(panel)
    except DataError as error:
        raise DataError(
            f"window {definition.window_days}, top {definition.top}: {error}"
        ) from error


def _with_index(panel: MarketPanel, series: IndexSeries | None) -> MarketPanel:
    """Return the panel with an index in the place of the default's."""
    if series is None:
        return panel
    return panel.without(_OF_INDEX).with_series(series)
