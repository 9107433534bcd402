"""The interface every candidate shares: scikit-learn's, over leads instead of labels.

scikit-learn itself is imported by what fits with it, not by what forecasts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from inspect import signature
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from models.hazard.leads import (
    LEAD_DAYS,
    N_LEADS,
    FloatArray,
    IntArray,
    censor,
    expand,
    lead_hazards,
)

THRESHOLD = "threshold"
TRAINING_SHARE = 2 / 3  # of a window's days, before the part on which a setting is chosen

Setting = TypeVar("Setting")

# What a fit leaves behind, by attribute: the axes of an array (a length; the name of an earlier
# attribute that is as long; None for any), `list` for names, `str` for text, a class for a member.
Axes = tuple[int | str | None, ...]
Form = Axes | type
Fitted = Mapping[str, Form]


class TooFewRows(ValueError):
    """The rows do not suffice to fit or to forecast out of sample."""


def once_a_day(X: pd.DataFrame, weight: FloatArray) -> FloatArray:
    """Share each row's weight among the thresholds that its as_of day is a row of.

    Whether a season begins at 70 or at 75 is one thing that the market did, not
    two: all rows of a day together weigh what a single one would. Rows of weight 0 take no share.

    Examples
    --------
    >>> X = pd.DataFrame({"threshold": [50.0, 75.0, 75.0]}, index=[1, 1, 2])
    >>> once_a_day(X, np.ones(3)).tolist()
    [0.5, 0.5, 1.0]
    """
    # Distinct thresholds, not rows: a row that is there twice is a day that counts twice.
    counted = X[THRESHOLD].where(weight > 0).groupby(level=0).transform("nunique")
    return weight / np.maximum(counted.to_numpy(dtype=float), 1.0)


class HazardModel(ABC):
    """Probability that the next onset falls in each of 13 leads of 30 days, or in none.

    A row describes one as_of day and one kind of season: the features and a
    column `threshold`, the season index at which that kind begins. A season
    with a higher threshold cannot begin unless one with a lower threshold has
    begun too, so the probability by the end of a lead is never below that of
    any higher threshold. Every threshold between the lowest and the highest of
    training can be asked for: between two of them the probabilities run
    straight from the one's to the other's.
    """

    fitted: ClassVar[Fitted] = {"thresholds_": (None,)}

    # The columns of `predict_proba`: 1..13 for the leads, 0 for no onset within them.
    classes_: IntArray = np.append(np.arange(1, N_LEADS + 1), 0)
    thresholds_: FloatArray  # seen in training, ascending

    def fit(self, X: pd.DataFrame, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to as_of rows at risk: features and `threshold`, targets from `lead_targets`.

        TooFewRows if no row has a known lead, or there is no onset or nothing else.
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
        """Return the probability per lead, shape (n, 14): 1..13, then none; rows sum to 1.

        ValueError if a threshold is below or above all of training, or nothing has been fitted.
        """
        survival = self._survival(X)
        return np.column_stack([-np.diff(survival, axis=1, prepend=1.0), survival[:, -1]])

    def hazards(self, X: pd.DataFrame) -> FloatArray:
        """Return P(onset in lead k | none before), shape (n, 13)."""
        return lead_hazards(self.predict_proba(X))

    def _survival(self, X: pd.DataFrame) -> FloatArray:
        """Return P(no onset by the end of each lead), thresholds in order, shape (n, 13)."""
        if not hasattr(self, "thresholds_"):
            raise ValueError(f"{type(self).__name__} is not fitted yet; call fit first.")
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
        share = (thresholds - self.thresholds_[lower]) / np.where(gap > 0, gap, 1.0)
        return least + share[:, None] * (above - least)

    def _survival_at(
        self, X: pd.DataFrame, lower: IntArray, positions: range
    ) -> Iterator[tuple[int, FloatArray]]:
        """Yield P(no onset by each lead) at the thresholds that rows need, the highest first."""
        needed = [np.flatnonzero(lower <= position) for position in positions]
        if not needed:
            return
        # All at once: what a prediction costs is the tables around it, not the rows in them.
        sizes = [len(rows) for rows in needed]
        thresholds = np.repeat(self.thresholds_[list(positions)], sizes)
        rows = X.iloc[np.concatenate(needed)].assign(**{THRESHOLD: thresholds})
        survival = np.cumprod(1 - self._hazards(rows), axis=1)
        parts = np.split(survival, np.cumsum(sizes)[:-1])
        yield from reversed(list(zip(positions, parts, strict=True)))

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return what each feature adds to the log-odds of an onset in the next 90 days.

        A column per feature used: log-odds of the hazard, averaged over the
        first three leads, against the training mean.
        """
        return pd.DataFrame(index=X.index)

    def feature_names(self) -> list[str]:
        """Return the features used."""
        return []

    def chosen(self) -> dict[str, float]:
        """Return the settings chosen inside the training window, by name."""
        return {}

    def with_chosen_settings(self) -> Self:
        """Return an unfitted copy whose settings are those that this one has chosen."""
        return self.unfitted()

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the settings by name, as scikit-learn does."""
        return {name: getattr(self, name) for name in signature(type(self)).parameters}

    def set_params(self, **settings: object) -> Self:
        """Change settings, as scikit-learn does."""
        for name, value in settings.items():
            setattr(self, name, value)
        return self

    def unfitted(self, **changes: object) -> Self:
        """Return an unfitted copy with the same settings, but for changes by name."""
        settings = {
            name: value.unfitted() if isinstance(value, HazardModel) else value
            for name, value in self.get_params().items()
        }
        return type(self)(**{**settings, **changes})

    def __sklearn_clone__(self) -> Self:
        return self.unfitted()

    def __sklearn_tags__(self) -> object:
        from sklearn.utils import ClassifierTags, Tags, TargetTags

        target = TargetTags(required=True, two_d_labels=True)
        return Tags("classifier", target, classifier_tags=ClassifierTags())

    def check(self) -> None:
        """Raise ValueError if what was fitted, read from a file, is none that a fit could give."""
        rising = np.diff(self.thresholds_, prepend=0.0) > 0
        if not (rising.size and rising.all() and self.thresholds_[-1] <= 100):
            got = self.thresholds_.tolist()
            raise ValueError(f"thresholds must rise and lie in (0, 100], got {got}")

    @abstractmethod
    def _fit(self, X: pd.DataFrame, targets: IntArray, weight: FloatArray) -> None: ...

    @abstractmethod
    def _hazards(self, X: pd.DataFrame) -> FloatArray:
        """Return the hazards before the thresholds are put in order."""


def choose(
    settings: Sequence[Setting],  # from the most to the least shrunk
    make: Callable[[Setting], HazardModel],  # an unfitted hazard model of a setting
    X: pd.DataFrame,
    targets: IntArray,
    weight: FloatArray,
) -> Setting:
    """Return the setting that forecasts the last third of the training days best.

    The first two thirds are cut to what was known when the last third began;
    the score is the mean log loss per person-period of the last third, in which
    each as_of day counts once. The first setting is taken where there is only
    one, or the window is too short to judge.
    """
    if len(settings) == 1:
        return settings[0]
    as_of = pd.DatetimeIndex(X.index)
    days = as_of.unique().sort_values()
    split = days[int(TRAINING_SHARE * len(days))]
    # A training outcome may resolve on the split day itself, whose end closes both: not strict.
    earlier = censor(targets, np.maximum((split - as_of).days // LEAD_DAYS, 0))
    drawn = weight > 0
    train, valid = (earlier[:, 1] > 0) & drawn, (as_of >= split) & drawn
    if not (earlier[train, 0] > 0).any() or not (targets[valid, 0] > 0).any():
        return settings[0]
    judged = once_a_day(X[valid], weight[valid])
    losses = []
    for setting in settings:
        model = make(setting).fit(X[train], earlier[train], weight[train])
        losses.append(_log_loss(model.hazards(X[valid]), targets[valid], judged))
    return settings[int(np.argmin(losses))]


def _log_loss(hazards: FloatArray, targets: IntArray, weight: FloatArray) -> float:
    periods = expand(targets)
    hazard = hazards[periods.row, periods.lead - 1]
    losses = -np.log(np.where(periods.onset == 1, hazard, 1 - hazard))
    return float(np.average(losses, weights=weight[periods.row]))
