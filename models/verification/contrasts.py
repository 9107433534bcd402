"""Contrasts of rows by which to measure the error of a mean where windows overlap.

Outcomes of neighbouring days share most of their windows, so days are not independent. A few
contrasts of the rows nearly are: slow cosines, or whole stretches between onsets.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from models.hazard.leads import FloatArray, IntArray

MIN_BLOCK_DAYS = 90
MIN_UNITS = 5


class Contrasts(NamedTuple):
    """Weights of the rows by which to measure the error of a mean, shape (contrasts, n).

    The squares of the weighted sums of the rows' deviations add up to the variance of their mean.
    NaN where the evidence is too little for an interval.
    """

    weights: FloatArray
    degrees: float  # degrees of freedom of that variance

    def error(self, deviation: FloatArray) -> float:
        """Return the standard error of a mean from the rows' deviations from it."""
        return float(np.linalg.norm(self.weights @ deviation))


def window_contrasts(as_of: pd.DatetimeIndex, *, horizon_days: int, step_days: int) -> Contrasts:
    """Return contrasts for rows whose windows overlap: equal-weighted cosines.

    Projected on the slowest cosines, a series with a memory of one window is nearly independent and
    of the variance that its mean has, so that the mean over its standard error is Student's t with
    as many degrees of freedom as there are cosines. There is one for every two windows, of at least
    90 days: with more of them those faster than the windows would make the error too small. What
    they lack even so, 7 % of the variance where windows overlap fully, is known from the spectrum
    of the overlap and made up for.

    The cosines are those of the order of the rows: steps without a row are skipped, which leaves
    every cosine a contrast, independent of the mean.

    On simulated histories of nine years 90 % intervals hold the true skill 90 to 91 times in 100
    where windows of 30 to 365 days overlap fully; in a world of seasons 89 to 93 times up to 180
    days and 82 to 92 at 365, of which such a history holds one or two without an onset
    (`benchmarks.coverage`).

    Rows are days of a grid of `step_days`, in any order. NaN where the days from the first row to
    the last span less than 5 windows of at least 90 days, or rows are no more than cosines.

    Müller (2007), https://doi.org/10.1016/j.jeconom.2007.01.019;
    Lazarus, Lewis, Stock and Watson (2018), https://doi.org/10.1080/07350015.2018.1506926;
    steps without a row: Datta and Du (2012), https://doi.org/10.17016/IFDP.2012.1060.

    Examples
    --------
    >>> weeks = pd.date_range("2024-01-02", periods=104, freq="7D")
    >>> contrasts = window_contrasts(weeks, horizon_days=30, step_days=7)
    >>> contrasts.weights.shape, contrasts.degrees
    ((4, 104), 4)
    """
    n = len(as_of)
    block_days = max(horizon_days, MIN_BLOCK_DAYS)
    calendar_days = (as_of.max() - as_of.min()).days + step_days
    cosines = calendar_days // (2 * block_days)
    # Strict: a calendar of just five windows suffices. As many rows as cosines would leave some
    # of these without a contrast of their own.
    if calendar_days < MIN_UNITS * block_days or n <= cosines:
        return _unknown(n)
    order = np.arange(1, cosines + 1)
    rank = np.argsort(np.argsort(as_of, kind="stable"))
    wave = np.cos(np.pi * np.outer(order, rank + 0.5) / n)
    explained = np.mean(np.sinc(order * horizon_days / (2 * calendar_days)) ** 2)
    return Contrasts(wave * np.sqrt(2 / (cosines * explained)) / n, cosines)


def episode_contrasts(episode: pd.DatetimeIndex) -> Contrasts:
    """Return contrasts for rows of several episodes: the stretches between onsets.

    A stretch holds the rows that wait for the same onset; those after the last onset are a stretch
    of their own. A row's outcome depends on no onset but the one it waits for, so stretches are the
    units of independent evidence, each whole. Of unequal length they count as fewer, 1 / sum(share
    of the rows ** 2), and Student's t has one degree of freedom less. In the simulated world of
    seasons 90 % intervals hold the true skill 88 to 93 times in 100 up to 180 days and 77 to 92 at
    365.

    `episode` is the onset that each row waits for, from `next_onset`, NaT where none has been seen,
    in any order. NaN where the stretches that hold rows count as fewer than 5.

    Cluster-robust: Cameron and Miller (2015), https://doi.org/10.3368/jhr.50.2.317;
    effective number: Carter, Schnepel and Steigerwald (2017),
    https://doi.org/10.1162/REST_a_00639.
    """
    stretch, stretches = pd.factorize(episode, sort=True, use_na_sentinel=False)
    member = np.arange(len(stretches))[:, None] == stretch
    number = 1 / (member.mean(axis=1) ** 2).sum()
    # Strict, and rounded: five stretches of one length suffice.
    if round(number, 9) < MIN_UNITS:
        return _unknown(len(episode))
    return Contrasts(member * np.sqrt(number / (number - 1)) / len(episode), float(number - 1))


def next_onset(
    as_of: pd.DatetimeIndex, onsets: pd.DatetimeIndex
) -> tuple[IntArray, pd.DatetimeIndex]:
    """Return position and day of the first onset after each day; NaT where none has been seen."""
    # Rows of an onset's own day wait for the next one: side="right".
    position = np.searchsorted(onsets.to_numpy(), as_of.to_numpy(), side="right")
    days = np.append(onsets.to_numpy(), np.datetime64("NaT"))
    return position, pd.DatetimeIndex(days[position])


def _unknown(rows: int) -> Contrasts:
    return Contrasts(np.full((1, rows), np.nan), float("nan"))
