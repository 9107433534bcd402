"""The forecast as one page, without script or network, and the other files of a forecast."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from features.catalogue.features import CATALOGUE
from features.terminal import printable
from models.answers import Answer, Event
from models.forecasting.parts import Forecast
from models.forecasting.past import OutOfSample
from models.forecasting.questions import HORIZONS, KINDS
from models.formatting import (
    interval,
    iso_day,
    long_day,
    percent,
    share_interval,
    signed,
    unbroken,
    unsigned_interval,
)
from models.report import words
from models.report.card import NOT_FOR, CardFacts, claim_headlines, claims_statement, known_failures
from models.report.picture import describe, draw, title
from models.report.record_figures import reliability_at, shown_horizons
from models.report.style import inline_svg, png, svg
from models.report.text import earlier_chance
from models.tracking.read import TrainingTables
from models.vocabulary import Kind

_FOLDER = Path(__file__).parent
_UNITS = {feature.name: feature.unit for feature in CATALOGUE}
_MEANINGS = {feature.name: feature.meaning for feature in CATALOGUE}


@dataclass(frozen=True)
class _Picture:
    """The picture as SVG for a screen and for a phone, and in words."""

    wide: Markup
    narrow: Markup
    words: str


@dataclass(frozen=True)
class _Months:
    """The chance that the first season of a kind has begun by each month's end."""

    kind: Kind
    words: str
    bars: list[tuple[str, str, float]]  # month, chance in percent, height of its column


def forecast_page(
    forecast: Forecast,
    tables: TrainingTables,
    past: OutOfSample,
    *,
    since: pd.Timestamp | None = None,
) -> str:
    """Return a forecast with its evidence as an HTML page, every string escaped.

    Everything on it comes from the forecast, from what the model's training has stored, and from
    the forecasts out of sample up to the same day; nothing is scored again.
    """
    total = forecast.driver_sum
    content = {
        **_first_screen(forecast),
        "kinds": [
            (words.question_words(forecast, kind), list(_windows(forecast, kind)))
            for kind in _kinds(forecast)
        ],
        "earlier_note": words.earlier_note(forecast),
        "months": [_months(forecast, kind) for kind in _kinds(forecast)],
        "days": [words.days_statement(forecast, each) for each in forecast.of(Event.DAYS)],
        "past_finding": words.past_finding(forecast),
        "picture": _picture(past, forecast, since),
        "groups": words.driver_groups(forecast.drivers),
        "driver_heading": "" if total is None else words.driver_heading(total),
        "rest": words.REST,
        "statements": words.skill_statements(forecast),
        "skill": [
            each for kind in _kinds(forecast) for each in forecast.evidence.verified(kind).values()
        ],
        "states": forecast.evidence.states,
        "failures": known_failures(_facts(forecast, tables, past)),
        "not_for": NOT_FOR,
        "disclaimer": words.DISCLAIMER,
        **_record(forecast, tables),
    }  # fmt: skip
    return _environment().get_template("page.html").render(content)


def _first_screen(forecast: Forecast) -> dict[str, object]:
    """Return what the text answers too."""
    return {
        "forecast": forecast,
        "title": words.title(forecast),
        "age": words.age_statement(forecast),
        "over": forecast.window.over(forecast.data.today),
        "index_statement": words.index_statement(forecast),
        "states_statement": words.states_statement(forecast),
        "dollar_statement": words.dollar_statement(forecast),
        "now_statement": words.now_statement(forecast),
        "dollar_finding": words.hollow_statement(forecast) or "The season in dollars",
        "followed": () if forecast.dollars is None else forecast.dollars.followed,
        "sectors": () if forecast.now is None else forecast.now.sectors,
        "answers": list(_answers(forecast)),
        "sentences": _sentences(forecast),
        "signals": [(each, words.signal_verdict(each)) for each in forecast.signals],
        "second_opinion": words.second_opinion_statement(forecast.second_opinion),
        "change": words.change_statement(forecast),
    }


def _kinds(forecast: Forecast) -> list[Kind]:
    return [kind for kind in KINDS if kind is Kind.SUSTAINED or kind in forecast.thresholds]


def _answers(forecast: Forecast) -> Iterator[tuple[str, str, Answer]]:
    """Yield the answers of the first screen, as the text has them."""
    definition, name = forecast.definition, words.window_name(forecast.window)
    meanings = {
        Kind.BROAD: f"index {definition.threshold:g} or more",
        Kind.SUSTAINED: f"on {definition.sustained_days} of its first "
        f"{definition.sustained_within} days",
    }
    if not forecast.window.over(forecast.data.today):
        for kind, meaning in meanings.items():
            yield f"{name}, {kind}", meaning, forecast.year(kind)
    near = forecast.begins(Kind.BROAD, 90)
    # A window that has partly passed never headlines.
    if near is not None and not words.stale(forecast):
        yield "Next 90 days, broad", meanings[Kind.BROAD], near


def _sentences(forecast: Forecast) -> list[str]:
    sentences = [
        words.timing_statement(forecast),
        words.too_high_statement(forecast),
        words.lasting_statement(forecast, Kind.BROAD),
        words.trust_statement(forecast),
    ]
    return [each for each in sentences if each]


def _windows(forecast: Forecast, kind: Kind) -> Iterator[tuple[Answer, bool, list[str]]]:
    answers = [forecast.begins(kind, days) for days in HORIZONS]
    for answer in [*filter(None, answers), forecast.year(kind)]:
        earlier = [earlier_chance(each, answer, forecast.as_of) for each in forecast.earlier]
        yield answer, forecast.data.today > answer.end, earlier


def _months(forecast: Forecast, kind: Kind) -> _Months:
    by_month = words.by_month(forecast, kind)
    chances = [each.probability or 0.0 for each in by_month.values()]
    most = max(chances, default=0.0) or 1.0
    return _Months(
        kind,
        f"chance in % that it has begun by each month's end. "
        f"{words.timing_statement(forecast, kind)}",
        [
            (f"{end:%b}", f"{100 * chance:.0f}", chance / most)
            for end, chance in zip(by_month, chances, strict=True)
        ],
    )


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


def _finalize(value: object) -> object:
    """Return text that steers nothing and keeps days and percents on one line."""
    return unbroken(printable(value)) if type(value) is str else value


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent, "signed": signed, "day": long_day, "iso": iso_day,
        "unit": _UNITS.__getitem__, "meaning": _MEANINGS.__getitem__,
        "verdict": words.SKILL.__getitem__, "horizon": words.horizon_words,
        "state": words.IN_STATE.__getitem__,
    }  # fmt: skip
    environment.globals |= {
        "interval": interval, "share_interval": share_interval,
        "unsigned_interval": unsigned_interval,
    }  # fmt: skip
    return environment


def _record(forecast: Forecast, tables: TrainingTables) -> dict[str, object]:
    """Return what is shown of forecasts and claims by what came."""
    integrated, claims = tables.integrated, tables.claims
    candidates = integrated[integrated["kind"] == Kind.BROAD] if len(integrated) else integrated
    headlines = [] if claims is None or claims.empty else claim_headlines(claims)
    return {
        "reliability": _reliability(tables.hindcast, forecast.model.name),
        "candidates": [row for _, row in candidates.iterrows()],
        "claims": [each.sentence for each in headlines],
        "claims_statement": claims_statement(headlines) if headlines else "",
    }


def _picture(past: OutOfSample, forecast: Forecast, since: pd.Timestamp | None) -> _Picture:
    name_of, description = title(past), describe(past, forecast, since=since)
    wide, narrow = (
        Markup(
            inline_svg(
                draw(past, forecast, since=since, narrow=name == "slim"),
                name=name,
                title=name_of,
                description=description,
            )
        )
        for name in ("wide", "slim")
    )
    return _Picture(wide, narrow, description)


def _reliability(hindcast: pd.DataFrame, name: str) -> list[Markup]:
    rows = hindcast[hindcast["model"] == name]
    return [
        Markup(
            inline_svg(
                reliability_at(rows, horizon),
                name=f"reliability{horizon}",
                title=f"Reliability of {name} at {horizon} days",
                description="Observed frequency against forecast probability: the line is the "
                "recalibrated forecast, the band where it would lie if the forecasts were "
                "calibrated, the bars how often each probability was forecast.",
            )
        )
        for horizon in shown_horizons(rows)
    ]


def output(
    suffix: str,
    forecast: Forecast,
    tables: TrainingTables,
    past: OutOfSample,
    since: pd.Timestamp | None,
) -> bytes:
    """Return the content of a file by its ending: .png, .svg or .html."""
    if suffix == ".html":
        return forecast_page(forecast, tables, past, since=since).encode()
    figure = draw(past, forecast, since=since)
    if suffix == ".png":
        return png(figure)
    return svg(figure, title=title(past), description=describe(past, forecast, since=since))
