"""The process of one threshold: quiet spell, onset, season, quiet spell."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from models.outlook.patterns import SeasonLaw, season_law
from models.outlook.posterior import PRIOR, Prior, SpellPosterior, fit_spells
from models.season.definition import OnsetDefinition
from models.season.spells import History, observe


@dataclass(frozen=True, eq=False)
class Renewal:
    """The process of one threshold, fitted to what had resolved by a day."""

    history: History  # what it was fitted to
    quiet: SpellPosterior
    seasons: SeasonLaw


def fit_renewal(
    index: pd.Series,
    *,
    until: pd.Timestamp,
    definition: OnsetDefinition,
    prior: Prior = PRIOR,
) -> Renewal:
    """Fit the process to the season index up to a day; ValueError if no season was over by then."""
    history = observe(index, until=until, definition=definition)
    return Renewal(history, fit_spells(history.spells, prior), season_law(history))
