"""A second witness of the season index: from a file, from an address, and how both are judged."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import predict
from features.market.season import season_index
from features.panel import DataError
from features.sources.tables import read_published
from features.witness import witness

DAYS = pd.date_range("2025-01-01", periods=400, unit="s")


def noisy(scale=3.0, shift=-5.0):
    random = np.random.default_rng(0)
    theirs = pd.Series(50 + 10 * np.sin(np.arange(400) / 30), DAYS)
    return theirs + shift + scale * random.normal(size=400), theirs


def test_the_usual_distance_is_no_difference():
    ours, theirs = noisy()
    found = witness(ours, theirs, source="theirs")
    assert found.usual == pytest.approx(-5.0, abs=0.5)
    # By hand: 98 % of a normal law lie within 2.33 deviations, and two points wider.
    assert found.low == pytest.approx(-5 - 2.33 * 3 - 2, abs=1.5)
    assert found.high == pytest.approx(-5 + 2.33 * 3 + 2, abs=1.5)
    assert found.reference_days == 365
    assert found.differs_since is None
    assert "they agree as usual" in found.text


@pytest.mark.parametrize("days", [1, 7, 25])
def test_a_false_season_is_told_since_its_first_day(days):
    ours, theirs = noisy()
    ours.iloc[-days:] = 92.0
    found = witness(ours, theirs, source="theirs")
    assert found.differs_since == DAYS[-days]
    assert found.difference == pytest.approx(92.0 - theirs.iloc[-1])
    assert f"since {DAYS[-days]:%Y-%m-%d}" in found.text


def test_a_difference_that_ended_is_none():
    ours, theirs = noisy(scale=0.5)
    ours.iloc[-9:-4] = 92.0
    assert witness(ours, theirs, source="theirs").differs_since is None


@pytest.mark.parametrize("shared", [0, 74])
def test_too_short_a_past_tells_nothing(shared):
    ours, theirs = noisy()
    with pytest.raises(DataError, match="need 45 to judge what distance is usual"):
        witness(ours.iloc[:shared], theirs, source="theirs")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (lambda x: x / 100, "if its values are of 0 to 1;"),
        (lambda x: 100 - x, "if its values are inverted;"),
        (lambda x: 1 - x / 100, "if its values are of 0 to 1 and inverted;"),
        (lambda x: x / 10, "points from our index; at most 25"),
        (lambda x: 0 * x, "points from our index; at most 25"),
    ],
)
@pytest.mark.parametrize("days", [75, 400])
def test_an_index_on_another_scale_is_refused(reference, written, meant, days):
    ours = season_index(reference).loc["2024-09":].iloc[:days]
    theirs = ours + np.random.default_rng(1).normal(7, 3, len(ours))
    assert witness(ours, theirs.clip(0, 100), source="theirs").differs_since is None
    with pytest.raises(DataError, match=f"^theirs: on the median day .*{meant}"):
        witness(ours, written(theirs.clip(0, 100)), source="theirs")


@pytest.mark.real_data
def test_no_window_of_a_real_index_is_refused(real_data, reference):
    tables = [pd.read_parquet(real_data / f"{name}.parquet").set_index("date")
              for name in ("other_indices", "published_index")]  # fmt: skip
    ours, windows = season_index(reference), 0
    for published in (*(tables[0][name] for name in tables[0]), tables[1]["index_90d"]):
        both = pd.concat([ours, published.rename("theirs")], axis=1, join="inner").dropna()
        for end in range(75, len(both), 7):
            window = both.iloc[max(0, end - 120 * (end % 2) - 75) : end]
            witness(window.iloc[:, 0], window["theirs"], source="theirs")
            windows += 1
    assert windows > 900


# --- where it comes from -------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_file_is_read(tmp_path, ending):
    table = pd.DataFrame({"date": ["2025-12-02", "2025-12-01"], "value": [31, 30]})
    path = tmp_path / f"published.{ending}"
    table.to_csv(path, index=False) if ending == "csv" else table.to_parquet(path)
    values = read_published(path)
    assert values.tolist() == [30.0, 31.0]
    assert values.index[0] == pd.Timestamp("2025-12-01")


# --- the command ---------------------------------------------------------------------------------


def test_health_says_it_in_text_and_json(tmp_path, reference):
    index = season_index(reference)
    path = tmp_path / "theirs.csv"
    theirs = (index - 8).clip(0, 100).iloc[-300:].rename_axis("date").rename("value")
    theirs.iloc[-4:] = 99.0
    theirs.to_csv(path)
    run = CliRunner()
    text = run.invoke(predict.app, ["health", "--published", str(path)])
    assert text.exit_code == 0
    assert "Published index (theirs.csv) on" in text.stdout
    told = json.loads(
        run.invoke(predict.app, ["health", "--published", str(path), "--json"]).stdout
    )
    assert told["published"]["usual"] == pytest.approx(8.0)
    assert told["published"]["differs_since"] == f"{theirs.index[-4]:%Y-%m-%d}"
    plain = json.loads(run.invoke(predict.app, ["health", "--json"]).stdout)
    assert plain["published"] is None
    both = run.invoke(predict.app, ["health", "--published", str(path), "--online"])
    assert both.exit_code == 2
