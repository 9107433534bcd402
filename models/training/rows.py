"""The hindcast of the whole forecaster: every week, every state, every horizon and the year.

Each candidate is its near-term hazards with the same process beyond them, so that one set of
draws and paths a day serves all: chances of broad and partial seasons are exact where the market
is at risk, sustained ones are counted on paths reweighted by each candidate's first onsets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from models.answers import Event, Question, State
from models.forecasting.base_rates import BaseRates
from models.forecasting.leads import NEAR_DAYS
from models.forecasting.questions import window_of
from models.hazard.leads import LEAD_DAYS, N_LEADS, FloatArray, incidence
from models.outlook.level import onset_by_day, parameter_draws
from models.outlook.path_onsets import first_days, onsets_of
from models.outlook.paths import simulate
from models.outlook.renewal import Renewal, fit_renewal
from models.season.definition import OnsetDefinition
from models.season.outcomes import Outcomes
from models.season.spells import History, IntArray, observe
from models.verification.hindcast import REFERENCE
from models.verification.walk_forward import WalkForward
from models.vocabulary import Kind
from models.workers import end_with_parent

YEAR = "year"
PROCESS = "process"  # the model of rows in whose state no candidate's hazards have a say
NEAR = tuple(range(LEAD_DAYS, NEAR_DAYS + 1, LEAD_DAYS))
LEAD_ENDS = tuple(range(LEAD_DAYS, N_LEADS * LEAD_DAYS + 1, LEAD_DAYS))
REACH = 366
N_PATHS, N_GROUPS = 400, 200
DAY = pd.Timedelta(days=1)
COLUMNS = (
    "as_of", "kind", "horizon", "end", "model", "state", "probability", "base_rate", "base_state",
    "outcome", "resolved_on",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Day:
    """What one as_of day needs: its windows, and the near-term chances of every candidate."""

    as_of: pd.Timestamp
    horizons: Mapping[str, int]  # label to days ahead, the year's last day among them
    near: Mapping[str, Mapping[str, FloatArray]]  # kind at risk, model: chances by 30, 60, 90 days
    climatology: Mapping[str, FloatArray]  # kind at risk: probabilities by lead, (14,)


def hindcast_rows(
    near: pd.DataFrame,
    index: pd.Series,
    definitions: Mapping[Kind, OnsetDefinition],
    schedule: WalkForward,
    days: pd.DatetimeIndex,
    horizons: Sequence[int],
    *,
    n_paths: int = N_PATHS,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> pd.DataFrame:
    """Continue the near-term hindcast of every candidate to all horizons, kinds and states.

    `near` is the hindcast of `models.verification.hindcast` at the ends of all leads. The columns
    are `COLUMNS`, a row per day, kind, horizon and model: at risk every candidate, elsewhere the
    process alone. The outcome is NaN while open; a year's window is the rest of the year.
    """
    ordered = dict(sorted(definitions.items(), key=lambda each: -each[1].threshold))
    outcomes = Outcomes(index, ordered)
    tasks = _tasks(near, days, horizons)
    by_refit: dict[pd.Timestamp, list[_Day]] = {}
    for task in tasks:
        by_refit.setdefault(schedule.refit_day(task.as_of), []).append(task)
    parallel = Parallel(n_jobs=jobs, return_as="generator", initializer=end_with_parent)
    rows: list[list[tuple[object, ...]]] = []
    made = parallel(
        delayed(_rows_of_refit)(index, ordered, until, own, n_paths)
        for until, own in by_refit.items()
    )
    for each in made:
        rows.append(each)
        progress(len(rows), len(by_refit))
    table = pd.DataFrame(chain.from_iterable(rows), columns=list(COLUMNS[:-2]))
    found = {
        key: outcomes.of(Question(Kind(key[1]), Event.BEGINS, key[0] + DAY, key[2]), key[0])
        for key in table[["as_of", "kind", "end"]].drop_duplicates().itertuples(index=False)
    }
    keys = list(table[["as_of", "kind", "end"]].itertuples(index=False))
    return table.assign(
        outcome=[found[key].value for key in keys],
        resolved_on=[found[key].resolved_on for key in keys],
    )


def _tasks(near: pd.DataFrame, days: pd.DatetimeIndex, horizons: Sequence[int]) -> list[_Day]:
    wide = near.pivot_table(
        index=["as_of", "kind", "model"], columns="horizon_days", values="probability"
    )
    by_day: dict[pd.Timestamp, dict[str, dict[str, FloatArray]]] = {}
    for (as_of, kind, model), row in zip(wide.index, wide.to_numpy(), strict=True):
        by_day.setdefault(pd.Timestamp(as_of), {}).setdefault(kind, {})[model] = row
    tasks = []
    for as_of in days:
        kinds = by_day.get(as_of, {})
        ends = {str(each): each for each in horizons} | {YEAR: _year_days(as_of)}
        tasks.append(
            _Day(
                as_of=as_of,
                horizons=ends,
                near={
                    kind: {name: row[: len(NEAR)] for name, row in models.items()}
                    for kind, models in kinds.items()
                },
                climatology={
                    kind: np.diff(models[REFERENCE], prepend=0.0, append=1.0)
                    for kind, models in kinds.items()
                },
            )
        )
    return tasks


def _year_days(as_of: pd.Timestamp) -> int:
    return (window_of(as_of).end - as_of).days


def _rows_of_refit(
    index: pd.Series,
    definitions: Mapping[Kind, OnsetDefinition],
    until: pd.Timestamp,
    tasks: Sequence[_Day],
    n_paths: int,
) -> list[tuple[object, ...]]:
    """Return the rows of the days that one refit serves."""
    renewals: dict[str, Renewal] = {
        kind: fit_renewal(index, until=until, definition=each) for kind, each in definitions.items()
    }
    rows: list[tuple[object, ...]] = []
    for task in tasks:
        rows += _Week(index.loc[: task.as_of], definitions, renewals, task, n_paths).rows()
    return rows


class _Week:
    """The rows of one as_of day; what came after it is not at hand."""

    def __init__(
        self,
        index: pd.Series,
        definitions: Mapping[Kind, OnsetDefinition],
        renewals: Mapping[str, Renewal],
        task: _Day,
        n_paths: int,
    ) -> None:
        self.task, self.renewals = task, renewals
        self.now: dict[str, History] = {
            kind: observe(index, until=task.as_of, definition=each)
            for kind, each in definitions.items()
        }
        self.base = BaseRates(index, task.as_of, definitions)
        self.uniform = parameter_draws(0, N_GROUPS)
        self.paths = simulate(
            renewals, self.now, days=REACH, n_paths=n_paths, n_groups=N_GROUPS, seed=0
        )
        self.highest = next(iter(self.now))

    def rows(self) -> list[tuple[object, ...]]:
        """Return the rows of every kind, horizon and model."""
        task = self.task
        exact = {name: self._exact(name) for name in self._models()}
        unweighted = onset_by_day(self.renewals, self.now, None, self.uniform, REACH)
        rows: list[tuple[object, ...]] = []
        for kind in (*self.now, Kind.SUSTAINED):
            state = self.base.state(Kind(kind))
            onset = first_days(onsets_of(self.paths, kind))
            for label, days in task.horizons.items():
                base, base_state = self._base(kind, days, state)
                key = (task.as_of, kind, label, task.as_of + days * DAY)
                chances = self._chances(kind, days, exact, unweighted, onset)
                if base is not None and self._has_say(kind):
                    chances[REFERENCE] = base
                rows += [
                    (*key, *each[:1], state, each[1], base, base_state) for each in chances.items()
                ]
        return rows

    def _has_say(self, kind: str) -> bool:
        """Return whether candidates have a say: of sustained seasons as of broad ones."""
        return (self.highest if kind == Kind.SUSTAINED else kind) in self.task.near

    def _models(self) -> list[str]:
        """Return the candidates that have a say; climatology is the base rate itself."""
        near = self.task.near.get(self.highest) or next(iter(self.task.near.values()), {})
        return [name for name in near if name != REFERENCE]

    def _exact(self, model: str) -> dict[str, FloatArray]:
        """Return P(an onset by each day) of each draw with a candidate's near-term hazards."""
        near = {
            kind: hazards_of(models[model])[None]
            for kind, models in self.task.near.items()
            if model in models
        }
        return onset_by_day(self.renewals, self.now, near, self.uniform, REACH)

    def _chances(
        self,
        kind: str,
        days: int,
        exact: Mapping[str, Mapping[str, FloatArray]],
        unweighted: Mapping[str, FloatArray],
        onset: IntArray,
    ) -> dict[str, float]:
        comes = onset < days
        # Paths are a sample: none of n is no proof of never.
        counted = float((comes.sum() + 0.5) / (len(comes) + 1))
        if kind == Kind.SUSTAINED and self.highest in self.task.near:
            first = first_days(self.paths.begins[self.highest][:REACH])
            return {
                name: self._reweighted(comes, first, by_day[self.highest], unweighted)
                for name, by_day in exact.items()
            }
        if kind not in self.task.near:
            if self.now[kind if kind in self.now else self.highest].earliest_onset > (
                self.task.as_of + days * DAY
            ):
                return {}
            return {PROCESS: counted}
        near = self.task.near[kind]
        return {
            name: float(near[name][NEAR.index(days)]) if days in NEAR
            else float(by_day[kind][days - 1].mean())
            for name, by_day in exact.items()
        }  # fmt: skip

    def _reweighted(
        self,
        comes: np.ndarray,
        first: IntArray,
        by_day: FloatArray,
        unweighted: Mapping[str, FloatArray],
    ) -> float:
        """Return the share of paths, as often as a candidate has their first onset on its day."""
        each = len(comes) // N_GROUPS
        group = np.repeat(np.arange(N_GROUPS), each)
        target, drawn = (
            np.diff(chances, axis=0, prepend=0.0, append=1.0)
            for chances in (by_day, unweighted[self.highest])
        )
        weight = target[first, group] / drawn[first, group]
        share = float(weight @ comes / weight.sum())
        return min(max(share, 0.5 / (len(comes) + 1)), 1 - 0.5 / (len(comes) + 1))

    def _base(self, kind: str, days: int, state: State) -> tuple[float | None, State | None]:
        if kind in self.task.climatology:
            return float(incidence(self.task.climatology[kind], [days])[0]), State.AT_RISK
        end = self.task.as_of + days * DAY
        return self.base.share(Question(Kind(kind), Event.BEGINS, self.task.as_of + DAY, end))


def hazards_of(chances: FloatArray) -> FloatArray:
    """Return the hazards of the leads whose ends the chances are of.

    Examples
    --------
    >>> hazards_of(np.array([0.2, 0.36, 0.36])).round(2).tolist()
    [0.2, 0.2, 0.0]
    """
    survival = 1 - np.append(0.0, chances)
    # Whoever is certain of an onset by a lead's end has no hazard left for the next.
    ratio = np.divide(
        survival[1:], survival[:-1], out=np.zeros(len(chances)), where=survival[:-1] > 0
    )
    return 1 - ratio
