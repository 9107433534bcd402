"""The benchmarks run, at sizes that prove nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from benchmarks.__main__ import TaskName, main
from benchmarks.market import drawn_market, multiplied, read_market, written
from benchmarks.tasks import TASKS
from features.sources.directory import load_files
from tests.commands import run_command

ROOT = Path(__file__).parents[1]


def benchmarks(*arguments: object):
    app = typer.Typer()
    app.command()(main)
    return run_command(app, *arguments)


@pytest.mark.parametrize("from_directory", [False, True])
def test_each_task_prints_medians_and_ratios(from_directory, tmp_path):
    # predict and training cost a training each: their parts are tested where they belong.
    names = ("panel", "simulation", "interval", "outlook")
    source = ()
    if from_directory:
        source = ("--data-dir", written(drawn_market(55, 220), tmp_path / "market"))
    picked = [word for name in names for word in ("--only", name)]
    result = benchmarks("--tiny", "--repeat", 2, "--json", *picked, *source)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["schema"] == "altseason.benchmarks/1"
    rows = report["results"]
    counts = {"panel": 3, "simulation": 2, "interval": 3, "outlook": 3}
    assert [row["task"] for row in rows] == [name for name in names for _ in range(counts[name])]
    for row in rows:
        assert len(row["seconds"]) == 2
        assert 0 < row["minimum"] <= row["median"]
        first = next(other for other in rows if other["task"] == row["task"])
        assert row["ratio"] == pytest.approx(row["median"] / first["median"])
    assert rows[0]["row"] == "56 coins, 12320 rows"
    assert rows[2]["row"] == "218 coins, 47960 rows"  # Bitcoin and Ether stay single
    assert rows[-3]["row"] == "400 paths, 400 days"


def test_more_coins_leave_the_panel_alone(tmp_path):
    market = drawn_market(55, 220)
    once = load_files(written(market, tmp_path / "once"))
    more = load_files(written(multiplied(market, 4), tmp_path / "more"))
    assert more.series("season_index").equals(once.series("season_index"))
    assert len(once.series("season_index")) > 100
    assert set(read_market(tmp_path / "more")) == set(market)


def test_the_documentation_names_every_task():
    import benchmarks as package

    assert list(TaskName) == list(TASKS)
    assert all(f"**{name}**" in str(package.__doc__) for name in TASKS)
    assert "-m benchmarks" in (ROOT / "docs" / "operate.md").read_text()
