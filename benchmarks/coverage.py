"""How often intervals of skill hold what is true, on simulated histories whose truth is known.

``python -m benchmarks.coverage`` prints the table of 1,000 histories in each of two worlds.
In *overlap* scores are moving averages of noise, as long as the windows: what overlap does, and
nothing else. In *renewal* seasons come and go as in the embedded history: quiet spells of two
phases, the second short; scores are those of a forecaster who sees the phase, against climatology;
rows are the weeks at risk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from models.hazard.leads import FloatArray, IntArray
from models.verification.contrasts import (
    Contrasts,
    episode_contrasts,
    next_onset,
    window_contrasts,
)
from models.verification.intervals import difference_interval, skill_interval
from models.verification.scores import brier_scores, log_scores

HORIZONS = (30, 60, 90, 180, 365)
COLUMNS = ("world", "statistic", "unit", "horizon_days", "histories", "coverage")
OVERLAP, RENEWAL = "overlap", "renewal"
STEP_DAYS = 7
ROWS = 470
# Of the embedded history: an onset every 260 days, three weeks in four at risk.
PHASE_DAYS = np.array([150.0, 45.0])
QUIET_DAYS, SEASON_DAYS = 31.0, 35.0
_ORIGIN = np.datetime64("2017-01-03", "s")
_WARM_UP_DAYS = 2000.0
_CYCLES = 80


class _Held(NamedTuple):
    """Whether an interval of one history holds what is expected; NaN if it has no ends."""

    world: str
    horizon_days: int | None  # None where scores are means over all horizons
    statistic: str
    unit: str  # windows or episodes
    held: float


def skill_coverage(
    histories: int = 1000, *, horizons: Sequence[int] = HORIZONS, seed: int = 0
) -> pd.DataFrame:
    """Measure how often nominal 90 % intervals hold the true skill and the true difference.

    A history has nine years of weeks. What it holds is fixed beforehand: 1 - E[score] /
    E[reference], and E[score] - E[reference], known in closed form. `histories` of the result are
    those with an interval: in the others every outcome is the same, or the episodes are too few.
    With 1,000 a coverage of 90 % is measured with a standard error of 1 %.
    """
    held = pd.DataFrame(
        [*_overlap(histories, horizons, seed), *_renewal(histories, horizons, seed)]
    )
    keys = list(COLUMNS[:4])
    table = held.groupby(keys, dropna=False)["held"].agg(["count", "mean"]).reset_index()
    return table.set_axis(list(COLUMNS), axis=1).astype({"horizon_days": "Int64"})


def onset_chance(horizon_days: float) -> FloatArray:
    """Return P(onset within so many days) in the renewal world, first and second phase."""
    first, second = PHASE_DAYS
    survival = np.exp(-horizon_days / PHASE_DAYS)
    waiting = (first * survival[0] - second * survival[1]) / (first - second)
    return 1 - np.array([waiting, survival[1]])


def climatology(horizon_days: float) -> float:
    """Return P(onset within so many days) in the renewal world, of any day at risk."""
    return float(onset_chance(horizon_days) @ PHASE_DAYS / PHASE_DAYS.sum())


def renewal_history(
    random: np.random.Generator, rows: int = ROWS
) -> tuple[pd.DatetimeIndex, IntArray, FloatArray, pd.DatetimeIndex]:
    """Draw weeks at risk, the phase of each (0 or 1), its days to the next onset, the onsets."""
    cycles = _CYCLES * -(-rows // ROWS)
    phases = random.exponential(PHASE_DAYS, size=(cycles, 2))
    away = QUIET_DAYS + random.exponential(SEASON_DAYS, cycles)
    begin = np.cumsum(phases.sum(axis=1) + away) - phases.sum(axis=1) - away
    onset = begin + phases.sum(axis=1)
    # Long after the first spell, at a moment that the spells have no part in.
    day = random.uniform(_WARM_UP_DAYS, 1.2 * _WARM_UP_DAYS) + STEP_DAYS * np.arange(rows)
    spell = np.searchsorted(begin, day, side="right") - 1
    at_risk = day < onset[spell]
    spell, week = spell[at_risk], day[at_risk]
    phase = (week >= begin[spell] + phases[spell, 0]).astype(int)
    ahead = onset[onset > day[0]]
    return _moments(week - day[0]), phase, onset[spell] - week, _moments(ahead - day[0])


def expected_scores(horizon_days: float) -> dict[str, tuple[float, float]]:
    """Return the expected Brier and log score of forecaster and climatology, renewal world."""
    share, base = PHASE_DAYS / PHASE_DAYS.sum(), np.array([climatology(horizon_days)])
    chance = onset_chance(horizon_days)
    return {
        "brier": (float(share @ (chance * (1 - chance))), float((base * (1 - base))[0])),
        "log": (float(share @ _entropy(chance)), float(_entropy(base)[0])),
    }


def _moments(days: FloatArray) -> pd.DatetimeIndex:
    seconds = np.round(86_400 * days).astype("timedelta64[s]")
    return pd.DatetimeIndex(_ORIGIN + seconds)


def _entropy(chance: FloatArray) -> FloatArray:
    return -chance * np.log(chance) - (1 - chance) * np.log1p(-chance)


def _overlap(histories: int, horizons: Sequence[int], seed: int) -> Iterator[_Held]:
    weeks = pd.date_range(_ORIGIN, periods=ROWS, freq=f"{STEP_DAYS}D")
    for horizon in horizons:
        length = -(-horizon // STEP_DAYS)
        random = np.random.default_rng([seed, horizon])
        windows = window_contrasts(weeks, horizon_days=horizon, step_days=STEP_DAYS)
        for _ in range(histories):
            terms = np.cumsum(random.normal(size=(2, ROWS + length)), axis=1)
            single, shared = (terms[:, length:] - terms[:, :-length]) / np.sqrt(length)
            scores = 0.8 + 0.3 * (single + shared) / np.sqrt(2), 1 + 0.3 * shared
            for interval in _held(*scores, (0.8, 1.0), {"windows": windows}):
                yield _Held(OVERLAP, horizon, *interval)


def _renewal(histories: int, horizons: Sequence[int], seed: int) -> Iterator[_Held]:
    chance = np.array([onset_chance(horizon) for horizon in horizons])
    base = np.array([climatology(horizon) for horizon in horizons])
    expected = [expected_scores(horizon) for horizon in horizons]
    # Each horizon by itself, and the mean over all.
    parts = [*((horizon, [i]) for i, horizon in enumerate(horizons)), (None, [*range(len(base))])]
    for history in range(histories):
        as_of, phase, ahead, onsets = renewal_history(np.random.default_rng([seed, history]))
        episodes = episode_contrasts(next_onset(as_of, onsets)[1])
        outcome = (ahead[:, None] <= np.array(horizons)).astype(float)
        for horizon, columns in parts:
            came = outcome[:, columns]
            if not 0 < came.mean() < 1:
                continue
            longest = max(horizons[i] for i in columns)
            windows = window_contrasts(as_of, horizon_days=longest, step_days=STEP_DAYS)
            units = {"windows": windows, "episodes": episodes}
            forecasts, reference = (
                chance[columns].T[phase],
                np.broadcast_to(base[columns], came.shape),
            )
            for name, score in (("brier", brier_scores), ("log", log_scores)):
                first, second = (score(came, p).mean(axis=1) for p in (forecasts, reference))
                true = np.mean([expected[i][name] for i in columns], axis=0)
                for statistic, unit, held in _held(first, second, true, units):
                    yield _Held(RENEWAL, horizon, f"{name} {statistic}", unit, held)


def _held(
    score: FloatArray,
    reference: FloatArray,
    expected: Sequence[float] | FloatArray,
    units: Mapping[str, Contrasts],
) -> Iterator[tuple[str, str, float]]:
    """Yield statistic, unit and whether the interval holds what is expected; NaN without ends."""
    first, second = expected
    for unit, contrasts in units.items():
        for statistic, true, interval in (
            ("skill", 1 - first / second, skill_interval(score, reference, contrasts)),
            ("difference", first - second, difference_interval(score, reference, contrasts)),
        ):
            inside = float(interval.low <= true <= interval.high)
            held = float("nan") if np.isnan(interval.low) else inside
            yield statistic, unit, held


if __name__ == "__main__":
    print(skill_coverage().to_string(index=False, float_format="{:.3f}".format))
