"""What a worker does, and the two ways to have it done on one machine."""

from __future__ import annotations

import pickle
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError

from models.sweep.evaluate import attempt
from models.sweep.material import Material
from models.sweep.result import Failure, Result
from models.sweep.specification import Specification
from models.workers import end_with_parent

# A task whose worker has died so often without any other finishing meanwhile is given up.
MOST_LOSSES = 3


class Done(NamedTuple):
    """A specification that was evaluated, and the processor's seconds it took."""

    outcome: Result | Failure
    seconds: float


Tasks = Sequence[Specification]
Backend = Callable[[Material, Tasks, tuple[int, ...]], Iterator[Done]]


def timed(specification: Specification, material: Material, horizons: tuple[int, ...]) -> Done:
    """Evaluate a specification and tell how long it took."""
    began = time.thread_time()
    outcome = attempt(material, specification, horizons)
    return Done(outcome, time.thread_time() - began)


def in_process(material: Material, tasks: Tasks, horizons: tuple[int, ...]) -> Iterator[Done]:
    """Evaluate one specification after the other, here."""
    for specification in tasks:
        yield timed(specification, material, horizons)


def on_processes(jobs: int) -> Backend:
    """Return what evaluates on so many processes of this machine.

    The material is written to a file once, and read once by each process.

    Parameters
    ----------
    jobs : int
        Processes, of one thread each.
    """

    def run(material: Material, tasks: Tasks, horizons: tuple[int, ...]) -> Iterator[Done]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, material.digest)
            path.write_bytes(pickle.dumps(material))
            yield from with_losses(
                lambda left: _round(jobs, path, left, horizons), tasks, TerminatedWorkerError
            )

    return run


def with_losses(
    one_round: Callable[[Tasks], Iterator[Done]],
    tasks: Tasks,
    lost: type[BaseException],
) -> Iterator[Done]:
    """Run rounds until every task is done; what a lost worker had is run again.

    Parameters
    ----------
    one_round : callable
        Takes the tasks that are left, gives those that get done, and may raise `lost`.
    tasks : sequence of Specification
        All tasks.
    lost : type of exception
        Says that workers were lost; it ends a round, not the sweep.
    """
    left, losses = dict.fromkeys(tasks), 0
    while left and losses < MOST_LOSSES:
        losses += 1
        try:
            for done in one_round(list(left)):
                losses = 0
                del left[done.outcome.specification]
                yield done
        except lost:
            continue
    for specification in left:
        yield Done(Failure(specification, f"its worker was lost {MOST_LOSSES} times"), 0.0)


def _round(jobs: int, path: Path, left: Tasks, horizons: tuple[int, ...]) -> Iterator[Done]:
    with parallel_config(backend="loky", inner_max_num_threads=1):
        parallel = Parallel(
            n_jobs=jobs, return_as="generator_unordered", batch_size=1, initializer=end_with_parent
        )
        yield from parallel(delayed(_from_file)(path, each, horizons) for each in left)


def _from_file(path: Path, specification: Specification, horizons: tuple[int, ...]) -> Done:
    return timed(specification, _read(path), horizons)


# Its name is the digest of its content: a process that has read it has read this very material.
@lru_cache(maxsize=1)
def _read(path: Path) -> Material:
    found: Material = pickle.loads(path.read_bytes())
    return found
