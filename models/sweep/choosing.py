"""What choosing a specification is worth: chosen on what had resolved, scored after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.hazard.leads import FloatArray, IntArray
from models.sweep.result import Result, Trace
from models.sweep.specification import Specification
from models.training.landmarks import STEP_DAYS
from models.training.run import OUT_OF_SAMPLE, REFIT_DAYS
from models.verification.contrasts import window_contrasts
from models.verification.intervals import Interval, skill_interval

# Before a year of resolved forecasts there is nothing to choose on.
FIRST_CHOICE_DAYS = 365


@dataclass(frozen=True)
class Chosen:
    """Skill of whoever chooses anew at every refit, beside what hindsight says of the same days.

    Parameters
    ----------
    since : pandas.Timestamp
        First day scored: that of the first choice.
    skill : Interval
        Of the forecasts chosen, each judged by its own specification's outcome
        and climatology; 90 % interval.
    best, median : float
        Skill on these days of the specification that is best on them, and of
        the median one.
    favourite : Specification
        Chosen most often.
    share : float
        On so many of the refits.
    """

    since: pd.Timestamp
    skill: Interval
    best: float
    median: float
    favourite: Specification
    share: float


def chosen(results: Sequence[Result]) -> Chosen | None:
    """Choose at every refit the specification of the best skill so far; score it until the next.

    A forecast counts for a choice once its longest window has passed by the end
    of the refit's day, and for the score if it was made from that day on.

    Parameters
    ----------
    results : sequence of Result
        Of one sweep, with the same horizons.

    Returns
    -------
    Chosen or None
        None where no forecast comes after a first choice.
    """
    if not results:
        return None
    horizon = pd.Timedelta(days=max(results[0].horizons))
    last = max(result.trace.as_of[-1] for result in results)
    begin = OUT_OF_SAMPLE + pd.Timedelta(days=FIRST_CHOICE_DAYS) + horizon
    every = pd.date_range(OUT_OF_SAMPLE, last, freq=f"{REFIT_DAYS}D", unit="s")
    refits = every[every >= begin]
    if refits.empty:
        return None
    known = np.array([_skill_so_far(each.trace, refits - horizon) for each in results])
    # Of equals the first of the grid; a refit at which nothing had resolved chooses nothing.
    choice = np.where(np.isfinite(known).any(axis=0), known.argmax(axis=0), -1)
    ends = refits + pd.Timedelta(days=REFIT_DAYS)
    parts = [
        _between(results[at].trace, start, end)
        for at, start, end in zip(choice.tolist(), refits, ends, strict=True)
        if at >= 0
    ]
    if not any(len(part.as_of) for part in parts):
        return None
    as_of = pd.DatetimeIndex(np.concatenate([part.as_of for part in parts]))
    score, reference = (np.concatenate([part[column] for part in parts]) for column in (1, 2))
    contrasts = window_contrasts(as_of, horizon_days=horizon.days, step_days=STEP_DAYS)
    after = [_skill_of(_between(each.trace, refits[0], ends[-1])) for each in results]
    favourite = int(np.bincount(choice[choice >= 0]).argmax())
    return Chosen(
        since=refits[0],
        skill=skill_interval(score, reference, contrasts),
        best=float(np.nanmax(after)),
        median=float(np.nanmedian(after)),
        favourite=results[favourite].specification,
        share=float((choice == favourite).mean()),
    )


def _skill_so_far(trace: Trace, until: pd.DatetimeIndex) -> FloatArray:
    """Return the skill of the forecasts made until each of some days; -inf where there is none."""
    # A forecast of the day itself has its window resolved at the end of the refit's day: "right".
    rows: IntArray = np.searchsorted(trace.as_of.to_numpy(), until.to_numpy(), side="right")
    score, reference = (np.append(0.0, np.cumsum(each)) for each in trace[1:])
    known = reference[rows] > 0
    ratio = np.divide(score[rows], reference[rows], out=np.full(len(rows), np.inf), where=known)
    return 1 - ratio


def _between(trace: Trace, start: pd.Timestamp, end: pd.Timestamp) -> Trace:
    # The refit's own day is the first it forecasts, the next one's is not: [start, end).
    own = np.asarray((trace.as_of >= start) & (trace.as_of < end))
    return Trace(trace.as_of[own], trace.score[own], trace.reference[own])


def _skill_of(trace: Trace) -> float:
    total = trace.reference.sum()
    return float(1 - trace.score.sum() / total) if total > 0 else float("nan")
