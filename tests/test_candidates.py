from __future__ import annotations

import numpy as np
import pytest

from models.hazard.candidates import CANDIDATES, fit_candidates, seeded
from models.hazard.names import CandidateName
from tests.hazard_rows import (
    every_candidate,
)


@every_candidate
def test_a_seed_reaches_all_that_draws(name):
    model, untouched = seeded([name], 7)[name], CANDIDATES[name].model
    assert getattr(model, "seed", 7) == 7
    assert getattr(untouched, "seed", 0) == 0


def test_candidates_come_simplest_first():
    assert list(seeded(["pool", "climatology", "logistic"], 0)) == [
        "climatology",
        "logistic",
        "pool",
    ]


def test_fitted_together_as_alone(fitted, lead_rows, asked):
    unfitted = {name: candidate.model for name, candidate in CANDIDATES.items()}
    together = fit_candidates(unfitted, *lead_rows)
    assert list(together) == list(CANDIDATES)
    for name, model in together.items():
        assert np.array_equal(model.predict_proba(asked), fitted[name].predict_proba(asked))


def test_an_unknown_candidate_is_an_error():
    with pytest.raises(ValueError, match=r"must be one of climatology, .*, got 'logistik'"):
        seeded(["climatology", "logistik"], 0)


def test_every_name_has_its_candidate():
    assert list(CandidateName) == list(CANDIDATES)
