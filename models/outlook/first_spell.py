"""The wait for the first onset without paths: exact, and therefore equal wherever it is asked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models.outlook.level import spell_hazards
from models.outlook.renewal import Renewal
from models.season.spells import FloatArray, History


def parameter_draws(seed: int, n_groups: int) -> FloatArray:
    """Return uniform numbers for shape, scale and near-term replicate, shape (groups, 3).

    A Latin hypercube: in each column one number from each of `n_groups` equal parts.
    """
    random = np.random.default_rng([seed, 1])
    ranks = random.permuted(np.tile(np.arange(n_groups), (3, 1)), axis=1).T
    return (ranks + random.random((n_groups, 3))) / n_groups


def onset_by_day(
    renewals: Mapping[str, Renewal],
    now: Mapping[str, History],
    near_term: Mapping[str, FloatArray] | None,
    uniform: FloatArray,
    days: int,
) -> dict[str, FloatArray]:
    """Return P(an onset by the end of each day) given each draw of the parameters.

    Until the first onset of a kind that is at risk no season interferes, of its own or of a higher
    threshold, so that the survival of the spell under way is all there is to know.

    Parameters
    ----------
    renewals, now, near_term
        As for `models.outlook.paths.simulate`.
    uniform : numpy.ndarray, shape (groups, 3)
        From `parameter_draws`.
    days : int
        Days ahead.

    Returns
    -------
    dict of str to numpy.ndarray, shape (days, groups)
        For the kinds at risk; never falls by day, nor towards a lower threshold.
    """
    by_kind: dict[str, FloatArray] = {}
    above: FloatArray = np.zeros((days, len(uniform)))
    for kind, renewal in renewals.items():
        if not now[kind].at_risk:
            continue
        hazards = None if near_term is None else near_term.get(kind)
        own, _ = spell_hazards(renewal.quiet, now[kind], hazards, uniform, days)
        # As on the paths: an index at the higher threshold is at the lower one too.
        above = np.maximum(own, above)
        with np.errstate(divide="ignore"):
            by_kind[kind] = -np.expm1(np.cumsum(np.log1p(-above), axis=0))
    return by_kind
