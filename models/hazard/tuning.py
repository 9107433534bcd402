"""Choice of a setting inside the training window, in the order of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd

from models.hazard.base import HazardModel, once_a_day
from models.hazard.leads import LEAD_DAYS, FloatArray, IntArray, censor, expand

TRAINING_SHARE = 2 / 3

Setting = TypeVar("Setting")


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
