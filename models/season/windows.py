"""How often past windows held an onset: the forecast to beat, from any state."""

from __future__ import annotations

import numpy as np
import pandas as pd


def window_frequency(
    onsets: pd.DatetimeIndex, first: pd.Timestamp, last: pd.Timestamp, days: int
) -> float:
    """Return in how many past windows of as many days, from any state, an onset fell.

    A window starts on every day from the first whose outcome is known, to end by the last: (windows
    with an onset + 1/2) / (windows + 1), never 0 or 1; 1/2 where there is no such window.

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
