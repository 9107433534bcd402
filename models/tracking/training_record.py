"""What a training leaves in the store, as plain data that a file can hold.

The same record is logged at once or, where the store failed, written to a file
and logged later: both ways give the same runs. The file is a zip of JSON and of
the artifacts; every digest is checked when it is read, nothing in it is run.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from features.storage.atomic import staged
from models.errors import TrackingError
from models.tracking.promotion import Terms

SCHEMA = "altseason.run/1"
_MANIFEST = "run.json"
# A training leaves some megabytes; more than this is no record of ours.
_LARGEST_BYTES = 500_000_000


class Value(NamedTuple):
    """One value of a metric."""

    key: str
    value: float
    step: int = 0


@dataclass(frozen=True)
class RunRecord:
    """One run: the training itself or one of its candidates.

    Parameters
    ----------
    name : str
        Name of the run.
    params, tags : mapping of str to str
        As MLflow shows them.
    metrics : sequence of Value
        Finite values only.
    files : mapping of str to bytes
        Artifacts by their path.
    forecaster : bytes, optional
        The candidate, from `Forecaster.to_bytes`.
    features : tuple of str
        Columns that the forecaster reads.
    """

    name: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Sequence[Value]
    files: Mapping[str, bytes]
    forecaster: bytes | None = None
    features: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainingRecord:
    """A training, ready to be logged.

    Parameters
    ----------
    experiment : str
        MLflow experiment.
    run_id : str
        The run that was open while it trained.
    started_ms, finished_ms : int
        When it trained, milliseconds since 1970.
    parent : RunRecord
        The training.
    children : mapping of str to RunRecord
        Its candidates by name.
    champion : str
        The gate's choice.
    challenger : str, optional
        The best of the others.
    reason : str
        Why the gate chose so.
    terms : Terms
        On what terms.
    dataset : mapping of str to str
        `name`, `digest`, `source` and `sha256` of the data.
    """

    experiment: str
    run_id: str
    started_ms: int
    finished_ms: int
    parent: RunRecord
    children: Mapping[str, RunRecord]
    champion: str
    challenger: str | None
    reason: str
    terms: Terms
    dataset: Mapping[str, str]

    def manifest(self) -> bytes:
        """Return everything but the artifacts, whose digests stand for them, as JSON."""
        content = {
            "schema": SCHEMA,
            "experiment": self.experiment,
            "run_id": self.run_id,
            "started_ms": self.started_ms,
            "finished_ms": self.finished_ms,
            "parent": _plain(self.parent),
            "children": {name: _plain(entry) for name, entry in self.children.items()},
            "champion": self.champion,
            "challenger": self.challenger,
            "reason": self.reason,
            "terms": self.terms.to_json(),
            "dataset": dict(self.dataset),
        }
        return json.dumps(content, allow_nan=False, indent=1).encode()

    @property
    def digest(self) -> str:
        """Digest of all that the record holds."""
        return _digest(self.manifest())

    def write(self, path: Path) -> None:
        """Write the record to a file, whole or not at all."""
        with staged(path) as beside:
            with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as file:
                file.writestr(_MANIFEST, self.manifest())
                for content in self._contents():
                    if _digest(content) not in file.namelist():
                        file.writestr(_digest(content), content)
            with beside.open("rb") as written:
                os.fsync(written.fileno())

    def _contents(self) -> list[bytes]:
        entries = [self.parent, *self.children.values()]
        files = [content for entry in entries for content in entry.files.values()]
        return files + [entry.forecaster for entry in entries if entry.forecaster is not None]


def keep(record: TrainingRecord, directory: Path) -> Path:
    """Write a record whose store has failed to a new file; return its path.

    Parameters
    ----------
    record : TrainingRecord
        The training.
    directory : pathlib.Path
        Where; the directory of temporary files if that cannot be written.

    Raises
    ------
    TrackingError
        If neither can be written.
    """
    started = datetime.fromtimestamp(record.started_ms / 1000, UTC)
    name = f"altseason-run-{started:%Y%m%dT%H%M%S}-{record.digest[:8]}.zip"
    reasons = []
    for place in (directory, Path(tempfile.gettempdir())):
        try:
            record.write(place / name)
        except OSError as error:
            reasons.append(f"{place}: {error.strerror or error}")
        else:
            return place / name
    raise TrackingError(f"nor can the training be kept in a file ({'; '.join(reasons)})")


def read_record(path: Path) -> TrainingRecord:
    """Read a record that `TrainingRecord.write` wrote.

    Raises
    ------
    TrackingError
        If the file cannot be read, is none of ours, or its content has changed.
    """
    try:
        with zipfile.ZipFile(path) as file:
            if sum(each.file_size for each in file.infolist()) > _LARGEST_BYTES:
                raise ValueError(f"it holds more than {_LARGEST_BYTES // 1_000_000} MB")
            stored = json.loads(file.read(_MANIFEST))
            if stored["schema"] != SCHEMA:
                raise ValueError(f"schema must be {SCHEMA}, got {stored['schema']!r}")
            return _record(stored, file)
    except OSError as error:
        raise TrackingError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # of zip, JSON or content: all mean the same
        raise TrackingError(f"{path} is no record of a training: {error}") from error


def _record(stored: Mapping[str, Any], file: zipfile.ZipFile) -> TrainingRecord:
    terms = Terms.from_json(stored["terms"])
    children = {name: _entry(entry, file) for name, entry in stored["children"].items()}
    for name in (stored["champion"], stored["challenger"] or stored["champion"]):
        if name not in children or children[name].forecaster is None:
            raise ValueError(f"it holds no forecaster of {name}")
    if terms is None:
        raise ValueError("it does not tell its terms")
    return TrainingRecord(
        experiment=stored["experiment"],
        run_id=stored["run_id"],
        started_ms=int(stored["started_ms"]),
        finished_ms=int(stored["finished_ms"]),
        parent=_entry(stored["parent"], file),
        children=children,
        champion=stored["champion"],
        challenger=stored["challenger"],
        reason=stored["reason"],
        terms=terms,
        dataset=stored["dataset"],
    )


def _plain(entry: RunRecord) -> dict[str, Any]:
    return {
        "name": entry.name,
        "params": dict(entry.params),
        "tags": dict(entry.tags),
        "metrics": [list(value) for value in entry.metrics],
        "files": {name: _digest(content) for name, content in entry.files.items()},
        "forecaster": None if entry.forecaster is None else _digest(entry.forecaster),
        "features": list(entry.features),
    }


def _entry(stored: Mapping[str, Any], file: zipfile.ZipFile) -> RunRecord:
    forecaster = stored["forecaster"]
    return RunRecord(
        name=stored["name"],
        params=stored["params"],
        tags=stored["tags"],
        metrics=[Value(str(key), float(value), int(step)) for key, value, step in
                 stored["metrics"]],
        files={_inside(name): _content(file, digest) for name, digest in stored["files"].items()},
        forecaster=None if forecaster is None else _content(file, forecaster),
        features=tuple(stored["features"]),
    )  # fmt: skip


def _content(file: zipfile.ZipFile, digest: str) -> bytes:
    content = file.read(digest)
    if _digest(content) != digest:
        raise ValueError(f"the content of {digest[:12]} is not what was written")
    return content


def _inside(name: str) -> str:
    """Return an artifact's path if it stays below its run."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or not path.parts:
        raise ValueError(f"artifact {name!r} lies outside its run")
    return name


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
