"""Which recorded forecasts rested on values that have been revised since."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.catalogue.frame import build_features
from features.market.season import season_index
from features.panel import MarketPanel
from features.provenance import Finding
from models.forecasting.parts import DataSummary
from models.ledger.book import Ledger, append, read_ledger
from models.ledger.results import track_record_json
from models.ledger.revised import revised_forecasts
from models.ledger.track_record import track_record
from models.report.ledger_text import track_record_text
from tests.test_ledger import content, forecast_of

DAYS = ("2019-06-03", "2019-06-10")
DAY = pd.Timestamp(DAYS[1])


@pytest.fixture(scope="module")
def names(random_panel):
    row = build_features(random_panel, pd.DatetimeIndex([DAY]))
    return [str(name) for name in row if np.isfinite(row[name].iloc[0])][:6]


@pytest.fixture
def ledger(random_panel, names, tmp_path) -> Ledger:
    """Two forecasts, one made while a finding stood."""
    path = tmp_path / "forecasts.jsonl"
    index = season_index(random_panel)
    for day in DAYS:
        at = pd.Timestamp(day)
        row = build_features(random_panel, pd.DatetimeIndex([at]))
        finding = Finding("spike", "sol", at, at, 1.0, np.nan, "value left out", "jumps", "wait")
        data = DataSummary(
            "files", f"data {day}", f"all {day}", at, 1, (), (finding,) if at == DAY else (),
            {name: float(row[name].iloc[0]) for name in names},
        )  # fmt: skip
        plain = forecast_of(day)
        season = replace(plain.season, index=float(index[at]))
        append(path, content(day, data=data, season=season))
    return read_ledger(path)


def changed(panel: MarketPanel, name: str, day: pd.Timestamp, factor: float) -> MarketPanel:
    values = panel.series(name).copy()
    values[day] *= factor
    series = {each: panel.series(each) for each in panel.names} | {name: values}
    return MarketPanel.from_series(series, "revised")


def test_the_same_data_revise_nothing(ledger, random_panel):
    assert revised_forecasts(ledger, random_panel) == ()
    assert ledger.entries[1].findings == (
        "sol on 2019-06-10: jumps (spike; value left out). Wait.",
    )


def test_a_revised_index_names_its_day(ledger, random_panel):
    (found,) = revised_forecasts(ledger, changed(random_panel, "season_index", DAY, 0.5))
    assert (found.line, found.as_of) == (2, DAY.date())
    assert found.index == pytest.approx(2 * found.index_now)
    assert found.findings == ledger.entries[1].findings


def test_what_is_revised_after_the_day_is_no_revision(ledger, random_panel):
    later = DAY + pd.Timedelta(days=1)
    assert revised_forecasts(ledger, changed(random_panel, "season_index", later, 0.5)) == ()


def test_another_features_value_is_told_by_name(ledger, random_panel, names):
    entry = ledger.entries[0]
    name = names[0]
    then = {**entry.features, name: 2 * entry.features[name], names[1]: None}
    told = Ledger((replace(entry, features=then),), ())
    (found,) = revised_forecasts(told, random_panel)
    assert found.features == {
        name: (2 * entry.features[name], pytest.approx(entry.features[name])),
        names[1]: (None, pytest.approx(entry.features[names[1]])),
    }


def test_a_line_that_tells_no_features_is_judged_by_its_index(ledger, random_panel):
    old = Ledger(tuple(replace(each, features={}) for each in ledger.entries), ())
    assert revised_forecasts(old, random_panel) == ()
    found = revised_forecasts(old, changed(random_panel, "season_index", DAY, 0.5))
    assert [each.line for each in found] == [2]


def test_the_score_shows_it(ledger, random_panel):
    record = track_record(ledger, changed(random_panel, "season_index", DAY, 0.5))
    text = track_record_text(record)
    assert "Based on values revised since: 1 line" in text
    assert f"line 2, as of {DAY:%Y-%m-%d}: index" in text
    (told,) = track_record_json(record)["revised"]
    assert told["line"] == 2
    assert told["index_now"] == pytest.approx(told["index"] / 2)
    assert "revised since" not in track_record_text(track_record(ledger, random_panel))
