"""A training in MLflow: logged, registered, promoted, read back, and checked."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy

from models.errors import TrackingError, Unanswered
from models.tracking import registry, serving
from models.tracking import store as store_module
from models.tracking.log import Beside, log_training, metrics, run_title, training_run
from models.tracking.read import DIGESTS_FILE, FORECASTER_FILE, load_forecaster, load_tables
from models.tracking.registry import Terms, decide
from models.tracking.store import CHALLENGER, CHAMPION, writing
from models.tracking.ui import experiment_tags, find_address
from models.tracking.versions import list_versions, versions_json, versions_text
from models.training.run import Settings
from tests.commands import ROOT, runs_of

WHO, WHEN = "ada", "2026-02-03T04:05:06+00:00"


def beside(**changes) -> Beside:
    return replace(Beside("reference", "2018-12-31", "0" * 40, {"python": "3"}), **changes)


def test_a_training_is_a_parent_with_a_child_per_candidate(store, small_training):
    runs = runs_of(f"sqlite:///{store / 'mlflow.db'}")
    assert {run.info.status for run in runs} == {"FINISHED"}
    parents = [run for run in runs if run.data.tags["role"] == "training"]
    assert sorted(run.info.run_name for run in parents) == ["first", "second"]
    for parent in parents:
        children = [
            run for run in runs
            if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id
        ]  # fmt: skip
        names = {child.data.params["candidate"] for child in children}
        assert names == set(small_training.forecasters)
        assert len({name.split(".")[0] for name in parent.data.metrics}) <= 40
        assert parent.data.metrics["forecast/broad_90d"] == 0.25
        wanted = {"commit", "data_digest", "definition", "versions", "trained_until"}
        assert wanted <= parent.data.tags.keys()
        assert {"seed", "threshold", "source", "until"} <= parent.data.params.keys()


def test_metrics_are_the_figures_of_the_tables(small_training):
    values = {m.key: m.value for m in metrics(small_training, "logistic")}
    table = small_training.verification
    row = table[(table["model"] == "logistic") & (table["kind"] == "broad")].set_index("horizon")
    for horizon, label in (("30", "30d"), ("90", "90d"), ("year", "year")):
        value = row.loc[horizon, "brier_skill"]
        assert values[f"brier_skill_{label}"] == pytest.approx(value, abs=1e-5)
    assert len(values) <= 36


def test_what_is_read_is_what_was_trained(copied_store, small_training):
    stored = load_forecaster(copied_store)
    assert stored.forecaster.name == "logistic"
    assert stored.forecaster.to_bytes() == small_training.forecasters["logistic"].to_bytes()
    assert stored.model_id.version == "3"
    other = load_forecaster(copied_store, "logistic_all")
    assert (other.forecaster.name, other.training_run) == ("logistic_all", stored.training_run)
    by_run = load_forecaster(copied_store, stored.training_run)
    assert by_run.sha256 == stored.sha256
    tables = load_tables(copied_store, stored.model_id.run_id)
    pd.testing.assert_frame_equal(
        tables.hindcast, small_training.hindcast, check_dtype=False, check_index_type=False
    )
    assert set(tables.verification["horizon"]) == {"30", "60", "90", "year"}


@pytest.mark.parametrize("model", ["7", "0" * 32, "lightgbm", "trial"])
def test_a_model_that_is_not_there_is_named(copied_store, model):
    with pytest.raises(TrackingError, match=model if model != "lightgbm" else "no candidate"):
        load_forecaster(copied_store, model)


@pytest.mark.parametrize("name", [FORECASTER_FILE, DIGESTS_FILE, "hindcast.parquet"])
def test_a_damaged_or_exchanged_artifact_is_refused(copied_store, name):
    stored = load_forecaster(copied_store)
    folder = Path(copied_store.removeprefix("sqlite:///")).parent / "mlartifacts"
    for path in folder.rglob(name):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(bytes(content))
    read = load_forecaster if name == FORECASTER_FILE else load_tables
    asked = () if name == FORECASTER_FILE else (stored.model_id.run_id,)
    with pytest.raises(TrackingError, match=f"{name} is not what was logged"):
        read(copied_store, *asked)


def test_mlflow_serves_probabilities_by_lead_of_what_was_logged(copied_store, lead_rows, tmp_path):
    content = load_forecaster(copied_store).forecaster.to_bytes()
    path = tmp_path / serving.served_file(content)
    path.write_bytes(content)
    found = serving._load_pyfunc(str(path)).predict(lead_rows[0].head(3))
    assert list(found) == list(serving.LEAD_COLUMNS)
    assert found.sum(axis=1).to_numpy() == pytest.approx(1)
    path.write_bytes(content[:-1])
    with pytest.raises(TrackingError, match="not what was logged"):
        serving._load_pyfunc(str(path))


def test_the_champion_moves_by_hand_and_back(copied_store):
    first, second = "1", "3"
    assert load_forecaster(copied_store).model_id.version == second
    made = registry.promote(copied_store, first, "a better one", WHO, WHEN)
    assert (made.version, made.tags["previous"]) == (first, second) or made.version == int(first)
    assert load_forecaster(copied_store).model_id.version == first
    with pytest.raises(TrackingError, match="champion already"):
        registry.promote(copied_store, first, "again", WHO, WHEN)
    registry.promote(copied_store, None, "it was worse", WHO, WHEN, hold=True)
    assert load_forecaster(copied_store).model_id.version == second
    with pytest.raises(TrackingError, match="no version 9"):
        registry.promote(copied_store, "9", "not there", WHO, WHEN)


def test_a_held_champion_is_replaced_by_no_training_until_resumed(
    copied_store, store, small_training
):
    registry.promote(copied_store, "3", "for the report", WHO, WHEN, hold=True)
    with training_run(copied_store, "altcoin-season", "again") as run:
        held = log_training(run, small_training, beside(), WHO, WHEN)
    assert (held.version, held.alias, held.champion) == ("5", CHALLENGER, "3")
    assert "for the report" in held.decision.reason
    assert registry.resume(copied_store, "done", WHO, WHEN) == "3"
    with pytest.raises(TrackingError, match="not held"):
        registry.resume(copied_store, "done", WHO, WHEN)
    # The folder was copied from elsewhere: it is written where it lies, and what lay there stays.
    assert load_forecaster(copied_store, "5").training_run == run.run_id
    assert len(list_versions(f"sqlite:///{store / 'mlflow.db'}")) == 4


TERMS = Terms(
    {"threshold": 75.0}, "reference", (30, 60), ("climatology", "pool"), "2026-01-01",
    "2026-01-01", "pool",
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "promoted", "words"),
    [
        ({}, True, "on the terms"),
        ({"until": "2026-02-01", "data_end": "2026-02-01"}, True, "on the terms"),
        ({"source": "yahoo"}, True, "on the terms"),
        ({"candidates": ("climatology", "pool", "more")}, True, "on the terms"),
        ({"source": "files"}, False, "another source"),
        ({"definition": {"threshold": 60.0}}, False, "another definition: threshold 60"),
        ({"horizons": (30,)}, False, "other horizons"),
        ({"candidates": ("climatology",)}, False, "without pool"),
        ({"data_end": "2026-03-01"}, False, "leaves out data"),
        ({"until": "2025-01-01", "data_end": "2025-01-01"}, False, "before the champion's"),
        ({"hold": "a reason"}, False, "version 4 is held: a reason"),
    ],
)
def test_a_training_replaces_the_champion_on_its_terms_alone(changes, promoted, words):
    changes = dict(changes)
    hold = changes.pop("hold", "")
    decision = decide(replace(TERMS, **changes), TERMS, version="4", hold=hold)
    assert decision.promote is promoted
    assert words in decision.reason


def test_a_training_that_breaks_off_is_failed_and_the_champion_stays(copied_store, small_training):
    class Broken(Exception):
        pass

    with pytest.raises(Broken), training_run(copied_store, "altcoin-season", "broken"):
        raise Broken
    by_name = {run.info.run_name: run.info.status for run in runs_of(copied_store)}
    assert by_name["broken"] == "FAILED"
    assert load_forecaster(copied_store).model_id.version == "3"


def test_versions_are_listed_with_skill_and_forecast(copied_store):
    every = list_versions(copied_store)
    assert [each.version for each in every] == ["4", "3", "2", "1"]
    chosen = every[1]
    assert (chosen.aliases, chosen.candidate) == ((CHAMPION,), "logistic")
    assert chosen.forecast == {"broad_90d": 0.25}
    text = versions_text(every)
    assert max(map(len, text.splitlines())) <= 100
    assert "25 %" in text
    assert '"altseason.versions/2"' in versions_json(every)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "there is no store"), (b"hello", "not an SQLite database"), ("table", "another prog")],
)
def test_what_is_no_store_is_refused_and_left_alone(tmp_path, content, words):
    path = tmp_path / "x.db"
    if content == "table":
        with closing(sqlite3.connect(path)) as held, held:
            held.execute("CREATE TABLE mine (a)")
    elif content is not None:
        path.write_bytes(content)
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(TrackingError, match=words):
        load_forecaster(f"sqlite:///{path}")
    assert (path.read_bytes() if path.exists() else None) == before


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("./mlruns", "does not use folders as stores any more"),
        ("file:///tmp/mlruns", "does not use folders as stores any more"),
        ("nonsense://x", "no such kind of address"),
        ("mysql+nodriver://x/y", "no such kind of address"),
    ],
)
def test_an_address_that_is_none_is_named_with_the_way_out(address, words):
    with pytest.raises(TrackingError, match=words):
        load_forecaster(address)


@pytest.mark.parametrize("name", ["a%20b", "why?"])
def test_a_folder_whose_name_is_part_of_an_address_is_refused(tmp_path, name):
    """MLflow would answer from the neighbour `a b`, and write there."""
    folder = tmp_path / name
    folder.mkdir()
    for uri in (f"sqlite:///{folder / 'mlflow.db'}", f"sqlite:///{folder / 'new.db'}"):
        (folder / "mlflow.db").touch()
        with pytest.raises(TrackingError, match=r"name another place|no store at"):
            load_forecaster(uri)
        with pytest.raises(TrackingError, match="name another place"), writing(uri):
            pass
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert [path.name for path in folder.iterdir()] == ["mlflow.db"]


def test_a_silent_server_is_given_up_at_the_deadline():
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        uri = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises((Unanswered, TrackingError), match="not answered within 1 s"):
            load_forecaster(uri, deadline=1)


def test_the_lock_of_another_writer_is_waited_for_and_named(copied_store, monkeypatch, caplog):
    monkeypatch.setattr(store_module, "_LOOK_SECONDS", 0.1)
    path = Path(copied_store.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(f"{path}.lock", isolation_level=None)) as held:
        held.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TrackingError, match=r"held the store .* for 0\.3 s"):
            registry.promote(copied_store, "1", "now", WHO, WHEN, deadline=0.3)
        assert "waiting for another program" in caplog.text
        held.execute("ROLLBACK")


def test_titles_tell_what_differs_from_a_default_training():
    started = pd.Timestamp("2026-06-07 08:09")
    until = pd.Timestamp("2026-06-06")
    assert run_title(Settings(), until, "reference", started) == ("7 Jun 08:09, data to 2026-06-06")
    other = Settings(seed=3, horizons=(30,))
    assert run_title(other, until, "yahoo", started) == (
        "7 Jun 08:09, yahoo, 30 days, seed 3, data to 2026-06-06"
    )


def test_the_ui_opens_on_the_trainings(copied_store):
    assert re.search(
        r"experiments/\d+/runs\?viewStateShareKey=trainings", find_address(copied_store)
    )
    assert experiment_tags()["mlflow.experimentKind"] == "custom_model_development"


_KILLED = """
import sys
from models.tracking.log import training_run
with training_run(sys.argv[1], "altcoin-season", "killed"):
    print("open", flush=True)
    import time
    time.sleep(60)
"""


def test_a_training_that_is_killed_leaves_the_champion_and_a_store_that_works(copied_store):
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, copied_store], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "open\n"
    process.kill()
    process.wait()
    process.stdout.close()
    assert load_forecaster(copied_store).model_id.version == "3"
    registry.promote(copied_store, "1", "still works", WHO, WHEN)


def _postgresql() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """An MLflow server on PostgreSQL, both real."""
    binaries = _postgresql()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed")
    folder = tmp_path_factory.mktemp("server")
    data = folder / "data"
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(folder, "postgres")
        for parent in (folder, *folder.parents):
            if parent.owner() == "root" and parent.stat().st_mode & 0o005 != 0o005:
                parent.chmod(parent.stat().st_mode | 0o055)
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True}
    subprocess.run([*user, binaries / "initdb", "-D", data, "-U", "ada", "-A", "trust"], **quiet)
    options = f"-p {port} -k {folder} -c fsync=off -c listen_addresses=127.0.0.1"
    subprocess.run([*user, binaries / "pg_ctl", "-D", data, "-w", "-o", options, "start"], **quiet)
    try:
        yield f"postgresql+psycopg2://ada@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*user, binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **quiet)


def test_a_training_on_postgresql_is_read_back_and_an_older_schema_left_alone(
    server, small_training
):
    names = ("climatology", "logistic")
    few = replace(small_training, forecasters={n: small_training.forecasters[n] for n in names})
    with training_run(server, "altcoin-season", "first", deadline=60) as run:
        log_training(run, few, beside(), WHO, WHEN)
    assert {each.candidate for each in list_versions(server)} == {"logistic"}
    assert load_forecaster(server).forecaster.name == "logistic"
    with sqlalchemy.create_engine(server).begin() as held:
        held.exec_driver_sql("UPDATE alembic_version SET version_num = '4465047574b1'")
    with pytest.raises(TrackingError, match="mlflow db upgrade"):
        load_forecaster(server)
