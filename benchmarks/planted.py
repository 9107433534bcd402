"""What the controls are run on: noise, cheats that are known to be, a market whose hazard is known.

Nothing here is used by a training: each is made to be scored, and what its score must be is in
`benchmarks.controls`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import expit

from features.market.season import season_index
from features.panel import MarketPanel
from models.hazard.base import THRESHOLD
from models.hazard.candidates import BREADTH_CORE
from models.hazard.leads import LEAD_DAYS, LIMIT_DAYS, FloatArray, IntArray, lead_targets
from models.training.landmarks import STEP_DAYS
from models.verification.hindcast import Landmarks
from models.vocabulary import Kind

HORIZON_DAYS = 30
AHEAD = "season_index_ahead"


def noise(X: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return rows whose core features are AR(1) noise with a memory of 90 days."""
    days = pd.DatetimeIndex(X.index).unique().sort_values()
    random = np.random.default_rng(seed)
    kept = np.exp(-STEP_DAYS / 90)
    values = random.normal(size=(len(days), len(BREADTH_CORE)))
    for day in range(1, len(days)):
        values[day] = kept * values[day - 1] + np.sqrt(1 - kept**2) * values[day]
    drawn = pd.DataFrame(values, days, list(BREADTH_CORE)).loc[X.index]
    return X.assign(**{name: drawn[name].to_numpy() for name in BREADTH_CORE})


def displaced(rows: Landmarks, seed: int) -> pd.DataFrame:
    """Return rows whose features are those of another at-risk week, over a year away.

    The rows of each threshold are shifted around their calendar as one.
    """
    random = np.random.default_rng(seed)
    source = np.arange(len(rows.X))
    year = 365 // STEP_DAYS + 1
    thresholds = rows.X[THRESHOLD].to_numpy(dtype=float)
    for threshold in np.unique(thresholds):
        own = np.flatnonzero(thresholds == threshold)
        source[own] = np.roll(own, random.integers(year, len(own) - year))
    values = rows.X.drop(columns=THRESHOLD).iloc[source]
    return values.set_axis(rows.X.index).assign(**{THRESHOLD: rows.X[THRESHOLD]})


def look_ahead(X: pd.DataFrame, panel: MarketPanel, days: pd.DatetimeIndex) -> pd.DataFrame:
    """Add the planted cheat: the highest season index of the next 30 days, as far as known."""
    index = season_index(panel)
    # Of each window only the days after its first: (day, day + 30].
    windows = index[::-1].rolling(HORIZON_DAYS, min_periods=1).max()[::-1].shift(-1)
    return X.assign(**{AHEAD: windows.reindex(days).to_numpy()})


@dataclass(frozen=True)
class EarlyOnsets(Landmarks):
    """The planted cheat: a lead counts as known as soon as its onset is seen."""

    def targets(self, day: pd.Timestamp) -> IntArray:
        """Return the targets with onsets before their lead is over."""
        honest = super().targets(day)
        elapsed = np.minimum(np.asarray((day - self.as_of).days), self.days_known)
        lead = lead_targets(self.days_to_onset, np.full(len(honest), LIMIT_DAYS))[:, 0]
        early = np.column_stack([lead, np.maximum(lead, honest[:, 1])])
        return np.where((self.days_to_onset <= elapsed)[:, None], early, honest)


def permuted_after(rows: Landmarks, day: pd.Timestamp, seed: int = 0) -> Landmarks:
    """Return the rows with every outcome that was open at the end of a day permuted."""
    elapsed = np.maximum(np.asarray((day - rows.as_of).days), 0)
    # NaN, no onset seen at all, is open too.
    after = np.flatnonzero(~(rows.days_to_onset <= elapsed))
    ahead = (rows.days_to_onset - elapsed)[after]
    altered = rows.days_to_onset.copy()
    altered[after] = elapsed[after] + np.random.default_rng(seed).permutation(ahead)
    return replace(rows, days_to_onset=altered)


def synthetic_market(episodes: int, seed: int) -> Landmarks:
    """Return a market whose hazard is known: one value x per episode sets it until the onset.

    P(onset in any 30 days) is expit(x - 1.4); x is uniform in (-1.5, 1.5).
    The days to an onset are geometric, so that it is the same on all days of
    an episode. 60 days lie between an onset and the next day at risk.
    """
    random = np.random.default_rng(seed)
    x = random.uniform(-1.5, 1.5, episodes)
    length = random.geometric(true_probability(x, 1))
    start = np.cumsum(length + 60) - length - 60
    grid = np.arange(0, start[-1] + length[-1], STEP_DAYS)
    episode = np.searchsorted(start, grid, side="right") - 1
    ahead = start[episode] + length[episode] - grid
    at_risk = ahead > 0
    days = pd.Timestamp("1970-01-01") + pd.to_timedelta(grid[at_risk], unit="D")
    X = pd.DataFrame({"x": x[episode], THRESHOLD: 75.0})[at_risk].set_index(pd.DatetimeIndex(days))
    known = start[-1] + length[-1] - grid
    return Landmarks(
        X=X,
        kind=np.full(len(X), Kind.BROAD),
        days_to_onset=ahead[at_risk].astype(float),
        days_known=known[at_risk].astype(np.int64),
        step_days=STEP_DAYS,
    )


def true_probability(x: FloatArray, days: int) -> FloatArray:
    """Return P(onset within so many days) in the synthetic market.

    Examples
    --------
    >>> true_probability(np.array([1.4]), 90).tolist()
    [0.875]
    """
    return 1 - (1 - expit(x - 1.4)) ** (days / LEAD_DAYS)
