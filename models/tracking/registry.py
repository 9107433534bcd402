"""The registered model: its versions and its champion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from models.tracking.store import CHAMPION, MODEL_NAME

if TYPE_CHECKING:
    from models.training import Training


def register(model_uri: str, training: Training, parent_run_id: str) -> str:
    """Register a logged model as a new version, make it champion, return its number."""
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
