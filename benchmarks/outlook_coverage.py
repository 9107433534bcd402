"""Do the intervals of the outlook hold what they promise? Simulated worlds with a known answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gamma

import numpy as np
import pandas as pd

from models.outlook.posterior import cumulative_hazard, fit_spells
from models.season.spells import FloatArray, Spells

# As long as the history there is, in days at risk, with as long a mean wait.
HISTORY_DAYS = 2_900
MEAN_DAYS = 200.0
HORIZONS = (30, 90, 180, 365)


@dataclass(frozen=True)
class World:
    """A process of quiet spells: Weibull of one shape, its mean changed half-way."""

    shape: float  # 1 does not age
    mean_before: float = MEAN_DAYS  # days, in the first and in the second half of the history
    mean_after: float = MEAN_DAYS

    def scale(self, mean: float) -> float:
        """Return the Weibull scale that has the mean."""
        return mean / gamma(1 + 1 / self.shape)


CHANGING = "rate halves"
WORLDS = {
    "exponential": World(1.0),
    "weibull 1.3": World(1.3),
    "weibull 0.8": World(0.8),
    # Onsets half as frequent from half-way on, as many in all: 1/150 and 1/300 a day.
    CHANGING: World(1.0, 0.75 * MEAN_DAYS, 1.5 * MEAN_DAYS),
}


def draw_spells(world: World, random: np.random.Generator, days: int = HISTORY_DAYS) -> Spells:
    """Draw a history of days at risk: its first spell had begun before it, its last is open."""
    clock, ends = -20 * MEAN_DAYS, [0]
    while ends[-1] < days:
        mean = world.mean_before if clock < days / 2 else world.mean_after
        spell = world.scale(mean) * random.weibull(world.shape)
        if mean != world.mean_after and clock + spell > days / 2:
            # No ageing in such a world: what is left of a spell at the change is drawn anew.
            spell = days / 2 - clock + world.mean_after * random.exponential()
        clock += spell
        # Whole days: two onsets are at least a day apart.
        ends.append(max(int(np.ceil(clock)), ends[-1] + 1 if ends[-1] > 0 else 0))
    ends = [end for end in ends if 0 < end < days]
    origin = np.array([0, *ends])
    ended = np.append(np.ones(len(ends), dtype=bool), False)
    length = np.diff(np.append(origin, days))
    dates = pd.Timestamp("2000-01-01") + pd.to_timedelta(origin, unit="D")
    return Spells(dates, length, ended, origin == 0)


def true_chances(world: World, elapsed: int, horizons: Sequence[int] = HORIZONS) -> FloatArray:
    """Return P(onset within each horizon) in the world as it stands at the end."""
    scale = world.scale(world.mean_after)
    now = cumulative_hazard(elapsed, world.shape, scale)
    return -np.expm1(now - cumulative_hazard(elapsed + np.array(horizons), world.shape, scale))


def chance_coverage(*, n_histories: int = 300, seed: int = 0, level: float = 0.9) -> pd.DataFrame:
    """Measure how often the outlook's interval of a probability holds the true one.

    Columns `world`, `horizon_days`, `coverage` (share of histories), `mean_forecast`, `mean_true`,
    `mean_width`.
    """
    rows = []
    for number, (name, world) in enumerate(WORLDS.items()):
        estimates = []
        for history in range(n_histories):
            spells = draw_spells(world, np.random.default_rng([seed, number, history]))
            elapsed = int(spells.days[-1])
            forecast = fit_spells(spells).predict(HORIZONS, elapsed=elapsed, level=level)
            estimates.append((*forecast, true_chances(world, elapsed)))
        mean, low, high, truth = np.moveaxis(np.array(estimates), 1, 0)
        columns = {
            "world": name,
            "horizon_days": HORIZONS,
            "coverage": ((low <= truth) & (truth <= high)).mean(axis=0),
            "mean_forecast": mean.mean(axis=0),
            "mean_true": truth.mean(axis=0),
            "mean_width": (high - low).mean(axis=0),
        }
        rows.append(pd.DataFrame(columns))
    return pd.concat(rows, ignore_index=True)
