"""Which recorded forecasts rested on values that the source has changed since."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import pandas as pd

from features.catalogue.features import CATALOGUE
from features.catalogue.frame import build_features
from features.market.season import season_index
from features.panel import MarketPanel
from models.ledger.book import Ledger
from models.ledger.entry import Entry

# Points of the season index: one coin of 50 makes 2, rounding a thousandth.
INDEX_STEP = 0.5
# Part of a feature: another release rounds its history to six digits, which is less.
FEATURE_STEP = 1e-3
# Simulations are of the newest day when a forecast is made and of every seventh day later: that
# they differ says nothing, and prices that were revised show in the features observed.
_OBSERVED = {feature.name for feature in CATALOGUE if feature.group != "simulation"}


@dataclass(frozen=True)
class RevisedForecast:
    """A recorded forecast whose day looks otherwise by today's data."""

    line: int
    as_of: pd.Timestamp
    index: float  # season index as it was known
    index_now: float | None
    # What the model was given and would be given now, of the features that differ.
    features: Mapping[str, tuple[float | None, float | None]]
    findings: tuple[str, ...]  # what the rules of plausibility noticed when it was recorded


def revised_forecasts(ledger: Ledger, panel: MarketPanel) -> tuple[RevisedForecast, ...]:
    """Return the forecasts whose index differs by half a point now, or a feature by a thousandth.

    Of each day only what was available at its end counts.
    """
    days = pd.DatetimeIndex(sorted({entry.as_of for entry in ledger.entries})).as_unit("s")
    if not len(days):
        return ()
    index, features = season_index(panel), build_features(panel, days)
    rows = dict(zip(days, features.to_dict("records"), strict=True))
    compared = (_compared(entry, index, rows[entry.as_of]) for entry in ledger.entries)
    return tuple(forecast for forecast in compared if forecast is not None)


def _compared(
    entry: Entry, index: pd.Series, row: Mapping[Hashable, float]
) -> RevisedForecast | None:
    now = _known(index.get(entry.as_of))
    changed = {
        name: (then, _known(row[name]))
        for name, then in entry.data.features.items()
        if name in _OBSERVED and _differs(then, _known(row[name]), part=FEATURE_STEP)
    }
    moved = _differs(entry.index, now, step=INDEX_STEP)
    if not (moved or changed):
        return None
    return RevisedForecast(entry.line, entry.as_of, entry.index, now, changed, entry.data.findings)


def _differs(
    then: float | None, now: float | None, *, step: float = 1e-9, part: float = 0.0
) -> bool:
    if then is None or now is None:
        return then is not now
    return not math.isclose(then, now, rel_tol=part, abs_tol=step)


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(value)
