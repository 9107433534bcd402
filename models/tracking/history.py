"""The moves of the aliases, with who, when and why, in few tags of the registered model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from mlflow.tracking import MlflowClient

from models.tracking.store import CHAMPION, MODEL_NAME

# MLflow's UI hides what begins so: pages of JSON would stand between description and versions.
HISTORY_TAG = "mlflow.altseason.history"
# A store takes 5,000 characters in a tag; what does not fit goes into a further one.
_LONGEST = 4_500
_LONGEST_REASON = 400


@dataclass(frozen=True)
class Move:
    """What became of an alias.

    Parameters
    ----------
    at, user, reason : str
        When, whose and why.
    alias, version : str
        Which alias went to which version; no version where it only ended to be held.
    by : str
        ``gate``, ``hand``, ``rollback``, ``trial`` or ``resume``.
    held : bool
        Whether trainings are kept from moving it.
    """

    at: str
    alias: str
    version: str
    by: str
    user: str
    reason: str
    held: bool = False


def note_move(client: MlflowClient, move: Move) -> None:
    """Add a move to the history; one that is there already changes nothing."""
    tags = client.get_registered_model(MODEL_NAME).tags
    line = json.dumps(asdict(_short(move)))
    names = _names(tags)
    if any(line in tags[name].splitlines() for name in names):
        return
    name = names[-1] if names else HISTORY_TAG
    text = tags.get(name, "")
    if text and len(text) + len(line) + 1 > _LONGEST:
        name, text = f"{HISTORY_TAG}_{len(names) + 1}", ""
    client.set_registered_model_tag(MODEL_NAME, name, f"{text}\n{line}" if text else line)


def read_moves(client: MlflowClient) -> list[Move]:
    """Return the moves, the newest first.

    Those of releases that kept no history are read off the versions' own
    tags, as far as these still say them.
    """
    tags = client.get_registered_model(MODEL_NAME).tags
    moves = [_move(line) for name in _names(tags) for line in tags[name].splitlines()]
    found = [move for move in moves if move is not None]
    told = {(move.at, move.version) for move in found}
    for version in client.search_model_versions(f"name = '{MODEL_NAME}'", max_results=1000):
        own = version.tags
        at = own.get("promoted_at", "")
        if at and (at, str(version.version)) not in told:
            found.append(
                Move(
                    at,
                    CHAMPION,
                    str(version.version),
                    own.get("promoted_by", ""),
                    own.get("promoted_by_user", ""),
                    own.get("promotion_reason", ""),
                )
            )
    # Instants are ISO 8601 in UTC: they sort as text. Of one second the later entry is newer.
    return sorted(found, key=lambda move: move.at)[::-1]


def _short(move: Move) -> Move:
    reason = " ".join(move.reason.split())
    if len(reason) > _LONGEST_REASON:
        reason = f"{reason[: _LONGEST_REASON - 3]}..."
    return Move(**{**asdict(move), "reason": reason})


def _names(tags: dict[str, str]) -> Sequence[str]:
    """Return the tags of the history, oldest first."""
    own = [name for name in tags if name == HISTORY_TAG or name.startswith(f"{HISTORY_TAG}_")]
    return sorted(own, key=lambda name: (len(name), name))


def _move(line: str) -> Move | None:
    try:
        return Move(**json.loads(line))
    except (ValueError, TypeError):  # a person may have edited the tag
        return None
