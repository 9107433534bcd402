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
    """The process of one threshold, fitted to what had resolved by a day.

    Parameters
    ----------
    history : History
        What it was fitted to.
    quiet : SpellPosterior
        Law of the quiet spells.
    seasons : SeasonLaw
        Law of the seasons.
    """

    history: History
    quiet: SpellPosterior
    seasons: SeasonLaw


def fit_renewal(
    index: pd.Series,
    *,
    until: pd.Timestamp,
    definition: OnsetDefinition,
    prior: Prior = PRIOR,
) -> Renewal:
    """Fit the process of one threshold to the index up to a day.

    Parameters
    ----------
    index : pandas.Series
        Season index (0-100) on consecutive days; what comes after `until` is not read.
    until : pandas.Timestamp
        Last day known.
    definition : OnsetDefinition
        What counts as an onset.
    prior : Prior
        Of the quiet spells.

    Returns
    -------
    Renewal

    Raises
    ------
    ValueError
        If no season was over by then.
    """
    history = observe(index, until=until, definition=definition)
    return Renewal(history, fit_spells(history.spells, prior), season_law(history))
