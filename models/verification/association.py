"""Whether onsets follow some days more often than others, on the whole history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

from models.hazard.leads import FloatArray
from models.verification.contrasts import MIN_BLOCK_DAYS
from models.verification.intervals import LEVEL, resample_counts
from models.vocabulary import Verdict

# Of fewer independent events all would point one way by chance more often than in the 5 % of
# cases that lie beyond one end of a 90 % interval: 0.5 ** 4 = 6 %.
MIN_EVENTS = 5
_MIN_SHIFT_DAYS = 365
_SHIFT_STEP_DAYS = 7
MORE, LESS, CANNOT_TELL = "more often", "less often", Verdict.CANNOT_TELL.value

BoolArray = NDArray[np.bool_]
# Takes one value per day and two weights per resample and day, shape (resamples, days): of the
# days that an onset followed and of those that none did. Returns one row per resample: rate, rate
# otherwise, difference.
_Statistic = Callable[[NDArray[Any], FloatArray, FloatArray], FloatArray]


class Association(NamedTuple):
    """How often onsets followed the days of a condition, and all others."""

    days: int  # counted days on which the condition held
    spells: int  # runs of such days more than the quiet days apart
    onsets: int  # different onsets inside their windows
    rate: float  # share of the days that an onset followed in time; of a ranking the AUC
    rate_low: float  # its 90 % interval
    rate_high: float
    rate_otherwise: float  # the same of all other counted days; of a ranking 1/2
    difference: float  # of the two, with its 90 % interval
    low: float
    high: float
    placebo: float  # share of shifted histories whose difference is as large; NaN if too short
    verdict: str  # what the evidence allows to say: MORE, LESS or CANNOT_TELL
    scarce: str  # what there is too little of for a verdict; empty if nothing


@dataclass(frozen=True)
class History:
    """Days in the order of time, and what came after those that count.

    Days that do not count, because they are not at risk or their window is not resolved, keep the
    calendar whole, so that shifts move it as one.
    """

    as_of: pd.DatetimeIndex  # consecutive days
    counted: BoolArray  # whether the day is at risk and its window resolved
    days_to_onset: FloatArray  # NaN where no onset has been seen
    horizon_days: int  # length of the window
    quiet_days: int  # days that must lie between two spells

    @property
    def followed(self) -> BoolArray:
        """Whether the day counts and an onset followed within the horizon."""
        # An onset on the horizon's last day is inside the window; NaN, none seen, is not.
        return self.counted & (self.days_to_onset <= self.horizon_days)

    @property
    def barren(self) -> BoolArray:
        """Whether the day counts and no onset followed."""
        return self.counted & ~self.followed

    def spells(self, chosen: BoolArray) -> int:
        """Count the runs of chosen days that count, more than the quiet days apart."""
        days = self.as_of[chosen & self.counted]
        gaps = np.diff(days) / np.timedelta64(1, "D")
        return int((gaps > self.quiet_days).sum() + (len(days) > 0))

    def onsets(self, chosen: BoolArray) -> int:
        """Count the different onsets that followed chosen days."""
        onset = self.as_of + pd.to_timedelta(self.days_to_onset, unit="D")
        return int(onset[chosen & self.followed].nunique())

    def counts(self) -> FloatArray:
        """Return how often each day that counts enters each resample, in blocks of the horizon."""
        days = self.as_of[self.counted]
        if days.empty:
            return np.empty((1, 0))
        block_days = max(self.horizon_days, MIN_BLOCK_DAYS)
        return resample_counts(days, block_days=block_days, step_days=1)

    def shifts(self) -> tuple[FloatArray, FloatArray]:
        """Return `followed` and `barren` shifted around the calendar, each (shifts, n)."""
        size = len(self.as_of)
        # Going round its end, the calendar is shifted the other way: by a year too, at least.
        shifts = np.arange(_MIN_SHIFT_DAYS, size - _MIN_SHIFT_DAYS + 1, _SHIFT_STEP_DAYS)
        source = (np.arange(size) - shifts[:, None]) % max(size, 1)
        return self.followed.astype(float)[source], self.barren.astype(float)[source]


def compare(history: History, holds: BoolArray, counts: FloatArray) -> Association:
    """Compare the days on which a condition holds with all others; `counts` from the history.

    Two things guard the verdict. The interval is that of the block bootstrap: 90 %, percentiles,
    blocks of the horizon and at least 90 days. On so few seasons it is too narrow, so that the
    difference must also be rare among placebos: the same history with its outcomes shifted around
    the calendar against the condition, by a year at least. The verdict is "cannot tell" unless the
    interval leaves out 0, at most 10 % of the placebos reach the difference, and there are five
    events of each kind: spells with and without the condition, onsets, spells that none followed.
    """
    made = _estimate(history, holds, counts, _rates, holds)
    if made.rate in (0, 1):
        # Where all days agree no resample can disagree, yet as few as the spells are they might.
        low, high = exact_interval(round(made.rate) * made.spells, made.spells)
        made = made._replace(
            rate_low=low,
            rate_high=high,
            low=min(made.low, low - made.rate_otherwise),
            high=max(made.high, high - made.rate_otherwise),
        )
    sides = {"spell of such days": made.spells, "spell of other days": history.spells(~holds)}
    return _judged(history, made, sides)


def rank(history: History, values: FloatArray, counts: FloatArray) -> Association:
    """Ask whether higher values come before onsets: the AUC against 1/2, ties half.

    Mann and Whitney (1947), https://doi.org/10.1214/aoms/1177730491.
    """
    every = np.ones(len(values), dtype=bool)
    return _judged(history, _estimate(history, every, counts, _auc, values), {})


def exact_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return the exact 90 % interval of a share, NaN without trials.

    Clopper and Pearson (1934), https://doi.org/10.1093/biomet/26.4.404.
    """
    if not trials:
        return float("nan"), float("nan")
    ends = binomtest(successes, trials).proportion_ci(LEVEL, method="exact")
    return float(ends.low), float(ends.high)


def in_words(number: int, what: str) -> str:
    """Return a number of things in words, such as "2 spells of such days"."""
    noun, _, rest = what.partition(" ")
    return f"{number} {noun}{'s' if number != 1 else ''} {rest}".rstrip()


def _estimate(
    history: History,
    days: BoolArray,
    counts: FloatArray,
    statistic: _Statistic,
    values: NDArray[Any],
) -> Association:
    """Return an association without its verdict."""
    sides, day = (history.followed, history.barren), history.counted
    whole = statistic(values, *(side[None].astype(float) for side in sides))
    rate, otherwise, difference = whole[0].tolist()
    resampled = statistic(values[day], *(counts * side[day] for side in sides))
    (rate_low, rate_high), (low, high) = (_percentiles(resampled[:, column]) for column in (0, 2))
    shifted = np.abs(statistic(values, *history.shifts())[:, 2])
    placebos = shifted[np.isfinite(shifted)]
    reached = float((placebos >= abs(difference)).mean()) if placebos.size else float("nan")
    counted = int((days & day).sum()), history.spells(days), history.onsets(days)
    return Association(
        *counted, rate, rate_low, rate_high, otherwise, difference, low, high, reached,
        verdict=CANNOT_TELL, scarce="",
    )  # fmt: skip


def _judged(history: History, made: Association, sides: dict[str, int]) -> Association:
    """Return an association with the verdict that its evidence allows."""
    events = {
        **sides,
        "onset": history.onsets(history.counted),
        "spell that no onset followed": history.spells(history.barren),
    }
    rarest = min(events, key=lambda name: events[name])
    if events[rarest] < MIN_EVENTS:
        return made._replace(scarce=in_words(events[rarest], rarest))
    if made.placebo <= 1 - LEVEL and (made.low > 0 or made.high < 0):
        return made._replace(verdict=MORE if made.low > 0 else LESS)
    return made


def _rates(holds: NDArray[Any], having: FloatArray, lacking: FloatArray) -> FloatArray:
    sides = np.column_stack([holds, ~holds]).astype(float)
    onset = having @ sides
    rate = _ratio(onset, onset + lacking @ sides)
    return np.column_stack([rate, rate[:, 0] - rate[:, 1]])


def _auc(values: NDArray[Any], having: FloatArray, lacking: FloatArray) -> FloatArray:
    auc = np.full(len(having), np.nan)
    if values.size:
        order = np.argsort(values)
        _, start = np.unique(values[order], return_index=True)
        won, lost = (np.add.reduceat(side[:, order], start, axis=1) for side in (having, lacking))
        wins = (won * (np.cumsum(lost, axis=1) - lost / 2)).sum(axis=1)
        auc = _ratio(wins, won.sum(axis=1) * lost.sum(axis=1))
    return np.column_stack([auc, np.full_like(auc, 0.5), auc - 0.5])


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)


def _percentiles(resampled: FloatArray) -> tuple[float, float]:
    """Return the percentile interval; resamples without any such day say nothing."""
    finite = resampled[np.isfinite(resampled)]
    if not finite.size:
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
