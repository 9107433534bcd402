"""How smooth the hand-over is: ``python -m benchmarks.hand_over [TRACKING_URI]``.

Counts, over every week at risk from 2017 on, how often the implied chance of an onset within 30
days, given none before, is more than half as large again as that of the 30 days before. Nothing is
tuned on it.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from features.catalogue.frame import build_features
from features.market.season import at_risk, season_index
from features.panel import MarketPanel
from features.reference.load import load_reference
from models.answers import Event, Question
from models.forecasting.ahead import Ahead, fitted_renewals
from models.forecasting.leads import by_lead
from models.hazard.forecaster import Forecaster
from models.hazard.leads import LEAD_DAYS, N_LEADS
from models.tracking.read import load_forecaster
from models.vocabulary import Kind

FIRST_DAY, FIRST_LEAD, JUMP = pd.Timestamp("2017-01-03"), 4, 1.5
DAY = pd.Timedelta(days=1)


def implied(panel: MarketPanel, forecaster: Forecaster) -> pd.DataFrame:
    """Return P(onset in a lead | none before) of broad seasons, a row a week, a column a lead."""
    index, definition = season_index(panel), forecaster.evidence.definition
    risk = at_risk(index, threshold=definition.threshold, quiet_days=definition.quiet_days)
    days = pd.date_range(FIRST_DAY, index.index[-1], freq="7D", unit="s")
    days = days[risk.loc[days].to_numpy()]
    leads = by_lead(forecaster, build_features(panel, days), list(forecaster.thresholds))
    definitions = {kind: definition.at(value) for kind, value in forecaster.thresholds.items()}
    rows = []
    for at, day in enumerate(days):
        said = {kind: each.row(at) for kind, each in leads.items()}
        renewals = fitted_renewals(index, forecaster, day)
        ahead = Ahead.from_index(index, day, definitions, said, renewals)
        ends = [day + k * LEAD_DAYS * DAY for k in range(1, N_LEADS + 1)]
        asked = [Question(Kind.BROAD, Event.BEGINS, day + DAY, end) for end in ends]
        chances = np.array([0.0, *(each.probability for each in ahead.answers(asked))])
        rows.append(np.diff(chances) / (1 - chances[:-1]))
    return pd.DataFrame(rows, index=days, columns=range(1, N_LEADS + 1))


def summary(hazards: pd.DataFrame) -> str:
    """Return how often, and at most by what, a lead's chance exceeds the one before."""
    ratio = (hazards / hazards.shift(axis=1)).loc[:, FIRST_LEAD:]
    jumps = ratio > JUMP
    worst = ratio.max(axis=1)
    counts = ", ".join(f"{lead}: {count}" for lead, count in jumps.sum().items() if count)
    return (
        f"{int(jumps.to_numpy().sum())} of {ratio.size} steps from lead {FIRST_LEAD} on, on "
        f"{int(jumps.any(axis=1).sum())} of {len(ratio)} weeks at risk, are more than half as "
        f"large again as the one before (by lead {counts or 'none'}); the largest ratio is "
        f"{worst.max():.2f}, on {worst.idxmax():%Y-%m-%d}."
    )


if __name__ == "__main__":
    uri = sys.argv[1] if len(sys.argv) > 1 else "sqlite:///mlflow.db"
    print(summary(implied(load_reference(), load_forecaster(uri, "champion").forecaster)))
