"""The verification of a hindcast: scores and skill, per horizon and over all."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from threadpoolctl import threadpool_limits

from models.hazard.leads import FloatArray
from models.verification.ranking import auc_interval
from models.verification.sample import (
    SCORES,
    UNKNOWN,
    Sample,
    Units,
    by_horizon,
    over_horizons,
    sample_size,
    units_of,
)
from models.verification.scores import average_precision, corp, sharpness
from models.verification.significance import skill_interval, verdict

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
    "auc", "auc_low", "auc_high", "average_precision", "sharpness",
    "miscalibration", "discrimination", "uncertainty",
)  # fmt: skip
INTEGRATED_COLUMNS = ("kind", "model", "days", "episodes", *_SKILLS)


def verify(
    hindcast: pd.DataFrame,
    onsets: Mapping[str, pd.DatetimeIndex],
    *,
    step_days: int,
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

    Returns
    -------
    pandas.DataFrame
        Columns `kind`, `horizon_days`, `model`, `days` (forecasts resolved),
        `episodes` (different onsets inside their windows), `base_rate`,
        `brier`, `brier_skill` against climatology with its 90 % interval by
        windows, `_low` and `_high`, and by episodes, `_episode_low` and
        `_episode_high`, `brier_skill_vs_persistence` with `_low` and `_high`;
        `log_score` and `log_skill` in the same way; `verdict` on the Brier
        skill by windows (better, worse, cannot tell); `auc` with its 90 % interval
        by spells, `auc_low` and `auc_high`; `average_precision`, `sharpness`,
        `miscalibration`, `discrimination`, `uncertainty`. What cannot be computed
        is NaN: ends of intervals of skills too, where the days span less than 5
        windows (see `window_contrasts`), or the
        rows count as less than 5 episodes (see `episode_contrasts`).

    Raises
    ------
    ValueError
        If a model lacks forecasts that another has.
    """
    rows: list[dict[str, object]] = []
    with threadpool_limits(limits=1):
        for sample in by_horizon(hindcast):
            units = units_of(sample, onsets, step_days)
            outcome = sample.outcome[:, 0]
            common = {
                **sample_size(sample, onsets)._asdict(),
                "horizon_days": sample.longest,
                "base_rate": outcome.mean(),
            }
            for model, forecasts in sample.probability.items():
                parts = _parts(outcome, forecasts[:, 0])
                rows.append({**common, "model": model, **_skills(sample, model, units), **parts})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def integrated(
    hindcast: pd.DataFrame,
    onsets: Mapping[str, pd.DatetimeIndex],
    *,
    step_days: int,
) -> pd.DataFrame:
    """Score the forecasts of a hindcast over all horizons at once.

    A day's score is the mean of its scores at all horizons; days count where
    every horizon is resolved.

    Parameters
    ----------
    hindcast, onsets, step_days
        As for `verify`; windows are as long as the longest horizon.

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
            units = units_of(sample, onsets, step_days)
            size = sample_size(sample, onsets)._asdict()
            for model in sample.probability:
                rows.append({**size, "model": model, **_skills(sample, model, units)})
    return pd.DataFrame(rows, columns=list(INTEGRATED_COLUMNS))


def _skills(sample: Sample, model: str, units: Units) -> dict[str, object]:
    row: dict[str, object] = {}
    for name, score in SCORES:
        own, reference = sample.scores(score, model), sample.scores(score)
        windows = episodes = persistence = UNKNOWN
        if sample.varied:
            windows = skill_interval(own, reference, units.windows)
            episodes = skill_interval(own, reference, units.episodes)
        if sample.varied and PERSISTENCE in sample.probability:
            other = sample.scores(score, PERSISTENCE)
            persistence = skill_interval(own, other, units.windows)
        values = (*windows, *episodes[1:], *persistence)
        row["brier" if name == "brier" else "log_score"] = own.mean()
        row |= {f"{name}_{column}": v for column, v in zip(_SKILL, values, strict=True)}
        if name == "brier":
            row["verdict"] = verdict(windows)
    return row


def _parts(outcome: FloatArray, probability: FloatArray) -> dict[str, float]:
    auc = auc_interval(outcome, probability)
    return {
        "auc": auc.value,
        "auc_low": auc.low,
        "auc_high": auc.high,
        "average_precision": average_precision(outcome, probability),
        "sharpness": sharpness(probability),
        **corp(outcome, probability)._asdict(),
    }
