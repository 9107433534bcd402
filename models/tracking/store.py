"""Connecting to a store, and its errors in one line."""

from __future__ import annotations

import logging
import os
from pathlib import Path

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# stdout carries the answer only.
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

import mlflow

from models.errors import TrackingError

MODEL_NAME = "altcoin-season"
CHAMPION = "champion"
FORECASTER_FILE = "forecaster.json.gz"
DIGEST_TAG = "forecaster_sha256"
_SQLITE = b"SQLite format 3\0"


def ui_command(tracking_uri: str) -> str:
    """Return the command that opens the MLflow UI on a store."""
    if tracking_uri.startswith(("http://", "https://")):
        return f"open {tracking_uri} in a browser"
    return f"mlflow ui --backend-store-uri {tracking_uri}"


def connect(tracking_uri: str) -> None:
    """Name the store to MLflow and keep its chatter off stderr."""
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    mlflow.set_tracking_uri(tracking_uri)


def require_store(tracking_uri: str) -> None:
    """Say that a store file is missing instead of letting MLflow create an empty one."""
    if tracking_uri.startswith("sqlite:///"):
        path = Path(tracking_uri.removeprefix("sqlite:///"))
        if not path.is_file():
            raise TrackingError(f"there is no store at {path}; run train.py first.")
        with path.open("rb") as file:
            if file.read(len(_SQLITE)) != _SQLITE:
                raise TrackingError(f"{path} is no store: it is not an SQLite database.")


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or its type if it has none."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
