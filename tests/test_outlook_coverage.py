"""What the intervals of the outlook hold, on simulated histories whose truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.outlook_coverage import (
    HORIZONS,
    WORLDS,
    chance_coverage,
    draw_spells,
    true_chances,
)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return chance_coverage(n_histories=80, seed=1)


STILL = ("exponential", "weibull 1.3", "weibull 0.8")


@pytest.mark.parametrize("world", STILL)
def test_the_interval_holds_what_it_promises(table, world):
    posterior = table[table["world"] == world]
    # 80 histories: a true 90 % is seen between 81 and 98 % in 99 of 100 such studies.
    assert posterior["coverage"].between(0.81, 0.98).all()
    assert (posterior["mean_forecast"] - posterior["mean_true"]).abs().max() < 0.06


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
