"""The tables that a model's training has logged, read back from MLflow."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.entities import Run

from models.errors import TrackingError
from models.tracking.artifacts import artifact, artifact_names
from models.tracking.store import shown, why

_PARENT = "mlflow.parentRunId"
_NEEDED = {
    "hindcast.parquet": {"as_of", "model", "kind", "horizon_days", "probability", "climatology",
                         "outcome"},
    "verification.csv": {"model", "kind", "horizon_days", "days", "episodes", "brier_skill",
                         "brier_skill_low", "brier_skill_high", "verdict", "auc"},
    "integrated.csv": {"model", "kind", "days", "episodes", "brier_skill", "brier_skill_low",
                       "brier_skill_high", "log_score"},
    "claims.csv": {"claim", "condition", "horizon_days", "verdict", "sentence"},
}  # fmt: skip


@dataclass(frozen=True)
class TrainingTables:
    """What a training said of its candidates.

    Parameters
    ----------
    hindcast, verification, integrated : pandas.DataFrame
        As in `models.training.run.Training`.
    claims : pandas.DataFrame, optional
        From `models.training.claims.claims`; None if that training did not test them.
    """

    hindcast: pd.DataFrame
    verification: pd.DataFrame
    integrated: pd.DataFrame
    claims: pd.DataFrame | None


def load_tables(tracking_uri: str, run_id: str) -> TrainingTables:
    """Read the tables of the training that made a model.

    Parameters
    ----------
    tracking_uri : str
        The store.
    run_id : str
        Run of the model: a candidate's, or its training's own.

    Raises
    ------
    TrackingError
        If the store does not hold them, or they are not what a training logs.
    """
    client = mlflow.MlflowClient(tracking_uri=tracking_uri)
    try:
        training = client.get_run(client.get_run(run_id).data.tags.get(_PARENT, run_id))
        held = artifact_names(tracking_uri, training)
    except Exception as error:  # of MLflow, its database or its transport: all mean the same
        raise TrackingError(
            f"run {run_id} cannot be read from {shown(tracking_uri)}: {why(error)}"
        ) from error
    wanted = [name for name in _NEEDED if name in held or name != "claims.csv"]
    tables = {name: _table(tracking_uri, training, name) for name in wanted}
    return TrainingTables(
        hindcast=tables["hindcast.parquet"],
        verification=tables["verification.csv"],
        integrated=tables["integrated.csv"],
        claims=tables.get("claims.csv"),
    )


def _table(tracking_uri: str, run: Run, name: str) -> pd.DataFrame:
    run_id = run.info.run_id
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = artifact(tracking_uri, run, name, Path(folder))
            table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except Exception as error:  # of MLflow, its transport, Arrow or pandas: it cannot be used
        raise TrackingError(
            f"run {run_id}: {name}, which its training logged, cannot be read; train again."
        ) from error
    absent = sorted(_NEEDED[name] - set(table.columns))
    if absent:
        raise TrackingError(f"run {run_id}: {name} lacks {', '.join(absent)}; train again.")
    return table
