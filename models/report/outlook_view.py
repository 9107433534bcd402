"""The outlook as the page and the picture tell it: rows, bars and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from features.market.season import PARTIAL_THRESHOLD
from models.formatting import listed, long_day, percent
from models.outlook.answers import Chance, DaysInSeason, FirstOnset, Outlook, SeasonLasts
from models.outlook.events import SUSTAINED
from models.outlook.seasons import SUSTAINED_DAYS, SUSTAINED_WITHIN
from models.outlook.window import Window
from models.vocabulary import Kind

MOST_BARS = 12
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class ChanceRow:
    """A kind of season, what it means, its chance."""

    chance: Chance
    meaning: str


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


def outlook_view(outlook: Outlook, *, threshold: float, today: pd.Timestamp) -> OutlookView:
    """Return an outlook in rows and sentences.

    Parameters
    ----------
    outlook : Outlook
        From `models.outlook.outlook.answer`.
    threshold : float
        Season index of a broad season.
    today : pandas.Timestamp
        Day on which the forecast was made, which tells whether its window has ended.
    """
    window = outlook.window
    meanings = kind_meanings(threshold)
    parts, onsets = _onsets(outlook)
    kinds = tuple(dict.fromkeys(each.kind for each in outlook.season_lasts))
    return OutlookView(
        period=period(window),
        span=f"{long_day(window.start)} to {long_day(window.end)}",
        # Strict: on its last day a window is still open.
        ended=window.end < today,
        chances=tuple(ChanceRow(each, meanings[each.kind]) for each in outlook.chances),
        sentences=tuple(
            sentence
            for say in (years_statement, base_rate_statement, open_statement, earliest_statement)
            if (sentence := say(outlook))
        ),
        parts=parts,
        last_day=long_day(window.end),
        onsets=onsets,
        days=outlook.days_in_season,
        lasts_kinds=kinds,
        lasts=_lasts(outlook.season_lasts, kinds),
    )


def period(window: Window) -> str:
    """Return the days that an outlook is about, in words.

    Examples
    --------
    >>> from models.outlook.window import year_window
    >>> period(year_window(pd.Timestamp("2026-06-06")))
    'in 2026'
    """
    if window.year is not None:
        return f"in {window.year}"
    return f"from {long_day(window.start)} to {long_day(window.end)}"


def kind_meanings(threshold: float) -> dict[str, str]:
    """Return what each kind of season means, in a few words."""
    return {
        Kind.PARTIAL: f"season index {PARTIAL_THRESHOLD:g} or more",
        Kind.BROAD: f"season index {threshold:g} or more, if only for a day",
        SUSTAINED: f"a broad one with {SUSTAINED_DAYS} such days in its first {SUSTAINED_WITHIN}, "
        f"as in 2017 and 2021",
    }


def years_statement(outlook: Outlook) -> str:
    """Return in how many of 100 such windows a sustained season begins; empty once one has."""
    (own,) = (each for each in outlook.chances if each.kind == SUSTAINED)
    if own.begun_on is not None:
        return ""
    noun = "years" if outlook.window.year is not None else "windows"
    return (
        f"Of 100 {noun} that stand as this one does, about {round(100 * own.probability)} bring a "
        f"sustained season."
    )


def base_rate_statement(outlook: Outlook) -> str:
    """Return on which side of the base rate each interval lies; empty if all seasons have begun."""
    sides: dict[str, list[str]] = {"above": [], "below": [], "within": []}
    for each in outlook.chances:
        if each.begun_on is None:
            sides[_side(each)].append(each.kind)
    told = [f"{side} it ({listed(kinds)})" for side, kinds in sides.items() if kinds]
    if not told:
        return ""
    if not sides["above"] and not sides["below"]:
        return (
            f"For {listed(sides['within'])} seasons the chance is indistinguishable from the base "
            f"rate: its 90 % interval holds it."
        )
    words = [f"{side} the base rate for {listed(sides[side])} seasons"
             for side in ("above", "below") if sides[side]]  # fmt: skip
    rest = (
        f"; for {listed(sides['within'])} seasons it is indistinguishable from it"
        if sides["within"]
        else ""
    )
    return f"The 90 % interval lies {listed(words)}{rest}."


def open_statement(outlook: Outlook) -> str:
    """Return that a season under way can become sustained; empty where none can."""
    if not _open(outlook):
        return ""
    (broad,) = (each for each in outlook.chances if each.kind == Kind.BROAD)
    since = "" if broad.begun_on is None else f" that began on {long_day(broad.begun_on)}"
    return (
        f"The broad season{since} may still turn out sustained: the chance above counts it, the "
        f"dates below are of the next one."
    )


def earliest_statement(outlook: Outlook) -> str:
    """Return when the next season can begin at the earliest; empty where that is tomorrow."""
    tomorrow = outlook.as_of + pd.Timedelta(days=1)
    by_day: dict[pd.Timestamp, list[str]] = {}
    for kind, day in outlook.earliest_onset:
        if day > tomorrow:
            by_day.setdefault(day, []).append(kind)
    words = [f"a {' or '.join(kinds)} one on {long_day(day)}" for day, kinds in by_day.items()]
    if not words:
        return ""
    return (
        f"A season begins after quiet days only: the next can begin at the earliest "
        f"{listed(words)}."
    )


def when_words(first: FirstOnset, window: Window) -> str:
    """Return the median day of the first onset and its 50 % interval in words."""
    end = long_day(window.end)
    words = (
        f"more likely not by {end}"
        if first.median is None
        else f"as likely as not by {long_day(first.median)}"
    )
    low, high = first.interval_50
    if low is None:
        return words
    later = f"after {end}" if high is None else long_day(high)
    return f"{words}; 50 % interval {long_day(low)} to {later}"


def _side(chance: Chance) -> str:
    # Strict: an interval that ends at the base rate holds it.
    if chance.low > chance.climatology:
        return "above"
    return "below" if chance.high < chance.climatology else "within"


def _open(outlook: Outlook) -> bool:
    """Tell whether a season that has begun counts in the chance of a sustained one."""
    (chance,) = (each for each in outlook.chances if each.kind == SUSTAINED)
    (first,) = (each for each in outlook.first_onset if each.kind == SUSTAINED)
    # From the same paths, so that they differ by rounding alone unless a season is open.
    return chance.begun_on is None and chance.probability > 1 - first.none + 1e-9


def _onsets(outlook: Outlook) -> tuple[tuple[str, ...], tuple[OnsetRow, ...]]:
    """Return headings and rows of first onsets, by month or, where those are many, by quarter."""
    monthly = len(outlook.first_onset[0].months) <= MOST_BARS
    begun = {each.kind for each in outlook.chances if each.begun_on is not None}
    begun |= {SUSTAINED} if _open(outlook) else set()
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
    return f"{name} {year[2:]}" if name.startswith("Q") else _MONTHS[int(name) - 1]


def _lasts(lasts: Sequence[SeasonLasts], kinds: Sequence[str]) -> tuple[LastsRow, ...]:
    by_key = {(each.kind, each.days): each for each in lasts}
    days = dict.fromkeys(each.days for each in lasts)
    return tuple(LastsRow(day, tuple(by_key.get((kind, day)) for kind in kinds)) for day in days)
