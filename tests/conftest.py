"""Fixtures that several test files share."""

from __future__ import annotations

import functools
import json
import os
import pickle
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from features.market.season import season_index
from features.panel import MarketPanel
from features.reference.load import CARD_FILE, DIRECTORY, load_reference
from models.season.definition import OnsetDefinition
from tests.embedded import DRAWN

# The same examples in every run, however loaded the machine: no test depends on a clock.
settings.register_profile(
    "suite", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")
# No test asks the network by itself; subprocesses inherit it.
os.environ["ALTSEASON_SOURCE"] = "reference"

# Files of ten seconds and more.
LONGEST = {
    "test_claims", "test_coinmarketcap", "test_commands", "test_controls", "test_directory",
    "test_etf_flows", "test_fund_tables", "test_golden", "test_hindcast", "test_live",
    "test_market_tables", "test_panel", "test_report", "test_sweep", "test_tracking",
    "test_training",
}  # fmt: skip
REAL_DATA = Path(__file__).parents[2] / "shared" / "data"


def pytest_collection_modifyitems(config, items):
    """Skip what needs the real history where it is absent, and the network unless asked for.

    The longest files come first, so that no process is left alone with one at the end.
    SHUFFLE_SEED=N runs files, and the tests of each, in an order drawn at random.
    """
    absent = pytest.mark.skip(reason=f"the real market history is not at {REAL_DATA}")
    offline = pytest.mark.skip(reason="needs the internet; ask for it with -m network")
    for item in items:
        if "real_data" in item.keywords and not REAL_DATA.is_dir():
            item.add_marker(absent)
        if "network" in item.keywords and "network" not in config.getoption("-m"):
            item.add_marker(offline)
    items.sort(key=lambda item: item.path.stem not in LONGEST)
    if seed := os.environ.get("SHUFFLE_SEED"):
        drawn = random.Random(seed)
        drawn.shuffle(items)
        files = {item.path: drawn.random() for item in items}
        items.sort(key=lambda item: files[item.path])


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
    draw = np.random.default_rng(seed)
    every = pd.date_range(first, last, unit="s")
    weekdays = every[every.day_of_week < 5]
    series = {}
    for spec in DRAWN:
        traded = spec.name in ("russell2000", "sp500") or spec.kind == "flow"
        days = weekdays if traded else every
        steps = draw.normal(size=len(days))
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
    from models.training.landmarks import landmarks
    from models.verification.hindcast import training_rows

    def make(folder):
        rows = landmarks(reference, season_index(reference), OnsetDefinition())
        return training_rows(rows, pd.Timestamp("2021-12-31"))

    return once("lead_rows", make)


@pytest.fixture(scope="session")
def fitted(once, lead_rows):
    """Every candidate, fitted to the same rows."""
    from sklearn.base import clone

    from models.hazard.candidates import CANDIDATES

    unfitted = {name: clone(candidate.model) for name, candidate in CANDIDATES.items()}
    return once("fitted", lambda _: {name: m.fit(*lead_rows) for name, m in unfitted.items()})


@pytest.fixture(scope="session")
def asked(lead_rows):
    """Feature rows nobody has seen: ordinary, extreme and missing values in any mixture."""
    from tests.hazard_rows import SIMULATED

    X, _, _ = lead_rows
    draw = np.random.default_rng(0)
    seen = X.to_numpy()
    values = np.column_stack([draw.choice(column, 120) for column in seen.T])
    extreme = draw.random(values.shape)
    values[extreme < 0.05] = np.nan
    values[extreme > 0.95] *= -1e6
    values[0], values[1], values[2] = np.nan, 1e12, -1e12
    rows = pd.DataFrame(values, columns=X.columns).assign(threshold=np.tile([50.0, 75.0], 60))
    rows[SIMULATED] = rows[SIMULATED].clip(0.05, 99.95)
    return rows


@pytest.fixture
def yahoo_server(tmp_path_factory, monkeypatch) -> Iterator:
    """Run a local Yahoo that this process and its children are led to; give it a market."""
    from features.sources.yahoo import client as yahoo
    from tests.yahoo_server import Market, YahooServer

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
def small_training(once, reference):
    """A training of seconds: three candidates on the embedded history until the end of 2018."""
    from models.training.claims import claims, with_claims
    from models.training.run import Settings
    from models.training.run import train as run_training
    from models.verification.gate import Choice

    until = pd.Timestamp("2018-12-31")

    def make(folder):
        names = ("persistence", "logistic", "logistic_all")
        settings = Settings(candidates=names, horizons=(30, 60, 90), replicates=4)
        training = run_training(reference, settings, until=until)
        training = with_claims(training, claims(reference, settings.definition, until))
        # Two years prove nothing, so that the gate names climatology: here it is as if they had.
        return replace(training, choice=Choice("logistic", "is what this test says it is"))

    return once("small", make)


@pytest.fixture(scope="session")
def small_forecast(small_training, reference):
    """Return what the small training forecasts on a day, by default its last one at risk."""
    from models.forecasting.forecast import forecast, second_opinion
    from models.forecasting.parts import ModelId
    from models.forecasting.status import season_status

    @functools.cache
    def make(day: str = "2018-09-25", age: int = 0, **options):
        forecaster = small_training.forecasters["logistic"]
        as_of = pd.Timestamp(day).as_unit("s")
        status = season_status(reference, forecaster, as_of)
        today = status.view.last_day + pd.Timedelta(days=age)
        made = forecast(status, forecaster, ModelId("1", "0" * 32), today=today, **options)
        other = second_opinion(status, small_training.forecasters["logistic_all"])
        return replace(made, second_opinion=other)

    return make


@pytest.fixture(scope="session")
def empty_database(once) -> Path:
    """A store of MLflow with nothing in it: to make one takes seconds, to copy it none."""

    from mlflow import MlflowClient

    def make(folder: Path) -> Path:
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        MlflowClient(uri, uri).search_experiments()
        return folder / "mlflow.db"

    return once("database", make)


@pytest.fixture(scope="session")
def store(once, small_training):
    """A store with the small training, twice; to be copied, never changed."""
    from models.tracking.log import Beside, log_training, training_run

    def make(folder: Path) -> Path:
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        beside = Beside("reference", "2018-12-31", "0" * 40, {"python": "3"},
                        cards={"logistic": b"# card"}, forecast={"broad_90d": 0.25})  # fmt: skip
        for title in ("first", "second"):
            with training_run(uri, "altcoin-season", title) as run:
                log_training(run, small_training, beside, "ada", "2026-01-02T03:04:05+00:00")
        return folder

    return once("store", make)


@pytest.fixture
def copied_store(store, tmp_path) -> str:
    """Address of a copy of the store, moved to another folder."""
    folder = tmp_path / "moved"
    shutil.copytree(store, folder)
    return f"sqlite:///{folder / 'mlflow.db'}"
