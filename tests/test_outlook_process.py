"""Spells, seasons and what they tell: hand-worked, against conjugacy, and recovered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit

from features.market.season import daily
from models.outlook.lasting import LOG_ODDS, draw_shares, sustained_law
from models.outlook.patterns import season_law
from models.outlook.posterior import Prior, fit_spells
from models.season.definition import OnsetDefinition
from models.season.spells import Spells, observe

DAY = pd.Timestamp("2020-01-01")


def index_of(values) -> pd.Series:
    return pd.Series(np.asarray(values, float), pd.date_range(DAY, periods=len(values)))


def spells_of(days, *, ended=True, truncated=False) -> Spells:
    days = np.asarray(days, dtype=np.int64)
    origin = DAY + pd.to_timedelta(np.cumsum(days) - days, unit="D")
    return Spells(
        origin, days, np.broadcast_to(ended, days.shape), np.broadcast_to(truncated, days.shape)
    )


@pytest.fixture(scope="module")
def index(reference) -> pd.Series:
    return daily(reference.series("season_index"))


class TestPosterior:
    def test_without_ageing_it_is_the_conjugate_gamma(self):
        days = [30, 80, 110, 150, 190, 240, 290, 350, 440, 210]
        ended = [True] * 9 + [False]
        flat = Prior(log_shape_deviation=1e-4, log_scale_deviation=2.0)
        mean, low, high = fit_spells(spells_of(days, ended=ended), flat).predict([30, 90, 365])
        # Under a flat log rate: rate ~ Gamma(9, exposure); an onset came half-way of its day.
        exposure = sum(days) - 9 / 2
        horizons = np.array([30, 90, 365])
        np.testing.assert_allclose(mean, 1 - (exposure / (exposure + horizons)) ** 9, atol=0.01)
        for bound, level in ((low, 0.05), (high, 0.95)):
            rate = stats.gamma.ppf(level, 9, scale=1 / exposure)
            np.testing.assert_allclose(bound, 1 - np.exp(-rate * horizons), atol=0.03)

    @pytest.mark.parametrize("shape", [0.7, 1.0, 1.8])
    def test_shape_and_scale_are_recovered(self, shape):
        random = np.random.default_rng(0)
        days = np.ceil(150 * random.weibull(shape, 2_000)).astype(int)
        post = fit_spells(spells_of(np.minimum(days, 400), ended=days <= 400))
        assert post.weight.sum() == pytest.approx(1)
        assert post.shape @ post.weight.sum(axis=1) == pytest.approx(shape, rel=0.05)
        assert post.scale @ post.weight.sum(axis=0) == pytest.approx(150, rel=0.06)

    def test_a_truncated_spell_has_the_forward_recurrence_time(self):
        random = np.random.default_rng(1)
        spells = 150 * random.weibull(2.0, 20_000)
        ends = np.cumsum(spells)
        day = random.uniform(ends[0], ends[-2], 600)
        rest = np.ceil(ends[np.searchsorted(ends, day)] - day).astype(int)
        post = fit_spells(spells_of(rest, truncated=True))
        assert post.shape @ post.weight.sum(axis=1) == pytest.approx(2.0, rel=0.12)
        naive = fit_spells(spells_of(rest))
        assert naive.shape @ naive.weight.sum(axis=1) < 1.6

    def test_without_ageing_truncation_tells_nothing(self):
        known = Prior(log_shape_deviation=1e-6)
        one = fit_spells(spells_of([200, 50]), known)
        other = fit_spells(spells_of([200, 50], truncated=[True, False]), known)
        np.testing.assert_allclose(one.weight, other.weight, atol=1e-6)

    def test_draws_follow_the_weights(self):
        random = np.random.default_rng(2).random((40_000, 2))
        post = fit_spells(spells_of([60, 140, 200, 260, 330]))
        shape, scale = post.draw(random)
        assert np.log(shape).mean() == pytest.approx(
            np.log(post.shape) @ post.weight.sum(axis=1), abs=0.01
        )
        assert np.log(scale).mean() == pytest.approx(
            np.log(post.scale) @ post.weight.sum(axis=0), abs=0.02
        )
        other = fit_spells(spells_of([20, 40, 60, 100, 120])).draw(random)[1]
        assert np.corrcoef(np.log(scale), np.log(other))[0, 1] > 0.9

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.integers(1, 900), max_size=15), st.integers(0, 500))
    def test_chance_rises_within_its_interval(self, days, elapsed):
        horizons = [1, 30, 90, 365, 1_000]
        mean, low, high = fit_spells(spells_of(days)).predict(horizons, elapsed=elapsed)
        assert (np.diff(mean) > 0).all()
        assert ((low >= 0) & (low <= mean) & (mean <= high) & (high <= 1)).all()

    def test_the_prior_hears_that_spells_are_regular(self, index):
        spells = observe(
            index, until=pd.Timestamp("2025-12-10"), definition=OnsetDefinition(75)
        ).spells
        post = fit_spells(spells)
        assert post.weight.sum(axis=1)[post.shape > 1].sum() > 0.95


class TestSustained:
    @pytest.mark.parametrize("verdicts", [[], [True] * 3, [True, True, False, None, False]])
    def test_the_law_is_that_of_walks_drawn_at_random(self, verdicts):
        random = np.random.default_rng(0)
        deviation = 0.5 * np.abs(random.normal(size=200_000))
        log_odds, weight = random.logistic(size=200_000), np.ones(200_000)
        for verdict in verdicts:
            share = expit(log_odds)
            weight *= 1.0 if verdict is None else share if verdict else 1 - share
            log_odds = log_odds + deviation * random.normal(size=200_000)
        law = sustained_law(verdicts)
        drawn = np.average(expit(log_odds), weights=weight)
        assert law.sum() == pytest.approx(1)
        assert law @ expit(LOG_ODDS) == pytest.approx(drawn, abs=0.006)
        assert draw_shares(law, 200).mean() == pytest.approx(law @ expit(LOG_ODDS), abs=0.001)

    def test_courses_get_its_share_and_keep_their_weights_among_themselves(self):
        law = TestSeasonLaw().law([10, 45, 20, 60], threshold=75)
        assert law.sustained.tolist() == [False, False, False, True, True, True]
        weights, counted = (
            np.diff(each.weights(np.random.default_rng(0), 400), axis=1, prepend=0.0)
            for each in (law, replace(law, share=None))
        )
        for lasting in (law.sustained, ~law.sustained):
            scaled, before = weights[:, lasting], counted[:, lasting]
            np.testing.assert_allclose(
                scaled / scaled.sum(axis=1, keepdims=True),
                before / before.sum(axis=1, keepdims=True), atol=1e-9,
            )  # fmt: skip
        lasting = weights[:, law.sustained].sum(axis=1)
        np.testing.assert_allclose(lasting, draw_shares(law.share, 400), atol=1e-9)


class TestSeasonLaw:
    def law(self, lengths, threshold=50):
        values = [[1.0] * 30 + [80.0] * days for days in lengths]
        seen = index_of(np.concatenate([*values, [1.0] * 30]))
        definition = OnsetDefinition(threshold)
        return season_law(observe(seen, until=seen.index[-1], definition=definition))

    def test_the_longest_season_has_a_share(self):
        law, random = self.law([10, 20, 40]), np.random.default_rng(0)
        weights = np.repeat(law.weights(random, 4_000), 5, axis=0)
        new = law.begin(random, weights, random.random(len(weights)))
        # One part each: a single day, the three, one beyond all.
        for days in (1, 10, 20, 40):
            assert (new.length == days).mean() == pytest.approx(0.2, abs=0.02)
        assert (new.length > 40).mean() == pytest.approx(0.2, abs=0.02)
        beyond = new.length[new.length > 40] - 40
        assert beyond.mean() == pytest.approx((10 + 20 + 40) / 3, rel=0.1)

    def test_an_open_season_counts_for_longer_ones(self):
        values = [[1.0] * 30 + [80.0] * days for days in (10, 20, 40, 15)]
        seen = index_of(np.concatenate(values))
        law = season_law(observe(seen, until=seen.index[-1], definition=OnsetDefinition(75)))
        np.testing.assert_allclose(law.count, [1, 1, 4 / 3, 4 / 3, 4 / 3])

    @pytest.mark.parametrize("elapsed", [5, 60, 300])
    def test_a_season_goes_on_whatever_its_length(self, elapsed):
        values = [[1.0] * 30 + [80.0] * days for days in (10, 20, 40, elapsed)]
        seen = index_of(np.concatenate(values))
        now = observe(seen, until=seen.index[-1], definition=OnsetDefinition(75))
        known = observe(seen, until=seen.index[-1 - elapsed], definition=OnsetDefinition(75))
        random = np.random.default_rng(0)
        course = season_law(known).resume(random, now, 500, random.random(10_000))
        left = np.maximum(course.length - np.maximum(course.position, 0), 0)
        # Far beyond all seen only memorylessness is left: the mean of past seasons to come.
        if elapsed == 300:
            assert left.mean() == pytest.approx((10 + 20 + 40) / 3, rel=0.15)
        assert (left > 0).mean() > 0.3

    @pytest.mark.parametrize(("run", "likely"), [(2, 0.454), (20, 0.032), (29, 0.0037)])
    def test_long_quiet_returns_less_likely(self, run, likely):
        # Seven seasons, each with a gap that closed and the one that ended it, one of a single day
        # and one part for what was never seen: back each day with chance 1 / 30.
        season = [80.0] * 5 + [1.0] * 5 + [80.0] * 5
        seen = index_of(([1.0] * 30 + season) * 8 + [1.0] * run)
        now = observe(seen, until=seen.index[-1], definition=OnsetDefinition(75))
        random = np.random.default_rng(0)
        course = season_law(now).resume(random, now, 500, random.random(10_000))
        wait = np.maximum(-course.position, 0)
        back = (course.position < course.length) & (run + wait < 30)
        assert back.mean() == pytest.approx(likely, abs=0.02, rel=0.02)

    def test_there_must_be_a_season(self):
        seen = index_of([1.0] * 100)
        with pytest.raises(ValueError, match="no season at 75 was over by 2020-04-09"):
            season_law(observe(seen, until=seen.index[-1], definition=OnsetDefinition(75)))
