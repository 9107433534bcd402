"""What the outlook's hindcast was worth against base rates."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from models.season.spells import FloatArray
from models.training.outlook_hindcast import REFERENCES
from models.training.run import REFIT_DAYS
from models.verification.contrasts import Contrasts, window_contrasts
from models.verification.intervals import difference_interval, skill_interval
from models.verification.ranking import auc_interval
from models.verification.scores import brier_scores, log_scores

PIT_BINS = 10
YEAR_DAYS = 365


def score_chances(chances: pd.DataFrame, *, step_days: int = REFIT_DAYS) -> pd.DataFrame:
    """Score the chances against both references, by kind and horizon.

    Parameters
    ----------
    chances : pandas.DataFrame
        From `outlook_hindcast`.
    step_days : int
        Days from one as_of day to the next.

    Returns
    -------
    pandas.DataFrame
        Columns `kind`, `horizon_days`, `rows`, `events`, `score` (`brier`, `log`), `reference`,
        `value`, `reference_value`, `skill`, `low`, `high`: of the skill, higher is better;
        `expected` (mean chance) and the 90 % interval of what it exceeds the share of rows with an
        onset by,
        `excess_low` and `excess_high`: above 0 the outlook has promised too much.
    """
    scored = []
    for (kind, horizon), rows in chances.groupby(["kind", "horizon_days"], sort=False):
        outcome = rows["outcome"].to_numpy(dtype=float)
        contrasts = _contrasts(rows, int(str(horizon)), step_days)
        excess = difference_interval(rows["probability"].to_numpy(), outcome, contrasts)
        for name, score in (("brier", brier_scores), ("log", log_scores)):
            own = score(outcome, rows["probability"].to_numpy())
            for reference in REFERENCES:
                other = score(outcome, rows[reference].to_numpy())
                skill = skill_interval(own, other, contrasts)
                scored.append(
                    {
                        "kind": kind,
                        "horizon_days": horizon,
                        "rows": len(rows),
                        "events": int(outcome.sum()),
                        "score": name,
                        "reference": reference,
                        "value": float(own.mean()),
                        "reference_value": float(other.mean()),
                        "skill": skill.value,
                        "low": skill.low,
                        "high": skill.high,
                        "expected": float(rows["probability"].mean()),
                        "excess_low": excess.low,
                        "excess_high": excess.high,
                    }
                )
    return pd.DataFrame(scored)


def rank_chances(chances: pd.DataFrame, *, step_days: int = REFIT_DAYS) -> pd.DataFrame:
    """Tell whether the chances were higher before an onset than before none, by kind and horizon.

    Parameters
    ----------
    chances : pandas.DataFrame
        From `outlook_hindcast`; rows at risk alone may be picked beforehand.
    step_days : int
        Days from one as_of day to the next.

    Returns
    -------
    pandas.DataFrame
        Columns `kind`, `horizon_days`, `rows`, `events`, `episodes` (different onsets in the
        windows, where rows have an `onset`), `runs` (stretches of rows with the rarer outcome),
        `auc` (1/2 is chance), `low`, `high`: its 90 % interval by such stretches, from
        `models.verification.ranking.auc_interval`; `placebo`: share of the histories shifted
        against themselves, by a year at least, whose AUC is as far from
        1/2, NaN where there are none.
    """
    scored = []
    for (kind, horizon), own in chances.groupby(["kind", "horizon_days"], sort=False):
        rows = own.sort_values("as_of")
        outcome = rows["outcome"].to_numpy(dtype=float)
        probability = rows["probability"].to_numpy()
        auc = auc_interval(outcome, probability)
        rarer = outcome == (outcome.mean() < 0.5)
        scored.append(
            {
                "kind": kind,
                "horizon_days": horizon,
                "rows": len(rows),
                "events": int(outcome.sum()),
                **({"episodes": int(rows["onset"].nunique())} if "onset" in rows else {}),
                "runs": int((np.diff(rarer.astype(int), prepend=0) > 0).sum()),
                "auc": auc.value,
                "low": auc.low,
                "high": auc.high,
                "placebo": _placebo(outcome, probability, -(-YEAR_DAYS // step_days)),
            }
        )
    return pd.DataFrame(scored)


def _placebo(outcome: FloatArray, probability: FloatArray, least: int) -> float:
    """Return how often rows shifted against each other rank as far from chance as unshifted."""
    n, onset = len(outcome), outcome > 0
    # Going round the end, rows are shifted the other way: by as much at least.
    shifts = np.arange(least, n - least + 1)
    if not 0 < onset.sum() < n or not shifts.size:
        return float("nan")
    shifted = onset[(np.arange(n) - np.append(0, shifts)[:, None]) % n]
    # Mann and Whitney: the sum of ranks is the AUC but for constants.
    wins = shifted @ rankdata(probability) - onset.sum() * (onset.sum() + 1) / 2
    away = np.abs(wins / (onset.sum() * (~onset).sum()) - 0.5)
    # Not strict, but for rounding: as far counts.
    return float((away[1:] >= away[0] - 1e-12).mean())


def score_days(
    days: pd.DataFrame, *, step_days: int = REFIT_DAYS
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score the days in season by CRPS and by the histogram of the PIT.

    Parameters
    ----------
    days : pandas.DataFrame
        From `outlook_hindcast`.
    step_days : int
        Days from one as_of day to the next.

    Returns
    -------
    scores : pandas.DataFrame
        Columns `kind`, `horizon_days`, `rows`, `crps`, `crps_reference` (days, lower is better),
        `skill`, `low`, `high`.
    histogram : pandas.DataFrame
        Columns `kind`, `horizon_days`, then the share of each tenth, `0` to `9`: 0.1 each where
        forecasts are calibrated, more at both ends where they are too narrow.

    References
    ----------
    PIT of counts: Czado, Gneiting and Held (2009),
    https://doi.org/10.1111/j.1541-0420.2009.01191.x
    """
    scores, histograms = [], []
    for (kind, horizon), rows in days.groupby(["kind", "horizon_days"], sort=False):
        own, other = rows["crps"].to_numpy(), rows["crps_reference"].to_numpy()
        skill = skill_interval(own, other, _contrasts(rows, int(str(horizon)), step_days))
        key: dict[str, object] = {"kind": kind, "horizon_days": horizon}
        scores.append(
            {
                **key,
                "rows": len(rows),
                "crps": float(own.mean()),
                "crps_reference": float(other.mean()),
                "skill": skill.value,
                "low": skill.low,
                "high": skill.high,
            }
        )
        shares = pit_histogram(rows["pit_low"].to_numpy(), rows["pit_high"].to_numpy())
        histograms.append(key | {str(bin_): share for bin_, share in enumerate(shares.tolist())})
    return pd.DataFrame(scores), pd.DataFrame(histograms)


def pit_histogram(low: FloatArray, high: FloatArray, *, bins: int = PIT_BINS) -> FloatArray:
    """Return the mean share of [low, high] in each bin of [0, 1].

    Examples
    --------
    >>> pit_histogram(np.array([0.0, 0.5]), np.array([0.5, 1.0]), bins=2).tolist()
    [0.5, 0.5]
    """
    edges = np.linspace(0, 1, bins + 1)[:, None]
    width = np.maximum(high - low, np.finfo(float).eps)
    return np.diff(np.clip((edges - low) / width, 0, 1).mean(axis=1))


def _contrasts(rows: pd.DataFrame, horizon: int, step_days: int) -> Contrasts:
    as_of = pd.DatetimeIndex(rows["as_of"])
    return window_contrasts(as_of, horizon_days=horizon, step_days=step_days)
