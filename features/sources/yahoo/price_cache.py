"""Closes, rankings and fund shares of Yahoo kept on disk, each asked for once a day."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal
from urllib.parse import quote, unquote

import pandas as pd

from features.panel import DAY, DataError, SourceUnavailable
from features.sources.yahoo.client import YahooClient
from features.sources.yahoo.closes import Answer, Fetched, lacks_of
from features.sources.yahoo.price_history import History
from features.sources.yahoo.sessions import is_required, last_complete_day, naive_utc
from features.storage.parquet import kept, kept_table, write_table

Mode = Literal["online", "offline", "refresh"]
Progress = Callable[[int, int], None]  # takes the number of tickers done and of all

_GO = "run once without --offline"


@dataclass(frozen=True)
class PriceCache:
    """Prices in a directory: every file is replaced whole, so that processes may share it.

    A file whose digest is wrong is set aside with a warning and never read.
    """

    parent: Path  # where computed tables are kept; the prices get a directory in it
    client: YahooClient = field(default_factory=YahooClient)

    @property
    def directory(self) -> Path:
        """Where the prices are."""
        return self.parent / "yahoo"

    def closes(
        self,
        tickers: Sequence[str],
        first: pd.Timestamp,
        last: pd.Timestamp,
        *,
        now: pd.Timestamp,
        mode: Mode = "online",
        progress: Progress = lambda done, total: None,
    ) -> Answer:
        """Return daily closes of the days over at `now`, both ends included, stored ones if fresh.

        Fetches what is stale (online), nothing (offline) or everything (refresh).
        SourceUnavailable if Yahoo is needed and unavailable: what came before is kept. DataError if
        an index, a fund, Bitcoin or Ether is missing, or nothing at all can be used.
        """
        asked, now = tuple(dict.fromkeys(tickers)), naive_utc(now)
        stored = {ticker: self._stored(ticker) for ticker in asked}
        held = {ticker: history for ticker, history in stored.items() if history is not None}
        if mode != "offline":
            stale = {
                ticker: min(first, held[ticker].asked_from) if ticker in held else first
                for ticker in asked
                if mode == "refresh"
                or ticker not in held
                or held[ticker].is_stale(ticker, first, now)
            }
            with self._with_age(now):
                fetched = self.client.closes(stale, now.normalize(), now=now)
                for done, answer in enumerate(fetched, 1):
                    self._take(answer, stale[answer.ticker], now, held)
                    progress(done, len(stale))
        return self._answer(asked, held, first, last, now, offline=mode == "offline")

    def ranking(self, *, now: pd.Timestamp, mode: Mode = "online") -> None:
        """Fetch the crypto ranking of this UTC day, unless it is stored or the mode is offline."""
        now = naive_utc(now)
        path = self.directory / f"ranking-{now:%Y-%m-%d}.parquet"
        if mode == "offline" or (mode == "online" and kept_table(path) is not None):
            return
        with self._with_age(now):
            table = self.client.ranking(now=now)
        with suppress(OSError):  # said of the closes, which go to the same place
            write_table(path, table, {})

    def rankings(self) -> dict[pd.Timestamp, pd.DataFrame]:
        """Return every stored ranking by the UTC day on which it was fetched, oldest first."""
        tables = {
            pd.Timestamp(path.stem.removeprefix("ranking-")).as_unit("s"): kept_table(path)
            for path in sorted(self.directory.glob("ranking-????-??-??.parquet"))
        }
        return {day: table for day, table in tables.items() if table is not None}

    def shares(
        self, ticker: str, *, now: pd.Timestamp, mode: Mode = "online"
    ) -> tuple[pd.Timestamp, float, float]:
        """Return a fund's last session, shares and their value, as Yahoo said on this UTC day."""
        now = naive_utc(now)
        path = self.directory / f"shares-{now:%Y-%m-%d}-{quote(ticker, safe='')}.parquet"
        table = None if mode == "refresh" else kept_table(path)
        if table is None:
            day, shares, value = self.client.shares(ticker, now=now)
            table = pd.DataFrame({"day": [day], "shares": [shares], "value": [value]})
            with suppress(OSError):
                write_table(path, table, {})
            for older in set(self.directory.glob(f"shares-*-{quote(ticker, safe='')}.parquet")):
                older.unlink(missing_ok=True) if older != path else None
        return table["day"][0], float(table["shares"][0]), float(table["value"][0])

    def reach(self, seconds: float, *, now: pd.Timestamp) -> None:
        """Raise SourceUnavailable unless Yahoo answers so soon, or has been asked for the day."""
        now = naive_utc(now)
        first, history = now.normalize() - 7 * DAY, self._stored("BTC-USD")
        if history is None or history.is_stale("BTC-USD", first, now):
            client = replace(self.client, deadline=min(seconds, self.client.deadline))
            list(client.closes({"BTC-USD": first}, now.normalize(), now=now))

    def age(self, now: pd.Timestamp) -> pd.Timedelta | None:
        """Return how long ago the oldest required series was fetched; None if nothing is stored."""
        names = (
            unquote(path.stem.removeprefix("closes-"))
            for path in self.directory.glob("closes-*.parquet")
        )
        held = [self._stored(ticker) for ticker in names if is_required(ticker)]
        ages = (naive_utc(now) - history.fetched_at for history in held if history is not None)
        return max(ages, default=None)

    def _path(self, ticker: str) -> Path:
        return self.directory / f"closes-{quote(ticker, safe='')}.parquet"

    def _stored(self, ticker: str) -> History | None:
        return kept(self._path(ticker), History.read)

    def _take(
        self, fetched: Fetched, start: pd.Timestamp, now: pd.Timestamp, held: dict[str, History]
    ) -> None:
        """Keep an answer, also one that cannot be used: the same is not asked again today."""
        ticker = fetched.ticker
        old = held.get(ticker, History.without_closes(start))
        held[ticker] = old.answered(fetched, start, now)
        try:
            held[ticker].write(self._path(ticker))
        except OSError as error:
            reason = error.strerror or error
            warnings.warn(f"prices cannot be kept in {self.directory}: {reason}.", stacklevel=3)

    def _answer(
        self,
        asked: Sequence[str],
        held: Mapping[str, History],
        first: pd.Timestamp,
        last: pd.Timestamp,
        now: pd.Timestamp,
        *,
        offline: bool,
    ) -> Answer:
        closes: dict[str, pd.Series] = {}
        problems: list[str] = []
        absent = set()
        for ticker in asked:
            history = held.get(ticker, History.without_closes(first))
            until = min(last, last_complete_day(ticker, history.fetched_at if offline else now))
            shown = history.usable.loc[first:until]
            if offline and history.closes.empty:
                if is_required(ticker):
                    raise DataError(
                        f"offline: no closes of {ticker} are stored in {self.directory}; {_GO}."
                    )
                problems.append(f"offline: no closes of {ticker} are stored; left out.")
                absent.add(ticker)
            elif history.problem:
                problems.append(history.problem)
                absent |= {ticker} if history.absent else set()
            if len(shown):
                closes[ticker] = shown
                lacks = lacks_of(ticker, shown, history.first_trade, first, until)
                problems += [f"{ticker} {lack}." for lack in lacks]
        if not closes:
            raise DataError(f"no close of {len(asked)} tickers can be used: {problems[0]}")
        table = pd.concat(closes, axis=1, sort=True)
        # Plain days: whether they have a frequency must not depend on where they came from.
        table.index = pd.DatetimeIndex(table.index.to_numpy().astype("datetime64[s]"), name="date")
        oldest = min(held[ticker].fetched_at for ticker in closes)
        revisions = tuple(revision for ticker in closes for revision in held[ticker].revisions)
        return Answer(table, tuple(problems), oldest, frozenset(absent), revisions)

    @contextmanager
    def _with_age(self, now: pd.Timestamp) -> Iterator[None]:
        """Add to a refusal what is left to do: how old the stored prices are."""
        try:
            yield
        except SourceUnavailable as error:
            age = self.age(now)
            held = "No prices are" if age is None else f"Prices {spoken(age)} old are"
            raise SourceUnavailable(f"{error} {held} stored.") from error


def spoken(age: pd.Timedelta) -> str:
    """Return an age in whole hours, or in days from two days on.

    >>> spoken(pd.Timedelta(hours=5.5)), spoken(pd.Timedelta(days=3.2))
    ('5 hours', '3 days')
    """
    hours = max(int(age / pd.Timedelta(hours=1)), 0)
    return f"{hours} hour{'s' * (hours != 1)}" if hours < 48 else f"{hours // 24} days"
