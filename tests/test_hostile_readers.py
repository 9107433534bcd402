"""Every reader answers or refuses in words, whatever it is given: tables, ledgers, forecasters."""

from __future__ import annotations

import gzip
import io
import json
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests import hostile
from tests.hostile import READERS, TIMES, read_or_refused, sealed_line, spoilt, spoilt_json

EACH = 15 * TIMES
JSON = ("sealed_ledger", "sealed_forecaster", "manifest", "sealed_record", "terms", "process")


@pytest.fixture(scope="session")
def taken(small_training, once):
    """What each reader takes, by its name."""

    def make(folder: Path) -> dict[str, list[bytes]]:
        contents = {name: reader.takes() for name, reader in READERS.items()}
        packed = small_training.forecasters["logistic"].to_bytes()
        contents["forecaster"] = [packed]
        contents["sealed_forecaster"] = [gzip.decompress(packed)]
        zipped = io.BytesIO()
        with zipfile.ZipFile(zipped, "w") as file:
            file.writestr("run.json", hostile.a_record())
        contents["record"] = [zipped.getvalue()]
        return contents

    return once("taken", make)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("readers")


def require_clear(refusal: Exception | None) -> None:
    if refusal is not None:
        assert str(refusal)
        assert len(str(refusal)) < 2000


@pytest.mark.parametrize(
    "name", [name for name in READERS if name not in ("record", "sealed_record")]
)
def test_what_is_whole_is_read(name, taken, folder):
    for content in taken[name]:
        assert read_or_refused(name, content, folder) is None


@pytest.mark.parametrize("seed", range(EACH))
@pytest.mark.parametrize("name", READERS)
def test_spoilt_bytes_are_read_or_refused(name, seed, taken, folder):
    random = np.random.default_rng([seed, *name.encode()])
    content = taken[name][seed % len(taken[name])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of openpyxl and pandas, which say what they guess
        require_clear(read_or_refused(name, spoilt(content, random), folder))


@pytest.mark.parametrize("seed", range(2 * EACH))
@pytest.mark.parametrize("name", JSON)
def test_values_of_another_kind_are_read_or_refused(name, seed, taken, folder):
    random = np.random.default_rng([seed, *name.encode()])
    content = json.loads(taken[name][0])
    require_clear(read_or_refused(name, spoilt_json(content, random), folder))


# Inputs that once ended in a trace, did not end, or took all memory: of each kind one.
@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "content",
    [b"", b"[" * 200_000, b"{" * 200_000, b'{"a":' * 100_000, b"9" * 5000, b"null", b"[]",
     b"\0" * 100, b"PK\x03\x04", b"PAR1" + b"\0" * 20 + b"PAR1", b"\x1f\x8b\x08" + b"\0" * 20,
     b"\xff" * 50],
    ids=["empty", "brackets", "braces", "objects", "digits", "null", "list", "zeros", "zip",
         "parquet", "gzip", "no text"],
)  # fmt: skip
def test_what_is_none_at_all_is_refused(name, content, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        require_clear(read_or_refused(name, content, folder))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("as_of",), "9999-12-31"), (("as_of",), "0001-01-01"), (("as_of",), 20260110),
        (("recorded_at",), "9999-99-99T00:00:00Z"), (("recorded_at",), None),
        (("windows", 0, "horizon_days"), 10**30), (("windows", 0, "horizon_days"), 1e308),
        (("windows", 0, "probability"), 10**400), (("windows", 0, "probability"), "x"),
        (("windows", 0, "probability"), [0.2]), (("windows",), {}), (("thresholds",), []),
        (("thresholds", "broad"), 10**400), (("definition",), None), (("model",), "pool"),
        (("data",), []), (("season",), None), (("alerts",), 7), (("outlook",), []),
        (("outlook", "by"), "9999-12-31"), (("outlook", "year"), 10**400),
        (("outlook", "chances", 0, "probability"), -0.1), (("previous",), None),
        (("schema",), "altseason.ledger/9"),
    ],
)  # fmt: skip
def test_a_sealed_line_beyond_range_is_refused_by_number(path, value, folder):
    line = hostile.a_line()
    inner = line
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    refusal = read_or_refused("ledger", sealed_line(json.dumps(line).encode()), folder)
    assert "line 1: not as it was recorded" in str(refusal)


def test_what_unpacks_to_too_much_is_refused_before(folder, monkeypatch):
    bomb = gzip.compress(b" " * 100_000)
    monkeypatch.setattr("features.sources.etf_flows.spreadsheets.MAX_BYTES", 10_000)
    monkeypatch.setattr("features.sources.yahoo.rankings.MAX_BYTES", 10_000)
    assert "unpacks to more than" in str(read_or_refused("flows", bomb, folder))
    assert "is larger than" in str(read_or_refused("universe", b"x" * 10_001, folder))


def test_a_year_below_1_is_refused(folder):
    year_minus_12 = b"snapshot_date,rank,ticker\n-12-01,0,ETH-USD\n2025-12-01,1,SOL-USD\n"
    refused = read_or_refused("universe", year_minus_12, folder)
    assert "must not be before 2009-01-03, Bitcoin's first day; row 1 is" in str(refused)
