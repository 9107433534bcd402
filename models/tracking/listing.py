"""The versions of the registered model as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from features.text_table import aligned
from models.formatting import scored
from models.plain_text import one_line
from models.tracking.registry import HEADLINES, Registered, Version
from models.tracking.store import quoted

SCHEMA = "altseason.versions/1"
_HEADS = ("version", "alias", "candidate", "until", "source", "all horizons", "30 days",
          "60 days", "90 days", "episodes", "promoted")  # fmt: skip


def versions_json(versions: Sequence[Version]) -> str:
    """Return versions as JSON under the schema `altseason.versions/1`."""
    content = {"schema": SCHEMA, "versions": [version.as_dict() for version in versions]}
    return json.dumps(content, indent=2, allow_nan=False)


def versions_text(versions: Sequence[Version]) -> str:
    """Return versions as a table, the newest first, and why the marked ones are what they are."""
    if not versions:
        return "No version is registered; run train.py first."
    rows = [_HEADS, *(_row(version) for version in versions)]
    title = "Brier skill against the base rate, broad seasons (90 % interval)"
    lines = [title, *aligned(rows, "<"), ""]
    for version in versions:
        if version.aliases and version.promotion_reason:
            by = f" by {one_line(version.promoted_by)}" if version.promoted_by else ""
            names = " and ".join(version.aliases)
            reason = one_line(version.promotion_reason)
            lines.append(f"Version {version.version}, {names}{by}: {reason}")
    return "\n".join(lines)


def outcome_text(registered: Registered, tracking_uri: str) -> str:
    """Say what a training did to the registered model, and what a person can do about it."""
    version, decision = registered.version, registered.decision
    if decision.promote:
        rival = f" Version {registered.challenger} is challenger." if registered.challenger else ""
        return f"Registered as version {version}, alias champion.{rival}"
    champion = registered.champion
    stays = f"Version {champion} stays champion" if champion else "There is no champion"
    return (
        f"Registered as version {version}, alias challenger: {decision.reason}. {stays}.\n"
        f"To make it champion all the same:\n"
        f"  train.py promote {version} --reason TEXT --tracking-uri {quoted(tracking_uri)}"
    )


def promoted_text(version: Version, verb: str) -> str:
    """Say which version is champion now."""
    before = version.previous_champion
    tail = f"; before it, version {before} was" if before else ""
    return f"{verb} to version {version.version} ({version.candidate}): it is champion{tail}."


def _row(version: Version) -> tuple[str, ...]:
    skill = [scored(*version.skill[name]) if name in version.skill else "-" for name in HEADLINES]
    cells = (
        version.version,
        ", ".join(version.aliases),
        version.candidate,
        version.until,
        version.source,
        *skill,
        None if version.episodes is None else str(version.episodes),
        version.promoted_at,
    )
    return tuple(one_line(cell) if cell else "-" for cell in cells)
