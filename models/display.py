"""Forecasts and training results as text for a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from models.training import Training

DRIVERS_SHOWN = 5
BAR_WIDTH = 20


def training_table(training: Training) -> str:
    """Return the candidates with their skill, and what became champion and why."""
    broad = training.verification[training.verification["kind"] == "broad"]
    horizons = list(dict.fromkeys(broad["horizon_days"]))
    lines = [
        "Brier skill against climatology out of sample, broad seasons (90 % interval)",
        "".join([f"{'':18}", *(f"{f'{h} days':>21}" for h in horizons), f"{'log score':>11}"]),
    ]
    for name in training.forecasters:
        own = broad[broad["model"] == name].set_index("horizon_days")
        cells = ["reference" if name == "climatology" else _interval(own.loc[h]) for h in horizons]
        log_score = own["log_score"].mean()
        lines.append("".join([f"{name:18}", *(f"{c:>21}" for c in cells), f"{log_score:>11.3f}"]))
    if horizons:
        first = broad.drop_duplicates("horizon_days").set_index("horizon_days")
        for label, column in (("days", "days"), ("episodes", "episodes")):
            counts = (f"{int(first.loc[h, column]):>21}" for h in horizons)
            lines.append("".join([f"{label:18}", *counts]))
    lines += [
        "",
        f"Champion: {training.choice.champion}, which {training.choice.reason}."
        if training.choice.champion != "climatology"
        else f"Champion: climatology; {training.choice.reason}.",
        f"Fitted on {training.trained_until:%Y-%m-%d}, the last scheduled refit, "
        f"to data until {training.until:%Y-%m-%d}.",
    ]
    return "\n".join(lines)


def forecast_text(forecast: Mapping[str, Any]) -> str:
    """Return a forecast for a person to read.

    Parameters
    ----------
    forecast : mapping
        From `models.forecast.forecast`.
    """
    blocks = [_season(forecast)]
    blocks += [_kind(forecast, kind) for kind in forecast["season"]["at_risk"]]
    blocks += [_drivers(forecast["drivers"]), _evidence(forecast)]
    if forecast["warnings"]:
        blocks.append("\n".join(f"Warning: {warning}" for warning in forecast["warnings"]))
    blocks.append("Research software, not investment advice.")
    return "\n\n".join(blocks)


def forecast_csv(forecast: Mapping[str, Any]) -> str:
    """Return the windows of a forecast as CSV, the one by date last of its kind."""
    rows = [
        {"as_of": forecast["as_of"], **{k: v for k, v in row.items() if k != "reason"}}
        for row in forecast["forecasts"]
    ]
    as_of = pd.Timestamp(forecast["as_of"])
    for row in forecast["by_date"]:
        window = {
            "horizon_days": (pd.Timestamp(row["date"]) - as_of).days,
            "window_end": row["date"],
        }
        values = {name: row[name] for name in ("probability", "low", "high", "climatology")}
        rows.append({"as_of": forecast["as_of"], "kind": row["kind"], **window, **values})
    return pd.DataFrame(rows).to_csv(index=False)


def history_csv(history: pd.DataFrame) -> str:
    """Return past forecasts as CSV."""
    return history.to_csv(index=False)


def history_json(history: pd.DataFrame) -> str:
    """Return past forecasts as JSON under the schema `altseason.history/1`."""
    table = history.assign(
        as_of=history["as_of"].dt.strftime("%Y-%m-%d"),
        window_end=history["window_end"].dt.strftime("%Y-%m-%d"),
    ).astype(object)
    rows = table.where(history.notna(), None).to_dict("records")
    return json.dumps({"schema": "altseason.history/1", "rows": rows}, indent=2, allow_nan=False)


def _interval(row: pd.Series) -> str:
    value, low, high = (row[f"brier_skill{end}"] for end in ("", "_low", "_high"))
    if pd.isna(value):
        return "n/a"
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _season(forecast: Mapping[str, Any]) -> str:
    season = forecast["season"]
    last = ", ".join(f"{kind} {day or 'none'}" for kind, day in season["last_onset"].items())
    return (
        f"As of {forecast['as_of']}: season index {season['index']:.1f} "
        f"({season['state']}). Last onset: {last}."
    )


def _kind(forecast: Mapping[str, Any], kind: str) -> str:
    title = f"Chance that a {kind} altcoin season begins"
    rows = [row for row in forecast["forecasts"] if row["kind"] == kind]
    if rows[0]["probability"] is None:
        return f"{title}: no forecast, {rows[0]['reason']}."
    lines = [title, f"  {'':28}{'probability':>11}   {'90 % interval':<15}{'climatology':>11}"]
    for row in rows:
        lines.append(_line(f"within {row['horizon_days']} days, {row['window_end']}", row))
    for row in forecast["by_date"]:
        if row["kind"] == kind:
            lines.append(_line(f"by {row['date']}", row))
    return "\n".join(lines)


def _line(label: str, row: Mapping[str, Any]) -> str:
    filled = round(row["probability"] * BAR_WIDTH)
    interval = f"{row['low']:.0%} to {row['high']:.0%}"
    return (
        f"  {label:<28}{row['probability']:>11.0%}   {interval:<15}{row['climatology']:>11.0%}"
        f"   {'#' * filled}{'.' * (BAR_WIDTH - filled)}"
    )


def _drivers(drivers: Sequence[Mapping[str, Any]]) -> str:
    if not drivers:
        return "Drivers: none."
    groups: dict[str, float] = {}
    for driver in drivers:
        groups[driver["group"]] = groups.get(driver["group"], 0.0) + driver["log_odds"]
    lines = ["Drivers of the next 90 days (log-odds against an average day)"]
    for group, total in sorted(groups.items(), key=lambda item: -abs(item[1])):
        lines.append(f"  {group:<32}{total:>+7.2f}")
    lines.append("  strongest features")
    for driver in drivers[:DRIVERS_SHOWN]:
        value = "missing" if driver["value"] is None else f"{driver['value']:.4g}"
        lines.append(f"    {driver['feature']:<30}{driver['log_odds']:>+7.2f}   at {value}")
    return "\n".join(lines)


def _evidence(forecast: Mapping[str, Any]) -> str:
    evidence, model, data = forecast["evidence"], forecast["model"], forecast["data"]
    skills = ", ".join(
        f"{horizon} d {skill['value']:+.2f} [{skill['low']:+.2f}, {skill['high']:+.2f}]"
        for horizon, skill in evidence["brier_skill"].items()
        if skill["value"] is not None
    )
    version = f"version {model['version']}" if model["version"] else f"run {model['run_id']}"
    return (
        f"Evidence: {evidence['onsets']} onsets in training; Brier skill out of sample "
        f"(90 % interval): {skills or 'none yet'}.\n"
        f"Model: {model['name']}, {version}, trained until {model['trained_until']}. "
        f"Data: {data['source']} to {data['last_day']} ({data['age_days']} days old)."
    )
