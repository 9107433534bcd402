"""A sweep: each result that of a training, kept and resumed, the same wherever it is computed."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pandas as pd
import psutil
import pytest
from joblib.externals.loky.process_executor import TerminatedWorkerError

from features.catalogue.features import CATALOGUE
from features.catalogue.frame import build_features
from features.market.season import BEYOND, DEFAULT, OTHERS, IndexDefinition
from features.panel import DataError
from features.reference.load import load_definitions
from models.errors import SweepError
from models.hazard.candidates import CANDIDATES
from models.sweep.cluster import OtherCode, _evaluate, check_workers, on_cluster
from models.sweep.evaluate import evaluate
from models.sweep.material import material, require_embedded
from models.sweep.run import Sweep, carry_out, engine_of, on_processes, sweep
from models.sweep.specification import (
    DEFAULT_AXES,
    GROUPS,
    Specification,
    SpecificationError,
    grid,
)
from models.sweep.store import Store, code_digest, difference, identity, key_of
from models.training.landmarks import FIRST_DAY, STEP_DAYS
from models.training.run import LAYOUT, at_risk_rows
from models.verification.samples import with_episodes
from models.verification.skill import integrated
from models.vocabulary import Kind
from tests.commands import ROOT
from tests.sweeps import HORIZONS, UNTIL, cheap, cheap_material, fake

SECONDS = 60.0
in_process = partial(on_processes, 1)
faked = partial(fake, 1)


@pytest.fixture(scope="module")
def shared(reference):
    return cheap_material(reference)


@pytest.fixture(scope="module")
def here(shared) -> Sweep:
    """Three cheap specifications, evaluated in this process."""
    return carry_out(shared, cheap(3), in_process, horizons=HORIZONS)


def equal(one: Sweep, other: Sweep) -> bool:
    traces = zip(one.results, other.results, strict=True)
    return one.table().equals(other.table()) and all(a.trace.equals(b.trace) for a, b in traces)


# ---- specifications ----


def test_the_default_grid_is_81_definitions_of_the_simple_candidates():
    made = grid(DEFAULT_AXES).specifications
    assert len({specification.definition for specification in made}) == 81
    assert len(made) == len(set(made)) == 162
    # The program's own is in its middle.
    assert Specification() in made


@pytest.mark.parametrize(
    ("axes", "count", "left_out"),
    [
        ({"threshold": (70, 75)}, 2, 0),
        ({"threshold": (70, 70.0)}, 1, 0),
        # Who draws nothing has no seed, who sees no feature cannot do without it.
        ({"seed": (0, 1, 2), "without": ("russell",)}, 1, 0),
        ({"seed": (0, 1), "without": ("russell",), "candidate": ("logistic_all",)}, 2, 0),
        ({"seed": (0, 1), "without": ("russell",), "candidate": ("lightgbm_all",)}, 4, 0),
        # Paths were simulated for one window, one top and two thresholds.
        ({"window_days": (60, 90), "candidate": ("pool", "logistic")}, 3, 1),
        ({"threshold": (75, 80), "candidate": ("pool", "logistic")}, 3, 1),
    ],
)
def test_each_specification_is_tried_once(axes, count, left_out):
    made = grid(axes)
    assert len(made.specifications) == count
    assert sum(made.obstacles.values()) == left_out


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"threshold": (50,)}, "threshold must be above 50 .* got 50"),
        ({"threshold": (101,)}, "threshold must be above 50 .* at most 100, got 101"),
        ({"top": (0,)}, "top must be at least 1, got 0"),
        ({"quiet_days": (0,)}, "quiet_days must be at least 1, got 0"),
        ({"candidate": ("oracle",)}, "candidate must be one of climatology, .* got 'oracle'"),
        ({"without": ("moon",)}, "without must be one of russell, .* got 'moon'"),
        ({"window_days": (60,), "candidate": ("pool",)}, "no specification is left: pool needs"),
    ],
)
def test_what_cannot_be_is_refused(axes, message):
    with pytest.raises(SpecificationError, match=message):
        grid(axes)


@pytest.mark.parametrize("axes", [{"window_days": (45,)}, {"top": (30,)}, {"top": (20, 200)}])
def test_windows_and_tops_beyond_the_embedded_need_the_files(axes):
    with pytest.raises(SpecificationError, match="need --source files, got window") as error:
        require_embedded(grid(axes).definitions())
    assert str(error.value).startswith(BEYOND)
    assert len(OTHERS) == 14


@pytest.mark.parametrize("name", CANDIDATES)
def test_every_candidate_can_be_had_under_the_default_definition(name):
    assert Specification(candidate=name).obstacle() is None


# ---- evaluating ----


def test_a_result_is_that_of_a_training(small_training, reference):
    shared = material(reference, {}, [DEFAULT], until=small_training.until)
    result = evaluate(shared, Specification(candidate="logistic"), HORIZONS)
    trained = small_training.verification
    expected = trained[(trained["model"] == "logistic") & (trained["kind"] == Kind.BROAD)]
    expected = expected[expected["horizon"].isin([str(days) for days in HORIZONS])]
    columns = ["brier_skill", "brier_skill_low", "brier_skill_high"]
    figures = result.figures
    ends = ("", "_low", "_high")
    assert [[figures[f"skill_{days}{end}"] for end in ends] for days in HORIZONS] == (
        expected[columns].to_numpy(dtype=float).tolist()
    )
    rows = at_risk_rows(small_training.hindcast)
    rows = rows[rows["horizon"].isin([str(days) for days in HORIZONS])]
    rows = with_episodes(rows, small_training.onsets)
    overall = integrated(rows, step_days=STEP_DAYS, layout=LAYOUT)
    whole = overall[(overall["model"] == "logistic") & (overall["kind"] == Kind.BROAD)]
    assert [[figures[f"skill{end}"] for end in ends]] == whole[columns].to_numpy(float).tolist()
    assert figures["days"] == whole["days"].item()
    assert figures["onsets"] == len(small_training.onsets[Kind.BROAD])
    trace = result.trace
    assert (trace["as_of"] + pd.Timedelta(days=60) <= small_training.until).all()
    assert 1 - trace["score"].sum() / trace["reference"].sum() == pytest.approx(figures["skill"])
    # 2018 was nearly over: climatology knows little of its last days.
    assert figures["year"] == 2019
    assert 0 < figures["probability_low"] <= figures["probability"] <= figures["probability_high"]


def test_a_window_and_a_top_have_their_own_index_and_features(reference):
    assert cheap_material(reference).features.index[0] == FIRST_DAY
    definition = IndexDefinition(60, 20)
    shared = material(reference, load_definitions(), [DEFAULT, definition])
    specification = Specification(window_days=60, top=20)
    index = load_definitions()[definition]["season_index"]
    assert shared.by_index[definition].index.iloc[-1] == index.iloc[-1]
    features = shared.features_of(specification)
    plain = build_features(reference, pd.DatetimeIndex(features.index))
    pd.testing.assert_frame_equal(shared.features_of(Specification()), plain)
    assert features["carried_breadth_60"].isna().all()
    changed = [name for name in plain if not features[name].equals(plain[name])]
    assert set(changed) == {
        feature.name for feature in CATALOGUE
        if {"season_index", "carried_breadth_30", "carried_breadth_60"} & {*feature.sources}
    }  # fmt: skip
    hidden = shared.features_of(dataclasses.replace(specification, without="russell"))
    assert GROUPS["russell"]
    assert hidden[list(GROUPS["russell"])].isna().all(axis=None)
    assert hidden["season_index"].equals(features["season_index"])
    assert shared.by_index[definition].digest != shared.by_index[DEFAULT].digest


def test_what_is_not_there_is_refused(reference):
    with pytest.raises(SpecificationError, match="need --source files, got window 60 and top 20"):
        material(reference, {}, [IndexDefinition(60, 20)])
    empty = {"season_index": pd.Series(dtype=float)}
    with pytest.raises(DataError, match=r"window 60, top 20: .*no season index"):
        material(reference, {IndexDefinition(60, 20): empty}, [IndexDefinition(60, 20)])


def test_nothing_after_the_last_day_bears_on_a_result(reference):
    """Changing what was published later leaves every bit."""
    later = {
        name: values.where(values.index <= UNTIL, 50.0)
        for name in reference.names
        if len(values := reference.series(name))
    }
    first, second = (
        evaluate(cheap_material(panel), cheap(1, "persistence")[0], HORIZONS)
        for panel in (reference, reference.with_series(later))
    )
    assert first.figures == second.figures
    assert first.trace.equals(second.trace)


# ---- carrying out ----


def test_processes_give_the_same_bits_though_one_is_killed(shared, here):
    def kill_one(done, total):
        if done == 1:
            workers = [
                child for child in psutil.Process().children()
                if any("LokyProcess" in word for word in child.cmdline())
            ]  # fmt: skip
            workers[0].kill()

    with engine_of("loky", 2) as engine:
        done = carry_out(shared, cheap(3), engine, horizons=HORIZONS, progress=kill_one)
    assert not done.failures
    assert equal(done, here)


def test_workers_that_always_die_end_the_sweep(shared, monkeypatch):
    def dying(tasks):
        raise TerminatedWorkerError("killed")

    monkeypatch.setattr("models.sweep.run.Parallel", lambda **options: dying)
    with pytest.raises(SweepError, match="killed 3 times, perhaps for want of memory"):
        list(on_processes(2, shared, cheap(2), HORIZONS))


def test_a_failing_specification_stops_no_other(shared, here):
    # So long a quiet spell has never been: no day is at risk.
    bad = Specification(threshold=100.0, quiet_days=3000, candidate="climatology")
    done = carry_out(shared, [bad, *cheap(1)], in_process, horizons=HORIZONS)
    assert done.table().equals(here.table().head(1))
    (failure,) = done.failures
    assert failure.specification == bad
    assert failure.reason


def test_an_interruption_ends_with_what_stands_and_is_resumed(shared, tmp_path):
    def interrupted(material, tasks, horizons):
        for number, done in enumerate(fake(1, material, tasks, horizons)):
            if number == 2:
                raise KeyboardInterrupt
            yield done

    whole = carry_out(shared, cheap(4), faked, horizons=HORIZONS)
    store = Store(tmp_path / "results")
    first = carry_out(shared, cheap(4), interrupted, horizons=HORIZONS, store=store)
    assert first.interrupted
    assert first.table().equals(whole.table().head(2))
    seen = []
    again = carry_out(
        shared, cheap(4), faked, horizons=HORIZONS, store=store,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert again.resumed == 2
    assert not again.interrupted
    assert equal(again, whole)
    assert seen == [(2, 4), (3, 4), (4, 4)]


def test_other_data_choices_horizons_or_code_are_other_keys(shared, reference, monkeypatch):
    (task,) = cheap(1)
    key = key_of(shared, task, HORIZONS)
    assert key == key_of(cheap_material(reference), task, HORIZONS)
    earlier = material(reference, {}, [DEFAULT], until=UNTIL - pd.Timedelta(days=1))
    others = [
        key_of(earlier, task, HORIZONS),
        key_of(shared, dataclasses.replace(task, quiet_days=29), HORIZONS),
        key_of(shared, task, (30,)),
    ]
    monkeypatch.setattr("models.sweep.store.identity", lambda: {"code": "0" * 64})
    others.append(key_of(shared, task, HORIZONS))
    assert len({key, *others}) == 5


def test_a_killed_sweep_goes_on_where_it_was(shared, tmp_path):
    store = tmp_path / "results"
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from features.reference.load import load_reference\n"
        "from models.sweep.run import carry_out\n"
        "from models.sweep.store import Store\n"
        "from tests.sweeps import HORIZONS, cheap, cheap_material, fake\n"
        "def slow(material, tasks, horizons):\n"
        "    for done in fake(1, material, tasks, horizons):\n"
        "        time.sleep(0.02)\n"
        "        yield done\n"
        "shared, store = cheap_material(load_reference()), Store(Path(sys.argv[1]))\n"
        "carry_out(shared, cheap(3000), slow, horizons=HORIZONS, store=store)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, store], cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        while len(list(store.glob("*.parquet"))) < 2:
            assert process.poll() is None
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    again = carry_out(shared, cheap(4), faked, horizons=HORIZONS, store=Store(store))
    assert again.resumed >= 2
    assert equal(again, carry_out(shared, cheap(4), faked, horizons=HORIZONS))


def test_damage_is_computed_again_and_no_store_is_refused(shared, tmp_path):
    store = Store(tmp_path / "results")
    whole = carry_out(shared, cheap(2), faked, horizons=HORIZONS, store=store)
    next(store.folder.glob("*.parquet")).write_bytes(b"PAR1")
    with pytest.warns(UserWarning, match="damaged"):
        again = carry_out(shared, cheap(2), faked, horizons=HORIZONS, store=store)
    assert again.resumed == 1
    assert equal(again, whole)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(SweepError, match="file cannot be used"):
        Store(tmp_path / "file")


def test_the_code_digest_follows_the_code(tmp_path):
    for name in ("features", "models"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.parquet"))
    assert code_digest(tmp_path) == code_digest()
    with (tmp_path / "models/season/labels.py").open("a") as file:
        file.write("# a label\n")
    assert code_digest(tmp_path) != code_digest()


# ---- on a cluster ----


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    """Start processes of Dask, which end with the tests; give a way and a scheduler's file."""
    folder = tmp_path_factory.mktemp("dask")
    started = []

    def start(*arguments: object, path: object = ROOT) -> subprocess.Popen:
        with (folder / f"{len(started)}.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *map(str, arguments), "--no-dashboard"],
                cwd=folder, stdout=log, stderr=log,
                env={**os.environ, "PYTHONPATH": str(path), "OMP_NUM_THREADS": "1"},
            )  # fmt: skip
        started.append(process)
        return process

    file = folder / "scheduler.json"
    start("scheduler", "--host", "127.0.0.1", "--port", 0, "--scheduler-file", file)
    until = time.monotonic() + SECONDS
    while not file.exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    yield partial(start, "worker", "--scheduler-file", file, "--nthreads", 1, "--no-nanny"), file
    for process in reversed(started):
        process.kill()
        process.wait()


def _wait_for(count: int, file) -> None:
    from distributed import Client

    with Client(scheduler_file=str(file), timeout=SECONDS) as client:
        client.wait_for_workers(count, timeout=SECONDS)


# Dask speaks of its own shutting down.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_cluster_whose_workers_are_killed(dask, shared, here, monkeypatch):
    worker, file = dask
    workers = [worker() for _ in range(2)]
    _wait_for(2, file)

    def kill(doomed, done, total):
        if done == 1:
            for worker in doomed:
                worker.kill()
                worker.wait()

    # One of two is killed: the other gives the bits of this process.
    with on_cluster(f"file:{file}", jobs=2) as engine:
        done = carry_out(
            shared, cheap(3), engine, horizons=HORIZONS, progress=partial(kill, workers[:1])
        )
    assert workers[0].poll() is not None
    assert not done.failures
    assert equal(done, here)
    # Both are killed: nobody is left to wait for.
    workers = [workers[1], worker()]
    _wait_for(2, file)
    monkeypatch.setattr("models.sweep.cluster.PATIENCE_SECONDS", 5.0)
    with (
        pytest.raises(SweepError, match=r"are gone .*what is done is kept"),
        on_cluster(f"file:{file}", jobs=2) as engine,
    ):
        carry_out(shared, cheap(40), engine, horizons=HORIZONS, progress=partial(kill, workers))
    # A worker with another package of the same name is refused before anything runs.
    folder = file.parent
    (folder / "models").mkdir()
    (folder / "models" / "__init__.py").write_text("# another package of that plain name\n")
    # An editable installation finds what lies in this program's packages all the same.
    (folder / "plain.py").write_text(
        "import sys\nsys.meta_path = [f for f in sys.meta_path if 'Editable' not in repr(f)]\n"
    )
    worker("--preload", folder / "plain.py", path=folder)
    with (
        pytest.raises(SweepError, match=r"worker tcp://.* cannot load this program .*models"),
        on_cluster(f"file:{file}", jobs=2),
    ):
        pass


class FakeClient:
    """Answers as workers would."""

    def __init__(self, *answers, threads: int = 1):
        self.answers = {f"tcp://10.0.0.{n}:1": each for n, each in enumerate(answers, start=1)}
        self.threads = threads

    def nthreads(self):
        return dict.fromkeys(self.answers, self.threads)

    def run(self, function, on_error):
        # What is asked is sent by value and answered by this very code.
        assert function() == identity()
        return self.answers


@pytest.mark.parametrize(
    ("change", "threads", "message"),
    [
        ({"code": "0" * 64}, 1, r"tcp://10.0.0.2:1 would compute otherwise: code 000000000000"),
        ({"numpy": "1.0"}, 1, "numpy 1.0 instead of"),
        ({"python": "3.9"}, 1, "python 3.9 instead of"),
        ({}, 4, r"tcp://10.0.0.1:1 runs 4 tasks at once .*--nthreads 1"),
    ],
)
def test_a_worker_that_would_compute_otherwise_is_refused(change, threads, message):
    check_workers(FakeClient(identity(), identity()))
    with pytest.raises(SweepError, match=message):
        check_workers(FakeClient(identity(), {**identity(), **change}, threads=threads))
    assert "scipy none instead of" in str(difference({"code": identity()["code"]}, identity()))


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr("models.sweep.cluster.WAIT_SECONDS", 0.5)
    with (
        pytest.raises(SweepError, match=r"tcp://127\.0\.0\.1:1 does not answer"),
        on_cluster("tcp://127.0.0.1:1", jobs=2),
    ):
        pass


def test_a_late_worker_of_other_code_computes_nothing(shared):
    with pytest.raises(OtherCode, match="its code is"):
        _evaluate(shared, cheap(1)[0], HORIZONS, "0" * 64)


# ---- from Python ----


def test_a_frame_comes_back(reference):
    table = sweep(
        reference, threshold=[70, 80], model=["climatology"], horizons=HORIZONS, until=UNTIL,
        backend="serial",
    )  # fmt: skip
    assert table["threshold"].tolist() == [70.0, 80.0]
    assert (table[["skill", "skill_30", "skill_60"]] == 0).all(axis=None)
    assert table["probability"].between(0, 1).all()
    assert np.isfinite(table["probability_low"]).all()
    with pytest.raises(SpecificationError, match=r"choices are threshold, .* got 'moon'"):
        sweep(reference, moon=[1])
