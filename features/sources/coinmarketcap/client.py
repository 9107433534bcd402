"""The only module that asks CoinMarketCap.

The official client (coinmarketcap-sdk 5.0) was tried and is not used: an error code within HTTP 200
becomes a bare KeyError, an absent optional field (circulating_supply, timestamp) too, it waits for
as long as a server's Retry-After says, and it reads answers of any size.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pandas as pd

from features.panel import DataError, SourceUnavailable

NAME = "CoinMarketCap"
ADDRESS = "https://pro-api.coinmarketcap.com"
ADDRESS_VARIABLE, KEY_VARIABLE = "ALTSEASON_CMC_URL", "CMC_PRO_API_KEY"
NO_KEY = (
    f"--source coinmarketcap needs a key: get a free one at https://coinmarketcap.com/api/ and set "
    f"{KEY_VARIABLE}; --source yahoo needs no key."
)
TERMS = (
    "CoinMarketCap's terms allow internal use and storage; what rests on its data is not "
    "redistributed or displayed without its consent."
)
COINS = 200
# The free plan allows 30 calls a minute.
PAUSE_SECONDS = 2.1
LIMIT_SECONDS = 60.0
_LIMIT_TRIES = 3
# Two hundred coins have a third of a megabyte.
LARGEST_BYTES = 20_000_000
# Of a minute, of the address: both pass. Every other code stays, 1010 until the month is over.
_PASSING = {1008, 1011}
_MEANINGS = {
    1001: f"the key in {KEY_VARIABLE} is not valid",
    1002: f"it asks for a key; set {KEY_VARIABLE}",
    1006: "the key's plan does not include this",
    1008: "the limit of calls a minute is reached",
    1009: "the key's quota of the day is used up",
    1010: "the key's quota of the month is used up",
    1011: "the limit of calls from this address is reached",
}


class _Limited(Exception):
    """A limit that passes within a minute."""


@dataclass(frozen=True)
class CoinMarketCap:
    """Asks CoinMarketCap; a question has a deadline, of all it takes."""

    address: str = ADDRESS
    key: str | None = field(default=None, repr=False)
    deadline: float = 30.0  # seconds for one question
    say: Callable[[str], None] = lambda text: None  # takes a line for a person who waits

    @classmethod
    def from_environment(
        cls, *, deadline: float = 30.0, say: Callable[[str], None] = lambda text: None
    ) -> CoinMarketCap:
        """Take address and key from the environment."""
        address = os.environ.get(ADDRESS_VARIABLE) or ADDRESS
        return cls(address.rstrip("/"), os.environ.get(KEY_VARIABLE) or None, deadline, say)

    def latest(self) -> Any:  # noqa: ANN401 - JSON
        """Return the listing of the largest coins now; needs no key."""
        asked = {"start": 1, "limit": COINS, "convert": "USD"}
        return self._data("/public-api/v3/cryptocurrency/listings/latest", asked)

    def published(self) -> Any:  # noqa: ANN401 - JSON
        """Return the season index that they publish, of the last 90 days; needs no key."""
        return self._data("/public-api/v1/altcoin-season-index/historical", {"timeframe": "90d"})

    def day(self, day: pd.Timestamp) -> Any:  # noqa: ANN401 - JSON
        """Return the listing at the end of a UTC day of the last year; waits for passing limits."""
        aux = "tags,date_added,circulating_supply,cmc_rank"
        asked = {"date": f"{day:%Y-%m-%d}", "start": 1, "limit": COINS, "convert": "USD"}
        asked |= {"sort": "cmc_rank", "aux": aux}
        return self._data("/v1/cryptocurrency/listings/historical", asked, tries=_LIMIT_TRIES)

    def pause(self) -> None:
        """Wait as long as the plan asks between two calls."""
        time.sleep(PAUSE_SECONDS)

    def _data(self, path: str, asked: Mapping[str, Any], *, tries: int = 1) -> Any:  # noqa: ANN401
        for left in range(tries)[::-1]:
            try:
                return self._asked(path, asked)
            except _Limited as error:
                if not left:
                    raise SourceUnavailable(f"{error}; try again after a minute.") from error
                self.say(f"{error}; asking again in {LIMIT_SECONDS:g} s ...")
                time.sleep(LIMIT_SECONDS)
        raise AssertionError("the last try returns or raises")

    def _asked(self, path: str, asked: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """Return what an answer holds under `data`."""
        try:
            status, content = self._fetched(path, asked)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            reason = str(error) or type(error).__name__
            raise SourceUnavailable(
                f"{NAME} cannot be reached ({reason}); try again later."
            ) from error
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise SourceUnavailable(
                f"{NAME} answered with something else than JSON (HTTP status {status}); "
                "try again later."
            ) from error
        code, message = _error_of(answer)
        if code or status != 200:
            reason = _MEANINGS.get(code or 0) or message or f"HTTP status {status}"
            text = f"{NAME} refuses service: {reason}" + (f" (code {code})" if code else "")
            if code in _PASSING or (not code and status == 429):
                raise _Limited(text)
            if status in (400, 404):  # of what was asked for, such as a day that it lacks
                raise DataError(f"{NAME} has no answer: {reason}.")
            raise SourceUnavailable(f"{text}.")
        if not isinstance(answer, dict) or "data" not in answer:
            raise DataError(f"{NAME}: the answer has no data; its layout is another one.")
        return answer["data"]

    def _fetched(self, path: str, asked: Mapping[str, Any]) -> tuple[int, bytes]:
        end = time.monotonic() + self.deadline
        headers = {"Accept": "application/json"}
        if self.key and not path.startswith("/public-api/"):
            headers["X-CMC_PRO_API_KEY"] = self.key
        content = bytearray()
        with httpx.stream(
            "GET", self.address + path, params=dict(asked), headers=headers, timeout=self.deadline
        ) as answer:
            for chunk in answer.iter_bytes():
                content += chunk
                if time.monotonic() > end:
                    raise httpx.ReadTimeout(f"not answered within {self.deadline:g} s")
                if len(content) > LARGEST_BYTES:
                    raise httpx.ReadError(f"the answer is larger than {LARGEST_BYTES:,} bytes")
            return answer.status_code, bytes(content)


def _error_of(answer: object) -> tuple[int | None, str]:
    """Return the error code of an answer, which may be a number or text, and what it says of it."""
    status = answer.get("status") if isinstance(answer, dict) else None
    if not isinstance(status, dict):
        return None, ""
    message = str(status.get("error_message") or "")[:200]
    try:
        return int(status.get("error_code") or 0) or None, message
    except (TypeError, ValueError):
        return None, message
