"""Ablation: what each group of features adds to the season index and the carried breadth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import pandas as pd

from features.catalogue.features import CATALOGUE
from features.market.season import season_index
from features.panel import MarketPanel, end_of_day
from models.hazard.base import HazardModel
from models.hazard.candidates import BREADTH_CORE, fit_candidates
from models.hazard.climatology import Climatology
from models.hazard.logistic import LogisticHazard
from models.training.landmarks import STEP_DAYS, landmarks
from models.training.run import SCHEDULE, Settings
from models.verification.contrasts import Contrasts, window_contrasts
from models.verification.hindcast import REFERENCE, hindcast
from models.verification.intervals import Interval, difference_interval
from models.verification.scores import brier_scores, log_scores, skill
from models.vocabulary import Verdict

CORE = "core"
SCALES = (0.03, 0.1, 0.3)
COLUMNS = (
    "kind", "horizon_days", "group", "features", "days",
    "brier_skill_without", "brier_skill_with", "brier_difference", "brier_low", "brier_high",
    "log_skill_without", "log_skill_with", "log_difference", "log_low", "log_high",
    "verdict",
)  # fmt: skip


def ablation(
    panel: MarketPanel,
    settings: Settings | None = None,
    *,
    until: pd.Timestamp | None = None,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> pd.DataFrame:
    """Hindcast the logistic hazard with and without each group of features, on the same days.

    Without a group it is the candidate `logistic`: season index and carried breadth. With a group
    it sees the group's other features too, shrunk as the training window asks. The simulation is no
    group here: it is a candidate of its own.

    One row per kind, horizon and group: `features` (added), `days` (forecasts resolved), the skills
    against climatology (higher is better), the mean score with the group less without it (below 0
    the group helps) with its paired 90 % interval, of the Brier and of the log score; the `verdict`
    is "helps" if the interval of both scores is below 0, "harms" if that of both is above, else
    "cannot tell". Where every outcome is the same there is nothing to compare and all is NaN.
    """
    settings = settings or Settings()
    until = panel.last_day if until is None else until
    known = panel.known_at(end_of_day(pd.DatetimeIndex([until]))[0])
    rows = landmarks(known, season_index(known), settings.definition)
    groups = feature_groups()
    table = hindcast(
        rows,
        SCHEDULE,
        partial(fit_candidates, _unfitted(groups)),
        settings.horizons,
        jobs=jobs,
        progress=progress,
    )
    return compare_groups(table, groups)


def feature_groups() -> dict[str, tuple[str, ...]]:
    """Return the features that each group adds to the core, by group, in catalogue order.

    Examples
    --------
    >>> list(feature_groups())
    ['russell', 'etf_flows', 'eth_btc', 'breadth', 'bitcoin']
    """
    groups: dict[str, tuple[str, ...]] = {}
    for feature in CATALOGUE:
        if feature.group != "simulation" and feature.name not in BREADTH_CORE:
            groups[feature.group] = (*groups.get(feature.group, ()), feature.name)
    return groups


def compare_groups(table: pd.DataFrame, groups: Mapping[str, tuple[str, ...]]) -> pd.DataFrame:
    """Compare the forecasts with each group to those of the core, paired; rows as `ablation`.

    The models of the hindcast are `core`, the groups and climatology.
    """
    resolved = table[table["outcome"].notna()]
    keys = ["kind", "horizon_days", "as_of", "outcome"]
    wide = resolved.pivot_table(index=keys, columns="model", values="probability").reset_index()
    rows = []
    for kind in wide["kind"].unique():
        for horizon in wide["horizon_days"].unique():
            sample = wide[(wide["kind"] == kind) & (wide["horizon_days"] == horizon)]
            if sample.empty:
                continue
            days = pd.DatetimeIndex(sample["as_of"])
            contrasts = window_contrasts(days, horizon_days=horizon, step_days=STEP_DAYS)
            common = {"kind": kind, "horizon_days": horizon, "days": len(sample)}
            for group, features in groups.items():
                evidence = {"group": group, "features": len(features)}
                rows.append({**common, **evidence, **_differences(sample, group, contrasts)})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _differences(rows: pd.DataFrame, group: str, contrasts: Contrasts) -> dict[str, float | str]:
    outcome = rows["outcome"].to_numpy(dtype=float)
    row: dict[str, float | str] = {"verdict": Verdict.CANNOT_TELL}
    if not 0 < outcome.mean() < 1:
        return row
    intervals = []
    for name, score in (("brier", brier_scores), ("log", log_scores)):
        reference, without, within = (
            score(outcome, rows[model].to_numpy(dtype=float)) for model in (REFERENCE, CORE, group)
        )
        row[f"{name}_skill_without"] = skill(without.mean(), reference.mean())
        row[f"{name}_skill_with"] = skill(within.mean(), reference.mean())
        interval = difference_interval(within, without, contrasts)
        row[f"{name}_difference"] = interval.value
        row[f"{name}_low"], row[f"{name}_high"] = interval.low, interval.high
        intervals.append(interval)
    return {**row, "verdict": _verdict(intervals)}


def _verdict(intervals: list[Interval]) -> str:
    if all(interval.high < 0 for interval in intervals):
        return "helps"
    return "harms" if all(interval.low > 0 for interval in intervals) else Verdict.CANNOT_TELL


def _unfitted(groups: Mapping[str, tuple[str, ...]]) -> dict[str, HazardModel]:
    return {
        REFERENCE: Climatology(),
        CORE: LogisticHazard(BREADTH_CORE),
        **{
            group: LogisticHazard(BREADTH_CORE, others=features, scales=SCALES)
            for group, features in groups.items()
        },
    }
