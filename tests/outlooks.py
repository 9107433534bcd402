"""Outlooks of days of the embedded history, small and made in a moment."""

from __future__ import annotations

import functools

import pandas as pd

from features.market.season import daily
from features.reference.load import load_reference
from models.outlook.answers import Outlook
from models.outlook.outlook import answer
from models.outlook.paths import simulate
from models.outlook.renewal import fit_renewal
from models.outlook.window import date_window, year_window
from models.season.definition import OnsetDefinition
from models.season.spells import observe

KINDS = {"broad": 75.0, "partial": 50.0}


@functools.cache
def outlook_on(day: str, end: str | None = None) -> Outlook:
    """Return the outlook from a day, of its year or until another day."""
    as_of = pd.Timestamp(day)
    window = year_window(as_of) if end is None else date_window(as_of, None, pd.Timestamp(end))
    index = daily(load_reference().series("season_index"))
    fitted = {
        kind: fit_renewal(index, until=as_of, definition=OnsetDefinition(threshold))
        for kind, threshold in KINDS.items()
    }
    now = {
        kind: observe(index, until=as_of, definition=OnsetDefinition(level))
        for kind, level in KINDS.items()
    }
    days = max(365, (window.end - as_of).days)
    return answer(simulate(fitted, now, days=days, n_paths=400), window)
