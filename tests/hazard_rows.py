"""Rows to fit hazard models to and to ask them about, for the tests of several files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from features.catalogue.features import FEATURE_NAMES
from features.market.paths import series_name
from models.hazard.base import THRESHOLD
from models.hazard.candidates import CANDIDATES
from models.hazard.leads import LEAD_DAYS, LIMIT_DAYS, N_LEADS, incidence

every_candidate = pytest.mark.parametrize("name", list(CANDIDATES))

EVERY_DAY = np.arange(1, LIMIT_DAYS + 1)
# Percentages by their meaning, never 0 or 100; every other feature may take any value.
SIMULATED = [name for name in FEATURE_NAMES if name.startswith("simulated")]
OBSERVED = [name for name in FEATURE_NAMES if name not in SIMULATED]


def days_of(n, step=7):
    return pd.date_range("2015-01-01", periods=n, freq=f"{step}D", unit="s", name="as_of")


def synthetic(n, hazard_of, *, seed=0, threshold=75.0, **columns):
    """Return X and targets of n rows whose hazard in every lead is a function of x."""
    random = np.random.default_rng(seed)
    x = random.normal(size=n)
    begins = random.random((n, N_LEADS)) < hazard_of(x)[:, None]
    lead = np.where(begins.any(axis=1), begins.argmax(axis=1) + 1, 0)
    X = pd.DataFrame({"x": x, **columns, THRESHOLD: threshold}, index=days_of(n, step=1))
    return X, np.column_stack([lead, np.full(n, N_LEADS)])


def simulated_row(threshold, shares, **features):
    """Return a row with the share of paths, in percent, that crossed by the end of each lead."""
    names = [series_name(threshold, LEAD_DAYS * lead) for lead in range(1, N_LEADS + 1)]
    values = {**features, **dict(zip(names, shares, strict=True)), THRESHOLD: float(threshold)}
    return pd.DataFrame([values])


def order_gap(model, rows, lower=50.0, higher=75.0):
    """Return the least P(lower threshold) - P(higher threshold) over rows and days."""
    below, above = (
        incidence(model.predict_proba(rows.assign(threshold=threshold)), EVERY_DAY)
        for threshold in (lower, higher)
    )
    return (below - above).min()


def driver_log_odds(model, rows):
    return logit(model.hazards(rows)[:, :3]).mean(axis=1)
