"""Reading a forecaster and the tables of its training; nothing from the store is executed."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from models.errors import DEADLINE_SECONDS, TrackingError
from models.forecasting.parts import ModelId
from models.hazard.candidates import CANDIDATES
from models.hazard.forecaster import Forecaster
from models.tracking.store import (
    ABSENT,
    CHALLENGER,
    CHAMPION,
    MODEL_NAME,
    TRIAL,
    absolute,
    artifact_folder,
    beside,
    database,
    opened,
    shown,
    why,
)

FORECASTER_FILE, DIGESTS_FILE = "forecaster.json.gz", "digests.json"
DIGESTS_TAG = "artifacts_sha256"  # of the list of a training's artifacts
TABLES = ("hindcast.parquet", "verification.csv", "integrated.csv", "claims.csv")
# What MLflow says of an alias, a version and a run that are not there.
_ABSENT = (ABSENT, "INVALID_PARAMETER_VALUE")
_NOT_THERE = re.compile(r"No such|Not a directory|404 Client Error", re.IGNORECASE)


@dataclass(frozen=True)
class Stored:
    """A forecaster read from the store."""

    forecaster: Forecaster
    model_id: ModelId
    sha256: str  # of its file
    training_run: str  # the run of its training


@dataclass(frozen=True)
class TrainingTables:
    """What a training said of its candidates; as in `models.training.run.Training`."""

    hindcast: pd.DataFrame
    verification: pd.DataFrame
    integrated: pd.DataFrame
    claims: pd.DataFrame | None  # None if that training did not test them


@dataclass(frozen=True)
class _Place:
    """Where a model is: its run, its version, and the list of digests that seals it."""

    run: Run
    version: str | None
    digests: str  # SHA-256 of the list


def load_forecaster(
    tracking_uri: str, model: str = CHAMPION, *, deadline: float = DEADLINE_SECONDS
) -> Stored:
    """Read a forecaster and check it against the digests of its training.

    `model` is ``champion``, ``challenger``, ``trial``, a version number, a run id (a training's
    means that of its gate's choice), or a candidate of the champion's training.
    """
    with opened(tracking_uri, deadline=deadline) as client:
        place = _place_of(client, model, tracking_uri)
        run_id = str(place.run.info.run_id)
        training = _training_of(place.run)
        digests = _digests(client, tracking_uri, training, place.digests)
        name = place.run.data.params.get("candidate", "")
        content = _checked(client, tracking_uri, place.run, FORECASTER_FILE, digests.get(name, {}))
    try:
        forecaster = Forecaster.from_bytes(content)
    except ValueError as error:
        raise TrackingError(f"run {run_id}: {FORECASTER_FILE}: {error}") from error
    sha256 = hashlib.sha256(content).hexdigest()
    return Stored(forecaster, ModelId(place.version, run_id), sha256, training)


def load_tables(
    tracking_uri: str, run_id: str, *, deadline: float = DEADLINE_SECONDS
) -> TrainingTables:
    """Read the tables of the training that made a model, of any of its runs."""
    with opened(tracking_uri, deadline=deadline) as client:
        run = client.get_run(run_id)
        training = client.get_run(_training_of(run))
        digests = _digests(
            client, tracking_uri, training.info.run_id, run.data.tags.get(DIGESTS_TAG, "")
        ).get("", {})
        contents = {
            name: _checked(client, tracking_uri, training, name, digests)
            for name in TABLES
            if name in digests
        }
    tables = {name: _table(name, content) for name, content in contents.items()}
    return TrainingTables(
        hindcast=tables["hindcast.parquet"],
        verification=tables["verification.csv"],
        integrated=tables["integrated.csv"],
        claims=tables.get("claims.csv"),
    )


def _table(name: str, content: bytes) -> pd.DataFrame:
    if name.endswith(".parquet"):
        return pd.read_parquet(io.BytesIO(content))
    return pd.read_csv(io.BytesIO(content), dtype={"horizon": str})


def _place_of(client: MlflowClient, model: str, tracking_uri: str) -> _Place:
    try:
        if model in (CHAMPION, CHALLENGER, TRIAL) or model.isdecimal():
            registered = (
                client.get_model_version(MODEL_NAME, model)
                if model.isdecimal()
                else client.get_model_version_by_alias(MODEL_NAME, model)
            )
            run = client.get_run(str(registered.run_id))
            return _Place(run, str(registered.version), registered.tags.get(DIGESTS_TAG, ""))
        if model in CANDIDATES:
            return _candidate(client, model)
        run_id = client.get_run(model).data.tags.get("champion_run_id", model)
        run = client.get_run(run_id)
        versions = client.search_model_versions(f"run_id = '{run_id}'")
    except MlflowException as error:
        if error.error_code not in _ABSENT:
            raise
        raise TrackingError(
            f"the store {shown(tracking_uri)} holds no model {model!r} ({why(error)}); "
            f"run train.py with the same --tracking-uri first."
        ) from error
    version = str(versions[0].version) if versions else None
    return _Place(run, version, run.data.tags.get(DIGESTS_TAG, ""))


def _candidate(client: MlflowClient, name: str) -> _Place:
    """Return a candidate of the champion's training."""
    champion = client.get_model_version_by_alias(MODEL_NAME, CHAMPION)
    training = _training_of(client.get_run(str(champion.run_id)))
    experiment = client.get_run(training).info.experiment_id
    runs = client.search_runs(
        [experiment],
        f"tags.`mlflow.parentRunId` = '{training}' and params.candidate = '{name}'",
        max_results=1,
    )
    if not runs:
        raise TrackingError(
            f"the champion's training has no candidate {name!r}; train it with train.py."
        )
    return _Place(runs[0], None, champion.tags.get(DIGESTS_TAG, ""))


def _training_of(run: Run) -> str:
    return str(run.data.tags.get("mlflow.parentRunId", run.info.run_id))


def _digests(
    client: MlflowClient, tracking_uri: str, training: str, sealed: str
) -> dict[str, dict[str, str]]:
    """Return the digests of a training's artifacts by candidate ("" for its own) and file."""
    run = client.get_run(training)
    content = _content(client, tracking_uri, run, DIGESTS_FILE)
    if not sealed or hashlib.sha256(content).hexdigest() != sealed:
        raise TrackingError(
            f"run {training}: {DIGESTS_FILE} is not what was logged (its SHA-256 differs from the "
            f"tag {DIGESTS_TAG}); it is not used. Train again."
        )
    listed: dict[str, dict[str, str]] = json.loads(content)
    return listed


def _checked(
    client: MlflowClient, tracking_uri: str, run: Run, name: str, digests: Mapping[str, str]
) -> bytes:
    content = _content(client, tracking_uri, run, name)
    if hashlib.sha256(content).hexdigest() != digests.get(name):
        raise TrackingError(
            f"run {run.info.run_id}: {name} is not what was logged (its SHA-256 differs from the "
            f"list of its training); it is not used. Train again."
        )
    return content


def _content(client: MlflowClient, tracking_uri: str, run: Run, name: str) -> bytes:
    """Return an artifact of a run, from beside the database where it lies there."""
    path = database(tracking_uri)
    place = None if path is None else beside(path, str(run.info.artifact_uri))
    stored = str(run.info.artifact_uri)
    try:
        if place is not None:
            return (place / name).read_bytes()
        with tempfile.TemporaryDirectory() as folder:
            # By its address, not by its run: that way a server's error is kept.
            fetched = mlflow.artifacts.download_artifacts(
                artifact_uri=f"{stored}/{name}", dst_path=folder,
                tracking_uri=absolute(tracking_uri),
            )  # fmt: skip
            return Path(fetched).read_bytes()
    except (OSError, MlflowException) as error:
        if not _NOT_THERE.search(str(error)):
            raise
        looked = stored if path is None else f"{artifact_folder(path)} or {stored}"
        raise TrackingError(
            f"run {run.info.run_id}: {name} is not at {looked}; move the folder mlartifacts to "
            f"where the database is, or train again."
        ) from error
