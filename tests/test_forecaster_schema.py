"""A forecaster that was sealed anew with values that cannot be is refused all the same."""

from __future__ import annotations

import gzip
import json

import pytest

from models.hazard import forecaster as module
from models.hazard.forecaster import Forecaster


@pytest.fixture(scope="module")
def stored(small_training) -> dict:
    return json.loads(gzip.decompress(small_training.forecasters["logistic"].to_bytes()))


def packed(stored: dict) -> bytes:
    return gzip.compress(json.dumps(stored).encode())


def changed(stored: dict, path: tuple, value: object) -> dict:
    copy = json.loads(json.dumps(stored))
    *above, last = path
    inner = copy
    for name in above:
        inner = inner[name]
    inner[last] = value
    return copy


def test_an_honest_one_is_read(stored):
    assert Forecaster.from_bytes(packed(stored)).name == "logistic"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("name",), 7, "name must be text"),
        (("thresholds", "broad"), 0, r"must lie in \(0, 100\], got 0"),
        (("thresholds", "broad"), "75", "must be a finite number"),
        (("evidence", "definition", "top"), None, "top must be a finite number"),
        (("evidence", "trained_until"), "soon", "Invalid isoformat"),
        (("evidence", "trained_until"), 20200101, "trained_until must be text"),
        (("evidence", "reason"), ["x"], "reason must be text"),
        (("evidence", "ranges", "season_index"), [2, 1], "range of season_index must not fall"),
        (("evidence", "ranges", "season_index"), [1, 2, 3], "too many values"),
        (("evidence", "onsets", "broad"), ["2018-02-30"], "day"),
        (("evidence", "skill", 0, "brier_skill"), 1.2, "brier_skill must be at most 1, got 1.2"),
        (("evidence", "skill", 0, "brier_skill"), "0.9", "must be a finite number"),
        (("evidence", "skill", 0, "brier_skill"), float("nan"), "must be a finite number"),
        (("evidence", "skill", 0, "episodes"), True, "must be a finite number"),
        (("evidence", "skill", 0, "episodes"), 10**400, "not a forecaster"),
        (("model", "columns", 0), "moon_phase", "moon_phase is no feature of this release; train"),
        (("replicates", 0, "columns", 0), "moon_phase", "moon_phase is no feature"),
        (("model", "intercept"), None, "intercept must hold numbers below"),
        (("model", "coef"), [1.0, 2.0], r"coef must have the shape \(\d+\), got \(2\)"),
        (("climatology", "hazards", 0), [0.1], "inhomogeneous"),
        (("climatology", "hazards", 0), [5.0] * 13, "hazards must lie between 0 and 1"),
        (("model", "deviation"), [0.0, 1.0, 1.0, 1.0], "deviation must be at least 1e-12"),
        (("model", "thresholds"), [75.0, 80.0], "model must reach from the threshold 50 to 75"),
        (("thresholds",), {"broad": 75}, "must be those of broad and partial seasons"),
        (("thresholds",), {"broad": 50, "partial": 75}, "must be higher for broad"),
        (("replicates",), [], "replicates must hold one at least"),
        (("evidence", "trained_until"), "9999-12-31", "must lie between 2009-01-03 and 2199"),
        (("evidence", "onsets", "broad"), ["0001-01-01"], "onsets must lie between 2009"),
        (("evidence", "definition", "top"), 1e7, "top must be a whole number up to 100000"),
        (("evidence", "definition", "quiet_days"), 1.5, "quiet_days must be a whole number"),
        (("evidence", "skill", 0, "days"), -7, "days must lie between 0 and 100000, got -7"),
    ],
)
def test_a_value_that_cannot_be_is_refused(path, value, said, stored):
    with pytest.raises(ValueError, match=said):
        Forecaster.from_bytes(packed(changed(stored, path, value)))


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch):
    monkeypatch.setattr(module, "_LARGEST_BYTES", 1_000_000)
    with pytest.raises(ValueError, match="it holds more than 1 MB"):
        Forecaster.from_bytes(gzip.compress(b" " * 2_000_000))
    with pytest.raises(ValueError, match="it is cut off"):
        Forecaster.from_bytes(gzip.compress(b"{}")[:-9])
    with pytest.raises(ValueError, match="not a forecaster"):
        Forecaster.from_bytes(gzip.compress(b"[" * 200_000))
