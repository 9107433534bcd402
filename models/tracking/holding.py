"""Whether the champion is held by hand, and the end of that."""

from __future__ import annotations

from dataclasses import dataclass

from mlflow.tracking import MlflowClient

from models.errors import TrackingError
from models.tracking.champion import HOLD_TAG, aliases, present, settle
from models.tracking.history import Move, note_move, read_moves
from models.tracking.promotion import ENDED, ON_PURPOSE
from models.tracking.store import (
    CHAMPION,
    MODEL_NAME,
    opened,
    quoted,
    reaching,
    shown,
    writing,
)


@dataclass(frozen=True)
class Held:
    """A champion that no training replaces.

    Parameters
    ----------
    version : str
        Its number.
    reason : str
        Why no training replaces it.
    on_purpose : bool
        Whether a person has said so with ``--hold``.
    """

    version: str
    reason: str
    on_purpose: bool


@dataclass(frozen=True)
class AliasHistory:
    """The aliases in force, and their moves, the newest first."""

    aliases: dict[str, str]
    held: Held | None
    moves: tuple[Move, ...]


def held_champion(client: MlflowClient) -> Held | None:
    """Return the champion if it is held by hand, None if trainings may replace it."""
    champion = present(client)
    reason = champion.held() if champion is not None else None
    if champion is None or reason is None:
        return None
    return Held(champion.version, reason, champion.hold == ON_PURPOSE)


def resume(tracking_uri: str, reason: str, who: str, when: str) -> str:
    """Let trainings replace the champion again; return its version.

    Parameters
    ----------
    tracking_uri : str
        The store.
    reason, who, when : str
        For the history.

    Raises
    ------
    TrackingError
        If there is no champion, it is not held, or the store fails.
    """
    client = opened(tracking_uri)
    with reaching(tracking_uri, "failed"), writing(tracking_uri):
        settle(client)
        champion = present(client)
        if champion is None:
            raise TrackingError(f"the store {shown(tracking_uri)} has no champion.")
        if champion.held() is None:
            raise TrackingError(
                f"version {champion.version} is champion and not held: a training may replace it."
            )
        client.set_model_version_tag(MODEL_NAME, champion.version, HOLD_TAG, ENDED)
        note_move(client, Move(when, CHAMPION, champion.version, "resume", who, reason))
        return champion.version


def hold_present(client: MlflowClient, version: str, reason: str, who: str, when: str) -> None:
    """Hold the present champion on purpose."""
    client.set_model_version_tag(MODEL_NAME, version, HOLD_TAG, ON_PURPOSE)
    note_move(client, Move(when, CHAMPION, version, "hand", who, reason, held=True))


def alias_history(tracking_uri: str) -> AliasHistory:
    """Return the aliases in force and all their moves.

    Raises
    ------
    TrackingError
        If the store cannot be read or nothing is registered.
    """
    client = opened(tracking_uri)
    with reaching(tracking_uri, "cannot be read"):
        named = aliases(client)
        if not named:
            raise TrackingError(f"the store {shown(tracking_uri)} has no alias; run train.py.")
        return AliasHistory(named, held_champion(client), tuple(read_moves(client)))


def held_text(held: Held, tracking_uri: str) -> str:
    """Say that trainings do not replace the champion, and how to end that."""
    way_out = f"train.py resume --reason TEXT --tracking-uri {quoted(tracking_uri)}"
    if held.on_purpose:
        said = f"Version {held.version} is held on purpose: no training replaces it until"
        return f"{said}\n  {way_out}"
    return (
        f"No training replaces version {held.version}: {held.reason}. To let trainings go on:\n"
        f"  {way_out}\n"
        f"(with --hold it is said to be meant, and trainings only note it)"
    )
