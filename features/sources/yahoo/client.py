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
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

import numpy as np
import pandas as pd

from features.panel import DAY, DataError, SourceUnavailable
from features.patience import patience
from features.sources.yahoo.closes import Answer, Bars, Fetched, Missing, Rejected, accept, gather
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

__all__ = ["Answer", "fetch_closes", "fetch_each", "fetch_json", "fetch_ranking", "fetch_shares"]

TIMEOUT_SECONDS = 10.0
COOKIE_SECONDS = 3.0
# The longest answers, fifteen years of closes, have half a megabyte.
LARGEST_BYTES = 50_000_000
_LEAST_SECONDS = 0.1
PAUSE_SECONDS = 0.05
BACKOFF_SECONDS = (1.0, 4.0)
RANKING_LIMIT = 250
QUOTE_DAYS = 3

_SCREEN = "all_cryptocurrencies_us"
_LEADERS = 3
_WAY_OUT = "wait some minutes and try again, or use --offline"
_LATER = "try again later, or use --offline"
_DESCRIPTION = re.compile(r'"description"\s*:\s*"([^"]*)"')
# Yahoo tells coins of one symbol apart by a number behind it: SUI20947-USD is Sui.
_NUMBER = re.compile(r"(?<=.)\d{4,5}$")

_Result = TypeVar("_Result")


def fetch_closes(
    tickers: Sequence[str],
    first: pd.Timestamp,
    last: pd.Timestamp,
    *,
    now: pd.Timestamp,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Answer:
    """Fetch daily closes; days that are not over at `now` are left out.

    Parameters
    ----------
    tickers : sequence of str
        As Yahoo writes them, such as ^RUT or BTC-USD.
    first, last : pandas.Timestamp
        Days, both included.
    now : pandas.Timestamp
        Current instant, UTC.
    progress : callable, optional
        Called with the number of tickers done and of all.

    Returns
    -------
    Answer
        An altcoin that cannot be used is left out and named in the problems.

    Raises
    ------
    SourceUnavailable
        If Yahoo cannot be reached or refuses service.
    DataError
        If an index, a fund, Bitcoin or Ether is missing, incomplete or
        implausible, or if nothing at all came.
    """
    asked = tuple(dict.fromkeys(tickers))
    closes: dict[str, pd.Series] = {}
    problems: list[str] = []
    for done, fetched in enumerate(fetch_each(dict.fromkeys(asked, first), last, now=now), 1):
        problems += [f"Yahoo: {fetched.ticker} {lack}." for lack in fetched.lacks]
        if fetched.closes is None:
            problems.append(f"Yahoo: {fetched.ticker} {fetched.rejected}; left out.")
        else:
            closes[fetched.ticker] = fetched.closes
        progress(done, len(asked))
    return gather(asked, closes, problems, naive_utc(now))


def fetch_each(
    first_days: Mapping[str, pd.Timestamp], last: pd.Timestamp, *, now: pd.Timestamp
) -> Iterator[Fetched]:
    """Fetch tickers one by one, each from its own first day on.

    Parameters
    ----------
    first_days : mapping of str to pandas.Timestamp
        First day by ticker.
    last, now
        As for `fetch_closes`.

    Yields
    ------
    Fetched
        In the order given, so that what came can be kept when a later one fails.

    Raises
    ------
    SourceUnavailable, DataError
        As for `fetch_closes`.
    """
    for place, (ticker, first) in enumerate(first_days.items()):
        time.sleep(PAUSE_SECONDS if place else 0)
        expected = min(last, last_complete_day(ticker, now))
        if expected < first:
            raise DataError(
                f"{ticker}: no day from {first:%Y-%m-%d} to {last:%Y-%m-%d} is over; "
                "begin the span earlier."
            )
        try:
            bars = _retried(partial(_bars, ticker, first, expected))
            closes, lacks = accept(ticker, bars, first, expected)
            if lacks and is_required(ticker):
                raise Rejected(lacks[0])
            fetched = Fetched(ticker, closes, tuple(lacks), bars.first_trade)
        except Rejected as error:
            if is_required(ticker):
                raise DataError(f"Yahoo: {ticker} {error}; {_LATER}.") from error
            fetched = Fetched(ticker, None, rejected=error)
        yield fetched


def fetch_ranking(count: int, *, now: pd.Timestamp) -> pd.DataFrame:
    """Fetch the coins with the largest market caps, as Yahoo's crypto screen ranks them.

    Parameters
    ----------
    count : int
        How many, from 1 to 250.
    now : pandas.Timestamp
        Current instant, UTC; quotes more than three days old are left out.

    Returns
    -------
    pandas.DataFrame
        Columns ticker, symbol, name, market_cap_usd, close_usd (last price);
        largest market cap first. Stablecoins and wrapped tokens are in it.

    Raises
    ------
    SourceUnavailable
        If Yahoo cannot be reached or refuses service.
    DataError
        If the answer is empty, in another layout, or does not begin with Bitcoin.
    """
    if not 1 <= count <= RANKING_LIMIT:
        raise ValueError(f"count must be from 1 to {RANKING_LIMIT}, got {count}.")

    def screen() -> dict[str, Any]:
        return _yfinance().screen(_SCREEN, count=count, session=_session())

    try:
        quotes = [_coin(quote) for quote in _retried(screen)["quotes"]]
    except Rejected as error:
        raise DataError(f"Yahoo: the crypto ranking {error}; {_LATER}.") from error
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"Yahoo: the crypto ranking came in an unknown layout ({type(error).__name__}: {error})"
            f"; {_LATER}, or upgrade yfinance."
        ) from error
    columns = ["ticker", "symbol", "name", "market_cap_usd", "close_usd", "quoted_at"]
    ranking = pd.DataFrame(quotes, columns=columns)
    ranking = ranking[ranking["ticker"].map(is_crypto) & (ranking["market_cap_usd"] > 0)]
    ranking = ranking[ranking["quoted_at"] >= (naive_utc(now) - QUOTE_DAYS * DAY).timestamp()]
    ranking = ranking.drop_duplicates("ticker").drop(columns="quoted_at")
    # The screen ranks by market cap by itself; another order would be another set of coins.
    if "BTC-USD" not in set(ranking["ticker"].head(_LEADERS)):
        raise DataError(
            f"Yahoo: the crypto ranking of {len(ranking)} current coins does not begin with "
            f"Bitcoin, so that it is not one of market caps; {_LATER}."
        )
    return ranking.sort_values("market_cap_usd", ascending=False, ignore_index=True)


def fetch_shares(ticker: str, *, now: pd.Timestamp) -> tuple[pd.Timestamp, float, float]:
    """Fetch a fund's shares outstanding and net asset value per share.

    Parameters
    ----------
    ticker : str
        A fund listed in the United States, such as IWM.
    now : pandas.Timestamp
        Current instant, UTC.

    Returns
    -------
    day : pandas.Timestamp
        Last complete session at `now` or the one before that the quote belongs to.
    shares : float
        Shares outstanding.
    value : float
        Net asset value per share, US dollars; the price if Yahoo gives none.

    Raises
    ------
    SourceUnavailable
        If Yahoo cannot be reached or refuses service.
    DataError
        If a figure is missing.
    """
    try:
        quote = _retried(lambda: dict(_ticker(ticker).get_info()))
        shares = _positive(quote["sharesOutstanding"])
        value = _positive(quote.get("navPrice") or quote["regularMarketPrice"])
        quoted = pd.Timestamp(int(quote["regularMarketTime"]), unit="s", tz="UTC")
    except Rejected as error:
        raise DataError(f"Yahoo: {ticker} {error}; {_LATER}.") from error
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"Yahoo: {ticker}: shares outstanding cannot be read "
            f"({type(error).__name__}: {error}); {_LATER}."
        ) from error
    session = quoted.tz_convert(NEW_YORK).tz_localize(None).normalize().as_unit("s")
    return min(session, last_complete_day(ticker, now)), shares, value


def fetch_json(address: str, asked: Mapping[str, int], *, source: str) -> dict[str, Any]:
    """Fetch a JSON object from a public address, once; the time-out is that of Yahoo's data.

    Parameters
    ----------
    address : str
        Without its query.
    asked : mapping of str to int
        The query.
    source : str
        Whom to name in a refusal.

    Raises
    ------
    SourceUnavailable
        If it cannot be reached, refuses service or answers with something else.
    """
    url = f"{address}?{urlencode(asked)}"
    try:
        answer = _session().get(url, timeout=min(TIMEOUT_SECONDS, patience().seconds))
        if answer.status_code != 200:
            raise OSError(f"HTTP status {answer.status_code}")
        content = json.loads(answer.text)
        if not isinstance(content, dict):
            raise ValueError("no JSON object")
    except (OSError, ValueError, RecursionError) as error:
        reason = str(error).split(". See https://", 1)[0].rstrip(". ")
        raise SourceUnavailable(f"{source} cannot be used ({reason}); try again later.") from error
    return content


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


def _bars(ticker: str, first: pd.Timestamp, last: pd.Timestamp) -> Bars:
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
    about = asset.history_metadata
    first_trade = about.get("firstTradeDate")
    if isinstance(first_trade, pd.Timestamp):
        first_trade = first_trade.tz_localize(None).normalize().as_unit("s")
    else:
        first_trade = None
    return Bars(table, about.get("currency"), first_trade)


def _ticker(ticker: str) -> Ticker:
    yfinance = _yfinance()
    yfinance.cache.get_tz_cache().store(ticker, time_zone(ticker))
    return yfinance.Ticker(ticker, session=_session())


def _retried(call: Callable[[], _Result]) -> _Result:
    """Call, again after a wait while Yahoo is unavailable and the deadline has not passed."""
    given = patience()
    _session().left_seconds = left_seconds = given.countdown()
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
            if wait is None or wait >= left_seconds() or not isinstance(cause, SourceUnavailable):
                raise cause from error
            reason = str(cause).removesuffix(f"; {_WAY_OUT}.")
            given.say(f"{reason}; asking again, for up to {given.seconds:g} s ...")
        time.sleep(wait)
    raise AssertionError("the last attempt returns or raises")


def _cause(error: Exception) -> Exception:
    """Name what an exception of yfinance means: the source is unavailable, or a rejection."""
    faults = _yfinance().exceptions
    status = getattr(getattr(error, "response", None), "status_code", None)
    # A refusal in another envelope than the chart's looks to yfinance like no answer at all.
    said = str(getattr(error, "yahoo_reason", None) or _session().refused)
    if isinstance(error, faults.YFRateLimitError):
        return SourceUnavailable(f"Yahoo refuses requests for now (rate limit); {_WAY_OUT}.")
    if isinstance(error, json.JSONDecodeError):
        return SourceUnavailable(f"Yahoo answered with something else than JSON; {_WAY_OUT}.")
    if status == 404 or isinstance(error, faults.YFTzMissingError):
        return Missing("is unknown to Yahoo")
    if "Unauthorized" in said or "Crumb" in said or status in (401, 403):
        return SourceUnavailable(f"Yahoo refuses service ({said or status}); {_WAY_OUT}.")
    if status is not None and 400 <= status < 500:
        return Rejected(f"is not served any more (HTTP status {status})")
    if isinstance(error, OSError | faults.YFDataException):
        reason = str(error).split(". See https://", 1)[0].rstrip(". ")
        return SourceUnavailable(f"Yahoo cannot be reached ({reason}); {_WAY_OUT}.")
    if said:
        return Missing(f"gave no prices: {said.rstrip('.')}")
    if isinstance(error, faults.YFPricesMissingError):
        return Missing("came back empty, without any reason given")
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


def _described(answer: Response) -> str:
    """Return the reason that a refusal gives, else its status."""
    found = _DESCRIPTION.search(answer.text)
    return f"Unauthorized: {found[1]}" if found else f"Unauthorized: {answer.status_code}"


@cache
def _session() -> Any:  # noqa: ANN401 - a class made of a package that is imported late
    """One connection for all requests; says at once when Yahoo refuses or fails."""
    from curl_cffi import CurlOpt, requests

    faults = _yfinance().exceptions

    class Checked(requests.Session[Any]):
        # What Yahoo said when it last did not let a question in.
        refused = ""
        # How long may be waited yet for what is asked now.
        left_seconds: Callable[[], float] = staticmethod(lambda: math.inf)

        # The signature is the client's.
        def request(self, method: Any, url: str, *others: Any, **options: Any) -> Response:  # noqa: ANN401
            # Without cookie and crumb yfinance goes on: charts come all the same.
            data = "/finance/" in url
            if "yahoo.com" in url:
                longest = TIMEOUT_SECONDS if data else COOKIE_SECONDS
                options["timeout"] = min(longest, max(self.left_seconds(), _LEAST_SECONDS))
            answer: Response = super().request(method, url, *others, **options)
            if data:
                barred = answer.status_code in (401, 403)
                self.refused = _described(answer) if barred else ""
                if answer.status_code == 429 or "Too Many Requests" in answer.text[:1000]:
                    raise faults.YFRateLimitError
                if answer.status_code >= 500:
                    raise OSError(f"HTTP status {answer.status_code}")
            return answer

    bounded = {CurlOpt.MAXFILESIZE_LARGE: LARGEST_BYTES}
    return Checked(impersonate="chrome", curl_options=bounded)
