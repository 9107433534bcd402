"""A training as runs: one parent, one child per candidate."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import mlflow
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.tracking.context.registry import resolve_tags

from models.errors import TrackingError, Unanswered
from models.tracking import serving
from models.tracking.location import artifact_folder
from models.tracking.manifest import MANIFEST_FILE, PARENT_TAG, seal_tags
from models.tracking.processes import PROCESS_TAG, own_process
from models.tracking.registry import Logged, Registered, register
from models.tracking.store import (
    DIGEST_TAG,
    FORECASTER_FILE,
    PRESENT,
    connect,
    database,
    insist,
    reaching,
    refuse_foreign,
    writing,
)
from models.tracking.training_record import RunRecord, TrainingRecord
from models.tracking.ui import experiment_tags
from models.tracking.waiting import renew

RECORD_TAG = "record_sha256"


@dataclass(frozen=True)
class OpenRun:
    """A parent run that is open in a store.

    Parameters
    ----------
    tracking_uri : str
        The store.
    experiment_id, run_id : str
        Where the run is in it.
    started_ms : int
        When it began, milliseconds since 1970.
    """

    tracking_uri: str
    experiment_id: str
    run_id: str
    started_ms: int


@contextmanager
def training_run(
    tracking_uri: str, experiment: str, title: str, started_ms: int
) -> Iterator[OpenRun]:
    """Open the parent run; it ends FAILED on an error and KILLED on an interruption.

    Parameters
    ----------
    tracking_uri : str
        The store, for instance ``sqlite:///mlflow.db``.
    experiment : str
        Created if it does not exist.
    title : str
        Name of the run.
    started_ms : int
        When it began, milliseconds since 1970.

    Raises
    ------
    TrackingError
        If the store cannot be opened.
    """
    refuse_foreign(tracking_uri)
    with reaching(tracking_uri, "cannot be opened"), writing(tracking_uri):
        connect(tracking_uri)
        experiment_id = use_experiment(experiment, tracking_uri)
        run_id = create_run(experiment_id, title, started_ms)
    try:
        yield OpenRun(tracking_uri, experiment_id, run_id, started_ms)
    except (KeyboardInterrupt, SystemExit):
        _close(run_id, "KILLED", tracking_uri)
        raise
    except Unanswered:  # nor would it answer to this
        raise
    except BaseException:
        _close(run_id, "FAILED", tracking_uri)
        raise


def log_record(
    record: TrainingRecord, run: OpenRun, who: str, when: str, *, promote: bool = True
) -> Registered:
    """Log a training into its open parent run, register its choice last.

    Parameters
    ----------
    record : TrainingRecord
        All that it leaves.
    run : OpenRun
        Where.
    who, when : str
        Who logs and the instant (ISO), for the tags of the registered model.
    promote : bool
        False keeps the champion.

    Raises
    ------
    TrackingError
        If the store fails; the champion is then as before.
    """
    client = MlflowClient()
    with reaching(run.tracking_uri, "failed"), writing(run.tracking_uri):
        _log_entry(client, run.run_id, record.parent, record)
        logged = {}
        for name, entry in record.children.items():
            child = create_run(run.experiment_id, entry.name, record.started_ms, run.run_id)
            try:
                _log_entry(client, child, entry, record)
                logged[name] = Logged(_log_model(client, child, name, entry), child)
            except (KeyboardInterrupt, SystemExit):
                _end(child, "KILLED")
                raise
            except Exception:
                _end(child, "FAILED")
                raise
            client.set_terminated(child, "FINISHED", record.finished_ms)
            renew()
        client.set_terminated(run.run_id, "FINISHED", record.finished_ms)
        # Last in it is the champion's alias: whatever fails before leaves the champion as it was.
        registered = register(client, record, logged, run.run_id, who, when, promote=promote)
        # Only now is all of it in the store. Should this fail, the champion stays the new one.
        with contextlib.suppress(Exception):
            client.set_tag(run.run_id, RECORD_TAG, record.digest)
    return registered


def log_later(
    record: TrainingRecord, tracking_uri: str, who: str, when: str, *, promote: bool = True
) -> Registered:
    """Log a training whose store had failed, as if it had not.

    Parameters
    ----------
    record : TrainingRecord
        From `models.tracking.training_record.read_record`.
    tracking_uri : str
        The store.
    who, when : str
        As for `log_record`.
    promote : bool
        False keeps the champion.

    Raises
    ------
    TrackingError
        If the store fails or holds this training already.
    """
    with reaching(tracking_uri, "cannot be opened"), writing(tracking_uri):
        connect(tracking_uri)
        client = MlflowClient()
        experiment_id = use_experiment(record.experiment, tracking_uri)
        known = client.search_runs(
            [experiment_id],
            f"tags.{RECORD_TAG} = '{record.digest}' and attributes.status = 'FINISHED'",
            max_results=1,
        )
    if known:
        raise TrackingError(
            f"the training of this file is in the store already, as run {known[0].info.run_id}."
        )
    title, started_ms = record.parent.name, record.started_ms
    with training_run(tracking_uri, record.experiment, title, started_ms) as run:
        registered = log_record(record, run, who, when, promote=promote)
    with contextlib.suppress(Exception), writing(tracking_uri):
        # The run that broke, if this is the store in which it did.
        client.set_tag(record.run_id, "logged_later_as", run.run_id)
        client.set_terminated(record.run_id, "FAILED", record.finished_ms)
    return registered


def use_experiment(name: str, tracking_uri: str, tags: Mapping[str, str] | None = None) -> str:
    """Return the id of an experiment, made if absent; it opens in the UI as its tags say."""
    client = MlflowClient()
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            client.create_experiment(name, artifact_location=_artifacts(tracking_uri))
        except MlflowException as error:
            if error.error_code != PRESENT:  # another training made it just now
                raise
        found = client.get_experiment_by_name(name)
    if found is None or found.lifecycle_stage == "deleted":
        raise TrackingError(
            f"the experiment {name!r} of the store cannot be used; if it was deleted, restore it "
            f"in MLflow or name another with --experiment."
        )
    for key, value in (experiment_tags() if tags is None else tags).items():
        if found.tags.get(key) != value:
            insist(partial(client.set_experiment_tag, found.experiment_id, key, value))
    return str(found.experiment_id)


def _artifacts(tracking_uri: str) -> str | None:
    """Return a place beside the database, wherever the command runs; a server has its own."""
    path = database(tracking_uri)
    return None if path is None else artifact_folder(path).as_uri()


def create_run(experiment_id: str, title: str, started_ms: int, parent: str | None = None) -> str:
    """Open a run, inside another or not, and return its id."""
    tags = {
        **resolve_tags(),
        PROCESS_TAG: own_process(),
        **({PARENT_TAG: parent} if parent else {}),
    }
    run = MlflowClient().create_run(experiment_id, started_ms, tags=tags, run_name=title)
    return str(run.info.run_id)


def _close(run_id: str, status: str, tracking_uri: str) -> None:
    with (
        contextlib.suppress(TrackingError),
        reaching(tracking_uri, "failed"),
        writing(tracking_uri),
    ):
        _end(run_id, status)


def _end(run_id: str, status: str) -> None:
    """End a run in a store that may be the reason why."""
    with contextlib.suppress(Exception):
        MlflowClient().set_terminated(run_id, status)


def _log_entry(client: MlflowClient, run_id: str, entry: RunRecord, record: TrainingRecord) -> None:
    renew()
    manifest = record.manifest()
    client.log_batch(
        run_id,
        metrics=[Metric(v.key, v.value, record.finished_ms, v.step) for v in entry.metrics],
        params=[Param(key, value) for key, value in entry.params.items()],
        tags=[RunTag(key, value) for key, value in {**entry.tags, **seal_tags(manifest)}.items()],
    )
    dataset = Dataset(
        name=record.dataset["name"],
        digest=record.dataset["digest"],
        source_type="altseason",
        source=json.dumps({key: record.dataset[key] for key in ("source", "sha256")}),
        # The UI shows where data are from only for kinds of source of its own, but any profile.
        profile=json.dumps({"source": record.dataset["source"]}),
    )
    context = [InputTag("mlflow.data.context", "training")]
    # Two trainings on the same data at once may both find it missing and insert it.
    insist(lambda: client.log_inputs(run_id, [DatasetInput(dataset, context)]))
    files = dict(entry.files)
    if entry is record.parent:
        files[MANIFEST_FILE] = manifest
    if entry.forecaster is not None:
        client.set_tag(run_id, DIGEST_TAG, hashlib.sha256(entry.forecaster).hexdigest())
        files[FORECASTER_FILE] = entry.forecaster
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        client.log_artifacts(run_id, folder)


def _log_model(client: MlflowClient, run_id: str, name: str, entry: RunRecord) -> str:
    """Log a forecaster as a model of its run; return the model's id."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    renew()
    content = entry.forecaster or b""
    signature = ModelSignature(
        Schema([ColSpec(DataType.double, column) for column in entry.features]),
        Schema([ColSpec(DataType.double, column) for column in serving.LEAD_COLUMNS]),
    )
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The signature is written above, so there is no need of an example to infer it from.
        warnings.filterwarnings("ignore", message=".*input example was not provided")
        path = Path(folder, serving.served_file(content))
        path.write_bytes(content)
        mlflow.start_run(run_id=run_id)
        try:
            logged = mlflow.pyfunc.log_model(
                name=name,
                loader_module=serving.__name__,
                data_path=str(path),
                signature=signature,
                pip_requirements=["altseason"],
            )
        finally:
            mlflow.end_run()
    return str(logged.model_id)
