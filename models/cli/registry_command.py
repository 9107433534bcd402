"""Moving the champion by hand from the command line, and saying what that means."""

from __future__ import annotations

import typer

from models.cli.options import time_stamp, user
from models.tracking import registry
from models.tracking.holding import alias_history, held_text
from models.tracking.listing import promoted_text
from models.tracking.registry import Registered


def promoted(tracking_uri: str, version: str, reason: str, *, hold: bool) -> str:
    """Make a version champion; return what is to be said of it."""
    champion = registry.promote(tracking_uri, version, reason, user(), time_stamp(), hold=hold)
    return _with_hold(promoted_text(champion, "Promoted"), tracking_uri)


def rolled_back(tracking_uri: str, reason: str, *, hold: bool) -> str:
    """Make the version before the champion champion; return what is to be said of it."""
    champion = registry.rollback(tracking_uri, reason, user(), time_stamp(), hold=hold)
    return _with_hold(promoted_text(champion, "Rolled back"), tracking_uri)


def warn_of_hold(registered: Registered, tracking_uri: str) -> None:
    """Say on stderr that a training could not become champion because a person holds it."""
    if registered.held is not None:
        word = "note" if registered.held.on_purpose else "warning"
        typer.echo(f"{word}: {held_text(registered.held, tracking_uri)}", err=True)


def _with_hold(said: str, tracking_uri: str) -> str:
    held = alias_history(tracking_uri).held
    return said if held is None else f"{said}\n{held_text(held, tracking_uri)}"
