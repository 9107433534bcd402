"""The only module that knows Dask: tasks on the workers of a cluster, the material sent once."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

from models.errors import DEADLINE_SECONDS, SweepError
from models.sweep.identity import code_digest, difference, identity
from models.sweep.material import Material
from models.sweep.specification import Specification
from models.sweep.tasks import Backend, Done, Tasks, timed, with_losses

if TYPE_CHECKING:
    from distributed import Client, Future

WAIT_SECONDS = 20.0
_LOOK_SECONDS = 2.0
_GONE = "the scheduler is gone; what is done is kept, run the same command again for the rest"


class _Lost(Exception):
    """Workers were lost with tasks on them."""


class OtherCode(Exception):
    """A worker runs other code than the client."""


@contextmanager
def on_cluster(scheduler: str | None, jobs: int) -> Iterator[Backend]:
    """Give what evaluates on a Dask cluster.

    Parameters
    ----------
    scheduler : str, optional
        ``tcp://HOST:PORT``, or ``file:PATH`` of the scheduler's JSON file; by
        default a cluster on this machine, which ends with the sweep.
    jobs : int
        Workers of a cluster on this machine.

    Raises
    ------
    SweepError
        If Dask is not installed, the scheduler does not answer or has no
        worker, or a worker runs other code.
    """
    # What goes wrong is said once, by this module; Dask would say it at length.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with _client(scheduler, jobs) as client:
        check_workers(client)
        yield lambda material, tasks, horizons: evaluate_on(client, material, tasks, horizons)


def check_workers(client: Client) -> None:
    """Refuse a cluster on which a worker would compute otherwise than this process.

    Raises
    ------
    SweepError
        Names the first such worker, and in what it differs.
    """
    for address, threads in sorted(client.nthreads().items()):
        # Two tasks in one process would share its numerical libraries' number of threads.
        if threads > 1:
            raise SweepError(
                f"worker {address} runs {threads} tasks at once in one process; start it with "
                f"--nthreads 1, one on each core."
            )
    for address, theirs in sorted(client.run(_asked(), on_error="return").items()):
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


def _asked() -> Callable[[], dict[str, str] | str]:
    """Return a question that a worker without this program can answer too.

    A function inside another is sent by value: there is nothing to import but what it imports.
    """

    def ask() -> dict[str, str] | str:
        try:
            # What a task needs, loaded by all workers at once before the first one waits for it.
            import models.sweep.tasks
            from models.sweep.identity import identity as theirs

            assert models.sweep.tasks
            return dict(theirs())
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
    named: dict[str, str] = (
        {"scheduler_file": scheduler.removeprefix("file:")}
        if scheduler.startswith("file:")
        else {"address": scheduler}
    )
    try:
        client = Client(**named, timeout=WAIT_SECONDS)
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


def evaluate_on(
    client: Client, material: Material, tasks: Tasks, horizons: tuple[int, ...]
) -> Iterator[Done]:
    """Evaluate tasks on the workers of a client; what a lost one had is run again."""
    yield from with_losses(lambda left: _round(client, material, left, horizons), tasks, _Lost)


def _round(
    client: Client, material: Material, left: Tasks, horizons: tuple[int, ...]
) -> Iterator[Done]:
    """Submit what is left. A worker's loss is the scheduler's affair, as long as others live."""
    from distributed import as_completed

    try:
        _await_worker(client)
        # To every worker once, not with every task.
        shared = client.scatter(material, broadcast=True)
        futures = client.map(
            _evaluate, left, material=shared, horizons=horizons, code=code_digest(), pure=False
        )
        lost = False
        with _watched(client, futures):
            for future in as_completed(futures):
                if future.status == "finished":
                    yield future.result()
                elif future.status == "error":
                    _refuse(future.exception())
                    lost = True
                else:
                    lost = True
                future.release()
    except (OSError, TimeoutError) as error:
        raise SweepError(f"{_GONE} ({error}).") from error
    if client.status != "running":
        raise SweepError(f"{_GONE}.")
    if lost:
        raise _Lost


def _await_worker(client: Client) -> None:
    """Wait until there is a worker, and say so."""
    if client.nthreads():
        return
    print(f"no worker is left; waiting for one, up to {DEADLINE_SECONDS:g} s ...", file=sys.stderr)
    try:
        client.wait_for_workers(1, timeout=DEADLINE_SECONDS)
    except TimeoutError as error:
        raise SweepError(
            "no worker is left; what is done is kept: start workers and run the same command "
            "again later."
        ) from error


@contextmanager
def _watched(client: Client, futures: list[Future[Done]]) -> Iterator[None]:
    """Cancel the tasks when no worker is left, for the material is lost with the last one.

    The scheduler would wait for it without end.
    """
    over = Event()

    def watch() -> None:
        with suppress(OSError, RuntimeError, TimeoutError):  # the scheduler is gone too
            while not over.wait(_LOOK_SECONDS):
                if not client.nthreads():
                    client.cancel(futures, force=True)
                    return

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _refuse(error: BaseException | None) -> None:
    """Tell a worker that came late with other code from one that was lost."""
    if isinstance(error, OtherCode | ImportError | AttributeError):
        raise SweepError(
            f"a worker that joined meanwhile would compute otherwise ({error}); stop it, and run "
            f"the same command again."
        ) from error


def _evaluate(
    specification: Specification, material: Material, horizons: tuple[int, ...], code: str
) -> Done:
    if code_digest() != code:
        raise OtherCode(f"its code is {code_digest()[:12]}, not {code[:12]}")
    return timed(specification, material, horizons)
