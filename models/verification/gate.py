"""Which candidate has earned it: the choice of the champion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from models.verification.hindcast import REFERENCE


class Choice(NamedTuple):
    """The champion and why."""

    champion: str
    reason: str


def choose_champion(verification: pd.DataFrame, simplest_first: Sequence[str]) -> Choice:
    """Choose the best candidate out of sample among those that beat climatology.

    A candidate is eligible if its Brier skill is above 0 with the lower end of
    the interval at one horizon, and below 0 with the upper end at none. Of the
    eligible the one with the lowest log score, averaged over the horizons,
    becomes champion; of equals the simplest.

    Parameters
    ----------
    verification : pandas.DataFrame
        From `verify`, one kind of season.
    simplest_first : sequence of str
        Names of all candidates.

    Returns
    -------
    Choice
        Climatology where no candidate is eligible.
    """
    if verification.empty:
        return Choice(REFERENCE, "no forecast out of sample has been resolved yet")
    by_model = dict(tuple(verification.groupby("model")))
    eligible = [
        name
        for name in simplest_first
        if name in by_model
        and (by_model[name]["brier_skill_low"] > 0).any()
        and not (by_model[name]["brier_skill_high"] < 0).any()
    ]
    if not eligible:
        return Choice(
            REFERENCE, "no candidate beats climatology with the lower end of its 90 % interval"
        )
    log_score = {name: by_model[name]["log_score"].mean() for name in eligible}
    champion = min(eligible, key=lambda name: log_score[name])
    rivals = len(eligible) - 1
    return Choice(
        champion,
        f"beats climatology at the lower end of the 90 % interval and has the lowest log score "
        f"({log_score[champion]:.4f}, mean over horizons) of it and {rivals} other eligible "
        f"candidate{'s' if rivals != 1 else ''}",
    )
