"""What the tests of sweeps share: a cheap study, and results made up."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.market.season import DEFAULT
from models.sweep.material import Material, material
from models.sweep.result import Result, Trace
from models.sweep.specification import Specification
from models.verification.intervals import Interval

HORIZONS = (30, 60)
UNTIL = pd.Timestamp("2018-09-30")


def cheap_material(panel) -> Material:
    """Return what is known two years after the first refit: a specification takes half a second."""
    return material(panel, {}, [DEFAULT], until=UNTIL)


def cheap(count: int, candidate: str = "climatology") -> list[Specification]:
    """Return so many cheap specifications."""
    return [
        Specification(threshold=70.0 + at % 20, quiet_days=10 + at // 20, candidate=candidate)
        for at in range(count)
    ]


def made_up(
    specification: Specification,
    score,
    reference=0.2,
    *,
    first: str = "2017-01-03",
    weeks: int = 400,
    probability: float = 0.5,
    spread: float = 0.1,
    begun: bool = False,
) -> Result:
    """Return a result of given scores; a number stands for every day."""
    as_of = pd.date_range(first, periods=weeks, freq="7D", unit="s")
    own, base = (np.broadcast_to(np.asarray(each, float), weeks) for each in (score, reference))
    skill = float(1 - own.sum() / base.sum())
    return Result(
        specification=specification,
        onsets=15,
        episodes=12,
        days=weeks,
        horizons=HORIZONS,
        skill=(Interval(skill, skill - spread, skill + spread),) * 2,
        integrated=Interval(skill, skill - spread, skill + spread),
        year=2026,
        probability=probability,
        low=max(probability - 0.1, 0),
        high=min(probability + 0.1, 1),
        begun=begun,
        trace=Trace(as_of, own.copy(), base.copy()),
    )
