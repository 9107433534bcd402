"""MLflow: the only module that knows it.

A training run becomes a parent run with one child per candidate. Forecasters
are stored as plain parameters and read back without executing anything from
the store. The champion is registered last, after all else is safely logged.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# stdout carries the answer only.
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

import mlflow
import pandas as pd
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from features.builder import feature_frame
from models.errors import TrackingError
from models.forecast import ModelId
from models.forecaster import Forecaster

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from models.training import Training

MODEL_NAME = "altcoin-season"
CHAMPION = "champion"
_SQLITE = b"SQLite format 3\0"
FORECASTER_FILE = "forecaster.json.gz"
DIGEST_TAG = "forecaster_sha256"

_EXPERIMENT_NOTE = """\
Probability that an altcoin season begins. Each parent run is one training; its children are
the candidates, scored on the same out-of-sample days.

- `brier_skill_30d`: 1 - Brier score / that of climatology, 30 days ahead; higher is better,
  0 is climatology. `_low` and `_high` are the ends of its 90 % block-bootstrap interval.
- `log_score_30d`: mean negative log probability of what happened; lower is better.
- `brier_skill`, `log_score`, ... without a horizon: over all horizons, on the days that all of
  them have resolved. The paired interval of the log score decides between candidates.
- `episodes_30d`: different onsets inside the windows: the independent evidence there is.
- Names without a kind are of broad seasons, `partial_...` of partial ones.
- `fold_log_score`: by refit (step = number of the refit, every 28 days from 2017-01-03).
"""


@dataclass(frozen=True)
class Provenance:
    """What a run was made of besides its settings: logged as tags.

    Parameters
    ----------
    source : str
        Data source.
    commit : str
        Git commit, with "+changes" behind it if files differ from it.
    versions : mapping of str to str
        Versions of Python and of the packages that make the numbers.
    """

    source: str
    commit: str
    versions: Mapping[str, str]


@contextmanager
def training_run(
    tracking_uri: str, experiment: str, run_name: str | None
) -> Iterator[mlflow.ActiveRun]:
    """Open the parent run; it ends FAILED on an error and KILLED on an interruption.

    Parameters
    ----------
    tracking_uri : str
        The store, for instance ``sqlite:///mlflow.db``.
    experiment : str
        Created if it does not exist.
    run_name : str, optional
        By default MLflow invents one.

    Raises
    ------
    TrackingError
        If the store cannot be opened.
    """
    _connect(tracking_uri)
    try:
        _use_experiment(experiment, tracking_uri)
        run = mlflow.start_run(run_name=run_name)
    except Exception as error:
        raise TrackingError(
            f"the store {tracking_uri} cannot be opened: {_first_line(error)}"
        ) from error
    with run:
        try:
            yield run
        except (MlflowException, OSError) as error:
            raise TrackingError(
                f"the store {tracking_uri} failed, the run is marked FAILED: {_first_line(error)}"
            ) from error
        except (KeyboardInterrupt, SystemExit):
            while mlflow.active_run() is not None:
                mlflow.end_run("KILLED")
            raise


def log_training(
    training: Training,
    provenance: Provenance,
    figures: Mapping[str, Mapping[str, Figure]],
    tables: Mapping[str, pd.DataFrame],
) -> str:
    """Log a training into the open parent run and make its champion the champion.

    Parameters
    ----------
    training : Training
        What was trained.
    provenance : Provenance
        What it was made of.
    figures : mapping of str to mapping of str to Figure
        Figures by candidate and file name; those under "" go to the parent.
    tables : mapping of str to pandas.DataFrame
        Further tables for the parent, by name.

    Returns
    -------
    str
        Version of the registered champion.
    """
    parent_run_id = _open_run().info.run_id
    dataset = _dataset(training, provenance)
    champion = training.choice.champion
    _log_run(training, champion, provenance, figures.get("", {}))
    mlflow.log_input(dataset, context="training")
    models = {}
    for name, forecaster in training.forecasters.items():
        with mlflow.start_run(run_name=name, nested=True):
            mlflow.log_input(dataset, context="training")
            _log_run(training, name, provenance, figures.get(name, {}))
            models[name] = _log_forecaster(forecaster)
    with tempfile.TemporaryDirectory() as folder:
        training.hindcast.to_parquet(Path(folder) / "hindcast.parquet", index=False)
        training.verification.to_csv(Path(folder) / "verification.csv", index=False)
        training.comparison.to_csv(Path(folder) / "comparison.csv", index=False)
        training.integrated.to_csv(Path(folder) / "integrated.csv", index=False)
        for name, table in tables.items():
            table.to_csv(Path(folder) / f"{name}.csv", index=False)
        feature_frame().to_csv(Path(folder) / "features.csv", index=False)
        mlflow.log_artifacts(folder)
    return _register(models[champion], training, parent_run_id)


@dataclass(frozen=True)
class Stored:
    """A forecaster read from the store."""

    forecaster: Forecaster
    model_id: ModelId


def load_forecaster(tracking_uri: str, model: str = CHAMPION) -> Stored:
    """Read a forecaster without executing anything from the store.

    Parameters
    ----------
    tracking_uri : str
        The store.
    model : str
        ``champion``, a version number of the registered model, or a run id (a
        parent's means its champion's).

    Raises
    ------
    TrackingError
        If there is no such store or model, or its content is not what was
        logged.
    """
    _require_store(tracking_uri)
    _connect(tracking_uri)
    try:
        client = MlflowClient()
        if model == CHAMPION or model.isdigit():
            found = (
                client.get_model_version_by_alias(MODEL_NAME, CHAMPION)
                if model == CHAMPION
                else client.get_model_version(MODEL_NAME, model)
            )
            version: str | None = str(found.version)
            run_id = str(found.run_id)
        else:
            run_id = client.get_run(model).data.tags.get("champion_run_id", model)
            versions = client.search_model_versions(f"run_id = '{run_id}'")
            version = str(versions[0].version) if versions else None
        run = client.get_run(run_id)
        with tempfile.TemporaryDirectory() as folder:
            path = mlflow.artifacts.download_artifacts(
                run_id=run_id, artifact_path=FORECASTER_FILE, dst_path=folder
            )
            content = Path(path).read_bytes()
    except Exception as error:  # of MLflow, its database or its transport: all mean the same
        raise TrackingError(
            f"the store {tracking_uri} holds no model {model!r} ({_first_line(error)}); "
            f"run train.py with the same --tracking-uri first."
        ) from error
    if hashlib.sha256(content).hexdigest() != run.data.tags.get(DIGEST_TAG):
        raise TrackingError(
            f"run {run_id}: {FORECASTER_FILE} is not what was logged (its digest differs "
            f"from the tag {DIGEST_TAG}); it is not used. Train again."
        )
    try:
        return Stored(Forecaster.from_bytes(content), ModelId(version, run_id))
    except ValueError as error:
        raise TrackingError(f"run {run_id}: {FORECASTER_FILE}: {error}") from error


def ui_command(tracking_uri: str) -> str:
    """Return the command that opens the MLflow UI on a store."""
    if tracking_uri.startswith(("http://", "https://")):
        return f"open {tracking_uri} in a browser"
    return f"mlflow ui --backend-store-uri {tracking_uri}"


class ServedForecaster:
    """What MLflow serves: feature rows with a threshold in, probability per lead out."""

    def __init__(self, forecaster: Forecaster) -> None:
        self.forecaster = forecaster

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the probability that the onset falls in each lead of 30 days, or in none."""
        probability = self.forecaster.model.predict_proba(X)
        return pd.DataFrame(probability, columns=list(_LEAD_COLUMNS), index=X.index)


def _load_pyfunc(data_path: str) -> ServedForecaster:
    """Read the logged model; MLflow calls this by its name."""
    return ServedForecaster(Forecaster.from_bytes(Path(data_path).read_bytes()))


_LEAD_COLUMNS = (*(f"lead_{lead}" for lead in range(1, 14)), "none")


def _connect(tracking_uri: str) -> None:
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    mlflow.set_tracking_uri(tracking_uri)


def _require_store(tracking_uri: str) -> None:
    """Say that a store file is missing instead of letting MLflow create an empty one."""
    if tracking_uri.startswith("sqlite:///"):
        path = Path(tracking_uri.removeprefix("sqlite:///"))
        if not path.is_file():
            raise TrackingError(f"there is no store at {path}; run train.py first.")
        with path.open("rb") as file:
            if file.read(len(_SQLITE)) != _SQLITE:
                raise TrackingError(f"{path} is no store: it is not an SQLite database.")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _use_experiment(name: str, tracking_uri: str) -> None:
    if tracking_uri.startswith("sqlite:///") and mlflow.get_experiment_by_name(name) is None:
        # Beside the database, wherever the command was started.
        database = Path(tracking_uri.removeprefix("sqlite:///")).resolve()
        place = (database.parent / "mlartifacts").as_uri()
        with contextlib.suppress(MlflowException):  # another training made it just now
            mlflow.create_experiment(name, artifact_location=place)
    experiment = mlflow.set_experiment(name)
    tags = {
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.note.content": _EXPERIMENT_NOTE,
    }
    for key, value in tags.items():
        if experiment.tags.get(key) != value:
            mlflow.set_experiment_tag(key, value)


def _open_run() -> mlflow.ActiveRun:
    run = mlflow.active_run()
    if run is None:
        raise TrackingError("no run is open.")
    return run


def _dataset(training: Training, provenance: Provenance) -> mlflow.data.dataset.Dataset:
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset

    source = CodeDatasetSource({"source": provenance.source, "sha256": training.data_digest})
    return MetaDataset(  # type: ignore[abstract]  # MLflow's own class, meant to be used so
        source, name="market-panel", digest=training.data_digest[:32]
    )


def _log_run(
    training: Training, name: str, provenance: Provenance, figures: Mapping[str, Figure]
) -> None:
    """Log parameters, tags, metrics and figures of a candidate into the open run."""
    run = _open_run()
    settings = training.settings
    params = {
        "candidate": name,
        "seed": settings.seed,
        "until": f"{training.until:%Y-%m-%d}",
        "horizons": ",".join(map(str, settings.horizons)),
        "replicates": settings.replicates,
        **{f"definition_{key}": value for key, value in settings.definition.as_dict().items()},
        **training.forecasters[name].model.chosen(),
    }
    tags = {
        "commit": provenance.commit,
        "data_digest": training.data_digest,
        "data_source": provenance.source,
        "until": f"{training.until:%Y-%m-%d}",
        "trained_until": f"{training.trained_until:%Y-%m-%d}",
        "definition": str(settings.definition),
        "reason": training.forecasters[name].evidence.reason,
        **{f"version_{package}": version for package, version in provenance.versions.items()},
    }
    MlflowClient().log_batch(
        run.info.run_id,
        metrics=_metrics(training, name, run.info.start_time),
        params=[Param(key, str(value)) for key, value in params.items()],
        tags=[RunTag(key, str(value)) for key, value in tags.items()],
    )
    for file, figure in figures.items():
        mlflow.log_figure(figure, f"figures/{file}")


def _metrics(training: Training, name: str, now: int) -> list[Metric]:
    """Return a candidate's scores; what cannot be computed is left out, never NaN."""
    values: dict[str, float] = {}
    for table in (training.verification, training.integrated):
        for row in table[table["model"] == name].to_dict("records"):
            kind = "" if row["kind"] == "broad" else f"{row['kind']}_"
            horizon = f"_{row['horizon_days']}d" if "horizon_days" in row else ""
            for score, value in row.items():
                if isinstance(value, (int, float)) and score != "horizon_days":
                    stem, end = _split(str(score))
                    values[f"{kind}{stem}{horizon}{end}"] = value
    metrics = [Metric(key, float(value), now, 0) for key, value in values.items()]
    metrics += [
        Metric("fold_log_score", value, now, fold)
        for fold, value in training.fold_log_scores(name).items()
    ]
    return [metric for metric in metrics if math.isfinite(metric.value)]


def _split(score: str) -> tuple[str, str]:
    """Return a score's name and the end of its interval, if it is one."""
    for end in ("_low", "_high"):
        if score.endswith(end):
            return score.removesuffix(end), end
    return score, ""


def _log_forecaster(forecaster: Forecaster) -> str:
    """Log a forecaster into the open run, as a file and as a model; return the model's URI."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    content = forecaster.to_bytes()
    mlflow.set_tag(DIGEST_TAG, hashlib.sha256(content).hexdigest())
    columns = [*forecaster.model.feature_names(), "threshold"]
    signature = ModelSignature(
        Schema([ColSpec(DataType.double, column) for column in columns]),
        Schema([ColSpec(DataType.double, column) for column in _LEAD_COLUMNS]),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FORECASTER_FILE
        path.write_bytes(content)
        mlflow.log_artifact(str(path))
        with warnings.catch_warnings():
            # The signature is written above, so there is no need of an example to infer it from.
            warnings.filterwarnings("ignore", message=".*input example was not provided")
            logged = mlflow.pyfunc.log_model(
                name=forecaster.name,
                loader_module=__name__,
                data_path=str(path),
                signature=signature,
                pip_requirements=["altseason"],
            )
    return str(logged.model_uri)


def _register(model_uri: str, training: Training, parent_run_id: str) -> str:
    client = MlflowClient()
    try:
        client.create_registered_model(
            MODEL_NAME,
            description="Probability that an altcoin season begins, per lead of 30 days.",
        )
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    model = client.get_logged_model(model_uri.removeprefix("models:/"))
    version = client.create_model_version(
        MODEL_NAME,
        source=model_uri,
        run_id=model.source_run_id,
        model_id=model.model_id,
        tags={
            "candidate": training.choice.champion,
            "trained_until": f"{training.trained_until:%Y-%m-%d}",
            "data_digest": training.data_digest,
            "parent_run_id": parent_run_id,
        },
        description=training.choice.reason,
    )
    mlflow.set_tag("champion_run_id", model.source_run_id)
    mlflow.set_tag("champion", training.choice.champion)
    client.set_registered_model_alias(MODEL_NAME, CHAMPION, version.version)
    return str(version.version)
