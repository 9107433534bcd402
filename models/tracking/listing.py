"""The versions of the registered model as text and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict

from features.terminal import aligned, one_line
from models.formatting import scored, signed
from models.tracking.aliases import briefly
from models.tracking.holding import AliasHistory
from models.tracking.model_versions import HEADLINES, Version
from models.tracking.registry import Registered
from models.tracking.store import CHAMPION, TRIAL, quoted

SCHEMA = "altseason.versions/1"
HISTORY_SCHEMA = "altseason.aliases/1"
_HEADS = ("", "alias", "candidate", "event", "until", "all horizons", "30 d", "60 d", "90 d")
_WIDTH = 100


def versions_json(versions: Sequence[Version]) -> str:
    """Return versions as JSON under the schema `altseason.versions/1`."""
    content = {"schema": SCHEMA, "versions": [version.as_dict() for version in versions]}
    return json.dumps(content, indent=2, allow_nan=False)


def versions_text(versions: Sequence[Version]) -> str:
    """Return versions as a table of at most 100 columns, the newest first, and why they are so.

    A version marked with ! was scored on other days or events than the
    champion, so that its figures are not comparable with the champion's.
    """
    if not versions:
        return "No version is registered; run train.py first."
    champion = next((each for each in versions if CHAMPION in each.aliases), None)
    marks = [_mark(each, champion) for each in versions]
    rows = [_HEADS, *(_row(each, mark) for each, mark in zip(versions, marks, strict=True))]
    title = "Brier skill against the base rate, broad seasons (90 % interval over all horizons)"
    lines = [title, *aligned(rows, "<<<<<<>"), ""]
    lines.append("event: season index / days that it looks back")
    if any(marks) and champion is not None:
        lines.append(
            f"!: scored on other days or events than version {champion.version}, or not known of "
            f"it: not comparable; train.py compare scores two on their common days"
        )
    for version in versions:
        if version.aliases and version.promotion_reason:
            by = f" by {one_line(version.promoted_by)}" if version.promoted_by else ""
            names = " and ".join(version.aliases)
            lines.append(
                f"Version {version.version}, {names}{by}: {one_line(version.promotion_reason)}"
            )
            if version.rolled_back_to:
                lines.append(f"  rolled back to: {one_line(version.rolled_back_to)}")
    return "\n".join(map(_folded, lines))


def history_text(history: AliasHistory) -> str:
    """Return the moves of the aliases, the newest first, with who, when and why."""
    force = ", ".join(f"{alias} is version {at}" for alias, at in sorted(history.aliases.items()))
    lines = [f"In force: {force}."]
    if history.held is not None:
        lines.append(f"No training replaces version {history.held.version}: {history.held.reason}.")
    for move in history.moves:
        held = ", held" if move.held else ""
        lines.append(
            f"{move.at}  {move.alias} -> version {move.version} ({move.by}{held}; {move.user}): "
            f"{move.reason}"
            if move.by != "resume"
            else f"{move.at}  {move.alias}: version {move.version} is held no more "
            f"({move.user}): {move.reason}"
        )
    return "\n".join(map(_folded, lines))


def history_json(history: AliasHistory) -> str:
    """Return the same as JSON under the schema `altseason.aliases/1`."""
    content = {
        "schema": HISTORY_SCHEMA,
        "aliases": history.aliases,
        "held": None if history.held is None else asdict(history.held),
        "moves": [asdict(move) for move in history.moves],
    }
    return json.dumps(content, indent=2, allow_nan=False)


def outcome_text(registered: Registered, tracking_uri: str) -> str:
    """Say what a training did to the registered model, and what a person can do about it."""
    version, decision = registered.version, registered.decision
    if decision.promote:
        rival = f" Version {registered.challenger} is challenger." if registered.challenger else ""
        return f"Registered as version {version}, alias champion.{rival}"
    champion = registered.champion
    stays = f"Version {champion} stays champion" if champion else "There is no champion"
    other = (
        " It is a trial: it forecasts another event or other horizons than the champion, and says "
        "nothing of the champion's question.\n"
        if registered.alias == TRIAL
        else "\n"
    )
    return (
        f"Registered as version {version}, alias {registered.alias}: {briefly(decision.reason)}. "
        f"{stays}.{other}"
        f"To make it champion all the same:\n"
        f"  train.py promote {version} --reason TEXT --tracking-uri {quoted(tracking_uri)}"
    )


def promoted_text(version: Version, verb: str) -> str:
    """Say which version is champion now."""
    before = version.previous_champion
    tail = f"; before it, version {before} was" if before else ""
    if version.threshold:
        tail += f". It forecasts seasons at {version.threshold:g} over {version.window_days} days"
    return f"{verb} to version {version.version} ({version.candidate}): it is champion{tail}."


def _folded(line: str) -> str:
    """Return a line folded to the width of the table, definitions in short; tables are narrower."""
    said = briefly(line)
    if len(said) <= _WIDTH:
        return said
    return textwrap.fill(
        said, _WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )


def _mark(version: Version, champion: Version | None) -> str:
    """Return "!" for a version whose figures are not comparable with the champion's."""
    if champion is None or version is champion:
        return ""
    known = version.scored_on is not None and version.scored_on == champion.scored_on
    return "" if known else "!"


def _row(version: Version, mark: str) -> tuple[str, ...]:
    whole, *near = HEADLINES
    event = f"{version.threshold:g}/{version.window_days}" if version.threshold else "-"
    cells = (
        f"{version.version}{mark}",
        ", ".join(version.aliases),
        version.candidate,
        event,
        version.until,
        scored(*version.skill[whole]) if whole in version.skill else "-",
        *(signed(version.skill[name][0]) if name in version.skill else "-" for name in near),
    )
    return tuple(one_line(cell) if cell else "-" for cell in cells)
