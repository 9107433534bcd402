"""The outlook as the page shows it: rows and bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from models.forecasting.evidence import ForecastEvidence
from models.formatting import MONTHS, long_day, percent
from models.outlook.answers import Chance, DaysInSeason, Outlook, SeasonLasts
from models.outlook.paths import SUSTAINED
from models.outlook.window import OutlookWindow
from models.report.outlook_words import (
    base_rate_statement,
    earliest_statement,
    kind_meanings,
    open_statement,
    period,
    season_open,
    when_words,
    worth_words,
    years_statement,
)
from models.season.definition import OnsetDefinition
from models.vocabulary import Kind

MOST_BARS = 12


@dataclass(frozen=True)
class ChanceRow:
    """A kind of season, what it means, its chance, and what such chances have been worth."""

    chance: Chance
    meaning: str
    worth: str


@dataclass(frozen=True)
class OnsetRow:
    """When the first season of a kind begins: `bars` are (percent, share of the highest bar)."""

    title: str
    words: str
    bars: tuple[tuple[str, float], ...]
    none: str


@dataclass(frozen=True)
class LastsRow:
    """How long a season that stands goes on, by kind."""

    days: int
    chances: tuple[SeasonLasts | None, ...]


@dataclass(frozen=True)
class OutlookView:
    """What the page opens with.

    Parameters
    ----------
    period : str
        The days asked about, in words.
    span : str
        What of them is forecast.
    ended : bool
        Whether they were over when the forecast was made.
    chances : tuple of ChanceRow
        The weakest kind first.
    sentences : tuple of str
        How many such years bring a sustained season, what the base rate says to it, and what the
        season of today leaves possible.
    parts : tuple of str
        Months or quarters, as headings of the bars.
    last_day : str
        Of the days asked about.
    onsets : tuple of OnsetRow
        By kind.
    days : tuple of DaysInSeason
        By kind.
    lasts_kinds : tuple of str
        Kinds of a season under way, empty where there is none.
    lasts : tuple of LastsRow
        How long it lasts.
    """

    period: str
    span: str
    ended: bool
    chances: tuple[ChanceRow, ...]
    sentences: tuple[str, ...]
    parts: tuple[str, ...]
    last_day: str
    onsets: tuple[OnsetRow, ...]
    days: tuple[DaysInSeason, ...]
    lasts_kinds: tuple[str, ...]
    lasts: tuple[LastsRow, ...]


def outlook_view(
    outlook: Outlook,
    *,
    definition: OnsetDefinition,
    today: pd.Timestamp,
    evidence: ForecastEvidence | None = None,
) -> OutlookView:
    """Return an outlook in rows and sentences.

    Parameters
    ----------
    outlook : Outlook
        From `models.outlook.outlook.answer`.
    definition : OnsetDefinition
        Of a broad season.
    today : pandas.Timestamp
        Day on which the forecast was made, which tells whether its window has ended.
    evidence : ForecastEvidence, optional
        What the outlook has shown; nothing is said of it without.
    """
    window = outlook.window
    meanings = kind_meanings(definition)
    parts, onsets = _onsets(outlook)
    kinds = tuple(dict.fromkeys(each.kind for each in outlook.season_lasts))
    return OutlookView(
        period=period(window),
        span=f"{long_day(window.start)} to {long_day(window.end)}",
        ended=window.ended(today),
        chances=tuple(
            ChanceRow(each, meanings[each.kind], _worth(each, window, evidence))
            for each in outlook.chances
        ),
        sentences=tuple(
            sentence
            for sentence in (
                years_statement(outlook, definition.threshold),
                base_rate_statement(outlook),
                open_statement(outlook),
                earliest_statement(outlook),
            )
            if sentence
        ),
        parts=parts,
        last_day=long_day(window.end),
        onsets=onsets,
        days=outlook.days_in_season,
        lasts_kinds=kinds,
        lasts=_lasts(outlook.season_lasts, kinds),
    )


def _worth(chance: Chance, window: OutlookWindow, evidence: ForecastEvidence | None) -> str:
    if evidence is None or chance.begun_on is not None:
        return ""
    shown = evidence.shown_by_outlook(Kind(chance.kind), window.days)
    return "" if shown is None else worth_words(shown)


def _onsets(outlook: Outlook) -> tuple[tuple[str, ...], tuple[OnsetRow, ...]]:
    """Return headings and rows of first onsets, by month or, where those are many, by quarter."""
    monthly = len(outlook.first_onset[0].months) <= MOST_BARS
    begun = {each.kind for each in outlook.chances if each.begun_on is not None}
    begun |= {SUSTAINED} if season_open(outlook) else set()
    shares = [each.months if monthly else each.quarters for each in outlook.first_onset]
    highest = max((share for row in shares for _, share in row), default=0.0) or 1.0
    rows = tuple(
        OnsetRow(
            title=f"{'next ' if first.kind in begun else ''}{first.kind}",
            words=when_words(first, outlook.window),
            bars=tuple((_bare(share), share / highest) for _, share in row),
            none=percent(first.none),
        )
        for first, row in zip(outlook.first_onset, shares, strict=True)
    )
    heads = tuple(_head(name) for name, _ in shares[0])
    return heads, rows


def _bare(share: float) -> str:
    return percent(share).removesuffix(" %")


def _head(part: str) -> str:
    """Return the short name of a month or quarter: Jun, or Q3 26."""
    year, name = part.split("-")
    return f"{name} {year[2:]}" if name.startswith("Q") else MONTHS[int(name) - 1]


def _lasts(lasts: Sequence[SeasonLasts], kinds: Sequence[str]) -> tuple[LastsRow, ...]:
    by_key = {(each.kind, each.days): each for each in lasts}
    days = dict.fromkeys(each.days for each in lasts)
    return tuple(LastsRow(day, tuple(by_key.get((kind, day)) for kind in kinds)) for day in days)
