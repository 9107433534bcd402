"""Purged, expanding walk-forward folds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.hazard.base import TooFewRows
from models.hazard.leads import LEAD_DAYS, IntArray


@dataclass(frozen=True)
class Fold:
    """Row positions of one refit; every earlier row is in exactly one of train and purged.

    Parameters
    ----------
    number : int
        Position among the refits, from 0.
    refit_on : pandas.Timestamp
        Day at whose end the model is fitted.
    train : numpy.ndarray
        Rows whose outcome was resolved by then.
    purged : numpy.ndarray
        Rows before the refit whose outcome was still open.
    test : numpy.ndarray
        Rows from the refit day to the day before the next refit.
    """

    number: int
    refit_on: pd.Timestamp
    train: IntArray
    purged: IntArray
    test: IntArray


class WalkForward:
    """Refit every so many days on all that was resolved, forecast until the next refit.

    Parameters
    ----------
    start : pandas.Timestamp
        First refit and first day out of sample.
    refit_days : int
        Days between refits.

    Examples
    --------
    >>> weeks = pd.date_range("2025-01-01", periods=5, freq="7D")
    >>> folds = WalkForward(pd.Timestamp("2025-01-15"), refit_days=14)
    >>> fold = next(folds.folds(weeks, weeks + pd.Timedelta(days=10)))
    >>> fold.train.tolist(), fold.purged.tolist(), fold.test.tolist()
    ([0], [1], [2, 3])
    """

    def __init__(self, start: pd.Timestamp, refit_days: int = 28) -> None:
        if refit_days < 1:
            raise ValueError(f"refit_days must be at least 1, got {refit_days}.")
        self.start = start
        self.refit_days = refit_days

    def folds(self, as_of: pd.DatetimeIndex, resolved_on: pd.DatetimeIndex) -> Iterator[Fold]:
        """Yield the folds in the order of time.

        Parameters
        ----------
        as_of : pandas.DatetimeIndex, shape (n,)
            Day of each row.
        resolved_on : pandas.DatetimeIndex, shape (n,)
            Day at whose end the row's outcome was first known.

        Raises
        ------
        ValueError
            If an outcome precedes its row.
        TooFewRows
            If no row is out of sample, or a fold with test rows has no
            training rows.
        """
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
        """Return the last scheduled refit on or before a day.

        Raises
        ------
        ValueError
            If the day is before the first refit.
        """
        if day < self.start:
            raise ValueError(
                f"day must not be before the first refit on {self.start:%Y-%m-%d}, "
                f"got {day:%Y-%m-%d}."
            )
        step = pd.Timedelta(days=self.refit_days)
        return self.start + (day - self.start) // step * step

    def split(
        self, X: pd.DataFrame, y: object = None, groups: object = None
    ) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield train and test positions as scikit-learn splitters do.

        `X` is indexed by as_of; a row's outcome is first known after one lead.
        """
        as_of = pd.DatetimeIndex(X.index)
        for fold in self.folds(as_of, as_of + pd.Timedelta(days=LEAD_DAYS)):
            if fold.test.size:
                yield fold.train, fold.test

    def get_n_splits(self, X: pd.DataFrame, y: object = None, groups: object = None) -> int:
        """Return the number of folds that hold test rows."""
        return sum(1 for _ in self.split(X))
