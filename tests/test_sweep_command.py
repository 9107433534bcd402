"""`train.py sweep` as a person uses it; and what it leaves in MLflow."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

import train
from models.cli.sweep_options import INTERRUPTED, spread
from models.errors import TrackingError
from models.sweep.specification import Specification
from models.sweep.summary import summarise
from models.tracking.sweeps import log_sweep
from tests.commands import run_command, squeezed
from tests.sweeps import fake, made_up
from tests.test_sweep_summary import ranked, swept


@pytest.fixture
def fast(monkeypatch):
    """Let every specification come to a result made up of its choices, at once."""

    monkeypatch.setattr("models.sweep.run.on_processes", fake)


def run(folder, *arguments):
    return run_command(
        train.app, "sweep", "--backend", "serial", "--store", folder / "results", "--no-log",
        *arguments,
    )  # fmt: skip


def test_options_take_several_values():
    args = ["--top", "20", "50", "--quiet", "14", "--json", "--jobs", "2"]
    assert spread(args, {"--top", "--quiet"}) == [
        "--top", "20", "--top", "50", "--quiet", "14", "--json", "--jobs", "2",
    ]  # fmt: skip
    assert spread(["--top=20", "--top", "50"], {"--top"}) == ["--top=20", "--top", "50"]


def test_a_dry_run_computes_nothing(tmp_path):
    result = run(tmp_path, "--threshold", 70, 80, "--top", 20, 50, "--dry-run")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "threshold 70, window 90 days, top 20, quiet 30 days, logistic"
    assert lines[-1].startswith("4 specifications, about 1 minute")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--window", 45], "need --source files, got window 45 and top 50"),
        (["--top", 30], "need --source files, got window 90 and top 30"),
        (["--threshold", 40], "threshold must be above 50"),
        (["--model", "pool", "--window", 60], "pool needs paths"),
        (["--scheduler", "tcp://h:1"], "--scheduler goes with --backend dask"),
        (["--without", "moon"], "without must be one of russell"),
        (["--grid", "grid.toml"], "No such option: --grid"),
        (["--horizons", "0"], "--horizons must be from 1"),
        (["--out", "table.xls"], "--out must end in"),
    ],
)
def test_what_cannot_be_is_refused_as_usage(tmp_path, arguments, message):
    result = run(tmp_path, *arguments)
    assert result.exit_code == 2, result.output
    words = squeezed(result.stderr)
    assert message in words


def test_a_sweep_leaves_its_table_and_picture_and_resumes(tmp_path, fast):
    files = [tmp_path / name for name in ("t.csv", "t.json", "c.svg")]
    asked = ["--threshold", 70, 80, "--top", 20, 50, "--no-progress"]
    first = run(tmp_path, *asked, "--out", files[0], "--curve", files[2])
    assert first.exit_code == 0, first.output
    table = pd.read_csv(files[0])
    assert table["threshold"].tolist() == [70.0, 70.0, 80.0, 80.0]
    assert files[2].read_text().startswith("<?xml")
    assert "The median of 4 specifications has Brier skill +0.60" in first.stdout
    again = run(tmp_path, *asked, "--out", files[1], "--json")
    assert again.exit_code == 0, again.output
    summary = json.loads(again.stdout)
    assert summary["evaluated"] == 4
    assert len(json.loads(files[1].read_text())) == 4
    more = run(tmp_path, "--threshold", 70, 75, 80, "--top", 20, 50)
    assert "4 of them were in" in more.stderr


def test_ctrl_c_ends_with_what_stands(tmp_path, monkeypatch):
    def interrupted(jobs, material, tasks, horizons):
        yield made_up(tasks[0], 0.1)
        raise KeyboardInterrupt

    monkeypatch.setattr("models.sweep.run.on_processes", interrupted)
    result = run(tmp_path, "--threshold", 70, 75, 80)
    assert result.exit_code == INTERRUPTED
    assert "Interrupted: 2 specifications left" in result.stdout
    assert "The median of 1 specification has" in result.stdout


# ---- MLflow ----


@pytest.fixture
def uri(tmp_path, empty_database):
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


def logged(sweep, uri, **options):
    return log_sweep(
        sweep, summarise(sweep), {"summary.json": b"{}"}, {"mlflow.note.content": "in words"},
        "2 specifications", tracking_uri=uri, **options,
    )  # fmt: skip


def test_one_run_a_sweep_and_one_a_specification(uri):
    sweep = swept(ranked([0.1, 0.3]))
    experiment_id, parent = logged(sweep, uri, experiment="sweeps")
    client = MlflowClient(uri, uri)
    run = client.get_run(parent)
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.note.content"] == "in words"
    assert run.data.params["threshold"] == "60, 61"
    # The headline is the median one's, here the lower of two.
    assert run.data.metrics["median_skill"] == pytest.approx(0.1)
    assert run.data.metrics["best_skill"] == pytest.approx(0.3)
    assert "best_by_chance_high" in run.data.metrics
    assert [each.path for each in client.list_artifacts(parent)] == ["summary.json"]
    children = client.search_runs([experiment_id], f"tags.mlflow.parentRunId = '{parent}'")
    assert {child.data.params["threshold"] for child in children} == {"60", "61"}
    for child in children:
        assert child.info.status == "FINISHED"
        assert child.data.params["without"] == "none"
        assert {"skill", "skill_30", "skill_60", "probability", "onsets"} <= set(child.data.metrics)


def test_an_interrupted_sweep_is_logged_as_killed(uri):
    sweep = swept([made_up(Specification(), 0.1)], interrupted=True)
    _, parent = logged(sweep, uri)
    assert MlflowClient(uri, uri).get_run(parent).info.status == "KILLED"


def test_a_store_that_fails_is_named(tmp_path):
    (tmp_path / "mlflow.db").write_text("no database")
    with pytest.raises(TrackingError, match=r"mlflow\.db"):
        logged(swept(ranked([0.1])), f"sqlite:///{tmp_path / 'mlflow.db'}")
