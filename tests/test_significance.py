from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import average_precision_score

from models.verification.comparison import COLUMNS as COMPARE_COLUMNS
from models.verification.comparison import compare, integrated_differences
from models.verification.scores import brier_scores, log_scores, skill
from models.verification.significance import (
    MIN_UNITS,
    Interval,
    diebold_mariano,
    difference_interval,
    episode_counts,
    resample_counts,
    skill_interval,
    verdict,
)
from models.verification.summary import INTEGRATED_COLUMNS, integrated, verify

fast = settings(derandomize=True, deadline=None, max_examples=50)

WEEKS = pd.date_range("2017-01-03", periods=400, freq="7D", unit="s")


def overlapping(n, seed, length=13):
    """Return a series of mean 0 whose neighbours share all but one of `length` terms."""
    terms = np.random.default_rng(seed).normal(size=n + length - 1)
    return np.convolve(terms, np.ones(length), "valid") / np.sqrt(length)


# Blocks


def test_the_bootstrap_variance_is_that_of_politis_and_romano():
    # Their closed form for a mean: 1/n (R0 + 2 sum b(i) R(i)), with the sample autocovariances R
    # and b(i) = (1 - i/n) (1 - p)**i + i/n (1 - p)**(n - i), p = step / block.
    n, p = 150, 7 / 91
    score = overlapping(n, seed=0)
    deviation, lag = score - score.mean(), np.arange(1, n)
    R = np.correlate(deviation, deviation, "full")[n - 1 :] / n
    b = (1 - lag / n) * (1 - p) ** lag + lag / n * (1 - p) ** (n - lag)
    expected = (R[0] + 2 * b @ R[1:]) / n
    counts = resample_counts(WEEKS[:n], block_days=91, step_days=7, resamples=20_000)
    assert (counts @ score / n).var() == pytest.approx(expected, rel=0.04)


def test_the_bootstrap_percentiles_are_those_of_arch():
    # arch 8.0.0, score as below:
    # draws = StationaryBootstrap(13, score, seed=0).apply(np.mean, 20_000)
    # np.quantile(draws, [0.05, 0.95])
    golden = [-0.34798515, 0.08049581]
    score = overlapping(400, seed=0)
    counts = resample_counts(WEEKS, block_days=91, step_days=7, resamples=20_000)
    drawn = np.quantile(counts @ score / 400, [0.05, 0.95])
    np.testing.assert_allclose(drawn, golden, rtol=0, atol=0.006)


def test_blocks_as_long_as_the_windows_cover_the_true_difference_far_more_often_than_days():
    # 31 windows of 91 days in all: percentile intervals still fall short of 90 in 100.
    blocks, days = (
        resample_counts(WEEKS, block_days=days, step_days=7, resamples=500) for days in (91, 7)
    )
    covered = []
    for seed in range(300):
        score = overlapping(400, seed)
        intervals = [difference_interval(score, np.zeros(400), each) for each in (blocks, days)]
        covered.append([interval.low <= 0 <= interval.high for interval in intervals])
    fitting, naive = np.mean(covered, axis=0)
    assert 0.72 < fitting < 0.92
    assert naive < 0.5


# Episodes

ONSETS = WEEKS[[20, 45, 46, 100, 180, 250, 390]]


def test_a_stretch_enters_a_resample_whole_or_not_at_all():
    counts = episode_counts(WEEKS, ONSETS, resamples=200)
    # A row on the day of an onset waits for the next one.
    edges = [0, 20, 45, 46, 100, 180, 250, 390, 400]
    starts = counts[:, edges[:-1]]
    assert (counts == np.repeat(starts, np.diff(edges), axis=1)).all()
    assert (starts.sum(axis=1) == 8).all()
    assert (starts > 1).any()
    assert (starts == 0).any()


def test_rows_of_stretches_need_no_order():
    order = np.random.default_rng(0).permutation(400)
    counts = episode_counts(WEEKS, ONSETS, resamples=20)
    shuffled = episode_counts(WEEKS[order], ONSETS, resamples=20)
    assert (shuffled == counts[:, order]).all()


def test_the_seed_decides_the_episodes():
    drawn = [episode_counts(WEEKS, ONSETS, resamples=20, seed=seed) for seed in (1, 1, 2)]
    assert (drawn[0] == drawn[1]).all()
    assert (drawn[0] != drawn[2]).any()


def test_fewer_than_five_stretches_have_no_interval():
    enough = episode_counts(WEEKS, WEEKS[[50, 100, 150, 200]], resamples=10)
    few = episode_counts(WEEKS, WEEKS[[50, 100, 150]], resamples=10)
    assert (enough[:, [0, 50, 100, 150, 200]].sum(axis=1) == MIN_UNITS).all()
    assert few.shape == (10, 400)
    assert np.isnan(few).all()


def test_stretches_without_rows_do_not_count():
    rows = WEEKS[:100]
    assert np.isnan(episode_counts(rows, WEEKS[100:200:10], resamples=10)).all()


def test_the_variance_over_equal_stretches_is_that_of_their_means():
    # k stretches drawn independently: the variance of the mean is that of the means over k.
    score = overlapping(400, seed=1)
    counts = episode_counts(WEEKS, WEEKS[40:400:40], resamples=20_000)
    resampled = counts @ score / counts.sum(axis=1)
    assert resampled.var() == pytest.approx(score.reshape(10, 40).mean(axis=1).var() / 10, rel=0.04)


def test_episode_intervals_cover_the_true_difference_at_least_four_times_in_five():
    # Each of 14 stretches has an effect of its own, which days cannot average away.
    random = np.random.default_rng(0)
    length = random.integers(8, 50, 14)
    n = length.sum()
    rows = pd.date_range("2017-01-03", periods=n, freq="7D", unit="s")
    counts = episode_counts(rows, rows[np.cumsum(length)[:-1]], resamples=500)
    single = resample_counts(rows, block_days=7, step_days=7, resamples=500)
    covered = []
    for _ in range(300):
        score = np.repeat(random.normal(size=14), length) + random.normal(size=n)
        intervals = [difference_interval(score, np.zeros(n), each) for each in (counts, single)]
        covered.append([interval.low <= 0 <= interval.high for interval in intervals])
    episodes, days = np.mean(covered, axis=0)
    assert 0.78 < episodes < 0.95
    assert days < 0.5


# Paired differences


def test_a_difference_worked_by_hand():
    first, second = np.array([1.0, 2.0, 6.0]), np.array([2.0, 2.0, 2.0])
    counts = np.array([[1, 1, 1], [3, 0, 0], [0, 1, 1], [0, 0, 0]], dtype=float)
    # Of -1, 0 and 4 the means are 1, -1 and 2; the resample without rows has none.
    interval = difference_interval(first, second, counts, level=1.0)
    assert interval == (1.0, -1.0, 2.0)


@fast
@given(st.integers(0, 10_000), st.floats(-3, 3), st.sampled_from(["blocks", "episodes"]))
def test_exchanging_the_forecasts_reverses_the_difference(seed, shift, unit):
    first, second = np.random.default_rng(seed).normal(size=(2, 400))
    first = first + shift
    counts = (
        resample_counts(WEEKS, block_days=91, step_days=7, resamples=100)
        if unit == "blocks"
        else episode_counts(WEEKS, ONSETS, resamples=100)
    )
    one = difference_interval(first, second, counts)
    other = difference_interval(second, first, counts)
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))
    opposite = {"better": "worse", "worse": "better", "cannot tell": "cannot tell"}
    found = [verdict(each, lower_is_better=True) for each in (one, other)]
    assert found[1] == opposite[found[0]]


def test_equal_forecasts_differ_by_nothing():
    score = overlapping(400, seed=3)
    counts = resample_counts(WEEKS, block_days=91, step_days=7, resamples=100)
    interval = difference_interval(score, score, counts)
    assert interval == (0.0, 0.0, 0.0)
    assert verdict(interval, lower_is_better=True) == "cannot tell"


def test_pairing_cancels_what_both_forecasts_share():
    shared, own = overlapping(400, seed=4), 0.1 * overlapping(400, seed=5)
    counts = resample_counts(WEEKS, block_days=91, step_days=7, resamples=500)
    paired = difference_interval(shared + own, shared, counts)
    alone = difference_interval(shared + own, np.zeros(400), counts)
    assert paired.high - paired.low < 0.2 * (alone.high - alone.low)


def test_an_infinite_score_has_no_interval():
    first, second = np.full(400, 0.5), overlapping(400, seed=0) ** 2
    first[7] = np.inf
    counts = resample_counts(WEEKS, block_days=91, step_days=7, resamples=50)
    for interval, value in (
        (difference_interval(first, second, counts), np.inf),
        (difference_interval(second, first, counts), -np.inf),
        (difference_interval(first, first, counts), np.nan),
        (skill_interval(first, second, counts), -np.inf),
        (skill_interval(second, first, counts), np.nan),
    ):
        assert interval == pytest.approx((value, np.nan, np.nan), nan_ok=True)
        assert verdict(interval) == "cannot tell"
    test = diebold_mariano(first, second, WEEKS, horizon_days=30, step_days=7)
    assert np.isnan(test).all()


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
def test_a_verdict_needs_the_whole_interval_on_one_side(low, high, of_skill, of_difference):
    interval = Interval(0.0, low, high)
    assert verdict(interval) == of_skill
    assert verdict(interval, lower_is_better=True) == of_difference


# Diebold and Mariano


def test_diebold_mariano_worked_by_hand():
    # Deviations 1, 1, -1, -1 from the mean 1. Windows of one step do not overlap: two lags with
    # weights 1 and 1/2, sums of products 4 and 1, variance (4 + 2 * 1/2 * 1) / 16; correction
    # (4 + 1 - 2 * 2 + 2 * 1 / 4) / 4 = 0.375; degrees of freedom 1.5 * 4 / 2 = 3.
    first, second = np.array([2.0, 2.0, 0.0, 0.0]), np.zeros(4)
    test = diebold_mariano(first, second, WEEKS[:4], horizon_days=7, step_days=7)
    assert test.statistic == pytest.approx(np.sqrt(0.375 / (5 / 16)))
    assert test.p_value == pytest.approx(2 * stats.t.sf(test.statistic, 3))


def test_neighbours_across_a_gap_are_no_neighbours():
    # As above, but of the products at lag 1 only the two that are positive remain: 6 / 16.
    first, second = np.array([2.0, 2.0, 0.0, 0.0]), np.zeros(4)
    test = diebold_mariano(first, second, WEEKS[[0, 1, 3, 4]], horizon_days=7, step_days=7)
    assert test.statistic == pytest.approx(1.0)


def test_windows_a_day_longer_than_a_step_overlap():
    first, second = overlapping(40, seed=0), np.zeros(40)
    seven, eight = (
        diebold_mariano(first, second, WEEKS[:40], horizon_days=days, step_days=7)
        for days in (7, 8)
    )
    assert abs(eight.statistic) < abs(seven.statistic)


def test_diebold_mariano_agrees_with_the_package_of_that_name():
    # dieboldmariano 1.1.0, first and second as below:
    # dm_test([0.0] * 400, first, second, loss=lambda actual, score: score, h=26,
    #         variance_estimator="bartlett")[0]
    # 26 is twice the 13 steps over which windows of 91 days overlap.
    first, second = overlapping(400, seed=1) + 0.3, overlapping(400, seed=0)
    test = diebold_mariano(first, second, WEEKS, horizon_days=91, step_days=7)
    assert test.statistic == pytest.approx(0.6657530235752033, rel=1e-12)


def test_diebold_mariano_agrees_with_statsmodels_across_gaps():
    # statsmodels 0.15.0, first, second and kept as below:
    # seen = np.zeros(400); seen[kept] = 1; n = len(kept)
    # fit = sm.OLS((first - second) * seen, seen).fit(
    #     cov_type="HAC", cov_kwds={"maxlags": 25, "use_correction": False})
    # fit.tvalues[0] * np.sqrt((n + 1 - 2 * 26 + 26 * 25 / n) / n)
    first, second = overlapping(400, seed=1) + 0.3, overlapping(400, seed=0)
    kept = np.r_[0:60, 75:200, 230:231, 260:400]
    test = diebold_mariano(first[kept], second[kept], WEEKS[kept], horizon_days=91, step_days=7)
    assert test.statistic == pytest.approx(1.4127697856426347, rel=1e-12)
    assert test.p_value == pytest.approx(2 * stats.t.sf(1.4127697856426347, 1.5 * 326 / 26))


@fast
@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-10, 10))
def test_diebold_mariano_knows_no_unit_and_no_order(seed, scale, shift):
    first, second = np.random.default_rng(seed).normal(size=(2, 80))
    order = np.random.default_rng(seed).permutation(80)
    plain = diebold_mariano(first, second, WEEKS[:80], horizon_days=30, step_days=7)
    scaled = diebold_mariano(
        scale * first + shift, scale * second + shift, WEEKS[:80], horizon_days=30, step_days=7
    )
    moved = diebold_mariano(
        second[order], first[order], WEEKS[:80][order], horizon_days=30, step_days=7
    )
    assert scaled == pytest.approx(plain, rel=1e-6)
    assert (-moved.statistic, moved.p_value) == pytest.approx(plain)


def test_true_hypotheses_are_seldom_rejected_though_windows_overlap():
    # 300 weeks of 400 at random; scores of windows of 91 days differ by nothing in expectation.
    random = np.random.default_rng(0)
    kept = np.sort(random.permutation(400)[:300])
    rejected = []
    for seed in range(400):
        score = overlapping(400, seed)[kept]
        rejected.append(
            [
                diebold_mariano(
                    score, np.zeros(300), WEEKS[kept], horizon_days=days, step_days=7
                ).p_value
                < 0.10
                for days in (91, 7)
            ]
        )
    fitting, naive = np.mean(rejected, axis=0)
    assert 0.04 < fitting < 0.17
    assert naive > 0.4


def test_a_true_difference_is_found():
    first = overlapping(400, seed=2) - 1.5
    test = diebold_mariano(first, np.zeros(400), WEEKS, horizon_days=91, step_days=7)
    assert test.statistic < 0
    assert test.p_value < 0.01


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_a_constant_difference_cannot_be_tested(shift):
    score = np.arange(400.0)
    test = diebold_mariano(score + shift, score, WEEKS, horizon_days=30, step_days=7)
    assert np.isnan(test).all()


def test_more_lags_than_rows_cannot_be_tested():
    score = overlapping(27, seed=0)
    enough, short = (
        diebold_mariano(score[:n], np.zeros(n), WEEKS[:n], horizon_days=91, step_days=7)
        for n in (27, 26)
    )
    assert 0 < enough.p_value < 1
    assert np.isnan(short).all()


# The verification of a hindcast: what stands on these intervals

HORIZONS = (30, 60)
STARTS = WEEKS[25:400:25]
BEGUN = STARTS + pd.Timedelta(days=3)


def market(horizons=HORIZONS, weeks=400, kinds=("broad",), seed=0):
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
    return function(table, kinds, step_days=7, resamples=200, **options)


def paired(table, first, second, onsets=BEGUN, **options):
    kinds = dict.fromkeys(table["kind"].unique(), onsets)
    return compare(table, first, [second], kinds, step_days=7, resamples=200, **options)


def test_the_truth_is_better_and_a_coin_is_not():
    table = on(market()).set_index(["horizon_days", "model"])
    assert (table.xs("truth", level="model")["verdict"] == "better").all()
    assert (table.xs("climatology", level="model")["verdict"] == "cannot tell").all()
    assert not (table.xs("coin", level="model")["verdict"] == "better").any()
    whole = on(market(), function=integrated).set_index("model")
    assert whole.loc["truth", "verdict"] == "better"
    assert whole.loc["truth", "log_skill_low"] > 0


def day_scores(table, model, name):
    own = table[table["model"] == model]
    score = {"brier": brier_scores, "log": log_scores}[name]
    return score(own["outcome"].to_numpy(), own["probability"].to_numpy())


@pytest.mark.parametrize("name", ["brier", "log"])
def test_intervals_of_blocks_and_episodes_are_those_of_their_counts(name):
    table = market(horizons=(180,))
    row = on(table, seed=3).set_index("model").loc["truth"]
    own, other = (day_scores(table, model, name) for model in ("truth", "persistence"))
    reference = day_scores(table, "climatology", name)
    blocks = resample_counts(WEEKS, block_days=180, step_days=7, resamples=200, seed=3)
    episodes = episode_counts(WEEKS, BEGUN, resamples=200, seed=3)
    ends = ["", "_low", "_high"]
    assert row[[f"{name}_skill{end}" for end in ends]].tolist() == pytest.approx(
        skill_interval(own, reference, blocks)
    )
    assert row[[f"{name}_skill_episode{end}" for end in ends[1:]]].tolist() == pytest.approx(
        skill_interval(own, reference, episodes)[1:]
    )
    assert row[[f"{name}_skill_vs_persistence{end}" for end in ends]].tolist() == pytest.approx(
        skill_interval(own, other, blocks)
    )


def test_skill_against_persistence_needs_persistence():
    table = market()
    columns = [f"{name}_skill_vs_persistence" for name in ("brier", "log")]
    assert (on(table).set_index("model").loc["persistence", columns] == 0).all(axis=None)
    without = on(table[table["model"] != "persistence"])
    assert without[columns].isna().all(axis=None)
    assert without["brier_skill_low"].notna().all()


def test_average_precision_and_sharpness_stand_in_the_table():
    table = market(horizons=(30,))
    truth = table[table["model"] == "truth"]
    row = on(table).set_index("model").loc["truth"]
    expected = average_precision_score(truth["outcome"], truth["probability"])
    assert row["average_precision"] == pytest.approx(expected)
    assert row["sharpness"] == pytest.approx(
        (truth["probability"] - truth["probability"] ** 2).mean()
    )


def test_less_than_five_blocks_allow_no_verdict():
    # 65 weeks are 455 days, five blocks of 91; the truth is clearly better in 64 weeks too.
    enough, short = (
        on(market(horizons=(91,), weeks=weeks)).set_index("model").loc["truth"]
        for weeks in (65, 64)
    )
    assert (enough["verdict"], short["verdict"]) == ("better", "cannot tell")
    assert enough["brier_skill_low"] > 0
    assert short["brier_skill"] > 0.2
    assert np.isnan(short["brier_skill_low"])
    for weeks, pairs in ((65, 12), (64, 0)):
        table = market(horizons=(91,), weeks=weeks)
        assert len(integrated_differences(table, "broad", step_days=7, resamples=10)) == pairs
    compared = paired(table, "truth", "coin")
    assert compared["log_difference_low"].isna().all()
    assert (compared["log_verdict"] == "cannot tell").all()


def test_few_episodes_leave_the_interval_of_blocks():
    row = on(market(), onsets=BEGUN[:3]).set_index("model").loc["truth"].iloc[0]
    assert np.isnan(row["brier_skill_episode_low"])
    assert row["brier_skill_low"] > 0
    assert row["verdict"] == "better"


def test_a_model_that_lacks_a_day_is_an_error():
    table = market()
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


def test_over_one_horizon_the_integrated_scores_are_those_of_the_horizon():
    table = market(horizons=(60,), kinds=("broad", "partial"))
    whole, each = on(table, function=integrated), on(table)
    assert whole.columns.tolist() == list(INTEGRATED_COLUMNS)
    pd.testing.assert_frame_equal(whole, each[whole.columns])


def test_integrated_blocks_are_as_long_as_the_longest_horizon():
    # 260 weeks are 1,820 days, less than five blocks of 365.
    table = market(horizons=(30, 365), weeks=260)
    assert on(table)["brier_skill_low"].notna().tolist() == [True] * 4 + [False] * 4
    assert on(table, function=integrated)["brier_skill_low"].isna().all()
    assert (
        on(market(horizons=(30, 365), weeks=261), function=integrated)["log_skill_low"]
        .notna()
        .all()
    )


def test_no_day_resolved_at_every_horizon_gives_an_empty_table():
    table = market()
    table.loc[table["horizon_days"] == 60, "outcome"] = np.nan
    whole = on(table, function=integrated)
    assert whole.empty
    assert whole.columns.tolist() == list(INTEGRATED_COLUMNS)
    assert integrated_differences(table, "broad", step_days=7, resamples=10) == {}
    assert set(paired(table, "truth", "coin")["horizon_days"]) == {30}


# Two models


def test_a_comparison_has_a_row_per_kind_and_horizon_and_one_over_all():
    table = paired(market(kinds=("broad", "partial")), "truth", "coin")
    assert table.columns.tolist() == list(COMPARE_COLUMNS)
    keys = table[["kind", "horizon_days"]].fillna(0).apply(tuple, axis=1).tolist()
    expected = [(kind, days) for kind in ("broad", "partial") for days in (30, 60)]
    assert keys == [*expected, ("broad", 0), ("partial", 0)]
    assert (table["brier_verdict"] == "better").all()
    assert (table["log_verdict"] == "better").all()
    assert (table["log_p_value"] < 0.10).all()


def test_differences_are_those_of_the_mean_scores():
    table = market()
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
def test_comparisons_are_made_of_the_scores_of_each_day(name):
    table = market(horizons=(180,))
    row = paired(table, "truth", "persistence", seed=3).iloc[0]
    first, second = (day_scores(table, model, name) for model in ("truth", "persistence"))
    blocks = resample_counts(WEEKS, block_days=180, step_days=7, resamples=200, seed=3)
    episodes = episode_counts(WEEKS, BEGUN, resamples=200, seed=3)
    test = diebold_mariano(first, second, WEEKS, horizon_days=180, step_days=7)
    ends = ["", "_low", "_high"]
    assert row[[f"{name}_difference{end}" for end in ends]].tolist() == pytest.approx(
        difference_interval(first, second, blocks)
    )
    assert row[[f"{name}_difference_episode{end}" for end in ends[1:]]].tolist() == pytest.approx(
        difference_interval(first, second, episodes)[1:]
    )
    assert row[f"{name}_p_value"] == pytest.approx(test.p_value)


def test_exchanging_the_models_reverses_the_comparison():
    table = market()
    one, other = paired(table, "truth", "coin"), paired(table, "coin", "truth")
    for name in ("brier_difference", "log_difference"):
        for unit in ("", "_episode"):
            low, high = f"{name}{unit}_low", f"{name}{unit}_high"
            np.testing.assert_allclose(one[low], -other[high])
            np.testing.assert_allclose(one[high], -other[low])
    assert one["log_p_value"].tolist() == pytest.approx(other["log_p_value"].tolist())
    assert (one["log_verdict"] == "better").all()
    assert (other["log_verdict"] == "worse").all()


def test_the_gate_sees_the_interval_that_a_comparison_shows():
    table = market(kinds=("broad", "partial"))
    differences = integrated_differences(table, "broad", step_days=7, resamples=200)
    assert len(differences) == 12
    assert ("truth", "truth") not in differences
    row = paired(table, "truth", "persistence").query("kind == 'broad'").iloc[-1]
    columns = ["log_difference", "log_difference_low", "log_difference_high"]
    assert pd.isna(row["horizon_days"])
    assert row[columns].tolist() == pytest.approx(differences["truth", "persistence"])


def test_where_every_outcome_is_the_same_nothing_can_be_told():
    table = market(horizons=(30,)).assign(outcome=1.0)
    row = paired(table, "truth", "coin").iloc[0]
    assert row.filter(regex="difference|p_value").isna().all()
    assert row["brier_verdict"] == row["log_verdict"] == "cannot tell"


def test_a_model_that_is_not_in_the_hindcast_is_an_error():
    with pytest.raises(
        ValueError, match="must be in the hindcast, got magic; it holds climatology"
    ):
        paired(market(), "truth", "magic")


def test_many_compared_at_once_are_what_each_is_alone():
    table = market(kinds=("broad", "partial"))
    kinds = dict.fromkeys(table["kind"].unique(), BEGUN)
    seconds = ["coin", "climatology"]
    together = compare(table, "truth", seconds, kinds, step_days=7, resamples=200)
    assert together["second"].unique().tolist() == seconds
    for second in seconds:
        own = together[together["second"] == second].reset_index(drop=True)
        pd.testing.assert_frame_equal(own, paired(table, "truth", second))
