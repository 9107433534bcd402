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
        (("evidence", "trained_until"), 20200101, "fromisoformat"),
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
        (("model", "intercept"), None, "intercept must hold finite numbers"),
        (("model", "coef"), [1.0, 2.0], r"coef must have the shape \(\d+\), got \(2\)"),
        (("climatology", "hazards", 0), [0.1], "inhomogeneous"),
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
