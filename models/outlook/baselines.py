"""What the outlook must beat: the frequency of past windows and a Gamma-Poisson count."""

from __future__ import annotations

import numpy as np
import pandas as pd


def window_frequency(
    onsets: pd.DatetimeIndex, first: pd.Timestamp, last: pd.Timestamp, days: int
) -> float:
    """Return in how many past windows of as many days, from any state, an onset fell.

    Parameters
    ----------
    onsets : pandas.DatetimeIndex
        Onset days, in order.
    first, last : pandas.Timestamp
        Days whose outcome is known.
    days : int
        Length of a window; one starts on every day from `first`.

    Returns
    -------
    float
        (windows with an onset + 1/2) / (windows + 1): never 0 or 1; 1/2 where there is none.

    Examples
    --------
    >>> day = pd.Timestamp("2025-01-01")
    >>> onsets = pd.DatetimeIndex(["2025-01-03"])
    >>> window_frequency(onsets, day, pd.Timestamp("2025-01-05"), 2)  # (2 + 1/2) / (4 + 1)
    0.5
    """
    windows = (last - first).days + 2 - days
    if windows < 1:
        return 0.5
    start = np.arange(windows)
    position = np.sort(((onsets - first).days).to_numpy())
    # A window of days start .. start + days - 1: its first day counts, hence side="left".
    after = np.searchsorted(position, start, side="left")
    following = np.append(position, np.iinfo(np.int64).max)[after]
    return float(((following < start + days).sum() + 0.5) / (windows + 1))


def gamma_poisson(onsets: int, exposure_days: int, horizon_days: int) -> float:
    """Return P(at least one onset) if onsets came at one unknown rate, whatever the state.

    The posterior predictive of a Poisson count under the Jeffreys prior, Gamma(1/2, 0):
    1 - (exposure / (exposure + horizon)) ** (onsets + 1/2).

    Parameters
    ----------
    onsets : int
        Onsets seen.
    exposure_days : int
        Days on which they were seen, at least 1.
    horizon_days : int
        Days ahead.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If there was no exposure.

    Examples
    --------
    >>> round(gamma_poisson(3, 1000, 365), 4)  # 1 - (1000 / 1365) ** 3.5
    0.6635
    """
    if exposure_days < 1:
        raise ValueError(f"exposure_days must be at least 1, got {exposure_days}.")
    kept = exposure_days / (exposure_days + horizon_days)
    return float(1 - kept ** (onsets + 0.5))
