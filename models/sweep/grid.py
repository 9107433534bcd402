"""Which specifications a sweep tries: a grid of choices, or a sample of one."""

from __future__ import annotations

import itertools
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.sweep.specification import AXES, NOTHING, Specification, SpecificationError

# The order in which a table is read; what is not named stays at the specification's default.
DEFAULT_AXES: Mapping[str, Sequence[Any]] = {
    "threshold": (70.0, 75.0, 80.0),
    "window_days": (60, 90, 120),
    "top": (20, 50, 100),
    "quiet_days": (14, 30, 60),
    "candidate": ("persistence", "logistic"),
}
# As the options and the file call them.
NAMES: Mapping[str, str] = {
    "threshold": "threshold",
    "window": "window_days",
    "top": "top",
    "quiet": "quiet_days",
    "model": "candidate",
    "without": "without",
    "seed": "seed",
}
# Processor seconds that a specification took when this was built, by candidate.
_SECONDS = {"climatology": 2.0, "persistence": 4.0, "logistic": 4.0, "pool": 8.5}
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "threshold": (int, float),
    "model": str,
    "without": str,
}


@dataclass(frozen=True)
class Grid:
    """The specifications of a sweep, and what of the grid could not be had.

    Parameters
    ----------
    specifications : tuple of Specification
        Each once, in the order of the grid.
    obstacles : mapping of str to int
        Why specifications were left out, and how many.
    """

    specifications: tuple[Specification, ...]
    obstacles: Mapping[str, int]


def grid(axes: Mapping[str, Sequence[Any]], *, sample: int | None = None, seed: int = 0) -> Grid:
    """Return every combination of the choices, each specification once.

    Parameters
    ----------
    axes : mapping of str to sequence
        Values by name of the `Specification`'s fields; one that is absent or
        empty is not varied. A group named in `without` is tried beside all
        features.
    sample : int, optional
        Draw so many of them at random, without replacement.
    seed : int
        Seed of the drawing.

    Returns
    -------
    Grid

    Raises
    ------
    SpecificationError
        If a value is out of range, or nothing is left.

    Examples
    --------
    >>> made = grid({"window_days": (60, 90), "candidate": ("logistic", "pool")})
    >>> [(each.window_days, each.candidate) for each in made.specifications]
    [(60, 'logistic'), (90, 'logistic'), (90, 'pool')]
    """
    if unknown := sorted(set(axes) - set(AXES)):
        raise SpecificationError(f"choices are {', '.join(AXES)}, got {unknown[0]!r}.")
    varied = {name: _values(name, axes[name]) for name in AXES if len(axes.get(name, ()))}
    found: dict[Specification, None] = {}
    obstacles: Counter[str] = Counter()
    for values in itertools.product(*varied.values()):
        each = Specification(**dict(zip(varied, values, strict=True)))
        if obstacle := each.obstacle():
            obstacles[obstacle] += 1
        else:
            found[each.canonical()] = None
    if not found:
        raise SpecificationError(f"no specification is left: {next(iter(obstacles))}.")
    return Grid(_sampled(tuple(found), sample, seed), dict(obstacles))


def _values(name: str, values: Sequence[Any]) -> tuple[Any, ...]:
    given = (NOTHING, *values) if name == "without" else tuple(values)
    if name == "threshold":
        given = tuple(float(value) for value in given)
    return tuple(dict.fromkeys(given))


def _sampled(
    every: tuple[Specification, ...], sample: int | None, seed: int
) -> tuple[Specification, ...]:
    if sample is None or sample >= len(every):
        return every
    if sample < 1:
        raise SpecificationError(f"sample must be at least 1, got {sample}.")
    drawn = np.random.default_rng(seed).choice(len(every), size=sample, replace=False)
    return tuple(every[position] for position in sorted(drawn.tolist()))


def seconds_of(candidate: str, kept: Mapping[str, float]) -> float | None:
    """Return the processor seconds that a specification takes; None where it was never timed.

    Parameters
    ----------
    candidate : str
        Its candidate.
    kept : mapping of str to float
        What earlier ones took on this machine.
    """
    return kept.get(candidate, _SECONDS.get(candidate))


def read_axes(path: Path) -> dict[str, list[Any]]:
    """Read the choices of a TOML file: a key per option, a value or a list of them.

    Parameters
    ----------
    path : pathlib.Path
        Such as ``threshold = [70, 75]`` and ``model = ["logistic"]``.

    Returns
    -------
    dict of str to list
        By name of the `Specification`'s fields.

    Raises
    ------
    SpecificationError
        If it cannot be read, or a key or a value's type is none of an option.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SpecificationError(f"{path}: cannot be read: {error}") from error
    axes: dict[str, list[Any]] = {}
    for key, value in content.items():
        if key not in NAMES:
            raise SpecificationError(f"{path}: keys are {', '.join(NAMES)}, got {key!r}.")
        values = value if isinstance(value, list) else [value]
        kind = _TYPES.get(key, int)
        for each in values:
            # A bool is an int to Python, and no number of days.
            if not isinstance(each, kind) or isinstance(each, bool):
                raise SpecificationError(f"{path}: {key} cannot be {each!r}.")
        axes[NAMES[key]] = values
    return axes
