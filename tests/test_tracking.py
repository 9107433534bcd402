"""What a training leaves in a store, whatever befalls the store."""

from __future__ import annotations

import gzip
import json
import runpy
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import mlflow
import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    BAD_REQUEST,
    RESOURCE_DOES_NOT_EXIST,
    TEMPORARILY_UNAVAILABLE,
)
from mlflow.tracking import MlflowClient

import predict
import train
from models.errors import TrackingError
from models.formatting import short_interval
from models.tracking import registry
from models.tracking.champion import Promotion, make_champion
from models.tracking.listing import versions_text
from models.tracking.model_versions import list_versions
from models.tracking.promotion import HAND
from models.tracking.reading import load_forecaster
from models.tracking.registry import promote, rollback
from models.tracking.runs import log_later, training_run
from models.tracking.store import FORECASTER_FILE, MODEL_NAME, insist, quoted, shown, why
from models.tracking.training_record import keep, read_record
from models.tracking.ui import find_address, ui_command
from models.verification.gate import Choice
from tests.commands import ROOT, client_of, run_command, runs_of, squeezed

WHO, WHEN = "ada", "2026-01-02T03:04:05+00:00"


@pytest.fixture(scope="module")
def small_record(make_record):
    """The record of the small training."""
    return make_record()


@pytest.fixture(scope="module")
def logged(small_record, tmp_path_factory):
    """A store with one training; never changed."""
    folder = tmp_path_factory.mktemp("logged")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    log_later(small_record, uri, WHO, WHEN)
    return uri


@pytest.fixture
def store(logged, tmp_path) -> str:
    """A copy of that store, artifacts where they were."""
    database = Path(logged.removeprefix("sqlite:///"))
    shutil.copy(database, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


# --- what is logged ------------------------------------------------------------------------------


def test_names_tags_and_params(logged):
    runs = {each.info.run_name: each for each in runs_of(logged)}
    assert set(runs) == {"small", "climatology, small", "persistence, small", "logistic, small"}
    parent, child = runs["small"], runs["logistic, small"]
    assert parent.data.tags["gate_choice"] == "logistic"
    assert parent.data.tags["alias"] == "champion, challenger"
    assert child.data.tags["alias"] == "champion"
    assert parent.data.tags["candidates"] == "climatology,persistence,logistic"
    assert child.data.params.keys() == {
        "candidate", "seed", "source", "threshold", "until", "window",
    }  # fmt: skip
    # No list among them: parallel coordinates could not lay one on an axis.
    assert not [v for each in runs.values() for v in each.data.params.values() if "," in v]
    ends = [child.data.metrics[f"brier_skill_30d_{end}"] for end in ("low", "high")]
    assert child.data.tags["skill_30d"] == short_interval(*ends)
    assert len(child.data.tags["skill_30d"]) <= 12
    assert runs["climatology, small"].data.tags["skill"] == "reference"
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id


def test_the_runs_keep_the_hours_of_the_training(logged):
    for each in runs_of(logged):
        assert (each.info.start_time, each.info.end_time) == (1_700_000_000_000, 1_700_000_060_000)
        assert each.info.status == "FINISHED"


def test_the_metrics_are_those_of_the_tables(logged, small_training):
    (child,) = (r for r in runs_of(logged) if r.info.run_name == "logistic, small")
    table = small_training.verification
    row = table[(table["model"] == "logistic") & (table["kind"] == "broad")
                & (table["horizon_days"] == 60)].iloc[0]  # fmt: skip
    for name, key in [
        ("brier_skill", "brier_skill_60d"), ("brier_skill_low", "brier_skill_60d_low"),
        ("auc", "more/auc_60d"), ("episodes", "more/episodes_60d"),
    ]:  # fmt: skip
        assert child.data.metrics[key] == pytest.approx(row[name], abs=1e-5)
    assert min(child.data.metrics) == "brier_skill"


def test_a_years_score_is_its_days_mean(small_training):
    import numpy as np

    table = small_training.hindcast
    own = table[(table["model"] == "logistic") & (table["kind"] == "broad")
                & table["outcome"].notna() & (table["as_of"].dt.year == 2018)]  # fmt: skip
    p, y = own["probability"].to_numpy(), own["outcome"].to_numpy()
    by_hand = -np.mean(np.log(np.where(y == 1, p, 1 - p)))
    assert small_training.yearly_log_scores("logistic")[2018] == pytest.approx(by_hand)


def test_the_data_show_name_digest_and_source(logged, small_training):
    for each in runs_of(logged):
        (used,) = each.inputs.dataset_inputs
        assert used.dataset.name == "market-panel"
        assert small_training.data_digest.startswith(used.dataset.digest)
        assert json.loads(used.dataset.source)["source"] == "reference until 2018-12-31"
        assert json.loads(used.dataset.profile) == {"source": "reference until 2018-12-31"}


def test_choice_leads_and_the_best_other_challenges(logged):
    client = client_of(logged)
    model = client.get_registered_model(MODEL_NAME)
    assert "predict.py" in model.description
    assert {alias: str(at) for alias, at in model.aliases.items()} == {
        "champion": "1", "challenger": "2",
    }  # fmt: skip
    champion = client.get_model_version(MODEL_NAME, "1")
    assert champion.tags["candidate"] == "logistic"
    assert champion.tags["promoted_by"] == "gate"
    assert champion.tags["promoted_by_user"] == WHO
    assert champion.tags["promoted_at"] == WHEN
    assert champion.tags["promotion_reason"] == "there was no champion"
    assert client.get_run(champion.run_id).info.run_name == "logistic, small"
    assert client.get_model_version(MODEL_NAME, "2").tags["candidate"] == "persistence"
    signature = mlflow.models.get_model_info(champion.source).signature
    assert signature.inputs.input_names()[-1] == "threshold"


def test_the_experiment_explains_itself(logged):
    experiment = client_of(logged).get_experiment_by_name("altcoin-season")
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    assert "90 % interval, made for overlapping windows" in experiment.tags["mlflow.note.content"]
    view = json.loads(experiment.tags["mlflow.sharedViewState.trainings"])
    columns = json.loads(view["state"])["selectedColumns"]
    tags = {name for each in runs_of(logged) for name in each.data.tags}
    metrics = {name for each in runs_of(logged) for name in each.data.metrics}
    params = {name for each in runs_of(logged) for name in each.data.params}
    shown_here = {
        f"{room}.`{name}`"
        for room, names in (("tags", tags), ("metrics", metrics), ("params", params))
        for name in names
    }
    assert len(columns) == 11
    # Not verified in this training; and there was no champion to be compared with.
    assert set(columns) - shown_here == {"metrics.`brier_skill_90d`", "tags.`comparable`"}
    assert find_address(logged).endswith(
        f"/#/experiments/{experiment.experiment_id}/runs"
        "?viewStateShareKey=trainings&workflowType=machine_learning"
    )


# --- champion, challenger, rollback --------------------------------------------------------------


def test_a_repeated_training_replaces_the_champion(store, make_record):
    registered = log_later(make_record("again"), store, WHO, WHEN)
    assert registered.decision.promote
    assert registered.champion == registered.version == "3"
    assert client_of(store).get_model_version(MODEL_NAME, "3").tags["previous_champion"] == "1"


def test_a_trial_becomes_challenger(store, make_record, tmp_path):
    path = keep(make_record("trial", data_end="2025-12-10"), tmp_path)
    result = run_command(train.app, "log", path, "--tracking-uri", store)
    assert result.exit_code == 0, result.output
    assert "alias challenger: --until 2018-12-31 leaves out data until 2025-12-10" in result.stdout
    assert f"train.py promote 3 --reason TEXT --tracking-uri {store}" in result.stdout
    assert load_forecaster(store).model_id.version == "1"
    assert load_forecaster(store, "challenger").model_id.version == "3"
    tags = client_of(store).get_model_version(MODEL_NAME, "3").tags
    assert tags["not_promoted"].startswith("--until 2018-12-31")
    by_hand = run_command(
        train.app, "promote", "3", "--reason", "I know why", "--tracking-uri", store
    )
    assert by_hand.exit_code == 0, by_hand.output
    assert load_forecaster(store).model_id.version == "3"
    assert "not_promoted" not in client_of(store).get_model_version(MODEL_NAME, "3").tags


def test_where_only_climatology_is_left_it_becomes_champion(store, make_record):
    choice = Choice("climatology", "no candidate has skill")
    registered = log_later(make_record("bad news", choice=choice), store, WHO, WHEN)
    assert registered.decision.promote
    assert load_forecaster(store).forecaster.name == "climatology"


def test_no_promote_keeps_the_champion(store, make_record):
    registered = log_later(make_record("again"), store, WHO, WHEN, promote=False)
    assert registered.decision == (False, "--no-promote was given")
    assert load_forecaster(store).model_id.version == "1"


def test_promote_and_rollback_leave_who_why_and_when(store, make_record):
    assert promote(store, "2", "to try it", WHO, WHEN).aliases == ("champion",)
    tags = client_of(store).get_model_version(MODEL_NAME, "2").tags
    assert tags["promoted_by"] == "hand"
    assert tags["promotion_reason"] == "to try it"
    assert tags["previous_champion"] == "1"
    held = log_later(make_record("later"), store, WHO, WHEN)
    assert "although its gate had chosen another" in held.decision.reason
    assert rollback(store, "it broke", WHO, WHEN).version == "1"
    assert load_forecaster(store).model_id.version == "1"
    assert "it broke" in client_of(store).get_model_version(MODEL_NAME, "2").tags["rolled_back"]
    assert "rolled back to" in log_later(make_record("x"), store, WHO, WHEN).decision.reason
    with pytest.raises(TrackingError, match="none was before it"):
        rollback(store, "again", WHO, WHEN)


def test_two_rollbacks_go_two_back(store):
    promote(store, "2", "one", WHO, WHEN)
    client_of(store).copy_model_version(f"models:/{MODEL_NAME}/1", MODEL_NAME)
    promote(store, "3", "two", WHO, WHEN)
    assert [rollback(store, "back", WHO, WHEN).version for _ in range(2)] == ["2", "1"]


def test_a_silent_store_is_not_without_champion(store, make_record, monkeypatch):
    """A trial must not become champion because the question for the present one failed."""

    def down(self, name):
        raise MlflowException("no answer", error_code=TEMPORARILY_UNAVAILABLE)

    trial = make_record("trial", data_end="2025-12-10")
    with monkeypatch.context() as while_down:
        while_down.setattr(MlflowClient, "get_registered_model", down)
        with pytest.raises(TrackingError, match="failed: no answer"):
            log_later(trial, store, WHO, WHEN)
    assert load_forecaster(store).model_id.version == "1"
    # What broke while it was registered is not in the store: its file can still be logged.
    assert log_later(trial, store, WHO, WHEN).decision.promote is False


def test_a_champion_made_meanwhile_is_asked_for_again(store, make_record, monkeypatch):
    """On a server nothing keeps two trainings from registering at once."""
    alone = registry._create

    def interrupted(client, *arguments):
        monkeypatch.setattr(registry, "_create", alone)
        make_champion(client, "2", Promotion(WHEN, WHO, "meanwhile", HAND, "1"))
        return alone(client, *arguments)

    monkeypatch.setattr(registry, "_create", interrupted)
    registered = log_later(make_record("late"), store, WHO, WHEN)
    assert "although its gate had chosen another" in registered.decision.reason
    assert (registered.champion, registered.challenger) == ("2", registered.version)
    assert load_forecaster(store).model_id.version == "2"


def test_versions_are_listed_with_their_skill(logged):
    newest, champion = list_versions(logged)
    assert (newest.version, newest.aliases) == ("2", ("challenger",))
    assert (champion.candidate, champion.gate_choice) == ("logistic", True)
    value, low, high = champion.skill["brier_skill_30d"]
    assert low <= value <= high
    text = versions_text([newest, champion])
    assert f"{value:+.2f}" in text
    assert max(map(len, text.splitlines())) <= 100
    assert "Version 1, champion by gate: there was no champion" in text
    printed = json.loads(
        run_command(train.app, "versions", "--json", "--tracking-uri", logged).stdout
    )
    assert printed["schema"] == "altseason.versions/1"
    assert printed["versions"][1]["skill"]["brier_skill_30d"]["value"] == value


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["promote", "1", "--reason", "x"], 1, "version 1 is champion already"),
        (["promote", "9", "--reason", "x"], 1, "holds no version '9'"),
        (["promote", "one", "--reason", "x"], 1, "holds no version 'one'"),
        (["promote", "2"], 2, "--reason"),
        (["promote", "2", "--reason", "  "], 2, "must say something"),
        (["rollback", "--reason", "x"], 1, "version 1 is champion and none was before it"),
        (["log", "nowhere.zip"], 1, "nowhere.zip cannot be read: No such file"),
        (["log", "."], 1, ". cannot be read"),
    ],
)
def test_mistakes_get_one_message(arguments, code, message, store):
    result = run_command(train.app, *arguments, "--tracking-uri", store)
    assert result.exit_code == code
    assert message in squeezed(result.stderr)
    assert "Traceback" not in result.output
    assert load_forecaster(store).model_id.version == "1"


@pytest.mark.parametrize("command", [["versions"], ["rollback", "--reason", "x"]])
def test_a_missing_store_is_not_made(command, tmp_path):
    result = run_command(train.app, *command, "--tracking-uri", f"sqlite:///{tmp_path / 'none.db'}")
    assert result.exit_code == 1
    assert "there is no store at" in result.stderr
    assert not list(tmp_path.iterdir())


# --- kept in a file ------------------------------------------------------------------------------


def test_a_record_survives_its_file(small_record, tmp_path):
    path = keep(small_record, tmp_path)
    read = read_record(path)
    assert read == replace(small_record, parent=read.parent)
    assert read.digest == small_record.digest
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_file_is_logged_once(store, make_record, tmp_path):
    path = keep(make_record("once"), tmp_path)
    assert run_command(train.app, "log", path, "--tracking-uri", store).exit_code == 0
    again = run_command(train.app, "log", path, "--tracking-uri", store)
    assert again.exit_code == 1
    assert "is in the store already, as run" in again.stderr
    assert len(list_versions(store)) == 4


def test_a_broken_run_points_to_the_later_one(store, make_record):
    with (
        pytest.raises(RuntimeError),
        training_run(store, "altcoin-season", "broken", 1_700_000_000_000) as broken,
    ):
        raise RuntimeError
    log_later(make_record("later", run_id=broken.run_id), store, WHO, WHEN)
    found = client_of(store).get_run(broken.run_id)
    assert found.info.status == "FAILED"
    later = client_of(store).get_run(found.data.tags["logged_later_as"])
    assert later.info.run_name == "later"


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    else:
        with zipfile.ZipFile(path) as file:
            parts = {name: file.read(name) for name in file.namelist()}
        manifest = json.loads(parts["run.json"])
        if how == "content":
            name = next(name for name in parts if name != "run.json")
            parts[name] += b"x"
        elif how == "outside":
            files = manifest["parent"]["files"]
            files["../../escaped.csv"] = files["features.csv"]
        elif how == "schema":
            manifest["schema"] = "altseason.run/9"
        else:
            del manifest["children"]
        parts["run.json"] = json.dumps(manifest).encode()
        with zipfile.ZipFile(path, "w") as file:
            for name, part in parts.items():
                file.writestr(name, part)


@pytest.mark.parametrize("how", ["cut", "empty", "content", "outside", "schema", "missing"])
def test_a_damaged_file_is_refused(how, small_record, tmp_path):
    path = keep(small_record, tmp_path)
    damage(path, how)
    with pytest.raises(TrackingError, match="is no record of a training"):
        read_record(path)


def test_an_unwritable_file_goes_to_the_temporary_directory(small_record, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    assert keep(small_record, Path("/proc/nowhere")).parent == tmp_path
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/proc/nowhere")
    with pytest.raises(TrackingError, match="nor can the training be kept"):
        keep(small_record, Path("/proc/nowhere"))


# --- stores that fail ----------------------------------------------------------------------------


def test_an_older_schema_is_one_message(store):
    with closing(sqlite3.connect(store.removeprefix("sqlite:///"))) as database:
        database.execute("UPDATE alembic_version SET version_num = '1b5f0d9ad7c1'")
        database.commit()
    result = run_command(train.app, "--tracking-uri", store)
    assert result.exit_code == 1
    assert "cannot be opened: its schema is older than that of this MLflow" in result.stderr
    assert "mlflow db upgrade" in result.stderr
    assert "hindcast" not in result.stderr


def test_a_full_disk_keeps_the_champion(logged, make_record, tmp_path):
    """A file system of its own, of a size at which the last figures no longer fit."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    uri = f"sqlite:///{place / 'mlflow.db'}"
    try:
        shutil.copy(logged.removeprefix("sqlite:///"), place / "mlflow.db")
        with closing(sqlite3.connect(place / "mlflow.db")) as database:
            database.execute("UPDATE experiments SET artifact_location = ?",
                             (f"file://{place}/mlartifacts",))  # fmt: skip
            database.commit()
        (place / "ballast").write_bytes(bytes(shutil.disk_usage(place).free - 200_000))
        with pytest.raises(TrackingError, match=r"failed: .*(full|space)"):
            log_later(make_record("too much"), uri, WHO, WHEN)
        (place / "ballast").unlink()
        assert load_forecaster(uri).model_id.version == "1"
        assert len(list_versions(uri)) == 2
        assert log_later(make_record("fits again"), uri, WHO, WHEN).version == "3"
    finally:
        mlflow.set_tracking_uri("")
        subprocess.run(["umount", "-l", str(place)], check=True)


def is_ready() -> bool:
    """Asked of another process, it answers when that has imported all it needs."""
    return True


def log_in_process(uri: str, path: str) -> str:
    return log_later(read_record(Path(path)), uri, WHO, WHEN).version


def test_concurrent_trainings_leave_one_champion(make_record, tmp_path):
    """Two processes on a store that neither has made yet."""
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    paths = [str(keep(make_record(f"number {n}"), tmp_path)) for n in range(2)]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(is_ready).result()
        other = pool.submit(log_in_process, uri, paths[0])
        versions = [log_in_process(uri, paths[1]), other.result()]
    runs = runs_of(uri)
    assert len(runs) == 2 * 4
    assert {each.info.status for each in runs} == {"FINISHED"}
    assert len(set(versions)) == 2
    found = list_versions(uri)
    assert len(found) == 4
    (champion,) = (each for each in found if "champion" in each.aliases)
    assert champion.version in versions


# --- nothing in a store is run, nothing changed is used ------------------------------------------


def forecaster_files(uri: str, run_name: str) -> tuple[Path, Path]:
    """The forecaster as artifact of its run and in its model."""
    client = client_of(uri)
    (found,) = (r for r in runs_of(uri) if r.info.run_name == run_name)
    place = Path(found.info.artifact_uri.removeprefix("file://"), FORECASTER_FILE)
    (version,) = client.search_model_versions(f"run_id = '{found.info.run_id}'")
    logged = client.get_logged_model(version.source.removeprefix("models:/"))
    model = Path(logged.artifact_location.removeprefix("file://"))
    return place, next(model.rglob("forecaster-*.json.gz"))


def test_a_changed_forecaster_is_refused(store, make_record):
    uri = store
    log_later(make_record("changed"), uri, WHO, WHEN)
    mlflow.set_tracking_uri(uri)
    assert mlflow.pyfunc.load_model(f"models:/{MODEL_NAME}@champion") is not None
    for path in forecaster_files(uri, "logistic, changed"):
        content = json.loads(gzip.decompress(path.read_bytes()))
        content["forecaster"]["evidence"]["reason"] = "believe me"
        path.write_bytes(gzip.compress(json.dumps(content).encode(), mtime=0))
    with pytest.raises(TrackingError, match="not what was logged"):
        load_forecaster(uri)
    with pytest.raises(TrackingError, match="not what was logged"):
        mlflow.pyfunc.load_model(f"models:/{MODEL_NAME}@champion")
    result = run_command(predict.app, "--tracking-uri", uri, "--as-of", "2018-12-31")
    assert result.exit_code == 1
    assert "Traceback" not in result.output


def test_no_pickle_is_in_the_store(logged):
    folder = Path(logged.removeprefix("sqlite:///")).parent
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "MLmodel" for path in files)
    pickles = [path for path in files if path.suffix in (".pkl", ".pickle", ".joblib")
               or path.read_bytes()[:2] in (b"\x80\x04", b"\x80\x05")]  # fmt: skip
    assert not pickles


# --- small things --------------------------------------------------------------------------------


def test_a_blocked_write_is_repeated():
    left = [MlflowException("duplicate key", error_code=BAD_REQUEST)] * 2

    def write():
        if left:
            raise left.pop()

    insist(write)
    assert not left
    other = MlflowException("no such version", error_code=RESOURCE_DOES_NOT_EXIST)
    left = [other]
    with pytest.raises(MlflowException, match="no such version"):
        insist(write)


def test_the_reason_is_the_first_line():
    autoflush = "(raised as a result of Query-invoked autoflush; consider ...)\npermission denied."
    assert why(RuntimeError(autoflush)) == "permission denied"
    assert why(RuntimeError("\n one\ntwo")) == "one"
    assert why(RuntimeError()) == "RuntimeError"


def test_a_server_down_is_not_without_model(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    for command in (["versions"], ["promote", "1", "--reason", "x"]):
        result = run_command(train.app, *command, "--tracking-uri", "http://127.0.0.1:9")
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.rstrip(".\n").endswith("it does not answer (Connection refused)")
    with pytest.raises(TrackingError, match="cannot be read: it does not answer"):
        load_forecaster("http://127.0.0.1:9")


def test_a_printed_command_bears_blanks_and_hides_passwords():
    assert quoted("sqlite:////a b/mlflow.db") == "'sqlite:////a b/mlflow.db'"
    assert "secret" not in ui_command("postgresql://ada:secret@host/db")


def test_a_password_is_not_shown():
    assert shown("postgresql://ada:secret@host/db") == "postgresql://ada:***@host/db"
    assert shown("sqlite:///mlflow.db") == "sqlite:///mlflow.db"


def test_the_module_prints_the_stores_address(logged, tmp_path, monkeypatch, capsys):
    module = str(ROOT / "models" / "tracking" / "ui.py")
    monkeypatch.setattr(sys, "argv", [module, logged])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(module, run_name="__main__")
    assert ended.value.code in (None, 0)
    assert capsys.readouterr().out.startswith("Open http://127.0.0.1:5000/#/experiments/")
    monkeypatch.setattr(sys, "argv", [module, f"sqlite:///{tmp_path}/none.db"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(module, run_name="__main__")
    assert "there is no store at" in f"{ended.value}{capsys.readouterr().err}"
