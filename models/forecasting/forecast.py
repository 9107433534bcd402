"""The forecast of one day: where the season stands, probabilities, drivers, evidence."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.catalogue.builder import CATALOGUE, build_features
from features.catalogue.flows import missing_flows, missing_flows_text
from features.health import STALE_DAYS
from features.market.season import season_state
from features.panel import MarketPanel
from models.forecasting.intervals import probabilities
from models.forecasting.season_status import standing
from models.forecasting.trend import trend
from models.formatting import iso_day, long_day
from models.hazard.base import THRESHOLD
from models.hazard.forecaster import Forecaster
from models.hazard.leads import LIMIT_DAYS, FloatArray
from models.vocabulary import Kind

SCHEMA = "altseason.forecast/1"
HORIZONS = (30, 60, 90, 180, 365)
BY = pd.Timestamp("2026-12-31")

_GROUPS: dict[Hashable, str] = {feature.name: feature.group for feature in CATALOGUE}


class WindowError(ValueError):
    """A window ends outside what the model can say."""


@dataclass(frozen=True)
class ModelId:
    """Which stored model a forecaster is: its version (None if unregistered) and run."""

    version: str | None
    run_id: str

    def describe(self, forecaster: Forecaster) -> dict[str, str | None]:
        """Return what a forecast says of its model."""
        return {
            "name": forecaster.name,
            "version": self.version,
            "run_id": self.run_id,
            "trained_until": forecaster.evidence.trained_until,
        }


def forecast(
    panel: MarketPanel,
    forecaster: Forecaster,
    model_id: ModelId,
    *,
    as_of: pd.Timestamp,
    by: pd.Timestamp | None,
    today: pd.Timestamp,
    horizons: Sequence[int] = HORIZONS,
) -> dict[str, Any]:
    """Forecast from what was known at the end of a day.

    Parameters
    ----------
    panel : MarketPanel
        The market; what became available after the end of `as_of` is not used.
    forecaster : Forecaster
        A fitted candidate.
    model_id : ModelId
        Where it is stored.
    as_of : pandas.Timestamp
        Day whose end closes the information set.
    by : pandas.Timestamp, optional
        Last day of the window of the forecast by date; by default 2026-12-31,
        left out with a warning where that is out of reach.
    today : pandas.Timestamp
        For the age of the data, which nothing else depends on.
    horizons : sequence of int
        Days ahead, each in [1, 390].

    Returns
    -------
    dict
        The forecast under the schema `altseason.forecast/1`, ready for JSON.

    Raises
    ------
    DataError
        If the data do not reach `as_of` or begin too late for it.
    WindowError
        If `by` is not within 390 days after `as_of`.
    """
    by_days = _days_until(by, as_of)
    now = standing(panel, forecaster, as_of)
    row = build_features(now.view, pd.DatetimeIndex([as_of]))
    windows = [*horizons, by_days] if by_days else list(horizons)
    tables = {
        kind: probabilities(forecaster, row, kind, windows, at_risk=np.array([now.at_risk[kind]]))
        for kind in forecaster.thresholds
    }
    by_kind = {
        kind: [_plain(table, i) for i in range(len(windows))] for kind, table in tables.items()
    }
    last = as_of + pd.Timedelta(days=by_days) if by_days else None
    out_of_range = _out_of_range(forecaster, row)
    age_days = int((today - now.view.last_day).days)
    return {
        "schema": SCHEMA,
        "as_of": iso_day(as_of),
        "definition": dict(forecaster.evidence.definition),
        "season": {
            "index": float(now.index.loc[as_of]),
            "state": season_state(
                float(now.index.loc[as_of]), threshold=forecaster.thresholds[Kind.BROAD]
            ),
            "at_risk": now.at_risk,
            "last_onset": {
                kind: iso_day(days[-1]) if len(days) else None for kind, days in now.onsets.items()
            },
        },
        "forecasts": [
            {
                "kind": kind,
                "horizon_days": horizon,
                "window_end": iso_day(as_of + pd.Timedelta(days=horizon)),
                **by_kind[kind][position],
                "reason": now.reasons[kind],
            }
            for kind in forecaster.thresholds
            for position, horizon in enumerate(horizons)
        ],
        "by_date": [
            {
                "kind": kind,
                "date": iso_day(last),
                **by_kind[kind][-1],
                "reason": now.reasons[kind],
            }
            for kind in forecaster.thresholds
            if last is not None
        ],
        "trend": trend(panel, forecaster, as_of=as_of, horizons=horizons, by=last),
        "drivers": _drivers(forecaster, row) if now.at_risk[Kind.BROAD] else [],
        "evidence": {
            "onsets": len(forecaster.evidence.onsets[Kind.BROAD]),
            "brier_skill": _skill(forecaster),
            "partial_verdicts": _partial_verdicts(forecaster),
            "out_of_range": out_of_range,
        },
        "model": model_id.describe(forecaster),
        "data": {
            "source": now.view.source,
            "digest": now.view.digest,
            "last_day": iso_day(now.view.last_day),
            "age_days": age_days,
            "provenance": list(now.view.provenance.steps),
        },
        "warnings": [
            *_warnings(forecaster, row, as_of, (today - panel.last_day).days, out_of_range),
            *(f"Data: {problem}" for problem in now.view.provenance.problems_on(as_of)),
            *(
                []
                if by_days
                else [f"{long_day(BY)} is out of reach of {long_day(as_of)}: no forecast by date."]
            ),
        ],
    }


def _days_until(by: pd.Timestamp | None, as_of: pd.Timestamp) -> int | None:
    days = ((BY if by is None else by) - as_of).days
    if not 1 <= days <= LIMIT_DAYS:
        if by is None:
            return None
        limit = as_of + pd.Timedelta(days=LIMIT_DAYS)
        raise WindowError(
            f"by must be after as_of {as_of:%Y-%m-%d} and not after {limit:%Y-%m-%d}, "
            f"the end of the last lead ({LIMIT_DAYS} days), got {by:%Y-%m-%d}."
        )
    return days


def _plain(table: dict[str, FloatArray], position: int) -> dict[str, float | None]:
    values = {name: float(value[0, position]) for name, value in table.items()}
    return {name: None if np.isnan(value) else value for name, value in values.items()}


def _drivers(forecaster: Forecaster, row: pd.DataFrame) -> list[dict[str, Any]]:
    rows = row.assign(**{THRESHOLD: forecaster.thresholds[Kind.BROAD]})
    log_odds = forecaster.model.contributions(rows).iloc[0]
    strongest = log_odds[log_odds != 0].sort_values(key=np.abs, ascending=False, kind="stable")
    return [
        {
            "feature": name,
            "group": _GROUPS[name],
            "value": None if np.isnan(row[name].iloc[0]) else float(row[name].iloc[0]),
            "log_odds": float(value),
        }
        for name, value in strongest.to_dict().items()
    ]


def _skill(forecaster: Forecaster) -> dict[str, dict[str, Any]]:
    return {
        str(row["horizon_days"]): {
            "value": row["brier_skill"],
            "low": row["brier_skill_low"],
            "high": row["brier_skill_high"],
            "days": row["days"],
            "episodes": row["episodes"],
            "verdict": row["verdict"],
        }
        for row in forecaster.evidence.skill
        if row["kind"] == Kind.BROAD
    }


def _partial_verdicts(forecaster: Forecaster) -> dict[str, str]:
    return {
        str(row["horizon_days"]): row["verdict"]
        for row in forecaster.evidence.skill
        if row["kind"] == Kind.PARTIAL and row["brier_skill"] is not None
    }


def _out_of_range(forecaster: Forecaster, row: pd.DataFrame) -> list[str]:
    ranges = forecaster.evidence.ranges
    used = forecaster.model.feature_names()
    return [
        name
        for name in used
        if name in ranges and not ranges[name][0] <= row[name].iloc[0] <= ranges[name][1]
        and not np.isnan(row[name].iloc[0])
    ]  # fmt: skip


def _warnings(
    forecaster: Forecaster,
    row: pd.DataFrame,
    as_of: pd.Timestamp,
    age_days: int,
    out_of_range: list[str],
) -> list[str]:
    warnings = []
    if forecaster.name == "climatology":
        warnings.append(f"The model is climatology: {forecaster.evidence.reason}.")
    if age_days > STALE_DAYS:
        warnings.append("The data are stale: their last day is more than a week ago.")
    if forecaster.evidence.in_sample(as_of):
        trained = (
            "The model was trained on this day"
            if forecaster.evidence.in_training(as_of)
            else "The model has learnt from outcomes after this day"
        )
        warnings.append(
            f"{trained} (until {long_day(forecaster.evidence.trained_until)}): "
            f"this is no forecast out of sample. Retrain with --until {iso_day(as_of)} for one."
        )
    flows = missing_flows(row)
    missing = [
        name
        for name in forecaster.model.feature_names()
        # What is made of missing flows is told once, with the flows.
        if np.isnan(row[name].iloc[0]) and not (flows and _GROUPS[name] == "etf_flows")
    ]
    if missing:
        warnings.append(f"Missing, so that the model does without: {', '.join(missing)}.")
    if flows:
        warnings.append(missing_flows_text(flows))
    if out_of_range:
        warnings.append(f"Outside the training range: {', '.join(out_of_range)}.")
    return warnings
