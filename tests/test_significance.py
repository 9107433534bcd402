from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import average_precision_score

from models.verification.skill import COLUMNS as COMPARE_COLUMNS
from models.verification.skill import compare, integrated_differences
from models.verification.contrasts import MIN_UNITS, episode_contrasts, window_contrasts
from models.verification.scores import brier_scores, log_scores, skill
from models.verification.intervals import (
    Interval,
    diebold_mariano,
    difference_interval,
    skill_interval,
    verdict,
)
from models.verification.skill import INTEGRATED_COLUMNS, integrated, verify

fast = settings(derandomize=True, deadline=None, max_examples=50)

WEEKS = pd.date_range("2017-01-03", periods=400, freq="7D", unit="s")


def overlapping(n, seed, length=13):
    """Return a series of mean 0 whose neighbours share all but one of `length` terms."""
    terms = np.random.default_rng(seed).normal(size=n + length - 1)
    return np.convolve(terms, np.ones(length), "valid") / np.sqrt(length)


# Contrasts of windows


def t_interval(values, level=0.90):
    return stats.ttest_1samp(values, 0.0).confidence_interval(level)


@pytest.mark.parametrize("horizon", [7, 90, 180, 365])
def test_cosines_are_independent_contrasts(horizon):
    weights, degrees = window_contrasts(WEEKS, horizon_days=horizon, step_days=7)
    products = weights @ weights.T
    np.testing.assert_allclose(products, products[0, 0] * np.eye(len(weights)), atol=1e-12)
    np.testing.assert_allclose(weights.sum(axis=1), 0, atol=1e-12)
    # One for every two windows of at least 90 days among 2,800.
    assert len(weights) == degrees == {7: 15, 90: 15, 180: 7, 365: 3}[horizon]


def test_the_most_cosines_give_students_interval():
    # Four rows in 600 days hold three windows of 180 days, but none that overlap.
    days = pd.DatetimeIndex(["2017-01-01", "2017-05-31", "2017-10-28", "2018-03-27"])
    contrasts = window_contrasts(days, horizon_days=1, step_days=150)
    values = np.array([0.3, -0.1, 0.4, 0.2])
    found = difference_interval(values, np.zeros(4), contrasts)
    assert found[1:] == pytest.approx(tuple(t_interval(values)), rel=1e-4)


@pytest.mark.parametrize("horizon", [90, 180, 365])
@pytest.mark.parametrize("weeks", [400, 700])
def test_expected_variance_of_overlapping_windows(horizon, weeks):
    n = weeks
    days = pd.date_range("2017-01-03", periods=n, freq="7D")
    shared = 1 - np.abs(np.subtract.outer(np.arange(n), np.arange(n))) * 7 / horizon
    covariance = np.maximum(shared, 0)
    weights, _ = window_contrasts(days, horizon_days=horizon, step_days=7)
    expected = np.trace(weights @ covariance @ weights.T)
    assert expected == pytest.approx(covariance.mean(), rel=0.06)


def test_ignoring_overlap_understates_the_variance():
    n, horizon = 400, 180
    lag = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    covariance = np.maximum(1 - lag * 7 / horizon, 0)
    weights, _ = window_contrasts(WEEKS, horizon_days=7, step_days=7)
    assert np.trace(weights @ covariance @ weights.T) < 0.8 * covariance.mean()


def test_steps_without_a_row_leave_as_many_cosines():
    kept = np.r_[0:60, 75:200, 230:231, 260:400]
    weights, degrees = window_contrasts(WEEKS[kept], horizon_days=90, step_days=7)
    assert weights.shape == (degrees, len(kept)) == (15, 326)
    np.testing.assert_allclose(weights.sum(axis=1), 0, atol=1e-12)


@pytest.mark.parametrize(("horizon", "weeks"), [(30, 65), (90, 65), (91, 65), (365, 261)])
def test_less_than_five_windows_have_no_error(horizon, weeks):
    enough = window_contrasts(WEEKS[:weeks], horizon_days=horizon, step_days=7)
    short = window_contrasts(WEEKS[: weeks - 1], horizon_days=horizon, step_days=7)
    assert enough.degrees == 2
    assert np.isnan(short.degrees)
    assert short.weights.shape == (1, weeks - 1)
    assert np.isnan(difference_interval(np.arange(weeks - 1.0), np.zeros(weeks - 1), short).low)


def test_as_few_rows_as_cosines_have_no_error():
    few = WEEKS[[0, 100, 399]]
    assert np.isnan(window_contrasts(few, horizon_days=365, step_days=7).degrees)
    four = window_contrasts(WEEKS[[0, 100, 200, 399]], horizon_days=365, step_days=7)
    assert four.degrees == 3


# Episodes

ONSETS = WEEKS[[20, 70, 71, 120, 180, 250, 340]]


@pytest.mark.parametrize(
    "contrasts",
    [
        partial(window_contrasts, horizon_days=90, step_days=7),
        partial(episode_contrasts, onsets=ONSETS),
    ],
    ids=["windows", "stretches"],
)
def test_rows_need_no_order(contrasts):
    order = np.random.default_rng(0).permutation(400)
    every, shuffled = contrasts(WEEKS), contrasts(WEEKS[order])
    np.testing.assert_array_equal(shuffled.weights, every.weights[:, order])


def test_over_equal_stretches_the_interval_is_students():
    score = overlapping(400, seed=1)
    contrasts = episode_contrasts(WEEKS, WEEKS[40:400:40])
    assert contrasts.degrees == pytest.approx(9)
    found = difference_interval(score, np.zeros(400), contrasts)
    means = score.reshape(10, 40).mean(axis=1)
    assert found[1:] == pytest.approx(tuple(t_interval(means)))


def test_a_stretch_enters_its_contrast_whole():
    weights, _ = episode_contrasts(WEEKS, ONSETS)
    # A row on the day of an onset waits for the next one.
    edges = [0, 20, 70, 71, 120, 180, 250, 340, 400]
    stretch = np.repeat(np.arange(8), np.diff(edges))
    assert ((weights > 0) == (stretch == np.arange(8)[:, None])).all()
    assert len(np.unique(weights)) == 2


def test_stretches_of_unequal_length_count_as_fewer():
    # Shares 1/2 and five times 1/10: 1 / (1/4 + 5/100) = 10/3 stretches are too few, and
    # 3/8 and five times 1/8 are 1 / (9/64 + 5/64) = 64/14.
    for lengths in ([50, *[10] * 5], [30, *[10] * 5]):
        ends = np.cumsum(lengths)
        assert np.isnan(episode_contrasts(WEEKS[: ends[-1]], WEEKS[ends[:-1]]).degrees)
    # 2/7 and five times 1/7: 49/9.
    ends = np.cumsum([20, *[10] * 5])
    found = episode_contrasts(WEEKS[: ends[-1]], WEEKS[ends[:-1]])
    assert found.degrees == pytest.approx(49 / 9 - 1)
    assert found.weights.max() == pytest.approx(np.sqrt(49 / 40) / 70)


def test_fewer_than_five_stretches_have_no_error():
    enough = episode_contrasts(WEEKS[:250], WEEKS[[50, 100, 150, 200]])
    few = episode_contrasts(WEEKS[:200], WEEKS[[50, 100, 150]])
    assert enough.degrees == pytest.approx(MIN_UNITS - 1)
    assert few.weights.shape == (1, 200)
    assert np.isnan(few.weights).all()


def test_stretches_without_rows_do_not_count():
    assert np.isnan(episode_contrasts(WEEKS[:100], WEEKS[100:200:10]).degrees)


def test_episode_intervals_cover_the_true_difference():
    # Each of 14 stretches has an effect of its own, which days cannot average away.
    random = np.random.default_rng(0)
    length = random.integers(8, 50, 14)
    n = length.sum()
    rows = pd.date_range("2017-01-03", periods=n, freq="7D", unit="s")
    contrasts = episode_contrasts(rows, rows[np.cumsum(length)[:-1]])
    covered = []
    for _ in range(1000):
        score = np.repeat(random.normal(size=14), length) + random.normal(size=n)
        interval = difference_interval(score, np.zeros(n), contrasts)
        covered.append((interval.low <= 0 <= interval.high, abs(score.mean()) <= naive(score)))
    episodes, days = np.mean(covered, axis=0)
    assert 0.87 < episodes < 0.93
    assert days < 0.5


def naive(score):
    return stats.norm.ppf(0.95) * score.std() / np.sqrt(len(score))


# Skill


@fast
@given(st.integers(0, 10_000), st.floats(0.1, 10))
def test_against_a_constant_reference_skill_is_a_difference(seed, constant):
    score = np.random.default_rng(seed).random(400)
    reference = np.full(400, constant)
    contrasts = window_contrasts(WEEKS, horizon_days=90, step_days=7)
    skills = skill_interval(score, reference, contrasts)
    value, low, high = difference_interval(score, reference, contrasts)
    assert skills == pytest.approx((-value / constant, -high / constant, -low / constant))


def test_the_error_of_a_skill_is_linearised():
    score, reference = np.random.default_rng(0).random((2, 400))
    contrasts = window_contrasts(WEEKS, horizon_days=90, step_days=7)

    def skill_of(weight):
        return 1 - (weight * score).sum() / (weight * reference).sum()

    # How the skill moves where one row counts a little more, times the rows.
    step = 1e-6
    moved = [skill_of(1 + step * (np.arange(400) == row)) for row in range(400)]
    influence = 400 * (np.array(moved) - skill_of(np.ones(400))) / step
    found = skill_interval(score, reference, contrasts)
    reach = stats.t.ppf(0.95, 15) * contrasts.error(influence)
    assert found.high - found.value == pytest.approx(reach, rel=1e-4)


def test_intervals_hold_the_value_and_are_nested():
    score, reference = np.random.default_rng(1).random((2, 400))
    contrasts = window_contrasts(WEEKS, horizon_days=90, step_days=7)
    wide = skill_interval(score, reference, contrasts)
    narrow = skill_interval(score, reference, contrasts, level=0.5)
    assert wide.value == narrow.value == pytest.approx(skill(score.mean(), reference.mean()))
    assert wide.low < narrow.low < wide.value < narrow.high < wide.high


def test_a_perfect_reference_gives_no_skill():
    contrasts = window_contrasts(WEEKS, horizon_days=90, step_days=7)
    assert np.isnan(skill_interval(np.ones(400), np.zeros(400), contrasts)).all()


# Paired differences


def contrasts_by(unit):
    if unit == "windows":
        return window_contrasts(WEEKS, horizon_days=91, step_days=7)
    return episode_contrasts(WEEKS, ONSETS)


@fast
@given(st.integers(0, 10_000), st.floats(-3, 3), st.sampled_from(["windows", "episodes"]))
def test_exchanging_the_forecasts_reverses_the_difference(seed, shift, unit):
    first, second = np.random.default_rng(seed).normal(size=(2, 400))
    first = first + shift
    contrasts = contrasts_by(unit)
    one = difference_interval(first, second, contrasts)
    other = difference_interval(second, first, contrasts)
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))
    opposite = {"better": "worse", "worse": "better", "cannot tell": "cannot tell"}
    found = [verdict(each, lower_is_better=True) for each in (one, other)]
    assert found[1] == opposite[found[0]]


@pytest.mark.parametrize("unit", ["windows", "episodes"])
def test_equal_forecasts_differ_by_nothing(unit):
    score = overlapping(400, seed=3)
    interval = difference_interval(score, score, contrasts_by(unit))
    assert interval == (0.0, 0.0, 0.0)
    assert verdict(interval, lower_is_better=True) == "cannot tell"
    assert skill_interval(score**2, score**2, contrasts_by(unit)) == (0.0, 0.0, 0.0)


def test_pairing_cancels_what_both_forecasts_share():
    shared, own = overlapping(400, seed=4), 0.1 * overlapping(400, seed=5)
    contrasts = contrasts_by("windows")
    paired = difference_interval(shared + own, shared, contrasts)
    alone = difference_interval(shared + own, np.zeros(400), contrasts)
    assert paired.high - paired.low < 0.2 * (alone.high - alone.low)


def test_an_infinite_score_has_no_interval():
    first, second = np.full(400, 0.5), overlapping(400, seed=0) ** 2
    first[7] = np.inf
    contrasts = contrasts_by("windows")
    for interval, value in (
        (difference_interval(first, second, contrasts), np.inf),
        (difference_interval(second, first, contrasts), -np.inf),
        (difference_interval(first, first, contrasts), np.nan),
        (skill_interval(first, second, contrasts), -np.inf),
        (skill_interval(second, first, contrasts), np.nan),
    ):
        assert interval == pytest.approx((value, np.nan, np.nan), nan_ok=True)
        assert verdict(interval) == "cannot tell"
    assert np.isnan(diebold_mariano(first, second, contrasts)).all()


# Verdicts


@pytest.mark.parametrize(
    ("low", "high", "of_skill", "of_difference"),
    [
        (0.1, 0.3, "better", "worse"),
        (-0.3, -0.1, "worse", "better"),
        (-0.1, 0.3, "cannot tell", "cannot tell"),
        (0.0, 0.3, "cannot tell", "cannot tell"),
        (-0.3, 0.0, "cannot tell", "cannot tell"),
        (0.0, 0.0, "cannot tell", "cannot tell"),
        (np.nan, np.nan, "cannot tell", "cannot tell"),
    ],
)
def test_a_verdict_needs_the_whole_interval(low, high, of_skill, of_difference):
    interval = Interval(0.0, low, high)
    assert verdict(interval) == of_skill
    assert verdict(interval, lower_is_better=True) == of_difference


# Diebold and Mariano


@fast
@given(st.integers(0, 10_000), st.floats(-0.6, 0.6))
def test_p_value_and_interval_agree_on_zero(seed, shift):
    first, second = overlapping(400, seed) + shift, overlapping(400, seed + 1)
    contrasts = contrasts_by("windows")
    found = verdict(difference_interval(first, second, contrasts), lower_is_better=True)
    assert (diebold_mariano(first, second, contrasts).p_value < 0.10) == (found != "cannot tell")


@fast
@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-10, 10))
def test_diebold_mariano_knows_no_unit_and_no_order(seed, scale, shift):
    first, second = np.random.default_rng(seed).normal(size=(2, 80))
    order = np.random.default_rng(seed).permutation(80)
    in_order, shuffled = (
        window_contrasts(days, horizon_days=30, step_days=7)
        for days in (WEEKS[:80], WEEKS[:80][order])
    )
    plain = diebold_mariano(first, second, in_order)
    scaled = diebold_mariano(scale * first + shift, scale * second + shift, in_order)
    moved = diebold_mariano(second[order], first[order], shuffled)
    assert scaled == pytest.approx(plain, rel=1e-6)
    assert (-moved.statistic, moved.p_value) == pytest.approx(plain)


def test_true_hypotheses_are_seldom_rejected_though_windows_overlap():
    # 300 weeks of 400 at random; scores of windows of 91 days differ by nothing in expectation.
    kept = np.sort(np.random.default_rng(0).permutation(400)[:300])
    contrasts = window_contrasts(WEEKS[kept], horizon_days=91, step_days=7)
    rejected = []
    for seed in range(1000):
        score = overlapping(400, seed)[kept]
        test = diebold_mariano(score, np.zeros(300), contrasts)
        rejected.append((test.p_value < 0.10, abs(score.mean()) > naive(score)))
    fitting, days = np.mean(rejected, axis=0)
    assert 0.07 < fitting < 0.13
    assert days > 0.4


def test_a_true_difference_is_found():
    first = overlapping(400, seed=2) - 1.5
    test = diebold_mariano(first, np.zeros(400), contrasts_by("windows"))
    assert test.statistic < 0
    assert test.p_value < 0.01


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_a_constant_difference_cannot_be_tested(shift):
    score = np.arange(400.0)
    assert np.isnan(diebold_mariano(score + shift, score, contrasts_by("windows"))).all()


def test_less_than_five_windows_cannot_be_tested():
    score = overlapping(65, seed=0)
    enough, short = (
        diebold_mariano(
            score[:n], np.zeros(n), window_contrasts(WEEKS[:n], horizon_days=91, step_days=7)
        )
        for n in (65, 64)
    )
    assert 0 < enough.p_value < 1
    assert np.isnan(short).all()


# The verification of a hindcast: what stands on these intervals

HORIZONS = (30, 60)
STARTS = WEEKS[25:400:25]
BEGUN = STARTS + pd.Timedelta(days=3)


def synthetic_hindcast(horizons=HORIZONS, weeks=400, kinds=("broad",), seed=0):
    """Return a hindcast of onsets known ahead: truth, a coin and climatology's forecasts."""
    random = np.random.default_rng(seed)
    rows = WEEKS[:weeks]
    tables = []
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
            for model, probability in forecasts.items():
                tables.append(
                    pd.DataFrame(
                        {
                            "as_of": rows,
                            "kind": kind,
                            "horizon_days": horizon,
                            "model": model,
                            "probability": probability,
                            "climatology": 0.5,
                            "outcome": outcome,
                        }
                    )
                )
    return pd.concat(tables, ignore_index=True)


def on(table, *, kind="broad", onsets=BEGUN, function=verify, **options):
    kinds = dict.fromkeys(table["kind"].unique(), onsets)
    return function(table, kinds, step_days=7, **options)


def paired(table, first, second, onsets=BEGUN, **options):
    kinds = dict.fromkeys(table["kind"].unique(), onsets)
    return compare(table, first, [second], kinds, step_days=7, **options)


def test_truth_is_better_than_a_coin():
    table = on(synthetic_hindcast()).set_index(["horizon_days", "model"])
    assert (table.xs("truth", level="model")["verdict"] == "better").all()
    assert (table.xs("climatology", level="model")["verdict"] == "cannot tell").all()
    assert not (table.xs("coin", level="model")["verdict"] == "better").any()
    whole = on(synthetic_hindcast(), function=integrated).set_index("model")
    assert whole.loc["truth", "verdict"] == "better"
    assert whole.loc["truth", "log_skill_low"] > 0


def day_scores(table, model, name):
    own = table[table["model"] == model]
    score = {"brier": brier_scores, "log": log_scores}[name]
    return score(own["outcome"].to_numpy(), own["probability"].to_numpy())


@pytest.mark.parametrize("name", ["brier", "log"])
def test_intervals_are_those_of_their_contrasts(name):
    table = synthetic_hindcast(horizons=(180,))
    row = on(table).set_index("model").loc["truth"]
    own, other = (day_scores(table, model, name) for model in ("truth", "persistence"))
    reference = day_scores(table, "climatology", name)
    windows = window_contrasts(WEEKS, horizon_days=180, step_days=7)
    episodes = episode_contrasts(WEEKS, BEGUN)
    ends = ["", "_low", "_high"]
    assert row[[f"{name}_skill{end}" for end in ends]].tolist() == pytest.approx(
        skill_interval(own, reference, windows)
    )
    assert row[[f"{name}_skill_episode{end}" for end in ends[1:]]].tolist() == pytest.approx(
        skill_interval(own, reference, episodes)[1:]
    )
    assert row[[f"{name}_skill_vs_persistence{end}" for end in ends]].tolist() == pytest.approx(
        skill_interval(own, other, windows)
    )


def test_skill_against_persistence_needs_persistence():
    table = synthetic_hindcast()
    columns = [f"{name}_skill_vs_persistence" for name in ("brier", "log")]
    assert (on(table).set_index("model").loc["persistence", columns] == 0).all(axis=None)
    without = on(table[table["model"] != "persistence"])
    assert without[columns].isna().all(axis=None)
    assert without["brier_skill_low"].notna().all()


def test_average_precision_and_sharpness_stand_in_the_table():
    table = synthetic_hindcast(horizons=(30,))
    truth = table[table["model"] == "truth"]
    row = on(table).set_index("model").loc["truth"]
    expected = average_precision_score(truth["outcome"], truth["probability"])
    assert row["average_precision"] == pytest.approx(expected)
    assert row["sharpness"] == pytest.approx(
        (truth["probability"] - truth["probability"] ** 2).mean()
    )


def test_less_than_five_windows_allow_no_verdict():
    # 65 weeks are 455 days, five windows of 91; the truth is clearly better in 64 weeks too.
    enough, short = (
        on(synthetic_hindcast(horizons=(91,), weeks=weeks)).set_index("model").loc["truth"]
        for weeks in (65, 64)
    )
    assert (enough["verdict"], short["verdict"]) == ("better", "cannot tell")
    assert enough["brier_skill_low"] > 0
    assert short["brier_skill"] > 0.2
    assert np.isnan(short["brier_skill_low"])
    for weeks, pairs in ((65, 12), (64, 0)):
        table = synthetic_hindcast(horizons=(91,), weeks=weeks)
        assert len(integrated_differences(table, "broad", step_days=7)) == pairs
    compared = paired(table, "truth", "coin")
    assert compared["log_difference_low"].isna().all()
    assert (compared["log_verdict"] == "cannot tell").all()


def test_few_episodes_leave_the_interval_of_windows():
    row = on(synthetic_hindcast(), onsets=BEGUN[:3]).set_index("model").loc["truth"].iloc[0]
    assert np.isnan(row["brier_skill_episode_low"])
    assert row["brier_skill_low"] > 0
    assert row["verdict"] == "better"


def test_a_model_lacking_a_day_fails():
    table = synthetic_hindcast()
    lacking = table.drop(
        table.index[(table["model"] == "coin") & (table["horizon_days"] == 60)][:2]
    )
    with pytest.raises(ValueError, match="coin lacks one on 2 of 400 broad days"):
        on(lacking)


# Over all horizons


def test_integrated_scores_worked_by_hand():
    outcomes = {30: [0.0, 1.0, 0.0], 60: [1.0, 1.0, np.nan]}
    forecasts = {30: [0.2, 0.5, 0.9], 60: [0.6, 0.8, 0.9]}
    table = pd.concat(
        [
            pd.DataFrame(
                {
                    "as_of": WEEKS[:3],
                    "kind": "broad",
                    "horizon_days": horizon,
                    "model": "m",
                    "probability": forecasts[horizon],
                    "climatology": 0.5,
                    "outcome": outcomes[horizon],
                }
            )
            for horizon in (30, 60)
        ]
    )
    onsets = pd.DatetimeIndex([WEEKS[1] + pd.Timedelta(days=50), "2018-01-01"])
    row = on(table, onsets=onsets, function=integrated).iloc[0]
    # The third day is not resolved at 60 days and does not count at 30 either.
    assert (row["days"], row["episodes"]) == (2, 1)
    brier = ((0.04 + 0.16) / 2 + (0.25 + 0.04) / 2) / 2
    assert row["brier"] == pytest.approx(brier)
    assert row["brier_skill"] == pytest.approx(skill(brier, 0.25))
    log_score = -np.log([0.8, 0.6, 0.5, 0.8]).mean()
    assert row["log_score"] == pytest.approx(log_score)
    assert row["log_skill"] == pytest.approx(skill(log_score, np.log(2)))


def test_integrating_one_horizon_gives_its_scores():
    table = synthetic_hindcast(horizons=(60,), kinds=("broad", "partial"))
    whole, each = on(table, function=integrated), on(table)
    assert whole.columns.tolist() == list(INTEGRATED_COLUMNS)
    pd.testing.assert_frame_equal(whole, each[whole.columns])


def test_integrated_windows_are_the_longest():
    # 260 weeks are 1,820 days, less than five windows of 365.
    table = synthetic_hindcast(horizons=(30, 365), weeks=260)
    assert on(table)["brier_skill_low"].notna().tolist() == [True] * 4 + [False] * 4
    assert on(table, function=integrated)["brier_skill_low"].isna().all()
    assert (
        on(synthetic_hindcast(horizons=(30, 365), weeks=261), function=integrated)["log_skill_low"]
        .notna()
        .all()
    )


def test_no_resolved_day_gives_an_empty_table():
    table = synthetic_hindcast()
    table.loc[table["horizon_days"] == 60, "outcome"] = np.nan
    whole = on(table, function=integrated)
    assert whole.empty
    assert whole.columns.tolist() == list(INTEGRATED_COLUMNS)
    assert integrated_differences(table, "broad", step_days=7) == {}
    assert set(paired(table, "truth", "coin")["horizon_days"]) == {30}


# Two models


def test_comparisons_are_by_kind_and_horizon():
    table = paired(synthetic_hindcast(kinds=("broad", "partial")), "truth", "coin")
    assert table.columns.tolist() == list(COMPARE_COLUMNS)
    keys = table[["kind", "horizon_days"]].fillna(0).apply(tuple, axis=1).tolist()
    expected = [(kind, days) for kind in ("broad", "partial") for days in (30, 60)]
    assert keys == [*expected, ("broad", 0), ("partial", 0)]
    assert (table["brier_verdict"] == "better").all()
    assert (table["log_verdict"] == "better").all()
    assert (table["log_p_value"] < 0.10).all()


def test_differences_are_those_of_the_mean_scores():
    table = synthetic_hindcast()
    found = paired(table, "persistence", "coin")
    each, whole = on(table), on(table, function=integrated)
    scores = pd.concat([each, whole])
    for column, score in (("brier_difference", "brier"), ("log_difference", "log_score")):
        first, second = (
            scores.loc[scores["model"] == model, score].to_numpy()
            for model in ("persistence", "coin")
        )
        assert found[column].tolist() == pytest.approx((first - second).tolist())


@pytest.mark.parametrize("name", ["brier", "log"])
def test_comparisons_use_each_days_scores(name):
    table = synthetic_hindcast(horizons=(180,))
    row = paired(table, "truth", "persistence").iloc[0]
    first, second = (day_scores(table, model, name) for model in ("truth", "persistence"))
    windows = window_contrasts(WEEKS, horizon_days=180, step_days=7)
    episodes = episode_contrasts(WEEKS, BEGUN)
    test = diebold_mariano(first, second, windows)
    ends = ["", "_low", "_high"]
    assert row[[f"{name}_difference{end}" for end in ends]].tolist() == pytest.approx(
        difference_interval(first, second, windows)
    )
    assert row[[f"{name}_difference_episode{end}" for end in ends[1:]]].tolist() == pytest.approx(
        difference_interval(first, second, episodes)[1:]
    )
    assert row[f"{name}_p_value"] == pytest.approx(test.p_value)


def test_exchanging_the_models_reverses_the_comparison():
    table = synthetic_hindcast()
    one, other = paired(table, "truth", "coin"), paired(table, "coin", "truth")
    for name in ("brier_difference", "log_difference"):
        for unit in ("", "_episode"):
            low, high = f"{name}{unit}_low", f"{name}{unit}_high"
            np.testing.assert_allclose(one[low], -other[high])
            np.testing.assert_allclose(one[high], -other[low])
    assert one["log_p_value"].tolist() == pytest.approx(other["log_p_value"].tolist())
    assert (one["log_verdict"] == "better").all()
    assert (other["log_verdict"] == "worse").all()


def test_the_gate_sees_the_shown_interval():
    table = synthetic_hindcast(kinds=("broad", "partial"))
    differences = integrated_differences(table, "broad", step_days=7)
    assert len(differences) == 12
    assert ("truth", "truth") not in differences
    row = paired(table, "truth", "persistence").query("kind == 'broad'").iloc[-1]
    columns = ["log_difference", "log_difference_low", "log_difference_high"]
    assert pd.isna(row["horizon_days"])
    assert row[columns].tolist() == pytest.approx(differences["truth", "persistence"])


def test_equal_outcomes_tell_nothing():
    table = synthetic_hindcast(horizons=(30,)).assign(outcome=1.0)
    row = paired(table, "truth", "coin").iloc[0]
    assert row.filter(regex="difference|p_value").isna().all()
    assert row["brier_verdict"] == row["log_verdict"] == "cannot tell"


def test_a_model_outside_the_hindcast_is_an_error():
    with pytest.raises(
        ValueError, match="must be in the hindcast, got magic; it holds climatology"
    ):
        paired(synthetic_hindcast(), "truth", "magic")


def test_many_at_once_are_each_alone():
    table = synthetic_hindcast(kinds=("broad", "partial"))
    kinds = dict.fromkeys(table["kind"].unique(), BEGUN)
    seconds = ["coin", "climatology"]
    together = compare(table, "truth", seconds, kinds, step_days=7)
    assert together["second"].unique().tolist() == seconds
    for second in seconds:
        own = together[together["second"] == second].reset_index(drop=True)
        pd.testing.assert_frame_equal(own, paired(table, "truth", second))
