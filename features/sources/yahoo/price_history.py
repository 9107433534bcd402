"""A ticker's stored closes: how far they reach, and whether a new answer fits them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.panel import DAY
from features.plausibility.levels import suspicious_steps
from features.plausibility.rules import SCALE_DAYS, StepLimit
from features.sources.yahoo.closes import Fetched
from features.sources.yahoo.sessions import is_crypto, last_complete_day
from features.storage.parquet import DamagedFile

OVERLAP_DAYS = 14
# Closes of a day are equal but for rounding, or one of them was revised.
AGREEMENT = 1e-6
# A whole history this much shorter than the stored one is a broken answer.
SHRUNK = 0.9
# A close that should be there by now is asked for again after this time.
PATIENCE = pd.Timedelta(hours=1)
# A close as far from the one before is asked for again while the season index looks back to it:
# sources correct wrong closes days later. Wide of what is refused: asking again costs nothing.
_DOUBTFUL = {True: StepLimit(0.40, 12), False: StepLimit(0.09, 12)}
_DOUBTFUL_DAYS = 100


@dataclass(frozen=True)
class Span:
    """The days asked for, both included, and the instant (UTC) at which they are."""

    first: pd.Timestamp
    last: pd.Timestamp
    now: pd.Timestamp

    def until(self, ticker: str) -> pd.Timestamp:
        """Return the last day asked for whose close is final."""
        return min(self.last, last_complete_day(ticker, self.now))


@dataclass(frozen=True)
class History:
    """A ticker's closes and what they were asked for.

    Parameters
    ----------
    closes : pandas.Series
        Positive closes by observation day, not empty.
    fetched_at : pandas.Timestamp
        Instant (UTC) of the newest fetch.
    asked_from, complete_to : pandas.Timestamp
        First and last day asked for: the source has no other closes between.
    first_trade : pandas.Timestamp or None
        First day on which the source has a price at all.
    """

    closes: pd.Series
    fetched_at: pd.Timestamp
    asked_from: pd.Timestamp
    complete_to: pd.Timestamp
    first_trade: pd.Timestamp | None

    @classmethod
    def new(cls, fetched: Fetched, start: pd.Timestamp, span: Span, old: History | None) -> History:
        """Build a history from an answer that begins at `start`, `old` being what is before it.

        Parameters
        ----------
        fetched : Fetched
            With closes.
        start : pandas.Timestamp
            First day asked for.
        span : Span
            Of the call.
        old : History or None
            Agrees with the answer; its later closes give way to the new ones.
        """
        assert fetched.closes is not None
        return cls(
            closes=fetched.closes if old is None else fetched.closes.combine_first(old.closes),
            fetched_at=span.now,
            asked_from=start if old is None else old.asked_from,
            complete_to=last_complete_day(fetched.ticker, span.now),
            first_trade=fetched.first_trade,
        )

    @classmethod
    def parsed(cls, table: pd.DataFrame, note: Mapping[str, Any]) -> History:
        """Build it from a stored table and its note.

        Raises
        ------
        DamagedFile
            If they are in another layout.
        """
        try:
            values = table["close_usd"].to_numpy(dtype=np.float64)
            days = pd.DatetimeIndex(table.index).as_unit("s").rename("date")
            first_trade = note["first_trade"]
            return cls(
                closes=pd.Series(values, days),
                fetched_at=pd.Timestamp(note["fetched_at"]),
                asked_from=pd.Timestamp(note["asked_from"]),
                complete_to=pd.Timestamp(note["complete_to"]),
                first_trade=None if first_trade is None else pd.Timestamp(first_trade),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedFile(f"its layout is another one ({type(error).__name__})") from error

    def note(self) -> dict[str, Any]:
        """Return what is kept beside the closes."""
        return {
            "fetched_at": self.fetched_at.isoformat(),
            "asked_from": self.asked_from.isoformat(),
            "complete_to": self.complete_to.isoformat(),
            "first_trade": None if self.first_trade is None else self.first_trade.isoformat(),
        }

    def wanted_from(self, ticker: str, span: Span, *, everything: bool) -> pd.Timestamp | None:
        """Return the first day to fetch, an overlap before the tail; None if nothing is."""
        if everything or self.asked_from > span.first:
            return min(span.first, self.asked_from)
        last = self.closes.index[-1]
        expected = span.until(ticker)
        doubtful = self._doubtful(ticker)
        settled = last >= expected and doubtful is None
        if self.complete_to >= expected and (settled or span.now - self.fetched_at < PATIENCE):
            return None
        start = last if doubtful is None else doubtful
        return max(self.asked_from, start - OVERLAP_DAYS * DAY)

    def _doubtful(self, ticker: str) -> pd.Timestamp | None:
        """Return the first recent day whose close the source may yet correct."""
        recent = self.closes.iloc[-SCALE_DAYS - _DOUBTFUL_DAYS :]
        steps = pd.DatetimeIndex(
            recent.index[suspicious_steps(recent, _DOUBTFUL[is_crypto(ticker)])]
        )
        steps = steps[steps > self.closes.index[-1] - _DOUBTFUL_DAYS * DAY]
        return steps[0] if len(steps) else None

    def contradiction(self, new: pd.Series) -> str | None:
        """Say where new closes of the tail differ from the stored ones; None if they agree."""
        common = self.closes.index.intersection(new.index)
        if common.empty:
            return "the new closes share no day with the stored ones"
        off = np.abs(new[common] / self.closes[common] - 1).to_numpy() > AGREEMENT
        if not off.any():
            return None
        day = common[off][0]
        return f"the stored close of {day:%Y-%m-%d} is {self.closes[day]:g}, now it is {new[day]:g}"

    def shrunk(self, new: pd.Series) -> str | None:
        """Say that a whole history came back much shorter; None if it did not."""
        if len(new) >= SHRUNK * len(self.closes):
            return None
        return f"came with {len(new)} closes, {len(self.closes)} are stored"
