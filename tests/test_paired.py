"""Two models side by side, in words and in JSON."""

from __future__ import annotations

import pandas as pd

from models.report.training_text import paired_json, paired_text
from models.training.run import LAYOUT
from models.verification.contrasts import next_onset
from models.verification.samples import common_rows, with_episodes
from models.verification.skill import paired_scores

DAYS = pd.date_range("2018-01-02", periods=120, freq="7D", unit="s")
ONSETS = DAYS[[20, 60, 100]] + pd.Timedelta(days=3)


def hindcast(probability):
    return pd.DataFrame(
        {"as_of": DAYS, "kind": "broad", "horizon": "30", "probability": probability,
         "base_rate": 0.1, "outcome": ((next_onset(DAYS, ONSETS)[1] - DAYS).days <= 30) * 1.0,
         "resolved_on": DAYS + pd.Timedelta(days=30)}
    )  # fmt: skip


def test_a_comparison_is_written_in_words_and_in_json():
    rows = with_episodes(
        common_rows(hindcast(0.05), hindcast(0.9), layout=LAYOUT), {"broad": ONSETS}
    )
    table = paired_scores(rows, step_days=7, layout=LAYOUT)
    text = paired_text(table, "pool (version 1)", "logistic (version 2)")
    assert "first better" in text
    assert max(map(len, text.splitlines())) <= 100
    content = paired_json(table, "a", "b")
    assert [row["horizon_days"] for row in content["rows"]] == [30, None]
    assert content["rows"][0]["verdict"] == "better"
