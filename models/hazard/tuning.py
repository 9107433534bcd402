"""Choice of a setting inside the training window, in the order of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.hazard.base import HazardModel, once_a_day
from models.hazard.leads import LEAD_DAYS, FloatArray, IntArray, censor, expand

TRAINING_SHARE = 2 / 3

Setting = TypeVar("Setting")


def choose(
    settings: Sequence[Setting],
    make: Callable[[Setting], HazardModel],
    X: pd.DataFrame,
    targets: IntArray,
    weight: FloatArray,
) -> Setting:
    """Return the setting that forecasts the last third of the training days best.

    The first two thirds are cut to what was known when the last third began;
    the score is the mean log loss per person-period of the last third, in which
    each as_of day counts once.

    Parameters
    ----------
    settings : sequence
        From the most to the least shrunk. With only one there is no choice;
        the first is taken where the window is too short to judge.
    make : callable
        Makes an unfitted hazard model of a setting.
    X : pandas.DataFrame, shape (n, f)
        Features and `threshold`, indexed by as_of.
    targets : numpy.ndarray, shape (n, 2)
        From `models.hazard.leads.lead_targets`.
    weight : numpy.ndarray, shape (n,)
        Row weights.
    """
    if len(settings) == 1:
        return settings[0]
    earlier, train, valid = split_at(X, targets, weight, TRAINING_SHARE)
    if not (earlier[train, 0] > 0).any() or not (targets[valid, 0] > 0).any():
        return settings[0]
    judged = once_a_day(X[valid], weight[valid])
    losses = []
    for setting in settings:
        model = make(setting).fit(X[train], earlier[train], weight[train])
        losses.append(_log_loss(model.hazards(X[valid]), targets[valid], judged))
    return settings[int(np.argmin(losses))]


def split_at(
    X: pd.DataFrame, targets: IntArray, weight: FloatArray, share: float, end: float = 1.0
) -> tuple[IntArray, NDArray[np.bool_], NDArray[np.bool_]]:
    """Split a training window in time.

    Parameters
    ----------
    X, targets, weight
        As for `choose`.
    share, end : float
        The shares of the window's days before the part that is judged and
        before its end.

    Returns
    -------
    earlier : numpy.ndarray of int, shape (n, 2)
        Targets as they were known on the first day that is judged.
    train, valid : numpy.ndarray of bool, shape (n,)
        Rows with a lead known by then; rows judged.
    """
    as_of = pd.DatetimeIndex(X.index)
    days = as_of.unique().sort_values()
    split = days[int(share * len(days))]
    # A training outcome may resolve on the split day itself, whose end closes both: not strict.
    earlier = censor(targets, np.maximum((split - as_of).days // LEAD_DAYS, 0))
    drawn = weight > 0
    until = as_of <= days[-1] if end == 1 else as_of < days[int(end * len(days))]
    return earlier, (earlier[:, 1] > 0) & drawn, (as_of >= split) & until & drawn


def _log_loss(hazards: FloatArray, targets: IntArray, weight: FloatArray) -> float:
    periods = expand(targets)
    hazard = hazards[periods.row, periods.lead - 1]
    losses = -np.log(np.where(periods.onset == 1, hazard, 1 - hazard))
    return float(np.average(losses, weights=weight[periods.row]))
