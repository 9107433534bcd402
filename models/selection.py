"""Choice of a setting inside the training window, in the order of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd

from models.classifier import LeadClassifier
from models.leads import LEAD_DAYS, FloatArray, IntArray, censor, expand

TRAINING_SHARE = 2 / 3

Setting = TypeVar("Setting")


def choose(
    settings: Sequence[Setting],
    make: Callable[[Setting], LeadClassifier],
    X: pd.DataFrame,
    targets: IntArray,
    weight: FloatArray,
) -> Setting:
    """Return the setting that forecasts the last third of the training days best.

    The first two thirds are cut to what was known when the last third began;
    the score is the mean log loss per person-period of the last third.

    Parameters
    ----------
    settings : sequence
        From the most to the least shrunk. With only one there is no choice;
        the first is taken where the window is too short to judge.
    make : callable
        Makes an unfitted classifier of a setting.
    X : pandas.DataFrame, shape (n, f)
        Features and `threshold`, indexed by as_of.
    targets : numpy.ndarray, shape (n, 2)
        From `models.leads.lead_targets`.
    weight : numpy.ndarray, shape (n,)
        Row weights.
    """
    if len(settings) == 1:
        return settings[0]
    as_of = pd.DatetimeIndex(X.index)
    days = as_of.unique().sort_values()
    split = days[int(TRAINING_SHARE * len(days))]
    # A training outcome may resolve on the split day itself, whose end closes both: not strict.
    earlier = censor(targets, np.maximum((split - as_of).days // LEAD_DAYS, 0))
    train, valid = (earlier[:, 1] > 0) & (weight > 0), (as_of >= split) & (weight > 0)
    if not (earlier[train, 0] > 0).any() or not (targets[valid, 0] > 0).any():
        return settings[0]
    losses = []
    for setting in settings:
        model = make(setting).fit(X[train], earlier[train], weight[train])
        losses.append(_log_loss(model.hazards(X[valid]), targets[valid]))
    return settings[int(np.argmin(losses))]


def _log_loss(hazards: FloatArray, targets: IntArray) -> float:
    periods = expand(targets)
    hazard = hazards[periods.row, periods.lead - 1]
    return float(-np.mean(np.log(np.where(periods.onset == 1, hazard, 1 - hazard))))
