"""Which choice moves a figure, and how much of its variance the choices explain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.sweep.specification import AXES


@dataclass(frozen=True)
class Influence:
    """What one choice does to a figure.

    Parameters
    ----------
    axis : str
        Field of the `Specification`.
    share : float
        Variance of the means by value over the variance of all: what the choice
        explains alone, in [0, 1]. NaN where nothing varies.
    means : mapping of value to float
        Mean of the figure under each value.
    """

    axis: str
    share: float
    means: Mapping[object, float]

    @property
    def reach(self) -> float:
        """Distance of the highest from the lowest mean."""
        return max(self.means.values()) - min(self.means.values())


def influences(table: pd.DataFrame, figure: str) -> tuple[Influence, ...]:
    """Return what each choice that varies does to a figure, the strongest first.

    Parameters
    ----------
    table : pandas.DataFrame
        From `models.sweep.run.Sweep.table`.
    figure : str
        A column; rows without it are left out.

    Examples
    --------
    >>> table = pd.DataFrame({"threshold": [70, 70, 80, 80], "top": [20, 50, 20, 50]})
    >>> [(each.axis, each.share) for each in influences(table.assign(skill=[0, 1, 3, 4]), "skill")]
    [('threshold', 0.9), ('top', 0.1)]
    """
    known = table[table[figure].notna()]
    total = float(known[figure].var(ddof=0))
    found = []
    for axis in varied(known):
        groups = known.groupby(axis)[figure]
        between = float(((groups.transform("mean") - known[figure].mean()) ** 2).mean())
        share = between / total if total > 0 else float("nan")
        found.append(Influence(axis, share, groups.mean().to_dict()))
    return tuple(sorted(found, key=lambda each: (-np.nan_to_num(each.share), each.axis)))


def additive_share(table: pd.DataFrame, figure: str) -> float:
    """Return the share of a figure's variance that the choices explain without interactions.

    That of a least-squares fit with one effect per value of each choice, in
    [0, 1]; the rest is how choices work together. NaN where nothing varies.

    Examples
    --------
    >>> table = pd.DataFrame({"threshold": [70, 70, 80, 80], "top": [20, 50, 20, 50]})
    >>> round(additive_share(table.assign(skill=[0, 1, 3, 4]), "skill"), 6)
    1.0
    """
    known = table[table[figure].notna()]
    names = varied(known)
    values = known[figure].to_numpy(dtype=float)
    deviation = values - values.mean() if len(values) else values
    if not names or not (deviation**2).sum() > 0:
        return float("nan")
    effects = pd.get_dummies(known[names].astype(str)).to_numpy(dtype=float)
    effects = effects - effects.mean(axis=0)
    fitted = effects @ np.linalg.lstsq(effects, deviation, rcond=None)[0]
    return float(min(1 - ((deviation - fitted) ** 2).sum() / (deviation**2).sum(), 1.0))


def varied(table: pd.DataFrame) -> list[str]:
    """Return the choices of which a table has more than one value."""
    return [axis for axis in AXES if axis in table and len(table[axis].unique()) > 1]
