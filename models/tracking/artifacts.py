"""Reading what a run has logged, from beside the database where it lies there."""

from __future__ import annotations

from pathlib import Path

import mlflow
from mlflow.entities import Run

from models.tracking.location import artifact_folder, beside
from models.tracking.store import database


def artifact(tracking_uri: str, run: Run, name: str, folder: Path) -> Path:
    """Return a file that holds an artifact of a run, fetched into a folder if need be.

    Parameters
    ----------
    tracking_uri : str
        The store.
    run : mlflow.entities.Run
        Whose artifact it is.
    name : str
        Its path below the run's artifacts.
    folder : pathlib.Path
        Where a copy may be put.

    Raises
    ------
    Exception
        Whatever MLflow or its transport raises where it is not there.
    """
    place = _place(tracking_uri, run)
    if place is not None:
        return place / name
    return Path(
        mlflow.artifacts.download_artifacts(
            run_id=run.info.run_id, artifact_path=name, dst_path=str(folder),
            tracking_uri=tracking_uri,
        )
    )  # fmt: skip


def looked_for(tracking_uri: str, run: Run) -> str:
    """Return where a run's artifacts were looked for, for a message."""
    path = database(tracking_uri)
    stored = str(run.info.artifact_uri)
    return stored if path is None else f"{artifact_folder(path)} or {stored}"


def _place(tracking_uri: str, run: Run) -> Path | None:
    path = database(tracking_uri)
    return None if path is None else beside(path, str(run.info.artifact_uri))
