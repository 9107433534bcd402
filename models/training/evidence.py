"""What the hindcast of a candidate has shown, as its stored forecaster keeps it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np
import pandas as pd

from models.answers import State
from models.hazard.forecaster import AlarmRecord, Fifth, Skill, StateRecord
from models.training.landmarks import STEP_DAYS
from models.training.rows import PROCESS
from models.verification.events import WARNING_LEVEL, alarms, contingency
from models.verification.intervals import difference_interval
from models.verification.samples import Layout, by_horizon
from models.vocabulary import Kind, Verdict

LAYOUT = Layout(groups=("kind",), horizon="horizon", reference="base_rate")
EVENT_HORIZON = "90"
_FIFTHS = 5


def skills(scored: pd.DataFrame, verification: pd.DataFrame, model: str) -> tuple[Skill, ...]:
    """Return what a model's forecasts at risk have shown, by kind and horizon."""
    excess = {
        (sample.key["kind"], sample.key["horizon"]): difference_interval(
            sample.probability[model][:, 0], sample.outcome[:, 0], sample.windows(STEP_DAYS)
        )
        for sample in by_horizon(scored, LAYOUT)
    }
    rows = verification[verification["model"] == model].to_dict("records")
    found = []
    for row in rows:
        too_much = excess[row["kind"], row["horizon"]]
        found.append(
            Skill(
                kind=Kind(row["kind"]),
                horizon=str(row["horizon"]),
                **_finite(row, {"value": "brier_skill", "low": "brier_skill_low",
                                "high": "brier_skill_high"}),
                days=int(row["days"]),
                episodes=int(row["episodes"]),
                verdict=Verdict(row["verdict"]),
                **_finite(row, {name: name for name in ("auc", "auc_low", "auc_high")}),
                expected=float(row["base_rate"] + too_much.value),
                observed=float(row["base_rate"]),
                excess_low=None if np.isnan(too_much.low) else float(too_much.low),
                excess_high=None if np.isnan(too_much.high) else float(too_much.high),
            )
        )  # fmt: skip
    return tuple(found)


def state_records(table: pd.DataFrame) -> tuple[StateRecord, ...]:
    """Return counts, mean forecast and what came of the states in which no candidate has a say."""
    rows = table[(table["model"] == PROCESS) & table["outcome"].notna()]
    return tuple(
        StateRecord(
            kind=Kind(str(kind)),
            state=State(str(state)),
            horizon=str(horizon),
            forecasts=len(group),
            expected=float(group["probability"].mean()),
            observed=float(group["outcome"].mean()),
        )
        for (kind, state, horizon), group in rows.groupby(["kind", "state", "horizon"], sort=False)
    )  # fmt: skip


def event_forecasts(scored: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return a model's forecasts of broad seasons within 90 days, as the tables of events read."""
    horizons = scored["horizon"].unique()
    lengths = [int(each) for each in horizons if str(each).isdigit()]
    nearest = str(min(lengths, key=lambda days: abs(days - int(EVENT_HORIZON))))
    rows = scored[
        (scored["model"] == model) & (scored["kind"] == Kind.BROAD) & (scored["horizon"] == nearest)
    ]
    return rows.assign(horizon_days=int(nearest)).sort_values("as_of", ignore_index=True)


def fifths(scored: pd.DataFrame, model: str) -> tuple[Fifth, ...]:
    """Return the fifths of a model's resolved chances of a broad season within 90 days."""
    forecasts = event_forecasts(scored, model)
    resolved = forecasts[forecasts["outcome"].notna()].sort_values("probability", kind="stable")
    groups = [group for group in np.array_split(np.arange(len(resolved)), _FIFTHS) if len(group)]
    found = []
    for positions in groups:
        group = resolved.iloc[positions]
        came = group[group["outcome"] == 1]
        found.append(
            Fifth(
                low=float(group["probability"].min()),
                high=float(group["probability"].max()),
                forecasts=len(group),
                episodes=int(came["episode"].nunique()),
                expected=float(group["probability"].mean()),
                observed=float(group["outcome"].mean()),
            )
        )
    return tuple(found)


def alarm_record(
    scored: pd.DataFrame, model: str, *, level: float = WARNING_LEVEL
) -> AlarmRecord | None:
    """Return what came of a model's weeks with a high chance; None where none is resolved."""
    forecasts = event_forecasts(scored, model)
    resolved = forecasts[forecasts["outcome"].notna()]
    if resolved.empty:
        return None
    onsets = pd.DatetimeIndex(forecasts["episode"].dropna().unique()).sort_values()
    (row,) = contingency(resolved, onsets, step_days=STEP_DAYS, levels=(level,)).to_dict("records")
    table = alarms(resolved, onsets, level=level, step_days=STEP_DAYS)
    # The last alarm before an onset: the one that was in force.
    hits = table[table["hit"]].drop_duplicates("onset", keep="last")
    ahead = (hits["onset"] - hits["first_day"]).dt.days
    return AlarmRecord(
        level=level,
        alarms=int(row["alarms"]),
        false_alarms=int(row["false_alarms"]),
        seasons=int(row["onsets"]),
        announced=int(row["hits"]),
        median_days=float(ahead.median()) if len(ahead) else None,
    )


def _finite(row: Mapping[Hashable, object], names: Mapping[str, str]) -> dict[str, float | None]:
    """Return values by name, None for what is NaN."""
    values = {name: float(row[column]) for name, column in names.items()}  # type: ignore[arg-type]
    return {name: None if np.isnan(value) else value for name, value in values.items()}
