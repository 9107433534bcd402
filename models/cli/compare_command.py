"""Two models beside each other on the days that both were forecast, from the command line."""

from __future__ import annotations

import json as jsonlib

import pandas as pd

from models.errors import TrackingError
from models.report.training_text import paired_json, paired_text
from models.tracking.read import Stored, load_forecaster, load_tables
from models.training.evidence import LAYOUT
from models.training.landmarks import STEP_DAYS
from models.training.rows import YEAR
from models.training.run import at_risk_rows
from models.verification.samples import NotComparable, common_rows, with_episodes
from models.verification.skill import paired_scores
from models.vocabulary import Kind


def compared(tracking_uri: str, first: str, second: str, *, json: bool, deadline: float) -> str:
    """Score two models on their common rows; return what is to be printed.

    TrackingError where the store does not hold them, or they forecast other events or days.
    """
    stored = [load_forecaster(tracking_uri, model, deadline=deadline) for model in (first, second)]
    ours, theirs = (model.forecaster.evidence.definition.as_dict() for model in stored)
    if ours != theirs:
        other = ", ".join(
            f"{key} {value:g}, not {theirs[key]:g}"
            for key, value in ours.items()
            if value != theirs[key]
        )
        raise TrackingError(f"{first} and {second} are not comparable: other events ({other}).")
    before, beside = (_hindcast(tracking_uri, model) for model in stored)
    try:
        rows = with_episodes(common_rows(before, beside, layout=LAYOUT), _onsets(stored))
    except NotComparable as error:
        raise TrackingError(f"{first} and {second} are not comparable: {error}") from error
    table = paired_scores(rows, step_days=STEP_DAYS, layout=LAYOUT)
    names = [_name(model) for model in stored]
    if json:
        return jsonlib.dumps(paired_json(table, *names), indent=2, allow_nan=False)
    return paired_text(table, *names)


def _hindcast(tracking_uri: str, stored: Stored) -> pd.DataFrame:
    table = load_tables(tracking_uri, stored.model_id.run_id).hindcast
    rows = at_risk_rows(table)
    rows = rows[(rows["model"] == stored.forecaster.name) & (rows["horizon"] != YEAR)]
    return rows[rows["kind"] != Kind.SUSTAINED]


def _onsets(stored: list[Stored]) -> dict[str, pd.DatetimeIndex]:
    """Return the onsets that either has learnt from, by kind: they tell episodes apart."""
    kinds = [model.forecaster.evidence.onsets for model in stored]
    return {
        kind: pd.DatetimeIndex(sorted({*kinds[0][kind], *kinds[1].get(kind, ())})).as_unit("s")
        for kind in kinds[0]
    }


def _name(stored: Stored) -> str:
    version, forecaster = stored.model_id.version, stored.forecaster
    place = f"version {version}" if version else f"run {stored.model_id.run_id[:8]}"
    return (
        f"{forecaster.name} ({place}, trained until {forecaster.evidence.trained_until:%Y-%m-%d})"
    )
