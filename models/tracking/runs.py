"""A training as runs: one parent, one child per candidate."""

from __future__ import annotations

import contextlib
import hashlib
import math
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
import pandas as pd
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from features.builder import feature_frame
from models.errors import TrackingError
from models.forecaster import Forecaster
from models.tracking import serving
from models.tracking.registry import register
from models.tracking.serving import LEAD_COLUMNS
from models.tracking.store import DIGEST_TAG, FORECASTER_FILE, connect, first_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from models.training import Training

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
    connect(tracking_uri)
    try:
        _use_experiment(experiment, tracking_uri)
        run = mlflow.start_run(run_name=run_name)
    except Exception as error:
        raise TrackingError(
            f"the store {tracking_uri} cannot be opened: {first_line(error)}"
        ) from error
    with run:
        try:
            yield run
        except (MlflowException, OSError) as error:
            raise TrackingError(
                f"the store {tracking_uri} failed, the run is marked FAILED: {first_line(error)}"
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
    return register(models[champion], training, parent_run_id)


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
        Schema([ColSpec(DataType.double, column) for column in LEAD_COLUMNS]),
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
                loader_module=serving.__name__,
                data_path=str(path),
                signature=signature,
                pip_requirements=["altseason"],
            )
    return str(logged.model_uri)
