"""The candidates: every hazard model that may become champion, with its settings.

All settings are fixed here, before any hindcast, or chosen inside the training
window; none was picked for its score out of sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from sklearn.base import clone

from features.catalogue.features import CATALOGUE
from features.market.paths import THRESHOLDS
from models.hazard.base import HazardModel
from models.hazard.boosting import BoostedHazard
from models.hazard.climatology import Climatology
from models.hazard.first_passage import Simulation
from models.hazard.leads import FloatArray, IntArray
from models.hazard.names import CandidateName
from models.hazard.pooling import Pool
from models.hazard.regression import LogisticHazard

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
TRIALS = 68


@dataclass(frozen=True)
class Candidate:
    """A named hazard model; the position in `CANDIDATES` is the order of simplicity."""

    name: CandidateName
    meaning: str
    model: HazardModel
    simulated: bool = False


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
            simulated=True,
        ),
        Candidate(
            CandidateName.pool,
            "mean of logistic and simulation over 90 days, the renewal process beyond",
            Pool(_LOGISTIC),
            simulated=True,
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
    """Fit copies of hazard models to the same rows.

    Parameters
    ----------
    unfitted : mapping of str to HazardModel
        By name.
    X, targets, weight
        As for `HazardModel.fit`.

    Returns
    -------
    dict of str to HazardModel
        Fitted copies, in the order of `unfitted`.
    """
    return {name: clone(model).fit(X, targets, weight) for name, model in unfitted.items()}


def available(named: Sequence[str], threshold: float) -> tuple[str, ...]:
    """Return the candidates to train: those named, or all that the threshold allows.

    Parameters
    ----------
    named : sequence of str
        Names asked for, each once however often it is named; none means all.
    threshold : float
        Season index of a broad season.

    Raises
    ------
    ValueError
        If one named needs simulated paths to a threshold they were not made for.
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
    """Return unfitted copies of the named candidates with a seed, simplest first.

    Raises
    ------
    ValueError
        If a name is no candidate's.
    """
    selection = set(names)
    if unknown := sorted(selection - set(CANDIDATES)):
        raise ValueError(f"candidate must be one of {', '.join(CANDIDATES)}, got {unknown[0]!r}.")
    chosen = {name: clone(c.model) for name, c in CANDIDATES.items() if name in selection}
    for model in chosen.values():
        if "seed" in model.get_params(deep=False):
            model.set_params(seed=seed)
    return chosen
