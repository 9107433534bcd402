"""Every option of every command ends as documented, whatever stands behind it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import predict
import train
from features.reference import make
from features.sources.etf_flows.command import app as flows
from models.cli.training_options import MOST_JOBS
from tests.commands import run_command
from tests.hostile import DATA, FAILURE, USAGE, check_ending, names_in

LONG, DEEP = "a" * 300, "aaaaaaaaa/" * 500
EVIL = "\x1b[2J\x1b]0;owned\x07\u202e"

DAYS = ("", "yesterday", "2024-02-30", "99999-01-01", "0000-01-01", "2024-01-01T00:00", "9" * 400,
        EVIL, "-1", "nan", "2024/01/01", "01-02-2024")  # fmt: skip
COUNTS = ("", "x", "1e3", "1.5", "nan", EVIL, "0x10", "--", "1 000")
NUMBERS = ("", "x", "1,5", EVIL, "--", "0x10", "75%")
ALERTS = ("", "broad", "broad:30", "broad:30>=", "broad:30>=1.01", "broad:30>=-0.1", "big:30>=0.5",
          "broad:30>0.5", "broad:-30>=0.5", "broad:30>=nan", "broad:30>=1e-1", "sustained:30>=0.5",
          "broad:year>=101%", "broad:30:change>=1.5", EVIL, "9" * 5000)  # fmt: skip
SUPPOSITIONS = ("", "x", "x=", "=", "x=nan", "x=inf", "x=1e999", "x=1,5", EVIL, f"x={EVIL}",
                "9" * 5000)  # fmt: skip
HORIZONS = ("", "x", "0", "391", "-1", "30,", "1e2", "30;60", "9" * 5000, EVIL, "nan")
PATHS = ("", ".", "/", "/dev/null", "/dev/full", "nowhere/x", LONG, DEEP, EVIL, "x.exe")

PREDICT_USAGE = [
    *(([option, value]) for option in ("--as-of", "--by", "--on") for value in DAYS),
    *(["--by", "2026-12-31", "--from", value] for value in DAYS),
    *(["--history", "2024-01-01", value] for value in DAYS),
    *(["--year", value] for value in COUNTS),
    *([option, value] for option in ("--threshold", "--deadline") for value in NUMBERS),
    *(["--deadline", value] for value in ("0", "-1", "nan", "inf", "3601")),
    *(["--alert", value] for value in ALERTS),
    *(["--what-if", value] for value in SUPPOSITIONS),
    *([option, value] for option in ("--plot", "--report") for value in PATHS),
    *(["--record", "--ledger", value] for value in PATHS if value not in ("", EVIL, "x.exe")),
    *(["--source", value] for value in ("", "yahoo!", EVIL, LONG)),
    ["--source", "files"], ["--data-dir", "."], ["--offline"], ["--refresh"], ["--universe", "x"],
    ["--source", "yahoo", "--offline", "--refresh"], ["--json", "--csv"], ["--nothing"], [EVIL],
    ["--history", "2024-01-01"], ["--history", "2024-01-01", "2024-01-09", "--record"],
    ["--year", "2026", "--by", "2026-12-31"], ["--from", "2026-01-01"], ["--ledger", "x"],
    ["--what-if", "x=1", "--csv"], ["--what-if", "x=1", "--alert", "broad:30>=0.5"],
    ["--json", "score"], ["score", "--nothing"], ["health", "--published", "x", "--online"],
]  # fmt: skip
TRAIN_USAGE = [
    *(["--until", value] for value in DAYS),
    *(["--horizons", value] for value in HORIZONS),
    *([option, value] for option in ("--seed", "--jobs") for value in (*COUNTS, "-1")),
    *(["--jobs", value] for value in ("0", str(MOST_JOBS + 1), "9999999", "9" * 400)),
    *(["--threshold", value] for value in (*NUMBERS, "50", "100.1", "nan", "inf", "-1", "1e999")),
    *(["--model", value] for value in ("", "magic", EVIL, LONG)),
    *(["--hindcast-out", value] for value in PATHS),
    *(["--deadline", value] for value in ("0", "-1", "nan", "3601", "")),
    ["promote"], ["promote", "1"], ["promote", "1", "--reason", " "], ["rollback"], ["log"],
    ["rollback", "--reason", ""], ["--quiet", "versions"], [EVIL], ["versions", EVIL],
]  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty folder in which the command runs; its caches are elsewhere."""
    for name in ("ALTSEASON_CACHE_DIR", "ALTSEASON_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.chdir(own)
    return own


def named(arguments: list[str]) -> str:
    return " ".join(each[:20] for each in arguments).encode("unicode_escape").decode()


@pytest.mark.parametrize("arguments", PREDICT_USAGE, ids=named)
def test_what_predict_cannot_be_asked_is_usage(arguments, folder):
    check_ending(run_command(predict.app, *arguments), USAGE)
    assert not names_in(folder)


@pytest.mark.parametrize("arguments", TRAIN_USAGE, ids=named)
def test_what_train_cannot_be_asked_is_usage(arguments, folder):
    check_ending(run_command(train.app, *arguments), USAGE)
    assert not names_in(folder)


# What is a path or an address, but none that can be used: no file is made on the way to that.
@pytest.mark.parametrize(
    ("app", "arguments", "codes"),
    [
        *((predict.app, ["--source", "files", "--data-dir", path], (DATA, FAILURE))
          for path in ("nowhere", "/dev/null", LONG, DEEP, EVIL)),
        *((predict.app, ["--source", "yahoo", "--offline", "--universe", path], (DATA,))
          for path in ("nowhere", "/dev/zero", LONG, DEEP, EVIL)),
        *((predict.app, ["--source", "yahoo", "--offline", "--cache-dir", path], (DATA, FAILURE))
          for path in ("/dev/null", LONG, DEEP)),
        *((predict.app, ["score", "--ledger", path], (DATA,))
          for path in ("nowhere", "/dev/zero", ".", LONG, DEEP, EVIL)),
        *((predict.app, ["health", "--published", path], (DATA,))
          for path in ("nowhere", "/dev/zero", ".", LONG, DEEP, EVIL, f"{LONG}.parquet")),
        *((train.app, ["log", path], (FAILURE,))
          for path in ("nowhere", "/dev/zero", "/dev/null", ".", LONG, DEEP, EVIL)),
        *((app, [*command, "--tracking-uri", uri], (FAILURE,))
          for app, command in ((predict.app, []), (train.app, ["versions"]))
          for uri in ("http://[::1", "", "x", "://", f"sqlite:///{LONG}.db", f"sqlite:///{DEEP}.db",
                      "sqlite:////dev/zero", "sqlite:////dev/null", "sqlite:///.", "ftp://x/y",
                      "sqlite:///nowhere/mlflow.db", f"sqlite:///{EVIL}", "postgres://", EVIL,
                      "http://127.0.0.1:1", "http://127.0.0.1:99999", "http://a b", "file:.")),
        *((flows, ["import", path], (USAGE, DATA))
          for path in ("nowhere", "/dev/zero", ".", LONG, DEEP, EVIL)),
        *((flows, ["show", "--store", path], (FAILURE,)) for path in (LONG, DEEP, "/dev/null")),
    ],
    ids=lambda value: named(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_what_cannot_be_read_is_one_message(app, arguments, codes, folder):
    check_ending(run_command(app, *arguments), *codes)
    assert not names_in(folder)


@pytest.mark.parametrize("path", ["nowhere", LONG, DEEP, "/dev/zero", EVIL])
def test_the_maker_of_the_history_ends_in_one_message(path, folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["command", "--out", ".", "--data-dir", path])
    try:
        code = make.main()
    except SystemExit as ended:
        code = ended.code
    printed = capsys.readouterr()
    assert code in (FAILURE, USAGE, DATA)
    assert printed.out == ""
    assert "Traceback" not in printed.err
    assert printed.err.count("error: ") == 1
    assert all(each == "\n" or each.isprintable() for each in printed.err)
    assert not names_in(folder)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.skipif(os.name == "nt", reason="no devices")
def test_every_path_here_is_what_it_is_taken_for():
    assert not Path("/dev/zero").is_file()
    with pytest.raises(OSError, match="too long"):
        Path(LONG).stat()
    with pytest.raises(OSError, match="too long"):
        Path(DEEP).stat()
