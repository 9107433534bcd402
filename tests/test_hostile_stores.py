"""Stores, kept trainings, ledgers, servers and streams that are not what they should be."""

from __future__ import annotations

import json
import shlex
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

import predict
import train
from models.errors import TrackingError
from models.tracking.training_record import keep
from tests.commands import ROOT, run_command
from tests.hostile import (
    DATA,
    FAILURE,
    TIMES,
    USAGE,
    a_line,
    check_ending,
    names_in,
    sealed_line,
    spoilt,
    spoilt_json,
)

WHO, WHEN = "ada", "2026-01-02T03:04:05+00:00"
DAY = "2018-12-20"  # of the small training
EVIL = "\x1b[2J\x1b]0;owned\x07\u202e\r\nVersion 9, champion"


@pytest.fixture
def store(logged_database, tmp_path) -> Path:
    own = tmp_path / "own"
    own.mkdir()
    return Path(shutil.copy(logged_database, own / "mlflow.db"))


def ask(store: Path, command: str) -> None:
    """Ask a store that may be damaged; it answers, or refuses in words, and nothing is left."""
    before = names_in(store.parent)
    # What predict reads is refused only for a threshold that no model has: no forecast is made.
    words = ("versions",) if command == "versions" else ("--as-of", DAY, "--threshold", "40")
    app = train.app if command == "versions" else predict.app
    result = run_command(app, *words, "--tracking-uri", f"sqlite:///{store}")
    printed = result.stdout if result.exit_code == 0 else ""
    check_ending(result, FAILURE, 0 if command == "versions" else USAGE, stdout=printed)
    assert all(each == "\n" or each.isprintable() for each in printed)
    assert names_in(store.parent) - before <= {"mlflow.db.lock"}


COMMANDS = pytest.mark.parametrize("command", ["versions", "predict"])


@COMMANDS
@pytest.mark.parametrize("seed", range(8 * TIMES))
def test_a_damaged_database_is_one_message(seed, command, store):
    random = np.random.default_rng(seed)
    store.write_bytes(spoilt(store.read_bytes(), random))
    ask(store, command)


@COMMANDS
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE model_version_tags SET value = ?",
        "UPDATE tags SET value = ?",
        "UPDATE params SET value = ?",
        "UPDATE latest_metrics SET value = 9e999",
        "UPDATE latest_metrics SET is_nan = 1",
        "DELETE FROM latest_metrics",
        "DELETE FROM model_version_tags",
        "DELETE FROM tags",
        "DELETE FROM runs",
        "DELETE FROM model_versions",
        "DELETE FROM experiments",
        "UPDATE registered_model_aliases SET version = 99",
        "UPDATE runs SET artifact_uri = 'file:///dev/zero'",
        "UPDATE runs SET artifact_uri = ?",
        "UPDATE runs SET artifact_uri = 'mlflow-artifacts:/../../../../etc'",
        "UPDATE runs SET status = 'RUNNING'",
        "UPDATE runs SET name = ?",
        "UPDATE model_versions SET run_id = ?",
        "UPDATE model_versions SET description = ?",
        "UPDATE alembic_version SET version_num = ?",
        "DROP TABLE runs",
    ],
)
def test_a_forged_database_is_one_message(change, command, store):
    with closing(sqlite3.connect(store)) as database:
        database.execute(change, (EVIL,) if "?" in change else ())
        database.commit()
    ask(store, command)


@COMMANDS
@pytest.mark.parametrize(
    "value", ["", "[" * 100_000, "null", "[]", "{}", '{"a": 1e999}', "9" * 5000]
)
def test_tags_that_are_no_json_are_one_message(value, command, store):
    with closing(sqlite3.connect(store)) as database:
        for table in ("tags", "model_version_tags", "registered_model_tags"):
            database.execute(f"UPDATE {table} SET value = ?", (value,))
        database.execute("UPDATE runs SET status = 'RUNNING'")
        database.commit()
    ask(store, command)


# --- kept trainings and ledgers ------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept(make_record, tmp_path_factory) -> bytes:
    return keep(make_record(), tmp_path_factory.mktemp("kept")).read_bytes()


@pytest.mark.parametrize("seed", range(20 * TIMES))
def test_a_spoilt_kept_training_is_not_logged(seed, kept, tmp_path, monkeypatch):
    def whole(*arguments, **named) -> None:
        raise TrackingError("what was changed is not in it")

    monkeypatch.setattr("models.tracking.runs.log_later", whole)
    path = tmp_path / "altseason-run.zip"
    path.write_bytes(content := spoilt(kept, np.random.default_rng(seed)))
    check_ending(run_command(train.app, "log", path, "--tracking-uri", f"sqlite:///{tmp_path}/x.db"),
                 FAILURE)  # fmt: skip
    assert names_in(tmp_path) == {path.name}
    assert path.read_bytes() == content


@pytest.mark.parametrize("seed", range(20 * TIMES))
def test_a_spoilt_ledger_is_scored_or_refused_and_left_as_it_is(seed, tmp_path, monkeypatch):
    random = np.random.default_rng(seed)
    lines = sealed_line(json.dumps(a_line()).encode())
    content = spoilt(lines, random) if seed % 2 else sealed_line(spoilt_json(a_line(), random))
    path = tmp_path / "forecasts.jsonl"
    path.write_bytes(content)
    for words in ([], ["--json"]):
        result = run_command(predict.app, "score", "--ledger", path, *words)
        check_ending(result, 0, DATA, stdout=result.stdout if result.exit_code == 0 else "")
    assert names_in(tmp_path) == {path.name}
    assert path.read_bytes() == content


# --- servers -------------------------------------------------------------------------------------


def answer(
    body: bytes, status: str = "200 OK", kind: str = "application/json", more: str = ""
) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nConnection: close\r\n{more}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


ANSWERS = {
    "nothing": b"",
    "no http": b"SSH-2.0-OpenSSH_9.6\r\n",
    "half": b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{",
    "zeros": b"\0" * 10_000,
    "page": answer(b"<html>Log in</html>", kind="text/html"),
    "empty": answer(b""),
    "null": answer(b"null"),
    "list": answer(b"[]"),
    "number": answer(b"7"),
    "brackets": answer(b"[" * 100_000),
    "other kinds": answer(b'{"model_version": [], "experiments": 7, "runs": {}, "run": 1}'),
    "version of nothing": answer(b'{"model_version": {"version": "x", "run_id": null}}'),
    "no text": answer(b"\xff\xfe" * 100),
    "control": answer(json.dumps({"error_code": "X", "message": EVIL}).encode(), "400 Bad Request"),
    "forbidden": answer(b"no", "403 Forbidden"),
    "teapot": answer(b"", "418 I'm a teapot"),
    "error": answer(b"", "500 Internal Server Error"),
    "moved": answer(b"", "302 Found", more="Location: /\r\n"),
    "no gzip": answer(b"\x1f\x8b\x08nothing", more="Content-Encoding: gzip\r\n"),
    "heads": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
    "lies": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
}


@pytest.fixture
def server(request) -> Iterator[str]:
    """A server that answers everything with the same bytes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                    with connection:
                        connection.recv(65536)
                        connection.sendall(ANSWERS[request.param])
                except OSError:
                    if listening.fileno() < 0:
                        return

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize(
    ("app", "words"),
    [(predict.app, []), (train.app, ["versions"]), (train.app, ["promote", "1", "--reason", "x"])],
    ids=["predict", "versions", "promote"],
)
@pytest.mark.parametrize("server", ANSWERS, indirect=True)
def test_a_hostile_server_is_one_message(server, app, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    result = run_command(app, *words, "--tracking-uri", server, "--deadline", "3")
    # What names no version is an empty list of them.
    listed = result.stdout if words == ["versions"] and result.exit_code == 0 else ""
    assert not listed or "No version is registered" in listed
    check_ending(result, FAILURE, *([0] if listed else []), stdout=listed)
    assert not names_in(tmp_path)


# --- streams -------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("predict.py --version > /dev/full", "No space left on device."),
        ("predict.py --version >&-", "it is closed."),
        ("predict.py --help > /dev/full", "No space left on device."),
        ("train.py --help > /dev/full 2> /dev/full", ""),
        ("-m features.sources.etf_flows show --store . > /dev/full", "No space left on device."),
        ("-m features.sources.etf_flows show --store . >&-", "it is closed."),
    ],
)
def test_an_answer_that_cannot_be_written_is_exit_1(command, said, tmp_path):
    name, _, words = command.partition(" ")
    program = name if name == "-m" else shlex.quote(str(ROOT / name))
    done = subprocess.run(
        ["sh", "-c", f"{shlex.quote(sys.executable)} {program} {words}"], cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == bool(said)
    assert said in done.stderr
    assert not names_in(tmp_path)
