"""The hindcast of the whole forecaster: every state, every horizon, nothing from the future."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from features.market.season import season_index
from models.answers import Event, Question, State
from models.forecasting.base_rates import BaseRates
from models.hazard.leads import lead_probabilities
from models.season.definition import OnsetDefinition
from models.training.evidence import alarm_record, event_forecasts, fifths
from models.training.rows import COLUMNS, LEAD_ENDS, PROCESS, YEAR, hazards_of, hindcast_rows
from models.training.run import SCHEDULE, at_risk_rows
from models.vocabulary import Kind

DEFINITIONS = OnsetDefinition().by_kind()
DAY = pd.Timedelta(days=1)
# A week each at risk, in season and quiet for too short a time.
WEEKS = pd.DatetimeIndex(["2018-09-25", "2018-01-09", "2018-03-20"]).as_unit("s")


@pytest.fixture(scope="module")
def index(reference):
    return season_index(reference)


def near(index: pd.Series, hazard: float) -> pd.DataFrame:
    """Two candidates of constant hazards on the days at risk, climatology beside them."""
    rows = []
    for day in WEEKS:
        base = BaseRates(index, day, DEFINITIONS)
        for kind, factor in ((Kind.BROAD, 1), (Kind.PARTIAL, 2)):
            if base.state(kind) is not State.AT_RISK:
                continue
            for model, size in (("climatology", 0.1), ("low", hazard), ("high", 3 * hazard)):
                chances = np.cumsum(lead_probabilities(np.full(13, factor * size))[:-1])
                rows += [
                    {"as_of": day, "kind": kind, "model": model, "horizon_days": end,
                     "probability": chance}
                    for end, chance in zip(LEAD_ENDS, chances, strict=True)
                ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def rows(index):
    table = near(index, 0.05)
    return hindcast_rows(table, index, DEFINITIONS, SCHEDULE, WEEKS, (30, 60, 90, 180), n_paths=800)


def test_every_week_kind_and_horizon_has_its_rows_once(rows):
    assert list(rows.columns) == list(COLUMNS)
    assert not rows.duplicated(["as_of", "kind", "horizon", "model"]).any()
    assert set(rows["horizon"]) == {"30", "60", "90", "180", YEAR}
    broad = rows[rows["kind"] == Kind.BROAD].drop_duplicates("as_of").set_index("as_of")["state"]
    assert broad.tolist() == [State.AT_RISK, State.IN_SEASON, State.QUIET]
    elsewhere = rows[(rows["kind"] == Kind.BROAD) & (rows["state"] != State.AT_RISK)]
    assert set(elsewhere["model"]) == {PROCESS}
    assert rows["probability"].between(0, 1).all()
    # Thirty quiet days come first: in season nothing can begin within 30 days.
    inside = elsewhere[elsewhere["state"] == State.IN_SEASON]
    assert "30" not in set(inside["horizon"])


def test_near_the_day_a_candidate_is_what_it_was_and_climatology_the_base_rate(rows, index):
    at_risk = at_risk_rows(rows[rows["kind"] == Kind.BROAD])
    low = at_risk[at_risk["model"] == "low"].set_index("horizon")["probability"]
    np.testing.assert_allclose(low[["30", "60", "90"]], 1 - 0.95 ** np.arange(1, 4))
    base = at_risk[at_risk["model"] == "climatology"]
    assert (base["probability"] == base["base_rate"]).all()
    assert base.set_index("horizon")["base_rate"]["180"] == pytest.approx(1 - 0.9**6)
    assert (at_risk["base_state"] == State.AT_RISK).all()


def test_a_stronger_season_a_shorter_window_and_a_lower_hazard_are_less_likely(rows):
    at_risk = rows[(rows["as_of"] == WEEKS[0]) & rows["model"].isin(["low", "high"])]
    wide = at_risk.pivot_table("probability", ["kind", "model"], "horizon")[
        ["30", "60", "90", "180"]
    ]
    assert (np.diff(wide.to_numpy(), axis=1) > 0).all()
    for model in ("low", "high"):
        sustained, broad = wide.loc[(Kind.SUSTAINED, model)], wide.loc[(Kind.BROAD, model)]
        assert (sustained < broad).all()
    assert (wide.xs("low", level="model") < wide.xs("high", level="model")).all(axis=None)


def test_reweighted_paths_agree_with_paths_of_their_own(rows):
    """Sustained seasons after three times the hazard come about in the proportion of onsets."""
    week = rows[(rows["as_of"] == WEEKS[0]) & (rows["horizon"] == "90")]
    share = week.pivot_table("probability", "kind", "model")
    ratio = share.loc[Kind.SUSTAINED] / share.loc[Kind.BROAD]
    # Given an onset in time, whether it is sustained depends on its day alone, and hardly on that.
    assert ratio["low"] == pytest.approx(ratio["high"], abs=0.15)


def test_nothing_of_the_future_reaches_a_row(index):
    """Scrambled after the last week, the forecasts and base rates of all weeks are the same."""
    scrambled = index.copy()
    after = scrambled.index > WEEKS.max()
    scrambled[after] = np.random.default_rng(1).uniform(0, 100, after.sum())
    table = near(index, 0.05)
    kept = ["as_of", "kind", "horizon", "model", "state", "probability", "base_rate", "base_state"]
    before, now = (
        hindcast_rows(table, each, DEFINITIONS, SCHEDULE, WEEKS, (90, 180), n_paths=400)[kept]
        for each in (index, scrambled)
    )
    pd.testing.assert_frame_equal(before, now)
    # The control: another past gives another base rate.
    earlier = index.copy()
    before_first = earlier.index < WEEKS.min() - pd.Timedelta(days=40)
    earlier[before_first] = np.clip(earlier[before_first] + 15, 0, 100)
    other = hindcast_rows(table, earlier, DEFINITIONS, SCHEDULE, WEEKS, (90, 180), n_paths=400)
    assert not other["base_rate"].equals(before["base_rate"])


def test_outcomes_are_those_of_the_labels(rows, index):
    for row in rows[rows["kind"] == Kind.BROAD].drop_duplicates(["as_of", "end"]).itertuples():
        began = BaseRates(index, row.end, DEFINITIONS)
        share, _ = began.share(Question(Kind.BROAD, Event.BEGINS, row.end + DAY, row.end + DAY))
        assert share is not None
        at_risk = row.state == State.AT_RISK
        window = index.loc[row.as_of + DAY : row.end]
        if at_risk:
            assert row.outcome == float((window >= 75).any())
        assert row.resolved_on == row.end


def test_hazards_of_chances_by_hand():
    assert hazards_of(np.array([0.2, 0.36, 0.488])).tolist() == pytest.approx([0.2, 0.2, 0.2])
    assert hazards_of(np.array([1.0, 1.0, 1.0])).tolist() == [1.0, 1.0, 1.0]


def scored(probabilities, outcomes, episodes):
    days = pd.date_range("2018-01-02", periods=len(outcomes), freq="7D", unit="s")
    return pd.DataFrame(
        {"as_of": days, "kind": Kind.BROAD, "horizon": "90", "model": "m",
         "probability": probabilities, "base_rate": 0.4, "outcome": outcomes,
         "episode": pd.to_datetime(episodes)}
    )  # fmt: skip


def test_fifths_hold_every_resolved_forecast_once_in_order():
    random = np.random.default_rng(0)
    chances = random.uniform(0, 1, 23)
    came = (random.random(23) < chances).astype(float)
    came[-1] = np.nan
    table = scored(chances, came, ["2019-01-01"] * 23)
    found = fifths(table, "m")
    assert [each.forecasts for each in found] == [5, 5, 4, 4, 4]
    assert sum(each.observed * each.forecasts for each in found) == pytest.approx(np.nansum(came))
    assert all(a.high <= b.low for a, b in itertools.pairwise(found))
    assert {each.episodes for each in found} <= {0, 1}


def test_alarms_are_counted_not_weeks():
    """Two runs of weeks at 60 % or more: one before the onset of 1 March, one in vain."""
    chances = [0.2, 0.7, 0.8, 0.2, 0.2] + [0.2] * 20 + [0.9, 0.2]
    came = [1.0] * 5 + [0.0] * 22
    onset = ["2018-03-01"] * 9 + ["2020-01-01"] * 18
    record = alarm_record(scored(chances, came, onset), "m")
    assert (record.alarms, record.false_alarms) == (2, 1)
    assert (record.seasons, record.announced) == (1, 1)
    assert record.median_days == 51
    assert event_forecasts(scored(chances, came, onset), "m")["horizon_days"].unique() == [90]


def test_the_evidence_of_a_training_is_that_of_its_table(small_training):
    evidence = small_training.forecasters["logistic"].evidence
    horizons = {each.horizon for each in evidence.skill}
    assert horizons == {"30", "60", "90", YEAR}
    assert {each.kind for each in evidence.skill} == set(Kind)
    rows = at_risk_rows(small_training.hindcast)
    for each in evidence.skill:
        group = rows[
            (rows["model"] == "logistic")
            & (rows["kind"] == each.kind)
            & (rows["horizon"] == each.horizon)
        ].dropna(subset="outcome")
        assert each.days == len(group)
        assert each.observed == pytest.approx(group["outcome"].mean())
        assert each.expected == pytest.approx(group["probability"].mean())
    assert all(state.state is not State.AT_RISK for state in evidence.states)
    assert len(evidence.claims) > 4
