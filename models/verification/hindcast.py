"""Out-of-sample forecasts for past days, made by walk-forward refits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from models.hazard.base import HazardModel, TooFewRows
from models.hazard.leads import LEAD_DAYS, FloatArray, IntArray, incidence, lead_targets
from models.verification.walk_forward import Fold, WalkForward
from models.workers import end_with_parent

REFERENCE = "climatology"
NO_KIND = ""
# One row per as_of, kind, horizon and model; `climatology` is that model's probability, `outcome`
# 0.0, 1.0 or NaN while unresolved, `fold` the number of the refit.
COLUMNS = (
    "as_of", "kind", "horizon_days", "model", "probability", "climatology", "outcome",
    "resolved_on", "fold",
)  # fmt: skip

# Takes X, targets and weights; returns fitted models by name, `REFERENCE` among them.
Fit = Callable[[pd.DataFrame, IntArray, FloatArray], Mapping[str, HazardModel]]


@dataclass(frozen=True)
class Landmarks:
    """At-risk rows, one per as_of day and threshold, with what came after them."""

    X: pd.DataFrame  # features and `threshold`, indexed by as_of
    kind: np.ndarray  # kind of season; `NO_KIND` where a row is learnt from but never scored
    days_to_onset: FloatArray  # days to the next onset; NaN where none has been seen
    days_known: IntArray  # days of outcome known
    step_days: int  # days between the grid's as_of days

    @property
    def as_of(self) -> pd.DatetimeIndex:
        """Day of each row."""
        return pd.DatetimeIndex(self.X.index)

    @property
    def weight(self) -> FloatArray:
        """Weight of each row: several rows of a threshold see a day of outcome that counts once."""
        return np.full(len(self.X), self.step_days / LEAD_DAYS)

    def targets(self, day: pd.Timestamp) -> IntArray:
        """Return each row's target as it was known at the end of a day, shape (n, 2)."""
        elapsed = np.asarray((day - self.as_of).days)
        return lead_targets(self.days_to_onset, np.clip(self.days_known, 0, np.maximum(elapsed, 0)))


def hindcast(
    rows: Landmarks,
    folds: WalkForward,
    fit: Fit,
    horizons: Sequence[int],
    *,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> pd.DataFrame:
    """Forecast every out-of-sample row of a kind with the model in force on its day."""
    as_of = rows.as_of
    scored = rows.kind != NO_KIND
    every = folds.folds(as_of, as_of + pd.Timedelta(days=LEAD_DAYS))
    of_a_kind = (replace(fold, test=fold.test[scored[fold.test]]) for fold in every)
    planned = [fold for fold in of_a_kind if fold.test.size]
    if not planned:
        raise TooFewRows("no day out of sample is at risk of any kind of season.")
    parallel = Parallel(
        n_jobs=min(jobs, len(planned)), return_as="generator", initializer=end_with_parent
    )
    tables = []
    for table in parallel(delayed(_forecast)(rows, fold, fit, list(horizons)) for fold in planned):
        tables.append(table)
        progress(len(tables), len(planned))
    return pd.concat(tables, ignore_index=True)


def training_rows(rows: Landmarks, day: pd.Timestamp) -> tuple[pd.DataFrame, IntArray, FloatArray]:
    """Return X, targets and weights of the rows with a lead resolved by the end of a day."""
    targets = rows.targets(day)
    resolved = targets[:, 1] > 0
    return rows.X[resolved], targets[resolved], rows.weight[resolved]


def _forecast(rows: Landmarks, fold: Fold, fit: Fit, horizons: list[int]) -> pd.DataFrame:
    # One thread: the order of sums, and so the last bits, must not depend on the machine.
    with threadpool_limits(limits=1):
        targets = rows.targets(fold.refit_on)[fold.train]
        models = fit(rows.X.iloc[fold.train], targets, rows.weight[fold.train])
        test = rows.X.iloc[fold.test]
        probability = {
            name: incidence(model.predict_proba(test), horizons) for name, model in models.items()
        }
    days = np.array(horizons)
    ahead, seen = rows.days_to_onset[fold.test, None], rows.days_known[fold.test, None]
    # Not resolved before the last day, even if the onset came early; an onset on the horizon's
    # last day is inside the window (as_of, as_of + horizon].
    outcome = np.where(seen >= days, (ahead <= days).astype(float), np.nan)
    as_of = np.repeat(test.index.to_numpy(), len(days))
    common = {
        "as_of": as_of,
        "kind": np.repeat(rows.kind[fold.test], len(days)),
        "horizon_days": np.tile(days, len(test)),
        "climatology": probability[REFERENCE].ravel(),
        "outcome": outcome.ravel(),
        "resolved_on": as_of + np.tile(days.astype("timedelta64[D]"), len(test)),
        "fold": fold.number,
    }
    return pd.concat(
        [
            pd.DataFrame({**common, "model": name, "probability": values.ravel()})[list(COLUMNS)]
            for name, values in probability.items()
        ],
        ignore_index=True,
    )
