"""A sweep: what is missing is evaluated and kept, what is there is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from features.market.season import DEFAULT, IndexDefinition, IndexSeries
from features.panel import MarketPanel
from features.reference.load import load_definitions, load_reference
from models.sweep.cluster import on_cluster
from models.sweep.evaluate import HORIZONS
from models.sweep.grid import DEFAULT_AXES, NAMES, Grid, grid
from models.sweep.material import Material, embedded, material, refusal
from models.sweep.result import Failure, Result
from models.sweep.specification import Specification, SpecificationError
from models.sweep.store import Store, key_of
from models.sweep.tasks import Backend, in_process, on_processes

BackendName = Literal["loky", "dask", "serial"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Sweep:
    """What a sweep has come to so far.

    Parameters
    ----------
    asked : tuple of Specification
        All specifications, in the order of the grid.
    results : tuple of Result
        Those evaluated, in the same order.
    failures : tuple of Failure
        Those that cannot be evaluated, and why.
    resumed : int
        Results that were in the store already.
    interrupted : bool
        Whether it was stopped before it was through.
    until : pandas.Timestamp
        Last day of the data.
    digest : str
        Of the data.
    """

    asked: tuple[Specification, ...]
    results: tuple[Result, ...]
    failures: tuple[Failure, ...]
    resumed: int
    interrupted: bool
    until: pd.Timestamp
    digest: str

    def table(self) -> pd.DataFrame:
        """Return one row per specification evaluated: choices, then figures."""
        return pd.DataFrame([result.row() for result in self.results])


@contextmanager
def backend_of(name: BackendName, jobs: int, scheduler: str | None = None) -> Iterator[Backend]:
    """Give the backend of a name: `loky` processes, `dask` workers, or this process alone."""
    if name == "dask":
        with on_cluster(scheduler, jobs) as backend:
            yield backend
    elif name == "loky" and jobs > 1:
        yield on_processes(jobs)
    else:
        yield in_process


def carry_out(
    shared: Material,
    asked: Sequence[Specification],
    backend: Backend,
    *,
    horizons: tuple[int, ...] = HORIZONS,
    store: Store | None = None,
    progress: Progress = lambda done, total: None,
) -> Sweep:
    """Evaluate what is missing, keep each result as it comes.

    Parameters
    ----------
    shared : Material
        What the specifications share.
    asked : sequence of Specification
        Each once.
    backend : callable
        From `backend_of`.
    horizons : tuple of int
        Days ahead.
    store : Store, optional
        Where results are kept and looked for; by default nowhere.
    progress : callable
        Called with the number of specifications done and of all.

    Returns
    -------
    Sweep
        With what stands so far if the user interrupts it.
    """
    keys = {each: key_of(shared, each, horizons) for each in asked}
    kept = {} if store is None else store.results(keys.values())
    found: dict[Specification, Result] = {
        each: kept[key] for each, key in keys.items() if key in kept
    }
    resumed, failures, interrupted = len(found), [], False
    missing = [each for each in asked if each not in found]
    progress(resumed, len(asked))
    try:
        for outcome, seconds in backend(shared, missing, horizons) if missing else ():
            if isinstance(outcome, Failure):
                failures.append(outcome)
            else:
                if store is not None:
                    store.put(keys[outcome.specification], outcome, seconds)
                found[outcome.specification] = outcome
            progress(len(found) + len(failures), len(asked))
    except KeyboardInterrupt:
        interrupted = True
    return Sweep(
        asked=tuple(asked),
        results=tuple(found[each] for each in asked if each in found),
        failures=tuple(failures),
        resumed=resumed,
        interrupted=interrupted,
        until=shared.until,
        digest=shared.digest,
    )


def sweep(
    panel: MarketPanel | None = None,
    *,
    indices: Mapping[IndexDefinition, IndexSeries] | None = None,
    sample: int | None = None,
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
        `features.sources.directory.load_index_series`; by default the
        embedded ones, which belong to the embedded history.
    sample : int, optional
        Draw so many specifications of the grid, always the same ones.
    horizons : tuple of int
        Days ahead, each in [1, 390].
    until : pandas.Timestamp, optional
        Nothing published after the end of this day is used.
    backend : {"loky", "dask", "serial"}
        Processes here, a Dask cluster, or this process alone; the result does
        not depend on it.
    jobs : int
        Processes.
    scheduler : str, optional
        Of a Dask cluster: ``tcp://HOST:PORT`` or ``file:PATH``.
    store : pathlib.Path, optional
        File in which results are kept, and looked for first.
    progress : callable
        Called with the number of specifications done and of all.
    **choices
        `threshold`, `window`, `top`, `quiet`, `model`, `without`, `seed`: the
        values to try. Without any, the default grid.

    Returns
    -------
    pandas.DataFrame
        One row per specification evaluated: `threshold`, `window_days`, `top`,
        `quiet_days`, `candidate`, `without`, `seed`; `onsets`, `episodes`,
        `days`; `skill_<days>` at each horizon and `skill` over all of them
        (Brier skill against climatology; higher is better, 0 is climatology),
        each with `_low` and `_high` (90 %); `year` and `probability` (of an
        onset of a broad season in it) with `_low` and `_high`; `begun`.

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
    made = grid(axes_of(choices) or DEFAULT_AXES, sample=sample)
    shared = material(panel, indices or {}, definitions_of(made), until=until)
    with backend_of(backend, jobs, scheduler) as run:
        done = carry_out(
            shared,
            made.specifications,
            run,
            horizons=horizons,
            store=None if store is None else Store(store),
            progress=progress,
        )
    return done.table()


def axes_of(choices: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """Return choices by the names of the `Specification`'s fields.

    Raises
    ------
    SpecificationError
        If a name is none of the options'.
    """
    if unknown := sorted(set(choices) - set(NAMES)):
        raise SpecificationError(f"choices are {', '.join(NAMES)}, got {unknown[0]!r}.")
    return {NAMES[name]: values for name, values in choices.items()}


def definitions_of(made: Grid) -> list[IndexDefinition]:
    """Return the windows and tops that a grid asks for."""
    return sorted({each.index for each in made.specifications})


def require_embedded(made: Grid) -> None:
    """Refuse windows and tops that the embedded history does not hold.

    Raises
    ------
    SpecificationError
        Names the first of them and the way out.
    """
    for each in definitions_of(made):
        if not embedded(each):
            raise SpecificationError(refusal(each))


def others_of(made: Grid) -> list[IndexDefinition]:
    """Return the windows and tops but the default's."""
    return [each for each in definitions_of(made) if each != DEFAULT]
