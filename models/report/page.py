"""The forecast as one self-contained page: no script, no network, for screen, phone and paper."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from features.catalogue.builder import CATALOGUE
from models.forecasting.out_of_sample import Record
from models.formatting import interval, long_day, percent, signed, unbroken
from models.report.display import headlines
from models.report.forecast_text import STATES, VERDICTS, question, trend_note, windows
from models.report.picture import describe, draw, title
from models.report.reliability import reliability_at, shown_horizons
from models.report.sayings import headline, on_claims, on_partial, on_skill, on_today, on_window
from models.report.style import inline_svg
from models.tracking.tables import TrainingTables
from models.vocabulary import Kind, Verdict

_FOLDER = Path(__file__).parent
_UNITS = {feature.name: feature.unit for feature in CATALOGUE}
_MEANINGS = {feature.name: feature.meaning for feature in CATALOGUE}


def forecast_page(
    forecast: Mapping[str, Any],
    tables: TrainingTables,
    record: Record,
    *,
    since: pd.Timestamp | None = None,
) -> str:
    """Return a forecast with its evidence as an HTML page.

    Everything on it comes from the forecast and from what the model's own
    training has stored; nothing is scored again. Each string is escaped.

    Parameters
    ----------
    forecast : mapping
        From `models.forecasting.forecast.forecast`.
    tables : TrainingTables
        From `models.tracking.tables.load_tables`.
    record : Record
        From `models.forecasting.out_of_sample.record`, for the same day.
    since : pandas.Timestamp, optional
        First day of the picture.
    """
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: unbroken(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "signed": signed, "day": long_day}
    number, asked = headline(forecast)
    content = {
        "forecast": forecast,
        "state": STATES[forecast["season"]["state"]],
        "number": number,
        "asked": asked,
        "trust": on_window(forecast),
        "sayings": [*on_skill(forecast), on_partial(forecast), on_today(forecast)],
        "kinds": [
            {"title": question(forecast, kind), "rows": windows(forecast, kind)}
            for kind in forecast["season"]["at_risk"]
        ],
        "trend_note": trend_note(forecast),
        "picture": _picture(record, since),
        "groups": _groups(forecast),
        "reliability": _reliability(tables.hindcast, forecast["model"]["name"]),
        "skill": _skill(tables.verification, forecast["model"]["name"]),
        "candidates": _candidates(tables.integrated),
        "claims": _claims(tables.claims),
    }
    return environment.get_template("page.html").render(content)


def _picture(record: Record, since: pd.Timestamp | None) -> dict[str, Any]:
    words = {"title": title(record), "description": describe(record, since=since)}
    return {
        "wide": Markup(inline_svg(draw(record, since=since), name="wide", **words)),
        "narrow": Markup(inline_svg(draw(record, since=since, narrow=True), name="slim", **words)),
        "words": words["description"],
    }


def _groups(forecast: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the drivers by group, the strongest group first."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for driver in forecast["drivers"]:
        value = "missing" if driver["value"] is None else f"{driver['value']:.4g}"
        groups.setdefault(driver["group"], []).append(
            {
                **driver,
                "shown": value,
                "unit": _UNITS[driver["feature"]],
                "meaning": _MEANINGS[driver["feature"]],
            }
        )
    found = [
        {"name": group, "total": sum(own["log_odds"] for own in drivers), "drivers": drivers}
        for group, drivers in groups.items()
    ]
    return sorted(found, key=lambda group: -abs(group["total"]))


def _reliability(hindcast: pd.DataFrame, name: str) -> list[Markup]:
    own = hindcast[hindcast["model"] == name]
    return [
        Markup(
            inline_svg(
                reliability_at(own, horizon),
                name=f"reliability{horizon}",
                title=f"Reliability of {name} at {horizon} days",
                description="Observed frequency against forecast probability: the line is the "
                "recalibrated forecast, the band where it would lie if the forecasts were "
                "calibrated, the bars how often each probability was forecast.",
            )
        )
        for horizon in shown_horizons(own)
    ]


def _skill(verification: pd.DataFrame, name: str) -> list[dict[str, Any]]:
    own = verification[(verification["kind"] == Kind.BROAD) & (verification["model"] == name)]
    return [_scored(row) for row in own.to_dict("records")]


def _candidates(integrated: pd.DataFrame) -> list[dict[str, Any]]:
    broad = integrated[integrated["kind"] == Kind.BROAD]
    return [_scored(row) for row in broad.to_dict("records")]


def _scored(row: Mapping[Any, Any]) -> dict[str, Any]:
    low, high = row["brier_skill_low"], row["brier_skill_high"]
    reference = row["model"] == "climatology"
    return {
        **row,
        "interval": interval(low, high),
        "words": "the reference" if reference else VERDICTS[Verdict(row["verdict"])],
    }


def _claims(claims: pd.DataFrame | None) -> dict[str, Any] | None:
    if claims is None or claims.empty:
        return None
    first = headlines(claims)
    rows = claims.to_dict("records")
    return {
        "said": on_claims(first),
        "claims": [
            {
                **row,
                "others": [
                    other["sentence"]
                    for other in rows
                    if other["claim"] == row["claim"] and other["sentence"] != row["sentence"]
                ],
            }
            for row in first
        ],
    }
