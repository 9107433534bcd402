"""The forecast as one self-contained page: no script, no network, for screen, phone and paper."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from features.catalogue.features import CATALOGUE
from models.forecasting.out_of_sample import OutOfSample
from models.forecasting.parts import Forecast, NoteCode
from models.formatting import (
    counted,
    interval,
    iso_day,
    long_day,
    percent,
    share_interval,
    signed,
    unbroken,
    unsigned_interval,
)
from models.outlook.answers import Outlook
from models.report.claim_statements import ClaimHeadline, claim_headlines, claims_statement
from models.report.forecast_text import STATES, outlook_ended, question, trend_note
from models.report.known_failures import CardFacts, known_failures
from models.report.model_card import NOT_FOR
from models.report.outlook_view import OutlookView, outlook_view
from models.report.picture import describe, draw, title
from models.report.record import prospective
from models.report.reliability_diagram import reliability_at, shown_horizons
from models.report.rows import driver_groups, driver_value, window_rows
from models.report.statements import (
    carried_statement,
    driver_heading,
    flipping_statement,
    partial_statement,
    ranking_statement,
    skill_statements,
    today_statement,
)
from models.report.style import inline_svg
from models.report.sweep_record import stored_sweep
from models.report.verdicts import SKILL, effect
from models.tracking.tables import TrainingTables
from models.vocabulary import Kind

_FOLDER = Path(__file__).parent
_UNITS = {feature.name: feature.unit for feature in CATALOGUE}
_MEANINGS = {feature.name: feature.meaning for feature in CATALOGUE}


@dataclass(frozen=True)
class Picture:
    """The picture as SVG for a screen and for a phone, and in words."""

    wide: Markup
    narrow: Markup
    words: str


@dataclass(frozen=True)
class ClaimRow:
    """A claim: its headline, and what its other conditions say."""

    headline: ClaimHeadline
    others: tuple[str, ...]


def forecast_page(
    forecast: Forecast,
    tables: TrainingTables,
    past: OutOfSample,
    *,
    since: pd.Timestamp | None = None,
) -> str:
    """Return a forecast with its evidence as an HTML page.

    Everything on it comes from the forecast and from what the model's own
    training has stored; nothing is scored again. Each string is escaped.

    Parameters
    ----------
    forecast : Forecast
        From `models.forecasting.forecast.forecast`.
    tables : TrainingTables
        From `models.tracking.tables.load_tables`.
    past : OutOfSample
        From `models.forecasting.out_of_sample.out_of_sample`, for the same day.
    since : pandas.Timestamp, optional
        First day of the picture.
    """
    # What is made of the clock is the age alone: the rest is the same on every day.
    today = forecast.data.today
    total = forecast.driver_sum
    content = {
        "forecast": forecast,
        "state": STATES[forecast.season.state],
        "age": counted(forecast.data.age_days, "day"),
        "stale": _stale(forecast),
        "outlook": _outlook(forecast, today),
        "outlook_ended": outlook_ended(forecast),
        "statements": [
            *skill_statements(forecast), ranking_statement(forecast), partial_statement(forecast),
            today_statement(forecast),
        ],
        "kinds": [
            {"title": question(forecast, kind), "rows": window_rows(forecast, kind)}
            for kind in forecast.kinds
        ],
        "trend_note": trend_note(forecast),
        "picture": _picture(past, since, forecast.outlook),
        "groups": driver_groups(forecast),
        "driver_heading": "" if total is None else driver_heading(total),
        "carried": carried_statement(forecast),
        "flipping": flipping_statement(forecast),
        "skill": list(forecast.evidence.answering(Kind.BROAD).values()),
        "other_threshold": forecast.evidence.measured_at is not None,
        "failures": known_failures(_facts(forecast, tables, past)),
        "not_for": NOT_FOR,
        **_record(tables, forecast.model.name),
    }  # fmt: skip
    return _environment().get_template("page.html").render(content)


def _facts(forecast: Forecast, tables: TrainingTables, past: OutOfSample) -> CardFacts:
    return CardFacts(
        candidate=forecast.model.name,
        definition=forecast.definition,
        trained_until=forecast.model.trained_until,
        source=forecast.data.source,
        data_digest="",
        index=past.index,
        onsets=past.onsets,
        verification=tables.verification,
        integrated=tables.integrated,
        hindcast=tables.hindcast,
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: unbroken(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent, "signed": signed, "day": long_day, "iso": iso_day,
        "value": driver_value, "unit": _UNITS.__getitem__, "meaning": _MEANINGS.__getitem__,
        "verdict": SKILL.__getitem__, "effect": effect,
    }  # fmt: skip
    environment.globals |= {
        "interval": interval, "share_interval": share_interval,
        "unsigned_interval": unsigned_interval,
    }  # fmt: skip
    return environment


def _stale(forecast: Forecast) -> str:
    """Return the age of the data if it is warned of: theirs, not that of a day asked for."""
    ages = [note.fields["age_days"] for note in forecast.notes if note.code == NoteCode.STALE_DATA]
    return f"{ages[0]} days" if ages else ""


def _record(tables: TrainingTables, name: str) -> dict[str, object]:
    """Return what is said of forecasts and claims by what came."""
    return {
        "reliability": _reliability(tables.hindcast, name),
        "prospective": prospective(),
        "sweep": stored_sweep(),
        "candidates": _of_kind(tables.integrated, Kind.BROAD),
        **_claims(tables.claims),
    }


def _outlook(forecast: Forecast, today: pd.Timestamp) -> OutlookView | None:
    if forecast.outlook is None:
        return None
    return outlook_view(
        forecast.outlook,
        definition=forecast.definition,
        today=today,
        evidence=forecast.evidence,
    )


def _picture(past: OutOfSample, since: pd.Timestamp | None, outlook: Outlook | None) -> Picture:
    words, description = title(past), describe(past, since=since, outlook=outlook)
    wide, narrow = (
        Markup(
            inline_svg(
                draw(past, since=since, narrow=name == "slim", outlook=outlook),
                name=name,
                title=words,
                description=description,
            )
        )
        for name in ("wide", "slim")
    )
    return Picture(wide, narrow, description)


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


def _of_kind(table: pd.DataFrame, kind: Kind) -> list[pd.Series]:
    """Return the rows of a table of scores for a kind of season."""
    own = table[table["kind"] == kind]
    return [row for _, row in own.iterrows()]


def _claims(claims: pd.DataFrame | None) -> dict[str, object]:
    """Return the claims in a sentence and one by one; nothing if they were not tested."""
    if claims is None or claims.empty:
        return {"claims_statement": None, "claims": []}
    headlines = claim_headlines(claims)
    rows = [
        ClaimRow(
            each,
            tuple(
                sentence
                for sentence in claims.loc[claims["claim"] == each.claim, "sentence"]
                if sentence != each.sentence
            ),
        )
        for each in headlines
    ]
    return {"claims_statement": claims_statement(headlines), "claims": rows}
