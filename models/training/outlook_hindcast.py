"""What the outlook would have said on past days from any state, and what that was worth."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from models.outlook.paths import SUSTAINED, Paths, known_onsets, onsets_of, simulate
from models.outlook.renewal import fit_renewal
from models.season.definition import OnsetDefinition
from models.season.labels import in_season, onsets, sustained
from models.season.spells import FloatArray, IntArray
from models.season.windows import window_frequency
from models.training.outlook_near_term import NearTerm
from models.training.run import OUT_OF_SAMPLE, REFIT_DAYS
from models.workers import end_with_parent

HORIZONS = (90, 180, 365)
BROAD = {"broad": OnsetDefinition()}
REFERENCES = ("window_frequency", "gamma_poisson")

Labels = Mapping[str, pd.DatetimeIndex]


class _Chance(NamedTuple):
    """A chance of an onset, its two baselines, and what came: the first onset, NaT for none."""

    as_of: pd.Timestamp
    state: str
    kind: str
    horizon_days: int
    probability: float
    window_frequency: float
    gamma_poisson: float
    outcome: float
    onset: object


class _DaysInSeason(NamedTuple):
    """Days in season that came, and how good their forecast was."""

    as_of: pd.Timestamp
    state: str
    kind: str
    horizon_days: int
    days: int
    crps: float
    crps_reference: float
    pit_low: float
    pit_high: float


def outlook_hindcast(
    index: pd.Series,
    *,
    definitions: Mapping[str, OnsetDefinition] = BROAD,
    near_term: NearTerm | None = None,
    first: pd.Timestamp = OUT_OF_SAMPLE,
    step_days: int = REFIT_DAYS,
    horizons: tuple[int, ...] = HORIZONS,
    n_paths: int = 2_000,
    n_groups: int = 200,
    seed: int = 0,
    jobs: int = 1,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make the outlook's forecasts for past days, each from what was known by then.

    Parameters
    ----------
    index : pandas.Series
        Season index (0-100) on consecutive days.
    definitions : mapping of str to OnsetDefinition
        By kind, from the highest threshold to the lowest; `sustained` comes with the highest.
    near_term : callable, optional
        as_of to the near-term hazards that `simulate` takes; None: the process alone.
    first : pandas.Timestamp
        First as_of day.
    step_days : int
        Days from one to the next.
    horizons : tuple of int
        Days ahead.
    n_paths, n_groups, seed : int
        As for `simulate`.
    jobs : int
        Processes; the result does not depend on it.

    Returns
    -------
    chances : pandas.DataFrame
        Columns `as_of`, `state` (`at_risk`, `in_season` until an onset is possible again), `kind`,
        `horizon_days`, `probability`, `window_frequency`, `gamma_poisson`, `outcome`, `onset` (the
        first one in the window; NaT where there is none). Only rows
        whose window ended 90 days or more before the last day: the kinds share their rows.
    days : pandas.DataFrame
        Columns `as_of`, `state`, `kind`, `horizon_days`, `days` (observed days in season), `crps`,
        `crps_reference` (of all past windows as long), `pit_low`, `pit_high` (forecast
        probability of fewer days and of as many at most).
    """
    to_come, stood = _labels(index, definitions), _days_stood(index, definitions)
    last_day = index.index[-1]

    def hindcast(as_of: pd.Timestamp) -> tuple[list[_Chance], list[_DaysInSeason]]:
        known = index.loc[:as_of]
        hazards = near_term(as_of) if near_term else None
        paths = _paths_from(known, definitions, hazards, max(horizons), n_paths, n_groups, seed)
        chances = _chances(paths, to_come, last_day, horizons)
        return chances, _days(paths, stood, horizons)

    # An onset on the window's last day has shown its 90 days, itself included, 89 days later.
    within = next(iter(definitions.values())).sustained_within
    reach = pd.Timedelta(days=min(horizons) + within - 1)
    grid = pd.date_range(first, last_day - reach, freq=f"{step_days}D")
    by_day = Parallel(n_jobs=jobs, initializer=end_with_parent)(
        delayed(hindcast)(as_of) for as_of in grid
    )
    chances, days = (pd.DataFrame(chain.from_iterable(rows)) for rows in zip(*by_day, strict=True))
    return chances, days


def _paths_from(
    known: pd.Series,
    definitions: Mapping[str, OnsetDefinition],
    near_term: Mapping[str, FloatArray] | None,
    days: int,
    n_paths: int,
    n_groups: int,
    seed: int,
) -> Paths:
    """Simulate from the last day known, with processes fitted to what had resolved by then."""
    renewals = {
        kind: fit_renewal(known, until=known.index[-1], definition=each)
        for kind, each in definitions.items()
    }
    return simulate(
        renewals,
        {kind: renewal.history for kind, renewal in renewals.items()},
        days=days,
        near_term=near_term,
        n_paths=n_paths,
        n_groups=n_groups,
        seed=seed,
    )


def gamma_poisson(onsets: int, exposure_days: int, horizon_days: int) -> float:
    """Return P(at least one onset) if onsets came at one unknown rate, whatever the state.

    The posterior predictive of a Poisson count under the Jeffreys prior, Gamma(1/2, 0):
    1 - (exposure / (exposure + horizon)) ** (onsets + 1/2).

    Examples
    --------
    >>> round(gamma_poisson(3, 1000, 365), 4)  # 1 - (1000 / 1365) ** 3.5
    0.6635
    """
    kept = exposure_days / (exposure_days + horizon_days)
    return float(1 - kept ** (onsets + 0.5))


def crps(sample: IntArray, observed: int) -> float:
    """Return the continuous ranked probability score of a sample: E|X - y| - E|X - X'| / 2.

    Parameters
    ----------
    sample : numpy.ndarray of int, shape (n,)
        Draws from the forecast.
    observed : int
        What happened.

    Returns
    -------
    float
        In the unit of the sample; lower is better, 0 is perfect.

    References
    ----------
    Gneiting and Raftery (2007), https://doi.org/10.1198/016214506000001437

    Examples
    --------
    >>> crps(np.array([0, 2]), 1)  # E|X - y| = 1, E|X - X'| = 1
    0.5
    """
    ordered = np.sort(sample).astype(float)
    size = len(ordered)
    # The sum of |x_i - x_j| over all pairs is twice that of (2 i - n - 1) x_(i), i from 1.
    rank = 2 * np.arange(1, size + 1) - size - 1
    return float(np.abs(ordered - observed).mean() - (rank @ ordered) / size**2)


def _labels(index: pd.Series, definitions: Mapping[str, OnsetDefinition]) -> Labels:
    """Return the onsets of each kind or a stronger one, those to come included."""
    labels: dict[str, pd.DatetimeIndex] = {}
    for kind, each in definitions.items():
        own = onsets(index, each)
        if not labels:
            lasting = sustained(index, each)["sustained"].fillna(value=False)
            labels = {SUSTAINED: own[lasting.to_numpy(dtype=bool)], kind: own}
        else:
            labels[kind] = labels[next(reversed(labels))].union(own)
    return labels


def _days_stood(
    index: pd.Series, definitions: Mapping[str, OnsetDefinition]
) -> dict[str, IntArray]:
    """Return how many days each kind's season stood before each day, and in all."""
    return {
        kind: np.append(0, np.cumsum(in_season(index, each.threshold).fillna(value=False)))
        for kind, each in definitions.items()
    }


def _chances(
    paths: Paths, to_come: Labels, last_day: pd.Timestamp, horizons: tuple[int, ...]
) -> list[_Chance]:
    as_of, names = paths.as_of, list(paths.now)
    now = list(paths.now.values())
    rows = []
    for kind in (SUSTAINED, *names):
        begun, known = onsets_of(paths, kind), known_onsets(now, kind, names)
        wait = paths.definition.sustained_within - 1 if kind == SUSTAINED else 0
        last = as_of - pd.Timedelta(days=wait)
        for horizon in horizons:
            end = as_of + pd.Timedelta(days=horizon)
            if end > last_day - pd.Timedelta(days=paths.definition.sustained_within - 1):
                continue
            # The window is (as_of, end]: as_of itself is known.
            inside = to_come[kind][(to_come[kind] > as_of) & (to_come[kind] <= end)]
            came = int(begun[:horizon].any(axis=0).sum())
            exposure = (last - now[0].first).days + 1
            rows.append(
                _Chance(
                    as_of=as_of,
                    state=_state(paths, kind),
                    kind=kind,
                    horizon_days=horizon,
                    # Paths are a sample: none of n is no proof of never.
                    probability=(came + 0.5) / (paths.n_paths + 1),
                    window_frequency=window_frequency(known, now[0].first, last, horizon),
                    gamma_poisson=gamma_poisson(len(known), exposure, horizon),
                    outcome=float(len(inside) > 0),
                    onset=inside[0] if len(inside) else pd.NaT,
                )
            )
    return rows


def _days(
    paths: Paths, stood: Mapping[str, IntArray], horizons: tuple[int, ...]
) -> list[_DaysInSeason]:
    rows, within = [], paths.definition.sustained_within
    for kind, simulated in paths.in_season.items():
        later = stood[kind]
        today = len(paths.now[kind].in_season)
        known = later[: today + 1]
        for horizon in horizons:
            if today + horizon >= len(later) - within + 1 or horizon >= len(known):
                continue
            sample = simulated[:horizon].sum(axis=0)
            observed = int(later[today + horizon] - later[today])
            rows.append(
                _DaysInSeason(
                    as_of=paths.as_of,
                    state=_state(paths, kind),
                    kind=kind,
                    horizon_days=horizon,
                    days=observed,
                    crps=crps(sample, observed),
                    crps_reference=crps(known[horizon:] - known[:-horizon], observed),
                    pit_low=float((sample < observed).mean()),
                    pit_high=float((sample <= observed).mean()),
                )
            )
    return rows


def _state(paths: Paths, kind: str) -> str:
    history = paths.now[next(iter(paths.now)) if kind == SUSTAINED else kind]
    return "in_season" if history.current is not None else "at_risk"
