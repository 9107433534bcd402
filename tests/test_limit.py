"""The limit is measured in worlds that begin as the market stood; shares and intervals by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks import limit
from benchmarks.limit import BROAD, Counts, Study, world_weeks
from features.market.paths import Past
from features.market.season import breadth
from tests.test_simulation import drifting_market


def test_shares_and_deviations_by_quarter_by_hand():
    counts = Counts(np.array([4.0, 6.0]), np.array([[1.0], [3.0]]))
    share, error = counts.share()
    assert share == pytest.approx(4.5 / 11)
    # Both quarters miss the share: by 1 - 4 * 4.5 / 11 and by 3 - 6 * 4.5 / 11 of ten paths.
    misses = np.array([1 - 4 * 4.5 / 11, 3 - 6 * 4.5 / 11])
    assert error == pytest.approx(np.sqrt((misses**2).sum() / 100 * 2 / 3))
    assert counts.share(np.array([2.0, 0.0]))[0] == pytest.approx(2.5 / 9)


def test_a_world_begins_as_the_market_stood_and_forecasts_the_weeks_at_risk(monkeypatch):
    monkeypatch.setattr(limit, "PATHS", 40)
    market = drifting_market()
    seen = breadth(market, carried_days=(30, 60))
    start, past = 300, Past.of(market)
    before = seen["season_index"].to_numpy()[: start + 1][-BROAD.quiet_days - 1 :]
    weeks = world_weeks(past, start, before, np.random.default_rng(0))
    today = seen.iloc[start]
    expected = [today["season_index"], today["carried_breadth_30"], today["carried_breadth_60"]]
    assert weeks[0].features.tolist() == pytest.approx(expected)
    assert [week.known for week in weeks] == list(range(270, 89, -7))
    for week in weeks:
        assert (week.counts is not None) == week.at_risk[limit.AT_BROAD]
        # Quiet at 50 is quiet at 75, and 75 is never reached sooner.
        assert (np.diff(week.at_risk.astype(int)) >= 0).all()
        ahead = np.where(np.isnan(week.ahead), np.inf, week.ahead)[week.at_risk]
        assert (ahead[1:] >= ahead[:-1]).all()
        if week.counts is not None and week.to_the_day is not None:
            assert week.counts.paths.sum() == 40
            assert week.to_the_day.paths.sum() <= 40


def test_who_knows_scores_and_an_interval_without_doubt_holds_nothing():
    random = np.random.default_rng(0)
    chance = random.uniform(0.1, 0.9, (400, 3))
    counts = [Counts(np.array([500.0, 500.0]), np.array([500 * each, 500 * each]))
              for each in chance]  # fmt: skip
    names = ("knows", "blocks to the day", "hazard of 12 seasons", "pool")
    found = Study(
        world=np.arange(400) // 10, recent=np.ones(400, bool),
        outcome=(random.random((400, 3)) < chance).astype(float),
        chances={**dict.fromkeys(names[1:], np.full((400, 3), 0.5)), "knows": chance},
        counts=counts, replicates=np.broadcast_to(chance, (limit.REPLICATES, 400, 3)),
    )  # fmt: skip
    skill = found.skill("knows", 0)
    assert 0 < skill.low < skill.value < skill.high < 0.5
    assert found.skill("pool", 0).value == pytest.approx(0, abs=0.02)
    # Quarters that say the same leave nothing to doubt; both intervals are points at the truth.
    assert found.coverage(random).shape == (2, 3)
    since = np.array([0.5, 0.5, 0.5, 10.0])
    head, *rows = limit.table(found, random, since)
    assert head == ["", "30 days", "60 days", "90 days"]
    assert rows[-1][0] == "interval from blocks to 2019 holds the chance since, of 10 days"
    assert found.years() > 0
    assert pd.notna(found.years())
