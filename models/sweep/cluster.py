"""The only module that knows Dask: joblib's tasks on the workers of a cluster."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import partial
from multiprocessing import TimeoutError as NothingCame  # joblib's, another than Python's
from typing import TYPE_CHECKING

from joblib import Parallel, delayed, parallel_config

from models.errors import SweepError
from models.sweep.evaluate import Failure, Result, attempt
from models.sweep.material import Material
from models.sweep.specification import Specification
from models.sweep.store import difference, identity

if TYPE_CHECKING:
    from distributed import Client

    from models.sweep.run import Engine, Tasks

WAIT_SECONDS = 20.0
# A specification takes seconds: if nothing comes back for so long, nobody is at work.
PATIENCE_SECONDS = 300.0


class OtherCode(Exception):
    """A worker runs other code than the client."""


@contextmanager
def on_cluster(scheduler: str | None, jobs: int) -> Iterator[Engine]:
    """Give what evaluates on a Dask cluster.

    The scheduler is ``tcp://HOST:PORT``, or ``file:PATH`` of its JSON file; by default so many
    workers on this machine, which end with the sweep. Raises `SweepError` if Dask is not installed,
    the scheduler does not answer or has no worker, or a worker runs other code.
    """
    # What goes wrong is said once, by this module; Dask would say it at length.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with _client(scheduler, jobs) as client:
        check_workers(client)
        yield partial(_evaluate_on, client)


def check_workers(client: Client) -> None:
    """Refuse a cluster on which a worker would compute otherwise than this process."""
    for address, threads in sorted(client.nthreads().items()):
        # Two tasks in one process would share its numerical libraries' number of threads.
        if threads > 1:
            raise SweepError(
                f"worker {address} runs {threads} tasks at once in one process; start it with "
                f"--nthreads 1, one on each core."
            )
    for address, theirs in sorted(client.run(_question(), on_error="return").items()):
        if not isinstance(theirs, dict):
            raise SweepError(
                f"worker {address} cannot load this program ({theirs}); install the same altseason "
                f"there, in an environment in which `models` and `features` are its own."
            )
        if differs := difference(theirs, identity()):
            raise SweepError(
                f"worker {address} would compute otherwise: {differs}; install the same versions "
                f"there and start it again."
            )


def _question() -> Callable[[], dict[str, str] | str]:
    """Return a question that a worker without this program can answer too.

    A function inside another is sent by value: there is nothing to import but what it imports.
    """

    def ask() -> dict[str, str] | str:
        try:
            # What a task needs, loaded by all workers at once before the first waits for it.
            import models.sweep.cluster
            from models.sweep.store import identity as theirs

            assert models.sweep.cluster
            return theirs()
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    return ask


@contextmanager
def _client(scheduler: str | None, jobs: int) -> Iterator[Client]:
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise SweepError(
            "the dask backend needs dask and distributed: pip install 'altseason[cluster]'."
        ) from error
    if scheduler is None:
        with (
            LocalCluster(
                n_workers=jobs, threads_per_worker=1, dashboard_address=":0", silence_logs=50
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client
        return
    name = "scheduler_file" if scheduler.startswith("file:") else "address"
    try:
        client = Client(**{name: scheduler.removeprefix("file:")}, timeout=WAIT_SECONDS)
    except (OSError, ValueError) as error:
        raise SweepError(f"the scheduler {scheduler} does not answer: {error}") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=WAIT_SECONDS)
        except TimeoutError as error:
            raise SweepError(
                f"the scheduler {scheduler} has no worker; start some with "
                f"`dask worker {scheduler} --nthreads 1`."
            ) from error
        yield client


def _evaluate_on(
    client: Client, material: Material, tasks: Tasks, horizons: tuple[int, ...]
) -> Iterator[Result | Failure]:
    """Evaluate on the workers; what a lost worker had runs on others, the scheduler sees to it."""
    from distributed.scheduler import KilledWorker

    # The material goes to every worker once, not with every task.
    with parallel_config(backend="dask", client=client, scatter=[material]):
        parallel = Parallel(return_as="generator_unordered", batch_size=1, timeout=PATIENCE_SECONDS)
    code, left = identity()["code"], list(tasks)
    try:
        while left:
            before = len(left)
            try:
                for outcome in parallel(
                    delayed(_evaluate)(material, task, horizons, code) for task in left
                ):
                    left.remove(outcome.specification)
                    yield outcome
            except CancelledError:
                # A worker that was lost can take results with it that its scheduler forgets: what
                # is left is asked for again, as long as more of it comes and there are workers.
                if len(left) == before or not client.scheduler_info()["workers"]:
                    raise
    except (OtherCode, ImportError, AttributeError) as error:
        raise SweepError(
            f"a worker that joined meanwhile would compute otherwise ({error}); stop it, and run "
            f"the same command again."
        ) from error
    except (KilledWorker, CancelledError, NothingCame, OSError) as error:
        reason = str(error) or f"nothing came back in {PATIENCE_SECONDS:g} s"
        raise SweepError(
            f"the workers or their scheduler are gone ({reason}); what is done is kept: start them "
            f"and run the same command again."
        ) from error


def _evaluate(
    material: Material, specification: Specification, horizons: tuple[int, ...], code: str
) -> Result | Failure:
    if (ours := identity()["code"]) != code:
        raise OtherCode(f"its code is {ours[:12]}, not {code[:12]}")
    # The loops inside a task stay in it: on the cluster they could wait for each other for ever.
    with parallel_config(backend="loky", n_jobs=1):
        return attempt(material, specification, horizons)
