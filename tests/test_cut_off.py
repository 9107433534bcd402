"""Killed between any two writes, a process leaves a store in which all that is said is so."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient
from sqlalchemy import event
from sqlalchemy.engine import Engine

from models.tracking.champion import INTENDED_TAG, settle, told
from models.tracking.manifest import MANIFEST_FILE
from models.tracking.model_versions import list_versions
from models.tracking.registry import promote, rollback
from models.tracking.runs import log_later
from models.tracking.training_record import keep
from models.tracking.upkeep import put_right
from tests.commands import run_python
from tests.hostile import TIMES

WHO, FIRST, NOW = "ada", "2026-01-02T03:04:05+00:00", "2026-02-02T03:04:05+00:00"


@pytest.fixture(scope="module")
def logged(make_record, empty_database, tmp_path_factory):
    """A store with a champion, a challenger, and a trial that was not promoted."""
    folder = tmp_path_factory.mktemp("before")
    uri = f"sqlite:///{shutil.copy(empty_database, folder / 'mlflow.db')}"
    log_later(make_record("first"), uri, WHO, FIRST)
    log_later(make_record("trial", data_end="2025-12-10"), uri, WHO, FIRST)
    return folder / "mlflow.db"


@pytest.fixture
def database(logged, tmp_path) -> Path:
    return Path(shutil.copy(logged, tmp_path / "mlflow.db"))


class Said:
    """What a store says, read from its database as it is on the disk."""

    def __init__(self, path: Path) -> None:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            rows = database.execute
            self.aliases = dict(rows("SELECT alias, CAST(version AS TEXT) FROM "
                                     "registered_model_aliases"))  # fmt: skip
            self.versions = {str(v): {} for (v,) in rows("SELECT version FROM model_versions")}
            for version, key, value in rows("SELECT version, key, value FROM model_version_tags"):
                self.versions[str(version)][key] = value
            self.runs = {
                run: {"status": status, "at": uri.removeprefix("file://"), "tags": {}}
                for run, status, uri in rows("SELECT run_uuid, status, artifact_uri FROM runs")
            }
            for run, key, value in rows("SELECT run_uuid, key, value FROM tags"):
                self.runs[run]["tags"][key] = value

    def untrue(self) -> list[str]:
        """Return every statement that is not so."""
        champion, found = self.aliases.get("champion"), []
        if champion is None or champion == self.aliases.get("challenger"):
            found.append(f"aliases {self.aliases}")
        for version, tags in self.versions.items():
            if tags.get("promoted_at") == NOW and version != champion:
                found.append(f"{version} promoted_at")
            if "not_promoted" in tags and version == champion:
                found.append(f"{version} not_promoted")
            if tags.get("rolled_back", "").startswith(NOW) and version == champion:
                found.append(f"{version} rolled_back")
        if told(self.versions[champion], champion=True)["promoted_by"] not in (
            "gate", "hand", "rollback",
        ):  # fmt: skip
            found.append(f"{champion} promoted_by")
        return found + [untrue for each in self.runs.values() for untrue in self._of_run(each)]

    def _of_run(self, run: dict) -> list[str]:
        tags, found = run["tags"], []
        version = tags.get("registered_version")
        if tags.get("promoted", "").startswith("yes") and not (
            version == self.aliases["champion"] or "promoted_at" in self.versions[version]
        ):
            found.append(f"promoted {version}")
        if run["status"] == "FINISHED" and tags.get("role") == "training":
            manifest = json.loads(Path(run["at"], MANIFEST_FILE).read_text())
            held = manifest["parent"]["files"].items()
            found += [n for n, of in held if Path(run["at"], n).stat().st_size != of["size"]]
            children = [
                each for each in self.runs.values()
                if self.runs.get(each["tags"].get("mlflow.parentRunId")) is run
            ]  # fmt: skip
            if [each["status"] for each in children] != ["FINISHED"] * len(manifest["children"]):
                found.append("FINISHED")
        return found


def by_gate(uri, make_record):
    log_later(make_record("again"), uri, WHO, NOW)


def by_hand(uri, make_record):
    promote(uri, "3", "to try it", WHO, NOW)


def back(uri, make_record):
    rollback(uri, "it broke", WHO, NOW)


def watched(step, uri: str, database: Path, make_record) -> tuple[list[list[str]], dict]:
    """Carry a step out; return what was untrue at each write, and the states of the registry.

    Before each commit the disk holds all that was committed before: what a kill would leave.
    """
    untrue, states, changes = [], {}, set()

    def look(*_: object) -> None:
        change = database.read_bytes()[24:28]  # SQLite counts its changes here
        if change not in changes:
            changes.add(change)
            said = Said(database)
            untrue.append(said.untrue())
            states.setdefault(repr((said.aliases, said.versions)), database.read_bytes())

    event.listen(Engine, "commit", look)
    try:
        step(uri, make_record)
    finally:
        event.remove(Engine, "commit", look)
    look()
    return untrue, states


@pytest.mark.parametrize(
    ("step", "writes", "champion"),
    [(by_gate, 50, "4"), (by_hand, 9, "3"), (back, 8, "1")],
)
def test_wherever_it_is_killed_the_store_says_what_is_so(
    step, writes, champion, database, tmp_path, make_record
):
    uri = f"sqlite:///{database}"
    if step is back:
        promote(uri, "3", "to try it", WHO, FIRST)
    before = Said(database).aliases
    untrue, states = watched(step, uri, database, make_record)
    assert len(untrue) >= writes
    assert [each for each in untrue if each] == []
    assert Said(database).aliases["champion"] == champion

    # What the next start makes of each state in which the registered model was left.
    scratch = Path(shutil.copy(database, tmp_path / "scratch.db"))
    again = f"sqlite:///{scratch}"
    client, champions = MlflowClient(again, again), []
    for content in states.values():
        (tmp_path / "then.db").write_bytes(content)
        with (
            closing(sqlite3.connect(tmp_path / "then.db")) as then,
            closing(sqlite3.connect(scratch)) as now,
        ):
            then.backup(now)
        was = Said(scratch)
        settle(client)
        said = Said(scratch)
        champions.append(said.aliases["champion"])
        assert said.untrue() == []
        assert said.aliases["champion"] == was.aliases["champion"]  # no settling moves it
        assert not any(INTENDED_TAG in tags for tags in said.versions.values())
        if champions[-1] == before["champion"] != champion:
            assert said.aliases == before
            assert said.versions["3"].get("not_promoted") or step is back
        (listed,) = (each for each in list_versions(again) if "champion" in each.aliases)
        assert listed.promoted_by
        assert listed.promotion_reason
        assert settle(client) == []
    order = list(dict.fromkeys([before["champion"], champion]))
    assert champions == sorted(champions, key=order.index)


# Commands, how many writes each has at least, and how many lie between two kills.
KILLED = {
    "log": (["log"], 300, 150),  # and the kept training
    "promote": (["promote", "3", "--reason", "to try it"], 50, 25),
    "rollback": (["rollback", "--reason", "it broke"], 40, 20),
    "train": (["--model", "climatology", "--until", "2017-02-02", "--jobs", "1"], 120, 100),
}


@pytest.fixture(scope="module")
def killed(logged, make_record, tmp_path_factory) -> dict[str, list[Path]]:
    """Return by command the stores that its killed processes have left."""
    folders = {name: tmp_path_factory.mktemp(name) for name in KILLED}
    given = []
    for name, (arguments, _, every) in KILLED.items():
        uri = f"sqlite:///{shutil.copy(logged, folders[name] / 'mlflow.db')}"
        if name == "rollback":
            promote(uri, "3", "to try it", WHO, FIRST)
        if name == "log":
            arguments = [*arguments, str(keep(make_record("again"), folders[name]))]
        given.append((str(folders[name]), 1 if TIMES > 1 else every, arguments))
    done = run_python(Path(__file__).with_name("killed.py"), json.dumps(given))
    assert done.returncode == 0, done.stderr
    left = json.loads(done.stdout)
    return {name: [Path(each) for each in of] for name, of in zip(KILLED, left, strict=True)}


@pytest.mark.parametrize("name", KILLED)
def test_a_process_killed_at_a_write_leaves_what_is_so_and_the_next_one_ends_it(name, killed):
    _, writes, every = KILLED[name]
    assert len(killed[name]) * (1 if TIMES > 1 else every) >= writes
    champions = []
    for database in (folder / "mlflow.db" for folder in killed[name]):
        champions.append(Said(database).aliases["champion"])
        assert Said(database).untrue() == []
        put_right(f"sqlite:///{database}")
        said = Said(database)
        assert said.untrue() == []
        assert said.aliases["champion"] == champions[-1]
        assert {run["status"] for run in said.runs.values()} <= {"FINISHED", "KILLED"}
        assert not any(INTENDED_TAG in tags for tags in said.versions.values())
    order = {"log": ["1", "4"], "promote": ["1", "3"], "rollback": ["3", "1"], "train": ["1"]}[name]
    assert list(dict.fromkeys(champions)) == order
    assert champions == sorted(champions, key=order.index)
