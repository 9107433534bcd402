"""The questions that a forecast answers: windows by length, a year or dates, and their days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from models.answers import Day, Event, Question
from models.outlook.paths import REACH_DAYS
from models.vocabulary import Kind

DAY = pd.Timedelta(days=1)
HORIZONS = (30, 60, 90, 180, 365)
LASTS_DAYS = (7, 30, 60, 90)
CURVE_DAYS, CURVE_STEP = 365, 5
# The weakest first: whoever waits for any season reads down to the rarest.
KINDS = (Kind.PARTIAL, Kind.BROAD, Kind.SUSTAINED)


class WindowError(ValueError):
    """A window or a day lies outside what can be forecast."""


@dataclass(frozen=True)
class Window:
    """The days asked about: a calendar year, or from one day to another."""

    start: Day  # the first day that is forecast, after as_of
    end: Day
    counts_from: Day  # the first day whose onsets count: 1 January of a year, else `start`
    year: int | None = None

    @property
    def days(self) -> int:
        """Days that are forecast."""
        return (self.end - self.start).days + 1

    def over(self, today: pd.Timestamp) -> bool:
        """Return whether its last day has passed."""
        # Strict: on its last day a window is still open.
        return today > self.end

    def passed(self, today: pd.Timestamp) -> float:
        """Return the share of its forecast days that have passed by a day."""
        return min(max((today - self.start).days / self.days, 0.0), 1.0)


def window_of(
    as_of: pd.Timestamp,
    *,
    by: pd.Timestamp | None = None,
    start: pd.Timestamp | None = None,
    year: int | None = None,
) -> Window:
    """Return the window asked for: to a day, a calendar year, or the year of the day after as_of.

    Examples
    --------
    >>> window = window_of(pd.Timestamp("2025-12-31"))
    >>> window.year, f"{window.end:%Y-%m-%d}"
    (2026, '2026-12-31')
    """
    tomorrow = as_of + DAY
    if by is None:
        year = tomorrow.year if year is None else year
        try:
            first, last = pd.Timestamp(year, 1, 1), pd.Timestamp(year, 12, 31)
        except ValueError as error:
            raise WindowError(f"year must be one of the calendar, got {year}.") from error
        return _reachable(as_of, Window(max(first, tomorrow), last, first, year))
    start = tomorrow if start is None else start
    if start <= as_of:
        raise WindowError(
            f"the window must start after {as_of:%Y-%m-%d}, got {start:%Y-%m-%d}; "
            "to count what has begun ask for a calendar year."
        )
    return _reachable(as_of, Window(start, by, start))


def month_ends(window: Window) -> tuple[pd.Timestamp, ...]:
    """Return the ends of the months in a window."""
    return tuple(pd.date_range(window.start, window.end, freq="ME", unit="s"))


def standard_questions(
    as_of: pd.Timestamp,
    window: Window,
    *,
    kinds: Sequence[Kind],
    horizons: Sequence[int] = HORIZONS,
    dates: Sequence[pd.Timestamp] | None = None,
    standing: Sequence[Kind] = (),
) -> list[Question]:
    """Return the questions of a forecast, each once.

    Chances that a season begins, by length and in the window; when the first begins in it, month
    by month; days in season; chances to stand on days (month ends by default); how long the
    seasons of `standing` kinds last. `kinds` have a threshold; sustained seasons come beside.
    """
    tomorrow = as_of + DAY
    for date in dates or ():
        _check_day(as_of, date)
    lengths = [as_of + days * DAY for days in horizons]
    asked: list[Question] = []
    for kind in (each for each in KINDS if each in kinds or each is Kind.SUSTAINED):
        asked += [Question(kind, Event.BEGINS, tomorrow, end) for end in lengths]
        asked.append(Question(kind, Event.BEGINS, window.counts_from, window.end))
        asked += [Question(kind, Event.BEGINS, window.start, end) for end in month_ends(window)]
        asked.append(Question(kind, Event.FIRST, window.start, window.end))
    for kind in (each for each in KINDS if each in kinds):
        asked.append(Question(kind, Event.DAYS, window.counts_from, window.end))
        days = month_ends(window) if dates is None else dates
        asked += [Question(kind, Event.STANDS, day, day) for day in days]
        if kind in standing:
            ends = [as_of + days * DAY for days in LASTS_DAYS]
            asked += [Question(kind, Event.LASTS, tomorrow, end) for end in ends]
    return list(dict.fromkeys(asked))


def curve_questions(as_of: pd.Timestamp, kinds: Sequence[Kind]) -> list[Question]:
    """Return the chances of an onset by every fifth day of the next year, for the picture."""
    ends = [as_of + days * DAY for days in range(CURVE_STEP, CURVE_DAYS + 1, CURVE_STEP)]
    ordered = [each for each in KINDS if each in kinds or each is Kind.SUSTAINED]
    return [Question(kind, Event.BEGINS, as_of + DAY, end) for kind in ordered for end in ends]


def _check_day(as_of: pd.Timestamp, day: pd.Timestamp) -> None:
    first, last = as_of + DAY, as_of + REACH_DAYS * DAY
    if not first <= day <= last:
        raise WindowError(
            f"a day to be in season on must lie from {first:%Y-%m-%d} to {last:%Y-%m-%d}, "
            f"three years after as_of, got {day:%Y-%m-%d}."
        )


def _reachable(as_of: pd.Timestamp, window: Window) -> Window:
    last = as_of + REACH_DAYS * DAY
    if not window.start <= window.end <= last:
        raise WindowError(
            f"the window must end from {window.start:%Y-%m-%d} to {last:%Y-%m-%d}, "
            f"three years after as_of, got {window.end:%Y-%m-%d}."
        )
    return window
