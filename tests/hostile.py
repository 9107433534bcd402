"""Everything that reads what others may have written, and how what it is given is spoilt.

Shared by the suite `tests/test_hostile_*.py`: a reader is given bytes and either answers or refuses
as documented. Tables of market history have a test of their own (`tests/test_market_tables.py`).
"""

from __future__ import annotations

import copy
import gzip
import io
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import typer
from click.testing import Result

from features.panel import DataError
from features.reference.membership import Membership, load_membership
from features.sources.etf_flows.layouts import read_file
from features.sources.yahoo.rankings import read_universe
from features.terminal import one_line, printable
from models.cli.forecast_options import ConditionOptions
from models.cli.options import parse_horizons
from models.errors import LedgerError, TrackingError
from models.hazard.forecaster import Forecaster
from models.ledger.alerts import Alert
from models.ledger.book import read_ledger
from models.seal import digest
from models.tracking.failures import known_cause
from models.tracking.manifest import parsed
from models.tracking.processes import is_gone, own_process
from models.tracking.promotion import Terms
from models.tracking.store import database, networked, quoted, shown
from models.tracking.table_schema import read_checked
from models.tracking.training_record import read_record
from tests.test_fund_tables import FULL, FUND, LATE
from tests.test_ledger import content as ledger_content
from tests.test_ledger_outlook import OLD

# How many times as many cases are generated: 1 in every run, more by hand (`make hostile`).
TIMES = int(os.environ.get("ALTSEASON_HOSTILE", "1"))
TODAY = pd.Timestamp("2025-12-12").as_unit("s")


@dataclass(frozen=True)
class Reader:
    """A reader, the errors by which it may refuse, and contents that it takes."""

    read: Callable[[bytes, Path], object]
    refusals: tuple[type[Exception], ...]
    takes: Callable[[], list[bytes]]


def read_or_refused(name: str, content: bytes, folder: Path) -> Exception | None:
    """Read; return the refusal, None if it was read. Any other error is a finding."""
    reader = READERS[name]
    try:
        reader.read(content, folder)
    except reader.refusals as error:
        return error
    return None


def in_file(name: str, content: bytes, folder: Path) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def lines(content: bytes) -> list[str]:
    return content.decode("utf-8", errors="replace").split("\n")


# --- the readers ---------------------------------------------------------------------------------


def alert(content: bytes, folder: Path) -> None:
    found = Alert.parse(lines(content)[0])
    assert Alert.parse(str(found)).kind == found.kind


def supposition(content: bytes, folder: Path) -> None:
    found = ConditionOptions(what_if=lines(content)).supposed
    assert np.isfinite(list(found.values())).all()


def horizons(content: bytes, folder: Path) -> None:
    found = parse_horizons(lines(content)[0], 390)
    assert sorted(set(found)) == list(found)
    assert 1 <= found[0] <= found[-1] <= 390


def flows(content: bytes, folder: Path) -> None:
    path = in_file("flows", content, folder)
    asset = "btc" if content.startswith(b"date,net") else None
    reading = read_file(path, asset=asset, until=TODAY)
    assert all(np.isfinite(values).all() for values in reading.series.values())


@cache
def membership() -> Membership:
    return load_membership()


def universe(content: bytes, folder: Path) -> None:
    read_universe(in_file("universe.csv", content, folder), membership(), TODAY)


def ledger(content: bytes, folder: Path) -> None:
    read_ledger(in_file("forecasts.jsonl", content, folder))


def sealed_line(content: bytes) -> bytes:
    """Seal a line of a ledger as anyone can; what is no object is left as it is."""
    try:
        stored = json.loads(content)
        plain = {name: value for name, value in stored.items() if name != "sha256"}
        seal = digest(json.dumps(plain, allow_nan=False).encode())
    except (ValueError, AttributeError, RecursionError):
        return content
    return json.dumps({**plain, "sha256": seal}).encode() + b"\n"


def sealed_ledger(content: bytes, folder: Path) -> None:
    ledger(sealed_line(content), folder)


def forecaster(content: bytes, folder: Path) -> None:
    Forecaster.from_bytes(content)


def sealed_forecaster(content: bytes, folder: Path) -> None:
    forecaster(gzip.compress(content, 1), folder)


def manifest(content: bytes, folder: Path) -> None:
    for each in parsed(content, "run").files.values():
        assert each.size >= 0


def terms(content: bytes, folder: Path) -> None:
    Terms.from_json(content.decode("utf-8", errors="replace"))


def process(content: bytes, folder: Path) -> None:
    is_gone(content.decode("utf-8", errors="replace"))


def record(content: bytes, folder: Path) -> None:
    read_record(in_file("run.zip", content, folder))


def sealed_record(content: bytes, folder: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("run.json", content)
        file.writestr("seal.json", json.dumps({"sha256": digest(content), "hmac": None}))
    record(packed.getvalue(), folder)


def verification(content: bytes, folder: Path) -> None:
    read_checked("verification.csv", content)


def address(content: bytes, folder: Path) -> None:
    text = content.decode("utf-8", errors="replace")
    assert isinstance(quoted(text) + shown(text), str)
    database(text), networked(text), known_cause(RuntimeError(text))


def terminal(content: bytes, folder: Path) -> None:
    text = content.decode("utf-8", errors="surrogateescape")
    assert all(each in "\n\t" or each.isprintable() or each.isspace() or ord(each) > 0x7F
               for each in printable(text))  # fmt: skip
    assert "\n" not in one_line(text)


# --- what they take ------------------------------------------------------------------------------

OUTLOOK = {
    "from": "2026-01-11", "by": "2026-02-28", "counts_from": "2026-01-01", "year": None,
    "chances": [{"kind": "broad", "probability": 0.3, "low": 0.1, "high": 0.5, "climatology": 0.2,
                 "begun_on": None}],
    "first_onset": [{"kind": "broad", "months": [{"month": "2026-01", "probability": 0.2},
                                                 {"month": "2026-02", "probability": 0.1}],
                     "none": 0.7}],
    "days_in_season": [{"kind": "broad", "known": 0, "low": 0, "low_50": 0, "median": 1,
                        "high_50": 2, "high": 9, "none": 0.4}],
    "in_season_on": [{"date": "2026-01-31", "broad": 0.1}],
    "season_lasts": [{"kind": "broad", "days": 3, "probability": 0.5}],
}  # fmt: skip


def a_line() -> dict[str, Any]:
    """Return the first line of a ledger, with an outlook, not yet sealed."""
    own = {**ledger_content(), "outlook": OUTLOOK, "previous": "0" * 64}
    return json.loads(json.dumps(own))


def a_manifest() -> bytes:
    sealed = {"size": 2, "sha256": "0" * 64}
    return json.dumps({"schema": "altseason.run/2", "parent": {"files": {"claims.csv": sealed}},
                       "children": {"pool": {"forecaster": sealed}}}).encode()  # fmt: skip


def a_record() -> bytes:
    entry = {"name": "pool", "params": {"a": "1"}, "tags": {"b": "2"}, "metrics": [["m", 0.5, 0]],
             "files": {}, "forecaster": None, "features": ["x"]}  # fmt: skip
    return json.dumps({
        "schema": "altseason.run/2", "experiment": "e", "run_id": "r", "started_ms": 1,
        "finished_ms": 2, "parent": entry, "children": {"pool": entry}, "champion": "pool",
        "challenger": None, "reason": "x", "terms": a_terms().decode(), "dataset": {"name": "d"},
    }).encode()  # fmt: skip


def a_terms() -> bytes:
    ends = ("2025-12-30", "2025-12-31")
    return (
        Terms("OnsetDefinition(top=50)", "reference", (30, 60), ("pool",), *ends).to_json().encode()
    )


def a_verification() -> bytes:
    return (
        b"model,kind,horizon_days,days,episodes,brier_skill,brier_skill_low,brier_skill_high,"
        b"verdict,auc\npool,broad,30,100,9,0.3,0.1,0.5,better,0.8\n"
    )


UNIVERSE = b"snapshot_date,rank,ticker\n2025-12-01,1,ETH-USD\n2025-12-01,2,SOL-USD\n"

READERS = {
    "alert": Reader(alert, (ValueError,), lambda: [
        b"broad:30>=0.5", b"sustained:year>=40%", b"broad:90:change<=-0.1", b"partial:60 <= 1",
    ]),
    "supposition": Reader(supposition, (typer.BadParameter,), lambda: [
        b"season_index=40", b"breadth_30=1e3\nx=-0",
    ]),
    "horizons": Reader(horizons, (typer.BadParameter,), lambda: [b"30,60,90", b" 1 ,390"]),
    "flows": Reader(flows, (DataError,), lambda: [
        LATE.encode(), FULL.encode(), FUND.encode(), b"date,net_flow_usd\n2025-12-09,151900000\n",
        b"<table><tr><td>Date</td><td>IBIT</td><td>FBTC</td><td>Total</td></tr><tr><td>09 Dec "
        b"2025</td><td>51.0</td><td>2.0</td><td>53.0</td></tr></table>",
    ]),
    "universe": Reader(universe, (DataError,), lambda: [UNIVERSE]),
    "ledger": Reader(ledger, (LedgerError,), lambda: [
        OLD.encode(), sealed_line(json.dumps(a_line()).encode()),
    ]),
    "sealed_ledger": Reader(sealed_ledger, (LedgerError,), lambda: [
        json.dumps(a_line()).encode(), OLD.encode(),
    ]),
    "forecaster": Reader(forecaster, (ValueError,), list),
    "sealed_forecaster": Reader(sealed_forecaster, (ValueError,), list),
    "manifest": Reader(manifest, (ValueError,), lambda: [a_manifest()]),
    "terms": Reader(terms, (), lambda: [a_terms()]),
    "process": Reader(process, (), lambda: [own_process().encode()]),
    "record": Reader(record, (TrackingError,), list),
    "sealed_record": Reader(sealed_record, (TrackingError,), lambda: [a_record()]),
    "verification": Reader(verification, (ValueError,), lambda: [a_verification()]),
    "address": Reader(address, (), lambda: [
        b"sqlite:///mlflow.db", b"http://user:secret@host:5000/x", b"http://[::1",
        b"postgresql://a:b@c/d",
    ]),
    "terminal": Reader(terminal, (), lambda: [b"a\x1b]0;x\x07", "a\u202eb".encode()]),
}  # fmt: skip


# --- how contents are spoilt ---------------------------------------------------------------------

JUNK = (
    b"\0", b'"', b"\n\n", b",", b"\xff\xfe", b"<!DOCTYPE x>", b"&a;", b"\r", b"1e999", b"]]>",
    b"-1", b"9" * 400, b"nan", b"\x1b[2J", b"\xe2\x80\xae", b"0001-01-01", b"9999-12-31", b"[" * 99,
    b"{", b"}", b"=", b"%", b"\x1f\x8b",
)  # fmt: skip
# What may stand in the place of a value in JSON.
VALUES: tuple[object, ...] = (
    None, True, "", "x", [], {}, [[]], -1, 0, 1, 2**53, 10**30, 10**400, -0.5, 1e308, 5e-324,
    "1", "2026-02-30", "0001-01-01", "9999-12-31", "\x1b[2J", "\u202e", "nan", ["a", 1], {"a": {}},
)  # fmt: skip


def spoilt(content: bytes, random: np.random.Generator) -> bytes:
    """Return bytes with one to three changes: a cut, flipped bytes, junk, a part twice or gone."""
    for _ in range(random.integers(1, 4)):
        at, to = sorted(random.integers(len(content) + 1, size=2))
        kind = random.integers(6)
        if kind == 0:
            content = content[:at]
        elif kind == 1 and content:
            flipped = bytearray(content)
            flipped[at - 1] ^= int(random.integers(1, 256))
            content = bytes(flipped)
        elif kind == 2:
            content = content[:at] + JUNK[random.integers(len(JUNK))] + content[at:]
        elif kind == 3:
            content = content[:to] + content[at:]
        elif kind == 4:
            content = content[:at] + content[to:]
        else:
            content = content[:at] + JUNK[random.integers(len(JUNK))] + content[to:]
    return content


def places(content: object, above: tuple = ()) -> list[tuple]:
    """Return the path of every value in JSON."""
    inner = (
        content.items() if isinstance(content, dict)
        else enumerate(content) if isinstance(content, list) else ()
    )  # fmt: skip
    found = [above] if above else []
    return found + [path for name, value in inner for path in places(value, (*above, name))]


def spoilt_json(content: Any, random: np.random.Generator) -> bytes:
    """Return JSON with one or two of its values gone or others."""
    content = copy.deepcopy(content)
    for _ in range(random.integers(1, 3)):
        *above, last = (every := places(content))[random.integers(len(every))]
        inner = content
        for name in above:
            inner = inner[name]
        if random.uniform() < 0.2:
            del inner[last]
        else:
            inner[last] = VALUES[random.integers(len(VALUES))]
    return json.dumps(content).encode()


# --- how commands must end -----------------------------------------------------------------------

USAGE, DATA, FAILURE = 2, 3, 1


def check_ending(result: Result, *codes: int, stdout: str = "") -> None:
    """Check that a command ended as documented: its code, one message, nothing that steers."""
    told = f"{result.exit_code}: {result.output[-2000:]!r}"
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(
        result.exception
    )[:2000]
    assert result.exit_code in codes, told
    assert result.stdout == stdout or "altseason.error/1" in result.stdout, told
    assert "Traceback" not in result.stderr, told
    assert all(each == "\n" or each.isprintable() for each in result.stderr), told
    if result.exit_code == USAGE:
        assert result.stderr.count(" Error ") == 1, told
    elif result.exit_code:
        # Above the message progress and warnings may stand, below it nothing but its own lines.
        assert result.stderr.count("error: ") == 1, told


def names_in(folder: Path) -> set[str]:
    """Return the names of all that lies in a folder, at any depth."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}
