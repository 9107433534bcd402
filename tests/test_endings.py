"""How commands end: signals, silent servers, streams that fail, what others have left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from mlflow.entities import Metric
from mlflow.tracking import MlflowClient
from typer.main import get_command

import predict
import train
from features.terminal import printable
from models.cli import boundary
from models.cli.boundary import clear_errors
from models.tracking.listing import versions_json, versions_text
from models.tracking.model_versions import list_versions
from models.tracking.processes import PROCESS_TAG, is_gone, own_process
from models.tracking.runs import training_run
from models.tracking.store import MODEL_NAME
from models.tracking.upkeep import put_right
from tests.commands import ROOT, run_command, squeezed

WHO, WHEN = "ada", "2026-01-02T03:04:05+00:00"


@pytest.fixture
def store(logged_database, tmp_path) -> str:
    return f"sqlite:///{shutil.copy(logged_database, tmp_path / 'mlflow.db')}"


def client_of(uri: str) -> MlflowClient:
    return MlflowClient(uri, uri)


# --- a silent server -----------------------------------------------------------------------------


@pytest.fixture
def silent_server(request):
    """A server that takes every request and never answers, or a byte at a time for ever."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    taken.append(listening.accept()[0])
                except OSError:
                    return
                if request.param == "trickling":
                    threading.Thread(target=trickle, args=(taken[-1],), daemon=True).start()

        def trickle(connection: socket.socket) -> None:
            try:
                for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + b" " * 9999:
                    connection.sendall(bytes([byte]))
                    time.sleep(0.02)
            except OSError:
                return

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        for connection in taken:
            connection.close()


@pytest.mark.parametrize(
    ("app", "arguments", "silent_server"),
    [
        (predict.app, [], "silent"),
        (predict.app, [], "trickling"),
        (train.app, ["versions"], "silent"),
        (train.app, ["promote", "1", "--reason", "x"], "silent"),
        (train.app, [], "silent"),
    ],
    indirect=["silent_server"],
)
def test_a_silent_server_holds_no_command_beyond_its_deadline(app, arguments, silent_server):
    begun = time.monotonic()
    result = run_command(app, *arguments, "--tracking-uri", silent_server, "--deadline", "1")
    assert time.monotonic() - begun < 8  # of which the answers are waited for 1 s
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"waiting for {silent_server}, up to 1 s ..." in result.stderr
    assert f"{silent_server} has not answered within 1 s" in result.stderr
    assert "--deadline SECONDS" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("silent_server", ["silent"], indirect=True)
def test_the_process_ends_too_though_threads_wait(silent_server, tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "predict.py", "--tracking-uri", silent_server, "--deadline", "1"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count("error:") == 1


# --- stores that cannot be read ------------------------------------------------------------------


def locked(path: Path) -> str:
    held = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    held.execute("BEGIN EXCLUSIVE")
    kept.append(held)
    return f"sqlite:///{path}"


kept: list[sqlite3.Connection] = []


def damaged(path: Path) -> str:
    content = bytearray(path.read_bytes())
    content[4096::7] = b"\xff" * len(content[4096::7])
    path.write_bytes(content)
    return f"sqlite:///{path}"


def cut(path: Path) -> str:
    path.write_bytes(path.read_bytes()[:5000])
    return f"sqlite:///{path}"


def of_schema(revision: str):
    def change(path: Path) -> str:
        with closing(sqlite3.connect(path)) as database:
            database.execute("UPDATE alembic_version SET version_num = ?", (revision,))
            database.commit()
        return f"sqlite:///{path}"

    return change


def foreign(path: Path) -> str:
    with closing(sqlite3.connect(path.with_name("other.db"))) as database:
        database.execute("CREATE TABLE mine (a)")
        database.commit()
    return f"sqlite:///{path.with_name('other.db')}"


def login_page(path: Path) -> str:
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        page = b"<html>Please log in</html>"
        while True:
            connection, _ = listening.accept()
            connection.recv(65536)
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"
            connection.sendall(b"%sContent-Length: %d\r\n\r\n%s" % (head, len(page), page))
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (locked, "another program keeps it locked; try again"),
        (damaged, "the database is damaged; restore it from a copy, or move it away"),
        (cut, "the database is damaged"),
        (of_schema("1b5f0d9ad7c1"), "older than that of this MLflow"),
        (of_schema("ffffffffffff"), "is unknown to this MLflow"),
        (foreign, "is no store: it is a database of another program"),
        (login_page, "what answers there is not MLflow, but perhaps a login page"),
        (lambda path: f"file://{path.parent}/mlruns", "does not use folders as stores any more"),
        (lambda path: f"{path.parent}/mlruns", "does not use folders as stores any more"),
        (lambda path: "ftp://host/store", "there is no such kind of address"),
        (lambda path: "http://[::1", "there is no such kind of address"),
    ],
)
def test_each_store_that_cannot_be_read_has_its_cause(make, said, empty_database, tmp_path):
    uri = make(Path(shutil.copy(empty_database, tmp_path / "mlflow.db")))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for app, arguments in ((predict.app, []), (train.app, []), (train.app, ["versions"])):
        result = run_command(app, *arguments, "--tracking-uri", uri)
        assert (result.exit_code, result.stdout) == (1, ""), arguments
        assert said in squeezed(result.stderr)
        assert result.stderr.count("error:") == 1
        assert "run train.py with the same" not in result.stderr
        assert "unexpected" not in result.stderr
    while kept:
        kept.pop().close()
    assert all(path.read_bytes() == content for path, content in before.items())


# --- signals, and processes that are gone --------------------------------------------------------


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def children(pid: int) -> list[int]:
    every = Path("/proc").glob("[0-9]*/stat")
    found = []
    for stat in every:
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def gone(pids: list[int], seconds: float = 20.0) -> bool:
    for _ in range(int(seconds / 0.1)):
        if not any(map(alive, pids)):
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def training(tmp_path, empty_database):
    """A training with workers of its own, at work."""
    uri = f"sqlite:///{shutil.copy(empty_database, tmp_path / 'mlflow.db')}"
    process = subprocess.Popen(
        [sys.executable, ROOT / "train.py", "--jobs", "2", "--model", "logistic",
         "--tracking-uri", uri],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        # Where the tests run under nohup, SIGHUP is ignored and so inherited.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("hindcast"):
            break
    yield uri, process, children(process.pid)
    process.kill()
    process.communicate()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
def test_a_training_that_is_ended_leaves_no_worker_and_no_run_that_runs(training, number):
    uri, process, workers = training
    assert len(workers) >= 2
    if number == signal.SIGHUP:  # a terminal that is closed tells all of its processes
        os.killpg(process.pid, number)
    else:
        process.kill()
    process.communicate(timeout=60)
    assert process.returncode == (129 if number == signal.SIGHUP else -9)
    assert gone(workers)
    (run,) = client_of(uri).search_runs(["1"])
    if number == signal.SIGHUP:
        assert run.info.status == "KILLED"
        return
    assert run.info.status == "RUNNING"
    result = run_command(train.app, "versions", "--tracking-uri", uri)
    assert f"run {run.info.run_id} (" in result.stderr
    assert "is marked KILLED: its process is gone." in result.stderr
    assert result.stdout == "No version is registered; run train.py first.\n"
    assert client_of(uri).get_run(run.info.run_id).info.status == "KILLED"
    assert put_right(uri) == []


def test_a_run_of_a_process_that_lives_or_is_elsewhere_is_left_alone(store):
    with training_run(store, "altcoin-season", "at work", 1_700_000_000_000) as run:
        assert put_right(store) == []
        tag = json.loads(client_of(store).get_run(run.run_id).data.tags[PROCESS_TAG])
        assert tag["pid"] == os.getpid()
        assert not is_gone(json.dumps({**tag, "host": "another", "started": "1"}))
        assert not is_gone(json.dumps({**tag, "namespace": "pid:[1]", "started": "1"}))
        assert is_gone(json.dumps({**tag, "started": "1"}))  # its number is another's now
        assert is_gone(json.dumps({**tag, "pid": 2**22 + 1}))
        client_of(store).set_tag(run.run_id, PROCESS_TAG, json.dumps({**tag, "started": "1"}))
        (said,) = put_right(store)
        assert "(at work) is marked KILLED" in said


@pytest.mark.parametrize("tag", ["", "{}", "[]", "7", '{"pid": "one"}', '{"pid": -1}', "nonsense"])
def test_what_does_not_name_a_process_is_not_gone(tag):
    assert not is_gone(tag)
    assert not is_gone(own_process())


# --- streams that fail ---------------------------------------------------------------------------


def shell(command: str, folder: Path, uri: str) -> subprocess.CompletedProcess[str]:
    predict_ = f"{sys.executable} {ROOT / 'predict.py'} --tracking-uri {uri} --as-of 2019-01-15"
    return subprocess.run(
        ["sh", "-c", command.replace("PREDICT", predict_)], cwd=folder, capture_output=True,
        text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    ("command", "code", "said", "lines"),
    [
        ("PREDICT --record > /dev/full", 1, "No space left on device; nothing was recorded.", 0),
        ("PREDICT --record >&-", 1, "stdout: it is closed; nothing was recorded.", 0),
        ("PREDICT --record 2> /dev/full", 0, "", 1),
        ("PREDICT --record 2>&-", 0, "", 1),
        ("PREDICT --record <&- >&- 2>&-", 1, "", 0),
        # Unbuffered, Python loses what a write to a full disk does not take.
        (
            "head -c 102300 /dev/zero > full; ulimit -f 200; export PYTHONUNBUFFERED=1; "
            "PREDICT --record >> full",
            1,
            "File too large; nothing was recorded.",
            0,
        ),
    ],
)
def test_the_exit_code_and_the_ledger_agree(command, code, said, lines, store, tmp_path):
    done = shell(command, tmp_path, store)
    assert done.returncode == code
    assert said in done.stderr
    assert done.stderr.count("\n") == bool(said)
    assert bool(done.stdout) == (code == 0)
    ledger = tmp_path / "forecasts.jsonl"
    assert (len(ledger.read_text().splitlines()) if ledger.exists() else 0) == lines


def test_a_directory_that_is_gone_is_named(store, tmp_path):
    (tmp_path / "gone").mkdir()
    done = shell("rmdir ../gone && PREDICT", tmp_path / "gone", store)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: the working directory cannot be used (No such file or directory); change to "
        "another.\n"
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_while_python_tidies_up_is_heeded(number, tmp_path):
    code = (
        "import os, signal, time\nfrom models.cli.streams import run\n"
        "class Tidied:\n    def __del__(self):\n"
        f"        signal.raise_signal({int(number)}); time.sleep(0.01)\n"
        "def command():\n    Tidied()\n    time.sleep(30)\n    print('went on')\n"
        "run(command)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False,
        timeout=25, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert done.returncode == (143 if number == signal.SIGTERM else -signal.SIGINT)
    assert done.stdout == ""
    assert "Exception ignored" not in done.stderr


# --- what reaches the terminal -------------------------------------------------------------------


def test_no_tag_steers_the_terminal_and_no_number_breaks_the_list(store):
    client = client_of(store)
    evil = "\x1b]0;owned\x07\x1b[2Jgood\u202eevil\r\nVersion 9, champion"
    client.set_model_version_tag(MODEL_NAME, "1", "promotion_reason", evil)
    client.set_model_version_tag(MODEL_NAME, "1", "candidate", "\x1b[31mred\n")
    run_id = client.get_model_version(MODEL_NAME, "1").run_id
    client.log_batch(run_id, [Metric(name, float("nan"), 2_000_000_000_000, 0)
                              for name in ("brier_skill", "episodes")])  # fmt: skip
    result = run_command(train.app, "versions", "--tracking-uri", store)
    assert result.exit_code == 0
    assert not set(result.stdout) & set("\x1b\x07\u202e\r")
    assert not [line for line in result.stdout.splitlines() if line.startswith("Version 9")]
    every = list_versions(store)
    assert json.loads(versions_json(every))["versions"][-1]["episodes"] is None
    assert "n/a" in versions_text(every) or "-" in versions_text(every)


@pytest.mark.parametrize(
    "code", [*range(9), *range(11, 32), *range(127, 160), 0x202E, 0x2066, 0xD800]
)
def test_no_control_character_passes(code):
    assert printable(f"a{chr(code)}b") == "a?b"
    assert printable(f"a{chr(code)}b", styled=True) == "a?b"


# --- one boundary --------------------------------------------------------------------------------


def test_what_nobody_foresaw_is_one_message_or_with_debug_a_trace(monkeypatch, capsys):
    def fail() -> None:
        with clear_errors():
            raise ZeroDivisionError("of all things")

    import typer

    with pytest.raises(typer.Exit) as ended:
        fail()
    assert ended.value.exit_code == 1
    said = "error: unexpected ZeroDivisionError: of all things; --debug shows where it came from.\n"
    assert capsys.readouterr().err == said
    monkeypatch.setattr(boundary._Debugging, "wanted", True)
    with pytest.raises(ZeroDivisionError):
        fail()


@pytest.mark.parametrize("app", [predict.app, train.app])
def test_every_command_can_be_hurried_and_debugged(app):
    root = get_command(app)
    for command in (root, *root.commands.values()):
        assert {"deadline", "debug"} <= {option.name for option in command.params}


def test_no_journal_of_the_lock_stays(store, tmp_path):
    list_versions(store)
    assert put_right(store) == []
    with training_run(store, "altcoin-season", "at work", 1_700_000_000_000):
        assert not list(tmp_path.glob("*journal*"))
