"""The scores of an outlook's hindcast as metrics of MLflow."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from models.tracking.training_record import Value
from models.training.outlook_proof import outlook_skill

if TYPE_CHECKING:
    from models.training.outlook_proof import OutlookProof

_OF_CHANCES = {
    "skill": "value", "skill_low": "low", "skill_high": "high", "auc": "auc", "auc_low": "auc_low",
    "auc_high": "auc_high", "expected": "expected", "observed": "observed",
}  # fmt: skip


def outlook_metrics(proof: OutlookProof | None) -> list[Value]:
    """Return the scores by kind and days, so named that the store sorts them by both.

    Parameters
    ----------
    proof : OutlookProof, optional
        From `models.training.outlook_proof.outlook_proof`; without it there are none.

    Returns
    -------
    list of Value
        `outlook/broad_090d_skill` with its ends `_low` and `_high` (Brier, against the frequency
        of past windows), `_auc` likewise, `_expected` (mean chance), `_observed` (share with an
        onset); `outlook/days_broad_090d_skill` (CRPS of the days in season, against past
        windows). None is NaN.
    """
    if proof is None:
        return []
    values = [*_of_chances(proof), *_of_days(proof)]
    return [Value(each.key, round(each.value, 5)) for each in values if math.isfinite(each.value)]


def _of_chances(proof: OutlookProof) -> Iterator[Value]:
    for skill in outlook_skill(proof):
        for name, field in _OF_CHANCES.items():
            value = getattr(skill, field)
            key = f"outlook/{skill.kind}_{skill.horizon_days:03}d_{name}"
            yield Value(key, math.nan if value is None else float(value))


def _of_days(proof: OutlookProof) -> Iterator[Value]:
    for row in proof.days.to_dict("records"):
        for name, end in (("skill", ""), ("low", "_low"), ("high", "_high")):
            key = f"outlook/days_{row['kind']}_{row['horizon_days']:03}d_skill{end}"
            yield Value(key, float(row[name]))
