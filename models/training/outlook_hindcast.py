"""What the outlook would have said on past days from any state, and what that was worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from models.outlook.baselines import gamma_poisson, window_frequency
from models.outlook.events import SUSTAINED, known_onsets, onsets_of
from models.outlook.paths import Paths, simulate
from models.outlook.renewal import fit_renewal
from models.outlook.seasons import SUSTAINED_WITHIN, FloatArray, History, IntArray, observe

FIRST = pd.Timestamp("2017-01-01")
STEP_DAYS = 28
HORIZONS = (90, 180, 365)
BROAD = {"broad": 75.0}
REFERENCES = ("window_frequency", "gamma_poisson")

NearTerm = Callable[[pd.Timestamp], Mapping[str, FloatArray] | None]


def outlook_hindcast(
    index: pd.Series,
    *,
    thresholds: Mapping[str, float] = BROAD,
    near_term: NearTerm | None = None,
    first: pd.Timestamp = FIRST,
    step_days: int = STEP_DAYS,
    horizons: tuple[int, ...] = HORIZONS,
    n_paths: int = 2_000,
    n_groups: int = 200,
    seed: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make the outlook's forecasts for past days, each from what was known by then.

    Parameters
    ----------
    index : pandas.Series
        Season index (0-100) on consecutive days.
    thresholds : mapping of str to float
        Kind to threshold, from the highest to the lowest; `sustained` comes with the highest.
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

    Returns
    -------
    chances : pandas.DataFrame
        Columns `as_of`, `state` (`at_risk`, `in_season` until an onset is possible again), `kind`,
        `horizon_days`, `probability`, `window_frequency`, `gamma_poisson`, `outcome`. Only rows
        whose window ended 90 days or more before the last day: the kinds share their rows.
    days : pandas.DataFrame
        Columns `as_of`, `state`, `kind`, `horizon_days`, `days` (observed days in season), `crps`,
        `crps_reference` (of all past windows as long), `pit_low`, `pit_high` (forecast
        probability of fewer days and of as many at most).
    """
    whole = {
        kind: observe(index, until=index.index[-1], threshold=threshold)
        for kind, threshold in thresholds.items()
    }
    # An onset on the window's last day has shown its 90 days, itself included, 89 days later.
    reach = pd.Timedelta(days=min(horizons) + SUSTAINED_WITHIN - 1)
    chances, days = [], []
    for as_of in pd.date_range(first, index.index[-1] - reach, freq=f"{step_days}D"):
        renewals = {
            kind: fit_renewal(index, until=as_of, threshold=threshold)
            for kind, threshold in thresholds.items()
        }
        paths = simulate(
            renewals,
            {kind: renewal.history for kind, renewal in renewals.items()},
            days=max(horizons),
            near_term=near_term(as_of) if near_term else None,
            n_paths=n_paths,
            n_groups=n_groups,
            seed=seed,
        )
        chances += _chances(paths, whole, horizons)
        days += _days(paths, whole, horizons)
    return pd.DataFrame(chances), pd.DataFrame(days)


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


def _chances(
    paths: Paths, whole: Mapping[str, History], horizons: tuple[int, ...]
) -> list[dict[str, object]]:
    as_of, names = paths.as_of, list(paths.now)
    now, later = list(paths.now.values()), list(whole.values())
    rows: list[dict[str, object]] = []
    for kind in (SUSTAINED, *names):
        onsets, known = onsets_of(paths, kind), known_onsets(now, kind, names)
        to_come = known_onsets(later, kind, names)
        wait = SUSTAINED_WITHIN - 1 if kind == SUSTAINED else 0
        last = as_of - pd.Timedelta(days=wait)
        for horizon in horizons:
            end = as_of + pd.Timedelta(days=horizon)
            if end > later[0].until - pd.Timedelta(days=SUSTAINED_WITHIN - 1):
                continue
            came = int(onsets[:horizon].any(axis=0).sum())
            exposure = (last - now[0].first).days + 1
            rows.append(
                {
                    "as_of": as_of,
                    "state": _state(paths, kind),
                    "kind": kind,
                    "horizon_days": horizon,
                    # Paths are a sample: none of n is no proof of never.
                    "probability": (came + 0.5) / (paths.n_paths + 1),
                    "window_frequency": window_frequency(known, now[0].first, last, horizon),
                    "gamma_poisson": gamma_poisson(len(known), exposure, horizon),
                    # The window is (as_of, end]: as_of itself is known.
                    "outcome": float(((to_come > as_of) & (to_come <= end)).any()),
                }
            )
    return rows


def _days(
    paths: Paths, whole: Mapping[str, History], horizons: tuple[int, ...]
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for kind, in_season in paths.in_season.items():
        known = np.concatenate([[0], np.cumsum(paths.now[kind].in_season)])
        later = np.concatenate([[0], np.cumsum(whole[kind].in_season)])
        today = len(known) - 1
        for horizon in horizons:
            if today + horizon >= len(later) - SUSTAINED_WITHIN + 1 or horizon >= len(known):
                continue
            sample = in_season[:horizon].sum(axis=0)
            observed = int(later[today + horizon] - later[today])
            rows.append(
                {
                    "as_of": paths.as_of,
                    "state": _state(paths, kind),
                    "kind": kind,
                    "horizon_days": horizon,
                    "days": observed,
                    "crps": crps(sample, observed),
                    "crps_reference": crps(known[horizon:] - known[:-horizon], observed),
                    "pit_low": float((sample < observed).mean()),
                    "pit_high": float((sample <= observed).mean()),
                }
            )
    return rows


def _state(paths: Paths, kind: str) -> str:
    history = paths.now[next(iter(paths.now)) if kind == SUSTAINED else kind]
    return "in_season" if history.current is not None else "at_risk"
