"""A sweep on a real Dask scheduler and two workers, one of which is killed in the middle."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from benchmarks.sweep import Costs, on_paper, report
from models.errors import SweepError
from models.sweep.cluster import check_workers, on_cluster
from models.sweep.identity import identity
from models.sweep.result import Failure
from models.sweep.run import carry_out
from models.sweep.tasks import in_process
from tests.commands import ROOT
from tests.sweeps import HORIZONS, cheap, cheap_material

SECONDS = 60.0
# Dask speaks of its own shutting down.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Start processes of Dask, which end with the tests."""
    folder = tmp_path_factory.mktemp("dask")
    started = []

    def dask(*arguments: object, path: object = ROOT) -> subprocess.Popen:
        with (folder / f"{len(started)}.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *map(str, arguments), "--no-dashboard"],
                cwd=folder, stdout=log, stderr=log,
                env={**os.environ, "PYTHONPATH": str(path), "OMP_NUM_THREADS": "1"},
            )  # fmt: skip
        started.append(process)
        return process

    yield folder, dask
    for process in reversed(started):
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def cluster(start):
    """The file of a scheduler with two workers, and these workers' processes."""
    folder, dask = start
    file = folder / "scheduler.json"
    dask("scheduler", "--host", "127.0.0.1", "--port", 0, "--scheduler-file", file)
    until = time.monotonic() + SECONDS
    while not file.exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    workers = [dask("worker", "--scheduler-file", file, "--nthreads", 1, "--no-nanny")
               for _ in range(2)]  # fmt: skip
    return file, workers


def test_two_workers_one_killed_give_the_bits_of_one_process(cluster, reference):
    file, workers = cluster
    shared, tasks = cheap_material(reference), cheap(4)
    expected = carry_out(shared, tasks, in_process, horizons=HORIZONS)
    with on_cluster(f"file:{file}", jobs=2) as backend:
        _wait_for_both(file)
        done = []

        def killing(done_so_far: int, total: int) -> None:
            done.append(done_so_far)
            if done_so_far == 1:
                workers[0].kill()
                workers[0].wait()

        found = carry_out(shared, tasks, backend, horizons=HORIZONS, progress=killing)
    assert done[-1] == len(tasks)
    assert workers[0].poll() is not None
    assert not found.failures
    assert [each.to_bytes() for each in found.results] == [
        each.to_bytes() for each in expected.results
    ]


def _wait_for_both(file) -> None:
    from distributed import Client

    with Client(scheduler_file=str(file), timeout=SECONDS) as client:
        client.wait_for_workers(2, timeout=SECONDS)


def test_a_worker_with_another_models_package_is_refused_before_anything_runs(cluster, start):
    file, _ = cluster
    folder, dask = start
    (folder / "models").mkdir()
    (folder / "models" / "__init__.py").write_text("# another package of that plain name\n")
    # An editable installation finds what lies in this program's packages all the same.
    (folder / "plain.py").write_text(
        "import sys\nsys.meta_path = [f for f in sys.meta_path if 'Editable' not in repr(f)]\n"
    )
    stranger = dask(
        "worker", "--scheduler-file", file, "--nthreads", 1, "--no-nanny",
        "--preload", folder / "plain.py", path=folder,
    )  # fmt: skip
    try:
        _wait_for_both(file)
        with (
            pytest.raises(SweepError, match=r"worker tcp://.* cannot load this program .*models"),
            on_cluster(f"file:{file}", jobs=2),
        ):
            pass
    finally:
        stranger.kill()
        stranger.wait()


def test_a_cluster_without_any_worker_left_is_given_up(cluster, reference, monkeypatch, capsys):
    file, workers = cluster
    done = []
    monkeypatch.setattr("models.sweep.cluster.DEADLINE_SECONDS", 2.0)

    def killing(done_so_far: int, total: int) -> None:
        done.append(done_so_far)
        for worker in workers:
            worker.kill()
            worker.wait()

    with (
        pytest.raises(SweepError, match="no worker is left; what is done is kept"),
        on_cluster(f"file:{file}", jobs=2) as backend,
    ):
        carry_out(cheap_material(reference), cheap(4), backend, horizons=HORIZONS,
                  progress=killing)  # fmt: skip
    assert done
    assert "no worker is left; waiting for one, up to 2 s ..." in capsys.readouterr().err


class FakeClient:
    """Answers as workers would."""

    def __init__(self, *answers, threads: int = 1):
        self.answers = {f"tcp://10.0.0.{n}:1": each for n, each in enumerate(answers, start=1)}
        self.threads = threads

    def nthreads(self):
        return dict.fromkeys(self.answers, self.threads)

    def run(self, function, on_error):
        # What is asked is sent by value and answered by this very code.
        assert function() == dict(identity())
        return self.answers


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"code": "0" * 64}, r"worker tcp://10.0.0.2:1 would compute otherwise: code 000000000000"),
        ({"numpy": "1.0"}, "numpy 1.0 instead of"),
        ({"python": "3.9"}, "python 3.9 instead of"),
    ],
)
def test_a_worker_that_would_compute_otherwise_is_refused(change, message):
    own = dict(identity())
    check_workers(FakeClient(own, own))
    with pytest.raises(SweepError, match=message):
        check_workers(FakeClient(own, {**own, **change}))


def test_a_worker_of_several_threads_is_refused():
    with pytest.raises(SweepError, match=r"tcp://10.0.0.1:1 runs 4 tasks at once .*--nthreads 1"):
        check_workers(FakeClient(dict(identity()), threads=4))


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr("models.sweep.cluster.WAIT_SECONDS", 0.5)
    with (
        pytest.raises(SweepError, match=r"tcp://127\.0\.0\.1:1 does not answer"),
        on_cluster("tcp://127.0.0.1:1", jobs=2),
    ):
        pass


def test_a_late_worker_of_other_code_stops_the_sweep(reference):
    from models.sweep.cluster import OtherCode, _evaluate, _refuse

    (task,) = cheap(1)
    with pytest.raises(OtherCode, match="its code is"):
        _evaluate(task, cheap_material(reference), HORIZONS, "0" * 64)
    for error in (OtherCode("x"), ModuleNotFoundError("no models.sweep")):
        with pytest.raises(SweepError, match="joined meanwhile would compute otherwise"):
            _refuse(error)
    _refuse(RuntimeError("killed"))
    assert not isinstance(task, Failure)


@pytest.mark.parametrize(
    ("overhead", "compute", "client", "bottleneck"),
    # 10,000 x 4 s on 64 cores at an efficiency of 0.8; 10,000 x (overhead + 5 ms) one by one.
    [(0.005, 781.25, 100.0, "evaluating"), (0.095, 781.25, 1000.0, "the client")],
)
def test_a_large_sweep_on_paper(overhead, compute, client, bottleneck):
    costs = Costs(8, 32.0, 20.0, 4.0, overhead, 0.005, 600, 9000, 2_000_000, 3.0)
    assert costs.efficiency == pytest.approx(0.8)
    paper = on_paper(costs)
    assert (paper.compute, paper.client) == pytest.approx((compute, client))
    assert paper.bottleneck == bottleneck
    assert paper.total == max(paper.compute, paper.client)
    text = report(costs)
    assert "the machine was busy" in text
    assert f"the bottleneck is {bottleneck}" in text
