"""A local stand-in for Yahoo Finance: the real client reaches it as through a company proxy.

The server is an HTTPS proxy on loopback with a certificate authority of its own: it answers for
every Yahoo host itself, whatever a client asks. `YahooServer.environment` holds the variables
(HTTPS_PROXY, CURL_CA_BUNDLE and their other spellings) that lead any process to it, so neither
yfinance nor the program under test is changed. The shapes are Yahoo's, the values synthetic.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
import pandas as pd
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NEW_YORK = "America/New_York"
HOSTS = ("yahoo.com", "*.yahoo.com", "*.finance.yahoo.com")
OTHER = "*"
HANGING_SECONDS = 1.0

# What can be wrong with the answer about a ticker (or OTHER for all that are not named).
FAULTS = (
    "rate_limit", "rate_limit_json", "rate_limit_text", "down", "closing", "not_json", "dropped",
    "hanging", "unauthorized", "gone", "unknown", "empty", "null", "time_zone", "shifted",
    "currency", "layout", "column", "truncated", "hole", "sparse", "stale", "jump", "silent",
    "no_adjclose", "live_row", "gaps", "no_currency", "no_crumb", "late",
)  # fmt: skip


@dataclass
class Market:
    """What the server knows."""

    now: pd.Timestamp  # its clock, UTC: the bar of the running day carries this instant
    closes: dict[str, pd.Series] = field(default_factory=dict)  # the running day included
    ranking: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["ticker", "name", "market_cap_usd"])
    )
    # Shares outstanding and net asset value by fund.
    shares: dict[str, tuple[float, float]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)  # by ticker, "ranking" or OTHER
    hiccups: int = 0  # so many questions are answered with HTTP status 503 first

    def fault(self, name: str) -> str:
        return self.faults.get(name, self.faults.get(OTHER, ""))


def random_market(tickers: list[str], first: str, now: pd.Timestamp, *, seed: int = 0) -> Market:
    """Draw closes from a day on until the running day, and a ranking of the coins as given."""
    random = np.random.default_rng(seed)
    days = pd.date_range(first, now.normalize(), unit="s")
    closes = {}
    for ticker in tickers:
        own = days if ticker.endswith("-USD") else days[days.day_of_week < 5]
        closes[ticker] = pd.Series(
            100 * np.exp(np.cumsum(0.02 * random.normal(size=len(own)))), own
        )
    coins = [ticker for ticker in tickers if ticker.endswith("-USD")]
    caps = [1e12 / (place + 1) ** 1.5 for place in range(len(coins))]
    ranking = pd.DataFrame(
        {"ticker": coins, "name": [coin.removesuffix("-USD").title() for coin in coins],
         "market_cap_usd": caps}
    )  # fmt: skip
    return Market(now, closes, ranking, {"IWM": (280e6, 250.0)})


class YahooServer:
    """Serve a market on loopback until closed; its certificates are written into a directory."""

    def __init__(self, market: Market, directory: Path) -> None:
        self.market = market
        self.asked: list[str] = []
        authority, context = certificates(directory)
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Handler", (_Handler,), {"owner": self, "context": context})
        )
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.environment = {
            "HTTPS_PROXY": url, "https_proxy": url, "NO_PROXY": "", "no_proxy": "",
            "CURL_CA_BUNDLE": str(authority), "REQUESTS_CA_BUNDLE": str(authority),
        }  # fmt: skip

    def __enter__(self) -> YahooServer:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def charts(self) -> list[str]:
        """Tickers whose history was asked for, in order."""
        return [
            unquote(urlsplit(url).path.rsplit("/", 1)[1]) for url in self.asked if "/chart/" in url
        ]


def certificates(directory: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate authority and, signed by it, a certificate for Yahoo's hosts."""
    made = [_certificate("A test authority", None)]
    made.append(_certificate("yahoo.com", made[0]))
    authority, served = directory / "authority.pem", directory / "served.pem"
    authority.write_bytes(made[0][0].public_bytes(serialization.Encoding.PEM))
    served.write_bytes(
        made[1][0].public_bytes(serialization.Encoding.PEM)
        + made[1][1].private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(served)
    return authority, context


def _certificate(name, issuer):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime.datetime(2020, 1, 1)  # noqa: DTZ001 - certificates are dated without a zone
    signer = (subject, key) if issuer is None else (issuer[0].subject, issuer[1])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer[0])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=365 * 80))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), critical=False
        )
    )
    return builder.sign(signer[1], hashes.SHA256()), key


class _Handler(BaseHTTPRequestHandler):
    owner: YahooServer
    context: ssl.SSLContext
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    host = ""

    def log_message(self, *arguments):
        pass

    def do_CONNECT(self):
        self.host = self.path.split(":")[0]
        self.send_response(200)
        self.end_headers()
        self.connection = self.context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def do_GET(self):
        self.owner.asked.append(f"https://{self.host}{self.path}")
        answer = _answer(self.owner.market, self.host, self.path)
        if answer is None:
            self.close_connection = True
            return
        status, body, headers = answer
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.do_GET()

    def handle(self):
        # The client may go away at any time.
        with contextlib.suppress(ConnectionError, ssl.SSLError, ValueError):
            super().handle()

    def finish(self):
        with contextlib.suppress(ConnectionError, ssl.SSLError, ValueError):
            super().finish()
        self.connection.close()


def _answer(market, host, path):
    """Status, body and headers; None hangs up."""
    parts = urlsplit(path)
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if host == "fc.yahoo.com":
        cookie = "A3=d=synthetic&S=synthetic; Max-Age=31557600; Domain=.yahoo.com; Path=/"
        return 404, "", {"Set-Cookie": f"{cookie}; Secure"}
    if parts.path.endswith("/getcrumb") and market.fault("crumb") == "no_crumb":
        return 429, "Too Many Requests\r\n", {}
    if parts.path.endswith("/getcrumb"):
        return 200, "synthetic.crumb", {}
    if host in ("guce.yahoo.com", "consent.yahoo.com"):
        names = ("csrfToken", "sessionId")
        inputs = "".join(f'<input name="{name}" value="synthetic">' for name in names)
        return 200, f"<form>{inputs}</form>", {}
    name = unquote(parts.path.rsplit("/", 1)[1])
    if market.hiccups:
        market.hiccups -= 1
        return _broken("down")
    if "/screener/" in parts.path:
        return _broken(market.fault("ranking")) or (200, _screen(market, asked), {})
    if "/chart/" in parts.path:
        if market.fault(name) == "dropped":
            return None
        if market.fault(name) == "hanging":
            time.sleep(HANGING_SECONDS)
        return _broken(market.fault(name)) or _chart(market, name, asked)
    ticker = asked.get("symbols", name)
    if "/timeseries/" in parts.path:
        about = {"symbol": [ticker], "type": [asked.get("type", "")]}
        return 200, {"timeseries": {"result": [{"meta": about}], "error": None}}, {}
    return _broken(market.fault(ticker)) or _quote(market, ticker, "quoteSummary" in parts.path)


def _broken(fault):
    """What the whole service answers while it refuses or fails."""
    if fault == "rate_limit":
        return 429, "Too Many Requests\r\n", {}
    if fault == "rate_limit_text":
        return 200, "Edge: Too Many Requests", {}
    if fault == "rate_limit_json":
        error = {"code": "Too Many Requests", "description": "Rate limit exceeded"}
        return 200, {"finance": {"result": None, "error": error}}, {}
    if fault == "down":
        return 503, "<html><body>Service Unavailable</body></html>", {}
    if fault == "closing":
        return 200, "<html><body>Will be right back...</body></html>", {}
    if fault == "not_json":
        return 200, "<!doctype html><html><body>Oops</body></html>", {}
    if fault == "gone":
        error = {"code": "Bad Request", "description": "No such thing"}
        return 400, {"chart": {"result": None, "error": error}}, {}
    if fault == "unauthorized":
        error = {"code": "Unauthorized", "description": "Invalid Crumb"}
        return 401, {"finance": {"result": None, "error": error}}, {}
    return None


def _chart(market, ticker, asked):
    fault = market.fault(ticker)
    if ticker not in market.closes or fault == "unknown":
        error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
        return 404, {"chart": {"result": None, "error": error}}, {}
    if fault == "null":
        return 200, {"chart": {"result": None, "error": None}}, {}
    crypto = ticker.endswith("-USD")
    closes = _faulty(market.closes[ticker], fault)
    opening = pd.Timedelta(0) if crypto else pd.Timedelta(hours=9.5)
    if fault == "shifted":
        opening -= pd.Timedelta(days=1)
    stamps = (closes.index + opening).tz_localize("UTC" if crypto else NEW_YORK)
    seconds = np.minimum(stamps.as_unit("s").asi8, int(market.now.timestamp()))
    if (asked and int(asked.get("period2", 2**40)) < seconds[0]) or fault == "late":
        return _nothing_yet(asked)
    # A bar that begins at period2 is sent too.
    wanted = (seconds >= int(asked.get("period1", 0))) & (
        seconds <= int(asked.get("period2", 2**40))
    )
    if fault == "live_row":
        # Beside the bar of the running day comes a row of the newest quote.
        seconds, wanted = np.append(seconds, int(market.now.timestamp())), np.append(wanted, True)
        closes = pd.concat([closes, 1.01 * closes.iloc[-1:]])
    shown = [None if np.isnan(close) else close for close in closes.to_numpy()[wanted]]
    if fault == "gaps":
        shown[1::20] = [None] * len(shown[1::20])
    adjusted = [None if close is None else 0.9 * close for close in shown]  # for dividends
    american = "America/Chicago" if ticker == "^VIX" else NEW_YORK
    zone = "Europe/London" if fault == "time_zone" else "UTC" if crypto else american
    meta = _meta(market, ticker, closes, zone, int(seconds[-1]))
    if fault in ("currency", "no_currency"):
        meta["currency"] = "EUR" if fault == "currency" else None
    close = "c" if fault == "layout" else "close"
    quote = dict.fromkeys(("open", "high", "low", close), shown)
    quote["volume"] = [1000 for _ in shown]
    result = {
        "meta": meta,
        "timestamp": seconds[wanted].tolist(),
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": adjusted}]},
    }  # fmt: skip
    if meta["instrumentType"] == "ETF":
        paid = int(seconds[len(seconds) // 2])
        result["events"] = {"dividends": {f"{paid}": {"amount": 0.5, "date": paid}}}
    if fault == "no_adjclose":
        del result["indicators"]["adjclose"]
    if fault == "empty" or not shown:
        del result["timestamp"]
        result["indicators"] = {"quote": [{}], "adjclose": [{}]}
    if fault == "column":
        quote["close"] = [{"raw": figure, "fmt": str(figure)} for figure in shown]
    return 200, {"chart": {"result": [result], "error": None}}, {}


def _nothing_yet(asked):
    """What is answered for days before the first bar."""
    said = "Data doesn't exist for startDate = {period1}, endDate = {period2}".format(**asked)
    return (
        400,
        {"chart": {"result": None, "error": {"code": "Bad Request", "description": said}}},
        {},
    )


def _meta(market, ticker, closes, zone, quoted):
    """What a chart says of its ticker."""
    crypto = ticker.endswith("-USD")
    day = market.now.normalize().tz_localize("UTC" if crypto else NEW_YORK)
    offset = int(day.utcoffset().total_seconds())
    hours = ((0, 0), (0, 1439), (1439, 1439)) if crypto else ((240, 570), (570, 960), (960, 1200))
    short = day.tzname()
    periods = {
        name: {
            "timezone": short, "gmtoffset": offset,
            "start": int(day.timestamp()) + 60 * start, "end": int(day.timestamp()) + 60 * end,
        }
        for name, (start, end) in zip(("pre", "regular", "post"), hours, strict=True)
    }  # fmt: skip
    last = float(closes.iloc[-1])
    # A session of long ago began before 1970.
    first = -1325583000 if ticker == "^GSPC" else int(market.closes[ticker].index[0].timestamp())
    exchange = "CCC" if crypto else "SNP"
    return {
        "currency": "USD", "symbol": ticker, "exchangeName": exchange, "fullExchangeName": exchange,
        "instrumentType": "CRYPTOCURRENCY" if crypto else "ETF" if ticker.isalpha() else "INDEX",
        "firstTradeDate": first, "regularMarketTime": quoted, "hasPrePostMarketData": False,
        "gmtoffset": offset, "timezone": short, "exchangeTimezoneName": zone,
        "regularMarketPrice": last, "regularMarketChangePercent": 0.1, "fulldayPrice": last,
        "fiftyTwoWeekHigh": 2 * last, "fiftyTwoWeekLow": last / 2, "regularMarketDayHigh": last,
        "regularMarketDayLow": last, "regularMarketVolume": 1000, "longName": ticker,
        "shortName": ticker, "chartPreviousClose": last, "priceHint": 2,
        "currentTradingPeriod": periods, "dataGranularity": "1d", "range": "",
        "validRanges": ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"],
    }  # fmt: skip


def _faulty(closes, fault):
    middle = len(closes) // 2
    if fault == "truncated":
        return closes.iloc[middle:]
    if fault == "hole":
        return closes.drop(closes.index[middle : middle + 30])
    if fault == "sparse":
        return closes.iloc[::-3][::-1]
    if fault == "stale":
        return closes.iloc[:-12]
    if fault == "silent":
        return closes.where(closes.index < closes.index[-12])
    if fault == "jump":
        return closes.where(np.arange(len(closes)) < middle, 60 * closes)
    return closes


def _screen(market, asked):
    rows = market.ranking.head(int(asked["count"]))
    fault = market.fault("ranking")
    quoted = int(market.now.timestamp()) - (86400 * 9 if fault == "stale" else 0)
    quotes = []
    for row in rows.itertuples():
        closes = market.closes.get(row.ticker, pd.Series([1.0]))
        quote = {
            "symbol": row.ticker, "shortName": f"{row.name} USD", "quoteType": "CRYPTOCURRENCY",
            "currency": "USD", "marketCap": row.market_cap_usd, "regularMarketTime": quoted,
            "regularMarketPrice": float(closes.iloc[-1]), "longName": f"{row.name} USD",
            "typeDisp": "Cryptocurrency", "exchange": "CCC", "market": "ccc_market",
            "marketState": "REGULAR", "fromCurrency": row.ticker.removesuffix("-USD"),
            "circulatingSupply": row.market_cap_usd / float(closes.iloc[-1]),
            "firstTradeDateMilliseconds": 1410912000000, "sourceInterval": 15,
        }  # fmt: skip
        if fault == "column":
            del quote["symbol"]
        quotes.append(quote)
    listed = [] if fault == "empty" else quotes
    result = {
        "id": "synthetic", "title": "All Cryptocurrencies", "canonicalName":
        "ALL_CRYPTOCURRENCIES_US", "start": 0, "count": len(listed), "total": len(market.ranking),
        "quotes": listed, "useRecords": False, "predefinedScr": True,
    }  # fmt: skip
    if fault == "layout":
        result["records"] = result.pop("quotes")
    return {"finance": {"result": [result], "error": None}}


def _quote(market, ticker, summary):
    if ticker not in market.shares or market.fault(ticker) == "unknown":
        error = {"code": "Not Found", "description": f"Quote not found for symbol: {ticker}"}
        kind = "quoteSummary" if summary else "quoteResponse"
        return 404, {kind: {"result": None, "error": error}}, {}
    shares, value = market.shares[ticker]
    if summary:
        parts = {"summaryDetail": {"maxAge": 1, "navPrice": value}, "quoteType": {"symbol": ticker}}
        return 200, {"quoteSummary": {"result": [parts], "error": None}}, {}
    quote = {
        "symbol": ticker, "quoteType": "ETF", "sharesOutstanding": shares, "currency": "USD",
        "typeDisp": "ETF", "netAssets": shares * value, "marketState": "REGULAR",
        "corporateActions": [], "exchangeTimezoneName": NEW_YORK, "sourceInterval": 15,
        "regularMarketPrice": 1.001 * value, "regularMarketTime": int(market.now.timestamp()),
    }  # fmt: skip
    if market.fault(ticker) == "column":
        del quote["sharesOutstanding"]
    return 200, {"quoteResponse": {"result": [quote], "error": None}}, {}
