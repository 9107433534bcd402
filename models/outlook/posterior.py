"""What past quiet spells tell about the next wait: a Weibull posterior on a grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaincc

from models.season.spells import FloatArray, Spells


@dataclass(frozen=True)
class Prior:
    """Log-normal priors of the Weibull shape and scale, fixed beforehand (docs/outlook.md).

    Parameters
    ----------
    log_shape_deviation : float
        The shape has median 1: no ageing.
    scale_days, log_scale_deviation : float
        Median and log deviation of the scale: 30 days to four years hold 95 %.
    """

    log_shape_deviation: float = 0.5
    scale_days: float = 209.0
    log_scale_deviation: float = 1.0


PRIOR = Prior()
SHAPES = 41
SCALES = 81


@dataclass(frozen=True, eq=False)
class SpellPosterior:
    """Posterior of the Weibull shape and scale of quiet spells.

    Parameters
    ----------
    shape, scale : numpy.ndarray, shapes (n,), (m,)
        Grid, evenly spaced in the logarithm; scale in days.
    weight : numpy.ndarray, shape (n, m)
        Posterior probability of each cell; sums to 1.
    """

    shape: FloatArray
    scale: FloatArray
    weight: FloatArray

    def draw(self, uniform: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Turn uniform numbers into draws of shape and scale.

        The same numbers give draws that rise and fall together between two posteriors.

        Parameters
        ----------
        uniform : numpy.ndarray, shape (k, 2)
            In [0, 1): for the shape, and for the scale given the shape.

        Returns
        -------
        tuple of numpy.ndarray, each of shape (k,)
            Shape, and scale in days.
        """
        row = _position(np.cumsum(self.weight.sum(axis=1))[None], uniform[:, 0])
        cell = np.clip(np.rint(row).astype(np.int64), 0, len(self.shape) - 1)
        column = _position(np.cumsum(self.weight, axis=1)[cell], uniform[:, 1])
        return _along(self.shape, row), _along(self.scale, column)

    def onset_probabilities(self, horizons: ArrayLike, *, elapsed: int = 0) -> FloatArray:
        """Return P(onset within each horizon | quiet for the elapsed days) in every cell.

        Parameters
        ----------
        horizons : array_like of int, shape (h,)
            Days ahead.
        elapsed : int
            Days since an onset became possible.

        Returns
        -------
        numpy.ndarray, shape (h, n, m)
        """
        days = np.asarray(horizons, dtype=float)[:, None, None]
        ahead = cumulative_hazard(days + elapsed, self.shape[:, None], self.scale)
        return -np.expm1(cumulative_hazard(elapsed, self.shape[:, None], self.scale) - ahead)

    def predict(
        self, horizons: ArrayLike, *, elapsed: int = 0, level: float = 0.9
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the predictive probability of an onset and its credible interval.

        Parameters
        ----------
        horizons : array_like of int, shape (h,)
            Days ahead.
        elapsed : int
            Days since an onset became possible.
        level : float
            Probability of the interval, equal tails.

        Returns
        -------
        tuple of numpy.ndarray, each of shape (h,)
            Mean, low, high.

        Examples
        --------
        >>> import pandas as pd
        >>> spells = Spells(pd.DatetimeIndex([]), *(np.array([], t) for t in (int, bool, bool)))
        >>> mean, low, high = fit_spells(spells).predict([30, 365])
        >>> bool((low < mean).all() and (mean < high).all())
        True
        """
        chance = self.onset_probabilities(horizons, elapsed=elapsed).reshape(np.size(horizons), -1)
        order = np.argsort(chance, axis=1, kind="stable")
        mass = np.cumsum(self.weight.ravel()[order], axis=1)
        ranked = np.take_along_axis(chance, order, axis=1)
        tail = (1 - level) / 2
        low, high = (
            np.array([np.interp(q, m, c) for m, c in zip(mass, ranked, strict=True)])
            for q in (tail, 1 - tail)
        )
        mean = chance @ self.weight.ravel()
        # Few spells leave the posterior so skewed that its mean can lie beyond the 95th percent.
        return mean, np.minimum(low, mean), np.maximum(high, mean)


def cumulative_hazard(days: ArrayLike, shape: ArrayLike, scale: ArrayLike) -> FloatArray:
    """Return the Weibull cumulative hazard, (days / scale) ** shape; arrays broadcast."""
    return np.power(np.asarray(days, dtype=float) / scale, shape)


def rest_survival(days: ArrayLike, shape: ArrayLike, scale: ArrayLike) -> FloatArray:
    """Return P(rest of a spell > days), the spell met on a day at random; arrays broadcast.

    Q(1/shape, (days/scale) ** shape), Q the regularised upper incomplete gamma function.

    References
    ----------
    Forward recurrence time: Cox (1962), Renewal Theory, section 5.1.

    Examples
    --------
    >>> rest_survival([0.0, 100.0], 1.0, 100.0).round(3).tolist()  # exponential: exp(-days / scale)
    [1.0, 0.368]
    """
    return gammaincc(1 / np.asarray(shape), cumulative_hazard(days, shape, scale))


def prior_grid(prior: Prior = PRIOR) -> tuple[FloatArray, FloatArray]:
    """Return the shapes, shape (41,), and the scales in days, shape (81,), of every posterior."""
    log_shape = np.linspace(-4, 4, SHAPES) * prior.log_shape_deviation
    log_scale = np.log(prior.scale_days) + np.linspace(-4, 4, SCALES) * prior.log_scale_deviation
    return np.exp(log_shape), np.exp(log_scale)


def fit_spells(
    spells: Spells, prior: Prior = PRIOR, *, counts: FloatArray | None = None
) -> SpellPosterior:
    """Compute the posterior of the Weibull shape and scale from quiet spells.

    An ended spell of d days has the probability of its day, S(d - 1) - S(d); an open one S(d). Of
    a spell that had begun before it could be seen only the rest is known: `rest_survival`.

    Parameters
    ----------
    spells : Spells
        At least 1 day where ended, at least 0 where open.
    prior : Prior
        Log-normal priors.
    counts : numpy.ndarray, shape (n,), optional
        How often each spell counts; once by default.

    Returns
    -------
    SpellPosterior
    """
    shapes, scales = prior_grid(prior)
    shape, scale = shapes[:, None, None], scales[:, None]
    days = spells.days.astype(float)

    def survival(at: FloatArray) -> FloatArray:
        gone = spells.truncated
        out = np.exp(-cumulative_hazard(at, shape, scale))
        out[..., gone] = rest_survival(at[gone], shape, scale)
        return out

    after = survival(days)
    day = survival(np.maximum(days - 1, 0)) - after
    likelihood = np.log(np.maximum(np.where(spells.ended, day, after), np.finfo(float).tiny))
    log_prior = -0.5 * (
        (np.log(shapes)[:, None] / prior.log_shape_deviation) ** 2
        + (np.log(scales / prior.scale_days) / prior.log_scale_deviation) ** 2
    )
    log_weight = log_prior + likelihood @ (np.ones(len(days)) if counts is None else counts)
    weight = np.exp(log_weight - log_weight.max())
    return SpellPosterior(shapes, scales, weight / weight.sum())


def _position(cumulative: FloatArray, uniform: FloatArray) -> FloatArray:
    """Invert cumulative weights, shape (1 or k, n), to positions on the grid, spread over cells."""
    total = uniform * cumulative[:, -1]
    rows = np.arange(len(uniform)) if len(cumulative) > 1 else np.zeros(len(uniform), np.int64)
    cell = np.minimum((cumulative <= total[:, None]).sum(axis=1), cumulative.shape[1] - 1)
    below = np.where(cell > 0, cumulative[rows, cell - 1], 0.0)
    return cell - 0.5 + (total - below) / (cumulative[rows, cell] - below)


def _along(grid: FloatArray, position: FloatArray) -> FloatArray:
    step = np.log(grid[1] / grid[0])
    return grid[0] * np.exp(step * position)
