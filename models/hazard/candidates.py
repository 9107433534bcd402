"""The candidates: every hazard model that may become champion, and fitted ones as plain values.

All settings are fixed here, before any hindcast, or chosen inside the training
window; none was picked for its score out of sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.catalogue.features import CATALOGUE
from features.market.paths import THRESHOLDS
from models.hazard.base import Axes, Form, HazardModel
from models.hazard.boosting import BoostedHazard
from models.hazard.climatology import Climatology
from models.hazard.leads import FloatArray, IntArray
from models.hazard.logistic import LogisticHazard
from models.hazard.pool import Pool, Renewal
from models.hazard.simulation import Simulation
from models.vocabulary import CandidateName

# Where the index stands and where it is already bound to go: what the definition itself makes
# informative about the next 90 days.
BREADTH_CORE = ("season_index", "carried_breadth_30", "carried_breadth_60")
_OBSERVED = tuple(feature.name for feature in CATALOGUE if feature.group != "simulation")
_OTHERS = tuple(name for name in _OBSERVED if name not in BREADTH_CORE)

# Declared by argument, not by rank: forecasters that know different things are better averaged.
# When what had been seen, docs/choices.md says; no figure of those years moves it again.
PRIMARY = CandidateName.pool.value

# Variants whose out-of-sample skill was looked at while building, listed in docs/choices.md: each
# figure is one of so many.
TRIALS = 69


@dataclass(frozen=True)
class Candidate:
    """A named hazard model; its position in `CANDIDATES` is the order of simplicity."""

    name: CandidateName
    meaning: str
    model: HazardModel

    @property
    def simulated(self) -> bool:
        """Whether it needs simulated paths."""
        return isinstance(self.model, Simulation | Pool)


_LOGISTIC = LogisticHazard(BREADTH_CORE)

CANDIDATES: dict[str, Candidate] = {
    str(candidate.name): candidate
    for candidate in (
        Candidate(CandidateName.climatology, "onset frequency in training", Climatology()),
        Candidate(
            CandidateName.persistence,
            "logistic hazard on the season index and its 30-day change",
            LogisticHazard(("season_index", "season_index_change_30")),
        ),
        Candidate(
            CandidateName.logistic, "logistic hazard on season index and carried breadth", _LOGISTIC
        ),
        Candidate(
            CandidateName.simulation,
            "simulated first passage of the season index",
            Simulation(),
        ),
        Candidate(
            CandidateName.pool,
            "mean of logistic and simulation over 90 days, the renewal process beyond",
            Pool(_LOGISTIC),
        ),
        Candidate(
            CandidateName.logistic_all,
            "the same with all other features, shrunk as the training window asks",
            LogisticHazard(BREADTH_CORE, others=_OTHERS, scales=(0.03, 0.1, 0.3)),
        ),
        Candidate(
            CandidateName.lightgbm,
            "monotone LightGBM hazard on season index and carried breadth",
            BoostedHazard(BREADTH_CORE, increasing=BREADTH_CORE, column_share=1.0),
        ),
        Candidate(
            CandidateName.lightgbm_all,
            "monotone LightGBM hazard on all features",
            BoostedHazard(_OBSERVED, increasing=BREADTH_CORE, trees=(10, 30, 100)),
        ),
    )
}


def fit_candidates(
    unfitted: Mapping[str, HazardModel],
    X: pd.DataFrame,
    targets: IntArray,
    weight: FloatArray,
) -> dict[str, HazardModel]:
    """Fit copies of hazard models, by name, to the same rows."""
    return {name: model.unfitted().fit(X, targets, weight) for name, model in unfitted.items()}


def available(named: Sequence[str], threshold: float) -> tuple[str, ...]:
    """Return the candidates to train: those named, or all that a broad season's threshold allows.

    ValueError if one named needs simulated paths to a threshold they were not made for.
    """
    missing = {
        name for name, c in CANDIDATES.items() if c.simulated and threshold not in THRESHOLDS
    }
    if wrong := sorted(missing & set(named)):
        raise ValueError(
            f"{wrong[0]} needs paths that were simulated to {THRESHOLDS[-1]}, "
            f"got threshold {threshold:g}; leave it out."
        )
    return tuple(dict.fromkeys(named)) or tuple(name for name in CANDIDATES if name not in missing)


def seeded(names: Iterable[str], seed: int) -> dict[str, HazardModel]:
    """Return unfitted copies of the named candidates with a seed, simplest first."""
    selection = set(names)
    if unknown := sorted(selection - set(CANDIDATES)):
        raise ValueError(f"candidate must be one of {', '.join(CANDIDATES)}, got {unknown[0]!r}.")
    models = {name: c.model for name, c in CANDIDATES.items() if name in selection}
    return {
        name: model.unfitted(**({"seed": seed} if "seed" in model.get_params() else {}))
        for name, model in models.items()
    }


_TYPES: Mapping[str, type[HazardModel]] = {
    kind.__name__: kind
    for kind in (Climatology, Simulation, LogisticHazard, BoostedHazard, Renewal, Pool)
}


# What is stored is plain values that JSON can hold: nothing in them is executed.
def to_state(model: HazardModel) -> dict[str, Any]:
    """Return what a fit has left behind as plain values, with the model's type."""
    values = {name: _plain(getattr(model, name)) for name in model.fitted}
    return {"type": type(model).__name__, **values}


def from_state(state: object) -> HazardModel:
    """Return the fitted hazard model that `to_state` described: it forecasts, but has no settings.

    ValueError where its type is no candidate's, or a value is none that a fit leaves behind.
    """
    named = state.get("type") if isinstance(state, dict) else state
    kind = _TYPES.get(named) if isinstance(named, str) else None
    if kind is None or not isinstance(state, dict):
        raise ValueError(f"type must be one of {', '.join(_TYPES)}, got {str(named)[:40]!r}.")
    if set(state) != {"type", *kind.fitted}:
        got = ", ".join(sorted(map(str, state)))
        raise ValueError(f"{named} must have type, {', '.join(kind.fitted)}, got {got[:200]}")
    model = kind.__new__(kind)
    for name, form in kind.fitted.items():
        setattr(model, name, _fitted(model, name, state[name], form))
    model.check()
    return model


def _plain(value: object) -> object:
    if isinstance(value, HazardModel):
        return to_state(value)
    return value.tolist() if isinstance(value, np.ndarray) else value


def _fitted(model: HazardModel, name: str, value: object, form: Form) -> object:
    """Return the value of an attribute, of the form that its class declares."""
    if isinstance(form, tuple):
        return _array(model, name, value, form)
    read = from_state(value) if issubclass(form, HazardModel) else value
    if not isinstance(read, form):
        raise ValueError(f"{name} must be a {form.__name__}, got {str(value)[:40]}")
    if isinstance(read, HazardModel) and not np.array_equal(read.thresholds_, model.thresholds_):
        raise ValueError(f"{name} must have the thresholds of the model that it is part of")
    if isinstance(read, list) and len({v for v in read if isinstance(v, str)}) < len(read):
        raise ValueError(f"{name} must be distinct names, got {str(value)[:80]}")
    return read


def _array(model: HazardModel, name: str, value: object, form: Axes) -> object:
    array = np.array(value)
    if array.dtype.kind not in "if" or not np.isfinite(array).all():
        raise ValueError(f"{name} must hold finite numbers")
    wanted = tuple(len(getattr(model, axis)) if isinstance(axis, str) else axis for axis in form)
    if len(wanted) != array.ndim or any(
        want not in (None, size) for want, size in zip(wanted, array.shape, strict=True)
    ):
        raise ValueError(f"{name} must have the shape {wanted}, got {array.shape}")
    return array.astype(float) if form else value
