from __future__ import annotations

import numpy as np
import pytest

from models.hazard.leads import incidence
from models.hazard.pooling import from_state, to_state
from models.hazard.renewal_hazard import Renewal
from tests.hazard_rows import SIMULATED


def test_the_pool_is_a_mean_then_a_renewal(lead_rows, fitted, asked):
    rows = asked.assign(threshold=75.0).dropna(subset=SIMULATED)
    pool, logistic, simulation = (fitted[name] for name in ("pool", "logistic", "simulation"))
    parts = [incidence(model.predict_proba(rows), [30, 60, 90]) for model in (logistic, simulation)]
    made = incidence(pool.predict_proba(rows), [30, 60, 90])
    np.testing.assert_allclose(made, np.mean(parts, axis=0), rtol=0, atol=1e-12)
    renewal = Renewal().fit(*lead_rows).hazards(rows)
    np.testing.assert_allclose(pool.hazards(rows)[:, 3:], renewal[:, 3:], rtol=0, atol=1e-12)


@pytest.mark.parametrize("known", [0.0, 1.0])
def test_the_pool_above_the_simulated_thresholds(fitted, asked, known):
    # Where no path reaches 75 none reaches 80; where all do, that says nothing of 80.
    paths = dict.fromkeys(SIMULATED, 0.05 + 99.9 * known)
    rows = asked.assign(**paths, threshold=80.0)
    own = incidence(fitted["logistic"].predict_proba(rows), [90])
    made = incidence(fitted["pool"].predict_proba(rows), [90])
    expected = own if known else own / 2
    np.testing.assert_allclose(made, expected, rtol=0, atol=0.003)


def test_a_pool_of_an_earlier_version_says_so(fitted):
    stored = {name: part for name, part in to_state(fitted["pool"]).items() if name != "renewal"}
    with pytest.raises(ValueError, match="earlier version, without a renewal process; train again"):
        from_state(stored)


def test_the_pool_without_a_simulation_is_the_hazard(fitted, asked):
    rows = asked.assign(**dict.fromkeys(SIMULATED, np.nan), threshold=75.0)
    made = fitted["pool"].hazards(rows)[:, :3]
    np.testing.assert_allclose(made, fitted["logistic"].hazards(rows)[:, :3], rtol=0, atol=1e-12)
