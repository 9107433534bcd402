"""The forecast of one day: where the season stands, probabilities, drivers, evidence."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.builder import CATALOGUE, build_features
from features.flows import missing_flows, missing_flows_text
from features.health import STALE_DAYS, index_at
from features.panel import DataError, MarketPanel, end_of_day
from features.season import at_risk, onset_days, season_index, season_state
from models.classifier import THRESHOLD, LeadClassifier
from models.forecaster import Forecaster
from models.leads import LEAD_DAYS, LIMIT_DAYS, FloatArray, incidence

SCHEMA = "altseason.forecast/1"
HORIZONS = (30, 60, 90, 180, 365)
BY = pd.Timestamp("2026-12-31")
INTERVAL = (0.05, 0.95)

_GROUPS: dict[Hashable, str] = {feature.name: feature.group for feature in CATALOGUE}


class WindowError(ValueError):
    """A window ends outside what the model can say."""


@dataclass(frozen=True)
class ModelId:
    """Which stored model a forecaster is: its version (None if unregistered) and run."""

    version: str | None
    run_id: str


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
    view = panel.known_at(end_of_day(pd.DatetimeIndex([as_of]))[0])
    index = index_at(panel, as_of)
    row = build_features(view, pd.DatetimeIndex([as_of]))
    definition = forecaster.evidence.definition
    quiet_days = int(definition["quiet_days"])
    risk = {
        kind: bool(at_risk(index, threshold=threshold, quiet_days=quiet_days).loc[as_of])
        for kind, threshold in forecaster.thresholds.items()
    }
    onsets = {
        kind: onset_days(index, threshold=threshold, quiet_days=quiet_days)
        for kind, threshold in forecaster.thresholds.items()
    }
    windows = [*horizons, by_days] if by_days else list(horizons)
    reasons = {
        kind: None if risk[kind] else _reason(index, threshold, quiet_days, onsets[kind])
        for kind, threshold in forecaster.thresholds.items()
    }
    tables = {
        kind: probabilities(forecaster, row, kind, windows, at_risk=np.array([risk[kind]]))
        for kind in forecaster.thresholds
    }
    by_kind = {
        kind: [_plain(table, i) for i in range(len(windows))] for kind, table in tables.items()
    }
    out_of_range = _out_of_range(forecaster, row)
    age_days = int((today - view.last_day).days)
    return {
        "schema": SCHEMA,
        "as_of": _day(as_of),
        "definition": dict(definition),
        "season": {
            "index": float(index.loc[as_of]),
            "state": season_state(
                float(index.loc[as_of]), threshold=forecaster.thresholds["broad"]
            ),
            "at_risk": risk,
            "last_onset": {
                kind: _day(days[-1]) if len(days) else None for kind, days in onsets.items()
            },
        },
        "forecasts": [
            {
                "kind": kind,
                "horizon_days": horizon,
                "window_end": _day(as_of + pd.Timedelta(days=horizon)),
                **by_kind[kind][position],
                "reason": reasons[kind],
            }
            for kind in forecaster.thresholds
            for position, horizon in enumerate(horizons)
        ],
        "by_date": [
            {
                "kind": kind,
                "date": _day(as_of + pd.Timedelta(days=by_days)),
                **by_kind[kind][-1],
                "reason": reasons[kind],
            }
            for kind in forecaster.thresholds
            if by_days
        ],
        "drivers": _drivers(forecaster, row) if risk["broad"] else [],
        "evidence": {
            "onsets": len(forecaster.evidence.onsets["broad"]),
            "brier_skill": _skill(forecaster),
            "out_of_range": out_of_range,
        },
        "model": {
            "name": forecaster.name,
            "version": model_id.version,
            "run_id": model_id.run_id,
            "trained_until": forecaster.evidence.trained_until,
        },
        "data": {
            "source": view.source,
            "digest": view.digest,
            "last_day": _day(view.last_day),
            "age_days": age_days,
            "provenance": list(view.provenance.steps),
        },
        "warnings": [
            *_warnings(forecaster, row, as_of, age_days, out_of_range),
            *(f"Data: {problem}" for problem in view.provenance.problems_on(as_of)),
            *(
                []
                if by_days
                else [f"{_day(BY)} is out of reach of {_day(as_of)}: no forecast by date."]
            ),
        ],
    }


def probabilities(
    forecaster: Forecaster,
    features: pd.DataFrame,
    kind: str,
    horizons: Iterable[int],
    *,
    at_risk: np.ndarray,
) -> dict[str, FloatArray]:
    """Forecast one kind of season for each row of features.

    Parameters
    ----------
    forecaster : Forecaster
        A fitted candidate.
    features : pandas.DataFrame, shape (n, f)
        From `features.builder.build_features`.
    kind : str
        A kind of season.
    horizons : iterable of int
        Days ahead, each in [1, 390].
    at_risk : numpy.ndarray of bool, shape (n,)
        Rows whose next season can begin.

    Returns
    -------
    dict of str to numpy.ndarray, shape (n, horizons)
        `probability`, the ends `low` and `high` of its 90 % interval over the
        replicates (widened to hold it), and `climatology`; NaN where not at
        risk.
    """
    days = list(horizons)
    rows = features.assign(**{THRESHOLD: forecaster.thresholds[kind]})

    def of(model: LeadClassifier) -> FloatArray:
        values = incidence(model.predict_proba(rows), days)
        return np.where(at_risk[:, None], values, np.nan)

    probability = of(forecaster.model)
    replicates = np.stack([of(replicate) for replicate in forecaster.replicates])
    low, high = np.quantile(replicates, INTERVAL, axis=0)
    return {
        "probability": probability,
        "low": np.minimum(low, probability),
        "high": np.maximum(high, probability),
        "climatology": of(forecaster.climatology),
    }


def history(
    panel: MarketPanel,
    forecaster: Forecaster,
    *,
    first: pd.Timestamp,
    last: pd.Timestamp,
    horizons: Sequence[int] = HORIZONS,
) -> pd.DataFrame:
    """Forecast every day of a span with one forecaster.

    Parameters
    ----------
    panel : MarketPanel
        The market.
    forecaster : Forecaster
        A fitted candidate; days before `trained_until` are in its sample.
    first, last : pandas.Timestamp
        The span, both ends included.
    horizons : sequence of int
        Days ahead, each in [1, 390].

    Returns
    -------
    pandas.DataFrame
        Columns `as_of`, `kind`, `horizon_days`, `window_end`, `index`,
        `at_risk`, `probability`, `low`, `high`, `climatology` (the last four
        NaN where not at risk), `in_training`.

    Raises
    ------
    DataError
        If the data do not hold the span.
    """
    index = season_index(panel)
    for name, day in (("first", first), ("last", last)):
        if day not in index.index:
            raise DataError(
                f"the {name} day must lie between {index.index[0]:%Y-%m-%d} and "
                f"{index.index[-1]:%Y-%m-%d}, the days of {panel.source}; got {day:%Y-%m-%d}."
            )
    days = pd.date_range(first, last, unit="s")
    if days.empty:
        raise DataError(
            f"the first day {first:%Y-%m-%d} must not be after the last {last:%Y-%m-%d}."
        )
    features = build_features(panel, days)
    quiet_days = int(forecaster.evidence.definition["quiet_days"])
    tables = []
    for kind, threshold in forecaster.thresholds.items():
        risk = at_risk(index, threshold=threshold, quiet_days=quiet_days).loc[days].to_numpy()
        values = probabilities(forecaster, features, kind, horizons, at_risk=risk)
        as_of = np.repeat(days, len(horizons))
        horizon = np.tile(horizons, len(days))
        tables.append(
            pd.DataFrame(
                {
                    "as_of": as_of,
                    "kind": kind,
                    "horizon_days": horizon,
                    "window_end": as_of + pd.to_timedelta(horizon, unit="D"),
                    "index": np.repeat(index.loc[days].to_numpy(), len(horizons)),
                    "at_risk": np.repeat(risk, len(horizons)),
                    **{name: value.ravel() for name, value in values.items()},
                    "in_training": [_in_training(forecaster, day) for day in as_of],
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


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


def _reason(index: pd.Series, threshold: float, quiet_days: int, onsets: pd.DatetimeIndex) -> str:
    """Say why no onset can come next."""
    above = index.index[index >= threshold]
    if not len(above):
        return f"fewer than {quiet_days + 1} days of the season index are known"
    last = above[-1]
    if last == index.index[-1]:
        return f"in season since {_day(onsets[-1])}" if len(onsets) else "in season"
    free = last + pd.Timedelta(days=quiet_days + 1)
    return (
        f"the index was last at {threshold:g} or above on {_day(last)}; an onset needs "
        f"{quiet_days} quiet days, so none is forecast before {_day(free)}"
    )


def _plain(table: dict[str, FloatArray], position: int) -> dict[str, float | None]:
    values = {name: float(value[0, position]) for name, value in table.items()}
    return {name: None if np.isnan(value) else value for name, value in values.items()}


def _drivers(forecaster: Forecaster, row: pd.DataFrame) -> list[dict[str, Any]]:
    rows = row.assign(**{THRESHOLD: forecaster.thresholds["broad"]})
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


def _skill(forecaster: Forecaster) -> dict[str, dict[str, float | None]]:
    return {
        str(row["horizon_days"]): {
            "value": row["brier_skill"],
            "low": row["brier_skill_low"],
            "high": row["brier_skill_high"],
        }
        for row in forecaster.evidence.skill
        if row["kind"] == "broad"
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


def _in_training(forecaster: Forecaster, as_of: pd.Timestamp) -> bool:
    # A row enters training once its first lead is resolved, on that day and not after: not strict.
    resolved_on = as_of + pd.Timedelta(days=LEAD_DAYS)
    return bool(resolved_on <= pd.Timestamp(forecaster.evidence.trained_until))


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
    if _in_training(forecaster, as_of):
        warnings.append(
            f"The model was trained on this day (until {forecaster.evidence.trained_until}): "
            f"this is no forecast out of sample. Retrain with --until {_day(as_of)} for one."
        )
    missing = [name for name in forecaster.model.feature_names() if np.isnan(row[name].iloc[0])]
    if missing:
        warnings.append(f"Missing, so that the model does without: {', '.join(missing)}.")
    if flows := missing_flows(row):
        warnings.append(missing_flows_text(flows))
    if out_of_range:
        warnings.append(f"Outside the training range: {', '.join(out_of_range)}.")
    return warnings


def _day(day: pd.Timestamp) -> str:
    return f"{day:%Y-%m-%d}"
