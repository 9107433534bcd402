"""Daily closes as Yahoo answered them, and the rules each ticker's history must obey."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.panel import DAY
from features.provenance import Revision
from features.sources.yahoo.sessions import AMERICAN, is_crypto, is_late, trading_days

MAX_GAP_DAYS = 10
# Of the days on which there should be a close. Holidays are 4 % of the weekdays.
MIN_SHARE = 0.9


@dataclass(frozen=True)
class Fetched:
    """What asking for one ticker came to: positive closes by observation day, or why not."""

    ticker: str
    closes: pd.Series | None
    first_trade: pd.Timestamp | None = None  # first day on which Yahoo has a price at all
    rejected: Rejected | None = None


@dataclass(frozen=True)
class Answer:
    """Daily closes in US dollars, unadjusted, and what is wrong with them."""

    closes: pd.DataFrame  # index date (datetime64[s]), a column a ticker; NaN without a close
    problems: tuple[str, ...]  # plain sentences: what is missing or left out, and why
    fetched_at: pd.Timestamp  # instant (UTC) of the oldest fetch among them
    absent: frozenset[str] = frozenset()  # tickers of which Yahoo has nothing
    revisions: tuple[Revision, ...] = ()  # what Yahoo has changed after it was first stored


class Rejected(ValueError):
    """A ticker's history cannot be used; the message, after the ticker's name, says why."""


class Missing(Rejected):
    """Yahoo has no history of a ticker, or nothing on the days asked for."""


def accept(
    ticker: str,
    table: pd.DataFrame,
    currency: str | None,
    first: pd.Timestamp,
    last: pd.Timestamp,
) -> pd.Series:
    """Return a ticker's closes within a span, both days included, or raise `Rejected`.

    `table` are its bars, by instants in the exchange's time zone.
    """
    zones = ("UTC",) if is_crypto(ticker) else AMERICAN
    closes = _one_a_day(_positive_closes(table, zones).loc[first:last])
    if currency not in (None, "USD"):
        raise Rejected(f"has prices in {currency}, not in US dollars")
    days = pd.DatetimeIndex(closes.index)
    if not is_crypto(ticker) and (days.day_of_week >= 5).any():
        day = days[days.day_of_week >= 5][0]
        raise Rejected(f"has a session on {day:%A %Y-%m-%d}: its days are shifted")
    if closes.empty:
        raise Missing(f"has no close from {first:%Y-%m-%d} to {last:%Y-%m-%d}")
    return closes


def _positive_closes(table: pd.DataFrame, zones: tuple[str, ...]) -> pd.Series:
    """Return the close of each observation day, without what is no positive number."""
    if table.empty:
        raise Missing("came back empty, without any reason given")
    if isinstance(table.columns, pd.MultiIndex) or "Close" not in table.columns:
        raise Rejected(f"came in an unknown layout, columns {list(table.columns)[:6]}; need Close")
    if not pd.api.types.is_float_dtype(table["Close"]):
        raise Rejected(f"came in an unknown layout, Close is {table['Close'].dtype}, not float64")
    days = table.index
    if not isinstance(days, pd.DatetimeIndex) or str(days.tz) not in zones:
        raise Rejected(f"is in time zone {getattr(days, 'tz', None)}, not {zones[0]}")
    index = pd.DatetimeIndex(days.tz_localize(None)).normalize().as_unit("s").rename("date")
    closes = pd.Series(table["Close"].to_numpy(dtype=np.float64), index).sort_index(kind="stable")
    return closes[np.isfinite(closes) & (closes > 0)]


def _one_a_day(closes: pd.Series) -> pd.Series:
    """Return one close a day: after the last bar may stand a row of the newest quote."""
    twice = closes.index[closes.index.duplicated()].unique()
    if len(twice) and twice[0] < closes.index[-1]:
        raise Rejected(f"has two closes for {twice[0]:%Y-%m-%d}")
    return closes[~closes.index.duplicated(keep="last")]


def lacks_of(
    ticker: str,
    closes: pd.Series,
    first_trade: pd.Timestamp | None,
    first: pd.Timestamp,
    last: pd.Timestamp,
) -> list[str]:
    """Return what is incomplete about closes on a span that is over; texts to follow the ticker.

    >>> days = pd.DatetimeIndex(["2025-12-01", "2025-12-20"])
    >>> lacks_of("BTC-USD", pd.Series([1.0, 2.0], days), None, days[0], days[1])
    ['has no close between 2025-12-01 and 2025-12-20']
    """
    lacks = []
    days = pd.DatetimeIndex(closes.index)
    # Coins begin when they are listed: without the first day of trade nothing can be said.
    begins = first_trade if first_trade is not None else (None if is_crypto(ticker) else first)
    begins = None if begins is None else max(first, begins)
    if begins is not None and (days[0] - begins).days > MAX_GAP_DAYS:
        lacks.append(f"is truncated: it begins on {days[0]:%Y-%m-%d}, not {begins:%Y-%m-%d}")
    steps = np.diff(days.to_numpy()) / DAY.to_numpy()
    if steps.size and steps.max() > MAX_GAP_DAYS:
        at = int(steps.argmax())
        lacks.append(f"has no close between {days[at]:%Y-%m-%d} and {days[at + 1]:%Y-%m-%d}")
    elif len(days) < MIN_SHARE * (due := trading_days(ticker, days[0], days[-1])):
        lacks.append(f"has only {len(days)} closes on {due} days from {days[0]:%Y-%m-%d} on")
    if is_late(ticker, days[-1], last):
        lacks.append(f"is stale: its last close is of {days[-1]:%Y-%m-%d}, not {last:%Y-%m-%d}")
    return lacks
