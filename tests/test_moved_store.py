"""A store that was moved or copied: its artifacts lie beside the database, wherever that is."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
from mlflow.tracking import MlflowClient

import predict
from models.errors import TrackingError
from models.tracking.location import beside, relocate
from models.tracking.model_versions import list_versions
from models.tracking.reading import load_forecaster
from models.tracking.registry import promote
from models.tracking.runs import log_later, training_run
from models.tracking.store import FORECASTER_FILE, MODEL_NAME, database
from models.tracking.tables import load_tables
from models.tracking.ui import find_address
from tests.commands import run_command

WHO, WHEN = "ada", "2026-01-02T03:04:05+00:00"


@pytest.fixture(scope="module")
def origin(make_record, tmp_path_factory) -> Path:
    """A folder with a store of one training; never changed, only copied."""
    folder = tmp_path_factory.mktemp("origin")
    log_later(make_record(), f"sqlite:///{folder / 'mlflow.db'}", WHO, WHEN)
    return folder


@pytest.fixture
def old(origin, tmp_path) -> Path:
    """A store at a place of its own, with the paths of that place in it."""
    folder = tmp_path / "old"
    shutil.copytree(origin, folder)
    relocate(folder / "mlflow.db")
    return folder


def uri_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'mlflow.db'}"


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*") if path.is_file() and "mlflow.db" not in path.name
    }  # fmt: skip


def paths_in(folder: Path) -> str:
    with closing(sqlite3.connect(folder / "mlflow.db")) as held:
        return "\n".join(held.iterdump())


def test_a_moved_store_is_read(old, tmp_path):
    before = load_forecaster(uri_of(old))
    new = tmp_path / "a new place, 100 %"
    old.rename(new)
    stored = load_forecaster(uri_of(new))
    assert (stored.sha256, stored.model_id) == (before.sha256, before.model_id)
    assert len(load_tables(uri_of(new), stored.model_id.run_id).verification)
    assert len(list_versions(uri_of(new))) == 2


def test_reading_writes_nothing(old, tmp_path):
    new = old.rename(tmp_path / "new")
    (new / "mlflow.db").chmod(0o444)
    before = (new / "mlflow.db").read_bytes()
    load_forecaster(uri_of(new))
    assert (new / "mlflow.db").read_bytes() == before


def test_predict_finds_the_model_of_a_moved_store(old, tmp_path):
    new = old.rename(tmp_path / "new")
    result = run_command(predict.app, "--tracking-uri", uri_of(new), "--as-of", "2018-06-30")
    assert result.exit_code == 0, result.stderr


def test_a_copy_is_read_from_its_own_artifacts(old, tmp_path):
    new = tmp_path / "copy"
    shutil.copytree(old, new)
    for path in old.rglob(FORECASTER_FILE):
        path.write_bytes(b"another model")
    assert load_forecaster(uri_of(new)).model_id.version == "1"
    with pytest.raises(TrackingError, match="is not what was logged"):
        load_forecaster(uri_of(old))


def test_training_again_in_a_copy_leaves_the_old_place_alone(old, tmp_path, make_record):
    new = tmp_path / "copy"
    shutil.copytree(old, new)
    before, database_before = tree(old), (old / "mlflow.db").read_bytes()
    assert log_later(make_record("again"), uri_of(new), WHO, WHEN).version == "3"
    assert tree(old) == before
    assert (old / "mlflow.db").read_bytes() == database_before
    assert len(tree(new)) == pytest.approx(2 * len(before), abs=2)
    assert f"{old}/" not in paths_in(new)
    assert load_forecaster(uri_of(new), "3").model_id.version == "3"


def test_a_writer_brings_the_paths_up_to_date_for_mlflow(old, tmp_path):
    new = old.rename(tmp_path / "new")
    promote(uri_of(new), "2", "why not", WHO, WHEN)
    assert str(old) not in paths_in(new)
    client = MlflowClient(uri_of(new), uri_of(new))
    mlflow.set_tracking_uri(uri_of(new))
    source = client.get_model_version(MODEL_NAME, "2").source
    assert mlflow.pyfunc.load_model(source).metadata.signature is not None


def test_the_address_of_the_ui_does_so_too(old, tmp_path):
    new = old.rename(tmp_path / "new")
    assert "/runs" in find_address(uri_of(new))
    assert str(old) not in paths_in(new)


def test_a_database_copied_alone_reads_the_old_artifacts_and_writes_beside_itself(old, tmp_path):
    new = tmp_path / "alone"
    new.mkdir()
    shutil.copy(old / "mlflow.db", new)
    assert load_forecaster(uri_of(new)).model_id.version == "1"
    with training_run(uri_of(new), "altcoin-season", "again", 0) as run:
        place = MlflowClient(uri_of(new)).get_run(run.run_id).info.artifact_uri
    assert place.startswith((new.resolve() / "mlartifacts").as_uri())
    assert load_forecaster(uri_of(new)).model_id.version == "1"


def test_a_relative_address_means_the_same(old, tmp_path, monkeypatch):
    new = old.rename(tmp_path / "new")
    monkeypatch.chdir(new.parent)
    assert load_forecaster("sqlite:///new/mlflow.db").model_id.version == "1"
    monkeypatch.chdir(new)
    assert load_forecaster("sqlite:///mlflow.db").model_id.version == "1"
    promote("sqlite:///mlflow.db", "2", "why not", WHO, WHEN)
    monkeypatch.chdir("/")
    assert load_forecaster(uri_of(new)).model_id.version == "2"
    assert str(old) not in paths_in(new)


def test_lost_artifacts_are_told_as_that(old):
    shutil.rmtree(old / "mlartifacts")
    with pytest.raises(TrackingError) as error:
        load_forecaster(uri_of(old))
    assert "which its training logged, cannot be read" in str(error.value)
    assert f"looked for in {old.resolve() / 'mlartifacts'}" in str(error.value)
    assert "Move the folder mlartifacts" in str(error.value)


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        ("file:///gone/mlartifacts/a", True),
        ("/gone/mlartifacts/a", True),
        ("file:///mlartifacts/x/mlartifacts/a", True),
        ("file:///gone/mlartifacts/absent", False),
        ("file:///gone/mlartifacts/../a", False),
        ("file:///gone/mlruns/a", False),
        ("file://host/mlartifacts/a", False),
        ("s3://bucket/mlartifacts/a", False),
        ("mlflow-artifacts:/a", False),
    ],
)
def test_only_what_is_ours_is_looked_for_beside(tmp_path, stored, found):
    place = tmp_path / "mlartifacts" / "a"
    place.mkdir(parents=True)
    expected = place.resolve() if found else None
    assert beside(tmp_path / "mlflow.db", stored) == expected


def test_a_database_of_another_kind_is_left_alone(tmp_path):
    path = tmp_path / "other.db"
    assert relocate(path) == 0
    assert not path.exists()
    with closing(sqlite3.connect(path)) as held:
        held.execute("CREATE TABLE runs (name TEXT)")
        held.commit()
    assert relocate(path) == 0


def test_options_of_the_driver_are_no_part_of_the_path():
    assert database("sqlite:///mlflow.db?timeout=60") == Path("mlflow.db")
