"""Paired comparisons of candidates on the same days, at each horizon and over all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from models.verification.sample import (
    SCORES,
    UNKNOWN,
    Sample,
    Units,
    by_horizon,
    contrasts_over,
    over_horizons,
    sample_size,
    units_of,
)
from models.verification.scores import log_scores
from models.verification.significance import (
    Interval,
    diebold_mariano,
    difference_interval,
    verdict,
)

_DIFFERENCE = (
    "difference", "difference_low", "difference_high", "difference_episode_low",
    "difference_episode_high", "p_value", "verdict",
)  # fmt: skip
COLUMNS = (
    "kind", "horizon_days", "first", "second", "days", "episodes",
    *(f"brier_{name}" for name in _DIFFERENCE), *(f"log_{name}" for name in _DIFFERENCE),
)  # fmt: skip


def compare(
    hindcast: pd.DataFrame,
    first: str,
    seconds: Sequence[str],
    onsets: Mapping[str, pd.DatetimeIndex],
    *,
    step_days: int,
) -> pd.DataFrame:
    """Compare a model with others on the same days, at each horizon and over all.

    Parameters
    ----------
    hindcast : pandas.DataFrame
        From `hindcast`.
    first : str
        Name of one of its models.
    seconds : sequence of str
        Names of those it is compared with.
    onsets, step_days
        As for `verify`.

    Returns
    -------
    pandas.DataFrame
        Columns `kind`, `horizon_days` (missing where the scores are means over
        all horizons, as from `integrated`), `first`, `second`, `days`,
        `episodes`, `brier_difference` (first - second: negative where the first
        is better) with its 90 % interval by windows, `_low` and `_high`, and
        by episodes, `_episode_low` and `_episode_high`, `brier_p_value` of
        the Diebold-Mariano test, `brier_verdict` on the first by windows
        (better, worse, cannot tell); the same for the log score in `log_`.

    Raises
    ------
    ValueError
        If the hindcast holds no forecasts of one of the models, or one lacks
        forecasts that another has.
    """
    for name in (first, *seconds):
        if name not in set(hindcast["model"]):
            known = ", ".join(hindcast["model"].unique())
            raise ValueError(f"model must be in the hindcast, got {name}; it holds {known}.")
    own = hindcast[hindcast["model"].isin([first, *seconds])]
    rows: list[dict[str, object]] = []
    with threadpool_limits(limits=1):
        each_horizon = [(sample, sample.longest) for sample in by_horizon(own)]
        over_all = [(sample, pd.NA) for sample in over_horizons(own)]
        for sample, horizon_days in [*each_horizon, *over_all]:
            units = units_of(sample, onsets, step_days)
            size = sample_size(sample, onsets)._asdict()
            common = {**size, "horizon_days": horizon_days, "first": first}
            for second in seconds:
                difference = _difference(sample, first, second, units)
                rows.append({**common, "second": second, **difference})
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"horizon_days": "Int64"})


def integrated_differences(
    hindcast: pd.DataFrame,
    kind: str,
    *,
    step_days: int,
) -> dict[tuple[str, str], Interval]:
    """Return the paired differences of the log score over all horizons, of every two models.

    Parameters
    ----------
    hindcast, step_days
        As for `verify`; windows are as long as the longest horizon.
    kind : str
        Kind of season.

    Returns
    -------
    dict of (str, str) to Interval
        By first and second model: first - second, negative where the first is
        better, as `compare` has it. Empty while the days resolved at every
        horizon span less than 5 windows.
    """
    differences: dict[tuple[str, str], Interval] = {}
    with threadpool_limits(limits=1):
        for sample in over_horizons(hindcast[hindcast["kind"] == kind]):
            contrasts = contrasts_over(sample, step_days)
            if np.isnan(contrasts.degrees):
                continue
            scores = {model: sample.scores(log_scores, model) for model in sample.probability}
            for first, second in permutations(scores, 2):
                differences[first, second] = difference_interval(
                    scores[first], scores[second], contrasts
                )
    return differences


def _difference(sample: Sample, first: str, second: str, units: Units) -> dict[str, object]:
    row: dict[str, object] = {}
    for name, score in SCORES:
        scores = sample.scores(score, first), sample.scores(score, second)
        windows = episodes = UNKNOWN
        p_value = float("nan")
        if sample.varied:
            windows = difference_interval(*scores, units.windows)
            episodes = difference_interval(*scores, units.episodes)
            p_value = diebold_mariano(*scores, units.windows).p_value
        judged = verdict(windows, lower_is_better=True)
        values = (*windows, *episodes[1:], p_value, judged)
        row |= {f"{name}_{column}": v for column, v in zip(_DIFFERENCE, values, strict=True)}
    return row
