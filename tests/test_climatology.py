from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.hazard.base import THRESHOLD
from models.hazard.climatology import Climatology
from models.hazard.leads import incidence
from tests.hazard_rows import (
    days_of,
)


def test_climatology_is_the_frequency_by_hand():
    # Broad: onsets in leads 1 and 3, two rows without; the last row knows two leads only.
    targets = np.array([[1, 13], [3, 13], [0, 13], [0, 2], [2, 13]])
    X = pd.DataFrame({THRESHOLD: [75.0, 75.0, 75.0, 75.0, 50.0]}, index=days_of(5))
    model = Climatology().fit(X, targets)
    broad = incidence(model.predict_proba(X.iloc[:1]), [30, 60, 90, 390])[0]
    assert broad == pytest.approx([1.5 / 5, 1.5 / 5, 2.5 / 4, 2.5 / 4])
    partial = incidence(model.predict_proba(X.iloc[4:]), [30, 60, 90])[0]
    # Below that of broad seasons in lead 1, which the order of the thresholds forbids.
    assert partial[0] == pytest.approx(1.5 / 5)
    assert Climatology().fit(X[4:], targets[4:]).predict_proba(X[4:])[0, :2] == pytest.approx(
        [0.5 / 2, 1.5 / 2 - 0.5 / 2]
    )


def test_climatology_does_not_fall_with_the_lead():
    # All three rows know lead 1 and one of them had its onset; the two that know more had none.
    targets = np.array([[1, 1], [0, 13], [0, 13]])
    X = pd.DataFrame({THRESHOLD: 75.0}, index=days_of(3))
    by_lead = incidence(Climatology().fit(X, targets).predict_proba(X[:1]), [30, 60, 390])[0]
    assert by_lead == pytest.approx([1.5 / 4] * 3)


def test_climatology_knows_no_features(fitted, asked):
    probabilities = fitted["climatology"].predict_proba(asked[asked[THRESHOLD] == 75])
    assert (probabilities == probabilities[0]).all()
    assert fitted["climatology"].feature_names() == []
    assert fitted["climatology"].contributions(asked).shape == (len(asked), 0)
