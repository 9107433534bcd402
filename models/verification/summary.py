"""The verification of a hindcast: scores and skill, per horizon and over all."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from models.hazard.leads import FloatArray
from models.verification.sample import (
    SCORES,
    UNKNOWN,
    Counts,
    Sample,
    by_horizon,
    counts_of,
    evidence,
    over_horizons,
)
from models.verification.scores import average_precision, corp, sharpness
from models.verification.significance import RESAMPLES, skill_interval, verdict

PERSISTENCE = "persistence"
_SKILL = (
    "skill", "skill_low", "skill_high", "skill_episode_low", "skill_episode_high",
    "skill_vs_persistence", "skill_vs_persistence_low", "skill_vs_persistence_high",
)  # fmt: skip
_SKILLS = (
    "brier", *(f"brier_{name}" for name in _SKILL),
    "log_score", *(f"log_{name}" for name in _SKILL), "verdict",
)  # fmt: skip
COLUMNS = (
    "kind", "horizon_days", "model", "days", "episodes", "base_rate", *_SKILLS,
    "auc", "average_precision", "sharpness", "miscalibration", "discrimination", "uncertainty",
)  # fmt: skip
INTEGRATED_COLUMNS = ("kind", "model", "days", "episodes", *_SKILLS)


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
        Onset days of each kind: the episodes.
    step_days : int
        Days between the as_of days.
    resamples, seed : int
        Of the bootstraps; blocks are as long as the horizon, 90 days at the
        least.

    Returns
    -------
    pandas.DataFrame
        Columns `kind`, `horizon_days`, `model`, `days` (forecasts resolved),
        `episodes` (different onsets inside their windows), `base_rate`,
        `brier`, `brier_skill` against climatology with its 90 % interval from
        blocks, `_low` and `_high`, and from episodes, `_episode_low` and
        `_episode_high`, `brier_skill_vs_persistence` with `_low` and `_high`;
        `log_score` and `log_skill` in the same way; `verdict` on the Brier
        skill by blocks (better, worse, cannot tell); `auc`,
        `average_precision`, `sharpness`, `miscalibration`, `discrimination`,
        `uncertainty`. What cannot be computed is NaN: ends of intervals too,
        where the days span less than 5 blocks, or the rows of 5 episodes.

    Raises
    ------
    ValueError
        If a model lacks forecasts that another has.
    """
    rows: list[dict[str, object]] = []
    with threadpool_limits(limits=1):
        for sample in by_horizon(hindcast):
            counts = counts_of(sample, onsets, step_days, resamples, seed)
            outcome, size = sample.outcome[:, 0], evidence(sample, onsets)
            size |= {"horizon_days": sample.longest, "base_rate": outcome.mean()}
            for model, forecasts in sample.probability.items():
                parts = _parts(outcome, forecasts[:, 0])
                rows.append({**size, "model": model, **_skills(sample, model, counts), **parts})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def integrated(
    hindcast: pd.DataFrame,
    onsets: Mapping[str, pd.DatetimeIndex],
    *,
    step_days: int,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Score the forecasts of a hindcast over all horizons at once.

    A day's score is the mean of its scores at all horizons; days count where
    every horizon is resolved.

    Parameters
    ----------
    hindcast, onsets, step_days, resamples, seed
        As for `verify`; blocks are as long as the longest horizon.

    Returns
    -------
    pandas.DataFrame
        Columns `kind`, `model`, `days`, `episodes`, then as from `verify` from
        `brier` to `verdict`.

    Raises
    ------
    ValueError
        If a model lacks forecasts that another has.
    """
    rows: list[dict[str, object]] = []
    with threadpool_limits(limits=1):
        for sample in over_horizons(hindcast):
            counts = counts_of(sample, onsets, step_days, resamples, seed)
            size = evidence(sample, onsets)
            for model in sample.probability:
                rows.append({**size, "model": model, **_skills(sample, model, counts)})
    return pd.DataFrame(rows, columns=list(INTEGRATED_COLUMNS))


def _skills(sample: Sample, model: str, counts: Counts) -> dict[str, object]:
    row: dict[str, object] = {}
    for name, score in SCORES:
        own, reference = sample.scores(score, model), sample.scores(score)
        blocks = episodes = persistence = UNKNOWN
        if sample.varied:
            blocks = skill_interval(own, reference, counts.blocks)
            episodes = skill_interval(own, reference, counts.episodes)
        if sample.varied and PERSISTENCE in sample.probability:
            other = sample.scores(score, PERSISTENCE)
            persistence = skill_interval(own, other, counts.blocks)
        values = (*blocks, *episodes[1:], *persistence)
        row["brier" if name == "brier" else "log_score"] = own.mean()
        row |= {f"{name}_{column}": v for column, v in zip(_SKILL, values, strict=True)}
        if name == "brier":
            row["verdict"] = verdict(blocks)
    return row


def _parts(outcome: FloatArray, probability: FloatArray) -> dict[str, float]:
    both = 0 < outcome.mean() < 1
    return {
        "auc": roc_auc_score(outcome, probability) if both else float("nan"),
        "average_precision": average_precision(outcome, probability),
        "sharpness": sharpness(probability),
        **corp(outcome, probability)._asdict(),
    }
