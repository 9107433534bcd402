"""Counts and scores of a group of recorded forecasts, ready for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from models.hazard.leads import FloatArray
from models.verification.counts import RareEventScores, rare_event_scores
from models.verification.scores import brier_scores, log_scores, skill

CLASSES = (0.0, 0.25, 0.5, 0.75, 1.0)


def score(group: pd.DataFrame, clustering: float) -> dict[str, Any]:
    """Return counts and scores of one group of windows, over the resolved ones only.

    Parameters
    ----------
    group : pandas.DataFrame
        Windows of one way of making, kind, threshold, length and model, with their status and
        outcome.
    clustering : float
        Dispersion of the onsets before them, NaN if it is not known.
    """
    first, counts = group.iloc[0], group["status"].value_counts()
    done = group[group["status"] == "resolved"]
    waiting = group.loc[group["status"] == "open", "window_end"]
    rare = _rare_events(done, clustering)
    return {
        "made": first["made"],
        "kind": first["kind"],
        "threshold": first["threshold"],
        "horizon_days": None if first["by_date"] else int(first["horizon_days"]),
        "date": first["window_end"] if first["by_date"] else None,
        "model": first["model"],
        "resolved": len(done),
        "open": len(waiting),
        "next_resolved_on": waiting.min() if len(waiting) else None,
        **{name: int(counts.get(name, 0)) for name in ("no_forecast", "repeated", "revised")},
        "in_training": int(done["in_training"].sum()),
        "with_days_without_index": int((done["days_without_index"] > 0).sum()),
        "onsets": int(done["outcome"].sum()),
        "episodes": int(done.loc[done["outcome"] == 1, "onset"].nunique()),
        "separate_windows": rare.separate_windows,
        **_scores(done),
        "rare_events": _plain_counts(rare),
        "classes": _classes(done),
    }


def _scores(done: pd.DataFrame) -> dict[str, float | None]:
    """Return expected onsets, Brier and log scores, and skill; None where there is none."""
    outcome, probability, climatology = (
        done[name].to_numpy(dtype=float) for name in ("outcome", "probability", "climatology")
    )
    values: dict[str, float] = {
        "expected": float(probability.sum()),
        "expected_by_climatology": float(climatology.sum()),
    }
    for name, score in (("brier", brier_scores), ("log", log_scores)):
        own, reference = _mean(score(outcome, probability)), _mean(score(outcome, climatology))
        column = "brier" if name == "brier" else "log_score"
        values |= {
            column: own,
            f"{column}_climatology": reference,
            f"{name}_skill": skill(own, reference),
        }
    # A forecast that ruled out what happened has an infinite log score, which JSON cannot hold.
    ruled_out = np.isinf(log_scores(outcome, probability)).sum()
    return {**_finite(values), "ruled_out": int(ruled_out)}


def _mean(scores: FloatArray) -> float:
    return float(scores.mean()) if scores.size else float("nan")


def _classes(done: pd.DataFrame) -> list[dict[str, Any]]:
    """Count forecasts and onsets by quarter of the probability."""
    table = []
    for low, high in pairwise(CLASSES):
        # Each class holds its lower end; the last one holds 1 too.
        inside = (done["probability"] >= low) & ((done["probability"] < high) | (high == 1))
        rows = done[inside].astype({"probability": float, "climatology": float})
        if len(rows):
            table.append(
                {
                    "from": low,
                    "to": high,
                    "forecasts": len(rows),
                    "onsets": int(rows["outcome"].sum()),
                    "mean_probability": float(rows["probability"].mean()),
                    "mean_climatology": float(rows["climatology"].mean()),
                }
            )
    return table


def _rare_events(done: pd.DataFrame, clustering: float) -> RareEventScores:
    """Score the resolved windows of a group as forecasts of rare events."""
    return rare_event_scores(
        pd.DatetimeIndex(done["as_of"]),
        pd.DatetimeIndex(done["window_end"]),
        *(done[name].to_numpy(dtype=float) for name in ("outcome", "probability", "climatology")),
        clustering=clustering,
    )


def _plain_counts(rare: RareEventScores) -> dict[str, Any]:
    """Return the scores for JSON, which holds no infinity: None where there is no number."""
    return {
        "onsets": rare.onsets,
        **_finite(
            {
                "expected": rare.expected,
                "expected_by_climatology": rare.expected_by_climatology,
                "log_score": rare.log_score,
                "log_score_climatology": rare.log_score_climatology,
                "gain_per_forecast": rare.gain_per_forecast,
                "clustering": rare.clustering,
            }
        ),
        "gain_per_onset": _finite(rare.gain_per_onset._asdict()),
        "n_test": _finite(rare.poisson._asdict()),
        "n_test_clustered": _finite(rare.clustered._asdict()),
    }


def _finite(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if np.isfinite(value) else None for name, value in values.items()}
