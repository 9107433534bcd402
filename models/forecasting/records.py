"""A forecast as JSON and CSV, and the JSON read again: pydantic derives both from its parts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
from pydantic import TypeAdapter

from models.answers import COLUMNS, QUANTILES, Answer, answers_table
from models.forecasting.data_quality import DataHealth
from models.forecasting.parts import Forecast, ModelSummary
from models.vocabulary import Kind

HISTORY_SCHEMA = "altseason.history/2"
HEALTH_SCHEMA = "altseason.health/1"
_FORECAST: TypeAdapter[Forecast] = TypeAdapter(Forecast)
_ANSWERS: TypeAdapter[tuple[Answer, ...]] = TypeAdapter(tuple[Answer, ...])
_MODEL: TypeAdapter[ModelSummary] = TypeAdapter(ModelSummary)
_LAST = ("mean", "seen", *(f"q{100 * level:02g}" for level in QUANTILES))
_CSV = (
    "as_of", *(name for name in COLUMNS if name not in ("mean", "seen", "quantiles")), *_LAST,
    "threshold",
)  # fmt: skip


def forecast_json(forecast: Forecast) -> dict[str, Any]:
    """Return a forecast under the schema `altseason.forecast/3`, in docs/forecast.schema.json."""
    content: dict[str, Any] = _FORECAST.dump_python(forecast, mode="json")
    return {"schema": content.pop("schema"), **content}


def forecast_schema() -> dict[str, Any]:
    """Return the JSON schema of a forecast."""
    return _FORECAST.json_schema()


def answers_json(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Return answers as JSON, without the fields that a question leaves empty."""
    rows: list[dict[str, Any]] = _ANSWERS.dump_python(
        tuple(answers), mode="json", exclude_none=True
    )
    return rows


def forecast_csv(forecast: Forecast) -> str:
    """Return the answers of a forecast as CSV, a row an answer."""
    return csv_table(answers_table(forecast.answers), forecast.as_of, forecast.thresholds).to_csv(
        index=False
    )


def csv_table(
    answers: pd.DataFrame, as_of: pd.Timestamp, thresholds: Mapping[Kind, float]
) -> pd.DataFrame:
    """Return a table of answers with flat columns: quantiles as q05 to q95."""
    quantiles = [each or {} for each in answers["quantiles"]]
    by_kind = {Kind.SUSTAINED: thresholds[Kind.BROAD], **thresholds}
    table = answers.assign(as_of=as_of, threshold=answers["kind"].map(by_kind))
    for level in QUANTILES:
        table[f"q{100 * level:02g}"] = [each.get(f"{level:g}") for each in quantiles]
    return table.reindex(columns=list(_CSV))


def history_json(
    table: pd.DataFrame, model: ModelSummary, source: str, digest: str, today: pd.Timestamp
) -> dict[str, Any]:
    """Return past forecasts, from `models.forecasting.past`, as JSON: a list of rows."""
    days = table.select_dtypes("datetime").columns
    rows = table.assign(**{name: table[name].dt.strftime("%Y-%m-%d") for name in days})
    rows = rows.astype(object).where(rows.notna(), None)
    return {
        "schema": HISTORY_SCHEMA,
        "model": _MODEL.dump_python(model, mode="json"),
        "data": {"source": source, "digest": digest, "today": f"{today:%Y-%m-%d}"},
        "forecasts": rows.to_dict("records"),
    }


def health_json(health: DataHealth) -> dict[str, Any]:
    """Return the state of the data under the schema `altseason.health/1`."""
    content = asdict(health)
    content["coverage_by_year"] = content.pop("coverage")
    content["published"] = content.pop("witness")
    content["findings"] = [{**asdict(each), "text": each.text} for each in health.findings]
    return {"schema": HEALTH_SCHEMA, **{name: _plain(each) for name, each in content.items()}}


def _plain(value: object) -> object:
    """Return a value as JSON holds it: days as text, what is no number as null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
