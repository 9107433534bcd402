"""Reading a forecaster without executing anything from the store."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from models.errors import TrackingError
from models.forecasting.parts import ModelId
from models.hazard.forecaster import Forecaster
from models.tracking.artifacts import artifact, looked_for
from models.tracking.store import (
    CHALLENGER,
    CHAMPION,
    DIGEST_TAG,
    FORECASTER_FILE,
    MODEL_NAME,
    connect,
    require_store,
    shown,
    unanswered,
    why,
)


@dataclass(frozen=True)
class Stored:
    """A forecaster read from the store, where it is stored, and the digest of its file."""

    forecaster: Forecaster
    model_id: ModelId
    sha256: str


def load_forecaster(tracking_uri: str, model: str = CHAMPION) -> Stored:
    """Read a forecaster without executing anything from the store.

    Parameters
    ----------
    tracking_uri : str
        The store.
    model : str
        ``champion``, ``challenger``, a version number of the registered model,
        or a run id (a training's means that of its gate's choice).

    Raises
    ------
    TrackingError
        If there is no such store or model, or its content is not what was
        logged.
    """
    require_store(tracking_uri)
    connect(tracking_uri)
    try:
        client = MlflowClient()
        model_id = _model_id(client, model)
        run = client.get_run(model_id.run_id)
    except Exception as error:  # of MLflow, its database or its transport: all mean the same
        if unanswered(error):
            raise TrackingError(
                f"the store {shown(tracking_uri)} cannot be read: {why(error)}."
            ) from error
        raise TrackingError(
            f"the store {shown(tracking_uri)} holds no model {model!r} ({why(error)}); "
            f"run train.py with the same --tracking-uri first."
        ) from error
    content = _content(tracking_uri, run, model)
    return _checked(content, run.data.tags.get(DIGEST_TAG), model_id)


def _model_id(client: MlflowClient, model: str) -> ModelId:
    """Return version and run of what an alias, a version number or a run id names."""
    if model in (CHAMPION, CHALLENGER) or model.isdigit():
        version = (
            client.get_model_version_by_alias(MODEL_NAME, model)
            if not model.isdigit()
            else client.get_model_version(MODEL_NAME, model)
        )
        return ModelId(str(version.version), str(version.run_id))
    run_id = client.get_run(model).data.tags.get("champion_run_id", model)
    versions = client.search_model_versions(f"run_id = '{run_id}'")
    return ModelId(str(versions[0].version) if versions else None, run_id)


def _checked(content: bytes, expected: str | None, model_id: ModelId) -> Stored:
    """Return the forecaster of a file that is what was logged; any other is refused unread."""
    digest = hashlib.sha256(content).hexdigest()
    if digest != expected:
        raise TrackingError(
            f"run {model_id.run_id}: {FORECASTER_FILE} is not what was logged (its digest differs "
            f"from the tag {DIGEST_TAG}); it is not used. Train again."
        )
    try:
        return Stored(Forecaster.from_bytes(content), model_id, digest)
    except ValueError as error:
        raise TrackingError(f"run {model_id.run_id}: {FORECASTER_FILE}: {error}") from error


def _content(tracking_uri: str, run: Run, model: str) -> bytes:
    """Return the file of a run's forecaster."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            return artifact(tracking_uri, run, FORECASTER_FILE, Path(folder)).read_bytes()
    except Exception as error:  # of MLflow, its transport or the disk: all mean the same
        if unanswered(error):
            raise TrackingError(
                f"the store {shown(tracking_uri)} cannot be read: {why(error)}."
            ) from error
        raise TrackingError(
            f"the store {shown(tracking_uri)} knows the model {model!r} (run {run.info.run_id}) "
            f"but {FORECASTER_FILE} of it cannot be read ({why(error)}); looked for in "
            f"{looked_for(tracking_uri, run)}. Move the folder mlartifacts beside the database "
            f"again, or train again."
        ) from error
