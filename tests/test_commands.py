"""The commands as a person runs them: answers on stdout, one message per error, exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import pandas as pd
import pytest

import predict
import train
from models.cli import options
from tests.commands import ROOT, run_command, run_python, squeezed

NOW = pd.Timestamp("2018-12-31 12:00")


@pytest.fixture
def run(copied_store, monkeypatch, tmp_path):
    """Run a command on a copy of the small store, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def go(app, *arguments, store=copied_store):
        where = () if store is None else ("--tracking-uri", store)
        return run_command(app, *arguments, *where)

    return go


def test_predict_answers_on_stdout_alone(run):
    result = run(predict.app, "--as-of", "2018-09-25")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("Altcoin season forecast as of 25 Sep 2018")
    assert result.stderr == ""


def test_json_and_csv_hold_the_same_answers(run):
    content = json.loads(run(predict.app, "--as-of", "2018-09-25", "--json").stdout)
    lines = run(predict.app, "--as-of", "2018-09-25", "--csv").stdout.splitlines()
    assert len(lines) == len(content["answers"]) + 1
    assert lines[0].startswith("as_of,kind,question,start,end")


def test_a_candidate_of_the_champions_training_answers_by_name(run):
    content = json.loads(
        run(predict.app, "--as-of", "2018-09-25", "--model", "logistic_all", "--json").stdout
    )
    assert content["model"]["name"] == "logistic_all"
    assert content["second_opinion"] is None


def test_windows_thresholds_and_days_are_taken(run):
    content = json.loads(
        run(predict.app, "--as-of", "2018-09-25", "--from", "2019-01-01", "--by", "2019-03-31",
            "--on", "2019-02-01", "--threshold", "60", "--json").stdout
    )  # fmt: skip
    assert content["window"] == {
        "start": "2019-01-01", "end": "2019-03-31", "counts_from": "2019-01-01", "year": None,
    }  # fmt: skip
    assert content["thresholds"]["broad"] == 60
    assert content["evidence"]["measured_at"] == 75
    stands = [a for a in content["answers"] if a["question"] == "stands"]
    assert {a["end"] for a in stands} == {"2019-02-01"}


def test_history_is_every_day_of_a_span(run):
    result = run(predict.app, "--history", "2018-09-24", "2018-09-25", "--json")
    content = json.loads(result.stdout)
    assert content["schema"] == "altseason.history/2"
    assert {row["as_of"] for row in content["forecasts"]} == {"2018-09-24", "2018-09-25"}
    assert "in sample" in result.stderr
    one = json.loads(run(predict.app, "--as-of", "2018-09-25", "--json").stdout)
    near = next(a for a in one["answers"] if (a["kind"], a["end"]) == ("broad", "2018-12-24"))
    rows = [r for r in content["forecasts"] if (r["kind"], r["end"]) == ("broad", "2018-12-24")]
    assert rows[-1]["probability"] == pytest.approx(near["probability"], abs=1e-12)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--as-of", "tomorrow"), 2, "'%Y-%m-%d'"),
        (("--as-of", "2000-01-01"), 3, "2000-01-01"),
        (("--by", "2018-01-01", "--as-of", "2018-09-25"), 2, "must end from"),
        (("--year", "2030", "--as-of", "2018-09-25"), 2, "three years"),
        (("--year", "2019", "--by", "2019-01-01"), 2, "exclude each other"),
        (("--from", "2019-01-01"), 2, "goes with --by"),
        (("--json", "--csv"), 2, "exclude each other"),
        (("--full", "--json"), 2, "--full is of the text"),
        (("--model", "7", "--as-of", "2018-09-25"), 1, "no model '7'"),
        (("--threshold", "40", "--as-of", "2018-09-25"), 2, "above 50"),
        (("--alert", "broad:30"), 2, "--alert"),
        (("--alert", "broad:31>=0.1", "--as-of", "2018-09-25"), 2, "windows of"),
        (("--source", "files"), 2, "--data-dir"),
        (("--plot", "x.pdf"), 2, ".png or .svg"),
        (("--plot", "none/x.png"), 2, "no directory"),
        (("--ledger", "x.jsonl"), 2, "goes with --record"),
        (("--record", "--ledger", "x.html", "--report", "x.html"), 2, "different files"),
        (("--history", "2018-01-01", "2018-01-02", "--record"), 2, "exclude"),
    ],
)
def test_a_mistake_is_one_message_with_its_exit_code(run, tmp_path, arguments, code, words):
    result = run(predict.app, *arguments)
    assert result.exit_code == code, result.stderr
    assert words in squeezed(result.stderr)
    assert "Traceback" not in result.stderr
    # Who asks for JSON gets the error as JSON too.
    assert (result.stdout == "") is ("--json" not in arguments)
    assert not [each for each in tmp_path.iterdir() if each.name.startswith("x.")]


def test_an_error_is_json_too_where_json_was_asked_for(run):
    result = run(predict.app, "--model", "7", "--as-of", "2018-09-25", "--json")
    content = json.loads(result.stdout)
    assert (content["schema"], content["kind"]) == ("altseason.error/1", "store")
    assert content["exit_code"] == result.exit_code == 1
    assert content["error"] in squeezed(result.stderr)


def test_record_score_and_alert(run, tmp_path, monkeypatch):
    clock = datetime(2018, 9, 26, 8, tzinfo=UTC)
    monkeypatch.setattr(options, "now", lambda: pd.Timestamp(clock.replace(tzinfo=None)))
    monkeypatch.setattr(predict, "now", lambda: pd.Timestamp(clock.replace(tzinfo=None)))
    asked = ("--as-of", "2018-09-25", "--record", "--alert", "broad:30>=0")
    first = run(predict.app, *asked)
    assert first.exit_code == 4
    assert first.stdout.startswith("ALERT: broad:30>=0")
    assert "line 1." in first.stderr
    again = run(predict.app, *asked)
    assert again.exit_code == 0
    assert "already in" in again.stderr
    scored = run(predict.app, "score", store=None)
    assert scored.exit_code == 0, scored.stderr
    assert "Made ahead of time" in scored.stdout
    content = json.loads(run(predict.app, "score", "--json", store=None).stdout)
    resolved = [row for row in content["answers"] if row["status"] == "resolved"]
    assert resolved
    (tmp_path / "wrong.csv").write_text("day\n1\n")
    wrong = run(predict.app, "score", "--outcomes", "wrong.csv", store=None)
    assert (wrong.exit_code, "the columns must be date" in wrong.stderr) == (3, True)
    written = run(predict.app, "export", "archive")
    assert written.exit_code == 0, written.stderr
    assert "archive/CITATION.cff" in written.stdout
    rows = pd.read_csv(next(tmp_path.glob("archive/model-output/*/ledger.csv")))
    assert set(rows["reference_date"]) == {"2018-09-25"}
    assert rows.loc[rows["output_type"] == "pmf", "value"].between(0, 1).all()


def test_health_describes_the_data(run):
    result = run(predict.app, "health", store=None)
    assert result.exit_code == 0
    assert "season_index" in result.stdout
    content = json.loads(run(predict.app, "health", "--json", store=None).stdout)
    assert content["schema"] == "altseason.health/1"
    assert run(predict.app, "health", "--rules", store=None).exit_code == 0


@pytest.mark.parametrize("app", [predict.app, train.app])
def test_help_reads_on_a_terminal(app):
    result = run_command(app, "--help")
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_versions_promotion_rollback_and_comparison(run):
    listed = run(train.app, "versions")
    assert "champion" in listed.stdout
    assert run(train.app, "promote", "1", "--reason", "a test").stdout.startswith(
        "Promoted to vers"
    )
    assert run(train.app, "rollback", "--reason", "a test").exit_code == 0
    assert run(train.app, "promote", "1", "--reason", " ").exit_code == 2
    assert run(train.app, "resume", "--reason", "x").exit_code == 1
    compared = run(train.app, "compare", "1", "2")
    assert "difference" in compared.stdout
    rows = json.loads(run(train.app, "compare", "1", "2", "--json").stdout)["rows"]
    assert {row["kind"] for row in rows} == {"broad", "partial"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--until", "2010-01-01"), 3, "must not be before"),
        (("--horizons", "0,30"), 2, "--horizons must be from 1"),
        (("--threshold", "50"), 2, "above 50"),
        (("--model", "oracle"), 2, "oracle"),
        (("--hindcast-out", "x.txt"), 2, ".parquet or .csv"),
    ],
)
def test_a_training_that_cannot_be_is_refused(run, arguments, code, words):
    result = run(train.app, *arguments)
    assert result.exit_code == code, result.stderr
    assert words in squeezed(result.stderr)


def test_a_training_from_the_command_line_is_deterministic_and_failed_runs_say_so(
    tmp_path, monkeypatch
):
    # Without psutil a start of system metrics fails: nobody asked for them here.
    monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "true")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    asked = ("--until", "2017-04-30", "--model", "persistence", "--horizons", "30,60",
             "--tracking-uri", uri)  # fmt: skip
    tables = []
    for jobs in (1, 2):
        out = tmp_path / f"{jobs}.parquet"
        result = run_command(train.app, *asked, "--jobs", jobs, "--hindcast-out", out)
        assert result.exit_code == 0, result.stderr
        assert "Registered as version" in result.stdout
        tables.append(pd.read_parquet(out))
    pd.testing.assert_frame_equal(*tables)
    early = run_command(train.app, *asked[2:], "--until", "2017-01-04")
    assert early.exit_code == 3
    from tests.commands import runs_of

    statuses = sorted(run.info.status for run in runs_of(uri) if "role" not in run.data.tags)
    assert statuses == ["FAILED"]


def test_the_answer_that_stdout_does_not_take_is_a_failure(copied_store):
    with open("/dev/full", "w") as full:  # noqa: PTH123 (a device)
        done = subprocess.run(
            [sys.executable, ROOT / "predict.py", "--as-of", "2018-09-25", "--tracking-uri",
             copied_store], stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert "cannot be written to stdout" in done.stderr


def test_a_signal_ends_a_command_with_its_number(tmp_path):
    process = subprocess.Popen(
        [sys.executable, ROOT / "train.py", "--tracking-uri", f"sqlite:///{tmp_path / 'm.db'}"],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True, env={**os.environ},
    )  # fmt: skip
    assert process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    for _ in range(600):
        if process.poll() is not None:
            break
        time.sleep(0.1)
    process.stderr.close()
    assert process.returncode == 128 + signal.SIGTERM


def test_a_deleted_folder_is_named(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    code = f"import os; os.chdir({str(gone)!r}); os.rmdir({str(gone)!r}); "
    code += "import predict; predict.main()"
    done = run_python("-c", code)
    assert done.returncode == 1
    assert "working directory" in done.stderr


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['predict.py', '--help']\n"
        "import predict\n"
        "try:\n    predict.main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'mlflow', 'pandas', 'sklearn', 'lightgbm'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    assert run_python("-c", code).stderr.strip().endswith("[]")


def test_a_forecast_loads_nothing_that_only_training_needs(copied_store):
    code = (
        "import sys; sys.argv = ['predict.py', '--as-of', '2018-09-25', '--tracking-uri', "
        f"{copied_store!r}]\n"
        "import predict\n"
        "try:\n    predict.main()\nexcept SystemExit:\n    pass\n"
        "print(len([m for m in sys.modules if m.split('.')[0] in ('models', 'features')]), "
        "sorted({'lightgbm', 'matplotlib', 'models.verification', 'models.training'} "
        "& set(sys.modules)), file=sys.stderr)"
    )
    last = run_python("-c", code).stderr.strip().splitlines()[-1]
    count, heavy = last.split(" ", 1)
    assert heavy == "[]"
    assert int(count) <= 72
