"""Scores of judged answers, group by group, and the track record as JSON."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import mean_pinball_loss

from features.market.season import season_index
from features.panel import MarketPanel
from models.answers import QUANTILES, Event
from models.ledger.book import Ledger
from models.ledger.judging import RULE, Status, judged
from models.ledger.revised import RevisedForecast, revised_forecasts
from models.season.spells import FloatArray
from models.verification.counts import rare_event_scores, separate
from models.verification.scores import brier_scores, log_scores, skill

SCHEMA = "altseason.ledger_score/2"
GROUP = ["made", "question", "kind", "threshold", "state", "window", "model"]
CLASSES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class TrackRecord:
    """Recorded forecasts, judged by the data of today."""

    ledger: Ledger
    answers: pd.DataFrame  # from `judged`: every answer
    scores: pd.DataFrame  # a row for each group of answers
    source: str
    digest: str
    last_day: pd.Timestamp
    age_days: int | None  # from the last day to today
    revised: tuple[RevisedForecast, ...] = ()

    def resolved_by(self, day: pd.Timestamp) -> int:
        """Return how many open answers data to a day would resolve."""
        waiting = self.answers[self.answers["status"] == Status.OPEN]
        return int((waiting["resolved_on"] <= day).sum())


def track_record(
    ledger: Ledger,
    panel: MarketPanel,
    *,
    today: pd.Timestamp | None = None,
    outcomes: pd.DataFrame | None = None,
) -> TrackRecord:
    """Judge what a ledger holds by the market as it is known now, and by outcomes after it."""
    answers = judged(ledger.entries, season_index(panel), panel.source, outcomes=outcomes)
    last_day = panel.last_day if outcomes is None else max(panel.last_day, outcomes.index[-1])
    return TrackRecord(
        ledger=ledger,
        answers=answers,
        scores=scores(answers),
        source=panel.source,
        digest=panel.digest,
        last_day=last_day,
        # A clock before the data knows no age.
        age_days=None if today is None or today < last_day else (today - last_day).days,
        revised=revised_forecasts(ledger, panel),
    )


def scores(answers: pd.DataFrame) -> pd.DataFrame:
    """Return counts and scores of each group of judged answers; scores over resolved ones only.

    Scores are lower the better, skills higher (0 is the base rate); NaN where there is none.
    """
    rows = [
        {**dict(zip(GROUP, _keys(key), strict=True)), **_score(str(_keys(key)[1]), group)}
        for key, group in answers.groupby(GROUP, sort=False)
    ]
    return pd.DataFrame(rows, columns=None if rows else [*GROUP, "resolved", "open"])


def _keys(key: object) -> tuple[Hashable, ...]:
    return key if isinstance(key, tuple) else (key,)


def _score(question: str, group: pd.DataFrame) -> dict[str, Any]:
    counts = group["status"].value_counts()
    done = group[group["status"] == Status.RESOLVED]
    waiting = group.loc[group["status"] == Status.OPEN, "resolved_on"]
    # From as_of even if a later day alone is asked about: all days to it are still unknown.
    apart = separate(pd.DatetimeIndex(done["as_of"]), pd.DatetimeIndex(done["end"]))
    row: dict[str, Any] = {
        "resolved": len(done),
        "open": len(waiting),
        "next_resolved_on": waiting.min() if len(waiting) else pd.NaT,
        **{
            str(status): int(counts.get(status, 0))
            for status in (Status.NO_FORECAST, Status.BEGAN, Status.REPEATED, Status.REVISED)
        },
        "in_training": int(done["in_training"].sum()),
        "separate_windows": int(apart.sum()),
    }
    if question in (Event.DAYS, Event.FIRST):
        return row | _quantile_scores(done)
    return row | _probability_scores(done, rare=question == Event.BEGINS)


def _probability_scores(done: pd.DataFrame, *, rare: bool) -> dict[str, Any]:
    outcome, forecast, base = (
        done[name].to_numpy(dtype=float) for name in ("outcome", "probability", "base_rate")
    )
    row: dict[str, Any] = {
        "came": int(outcome.sum()),
        "episodes": int(done.loc[done["outcome"] > 0, "onset"].nunique()),
        "expected": float(forecast.sum()),
        "expected_by_base_rate": float(base.sum()),
        "ruled_out": int(np.isinf(log_scores(outcome, forecast)).sum()),
        "classes": _classes(outcome, forecast, base),
    }
    for name, score in (("brier", brier_scores), ("log", log_scores)):
        mean, reference = _mean(score(outcome, forecast)), _mean(score(outcome, base))
        row |= {name: mean, f"{name}_base_rate": reference, f"{name}_skill": skill(mean, reference)}
    if rare:
        row["rare_events"] = rare_event_scores(
            pd.DatetimeIndex(done["as_of"]),
            pd.DatetimeIndex(done["end"]),
            outcome,
            forecast,
            base,
        )._asdict()
    return row


def _quantile_scores(done: pd.DataFrame) -> dict[str, Any]:
    """Score quantiles of days in season, or of days to the first onset: infinite for none."""
    levels = [f"{level:g}" for level in QUANTILES]
    # A quantile of days to the first onset is beyond the window where there is none.
    values = np.array(
        [[np.inf if q[level] is None else q[level] for level in levels] for q in done["quantiles"]]
    ).reshape(-1, len(levels))
    outcome = done["outcome"].to_numpy(dtype=float)
    low, low_50, _, high_50, high = values.T
    finite = np.isfinite(values).all(axis=1) & np.isfinite(outcome)
    losses = [
        mean_pinball_loss(outcome[finite], values[finite, at], alpha=level)
        for at, level in enumerate(QUANTILES)
        if finite.any()
    ]
    return {
        # Quantiles of whole days: the ends are inside.
        "inside_50": int(((low_50 <= outcome) & (outcome <= high_50)).sum()),
        "inside_90": int(((low <= outcome) & (outcome <= high)).sum()),
        "mean_outcome": _mean(outcome[np.isfinite(outcome)]),
        "quantile_score": _mean(np.array(losses)),
    }


def _classes(outcome: FloatArray, forecast: FloatArray, base: FloatArray) -> list[dict[str, Any]]:
    """Count forecasts and onsets by quarter of the probability."""
    classes = []
    for low, high in pairwise(CLASSES):
        # Each class holds its lower end; the last one holds 1 too.
        inside = (forecast >= low) & ((forecast < high) | (high == 1))
        if inside.any():
            classes.append(
                {
                    "low": low,
                    "high": high,
                    "forecasts": int(inside.sum()),
                    "onsets": int(outcome[inside].sum()),
                    "mean_probability": float(forecast[inside].mean()),
                    "mean_base_rate": float(base[inside].mean()),
                }
            )
    return classes


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if values.size else float("nan")


def track_record_json(record: TrackRecord) -> dict[str, Any]:
    """Return a track record under the schema `altseason.ledger_score/2`."""
    entries = record.ledger.entries
    days = [entry.as_of for entry in entries]
    return {
        "schema": SCHEMA,
        "rule": RULE,
        "ledger": {
            "lines": len(entries),
            "torn_lines": list(record.ledger.torn),
            "first_as_of": _plain(min(days, default=None)),
            "last_as_of": _plain(max(days, default=None)),
        },
        "data": {
            "source": record.source,
            "digest": record.digest,
            "last_day": _plain(record.last_day),
            "age_days": record.age_days,
        },
        "scores": _records(record.scores),
        "answers": _records(record.answers),
        "revised": [_plain(vars(forecast)) for forecast in record.revised],
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(name): _plain(value) for name, value in row.items()}
        for row in table.to_dict("records")
    ]


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Return a value as JSON holds it: days as text, no number as null."""
    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if value is None or value is pd.NaT:
        return None
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}" if value == value.normalize() else value.isoformat()
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
