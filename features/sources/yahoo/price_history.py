"""A ticker's stored closes: when they are stale, and what a newer answer changes of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from features.provenance import Revision
from features.sources.yahoo.closes import Fetched, Missing
from features.sources.yahoo.sessions import last_complete_day
from features.storage.parquet import DamagedFile, read_table, write_table

# Closes of a day are equal but for rounding, or one of them was revised.
AGREEMENT = 1e-6
# A history this much shorter than the stored one is a broken answer.
SHRUNK = 0.9
REVISIONS_KEPT = 20

State = Literal["good", "absent", "unusable", "short"]

_INSTANTS = ("fetched_at", "asked_at", "asked_from", "first_trade")
_REVISED = ("first_day", "last_day", "seen_at")


@dataclass(frozen=True)
class History:
    """What Yahoo has answered about a ticker; instants are UTC."""

    closes: pd.Series  # US dollars by observation day; empty where no close ever came
    fetched_at: pd.Timestamp  # of these closes
    asked_at: pd.Timestamp  # the last time, whatever came
    asked_from: pd.Timestamp  # first day asked for
    first_trade: pd.Timestamp | None = None  # first day on which Yahoo has a price at all
    state: State = "good"  # of the last answer
    problem: str | None = None  # that state as a sentence
    revisions: tuple[Revision, ...] = ()  # what later answers changed, oldest first

    @classmethod
    def without_closes(cls, day: pd.Timestamp) -> History:
        """Return what is known of a ticker before it has been asked for."""
        days = pd.DatetimeIndex([], dtype="datetime64[s]", name="date")
        return cls(pd.Series(dtype=float, index=days), day, day, day)

    @classmethod
    def read(cls, path: Path) -> History:
        """Read it from its file: OSError if that is absent, DamagedFile if it is damaged."""
        table, note = read_table(path)
        try:
            values = table["close_usd"].to_numpy(dtype=np.float64)
            days = pd.DatetimeIndex(table.index).as_unit("s").rename("date")
            instants = {name: note[name] and pd.Timestamp(note[name]) for name in _INSTANTS}
            revisions = tuple(
                Revision(**{**row, **{name: pd.Timestamp(row[name]) for name in _REVISED}})
                for row in note["revisions"]
            )
            return cls(
                pd.Series(values, days),
                **instants,
                state=note["state"],
                problem=note["problem"],
                revisions=revisions,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedFile(f"its layout is another one ({type(error).__name__})") from error

    def write(self, path: Path) -> None:
        """Replace its file."""
        note: dict[str, Any] = {"state": self.state, "problem": self.problem}
        note |= {name: _written(getattr(self, name)) for name in _INSTANTS}
        note["revisions"] = [
            {name: _written(value) for name, value in asdict(revision).items()}
            for revision in self.revisions
        ]
        write_table(path, self.closes.to_frame("close_usd"), note)

    @property
    def usable(self) -> pd.Series:
        """The closes, unless the last answer made them doubtful as a whole."""
        return self.closes.iloc[:0] if self.state == "unusable" else self.closes

    @property
    def absent(self) -> bool:
        """Whether Yahoo had nothing when it was last asked."""
        return self.state == "absent"

    def is_stale(self, ticker: str, first: pd.Timestamp, now: pd.Timestamp) -> bool:
        """Return whether a day has ended since Yahoo was asked, or it was for later days only."""
        ended = last_complete_day(ticker, now) > last_complete_day(ticker, self.asked_at)
        return ended or first < self.asked_from

    def answered(self, fetched: Fetched, start: pd.Timestamp, now: pd.Timestamp) -> History:
        """Return it after another answer, which takes its place unless it cannot be used."""
        new, had = fetched.closes, len(self.closes)
        ticker, asked = fetched.ticker, replace(self, asked_at=now, asked_from=start)
        if new is None:
            state: State = "absent" if isinstance(fetched.rejected, Missing) else "unusable"
            rest = "left out"
            if state == "absent" and had:
                rest = f"the stored closes until {self.closes.index[-1]:%Y-%m-%d} are used"
            problem = f"Yahoo: {ticker} {fetched.rejected}; {rest}."
            return replace(asked, state=state, problem=problem)
        if len(new) < SHRUNK * had:
            problem = (
                f"{ticker} came with {len(new)} closes, {had} are stored; the stored ones are used."
            )
            return replace(asked, state="short", problem=problem)
        return History(
            new, now, now, start, fetched.first_trade, revisions=self._revisions(ticker, new, now)
        )

    def _revisions(self, ticker: str, new: pd.Series, now: pd.Timestamp) -> tuple[Revision, ...]:
        """Return what was changed before and what new closes of the same days change."""
        days = self.closes.index.intersection(new.index)
        changed = pd.DatetimeIndex(days[np.abs(new[days] / self.closes[days] - 1) > AGREEMENT])
        if changed.empty:
            return self.revisions
        first, last = changed[0], changed[-1]
        old, right = float(self.closes[first]), float(new[first])
        seen = Revision(ticker, first, last, len(changed), old, right, now)
        return (*self.revisions, seen)[-REVISIONS_KEPT:]


def _written(value: Any) -> Any:  # noqa: ANN401 - of any field of a revision
    return value.isoformat() if isinstance(value, pd.Timestamp) else value
