"""What is measured: each task yields its rows' names and what to run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.market import Tables, drawn_market, multiplied, read_market, written

ROOT = Path(__file__).parents[1]
BASELINE = "import mlflow, pandas, sklearn.linear_model"
TIMES = (1, 2, 4)

Row = tuple[str, Callable[[], object]]


@dataclass(frozen=True)
class Sizes:
    """How much is measured: altcoins and days drawn, forecasts, paths, end of training, outlook."""

    coins: int = 150
    days: int = 1500
    forecasts: int = 450
    paths: int = 1000
    until: str | None = None
    outlook_paths: int = 10_000
    outlook_days: int = 730


TINY = Sizes(
    coins=55, days=220, forecasts=40, paths=10, until="2017-02-14", outlook_paths=400,
    outlook_days=400,
)  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """Where tasks find their data and leave their files."""

    folder: Path  # an empty directory
    sizes: Sizes
    data_dir: Path | None = None  # market to measure with; by default one is drawn

    def market(self) -> Tables:
        """Return the market to measure with."""
        if self.data_dir is not None:
            return read_market(self.data_dir)
        return drawn_market(self.sizes.coins, self.sizes.days)


def panel(bench: Bench) -> Iterator[Row]:
    """Build a panel from files, with several times the coins."""
    from features.sources.directory import load_files

    tables = bench.market()
    for times in TIMES:
        larger = multiplied(tables, times)
        directory = written(larger, bench.folder / f"market-{times}")
        rows, coins = len(larger["coins"]), larger["coins"]["coin"].nunique()
        yield f"{coins} coins, {rows} rows", partial(load_files, directory)


def simulation(bench: Bench) -> Iterator[Row]:
    """Simulate one as_of day and nine."""
    from features.market.market import Market
    from features.market.paths import simulate

    tables = bench.market()
    market = Market.from_tables(tables["coins"], tables["universe"])
    for count in (1, 9):
        days = pd.date_range(end=market.days[-1], periods=count, freq="7D", unit="s")
        yield (
            f"{count} as_of day{'s' if count > 1 else ''}, {bench.sizes.paths} paths",
            partial(simulate, market, days, paths=bench.sizes.paths),
        )


def interval(bench: Bench) -> Iterator[Row]:
    """Make a skill interval over several times the weekly forecasts."""
    from models.verification.contrasts import window_contrasts
    from models.verification.intervals import skill_interval

    def made(count: int) -> object:
        weeks = pd.date_range("1990-01-02", periods=count, freq="7D", unit="s")
        own, reference = np.random.default_rng(0).random((2, count))
        contrasts = window_contrasts(weeks, horizon_days=90, step_days=7)
        return skill_interval(own, reference, contrasts)

    for times in TIMES:
        count = times * bench.sizes.forecasts
        yield f"{count} forecasts", partial(made, count)


def outlook(bench: Bench) -> Iterator[Row]:
    """Simulate seasons from a day at risk, take the waits from them, and do all from the index."""
    from features.market.season import season_index
    from features.reference.load import load_reference
    from models.outlook.paths import Paths, simulate
    from models.outlook.renewal import Renewal, fit_renewal
    from models.outlook.waiting import Waiting, waiting_times
    from models.season.definition import OnsetDefinition

    index, as_of = season_index(load_reference()), pd.Timestamp("2025-12-10")
    kinds = OnsetDefinition().by_kind()
    near_term = {str(kind): np.full((100, 3), 0.1) for kind in kinds}

    def fitted() -> dict[str, Renewal]:
        return {
            str(kind): fit_renewal(index, until=as_of, definition=each)
            for kind, each in kinds.items()
        }

    def simulated(renewals: Mapping[str, Renewal]) -> Paths:
        now = {kind: renewal.history for kind, renewal in renewals.items()}
        return simulate(
            renewals, now, days=bench.sizes.outlook_days, near_term=near_term,
            n_paths=bench.sizes.outlook_paths,
        )  # fmt: skip

    def waits(paths: Paths) -> dict[str, Waiting]:
        return waiting_times(paths, 0, paths.reach - 1, 0.9)

    processes = fitted()
    paths = simulated(processes)
    size = f"{bench.sizes.outlook_paths} paths"
    yield f"{size}, {bench.sizes.outlook_days} days", partial(simulated, processes)
    yield "waits", partial(waits, paths)
    yield "index to waits", lambda: waits(simulated(fitted()))


def predict(bench: Bench) -> Iterator[Row]:
    """Start the whole process of predict.py, and a Python that imports what it needs."""
    store = f"sqlite:///{bench.folder / 'mlflow.db'}"
    until = ["--until", bench.sizes.until] if bench.sizes.until else []
    as_of = ["--as-of", bench.sizes.until] if bench.sizes.until else []
    _run(bench, "train.py", "--model", "logistic", "--quiet", "--tracking-uri", store, *until)
    yield "imports alone", partial(_run, bench, "-c", BASELINE)
    yield "predict.py", partial(_run, bench, "predict.py", "--tracking-uri", store, *as_of)
    yield "predict.py --help", partial(_run, bench, "predict.py", "--help")


def training(bench: Bench) -> Iterator[Row]:
    """Train as train.py does without options, but for MLflow and figures."""
    from features.reference.load import load_reference
    from models.training.run import train

    reference = load_reference()
    until = None if bench.sizes.until is None else pd.Timestamp(bench.sizes.until)
    yield "default, 2 processes", partial(train, reference, until=until, jobs=2)


TASKS: Mapping[str, Callable[[Bench], Iterator[Row]]] = {
    "panel": panel, "simulation": simulation, "interval": interval, "outlook": outlook,
    "predict": predict, "training": training,
}  # fmt: skip


def _run(bench: Bench, *words: str) -> None:
    script = [str(ROOT / words[0]), *words[1:]] if words[0].endswith(".py") else list(words)
    subprocess.run(
        [sys.executable, *script], cwd=bench.folder, check=True, stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
