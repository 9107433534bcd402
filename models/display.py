"""Forecasts and training results as text for a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from models.study import Study
    from models.training import Training

DRIVERS_SHOWN = 5
BAR_WIDTH = 20


def training_table(training: Training) -> str:
    """Return the candidates with their skill, and what became champion and why."""
    broad = training.verification[training.verification["kind"] == "broad"]
    over_all = training.integrated[training.integrated["kind"] == "broad"].set_index("model")
    horizons = list(dict.fromkeys(broad["horizon_days"]))
    heads = [*(f"{horizon} days" for horizon in horizons), "all horizons"]
    lines = [
        "Brier skill against climatology out of sample, broad seasons (90 % interval)",
        _row("", heads),
    ]
    for name in training.forecasters:
        own = broad[broad["model"] == name].set_index("horizon_days")
        rows = [*(own.loc[horizon] for horizon in horizons), *_at(over_all, name)]
        cells = ["reference" if name == "climatology" else _interval(row) for row in rows]
        lines.append(_row(name, cells))
    first = broad.drop_duplicates("horizon_days").set_index("horizon_days")
    for label in ("days", "episodes"):
        counts = [*(first.loc[h, label] for h in horizons), *(over_all[label].head(1))]
        lines.append(_row(label, [f"{count}" for count in counts]))
    lines += [
        "",
        _verdicts(broad, training.choice.champion),
        f"Champion: {training.choice.champion}, which {training.choice.reason}."
        if training.choice.champion != "climatology"
        else f"Champion: climatology; {training.choice.reason}.",
        f"Fitted on {training.trained_until:%Y-%m-%d}, the last scheduled refit, "
        f"to data until {training.until:%Y-%m-%d}.",
    ]
    return "\n".join(lines)


def study_text(study: Study) -> str:
    """Return events, claims and ablation in words.

    Parameters
    ----------
    study : Study
        From `models.study.study`.
    """
    events = study.before_onsets
    warned = events["lead_days"].notna()
    lines = [
        "",
        f"Before the {len(events)} onsets out of sample (P(onset in {study.horizon_days} days), "
        f"weekly): {int(warned.sum())} were preceded by a warning of {study.warning_level:.0%} or "
        f"more{_median_lead(events['lead_days'])}.",
    ]
    for row in study.contingency.to_dict("records"):
        lines.append(
            f"  at {row['level']:.0%}: {row['hits']} hits, {row['misses']} misses, "
            f"{row['false_alarms']} false alarms of {row['alarms']} alarms"
        )
    without = study.without_episode["brier_skill_without"]
    lines += [
        f"Brier skill with each episode left out in turn: {without.min():+.2f} to "
        f"{without.max():+.2f}, with all {study.without_episode['brier_skill'].iloc[0]:+.2f}.",
        "",
        "The article's claims on this history",
        *(f"  - {sentence}" for sentence in _headline(study.claims)),
        "",
        "What each group of features adds to the logistic hazard (paired, 90 % interval of the "
        "difference of Brier scores, broad seasons; below 0 helps)",
    ]
    broad = study.ablation[study.ablation["kind"] == "broad"]
    for group, rows in broad.groupby("group", sort=False):
        cells = (
            f"{row['horizon_days']} d {row['verdict']} [{row['brier_low']:+.3f}, "
            f"{row['brier_high']:+.3f}]"
            for row in rows.to_dict("records")
        )
        lines.append(f"  {group:10}" + "; ".join(cells))
    return "\n".join([*lines, ""])


def _median_lead(lead_days: pd.Series) -> str:
    known = lead_days.dropna()
    return f", {known.median():.0f} days ahead in the median" if len(known) else ""


def _headline(claims: pd.DataFrame) -> list[str]:
    """Return the first condition of each claim: at 180 days, or as far as the claim looks."""
    chosen = []
    for claim, rows in claims.groupby("claim", sort=False):
        first = rows[rows["condition"] == rows["condition"].iloc[0]]
        looks_ahead = 365 if claim == "index of 33 or lower" else 180
        distance = (first["horizon_days"] - looks_ahead).abs()
        chosen.append(str(first.loc[distance.idxmin(), "sentence"]))
    return chosen


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


def _verdicts(broad: pd.DataFrame, name: str) -> str:
    """Say in words at which horizons a candidate is told from climatology."""
    own = broad[(broad["model"] == name) & (broad["model"] != "climatology")]
    said = []
    for verdict in own["verdict"].unique():
        rows = own[own["verdict"] == verdict]
        days = ", ".join(str(horizon) for horizon in rows["horizon_days"])
        words = f"{verdict} than climatology" if verdict != "cannot tell" else verdict
        said.append(f"{words} at {days} days")
    return f"Verdict on {name} by 90 % intervals: {'; '.join(said) or 'it is the reference'}."


def _row(label: str, cells: Sequence[str]) -> str:
    return "".join([f"{label:18}", *(f"{cell:>20}" for cell in cells)])


def _at(table: pd.DataFrame, name: str) -> list[pd.Series]:
    return [row for _, row in table[table.index == name].iterrows()]


def _interval(row: pd.Series) -> str:
    value, low, high = (row[f"brier_skill{end}"] for end in ("", "_low", "_high"))
    if pd.isna(value):
        return "n/a"
    if pd.isna(low):
        return f"{value:.2f}"
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
        f"{horizon} d {skill['value']:+.2f}"
        + (f" [{skill['low']:+.2f}, {skill['high']:+.2f}]" if skill["low"] is not None else "")
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
