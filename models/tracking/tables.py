"""The tables that a model's training has logged, read back from MLflow and checked."""

from __future__ import annotations

from dataclasses import dataclass

import mlflow
import pandas as pd

from models.errors import TrackingError
from models.tracking.manifest import Manifest, read_manifest
from models.tracking.store import shown, why
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
    client = mlflow.MlflowClient(tracking_uri=tracking_uri)
    try:
        manifest = read_manifest(client.get_run(run_id), {})
    except TrackingError:
        raise
    except Exception as error:  # of MLflow, its database or its transport: all mean the same
        raise TrackingError(
            f"run {run_id} cannot be read from {shown(tracking_uri)}: {why(error)}."
        ) from error
    if manifest is None:
        raise TrackingError(
            f"run {run_id}: its training was logged by a release that did not seal its tables, "
            f"so that they are no evidence; train again."
        )
    tables = {name: _table(manifest, name) for name in TABLES if name in manifest.files
              or name != _OPTIONAL}  # fmt: skip
    return TrainingTables(
        hindcast=tables["hindcast.parquet"],
        verification=tables["verification.csv"],
        integrated=tables["integrated.csv"],
        claims=tables.get(_OPTIONAL),
    )


def _table(manifest: Manifest, name: str) -> pd.DataFrame:
    try:
        return read_checked(name, manifest.table(name))
    except TrackingError:
        raise
    except ValueError as error:
        raise TrackingError(f"run {manifest.run_id}: {name}: {error}; train again.") from error
    except Exception as error:  # of MLflow, its transport, Arrow or pandas: it cannot be used
        raise TrackingError(
            f"run {manifest.run_id}: {name}, which its training logged, cannot be read; "
            f"train again."
        ) from error
