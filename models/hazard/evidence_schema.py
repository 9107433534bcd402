"""What a stored forecaster must say of itself to be shown: kinds of value and ranges."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from models.plain_values import finite
from models.vocabulary import Kind

_SKILLS = ("brier_skill", "log_skill")
_COUNTS = ("days", "episodes", "spells")
_MOST_DAYS = 100_000
_FIRST, _LAST = date(2009, 1, 3), date(2199, 12, 31)  # from Bitcoin's first block on


def check_stored(stored: Mapping[str, Any]) -> None:
    """Check name, thresholds and evidence of a stored forecaster.

    Parameters
    ----------
    stored : mapping
        The file's content.

    Raises
    ------
    LookupError, TypeError, ValueError
        If a part is missing, is of another kind or cannot be.

    Examples
    --------
    >>> check_stored({"name": 7})
    Traceback (most recent call last):
    ...
    ValueError: name must be text, got 7
    """
    _text(stored["name"], "name")
    for kind, threshold in stored["thresholds"].items():
        if not 0 < finite(threshold, f"threshold of {kind}") <= 100:
            raise ValueError(f"threshold of {kind} must lie in (0, 100], got {threshold}")
    if set(stored["thresholds"]) != {Kind.BROAD, Kind.PARTIAL}:
        raise ValueError("thresholds must be those of broad and partial seasons")
    if not stored["thresholds"][Kind.PARTIAL] < stored["thresholds"][Kind.BROAD]:
        raise ValueError("thresholds must be higher for broad than for partial seasons")
    if not stored["replicates"]:
        raise ValueError("replicates must hold one at least")
    evidence = stored["evidence"]
    for name, value in evidence["definition"].items():
        if finite(value, name) > _MOST_DAYS or (name != "threshold" and value != int(value)):
            raise ValueError(f"{name} must be a whole number up to {_MOST_DAYS}, got {value}")
    _day(evidence["trained_until"], "trained_until")
    for name in ("data_digest", "reason"):
        _text(evidence[name], name)
    for name, ends in evidence["ranges"].items():
        low, high = (finite(end, f"range of {name}") for end in ends)
        if low > high:
            raise ValueError(f"range of {name} must not fall, got {low:g} to {high:g}")
    for days in evidence["onsets"].values():
        for day in days:
            _day(day, "onsets")
    for row in (*evidence["skill"], *evidence.get("outlook", ())):
        _check_row(row)


def _check_row(row: Mapping[str, Any]) -> None:
    for name, value in row.items():
        if value is None or (isinstance(value, str) and name in ("kind", "verdict", "model")):
            continue
        # Nothing is better than perfect; but the end of an interval may lie beyond it.
        if name in _COUNTS and not 0 <= value <= _MOST_DAYS:
            raise ValueError(f"{name} must lie between 0 and {_MOST_DAYS}, got {value:g}")
        skill = name.startswith(_SKILLS) and not name.endswith(("_low", "_high"))
        if finite(value, name) > 1 and skill:
            raise ValueError(f"{name} must be at most 1, got {value:g}")


def _text(value: object, name: str) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text, got {str(value)[:40]}")


def _day(value: object, name: str) -> None:
    _text(value, name)
    if not _FIRST <= date.fromisoformat(str(value)) <= _LAST:
        raise ValueError(f"{name} must lie between {_FIRST} and {_LAST}, got {value}")
