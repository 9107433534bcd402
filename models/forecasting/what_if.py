"""What the forecaster would say if features had other values: hypothetical, never recorded."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from features.catalogue.features import CATALOGUE
from models.forecasting.parts import Forecast
from models.forecasting.schema import window_json
from models.forecasting.season_status import SeasonStatus
from models.formatting import iso_day
from models.hazard.base import THRESHOLD
from models.hazard.forecaster import Forecaster
from models.hazard.leads import incidence
from models.outlook.answers import Chance
from models.vocabulary import Kind

WHAT_IF_SCHEMA = "altseason.what_if/1"
TARGET = 0.5
TARGET_DAYS = 30

_UNITS = {feature.name: feature.unit for feature in CATALOGUE}
# Shares of coins: they rise and fall together, so that what it would take moves all of them.
SHARES = ("season_index", "carried_breadth_30", "carried_breadth_60", "share_above_50d_mean")
_CHANGES = ("season_index_change_7", "season_index_change_30", "season_index_change_90")


class SuppositionError(ValueError):
    """A feature is supposed that the model does not use, or a value that it cannot have."""


@dataclass(frozen=True)
class Supposition:
    """A feature's value on the day (None if it is missing), and the one supposed."""

    feature: str
    value: float | None
    supposed: float


@dataclass(frozen=True)
class BreadthNeeded:
    """The smallest equal change of every share of coins for a chance of 50 % in 30 days.

    Parameters
    ----------
    reached : bool
        Whether any change reaches it; else what follows is of the change that comes nearest.
    change : float
        Percentage points.
    shares : mapping of str to (float, float)
        By feature its value on the day and the one after the change.
    probability : float
        Chance of a broad season within 30 days then.
    """

    reached: bool
    change: float
    shares: Mapping[str, tuple[float, float]]
    probability: float


def suppose(
    status: SeasonStatus, forecaster: Forecaster, supposed: Mapping[str, float]
) -> tuple[SeasonStatus, tuple[Supposition, ...]]:
    """Return the status of a day with other values of features, and what was changed.

    Only the named features change: what depends on the same coins (the simulated chances, the
    changes of the index) and the state of the season stay as they are.

    Parameters
    ----------
    status : SeasonStatus
        Of the day.
    forecaster : Forecaster
        Only features that it uses can be supposed.
    supposed : mapping of str to float
        Value by feature.

    Raises
    ------
    SuppositionError
        If the forecaster does not use a feature, or a share lies outside 0 to 100 %.
    """
    known = forecaster.model.feature_names()
    for name, value in supposed.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3) or sorted(known)
            raise SuppositionError(
                f"the model uses no feature {name!r}; did you mean {', '.join(near)}?"
            )
        if _UNITS[name] == "%" and not 0 <= value <= 100:
            raise SuppositionError(f"{name} is a share from 0 to 100 %, got {value:g}.")
    row = status.features
    changes = tuple(
        Supposition(name, _number(row[name].iloc[0]), value) for name, value in supposed.items()
    )
    return replace(status, features=row.assign(**supposed)), changes


def breadth_needed(status: SeasonStatus, forecaster: Forecaster) -> BreadthNeeded | None:
    """Return what breadth it would take for 50 % within 30 days, all else as it is.

    Every share of coins is moved by the same number of whole points, held within 0 to 100 %, and
    the recent changes of the season index with it; the smallest such move that reaches 50 % counts,
    upwards or downwards, among those that leave the index below the threshold.

    Parameters
    ----------
    status : SeasonStatus
        Of the day.
    forecaster : Forecaster
        A fitted candidate.

    Returns
    -------
    BreadthNeeded or None
        None where no broad season can begin next, or the forecaster uses no breadth.
    """
    used = [name for name in SHARES if name in forecaster.model.feature_names()]
    if not status.kinds[Kind.BROAD].at_risk or not used:
        return None
    row, threshold = status.features, forecaster.thresholds[Kind.BROAD]
    index = row["season_index"].iloc[0]
    moves = np.array(sorted(range(-100, 101), key=lambda points: (abs(points), points)))
    # Strict: at the threshold the season has begun.
    moves = moves[index + moves < threshold]
    rows = row.loc[row.index.repeat(len(moves))].copy()
    for name in used:
        rows[name] = np.clip(row[name].iloc[0] + moves, 0, 100)
    for name in _CHANGES:
        rows[name] = row[name].iloc[0] + np.clip(index + moves, 0, 100) - index
    rows = rows.assign(**{THRESHOLD: threshold})
    chances = incidence(forecaster.model.predict_proba(rows), [TARGET_DAYS])[:, 0]
    reached = bool((chances >= TARGET).any())
    # Both take the first of equals, and the moves stand in order of their size.
    first = int(np.argmax(chances >= TARGET) if reached else np.argmax(chances))
    shares = {name: (float(row[name].iloc[0]), float(rows[name].iloc[first])) for name in used}
    return BreadthNeeded(reached, float(moves[first]), shares, float(chances[first]))


@dataclass(frozen=True)
class WhatIf:
    """A hypothetical forecast beside the actual one.

    Parameters
    ----------
    actual, hypothetical : Forecast
        Of the same day and windows.
    changes : tuple of Supposition
        What differs.
    needed : BreadthNeeded, optional
        What breadth it would take for 50 % in 30 days.
    """

    actual: Forecast
    hypothetical: Forecast
    changes: tuple[Supposition, ...]
    needed: BreadthNeeded | None


def what_if_json(answer: WhatIf) -> dict[str, Any]:
    """Return a hypothetical forecast under the schema `altseason.what_if/1`."""
    actual, hypothetical = answer.actual, answer.hypothetical
    windows = zip(
        (*actual.windows, *actual.by_date),
        (*hypothetical.windows, *hypothetical.by_date),
        strict=True,
    )
    return {
        "schema": WHAT_IF_SCHEMA,
        "hypothetical": True,
        "as_of": iso_day(actual.as_of),
        "supposed": [asdict(change) for change in answer.changes],
        "windows": [
            {
                **window_json(window),
                "supposed_probability": other.probability,
            }
            for window, other in windows
        ],
        "chances": [
            {
                "kind": chance.kind,
                "probability": chance.probability,
                "supposed_probability": other.probability,
                "climatology": chance.climatology,
            }
            for chance, other in zip(_chances(actual), _chances(hypothetical), strict=True)
        ],
        "for_half_in_30_days": None if answer.needed is None else _needed(answer.needed),
    }


def _needed(needed: BreadthNeeded) -> dict[str, Any]:
    return {
        "reached": needed.reached,
        "change": needed.change,
        "shares": {
            name: {"value": value, "needed": target}
            for name, (value, target) in needed.shares.items()
        },
        "probability": needed.probability,
    }


def _chances(forecast: Forecast) -> tuple[Chance, ...]:
    return () if forecast.outlook is None else forecast.outlook.chances


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
