"""Evidence that was changed after it was logged is refused, wherever it is read back."""

from __future__ import annotations

import json
import shutil
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

import predict
import train
from models.errors import TrackingError
from models.seal import KEY_VARIABLE, digest
from models.tracking.manifest import MANIFEST_FILE, MANIFEST_TAG, SIGNATURE_TAG
from models.tracking.model_versions import list_versions
from models.tracking.reading import load_forecaster
from models.tracking.runs import log_later
from models.tracking.store import FORECASTER_FILE, MODEL_NAME
from models.tracking.table_schema import TABLES, read_checked
from models.tracking.tables import load_tables
from models.tracking.training_record import keep, read_record
from tests.commands import run_command

WHO, WHEN = "ada", "2026-01-02T03:04:05+00:00"
SECRET = "of the one who trains"


@pytest.fixture(scope="module")
def logged(make_record, empty_database, tmp_path_factory):
    """A store with one signed training; never changed."""
    folder = tmp_path_factory.mktemp("sealed")
    uri = f"sqlite:///{shutil.copy(empty_database, folder / 'mlflow.db')}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_VARIABLE, SECRET)
        log_later(make_record(), uri, WHO, WHEN)
    return folder


@pytest.fixture
def place(logged, tmp_path):
    """A copy of that store with its artifacts."""
    shutil.copytree(logged, tmp_path / "store")
    with closing(sqlite3.connect(tmp_path / "store" / "mlflow.db")) as database:
        for table, column in (("runs", "artifact_uri"), ("experiments", "artifact_location")):
            database.execute(
                f"UPDATE {table} SET {column} = replace({column}, ?, ?)",
                (str(logged), str(tmp_path / "store")),
            )
        database.commit()
    return tmp_path / "store"


def uri_of(place: Path) -> str:
    return f"sqlite:///{place / 'mlflow.db'}"


def artifact(place: Path, name: str, candidate: str = "logistic") -> Path:
    """Return where the training's artifact is, or a candidate's forecaster."""
    client = MlflowClient(uri_of(place), uri_of(place))
    title = f"{candidate}, small" if name == FORECASTER_FILE else "small"
    (run,) = (r for r in client.search_runs(["1"]) if r.info.run_name == title)
    return Path(run.info.artifact_uri.removeprefix("file://"), name)


def execute(place: Path, statement: str, *values: str) -> None:
    with closing(sqlite3.connect(place / "mlflow.db")) as database:
        assert database.execute(statement, values).rowcount
        database.commit()


def report(place: Path, *options: object):
    page = place / "page.html"
    result = run_command(
        predict.app, "--tracking-uri", uri_of(place), "--as-of", "2019-01-15", "--report", page,
        *options,
    )  # fmt: skip
    assert page.exists() == (result.exit_code == 0)
    return result


def test_what_was_logged_is_read(place, small_training):
    stored = load_forecaster(uri_of(place))
    assert stored.sealed
    tables = load_tables(uri_of(place), stored.model_id.run_id)
    assert len(tables.hindcast) == len(small_training.hindcast)
    manifest = json.loads(artifact(place, MANIFEST_FILE).read_bytes())
    held = manifest["parent"]["files"]["verification.csv"]
    content = artifact(place, "verification.csv").read_bytes()
    assert held == {"size": len(content), "sha256": digest(content)}
    for version in list_versions(uri_of(place)):
        tags = MlflowClient(uri_of(place), uri_of(place)).get_model_version(
            MODEL_NAME, version.version
        ).tags  # fmt: skip
        assert tags[MANIFEST_TAG] == digest(artifact(place, MANIFEST_FILE).read_bytes())
        assert len(tags[SIGNATURE_TAG]) == 64


@pytest.mark.parametrize("name", [*(n for n in TABLES if n != "claims.csv"), MANIFEST_FILE])
@pytest.mark.parametrize("how", ["flattered", "longer", "gone"])
def test_a_changed_artifact_is_refused(name, how, place):
    path = artifact(place, name)
    content = path.read_bytes()
    if how == "gone":
        path.unlink()
    else:
        at = len(content) // 2
        path.write_bytes(
            content + b"\n" if how == "longer" else content[:at] + b"9" + content[at + 1 :]
        )
    said = "cannot be read" if how == "gone" else "is not what was logged"
    run_id = list_versions(uri_of(place))[-1].run_id
    with pytest.raises(TrackingError, match=rf"{name}.*{said}|{said}.*{name}"):
        load_tables(uri_of(place), run_id)


def test_a_flattering_table_with_a_manifest_to_match_is_refused(place):
    """All that a writer of artifacts can do."""
    table = artifact(place, "verification.csv")
    old = table.read_bytes()
    flattered = pd.read_csv(table).assign(brier_skill=0.99).to_csv(index=False).encode()
    table.write_bytes(flattered)
    manifest = artifact(place, MANIFEST_FILE)
    text = manifest.read_text()
    for before, after in (
        (digest(old), digest(flattered)),
        (f": {len(old)}", f": {len(flattered)}"),
    ):
        assert before in text
        text = text.replace(before, after)
    manifest.write_text(text)
    result = report(place)
    assert result.exit_code == 1
    assert f"{MANIFEST_FILE} is not what was logged" in result.stderr


def test_whoever_writes_the_database_too_is_seen_with_a_key_only(place, monkeypatch):
    manifest = artifact(place, MANIFEST_FILE)
    table = artifact(place, "verification.csv")
    old = table.read_bytes()
    table.write_bytes(pd.read_csv(table).assign(brier_skill=0.99).to_csv(index=False).encode())
    stored = json.loads(manifest.read_text())
    new = table.read_bytes()
    stored["parent"]["files"]["verification.csv"] = {"size": len(new), "sha256": digest(new)}
    before = digest(manifest.read_bytes())
    manifest.write_text(json.dumps(stored))
    after = digest(manifest.read_bytes())
    for kind in ("tags", "model_version_tags"):
        execute(place, f"UPDATE {kind} SET value = ? WHERE value = ?", after, before)
    assert old != new
    assert report(place).exit_code == 0  # nothing is left that could show it
    (place / "page.html").unlink()
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    result = report(place)
    assert result.exit_code == 1
    assert f"its signature is not that of {KEY_VARIABLE}" in result.stderr
    execute(place, "DELETE FROM tags WHERE key = ?", SIGNATURE_TAG)
    execute(place, "DELETE FROM model_version_tags WHERE key = ?", SIGNATURE_TAG)
    assert "it is not signed" in report(place).stderr


def test_a_signed_store_is_read_with_its_key_and_without(place, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    assert load_forecaster(uri_of(place)).sealed
    monkeypatch.setenv(KEY_VARIABLE, "another")
    with pytest.raises(TrackingError, match="its signature is not that of"):
        load_forecaster(uri_of(place))


@pytest.mark.parametrize("of", ["tags", "model_version_tags"])
def test_tags_that_contradict_each_other_are_refused(of, place):
    execute(place, f"UPDATE {of} SET value = ? WHERE key = ?", "0" * 64, MANIFEST_TAG)
    assert "is not that of its version" in report(place).stderr


def test_a_store_of_the_release_before_gives_forecasts_but_no_evidence(place, monkeypatch):
    artifact(place, MANIFEST_FILE).unlink()
    for kind in ("tags", "model_version_tags"):
        execute(place, f"DELETE FROM {kind} WHERE key IN (?, ?)", MANIFEST_TAG, SIGNATURE_TAG)
    plain = run_command(predict.app, "--tracking-uri", uri_of(place), "--as-of", "2019-01-15")
    assert plain.exit_code == 0
    assert "warning: this model was logged by an earlier release" in plain.stderr
    result = report(place)
    assert result.exit_code == 1
    assert "did not seal its tables, so that they are no evidence; train again" in result.stderr
    path = artifact(place, FORECASTER_FILE)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(TrackingError, match="is not what was logged"):
        load_forecaster(uri_of(place))
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    with pytest.raises(TrackingError, match="of a release before signatures"):
        load_forecaster(uri_of(place))


# --- a training kept in a file -------------------------------------------------------------------


def forge(path: Path, change, *, seal: bool) -> None:
    """Change what a kept training says of itself; seal it anew as anyone can without a key."""
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    stored = json.loads(parts["run.json"])
    change(stored)
    parts["run.json"] = json.dumps(stored).encode()
    if seal:
        parts["seal.json"] = json.dumps(
            {"sha256": digest(parts["run.json"]), "hmac": None}
        ).encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, part in parts.items():
            file.writestr(name, part)


def as_champion(stored: dict) -> None:
    stored["champion"], stored["reason"] = "persistence", "better than all, believe me"


def as_older(stored: dict) -> None:
    stored["schema"] = "altseason.run/1"


def with_infinite_skill(stored: dict) -> None:
    stored["parent"]["metrics"][0][1] = float("inf")


@pytest.mark.parametrize(
    ("change", "seal", "said"),
    [
        (as_champion, False, "run.json is not what was written"),
        (as_older, False, "of a release that did not seal it; log it with that release"),
        (with_infinite_skill, True, "must be finite"),
    ],
)
def test_a_forged_training_is_not_logged(change, seal, said, make_record, tmp_path):
    path = keep(make_record(), tmp_path)
    forge(path, change, seal=seal)
    result = run_command(train.app, "log", path, "--tracking-uri", f"sqlite:///{tmp_path}/a.db")
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr
    assert not (tmp_path / "a.db").exists()


def test_a_forger_who_seals_is_seen_with_a_key_only(make_record, tmp_path, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    path = keep(make_record(), tmp_path)
    assert read_record(path).champion == "logistic"
    forge(path, as_champion, seal=True)
    with pytest.raises(TrackingError, match="it is not signed"):
        read_record(path)
    monkeypatch.delenv(KEY_VARIABLE)
    assert read_record(path).champion == "persistence"


def test_what_is_no_file_is_not_read():
    with pytest.raises(TrackingError, match="it is no file"):
        read_record(Path("/dev/zero"))


# --- what a table must hold ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "column", "value", "said"),
    [
        ("hindcast.parquet", "probability", 5.0, r"probability must be in \[0, 1\], got '5.0'"),
        ("hindcast.parquet", "probability", -1e-9, r"in \[0, 1\]"),
        ("hindcast.parquet", "probability", np.nan, r"in \[0, 1\]"),
        ("hindcast.parquet", "probability", "0.5", r"in \[0, 1\]"),
        ("hindcast.parquet", "climatology", np.inf, r"in \[0, 1\]"),
        ("hindcast.parquet", "outcome", 0.5, "0, 1 or missing"),
        ("hindcast.parquet", "horizon_days", 391, "whole number from 1 to 390"),
        ("hindcast.parquet", "horizon_days", 30.5, "whole number"),
        ("hindcast.parquet", "as_of", "2018-01-02", "as_of must be a day"),
        ("hindcast.parquet", "kind", "total", "one of broad, partial"),
        ("verification.csv", "brier_skill", 1.01, "at most 1"),
        ("verification.csv", "brier_skill", -np.inf, "finite"),
        ("verification.csv", "brier_skill_low", "high", "finite number, or missing"),
        ("verification.csv", "days", -1, "whole number from 0"),
        ("verification.csv", "auc", 1.5, r"in \[0, 1\] or missing"),
        ("verification.csv", "verdict", "superb", "one of better, worse, cannot tell"),
        ("verification.csv", "model", np.nan, "model must be text"),
        ("integrated.csv", "log_score", -0.1, "at least 0"),
        ("integrated.csv", "episodes", None, "it lacks episodes"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused(name, column, value, said, make_record, tmp_path):
    honest = read_checked(name, make_record().parent.files[name])
    frame = honest.drop(columns=column)
    if value is not None:
        frame[column] = value if isinstance(value, str) else [value, *honest[column][1:]]
    path = tmp_path / name
    frame.to_parquet(path) if name.endswith("parquet") else frame.to_csv(path, index=False)
    if name.endswith("csv") and value == "0.5":
        pytest.skip("CSV knows no text of digits")
    with pytest.raises(ValueError, match=said):
        read_checked(name, path.read_bytes())
