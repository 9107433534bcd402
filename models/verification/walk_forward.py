"""Purged, expanding walk-forward folds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.hazard.base import TooFewRows
from models.hazard.leads import IntArray


@dataclass(frozen=True)
class Fold:
    """Row positions of one refit; every earlier row is in exactly one of train and purged."""

    number: int  # position among the refits, from 0
    refit_on: pd.Timestamp  # day at whose end the model is fitted
    train: IntArray  # rows whose outcome was resolved by then
    purged: IntArray  # rows before the refit whose outcome was still open
    test: IntArray  # rows from the refit day to the day before the next refit


@dataclass(frozen=True)
class WalkForward:
    """Refit every so many days on all that was resolved, forecast until the next refit."""

    start: pd.Timestamp  # first refit and first day out of sample
    refit_days: int = 28

    def __post_init__(self) -> None:
        """Refuse refits less than a day apart."""
        if self.refit_days < 1:
            raise ValueError(f"refit_days must be at least 1, got {self.refit_days}.")

    def folds(self, as_of: pd.DatetimeIndex, resolved_on: pd.DatetimeIndex) -> Iterator[Fold]:
        """Yield the folds of rows first resolved at the end of a later day, in order of time."""
        if (resolved_on <= as_of).any():
            raise ValueError("resolved_on must be later than as_of in every row.")
        if not (as_of >= self.start).any():
            raise TooFewRows(f"no row is out of sample: none is on or after {self.start:%Y-%m-%d}.")
        step = pd.Timedelta(days=self.refit_days)
        for number in range((as_of.max() - self.start) // step + 1):
            refit_on = self.start + number * step
            # The refit happens at the end of its day: an outcome resolved on that very day is
            # known (not strict), and that day's own row is the first to be forecast.
            earlier = np.asarray(as_of < refit_on)
            resolved = np.asarray(resolved_on <= refit_on)
            test = np.asarray((as_of >= refit_on) & (as_of < refit_on + step))
            fold = Fold(
                number,
                refit_on,
                train=np.flatnonzero(earlier & resolved),
                purged=np.flatnonzero(earlier & ~resolved),
                test=np.flatnonzero(test),
            )
            if fold.test.size and not fold.train.size:
                purged = f"{fold.purged.size} of {fold.purged.size} purged"
                raise TooFewRows(
                    f"fold {number} has no training rows: "
                    f"{purged if fold.purged.size else f'none is before {refit_on:%Y-%m-%d}'}; "
                    f"shorten the horizon or start later."
                )
            yield fold

    def refit_day(self, day: pd.Timestamp) -> pd.Timestamp:
        """Return the last scheduled refit on or before a day."""
        if day < self.start:
            raise ValueError(
                f"day must not be before the first refit on {self.start:%Y-%m-%d}, "
                f"got {day:%Y-%m-%d}."
            )
        step = pd.Timedelta(days=self.refit_days)
        return self.start + (day - self.start) // step * step
