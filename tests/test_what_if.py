"""Suppositions: what changes, what must not, and that they never pass for a forecast."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

import predict
from models.forecasting.intervals import by_lead
from models.forecasting.season_status import season_status
from models.forecasting.what_if import TARGET, SuppositionError, breadth_needed, suppose
from models.tracking.reading import load_forecaster
from models.vocabulary import Kind
from tests.commands import run_command
from tests.embedded import END


@pytest.fixture(scope="module")
def stored(trained):
    return load_forecaster(trained[0], "champion").forecaster


@pytest.fixture(scope="module")
def status(reference, stored):
    return season_status(reference, stored, pd.Timestamp(END))


def test_only_what_is_supposed_changes(status, stored):
    supposed, changes = suppose(status, stored, {"season_index": 40.0})
    assert supposed.features["season_index"].iloc[0] == 40.0
    others = status.features.columns.drop("season_index")
    pd.testing.assert_frame_equal(supposed.features[others], status.features[others])
    assert [(each.feature, each.supposed) for each in changes] == [("season_index", 40.0)]
    assert changes[0].value == status.features["season_index"].iloc[0]
    assert supposed.kinds is status.kinds


@pytest.mark.parametrize(
    ("supposed", "message"),
    [
        ({"sesson_index": 40.0}, "did you mean season_index"),
        ({"carried_breadth_30": 160.0}, "share from 0 to 100 %, got 160"),
        ({"season_index": -1.0}, "share from 0 to 100 %, got -1"),
    ],
)
def test_impossible_suppositions_are_refused(supposed, message, status, stored):
    with pytest.raises(SuppositionError, match=message):
        suppose(status, stored, supposed)


def test_breadth_needed_is_the_smallest_move_that_reaches_it(status, stored):
    needed = breadth_needed(status, stored)
    assert needed is not None
    index, moved = needed.shares["season_index"]
    assert moved < stored.thresholds[Kind.BROAD]
    assert moved == pytest.approx(index + needed.change)
    assert all(0 <= target <= 100 for _, target in needed.shares.values())
    assert needed.reached == (needed.probability >= TARGET)
    # One point less in the same direction does not reach it.
    shorter = needed.change - (1 if needed.change > 0 else -1)
    row = status.features.copy()
    for name, (value, _) in needed.shares.items():
        row[name] = min(max(value + shorter, 0), 100)
    for days in (7, 30, 90):
        row[f"season_index_change_{days}"] += row["season_index"].iloc[0] - index
    chance = by_lead(stored, row, [Kind.BROAD])[Kind.BROAD].model[0, 0]
    assert chance < needed.probability
    assert not needed.reached or chance < TARGET


def test_in_season_nothing_needs_to_happen(status, stored):
    broad = replace(status.kinds[Kind.BROAD], at_risk=False)
    assert (
        breadth_needed(replace(status, kinds={**status.kinds, Kind.BROAD: broad}), stored) is None
    )


def test_answer_is_marked_and_stands_beside_the_forecast(trained):
    uri, _, _ = trained
    plain = json.loads(run_command(predict.app, "--tracking-uri", uri, "--json").stdout)
    arguments = ("--tracking-uri", uri, "--what-if", "season_index=70")
    answer = json.loads(run_command(predict.app, *arguments, "--json").stdout)
    assert (answer["schema"], answer["hypothetical"]) == ("altseason.what_if/1", True)
    known = {(w["kind"], w["horizon_days"]): w["probability"] for w in plain["forecasts"]}
    rows = {(w["kind"], w["horizon_days"]): w for w in answer["windows"]}
    assert all(rows[key]["probability"] == value for key, value in known.items())
    broad = rows["broad", 30]
    assert broad["supposed_probability"] > broad["probability"]
    text = run_command(predict.app, *arguments).stdout
    assert text.startswith("HYPOTHETICAL: not the forecast as of ")
    assert "season_index: " in text
    assert ", supposed 70" in text


def test_same_value_supposed_changes_nothing(trained, status):
    value = float(status.features["season_index"].iloc[0])
    result = run_command(
        predict.app, "--tracking-uri", trained[0], "--what-if", f"season_index={value!r}", "--json"
    )
    for row in json.loads(result.stdout)["windows"]:
        assert row["supposed_probability"] == row["probability"]


@pytest.mark.parametrize("beside", [["--record"], ["--csv"], ["--plot", "f.png"]])
def test_hypothesis_is_neither_recorded_nor_drawn(beside, trained):
    result = run_command(
        predict.app, "--tracking-uri", trained[0], "--what-if", "season_index=40", *beside
    )
    assert result.exit_code == 2
    assert "--what-if is hypothetical" in result.stderr


@pytest.mark.parametrize("text", ["season_index", "season_index=", "season_index=nan", "=x"])
def test_supposition_needs_a_number(text, trained):
    result = run_command(predict.app, "--tracking-uri", trained[0], "--what-if", text)
    assert result.exit_code == 2
    assert "must be FEATURE=VALUE" in result.stderr
