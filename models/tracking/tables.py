"""The tables that a model's training has logged, read back from MLflow and checked."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from mlflow.tracking import MlflowClient

from models.errors import TrackingError
from models.tracking.manifest import read_manifest
from models.tracking.store import connect, reaching
from models.tracking.table_schema import TABLES, read_checked

_OPTIONAL = "claims.csv"


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
    with reaching(tracking_uri, "cannot be read"):
        connect(tracking_uri)
        manifest = read_manifest(MlflowClient().get_run(run_id), {})
        if manifest is None:
            raise TrackingError(
                f"run {run_id}: its training was logged by a release that did not seal its tables, "
                f"so that they are no evidence; train again."
            )
        wanted = [name for name in TABLES if name in manifest.files or name != _OPTIONAL]
        contents = {name: manifest.table(name) for name in wanted}
    tables = {name: _table(name, content, run_id) for name, content in contents.items()}
    return TrainingTables(
        hindcast=tables["hindcast.parquet"],
        verification=tables["verification.csv"],
        integrated=tables["integrated.csv"],
        claims=tables.get(_OPTIONAL),
    )


def _table(name: str, content: bytes, run_id: str) -> pd.DataFrame:
    try:
        return read_checked(name, content)
    except ValueError as error:
        raise TrackingError(f"run {run_id}: {name}: {error}; train again.") from error
    except Exception as error:  # of Arrow or pandas: it cannot be used
        raise TrackingError(
            f"run {run_id}: {name}, which its training logged, cannot be read; train again."
        ) from error
