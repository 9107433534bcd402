"""Values out of JSON, which may be anything."""

from __future__ import annotations

import math


def finite(value: object, name: str) -> float:
    """Return a number.

    Parameters
    ----------
    value : object
        From JSON.
    name : str
        To be shown.

    Raises
    ------
    ValueError
        If it is no finite number.

    Examples
    --------
    >>> finite(3, "days")
    3.0
    >>> finite("nan", "days")
    Traceback (most recent call last):
    ...
    ValueError: days must be a finite number, got 'nan'
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {str(value)[:40]!r}")
    return float(value)
