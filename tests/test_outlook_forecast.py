"""The outlook of a forecast: coherent on every day, one number for a question, blind ahead."""

from __future__ import annotations

import functools
import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from features.catalogue.frame import build_features
from features.panel import MarketPanel, end_of_day
from models.forecasting.forecast import WindowError, forecast, outlook_window
from models.forecasting.intervals import by_lead
from models.forecasting.near_term import recentred
from models.forecasting.parts import ModelId
from models.forecasting.reforecast import reforecast
from models.forecasting.schema import forecast_json
from models.forecasting.season_status import season_status
from models.forecasting.seasons_ahead import fitted_renewals, seasons_ahead
from models.formatting import WIDTH, long_day
from models.outlook.outlook import answer
from models.outlook.window import year_window
from models.report.forecast_text import forecast_text
from models.season.definition import OnsetDefinition
from models.season.spells import observe
from models.vocabulary import Kind
from tests.embedded import END
from tests.forecast_schema import validate

AT_RISK, IN_SEASON, AFTER, BEGUN = "2025-12-10", "2021-04-01", "2025-10-15", "2026-06-06"
STATES = (AT_RISK, IN_SEASON, AFTER, BEGUN)
KINDS = ("partial", "broad", "sustained")


@pytest.fixture(scope="module")
def forecaster(quick):
    return quick.forecasters["logistic"]


@pytest.fixture(scope="module")
def say(reference, forecaster):
    """Forecast a day with the small model."""

    @functools.cache
    def on(day: str, today: str | None = None, horizons=(30, 60, 90, 180, 365), **window):
        as_of = pd.Timestamp(day)
        asked = {k: v if k == "year" else pd.Timestamp(v) for k, v in window.items()}
        return forecast(
            season_status(reference, forecaster, as_of), forecaster, ModelId("3", "abc"),
            today=pd.Timestamp(today or day), horizons=horizons,
            window=outlook_window(as_of, **asked),
        )  # fmt: skip

    return on


@pytest.fixture(scope="module")
def every_day(reference, forecaster):
    """Each seventh day since 2016: the index, and what is said of all days' leads."""
    index = season_status(reference, forecaster, END).index
    days = pd.date_range("2016-01-01", END, freq="7D", unit="s")
    said = by_lead(forecaster, build_features(reference, days), list(forecaster.thresholds))
    return index, days, said


# --- coherence -----------------------------------------------------------------------------------


def ahead_on(every_day, forecaster, at):
    index, days, said = every_day
    renewals = fitted_renewals(index, forecaster, days[at])
    return seasons_ahead(index, renewals, {k: v.row(at) for k, v in said.items()}, days[at])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, (END - pd.Timestamp("2016-01-01")).days // 7))
@example(468)  # an open season whose chance the parameters do not explain: an interval of no width
def test_every_day_has_one_coherent_outlook(every_day, forecaster, at):
    index, days, _ = every_day
    ahead = ahead_on(every_day, forecaster, at)
    window = year_window(days[at])
    found = answer(ahead.paths((window.end - days[at]).days, n_paths=1_000), window)
    chances = {chance.kind: chance for chance in found.chances}
    assert tuple(chances) == KINDS
    for weaker, stronger in pairwise(found.chances):
        assert weaker.probability >= stronger.probability
    for chance in found.chances:
        assert 0 <= chance.low <= chance.probability <= chance.high <= 1
    for first in found.first_onset:
        months, quarters = dict(first.months), dict(first.quarters)
        assert sum(months.values()) + first.none == pytest.approx(1)
        for quarter, share in quarters.items():
            own = [m for m in months if str(pd.Period(m, freq="M").asfreq("Q")) ==
                   quarter.replace("-", "")]  # fmt: skip
            assert share == pytest.approx(sum(months[m] for m in own))
        if chances[first.kind].begun_on is None and first.kind != "sustained":
            assert chances[first.kind].probability == pytest.approx(1 - first.none)
    for kind, threshold in forecaster.thresholds.items():
        seen = observe(index, until=days[at], definition=OnsetDefinition(threshold))
        begun = [day for day in seen.onsets if day >= window.counts_from]
        if begun:
            assert chances[kind].begun_on == begun[0] or kind == "partial"
            assert chances[kind].probability == 1


@settings(max_examples=60, deadline=None)
@given(st.integers(0, (END - pd.Timestamp("2016-01-01")).days // 7))
def test_chance_never_falls_and_joins_the_model(every_day, forecaster, at):
    _, _, said = every_day
    ahead = ahead_on(every_day, forecaster, at)
    lengths = range(1, 1097)
    free = [kind for kind, state in ahead.now.items() if state.at_risk]
    curves = {kind: ahead.chances(kind, lengths) for kind in free}
    for kind, (chance, low, high) in curves.items():
        assert (np.diff(chance) >= 0).all()
        assert ((low <= chance) & (chance <= high)).all()
        own = said[Kind(kind)].row(at).probabilities((30, 60, 90), at_risk=np.array([True]))
        # 200 draws fall on 8 replicates evenly; where kinds swap in a replicate it moves a little.
        np.testing.assert_allclose(chance[[29, 59, 89]], own.probability[0], atol=2e-3)
    if len(free) == 2:
        assert (curves["partial"][0] >= curves["broad"][0]).all()


@given(
    st.lists(st.tuples(*[st.floats(0.001, 0.999)] * 3), min_size=2, max_size=9),
    st.tuples(*[st.floats(0.001, 0.999)] * 3),
)
def test_replicates_are_moved_to_the_models_survival(spread, target):
    hazards, wanted = np.array(spread), np.array(target)
    moved = recentred(hazards, wanted)
    np.testing.assert_allclose(
        np.cumprod(1 - moved, axis=1).mean(axis=0), np.cumprod(1 - wanted), atol=1e-9
    )
    # One factor for all: who was above another stays above.
    assert (
        (np.argsort(hazards, axis=0) == np.argsort(moved, axis=0)).all()
        or len({tuple(row) for row in hazards}) < len(hazards)
        or np.ptp(hazards, axis=0).min() < 1e-6
    )


@pytest.mark.parametrize("hazard", [0.0, 1.0])
def test_certain_replicates_do_not_move(hazard):
    moved = recentred(np.full((3, 3), hazard), np.array([0.2, 0.1, 0.3]))
    assert ((moved >= 0) & (moved <= 1)).all()


# --- one question, one number --------------------------------------------------------------------


def test_year_window_and_horizon_agree(say):
    days = (pd.Timestamp("2026-12-31") - pd.Timestamp(BEGUN)).days
    result = say(BEGUN, horizons=(days,))
    (broad,) = [c for c in result.outlook.chances if c.kind == "broad"]
    by_date, horizon = (
        next(w for w in windows if w.kind == Kind.BROAD)
        for windows in (result.by_date, result.windows)
    )
    for window in (by_date, horizon):
        assert (window.probability, window.low, window.high, window.climatology) == (
            broad.probability, broad.low, broad.high, broad.climatology
        )  # fmt: skip
    # The partial season of the year has begun; a window from now on asks for the next.
    assert result.outlook.chances[0].probability == 1 > result.by_date[1].probability


def test_the_history_has_the_numbers_of_each_day(say, reference, forecaster):
    day = pd.Timestamp(AT_RISK)
    table = reforecast(reference, forecaster, first=day, last=day)
    result = say(AT_RISK)
    assert table["probability"].tolist() == [w.probability for w in result.windows]
    assert table["climatology"].tolist() == [w.climatology for w in result.windows]
    assert table["year"].unique().tolist() == [2025]
    told = {chance.kind: chance.probability for chance in result.outlook.chances}
    assert {kind: table[f"chance_year_{kind}"].iloc[0] for kind in KINDS} == pytest.approx(
        told, abs=0.02
    )


# --- windows -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "start", "end", "year"),
    [
        ({}, "2025-12-11", "2025-12-31", 2025),
        ({"year": 2026}, "2026-01-01", "2026-12-31", 2026),
        ({"by": "2026-06-30"}, "2025-12-11", "2026-06-30", None),
        ({"start": "2026-03-01", "by": "2028-12-01"}, "2026-03-01", "2028-12-01", None),
    ],
)
def test_a_window_is_a_year_or_any_days(say, asked, start, end, year):
    window = say(AT_RISK, **asked).outlook.window
    assert (window.start, window.end, window.year) == (*map(pd.Timestamp, (start, end)), year)


@pytest.mark.parametrize(
    "asked",
    [
        {"by": "2025-12-10"}, {"by": "2028-12-11"}, {"year": 2024}, {"year": 2029},
        {"by": "2026-12-31", "start": "2025-12-10"}, {"by": "2026-01-01", "start": "2026-01-02"},
    ],
)  # fmt: skip
def test_a_window_out_of_reach_is_refused(asked):
    days = {k: v if k == "year" else pd.Timestamp(v) for k, v in asked.items()}
    with pytest.raises(WindowError, match="window"):
        outlook_window(pd.Timestamp(AT_RISK), **days)


def test_ended_windows_are_marked(say):
    today = pd.Timestamp(AT_RISK) + pd.Timedelta(days=60)
    result = say(AT_RISK, today=f"{today:%Y-%m-%d}", year=2026)
    assert [w.ended for w in result.windows] == [True, False, False, False, False] * 2
    rows = [row for row in forecast_text(result).splitlines() if row.startswith("by ")]
    assert [" ended " in row for row in rows] == [True, *[False] * 5] * 2
    answer = forecast_json(result)
    assert [row["ended"] for row in answer["forecasts"]] == [w.ended for w in result.windows]


# --- the answer ----------------------------------------------------------------------------------


@pytest.mark.parametrize("day", [*STATES, "2014-02-01", "2017-05-01"])
def test_every_answer_is_as_published(say, day):
    validate(json.loads(json.dumps(forecast_json(say(day)), allow_nan=False)))


@pytest.mark.parametrize("day", [IN_SEASON, AFTER, AT_RISK])
def test_nothing_after_the_day_bears_on_the_answer(say, reference, forecaster, day):
    as_of = pd.Timestamp(day)
    rows = reference.observations()
    later = rows["available_at"] > end_of_day(pd.DatetimeIndex([as_of]))[0]
    noise = np.random.default_rng(0).uniform(1.0, 99.0, size=len(rows))
    rows["value"] = rows["value"].mask(later, noise)
    assert later.any()
    other = MarketPanel.from_observations(rows, reference.source)
    made = forecast(
        season_status(other, forecaster, as_of), forecaster, ModelId("3", "abc"), today=as_of
    )
    # What is told of the source itself is the panel's, not the day's.
    mine, own = (
        {k: v for k, v in forecast_json(each).items() if k not in ("data", "warnings", "notes")}
        for each in (made, say(day))
    )
    assert json.dumps(mine) == json.dumps(own)


@pytest.mark.parametrize("day", STATES)
def test_the_opening_tells_the_year_in_one_screen(say, day):
    today = f"{pd.Timestamp(day) + pd.Timedelta(days=8):%Y-%m-%d}"
    result = say(day, today=today)
    text = forecast_text(result)
    opening = text.partition("Chance that a broad")[0]
    assert text.startswith(f"Altcoin season forecast as of {long_day(day)}, data 8 days old")
    flat = " ".join(opening.split())
    assert "--source yahoo for today's" in flat
    assert len(opening.splitlines()) <= 40
    assert max(map(len, text.splitlines())) <= WIDTH
    for chance in result.outlook.chances:
        (row, *_) = [r for r in opening.splitlines() if r.startswith(f"  {chance.kind} ")]
        assert (chance.begun_on is None) or f"has begun on {long_day(chance.begun_on)}" in row
    assert ("Chance that the current" in opening or "season returns to it" in flat) == bool(
        result.outlook.season_lasts
    )
    assert ("at the earliest" in opening) == (day in (IN_SEASON, AFTER))


def test_current_data_need_no_hint(say):
    assert "--source yahoo" not in forecast_text(say(AT_RISK))


def test_in_season_the_base_rate_is_told_and_no_probability(say, reference):
    answer = forecast_json(say(IN_SEASON))
    validate(answer)
    rows = [row for row in answer["forecasts"] if row["kind"] == "broad"]
    assert all(row["probability"] is None and row["reason"] for row in rows)
    base = [row["climatology"] for row in rows]
    assert base == sorted(base)
    assert 0 < base[0] < base[-1] <= 1
    assert answer["data"]["dataset_digest"] == reference.digest != answer["data"]["digest"]
