from __future__ import annotations

import gzip
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models.hazard.evidence import Evidence, Range, Skill
from models.hazard.forecaster import Forecaster
from models.season.definition import OnsetDefinition
from models.vocabulary import Kind, Verdict


@pytest.fixture(scope="module")
def forecaster(fitted):
    """A forecaster with every kind of hazard model in it."""
    return Forecaster(
        name="pool",
        thresholds={Kind.BROAD: 75.0, Kind.PARTIAL: 50.0},
        model=fitted["pool"],
        climatology=fitted["climatology"],
        replicates=[fitted["logistic_all"], fitted["lightgbm_all"]],
        evidence=Evidence(
            definition=OnsetDefinition(),
            trained_until=pd.Timestamp("2019-12-31"),
            data_digest="0" * 64,
            ranges={"season_index": Range(0.0, 74.5)},
            onsets={Kind.BROAD: (pd.Timestamp("2018-01-01"),), Kind.PARTIAL: ()},
            skill=(
                Skill(Kind.BROAD, 30, 0.3, 0.1, 0.5, 400, 14, Verdict.BETTER),
                Skill(Kind.BROAD, 365, None, None, None, 0, 0, Verdict.CANNOT_TELL),
                Skill(Kind.PARTIAL, 30, 0.1, -0.1, 0.3, 500, 18, Verdict.CANNOT_TELL),
            ),
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
    assert read.evidence == forecaster.evidence


def test_the_bytes_of_a_forecaster_are_its_content(forecaster, fitted):
    content = forecaster.to_bytes()
    assert forecaster.to_bytes() == content
    assert Forecaster.from_bytes(content).to_bytes() == content
    assert replace(forecaster, model=fitted["logistic"]).to_bytes() != content
    # Where gzip would keep the time.
    assert content[4:8] == bytes(4)


def changed(forecaster, **evidence):
    """The bytes of a forecaster with some of its stored evidence replaced."""
    stored = json.loads(gzip.decompress(forecaster.to_bytes()))
    stored["evidence"] |= evidence
    return gzip.compress(json.dumps(stored).encode())


def test_rows_with_every_column_are_read(forecaster):
    # As stored until the evidence kept only what is shown of it.
    shown = json.loads(gzip.decompress(forecaster.to_bytes()))["evidence"]["skill"]
    rows = [{**row, "base_rate": 0.1, "brier": 0.08, "auc": None} for row in shown]
    assert Forecaster.from_bytes(changed(forecaster, skill=rows)).evidence == forecaster.evidence


def test_another_threshold_needs_no_training(forecaster, asked):
    rows = asked.assign(threshold=62.0)
    other = forecaster.at(62.0)
    assert other.thresholds == {Kind.BROAD: 62.0, Kind.PARTIAL: 50.0}
    assert other.evidence.definition == OnsetDefinition(threshold=62.0)
    assert [skill.kind for skill in other.evidence.skill] == [Kind.PARTIAL]
    assert other.evidence.onsets == {Kind.BROAD: (), Kind.PARTIAL: ()}
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
    [
        b"",
        b"PK\x03\x04",
        b"{}",
        gzip.compress(b"\xff\xfe{", mtime=0),
        *(gzip.compress(json.dumps(other).encode(), mtime=0) for other in (None, 3, "x", [], {})),
    ],
    ids=["nothing", "archive", "plain", "no text", "null", "number", "text", "list", "object"],
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
        {"replicates": 3},
        {"replicates": [None]},
        {"evidence": {}},
        {"evidence": None},
    ],
    ids=repr,
)
def test_content_of_another_schema_is_an_error(forecaster, change):
    stored = json.loads(gzip.decompress(forecaster.to_bytes()))
    content = gzip.compress(json.dumps({**stored, **change}).encode())
    with pytest.raises(ValueError, match="not a forecaster of this program"):
        Forecaster.from_bytes(content)


@pytest.mark.parametrize(
    "change",
    [
        {"definition": {"threshold": 75.0}},
        {"definition": {**OnsetDefinition().as_dict(), "top": 0}},
        {"trained_until": "some day"},
        {"ranges": {"season_index": [0.0]}},
        {"onsets": {"tall": []}},
        {"skill": [{"kind": "broad", "horizon_days": 30}]},
        {"skill": None},
    ],
    ids=repr,
)
def test_evidence_that_is_none_is_an_error(forecaster, change):
    with pytest.raises(ValueError, match="not a forecaster of this program"):
        Forecaster.from_bytes(changed(forecaster, **change))
