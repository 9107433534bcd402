"""Reading a forecaster without executing anything from the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from models.errors import TrackingError
from models.forecasting.parts import ModelId
from models.hazard.forecaster import Forecaster
from models.tracking.failures import known_cause
from models.tracking.manifest import Manifest, fetch, read_manifest
from models.tracking.store import (
    ABSENT,
    CHALLENGER,
    CHAMPION,
    DIGEST_TAG,
    FORECASTER_FILE,
    MODEL_NAME,
    TRIAL,
    connect,
    reaching,
    require_store,
    shown,
    why,
)

# What MLflow says of an alias, a version and a run that are not there.
_ABSENT = (ABSENT, "INVALID_PARAMETER_VALUE")


@dataclass(frozen=True)
class Stored:
    """A forecaster read from the store.

    Parameters
    ----------
    forecaster : Forecaster
        It.
    model_id : ModelId
        Where it is stored.
    sha256 : str
        Digest of its file.
    sealed : bool
        Whether a manifest seals it and the tables of its training; not so in stores of earlier
        releases.
    """

    forecaster: Forecaster
    model_id: ModelId
    sha256: str
    sealed: bool = True


def load_forecaster(tracking_uri: str, model: str = CHAMPION) -> Stored:
    """Read a forecaster without executing anything from the store.

    Parameters
    ----------
    tracking_uri : str
        The store.
    model : str
        ``champion``, ``challenger``, ``trial``, a version number of the registered model,
        or a run id (a training's means that of its gate's choice).

    Raises
    ------
    TrackingError
        If there is no such store or model, or its content is not what was
        logged.
    """
    require_store(tracking_uri)
    with reaching(tracking_uri, "cannot be read"):
        connect(tracking_uri)
        run, version, version_tags = _found(MlflowClient(), model, tracking_uri)
        run_id, tags = str(run.info.run_id), {**run.data.tags, **version_tags}
        manifest = read_manifest(run, version_tags)
        digest = str(tags.get(DIGEST_TAG))
        if manifest is None:
            content = fetch(run_id, FORECASTER_FILE, digest)
        else:
            content = _sealed(run, manifest, digest)
    try:
        forecaster = Forecaster.from_bytes(content)
    except ValueError as error:
        raise TrackingError(f"run {run_id}: {FORECASTER_FILE}: {error}") from error
    return Stored(forecaster, ModelId(version, run_id), digest, manifest is not None)


def _found(
    client: MlflowClient, model: str, tracking_uri: str
) -> tuple[Run, str | None, Mapping[str, str]]:
    """Return the run of a model, its version if it has one, and the tags of that."""
    try:
        if model in (CHAMPION, CHALLENGER, TRIAL) or model.isdecimal():
            found = (
                client.get_model_version(MODEL_NAME, model)
                if model.isdecimal()
                else client.get_model_version_by_alias(MODEL_NAME, model)
            )
            return client.get_run(str(found.run_id)), str(found.version), found.tags
        run_id = client.get_run(model).data.tags.get("champion_run_id", model)
        versions = client.search_model_versions(f"run_id = '{run_id}'")
        run = client.get_run(run_id)
    except MlflowException as error:
        if known_cause(error) or error.error_code not in _ABSENT:
            raise
        raise TrackingError(
            f"the store {shown(tracking_uri)} holds no model {model!r} ({why(error)}); "
            f"run train.py with the same --tracking-uri first."
        ) from error
    return (run, str(versions[0].version), versions[0].tags) if versions else (run, None, {})


def _sealed(run: Run, manifest: Manifest, digest: str) -> bytes:
    """Return the file of a forecaster, as the manifest and the tags say it must be."""
    run_id, name = str(run.info.run_id), run.data.params.get("candidate", "")
    sealed = manifest.forecasters.get(name)
    if sealed is None or sealed.sha256 != digest:
        raise TrackingError(
            f"run {run_id}: its tag {DIGEST_TAG} is not what was logged (the manifest of its "
            f"training says otherwise); it is not used. Train again."
        )
    return fetch(run_id, FORECASTER_FILE, sealed)
