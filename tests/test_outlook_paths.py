"""Paths and their answers: coherent from every state, exact where there is a closed form."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from features.market.season import daily
from models.outlook.outlook import answer, cumulative_chances
from models.outlook.paths import Paths, kinds_of, onsets_of, simulate
from models.outlook.posterior import cumulative_hazard, fit_spells
from models.outlook.renewal import fit_renewal
from models.outlook.waiting import credible_interval
from models.outlook.weights import near_term_weights
from models.outlook.window import date_window, year_window
from models.season.definition import OnsetDefinition
from models.season.spells import observe

KINDS = {"broad": 75.0, "partial": 50.0}
AT_RISK, IN_SEASON, AFTER = "2025-12-10", "2025-09-20", "2025-10-20"
STATES = (AT_RISK, IN_SEASON, AFTER, "2018-01-20", "2017-05-01", "2020-03-01", "2022-01-18")


@pytest.fixture(scope="module")
def index(reference) -> pd.Series:
    return daily(reference.series("season_index"))


@pytest.fixture(scope="module")
def make(index):
    """Paths from a day of the real history, by what `simulate` takes."""

    def paths(day, *, kinds=KINDS, source=index, until=None, n_paths=400, **options) -> Paths:
        day = pd.Timestamp(day)
        fitted = {
            kind: fit_renewal(source, until=until or day, definition=OnsetDefinition(threshold))
            for kind, threshold in kinds.items()
        }
        now = {
            k: observe(source, until=day, definition=OnsetDefinition(level))
            for k, level in kinds.items()
        }
        return simulate(fitted, now, n_paths=n_paths, **options)

    return paths


@pytest.fixture(scope="module")
def many(make):
    """The full number of paths over two years, from a day at risk."""
    return make(AT_RISK, n_paths=10_000, days=730)


class TestCoherence:
    @settings(max_examples=12, deadline=None)
    @given(st.integers(0, 3_380), st.sampled_from([(75, 50), (85, 60, 50), (55,), (75, 75)]))
    def test_from_every_state(self, index, make, age, levels):
        day = pd.Timestamp("2016-09-01") + pd.Timedelta(days=age)
        kinds = {f"level{place}": float(level) for place, level in enumerate(levels)}
        paths = make(day, kinds=kinds, days=200)
        above = None
        for kind, threshold in kinds.items():
            inside, begins = paths.in_season[kind], paths.begins[kind]
            if above is not None:
                assert (inside >= above).all()
            above = inside
            # An onset is the first day at the threshold after 30 below, the known ones counted.
            known = (index.loc[:day] >= threshold).to_numpy()
            whole = np.vstack([np.repeat(known[-30:, None], paths.n_paths, axis=1), inside])
            total = np.vstack([np.zeros((1, paths.n_paths), int), np.cumsum(whole, axis=0)])
            quiet = (total[30:-1] - total[:-31]) == 0
            np.testing.assert_array_equal(begins, inside & quiet)

    @pytest.mark.parametrize("day", STATES)
    def test_chances_are_ordered_and_never_fall(self, make, day):
        paths = make(day, days=500)
        window = year_window(paths.as_of)
        found = answer(paths, window)
        by_kind = {chance.kind: chance for chance in found.chances}
        assert list(by_kind) == ["partial", "broad", "sustained"]
        chances = [chance.probability for chance in found.chances]
        assert chances == sorted(chances, reverse=True)
        for chance in found.chances:
            assert 0 <= chance.low <= chance.probability <= chance.high <= 1
            assert (chance.begun_on is None) or chance.probability == 1
        for first in found.first_onset:
            for parts in (first.months, first.quarters):
                assert sum(share for _, share in parts) + first.none == pytest.approx(1)
        by_kind = cumulative_chances(paths, days=365)
        for curve in found.curves:
            year = by_kind[curve.kind]
            # Every fifth day, the last one among them.
            assert list(curve.dates) == list(year.index[4::5])
            assert curve.dates[-1] == paths.as_of + pd.Timedelta(days=365)
            for name in year:
                assert list(getattr(curve, name)) == year[name].iloc[4::5].tolist()
        by_kind = cumulative_chances(paths, days=500)
        curves = [by_kind[kind] for kind in kinds_of(paths)]
        for curve in curves:
            assert (curve.diff().iloc[1:] >= 0).all(axis=None)
            assert (curve["low"] <= curve["probability"]).all()
            assert (curve["probability"] <= curve["high"]).all()
        for stronger, weaker in pairwise(curves):
            assert (stronger["probability"] <= weaker["probability"]).all()
        days = {d.kind: d for d in found.days_in_season}
        for name in ("median", "low", "high", "mean", "known"):
            assert getattr(days["partial"], name) >= getattr(days["broad"], name)
        earliest = dict(found.earliest_onset)
        assert earliest["partial"] <= earliest["broad"] == earliest["sustained"]
        for kind, date in earliest.items():
            ahead = (date - paths.as_of).days - 1
            assert not onsets_of(paths, kind)[:ahead].any()

    def test_windows_add_up(self, many):
        start, middle, end = pd.to_datetime(["2026-03-01", "2026-06-30", "2026-12-31"])
        day = pd.Timedelta(days=1)
        whole = answer(many, date_window(many.as_of, start, end))
        early = answer(many, date_window(many.as_of, start, middle))
        late = answer(many, date_window(many.as_of, middle + day, end))
        for all_, first, second in zip(whole.chances, early.chances, late.chances, strict=True):
            assert all_.probability >= max(first.probability, second.probability)
            assert all_.probability <= first.probability + second.probability
        for all_, first, second in zip(
            whole.days_in_season, early.days_in_season, late.days_in_season, strict=True
        ):
            assert all_.mean == pytest.approx(first.mean + second.mean)
        # From the first day on, the onset of the whole is that of the early part or of the rest.
        to_june = answer(many, date_window(many.as_of, None, middle)).first_onset[1]
        to_end = answer(many, date_window(many.as_of, None, end)).first_onset[1]
        assert dict(to_june.months).items() <= dict(to_end.months).items()

    @pytest.mark.parametrize("day", STATES)
    def test_a_season_lasts_less_likely_the_longer(self, make, day):
        paths = make(day, days=100)
        lasts = answer(paths, date_window(paths.as_of, None, paths.as_of + pd.Timedelta(days=90)))
        standing = [kind for kind, now in paths.now.items() if now.current is not None]
        assert sorted({last.kind for last in lasts.season_lasts}) == sorted(standing)
        for kind in standing:
            chances = [last.probability for last in lasts.season_lasts if last.kind == kind]
            assert chances == sorted(chances, reverse=True)


class TestExactness:
    def test_the_seed_decides_the_bytes(self, make):
        one, same, other = (make(IN_SEASON, days=60, seed=seed) for seed in (1, 1, 2))
        for kind in KINDS:
            assert one.in_season[kind].tobytes() == same.in_season[kind].tobytes()
            assert one.in_season[kind].tobytes() != other.in_season[kind].tobytes()

    @pytest.mark.parametrize("day", [AT_RISK, IN_SEASON])
    def test_the_future_changes_nothing(self, index, make, day):
        other = index.copy()
        other[index.index > pd.Timestamp(day)] = 100.0
        seen, blind = make("2021-05-01"), make("2021-05-01", source=other)
        cut = make(day, source=index.loc[:day])
        for kind in KINDS:
            assert seen.in_season[kind].tobytes() == blind.in_season[kind].tobytes()
            assert cut.in_season[kind].tobytes() == make(day).in_season[kind].tobytes()

    def test_more_days_leave_the_rest_alone(self, make):
        short, long = make(AT_RISK, days=60), make(AT_RISK, days=300)
        alone = make(AT_RISK, days=60, kinds={"broad": 75.0})
        np.testing.assert_array_equal(short.in_season["partial"], long.in_season["partial"][:150])
        np.testing.assert_array_equal(short.in_season["broad"], alone.in_season["broad"])

    def test_the_process_alone_is_the_posterior(self, many):
        horizons = [30, 90, 180, 365, 730]
        by_kind = cumulative_chances(many, days=730)
        for kind in KINDS:
            renewal = fit_of(many, kind)
            mean, low, high = renewal.predict(horizons, elapsed=many.now[kind].elapsed)
            curve = by_kind[kind].iloc[np.array(horizons) - 1]
            np.testing.assert_allclose(curve["probability"], mean, atol=0.02)
            np.testing.assert_allclose(curve["low"], low, atol=0.05)
            np.testing.assert_allclose(curve["high"], high, atol=0.05)

    def test_a_weaker_kind_keeps_its_share(self, make, many):
        alone = make(AT_RISK, n_paths=10_000, days=730, kinds={"partial": 50.0})
        share = many.in_season["partial"].mean() / alone.in_season["partial"].mean()
        assert 1 <= share < 1.06  # seasons drawn apart: 1.12

    def test_near_term_joins_the_process_smoothly(self, make):
        hazards = np.array([[0.05, 0.1, 0.2], [0.15, 0.2, 0.4]])
        paths = make(AT_RISK, n_paths=10_000, days=400, near_term={"broad": hazards})
        curve = cumulative_chances(paths, days=400)["broad"]["probability"].to_numpy()
        survival = np.cumprod(1 - hazards, axis=1)
        np.testing.assert_allclose(curve[[29, 59, 89]], 1 - survival.mean(axis=0), atol=0.015)
        # Constant hazard within a lead: half-way through the second its root.
        half = (survival[:, 0] * np.sqrt(1 - hazards[:, 1])).mean()
        assert curve[44] == pytest.approx(1 - half, abs=0.015)
        now = paths.now["broad"]
        post = fit_of(paths, "broad")
        shape, scale = post.shape[:, None], post.scale
        spent = cumulative_hazard(now.elapsed + 90, shape, scale)
        for day in (120, 200, 400):
            left = np.exp(spent - cumulative_hazard(now.elapsed + day, shape, scale))
            after = (left * post.weight).sum() * survival[:, -1].mean()
            assert 1 - curve[day - 1] == pytest.approx(after, abs=0.02)
        assert np.diff(curve[85:95]).max() < 0.02

    def test_the_near_term_speaks_only_at_risk(self, make):
        sure = {"broad": np.ones((4, 3))}
        for day in (IN_SEASON, AFTER):
            alone, told = make(day, days=120), make(day, days=120, near_term=sure)
            np.testing.assert_array_equal(alone.in_season["broad"], told.in_season["broad"])
        # A hazard of 1 is certain on the first day, for the weaker kind as well.
        certain = make(AT_RISK, days=120, near_term=sure)
        assert certain.begins["broad"][0].all()
        assert certain.begins["partial"][0].all()

    def test_no_chance_in_the_near_term_leaves_none(self, make):
        never = {kind: np.zeros((1, 3)) for kind in KINDS}
        paths = make(AT_RISK, days=200, near_term=never)
        assert not paths.in_season["partial"][:90].any()
        assert paths.in_season["broad"][90:].any()

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"days": 0}, "days must be from 1 to 1096, got 0"),
            ({"n_paths": 401}, "multiple of n_groups"),
            ({"kinds": {"partial": 50.0, "broad": 75.0}}, "from the highest threshold down"),
            ({"near_term": {"huge": np.zeros((1, 3))}}, "those of huge do not"),
            ({"near_term": {"broad": np.full((1, 3), 1.5)}}, r"in \[0, 1\]"),
            ({"near_term": {"broad": np.zeros(3)}}, "a row a replicate"),
        ],
    )
    def test_errors_name_the_rule(self, make, change, message):
        with pytest.raises(ValueError, match=message):
            make(AT_RISK, **change)


class TestNearTerm:
    FADING = (0.25, 0.5, 0.75)

    @pytest.mark.parametrize("day", STATES)
    def test_the_same_hazards_weigh_all_alike(self, make, day):
        hazards = {kind: np.array([[0.1, 0.2, 0.05]]) for kind in KINDS}
        for options in ({}, {"near_term": hazards}, {"near_term": hazards, "handover": (0.5,)}):
            paths = make(day, days=200, **options)
            weights = near_term_weights(
                paths, options.get("near_term"), handover=options.get("handover", ())
            )
            np.testing.assert_array_equal(weights, 1.0)

    @pytest.mark.parametrize("day", [AT_RISK, "2020-03-01", "2022-01-18"])
    def test_weighted_paths_answer_as_those_simulated_anew(self, make, day):
        between = {"broad": np.array([[0.1, 0.2, 0.1]]), "partial": np.array([[0.25, 0.25, 0.2]])}
        wanted = {"broad": np.array([[0.05, 0.2, 0.1], [0.1, 0.25, 0.05]]),
                  "partial": np.array([[0.3, 0.15, 0.1]])}  # fmt: skip
        drawn, anew = (
            make(day, days=300, n_paths=10_000, near_term=hazards, handover=handover, seed=seed)
            for hazards, handover, seed in ((between, (), 0), (wanted, self.FADING, 0))
        )
        weights = near_term_weights(drawn, wanted, handover=self.FADING)
        assert weights.mean() == pytest.approx(1)
        # Of ten thousand some thousands carry the weight.
        assert weights.sum() ** 2 / (weights**2).sum() > 3_000
        for kind in KINDS:
            exact = anew.first_spell[kind].mean(axis=1) if kind in anew.first_spell else None
            begun = np.logical_or.accumulate(onsets_of(drawn, kind), axis=0)
            share = (begun * weights).mean(axis=1)
            again = np.logical_or.accumulate(onsets_of(anew, kind), axis=0).mean(axis=1)
            np.testing.assert_allclose(share, again, atol=0.03)
            if exact is not None:
                # The closed form needs no weights, and is what the weighted paths come to.
                np.testing.assert_allclose(share, exact, atol=0.02)
            days = (drawn.in_season[kind][:200] * weights).sum(axis=0).mean()
            assert days == pytest.approx(anew.in_season[kind][:200].sum(axis=0).mean(), rel=0.06)
        if drawn.now["broad"].at_risk:
            with pytest.raises(ValueError, match="no path has an onset of partial alone"):
                near_term_weights(
                    make(day, near_term=dict.fromkeys(KINDS, np.full((1, 3), 0.2))), wanted
                )
        sustained = [
            np.average(onsets_of(paths, "sustained").any(axis=0), weights=weight)
            for paths, weight in ((drawn, weights), (anew, None))
        ]
        assert sustained[0] == pytest.approx(sustained[1], abs=0.03)

    def test_the_handover_fades_as_it_says(self, make):
        hazards = {"broad": np.array([[0.1, 0.1, 0.4]])}
        kinds = {"broad": 75.0}
        alone, joined = (
            make(AT_RISK, kinds=kinds, days=300, near_term=hazards, handover=handover)
            for handover in ((), self.FADING)
        )
        quiet = {
            name: np.cumprod(1 - paths.hazards["broad"].first, axis=0)[29::30]
            for name, paths in (("alone", alone), ("joined", joined))
        }
        hazard = {name: 1 - part[1:] / part[:-1] for name, part in quiet.items()}
        for lead, share in zip((2, 3, 4), self.FADING, strict=True):
            expected = share * hazard["alone"][lead] + (1 - share) * 0.4
            np.testing.assert_allclose(hazard["joined"][lead], expected, atol=1e-12)
        np.testing.assert_allclose(hazard["joined"][5:], hazard["alone"][5:], atol=1e-12)
        np.testing.assert_allclose(hazard["joined"][:2], hazard["alone"][:2], atol=1e-12)


def fit_of(paths: Paths, kind: str):
    return fit_spells(paths.now[kind].spells)


def drawn(courses: list[str], *, history: list[float], reach: int = 366, quiet: int = 30):
    """Paths from strings: one a path, 'x' at the threshold, an onset after 30 others."""
    seen = pd.Series(history, pd.date_range(end="2025-12-31", periods=len(history)), dtype=float)
    now = observe(seen, until=seen.index[-1], definition=OnsetDefinition(75, quiet))
    days = reach + OnsetDefinition().sustained_within
    inside = np.array([[c == "x" for c in course.ljust(days, ".")] for course in courses]).T
    begins, over = np.zeros_like(inside), np.full(len(courses), days)
    for path in range(inside.shape[1]):
        run = now.run
        for day in range(days):
            begins[day, path] = inside[day, path] and run >= quiet
            run = 0 if inside[day, path] else run + 1
            if run == quiet:
                over[path] = min(over[path], day)
    return Paths(
        seen.index[-1],
        {"broad": now},
        {"broad": inside},
        {"broad": begins},
        {"broad": over},
        2,
    )


class TestAnswers:
    def test_a_year_counted_by_hand(self):
        first = "." * 31 + "x" * 30
        second = "." * 59 + "x"
        paths = drawn([first, second, ".", "."], history=[1.0] * 60)
        found = answer(paths, year_window(paths.as_of), dates=[pd.Timestamp("2026-02-01")])
        broad, sustained = found.chances
        assert (broad.kind, broad.probability, broad.begun_on) == ("broad", 0.5, None)
        assert (sustained.kind, sustained.probability) == ("sustained", 0.25)
        when = found.first_onset[0]
        assert dict(when.months)["2026-02"] == 0.25
        assert dict(when.months)["2026-03"] == 0.25
        assert dict(when.quarters) == {"2026-Q1": 0.5, "2026-Q2": 0, "2026-Q3": 0, "2026-Q4": 0}
        assert when.none == 0.5
        assert when.median == pd.Timestamp("2026-03-01")
        assert when.interval_50 == (pd.Timestamp("2026-02-01"), None)
        (days,) = found.days_in_season
        assert (days.known, days.mean, days.median, days.none) == (0, 7.75, 0, 0.5)
        assert (days.low, days.high, days.high_50) == (0, 30, 1)
        assert found.in_season_on[0].probability == (("broad", 0.25),)
        assert found.season_lasts == ()

    def test_what_has_begun_in_the_year_counts(self):
        # An onset on 22 December, ten days at the threshold: 2025 has begun, 2026 has not.
        paths = drawn(["x" * 20, "x" * 19, ".", "x"], history=[1.0] * 60 + [80.0] * 10)
        begun = pd.Timestamp("2025-12-22")
        with pytest.raises(ValueError, match="must end from"):
            year_window(paths.as_of, 2025)
        found = answer(paths, year_window(paths.as_of))
        assert [chance.probability for chance in found.chances] == [0, 0]
        assert found.days_in_season[0].known == 0
        lasts = {last.days: last.probability for last in found.season_lasts}
        assert lasts == {7: 0.5, 30: 0, 60: 0, 90: 0}
        assert dict(found.earliest_onset)["broad"] == pd.Timestamp("2026-01-31")
        window = year_window(paths.as_of)
        asked = answer(paths, type(window)(window.start, window.end, begun))
        broad, sustained = asked.chances
        assert (broad.probability, broad.low, broad.begun_on) == (1, 1, begun)
        # Ten days known: the first path alone comes to thirty.
        assert (sustained.probability, sustained.begun_on) == (0.25, None)
        assert asked.days_in_season[0].known == 10

    def test_a_season_lasts_to_the_threshold(self):
        paths = drawn(["." * 6 + "x", "." * 5 + "x", "x" * 89 + ".x", "."], history=[1] * 60 + [80])
        found = answer(paths, date_window(paths.as_of, None, pd.Timestamp("2026-01-05")))
        lasts = {last.days: last.probability for last in found.season_lasts}
        assert lasts == {7: 0.5, 30: 0.25, 60: 0.25, 90: 0.25}

    def test_a_stronger_season_counts_for_weaker(self):
        broad = drawn([".....x", "."], history=[1.0] * 60)
        partial = drawn(["x.x.xx", "."], history=[60.0] * 60)
        inside = {"broad": broad.in_season["broad"], "partial": partial.in_season["broad"]}
        begins = {"broad": broad.begins["broad"], "partial": np.zeros_like(inside["broad"])}
        now = {"broad": broad.now["broad"], "partial": partial.now["broad"]}
        paths = Paths(broad.as_of, now, inside, begins, broad.over, 2)
        assert onsets_of(paths, "partial")[5].tolist() == [True, False]
        with pytest.raises(ValueError, match="kind must be one of sustained, broad, partial"):
            onsets_of(paths, "total")

    @pytest.mark.parametrize(("start", "end"), [("2025-12-31", "2026-02-01"), (None, "2030-01-01")])
    def test_windows_lie_within_three_years_after_as_of(self, start, end):
        start = start and pd.Timestamp(start)
        with pytest.raises(ValueError, match="the window must"):
            date_window(pd.Timestamp("2025-12-31"), start, pd.Timestamp(end))

    def test_paths_must_reach_what_is_asked(self):
        paths = drawn([".", "."], history=[1.0] * 60, reach=4)
        with pytest.raises(ValueError, match="to 2026-01-04, got 2026-01-05; simulate more days"):
            answer(paths, date_window(paths.as_of, None, pd.Timestamp("2026-01-05")))

    def test_the_year_is_that_of_the_day_after(self):
        assert year_window(pd.Timestamp("2026-12-31")).year == 2027
        window = year_window(pd.Timestamp("2026-06-06"))
        assert (str(window.start.date()), str(window.counts_from.date()), window.days) == (
            "2026-06-07",
            "2026-01-01",
            208,
        )
        assert year_window(pd.Timestamp("2026-06-06"), 2028).days == 366


class TestCredibleInterval:
    @pytest.mark.parametrize(("a", "b"), [(8, 4), (20, 2), (2, 2)])
    def test_the_chance_of_paths_is_taken_off(self, a, b):
        random = np.random.default_rng(0)
        chance = random.beta(a, b, 1_000)
        events = random.random((1_000, 25)) < chance[:, None]
        low, high = credible_interval(events.ravel(), 1_000)
        np.testing.assert_allclose([low, high], stats.beta.ppf([0.05, 0.95], a, b), atol=0.03)

    def test_one_chance_has_no_interval(self):
        events = np.random.default_rng(1).random(10_000) < 0.4
        low, high = credible_interval(events, 200)
        assert high - low < 0.1  # uncorrected: 2 * 1.64 * sqrt(0.24 / 50) = 0.23

    @pytest.mark.parametrize("share", [0.0, 1.0])
    def test_what_always_or_never_comes_has_none(self, share):
        assert credible_interval(np.full(100, share == 1), 10) == (share, share)


def test_a_prototype_gave_much_the_same(many):
    found = answer(many, year_window(many.as_of, 2026))
    broad = SimpleNamespace(**{c.kind: c.probability for c in found.chances})
    assert broad.broad == pytest.approx(0.90, abs=0.04)
    assert broad.sustained == pytest.approx(0.47, abs=0.08)
    quarters = [share for _, share in found.first_onset[1].quarters]
    np.testing.assert_allclose(quarters, [0.31, 0.26, 0.17, 0.10], atol=0.05)
