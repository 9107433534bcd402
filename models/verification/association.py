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
MIN_SHIFT_DAYS = 365
SHIFT_STEP_DAYS = 7
MORE, LESS, CANNOT_TELL = "more often", "less often", Verdict.CANNOT_TELL.value

BoolArray = NDArray[np.bool_]
# Takes one value per day and two weights per resample and day, shape (resamples, days): of the
# days that an onset followed and of those that none did. Returns one row per resample: rate, rate
# otherwise, difference.
Statistic = Callable[[NDArray[Any], FloatArray, FloatArray], FloatArray]


class _Estimate(NamedTuple):
    """What of an association is estimated."""

    rate: float  # share of the condition's days that an onset followed; of a ranking the AUC
    rate_low: float  # its 90 % interval
    rate_high: float
    rate_otherwise: float  # the same of all other counted days; of a ranking 1/2
    difference: float  # of the two, with its 90 % interval
    low: float
    high: float
    placebo: float  # share of shifted histories whose difference is as large; NaN if too short


class Association(NamedTuple):
    """How often onsets followed the days of a condition, and all others."""

    days: int  # counted days on which the condition held
    spells: int  # runs of such days more than the quiet days apart
    onsets: int  # different onsets inside their windows
    # As in `_Estimate`.
    rate: float
    rate_low: float
    rate_high: float
    rate_otherwise: float
    difference: float
    low: float
    high: float
    placebo: float
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
        shifts = np.arange(MIN_SHIFT_DAYS, size - MIN_SHIFT_DAYS + 1, SHIFT_STEP_DAYS)
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
    spells = history.spells(holds)
    estimate = _estimate(history, counts, _rates, holds)
    if estimate.rate in (0, 1):
        # Where all days agree no resample can disagree, yet as few as the spells are they might.
        low, high = exact_interval(round(estimate.rate) * spells, spells)
        estimate = estimate._replace(
            rate_low=low,
            rate_high=high,
            low=min(estimate.low, low - estimate.rate_otherwise),
            high=max(estimate.high, high - estimate.rate_otherwise),
        )
    sides = {"spell of such days": spells, "spell of other days": history.spells(~holds)}
    return _association(history, holds, estimate, sides)


def rank(history: History, values: FloatArray, counts: FloatArray) -> Association:
    """Ask whether higher values come before onsets: the AUC against 1/2, ties half.

    Mann and Whitney (1947), https://doi.org/10.1214/aoms/1177730491.
    """
    every = np.ones(len(values), dtype=bool)
    return _association(history, every, _estimate(history, counts, _auc, values), {})


def exact_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return Clopper and Pearson's 90 % interval of a share; NaN without trials.

    References
    ----------
    Clopper and Pearson (1934), https://doi.org/10.1093/biomet/26.4.404

    Examples
    --------
    >>> [round(end, 3) for end in exact_interval(5, 5)]
    [0.549, 1.0]
    """
    if not trials:
        return float("nan"), float("nan")
    ends = binomtest(successes, trials).proportion_ci(LEVEL, method="exact")
    return float(ends.low), float(ends.high)


def _estimate(
    history: History, counts: FloatArray, statistic: Statistic, values: NDArray[Any]
) -> _Estimate:
    sides, day = (history.followed, history.barren), history.counted
    whole = statistic(values, *(side[None].astype(float) for side in sides))
    rate, otherwise, difference = whole[0]
    resampled = statistic(values[day], *(counts * side[day] for side in sides))
    shifted = np.abs(statistic(values, *history.shifts())[:, 2])
    placebos = shifted[np.isfinite(shifted)]
    reached = (placebos >= abs(difference)).mean() if placebos.size else float("nan")
    (rate_low, rate_high), (low, high) = (_interval(resampled[:, column]) for column in (0, 2))
    return _Estimate(
        rate=float(rate),
        rate_low=rate_low,
        rate_high=rate_high,
        rate_otherwise=float(otherwise),
        difference=float(difference),
        low=low,
        high=high,
        placebo=float(reached),
    )


def in_words(number: int, what: str) -> str:
    """Return a number of things in words, such as "2 spells of such days"."""
    noun, _, rest = what.partition(" ")
    return f"{number} {noun}{'s' if number != 1 else ''} {rest}".rstrip()


def _association(
    history: History, days: BoolArray, estimate: _Estimate, sides: dict[str, int]
) -> Association:
    """Return an estimate with what it rests on and the verdict that this allows."""
    events = {
        **sides,
        "onset": history.onsets(history.counted),
        "spell that no onset followed": history.spells(history.barren),
    }
    rarest = min(events, key=lambda name: events[name])
    scarce = in_words(events[rarest], rarest) if events[rarest] < MIN_EVENTS else ""
    verdict = CANNOT_TELL
    if not scarce and estimate.placebo <= 1 - LEVEL:
        verdict = MORE if estimate.low > 0 else LESS if estimate.high < 0 else CANNOT_TELL
    counted = int((days & history.counted).sum()), history.spells(days), history.onsets(days)
    return Association(*counted, *estimate, verdict, scarce)


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


def _interval(resampled: FloatArray) -> tuple[float, float]:
    """Return the percentile interval; resamples without any such day say nothing."""
    known = resampled[np.isfinite(resampled)]
    if not known.size:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
