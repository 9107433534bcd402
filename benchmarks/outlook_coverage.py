"""Do the intervals of the outlook hold what they promise? Simulated worlds with a known answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import gamma

import numpy as np
import pandas as pd

from models.outlook.posterior import PRIOR, cumulative_hazard, fit_spells
from models.season.spells import FloatArray, Spells

# As long as the history there is, in days at risk, with as long a mean wait.
HISTORY_DAYS = 2_900
MEAN_DAYS = 200.0
HORIZONS = (30, 90, 180, 365)
# A spell counts half once the market has gone through one halving cycle of four years.
HALF_LIFE_DAYS = 1_461.0
RESAMPLES = 200

Estimate = tuple[FloatArray, FloatArray, FloatArray]


@dataclass(frozen=True)
class World:
    """A process of quiet spells: Weibull of one shape, its mean changed half-way.

    Parameters
    ----------
    shape : float
        1 does not age.
    mean_before, mean_after : float
        Mean spell in days in the first and in the second half of the history.
    """

    shape: float
    mean_before: float = MEAN_DAYS
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
    """Draw a history: its first spell had begun before it, its last is open.

    Parameters
    ----------
    world : World
        The process; it has run for long when the history begins.
    random : numpy.random.Generator
        Source of chance.
    days : int
        Days at risk that are seen.

    Returns
    -------
    Spells
    """
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


def chance_coverage(
    *,
    n_histories: int = 300,
    seed: int = 0,
    level: float = 0.9,
    methods: Sequence[str] = ("posterior", "discounted", "bootstrap"),
) -> pd.DataFrame:
    """Measure how often the interval of a probability holds the true one.

    Parameters
    ----------
    n_histories : int
        Histories drawn of each world.
    seed : int
        Same seed, same table.
    level : float
        Probability that the intervals promise.
    methods : sequence of str
        `posterior` (the outlook's own), `discounted` (the same, old spells counting less),
        `bootstrap` (over spells, the frequency among their days).

    Returns
    -------
    pandas.DataFrame
        Columns `world`, `method`, `horizon_days`, `coverage` (share of histories), `mean_forecast`,
        `mean_true`, `mean_width`.
    """
    estimators = _estimators(level)
    rows = []
    for number, (name, world) in enumerate(WORLDS.items()):
        estimated: dict[str, list[tuple[FloatArray, ...]]] = {method: [] for method in methods}
        for history in range(n_histories):
            random = np.random.default_rng([seed, number, history])
            spells = draw_spells(world, random)
            truth = true_chances(world, int(spells.days[-1]))
            for method in methods:
                estimated[method].append((*estimators[method](spells, random), truth))
        for method, estimates in estimated.items():
            mean, low, high, truth = np.moveaxis(np.array(estimates), 1, 0)
            rows.append(
                pd.DataFrame(
                    {
                        "world": name,
                        "method": method,
                        "horizon_days": HORIZONS,
                        "coverage": ((low <= truth) & (truth <= high)).mean(axis=0),
                        "mean_forecast": mean.mean(axis=0),
                        "mean_true": truth.mean(axis=0),
                        "mean_width": (high - low).mean(axis=0),
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)


def bootstrap(
    spells: Spells, random: np.random.Generator, *, level: float, resamples: int = RESAMPLES
) -> Estimate:
    """Estimate P(onset within each horizon) by the frequency among days, spells resampled.

    Parameters
    ----------
    spells : Spells
        Each day of a spell whose window is resolved counts once.
    random : numpy.random.Generator
        Source of chance.
    level : float
        Probability of the percentile interval.
    resamples : int
        Number of resamples.

    Returns
    -------
    tuple of numpy.ndarray
        Mean, low, high by horizon.
    """
    horizons = np.array(HORIZONS)[:, None]
    # An ended spell of d days: its last min(d, h) days saw the onset. Of an open one only the
    # days with a whole window behind them are known, and none of them did.
    onset = np.where(spells.ended, np.minimum(spells.days, horizons), 0)
    known = np.where(spells.ended, spells.days, np.maximum(spells.days - horizons, 0))
    size = len(spells.days)
    counts = random.multinomial(size, np.full(size, 1 / size), size=resamples).T
    resampled = (onset @ counts) / np.maximum(known @ counts, 1)
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2], axis=1)
    return onset.sum(axis=1) / np.maximum(known.sum(axis=1), 1), low, high


def _estimators(level: float) -> dict[str, Callable[[Spells, np.random.Generator], Estimate]]:
    aged = replace(PRIOR, half_life_days=HALF_LIFE_DAYS)

    def posterior(spells: Spells, random: np.random.Generator) -> Estimate:
        elapsed = int(spells.days[-1])
        return fit_spells(spells).predict(HORIZONS, elapsed=elapsed, level=level)

    def discounted(spells: Spells, random: np.random.Generator) -> Estimate:
        elapsed = int(spells.days[-1])
        return fit_spells(spells, aged).predict(HORIZONS, elapsed=elapsed, level=level)

    return {
        "posterior": posterior,
        "discounted": discounted,
        "bootstrap": lambda spells, random: bootstrap(spells, random, level=level),
    }
