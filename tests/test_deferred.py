"""What a forecast of a directory does not need is not computed, and no number changes by that."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from typer.testing import CliRunner

import predict
from features.catalogue.builder import build_features
from features.health import series_health
from features.panel import DAY, DataError
from features.sources import deferred
from features.sources.deferred import NOT_SIMULATED, SIMULATED, DeferredPanel, deferred_files
from features.storage import simulations
from features.storage.simulations import simulated_series
from models.cli.forecast_command import needed
from models.cli.health_command import health_of
from tests.small_market import LAST, small_market, write_tables


@pytest.fixture
def asked(monkeypatch):
    """Days that were simulated; each day's value tells the day, one week cannot be simulated."""
    days_asked = []

    def cheap(market, days, **options):
        days_asked.extend(days)
        values = (days - simulations.FIRST_DAY).days / 50.0
        table = pd.DataFrame(dict.fromkeys(SIMULATED, values), index=days.rename("date"))
        return table[days < pd.Timestamp("2024-05-01")]

    monkeypatch.setattr(simulations, "simulate", cheap)
    return days_asked


@pytest.fixture
def market(tmp_path, asked) -> DeferredPanel:
    directory = write_tables(tmp_path / "data", small_market())

    def simulation(market, **span):
        return simulated_series(market, cache=tmp_path / "cache", **span)

    return deferred_files(directory, today=LAST + DAY, newest=True, simulation=simulation)


def model(*features):
    return SimpleNamespace(model=SimpleNamespace(feature_names=lambda: list(features)))


@pytest.mark.parametrize("back", [0, 6, 18, 36])
@pytest.mark.parametrize("span", [0, 30])
def test_the_features_of_a_span_are_those_of_the_whole(market, back, span):
    last = LAST - back * DAY
    days = pd.date_range(last - span * DAY, last, unit="s")
    whole = build_features(market.whole(), days)
    assert_frame_equal(build_features(market.spoken_of(days[0], last), days), whole)
    assert whole[SIMULATED[0]].notna().any()


def test_only_the_days_of_a_span_are_simulated(market, asked):
    assert asked == []
    market.spoken_of(LAST - 30 * DAY, LAST)
    assert min(asked) > LAST - 42 * DAY
    assert len(asked) <= 7
    market.whole()
    assert len(asked) > 100  # every week since 2014


def test_a_model_without_the_simulation_computes_none(market, asked):
    assert needed(market, model("season_index"), LAST, LAST) is market.panel
    assert asked == []
    needed(market, model("season_index", SIMULATED[3]), LAST, LAST)
    assert asked


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_old_data_are_refused_before_they_are_read(tmp_path, monkeypatch, ending):
    directory = write_tables(tmp_path / "data", small_market(), ending)
    monkeypatch.setattr(deferred, "load_files", lambda *a, **k: pytest.fail("it was read"))
    with pytest.raises(DataError, match=f"the data end on {LAST:%Y-%m-%d}, 8 days ago"):
        deferred_files(directory, today=LAST + 8 * DAY, newest=True, simulation=pytest.fail)


def test_a_table_that_tells_no_day_is_left_to_its_reader(tmp_path):
    directory = write_tables(tmp_path / "data", small_market())
    (directory / "coins.parquet").write_bytes(b"none")
    with pytest.raises(DataError, match=r"coins\.parquet: cannot be read"):
        deferred_files(directory, today=LAST + 8 * DAY, newest=True, simulation=pytest.fail)


def test_health_simulates_what_a_forecast_would(market, asked):
    refused = health_of(market, as_of=None, today=LAST + 8 * DAY)
    assert refused.refusal
    assert asked == []
    assert {row.problem for row in refused.series if row.series in SIMULATED} == {NOT_SIMULATED}
    state = health_of(market, as_of=None, today=LAST + DAY)
    assert len(asked) <= 7
    simulated = [row for row in state.series if row.series in SIMULATED]
    assert all("simulated 2024-" in row.source for row in simulated)
    assert state.digest == market.spoken_of(LAST - 30 * DAY, LAST).digest


def test_a_training_s_panel_claims_no_part_of_it(market):
    table = series_health(market.whole(), LAST).set_index("series")
    assert not table.loc[list(SIMULATED), "source"].str.contains("later only").any()


def test_the_command_refuses_at_once(tmp_path, monkeypatch):
    directory = write_tables(tmp_path / "data", small_market())
    monkeypatch.setattr(deferred, "load_files", lambda *a, **k: pytest.fail("it was read"))
    result = CliRunner().invoke(predict.app, ["--source", "files", "--data-dir", str(directory)])
    assert result.exit_code == 3
    assert "at most 7 are allowed" in result.stderr
