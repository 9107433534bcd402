"""A sweep: what is missing is evaluated and kept, what is there is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError

from features.market.season import IndexDefinition, IndexSeries
from features.panel import MarketPanel
from features.reference.load import load_definitions, load_reference
from models.errors import SweepError
from models.sweep.cluster import on_cluster
from models.sweep.evaluate import HORIZONS, Failure, Result, attempt
from models.sweep.material import Material, material
from models.sweep.specification import Specification, grid_of
from models.sweep.store import Store, key_of
from models.workers import end_with_parent

BackendName = Literal["loky", "dask", "serial"]
Progress = Callable[[int, int], None]
Tasks = Sequence[Specification]
Engine = Callable[[Material, Tasks, tuple[int, ...]], Iterator[Result | Failure]]
# Workers that are lost so often are lost for a reason, most often for want of memory.
_MOST_LOSSES = 3


@dataclass(frozen=True)
class Sweep:
    """What a sweep has come to so far."""

    asked: tuple[Specification, ...]  # in the order of the grid
    results: tuple[Result, ...]  # of those evaluated, in the same order
    failures: tuple[Failure, ...]
    horizons: tuple[int, ...]
    resumed: int  # results that were in the store already
    interrupted: bool  # whether it was stopped before it was through
    until: pd.Timestamp  # last day of the data
    digest: str  # of the data

    def table(self) -> pd.DataFrame:
        """Return one row per specification evaluated: choices, then figures."""
        return pd.DataFrame([result.row() for result in self.results])


@contextmanager
def engine_of(name: BackendName, jobs: int, scheduler: str | None = None) -> Iterator[Engine]:
    """Give what evaluates: `loky` processes here, `dask` workers, or `serial` this process."""
    if name == "dask":
        with on_cluster(scheduler, jobs) as engine:
            yield engine
    else:
        yield partial(on_processes, 1 if name == "serial" else jobs)


def on_processes(
    jobs: int, material: Material, tasks: Tasks, horizons: tuple[int, ...]
) -> Iterator[Result | Failure]:
    """Evaluate on so many processes of this machine; what a lost process had is run again."""
    left = dict.fromkeys(tasks)
    for _ in range(_MOST_LOSSES):
        parallel = Parallel(
            n_jobs=jobs, return_as="generator_unordered", batch_size=1, initializer=end_with_parent
        )
        try:
            for outcome in parallel(
                delayed(attempt)(material, task, horizons) for task in list(left)
            ):
                yield outcome
                del left[outcome.specification]
        except TerminatedWorkerError:
            continue
        return
    raise SweepError(
        f"workers were killed {_MOST_LOSSES} times, perhaps for want of memory; what is done is "
        f"kept: run the same command again with fewer --jobs."
    )


def carry_out(
    shared: Material,
    asked: Tasks,
    engine: Engine,
    *,
    horizons: tuple[int, ...] = HORIZONS,
    store: Store | None = None,
    progress: Progress = lambda done, total: None,
) -> Sweep:
    """Evaluate what is missing, keep each result as it comes; an interruption ends it early."""
    keys = {task: key_of(shared, task, horizons) for task in asked}
    results: dict[Specification, Result] = {}
    if store is not None:
        stored = {task: store.get(key) for task, key in keys.items()}
        results = {task: result for task, result in stored.items() if result is not None}
    resumed, failures, interrupted = len(results), [], False
    missing = [task for task in asked if task not in results]
    progress(resumed, len(asked))
    try:
        for outcome in engine(shared, missing, horizons) if missing else ():
            if isinstance(outcome, Failure):
                failures.append(outcome)
            else:
                if store is not None:
                    store.put(keys[outcome.specification], outcome)
                results[outcome.specification] = outcome
            progress(len(results) + len(failures), len(asked))
    except KeyboardInterrupt:
        interrupted = True
    return Sweep(
        asked=tuple(asked),
        results=tuple(results[task] for task in asked if task in results),
        failures=tuple(failures),
        horizons=horizons,
        resumed=resumed,
        interrupted=interrupted,
        until=shared.until,
        digest=shared.digest,
    )


def sweep(
    panel: MarketPanel | None = None,
    *,
    indices: Mapping[IndexDefinition, IndexSeries] | None = None,
    horizons: tuple[int, ...] = HORIZONS,
    until: pd.Timestamp | None = None,
    backend: BackendName = "loky",
    jobs: int = 2,
    scheduler: str | None = None,
    store: Path | None = None,
    progress: Progress = lambda done, total: None,
    **choices: Sequence[Any],
) -> pd.DataFrame:
    """Run the whole study under every choice.

    Parameters
    ----------
    panel : MarketPanel, optional
        The market; by default the embedded history.
    indices : mapping of IndexDefinition to dict of str to pandas.Series, optional
        Of windows and tops other than the default's, from
        `features.sources.directory.load_index_series`; the embedded history has its own.
    horizons : tuple of int
        Days ahead, each in [1, 390].
    until : pandas.Timestamp, optional
        Nothing published after the end of this day is used.
    backend : {"loky", "dask", "serial"}
        Processes here, a Dask cluster, or this process alone: the result is the same.
    jobs : int
        Processes.
    scheduler : str, optional
        Of a Dask cluster: ``tcp://HOST:PORT`` or ``file:PATH``.
    store : pathlib.Path, optional
        Folder in which results are kept, and looked for first.
    progress : callable
        Called with the number of specifications done and of all.
    **choices
        `threshold`, `window`, `top`, `quiet`, `model`, `without`, `seed`: the
        values to try. Without any, the default grid.

    Returns
    -------
    pandas.DataFrame
        One row per specification evaluated: its fields, then the figures of
        `models.sweep.evaluate.Result`.

    Raises
    ------
    SpecificationError
        If a choice is out of range or needs data that are not there.
    SweepError
        If the store or the cluster cannot be used.

    Examples
    --------
    >>> table = sweep(threshold=[75], model=["climatology"], backend="serial", horizons=(30,))
    >>> table[["threshold", "candidate", "skill_30"]].to_dict("records")
    [{'threshold': 75.0, 'candidate': 'climatology', 'skill_30': 0.0}]
    """
    if panel is None:
        panel, indices = load_reference(), load_definitions()
    made = grid_of(choices)
    shared = material(panel, indices or {}, made.definitions(), until=until)
    with engine_of(backend, jobs, scheduler) as engine:
        done = carry_out(
            shared,
            made.specifications,
            engine,
            horizons=horizons,
            store=None if store is None else Store(store),
            progress=progress,
        )
    return done.table()
