"""The interface every candidate shares: scikit-learn's, over leads instead of labels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

from models.hazard.leads import (
    N_LEADS,
    FloatArray,
    IntArray,
    lead_hazards,
)

THRESHOLD = "threshold"
# No parameter of a fit, standardised or a percent, comes near it.
_LARGEST_STORED = 1e12


class TooFewRows(ValueError):
    """The rows do not suffice to fit or to forecast out of sample."""


def once_a_day(X: pd.DataFrame, weight: FloatArray) -> FloatArray:
    """Share each row's weight among the thresholds that its as_of day is a row of.

    Whether a season begins at 70 or at 75 is one thing that the market did, not
    two: all rows of a day together weigh what a single one would.

    Parameters
    ----------
    X : pandas.DataFrame, shape (n, f)
        Features and `threshold`, indexed by as_of.
    weight : numpy.ndarray, shape (n,)
        Weight of each row; rows of weight 0 take no share.

    Returns
    -------
    numpy.ndarray, shape (n,)

    Examples
    --------
    >>> X = pd.DataFrame({"threshold": [50.0, 75.0, 75.0]}, index=[1, 1, 2])
    >>> once_a_day(X, np.ones(3)).tolist()
    [0.5, 0.5, 1.0]
    """
    # Distinct thresholds, not rows: a row that is there twice is a day that counts twice.
    counted = X[THRESHOLD].where(weight > 0).groupby(level=0).transform("nunique")
    return weight / np.maximum(counted.to_numpy(dtype=float), 1.0)


class HazardModel(ClassifierMixin, BaseEstimator, ABC):
    """Probability that the next onset falls in each of 13 leads of 30 days, or in none.

    A row describes one as_of day and one kind of season: the features and a
    column `threshold`, the season index at which that kind begins. A season
    with a higher threshold cannot begin unless one with a lower threshold has
    begun too, so the probability by the end of a lead is never below that of
    any higher threshold. Every threshold between the lowest and the highest of
    training can be asked for: between two of them the probabilities run
    straight from the one's to the other's.

    Attributes
    ----------
    classes_ : numpy.ndarray, shape (14,)
        1..13 for the leads, 0 for no onset within them: the columns of
        `predict_proba`.
    thresholds_ : numpy.ndarray
        Thresholds seen in training, ascending.
    """

    classes_: IntArray = np.append(np.arange(1, N_LEADS + 1), 0)
    thresholds_: FloatArray

    def fit(self, X: pd.DataFrame, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to as_of rows.

        Parameters
        ----------
        X : pandas.DataFrame, shape (n, f)
            Features and `threshold`, rows at risk only.
        y : array_like of int, shape (n, 2)
            From `models.hazard.leads.lead_targets`.
        sample_weight : array_like, shape (n,), optional
            Weight of each row; 1 by default.

        Raises
        ------
        TooFewRows
            If no row has a known lead, or there is no onset or nothing else.
        """
        targets = np.asarray(y, dtype=np.int64)
        weight = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, float)
        if not (targets[:, 1] > 0).any():
            raise TooFewRows(f"none of {len(X)} training rows has a known lead; start later.")
        if not ((targets[:, 0] > 0) & (weight > 0)).any():
            raise TooFewRows(f"none of {len(X)} training rows has an onset; start later.")
        used = (targets[:, 1] > 0) & (weight > 0)
        if (targets[used, 0] == 1).all():
            raise TooFewRows(
                f"each of {used.sum()} training rows has an onset in its first lead; start earlier."
            )
        self.thresholds_ = np.unique(X[THRESHOLD].to_numpy(dtype=float))
        self._fit(X, targets, weight)
        return self

    def predict_proba(self, X: pd.DataFrame) -> FloatArray:
        """Return the probability per lead.

        Parameters
        ----------
        X : pandas.DataFrame, shape (n, f)
            Features and `threshold`.

        Returns
        -------
        numpy.ndarray, shape (n, 14)
            Leads 1..13, then no onset within them; rows sum to 1.

        Raises
        ------
        ValueError
            If a threshold is below or above all of training.
        """
        survival = self._survival(X)
        by_lead = -np.diff(survival, axis=1, prepend=1.0)
        return np.column_stack([by_lead, survival[:, -1]])

    def predict(self, X: pd.DataFrame) -> IntArray:
        """Return the likeliest lead of each row, 0 for none."""
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]

    def hazards(self, X: pd.DataFrame) -> FloatArray:
        """Return P(onset in lead k | none before), shape (n, 13)."""
        return lead_hazards(self.predict_proba(X))

    def _survival(self, X: pd.DataFrame) -> FloatArray:
        """Return P(no onset by the end of each lead), thresholds in order, shape (n, 13)."""
        check_is_fitted(self, "thresholds_")
        thresholds = X[THRESHOLD].to_numpy(dtype=float)
        lowest, highest = self.thresholds_[0], self.thresholds_[-1]
        if (outside := (thresholds < lowest) | (thresholds > highest)).any():
            raise ValueError(
                f"threshold must be from {lowest:g} to {highest:g}, got {thresholds[outside][0]:g}."
            )
        # A threshold of training is its own upper neighbour (side="left"), and its lower one.
        upper = np.searchsorted(self.thresholds_, thresholds, side="left")
        lower = np.where(self.thresholds_[upper] == thresholds, upper, upper - 1)
        least = np.ones((len(X), N_LEADS))
        above = least.copy()
        positions = range(lower.min(initial=len(self.thresholds_)), len(self.thresholds_))
        for position, survival in self._survival_at(X, lower, positions):
            rows = lower <= position
            least[rows] = np.minimum(least[rows], survival)
            above[upper == position] = least[upper == position]
        gap = self.thresholds_[upper] - self.thresholds_[lower]
        share = np.divide(
            thresholds - self.thresholds_[lower], gap, out=np.zeros_like(gap), where=gap > 0
        )
        return least + share[:, None] * (above - least)

    def _survival_at(
        self, X: pd.DataFrame, lower: IntArray, positions: range
    ) -> Iterator[tuple[int, FloatArray]]:
        """Give P(no onset by each lead) at the thresholds that rows need, the highest first."""
        needed = [(position, np.flatnonzero(lower <= position)) for position in positions]
        if not needed:
            return
        # All at once: what a prediction costs is the tables around it, not the rows in them.
        row = np.concatenate([rows for _, rows in needed])
        sizes = [len(rows) for _, rows in needed]
        thresholds = np.repeat(self.thresholds_[list(positions)], sizes)
        survival = np.cumprod(
            1 - self._hazards(X.iloc[row].assign(**{THRESHOLD: thresholds})), axis=1
        )
        parts = np.split(survival, np.cumsum(sizes)[:-1])
        yield from reversed(
            [(position, own) for (position, _), own in zip(needed, parts, strict=True)]
        )

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return what each feature adds to the log-odds of an onset in the next 90 days.

        Parameters
        ----------
        X : pandas.DataFrame, shape (n, f)
            Features and `threshold`.

        Returns
        -------
        pandas.DataFrame
            One column per feature the candidate uses: its contribution to the
            log-odds of the hazard, averaged over the first three leads, against
            the training mean.
        """
        return pd.DataFrame(index=X.index)

    def feature_names(self) -> list[str]:
        """Return the features used."""
        return []

    def chosen(self) -> dict[str, float]:
        """Return the settings chosen inside the training window, by name."""
        return {}

    def settled(self) -> HazardModel:
        """Return an unfitted copy whose settings are those that this one has chosen."""
        return clone(self)

    @abstractmethod
    def _fit(self, X: pd.DataFrame, targets: IntArray, weight: FloatArray) -> None: ...

    @abstractmethod
    def _hazards(self, X: pd.DataFrame) -> FloatArray:
        """Return the hazards before the thresholds are put in order."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return the fitted parameters as plain values that JSON can hold."""

    @classmethod
    @abstractmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return a fitted hazard model from `state()`."""


def stored_array(state: Mapping[str, Any], name: str, *shape: int | None) -> FloatArray:
    """Return an array out of a model's plain values.

    Parameters
    ----------
    state : mapping
        From `HazardModel.state`.
    name : str
        Its name there.
    shape : int or None
        What each of its axes must have; None leaves an axis free.

    Raises
    ------
    LookupError, TypeError, ValueError
        If it is missing, has another shape, or a value that is no number of a fit.

    Examples
    --------
    >>> stored_array({"coef": [0.5, 1.0]}, "coef", 3)
    Traceback (most recent call last):
    ...
    ValueError: coef must have the shape (3), got (2)
    """
    array = np.array(state[name], dtype=float)
    if array.ndim != len(shape) or any(
        want not in (None, has) for want, has in zip(shape, array.shape, strict=True)
    ):
        wanted, got = (
            ", ".join("n" if axis is None else str(axis) for axis in each)
            for each in (shape, array.shape)
        )
        raise ValueError(f"{name} must have the shape ({wanted}), got ({got})")
    # Strict: what is not a number is not below it either.
    if not (np.abs(array) < _LARGEST_STORED).all():
        raise ValueError(f"{name} must hold numbers below {_LARGEST_STORED:g}")
    return array


def stored_thresholds(state: Mapping[str, Any]) -> FloatArray:
    """Return the thresholds out of a model's plain values.

    Raises
    ------
    LookupError, TypeError, ValueError
        If there are none, they do not rise, or are none of a season index.
    """
    thresholds = stored_array(state, "thresholds", None)
    rising = np.diff(thresholds, prepend=0.0) > 0
    if not (thresholds.size and rising.all() and thresholds[-1] <= 100):
        raise ValueError(f"thresholds must rise and lie in (0, 100], got {thresholds.tolist()}")
    return thresholds


def stored_names(state: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return the features named in a model's plain values.

    Raises
    ------
    LookupError, TypeError, ValueError
        If they are missing, are no names, or one stands twice.
    """
    names = tuple(state[name])
    if not all(isinstance(each, str) for each in names) or len(set(names)) != len(names):
        raise ValueError(f"{name} must be distinct names, got {str(list(names))[:80]}")
    return names
