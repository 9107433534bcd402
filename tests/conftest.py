"""Fixtures that several test files share."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings
from mlflow.tracking import MlflowClient
from sklearn.base import clone

import train
from features.market.season import season_index
from features.panel import MarketPanel
from features.reference.load import CARD_FILE, DIRECTORY, load_reference
from features.sources.yahoo import client as yahoo
from models.hazard.candidates import CANDIDATES
from models.report.figures import skill_by_horizon
from models.report.style import png
from models.season.definition import OnsetDefinition
from models.tracking.composition import Provenance, compose
from models.tracking.runs import log_later
from models.training.landmarks import landmarks
from models.training.run import Settings, Training
from models.training.run import train as run_training
from models.verification.gate import Choice
from models.verification.hindcast import training_rows
from tests.commands import run_command
from tests.embedded import DRAWN
from tests.hazard_rows import SIMULATED
from tests.yahoo_server import Market, YahooServer

# The same examples in every run, however loaded the machine: no test depends on a clock.
settings.register_profile(
    "suite", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")
# No test asks the network by itself; subprocesses inherit it.
os.environ["ALTSEASON_SOURCE"] = "reference"

REAL_DATA = Path(__file__).parents[2] / "shared" / "data"


def pytest_collection_modifyitems(config, items):
    """Skip what needs the real history where it is absent, and the network unless asked for."""
    absent = pytest.mark.skip(reason=f"the real market history is not at {REAL_DATA}")
    offline = pytest.mark.skip(reason="needs the internet; ask for it with -m network")
    for item in items:
        if "real_data" in item.keywords and not REAL_DATA.is_dir():
            item.add_marker(absent)
        if "network" in item.keywords and "network" not in config.getoption("-m"):
            item.add_marker(offline)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Directory of the real market history; use with the marker real_data."""
    return REAL_DATA


@pytest.fixture(scope="session")
def reference() -> MarketPanel:
    """The embedded history."""
    return load_reference()


@pytest.fixture(scope="session")
def card() -> dict:
    """What the card of the embedded history says of it."""
    return json.loads((DIRECTORY / CARD_FILE).read_text())


def make_panel(seed: int = 0, first: str = "2013-01-01", last: str = "2019-12-31") -> MarketPanel:
    """Return a panel with every series drawn at random: nothing in it forecasts anything.

    The season index wanders between 0 and 100 and crosses 50 and 75 several times a year.
    """
    random = np.random.default_rng(seed)
    every = pd.date_range(first, last, unit="s")
    weekdays = every[every.day_of_week < 5]
    series = {}
    for spec in DRAWN:
        traded = spec.name in ("russell2000", "sp500") or spec.kind == "flow"
        days = weekdays if traded else every
        steps = random.normal(size=len(days))
        if spec.kind == "level":
            values = 100 * np.exp(np.cumsum(0.02 * steps))
        elif spec.kind == "percent":
            wander = pd.Series(steps).ewm(span=40).mean()
            values = 100 / (1 + np.exp(-8 * wander.to_numpy()))
        else:
            values = steps
        series[spec.name] = pd.Series(values, days)
    return MarketPanel.from_series(series, f"random:{seed}")


@pytest.fixture(scope="session")
def random_panel() -> MarketPanel:
    """A panel in which nothing forecasts anything."""
    return make_panel()


@pytest.fixture(scope="session")
def lead_rows(once, reference):
    """X, targets and weights of the embedded history until 2021: rows enough to grow trees."""

    def make(folder):
        rows = landmarks(reference, season_index(reference), OnsetDefinition())
        return training_rows(rows, pd.Timestamp("2021-12-31"))

    return once("lead_rows", make)


@pytest.fixture(scope="session")
def fitted(once, lead_rows):
    """Every candidate, fitted to the same rows."""
    unfitted = {name: clone(candidate.model) for name, candidate in CANDIDATES.items()}
    return once("fitted", lambda _: {name: m.fit(*lead_rows) for name, m in unfitted.items()})


@pytest.fixture(scope="session")
def asked(lead_rows):
    """Feature rows nobody has seen: ordinary, extreme and missing values in any mixture."""
    X, _, _ = lead_rows
    random = np.random.default_rng(0)
    seen = X.to_numpy()
    values = np.column_stack([random.choice(column, 120) for column in seen.T])
    extreme = random.random(values.shape)
    values[extreme < 0.05] = np.nan
    values[extreme > 0.95] *= -1e6
    values[0], values[1], values[2] = np.nan, 1e12, -1e12
    rows = pd.DataFrame(values, columns=X.columns).assign(threshold=np.tile([50.0, 75.0], 60))
    rows[SIMULATED] = rows[SIMULATED].clip(0.05, 99.95)
    return rows


@pytest.fixture
def yahoo_server(tmp_path_factory, monkeypatch) -> Iterator[YahooServer]:
    """Run a local Yahoo that this process and its children are led to; give it a market."""
    market = Market(pd.Timestamp("2025-12-10 18:00"))
    with YahooServer(market, tmp_path_factory.mktemp("yahoo")) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(yahoo, "BACKOFF_SECONDS", (0.0, 0.0))
        monkeypatch.setattr(yahoo, "PAUSE_SECONDS", 0.0)
        yahoo._session.cache_clear()
        yield server
        yahoo._session().close()
        yahoo._session.cache_clear()


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """Make something dear once for all processes of a test run: ``once(name, make)``.

    ``make`` takes a folder of its own; what it returns must be picklable.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def shared(name: str, make):
        kept = base / f"{name}.pickle"
        with FileLock(f"{kept}.lock"):
            if not kept.exists():
                folder = base / name
                folder.mkdir()
                kept.write_bytes(pickle.dumps(make(folder)))
            return pickle.loads(kept.read_bytes())

    return shared


@pytest.fixture(scope="session")
def empty_database(once) -> Path:
    """A store of MLflow with nothing in it: to make one takes seconds, to copy it none."""

    def make(folder: Path) -> Path:
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        MlflowClient(uri, uri).search_experiments()
        return folder / "mlflow.db"

    return once("database", make)


@pytest.fixture(scope="session")
def trained(once):
    """A store with one training on the whole embedded history, and what the command printed."""

    def make(folder: Path):
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        arguments = (
            "--model", "logistic", "--tracking-uri", uri,
            "--run-name", "whole", "--hindcast-out", str(folder / "hindcast.parquet"),
        )  # fmt: skip
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("models.training.run.PRIMARY", "logistic")
            result = run_command(train.app, *arguments)
        assert result.exit_code == 0, result.output
        return uri, folder, SimpleNamespace(stdout=result.stdout, stderr=result.stderr)

    return once("trained", make)


@pytest.fixture(scope="session")
def quick(once, reference) -> Training:
    """A small training that ended long before the data do."""
    settings = Settings(candidates=("logistic", "persistence"), replicates=8)
    until = pd.Timestamp("2019-06-30")
    return once("quick", lambda folder: run_training(reference, settings, until=until))


@pytest.fixture(scope="session")
def small_training(once, reference):
    """A training of seconds: two candidates on the embedded history until 2018."""
    settings = Settings(candidates=("persistence", "logistic"), horizons=(30, 60), replicates=3)
    until = pd.Timestamp("2018-12-31")
    training = once("small", lambda folder: run_training(reference, settings, until=until))
    # Two years prove nothing, so that the gate names climatology: here it is as if they had.
    return replace(training, choice=Choice("logistic", "is what this test says it is"))


@pytest.fixture(scope="session")
def make_record(small_training):
    """Make records of the small training that differ in what a test says."""

    def make(title: str = "small", run_id: str = "", data_end: str = "2018-12-31", **changes):
        return compose(
            replace(small_training, **changes),
            Provenance("reference", data_end, "0" * 40, {"python": "3"}),
            {"": {"skill_by_horizon.png": png(skill_by_horizon(small_training.verification))}},
            {},
            experiment="altcoin-season",
            title=title,
            run_id=run_id,
            started_ms=1_700_000_000_000,
            finished_ms=1_700_000_060_000,
        )

    return make


@pytest.fixture(scope="session")
def logged_database(once, make_record, empty_database) -> Path:
    """A store with the small training; to be copied, never changed."""

    def make(folder: Path) -> Path:
        path = Path(shutil.copy(empty_database, folder / "mlflow.db"))
        log_later(make_record("first"), f"sqlite:///{path}", "ada", "2026-01-02T03:04:05+00:00")
        return path

    return once("logged", make)
