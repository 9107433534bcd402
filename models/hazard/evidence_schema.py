"""What a stored forecaster must say of itself to be shown: kinds of value and ranges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Any

_SKILLS = ("brier_skill", "log_skill")


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
        if not 0 < _number(threshold, f"threshold of {kind}") <= 100:
            raise ValueError(f"threshold of {kind} must lie in (0, 100], got {threshold}")
    evidence = stored["evidence"]
    for name, value in evidence["definition"].items():
        _number(value, name)
    date.fromisoformat(evidence["trained_until"])
    for name in ("data_digest", "reason"):
        _text(evidence[name], name)
    for name, ends in evidence["ranges"].items():
        low, high = (_number(end, f"range of {name}") for end in ends)
        if low > high:
            raise ValueError(f"range of {name} must not fall, got {low:g} to {high:g}")
    for days in evidence["onsets"].values():
        for day in days:
            date.fromisoformat(day)
    for row in (*evidence["skill"], *evidence.get("outlook", ())):
        _check_row(row)


def _check_row(row: Mapping[str, Any]) -> None:
    for name, value in row.items():
        if value is None or (isinstance(value, str) and name in ("kind", "verdict", "model")):
            continue
        # Nothing is better than perfect; but the end of an interval may lie beyond it.
        skill = name.startswith(_SKILLS) and not name.endswith(("_low", "_high"))
        if _number(value, name) > 1 and skill:
            raise ValueError(f"{name} must be at most 1, got {value:g}")


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {str(value)[:40]!r}")
    return float(value)


def _text(value: object, name: str) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text, got {str(value)[:40]}")
