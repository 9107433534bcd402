"""When a day's close is final: crypto days end at midnight UTC, American sessions in New York."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.panel import DAY

NEW_YORK = "America/New_York"
# The exchange in Chicago publishes some indices; its day is New York's.
AMERICAN = (NEW_YORK, "America/Chicago")

# Trading ends at 16:00; the closes of the indices are final some minutes later, and the
# source delays quotes by up to 15 minutes.
_CLOSE_FINAL = pd.Timedelta(hours=16, minutes=30)

# How many days a last close may lag the last complete day. Crypto closes come hours
# late at times. Business days: the calendar here knows no holidays, and two in a row happen.
_LATE_CRYPTO_DAYS = 2
_LATE_BUSINESS_DAYS = 3


def is_crypto(ticker: str) -> bool:
    """Return whether a ticker is a coin in US dollars, traded every day of the week.

    >>> is_crypto("BTC-USD"), is_crypto("^RUT")
    (True, False)
    """
    return ticker.endswith("-USD")


def is_required(ticker: str) -> bool:
    """Return whether the panel cannot do without a ticker: everything but the altcoins.

    >>> is_required("ETH-USD"), is_required("DOGE-USD")
    (True, False)
    """
    return not is_crypto(ticker) or ticker in ("BTC-USD", "ETH-USD")


def time_zone(ticker: str) -> str:
    """Return the time zone in which a ticker's observation days end."""
    return "UTC" if is_crypto(ticker) else NEW_YORK


def naive_utc(instant: pd.Timestamp) -> pd.Timestamp:
    """Return an instant in UTC, without time zone; one without is taken as UTC."""
    return instant if instant.tz is None else instant.tz_convert("UTC").tz_localize(None)


def last_complete_day(ticker: str, now: pd.Timestamp) -> pd.Timestamp:
    """Return the last day whose close of a ticker is final at an instant (UTC).

    For coins the UTC day before; else the last weekday whose session ended, holidays included.

    >>> monday = pd.Timestamp("2025-12-08 20:59")
    >>> last_complete_day("BTC-USD", monday).date(), last_complete_day("^RUT", monday).date()
    (datetime.date(2025, 12, 7), datetime.date(2025, 12, 5))
    """
    local = naive_utc(now).tz_localize("UTC").tz_convert(time_zone(ticker)).tz_localize(None)
    today = local.normalize().as_unit("s")
    if is_crypto(ticker):
        return today - DAY
    if local - today < _CLOSE_FINAL:
        today -= DAY
    while today.day_of_week >= 5:
        today -= DAY
    return today


def trading_days(ticker: str, first: pd.Timestamp, last: pd.Timestamp) -> int:
    """Return how many days from first to last, both included, should have a close."""
    if is_crypto(ticker):
        return (last - first).days + 1
    return _weekdays(first, last + DAY)


def _weekdays(first: pd.Timestamp, last: pd.Timestamp) -> int:
    """Weekdays from a day on until before another."""
    days = np.array([first, last], dtype="datetime64[D]")
    return int(np.busday_count(days[0], days[1]))


def is_late(ticker: str, last: pd.Timestamp, expected: pd.Timestamp) -> bool:
    """Return whether a last close lags the expected day by more than happens in good order."""
    if is_crypto(ticker):
        return (expected - last).days > _LATE_CRYPTO_DAYS
    return _weekdays(last, expected) > _LATE_BUSINESS_DAYS
