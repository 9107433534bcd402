"""Closes and crypto rankings kept on disk: only the tail of a history is fetched anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, unquote

import numpy as np
import pandas as pd

from features.panel import DAY, DataError, SourceUnavailable
from features.sources import yahoo
from features.sources.closes import Answer, Fetched, Missing, gather, lacks_of
from features.sources.sessions import is_required, last_complete_day, naive_utc
from features.sources.table_file import DamagedFile, read_table, set_aside, write_table

Mode = Literal["online", "offline", "refresh"]

SCHEMA = 1
OVERLAP_DAYS = 14
# Stored and new closes of a day are equal but for rounding, or one of them was revised.
AGREEMENT = 1e-6
# A history this much shorter than the stored one is a broken answer.
SHRUNK = 0.9
# A close that should be there by now is asked for again after this time.
PATIENCE = pd.Timedelta(hours=1)

_SOURCE = "Yahoo Finance"
_GO = "run once without --offline"


@dataclass(frozen=True)
class _History:
    """A ticker's closes: asked for from a day on and complete to another."""

    closes: pd.Series
    fetched_at: pd.Timestamp
    asked_from: pd.Timestamp
    complete_to: pd.Timestamp
    first_trade: pd.Timestamp | None

    def covers(self, first: pd.Timestamp, expected: pd.Timestamp, now: pd.Timestamp) -> bool:
        whole = self.asked_from <= first and self.complete_to >= expected
        return whole and (self.closes.index[-1] >= expected or now - self.fetched_at < PATIENCE)


@dataclass(frozen=True)
class _Span:
    """The days asked for and the instant at which they are."""

    first: pd.Timestamp
    last: pd.Timestamp
    now: pd.Timestamp

    def until(self, ticker: str) -> pd.Timestamp:
        return min(self.last, last_complete_day(ticker, self.now))


class PriceCache:
    """Daily closes and crypto rankings of Yahoo Finance, kept in a directory.

    Every ticker and every day's ranking is one Parquet file that is replaced
    as a whole, so that processes may share the directory. A file whose digest
    is wrong is set aside and never read.

    Parameters
    ----------
    directory : pathlib.Path
        Where computed tables are kept; the prices get a directory in it,
        made when the first one is kept.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "yahoo"

    def closes(
        self,
        tickers: Sequence[str],
        first: pd.Timestamp,
        last: pd.Timestamp,
        *,
        now: pd.Timestamp,
        mode: Mode = "online",
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Answer:
        """Return daily closes, stored ones as far as they go.

        Parameters
        ----------
        tickers, first, last, now, progress
            As for `features.sources.yahoo.fetch_closes`.
        mode : {"online", "offline", "refresh"}
            Fetch what is missing, nothing, or everything.

        Returns
        -------
        Answer
            `fetched_at` is the instant of the oldest fetch among the tickers.

        Raises
        ------
        SourceUnavailable
            If Yahoo is needed and unavailable; what came before is kept.
        DataError
            As for `fetch_closes`, or if offline nothing is stored for an
            index, a fund, Bitcoin or Ether.
        """
        asked = tuple(dict.fromkeys(tickers))
        span = _Span(first, last, naive_utc(now))
        problems: list[str] = []
        held = self._held(asked, problems)
        if mode == "offline":
            problems += self._absent(asked, held, problems)
        else:
            wanted = _wanted(asked, held, span, everything=mode == "refresh")
            with self._age_told(span.now):
                self._renew(wanted, held, span, problems, progress)
        closes = {}
        for ticker, history in held.items():
            until = span.until(ticker)
            if mode == "offline":
                until = min(until, history.complete_to)
            shown = history.closes.loc[first:until]
            if len(shown):
                closes[ticker] = shown
                lacks = lacks_of(ticker, shown, history.first_trade, first, until)
                problems += [f"{ticker} {lack}." for lack in lacks]
        instants = [held[ticker].fetched_at for ticker in closes]
        return gather(asked, closes, problems, min(instants, default=span.now))

    def ranking(self, count: int, *, now: pd.Timestamp, mode: Mode = "online") -> pd.DataFrame:
        """Return the current crypto ranking, of this UTC day if online.

        Parameters
        ----------
        count, now
            As for `features.sources.yahoo.fetch_ranking`.
        mode : {"online", "offline", "refresh"}
            Fetch unless this day's is stored, read the newest stored one, or
            fetch in any case.

        Returns
        -------
        pandas.DataFrame
            As from `fetch_ranking`; `attrs["fetched_at"]` is its instant, UTC.

        Raises
        ------
        SourceUnavailable, DataError
            As for `fetch_ranking`; also if offline none is stored.
        """
        now = naive_utc(now)
        today = self._ranking_path(now)
        if mode == "offline":
            stored = sorted(self.directory.glob("ranking-????-??-??.parquet"), reverse=True)
            paths = [path for path in stored if path.name <= today.name]
        else:
            paths = [today] if mode == "online" else []
        for path in paths:
            table = self._ranking_in(path, count, mode)
            if table is not None:
                return table
        if mode == "offline":
            raise DataError(f"offline: no crypto ranking is stored in {self.directory}; {_GO}.")
        with self._age_told(now):
            table = yahoo.fetch_ranking(count, now=now)
        note = {"schema": SCHEMA, "source": _SOURCE, "fetched_at": now.isoformat(), "count": count}
        try:
            write_table(today, table, note)
        except OSError:
            table.attrs["problem"] = f"the ranking cannot be kept in {self.directory}."
        table.attrs["fetched_at"] = now
        return table

    def rankings(self) -> dict[pd.Timestamp, pd.DataFrame]:
        """Return every stored ranking by the UTC day on which it was fetched, oldest first.

        A damaged one is set aside and left out.
        """
        found = {}
        for path in sorted(self.directory.glob("ranking-????-??-??.parquet")):
            table = self._ranking_in(path, 0, "offline")
            if table is not None:
                found[table.attrs["fetched_at"].normalize().as_unit("s")] = table
        return found

    def age(self, now: pd.Timestamp) -> pd.Timedelta | None:
        """Return how long ago the oldest required series was fetched; None if none is stored."""
        table = self.contents()
        required = table[[is_required(str(ticker)) for ticker in table.index]]
        return None if required.empty else naive_utc(now) - required["fetched_at"].min()

    def contents(self) -> pd.DataFrame:
        """Return what is stored: one row per ticker.

        Returns
        -------
        pandas.DataFrame
            Index ticker; columns first_day, last_day, rows, digest,
            fetched_at (UTC). Damaged files are left out.
        """
        columns = ["ticker", "first_day", "last_day", "rows", "digest", "fetched_at"]
        rows = []
        for path in sorted(self.directory.glob("closes-*.parquet")):
            try:
                table, note = read_table(path)
                history = _parsed(table, note)
            except (DamagedFile, FileNotFoundError):
                continue
            ticker = unquote(path.stem.removeprefix("closes-"))
            days = table.index
            rows.append(
                (ticker, days[0], days[-1], note["rows"], note["digest"], history.fetched_at)
            )
        return pd.DataFrame(rows, columns=columns).set_index("ticker")

    def _path(self, ticker: str) -> Path:
        return self.directory / f"closes-{quote(ticker, safe='')}.parquet"

    def _ranking_path(self, now: pd.Timestamp) -> Path:
        return self.directory / f"ranking-{now:%Y-%m-%d}.parquet"

    def _held(self, asked: Sequence[str], problems: list[str]) -> dict[str, _History]:
        held = {}
        for ticker in asked:
            path = self._path(ticker)
            try:
                held[ticker] = _parsed(*read_table(path))
            except FileNotFoundError:
                continue
            except DamagedFile as error:
                problems.append(
                    f"the stored closes of {ticker} are damaged ({error}); "
                    f"set aside as {set_aside(path)}."
                )
        return held

    def _absent(
        self, asked: Sequence[str], held: Mapping[str, _History], problems: Sequence[str]
    ) -> list[str]:
        absent = [ticker for ticker in asked if ticker not in held]
        for ticker in absent:
            if is_required(ticker):
                before = f" {problems[0]}" if problems else ""
                raise DataError(
                    f"offline: no closes of {ticker} are stored in {self.directory}; {_GO}.{before}"
                )
        return [f"offline: no closes of {ticker} are stored; left out." for ticker in absent]

    def _ranking_in(self, path: Path, count: int, mode: Mode) -> pd.DataFrame | None:
        """Read a stored ranking, whole if count is 0; None if there is none, or too short a one."""
        try:
            table, note = read_table(path)
        except FileNotFoundError:
            return None
        except DamagedFile:
            set_aside(path)
            return None
        if mode != "offline" and note["count"] < count:
            return None
        table = table.head(count) if count else table
        table.attrs["fetched_at"] = pd.Timestamp(note["fetched_at"])
        return table

    @contextmanager
    def _age_told(self, now: pd.Timestamp) -> Iterator[None]:
        """Add to a refusal what is left to do: how old the stored prices are."""
        try:
            yield
        except SourceUnavailable as error:
            age = self.age(now)
            held = "Nothing is stored yet." if age is None else f"Stored: {spoken(age)} old."
            raise SourceUnavailable(f"{error} {held}") from error

    def _renew(
        self,
        wanted: Mapping[str, pd.Timestamp],
        held: dict[str, _History],
        span: _Span,
        problems: list[str],
        progress: Callable[[int, int], None],
    ) -> None:
        """Fetch what is wanted and keep each as it comes; `held` becomes what is kept."""
        contradicted: dict[str, pd.Timestamp] = {}
        for part in (wanted, contradicted):
            for done, fetched in enumerate(yahoo.fetch_each(part, span.last, now=span.now), 1):
                start, old = part[fetched.ticker], held.get(fetched.ticker)
                progress(done, len(part))
                if fetched.closes is None:
                    problems.append(_refused(fetched, held))
                    continue
                tail = old is not None and start > old.asked_from
                if old is not None and tail and (why := _contradiction(old.closes, fetched.closes)):
                    problems.append(f"{fetched.ticker}: {why}; its whole history is fetched anew.")
                    contradicted[fetched.ticker] = min(span.first, old.asked_from)
                    del held[fetched.ticker]
                    continue
                if old is not None and not tail and (why := _shrunk(old.closes, fetched.closes)):
                    problems.append(f"{fetched.ticker}: {why}; the stored history is used.")
                    continue
                new = _joined(fetched, start, span, old if tail else None)
                held[fetched.ticker] = new
                self._keep(fetched.ticker, new, problems)

    def _keep(self, ticker: str, history: _History, problems: list[str]) -> None:
        note = {key: value for key, value in asdict(history).items() if key != "closes"}
        note = {key: None if day is None else day.isoformat() for key, day in note.items()}
        facts = {"schema": SCHEMA, "source": _SOURCE, "ticker": ticker, **note}
        try:
            write_table(self._path(ticker), history.closes.to_frame("close_usd"), facts)
        except OSError as error:
            problem = f"prices cannot be kept in {self.directory}: {error.strerror or error}."
            if problem not in problems:
                problems.append(problem)


def spoken(age: pd.Timedelta) -> str:
    """Return an age in whole hours, or in days from two days on.

    Examples
    --------
    >>> spoken(pd.Timedelta(hours=5.5)), spoken(pd.Timedelta(days=3.2))
    ('5 hours', '3 days')
    """
    hours = max(int(age / pd.Timedelta(hours=1)), 0)
    return f"{hours} hour{'s' * (hours != 1)}" if hours < 48 else f"{hours // 24} days"


def _wanted(
    asked: Sequence[str], held: Mapping[str, _History], span: _Span, *, everything: bool
) -> dict[str, pd.Timestamp]:
    """First day to fetch by ticker: the whole history, or the tail with an overlap."""
    wanted = {}
    for ticker in asked:
        history = held.get(ticker)
        if history is None:
            wanted[ticker] = span.first
        elif everything or history.asked_from > span.first:
            wanted[ticker] = min(span.first, history.asked_from)
        elif not history.covers(span.first, span.until(ticker), span.now):
            overlap = history.closes.index[-1] - OVERLAP_DAYS * DAY
            wanted[ticker] = max(history.asked_from, overlap)
    return wanted


def _refused(fetched: Fetched, held: dict[str, _History]) -> str:
    """Say what becomes of a ticker without usable closes; an implausible one is not held on to."""
    reason = f"Yahoo: {fetched.ticker} {fetched.rejected}"
    if isinstance(fetched.rejected, Missing) and fetched.ticker in held:
        last = held[fetched.ticker].closes.index[-1]
        return f"{reason}; the stored closes until {last:%Y-%m-%d} are used."
    held.pop(fetched.ticker, None)
    return f"{reason}; left out."


def _contradiction(old: pd.Series, new: pd.Series) -> str | None:
    """Say where the new closes differ from the stored ones; None if they agree."""
    common = old.index.intersection(new.index)
    if common.empty:
        return "no day of the new closes is stored, so that they cannot be compared"
    off = np.abs(new[common] / old[common] - 1) > AGREEMENT
    if not off.any():
        return None
    day = common[off.to_numpy()][0]
    return f"the stored close of {day:%Y-%m-%d} is {old[day]:g}, now it is {new[day]:g}"


def _shrunk(old: pd.Series, new: pd.Series) -> str | None:
    """Say that a whole history came back much shorter than it is stored; None if it did not."""
    if len(new) >= SHRUNK * len(old):
        return None
    return f"came with {len(new)} closes, {len(old)} are stored"


def _joined(fetched: Fetched, start: pd.Timestamp, span: _Span, old: _History | None) -> _History:
    closes = fetched.closes
    assert closes is not None
    if old is not None:
        closes = closes.combine_first(old.closes)
    return _History(
        closes=closes,
        fetched_at=span.now,
        asked_from=start if old is None else old.asked_from,
        complete_to=span.until(fetched.ticker),
        first_trade=fetched.first_trade,
    )


def _parsed(table: pd.DataFrame, note: Mapping[str, Any]) -> _History:
    """Return a stored history; one of another layout counts as damaged."""
    try:
        closes = table["close_usd"]
        days = pd.DatetimeIndex(closes.index).as_unit("s").rename("date")
        first_trade = note["first_trade"]
        return _History(
            closes=pd.Series(closes.to_numpy(dtype=np.float64), days),
            fetched_at=pd.Timestamp(note["fetched_at"]),
            asked_from=pd.Timestamp(note["asked_from"]),
            complete_to=pd.Timestamp(note["complete_to"]),
            first_trade=None if first_trade is None else pd.Timestamp(first_trade),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedFile(f"its layout is another one ({type(error).__name__})") from error
