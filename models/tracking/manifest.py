"""The manifest of a training: the size and digest of each artifact that is ever read back.

It is an artifact beside them; its own digest is a tag of the training's runs and of its versions,
which lie in the database. So whoever can write artifacts, but not the database, can change nothing
that is read. With a key the digest is signed (docs/security.md).
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import mlflow
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from models.errors import MALFORMED, TrackingError
from models.seal import KEY_VARIABLE, SealError, check_signature, digest, signature
from models.tracking.artifacts import artifact, looked_for
from models.tracking.store import why
from models.tracking.waiting import renew

SCHEMA = "altseason.run/2"
MANIFEST_FILE = "manifest.json"
MANIFEST_TAG = "manifest_sha256"
SIGNATURE_TAG = "manifest_hmac"
PARENT_TAG = "mlflow.parentRunId"
PURPOSE = "altseason.run"
# A training of all candidates has some 100 kB of it.
_LARGEST_BYTES = 20_000_000


class Sealed(NamedTuple):
    """What a content must be."""

    size: int
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> Sealed:
        """Return what a content is."""
        return cls(len(content), digest(content))

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Sealed:
        """Return what `to_json` wrote; LookupError, TypeError, ValueError if it is not that."""
        return cls(int(stored["size"]), str(stored["sha256"]))

    def to_json(self) -> dict[str, object]:
        """Return it for JSON."""
        return self._asdict()


@dataclass(frozen=True)
class Manifest:
    """What the artifacts of a training must be.

    Parameters
    ----------
    run_id : str
        The training's run.
    files : mapping of str to Sealed
        Its tables and figures by their path.
    forecasters : mapping of str to Sealed
        Forecasters by candidate.
    """

    run_id: str
    files: Mapping[str, Sealed]
    forecasters: Mapping[str, Sealed]

    def table(self, name: str) -> bytes:
        """Return an artifact of the training.

        Raises
        ------
        TrackingError
            If it cannot be read or is not what was logged.
        """
        if name not in self.files:
            raise _refused(self.run_id, f"its training has not logged {name}")
        return fetch(self.run_id, name, self.files[name])


def seal_tags(manifest: bytes) -> dict[str, str]:
    """Return the tags that seal a manifest; a signature is among them where a key is set."""
    signed = signature(PURPOSE, digest(manifest))
    return {MANIFEST_TAG: digest(manifest), **({SIGNATURE_TAG: signed} if signed else {})}


def read_manifest(run: Run, version_tags: Mapping[str, str]) -> Manifest | None:
    """Read and check the manifest of a run's training.

    Parameters
    ----------
    run : mlflow.entities.Run
        The training's or a candidate's.
    version_tags : mapping of str to str
        Tags of its version, empty if it has none.

    Returns
    -------
    Manifest or None
        None where the training was logged by a release before manifests.

    Raises
    ------
    TrackingError
        If it is not what the tags say, or not signed though a key is set.
    """
    run_id, tags = str(run.info.run_id), run.data.tags
    training = str(tags.get(PARENT_TAG, run_id))
    expected = {each[MANIFEST_TAG] for each in (tags, version_tags) if MANIFEST_TAG in each}
    if len(expected) > 1:
        raise _refused(run_id, f"its tag {MANIFEST_TAG} is not that of its version")
    if not expected:
        if signature(PURPOSE, ""):
            raise _refused(run_id, f"it is of a release before signatures, and {KEY_VARIABLE} is "
                                   f"set")  # fmt: skip
        return None
    (sha256,) = expected
    try:
        check_signature(PURPOSE, sha256, {**tags, **version_tags}.get(SIGNATURE_TAG))
    except SealError as error:
        raise _refused(run_id, str(error)) from error
    content = fetch(training, MANIFEST_FILE, sha256)
    try:
        return parsed(content, training)
    except ValueError as error:
        raise _refused(training, f"{MANIFEST_FILE} is none ({error})") from error


def fetch(run_id: str, name: str, expected: Sealed | str) -> bytes:
    """Return an artifact of a run, checked.

    Parameters
    ----------
    run_id : str
        The run.
    name : str
        Path of the artifact.
    expected : Sealed or str
        What it must be, or its digest alone.

    Raises
    ------
    TrackingError
        If its content is not what was logged.
    """
    size, sha256 = expected if isinstance(expected, Sealed) else (None, expected)
    with tempfile.TemporaryDirectory() as folder:
        path = _downloaded(run_id, name, folder)
        # Its size is known before it is read, so that nothing huge is.
        found = path.stat().st_size
        if found > _LARGEST_BYTES if size is None else found != size:
            raise _refused(run_id, f"{name} is not what was logged (it has {found} bytes)")
        content = path.read_bytes()
    if digest(content) != sha256:
        raise _refused(run_id, f"{name} is not what was logged (its digest differs)")
    return content


def _downloaded(run_id: str, name: str, folder: str) -> Path:
    renew()
    uri, run = mlflow.get_tracking_uri(), MlflowClient().get_run(run_id)
    try:
        path = artifact(uri, run, name, Path(folder))
        path.stat()
    except Exception as error:  # of MLflow, the disk or the transport: all mean the same
        raise TrackingError(
            f"run {run_id}: {name}, which its training logged, cannot be read ({why(error)}); "
            f"looked for in {looked_for(uri, run)}. Move the folder mlartifacts beside the "
            f"database again, or train again."
        ) from error
    return path


def parsed(content: bytes, run_id: str) -> Manifest:
    """Return the manifest of a training.

    Parameters
    ----------
    content : bytes
        Of the file.
    run_id : str
        The training's run.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        stored = json.loads(content)
        if stored["schema"] != SCHEMA:
            raise ValueError(f"schema must be {SCHEMA}, got {str(stored['schema'])[:40]!r}")
        files, children = stored["parent"]["files"], stored["children"]
        return Manifest(
            run_id=run_id,
            files={name: Sealed.from_json(each) for name, each in files.items()},
            forecasters={
                name: Sealed.from_json(child["forecaster"]) for name, child in children.items()
            },
        )
    except MALFORMED as error:
        raise ValueError(str(error) or type(error).__name__) from error


def _refused(run_id: str, reason: str) -> TrackingError:
    return TrackingError(f"run {run_id}: {reason}; it is not used. Train again.")
