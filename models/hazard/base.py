"""The interface every candidate shares: scikit-learn's, over leads instead of labels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

from models.hazard.leads import N_LEADS, FloatArray, IntArray, lead_probabilities

THRESHOLD = "threshold"


class TooFewRows(ValueError):
    """The rows do not suffice to fit or to forecast out of sample."""


class LeadClassifier(ClassifierMixin, BaseEstimator, ABC):
    """Probability that the next onset falls in each of 13 leads of 30 days, or in none.

    A row describes one as_of day and one kind of season: the features and a
    column `threshold`, the season index at which that kind begins. A season
    with a higher threshold cannot begin unless one with a lower threshold has
    begun too, so a row's hazard is never below that of the higher thresholds.

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
            If a threshold was not seen in training.
        """
        return lead_probabilities(self.hazards(X))

    def predict(self, X: pd.DataFrame) -> IntArray:
        """Return the likeliest lead of each row, 0 for none."""
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]

    def hazards(self, X: pd.DataFrame) -> FloatArray:
        """Return P(onset in lead k | none before), shape (n, 13)."""
        check_is_fitted(self, "thresholds_")
        asked = X[THRESHOLD].to_numpy(dtype=float)
        unseen = ~np.isin(asked, self.thresholds_)
        if unseen.any():
            raise ValueError(
                f"threshold must be one of {self.thresholds_.tolist()}, got {asked[unseen][0]:g}."
            )
        hazards = self._hazards(X)
        for threshold in self.thresholds_:
            lower = asked < threshold
            if lower.any():
                floor = self._hazards(X[lower].assign(**{THRESHOLD: threshold}))
                hazards[lower] = np.maximum(hazards[lower], floor)
        return hazards

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

    def settled(self) -> LeadClassifier:
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
        """Return a fitted classifier from `state()`."""
