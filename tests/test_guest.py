"""A good guest: other people's stores, settings and files stay as they are, and stop no command."""

from __future__ import annotations

import http.server
import json
import logging
import os
import sqlite3
import threading
import warnings
from contextlib import closing
from pathlib import Path

import matplotlib as mpl
import mlflow
import numpy as np
import pandas as pd
import pytest
import sqlalchemy
from mlflow.store.tracking.dbmodels.initial_models import Base as InitialTables

import predict
import train
from features.provenance import Finding
from models import api
from models.cli.options import hidden_packages
from models.errors import TrackingError
from models.report.page import _finalize
from models.tracking.store import opened, refuse_foreign, shown, writing
from tests.commands import ROOT, client_of, run_command, run_python, squeezed

# The schema of MLflow 2.14, and of one that is not written yet.
OLDER, NEWER = "4465047574b1", "ffffffffffff"


@pytest.fixture
def old_store(tmp_path) -> Path:
    """A store as an old MLflow made it, as far as its first tables and its revision go."""
    path = tmp_path / "old.db"
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    InitialTables.metadata.create_all(engine)
    engine.dispose()
    with closing(sqlite3.connect(path)) as held, held:
        held.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        held.execute("INSERT INTO alembic_version VALUES (?)", (OLDER,))
    return path


def test_a_store_of_an_older_mlflow_is_not_brought_up_to_date_unasked(old_store):
    before, uri = old_store.read_bytes(), ("--tracking-uri", f"sqlite:///{old_store}")
    for app, *asked in (
        (predict.app, "--source", "reference"),
        (train.app, "versions"),
        (train.app, "promote", "1", "--reason", "x"),
        (train.app, "--until", "2017-12-31", "--quiet"),
        (train.app, "sweep", "--threshold", "75"),
    ):
        result = run_command(app, *asked, *uri)
        assert result.exit_code == 1
        assert "mlflow db upgrade" in squeezed(result.stderr)
        assert "make a copy" in squeezed(result.stderr)
        assert result.stdout == ""
    assert old_store.read_bytes() == before
    with closing(sqlite3.connect(old_store)) as held, held:
        held.execute("UPDATE alembic_version SET version_num = ?", (NEWER,))
    with pytest.raises(TrackingError, match="newer MLflow"):
        refuse_foreign(f"sqlite:///{old_store}")


def test_nothing_global_is_changed_by_the_python_interface(copied_store, reference, tmp_path):
    # It sets variables of OpenMP as it is imported, by whomever.
    import sklearn  # noqa: F401

    mine = f"sqlite:///{tmp_path / 'mine.db'}"
    loggers = [logging.getLogger(name) for name in (None, "mlflow", "alembic", "matplotlib")]

    def settings():
        return (
            mlflow.get_tracking_uri(), mlflow.get_registry_uri(), np.geterr(), dict(os.environ),
            [(each.level, each.handlers[:], each.disabled) for each in loggers],
            list(warnings.filters), dict(mpl.rcParams), str(mpl.get_backend(auto_select=False)),
        )  # fmt: skip

    with mpl.rc_context({"text.usetex": True, "figure.dpi": 33}), np.errstate(all="raise"):
        kept = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
        mlflow.set_tracking_uri(mine)
        try:
            with mlflow.start_run() as run:
                before = settings()
                made = api.forecast(
                    reference, as_of="2018-09-25", tracking_uri=copied_store, today="2018-09-25"
                )
                assert made.answers
                assert len(api.hindcast(tracking_uri=copied_store))
                assert settings() == before
                mlflow.log_metric("still_mine", 1.0)
        finally:
            mlflow.set_tracking_uri(kept[0])
            mlflow.set_registry_uri(kept[1])
    assert client_of(mine).get_run(run.info.run_id).info.status == "FINISHED"


# As in a container: no entry of the user, no home.
_NOBODY = """
import os, pwd, runpy, sys
def gone(number):
    raise KeyError("uid not found")
pwd.getpwuid = gone
for name in ("HOME", "USER", "LOGNAME"):
    os.environ.pop(name, None)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_settings_of_other_programs_stop_no_forecast(copied_store, tmp_path):
    style = tmp_path / "matplotlibrc"
    style.write_text("text.usetex: True\nbackend: nonsense\n")
    place = tmp_path / "50% of #1"
    Path(copied_store.removeprefix("sqlite:///")).parent.rename(place)
    done = run_python(
        "-c", _NOBODY, ROOT / "predict.py", "--as-of", "2018-09-25", "--source", "reference",
        "--plot", tmp_path / "a.png", "--report", tmp_path / "b.html", "--record",
        cwd=place,
        MLFLOW_TRACKING_URI="sqlite:///mlflow.db",
        MPLBACKEND="module://of_a_notebook",
        MATPLOTLIBRC=str(style),
        PYTHONWARNINGS="error",
        MLFLOW_REGISTRY_URI=f"sqlite:///{tmp_path / 'elsewhere.db'}",
        MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING="true",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Altcoin season forecast")
    assert "no home folder" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "a.png").exists()
    assert (tmp_path / "b.html").exists()
    assert (place / "forecasts.jsonl").exists()
    assert not (tmp_path / "elsewhere.db").exists()


def test_a_picture_that_fails_costs_the_picture_and_never_the_forecast(
    copied_store, tmp_path, monkeypatch
):
    def fails(*_):
        raise RuntimeError("no font")

    monkeypatch.setattr("models.report.page.output", fails)
    monkeypatch.chdir(tmp_path)
    result = run_command(
        predict.app, "--as-of", "2018-09-25", "--source", "reference", "--plot", "a.png",
        "--record", "--tracking-uri", copied_store,
    )  # fmt: skip
    assert result.exit_code == 1
    assert result.stdout.startswith("Altcoin season forecast")
    assert "--plot a.png is not written: no font" in result.stderr
    assert "recorded in" in result.stderr
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize(
    "asked",
    [
        ("--record", "--ledger", "x.html", "--report", "x.html"),
        ("--record", "--ledger", "link.html", "--report", "x.html"),
        ("--plot", "x.svg", "--tracking-uri", "sqlite:///x.svg"),
        ("--source", "yahoo", "--universe", "x.png", "--plot", "x.png"),
        ("--source", "files", "--data-dir", "data", "--record", "--ledger", "data/coins.csv"),
    ],
)
def test_one_file_for_two_purposes_is_a_usage_error(tmp_path, monkeypatch, asked):
    monkeypatch.chdir(tmp_path)
    Path("link.html").symlink_to("x.html")
    Path("data").mkdir()
    Path("data/coins.csv").touch()
    result = run_command(predict.app, *asked)
    assert result.exit_code == 2
    assert "different files" in squeezed(result.stderr)


def test_a_clock_before_the_day_answers_nothing(copied_store, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(predict, "now", lambda: pd.Timestamp("1970-01-02"))
    for asked in ((), ("--as-of", "2018-09-25"), ("--history", "2018-09-24", "2018-09-25")):
        result = run_command(
            predict.app, *asked, "--source", "reference", "--tracking-uri", copied_store
        )
        assert result.exit_code == 3
        assert result.stdout == ""
        assert "set the clock right" in squeezed(result.stderr)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ada:se@cret@localhost/db",
        "http://ada:s/e@cret@localhost",
        "http://se@cret@h",
    ],
)
def test_no_part_of_a_password_is_shown(address):
    assert "se" not in shown(address).replace("postgresql", "")
    assert "cret" not in shown(address)


def test_the_file_that_cannot_be_used_is_the_one_that_is_named(copied_store, tmp_path):
    """A broken or foreign lock is no broken database; whose turn it is is said while it waits."""
    path = Path(copied_store.removeprefix("sqlite:///"))
    lock = path.with_name("mlflow.db.lock")
    lock.write_bytes(b"what is this" * 100)
    with (
        pytest.raises(TrackingError, match=r"mlflow\.db\.lock cannot be used"),
        writing(copied_store),
    ):
        pass
    lock.unlink()


class _Failing(http.server.BaseHTTPRequestHandler):
    """A server that knows a run and answers 500 to all that is downloaded."""

    def do_GET(self):
        run = {"info": {"run_id": "r1", "artifact_uri": "mlflow-artifacts:/1/r1/artifacts",
                        "experiment_id": "1", "status": "FINISHED", "lifecycle_stage": "active"},
               "data": {"tags": [], "params": [{"key": "candidate", "value": "pool"}]}}  # fmt: skip
        found = "/runs/get" in self.path
        self.send_response(200 if found else 500)
        self.end_headers()
        self.wfile.write(json.dumps({"run": run}).encode() if found else b"broken")

    do_POST = do_GET

    def log_message(self, *_):
        pass


def test_a_server_that_fails_in_a_download_is_named_and_not_the_folder():
    from models.tracking.read import _content

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Failing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_port}"
        with (
            pytest.raises(TrackingError, match="an error of its own; see its log"),
            opened(uri, deadline=5) as client,
        ):
            _content(client, uri, client.get_run("r1"), "forecaster.json.gz")
        server.shutdown()


def test_a_server_that_refuses_does_not_answer_rather_than_being_slow():
    with (
        pytest.raises(TrackingError, match=r"does not answer \(Connection refused\)"),
        opened("http://127.0.0.1:9", deadline=5) as client,
    ):
        client.get_run("r1")


def test_a_name_of_any_length_and_kind_is_a_short_and_plain_one_in_text_and_page():
    day = pd.Timestamp("2025-11-20")
    name = "coin\x1b]0;title\x07" + "x" * 3000
    text = Finding("spike", name, day, day, 5.0, 100.0, "value left out", f"as {name}", "wait").text
    assert len(text) < 600
    assert "\x1b" not in text
    assert _finalize(name).count("?") == 2


def test_a_package_of_another_that_is_hidden_is_named(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").touch()
    assert hidden_packages([str(tmp_path), str(ROOT)]) == [tmp_path / "models" / "__init__.py"]
