"""The opening of a forecast: what is expected of the year, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from features.market.season import PARTIAL_THRESHOLD
from models.forecasting.parts import Forecast
from models.formatting import listed, long_day, percent, share_interval, short_day, wrap
from models.outlook.answers import Chance, DaysInSeason, FirstOnset, Outlook
from models.outlook.window import OutlookWindow
from models.report.outlook_words import (
    base_rate_side,
    open_statement,
    worth_statements,
    years_statement,
)
from models.report.terminal import Terminal
from models.vocabulary import Kind

BAR_WIDTH = 8
_PARTS_SHOWN = 4
_LATER = "later"


def window_words(window: OutlookWindow) -> str:
    """Return the days of an outlook in words, with their preposition.

    Examples
    --------
    >>> from models.outlook.window import year_window
    >>> window_words(year_window(pd.Timestamp("2026-06-06")))
    'in the rest of 2026 (7 Jun to 31 Dec)'
    """
    if window.year is None:
        return f"from {long_day(window.start)} to {long_day(window.end)}"
    # From 1 January on, or before it, the whole year lies ahead.
    whole = window.start == window.counts_from
    days = f"{short_day(window.start)} to {short_day(window.end)}"
    return f"in {'' if whole else 'the rest of '}{window.year} ({days})"


def outlook_text(forecast: Forecast, terminal: Terminal) -> list[str]:
    """Return the blocks of text of an outlook, empty where there is none.

    Parameters
    ----------
    forecast : Forecast
        From `models.forecasting.forecast.forecast`.
    terminal : Terminal
        Colours and bars that can be shown.
    """
    outlook = forecast.outlook
    if outlook is None:
        return []
    return [
        _chances(forecast, outlook, terminal),
        _onsets(outlook, terminal),
        "\n".join([*_under_way(forecast, outlook), *_days(outlook), *_on(outlook)]),
    ]


def _chances(forecast: Forecast, outlook: Outlook, terminal: Terminal) -> str:
    window = outlook.window
    title = f"Altcoin season {_window_words(window, ended=window.ended(forecast.data.today))}"
    head = f"{'':{12 + BAR_WIDTH}}{'chance':>7}  {'90 % interval':<15}{'base rate':>10}"
    lines = [terminal.bold(title), terminal.faint(head)]
    lines += [_chance(chance, terminal) for chance in outlook.chances]
    return "\n".join([*lines, *map(wrap, _reading(forecast, outlook))])


def _window_words(window: OutlookWindow, *, ended: bool) -> str:
    """Return the window, and what of it is still to come."""
    mark = ", ended by now" if ended else ""
    if window.year is None or window.start == window.counts_from:
        return window_words(window) + mark
    days = f"{short_day(window.start)} to {short_day(window.end)}"
    return f"in {window.year} ({days if ended else f'still to come: {days}'}{mark})"


def _chance(chance: Chance, terminal: Terminal) -> str:
    bar = terminal.bar(chance.probability, BAR_WIDTH)
    number = terminal.bold(f"{percent(chance.probability):>7}")
    if chance.begun_on is not None:
        return f"  {chance.kind:<10}{bar}{number}  has begun on {long_day(chance.begun_on)}"
    ends = share_interval(chance.low, chance.high, width=5)
    return f"  {chance.kind:<10}{bar}{number}  {ends:<15}{percent(chance.climatology):>10}"


def _reading(forecast: Forecast, outlook: Outlook) -> list[str]:
    """Return what the kinds are and what the figures come to."""
    threshold = forecast.definition.threshold
    sentences = [
        f"Partial: season index {PARTIAL_THRESHOLD:g} or more; broad: {threshold:g} or more; "
        f"sustained: broad on {forecast.definition.sustained_days} of its first "
        f"{forecast.definition.sustained_within} days. Base rate: "
        f"how often one began in past windows of the same length."
    ]
    if years := years_statement(outlook, threshold):
        sentences.append(years)
    usual = [
        each.kind
        for each in outlook.chances
        if each.begun_on is None
        and base_rate_side(each.low, each.high, each.climatology) == "within"
    ]
    if usual:
        sentences.append(
            f"{listed(usual).capitalize()}: indistinguishable from the base rate (the interval "
            f"includes it)."
        )
    if still_open := open_statement(outlook):
        sentences.append(still_open)
    return [*sentences, *worth_statements(outlook, forecast.evidence.shown_by_outlook)]


def _onsets(outlook: Outlook, terminal: Terminal) -> str:
    parts = _parts(outlook.first_onset[0])
    heads = "".join(f"{name:>7}" for name, _ in parts)
    begun = any(chance.begun_on is not None for chance in outlook.chances)
    title = f"When does the {'next' if begun else 'first'} one begin?"
    head = f"{'':12}{heads}{'none':>7}  {'half by':<9}  middle half"
    rows = [_onset(first, outlook.window) for first in outlook.first_onset]
    return "\n".join([terminal.bold(title), terminal.faint(head), *rows])


def _onset(first: FirstOnset, window: OutlookWindow) -> str:
    shares = "".join(f"{percent(share):>7}" for _, share in _parts(first))
    low, high = (_when(day, window) for day in first.interval_50)
    half = low if low == high == _LATER else f"{low} to {high}"
    median = _when(first.median, window)
    return f"  {first.kind:<10}{shares}{percent(first.none):>7}  {median:<9}  {half}"


def _parts(first: FirstOnset) -> list[tuple[str, float]]:
    """Return the quarters of a window by name, or its years where there are too many."""
    if len(first.quarters) <= _PARTS_SHOWN:
        return [(name.partition("-")[2], share) for name, share in first.quarters]
    years: dict[str, float] = {}
    for name, share in first.quarters:
        year = name.partition("-")[0]
        years[year] = years.get(year, 0.0) + share
    return list(years.items())


def _when(day: pd.Timestamp | None, window: OutlookWindow) -> str:
    if day is None:
        return _LATER
    one_year = window.start.year == window.end.year
    return short_day(day) if one_year else long_day(day).partition(" ")[2]


def _under_way(forecast: Forecast, outlook: Outlook) -> list[str]:
    """Return how long the seasons of now last, or when the next can begin."""
    lines = []
    thresholds = {Kind.BROAD: forecast.definition.threshold, Kind.PARTIAL: PARTIAL_THRESHOLD}
    for kind, threshold in thresholds.items():
        own = [each for each in outlook.season_lasts if each.kind == kind]
        if own:
            # A day at the threshold is one in season; below it the quiet days are running.
            stands = forecast.season.index >= threshold
            first, *others = (f"{each.days}: {percent(each.probability)}" for each in own)
            days = ", ".join([first.replace(":", " days:"), *others])
            lines.append(
                wrap(
                    f"Chance that the current {kind} season still has a day at {threshold:g} or "
                    f"more after the next {days}."
                    if stands
                    else f"Below {threshold:g} for less than {forecast.definition.quiet_days:g} "
                    f"days so far. Chance that the {kind} season returns to it on a day after "
                    f"the next {days}."
                )
            )
    earliest = min(day for _, day in outlook.earliest_onset)
    # The day after as_of is no news: an onset is possible at once.
    if earliest > forecast.as_of + pd.Timedelta(days=1):
        quiet = f"{forecast.definition.quiet_days:g} quiet days"
        lines.append(wrap(f"The next can begin on {long_day(earliest)} at the earliest ({quiet})."))
    return lines


def _days(outlook: Outlook) -> list[str]:
    return [wrap(_days_of(days, outlook.window)) for days in reversed(outlook.days_in_season)]


def _days_of(days: DaysInSeason, window: OutlookWindow) -> str:
    where = f"in {window.year}" if window.year else "in these days"
    known = f" ({days.known} so far)" if days.known else ""
    none = "" if days.known else f"; chance of none {percent(days.none)}"
    return (
        f"Days in a {days.kind} season {where}: {days.median:g}{known}, "
        f"90 % interval {days.low:g} to {days.high:g}{none}."
    )


def _on(outlook: Outlook) -> list[str]:
    shares: Sequence[tuple[pd.Timestamp, float]] = [
        (each.date, dict(each.probability)[Kind.BROAD]) for each in outlook.in_season_on
    ]
    if len(shares) > _PARTS_SHOWN:
        # The ends of quarters stand for those of all months.
        shares = [(day, share) for day, share in shares if day.is_quarter_end][:_PARTS_SHOWN]
    if not shares:
        return []
    words = ", ".join(f"{long_day(day)} {percent(share)}" for day, share in shares)
    return [wrap(f"Chance of being in a broad season on: {words}.")]
