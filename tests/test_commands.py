"""The two commands as a user meets them: what they print, write and return."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

import predict
import train
from features.market.season import season_index, season_state
from features.reference.load import load_reference
from features.storage import simulations as simulated
from models.forecasting.forecast import forecast
from models.forecasting.schema import forecast_json
from models.forecasting.season_status import season_status
from models.formatting import long_day
from models.hazard.candidates import CANDIDATES, available
from models.tracking.reading import load_forecaster
from models.tracking.store import FORECASTER_FILE, MODEL_NAME
from tests.commands import ROOT, client_of, run_command, runs_of, squeezed
from tests.embedded import END, REFIT, after, iso
from tests.forecast_schema import validate

QUICK = ["--model", "logistic", "--until", "2017-04-25", "--horizons", "30", "--jobs", "1"]


@pytest.fixture
def store(tmp_path, empty_database) -> str:
    return f"sqlite:///{shutil.copy(empty_database, tmp_path / 'mlflow.db')}"


def the_run(uri: str, name: str):
    """The training of that name, or the run of that candidate."""
    return next(
        r for r in runs_of(uri)
        if r.info.run_name == name
        or (r.data.params.get("candidate") == name and r.data.tags["role"] == "candidate")
    )  # fmt: skip


# --- train ---------------------------------------------------------------------------------------


def test_table_on_stdout_progress_on_stderr(trained):
    uri, folder, result = trained
    hindcast = pd.read_parquet(folder / "hindcast.parquet")
    folds = hindcast["fold"].nunique()
    assert f"hindcast: {folds} of {folds}" in result.stderr
    assert "hindcast" not in result.stdout
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[2:4]] == ["climatology", "logistic"]
    resolved = hindcast.query("kind == 'broad' and model == 'logistic'").groupby("horizon_days")
    days = resolved["outcome"].count().tolist()
    # All horizons together: the days on which the longest is resolved.
    assert lines[4].split() == ["days", *map(str, [*days, days[-1]])]
    assert lines[5].split()[0] == "episodes"
    assert "Champion: logistic, which" in result.stdout
    assert f"mlflow ui --backend-store-uri {uri}" in result.stdout


def test_runs_are_finished_and_candidates_are_children(trained):
    uri, _, _ = trained
    parent = the_run(uri, "whole")
    children = [r for r in runs_of(uri) if r.info.run_id != parent.info.run_id]
    assert {r.info.run_name for r in children} == {
        "climatology, whole", "logistic, whole",
    }  # fmt: skip
    assert {r.data.tags["mlflow.parentRunId"] for r in children} == {parent.info.run_id}
    assert {r.info.status for r in runs_of(uri)} == {"FINISHED"}


def test_every_run_records_what_it_was_made_of(trained):
    uri, _, _ = trained
    digest = load_reference().known_at(after(1)).digest
    for each in runs_of(uri):
        tags, params = each.data.tags, each.data.params
        assert tags["data_digest"] == digest
        assert params["until"] == iso(END)
        assert params["source"] == "reference"
        assert tags["commit"]
        assert "threshold=75.0, quiet_days=30, window_days=90, top=50" in tags["definition"]
        for name in ("python", "pandas", "lightgbm"):
            assert f"{name} " in tags["versions"]
        assert params["seed"] == "0"
        (dataset,) = each.inputs.dataset_inputs
        assert dataset.dataset.name == "market-panel"
        assert digest.startswith(dataset.dataset.digest)


def test_metrics_are_finite_and_comparable_across_runs(trained):
    uri, _, _ = trained
    of_outlook = {
        r.info.run_name for r in runs_of(uri) for n in r.data.metrics if n[:7] == "outlook"
    }
    # One outlook is hindcast, the champion's: it is told of this candidate and of the training.
    assert of_outlook == {"whole", the_run(uri, "logistic").info.run_name}
    names = [{n for n in r.data.metrics if n[:7] != "outlook"} for r in runs_of(uri)]
    assert all(each == names[0] for each in names)
    assert {"brier_skill_30d", "brier_skill_30d_low", "log_score", "more/episodes_60d"} <= names[0]
    assert "partial/brier_skill_90d" in names[0]
    assert all(np.isfinite(v) for r in runs_of(uri) for v in r.data.metrics.values())


def test_curves_have_horizons_and_years_as_steps(trained):
    uri, _, _ = trained
    run = the_run(uri, "logistic").info.run_id
    client = client_of(uri)
    by_horizon = client.get_metric_history(run, "curves/brier_skill_by_horizon")
    assert [each.step for each in by_horizon] == [30, 60, 90, 180, 365]
    values = client.get_run(run).data.metrics
    assert by_horizon[1].value == values["brier_skill_60d"]
    by_year = client.get_metric_history(run, "curves/log_score_by_year")
    assert [each.step for each in by_year] == list(range(2017, END.year + 1))


def test_figures_and_tables_are_artifacts(trained):
    uri, _, _ = trained
    client = client_of(uri)
    parent = the_run(uri, "whole").info.run_id
    assert {a.path for a in client.list_artifacts(parent)} == {
        "claims.csv", "comparison.csv", "data_series.csv", "features.csv", "figures",
        "hindcast.parquet", *["data_provenance.csv"][: len(load_reference().provenance.steps)],
        "integrated.csv", "manifest.json", "model-card.md", "outlook_days.csv",
        "outlook_histogram.csv", "outlook_ranking.csv", "outlook_scores.csv", "verification.csv",
    }  # fmt: skip
    assert {a.path for a in client.list_artifacts(parent, "figures")} == {
        "figures/discrimination.png",
        "figures/probability_over_time.png",
        "figures/reliability.png",
        "figures/skill_by_horizon.png",
        "figures/timeline.png",
    }


def test_champion_is_registered_signed_and_served(trained):
    uri, _, _ = trained
    version = client_of(uri).get_model_version_by_alias(MODEL_NAME, "champion")
    assert version.tags["candidate"] == "logistic"
    assert version.run_id == the_run(uri, "logistic").info.run_id
    mlflow.set_tracking_uri(uri)
    model = mlflow.pyfunc.load_model(f"models:/{MODEL_NAME}@champion")
    row = pd.DataFrame(
        {"season_index": [20.0], "carried_breadth_30": [40.0], "carried_breadth_60": [60.0],
         "threshold": [75.0]}
    )  # fmt: skip
    served = model.predict(row)
    assert list(served) == [*(f"lead_{lead}" for lead in range(1, 14)), "none"]
    own = load_forecaster(uri).forecaster.model.predict_proba(row)
    np.testing.assert_array_equal(served.to_numpy(), own)


def test_the_hindcast_is_written_as_logged(trained):
    uri, folder, _ = trained
    written = pd.read_parquet(folder / "hindcast.parquet")
    assert list(written) == [
        "as_of", "kind", "horizon_days", "model", "probability", "climatology", "outcome",
        "resolved_on", "fold",
    ]  # fmt: skip
    logged = client_of(uri).download_artifacts(
        the_run(uri, "whole").info.run_id, "hindcast.parquet", str(folder)
    )
    pd.testing.assert_frame_equal(written, pd.read_parquet(logged))


def test_the_same_seed_gives_the_same_bytes(tmp_path, empty_database):
    digests, hindcasts = [], []
    for name in ("one", "two"):
        uri = f"sqlite:///{shutil.copy(empty_database, tmp_path / f'{name}.db')}"
        out = tmp_path / f"{name}.csv"
        result = run_command(
            train.app, *QUICK, "--tracking-uri", uri, "--hindcast-out", out, "--quiet"
        )
        assert result.exit_code == 0, result.output
        assert result.stderr == ""
        digests.append(the_run(uri, "logistic").data.tags["forecaster_sha256"])
        hindcasts.append(out.read_bytes())
    assert digests[0] == digests[1]
    assert hindcasts[0] == hindcasts[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--threshold", "50"], "--threshold must be above 50"),
        (["--threshold", "101"], "--threshold must be above 50"),
        (["--horizons", "30,391"], "--horizons must be from 1 to 390 days, got 391"),
        (["--horizons", "0"], "got 0"),
        (["--horizons", "soon"], "got 'soon'"),
        (["--hindcast-out", "table.xlsx"], "must end in .parquet or .csv"),
        (["--hindcast-out", "/nowhere/table.csv"], "there is no directory /nowhere"),
        (["--source", "files"], "needs --data-dir"),
        (["--data-dir", "."], "goes with --source files"),
        (["--until", "10.12.2025"], "10.12.2025"),
        (["--model", "oracle"], "oracle"),
        (["--model", "pool", "--threshold", "80"], "pool needs paths that were simulated to 75"),
        (["--hindcast-out", "directory.csv"], "directory.csv is a directory"),
        (["--jobs", "0"], "--jobs"),
    ],
)
def test_train_explains_usage_errors_and_leaves_no_run(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "directory.csv").mkdir()
    result = run_command(train.app, *arguments, "--tracking-uri", "sqlite:///none.db")
    assert result.exit_code == 2
    assert message in squeezed(result.stderr)
    assert result.stdout == ""
    assert not Path("none.db").exists()


def test_data_that_end_early_fail_the_run(store):
    result = run_command(train.app, "--until", "2016-12-31", "--tracking-uri", store)
    assert result.exit_code == 3
    assert "2017-01-03, the first day out of sample, got 2016-12-31" in result.stderr
    assert [r.info.status for r in runs_of(store)] == ["FAILED"]


@pytest.mark.parametrize("threshold", ["52", "75"])
def test_a_history_in_which_nothing_is_resolved_is_refused(threshold, store):
    arguments = ("--until", "2017-02-01", "--model", "climatology", "--threshold", threshold)
    result = run_command(train.app, *arguments, "--tracking-uri", store)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "none can be scored; the first one is on 2017-02-02. Give data" in result.stderr
    assert [r.info.status for r in runs_of(store)] == ["FAILED"]


def test_before_enough_is_resolved_climatology_is_champion(store):
    arguments = ("--until", "2017-02-02", "--model", "logistic", "--jobs", "1")
    result = run_command(train.app, *arguments, "--tracking-uri", store)
    assert result.exit_code == 0
    assert "Champion: climatology" in result.stdout
    text = run_command(predict.app, "--tracking-uri", store, "--as-of", "2017-02-02").stdout
    assert "The champion is the base rate itself (climatology)" in text


def test_climatology_alone_is_champion_for_want_of_others(store):
    arguments = ("--until", "2017-12-26", "--model", "climatology", "--jobs", "1")
    result = run_command(train.app, *arguments, "--tracking-uri", store)
    assert "Champion: climatology, the base rate; no other candidate was trained." in result.stdout


def test_another_threshold_leaves_the_simulation_out(store):
    assert set(CANDIDATES) - set(available([], 80)) == {"simulation", "pool"}
    assert available([], 75) == tuple(CANDIDATES)
    assert available(["logistic", "logistic"], 75) == ("logistic",)
    arguments = ("--threshold", "80", "--model", "logistic", "--until", "2017-06-27")
    result = run_command(train.app, *arguments, "--tracking-uri", store, "--jobs", "1")
    assert result.exit_code == 0, result.output
    answer = as_json("--tracking-uri", store, "--as-of", "2017-06-27")
    assert answer["definition"]["threshold"] == 80


def test_the_report_is_printed_and_logged(store):
    arguments = ("--report", "--model", "logistic", "--until", "2018-01-09", "--horizons", "60")
    result = run_command(train.app, *arguments, "--tracking-uri", store, "--run-name", "whole")
    assert result.exit_code == 0, result.output
    assert "The claims on this history" in result.stdout
    assert "What each group of features adds" in result.stdout
    logged = {a.path for a in client_of(store).list_artifacts(the_run(store, "whole").info.run_id)}
    assert {"ablation.csv", "before_onsets.csv", "claims.csv", "contingency.csv",
            "without_episode.csv"} <= logged  # fmt: skip


def test_a_report_without_events_warns(store):
    arguments = ("--report", "--model", "logistic", "--until", "2017-02-02")
    result = run_command(train.app, *arguments, "--tracking-uri", store)
    assert result.exit_code == 0
    assert "warning: no onset has followed a resolved forecast of the champion yet" in result.stderr
    assert "Registered as version 1" in result.stdout


def test_a_failure_while_logging_leaves_the_champion_untouched(store, tmp_path, monkeypatch):
    assert run_command(train.app, *QUICK, "--tracking-uri", store).exit_code == 0
    before = client_of(store).get_model_version_by_alias(MODEL_NAME, "champion").version

    def broken(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(MlflowClient, "log_artifacts", broken)
    result = run_command(train.app, *QUICK, "--tracking-uri", store, "--run-name", "broken")
    assert result.exit_code == 1
    assert "No space left on device" in result.stderr
    assert "Traceback" not in result.stderr
    assert the_run(store, "broken").info.status == "FAILED"
    assert client_of(store).get_model_version_by_alias(MODEL_NAME, "champion").version == before
    assert len(client_of(store).search_model_versions()) == 2
    (kept,) = tmp_path.glob("altseason-run-*.zip")
    assert f"train.py log {kept} --tracking-uri {store}" in result.stderr
    monkeypatch.undo()
    later = run_command(train.app, "log", kept, "--tracking-uri", store)
    assert later.exit_code == 0, later.output
    assert "Registered as version 3, alias challenger: --until 2017-04-25" in later.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_run_ends_killed(number, store, tmp_path):
    process = subprocess.Popen(
        [sys.executable, ROOT / "train.py", "--model", "logistic", "--jobs", "1",
         "--tracking-uri", store],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # Where the tests run in the background of a shell, SIGINT is ignored and so inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    for line in process.stderr:
        if line.startswith("hindcast"):
            break
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode not in (0, 1)
    assert "Traceback" not in err
    assert out == ""
    assert [r.info.status for r in runs_of(store)] == ["KILLED"]
    assert not client_of(store).search_registered_models()


def test_an_unreachable_server_is_one_message(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    result = run_command(train.app, *QUICK, "--tracking-uri", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert "the store http://127.0.0.1:9 cannot be opened" in result.stderr
    assert "Traceback" not in result.stderr


# --- predict -------------------------------------------------------------------------------------


def as_json(*arguments: object) -> dict:
    result = run_command(predict.app, "--json", *arguments)
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    if answer["schema"] == "altseason.forecast/2":
        validate(answer)
    return answer


def test_json_follows_the_schema(trained):
    uri, _, _ = trained
    answer = as_json("--tracking-uri", uri)
    assert list(answer) == [
        "schema", "as_of", "definition", "season", "forecasts", "by_date", "trend", "drivers",
        "driver_sum", "carried_index", "near_flipping", "evidence", "model", "data", "outlook",
        "warnings", "notes",
    ]  # fmt: skip
    assert answer["schema"] == "altseason.forecast/2"
    assert answer["as_of"] == iso(END)
    index = season_index(load_reference())[END]
    assert answer["season"]["state"] == season_state(index, threshold=75)
    assert answer["season"]["at_risk"] == {"broad": True, "partial": True}
    assert [(f["kind"], f["horizon_days"]) for f in answer["forecasts"]] == [
        (kind, days) for kind in ("broad", "partial") for days in (30, 60, 90, 180, 365)
    ]
    assert answer["forecasts"][0]["window_end"] == iso(after(30))
    assert [(f["kind"], f["date"]) for f in answer["by_date"]] == [
        ("broad", "2026-12-31"), ("partial", "2026-12-31"),
    ]  # fmt: skip
    for each in answer["forecasts"] + answer["by_date"]:
        assert 0 <= each["low"] <= each["probability"] <= each["high"] <= 1
        assert 0 < each["climatology"] < 1
        assert each["reason"] is None
    assert {d["feature"] for d in answer["drivers"]} == {
        "season_index", "carried_breadth_30", "carried_breadth_60",
    }  # fmt: skip
    assert set(answer["evidence"]["brier_skill"]) == {"30", "60", "90", "180", "365"}
    assert answer["evidence"]["onsets"] == 15
    assert answer["model"]["name"] == "logistic"
    assert answer["model"]["trained_until"] == iso(REFIT)
    assert answer["data"]["source"] == "reference"


def test_probabilities_rise_and_partial_is_likelier(trained):
    uri, _, _ = trained
    answer = as_json("--tracking-uri", uri)
    by_kind = {
        kind: [f["probability"] for f in sorted(
                   answer["forecasts"] + answer["by_date"],
                   key=lambda f: f.get("window_end") or f["date"]) if f["kind"] == kind]
        for kind in ("broad", "partial")
    }  # fmt: skip
    assert by_kind["broad"] == sorted(by_kind["broad"])
    assert all(p >= b for p, b in zip(by_kind["partial"], by_kind["broad"], strict=True))


def test_same_question_same_bytes_as_the_library(trained):
    uri, _, _ = trained
    one, two = (run_command(predict.app, "--json", "--tracking-uri", uri).stdout for _ in range(2))
    assert one == two
    stored = load_forecaster(uri)
    status = season_status(load_reference(), stored.forecaster, END)
    answer = json.loads(one)
    # The age says what day the command took for today.
    today = after(answer["data"]["age_days"])
    made = forecast(status, stored.forecaster, stored.model_id, today=today)
    assert answer == json.loads(json.dumps(forecast_json(made)))


def test_text_answers_in_words(trained):
    uri, _, _ = trained
    result = run_command(predict.app, "--tracking-uri", uri)
    assert result.exit_code == 0
    assert "Chance that a broad altcoin season begins" in result.stdout
    assert "by 31 Dec 2026" in result.stdout
    assert result.stdout.startswith(f"Altcoin season forecast as of {long_day(END)}, data ")
    assert "Altcoin season in 2026 (" in result.stdout
    assert "15 onsets in training" in result.stdout
    assert "not investment advice" in result.stdout


def test_csv_holds_every_window(trained):
    uri, folder, _ = trained
    result = run_command(predict.app, "--csv", "--tracking-uri", uri)
    (folder / "windows.csv").write_text(result.stdout)
    table = pd.read_csv(folder / "windows.csv")
    assert table["question"].value_counts()[["window", "by_date", "chance"]].tolist() == [10, 2, 3]
    windows = table[table["question"] == "by_date"]
    assert windows["window_end"].tolist() == ["2026-12-31"] * 2
    assert windows["horizon_days"].tolist() == [(pd.Timestamp("2026-12-31") - END).days] * 2
    outlook = as_json("--tracking-uri", uri)["outlook"]
    chances = table[table["question"] == "chance"]
    assert chances["probability"].tolist() == [c["probability"] for c in outlook["chances"]]
    months = table[table["question"] == "first_onset"].groupby("kind")["probability"].sum()
    np.testing.assert_allclose(months, 1)


def test_in_season_there_is_a_reason(trained):
    uri, _, _ = trained
    answer = as_json("--tracking-uri", uri, "--as-of", "2021-04-01")
    assert answer["season"]["state"] == "broad"
    assert answer["season"]["at_risk"] == {"broad": False, "partial": False}
    assert {f["probability"] for f in answer["forecasts"]} == {None}
    assert {f["reason"] for f in answer["forecasts"] if f["kind"] == "broad"} == {
        "in season since 22 Mar 2021"
    }
    assert [(w["date"], w["probability"]) for w in answer["by_date"]] == [("2021-12-31", None)] * 2
    assert answer["drivers"] == []
    assert {c["kind"]: c["begun_on"] for c in answer["outlook"]["chances"]}["broad"] is not None
    assert {lasts["days"] for lasts in answer["outlook"]["season_lasts"]} == {7, 30, 60, 90}
    text = run_command(predict.app, "--tracking-uri", uri, "--as-of", "2021-04-01").stdout
    assert "No forecast: in season since 22 Mar 2021." in text


def test_after_a_season_the_next_day_is_named(trained):
    uri, _, _ = trained
    answer = as_json("--tracking-uri", uri, "--as-of", "2025-10-15")
    reason = answer["forecasts"][0]["reason"]
    assert "an onset needs 30 quiet days" in reason
    first_free = pd.Timestamp(reason.rpartition(" before ")[2])
    free = as_json("--tracking-uri", uri, "--as-of", f"{first_free:%Y-%m-%d}")
    before = as_json("--tracking-uri", uri,
                     "--as-of", f"{first_free - pd.Timedelta(days=1):%Y-%m-%d}")  # fmt: skip
    assert free["season"]["at_risk"]["broad"]
    assert not before["season"]["at_risk"]["broad"]


def test_a_day_in_sample_is_called_one(trained):
    uri, _, _ = trained
    inside = as_json("--tracking-uri", uri, "--as-of", iso(REFIT - pd.Timedelta(days=31)))
    outside = as_json("--tracking-uri", uri, "--as-of", iso(REFIT - pd.Timedelta(days=29)))
    assert any("trained on this day" in warning for warning in inside["warnings"])
    assert not any("trained on this day" in warning for warning in outside["warnings"])


def test_a_missing_day_is_exit_3(trained):
    uri, _, _ = trained
    result = run_command(predict.app, "--as-of", iso(after(1)), "--tracking-uri", uri)
    assert result.exit_code == 3
    assert f"between 2013-09-07 and {iso(END)}" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("option", ["--by", "--on"])
@pytest.mark.parametrize("day", [iso(END), iso(after(1097))])
def test_a_date_out_of_reach_names_the_limit(trained, option, day):
    uri, _, _ = trained
    result = run_command(predict.app, option, day, "--tracking-uri", uri)
    assert result.exit_code == 2
    assert iso(after(1096)) in result.stderr
    assert f"Invalid value for {option}: " in result.stderr
    assert result.stdout == ""


def test_the_last_reachable_date_is_given(trained):
    uri, _, _ = trained
    answer = as_json("--by", iso(after(1096)), "--tracking-uri", uri)
    assert answer["by_date"][0]["date"] == iso(after(1096))
    assert answer["outlook"]["year"] is None
    # From the earlier days it is further than the outlook reaches.
    assert {w["probability"] for then in answer["trend"] for w in then["by_date"]} == {None}


def test_history_gives_every_day(trained):
    uri, folder, _ = trained
    arguments = ("--history", "2025-09-01", "2025-11-30", "--tracking-uri", uri)
    (folder / "history.csv").write_text(run_command(predict.app, *arguments).stdout)
    table = pd.read_csv(folder / "history.csv")
    assert len(table) == 91 * 2 * 5
    assert table.loc[~table["at_risk"], "probability"].isna().all()
    day = table[(table["as_of"] == "2025-11-30") & (table["kind"] == "broad")]
    single = as_json("--as-of", "2025-11-30", "--tracking-uri", uri)
    assert day["probability"].tolist() == [f["probability"] for f in single["forecasts"][:5]]
    assert table["year"].unique().tolist() == [2025]
    # A broad season has begun on 2025-09-10; what is counted on fewer paths differs a little.
    told = {c["kind"]: c["probability"] for c in single["outlook"]["chances"]}
    assert day["chance_year_broad"].unique().tolist() == [told["broad"]] == [1]
    assert day["chance_year_sustained"].iloc[0] == pytest.approx(told["sustained"], abs=0.03)
    rows = as_json(*arguments)["rows"]
    assert [row["probability"] for row in rows] == table["probability"].replace(
        np.nan, None
    ).tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--json", "--csv"], "exclude each other"),
        (["--history", "2025-01-01", "2025-02-01", "--as-of", "2025-01-01"], "exclude each other"),
        (["--history", "2025-01-01", "2025-02-01", "--year", "2026"], "exclude each other"),
        (["--year", "2026", "--by", "2026-12-31"], "exclude each other"),
        (["--from", "2026-12-31"], "goes with --by"),
        (["--as-of", "yesterday"], "yesterday"),
        (["--source", "files"], "needs --data-dir"),
    ],
)
def test_predict_explains_usage_errors(arguments, message, store):
    result = run_command(predict.app, *arguments, "--tracking-uri", store)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize(
    ("span", "message"),
    [((iso(after(22)), iso(after(53))), "the first day must lie between"),
     (("2025-02-01", "2025-01-01"), "must not be after the last")],
)  # fmt: skip
def test_history_outside_the_data_is_exit_3(trained, span, message):
    uri, _, _ = trained
    result = run_command(predict.app, "--history", *span, "--tracking-uri", uri)
    assert result.exit_code == 3
    assert message in result.stderr


def test_a_model_by_alias_version_or_run(trained):
    uri, _, _ = trained
    child, parent = (the_run(uri, name).info.run_id for name in ("logistic", "whole"))
    answers = [as_json("--tracking-uri", uri, "--model", m) for m in ("champion", "1", child,
                                                                     parent)]  # fmt: skip
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["model"] == {
        "name": "logistic", "version": "1", "run_id": child, "trained_until": iso(REFIT),
    }  # fmt: skip
    other = as_json("--tracking-uri", uri, "--model", the_run(uri, "climatology").info.run_id)
    assert other["model"]["version"] is None
    assert other["forecasts"][0]["probability"] == other["forecasts"][0]["climatology"]


@pytest.mark.parametrize("model", ["7", "0123456789abcdef0123456789abcdef"])
def test_an_unknown_model_is_exit_1(trained, model):
    uri, _, _ = trained
    result = run_command(predict.app, "--model", model, "--tracking-uri", uri)
    assert result.exit_code == 1
    assert f"holds no model '{model}'" in result.stderr
    assert result.stdout == ""


def test_no_store_tells_what_to_run(tmp_path):
    store = f"sqlite:///{tmp_path / 'none.db'}"
    result = run_command(predict.app, "--tracking-uri", store)
    assert result.exit_code == 1
    assert "run train.py first" in result.stderr
    assert not Path(store.removeprefix("sqlite:///")).exists()


def test_a_file_is_no_store(tmp_path):
    (tmp_path / "notes.db").write_text("hello")
    result = run_command(predict.app, "--tracking-uri", f"sqlite:///{tmp_path / 'notes.db'}")
    assert result.exit_code == 1
    assert "notes.db is no store" in result.stderr


def test_an_unknown_kind_of_store_is_one_message():
    result = run_command(predict.app, "--tracking-uri", "nonsense://somewhere")
    assert result.exit_code == 1
    assert "the store nonsense://somewhere cannot be read: there is no such kind" in result.stderr


def test_a_tampered_model_is_refused(store):
    assert run_command(train.app, *QUICK, "--tracking-uri", store).exit_code == 0
    folder = Path(store.removeprefix("sqlite:///")).parent / "mlartifacts"
    champion = client_of(store).get_model_version_by_alias(MODEL_NAME, "champion").run_id
    stored = folder / champion / "artifacts" / FORECASTER_FILE
    stored.write_bytes(stored.read_bytes() + b" ")
    result = run_command(predict.app, "--tracking-uri", store, "--as-of", "2019-06-30")
    assert result.exit_code == 1
    assert "is not what was logged" in result.stderr


@pytest.mark.real_data
def test_old_files_are_exit_3_without_a_day(trained, real_data, reference, tmp_path, monkeypatch):
    # To simulate every week takes minutes, and the embedded history holds what would come of it.
    names = [name for name in reference.names if name.startswith("simulated")]
    table = pd.DataFrame({name: reference.series(name) for name in names})
    monkeypatch.setattr(simulated, "simulate", lambda *arguments, **options: table)
    monkeypatch.setenv("ALTSEASON_CACHE_DIR", str(tmp_path))
    uri, _, _ = trained
    arguments = ("--source", "files", "--data-dir", real_data, "--tracking-uri", uri)
    result = run_command(predict.app, *arguments)
    assert result.exit_code == 3
    assert f"the data end on {iso(END)}" in result.stderr
    named = as_json(*arguments, "--as-of", iso(END))
    embedded = as_json("--tracking-uri", uri)
    for mine, theirs in zip(named["forecasts"], embedded["forecasts"], strict=True):
        assert mine["probability"] == pytest.approx(theirs["probability"], abs=1e-5)


def test_stdout_holds_the_answer_alone(trained):
    uri, folder, _ = trained
    done = subprocess.run(
        [sys.executable, ROOT / "predict.py", "--json", "--tracking-uri", uri],
        cwd=folder, capture_output=True, text=True, check=True,
        env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    assert json.loads(done.stdout)["schema"] == "altseason.forecast/2"
    assert done.stderr == ""


@pytest.mark.parametrize("script", ["train.py", "predict.py"])
def test_help_is_plain_and_names_exit_codes(script, tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / script, "--help"], cwd=tmp_path, capture_output=True, text=True,
        check=True, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    assert "Exit codes" in done.stdout
    assert "\x1b[" not in done.stdout


@pytest.mark.parametrize("app", [train.app, predict.app])
def test_version_is_printed(app):
    result = run_command(app, "--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("altseason 0.")
