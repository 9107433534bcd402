"""What a training run is asked beyond its scores: events, claims, ablation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pandas as pd

from features.panel import DataError, MarketPanel
from models.training.ablation import ablation
from models.training.landmarks import STEP_DAYS
from models.training.run import Progress, Training, silent
from models.verification.events import (
    LEVELS,
    WARNING_LEVEL,
    before_onsets,
    contingency,
    leave_one_episode_out,
)
from models.vocabulary import Kind

EVENT_HORIZON = 90


@dataclass(frozen=True)
class Study:
    """Tables about the champion's forecasts of broad seasons and about the history.

    Parameters
    ----------
    horizon_days : int
        Horizon of the forecasts behind the first three tables.
    warning_level : float
        Probability from which on a forecast counts as a warning.
    before_onsets : pandas.DataFrame
        What was said before each onset.
    contingency : pandas.DataFrame
        Hits, misses and false alarms at stated levels.
    without_episode : pandas.DataFrame
        Skill with each episode left out in turn.
    claims : pandas.DataFrame
        The article's claims, tested on the history.
    ablation : pandas.DataFrame
        Skill with and without each feature group.
    """

    horizon_days: int
    warning_level: float
    before_onsets: pd.DataFrame
    contingency: pd.DataFrame
    without_episode: pd.DataFrame
    claims: pd.DataFrame
    ablation: pd.DataFrame

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables by name."""
        return {
            name: getattr(self, name)
            for name in ("before_onsets", "contingency", "without_episode", "claims", "ablation")
        }


def champion_forecasts(training: Training) -> pd.DataFrame:
    """Return the champion's hindcast of broad seasons at 90 days, or the horizon next to it."""
    horizon = min(training.settings.horizons, key=lambda days: abs(days - EVENT_HORIZON))
    rows = training.hindcast
    same = (rows["kind"] == Kind.BROAD) & (rows["model"] == training.choice.champion)
    return rows[same & (rows["horizon_days"] == horizon)].sort_values("as_of", ignore_index=True)


def has_events(training: Training) -> bool:
    """Tell whether an onset has followed a resolved forecast of the champion."""
    forecasts = champion_forecasts(training)
    resolved = forecasts.loc[forecasts["outcome"].notna(), "as_of"]
    return bool(len(resolved)) and bool((training.onsets[Kind.BROAD] > resolved.min()).any())


def study(
    panel: MarketPanel,
    training: Training,
    claims: pd.DataFrame,
    jobs: int = 1,
    progress: Progress = silent,
) -> Study:
    """Make the tables of a training run.

    Parameters
    ----------
    panel : MarketPanel
        The market that it was trained on.
    training : Training
        The run.
    claims : pandas.DataFrame
        From `models.training.claims.claims`, on the same history.
    jobs, progress
        As for `models.training.run.train`.

    Raises
    ------
    DataError
        If no onset has followed a resolved forecast yet.
    """
    if not has_events(training):
        raise DataError(
            f"a report needs an onset after a resolved forecast, there is none until "
            f"{training.until:%Y-%m-%d}; leave out --report or take a later --until."
        )
    forecasts = champion_forecasts(training)
    onsets = training.onsets[Kind.BROAD]
    return Study(
        horizon_days=int(forecasts["horizon_days"].iloc[0]),
        warning_level=WARNING_LEVEL,
        before_onsets=before_onsets(forecasts, onsets, level=WARNING_LEVEL, step_days=STEP_DAYS),
        contingency=contingency(
            forecasts, onsets, step_days=STEP_DAYS, levels=sorted({*LEVELS, WARNING_LEVEL})
        ),
        without_episode=leave_one_episode_out(forecasts, onsets),
        claims=claims,
        ablation=ablation(
            panel,
            training.settings,
            until=training.until,
            jobs=jobs,
            progress=partial(progress, "ablation"),
        ),
    )
