"""Closes and crypto rankings kept on disk: only the tail of a history is fetched anew."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal
from urllib.parse import quote, unquote

import pandas as pd

from features.panel import DataError, SourceUnavailable
from features.sources.yahoo import client
from features.sources.yahoo.closes import Answer, Fetched, Missing, gather, lacks_of
from features.sources.yahoo.price_history import PATIENCE, History, Span
from features.sources.yahoo.sessions import is_required, naive_utc
from features.storage.parquet import DamagedFile, read_table, set_aside, write_table

Mode = Literal["online", "offline", "refresh"]

SCHEMA = 1
_SOURCE = "Yahoo Finance"
_GO = "run once without --offline"


class PriceCache:
    """Daily closes and crypto rankings of Yahoo Finance, kept in a directory.

    Every ticker and every day's ranking is one Parquet file that is replaced
    as a whole, so that processes may share the directory. A file whose digest
    is wrong is set aside with a warning and never read.

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
        doubted: Collection[str] = (),
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Answer:
        """Return daily closes, stored ones as far as they go.

        Parameters
        ----------
        tickers, first, last, now, progress
            As for `features.sources.yahoo.client.fetch_closes`.
        mode : {"online", "offline", "refresh"}
            Fetch what is missing, nothing, or everything.
        doubted : collection of str
            Tickers whose closes a rule finds wrong: asked for whole, where they
            were fetched more than an hour ago.

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
        span = Span(first, last, naive_utc(now))
        problems: list[str] = []
        absent: set[str] = set()
        held = self._held(asked)
        if mode == "offline":
            absent.update(self._absent(asked, held))
            problems += [f"offline: no closes of {ticker} are stored; left out."
                         for ticker in asked if ticker in absent]  # fmt: skip
        else:
            wanted = _wanted(asked, held, span, everything=mode == "refresh", doubted=doubted)
            with self._age_told(span.now):
                self._renew(wanted, held, span, problems, absent, progress)
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
        answer = gather(asked, closes, problems, min(instants, default=span.now))
        revisions = tuple(each for ticker in closes for each in held[ticker].revisions)
        return replace(answer, absent=frozenset(absent), revisions=revisions)

    def ranking(self, count: int, *, now: pd.Timestamp, mode: Mode = "online") -> pd.DataFrame:
        """Return the current crypto ranking, of this UTC day if online.

        Parameters
        ----------
        count, now
            As for `features.sources.yahoo.client.fetch_ranking`.
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
            table = client.fetch_ranking(count, now=now)
        note = {"schema": SCHEMA, "source": _SOURCE, "fetched_at": now.isoformat(), "count": count}
        with suppress(OSError):  # it is said of the closes, which go to the same place
            write_table(today, table, note)
        table.attrs["fetched_at"] = now
        return table

    def rankings(self) -> dict[pd.Timestamp, pd.DataFrame]:
        """Return every stored ranking by the UTC day on which it was fetched, oldest first.

        A damaged one is set aside with a warning and left out.
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
                history = History.parsed(table, note)
            except (DamagedFile, OSError):
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

    def _held(self, asked: Sequence[str]) -> dict[str, History]:
        held = {}
        for ticker in asked:
            path = self._path(ticker)
            try:
                held[ticker] = History.parsed(*read_table(path))
            except OSError:  # none is stored, or none that we may read
                continue
            except DamagedFile as error:
                _say_damaged(f"closes of {ticker}", path, error)
        return held

    def _absent(self, asked: Sequence[str], held: Mapping[str, History]) -> list[str]:
        absent = [ticker for ticker in asked if ticker not in held]
        for ticker in absent:
            if is_required(ticker):
                raise DataError(
                    f"offline: no closes of {ticker} are stored in {self.directory}; {_GO}."
                )
        return absent

    def _ranking_in(self, path: Path, count: int, mode: Mode) -> pd.DataFrame | None:
        """Read a stored ranking, whole if count is 0; None if there is none, or too short a one."""
        try:
            table, note = read_table(path)
        except OSError:  # none is stored, or none that we may read
            return None
        except DamagedFile as error:
            _say_damaged("crypto ranking", path, error)
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
            held = "No prices are" if age is None else f"Prices {spoken(age)} old are"
            raise SourceUnavailable(f"{error} {held} stored.") from error

    def _renew(
        self,
        wanted: Mapping[str, pd.Timestamp],
        held: dict[str, History],
        span: Span,
        problems: list[str],
        absent: set[str],
        progress: Callable[[int, int], None],
    ) -> None:
        """Fetch what is wanted and keep each as it comes; `held` becomes what is kept."""
        anew: dict[str, pd.Timestamp] = {}
        stored = dict(held)
        for part in (wanted, anew):
            # Whatever is shown of it, a history is fetched to its end: one piece without gaps.
            today = span.now.normalize()
            for done, fetched in enumerate(client.fetch_each(part, today, now=span.now), 1):
                old = held.pop(fetched.ticker, None)
                kept, problem = _judge(fetched, part[fetched.ticker], span, old)
                if kept is not None and kept is not old:
                    if fetched.ticker in stored:
                        kept = kept.after(fetched.ticker, stored[fetched.ticker])
                    self._keep(fetched.ticker, kept)
                if kept is not None:
                    held[fetched.ticker] = kept
                if kept is None and fetched.closes is not None and old is not None:
                    anew[fetched.ticker] = min(span.first, old.asked_from)
                problems += [problem] if problem else []
                if isinstance(fetched.rejected, Missing):
                    absent.add(fetched.ticker)
                progress(done, len(part))

    def _keep(self, ticker: str, history: History) -> None:
        note = {"schema": SCHEMA, "source": _SOURCE, "ticker": ticker, **history.note()}
        try:
            write_table(self._path(ticker), history.closes.to_frame("close_usd"), note)
        except OSError as error:
            warnings.warn(
                f"prices cannot be kept in {self.directory}: {error.strerror or error}.",
                stacklevel=2,
            )


def spoken(age: pd.Timedelta) -> str:
    """Return an age in whole hours, or in days from two days on.

    Examples
    --------
    >>> spoken(pd.Timedelta(hours=5.5)), spoken(pd.Timedelta(days=3.2))
    ('5 hours', '3 days')
    """
    hours = max(int(age / pd.Timedelta(hours=1)), 0)
    return f"{hours} hour{'s' * (hours != 1)}" if hours < 48 else f"{hours // 24} days"


def _say_damaged(what: str, path: Path, error: DamagedFile) -> None:
    """Set a damaged file aside, with a warning: it concerns the store, not the market."""
    warnings.warn(
        f"damaged: the stored {what} ({error}); set aside as {set_aside(path)}.", stacklevel=3
    )


def _wanted(
    asked: Sequence[str],
    held: Mapping[str, History],
    span: Span,
    *,
    everything: bool,
    doubted: Collection[str],
) -> dict[str, pd.Timestamp]:
    """First day to fetch by ticker, for those of which something is to be fetched."""
    wanted = {}
    for ticker in asked:
        history = held.get(ticker)
        start: pd.Timestamp | None = span.first
        if history is not None:
            old = span.now - history.fetched_at >= PATIENCE
            whole = everything or (ticker in doubted and old)
            start = history.wanted_from(ticker, span, everything=whole)
        if start is not None:
            wanted[ticker] = start
    return wanted


def _judge(
    fetched: Fetched, start: pd.Timestamp, span: Span, old: History | None
) -> tuple[History | None, str | None]:
    """Return the history to use, if any, and what is to be said about it."""
    if fetched.closes is None:
        reason = f"Yahoo: {fetched.ticker} {fetched.rejected}"
        if old is None or not isinstance(fetched.rejected, Missing):
            return None, f"{reason}; left out."
        last = old.closes.index[-1]
        return old, f"{reason}; the stored closes until {last:%Y-%m-%d} are used."
    tail = old is not None and start > old.asked_from
    if old is not None and tail and (why := old.contradiction(fetched.closes)):
        return None, f"{fetched.ticker}: {why}; its whole history is fetched anew."
    if old is not None and not tail and (why := old.shrunk(fetched.closes)):
        return old, f"{fetched.ticker} {why}; the stored ones are used."
    return History.new(fetched, start, span, old if tail else None), None
