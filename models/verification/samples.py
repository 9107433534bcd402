"""Forecasts whose outcomes are known, as one long table, cut into samples that can be compared.

A row is one model's forecast of one window: `as_of`, `resolved_on` (the window's last day),
`model`, `probability`, `outcome` (0, 1, or NaN while it is open), the `episode` that it waits for,
and the columns of a `Layout`. Whether it was made by a hindcast, a replay or a ledger is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.hazard.leads import FloatArray
from models.verification.contrasts import Contrasts, next_onset, window_contrasts

Score = Callable[[FloatArray, FloatArray], FloatArray]
# The models of `common_rows`.
FIRST, SECOND = "first", "second"


@dataclass(frozen=True)
class Layout:
    """Columns of a table of forecasts: what groups them, and what they are compared with."""

    groups: tuple[str, ...] = ("kind",)
    horizon: str = "horizon_days"  # windows scored apart; days, or a word such as "year"
    reference: str = "climatology"  # column of the base rate, or else the model that forecasts it


LAYOUT = Layout()


@dataclass(frozen=True)
class Sample:
    """Forecasts of a group by all models for the same days; arrays have shape (n, horizons)."""

    key: Mapping[str, object]  # the group, and the horizon if it is a single one
    as_of: pd.DatetimeIndex  # shape (n,)
    episode: pd.DatetimeIndex  # shape (n,), onset that the day waits for; NaT if not seen
    resolved_on: np.ndarray  # of datetime64
    outcome: FloatArray
    reference: FloatArray
    probability: Mapping[str, FloatArray]  # by model

    @property
    def size(self) -> dict[str, int]:
        """Days, and different onsets inside their windows."""
        # An onset on a window's last day is inside; one that has not been seen is not.
        inside = self.episode.to_numpy() <= self.resolved_on.max(axis=1)
        return {"days": len(self.as_of), "episodes": self.episode[inside].nunique()}

    @property
    def varied(self) -> bool:
        """Whether outcomes differ: else a ratio of scores near 0 would only amplify rounding."""
        return bool(0 < self.outcome.mean() < 1)

    def windows(self, step_days: int) -> Contrasts:
        """Return contrasts for windows as long as the longest."""
        longest = (self.resolved_on - self.as_of.to_numpy()[:, None]).max()
        days = int(longest // np.timedelta64(1, "D"))
        return window_contrasts(self.as_of, horizon_days=days, step_days=step_days)

    def scores(self, score: Score, model: str | None = None) -> FloatArray:
        """Return a model's score on each day, the mean over the horizons; else the reference's."""
        forecasts = self.reference if model is None else self.probability[model]
        return score(self.outcome, forecasts).mean(axis=1)


class NotComparable(ValueError):
    """Two hindcasts have no day in common, or different outcomes of the same windows."""


def with_episodes(rows: pd.DataFrame, onsets: Mapping[str, pd.DatetimeIndex]) -> pd.DataFrame:
    """Return forecasts with the `episode` that each waits for: the next onset of its kind."""
    code, kinds = pd.factorize(rows["kind"])
    as_of = pd.DatetimeIndex(rows["as_of"])
    episode = np.full(len(rows), np.datetime64("NaT", "s"))
    for position, kind in enumerate(kinds):
        waiting = code == position
        episode[waiting] = next_onset(as_of[waiting], onsets[kind])[1]
    return rows.assign(episode=episode)


def by_horizon(rows: pd.DataFrame, layout: Layout = LAYOUT) -> Iterator[Sample]:
    """Yield the resolved forecasts of each group and horizon."""
    for sample, horizons in _groups(rows, layout):
        for column, horizon in enumerate(horizons):
            yield from _resolved(sample, [column], {layout.horizon: horizon})


def over_horizons(rows: pd.DataFrame, layout: Layout = LAYOUT) -> Iterator[Sample]:
    """Yield the forecasts of each group on the days resolved at every horizon."""
    for sample, horizons in _groups(rows, layout):
        yield from _resolved(sample, list(range(len(horizons))), {})


def common_rows(
    first: pd.DataFrame, second: pd.DataFrame, *, layout: Layout = LAYOUT
) -> pd.DataFrame:
    """Return two models' forecasts of the same windows as one table, models `first` and `second`.

    The reference is the first's: what its training knew as the base rate. An outcome that is open
    in one of them is the other's.
    """
    windows = ["as_of", *layout.groups, layout.horizon]
    both = first.merge(second, on=windows, suffixes=("", "_second"))
    if both.empty:
        raise NotComparable("they have no day, kind and horizon in common.")
    resolved = both["outcome"].notna() & both["outcome_second"].notna()
    differ = resolved & (both["outcome"] != both["outcome_second"])
    if differ.any():
        row = both[differ].iloc[0]
        raise NotComparable(
            f"they have different outcomes of {int(differ.sum())} of {int(resolved.sum())} "
            f"windows, first of the {row[layout.horizon]} days after {row['as_of']:%Y-%m-%d}: they "
            f"forecast other events, or the data were revised."
        )
    outcome = both["outcome"].fillna(both["outcome_second"])
    common = both[[*windows, "resolved_on", layout.reference]].assign(outcome=outcome)
    forecasts = {FIRST: both["probability"], SECOND: both["probability_second"]}
    return pd.concat(
        [common.assign(model=name, probability=values) for name, values in forecasts.items()],
        ignore_index=True,
    )


def _groups(rows: pd.DataFrame, layout: Layout) -> Iterator[tuple[Sample, list[object]]]:
    """Yield the forecasts of each group, resolved or not, and its horizons."""
    for names, group in rows.groupby(list(layout.groups), sort=False, dropna=False):
        day, days = pd.factorize(group["as_of"], sort=True)
        model, models = pd.factorize(group["model"])
        horizon, horizons = pd.factorize(group[layout.horizon])
        columns = ["outcome", "probability", layout.reference]
        values = np.full((3, len(models), len(days), len(horizons)), np.nan)
        values[:, model, day, horizon] = group.reindex(columns=columns).to_numpy(dtype=float).T
        probability = dict(zip(models, values[1], strict=True))
        resolved_on = np.full((len(days), len(horizons)), np.datetime64("NaT", "s"))
        resolved_on[day, horizon] = group["resolved_on"]
        episode = np.full(len(days), np.datetime64("NaT", "s"))
        episode[day] = group["episode"]
        column = layout.reference in group
        sample = Sample(
            key=dict(zip(layout.groups, names, strict=True)),
            as_of=pd.DatetimeIndex(days),
            episode=pd.DatetimeIndex(episode),
            resolved_on=resolved_on,
            outcome=values[0, 0],
            reference=values[2, 0] if column else probability[layout.reference],
            probability=probability,
        )
        _check(group, layout, sample)
        yield sample, list(horizons)


def _check(group: pd.DataFrame, layout: Layout, sample: Sample) -> None:
    """Refuse a window that a model forecast twice, or that one forecast and another did not."""
    window = ["model", "as_of", layout.horizon]
    if (again := group.duplicated(window)).any():
        model, as_of, horizon = group.loc[again.to_numpy(), window].iloc[0]
        raise ValueError(
            f"a model must forecast a window once, {model} has two forecasts of {as_of:%Y-%m-%d} "
            f"at horizon {horizon}; group them by what sets them apart."
        )
    absent = np.isnan(np.stack(list(sample.probability.values())))
    # A window that no model has a forecast of is left out: horizons may differ in their days.
    lacking = (absent & ~absent.all(axis=0)).any(axis=-1).sum(axis=-1)
    if lacking.any():
        raise ValueError(
            f"every model must have a forecast at every horizon of a day, "
            f"{list(sample.probability)[lacking.argmax()]} lacks one on {lacking.max()} of "
            f"{len(sample.as_of)} {' '.join(map(str, sample.key.values()))} days; leave these "
            f"days out."
        )


def _resolved(sample: Sample, columns: list[int], horizon: dict[str, object]) -> Iterator[Sample]:
    """Yield the days with a forecast resolved at all of the horizons, if there are any."""
    forecast = ~np.isnan(next(iter(sample.probability.values())))
    rows = np.flatnonzero((forecast & ~np.isnan(sample.outcome))[:, columns].all(axis=1))
    if rows.size:
        cells = rows[:, None], columns
        yield Sample(
            key={**sample.key, **horizon},
            as_of=sample.as_of[rows],
            episode=sample.episode[rows],
            resolved_on=sample.resolved_on[cells],
            outcome=sample.outcome[cells],
            reference=sample.reference[cells],
            probability={model: values[cells] for model, values in sample.probability.items()},
        )
