"""Scores of judged outlooks, group by group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd
from sklearn.metrics import mean_pinball_loss

from models.hazard.leads import FloatArray
from models.ledger.outlook_results import (
    ChanceScore,
    DaysScore,
    FirstOnsetScore,
    Group,
    Judged,
    JudgedChance,
    JudgedDays,
    JudgedFirstOnset,
)
from models.ledger.window_scores import compared, scored
from models.ledger.words import Status
from models.verification.counts import separate
from models.verification.scores import brier_scores, log_scores, ranked_probability_score

J = TypeVar("J", bound=Judged)

_QUANTILES = {"low": 0.05, "low_50": 0.25, "median": 0.5, "high_50": 0.75, "high": 0.95}


def score_chances(judged: Sequence[JudgedChance]) -> Iterator[ChanceScore]:
    """Yield the score of each group of probabilities, in the order of the groups."""
    for own, done in _groups(judged):
        outcome = np.array([each.outcome for each in done], dtype=float)
        forecast = np.array([each.probability for each in done], dtype=float)
        base = np.array([each.climatology for each in done], dtype=float)
        brier, log = (
            scored(score, outcome, forecast, base) for score in (brier_scores, log_scores)
        )
        total = float(base.sum())
        yield ChanceScore(
            group=_group(own, done),
            question=own[0].question,
            came=int(outcome.sum()),
            expected=float(forecast.sum()),
            expected_by_climatology=None if np.isnan(total) else total,
            brier=brier[0], brier_climatology=brier[1], brier_skill=brier[2],
            log_score=log[0], log_score_climatology=log[1], log_skill=log[2],
            ruled_out=int(np.isinf(log_scores(outcome, forecast)).sum()),
        )  # fmt: skip


def score_first_onsets(judged: Sequence[JudgedFirstOnset]) -> Iterator[FirstOnsetScore]:
    """Yield the score of each group of months of the first onset, in the order of the groups."""
    for own, done in _groups(judged):
        ranked, logs = _ranked(done)
        rank = compared(ranked[:, 0], ranked[:, 1])
        log = compared(logs[:, 0], logs[:, 1])
        yield FirstOnsetScore(
            group=_group(own, done),
            none=sum(each.onset is None for each in done),
            ranked=rank[0], ranked_climatology=rank[1], ranked_skill=rank[2],
            log_score=log[0], log_score_climatology=log[1], log_skill=log[2],
            ruled_out=int(np.isinf(logs[:, 0]).sum()),
        )  # fmt: skip


def score_days(judged: Sequence[JudgedDays]) -> Iterator[DaysScore]:
    """Yield the score of each group of days in season, in the order of the groups."""
    for own, done in _groups(judged):
        observed = np.array([each.days for each in done], dtype=float)
        forecast = {name: np.array([getattr(each, name) for each in done]) for name in _QUANTILES}
        none = np.array([each.none for each in done], dtype=float)
        losses = [
            mean_pinball_loss(observed, forecast[name], alpha=level)
            for name, level in _QUANTILES.items()
            if done
        ]
        yield DaysScore(
            group=_group(own, done),
            mean_days=_mean(observed),
            mean_median=_mean(forecast["median"]),
            # Quantiles of whole days: the ends are inside.
            inside_50=int(
                ((forecast["low_50"] <= observed) & (observed <= forecast["high_50"])).sum()
            ),
            inside_90=int(((forecast["low"] <= observed) & (observed <= forecast["high"])).sum()),
            quantile_score=_mean(np.array(losses)),
            none=int((observed == 0).sum()),
            brier_none=_mean(brier_scores((observed == 0).astype(float), none)),
        )


def _groups(judged: Sequence[J]) -> Iterator[tuple[list[J], list[J]]]:
    """Yield the answers of each group, and the resolved ones among them."""
    groups: dict[tuple[object, ...], list[J]] = {}
    for each in sorted(judged, key=_order):
        groups.setdefault(each.group, []).append(each)
    for own in groups.values():
        yield own, [each for each in own if each.status is Status.RESOLVED]


def _order(judged: Judged) -> tuple[object, ...]:
    *head, window, model = judged.group
    # By length first: 7 days come before 30.
    return (*head, len(window), window, model)


def _group(own: Sequence[Judged], done: Sequence[Judged]) -> Group:
    first, counts = own[0], Counter(each.status for each in own)
    waiting = [each.due for each in own if each.status is Status.OPEN]
    apart = separate(
        # From as_of even if a later day alone is asked about: all days to it are still unknown.
        pd.DatetimeIndex([each.as_of for each in done]),
        pd.DatetimeIndex([each.last_day for each in done]),
    )
    return Group(
        made=first.made,
        kind=first.kind,
        threshold=first.threshold,
        window=first.window,
        model=first.model,
        resolved=len(done),
        open=len(waiting),
        next_resolved_on=min(waiting, default=None),
        begun=counts[Status.BEGUN],
        repeated=counts[Status.REPEATED],
        revised=counts[Status.REVISED],
        in_training=sum(each.in_training for each in done),
        separate_windows=int(apart.sum()),
    )


def _ranked(done: Sequence[JudgedFirstOnset]) -> tuple[FloatArray, FloatArray]:
    """Return ranked and log scores, own and climatology's, a row for each forecast."""
    rows = np.empty((2, len(done), 2))
    for row, each in enumerate(done):
        names = [name for name, _ in each.months]
        came = len(names) if each.onset is None else names.index(f"{each.onset:%Y-%m}")
        shares = [share for _, share in each.months]
        for column, columns in enumerate(((*shares, each.none), each.climatology)):
            values = np.array(columns, dtype=float)
            rows[0, row, column] = ranked_probability_score(came, values)
            rows[1, row, column] = log_scores(np.ones(1), values[[came]])[0]
    return rows[0], rows[1]


def _mean(values: FloatArray) -> float | None:
    return float(values.mean()) if values.size else None
