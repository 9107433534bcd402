"""Skill tables of one long table of forecasts: by hand, against their parts, other layouts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from models.verification.contrasts import episode_contrasts, next_onset, window_contrasts
from models.verification.intervals import difference_interval, p_value, skill_interval
from models.verification.samples import (
    Layout,
    NotComparable,
    by_horizon,
    common_rows,
    over_horizons,
    with_episodes,
)
from models.verification.scores import brier_scores, corp, log_scores, skill
from models.verification.skill import (
    compare,
    integrated,
    integrated_differences,
    paired_scores,
    verify,
)

WEEKS = pd.date_range("2017-01-03", periods=400, freq="7D", unit="s")
ONSETS = WEEKS[25:400:25] + pd.Timedelta(days=3)
ENDS = ["", "_low", "_high"]


def rows_of(model, probability, outcome, *, as_of, horizon=30, kind="broad", climatology=0.5):
    return pd.DataFrame(
        {
            "as_of": as_of,
            "kind": kind,
            "horizon_days": horizon,
            "model": model,
            "probability": probability,
            "climatology": climatology,
            "outcome": outcome,
            "resolved_on": as_of + pd.Timedelta(days=horizon),
        }
    )


def waiting(table, onsets=ONSETS):
    """Return the table with the episodes of its rows, the same for every kind."""
    return with_episodes(table, dict.fromkeys(table["kind"].unique(), pd.DatetimeIndex(onsets)))


def synthetic(horizons=(30, 60), weeks=400, kinds=("broad",), onsets=ONSETS):
    """Return forecasts of outcomes drawn from a true chance: the truth, a shy one, and a coin."""
    random, tables, as_of = np.random.default_rng(0), [], WEEKS[:weeks]
    for kind in kinds:
        for horizon in horizons:
            chance = np.repeat(random.random(weeks // 5 + 1), 5)[:weeks]
            outcome = (random.random(weeks) < chance).astype(float)
            forecasts = {
                "climatology": np.full(weeks, 0.5),
                "persistence": 0.25 + 0.5 * chance,
                "truth": np.clip(chance, 0.02, 0.98),
                "coin": random.uniform(0.3, 0.7, weeks),
            }
            tables += [
                rows_of(model, probability, outcome, as_of=as_of, horizon=horizon, kind=kind)
                for model, probability in forecasts.items()
            ]
    return waiting(pd.concat(tables), onsets)


def verified(table):
    return verify(table, step_days=7)


def whole(table):
    return integrated(table, step_days=7)


def paired(table, first="truth", second="coin"):
    return compare(table, first, [second], step_days=7)


def day_scores(table, model, score):
    chosen = table[table["model"] == model]
    return score(chosen["outcome"].to_numpy(), chosen["probability"].to_numpy())


# One horizon by hand

TINY_OUTCOME = [0.0, 1.0, 1.0, 0.0, np.nan]
TINY_MODEL = [0.2, 0.6, 0.8, 0.4, 0.9]
TINY_CLIMATOLOGY = [0.5, 0.5, 0.5, 0.25, 0.25]


def tiny(outcome=TINY_OUTCOME, onsets=(), **columns):
    table = pd.concat(
        [
            rows_of(
                name, forecasts, outcome, as_of=WEEKS[:5], climatology=TINY_CLIMATOLOGY, **columns
            )
            for name, forecasts in (("climatology", TINY_CLIMATOLOGY), ("m", TINY_MODEL))
        ]
    )
    return waiting(table, pd.DatetimeIndex(list(onsets)).as_unit("s"))


def test_scores_worked_by_hand():
    table = verified(tiny(onsets=[WEEKS[1] + pd.Timedelta(days=3)]))
    assert table["model"].tolist() == ["climatology", "m"]
    climatology, row = table.iloc[0], table.iloc[1]
    assert (row["days"], row["episodes"], row["base_rate"]) == (4, 1, 0.5)
    assert row["brier"] == pytest.approx((0.04 + 0.16 + 0.04 + 0.16) / 4)
    assert climatology["brier"] == pytest.approx((0.25 * 3 + 0.0625) / 4)
    assert row["brier_skill"] == pytest.approx(1 - 0.4 / 0.8125)
    log_score = -np.log([0.8, 0.6, 0.8, 0.6]).mean()
    reference = -np.log([0.5, 0.5, 0.5, 0.75]).mean()
    assert row["log_score"] == pytest.approx(log_score)
    assert row["log_skill"] == pytest.approx(1 - log_score / reference)
    assert row["auc"] == row["average_precision"] == 1
    assert row["sharpness"] == pytest.approx((0.16 + 0.24 + 0.16 + 0.24) / 4)
    assert row["miscalibration"] == pytest.approx(0.1)
    assert row["discrimination"] == row["uncertainty"] == pytest.approx(0.25)


def test_episodes_are_the_different_onsets_inside_the_windows():
    days = [
        WEEKS[0],  # on the first row's own day: not ahead of it
        WEEKS[0] + pd.Timedelta(days=10),  # ahead of rows 0 and 1: one episode
        WEEKS[3] + pd.Timedelta(days=30),  # on the last day of the last resolved window
        WEEKS[4] + pd.Timedelta(days=30),  # ahead of an unresolved row only
    ]
    assert verified(tiny(onsets=days))["episodes"].tolist() == [2, 2]
    assert verified(tiny(onsets=days[:1]))["episodes"].tolist() == [0, 0]
    assert verified(tiny(onsets=days, horizon=29))["episodes"].tolist() == [1, 1]


@pytest.mark.parametrize("same", [0.0, 1.0])
def test_equal_outcomes_allow_no_skill_and_no_difference(same):
    row = verified(tiny([same] * 4 + [np.nan])).iloc[1]
    assert row.filter(regex="skill|auc").isna().all()
    expected = np.mean((np.array(TINY_MODEL[:4]) - same) ** 2)
    assert row["brier"] == row["miscalibration"] == pytest.approx(expected)
    assert (row["base_rate"], row["discrimination"], row["uncertainty"]) == (same, 0, 0)
    assert np.isnan(row["average_precision"]) == (same == 0)
    row = paired(synthetic(horizons=(30,)).assign(outcome=same)).iloc[0]
    assert row.filter(regex="difference|p_value").isna().all()
    assert row["brier_verdict"] == row["log_verdict"] == "cannot tell"


def test_kinds_and_horizons_are_scored_apart():
    flipped = [1.0, 0.0, 0.0, 1.0, 1.0]
    table = verified(pd.concat([tiny(), tiny(horizon=60), tiny(flipped, kind="partial")]))
    keys = table[["kind", "horizon_days"]].drop_duplicates().apply(tuple, axis=1).tolist()
    assert keys == [("broad", 30), ("broad", 60), ("partial", 30)]
    by_key = table[table["model"] == "m"].set_index(["kind", "horizon_days"])
    assert by_key.loc[("broad", 30), "brier"] == by_key.loc[("broad", 60), "brier"]
    assert by_key.loc[("partial", 30), "days"] == 5
    row = by_key.loc[("partial", 30)]
    assert row["auc"] == pytest.approx(roc_auc_score(flipped, TINY_MODEL))
    expected = average_precision_score(flipped, TINY_MODEL)
    assert row["average_precision"] == pytest.approx(expected)
    parts = row[["miscalibration", "discrimination", "uncertainty"]].tolist()
    assert parts == pytest.approx(list(corp(np.array(flipped), np.array(TINY_MODEL))))


def test_nothing_resolved_gives_empty_tables():
    table = synthetic()
    table.loc[table["horizon_days"] == 60, "outcome"] = np.nan
    assert set(verified(table)["horizon_days"]) == {30}
    assert whole(table).empty
    assert "brier_skill" in whole(table)
    assert integrated_differences(table, step_days=7) == {}
    assert set(paired(table)["horizon_days"]) == {30}


# What stands on the intervals


@pytest.mark.parametrize(("name", "score"), [("brier", brier_scores), ("log", log_scores)])
@pytest.mark.parametrize("horizon", [30, 180])
def test_intervals_are_those_of_each_days_scores(name, score, horizon):
    table = synthetic(horizons=(horizon,))
    windows = window_contrasts(WEEKS, horizon_days=horizon, step_days=7)
    episodes = episode_contrasts(next_onset(WEEKS, ONSETS)[1])
    truth, other, reference = (
        day_scores(table, model, score) for model in ("truth", "persistence", "climatology")
    )
    shown = verified(table).set_index("model").loc["truth"]
    compared = paired(table, "truth", "persistence").iloc[0]
    for row, column, ends, interval in (
        (shown, "skill", ENDS, skill_interval(truth, reference, windows)),
        (shown, "skill_episode", ENDS[1:], skill_interval(truth, reference, episodes)[1:]),
        (shown, "skill_vs_persistence", ENDS, skill_interval(truth, other, windows)),
        (compared, "difference", ENDS, difference_interval(truth, other, windows)),
        (compared, "difference_episode", ENDS[1:], difference_interval(truth, other, episodes)[1:]),
    ):
        columns = [f"{name}_{column}{end}" for end in ends]
        assert row[columns].tolist() == pytest.approx(list(interval))
    assert compared[f"{name}_p_value"] == pytest.approx(p_value(truth, other, windows))


def test_truth_is_better_than_a_coin():
    table = verified(synthetic()).set_index(["horizon_days", "model"])
    assert (table.xs("truth", level="model")["verdict"] == "better").all()
    assert (table.xs("climatology", level="model")["verdict"] == "cannot tell").all()
    assert not (table.xs("coin", level="model")["verdict"] == "better").any()
    skills = [f"{score}_skill{end}" for score in ("brier", "log") for end in ENDS]
    assert (table.xs("climatology", level="model")[skills] == 0).all(axis=None)
    row = whole(synthetic()).set_index("model").loc["truth"]
    assert row["verdict"] == "better"
    assert row["log_skill_low"] > 0


def test_the_verdict_is_on_the_brier_skill():
    # One forecast ruled out what happened: its log score is infinite.
    table = synthetic(horizons=(30,)).reset_index(drop=True)
    row = table.index[table["model"] == "truth"][0]
    table.loc[row, "probability"] = 1 - table.loc[row, "outcome"]
    truth = verified(table).set_index("model").loc["truth"]
    assert (truth["verdict"], truth["log_skill"]) == ("better", -np.inf)
    assert np.isnan(truth["log_skill_low"])
    assert paired(table)["brier_verdict"].tolist() == ["better", "better"]
    assert paired(table)["log_verdict"].tolist() == ["cannot tell"] * 2


def test_skill_against_persistence_needs_persistence():
    table = synthetic()
    columns = [f"{name}_skill_vs_persistence" for name in ("brier", "log")]
    assert (verified(table).set_index("model").loc["persistence", columns] == 0).all(axis=None)
    without = verified(table[table["model"] != "persistence"])
    assert without[columns].isna().all(axis=None)
    assert without["brier_skill_low"].notna().all()


def test_less_than_five_windows_allow_no_verdict_less_than_five_episodes_do():
    few = verified(synthetic(onsets=ONSETS[:3])).set_index("model").loc["truth"].iloc[0]
    assert np.isnan(few["brier_skill_episode_low"])
    assert few["verdict"] == "better"
    # 65 weeks are 455 days, five windows of 91; the truth is clearly better in 64 weeks too.
    enough, short = (synthetic(horizons=(91,), weeks=weeks) for weeks in (65, 64))
    row = verified(enough).set_index("model").loc["truth"]
    assert row["verdict"] == "better"
    assert row["brier_skill_low"] > 0
    row = verified(short).set_index("model").loc["truth"]
    assert row["verdict"] == "cannot tell"
    assert row["brier_skill"] > 0.2
    assert np.isnan(row["brier_skill_low"])
    assert len(integrated_differences(enough, step_days=7)) == 12
    assert integrated_differences(short, step_days=7) == {}
    compared = paired(short)
    assert compared["log_difference_low"].isna().all()
    assert (compared["log_verdict"] == "cannot tell").all()


# Over all horizons


def test_integrated_scores_worked_by_hand():
    outcomes = {30: [0.0, 1.0, 0.0], 60: [1.0, 1.0, np.nan]}
    forecasts = {30: [0.2, 0.5, 0.9], 60: [0.6, 0.8, 0.9]}
    table = pd.concat(
        rows_of("m", forecasts[horizon], outcomes[horizon], as_of=WEEKS[:3], horizon=horizon)
        for horizon in (30, 60)
    )
    onsets = pd.DatetimeIndex([WEEKS[1] + pd.Timedelta(days=50), "2018-01-01"])
    row = whole(waiting(table, onsets)).iloc[0]
    # The third day is not resolved at 60 days and does not count at 30 either.
    assert (row["days"], row["episodes"]) == (2, 1)
    brier = ((0.04 + 0.16) / 2 + (0.25 + 0.04) / 2) / 2
    assert row["brier"] == pytest.approx(brier)
    assert row["brier_skill"] == pytest.approx(skill(brier, 0.25))
    log_score = -np.log([0.8, 0.6, 0.5, 0.8]).mean()
    assert row["log_score"] == pytest.approx(log_score)
    assert row["log_skill"] == pytest.approx(skill(log_score, np.log(2)))


def test_integrating_one_horizon_gives_its_scores():
    table = synthetic(horizons=(60,), kinds=("broad", "partial"))
    made = whole(table)
    pd.testing.assert_frame_equal(made, verified(table)[made.columns])


def test_integrated_windows_are_the_longest():
    # 260 weeks are 1,820 days, less than five windows of 365.
    table = synthetic(horizons=(30, 365), weeks=260)
    assert verified(table)["brier_skill_low"].notna().tolist() == [True] * 4 + [False] * 4
    assert whole(table)["brier_skill_low"].isna().all()
    assert whole(synthetic(horizons=(30, 365), weeks=261))["log_skill_low"].notna().all()


# Two models


def test_comparisons_are_by_kind_and_horizon():
    table = paired(synthetic(kinds=("broad", "partial")))
    keys = table[["kind", "horizon_days"]].fillna(0).apply(tuple, axis=1).tolist()
    expected = [(kind, days) for kind in ("broad", "partial") for days in (30, 60)]
    assert keys == [*expected, ("broad", 0), ("partial", 0)]
    assert (table[["brier_verdict", "log_verdict"]] == "better").all(axis=None)
    assert (table["log_p_value"] < 0.10).all()
    back = paired(synthetic(kinds=("broad", "partial")), "coin", "truth")
    assert (back["log_verdict"] == "worse").all()
    np.testing.assert_allclose(table["log_difference_low"], -back["log_difference_high"])


def test_differences_are_those_of_the_mean_scores():
    table = synthetic()
    made = compare(table, "persistence", ["coin", "truth"], step_days=7)
    scores = pd.concat([verified(table), whole(table)]).set_index("model")
    for second in ("coin", "truth"):
        rows = made[made["second"] == second].reset_index(drop=True)
        pd.testing.assert_frame_equal(rows, paired(table, "persistence", second))
        for column, score in (("brier_difference", "brier"), ("log_difference", "log_score")):
            expected = scores.loc["persistence", score] - scores.loc[second, score].to_numpy()
            assert rows[column].tolist() == pytest.approx(expected.tolist())


def test_the_gate_sees_the_shown_interval():
    table = synthetic()
    differences = integrated_differences(table, step_days=7)
    assert len(differences) == 12
    assert ("truth", "truth") not in differences
    row = paired(table, "truth", "persistence").iloc[-1]
    assert pd.isna(row["horizon_days"])
    columns = ["log_difference", "log_difference_low", "log_difference_high"]
    assert tuple(row[columns]) == pytest.approx(differences["truth", "persistence"])


# Two hindcasts


def separate_hindcasts(seed=0, since=0):
    random = np.random.default_rng(seed)
    for name, days in (("a", WEEKS[:120]), ("b", WEEKS[since:120])):
        outcome = (next_onset(days, ONSETS)[1] - days).days <= 30
        forecasts = random.uniform(0.05, 0.6, len(days))
        yield rows_of(name, forecasts, outcome.astype(float), as_of=days, climatology=0.1)


def test_two_hindcasts_are_compared_on_their_common_days():
    first, second = separate_hindcasts(since=40)
    table = paired_scores(waiting(common_rows(first, second)), step_days=7)
    near, over_all = table.iloc[0], table.iloc[1]
    y, p, q = (
        column.to_numpy()
        for column in (first["outcome"][40:], first["probability"][40:], second["probability"])
    )
    assert (near["horizon_days"], near["days"]) == (30, 80)
    brier = [np.mean((forecasts - y) ** 2) for forecasts in (p, q, 0.1)]
    assert near["first_skill"] == pytest.approx(1 - brier[0] / brier[2])
    assert near["second_skill"] == pytest.approx(1 - brier[1] / brier[2])
    assert pd.isna(over_all["horizon_days"])
    assert over_all["second_skill"] == near["second_skill"]
    one_table = waiting(pd.concat([first[first["as_of"] >= WEEKS[40]], second]))
    expected = compare(one_table, "a", ["b"], step_days=7).iloc[0]
    for name in ("difference", "difference_low", "difference_high", "verdict"):
        assert near[name] == expected[f"brier_{name}"]


def test_an_outcome_that_is_open_in_one_is_the_others():
    first, second = separate_hindcasts()
    first.loc[first.index[-10:], "outcome"] = np.nan
    assert common_rows(first, second)["outcome"].notna().all()
    assert common_rows(second, first)["outcome"].notna().all()


def test_other_events_and_other_days_are_refused():
    first, second = separate_hindcasts()
    second.loc[5, "outcome"] = 1 - second.loc[5, "outcome"]
    with pytest.raises(NotComparable, match=r"of 1 of 120 windows, first of the 30 days after"):
        common_rows(first, second)
    with pytest.raises(NotComparable, match="no day, kind and horizon in common"):
        common_rows(first, second.assign(as_of=second["as_of"] + pd.Timedelta(days=1)))


# The long table


def test_the_calendar_year_is_a_horizon_with_days_of_its_own():
    table = synthetic(horizons=(30, 60))
    days = WEEKS[WEEKS.month > 6]
    year = waiting(
        pd.concat(
            rows_of(model, forecasts, np.arange(len(days)) % 2.0, as_of=days).assign(
                horizon_days="year",
                resolved_on=pd.to_datetime({"year": days.year, "month": 12, "day": 31}).to_numpy(),
            )
            for model, forecasts in (("truth", 0.6), ("coin", 0.5))
        )
    )
    table = pd.concat([table[table["model"].isin(["truth", "coin"])], year])
    made = verified(table).set_index(["horizon_days", "model"])
    assert made.loc["year"]["days"].tolist() == [len(days)] * 2
    (sample,) = (s for s in by_horizon(table) if s.key["horizon_days"] == "year")
    # 2 July to 31 December: the longest window is the last of these days' years.
    longest = (pd.to_datetime({"year": days.year, "month": 12, "day": 31}) - days).dt.days.max()
    expected = window_contrasts(days, horizon_days=longest, step_days=7)
    np.testing.assert_array_equal(sample.windows(7).weights, expected.weights)
    assert made.loc[("year", "truth"), "episodes"] == sum(onset.month > 6 for onset in ONSETS)
    (together,) = over_horizons(table)
    assert together.as_of.equals(days)
    assert paired(table)["horizon_days"].tolist()[:3] == [30, 60, "year"]
    # The days of the other horizons are as they were without it.
    alone = verified(table[table["horizon_days"] != "year"]).set_index(["horizon_days", "model"])
    assert made.loc[30, "brier_skill_low"].equals(alone.loc[30, "brier_skill_low"])


def test_a_table_may_have_other_groups_and_its_reference_be_a_model():
    table = synthetic(kinds=("broad", "partial"))
    renamed = table.rename(columns={"horizon_days": "horizon", "kind": "season"}).assign(
        question="begins", climatology=np.nan
    )
    layout = Layout(("season", "question"), "horizon", "base_rate")
    column = verify(renamed.assign(base_rate=0.5), step_days=7, layout=layout)
    assert column.columns[:3].tolist() == ["season", "question", "horizon"]
    expected = verified(table)
    pd.testing.assert_frame_equal(column[expected.columns[5:]], expected[expected.columns[5:]])
    layout = Layout(("season", "question"), "horizon", "climatology")
    model = verify(renamed.drop(columns="climatology"), step_days=7, layout=layout)
    pd.testing.assert_frame_equal(model, column)


def test_a_model_lacking_a_day_fails():
    table = synthetic().reset_index(drop=True)
    chosen = (table["model"] == "coin") & (table["horizon_days"] == 60)
    with pytest.raises(ValueError, match="coin lacks one on 2 of 400 broad days"):
        verified(table.drop(table.index[chosen][:2]))
    # Days that no model has at a horizon are left out there, and over all.
    fewer = table[(table["horizon_days"] == 30) | (table["as_of"] >= WEEKS[2])]
    assert verified(fewer)["days"].tolist() == [400] * 4 + [398] * 4
    assert (whole(fewer)["days"] == 398).all()


def test_a_forecast_made_twice_is_an_error():
    table = synthetic()
    with pytest.raises(ValueError, match="truth has two forecasts of 2017-01-03 at horizon 30"):
        verified(pd.concat([table, table[table["model"] == "truth"].iloc[[0]]]))
