"""What a sweep costs: ``python -m benchmarks.sweep``.

Run it from the root of the repository, with nothing else running. It evaluates so many
specifications (``--count``) with one and with two workers of a Dask cluster on this machine, in
turn, then sends tasks that do nothing, and prints

- **throughput**: specifications a minute, and the efficiency of two workers against one;
- **overhead**: seconds of the client and the scheduler for a task that does nothing;
- **bytes**: what is sent with a task, what comes back, and what is sent once to each worker;
- **store**: seconds to keep a result on the disk;
- on paper, how long 10,000 specifications take on 64 cores, and what they wait for.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from features.reference.load import load_definitions, load_reference
from models.sweep.evaluate import HORIZONS
from models.sweep.grid import DEFAULT_AXES, grid
from models.sweep.identity import code_digest
from models.sweep.material import Material, material
from models.sweep.run import backend_of, carry_out, definitions_of
from models.sweep.specification import Specification
from models.sweep.store import Store
from models.sweep.tasks import Done, Tasks

SCHEMA = "altseason.benchmarks.sweep/1"
EMPTY_TASKS = 400


@dataclass(frozen=True)
class Costs:
    """What was measured; seconds, bytes, specifications.

    Parameters
    ----------
    count : int
        Specifications evaluated for each figure.
    one, two : float
        Seconds for them with one worker and with two.
    task_seconds : float
        Processor seconds of a specification.
    overhead : float
        Seconds of client and scheduler for a task that does nothing.
    store : float
        Seconds to keep a result.
    sent, received, shared : int
        Bytes of a task, of its result, and of what every worker gets once.
    load : float
        Load of the machine when it began: above 1 the figures are too high.
    """

    count: int
    one: float
    two: float
    task_seconds: float
    overhead: float
    store: float
    sent: int
    received: int
    shared: int
    load: float

    @property
    def efficiency(self) -> float:
        """Return the speed of two workers against twice that of one."""
        return self.one / (2 * self.two)


@dataclass(frozen=True)
class OnPaper:
    """Seconds of a large sweep on many cores, by what they go into, and the longest of them."""

    compute: float
    client: float
    bottleneck: str
    total: float


def on_paper(costs: Costs, *, specifications: int = 10_000, cores: int = 64) -> OnPaper:
    """Return how long a large sweep would take from what a small one cost.

    Workers compute side by side, at the efficiency that was measured; the client and its scheduler
    serve one task after the other. Whichever takes longer is what the sweep waits for.

    Examples
    --------
    >>> costs = Costs(8, 32.0, 16.0, 4.0, 0.001, 0.004, 600, 9000, 2_000_000, 0.1)
    >>> on_paper(costs)
    OnPaper(compute=625.0, client=50.0, bottleneck='evaluating', total=625.0)
    """
    compute = specifications * costs.task_seconds / (cores * min(costs.efficiency, 1.0))
    client = specifications * (costs.overhead + costs.store)
    bottleneck = "evaluating" if compute >= client else "the client"
    return OnPaper(compute, client, bottleneck, max(compute, client))


def measure(count: int, repeat: int) -> Costs:
    """Evaluate, in turn with one worker and with two, and time what is beside it."""
    load = os.getloadavg()[0]
    made = grid(DEFAULT_AXES, sample=count)
    shared = material(load_reference(), load_definitions(), definitions_of(made))
    seconds: dict[int, list[float]] = {1: [], 2: []}
    tasks: list[Done] = []
    with _cluster(1) as one, _cluster(2) as two:
        for _ in range(repeat):
            for workers, cluster in ((1, one), (2, two)):
                elapsed, tasks = cluster.run(shared, made.specifications)
                seconds[workers].append(elapsed)
        overhead = two.overhead(made.specifications[0])
    sent = pickle.dumps((made.specifications[0], HORIZONS, code_digest()))
    return Costs(
        count=len(made.specifications),
        one=median(seconds[1]),
        two=median(seconds[2]),
        task_seconds=sum(each.seconds for each in tasks) / len(tasks),
        overhead=overhead,
        store=_store_seconds(shared, made.specifications[:1]),
        sent=len(sent),
        received=len(pickle.dumps(tasks[0])),
        shared=len(pickle.dumps(shared)),
        load=load,
    )


class _Cluster:
    """Workers on this machine, warmed up."""

    def __init__(self, workers: int) -> None:
        from distributed import Client, LocalCluster

        self.cluster = LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        )
        self.client = Client(self.cluster)
        self.client.run(_loaded)

    def run(self, shared: Material, tasks: Tasks) -> tuple[float, list[Done]]:
        """Evaluate the tasks; return the seconds it took and what came of them."""
        from models.sweep.cluster import evaluate_on

        began = perf_counter()
        done = list(evaluate_on(self.client, shared, tasks, HORIZONS))
        return perf_counter() - began, done

    def overhead(self, specification: Specification) -> float:
        """Return the seconds a task takes that does nothing."""
        began = perf_counter()
        self.client.gather(
            self.client.map(_nothing, range(EMPTY_TASKS), specification=specification, pure=False)
        )
        return (perf_counter() - began) / EMPTY_TASKS

    def close(self) -> None:
        """End the workers."""
        self.client.close()
        self.cluster.close()


@contextmanager
def _cluster(workers: int) -> Iterator[_Cluster]:
    cluster = _Cluster(workers)
    try:
        yield cluster
    finally:
        cluster.close()


def _loaded() -> bool:
    """Load what a task needs, so that no figure holds it."""
    return bool(code_digest())


def _nothing(number: int, specification: Specification) -> int:
    return number


def _store_seconds(shared: Material, tasks: tuple[Specification, ...], times: int = 20) -> float:
    with tempfile.TemporaryDirectory() as folder, backend_of("serial", 1) as backend:
        (result,) = carry_out(shared, tasks, backend).results
        store = Store(Path(folder, "sweep.sqlite"))
        began = perf_counter()
        for number in range(times):
            store.put(str(number), result, 1.0)
        return (perf_counter() - began) / times


def report(costs: Costs) -> str:
    """Return the figures for a person."""
    paper = on_paper(costs)
    loaded = "" if costs.load < 1 else " (the machine was busy: read ratios, not seconds)"
    return "\n".join(
        [
            f"load at the start {costs.load:.1f}{loaded}",
            f"{costs.count} specifications: {costs.one:.1f} s with one worker "
            f"({60 * costs.count / costs.one:.0f} a minute), {costs.two:.1f} s with two "
            f"({60 * costs.count / costs.two:.0f} a minute): efficiency {costs.efficiency:.2f}",
            f"processor seconds a specification: {costs.task_seconds:.2f}",
            f"overhead a task: {1000 * costs.overhead:.1f} ms; kept in {1000 * costs.store:.1f} ms",
            f"bytes: {costs.sent} sent a task, {costs.received} back, {costs.shared} once a worker",
            f"10,000 specifications on 64 cores, on paper: {paper.total / 60:.0f} minutes "
            f"(evaluating {paper.compute:.0f} s, client and scheduler {paper.client:.0f} s); "
            f"the bottleneck is {paper.bottleneck}",
        ]
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=8, help="specifications (default 8)")
    parser.add_argument("--repeat", type=int, default=1, help="turns (default 1)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    costs = measure(options.count, options.repeat)
    if options.json:
        content = {"schema": SCHEMA, **asdict(costs), "efficiency": costs.efficiency}
        print(json.dumps({**content, "on_paper": asdict(on_paper(costs))}, indent=1))
    else:
        print(report(costs))


if __name__ == "__main__":
    main()
