"""How many of the seasons to come are sustained: a share that drifts, recent ones counting more.

The log-odds that a season is sustained follow a random walk, one step a season; the deviation of
its steps has a half-normal prior of scale 0.5, its beginning a uniform share. Written down before
its hindcast was looked at, and kept by the rule written with it (docs/choices.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import expit

from models.season.spells import FloatArray

LOG_ODDS = np.linspace(-8, 8, 161)
_DEVIATIONS = np.linspace(0, 2, 41)
_SCALE = 0.5
_SEED = 7


def sustained_law(verdicts: Sequence[bool | None]) -> FloatArray:
    """Return the law of the next season's log-odds on `LOG_ODDS`, from past seasons in order.

    A season that is still open (None) is a step without an observation.

    Examples
    --------
    >>> law = sustained_law([True] * 6 + [False] * 5)
    >>> round(float(law @ expit(LOG_ODDS)), 2)  # 6 of 11, but not of late
    0.29
    """
    share = expit(LOG_ODDS)
    uniform = share * (1 - share)
    by_deviation = np.tile(uniform / uniform.sum(), (len(_DEVIATIONS), 1))
    log_weight = -0.5 * (_DEVIATIONS / _SCALE) ** 2
    # Without a step nothing moves: the nearest cell takes all of a deviation of 0.
    steps = (LOG_ODDS[:, None] - LOG_ODDS) / np.maximum(_DEVIATIONS, 1e-3)[:, None, None]
    moves = np.exp(-0.5 * steps**2)
    moves /= moves.sum(axis=1, keepdims=True)
    for verdict in verdicts:
        if verdict is not None:
            by_deviation = by_deviation * (share if verdict else 1 - share)
            log_weight = log_weight + np.log(by_deviation.sum(axis=1))
            by_deviation /= by_deviation.sum(axis=1, keepdims=True)
        by_deviation = np.einsum("dij,dj->di", moves, by_deviation)
    weight = np.exp(log_weight - log_weight.max())
    return np.asarray(weight / weight.sum() @ by_deviation)


def draw_shares(law: FloatArray, groups: int) -> FloatArray:
    """Return as many shares of sustained seasons, one from each of as many equal parts of a law."""
    part = np.random.default_rng([_SEED, groups]).permutation(groups) + 0.5
    # A cell's log-odds are those of its middle: half of its mass lies below them.
    return np.asarray(expit(np.interp(part / groups, np.cumsum(law) - law / 2, LOG_ODDS)))
