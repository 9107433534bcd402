"""The versions of the registered model, as text and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from features.terminal import aligned, one_line
from models.errors import DEADLINE_SECONDS
from models.formatting import percent, scored, signed, wrap
from models.tracking.registry import named, terms_of
from models.tracking.store import ABSENT, CHAMPION, MODEL_NAME, opened

SCHEMA = "altseason.versions/2"
_HEADS = (
    "", "alias", "candidate", "until", "all horizons", "90 d", "broad 90 d", "broad year",
)  # fmt: skip
_FORECAST = ("broad_90d", "broad_year", "sustained_year", "index")


@dataclass(frozen=True)
class Version:
    """A version of the registered model; None stands for what it does not state."""

    version: str
    aliases: tuple[str, ...]
    candidate: str | None
    gate_choice: bool
    source: str | None
    until: str | None
    trained_until: str | None
    run_id: str
    skill: Mapping[str, float]  # metrics of the Brier skill, with the ends of their intervals
    forecast: Mapping[str, float]  # what its training forecast of the last day of its data
    log_score: float | None
    threshold: float | None
    scored_on: str | None  # the same for versions whose scores may be compared
    promoted_at: str | None
    promoted_by: str | None
    reason: str | None  # of the promotion, or why it was not promoted
    previous: str | None
    hold: str | None


def list_versions(tracking_uri: str, *, deadline: float = DEADLINE_SECONDS) -> list[Version]:
    """Return all versions, the newest first."""
    with opened(tracking_uri, deadline=deadline) as client:
        aliases = named(client)
        registered = client.search_model_versions(f"name = '{MODEL_NAME}'", max_results=1000)
        ordered = sorted(registered, key=lambda version: -int(version.version))
        return [_version(client, version, aliases) for version in ordered]


def _version(client: MlflowClient, registered: ModelVersion, aliases: Mapping[str, str]) -> Version:
    number, tags, terms = str(registered.version), registered.tags, terms_of(registered)
    run, training = (
        _run_data(client, run_id) for run_id in (registered.run_id, tags.get("parent_run_id"))
    )
    metrics = run[0]
    return Version(
        version=number,
        aliases=tuple(sorted(alias for alias, at in aliases.items() if at == number)),
        candidate=tags.get("candidate"),
        gate_choice=tags.get("gate_choice") == "yes",
        source=terms.source if terms else None,
        until=terms.until if terms else None,
        trained_until=tags.get("trained_until"),
        run_id=str(registered.run_id),
        skill={name: value for name, value in metrics.items() if name.startswith("brier_skill")},
        forecast={
            name: training[0][f"forecast/{name}"]
            for name in _FORECAST
            if tags.get("gate_choice") == "yes" and f"forecast/{name}" in training[0]
        },
        log_score=metrics.get("log_score"),
        threshold=terms.definition.get("threshold") if terms else None,
        scored_on=run[1].get("scored_on"),
        promoted_at=tags.get("promoted_at"),
        promoted_by=tags.get("promoted_by"),
        reason=tags.get("promotion_reason") or tags.get("not_promoted"),
        previous=tags.get("previous") or None,
        hold=tags.get("hold"),
    )


def _run_data(
    client: MlflowClient, run_id: str | None
) -> tuple[Mapping[str, float], Mapping[str, str]]:
    """Return metrics and tags of a run; nothing where it was deleted."""
    try:
        data = client.get_run(str(run_id)).data
    except MlflowException as error:
        if error.error_code != ABSENT:
            raise
        return {}, {}
    # What is not finite says nothing, and JSON cannot hold it.
    return {name: value for name, value in data.metrics.items() if math.isfinite(value)}, data.tags


def versions_json(versions: Sequence[Version]) -> str:
    """Return versions as JSON under the schema `altseason.versions/2`."""
    rows: list[dict[str, Any]] = [asdict(version) for version in versions]
    return json.dumps({"schema": SCHEMA, "versions": rows}, indent=2, allow_nan=False)


def versions_text(versions: Sequence[Version]) -> str:
    """Return versions as a table of at most 100 columns, the newest first, and why they are so.

    A version marked with ! was scored on other days or events than the champion: its figures are
    not comparable with the champion's, and it is not ranked beside it.
    """
    if not versions:
        return "No version is registered; run train.py first."
    champion = next((version for version in versions if CHAMPION in version.aliases), None)
    rows = [_HEADS, *(_row(version, champion) for version in versions)]
    lines = [
        "Brier skill against the base rate, broad seasons (90 % interval over all horizons);",
        "chance of a broad season on the last day of its data",
        *aligned(rows, "<<<<<>>>"),
        "",
    ]
    if any(row[0].endswith("!") for row in rows):
        lines.append(
            f"!: scored on other days or events than version "
            f"{champion.version if champion else ''}: not comparable; train.py compare scores two "
            f"on their common days"
        )
    for version in versions:
        if version.aliases and version.reason:
            by = f" by {one_line(version.promoted_by)}" if version.promoted_by else ""
            names = " and ".join(version.aliases)
            lines.append(f"Version {version.version}, {names}{by}: {one_line(version.reason)}")
        if version.hold:
            lines.append(f"  held ({one_line(version.hold)}): no training replaces it")
    return "\n".join(wrap(line, "    ", width=100) if len(line) > 100 else line for line in lines)


def _row(version: Version, champion: Version | None) -> tuple[str, ...]:
    other = champion is not None and version.scored_on != champion.scored_on
    skill = version.skill
    whole = tuple(skill.get(f"brier_skill{end}") for end in ("", "_low", "_high"))
    event = f" at {version.threshold:g}" if version.threshold not in (None, 75.0) else ""
    cells = (
        f"{version.version}{'!' if other else ''}",
        ", ".join(version.aliases),
        f"{version.candidate or ''}{event}",
        version.until,
        "-" if whole[0] is None else scored(*whole),
        signed(skill.get("brier_skill_90d")) if "brier_skill_90d" in skill else "-",
        percent(version.forecast["broad_90d"]) if "broad_90d" in version.forecast else "-",
        percent(version.forecast["broad_year"]) if "broad_year" in version.forecast else "-",
    )
    return tuple(one_line(cell) if cell else "-" for cell in cells)
