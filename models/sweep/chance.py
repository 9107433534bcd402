"""What the best of many specifications would have been by chance, were none of any skill."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from models.hazard.leads import FloatArray
from models.sweep.result import Result, Trace
from models.training.landmarks import STEP_DAYS
from models.verification.contrasts import window_contrasts

DRAWS = 10_000


class BestByChance(NamedTuple):
    """Skill of the best of so many specifications none of which has any.

    The median, and what is exceeded once in twenty times. NaN where the days
    are too few to tell.
    """

    median: float
    high: float
    specifications: int


def best_by_chance(results: Sequence[Result], *, draws: int = DRAWS, seed: int = 0) -> BestByChance:
    """Draw the errors of all integrated skills together, and take the largest each time.

    The error of a skill is what its interval is made of: the deviations of its
    days on slow cosines. Specifications that err on the same days err together,
    so that a hundred that are nearly one are nearly one draw: White's reality
    check, with normal multipliers of the cosines and one chi-squared scale for
    the few there are.

    Parameters
    ----------
    results : sequence of Result
        Of one sweep.
    draws : int
        How often.
    seed : int
        Of the draws.

    Returns
    -------
    BestByChance
        Of a single specification `high` is the reach of its 90 % interval.

    References
    ----------
    White (2000), https://doi.org/10.1111/1468-0262.00152;
    multipliers: Chernozhukov, Chetverikov and Kato (2013), https://doi.org/10.1214/13-AOS1161
    """
    pulls = [each for each in (_pulls(r.trace, max(r.horizons)) for r in results) if each.size]
    if not pulls:
        return BestByChance(float("nan"), float("nan"), 0)
    degrees = min(map(len, pulls))
    random = np.random.default_rng(seed)
    multipliers = random.standard_normal((draws, max(map(len, pulls))))
    multipliers /= np.sqrt(random.chisquare(degrees, size=(draws, 1)) / degrees)
    best = np.full(draws, -np.inf)
    for pull in pulls:
        np.maximum(best, multipliers[:, : len(pull)] @ pull, out=best)
    median, high = np.quantile(best, [0.5, 0.95]).tolist()
    return BestByChance(median, high, len(pulls))


def _pulls(trace: Trace, horizon_days: int) -> FloatArray:
    """Return what each cosine adds to the error of a skill; empty where there is no interval."""
    contrasts = window_contrasts(trace.as_of, horizon_days=horizon_days, step_days=STEP_DAYS)
    mean = trace.reference.mean()
    if np.isnan(contrasts.degrees) or not mean > 0:
        return np.empty(0)
    ratio = trace.score.sum() / trace.reference.sum()
    pulls: FloatArray = contrasts.weights @ ((trace.score - ratio * trace.reference) / mean)
    return pulls
