"""What the tests of sweeps share: a cheap study, and results made up."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.market.season import DEFAULT
from models.sweep.evaluate import Result
from models.sweep.material import Material, material
from models.sweep.specification import Specification

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
    weeks: int = 400,
    probability: float = 0.5,
    begun: bool = False,
) -> Result:
    """Return a result of given scores, its intervals 0.1 wide either way."""
    score, reference = (np.broadcast_to(np.asarray(x, float), weeks) for x in (score, reference))
    days = pd.date_range("2017-01-03", periods=weeks, freq="7D", unit="s")
    skill = float(1 - score.sum() / reference.sum())
    ends = {"": skill, "_low": skill - 0.1, "_high": skill + 0.1}
    figures = {
        "onsets": 15, "episodes": 12, "days": weeks,
        **{f"{name}{end}": value for name in ("skill_30", "skill_60", "skill_90", "skill")
           for end, value in ends.items()},
        "year": 2026, "probability": probability, "probability_low": max(probability - 0.1, 0),
        "probability_high": min(probability + 0.1, 1), "begun": begun,
    }  # fmt: skip
    trace = pd.DataFrame({"as_of": days, "score": score, "reference": reference})
    return Result(specification, figures, trace)


def fake(jobs, material, tasks, horizons):
    """Stand for an engine where what is evaluated is no matter."""
    for task in tasks:
        yield made_up(task, task.threshold / 1000, probability=task.top / 200)
