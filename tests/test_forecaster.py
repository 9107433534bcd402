from __future__ import annotations

import gzip
import json
from dataclasses import replace

import numpy as np
import pytest

from models.hazard.forecaster import Evidence, Forecaster
from models.onset import OnsetDefinition


@pytest.fixture(scope="module")
def forecaster(fitted):
    """A forecaster with every kind of hazard model in it."""
    return Forecaster(
        name="blend",
        thresholds={"broad": 75.0, "partial": 50.0},
        model=fitted["blend"],
        climatology=fitted["climatology"],
        replicates=[fitted["logistic_all"], fitted["lightgbm_all"]],
        evidence=Evidence(
            definition=OnsetDefinition().as_dict(),
            trained_until="2019-12-31",
            data_digest="0" * 64,
            ranges={"season_index": (0.0, 74.5)},
            onsets={"broad": ["2018-01-01"], "partial": []},
            skill=[{"kind": "broad", "horizon_days": 30, "brier_skill": None}],
            reason="a test",
        ),
    )


def test_a_forecaster_survives_its_bytes(forecaster, asked):
    read = Forecaster.from_bytes(forecaster.to_bytes())
    for model, expected in zip(
        [read.model, read.climatology, *read.replicates],
        [forecaster.model, forecaster.climatology, *forecaster.replicates],
        strict=True,
    ):
        assert np.array_equal(model.predict_proba(asked), expected.predict_proba(asked))
    assert (read.name, read.thresholds) == (forecaster.name, forecaster.thresholds)
    assert read.evidence == replace(forecaster.evidence, ranges={"season_index": [0.0, 74.5]})


def test_the_bytes_of_a_forecaster_are_its_content(forecaster, fitted):
    content = forecaster.to_bytes()
    assert forecaster.to_bytes() == content
    assert Forecaster.from_bytes(content).to_bytes() == content
    assert replace(forecaster, model=fitted["logistic"]).to_bytes() != content
    # Where gzip would keep the time.
    assert content[4:8] == bytes(4)


def test_a_forecaster_from_before_sustained_seasons_is_read(forecaster):
    names = ("threshold", "quiet_days", "window_days", "top")
    old = {name: forecaster.evidence.definition[name] for name in names}
    stored = replace(forecaster, evidence=replace(forecaster.evidence, definition=old)).to_bytes()
    assert Forecaster.from_bytes(stored).evidence.definition == OnsetDefinition().as_dict()


def test_another_threshold_needs_no_training(forecaster, asked):
    rows = asked.assign(threshold=62.0)
    other = forecaster.at(62.0)
    assert other.thresholds == {"broad": 62.0, "partial": 50.0}
    assert other.evidence.definition["threshold"] == 62.0
    assert (other.evidence.skill, other.evidence.onsets["broad"]) == ([], [])
    assert np.array_equal(other.model.predict_proba(rows), forecaster.model.predict_proba(rows))
    assert forecaster.at(75.0) is forecaster


@pytest.mark.parametrize("threshold", [49.0, 50.0, 85.1, np.nan])
def test_a_threshold_outside_of_training_is_no_forecasters(forecaster, threshold):
    with pytest.raises(ValueError, match=f"must be above 50 and at most 85, got {threshold:g}"):
        forecaster.at(threshold)


def test_truncated_content_is_an_error(forecaster):
    content = forecaster.to_bytes()
    for size in [*range(0, 20), *range(20, len(content), 97), len(content) - 1]:
        with pytest.raises(ValueError, match="not a forecaster of this program"):
            Forecaster.from_bytes(content[:size])


def test_corrupt_content_is_an_error(forecaster):
    content = bytearray(forecaster.to_bytes())
    # Behind the header of 10 bytes, of which not all are read.
    for position in range(10, len(content), 97):
        changed = content.copy()
        changed[position] ^= 0x55
        with pytest.raises(ValueError, match="not a forecaster of this program"):
            Forecaster.from_bytes(bytes(changed))


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04", b"{}", gzip.compress(b"\xff\xfe{", mtime=0)],
    ids=["nothing", "an archive", "plain", "no text"],
)
def test_foreign_content_is_an_error(content):
    with pytest.raises(ValueError, match="not a forecaster of this program"):
        Forecaster.from_bytes(content)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "altseason.forecaster/0"},
        {"model": None},
        {"model": []},
        {"model": {"type": "Pipeline"}},
        {"model": {"type": "Climatology"}},
        {"model": {"type": "Blend", "members": []}},
        {"replicates": 3},
        {"replicates": [None]},
        {"evidence": {}},
        {"evidence": None},
    ],
    ids=repr,
)
def test_content_of_another_schema_is_an_error(forecaster, change):
    stored = json.loads(gzip.decompress(forecaster.to_bytes()))
    changed = gzip.compress(json.dumps({**stored, **change}).encode())
    with pytest.raises(ValueError, match="not a forecaster of this program"):
        Forecaster.from_bytes(changed)


@pytest.mark.parametrize("document", [None, 3, "x", [], {}])
def test_other_json_is_an_error(document):
    with pytest.raises(ValueError, match="not a forecaster of this program"):
        Forecaster.from_bytes(gzip.compress(json.dumps(document).encode()))
