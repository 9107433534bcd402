"""Paths and their answers: coherent from every state, exact where there is a closed form."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from features.market.season import daily
from models.outlook.level import handed_over
from models.outlook.path_onsets import kinds_of, onsets_of, pending
from models.outlook.paths import Paths, simulate
from models.outlook.posterior import cumulative_hazard, fit_spells
from models.outlook.renewal import fit_renewal
from models.outlook.waiting import credible_interval, waiting_times
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
        by_kind = cumulative(paths, days=500)
        assert list(by_kind) == ["sustained", "broad", "partial"]
        for curve in by_kind.values():
            assert (curve["probability"].diff().iloc[1:] >= 0).all()
            assert (curve["low"] <= curve["probability"]).all()
            assert (curve["probability"] <= curve["high"]).all()
        for stronger, weaker in pairwise(by_kind.values()):
            assert (stronger["probability"] <= weaker["probability"]).all()

    def test_windows_add_up(self, many):
        whole, early = (waiting_times(many, 0, last, 0.9) for last in (364, 179))
        late = waiting_times(many, 180, 364, 0.9)
        for kind in kinds_of(many):
            chance = [each[kind].by_day[-1] for each in (whole, early, late)]
            assert max(chance[1:]) <= chance[0] <= sum(chance[1:])
            np.testing.assert_array_equal(whole[kind].by_day[:180], early[kind].by_day)


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
        by_kind = cumulative(many, days=730)
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

    def test_near_term_is_handed_over_to_the_process(self, make):
        hazards = np.array([[0.05, 0.1, 0.2], [0.15, 0.2, 0.4]])
        paths = make(AT_RISK, n_paths=10_000, days=400, near_term={"broad": hazards})
        curve = cumulative(paths, days=400)["broad"]["probability"].to_numpy()
        survival = np.cumprod(1 - hazards, axis=1)
        np.testing.assert_allclose(curve[[29, 59, 89]], 1 - survival.mean(axis=0), atol=1e-9)
        # Constant hazard within a lead: half-way through the second its root.
        half = (survival[:, 0] * np.sqrt(1 - hazards[:, 1])).mean()
        assert curve[44] == pytest.approx(1 - half, abs=1e-9)
        # From day 90 on, by the posterior's grid: a quarter of the process, half, three quarters.
        now, post = paths.now["broad"], fit_of(paths, "broad")
        spent = [
            cumulative_hazard(now.elapsed + day, post.shape[:, None], post.scale)
            for day in (90, 120, 150, 180, 400)
        ]
        process = [1 - np.exp(before - after) for before, after in pairwise(spent)]
        alive = 0.0
        for near in hazards:
            fading = [
                (1 - w) * near[-1] + w * p
                for w, p in zip((1 / 4, 1 / 2, 3 / 4), process, strict=False)
            ]
            rest = np.prod([1 - each for each in fading], axis=0) * (1 - process[-1])
            alive += np.prod(1 - near) * (rest * post.weight).sum() / len(hazards)
        assert 1 - curve[399] == pytest.approx(alive, abs=0.02)
        assert np.diff(curve[85:185]).max() < 0.02

    def test_a_hand_over_by_hand(self):
        near, process = np.array([[0.1], [0.2], [0.4]]), np.full((6, 1), 0.2)
        mixed = handed_over(near, process).ravel()
        np.testing.assert_allclose(mixed, [0.1, 0.2, 0.4, 0.35, 0.3, 0.25])

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
            ({"near_term": {"huge": np.zeros((1, 3))}}, "of the same kinds"),
            ({"near_term": {"broad": np.full((1, 3), 1.5)}}, r"in \[0, 1\]"),
            ({"near_term": {"broad": np.zeros(3)}}, "one row a replicate"),
        ],
    )
    def test_errors_name_the_rule(self, make, change, message):
        with pytest.raises(ValueError, match=message):
            make(AT_RISK, **change)


def cumulative(paths: Paths, days: int) -> dict[str, pd.DataFrame]:
    """Chances of a first onset by the end of each day, with the ends of their intervals."""
    return {
        kind: pd.DataFrame(
            {
                "probability": wait.by_day,
                **dict(zip(("low", "high"), wait.bounds(slice(None)), strict=True)),
            }
        )
        for kind, wait in waiting_times(paths, 0, days - 1, 0.9).items()
    }


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


class TestCounts:
    def test_a_year_counted_by_hand(self):
        first = "." * 31 + "x" * 30
        second = "." * 59 + "x"
        paths = drawn([first, second, ".", "."], history=[1.0] * 60)
        waits = waiting_times(paths, 0, 364, 0.9)
        assert waits["broad"].by_day[[30, 31, 58, 59, 364]].tolist() == [0, 0.25, 0.25, 0.5, 0.5]
        # Thirty of ninety days: the first path alone.
        assert waits["sustained"].by_day[[30, 31, 364]].tolist() == [0, 0.25, 0.25]
        assert waits["broad"].first.tolist() == [31, 59, 365, 365]

    def test_a_season_under_way_becomes_sustained_or_not(self):
        # An onset on 22 December, ten days at the threshold: the first path alone comes to thirty.
        paths = drawn(["x" * 20, "x" * 19, ".", "x"], history=[1.0] * 60 + [80.0] * 10)
        assert pending(paths, pd.Timestamp("2025-12-22")).tolist() == [True, False, False, False]
        assert not pending(paths, pd.Timestamp("2025-12-23")).any()
        assert waiting_times(paths, 0, 364, 0.9)["broad"].by_day[-1] == 0

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
