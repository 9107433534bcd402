"""A day that is asked for and lies before the history, in it, or after it."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest

import predict
from features.health import usable_view
from features.panel import DAY, DataError
from models.cli.options import ProgressLine
from models.cli.training_command import Order, carry_out
from models.training.run import Settings, train
from tests.commands import run_command


def refusal(panel, day) -> str:
    with pytest.raises(DataError) as error:
        usable_view(panel, pd.Timestamp(day))
    return str(error.value)


@pytest.mark.parametrize("day", ["1999-12-31", "2012-12-30", "2012-12-31"])
def test_a_day_before_the_history_is_told_as_that(random_panel, day):
    first = random_panel.series("season_index").index[0]
    assert pd.Timestamp(day) < first
    message = refusal(random_panel, day)
    assert f"got {day}, which is before the history" in message
    assert f"{first:%Y-%m-%d} is the first day of which a forecast can be made" in message


@pytest.mark.parametrize("day", ["2020-01-01", "2100-01-01"])
def test_a_day_after_the_data_is_told_as_that(random_panel, day):
    message = refusal(random_panel, day)
    assert f"got {day}, which is after the data: 2019-12-31 is the last day" in message


@pytest.mark.parametrize("end", [0, -1])
def test_both_ends_of_the_history_can_be_asked_for(random_panel, end):
    day = random_panel.series("season_index").index[end]
    _, index = usable_view(random_panel, day)
    assert index.index[-1] == day


def test_health_says_so():
    result = run_command(predict.app, "health", "--as-of", "2010-01-01")
    assert result.exit_code == 3
    assert "before the history: 2013-" in result.stderr


def test_training_until_a_day_before_the_history_is_told_as_that(random_panel):
    first = random_panel.series("season_index").index[0]
    with pytest.raises(DataError, match=f"must not be before {first:%Y-%m-%d}, the first day of"):
        train(random_panel, Settings(candidates=("climatology",)), until=first - DAY)


def test_training_until_a_day_after_the_data_is_capped_in_words(
    random_panel, empty_database, tmp_path, monkeypatch, capsys
):
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    asked = []

    def stop(panel, settings, *, until, **options):
        asked.append(until)
        raise DataError("enough for this test")

    monkeypatch.setattr("models.cli.training_command.train", stop)
    order = Order(
        settings=Settings(candidates=("climatology",)), until=pd.Timestamp("2030-01-01"),
        tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}", experiment="x", run_name=None,
        hindcast_out=None, report=False, promote=False, jobs=1,
    )  # fmt: skip
    with pytest.raises(DataError, match="enough"):
        carry_out(order, random_panel, pd.Timestamp("2020-01-02"), ProgressLine(quiet=True))
    assert asked == [pd.Timestamp("2019-12-31")]
    said = capsys.readouterr().err
    assert "--until 2030-01-01 is after the data" in said
    assert "which end on 2019-12-31: trained until that day" in said
