"""Prices, the crypto ranking and fund shares from Yahoo Finance, through yfinance.

The tickers are asked one after another over one connection: `yfinance.download` also sends a
request per ticker, but swallows the reason when one fails. Proxies and their certificates are
those of the environment (HTTPS_PROXY, CURL_CA_BUNDLE).
"""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import logging
import math
import re
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd

from features.panel import DAY, DataError, SourceUnavailable
from features.sources.yahoo.closes import Fetched, Missing, Rejected, accept, lacks_of
from features.sources.yahoo.sessions import (
    NEW_YORK,
    is_crypto,
    is_required,
    last_complete_day,
    naive_utc,
    time_zone,
)

if TYPE_CHECKING:
    from types import ModuleType

    from curl_cffi.requests import Response
    from yfinance import Ticker

TIMEOUT_SECONDS = 10.0
COOKIE_SECONDS = 3.0
# The longest answers, fifteen years of closes, have half a megabyte.
LARGEST_BYTES = 50_000_000
_LEAST_SECONDS = 0.1
PAUSE_SECONDS = 0.05
BACKOFF_SECONDS = (1.0, 4.0)
RANKING_COINS = 250
QUOTE_DAYS = 3

_SCREEN = "all_cryptocurrencies_us"
_LEADERS = 3
_WAY_OUT = "wait some minutes and try again, or use --offline"
_LATER = "try again later, or use --offline"
_DESCRIPTION = re.compile(r'"description"\s*:\s*"([^"]*)"')
# Yahoo tells coins of one symbol apart by a number after it: SUI20947-USD is Sui.
_NUMBER = re.compile(r"(?<=.)\d{4,5}$")

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class YahooClient:
    """Asks Yahoo; every question is tried three times within the deadline."""

    deadline: float = 30.0  # seconds for one question, all attempts together
    say: Callable[[str], None] = lambda text: None  # takes a line for a person who waits

    def closes(
        self, first_days: Mapping[str, pd.Timestamp], last: pd.Timestamp, *, now: pd.Timestamp
    ) -> Iterator[Fetched]:
        """Fetch tickers in the order given, each from its first day, so that each can be kept.

        SourceUnavailable if Yahoo cannot be reached; DataError if an index, a fund, Bitcoin or
        Ether is missing or incomplete.
        """
        for place, (ticker, first) in enumerate(first_days.items()):
            time.sleep(PAUSE_SECONDS if place else 0)
            try:
                yield self._history(ticker, first, min(last, last_complete_day(ticker, now)))
            except Rejected as error:
                if is_required(ticker):
                    raise DataError(f"Yahoo: {ticker} {error}; {_LATER}.") from error
                yield Fetched(ticker, None, rejected=error)

    def ranking(self, *, now: pd.Timestamp) -> pd.DataFrame:
        """Fetch the coins with the largest market caps, stablecoins and wrapped tokens among them.

        Columns ticker, symbol, name, market_cap_usd, close_usd (last price); largest first.
        DataError if the answer is empty, in another layout, or does not begin with Bitcoin.
        """

        def screen() -> dict[str, Any]:
            return _yfinance().screen(_SCREEN, count=RANKING_COINS, session=_session())

        quotes = self._read(
            "the crypto ranking", screen, lambda answer: [_coin(coin) for coin in answer["quotes"]]
        )
        columns = ["ticker", "symbol", "name", "market_cap_usd", "close_usd", "quoted_at"]
        table = pd.DataFrame(quotes, columns=columns)
        table = table[table["ticker"].map(is_crypto) & (table["market_cap_usd"] > 0)]
        table = table[table["quoted_at"] >= (naive_utc(now) - QUOTE_DAYS * DAY).timestamp()]
        table = table.drop_duplicates("ticker").drop(columns="quoted_at")
        # The screen ranks by market cap by itself; another order would be another set of coins.
        if "BTC-USD" not in set(table["ticker"].head(_LEADERS)):
            raise DataError(
                f"Yahoo: the crypto ranking of {len(table)} current coins does not begin with "
                f"Bitcoin, so that it is not one of market caps; {_LATER}."
            )
        return table.sort_values("market_cap_usd", ascending=False, ignore_index=True)

    def shares(self, ticker: str, *, now: pd.Timestamp) -> tuple[pd.Timestamp, float, float]:
        """Fetch a fund's last complete session, its shares outstanding and their net asset value.

        The value is in US dollars a share; the price where Yahoo has no other.
        """

        def figures(quote: Mapping[str, Any]) -> tuple[float, float, pd.Timestamp]:
            return (
                _positive(quote["sharesOutstanding"]),
                _positive(quote.get("navPrice") or quote["regularMarketPrice"]),
                pd.Timestamp(int(quote["regularMarketTime"]), unit="s", tz="UTC"),
            )

        shares, value, quoted = self._read(
            f"the shares of {ticker}", lambda: dict(_ticker(ticker).get_info()), figures
        )
        session = quoted.tz_convert(NEW_YORK).tz_localize(None).normalize().as_unit("s")
        return min(session, last_complete_day(ticker, now)), shares, value

    def _history(self, ticker: str, first: pd.Timestamp, last: pd.Timestamp) -> Fetched:
        table, about = self._retried(partial(_bars, ticker, first, last))
        began = about.get("firstTradeDate")
        first_trade = None
        if isinstance(began, pd.Timestamp):
            first_trade = began.tz_localize(None).normalize().as_unit("s")
        closes = accept(ticker, table, about.get("currency"), first, last)
        if is_required(ticker) and (lacks := lacks_of(ticker, closes, first_trade, first, last)):
            raise Rejected(lacks[0])
        return Fetched(ticker, closes, first_trade)

    def _read(self, what: str, ask: Callable[[], Any], read: Callable[[Any], _Result]) -> _Result:
        """Ask, and read what comes; what cannot be read is a DataError."""
        try:
            return read(self._retried(ask))
        except Rejected as error:
            raise DataError(f"Yahoo: {what} {error}; {_LATER}.") from error
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"Yahoo: {what} came in an unknown layout ({type(error).__name__}: {error}); "
                f"{_LATER}, or upgrade yfinance."
            ) from error

    def _retried(self, call: Callable[[], _Result]) -> _Result:
        """Call, again after a wait while Yahoo is unavailable and the deadline has not passed."""
        end = time.monotonic() + self.deadline
        _session().end = end
        for wait in (*BACKOFF_SECONDS, None):
            # yfinance keeps answers by address; one that came broken must not come again.
            _yfinance().data.YfData.cache_get.cache_clear()
            try:
                # What the client warns of or prints is not for our users.
                with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                    warnings.simplefilter("ignore")
                    return call()
            except Exception as error:
                cause = _cause(error)
                late = wait is None or wait >= end - time.monotonic()
                if late or not isinstance(cause, SourceUnavailable):
                    raise cause from error
                reason = str(cause).removesuffix(f"; {_WAY_OUT}.")
                self.say(f"{reason}; asking again, for up to {self.deadline:g} s ...")
            time.sleep(wait or 0)
        raise AssertionError("the last attempt returns or raises")


def _coin(quote: dict[str, Any]) -> tuple[str, str, str, float, float, float]:
    ticker = str(quote["symbol"])
    stem = ticker.removesuffix("-USD")
    name = str(quote.get("longName") or quote.get("shortName") or stem).removesuffix(" USD")
    figures = (quote.get(key) for key in ("marketCap", "regularMarketPrice", "regularMarketTime"))
    cap, close, quoted = (np.nan if figure is None else float(figure) for figure in figures)
    return ticker, _NUMBER.sub("", stem), name, cap, close, quoted


def _positive(figure: object) -> float:
    number = float(figure)  # type: ignore[arg-type]  # a TypeError is the answer to anything else
    if not (np.isfinite(number) and number > 0):
        raise ValueError(f"must be finite and positive, got {number:g}")
    return number


def _bars(
    ticker: str, first: pd.Timestamp, last: pd.Timestamp
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return a ticker's bars, and what the answer says of the ticker."""
    asset = _ticker(ticker)
    table = asset.history(
        start=f"{first:%Y-%m-%d}",
        end=f"{last + DAY:%Y-%m-%d}",  # excluded
        interval="1d",
        auto_adjust=False,
        back_adjust=False,
        actions=False,
        repair=False,
        keepna=True,
        timeout=TIMEOUT_SECONDS,
    )
    return table, asset.history_metadata


def _ticker(ticker: str) -> Ticker:
    yfinance = _yfinance()
    yfinance.cache.get_tz_cache().store(ticker, time_zone(ticker))
    return yfinance.Ticker(ticker, session=_session())


def _cause(error: Exception) -> Exception:
    """Name what an exception means: the source is unavailable, or its answer cannot be used."""
    if isinstance(error, SourceUnavailable | Rejected):
        return error
    faults = _yfinance().exceptions
    if isinstance(error, faults.YFRateLimitError):
        return SourceUnavailable(f"Yahoo refuses requests for now (rate limit); {_WAY_OUT}.")
    if isinstance(error, json.JSONDecodeError):
        return SourceUnavailable(f"Yahoo answered with something else than JSON; {_WAY_OUT}.")
    if isinstance(error, faults.YFPricesMissingError | faults.YFTzMissingError):
        said = getattr(error, "yahoo_reason", None) or "without any reason given"
        return Missing(f"came back empty: {str(said).rstrip('.')}")
    if isinstance(error, OSError | faults.YFDataException):
        reason = str(error).split(". See https://", 1)[0].rstrip(". ")
        return SourceUnavailable(f"Yahoo cannot be reached ({reason}); {_WAY_OUT}.")
    return Rejected(
        f"came in a layout that yfinance {_yfinance().__version__} does not understand "
        f"({type(error).__name__}: {error}): upgrade it"
    )


@cache
def _yfinance() -> ModuleType:
    """Import yfinance, silence its log and give its databases a place of this process alone."""
    import yfinance
    import yfinance.cache

    logging.getLogger("yfinance").setLevel(logging.CRITICAL)
    yfinance.config.debug.hide_exceptions = False
    yfinance.set_tz_cache_location(_place())
    return yfinance


@cache
def _place() -> str:
    """Make a directory that lives as long as the process: commands share no database."""
    place = tempfile.mkdtemp(prefix="altseason-")
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return place


@cache
def _session() -> Any:  # noqa: ANN401 - a class made of a package that is imported late
    """One connection for all requests; it raises at once when Yahoo refuses or fails."""
    from curl_cffi import CurlOpt, requests

    class Checked(requests.Session[Any]):
        end = math.inf  # of the waiting for what is asked now, on the monotonic clock
        barred = False

        # The signature is the client's.
        def request(self, method: Any, url: str, *others: Any, **options: Any) -> Response:  # noqa: ANN401
            # Without cookie and crumb yfinance goes on: charts come all the same.
            data = "/finance/" in url
            if "yahoo.com" in url:
                longest = TIMEOUT_SECONDS if data else COOKIE_SECONDS
                options["timeout"] = max(min(longest, self.end - time.monotonic()), _LEAST_SECONDS)
            answer: Response = super().request(method, url, *others, **options)
            if data:
                # A refused crumb is renewed by yfinance, once.
                before, self.barred = self.barred, answer.status_code in (401, 403)
                if not self.barred or before:
                    self.barred = False
                    _refuse(answer)
            return answer

    bounded = {CurlOpt.MAXFILESIZE_LARGE: LARGEST_BYTES}
    return Checked(impersonate="chrome", curl_options=bounded)


def _refuse(answer: Response) -> None:
    """Raise what a refusal means; yfinance would ask for the same again, with another cookie."""
    status = answer.status_code
    if status == 429 or "Too Many Requests" in answer.text[:1000]:
        raise _yfinance().exceptions.YFRateLimitError
    if status >= 500:
        raise OSError(f"HTTP status {status}")
    if status >= 400:
        described = _DESCRIPTION.search(answer.text)
        reason = described[1].rstrip(".") if described else f"HTTP status {status}"
        if status in (401, 403):
            raise SourceUnavailable(f"Yahoo refuses service ({reason}); {_WAY_OUT}.")
        raise Missing(f"is not served by Yahoo: {reason}")
