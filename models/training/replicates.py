"""Candidates fitted once to all rows and again to resampled episodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from models.hazard.base import HazardModel
from models.hazard.candidates import fit_candidates
from models.hazard.leads import FloatArray, IntArray
from models.verification.hindcast import Landmarks, training_rows
from models.workers import end_with_parent


def fit_with_replicates(
    rows: Landmarks,
    day: pd.Timestamp,
    onset_days: pd.DatetimeIndex,
    unfitted: Mapping[str, HazardModel],
    *,
    n_replicates: int,
    seed: int,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[dict[str, HazardModel], list[dict[str, HazardModel]]]:
    """Fit the candidates on a day, once to all rows and again to resampled episodes.

    An episode is the stretch of rows that ends with an onset of a broad season; episodes are drawn
    with replacement, and settings once chosen are kept. Returns the models by name, and those of
    each resample.
    """
    X, targets, weight = training_rows(rows, day)
    with threadpool_limits(limits=1):
        models = fit_candidates(unfitted, X, targets, weight)
    fixed = {name: model.with_chosen_settings() for name, model in models.items()}
    # Rows of an onset's own day belong to the next episode: side="right".
    episode = np.searchsorted(onset_days.to_numpy(), X.index.to_numpy(), side="right")
    random = np.random.default_rng(seed)
    draws = [_draw(episode, targets, random) for _ in range(n_replicates)]
    parallel = Parallel(n_jobs=jobs, return_as="generator", initializer=end_with_parent)
    replicates = []
    for fitted in parallel(delayed(_refit)(fixed, X, targets, weight * draw) for draw in draws):
        replicates.append(fitted)
        progress(len(replicates), len(draws))
    return models, replicates


def _draw(episode: IntArray, targets: IntArray, random: np.random.Generator) -> IntArray:
    """Return how often each row's episode was drawn; draws without any onset are repeated."""
    names, position = np.unique(episode, return_inverse=True)
    while True:
        times = np.bincount(random.integers(len(names), size=len(names)), minlength=len(names))
        if (targets[times[position] > 0, 0] > 0).any():
            return times[position]


def _refit(
    fixed: dict[str, HazardModel], X: pd.DataFrame, targets: IntArray, weight: FloatArray
) -> dict[str, HazardModel]:
    drawn = weight > 0
    with threadpool_limits(limits=1):
        return fit_candidates(fixed, X[drawn], targets[drawn], weight[drawn])
