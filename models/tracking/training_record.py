"""What a training leaves in the store, as plain data that a file can hold.

The same record is logged at once or, where the store failed, written to a file
and logged later: both ways give the same runs. The file is a zip of JSON and of
the artifacts; a seal over the JSON and the digests in it are checked when it is
read, nothing in it is run.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from errno import EINVAL
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from features.storage.atomic import staged
from models.errors import TrackingError
from models.hazard.forecaster import Forecaster
from models.seal import check_signature, digest, signature
from models.tracking.manifest import PURPOSE, SCHEMA, Sealed
from models.tracking.promotion import Terms
from models.tracking.table_schema import check_file

_MANIFEST, _SEAL = "run.json", "seal.json"
_OLDER = "altseason.run/1"
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
        """Return everything but the artifacts, whose sizes and digests stand for them, as JSON."""
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
        return digest(self.manifest())

    def write(self, path: Path) -> None:
        """Write the record to a file, whole or not at all."""
        with staged(path) as beside:
            with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as file:
                file.writestr(_MANIFEST, self.manifest())
                file.writestr(_SEAL, _sealed(self.digest))
                for content in self._contents():
                    if digest(content) not in file.namelist():
                        file.writestr(digest(content), content)
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
        if path.exists() and not path.is_file():
            raise OSError(EINVAL, "it is no file")  # a device may have no end
        with zipfile.ZipFile(path) as file:
            if sum(each.file_size for each in file.infolist()) > _LARGEST_BYTES:
                raise ValueError(f"it holds more than {_LARGEST_BYTES // 1_000_000} MB")
            return _record(_manifest(file), file)
    except OSError as error:
        raise TrackingError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # of zip, JSON or content: all mean the same
        raise TrackingError(f"{path} is no record of a training: {error}") from error


def _manifest(file: zipfile.ZipFile) -> dict[str, Any]:
    """Return what a file says it holds; ValueError unless its seal is that of it."""
    content = file.read(_MANIFEST)
    stored: dict[str, Any] = json.loads(content)
    if stored["schema"] == _OLDER:
        raise ValueError(
            "it is of a release that did not seal it; log it with that release, or train again"
        )
    if stored["schema"] != SCHEMA:
        raise ValueError(f"schema must be {SCHEMA}, got {stored['schema']!r}")
    seal = json.loads(file.read(_SEAL))
    if seal["sha256"] != digest(content):
        raise ValueError(f"{_MANIFEST} is not what was written (its digest differs)")
    check_signature(PURPOSE, digest(content), seal["hmac"])
    return stored


def _sealed(of: str) -> str:
    return json.dumps({"sha256": of, "hmac": signature(PURPOSE, of)})


def _record(stored: Mapping[str, Any], file: zipfile.ZipFile) -> TrainingRecord:
    terms = Terms.from_json(stored["terms"])
    children = {name: _entry(entry, file) for name, entry in stored["children"].items()}
    for name in (stored["champion"], stored["challenger"] or stored["champion"]):
        if name not in children or children[name].forecaster is None:
            raise ValueError(f"it holds no forecaster of {name}")
        Forecaster.from_bytes(children[name].forecaster or b"")
    if terms is None:
        raise ValueError("it does not state its terms")
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
        "files": {name: Sealed.of(content).to_json() for name, content in entry.files.items()},
        "forecaster": None if entry.forecaster is None else Sealed.of(entry.forecaster).to_json(),
        "features": list(entry.features),
    }


def _entry(stored: Mapping[str, Any], file: zipfile.ZipFile) -> RunRecord:
    forecaster = stored["forecaster"]
    return RunRecord(
        name=stored["name"],
        params=stored["params"],
        tags=stored["tags"],
        metrics=[_finite(Value(str(key), float(value), int(step))) for key, value, step in
                 stored["metrics"]],
        files={_inside(name): check_file(name, _content(file, sealed))
               for name, sealed in stored["files"].items()},
        forecaster=None if forecaster is None else _content(file, forecaster),
        features=tuple(stored["features"]),
    )  # fmt: skip


def _finite(value: Value) -> Value:
    if not math.isfinite(value.value):
        raise ValueError(f"metric {value.key} must be finite, got {value.value}")
    return value


def _content(file: zipfile.ZipFile, stored: Mapping[str, Any]) -> bytes:
    sealed = Sealed.from_json(stored)
    content = file.read(sealed.sha256)
    if Sealed.of(content) != sealed:
        raise ValueError(f"the content of {sealed.sha256[:12]} is not what was written")
    return content


def _inside(name: str) -> str:
    """Return an artifact's path if it stays below its run."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or not path.parts:
        raise ValueError(f"artifact {name!r} lies outside its run")
    return name
