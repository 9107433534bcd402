"""Figures of the verification on a fixed synthetic market: they stay while the code moves.

Written anew by ``python -m tests.test_golden_verification``; a difference is reviewed as a diff.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.verification.association import History, rank
from models.verification.association import compare as associate
from models.verification.counts import rare_event_scores
from models.verification.events import before_onsets, contingency, leave_one_episode_out
from models.verification.gate import choose_champion
from models.verification.intervals import resample_counts
from models.verification.samples import common_rows, with_episodes
from models.verification.scores import consistency_band, reliability_table
from models.verification.skill import (
    compare,
    integrated,
    integrated_differences,
    paired_scores,
    verify,
)

GOLDEN = Path(__file__).parent / "golden_verification.json"
WEEKS = pd.date_range("2017-01-03", periods=300, freq="7D", unit="s")
ONSETS = WEEKS[[21, 46, 60, 99, 133, 160, 201, 222, 270]] + pd.Timedelta(days=3)
HORIZONS = (30, 90)
SIMPLEST_FIRST = ("climatology", "persistence", "hazard")


def hindcast() -> pd.DataFrame:
    """Weekly forecasts by three models that see the next onset through ever less noise."""
    random = np.random.default_rng(0)
    as_of = WEEKS.delete([*range(62, 70), 140])  # weeks that were not at risk
    ahead = ONSETS.append(pd.DatetimeIndex(["2030-01-01"]).as_unit("s"))
    days = np.asarray((ahead[np.searchsorted(ONSETS, as_of, side="right")] - as_of).days)
    tables = []
    for horizon in HORIZONS:
        resolved_on = as_of + pd.Timedelta(days=horizon)
        outcome = np.where(resolved_on <= WEEKS[-1], (days <= horizon).astype(float), np.nan)
        base = 0.2 + 0.1 * np.sin(np.arange(len(as_of)) / 50) + horizon / 600
        for model, noise in (("climatology", np.inf), ("persistence", 60.0), ("hazard", 20.0)):
            score = (horizon - days) / 40 + random.normal(size=len(as_of)) * noise / 20
            sight = 1 / (1 + np.exp(-np.clip(score, -3, 3)))
            probability = base if np.isinf(noise) else (base + 2 * sight) / 3
            columns = {
                "as_of": as_of, "kind": "broad", "horizon_days": horizon, "model": model,
                "probability": probability, "climatology": base, "outcome": outcome,
                "resolved_on": resolved_on,
            }  # fmt: skip
            tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


def _of_models(table: pd.DataFrame) -> dict[str, pd.DataFrame | list[object]]:
    episodes = {"broad": ONSETS}
    table = with_episodes(table, episodes)
    scores = verify(table, step_days=7)
    differences = integrated_differences(table, step_days=7)
    hazard, other = (table[table["model"] == name] for name in ("hazard", "persistence"))
    pair = with_episodes(common_rows(hazard, other[other["as_of"] > WEEKS[30]]), episodes)
    return {
        "verify": scores,
        "integrated": integrated(table, step_days=7),
        "compare": compare(table, "hazard", ["persistence", "climatology"], step_days=7),
        "paired": paired_scores(pair, step_days=7),
        "differences": [[*pair, *interval] for pair, interval in sorted(differences.items())],
        "choice": [
            choose_champion(scores, SIMPLEST_FIRST, differences),
            choose_champion(scores, SIMPLEST_FIRST, differences, primary="persistence"),
        ],
    }


def _of_events(table: pd.DataFrame) -> dict[str, pd.DataFrame | list[object]]:
    own = table[(table["model"] == "hazard") & (table["horizon_days"] == 90)]
    own = own.rename(columns={"climatology": "base_rate"})
    resolved = own.dropna(subset="outcome")
    outcome, probability, base = (
        resolved[name].to_numpy() for name in ("outcome", "probability", "base_rate")
    )
    as_of = pd.DatetimeIndex(resolved["as_of"])
    band = consistency_band(probability, as_of, horizon_days=90, resamples=50)
    counts = rare_event_scores(
        as_of, pd.DatetimeIndex(resolved["resolved_on"]), outcome, probability, base
    )._asdict()  # fmt: skip
    return {
        "before_onsets": before_onsets(own, ONSETS, level=0.6, step_days=7),
        "contingency": contingency(own, ONSETS, step_days=7),
        "without_episode": leave_one_episode_out(own, ONSETS),
        "reliability": reliability_table(outcome, probability).iloc[::20],
        "band": band.iloc[::20],
        "counts": [[name, value] for name, value in counts.items()],
    }


def _of_history() -> dict[str, pd.DataFrame | list[object]]:
    days = pd.date_range(WEEKS[0], ONSETS[-1] - pd.Timedelta(days=1), unit="s")
    ahead = np.asarray((ONSETS[np.searchsorted(ONSETS, days, side="right")] - days).days)
    counted = np.arange(len(days)) % 5 > 0
    history = History(days, counted, ahead.astype(float), 90, 30)
    drawn = resample_counts(days[counted], block_days=90, step_days=1, resamples=200)
    return {
        "association": [
            associate(history, np.arange(len(days)) % 90 < 25, drawn),
            rank(history, np.sin(np.arange(len(days)) / 80) - ahead / 300, drawn),
        ]
    }


@cache
def figures() -> dict[str, list[list[object]]]:
    """All figures by name, as rows of what JSON holds."""
    table = hindcast()
    made = {**_of_models(table), **_of_events(table), **_of_history()}
    return {
        name: [
            [_plain(value) for value in row]
            for row in (rows.to_numpy(dtype=object) if isinstance(rows, pd.DataFrame) else rows)
        ]
        for name, rows in made.items()
    }


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, str):
        return str(value)
    if pd.isna(value):
        return None
    return f"{value:%Y-%m-%d}" if isinstance(value, pd.Timestamp) else float(value)


def _flat(rows: object) -> list[object]:
    return [v for row in rows for v in _flat(row)] if isinstance(rows, list) else [rows]


@pytest.mark.parametrize("name", list(json.loads(GOLDEN.read_text())))
def test_figures_are_as_they_were(name):
    golden, made = _flat(json.loads(GOLDEN.read_text())[name]), _flat(figures()[name])
    assert len(made) == len(golden)
    for value, expected in zip(made, golden, strict=True):
        if isinstance(expected, float):
            assert value == pytest.approx(expected, rel=1e-9, abs=1e-12)
        else:
            assert value == expected


if __name__ == "__main__":
    lines = (f"{json.dumps(name)}: {json.dumps(rows)}" for name, rows in figures().items())
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")
