"""A ticker's stored closes: how far they reach, and whether a new answer fits them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.panel import DAY
from features.plausibility.limits import SCALE_DAYS, StepLimit
from features.plausibility.series import suspicious_steps
from features.provenance import Revision
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
# A history is asked for whole after this time, so that a correction older than the overlap is seen:
# it is one request a ticker either way.
WHOLE_EVERY = pd.Timedelta(days=7)
# The last ones are kept beside the closes.
_REVISIONS_KEPT = 20
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
    whole_at : pandas.Timestamp or None
        Instant (UTC) of the newest fetch of all of it; None where it is not known.
    revisions : tuple of Revision
        What later answers said otherwise, oldest first.
    """

    closes: pd.Series
    fetched_at: pd.Timestamp
    asked_from: pd.Timestamp
    complete_to: pd.Timestamp
    first_trade: pd.Timestamp | None
    whole_at: pd.Timestamp | None = None
    revisions: tuple[Revision, ...] = ()

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
            whole_at=span.now if old is None else old.whole_at,
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
            first_trade, whole_at = note["first_trade"], note.get("whole_at")
            return cls(
                closes=pd.Series(values, days),
                fetched_at=pd.Timestamp(note["fetched_at"]),
                asked_from=pd.Timestamp(note["asked_from"]),
                complete_to=pd.Timestamp(note["complete_to"]),
                first_trade=None if first_trade is None else pd.Timestamp(first_trade),
                whole_at=None if whole_at is None else pd.Timestamp(whole_at),
                revisions=tuple(_revision(row) for row in note.get("revisions", ())),
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
            "whole_at": None if self.whole_at is None else self.whole_at.isoformat(),
            "revisions": [
                [
                    each.series,
                    each.first_day.isoformat(),
                    each.last_day.isoformat(),
                    each.days,
                    each.old,
                    each.new,
                    each.seen_at.isoformat(),
                ]
                for each in self.revisions
            ],
        }

    def after(self, ticker: str, before: History) -> History:
        """Return it with what it says otherwise than the history stored before."""
        common = before.closes.index.intersection(self.closes.index)
        old, new = before.closes[common], self.closes[common]
        changed = pd.DatetimeIndex(common[_apart(old, new)])
        found = before.revisions
        if len(changed):
            at = changed[0]
            found += (
                Revision(
                    ticker,
                    at,
                    changed[-1],
                    len(changed),
                    float(old[at]),
                    float(new[at]),
                    self.fetched_at,
                ),
            )
        return replace(self, revisions=found[-_REVISIONS_KEPT:])

    def wanted_from(self, ticker: str, span: Span, *, everything: bool) -> pd.Timestamp | None:
        """Return the first day to fetch, an overlap before the tail; None if nothing is."""
        due = self.whole_at is None or span.now - self.whole_at >= WHOLE_EVERY
        if everything or self.asked_from > span.first:
            return min(span.first, self.asked_from)
        last = self.closes.index[-1]
        expected = span.until(ticker)
        doubtful = self._doubtful(ticker)
        settled = last >= expected and doubtful is None
        if self.complete_to >= expected and (settled or span.now - self.fetched_at < PATIENCE):
            return None
        if due:
            return min(span.first, self.asked_from)
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
        off = _apart(self.closes[common], new[common])
        if not off.any():
            return None
        day = common[off][0]
        return f"the stored close of {day:%Y-%m-%d} is {self.closes[day]:g}, now it is {new[day]:g}"

    def shrunk(self, new: pd.Series) -> str | None:
        """Say that a whole history came back much shorter; None if it did not."""
        if len(new) >= SHRUNK * len(self.closes):
            return None
        return f"came with {len(new)} closes, {len(self.closes)} are stored"


def _apart(old: pd.Series, new: pd.Series) -> NDArray[np.bool_]:
    """Tell which closes of the same days differ by more than rounding."""
    return np.asarray(np.abs(new / old - 1).to_numpy() > AGREEMENT)


def _revision(row: Sequence[Any]) -> Revision:
    series, first, last, days, old, new, seen_at = row
    begin, end, seen = (pd.Timestamp(each) for each in (first, last, seen_at))
    return Revision(str(series), begin, end, int(days), float(old), float(new), seen)
