"""What may be said of a sweep: the median first, the best only beside chance."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from models.report.style import png
from models.report.sweep_figures import specification_curve
from models.report.sweep_text import (
    grid_text,
    sentences,
    summary_json,
    sweep_text,
    table_bytes,
    table_text,
)
from models.sweep.evaluate import Failure
from models.sweep.influence import additive_share, influences
from models.sweep.run import Sweep
from models.sweep.specification import DEFAULT_AXES, Specification, grid
from models.sweep.summary import SCHEMA, best_by_chance, summarise
from models.verification.contrasts import window_contrasts
from models.verification.intervals import skill_interval
from tests.commands import ROOT
from tests.sweeps import HORIZONS, made_up

UNTIL = pd.Timestamp("2026-06-06")


def swept(results, failures=(), interrupted=False) -> Sweep:
    asked = tuple(each.specification for each in (*results, *failures))
    return Sweep(asked, tuple(results), tuple(failures), HORIZONS, 0, interrupted, UNTIL, "0" * 64)


def ranked(skills, **options) -> list:
    """Return results of given skills, a threshold each, on the reference score 0.2."""
    return [
        made_up(Specification(threshold=60.0 + at), 0.2 * (1 - skill), **options)
        for at, skill in enumerate(skills)
    ]


# ---- by chance ----


def noise(random, weeks: int = 400) -> np.ndarray:
    return np.clip(0.2 + 0.1 * random.standard_normal(weeks), 0.01, None)


def test_the_best_of_one_reaches_as_far_as_its_interval():
    random = np.random.default_rng(0)
    score, reference = noise(random), noise(random)
    result = made_up(Specification(), score, reference)
    contrasts = window_contrasts(
        pd.DatetimeIndex(result.trace["as_of"]), horizon_days=60, step_days=7
    )
    own = skill_interval(score, reference, contrasts)
    found = best_by_chance([result], 60, draws=40_000)
    assert found.high == pytest.approx(own.high - own.value, rel=0.03)
    assert found.median == pytest.approx(0, abs=0.02 * found.high)
    # The same forecasts under another name are no second chance.
    again = best_by_chance(
        [result, made_up(Specification(top=20), score, reference)], 60, draws=40_000
    )
    assert again.high == found.high
    assert again.specifications == 2


def test_more_independent_ones_find_more_by_chance():
    random = np.random.default_rng(1)
    results = [made_up(Specification(top=n), noise(random), 0.2) for n in range(1, 41)]
    few, many = best_by_chance(results[:4], 60), best_by_chance(results, 60)
    assert 0 < few.median < many.median < many.high
    assert few.high < many.high


def test_noise_is_seldom_better_than_its_chance():
    """Of forty worlds without skill about two may find a best one that chance would not give."""
    surprises = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        results = [made_up(Specification(top=n), noise(random), noise(random)) for n in range(1, 9)]
        best = max(each.figures["skill"] for each in results)
        surprises += best > best_by_chance(results, 60, draws=2_000).high
    assert surprises <= 6


def test_too_few_days_say_nothing_of_chance():
    found = best_by_chance([made_up(Specification(), 0.1, weeks=20)], 60)
    assert np.isnan(found.high)
    assert found.specifications == 0


# ---- influences ----


def test_shares_of_a_whole_grid_add_up_to_what_is_additive():
    random = np.random.default_rng(0)
    rows = [
        {"threshold": t, "top": n, "quiet_days": q, "candidate": "logistic"}
        for t in (70, 75, 80) for n in (20, 50) for q in (14, 30)
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    additive = 0.1 * table["threshold"] + 0.02 * table["top"]
    table["skill"] = additive + 0.1 * random.standard_normal(len(table))
    found = influences(table, "skill")
    assert [each.axis for each in found[:2]] == ["threshold", "top"]
    assert sum(each.share for each in found) == pytest.approx(additive_share(table, "skill"))
    assert 0.9 < additive_share(table, "skill") < 1
    reach = max(found[0].means.values()) - min(found[0].means.values())
    assert reach == pytest.approx(1.0, abs=0.15)
    # Two choices that only matter together explain nothing alone.
    table["skill"] = np.where((table["top"] == 20) == (table["quiet_days"] == 14), 1.0, 0.0)
    assert additive_share(table, "skill") == pytest.approx(0)
    table["skill"] = 0.5
    assert np.isnan(additive_share(table, "skill"))


# ---- the summary ----


def test_the_headline_is_the_median_never_the_best():
    results = ranked([0.3, 0.0, 0.1, 0.25, 0.05], probability=0.5)
    summary = summarise(swept(results, [Failure(Specification(top=20), "no days")]))
    assert summary is not None
    assert summary.median.specification == results[2].specification
    assert summary.median.rank == 3
    assert summary.best.specification == results[0].specification
    assert (summary.asked, summary.evaluated, summary.failed) == (6, 5, 1)
    # Intervals are 0.1 wide either way; one that ends at 0 does not lie above it.
    assert (summary.better, summary.worse) == (2, 0)
    assert summary.default is None
    said = sentences(summary)
    assert said[0].startswith("The median of 5 specifications has Brier skill +0.10 [0.00, +0.20]")
    assert "above 0 in 2 of them" in said[0]
    assert said[1].startswith("The best of 5 has +0.30")
    assert "once in twenty times" in said[1]
    assert "not among them" in " ".join(said)


def test_of_an_even_number_the_lower_middle_speaks():
    results = ranked([0.4, 0.3, 0.2, 0.1])
    summary = summarise(swept(results))
    assert summary is not None
    assert summary.median.specification == results[2].specification


def test_the_default_and_the_year_are_told():
    results = [
        made_up(Specification(top=n), 0.2 * (1 - 0.01 * n), probability=n / 100, begun=n == 100)
        for n in (20, 50, 100)
    ]
    summary = summarise(swept(results))
    assert summary is not None
    assert summary.default is not None
    assert summary.default.rank == 2
    year = summary.year
    assert year is not None
    assert (year.low, year.median, year.high, year.begun) == (0.2, 0.5, 1.0, 1)
    assert year.explained == pytest.approx(1)
    text = " ".join(sentences(summary))
    assert "ranks 2 of 3 with +0.50" in text
    assert "P(a broad season begins in 2026): median 50 %, from 20 % to 100 %" in text
    assert "1 of them have seen an onset" in text
    assert "Top moves the skill most: on average +0.20 with top 20, +1.00 with top 100" in text


def test_a_summary_is_plain_json():
    summary = summarise(swept(ranked([0.1, 0.2])))
    content = json.loads(summary_json(summary))
    assert content["schema"] == SCHEMA
    assert content["until"] == "2026-06-06"
    assert content["median"]["skill"] == pytest.approx({"value": 0.1, "low": 0.0, "high": 0.2})
    assert content["sentences"] == sentences(summary)
    assert json.loads(summary_json(None)) is None


def test_nothing_evaluated_is_said_too():
    failed = swept([], [Failure(Specification(), "no days")], interrupted=True)
    assert summarise(failed) is None
    text = sweep_text(failed, None)
    assert "nothing to say" in text
    assert "not evaluated: threshold 75, window 90 days" in text
    assert text.endswith("no\n  days")
    assert table_text(failed) == ""
    interrupted = Sweep(
        (Specification(), Specification(top=20)), (), (), HORIZONS, 0, True, UNTIL, ""
    )
    assert "Interrupted: 2 specifications left" in sweep_text(interrupted, None)


# ---- tables and pictures ----


def test_tables_hold_every_bit(tmp_path):
    table = swept(ranked([1 / 3, 0.1, np.pi / 10])).table()
    for ending, read in ((".parquet", pd.read_parquet), (".csv", pd.read_csv)):
        path = tmp_path / f"table{ending}"
        path.write_bytes(table_bytes(table, ending))
        again = read(path)
        assert again["skill"].tolist() == table["skill"].tolist()
    rows = json.loads(table_bytes(table, ".json"))
    assert [row["skill"] for row in rows] == table["skill"].tolist()
    lines = table_text(swept(ranked([0.1, 0.2]))).splitlines()
    assert lines[0].split() == ["30", "days", "60", "days", "together", "P(2026)"]
    assert lines[1].split()[:5] == ["threshold", "60", "+0.10", "[0.00,", "+0.20]"]


def test_a_dry_run_prints_the_grid_and_its_time():
    made = grid({"top": (20, 50), "window_days": (60, 90), "candidate": ("logistic", "pool")})
    lines = grid_text(made, jobs=2).splitlines()
    assert len(lines) == 5 + 1 + 1
    assert lines[-2].startswith("left out, 3 specifications: pool needs paths")
    assert lines[-1] == "5 specifications, about 1 minute with --jobs 2."
    untimed = grid_text(grid({"candidate": ("logistic", "lightgbm_all")}), jobs=1)
    assert "1 of a model that was never timed not counted" in untimed
    default = grid_text(grid(DEFAULT_AXES), jobs=2)
    assert default.splitlines()[-1].startswith("162 specifications, about 5 minutes")


def test_the_curve_shows_each_specification_once_in_order():
    results = [
        made_up(Specification(top=n, window_days=w), 0.2 - n / 1000 - w / 10_000)
        for n in (20, 50, 100) for w in (60, 90)
    ]  # fmt: skip
    table = swept(results).table()
    figure = specification_curve(table, by_chance=0.12)
    above, below = figure.axes
    heights = above.collections[1].get_offsets()[:, 1]
    assert heights.tolist() == sorted(table["skill"])
    assert [label.get_text() for label in below.get_yticklabels()] == [
        "window 60 days", "window 90 days", "top 20", "top 50", "top 100",
    ]  # fmt: skip
    assert sum(len(dots.get_offsets()) for dots in below.collections) == 2 * len(table)
    labels = [text.get_text() for text in above.get_legend().get_texts()]
    assert any("own definition" in label for label in labels)
    assert any("once in twenty" in label for label in labels)
    assert png(figure) == png(specification_curve(table, by_chance=0.12))


def test_the_shipped_sweep_is_in_the_docs():
    text = (ROOT / "docs" / "sweep.md").read_text(encoding="utf-8")
    region = text.split("<!-- sweep -->")[1].split("<!-- /sweep -->")[0]
    assert f"The median of {len(grid(DEFAULT_AXES).specifications)} specifications" in region
    assert "once in twenty times" in " ".join(region.split())
