"""Forecast, history and state of the data as JSON and CSV: the only place they turn into it."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd

from features.market.season import PARTIAL_THRESHOLD
from features.panel import MarketPanel
from features.provenance import Finding, Revision
from features.witness import Witness
from models.forecasting.data_quality import DataHealth, SeriesHealth
from models.forecasting.evidence import ForecastEvidence
from models.forecasting.outlook_schema import Json, outlook_json, outlook_rows
from models.forecasting.parts import EarlierForecast, Forecast, ModelSummary, Window
from models.formatting import finite, iso_day
from models.hazard.forecaster import OutlookSkill
from models.vocabulary import Kind

FORECAST_SCHEMA = "altseason.forecast/2"
HEALTH_SCHEMA = "altseason.health/1"
HISTORY_SCHEMA = "altseason.history/1"

_CSV_COLUMNS = (
    "question", "kind", "horizon_days", "window_start", "window_end", "probability", "low", "high",
    "climatology", "median", "begun_on", "ended", "none", "threshold",
)  # fmt: skip


def forecast_json(forecast: Forecast) -> Json:
    """Return a forecast under the schema `altseason.forecast/2`.

    Parameters
    ----------
    forecast : Forecast
        From `models.forecasting.forecast.forecast`.
    """
    season, data = forecast.season, forecast.data
    return {
        "schema": FORECAST_SCHEMA,
        "as_of": iso_day(forecast.as_of),
        "definition": forecast.definition.as_dict(),
        "season": {
            "index": season.index,
            "state": season.state,
            "at_risk": dict(season.at_risk),
            "last_onset": {kind: _day(day) for kind, day in season.last_onset.items()},
        },
        "forecasts": [window_json(window) for window in forecast.windows],
        "by_date": [_by_date(window) for window in forecast.by_date],
        "trend": [_earlier(earlier) for earlier in forecast.trend],
        "drivers": [asdict(driver) for driver in forecast.drivers],
        "driver_sum": None if forecast.driver_sum is None else asdict(forecast.driver_sum),
        "carried_index": [asdict(each) for each in forecast.carried],
        "near_flipping": [asdict(each) for each in forecast.flipping],
        "evidence": _evidence(forecast.evidence),
        "model": model_json(forecast.model),
        "data": {
            "source": data.source,
            "digest": data.digest,
            "dataset_digest": data.dataset_digest,
            "last_day": iso_day(data.last_day),
            "age_days": data.age_days,
            "provenance": list(data.provenance),
            "findings": [finding_json(each) for each in data.findings],
        },
        "outlook": _outlook(forecast),
        "warnings": [note.text for note in forecast.notes],
        "notes": [{"code": note.code, "text": note.text, **note.fields} for note in forecast.notes],
    }


def forecast_csv(forecast: Forecast) -> str:
    """Return a forecast as CSV: its windows, those by date, then what the outlook says.

    `question` tells the rows apart: `window`, `by_date`, and of the outlook `chance`,
    `first_onset` (of the month that ends on `window_end`; in none of them where it has no end),
    `days_in_season` (no probability: `median`, `low` and `high` are days, `none` the chance of
    none), `in_season_on` and `season_lasts`. `threshold` is the season index of the row's kind.
    """
    return forecast_rows(forecast).to_csv(index=False)


def forecast_rows(forecast: Forecast) -> pd.DataFrame:
    """Return the rows of `forecast_csv` as a table, days as ISO text."""
    rows = [
        {"question": question, **_window(window), **_values(window), "ended": window.ended}
        for question, windows in (("window", forecast.windows), ("by_date", forecast.by_date))
        for window in windows
    ]
    if forecast.outlook is not None:
        rows += outlook_rows(forecast.outlook)
    columns = dict.fromkeys(["as_of", *_CSV_COLUMNS])
    table = pd.DataFrame(rows).astype({"horizon_days": "Int64"})
    table["as_of"] = iso_day(forecast.as_of)
    broad = forecast.definition.threshold
    partial = {Kind.PARTIAL.value: PARTIAL_THRESHOLD}
    table["threshold"] = table["kind"].map(partial).fillna(broad)
    return table.reindex(columns=list(columns))


def _outlook(forecast: Forecast) -> Json | None:
    if forecast.outlook is None:
        return None
    ended = forecast.outlook.window.ended(forecast.data.today)
    return {**outlook_json(forecast.outlook), "ended": ended}


def window_json(window: Window) -> Json:
    """Return a window with its interval and climatology."""
    return {
        **_window(window), **_values(window), "reason": window.reason, "ended": window.ended
    }  # fmt: skip


def model_json(model: ModelSummary) -> Json:
    """Return what an answer says of its model."""
    return {**asdict(model), "trained_until": iso_day(model.trained_until)}


def history_json(
    table: pd.DataFrame, model: ModelSummary, panel: MarketPanel, today: pd.Timestamp
) -> Json:
    """Return a reforecast under the schema `altseason.history/1`.

    Parameters
    ----------
    table : pandas.DataFrame
        From `models.forecasting.reforecast.reforecast`.
    model : ModelSummary
        The one model that made it.
    panel : MarketPanel
        The market that it rests on.
    today : pandas.Timestamp
        Current UTC day, up to which the age of the data counts.
    """
    plain = table.assign(
        as_of=table["as_of"].dt.strftime("%Y-%m-%d"),
        window_end=table["window_end"].dt.strftime("%Y-%m-%d"),
    ).astype(object)
    rows = plain.where(table.notna(), None).to_dict("records")
    data = {
        "source": panel.source,
        "digest": panel.digest,
        "last_day": iso_day(panel.last_day),
        "age_days": (today - panel.last_day).days,
    }
    return {"schema": HISTORY_SCHEMA, "model": model_json(model), "data": data, "rows": rows}


def health_json(health: DataHealth) -> Json:
    """Return the state of the data under the schema `altseason.health/1`."""
    return {
        "schema": HEALTH_SCHEMA,
        "source": health.source,
        "digest": health.digest,
        "today": iso_day(health.today),
        "last_day": iso_day(health.last_day),
        "age_days": health.age_days,
        "refusal": health.refusal,
        "refusal_code": health.refusal_code,
        "series": [_series(each) for each in health.series],
        "coverage_by_year": [asdict(year) for year in health.coverage],
        "steps": list(health.steps),
        "problems": list(health.problems),
        "findings": [finding_json(each) for each in health.findings],
        "revisions": [_revision(each) for each in health.revisions],
        "published": None if health.witness is None else _witness(health.witness),
    }


def _window(window: Window) -> Json:
    return {
        "kind": window.kind,
        "horizon_days": window.horizon_days,
        "window_end": iso_day(window.window_end),
    }


def _values(window: Window) -> Json:
    return {
        "probability": window.probability,
        "low": window.low,
        "high": window.high,
        "climatology": window.climatology,
    }


def _by_date(window: Window) -> Json:
    return {
        "kind": window.kind,
        "date": iso_day(window.window_end),
        "horizon_days": window.horizon_days,
        **_values(window),
        "reason": window.reason,
        "ended": window.ended,
    }


def _earlier(earlier: EarlierForecast) -> Json:
    return {
        "days_ago": earlier.days_ago,
        "as_of": iso_day(earlier.as_of),
        "in_sample": earlier.in_sample,
        "index": earlier.index,
        "forecasts": [{**_window(each), **_chance(each)} for each in earlier.windows],
        "by_date": [
            {"kind": each.kind, "date": iso_day(each.window_end), **_chance(each)}
            for each in earlier.by_date
        ],
    }


def _chance(window: Window) -> Json:
    return {"probability": window.probability, "reason": window.reason}


def _evidence(evidence: ForecastEvidence) -> Json:
    names = ("value", "low", "high", "days", "episodes", "verdict", "auc", "auc_low", "auc_high")
    return {
        "onsets": evidence.onsets,
        "brier_skill": {
            str(skill.horizon_days): {name: getattr(skill, name) for name in names}
            for skill in evidence.skill
            if skill.kind == Kind.BROAD
        },
        "partial_verdicts": {
            str(days): skill.verdict for days, skill in evidence.verified(Kind.PARTIAL).items()
        },
        "out_of_range": list(evidence.out_of_range),
        "measured_at": evidence.measured_at,
        "outlook": [_outlook_skill(each) for each in evidence.outlook],
    }


def _outlook_skill(skill: OutlookSkill) -> Json:
    return {**asdict(skill), "promised_too_much": skill.promised_too_much}


def finding_json(finding: Finding) -> Json:
    """Return what a rule of plausibility noticed."""
    return {
        **asdict(finding),
        "first_day": iso_day(finding.first_day),
        "last_day": iso_day(finding.last_day),
        # Where a factor means nothing there is none.
        **finite({"value": finding.value, "factor": finding.factor}),
        "text": finding.text,
    }


def _revision(revision: Revision) -> Json:
    return {
        **asdict(revision),
        "first_day": iso_day(revision.first_day),
        "last_day": iso_day(revision.last_day),
        "seen_at": f"{revision.seen_at:%Y-%m-%dT%H:%M:%SZ}",
        "text": f"{revision.text}.",
    }


def _witness(witness: Witness) -> Json:
    return {
        **asdict(witness),
        "day": iso_day(witness.day),
        "differs_since": _day(witness.differs_since),
        "difference": witness.difference,
        "text": witness.text,
    }


def _series(series: SeriesHealth) -> Json:
    days = {name: _day(getattr(series, name)) for name in ("first_day", "last_day")}
    return {**asdict(series), **days}


def _day(day: pd.Timestamp | None) -> str | None:
    return None if day is None else iso_day(day)
