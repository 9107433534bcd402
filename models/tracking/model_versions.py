"""Versions of the registered model, as they are listed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from models.tracking.aliases import event_of
from models.tracking.champion import NOT_PROMOTED_TAG, ROLLED_BACK_TO_TAG, aliases, told
from models.tracking.promotion import Terms
from models.tracking.scored_rows import SCORED_ON_TAG
from models.tracking.store import ABSENT, CHAMPION, MODEL_NAME, opened, reaching

HEADLINES = ("brier_skill", "brier_skill_30d", "brier_skill_60d", "brier_skill_90d")


@dataclass(frozen=True)
class Version:
    """A version of the registered model, as ``train.py versions`` shows it.

    Skills map a metric to its value and the ends of its interval, None where
    they could not be computed.
    """

    version: str
    aliases: tuple[str, ...]
    candidate: str | None
    gate_choice: bool
    source: str | None
    until: str | None
    trained_until: str | None
    run_id: str
    skill: Mapping[str, tuple[float | None, float | None, float | None]]
    log_score: float | None
    episodes: int | None
    promoted_at: str | None
    promoted_by: str | None
    promotion_reason: str | None
    previous_champion: str | None
    threshold: float | None = None
    window_days: int | None = None
    scored_on: str | None = None
    rolled_back_to: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the version ready for JSON."""
        skill = {
            name: dict(zip(("value", "low", "high"), values, strict=True))
            for name, values in self.skill.items()
        }
        return {**asdict(self), "aliases": list(self.aliases), "skill": skill}


def list_versions(tracking_uri: str) -> list[Version]:
    """Return all versions, the newest first.

    Raises
    ------
    TrackingError
        If the store cannot be read.
    """
    client = opened(tracking_uri)
    with reaching(tracking_uri, "cannot be read"):
        named = aliases(client)
        found = client.search_model_versions(f"name = '{MODEL_NAME}'", max_results=1000)
        return [
            version_of(client, each, named)
            for each in sorted(found, key=lambda each: -int(each.version))
        ]


def version_of(client: MlflowClient, found: ModelVersion, named: Mapping[str, str]) -> Version:
    """Return what is listed of a version.

    Parameters
    ----------
    client : MlflowClient
        The store.
    found : ModelVersion
        As MLflow has it.
    named : mapping of str to str
        Version by alias.
    """
    number = str(found.version)
    tags = told(found.tags, champion=named.get(CHAMPION) == number)
    terms = Terms.from_json(tags.get("terms"))
    values: Mapping[str, float] = {}
    scored = None
    try:
        run = client.get_run(str(found.run_id)).data
        # What is not finite says nothing, and JSON cannot hold it.
        values = {name: value for name, value in run.metrics.items() if math.isfinite(value)}
        scored = run.tags.get(SCORED_ON_TAG)
    except MlflowException as error:
        if error.error_code != ABSENT:  # its run may have been deleted
            raise
    event = event_of(terms.definition) if terms else None
    return Version(
        version=number,
        aliases=tuple(sorted(alias for alias, at in named.items() if at == number)),
        candidate=tags.get("candidate"),
        gate_choice=tags.get("gate_choice") == "yes",
        source=terms.source if terms else None,
        until=terms.until if terms else None,
        trained_until=tags.get("trained_until"),
        run_id=str(found.run_id),
        skill=_skill(values),
        log_score=values.get("log_score"),
        episodes=int(values["episodes"]) if "episodes" in values else None,
        promoted_at=tags.get("promoted_at"),
        promoted_by=tags.get("promoted_by"),
        promotion_reason=tags.get("promotion_reason") or tags.get(NOT_PROMOTED_TAG),
        previous_champion=tags.get("previous_champion") or None,
        threshold=event[0] if event else None,
        window_days=event[1] if event else None,
        scored_on=scored,
        rolled_back_to=tags.get(ROLLED_BACK_TO_TAG),
    )


def _skill(
    values: Mapping[str, float],
) -> dict[str, tuple[float | None, float | None, float | None]]:
    return {
        name: (values.get(name), values.get(f"{name}_low"), values.get(f"{name}_high"))
        for name in HEADLINES
        if name in values
    }
