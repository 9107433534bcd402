"""Resolved forecasts of all models for the same days, and what measures their error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from models.hazard.leads import FloatArray
from models.verification.contrasts import Contrasts, episode_contrasts, window_contrasts
from models.verification.scores import brier_scores, log_scores
from models.verification.significance import Interval

Score = Callable[[FloatArray, FloatArray], FloatArray]
SCORES: tuple[tuple[str, Score], ...] = (("brier", brier_scores), ("log", log_scores))
UNKNOWN = Interval(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True)
class Sample:
    """Forecasts of one kind by all models for the same days; arrays have shape (n, horizons)."""

    kind: str
    as_of: pd.DatetimeIndex
    horizons: tuple[int, ...]
    outcome: FloatArray
    climatology: FloatArray
    probability: dict[str, FloatArray]

    @property
    def longest(self) -> int:
        """Longest horizon, days."""
        return max(self.horizons)

    @property
    def varied(self) -> bool:
        """Return whether there is anything to tell apart.

        Where every outcome is the same, nothing measures how the other would score, and a ratio
        of two scores near 0 would only amplify rounding.
        """
        return bool(0 < self.outcome.mean() < 1)

    def resolved(self, columns: list[int]) -> Iterator[Sample]:
        """Yield the days resolved at all of the horizons in these columns, if there are any."""
        rows = np.flatnonzero(~np.isnan(self.outcome[:, columns]).any(axis=1))
        if rows.size:
            cells = rows[:, None], columns
            yield Sample(
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


class Units(NamedTuple):
    """Contrasts of the rows by unit of evidence."""

    windows: Contrasts
    episodes: Contrasts


def _samples(hindcast: pd.DataFrame) -> Iterator[Sample]:
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
        yield Sample(
            kind=str(kind),
            as_of=pd.DatetimeIndex(days),
            horizons=tuple(int(each) for each in horizons),
            outcome=cube[2, 0],
            climatology=cube[1, 0],
            probability=dict(zip(models, cube[0], strict=True)),
        )


def by_horizon(hindcast: pd.DataFrame) -> Iterator[Sample]:
    """Yield the resolved forecasts of each kind and horizon."""
    for sample in _samples(hindcast):
        for column in range(len(sample.horizons)):
            yield from sample.resolved([column])


def over_horizons(hindcast: pd.DataFrame) -> Iterator[Sample]:
    """Yield the forecasts of each kind on the days resolved at every horizon."""
    for sample in _samples(hindcast):
        yield from sample.resolved(list(range(len(sample.horizons))))


class SampleSize(NamedTuple):
    """How much a score rests on: forecasts resolved, and different onsets in their windows."""

    kind: str
    days: int
    episodes: int


def contrasts_over(sample: Sample, step_days: int) -> Contrasts:
    """Return contrasts for windows of the longest horizon."""
    return window_contrasts(sample.as_of, horizon_days=sample.longest, step_days=step_days)


def units_of(sample: Sample, onsets: Mapping[str, pd.DatetimeIndex], step_days: int) -> Units:
    """Return contrasts by windows and by episodes."""
    episodes = episode_contrasts(sample.as_of, onsets[sample.kind])
    return Units(contrasts_over(sample, step_days), episodes)


def sample_size(sample: Sample, onsets: Mapping[str, pd.DatetimeIndex]) -> SampleSize:
    """Return kind, days and episodes of a sample."""
    episodes = _episodes(sample.as_of, sample.longest, onsets[sample.kind])
    return SampleSize(sample.kind, len(sample.as_of), episodes)


def _episodes(as_of: pd.DatetimeIndex, horizon: int, onsets: pd.DatetimeIndex) -> int:
    # The first onset after each row: side="right" leaves out an onset on the row's own day.
    after = np.searchsorted(onsets.to_numpy(), as_of.to_numpy(), side="right")
    exists = after < len(onsets)
    ahead = onsets.to_numpy()[after[exists]] - as_of.to_numpy()[exists]
    return len(np.unique(after[exists][ahead <= np.timedelta64(horizon, "D")]))
