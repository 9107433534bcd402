"""The verification of a hindcast: scores and skill per horizon and over all, and comparisons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from models.leads import FloatArray
from models.verification.scores import (
    average_precision,
    brier_scores,
    corp,
    log_scores,
    sharpness,
)
from models.verification.significance import (
    MIN_BLOCK_DAYS,
    MIN_UNITS,
    RESAMPLES,
    Interval,
    diebold_mariano,
    difference_interval,
    episode_counts,
    resample_counts,
    skill_interval,
    verdict,
)

PERSISTENCE = "persistence"
_SKILL = (
    "skill", "skill_low", "skill_high", "skill_episode_low", "skill_episode_high",
    "skill_vs_persistence", "skill_vs_persistence_low", "skill_vs_persistence_high",
)  # fmt: skip
_DIFFERENCE = (
    "difference", "difference_low", "difference_high", "difference_episode_low",
    "difference_episode_high", "p_value", "verdict",
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
COMPARE_COLUMNS = (
    "kind", "horizon_days", "first", "second", "days", "episodes",
    *(f"brier_{name}" for name in _DIFFERENCE), *(f"log_{name}" for name in _DIFFERENCE),
)  # fmt: skip

Score = Callable[[FloatArray, FloatArray], FloatArray]
_SCORES: tuple[tuple[str, Score], ...] = (("brier", brier_scores), ("log", log_scores))
_UNKNOWN = Interval(float("nan"), float("nan"), float("nan"))


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
        for sample in _by_horizon(hindcast):
            counts = _counts(sample, onsets, step_days, resamples, seed)
            outcome, size = sample.outcome[:, 0], _size(sample, onsets)
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
        for sample in _over_horizons(hindcast):
            counts = _counts(sample, onsets, step_days, resamples, seed)
            size = _size(sample, onsets)
            for model in sample.probability:
                rows.append({**size, "model": model, **_skills(sample, model, counts)})
    return pd.DataFrame(rows, columns=list(INTEGRATED_COLUMNS))


def compare(
    hindcast: pd.DataFrame,
    first: str,
    second: str,
    onsets: Mapping[str, pd.DatetimeIndex],
    *,
    step_days: int,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare two models on the same days, at each horizon and over all.

    Parameters
    ----------
    hindcast : pandas.DataFrame
        From `hindcast`.
    first, second : str
        Names of two of its models.
    onsets, step_days, resamples, seed
        As for `verify`.

    Returns
    -------
    pandas.DataFrame
        Columns `kind`, `horizon_days` (missing where the scores are means over
        all horizons, as from `integrated`), `first`, `second`, `days`,
        `episodes`, `brier_difference` (first - second: negative where the first
        is better) with its 90 % interval from blocks, `_low` and `_high`, and
        from episodes, `_episode_low` and `_episode_high`, `brier_p_value` of
        the Diebold-Mariano test, `brier_verdict` on the first by blocks
        (better, worse, cannot tell); the same for the log score in `log_`.

    Raises
    ------
    ValueError
        If the hindcast holds no forecasts of one of the models, or one lacks
        forecasts that the other has.
    """
    for name in (first, second):
        if name not in set(hindcast["model"]):
            known = ", ".join(hindcast["model"].unique())
            raise ValueError(f"model must be in the hindcast, got {name}; it holds {known}.")
    pair = hindcast[hindcast["model"].isin([first, second])]
    rows: list[dict[str, object]] = []
    with threadpool_limits(limits=1):
        by_horizon = [(sample, sample.longest) for sample in _by_horizon(pair)]
        over_all = [(sample, pd.NA) for sample in _over_horizons(pair)]
        for sample, horizon_days in [*by_horizon, *over_all]:
            counts = _counts(sample, onsets, step_days, resamples, seed)
            found = _difference(sample, first, second, counts, step_days)
            rows.append({**_size(sample, onsets), "horizon_days": horizon_days, **found})
    table = pd.DataFrame(rows, columns=list(COMPARE_COLUMNS))
    return table.assign(first=first, second=second).astype({"horizon_days": "Int64"})


def integrated_differences(
    hindcast: pd.DataFrame,
    kind: str,
    *,
    step_days: int,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[tuple[str, str], Interval]:
    """Return the paired differences of the log score over all horizons, of every two models.

    Parameters
    ----------
    hindcast, step_days, resamples, seed
        As for `verify`; blocks are as long as the longest horizon.
    kind : str
        Kind of season.

    Returns
    -------
    dict of (str, str) to Interval
        By first and second model: first - second, negative where the first is
        better, as `compare` has it. Empty while the days resolved at every
        horizon span less than 5 blocks.
    """
    differences: dict[tuple[str, str], Interval] = {}
    with threadpool_limits(limits=1):
        for sample in _over_horizons(hindcast[hindcast["kind"] == kind]):
            counts = _block_counts(sample, step_days, resamples, seed)
            if np.isnan(counts).any():
                continue
            scores = {model: sample.scores(log_scores, model) for model in sample.probability}
            for first, second in permutations(scores, 2):
                differences[first, second] = difference_interval(
                    scores[first], scores[second], counts
                )
    return differences


@dataclass(frozen=True)
class _Sample:
    """Forecasts of one kind by all models for the same days; arrays have shape (n, horizons)."""

    kind: str
    as_of: pd.DatetimeIndex
    horizons: tuple[int, ...]
    outcome: FloatArray
    climatology: FloatArray
    probability: dict[str, FloatArray]

    @property
    def longest(self) -> int:
        return max(self.horizons)

    @property
    def varied(self) -> bool:
        """Return whether there is anything to tell apart.

        Where every outcome is the same, no resample knows the other, and a ratio of two scores
        near 0 would only amplify rounding.
        """
        return bool(0 < self.outcome.mean() < 1)

    def resolved(self, columns: list[int]) -> Iterator[_Sample]:
        """Yield the days resolved at all of the horizons in these columns, if there are any."""
        rows = np.flatnonzero(~np.isnan(self.outcome[:, columns]).any(axis=1))
        if rows.size:
            cells = rows[:, None], columns
            yield _Sample(
                self.kind,
                self.as_of[rows],
                tuple(self.horizons[column] for column in columns),
                self.outcome[cells],
                self.climatology[cells],
                {model: values[cells] for model, values in self.probability.items()},
            )

    def scores(self, score: Score, model: str | None = None) -> FloatArray:
        """Return a model's score on each day, the mean over the horizons; else climatology's."""
        forecasts = self.climatology if model is None else self.probability[model]
        return score(self.outcome, forecasts).mean(axis=1)


class _Counts(NamedTuple):
    blocks: FloatArray
    episodes: FloatArray


def _samples(hindcast: pd.DataFrame) -> Iterator[_Sample]:
    for kind in hindcast["kind"].unique():
        own = hindcast[hindcast["kind"] == kind]
        day, days = pd.factorize(own["as_of"], sort=True)
        model, models = pd.factorize(own["model"])
        horizon, horizons = pd.factorize(own["horizon_days"])
        values = own[["probability", "climatology", "outcome"]].to_numpy(dtype=float)
        cube = np.full((3, len(models), len(days), len(horizons)), np.nan)
        cube[:, model, day, horizon] = values.T
        lacking = np.isnan(cube[0]).any(axis=-1).sum(axis=-1)
        if lacking.any():
            raise ValueError(
                f"every model must have a forecast at every horizon of a day, "
                f"{models[lacking.argmax()]} lacks one on {lacking.max()} of {len(days)} {kind} "
                f"days; leave these days out."
            )
        yield _Sample(
            kind=str(kind),
            as_of=pd.DatetimeIndex(days),
            horizons=tuple(int(each) for each in horizons),
            outcome=cube[2, 0],
            climatology=cube[1, 0],
            probability=dict(zip(models, cube[0], strict=True)),
        )


def _by_horizon(hindcast: pd.DataFrame) -> Iterator[_Sample]:
    for sample in _samples(hindcast):
        for column in range(len(sample.horizons)):
            yield from sample.resolved([column])


def _over_horizons(hindcast: pd.DataFrame) -> Iterator[_Sample]:
    for sample in _samples(hindcast):
        yield from sample.resolved(list(range(len(sample.horizons))))


def _block_counts(sample: _Sample, step_days: int, resamples: int, seed: int) -> FloatArray:
    block_days = max(sample.longest, MIN_BLOCK_DAYS)
    calendar_days = (sample.as_of[-1] - sample.as_of[0]).days + step_days
    # NaN counts leave intervals without ends. Strict: a calendar of just five blocks suffices.
    if calendar_days < MIN_UNITS * block_days:
        return np.full((resamples, len(sample.as_of)), np.nan)
    return resample_counts(
        sample.as_of, block_days=block_days, step_days=step_days, resamples=resamples, seed=seed
    )


def _counts(
    sample: _Sample,
    onsets: Mapping[str, pd.DatetimeIndex],
    step_days: int,
    resamples: int,
    seed: int,
) -> _Counts:
    blocks = _block_counts(sample, step_days, resamples, seed)
    episodes = episode_counts(sample.as_of, onsets[sample.kind], resamples=resamples, seed=seed)
    return _Counts(blocks, episodes)


def _size(sample: _Sample, onsets: Mapping[str, pd.DatetimeIndex]) -> dict[str, object]:
    episodes = _episodes(sample.as_of, sample.longest, onsets[sample.kind])
    return {"kind": sample.kind, "days": len(sample.as_of), "episodes": episodes}


def _episodes(as_of: pd.DatetimeIndex, horizon: int, onsets: pd.DatetimeIndex) -> int:
    # The first onset after each row: side="right" leaves out an onset on the row's own day.
    after = np.searchsorted(onsets.to_numpy(), as_of.to_numpy(), side="right")
    exists = after < len(onsets)
    ahead = onsets.to_numpy()[after[exists]] - as_of.to_numpy()[exists]
    return len(np.unique(after[exists][ahead <= np.timedelta64(horizon, "D")]))


def _skills(sample: _Sample, model: str, counts: _Counts) -> dict[str, object]:
    row: dict[str, object] = {}
    for name, score in _SCORES:
        own, reference = sample.scores(score, model), sample.scores(score)
        blocks = episodes = persistence = _UNKNOWN
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


def _difference(
    sample: _Sample, first: str, second: str, counts: _Counts, step_days: int
) -> dict[str, object]:
    row: dict[str, object] = {}
    for name, score in _SCORES:
        scores = sample.scores(score, first), sample.scores(score, second)
        blocks = episodes = _UNKNOWN
        p_value = float("nan")
        if sample.varied:
            blocks = difference_interval(*scores, counts.blocks)
            episodes = difference_interval(*scores, counts.episodes)
            p_value = diebold_mariano(
                *scores, sample.as_of, horizon_days=sample.longest, step_days=step_days
            ).p_value
        found = verdict(blocks, lower_is_better=True)
        values = (*blocks, *episodes[1:], p_value, found)
        row |= {f"{name}_{column}": v for column, v in zip(_DIFFERENCE, values, strict=True)}
    return row
