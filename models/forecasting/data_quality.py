"""The state of the market data, as JSON and for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from features.health import require_usable, series_health
from features.panel import DataError, MarketPanel
from features.plausibility.pegs import RULE as NO_ALTCOIN
from features.provenance import Finding

SCHEMA = "altseason.health/1"


def health(
    panel: MarketPanel, *, as_of: pd.Timestamp | None, today: pd.Timestamp
) -> dict[str, Any]:
    """Describe the market data and say whether a forecast would be refused.

    Parameters
    ----------
    panel : MarketPanel
        The market.
    as_of : pandas.Timestamp, optional
        The day a forecast would be asked for; by default the last day.
    today : pandas.Timestamp
        Current UTC day.

    Returns
    -------
    dict
        Under the schema `altseason.health/1`, ready for JSON; `refusal` is the
        message with which a forecast would be refused, or None.
    """
    try:
        require_usable(panel, as_of=as_of, today=today)
        refusal = None
    except DataError as error:
        refusal = str(error)
    table = series_health(panel, today)
    for column in ("first_day", "last_day"):
        table[column] = table[column].dt.strftime("%Y-%m-%d")
    table["coverage"] = table["coverage"].round(4)
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    said = panel.provenance
    return {
        "schema": SCHEMA,
        "source": panel.source,
        "digest": panel.digest,
        "today": f"{today:%Y-%m-%d}",
        "last_day": f"{panel.last_day:%Y-%m-%d}",
        "age_days": int((today - panel.last_day).days),
        "refusal": refusal,
        "series": rows,
        "coverage_by_year": [asdict(year) for year in said.coverage],
        "steps": list(said.steps),
        "problems": [*said.problems, *_noticed(panel)],
        "findings": [_finding(each) for each in said.findings],
    }


def _noticed(panel: MarketPanel) -> list[str]:
    """Return what the rules of plausibility noticed near the end of the data, as sentences."""
    return [each.text for each in panel.provenance.findings if each.concerns(panel.last_day)]


def _finding(finding: Finding) -> dict[str, Any]:
    days = {day: f"{getattr(finding, day):%Y-%m-%d}" for day in ("first_day", "last_day")}
    numbers = {
        name: value if np.isfinite(value) else None
        for name, value in (("value", finding.value), ("factor", finding.factor))
    }
    return {**asdict(finding), **days, **numbers, "text": finding.text}


def provenance_tables(panel: MarketPanel, today: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """Return what a training run keeps of its data: each series, each step, each problem.

    Parameters
    ----------
    panel : MarketPanel
        The market.
    today : pandas.Timestamp
        Current UTC day.
    """
    said = [("step", step) for step in panel.provenance.steps]
    said += [("problem", problem) for problem in panel.provenance.problems]
    said += [(each.consequence, each.text) for each in panel.provenance.findings]
    tables = {"data_series": series_health(panel, today)}
    if said:
        tables["data_provenance"] = pd.DataFrame(said, columns=["kind", "sentence"])
    if panel.provenance.coverage:
        tables["data_coverage"] = pd.DataFrame(map(asdict, panel.provenance.coverage))
    return tables


def health_text(state: Mapping[str, Any]) -> str:
    """Return the state of the data for a person to read.

    Parameters
    ----------
    state : mapping
        From `health`.
    """
    lines = [
        f"Source {state['source']}, digest {state['digest'][:12]}: to {state['last_day']}, "
        f"{state['age_days']} day{'s' * (state['age_days'] != 1)} old.",
        "A forecast would be refused: " + state["refusal"]
        if state["refusal"]
        else "Fit for a forecast.",
        "",
        f"{'series':<28}{'first day':<12}{'last day':<12}{'age':>5}{'covered':>9}{'gaps':>6}"
        f"{'longest':>9}  {'digest':<14}source",
    ]
    lines += [_series_line(row) for row in _merged(state["series"])]
    if state["coverage_by_year"]:
        lines += ["", "Share of the top 50 that could be compared over 90 days, by year"]
        lines += [
            f"  {row['year']}  {row['source']:<9}{row['coverage']:>5.0%}  of {row['days']} days"
            + (f", {row['unused_days']} without an index" if row["unused_days"] else "")
            for row in state["coverage_by_year"]
        ]
    left_out = [each for each in state["findings"] if each["rule"] == NO_ALTCOIN]
    told = [f"{each['series']}: {each['said']}" for each in left_out]
    noted = [each["text"] for each in state["findings"]
             if each["consequence"] == "note" and each not in left_out]  # fmt: skip
    for title, said in (("Made", state["steps"]), ("No altcoins, left out of the ranking", told),
                        ("Noted", noted), ("Problems", state["problems"])):  # fmt: skip
        if said:
            lines += ["", title, *(f"  - {sentence}" for sentence in said)]
    return "\n".join(lines)


def _series_line(row: Mapping[str, Any]) -> str:
    if row["first_day"] is None:
        return f"{row['series']:<28}{row['problem']}"
    line = (
        f"{row['series']:<28}{row['first_day']:<12}{row['last_day']:<12}{row['age_days']:>5}"
        f"{row['coverage']:>9.1%}{row['gaps']:>6}{row['longest_gap_days']:>9}  "
        f"{row['digest']:<14}{row['source']}"
    )
    return f"{line}\n    {row['problem']}" if row["problem"] else line


def _merged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Show series that are alike but for their number, such as the simulated ones, as one."""
    groups: dict[tuple[object, ...], list[dict[str, Any]]] = {}
    for row in rows:
        stem = row["series"].split("_")[0] if row["series"].startswith("simulated") else ""
        alike = [row[key] for key in ("first_day", "last_day", "observations", "source")]
        groups.setdefault((stem or row["series"], *alike), []).append(row)
    return [
        same[0]
        if len(same) == 1
        else {**same[0], "series": f"{key[0]} ({len(same)} series)", "digest": "see --json"}
        for key, same in groups.items()
    ]
