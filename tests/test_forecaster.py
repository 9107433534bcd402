"""A forecaster in its file: the same again, or refused in one sentence."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from models.answers import State
from models.hazard.forecaster import Evidence, Forecaster, Range, Skill, StateRecord
from models.report.words import too_high_statement
from models.season.definition import OnsetDefinition
from models.vocabulary import Kind, Verdict

REFUSED = "not a forecaster of this program"


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
                Skill(Kind.BROAD, "30", 0.3, 0.1, 1.5, 400, 14, Verdict.BETTER, 0.7, 0.6, 0.8),
                Skill(Kind.BROAD, "365", None, None, None, 0, 0, Verdict.CANNOT_TELL),
                Skill(Kind.PARTIAL, "30", 0.1, -0.1, 0.3, 500, 18, Verdict.CANNOT_TELL),
            ),
            reason="a test",
            states=(StateRecord(Kind.BROAD, State.IN_SEASON, "90", 40, 0.3, 0.2),),
        ),
    )  # fmt: skip


def test_a_forecaster_survives_its_bytes(forecaster, fitted, asked):
    content = forecaster.to_bytes()
    read = Forecaster.from_bytes(content)
    for model, expected in zip(
        [read.model, read.climatology, *read.replicates],
        [forecaster.model, forecaster.climatology, *forecaster.replicates],
        strict=True,
    ):
        assert np.array_equal(model.predict_proba(asked), expected.predict_proba(asked))
    assert (read.name, read.thresholds) == (forecaster.name, forecaster.thresholds)
    assert read.evidence == forecaster.evidence
    # Equal forecasters have equal bytes: gzip keeps no time.
    assert read.to_bytes() == forecaster.to_bytes() == content
    assert replace(forecaster, model=fitted["logistic"]).to_bytes() != content
    assert content[4:8] == bytes(4)


def test_what_was_learnt_from_is_known_to_the_day(forecaster):
    evidence, day = forecaster.evidence, pd.Timedelta(days=1)
    last = evidence.trained_until - 30 * day
    assert [evidence.in_training(as_of) for as_of in (last, last + day)] == [True, False]
    ends = evidence.trained_until - day, evidence.trained_until
    assert [evidence.in_sample(as_of) for as_of in ends] == [True, False]


def test_another_threshold_needs_no_training(forecaster, asked):
    rows = asked.assign(threshold=62.0)
    other = forecaster.at(62.0)
    assert other.thresholds == {Kind.BROAD: 62.0, Kind.PARTIAL: 50.0}
    assert other.evidence.definition == OnsetDefinition(threshold=62.0)
    assert [skill.kind for skill in other.evidence.skill] == [Kind.PARTIAL]
    assert other.evidence.onsets == {Kind.BROAD: (), Kind.PARTIAL: ()}
    assert (other.evidence.states, other.measured_at) == ((), 75.0)
    assert np.array_equal(other.model.predict_proba(rows), forecaster.model.predict_proba(rows))
    assert forecaster.at(75.0) is forecaster
    assert forecaster.at(85.0).thresholds[Kind.BROAD] == 85.0
    for threshold in (49.0, 50.0, 85.1, np.nan):
        rule = f"must be above 50 and at most 85, got {threshold:g}"
        with pytest.raises(ValueError, match=rule):
            forecaster.at(threshold)


def test_damaged_content_is_refused(forecaster):
    content = forecaster.to_bytes()
    for size in [*range(0, 20), *range(20, len(content), 997), len(content) - 1]:
        with pytest.raises(ValueError, match=REFUSED):
            Forecaster.from_bytes(content[:size])
    # After the header of 10 bytes, of which not all are read.
    for position in range(10, len(content), 997):
        spoilt = bytearray(content)
        spoilt[position] ^= 0x55
        with pytest.raises(ValueError, match=REFUSED):
            Forecaster.from_bytes(bytes(spoilt))


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"{}", *(gzip.compress(text, mtime=0) for text in (
        b"\xff\xfe{", b"null", b"3", b'"x"', b"[]", b"{}", b"[" * 100_000))]
)  # fmt: skip
def test_foreign_content_is_refused(content):
    with pytest.raises(ValueError, match=REFUSED):
        Forecaster.from_bytes(content)


ROW = {"kind": "broad", "horizon_days": 30, "value": 0.3, "low": 0.1, "high": 1.5, "days": 400,
       "episodes": 14, "verdict": "better"}  # fmt: skip


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("schema",), "altseason.forecaster/2"),
        *((("forecaster", "model"), value) for value in
          (None, [], {"type": "Pipeline"}, {"type": "Climatology"})),
        *((("forecaster", "replicates"), value) for value in (3, [], [None])),
        *((("forecaster", "thresholds"), value) for value in
          ({"broad": 75.0}, {"broad": 50.0, "partial": 75.0}, {"broad": 90.0, "partial": 50.0},
           {"broad": 101.0, "partial": 50.0}, {"broad": "75", "partial": 50.0})),
        (("forecaster", "name"), 7),
        (("forecaster", "evidence"), None),
        (("forecaster", "evidence", "definition", "top"), 0),
        (("forecaster", "evidence", "definition", "quiet_days"), 1.5),
        *((("forecaster", "evidence", "trained_until"), day) for day in ("some day", 20191231)),
        (("forecaster", "evidence", "ranges"), {"season_index": [0.0]}),
        (("forecaster", "evidence", "onsets"), {"tall": []}),
        *((("forecaster", "evidence", "skill"), rows) for rows in
          (None, [{"kind": "broad"}], [ROW | {"days": -1}], [ROW | {"value": 1.1}],
           [ROW | {"low": float("nan")}], [ROW | {"verdict": "best"}], [ROW | {"days": "400"}])),
    ],
    ids=repr,
)  # fmt: skip
def test_values_that_cannot_be_are_refused_by_name(forecaster, place, value):
    stored = json.loads(gzip.decompress(forecaster.to_bytes()))
    inner = stored
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    with pytest.raises(ValueError, match=REFUSED) as refusal:
        Forecaster.from_bytes(gzip.compress(json.dumps(stored).encode()))
    said = str(refusal.value)
    assert "\n" not in said
    assert len(said) < 260
    assert place[-1].rstrip("s") in said or place[-1] == "definition"


def test_a_feature_of_another_release_is_refused(forecaster):
    plain = gzip.decompress(forecaster.to_bytes()).replace(b'"season_index"', b'"season_omen"')
    with pytest.raises(ValueError, match="season_omen is no feature of this release; train again"):
        Forecaster.from_bytes(gzip.compress(plain))


def test_a_chance_whose_excess_lies_above_zero_is_too_high():
    skill = Skill(Kind.BROAD, "90", 0.1, 0.0, 0.2, 90, 5, Verdict.WORSE, expected=0.3, observed=0.2)
    assert not skill.too_high
    assert replace(skill, excess_low=0.01).too_high
    assert not replace(skill, excess_low=0.0).too_high


@pytest.mark.parametrize(
    ("year", "half", "value", "said"),
    [
        (0.1, 0.1, -0.1, "year they averaged 30 % and 20 % came true); the base rate is"),
        (0.1, -0.1, 0.1, "year they averaged 30 % and 20 % came true); the base rate has"),
        (-0.1, 0.1, -0.1, "180 days they averaged"),
        (-0.1, -0.1, 0.1, ""),
    ],
)  # fmt: skip
def test_sustained_chances_that_were_too_high_are_said_to_have_been(year, half, value, said):
    found = {
        horizon: Skill(Kind.SUSTAINED, horizon, value, None, None, 90, 5, Verdict.CANNOT_TELL,
                       expected=0.3, observed=0.2, excess_low=low)
        for horizon, low in (("180", half), ("year", year))
    }  # fmt: skip
    forecast = SimpleNamespace(evidence=SimpleNamespace(verified=lambda kind: found))
    sentence = too_high_statement(forecast)
    assert said in sentence
    assert bool(sentence) == bool(said)
