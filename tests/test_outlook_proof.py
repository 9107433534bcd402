"""What the intervals hold and what the hindcast sees."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from models.season.definition import OnsetDefinition
from models.season.spells import Spells, observe
from models.training.outlook_coverage import (
    HORIZONS,
    WORLDS,
    bootstrap,
    chance_coverage,
    draw_spells,
    true_chances,
)
from models.training.outlook_hindcast import crps, outlook_hindcast
from models.training.outlook_near_term import near_term_of
from models.training.outlook_skill import (
    pit_histogram,
    rank_chances,
    score_chances,
    score_days,
)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return chance_coverage(n_histories=80, seed=1, methods=("posterior", "bootstrap"))


STILL = ("exponential", "weibull 1.3", "weibull 0.8")


@pytest.mark.parametrize("world", STILL)
def test_the_interval_holds_what_it_promises(table, world):
    posterior = table[(table["world"] == world) & (table["method"] == "posterior")]
    # 80 histories: a true 90 % is seen between 81 and 98 % in 99 of 100 such studies.
    assert posterior["coverage"].between(0.81, 0.98).all()
    assert (posterior["mean_forecast"] - posterior["mean_true"]).abs().max() < 0.06


def test_a_bootstrap_over_spells_promises_too_much(table):
    far = table[table["horizon_days"] == 365]
    far = far.pivot_table(index="world", columns="method", values="coverage")
    assert (far["bootstrap"] < 0.8).all()
    assert (far["bootstrap"] < far["posterior"]).all()


def test_the_seed_decides_the_table():
    pd.testing.assert_frame_equal(*(chance_coverage(n_histories=2, seed=3) for _ in range(2)))


@pytest.mark.parametrize("name", WORLDS)
def test_worlds_are_what_they_say(name):
    world, random = WORLDS[name], np.random.default_rng(0)
    spells = draw_spells(world, random, days=400_000)
    whole = spells.days[1:-1]
    late = (spells.origin[1:-1] - spells.origin[0]).days.to_numpy() > 200_000
    # A spell of t days ends on day ceil(t): half a day later on average.
    for half, mean in ((~late, world.mean_before), (late, world.mean_after)):
        assert whole[half].mean() - 0.5 == pytest.approx(mean, rel=0.07)
    seen = (whole[late] <= np.array(HORIZONS)[:, None]).mean(axis=1)
    np.testing.assert_allclose(true_chances(world, 0), seen, atol=0.035)
    assert spells.truncated.tolist() == [True] + [False] * (len(spells.days) - 1)
    assert not spells.ended[-1]
    assert spells.days.sum() == 400_000


def test_the_bootstrap_counts_days_by_hand():
    spells = Spells(
        pd.DatetimeIndex(["2020-01-01", "2020-04-10"]),
        np.array([100, 130]),
        np.array([True, False]),
        np.array([False, False]),
    )
    mean, _, _ = bootstrap(spells, np.random.default_rng(0), level=0.9, resamples=10)
    # Within 30 days: the last 30 of 100; of the open spell 100 days are known. 90: 90 of 100 + 40.
    np.testing.assert_allclose(mean[:2], [30 / 200, 90 / 140])


@pytest.fixture(scope="module")
def wander() -> pd.Series:
    random = np.random.default_rng(4)
    walk = pd.Series(random.normal(size=1_800)).ewm(span=40).mean()
    index = 100 / (1 + np.exp(-7 * walk.to_numpy()))
    return pd.Series(index, pd.date_range("2015-01-01", periods=1_800))


@pytest.fixture(scope="module")
def hindcast(wander):
    first = pd.Timestamp("2017-01-01")
    return outlook_hindcast(wander, first=first, step_days=90, horizons=(60, 180), n_paths=400)


def test_the_hindcast_does_not_see_ahead(wander, hindcast):
    first, cut = pd.Timestamp("2017-01-01"), wander.index[1_300]
    seen, days = outlook_hindcast(
        wander.loc[:cut], first=first, step_days=90, horizons=(60, 180), n_paths=400
    )
    assert len(seen) > 8
    for whole, part in zip(hindcast, (seen, days), strict=True):
        key = ["as_of", "kind", "horizon_days"]
        merged = part.merge(whole, on=key, suffixes=("", "_whole"))
        assert len(merged) == len(part)
        for column in part.columns.difference(key):
            pd.testing.assert_series_equal(
                merged[column], merged[f"{column}_whole"], check_names=False
            )


def test_its_outcomes_are_those_of_the_index(wander, hindcast):
    chances, days = hindcast
    whole = observe(wander, until=wander.index[-1], definition=OnsetDefinition(75))
    for row in chances.itertuples():
        end = row.as_of + pd.Timedelta(days=row.horizon_days)
        came = [s for s in whole.seasons if row.as_of < s.onset <= end]
        if row.kind == "sustained":
            came = [s for s in came if s.sustained(OnsetDefinition())]
        assert row.outcome == float(bool(came))
        # Resolved for both kinds: an onset on the last day has shown 90 days, itself included.
        assert end + pd.Timedelta(days=89) <= wander.index[-1]
    for row in days.itertuples():
        after = wander.loc[row.as_of + pd.Timedelta(days=1) :].iloc[: row.horizon_days]
        assert row.days == (after >= 75).sum()
        assert 0 <= row.pit_low <= row.pit_high <= 1
    assert set(chances["state"]) == {"at_risk", "in_season"}


def test_the_near_term_is_daily(wander):
    asked = []

    def sure(as_of):
        asked.append(as_of)
        return {"broad": np.ones((2, 3))}

    first = pd.Timestamp("2017-01-01")
    chances, _ = outlook_hindcast(
        wander, near_term=sure, first=first, step_days=40, horizons=(60,), n_paths=400
    )
    assert asked == sorted(set(chances["as_of"]))
    risk = chances[(chances["kind"] == "broad") & (chances["state"] == "at_risk")]
    told = risk[
        risk["as_of"].map(
            lambda day: observe(wander, until=day, definition=OnsetDefinition(75)).at_risk
        )
    ]
    assert len(told)
    assert (told["probability"] == 400.5 / 401).all()


def test_the_scores_are_the_means_of_the_rows(hindcast):
    chances, days = hindcast
    scores = score_chances(chances, step_days=90).set_index(
        ["kind", "horizon_days", "score", "reference"]
    )
    rows = chances[(chances["kind"] == "broad") & (chances["horizon_days"] == 60)]
    brier = ((rows["probability"] - rows["outcome"]) ** 2).mean()
    base = ((rows["gamma_poisson"] - rows["outcome"]) ** 2).mean()
    found = scores.loc[("broad", 60, "brier", "gamma_poisson")]
    assert found["value"] == pytest.approx(brier)
    assert found["skill"] == pytest.approx(1 - brier / base)
    assert found["low"] <= found["skill"] <= found["high"]
    ranked, histogram = score_days(days, step_days=90)
    assert ranked["crps"].tolist() == pytest.approx(
        days.groupby("horizon_days", sort=False)["crps"].mean().tolist()
    )
    bins = histogram.drop(columns=["kind", "horizon_days"])
    np.testing.assert_allclose(bins.sum(axis=1), 1)


def test_the_near_term_is_out_of_sample(small_training):
    table = small_training.hindcast
    table = pd.concat([table, table[table["horizon_days"] == 60].assign(horizon_days=90)])
    near_term = near_term_of(table, "logistic")
    own = table[table["model"] == "logistic"].set_index(["as_of", "kind", "horizon_days"])
    own = own.sort_index()
    for as_of, kind in own.index.droplevel(2).unique()[:20]:
        hazards = near_term(as_of)[kind]
        assert hazards.shape == (1, 3)
        survival = 1 - own.loc[(as_of, kind), "probability"].loc[[30, 60, 90]].to_numpy()
        np.testing.assert_allclose(np.cumprod(1 - hazards[0]), survival)
    assert near_term(pd.Timestamp("2010-01-01")) is None


def test_a_candidate_without_the_near_horizons_is_refused(small_training):
    with pytest.raises(ValueError, match="those within 90 are missing; verify it"):
        near_term_of(small_training.hindcast, "logistic")


def test_the_ranking_is_that_of_the_rows(hindcast):
    ranked = rank_chances(hindcast[0], step_days=90).set_index(["kind", "horizon_days"])
    rows = hindcast[0].query("kind == 'broad' and horizon_days == 60")
    found = ranked.loc[("broad", 60)]
    assert found["auc"] == pytest.approx(roc_auc_score(rows["outcome"], rows["probability"]))
    assert (found["rows"], found["events"]) == (len(rows), rows["outcome"].sum())
    assert found["low"] < found["auc"] < found["high"]
    rarer = rows["outcome"] == (rows["outcome"].mean() < 0.5)
    assert found["runs"] == (rarer & ~rarer.shift(fill_value=False)).sum()


def test_a_ranking_has_shifted_placebos():
    random = np.random.default_rng(2)
    rows = pd.DataFrame(
        {"as_of": pd.date_range("2017-01-03", periods=60, freq="28D"), "kind": "broad",
         "horizon_days": 90, "outcome": (random.random(60) < 0.3).astype(float),
         "probability": random.random(60).round(1)}
    )  # fmt: skip
    told = rank_chances(rows)["placebo"].item()
    own = roc_auc_score(rows["outcome"], rows["probability"])
    # 14 steps of 28 days are a year and more, either way round.
    shifted = [
        roc_auc_score(np.roll(rows["outcome"], by), rows["probability"]) for by in range(14, 47)
    ]
    assert told == np.mean([abs(auc - 0.5) >= abs(own - 0.5) - 1e-12 for auc in shifted])
    assert np.isnan(rank_chances(rows[:20])["placebo"].item())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=20), st.integers(0, 50))
def test_crps_is_the_area_between_the_distributions(sample, observed):
    grid = np.arange(0, 51)
    forecast = np.searchsorted(np.sort(sample), grid, side="right") / len(sample)
    expected = ((forecast - (grid >= observed)) ** 2).sum()
    assert crps(np.array(sample), observed) == pytest.approx(expected)


def test_the_pit_of_calibrated_counts_is_flat():
    law, random = stats.poisson(3), np.random.default_rng(0)
    observed = law.rvs(4_000, random_state=random)
    shares = pit_histogram(law.cdf(observed - 1), law.cdf(observed))
    np.testing.assert_allclose(shares, 0.1, atol=0.02)
