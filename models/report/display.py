"""Training results as text for a terminal; forecasts as CSV and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import pandas as pd

from models.formatting import long_day, percent, signed
from models.hazard.candidates import TRIALS
from models.vocabulary import Kind, Verdict

if TYPE_CHECKING:
    from models.training.events import Study
    from models.training.run import Training


def training_table(training: Training) -> str:
    """Return the candidates with their skill, and what became champion and why."""
    broad = training.verification[training.verification["kind"] == Kind.BROAD]
    over_all = training.integrated[training.integrated["kind"] == Kind.BROAD].set_index("model")
    horizons = list(dict.fromkeys(broad["horizon_days"]))
    heads = [*(f"{horizon} days" for horizon in horizons), "all horizons"]
    rows = [("", heads)]
    for name in training.forecasters:
        own = broad[broad["model"] == name].set_index("horizon_days")
        scores = [*(own.loc[horizon] for horizon in horizons), *_at(over_all, name)]
        cells = ["reference" if name == "climatology" else _interval(row) for row in scores]
        rows.append((name, cells))
    first = broad.drop_duplicates("horizon_days").set_index("horizon_days")
    for label in ("days", "episodes"):
        counts = [*(first.loc[h, label] for h in horizons), *(over_all[label].head(1))]
        rows.append((label, [f"{count}" for count in counts]))
    lines = [
        "Brier skill against climatology out of sample, broad seasons (90 % interval)",
        *_aligned(rows),
    ]
    lines += [
        "",
        _verdicts(broad, training.choice.champion),
        f"Champion: {training.choice.champion}, which {training.choice.reason}."
        if training.choice.champion != "climatology"
        else f"Champion: climatology; {training.choice.reason}.",
        f"Fitted on {long_day(training.trained_until)}, the last scheduled refit, "
        f"to data until {long_day(training.until)}.",
    ]
    return "\n".join(lines)


def study_text(study: Study) -> str:
    """Return events, claims and ablation in words.

    Parameters
    ----------
    study : Study
        From `models.training.events.study`.
    """
    events = study.before_onsets
    warned = events["lead_days"].notna()
    lines = [
        "",
        f"Before the {len(events)} onsets out of sample (P(onset in {study.horizon_days} days), "
        f"weekly): {int(warned.sum())} were preceded by a warning of "
        f"{percent(study.warning_level)} or more{_median_lead(events['lead_days'])}.",
    ]
    for row in study.contingency.to_dict("records"):
        lines.append(
            f"  at {percent(row['level'])}: {row['hits']} hits, {row['misses']} misses, "
            f"{row['false_alarms']} false alarms of {row['alarms']} alarms"
        )
    without = study.without_episode["brier_skill_without"]
    whole = study.without_episode["brier_skill"].iloc[0]
    lines += [
        f"Brier skill with each episode left out in turn: {signed(without.min())} to "
        f"{signed(without.max())}, with all {signed(whole)}.",
        "",
        "The article's claims on this history",
        *(f"  - {row['sentence']}" for row in headlines(study.claims)),
        "",
        f"{TRIALS} variants were looked at on these years while building: each figure is one of so "
        "many (docs/choices.md).",
        "",
        "What each group of features adds to the logistic hazard (paired, 90 % interval of the "
        "difference of Brier scores, broad seasons; below 0 helps)",
    ]
    broad = study.ablation[study.ablation["kind"] == Kind.BROAD]
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


def headlines(claims: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the first condition of each claim: at 180 days, or as far as the claim looks.

    Parameters
    ----------
    claims : pandas.DataFrame
        From `models.training.claims.claims`.
    """
    chosen = []
    for claim, rows in claims.groupby("claim", sort=False):
        first = rows[rows["condition"] == rows["condition"].iloc[0]]
        looks_ahead = 365 if claim == "index of 33 or lower" else 180
        distance = (first["horizon_days"] - looks_ahead).abs()
        chosen.append({str(name): value for name, value in first.loc[distance.idxmin()].items()})
    return chosen


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


def history_json(history: pd.DataFrame, model: Mapping[str, Any]) -> str:
    """Return past forecasts as JSON under the schema `altseason.history/1`.

    Parameters
    ----------
    history : pandas.DataFrame
        From `models.forecasting.reforecast.history`.
    model : mapping
        The one model that made them, as in the forecast.
    """
    table = history.assign(
        as_of=history["as_of"].dt.strftime("%Y-%m-%d"),
        window_end=history["window_end"].dt.strftime("%Y-%m-%d"),
    ).astype(object)
    rows = table.where(history.notna(), None).to_dict("records")
    content = {"schema": "altseason.history/1", "model": dict(model), "rows": rows}
    return json.dumps(content, indent=2, allow_nan=False)


def _verdicts(broad: pd.DataFrame, name: str) -> str:
    """Say in words at which horizons a candidate is told from climatology."""
    own = broad[(broad["model"] == name) & (broad["model"] != "climatology")]
    said = []
    for verdict in own["verdict"].unique():
        rows = own[own["verdict"] == verdict]
        days = ", ".join(str(horizon) for horizon in rows["horizon_days"])
        words = f"{verdict} than climatology" if verdict != Verdict.CANNOT_TELL else verdict
        said.append(f"{words} at {days} days")
    return f"Verdict on {name} by 90 % intervals: {'; '.join(said) or 'it is the reference'}."


def _aligned(rows: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """Return a line per row: the label on the left, columns on the right, two blanks apart."""
    margin = max(len(label) for label, _ in rows)
    columns = zip_longest(*(cells for _, cells in rows), fillvalue="")
    widths = [2 + max(len(cell) for cell in column) for column in columns]
    return [
        "".join([f"{label:{margin}}", *(f"{c:>{w}}" for c, w in zip(cells, widths, strict=False))])
        for label, cells in rows
    ]


def _at(table: pd.DataFrame, name: str) -> list[pd.Series]:
    return [row for _, row in table[table.index == name].iterrows()]


def _interval(row: pd.Series) -> str:
    value, low, high = (row[f"brier_skill{end}"] for end in ("", "_low", "_high"))
    if pd.isna(value):
        return "n/a"
    if pd.isna(low):
        return f"{value:.2f}"
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"
