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
from models.sweep.specification import Specification, SpecificationError, hidden_features
from models.training.landmarks import grid_days

# Features computed from the series that depend on window and top; without the window's own carried
# breadth they are missing.
_OF_INDEX = ("season_index", "carried_breadth_30", "carried_breadth_60")
OWN_FEATURES = tuple(
    feature.name for feature in CATALOGUE if any(name in _OF_INDEX for name in feature.sources)
)


@dataclass(frozen=True, eq=False)
class Own:
    """What belongs to one window and top: its index by day, its features, its data's digest."""

    index: pd.Series
    features: pd.DataFrame
    digest: str


@dataclass(frozen=True, eq=False)
class Material:
    """What all specifications of a sweep are evaluated on.

    Parameters
    ----------
    until : pandas.Timestamp
        Last day known.
    features : pandas.DataFrame
        Features that no window or top bears on: every seventh day from
        2014-07-01 and the last day of each index.
    own : mapping of IndexDefinition to Own
        The rest, by window and top.
    """

    until: pd.Timestamp
    features: pd.DataFrame
    own: Mapping[IndexDefinition, Own]

    @property
    def digest(self) -> str:
        """SHA-256 over the digests of the data."""
        content = hashlib.sha256(f"{self.until:%Y-%m-%d}".encode())
        for each, own in sorted(self.own.items(), key=lambda item: item[0]):
            content.update(f"{each.window_days} {each.top} {own.digest}".encode())
        return content.hexdigest()

    def index_of(self, specification: Specification) -> pd.Series:
        """Return the season index by day under a specification's window and top."""
        return self.own[specification.index].index

    def features_of(self, specification: Specification) -> pd.DataFrame:
        """Return the features under a specification, those of the group left out missing."""
        own = self.own[specification.index].features
        whole = pd.concat([self.features, own], axis=1)
        table = whole[[feature.name for feature in CATALOGUE]]
        hidden = [name for name in hidden_features(specification.without) if name in table]
        return table.assign(**dict.fromkeys(hidden, float("nan"))) if hidden else table


def material(
    panel: MarketPanel,
    indices: Mapping[IndexDefinition, IndexSeries],
    wanted: Iterable[IndexDefinition],
    *,
    until: pd.Timestamp | None = None,
) -> Material:
    """Compute what specifications share.

    A feature that window and top do not bear on is that of the default
    definition under every specification.

    Parameters
    ----------
    panel : MarketPanel
        The market; its own index is that of the default window and top.
    indices : mapping of IndexDefinition to dict of str to pandas.Series
        The other windows' and tops', from `features.reference.load` or
        `features.sources.directory`.
    wanted : iterable of IndexDefinition
        Those that specifications ask for.
    until : pandas.Timestamp, optional
        Nothing published after the end of this day is used; by default the
        panel's last day.

    Raises
    ------
    DataError
        If an index has no values.
    SpecificationError
        If one that is wanted is not there.
    """
    until = panel.last_day if until is None else min(until, panel.last_day)
    instant = end_of_day(pd.DatetimeIndex([until]))[0]
    panels, found = {}, {}
    for each in sorted(set(wanted)):
        if each != DEFAULT and each not in indices:
            raise SpecificationError(refusal(each))
        panels[each] = _with_index(panel, indices.get(each)).known_at(instant)
        found[each] = _index(panels[each], each)
    # An index may end before the others, and is then asked about on its own last day.
    last = [index.index[-1] for index in found.values()]
    days = grid_days(pd.Series(index=[until])).union(pd.DatetimeIndex([until, *last]))
    own, shared = {}, pd.DataFrame()
    for each, index in found.items():
        features = build_features(panels[each], days)
        own[each] = Own(index, features[list(OWN_FEATURES)], panels[each].digest)
        shared = features.drop(columns=list(OWN_FEATURES))
    return Material(until, shared, own)


def refusal(definition: IndexDefinition) -> str:
    """Return why an index is not there and how it can be had."""
    return f"{BEYOND}, got window {definition.window_days} and top {definition.top}."


def embedded(definition: IndexDefinition) -> bool:
    """Tell whether the embedded history holds an index."""
    return definition == DEFAULT or definition in OTHERS


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
