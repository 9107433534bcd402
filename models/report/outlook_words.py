"""What an outlook says, in sentences."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from features.market.season import PARTIAL_THRESHOLD
from models.formatting import listed, long_day, percent, scored
from models.hazard.forecaster import OutlookSkill
from models.outlook.answers import FirstOnset, Outlook
from models.outlook.paths import REACH_DAYS, SUSTAINED
from models.outlook.window import OutlookWindow
from models.report.verdicts import SKILL
from models.season.definition import OnsetDefinition
from models.vocabulary import Kind

# At this index the seasons of 2017 and 2021 are the sustained ones that everybody knows.
FAMOUS_THRESHOLD = 75.0
# Forecasts this far above what came are reported even where the interval allows for chance.
NOTABLE_EXCESS = 0.1


def period(window: OutlookWindow) -> str:
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


def kind_meanings(definition: OnsetDefinition) -> dict[str, str]:
    """Return what each kind of season means, in a few words."""
    threshold = definition.threshold
    like = ", as in 2017 and 2021" if threshold == FAMOUS_THRESHOLD else ""
    return {
        Kind.PARTIAL: f"season index {PARTIAL_THRESHOLD:g} or more",
        Kind.BROAD: f"season index {threshold:g} or more, if only for a day",
        SUSTAINED: f"a broad one with {definition.sustained_days} such days in its first "
        f"{definition.sustained_within}"
        f"{like}",
    }


def ended_statement(window: OutlookWindow, *, as_of: pd.Timestamp, today: pd.Timestamp) -> str:
    """Return that a window is over, and what to run instead; empty while it is open.

    Examples
    --------
    >>> from models.outlook.window import year_window
    >>> day = pd.Timestamp("2026-06-06")
    >>> ended_statement(year_window(day), as_of=day, today=pd.Timestamp("2027-02-01"))[:47]
    'The window asked about, in 2026, ended on 31 De'
    >>> ended_statement(year_window(day), as_of=day, today=pd.Timestamp("2026-12-31"))
    ''
    """
    if not window.ended(today):
        return ""
    ways = ["predict.py --source yahoo for a forecast from today's data"]
    # As far as an outlook from this day reaches.
    if pd.Timestamp(today.year, 12, 31) <= as_of + pd.Timedelta(days=REACH_DAYS):
        ways.insert(0, f"predict.py --year {today.year} for one that is open")
    when = f"in {window.year}" if window.year is not None else period(window)
    return (
        f"The window asked about, {when}, ended on {long_day(window.end)}: what was forecast for "
        f"it is no outlook any more. Run {' or '.join(ways)}."
    )


def years_statement(outlook: Outlook, threshold: float) -> str:
    """Return in how many of 100 such windows a sustained season begins; empty once one has.

    Parameters
    ----------
    outlook : Outlook
        From `models.outlook.outlook.answer`.
    threshold : float
        Season index of a broad season: 2017 and 2021 are examples at 75 alone.
    """
    (own,) = (each for each in outlook.chances if each.kind == SUSTAINED)
    if own.begun_on is not None:
        return ""
    noun = "years" if outlook.window.year is not None else "windows"
    what = "season like 2017 or 2021" if threshold == FAMOUS_THRESHOLD else "sustained season"
    number = percent(own.probability).removesuffix(" %")
    return f"About {number} of 100 such {noun} bring a {what}."


def worth_statements(
    outlook: Outlook, shown: Callable[[Kind, int], OutlookSkill | None]
) -> list[str]:
    """Return what such chances have been worth, a sentence a kind; empty where nothing is known.

    Parameters
    ----------
    outlook : Outlook
        From `models.outlook.outlook.answer`.
    shown : callable
        Kind and number of days to the outlook's hindcast at the nearest horizon.
    """
    found = []
    for chance in outlook.chances:
        worth = None if chance.begun_on else shown(Kind(chance.kind), outlook.window.days)
        if worth is not None:
            found.append(f"{chance.kind.capitalize()}: {worth_words(worth)}.")
    if found and outlook.window.start > outlook.as_of + pd.Timedelta(days=1):
        found.append(
            "Those hindcasts start on the next day; windows that start later have not been tested."
        )
    return found


def worth_words(worth: OutlookSkill) -> str:
    """Return what was said and what came in the hindcast, and whether that is skill."""
    too_much = ""
    if worth.promised_too_much:
        too_much = ", forecasts too high"
    elif worth.expected - worth.observed >= NOTABLE_EXCESS:
        too_much = ", forecasts above what came, within chance"
    return (
        f"in the {worth.horizon_days}-day hindcast such forecasts averaged "
        f"{percent(worth.expected)} and {percent(worth.observed)} came true: "
        f"{SKILL[worth.verdict]}{too_much} (Brier skill "
        f"{scored(worth.value, worth.low, worth.high)})"
    )


def base_rate_statement(outlook: Outlook) -> str:
    """Return on which side of the base rate each interval lies; empty if all seasons have begun."""
    sides: dict[str, list[str]] = {"above": [], "below": [], "within": []}
    for each in outlook.chances:
        if each.begun_on is None:
            sides[base_rate_side(each.low, each.high, each.climatology)].append(each.kind)
    clauses = [f"{side} it ({listed(kinds)})" for side, kinds in sides.items() if kinds]
    if not clauses:
        return ""
    if not sides["above"] and not sides["below"]:
        return (
            f"For {listed(sides['within'])} seasons the chance is indistinguishable from the base "
            f"rate: its 90 % interval includes it."
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
    if not season_open(outlook):
        return ""
    (broad,) = (each for each in outlook.chances if each.kind == Kind.BROAD)
    since = "" if broad.begun_on is None else f" that began on {long_day(broad.begun_on)}"
    return (
        f"The broad season{since} may still become sustained: the chance above includes it; the "
        f"dates below are for the next one."
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
        f"A season can begin only after enough quiet days: the next one at the earliest "
        f"{listed(words)}."
    )


def when_words(first: FirstOnset, window: OutlookWindow) -> str:
    """Return the median day of the first onset and its 50 % interval in words."""
    end = long_day(window.end)
    words = (
        f"more likely than not, none by {end}"
        if first.median is None
        else f"as likely as not by {long_day(first.median)}"
    )
    low, high = first.interval_50
    if low is None:
        return words
    later = f"after {end}" if high is None else long_day(high)
    return f"{words}; 50 % interval {long_day(low)} to {later}"


def base_rate_side(low: float, high: float, base_rate: float) -> str:
    """Return on which side of the base rate an interval lies: above, below, or within: it holds it.

    Examples
    --------
    >>> base_rate_side(0.2, 0.4, 0.1), base_rate_side(0.2, 0.4, 0.4)
    ('above', 'within')
    """
    # Strict: an interval that ends at the base rate holds it.
    if low > base_rate:
        return "above"
    return "below" if high < base_rate else "within"


def season_open(outlook: Outlook) -> bool:
    """Tell whether a season that has begun counts in the chance of a sustained one."""
    (chance,) = (each for each in outlook.chances if each.kind == SUSTAINED)
    (first,) = (each for each in outlook.first_onset if each.kind == SUSTAINED)
    # From the same paths, so that they differ by rounding alone unless a season is open.
    return chance.begun_on is None and chance.probability > 1 - first.none + 1e-9
