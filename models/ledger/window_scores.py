"""Counts and scores of judged windows, group by group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from models.hazard.leads import FloatArray
from models.ledger.results import JudgedWindow, ProbabilityClass, Score
from models.ledger.words import Status
from models.verification.counts import rare_event_scores
from models.verification.scores import brier_scores, log_scores, skill

Compared = tuple[float | None, float | None, float | None]
CLASSES = (0.0, 0.25, 0.5, 0.75, 1.0)


def score_windows(windows: Sequence[JudgedWindow]) -> Iterator[Score]:
    """Yield the score of each group of windows, in the order of the groups.

    Parameters
    ----------
    windows : sequence of JudgedWindow
        In the order of recording.
    """
    groups: dict[tuple[object, ...], list[JudgedWindow]] = {}
    for window in sorted(windows, key=lambda window: window.group):
        groups.setdefault(window.group, []).append(window)
    for group in groups.values():
        yield _score(group)


def _score(group: Sequence[JudgedWindow]) -> Score:
    first, counts = group[0], Counter(window.status for window in group)
    done = [window for window in group if window.status is Status.RESOLVED]
    waiting = [window.window_end for window in group if window.status is Status.OPEN]
    outcome, own, climatology = _values(done)
    rare_events = rare_event_scores(
        pd.DatetimeIndex([window.as_of for window in done]),
        pd.DatetimeIndex([window.window_end for window in done]),
        outcome, own, climatology,
    )  # fmt: skip
    brier, log = (scored(score, outcome, own, climatology) for score in (brier_scores, log_scores))
    return Score(
        made=first.made,
        kind=first.kind,
        threshold=first.threshold,
        horizon_days=None if first.by_date else first.horizon_days,
        date=first.window_end if first.by_date else None,
        model=first.model,
        resolved=len(done),
        open=len(waiting),
        next_resolved_on=min(waiting, default=None),
        no_forecast=counts[Status.NO_FORECAST],
        repeated=counts[Status.REPEATED],
        revised=counts[Status.REVISED],
        in_training=sum(window.in_training for window in done),
        with_days_without_index=sum(window.days_without_index > 0 for window in done),
        onsets=int(outcome.sum()),
        episodes=len({window.onset for window in done if window.outcome}),
        separate_windows=rare_events.separate_windows,
        expected=float(own.sum()),
        expected_by_climatology=float(climatology.sum()),
        brier=brier[0], brier_climatology=brier[1], brier_skill=brier[2],
        log_score=log[0], log_score_climatology=log[1], log_skill=log[2],
        ruled_out=int(np.isinf(log_scores(outcome, own)).sum()),
        rare_events=rare_events,
        classes=tuple(_classes(outcome, own, climatology)),
    )  # fmt: skip


def _values(done: Sequence[JudgedWindow]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return outcomes, probabilities and climatology of resolved windows."""
    outcome, own, climatology = np.array(
        [(window.outcome, window.probability, window.climatology) for window in done], dtype=float
    ).reshape(-1, 3).T.copy()  # fmt: skip
    return outcome, own, climatology


def scored(
    score: Callable[[FloatArray, FloatArray], FloatArray],
    outcome: FloatArray,
    own: FloatArray,
    climatology: FloatArray,
) -> Compared:
    """Return the mean score, climatology's, and the skill; None where there is none."""
    return compared(score(outcome, own), score(outcome, climatology))


def compared(own: FloatArray, climatology: FloatArray) -> Compared:
    """Return the mean of scores, that of climatology's, and the skill; None where there is none."""
    mean, reference = _mean(own), _mean(climatology)
    # A forecast that ruled out what happened has an infinite log score, which JSON cannot hold.
    plain = [value if np.isfinite(value) else None for value in (mean, reference)]
    ratio = skill(mean, reference)
    return plain[0], plain[1], ratio if np.isfinite(ratio) else None


def _mean(scores: FloatArray) -> float:
    return float(scores.mean()) if scores.size else float("nan")


def _classes(
    outcome: FloatArray, own: FloatArray, climatology: FloatArray
) -> Iterator[ProbabilityClass]:
    """Count forecasts and onsets by quarter of the probability."""
    for low, high in pairwise(CLASSES):
        # Each class holds its lower end; the last one holds 1 too.
        inside = (own >= low) & ((own < high) | (high == 1))
        if inside.any():
            yield ProbabilityClass(
                low=low,
                high=high,
                forecasts=int(inside.sum()),
                onsets=int(outcome[inside].sum()),
                mean_probability=float(own[inside].mean()),
                mean_climatology=float(climatology[inside].mean()),
            )
