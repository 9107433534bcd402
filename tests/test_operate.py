"""The program as it is operated: schedule, ledger, replay, and what a forecast loads."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from mlflow.tracking import MlflowClient

import predict
import train
from features.reference.load import load_reference
from models.cli.options import ExitCode
from models.training.run import Settings
from models.training.run import train as train_all
from tests.commands import ROOT, run_command, runs_of, squeezed
from tests.embedded import END, after, iso

PAGE = (ROOT / "docs" / "operate.md").read_text()
LAST = "2017-03-14"
QUICK = ("--model", "logistic", "--jobs", "1", "--horizons", "30,90", "--until", LAST,
         "--hindcast-out", "hindcast.parquet")  # fmt: skip


def block(language: str) -> str:
    """Return the page's only block of code in a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.S)
    return found


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as the page has it, on the embedded history and with a quick training."""
    for script in ("train.py", "predict.py"):
        if not (folder / script).exists():
            (folder / script).symlink_to(ROOT / script)
    binaries = folder / ".venv" / "bin"
    binaries.mkdir(parents=True, exist_ok=True)
    python = binaries / "python"
    if not python.exists():
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
    reporter = binaries / "gh"
    reporter.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > issue\n')
    reporter.chmod(0o755)
    quick = command.replace("train.py", f"train.py {' '.join(QUICK)}")
    return subprocess.run(
        ["bash", "-e", "-c", quick], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}", "NO_COLOR": "1",
             "SOURCE": "--source reference", "HOME": str(folder.parent),
             "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db", "PYTHONPROFILEIMPORTTIME": "1",
             "GIT_CONFIG_GLOBAL": "/dev/null", "GITHUB_OUTPUT": str(folder / "output")},
    )  # fmt: skip


@pytest.fixture(scope="module")
def workflow() -> dict:
    return yaml.safe_load(block("yaml"))


@pytest.fixture(scope="module")
def operated(tmp_path_factory, workflow):
    """A copy of the repository in which the steps of the workflow ran, and what each gave."""
    folder = tmp_path_factory.mktemp("home") / "altseason"
    remote = folder.with_name("remote.git")
    subprocess.run(["git", "init", "--quiet", "--bare", remote], check=True)
    subprocess.run(["git", "clone", "--quiet", remote, folder], check=True, capture_output=True)
    (folder / "market").mkdir()
    steps = {
        step["name"]: step["run"] for step in workflow["jobs"]["forecast"]["steps"] if "run" in step
    }
    assert steps.pop("Install") == "python -m pip install -c constraints.txt -e ."
    del steps["Alert"]  # nothing fires
    done = {name: shell(command, folder) for name, command in steps.items()}
    return folder, done


# --- schedule ------------------------------------------------------------------------------------


def test_the_workflow_is_complete(workflow):
    assert set(workflow["permissions"]) == {"contents", "issues", "pages", "id-token"}
    triggers = workflow[True]  # YAML 1.1 reads the key `on` as true
    (schedule,) = triggers["schedule"]
    assert re.fullmatch(r"[0-9]+ [0-9]+ \* \* \*", schedule["cron"])
    assert all(set(step) & {"run", "uses"} for step in workflow["jobs"]["forecast"]["steps"])


def test_each_step_of_the_workflow_works(operated):
    folder, done = operated
    assert {name: result.returncode for name, result in done.items()} == dict.fromkeys(done, 0), [
        result.stderr for result in done.values()
    ]
    assert "recorded in forecasts.jsonl, line 1, as a replay" in done["Forecast"].stderr
    printed = (folder / "forecast.txt").read_text()
    assert printed.startswith("no alert: broad:30>=0.5 (")
    assert "Chance that a broad altcoin season begins" in printed
    assert (folder / "output").read_text() == "code=0\n"
    assert "altcoin season" in (folder / "public" / "index.html").read_text()
    assert json.loads((folder / "public" / "forecast.json").read_text())["as_of"] == iso(END)
    assert f"\n1 line, as of {iso(END)}" in done["Score"].stdout
    log = subprocess.run(
        ["git", "--git-dir", folder.with_name("remote.git"), "log", "--format=%s %an", "--stat"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert log.stdout.startswith("Forecast of 20")
    assert "forecasts.jsonl | 1 +" in log.stdout


def test_an_alert_of_the_workflow_is_told_once(operated, workflow, tmp_path):
    folder, _ = operated
    steps = {step.get("name"): step for step in workflow["jobs"]["forecast"]["steps"]}
    assert steps["Alert"]["if"] == "steps.forecast.outputs.code == '4'"
    for name in ("mlflow.db", "mlartifacts"):
        (tmp_path / name).symlink_to(folder / name)
    certain = steps["Forecast"]["run"].replace("broad:30>=0.5", "broad:30>=0")
    for code in (4, 0):
        (tmp_path / "output").unlink(missing_ok=True)
        done = shell(certain, tmp_path)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "output").read_text() == f"code={code}\n"
        if code == 4:
            told = shell(steps["Alert"]["run"], tmp_path)
            assert told.returncode == 0, told.stderr
            issue = (tmp_path / "issue").read_text()
            assert "--title\nALERT: broad:30>=0 (" in issue


def test_each_line_of_the_crontab_works(operated):
    folder, _ = operated
    lines = block("cron").splitlines()
    settings = [line for line in lines if re.match("[A-Z_]+=", line)]
    assert settings == ["CRON_TZ=UTC", "SHELL=/bin/bash",
                        "SOURCE=--source files --data-dir market"]  # fmt: skip
    jobs = [re.fullmatch(r"\d+ \d+ \* \* [*1]  (.*)", line) for line in lines[len(settings) :]]
    assert [job.group(1).split()[4] for job in jobs] == ["train.py", "predict.py", "predict.py"]
    assert not any("%" in line for line in lines)  # cron would end the command there
    for job in jobs[1:]:  # the training is the workflow's
        done = shell(job.group(1), folder)
        assert done.returncode == 0, done.stderr
    assert (
        "already in forecasts.jsonl, line 1; nothing was added."
        in (folder / "forecast.log").read_text()
    )
    assert "\n1 line" in (folder / "score.txt").read_text()


# --- ledger --------------------------------------------------------------------------------------


@pytest.fixture
def store(operated, tmp_path, monkeypatch) -> str:
    """The store of the workflow, seen from an empty working directory."""
    monkeypatch.chdir(tmp_path)
    return f"sqlite:///{operated[0] / 'mlflow.db'}"


def test_the_printed_forecast_is_recorded(store, tmp_path):
    arguments = ("--as-of", "2018-01-02", "--json", "--tracking-uri", store)
    result = run_command(predict.app, "--record", "--ledger", "mine.jsonl", *arguments)
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert printed == json.loads(run_command(predict.app, *arguments).stdout)
    stored = json.loads((tmp_path / "mine.jsonl").read_text())
    own = [{k: v for k, v in w.items() if k != "by_date"} for w in stored["windows"]
           if not w["by_date"]]  # fmt: skip
    assert own == printed["forecasts"]
    assert [(w["kind"], w["window_end"]) for w in stored["windows"] if w["by_date"]] == [
        (row["kind"], row["date"]) for row in printed["by_date"]
    ]
    assert stored["thresholds"] == {"broad": 75.0, "partial": 50.0}
    assert stored["data"]["digest"] == printed["data"]["digest"]
    tags = MlflowClient(store).get_run(stored["model"]["run_id"]).data.tags
    assert stored["model"]["forecaster_sha256"] == tags["forecaster_sha256"]
    assert {"python", "pandas", "altseason"} <= stored["versions"].keys()
    assert stored["commit"]


def test_past_days_are_scored_as_replays(store):
    for day in ("2018-01-02", "2018-05-01", "2018-05-08", iso(END)):
        assert (
            run_command(predict.app, "--as-of", day, "--record", "--tracking-uri", store).exit_code
            == 0
        )
    record = json.loads(run_command(predict.app, "score", "--json").stdout)
    assert record["schema"] == "altseason.ledger_score/1"
    assert {row["made"] for row in record["scores"]} == {"replay"}
    hindcast = load_reference().digest
    assert record["data"]["digest"] == hindcast
    broad = {
        row["as_of"]: row["status"]
        for row in record["windows"]
        if (row["kind"], row["horizon_days"]) == ("broad", 30)
    }
    assert broad == {
        "2018-01-02": "no_forecast", "2018-05-01": "resolved", "2018-05-08": "resolved",
        iso(END): "open",
    }  # fmt: skip
    said = run_command(predict.app, "score").stdout
    assert "Forecasts made ahead of time\n  none\n" in said
    assert "no season could begin, so nothing was forecast" in said
    assert f"on {iso(after(30))}: broad 75, climatology, as of {iso(END)} (replay): " in said


def test_a_timely_line_is_scored_as_forecast(store, monkeypatch):
    for day in ("2018-05-01", "2018-05-08", iso(END)):
        next_morning = pd.Timestamp(day) + pd.Timedelta(hours=30)
        monkeypatch.setattr(predict, "now", lambda instant=next_morning: instant)
        result = run_command(predict.app, "--as-of", day, "--record", "--tracking-uri", store)
        assert "replay" not in result.stderr
    record = json.loads(run_command(predict.app, "score", "--json").stdout)
    month = record["scores"][0]
    assert (month["made"], month["kind"], month["horizon_days"]) == ("ahead", "broad", 30)
    assert (month["resolved"], month["open"], month["next_resolved_on"]) == (2, 1, iso(after(30)))
    assert month["brier"] == pytest.approx(
        np.mean([(w["probability"] - w["outcome"]) ** 2 for w in record["windows"]
                 if (w["kind"], w["horizon_days"], w["status"]) == ("broad", 30, "resolved")])
    )  # fmt: skip
    said = run_command(predict.app, "score").stdout
    assert "Replays: recorded too late to be forecasts, no evidence of skill\n  none\n" in said
    assert "  broad 75, climatology\n  30 days              2 " in said


def test_a_torn_line_warns_an_edited_fails(store, tmp_path):
    ledger = tmp_path / "forecasts.jsonl"
    record = ("--record", "--as-of", "2018-05-01", "--tracking-uri", store)
    ledger.write_text('{"schema": "altseason.ledger/1", "id"')
    result = run_command(predict.app, *record)
    assert result.exit_code == 0
    assert "forecasts.jsonl, line 1 was cut off and does not count" in result.stderr
    assert "recorded in forecasts.jsonl, line 2" in result.stderr
    scored = run_command(predict.app, "score")
    assert (scored.exit_code, scored.stderr.count("cut off")) == (0, 1)
    ledger.write_text(ledger.read_text().replace('"broad"', '"bread"'))
    for arguments in (record, ("score",)):
        result = run_command(predict.app, *arguments)
        assert (result.exit_code, result.stdout) == (ExitCode.DATA, "")
        assert "forecasts.jsonl, line 2: not as it was recorded" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("score",), 3, "the ledger forecasts.jsonl cannot be read (no such file)"),
        (("score", "--ledger", "."), 3, "the ledger . cannot be read: it is no file"),
        (("--ledger", "a.jsonl"), 2, "--ledger goes with --record"),
        (("--record", "--ledger", "."), 2, "--ledger: . is no file"),
        (("--record", "--ledger", "no/a.jsonl"), 2, "--ledger: there is no directory no"),
        (("--record", "--history", "2018-01-01", "2018-01-02"), 2, "exclude each other"),
        (("--record", "score"), 2, "--record must stand behind 'score'"),
        (("--record", "--ledger", "/dev/zero"), 2, "--ledger: /dev/zero is no file"),
        (("score", "--ledger", "/dev/zero"), 3, "cannot be read: it is no file"),
    ],
)
def test_mistakes_are_one_message_and_leave_nothing(
    arguments, code, message, store, tmp_path, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    result = run_command(predict.app, *arguments)
    assert result.exit_code == code
    assert message in squeezed(result.stderr)
    assert result.stdout == ""
    assert not list(tmp_path.iterdir())


# --- replay --------------------------------------------------------------------------------------


def forecasts_of(day: str, uri: str, model: str = "champion") -> dict[tuple[str, int], dict]:
    result = run_command(
        predict.app, "--as-of", day, "--json", "--tracking-uri", uri, "--model", model
    )
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)["forecasts"]
    return {(row["kind"], row["horizon_days"]): row for row in rows}


def candidate_runs(uri: str, until: str) -> dict[str, str]:
    """Return the run of each candidate that was trained until a day."""
    return {
        r.data.params["candidate"]: r.info.run_id
        for r in runs_of(uri)
        if "mlflow.parentRunId" in r.data.tags and r.data.params["until"] == until
    }


@pytest.mark.parametrize("day", [LAST, "2017-02-28"])  # between two refits, and a refit day
def test_a_past_day_is_its_hindcast_row(day, operated, tmp_path, reference):
    folder, _ = operated
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    if day != LAST:  # else that is the workflow's own training
        uri = f"sqlite:///{shutil.copy(folder / 'mlflow.db', tmp_path / 'then.db')}"
        done = run_command(train.app, *QUICK[:6], "--until", day, "--tracking-uri", uri)
        assert done.exit_code == 0, done.output
    later = train_all(
        reference, Settings(candidates=("logistic",), horizons=(30, 90), replicates=1),
        until=pd.Timestamp("2017-04-04"),
    )  # fmt: skip
    rows = later.hindcast[later.hindcast["as_of"] == day]
    assert set(rows["model"]) == {"climatology", "logistic"}
    runs = candidate_runs(uri, day)
    for name, own in rows.groupby("model"):
        said = forecasts_of(day, uri, runs[name])
        for row in own.itertuples():
            assert said[row.kind, row.horizon_days]["probability"] == row.probability
            assert said[row.kind, row.horizon_days]["climatology"] == row.climatology
    written = pd.read_parquet(folder / "hindcast.parquet")
    columns = ["as_of", "model", "kind", "horizon_days", "probability"]
    both = written.merge(later.hindcast, on=columns[:-1])
    assert len(both) == len(written)
    assert (both["probability_x"] == both["probability_y"]).all()


# --- what a forecast loads -----------------------------------------------------------------------


def loaded(stderr: str) -> set[str]:
    """Return the modules in the interpreter's own table of imports."""
    rows = [line.split("|") for line in stderr.splitlines() if line.startswith("import time:")]
    return {row[2].strip() for row in rows}


def test_a_forecast_loads_no_more_than_it_needs(operated):
    modules = loaded(operated[1]["Forecast"].stderr)
    assert {"mlflow", "pandas", "sklearn.linear_model", "models.forecasting.forecast"} <= modules
    tops = {module.split(".")[0] for module in modules}
    assert not tops & {"matplotlib", "jinja2", "lightgbm", "pytest", "IPython", "yfinance"}
    # The texts, and no room that draws.
    assert {module for module in modules if module.startswith("models.report.")} == {
        f"models.report.{name}"
        for name in (
            "condition_text",
            "evidence_text",
            "forecast_text",
            "outlook_text",
            "outlook_words",
            "rows",
            "statements",
            "terminal",
            "verdicts",
        )
    }
    assert not modules & {"models.season.labels", "models.training.run", "models.tracking.runs",
                          "models.ledger.track_record"}  # fmt: skip


def test_help_loads_nothing_heavy(tmp_path):
    for words in (["--help"], ["score", "--help"]):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", ROOT / "predict.py", *words],
            cwd=tmp_path, capture_output=True, text=True, check=True,
        )  # fmt: skip
        tops = {module.split(".")[0] for module in loaded(done.stderr)}
        assert not tops & {"numpy", "pandas", "mlflow", "sklearn", "scipy", "matplotlib"}
