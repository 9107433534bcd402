"""What the rules share: the verdict on steps that are too large, and on values that repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.market.market import Floats, Masks
from features.plausibility.limits import (
    CONFIRMING,
    MIN_OBSERVATIONS,
    NEARLY,
    NEARLY_RUN,
    NOISE_DAYS,
    NOISE_MIN,
    NORMAL_MAD,
    RETURN_STEPS,
    SCALE_DAYS,
    STILL,
)

Kind = Literal["spike", "unconfirmed", "lasting", "note"]


def judged_steps(
    suspicious: Iterable[int],
    *,
    back: Callable[[int], int | None],
    confirmed: Callable[[int], bool],
    lasting: Callable[[int], bool],
    begin: Callable[[int, int], int | None] = lambda day, done: None,
) -> Iterator[tuple[int, int, Kind]]:
    """Yield of each suspicious step its first day, the first right day after it, and the verdict.

    `back` returns the day on which a step has returned, `begin` that of a smaller step away which
    this one undoes. What has neither returned nor lasted is unconfirmed; what lasts is another
    unit, or else noted.
    """
    done = 0
    for first in suspicious:
        if first < done:
            continue
        after, away = back(first), begin(first, done)
        if away is not None:
            done = first + 1
            yield away, first, "spike"
        elif after is not None:
            # The step back is part of the spike, not one of its own.
            done = after + 1
            yield first, after, "spike"
        elif not confirmed(first):
            yield first, first + 1, "unconfirmed"
        else:
            yield first, first + 1, "lasting" if lasting(first) else "note"


def judged_series(
    logs: Floats, suspicious: Masks, lasting: float = 0.0
) -> Iterator[tuple[int, int, Kind]]:
    """Judge the steps of one log series, which may lack values; they last from `lasting` up."""
    before = carried(logs[:, None])[:, 0]

    def back(first: int) -> int | None:
        away = np.abs(logs[first + 1 : first + 1 + RETURN_STEPS] - before[first - 1])
        # Back means nearer to where it came from than to where it went.
        near = np.flatnonzero(away < abs(logs[first] - before[first - 1]) / 2)
        return first + 1 + int(near[0]) if near.size else None

    return judged_steps(
        map(int, np.flatnonzero(suspicious)),
        back=back,
        confirmed=lambda first: int(np.isfinite(logs[first + 1 :]).sum()) >= CONFIRMING,
        lasting=lambda first: bool(abs(logs[first] - before[first - 1]) >= lasting),
    )


def usual_step(steps: pd.Series) -> pd.Series:
    """Return the robust scale of log steps on each day, from the 252 observations before it."""
    past = steps.abs().rolling(SCALE_DAYS, min_periods=MIN_OBSERVATIONS).median().shift()
    return past / NORMAL_MAD


def carried(table: Floats) -> Floats:
    """Return a table with each column's last value carried over at most a week."""
    return pd.DataFrame(table).ffill(limit=7).to_numpy()


def repeats(logs: Floats) -> tuple[Masks, Masks]:
    """Return which log values repeat the one before, and which end a run that nearly does.

    A feed that stands still may carry noise: a change far below the series' noise of the 90 days
    before repeats, and so does a longer run of changes that are merely small beside it.
    """
    steps = np.abs(np.diff(logs, axis=0, prepend=np.nan))
    known = np.isfinite(steps)
    total, count = (np.cumsum(each, axis=0) for each in (np.where(known, steps, 0.0), known))
    past_total, past_count = _past(total), _past(count)
    noise = np.full(steps.shape, np.nan)
    enough = past_count >= NOISE_MIN
    noise[enough] = past_total[enough] / past_count[enough]
    same = (steps == 0) | (steps <= STILL * noise)
    return same, run_of(same | (steps <= NEARLY * noise), NEARLY_RUN)


def _past(total: NDArray[np.float64] | NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what a running total gained over the 90 rows before each row."""
    sums = np.zeros(total.shape)
    sums[1:] = total[:-1]
    sums[NOISE_DAYS + 1 :] -= total[: -NOISE_DAYS - 1]
    return sums


def run_of(true: Masks, least: int) -> Masks:
    """Return which entries end a run, down a column, of at least so many: on its day it is known.

    Examples
    --------
    >>> run_of(np.array([False, True, True, True, False, True]), 2).astype(int)
    array([0, 0, 1, 1, 0, 0])
    """
    ends = true.copy()
    for _ in range(least - 1):
        ends[1:] &= ends[:-1].copy()
        ends[0] = False
    return ends


def runs(true: Masks, least: int = 1) -> list[tuple[int, int]]:
    """Return first day and day after the last of each run of at least so many days.

    Examples
    --------
    >>> runs(np.array([False, True, True, False, True]))
    [(1, 3), (4, 5)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], true, [False]]).astype(int)))
    spans = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(first, after) for first, after in spans if after - first >= least]
