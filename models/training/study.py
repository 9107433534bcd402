"""What a training run is asked beyond its scores: events, claims, ablation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pandas as pd

from features.panel import DataError, MarketPanel
from models.training.ablation import ablation
from models.training.evidence import event_forecasts
from models.training.landmarks import STEP_DAYS
from models.training.run import Progress, Training, at_risk_rows, silent
from models.verification.events import (
    LEVELS,
    WARNING_LEVEL,
    before_onsets,
    contingency,
    leave_one_episode_out,
)
from models.vocabulary import Kind


@dataclass(frozen=True)
class Study:
    """Tables about the champion's forecasts of broad seasons and about the history."""

    horizon_days: int  # of the forecasts in the first three tables
    warning_level: float  # probability from which on a forecast counts as a warning
    before_onsets: pd.DataFrame  # what was forecast before each onset
    contingency: pd.DataFrame  # hits, misses and false alarms at stated levels
    without_episode: pd.DataFrame  # skill with each episode left out in turn
    claims: pd.DataFrame  # the article's claims, tested on the history
    ablation: pd.DataFrame  # skill with and without each feature group

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables by name."""
        return {
            name: getattr(self, name)
            for name in ("before_onsets", "contingency", "without_episode", "claims", "ablation")
        }


def champion_forecasts(training: Training) -> pd.DataFrame:
    """Return the champion's hindcast of broad seasons at 90 days, or the horizon next to it."""
    return event_forecasts(at_risk_rows(training.hindcast), training.choice.champion)


def has_events(training: Training) -> bool:
    """Return whether an onset has followed a resolved forecast of the champion."""
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
    """Make the tables of a training run, on the market and with the claims of the same history.

    Raises `DataError` if no onset has followed a resolved forecast yet.
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
