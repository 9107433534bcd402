"""The days an outlook is asked about."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from models.outlook.paths import REACH_DAYS


@dataclass(frozen=True)
class OutlookWindow:
    """The days asked about.

    Parameters
    ----------
    start, end : pandas.Timestamp
        First and last day that are forecast; start is after as_of.
    counts_from : pandas.Timestamp
        First day whose onsets count as begun: 1 January for a year, else `start`.
    year : int or None
        Set for a calendar year.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    counts_from: pd.Timestamp
    year: int | None = None

    @property
    def days(self) -> int:
        """Days that are forecast."""
        return (self.end - self.start).days + 1

    def ended(self, today: pd.Timestamp) -> bool:
        """Tell whether the window is over on a day."""
        # Strict: on its last day a window is still open.
        return today > self.end


def year_window(as_of: pd.Timestamp, year: int | None = None) -> OutlookWindow:
    """Return the window of a calendar year; by default that of the first day after as_of.

    Raises
    ------
    ValueError
        If the year is over or too far ahead.

    Examples
    --------
    >>> window = year_window(pd.Timestamp("2025-12-31"))
    >>> window.year, str(window.end.date())
    (2026, '2026-12-31')
    """
    tomorrow = as_of + pd.Timedelta(days=1)
    year = tomorrow.year if year is None else year
    first, last = pd.Timestamp(year, 1, 1), pd.Timestamp(year, 12, 31)
    return _reachable(as_of, OutlookWindow(max(first, tomorrow), last, first, year))


def date_window(
    as_of: pd.Timestamp, start: pd.Timestamp | None, end: pd.Timestamp
) -> OutlookWindow:
    """Return the window from a day after as_of (by default the next) to another.

    Raises
    ------
    ValueError
        If it starts before the day after as_of, ends before it starts, or is too far ahead.
    """
    start = as_of + pd.Timedelta(days=1) if start is None else start
    if start <= as_of:
        raise ValueError(
            f"the window must start after {as_of:%Y-%m-%d}, got {start:%Y-%m-%d}; "
            "to count what has begun ask for a calendar year."
        )
    return _reachable(as_of, OutlookWindow(start, end, start))


def _reachable(as_of: pd.Timestamp, window: OutlookWindow) -> OutlookWindow:
    last = as_of + pd.Timedelta(days=REACH_DAYS)
    if not window.start <= window.end <= last:
        raise ValueError(
            f"the window must end from {window.start:%Y-%m-%d} to {last:%Y-%m-%d}, "
            f"three years after as_of, got {window.end:%Y-%m-%d}."
        )
    return window
