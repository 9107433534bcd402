"""Daily closes as a source answered them, and the rules each ticker's history must obey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.panel import DataError
from features.provenance import Revision
from features.sources.yahoo.sessions import AMERICAN, is_crypto, is_late, trading_days

ENOUGH_COINS = 0.8
MAX_GAP_DAYS = 10
# Of the days on which there should be a close. Holidays are 4 % of the weekdays.
MIN_SHARE = 0.9


@dataclass(frozen=True)
class Answer:
    """Daily closes and what is wrong with them.

    Parameters
    ----------
    closes : pandas.DataFrame
        Index `date` (datetime64[s], observation days), one float64 column of
        closes in US dollars, unadjusted, per ticker that gave data; NaN where
        a ticker has no close.
    problems : tuple of str
        One plain sentence each: what is missing or was left out, and why.
    fetched_at : pandas.Timestamp
        UTC instant of the oldest fetch among them.
    absent : frozenset of str
        Tickers of which the source has nothing.
    revisions : tuple of Revision
        What the source has changed after it was first stored.
    """

    closes: pd.DataFrame
    problems: tuple[str, ...]
    fetched_at: pd.Timestamp
    absent: frozenset[str] = frozenset()
    revisions: tuple[Revision, ...] = ()


@dataclass(frozen=True)
class Bars:
    """One ticker's history as the source gave it.

    Parameters
    ----------
    table : pandas.DataFrame
        Indexed by instants in the exchange's time zone.
    currency : str or None
        Currency of the prices.
    first_trade : pandas.Timestamp or None
        First day on which the source has a price at all.
    """

    table: pd.DataFrame
    currency: str | None
    first_trade: pd.Timestamp | None


class Rejected(ValueError):
    """A ticker's history cannot be used; the message says why."""


class Missing(Rejected):
    """The source has no history of a ticker, or none of the days asked for."""


@dataclass(frozen=True)
class Fetched:
    """What asking for one ticker came to.

    Parameters
    ----------
    ticker : str
        As the source writes it.
    closes : pandas.Series or None
        Positive closes by observation day; None if they cannot be used.
    lacks : tuple of str
        What is incomplete about them, each following the ticker's name.
    first_trade : pandas.Timestamp or None
        First day on which the source has a price at all.
    rejected : Rejected or None
        Why they cannot be used.
    """

    ticker: str
    closes: pd.Series | None
    lacks: tuple[str, ...] = ()
    first_trade: pd.Timestamp | None = None
    rejected: Rejected | None = None


def accept(
    ticker: str, bars: Bars, first: pd.Timestamp, expected: pd.Timestamp
) -> tuple[pd.Series, list[str]]:
    """Return a ticker's closes and what is incomplete about them.

    Parameters
    ----------
    ticker : str
        As the source writes it.
    bars : Bars
        What came.
    first, expected : pandas.Timestamp
        The span asked for, both days included; `expected` is complete.

    Returns
    -------
    closes : pandas.Series
        Positive closes within the span, by observation day.
    lacks : list of str
        Reasons why they are incomplete, each following the ticker's name.

    Raises
    ------
    Rejected
        If the layout, time zone or currency is another one, or if nothing is
        left.
    """
    zones = ("UTC",) if is_crypto(ticker) else AMERICAN
    closes = _positive_closes(bars, zones).loc[first:expected]
    closes = _one_a_day(closes)
    if bars.currency not in (None, "USD"):
        raise Rejected(f"has prices in {bars.currency}, not in US dollars")
    days = pd.DatetimeIndex(closes.index)
    if not is_crypto(ticker) and (days.day_of_week >= 5).any():
        day = days[days.day_of_week >= 5][0]
        raise Rejected(f"has a session on {day:%A %Y-%m-%d}: its days are shifted")
    if closes.empty:
        raise Missing(f"has no close from {first:%Y-%m-%d} to {expected:%Y-%m-%d}")
    return closes, lacks_of(ticker, closes, bars.first_trade, first, expected)


def _positive_closes(bars: Bars, zones: tuple[str, ...]) -> pd.Series:
    """Close by observation day, without what is no positive number."""
    table = bars.table
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
    """Return one close a day: behind the last bar may stand a row of the newest quote."""
    twice = closes.index[closes.index.duplicated()].unique()
    if len(twice) and twice[0] < closes.index[-1]:
        raise Rejected(f"has two closes for {twice[0]:%Y-%m-%d}")
    return closes[~closes.index.duplicated(keep="last")]


def lacks_of(
    ticker: str,
    closes: pd.Series,
    first_trade: pd.Timestamp | None,
    first: pd.Timestamp,
    expected: pd.Timestamp,
) -> list[str]:
    """Return what is incomplete about a ticker's closes, each following its name.

    Parameters
    ----------
    ticker : str
        As the source writes it.
    closes : pandas.Series
        By observation day, not empty.
    first_trade : pandas.Timestamp or None
        First day on which the source has a price at all.
    first, expected : pandas.Timestamp
        The span asked for, both days included; `expected` is complete.

    Examples
    --------
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
    steps = np.diff(days.to_numpy()) / np.timedelta64(1, "D")
    if steps.size and steps.max() > MAX_GAP_DAYS:
        at = int(steps.argmax())
        lacks.append(f"has no close between {days[at]:%Y-%m-%d} and {days[at + 1]:%Y-%m-%d}")
    elif len(days) < MIN_SHARE * (due := trading_days(ticker, days[0], days[-1])):
        lacks.append(f"has only {len(days)} closes on {due} days from {days[0]:%Y-%m-%d} on")
    if is_late(ticker, days[-1], expected):
        lacks.append(f"is stale: its last close is of {days[-1]:%Y-%m-%d}, not {expected:%Y-%m-%d}")
    return lacks


def gather(
    asked: Sequence[str],
    closes: Mapping[str, pd.Series],
    problems: Sequence[str],
    fetched_at: pd.Timestamp,
) -> Answer:
    """Join the closes by day, tickers in the order asked for, and judge their number.

    Raises
    ------
    DataError
        If there is none at all.
    """
    if not asked:
        raise ValueError("no ticker is asked for.")
    if not closes:
        raise DataError(f"no close of {len(asked)} tickers can be used: {' '.join(problems[:1])}")
    coins = [ticker for ticker in asked if is_crypto(ticker)]
    came = sum(ticker in closes for ticker in coins)
    if came < ENOUGH_COINS * len(coins):
        few = (
            f"only {came} of {len(coins)} coins have closes; at least "
            f"{100 * ENOUGH_COINS:.0f} % should."
        )
        problems = (*problems, few)
    table = _align({ticker: closes[ticker] for ticker in asked if ticker in closes})
    return Answer(table, tuple(problems), fetched_at)


def _align(closes: dict[str, pd.Series]) -> pd.DataFrame:
    table = pd.concat(closes, axis=1, sort=True)
    # Plain days: whether they happen to have a frequency must not depend on where they came from.
    days = table.index.to_numpy().astype("datetime64[s]")
    return table.set_index(pd.DatetimeIndex(days, name="date"))
