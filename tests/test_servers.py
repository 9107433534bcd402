"""Real servers: MLflow on PostgreSQL with proxied artifacts, its UI in a real browser."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

import train
from models.tracking.model_versions import list_versions
from models.tracking.reading import load_forecaster
from models.tracking.registry import promote
from models.tracking.runs import log_later
from models.tracking.training_record import keep, read_record
from models.tracking.ui import find_address
from tests.commands import run_command

WHO, WHEN = "ada", "2026-01-02T03:04:05+00:00"
PATIENCE = 90.0
CHROMIUM = shutil.which("chromium")
# The options of the fixture `small_training`.
SMALL = ("--model", "persistence", "--model", "logistic", "--horizons", "30,60",
         "--until", "2018-12-31")  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def newest(pattern: str) -> Path | None:
    return max(Path("/").glob(pattern), default=None)


# --- the servers ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory):
    """An empty PostgreSQL server of its own; the address of its superuser's database."""
    programs = newest("usr/lib/postgresql/*/bin")
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    pytest.importorskip("psycopg2")
    # As root PostgreSQL refuses to run: its own user then, in a place that user can reach.
    other = {"user": "postgres", "group": "postgres", "extra_groups": []} if not os.getuid() else {}
    folder = Path("/tmp", f"altseason-postgresql-{os.getpid()}")
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    port = free_port()
    subprocess.run(
        [programs / "initdb", "-D", folder / "data", "-U", "ada", "-A", "trust", "-E", "UTF8",
         "--no-sync"],
        check=True, capture_output=True, cwd=folder, **other,
    )  # fmt: skip
    server = subprocess.Popen(
        [programs / "postgres", "-D", folder / "data", "-p", str(port), "-k", folder, "-h",
         "127.0.0.1", "-F"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **other,
    )  # fmt: skip
    try:
        wait_for(lambda: socket.create_connection(("127.0.0.1", port), 1).close())
        yield f"postgresql+psycopg2://ada@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(attempt) -> None:
    for _ in range(int(PATIENCE / 0.25)):
        try:
            attempt()
        except OSError:
            time.sleep(0.25)
        else:
            return
    raise TimeoutError(f"the server did not answer within {PATIENCE:.0f} s.")


class Server:
    """An MLflow server that a test can stop and start again."""

    def __init__(self, *options: object) -> None:
        self.options = [str(option) for option in options]
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port",
             str(self.port), "--workers", "1", *self.options],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        )  # fmt: skip
        try:
            wait_for(lambda: urllib.request.urlopen(f"{self.uri}/health", timeout=5).close())
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(timeout=60)


@pytest.fixture(scope="session")
def server(postgresql, tmp_path_factory):
    """An MLflow server on PostgreSQL that keeps the artifacts itself."""
    place = tmp_path_factory.mktemp("artifacts")
    running = Server("--backend-store-uri", postgresql, "--artifacts-destination", place)
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")


def is_ready() -> bool:
    """Asked of another process, it answers when that has imported all it needs."""
    return True


def log_in_process(uri: str, path: str) -> str:
    return log_later(read_record(Path(path)), uri, WHO, WHEN).version


# --- a tracking server on PostgreSQL --------------------------------------------------------------


def test_two_trainings_at_once_leave_one_champion(server, make_record, tmp_path):
    paths = [str(keep(make_record(f"number {n}"), tmp_path)) for n in range(2)]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(is_ready).result()
        other = pool.submit(log_in_process, server.uri, paths[0])
        versions = [log_in_process(server.uri, paths[1]), other.result()]
    client = MlflowClient(server.uri, server.uri)
    runs = client.search_runs([client.get_experiment_by_name("altcoin-season").experiment_id])
    assert len(runs) == 2 * 4
    assert {each.info.status for each in runs} == {"FINISHED"}
    assert len(set(versions)) == 2
    (champion,) = (v for v in list_versions(server.uri) if "champion" in v.aliases)
    assert champion.version in versions
    # The same forecaster, read through the server that keeps the artifacts.
    stored = load_forecaster(server.uri)
    row = pd.DataFrame(
        {"season_index": [20.0], "carried_breadth_30": [40.0], "carried_breadth_60": [60.0],
         "threshold": [75.0]}
    )  # fmt: skip
    assert stored.model_id.version == champion.version
    assert stored.forecaster.model.predict_proba(row).sum() == pytest.approx(1)


def test_the_command_works_unchanged_against_a_server(server, small_training, monkeypatch):
    """All of the command but the training itself, which no server changes."""
    monkeypatch.setattr("models.cli.training_command.train", lambda *_, **__: small_training)
    result = run_command(
        train.app, *SMALL, "--tracking-uri", server.uri, "--experiment", "another",
        "--run-name", "whole",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert f"{server.uri}/#/experiments/" in result.stdout
    assert "mlflow ui" not in result.stdout


def test_a_failing_server_costs_nothing(server, small_training, tmp_path, monkeypatch):
    """The server stops after the run was opened, and is started again later."""
    monkeypatch.chdir(tmp_path)

    def stopping(*arguments, **options):
        server.stop()
        return small_training

    monkeypatch.setattr("models.cli.training_command.train", stopping)
    before = list_versions(server.uri)
    training = (*SMALL, "--tracking-uri", server.uri)
    try:
        result = run_command(train.app, *training)
        (kept,) = tmp_path.glob("altseason-run-*.zip")
        early = [
            run_command(train.app, *training),
            run_command(train.app, "log", kept, *training[-2:]),
        ]
    finally:
        server.start()
    assert result.exit_code == 1
    assert "The champion is as before" in result.stderr
    assert f"train.py log {kept} --tracking-uri {server.uri}" in result.stderr
    for each in (result, *early):
        assert each.exit_code == 1
        assert "Traceback" not in each.output
    for each in early:
        assert f"the store {server.uri} cannot be opened" in each.stderr
        assert "hindcast" not in each.stderr
    assert list_versions(server.uri) == before
    assert run_command(train.app, "log", kept, "--tracking-uri", server.uri).exit_code == 0
    client = MlflowClient(server.uri, server.uri)
    runs = client.search_runs([client.get_experiment_by_name("altcoin-season").experiment_id])
    (broken,) = (r for r in runs if "logged_later_as" in r.data.tags)
    assert broken.info.status == "FAILED"


def test_a_missing_permission_is_one_message(server, postgresql, make_record):
    import psycopg2

    def execute(statement: str) -> None:
        connection = psycopg2.connect(postgresql.replace("+psycopg2", ""))
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
        connection.close()

    execute("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN; "
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")  # fmt: skip
    uri = postgresql.replace("ada@", "reader@")
    before = list_versions(server.uri)
    result = run_command(train.app, "--tracking-uri", uri, "--experiment", "altcoin-season")
    assert result.exit_code == 1
    assert "permission denied" in result.stderr
    assert "Traceback" not in result.output
    assert "hindcast" not in result.stderr
    by_hand = run_command(
        train.app, "promote", before[-1].version, "--reason", "x", "--tracking-uri", uri
    )
    assert by_hand.exit_code == 1
    assert list_versions(server.uri) == before


class Line:
    """A connection to a server that a test can make silent."""

    def __init__(self, port: int) -> None:
        self.port, self.ends, self.answers = port, [], None
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.own_port = self.listening.getsockname()[1]
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near = self.listening.accept()[0]
                far = socket.create_connection(("127.0.0.1", self.port))
                self.ends += [near, far]
                for read, write, counted in ((near, far, False), (far, near, True)):
                    threading.Thread(
                        target=self._pass_on, args=(read, write, counted), daemon=True
                    ).start()

    def _pass_on(self, read, write, counted) -> None:
        with contextlib.suppress(OSError):
            while content := read.recv(65536):
                if counted and self.answers is not None:
                    if self.answers == 0:
                        continue
                    self.answers -= 1
                write.sendall(content)

    def close(self) -> None:
        for end in (self.listening, *self.ends):
            end.close()


@pytest.mark.parametrize("answers", [0, 1, 5, 30])
def test_a_database_that_falls_silent_is_given_up(server, postgresql, answers, monkeypatch):
    port = int(re.search(r":(\d+)/", postgresql)[1])
    line = Line(port)
    uri = postgresql.replace(str(port), str(line.own_port))
    try:
        line.answers = answers
        begun = time.monotonic()
        result = run_command(train.app, "versions", "--tracking-uri", uri, "--deadline", "2")
        assert time.monotonic() - begun < 10
        assert result.exit_code == 1
        assert f"{uri} has not answered within 2 s" in result.stderr
    finally:
        line.close()


# --- the user interface ---------------------------------------------------------------------------


@pytest.fixture(scope="session")
def interface(make_record, tmp_path_factory):
    """MLflow's UI on a plain SQLite store with three trainings, the last promoted by hand."""
    folder = tmp_path_factory.mktemp("interface")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    for title, changes in [
        ("first", {}), ("second", {}), ("a trial", {"data_end": "2025-12-10"}),
    ]:  # fmt: skip
        log_later(make_record(title, **changes), uri, WHO, WHEN)
    promote(uri, "5", "to see it in the UI", WHO, WHEN)
    running = Server("--backend-store-uri", uri)
    yield running, uri
    running.stop()


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: chromium)")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        context = started.chromium.launch_persistent_context(
            str(tmp_path_factory.mktemp("profile")),
            executable_path=CHROMIUM,
            viewport={"width": 1440, "height": 900},
            args=["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                  "--no-first-run", "--disable-background-networking",
                  "--disable-component-update", "--disable-sync"],
        )  # fmt: skip
        context.set_default_timeout(60_000)
        yield context
        context.close()


@pytest.fixture
def page(browser, interface):
    """A page of the UI; MLflow's assistant, which covers a quarter of it, is closed."""
    server, _ = interface
    opened = browser.new_page()
    opened.root = f"{server.uri}/#"
    yield opened
    opened.close()


def go(page, path: str, until: str) -> str:
    """Open a page, wait for a text, close the assistant; return all the text in sight."""
    page.goto(f"{page.root}{path}")
    page.get_by_text(until, exact=False).first.wait_for()
    assistant = page.locator("button[aria-label*=lose]")
    if page.get_by_text("MLflow Assistant").count() and assistant.count():
        assistant.last.click()
    page.wait_for_timeout(500)
    return " ".join(page.inner_text("body").split())


def in_sight(page, text: str) -> bool:
    """Whether a text lies in the window without scrolling."""
    box = page.get_by_text(text, exact=True).first.bounding_box()
    return box is not None and 0 <= box["x"] < 1440 and 0 <= box["y"] < 900


def test_the_list_shows_what_counts_without_scrolling(page, interface):
    _, uri = interface
    path = find_address(uri).partition("#")[2]
    text = go(page, path, "brier_skill_30d")
    page.get_by_text("first", exact=True).first.wait_for()
    assert "How likely is it that an altcoin season begins?" in text
    columns = (
        "Run Name", "alias", "comparable", "gate_choice", "threshold", "window", "until",
        "brier_skill", "skill", "brier_skill_30d", "brier_skill_60d",
    )  # fmt: skip
    for column in columns:
        assert in_sight(page, column), column
    for name in ("first", "second", "a trial"):
        assert in_sight(page, name)
    # Model training is what is open, and the candidates are folded away under their trainings.
    assert "Traces" in text
    assert "Evaluation runs" not in text
    assert "logistic, first" not in " ".join(page.inner_text("body").split())
    skill = MlflowClient(uri).get_run(runs_by_name(uri)["first"]).data.tags["skill"]
    assert page.get_by_text(skill, exact=True).count() >= 1
    # Version 5 was promoted by hand: its run says which alias is in force.
    assert in_sight(page, "champion")


def test_the_other_view_ranks_the_candidates(page):
    go(page, "/experiments/1/runs?viewStateShareKey=candidates&workflowType=machine_learning",
       "brier_skill")  # fmt: skip
    page.get_by_text("logistic, first").first.wait_for()
    cells = page.locator(".ag-cell[col-id='metrics.`brier_skill`']").all_inner_texts()
    values = [float(cell) for cell in cells if re.fullmatch(r"-?[\d.]+", cell.strip())]
    assert len(values) >= 9
    assert values == sorted(values, reverse=True)


def runs_by_name(uri: str) -> dict[str, str]:
    return {run.info.run_name: run.info.run_id for run in MlflowClient(uri).search_runs(["1"])}


def test_two_runs_compared_show_their_differences(page, interface):
    runs = runs_by_name(interface[1])
    ids = f'%5B"{runs["logistic, first"]}","{runs["persistence, first"]}"%5D'
    text = go(page, f'/compare-runs?runs={ids}&experiments=%5B"1"%5D', "Comparing 2 Runs")
    assert "logistic, first" in text
    assert "persistence, first" in text
    page.get_by_text("Show diff only").first.click()
    page.wait_for_timeout(500)
    text = " ".join(page.inner_text("body").split())
    parameters = text.split("Show diff only")[1].split()
    assert parameters[0] == "candidate"
    assert {"logistic", "persistence"} == set(parameters[1:3])
    assert "seed" not in parameters
    page.get_by_text("Parallel Coordinates Plot").first.wait_for()
    page.locator(".js-plotly-plot .parcoords").first.wait_for(state="attached")


def test_a_run_shows_scores_data_and_curves(page, interface):
    runs = runs_by_name(interface[1])
    text = go(page, f"/experiments/1/runs/{runs['logistic, first']}", "brier_skill_30d")
    assert "logistic hazard on season index and carried breadth" in text
    assert "market-panel (" in text
    shown = re.findall(r"\b(brier_skill\w*|log_score|episodes|curves/\w+|more/\w+)\b",
                       text.partition("Metric Value")[2])  # fmt: skip
    assert shown[:5] == ["brier_skill", "brier_skill_low", "brier_skill_high", "log_score",
                         "episodes"]  # fmt: skip
    go(page, f"/experiments/1/runs/{runs['first']}/model-metrics", "brier_skill_by_horizon")
    assert in_sight(page, "log_score_by_year")
    page.locator(".js-plotly-plot .scatterlayer path.js-line").first.wait_for(state="attached")


@pytest.mark.parametrize("dark", [False, True])
def test_figures_are_readable_in_the_artifacts(page, interface, dark):
    run_id = runs_by_name(interface[1])["first"]
    page.add_init_script(
        f"localStorage.setItem('_mlflow_dark_mode_toggle_enabled', '{str(dark).lower()}')"
    )
    go(page, f"/experiments/1/runs/{run_id}/artifacts/figures/skill_by_horizon.png",
       "figures/skill_by_horizon.png")  # fmt: skip
    drawn = "[...document.images].find(i => i.naturalWidth > 900 && i.clientWidth > 0)"
    page.wait_for_function(drawn)
    # A corner of the figure: opaque white, whatever the page behind it.
    corner = page.evaluate(
        f"""() => {{ const i = {drawn};
        const c = document.createElement('canvas'); c.width = c.height = 1;
        const x = c.getContext('2d'); x.drawImage(i, 0, 0);
        return [...x.getImageData(0, 0, 1, 1).data, i.clientWidth]; }}"""
    )
    assert corner[:4] == [255, 255, 255, 255]
    assert corner[4] > 500


def test_the_model_names_itself_and_its_promoter(page, interface):
    text = go(page, "/models/altcoin-season", "Version 5")
    assert "Probability that an altcoin season begins" in text
    assert "@ champion" in text
    text = go(page, "/models/altcoin-season/versions/5", "promotion_reason")
    for word in ("to see it in the UI", "promoted_at", "previous_champion", "@ champion",
                 "logistic, a trial", "Inputs (4)", "Outputs (14)"):  # fmt: skip
        assert word in text, word
    page.get_by_role("link", name="logistic, a trial").first.click()
    page.wait_for_url(re.compile(r"/experiments/1/runs/"))
