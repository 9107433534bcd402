"""Two models on the days that both have: worked by hand, refused where the events differ."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.report.paired_text import paired_json, paired_text
from models.verification.skill import compare
from models.verification.skill import NotComparable, common_rows, paired_scores

DAYS = pd.date_range("2018-01-02", periods=120, freq="7D", unit="s")
ONSETS = {"broad": pd.DatetimeIndex(DAYS[[20, 60, 100]] + pd.Timedelta(days=3))}


def hindcast(probability, days=DAYS, horizon=30) -> pd.DataFrame:
    ends = days + pd.Timedelta(days=horizon)
    outcome = [float(((ONSETS["broad"] > a) & (ONSETS["broad"] <= b)).any())
               for a, b in zip(days, ends, strict=True)]  # fmt: skip
    return pd.DataFrame(
        {"as_of": days, "kind": "broad", "horizon_days": horizon, "probability": probability,
         "climatology": 0.1, "outcome": outcome}
    )  # fmt: skip


def test_skills_and_difference_are_those_of_the_common_days():
    first, second = hindcast(0.2), hindcast(0.3, DAYS[40:])
    table = paired_scores(first, second, ONSETS, step_days=7)
    row = table[table["horizon_days"] == 30].iloc[0]
    y = first["outcome"].to_numpy()[40:]
    by_hand = [np.mean((p - y) ** 2) for p in (0.2, 0.3, 0.1)]
    assert row["days"] == 80
    assert row["first_skill"] == pytest.approx(1 - by_hand[0] / by_hand[2])
    assert row["second_skill"] == pytest.approx(1 - by_hand[1] / by_hand[2])
    assert row["difference"] == pytest.approx(by_hand[0] - by_hand[1])
    assert row["difference_low"] <= row["difference"] <= row["difference_high"]
    whole = table[table["horizon_days"].isna()].iloc[0]
    assert whole["first_skill"] == pytest.approx(row["first_skill"])


def test_the_interval_is_that_of_two_candidates_of_one_training():
    random = np.random.default_rng(0)
    first, second = (hindcast(random.uniform(0.05, 0.6, len(DAYS))) for _ in range(2))
    table = paired_scores(first, second, ONSETS, step_days=7)
    one = pd.concat([first.assign(model="a"), second.assign(model="b")])
    expected = compare(one, "a", ["b"], ONSETS, step_days=7).iloc[0]
    for name in ("difference", "difference_low", "difference_high", "verdict"):
        assert table.iloc[0][name] == expected[f"brier_{name}"]


def test_swapping_them_turns_the_difference():
    random = np.random.default_rng(1)
    first, second = (hindcast(random.uniform(0.05, 0.6, len(DAYS))) for _ in range(2))
    there, back = (paired_scores(*pair, ONSETS, step_days=7).iloc[0]
                   for pair in ((first, second), (second, first)))  # fmt: skip
    assert there["difference"] == pytest.approx(-back["difference"])
    assert there["difference_low"] == pytest.approx(-back["difference_high"])


def test_an_outcome_that_one_did_not_know_is_the_other_s():
    first = hindcast(0.2)
    first.loc[first.index[-10:], "outcome"] = np.nan
    assert common_rows(first, hindcast(0.3))["outcome"].notna().all()


def test_other_events_and_other_days_are_refused():
    other = hindcast(0.3)
    other.loc[5, "outcome"] = 1 - other.loc[5, "outcome"]
    with pytest.raises(NotComparable, match=r"of 1 of 120 windows, first of the 30 days after"):
        common_rows(hindcast(0.2), other)
    with pytest.raises(NotComparable, match="no day, kind and horizon in common"):
        common_rows(hindcast(0.2), hindcast(0.2, DAYS + pd.Timedelta(days=1)))


def test_it_is_told_in_words_and_in_json():
    table = paired_scores(hindcast(0.05), hindcast(0.9), ONSETS, step_days=7)
    text = paired_text(table, "pool (version 1)", "logistic (version 2)")
    assert "first better" in text
    assert max(map(len, text.splitlines())) <= 100
    content = paired_json(table, "a", "b")
    assert [row["horizon_days"] for row in content["rows"]] == [30, None]
    assert content["rows"][0]["verdict"] == "better"
