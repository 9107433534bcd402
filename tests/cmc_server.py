"""A local stand-in for CoinMarketCap: listings made from closes, and what can be wrong."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd

KEY = "a-key"
SILENT_SECONDS = 1.5
# Whole answers that are faults; those of a day stand in `Vendor.days`.
FAULTS = ("quota", "minute", "address", "bad_key", "login_page", "silent", "down", "no_data",
          "layout", "null_ranks", "few")  # fmt: skip
_CODES = {"quota": 1010, "minute": 1008, "address": 1011, "bad_key": 1001}


@dataclass
class Vendor:
    """What the server knows."""

    now: pd.Timestamp
    coins: dict[int, tuple[str, str, str, list]]  # name, symbol, slug, tags by id
    closes: pd.DataFrame  # day x id
    caps: pd.DataFrame  # day x id
    published: dict[str, float] = field(default_factory=dict)
    fault: str = ""
    limited: int = 0  # so many answers of a day meet the limit of a minute first
    days: dict[str, str] = field(default_factory=dict)  # missing, empty or twice, by ISO day


def listing(vendor: Vendor, day: pd.Timestamp, *, mapped: bool) -> list[dict]:
    caps = vendor.caps.loc[day].sort_values(ascending=False).to_dict()
    prices = vendor.closes.loc[day].to_dict()
    spans = () if mapped else (7, 30, 60, 90)
    past = {n: vendor.closes.loc[day - pd.Timedelta(days=n)].to_dict() for n in spans}
    rows = []
    for rank, (number, cap) in enumerate(caps.items(), 1):
        name, symbol, slug, tags = vendor.coins[number]
        price = prices[number]
        usd = {"price": None if np.isnan(price) else price, "market_cap": cap, "volume_24h": 1.0,
               "last_updated": f"{day:%Y-%m-%d}T23:59:00.000Z"}  # fmt: skip
        for days in spans:
            change = 100 * (price / past[days][number] - 1)
            usd[f"percent_change_{days}d"] = None if np.isnan(change) else change
        rows.append({
            "id": number, "name": name, "symbol": symbol, "slug": slug, "tags": tags or None,
            "cmc_rank": None if vendor.fault == "null_ranks" and rank % 2 else rank,
            "date_added": "2020-01-01T00:00:00.000Z", "an_unknown_field": {"x": 1},
            "quote": {"USD": usd} if mapped else [{"id": 2781, "symbol": "USD", **usd}],
        })  # fmt: skip
    return rows[:200] if vendor.fault != "few" else rows[:20]


def _answer(vendor: Vendor, path: str, asked: dict[str, str], key: str | None):
    """Return status and data, or the whole body as text."""
    if vendor.fault in _CODES:
        return 200, {"status": {"error_code": _CODES[vendor.fault], "error_message": "said"}}
    if vendor.fault == "login_page":
        return 200, "<!doctype html><title>Log in</title>"
    if vendor.fault == "down":
        return 503, "<html>Service Unavailable</html>"
    if vendor.fault == "no_data":
        return 200, {"status": {"error_code": "0"}}
    if vendor.fault == "silent":
        time.sleep(SILENT_SECONDS)
    if vendor.fault == "layout":
        return 200, {"status": {"error_code": 0}, "data": [{"id": 1, "kurs": 3}]}
    if path == "/public-api/v1/altcoin-season-index/historical":
        points = [{"timestamp": at, "altcoin_index": value, "altcoin_marketcap": 1.0}
                  for at, value in vendor.published.items()]  # fmt: skip
        return 200, {"status": {"error_code": "0"}, "data": {"points": points}}
    if path == "/public-api/v3/cryptocurrency/listings/latest":
        rows = listing(vendor, vendor.now.normalize(), mapped=False)
        return 200, {"status": {"error_code": "0"}, "data": rows}
    assert path == "/v1/cryptocurrency/listings/historical", path
    if key != KEY:
        return 401, {"status": {"error_code": 1002, "error_message": "API key missing."}}
    if vendor.limited:
        vendor.limited -= 1
        return 429, {"status": {"error_code": "1008", "error_message": "Too fast."}}
    day, fault = pd.Timestamp(asked["date"]), vendor.days.get(asked["date"], "")
    if fault == "missing":
        return 400, {"status": {"error_code": 400, "error_message": "no data of this day"}}
    if fault == "twice":
        day -= pd.Timedelta(days=1)
    rows = [] if fault == "empty" else listing(vendor, day, mapped=True)
    return 200, {"status": {"error_code": 0}, "data": rows}


class CmcServer:
    """Serve a vendor on loopback until closed; `url` is its address, `asked` what was asked for."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor, self.asked = vendor, []
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    def __enter__(self) -> CmcServer:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    owner: CmcServer

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.owner.asked.append(self.path)
        parts = urlsplit(self.path)
        asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        key = self.headers.get("X-CMC_PRO_API_KEY")
        status, body = _answer(self.owner.vendor, parts.path, asked, key)
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except ConnectionError:  # the client may go away at any time
            self.close_connection = True
