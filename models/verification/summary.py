"""The verification of a hindcast: one row of scores per kind, horizon and model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from models.verification.scores import brier_scores, corp, log_scores
from models.verification.significance import (
    MIN_BLOCK_DAYS,
    RESAMPLES,
    Interval,
    resample_counts,
    skill_interval,
)

COLUMNS = (
    "kind", "horizon_days", "model", "days", "episodes", "base_rate",
    "brier", "brier_skill", "brier_skill_low", "brier_skill_high",
    "log_score", "log_skill", "log_skill_low", "log_skill_high",
    "auc", "miscalibration", "discrimination", "uncertainty",
)  # fmt: skip


def verify(
    hindcast: pd.DataFrame,
    onsets: Mapping[str, pd.DatetimeIndex],
    *,
    step_days: int,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Score the resolved forecasts of a hindcast.

    Parameters
    ----------
    hindcast : pandas.DataFrame
        From `hindcast`.
    onsets : mapping of str to pandas.DatetimeIndex
        Onset days of each kind, for counting episodes.
    step_days : int
        Days between the as_of days.
    resamples, seed : int
        Of the block bootstrap; blocks are as long as the horizon, 90 days at
        the least.

    Returns
    -------
    pandas.DataFrame
        Columns `kind`, `horizon_days`, `model`, `days` (forecasts resolved),
        `episodes` (different onsets inside their windows), `base_rate`,
        `brier`, `brier_skill` with `brier_skill_low` and `_high` (90 %),
        `log_score`, `log_skill` with `_low` and `_high`, `auc`,
        `miscalibration`, `discrimination`, `uncertainty`. Skill is against
        climatology. What cannot be computed is NaN.
    """
    resolved = hindcast[hindcast["outcome"].notna()]
    tables: list[dict[str, object]] = []
    for (kind, horizon), table in _groups(resolved):
        by_model = dict(tuple(table.groupby("model", sort=False)))
        as_of = pd.DatetimeIndex(next(iter(by_model.values()))["as_of"])
        counts = resample_counts(
            as_of,
            block_days=max(horizon, MIN_BLOCK_DAYS),
            step_days=step_days,
            resamples=resamples,
            seed=seed,
        )
        episodes = _episodes(as_of, horizon, onsets[kind])
        for model, forecasts in by_model.items():
            common = {"kind": kind, "horizon_days": horizon, "model": model, "episodes": episodes}
            tables.append({**common, **_scores(forecasts, counts)})
    return pd.DataFrame(tables, columns=list(COLUMNS))


def _groups(table: pd.DataFrame) -> Iterator[tuple[tuple[str, int], pd.DataFrame]]:
    for kind in table["kind"].unique():
        for horizon in table["horizon_days"].unique():
            chosen = table[(table["kind"] == kind) & (table["horizon_days"] == horizon)]
            if len(chosen):
                yield (str(kind), int(horizon)), chosen


def _episodes(as_of: pd.DatetimeIndex, horizon: int, onsets: pd.DatetimeIndex) -> int:
    # The first onset after each row: side="right" leaves out an onset on the row's own day.
    after = np.searchsorted(onsets.to_numpy(), as_of.to_numpy(), side="right")
    exists = after < len(onsets)
    ahead = onsets.to_numpy()[after[exists]] - as_of.to_numpy()[exists]
    return len(np.unique(after[exists][ahead <= np.timedelta64(horizon, "D")]))


def _scores(forecasts: pd.DataFrame, counts: np.ndarray) -> dict[str, float]:
    outcome, probability, climatology = (
        forecasts[name].to_numpy(dtype=float) for name in ("outcome", "probability", "climatology")
    )
    both = 0 < outcome.mean() < 1
    scores = {"days": len(forecasts), "base_rate": outcome.mean()}
    for name, score in (("brier", brier_scores), ("log", log_scores)):
        own, reference = score(outcome, probability), score(outcome, climatology)
        # Where every outcome is the same there is nothing to tell apart, and a ratio of two
        # scores near 0 would only amplify rounding.
        interval = skill_interval(own, reference, counts) if both else Interval(*[float("nan")] * 3)
        scores["brier" if name == "brier" else "log_score"] = own.mean()
        scores[f"{name}_skill"] = interval.value
        scores[f"{name}_skill_low"], scores[f"{name}_skill_high"] = interval.low, interval.high
    scores["auc"] = roc_auc_score(outcome, probability) if both else float("nan")
    return {**scores, **corp(outcome, probability)._asdict()}
