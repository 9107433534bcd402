"""Which choice moves a figure, and how much of its variance the choices explain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.sweep.specification import AXES


@dataclass(frozen=True)
class Influence:
    """What one choice does to a figure."""

    axis: str  # field of the `Specification`
    share: float  # variance of the means by value over that of all, in [0, 1]; NaN if none varies
    means: Mapping[object, float]  # of the figure under each value


def influences(table: pd.DataFrame, figure: str) -> tuple[Influence, ...]:
    """Return what each choice that varies does to a column of the table, the strongest first.

    >>> table = pd.DataFrame({"threshold": [70, 70, 80, 80], "top": [20, 50, 20, 50]})
    >>> table["skill"] = [0, 1, 3, 4]
    >>> [(effect.axis, effect.share) for effect in influences(table, "skill")]
    [('threshold', 0.9), ('top', 0.1)]
    """
    table = table[table[figure].notna()]
    total = float(table[figure].var(ddof=0))
    effects = []
    for axis in varied(table):
        groups = table.groupby(axis)[figure]
        between = float(((groups.transform("mean") - table[figure].mean()) ** 2).mean())
        share = between / total if total > 0 else float("nan")
        effects.append(Influence(axis, share, groups.mean().to_dict()))
    return tuple(sorted(effects, key=lambda effect: (-np.nan_to_num(effect.share), effect.axis)))


def additive_share(table: pd.DataFrame, figure: str) -> float:
    """Return the share of a figure's variance that the choices explain without interactions.

    That of a least-squares fit with one effect per value of each choice, in [0, 1]; the rest is how
    choices work together. NaN where nothing varies.

    >>> table = pd.DataFrame({"threshold": [70, 70, 80, 80], "top": [20, 50, 20, 50]})
    >>> round(additive_share(table.assign(skill=[0, 1, 3, 4]), "skill"), 6)
    1.0
    """
    table = table[table[figure].notna()]
    names = varied(table)
    values = table[figure].to_numpy(dtype=float)
    deviation = values - values.mean() if len(values) else values
    if not names or not (deviation**2).sum() > 0:
        return float("nan")
    effects = pd.get_dummies(table[names].astype(str)).to_numpy(dtype=float)
    effects = effects - effects.mean(axis=0)
    fitted = effects @ np.linalg.lstsq(effects, deviation, rcond=None)[0]
    return float(min(1 - ((deviation - fitted) ** 2).sum() / (deviation**2).sum(), 1.0))


def varied(table: pd.DataFrame) -> list[str]:
    """Return the choices of which a table has more than one value."""
    return [axis for axis in AXES if axis in table and len(table[axis].unique()) > 1]
