"""The words of a track record, and how its values stand in JSON."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Made(StrEnum):
    """When a forecast was recorded: before its window ended and promptly, or too late."""

    AHEAD = "ahead"
    REPLAY = "replay"


class Status(StrEnum):
    """How far a window can be judged, and whether it counts.

    Begun: a season of the kind was known when the line said so, which is no forecast. Revised: what
    the line took as known is no longer so by today's data, or these cannot tell.
    """

    NO_FORECAST = "no_forecast"
    OPEN = "open"
    RESOLVED = "resolved"
    REVISED = "revised"
    REPEATED = "repeated"
    BEGUN = "begun"


def dates_as_text(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with days and instants as text."""
    return {
        name: text(value) if isinstance(value, dt.date) else value for name, value in values.items()
    }


def text(moment: dt.date | None) -> str | None:
    """Return a day or an instant in ISO format."""
    if isinstance(moment, dt.datetime):
        return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    return None if moment is None else moment.isoformat()
