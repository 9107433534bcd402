"""Skill of forecasts against a reference and against one another, group by group.

Every table here is one loop over samples (`models.verification.samples`), at each horizon and over
all of them, and over the models or pairs of models in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, permutations
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score
from threadpoolctl import threadpool_limits

from models.hazard.leads import FloatArray
from models.verification.contrasts import Contrasts, episode_contrasts
from models.verification.intervals import (
    UNKNOWN,
    Interval,
    difference_interval,
    p_value,
    skill_interval,
    verdict,
)
from models.verification.ranking import auc_interval
from models.verification.samples import (
    FIRST,
    LAYOUT,
    SECOND,
    Layout,
    Sample,
    by_horizon,
    over_horizons,
)
from models.verification.scores import brier_scores, corp, log_scores, sharpness

PERSISTENCE = "persistence"
SCORES = (("brier", brier_scores), ("log", log_scores))
_Measure = Callable[[FloatArray, FloatArray, Contrasts], Interval]

# Of a model against the reference, with its 90 % interval by windows, that by episodes, and against
# persistence; what cannot be computed is NaN. The verdict is on the Brier skill by windows.
_SKILL = (
    "skill", "skill_low", "skill_high", "skill_episode_low", "skill_episode_high",
    "skill_vs_persistence", "skill_vs_persistence_low", "skill_vs_persistence_high",
)  # fmt: skip
_SKILLS = (
    "brier", *(f"brier_{name}" for name in _SKILL),
    "log_score", *(f"log_{name}" for name in _SKILL), "verdict",
)  # fmt: skip
_PARTS = (
    "auc", "auc_low", "auc_high", "average_precision", "sharpness",
    "miscalibration", "discrimination", "uncertainty",
)  # fmt: skip
# Mean score of the first less that of the second: below 0 the first is better.
_DIFFERENCE = (
    "difference", "difference_low", "difference_high", "difference_episode_low",
    "difference_episode_high", "p_value", "verdict",
)  # fmt: skip
_SHORT = (*_DIFFERENCE[:3], "verdict")


class _Units(NamedTuple):
    """Contrasts of the days of a sample by unit of evidence."""

    windows: Contrasts
    episodes: Contrasts


def verify(rows: pd.DataFrame, *, step_days: int, layout: Layout = LAYOUT) -> pd.DataFrame:
    """Score every model in each group at each horizon, with days `step_days` apart."""
    columns = (
        *layout.groups, layout.horizon, "model", "days", "episodes", "base_rate", *_SKILLS, *_PARTS,
    )  # fmt: skip
    return _scored(by_horizon(rows, layout), columns, step_days)


def integrated(rows: pd.DataFrame, *, step_days: int, layout: Layout = LAYOUT) -> pd.DataFrame:
    """Score every model in each group over all horizons: a day's score is the mean of its scores.

    Days count where every horizon is resolved; windows are as long as the longest.
    """
    columns = (*layout.groups, "model", "days", "episodes", *_SKILLS)
    return _scored(over_horizons(rows, layout), columns, step_days)


def compare(
    rows: pd.DataFrame,
    first: str,
    seconds: Sequence[str],
    *,
    step_days: int,
    layout: Layout = LAYOUT,
) -> pd.DataFrame:
    """Compare a model with others on the same days, at each horizon and, without it, over all."""
    compared = rows[rows["model"].isin([first, *seconds, layout.reference])]
    samples = chain(by_horizon(compared, layout), over_horizons(compared, layout))
    made = [
        {
            **sample.key, **sample.size, "first": first, "second": second,
            **_difference(sample, first, second, units),
        }
        for sample, units in _with_units(samples, step_days)
        for second in seconds
    ]  # fmt: skip
    columns = (
        *layout.groups, layout.horizon, "first", "second", "days", "episodes",
        *(f"{score}_{name}" for score, _ in SCORES for name in _DIFFERENCE),
    )  # fmt: skip
    return _table(made, columns, layout)


def integrated_differences(
    rows: pd.DataFrame, *, step_days: int, layout: Layout = LAYOUT
) -> dict[tuple[str, str], Interval]:
    """Return the paired difference of the log score over all horizons, first - second, by models.

    The rows are those of one group. Empty while the days resolved at every horizon span less than
    5 windows of the longest.
    """
    return {
        (first, second): difference_interval(
            sample.scores(log_scores, first), sample.scores(log_scores, second), units.windows
        )
        for sample, units in _with_units(over_horizons(rows, layout), step_days)
        if not np.isnan(units.windows.degrees)
        for first, second in permutations(sample.probability, 2)
    }


def paired_scores(rows: pd.DataFrame, *, step_days: int, layout: Layout = LAYOUT) -> pd.DataFrame:
    """Return the Brier skills of the models `first` and `second` and their paired difference.

    The rows are those of `common_rows` with their episodes. A row of the result per group and
    horizon, and one over all horizons, in which the horizon is missing.
    """
    samples = chain(by_horizon(rows, layout), over_horizons(rows, layout))
    made = []
    for sample, units in _with_units(samples, step_days):
        first, second = (_skills(sample, model, units)["brier_skill"] for model in (FIRST, SECOND))
        difference = _difference(sample, FIRST, SECOND, units)
        brier = {name: difference[f"brier_{name}"] for name in _SHORT}
        skills = {"first_skill": first, "second_skill": second}
        made.append({**sample.key, **sample.size, **skills, **brier})
    size = ("days", "episodes", "first_skill", "second_skill")
    return _table(made, (*layout.groups, layout.horizon, *size, *_SHORT), layout)


def _with_units(samples: Iterable[Sample], step_days: int) -> Iterator[tuple[Sample, _Units]]:
    # One thread: the order of sums, and so the last bits, must not depend on the machine.
    with threadpool_limits(limits=1):
        for sample in samples:
            yield sample, _Units(sample.windows(step_days), episode_contrasts(sample.episode))


def _scored(samples: Iterable[Sample], columns: Sequence[str], step_days: int) -> pd.DataFrame:
    made = [
        {
            **sample.key, **sample.size, "model": model, **_skills(sample, model, units),
            **(_parts(sample, model) if "auc" in columns else {}),
        }
        for sample, units in _with_units(samples, step_days)
        for model in sample.probability
    ]  # fmt: skip
    return pd.DataFrame(made, columns=list(columns))


def _table(made: list[dict[str, object]], columns: Sequence[str], layout: Layout) -> pd.DataFrame:
    """Return rows as a table in which the horizon may be missing, whole days unless in words."""
    table = pd.DataFrame(made, columns=list(columns))
    return table.astype({layout.horizon: "Int64"}, errors="ignore")


def _measured(
    sample: Sample, units: _Units, measure: _Measure, first: FloatArray, second: FloatArray
) -> tuple[float, ...]:
    """Return value, ends by windows and ends by episodes; NaN where every outcome is the same."""
    if not sample.varied:
        return (*UNKNOWN, *UNKNOWN[1:])
    windows, episodes = (measure(first, second, contrasts) for contrasts in units)
    return (*windows, *episodes[1:])


def _skills(sample: Sample, model: str, units: _Units) -> dict[str, object]:
    row: dict[str, object] = {}
    for name, score in SCORES:
        scores, reference = sample.scores(score, model), sample.scores(score)
        values = _measured(sample, units, skill_interval, scores, reference)
        simple: tuple[float, ...] = UNKNOWN
        if PERSISTENCE in sample.probability:
            persistence = sample.scores(score, PERSISTENCE)
            simple = _measured(sample, units, skill_interval, scores, persistence)[:3]
        row["brier" if name == "brier" else "log_score"] = scores.mean()
        columns = (f"{name}_{column}" for column in _SKILL)
        row |= dict(zip(columns, (*values, *simple), strict=True))
        if name == "brier":
            row["verdict"] = verdict(Interval(*values[:3]))
    return row


def _difference(sample: Sample, first: str, second: str, units: _Units) -> dict[str, object]:
    row: dict[str, object] = {}
    for name, score in SCORES:
        scores = sample.scores(score, first), sample.scores(score, second)
        values = _measured(sample, units, difference_interval, *scores)
        p = p_value(*scores, units.windows) if sample.varied else float("nan")
        judged = verdict(Interval(*values[:3]), lower_is_better=True)
        columns = (f"{name}_{column}" for column in _DIFFERENCE)
        row |= dict(zip(columns, (*values, p, judged), strict=True))
    return row


def _parts(sample: Sample, model: str) -> dict[str, float]:
    outcome, probability = sample.outcome[:, 0], sample.probability[model][:, 0]
    auc = auc_interval(outcome, probability)
    return {
        "base_rate": outcome.mean(),
        "auc": auc.value,
        "auc_low": auc.low,
        "auc_high": auc.high,
        # Precision averaged over the recall gained at each threshold; undefined without outcome 1.
        "average_precision": (
            average_precision_score(outcome, probability) if outcome.any() else float("nan")
        ),
        "sharpness": sharpness(probability),
        **corp(outcome, probability)._asdict(),
    }
