"""Forecasts in the layout of forecast hubs: an archive that other people's tools read."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from models.answers import Event, answers_table
from models.ledger.entry import Entry
from models.season.definition import OnsetDefinition
from models.vocabulary import Kind

COLUMNS = (
    "reference_date", "target", "horizon", "target_end_date", "output_type", "output_type_id",
    "value",
)  # fmt: skip
OUTCOMES = "target-data/oracle-output.csv"
DAY = pd.Timedelta(days=1)

_README = """\
# Forecasts of altcoin seasons

Probabilities that a season of the altcoin season index begins, stands or lasts, by the program
altseason {version} (Apache-2.0), in the layout of forecast hubs (hubverse), without locations.

- `model-output/MODEL/hindcast.csv`: walk-forward forecasts out of sample, made afterwards: each
  day's model had learnt from nothing later than that day.
- `model-output/MODEL/ledger.csv`: forecasts as they were recorded, the first of each day and model.
- `{outcomes}`: what came of the hindcast's windows, as far as they are over.

| column | meaning |
|---|---|
| reference_date | the day whose end (24:00 UTC) closes what the forecast knew |
| target | kind of season and what is asked; `from DAY` where a window does not begin tomorrow |
| horizon | days from reference_date to target_end_date |
| target_end_date | last day that counts |
| output_type | `pmf` (yes and no sum to 1), or `quantile` of days |
| output_type_id | `yes` or `no`, or the level of the quantile |
| value | the probability, or the days |

A season is partial (the index at 50), broad (at 75) or sustained (on 30 of its first 90 days);
forecasts at another threshold are not in the archive.
"""

_CITATION = """\
cff-version: 1.2.0
message: If you use these forecasts, please cite them.
type: dataset
title: Forecasts of altcoin seasons
version: {version}
date-released: {day}
license: Apache-2.0
authors:
  - name: The altseason contributors
keywords: [probabilistic forecasting, hindcast, cryptocurrency, altcoin season]
"""


def archive(
    hindcast: pd.DataFrame, entries: Sequence[Entry], *, version: str, day: pd.Timestamp
) -> dict[str, str]:
    """Return the files of an archive, by their path in it."""
    made = hindcast.assign(question=Event.BEGINS, start=hindcast["as_of"] + DAY)
    recorded = [
        answers_table(entry.answers).assign(as_of=entry.as_of, model=entry.model.name)
        for entry in entries
        if entry.thresholds[Kind.BROAD] == OnsetDefinition().threshold
    ]
    tables = {"hindcast": made} | ({"ledger": pd.concat(recorded)} if recorded else {})
    files = {
        f"model-output/altseason-{model}/{name}.csv": _csv(hub_rows(rows))
        for name, table in tables.items()
        for model, rows in table.groupby("model")
    }
    keys = ["as_of", "kind", "question", "start", "end"]
    over = made[made["outcome"].notna()].drop_duplicates(keys)
    came = hub_rows(over.assign(probability=over["outcome"]))
    return {
        **files,
        OUTCOMES: _csv(came.rename(columns={"value": "oracle_value"})),
        "README.md": _README.format(version=version, outcomes=OUTCOMES),
        "CITATION.cff": _CITATION.format(version=version, day=f"{day:%Y-%m-%d}"),
    }


def hub_rows(answers: pd.DataFrame) -> pd.DataFrame:
    """Return answers as rows of a hub: two a probability, one a quantile; the first said counts."""
    rows = [row for answer in answers.to_dict("records") for row in _rows(answer)]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.drop_duplicates(list(COLUMNS[:-1]), ignore_index=True)


def _rows(answer: Mapping[Hashable, Any]) -> list[tuple[object, ...]]:
    as_of, start, end = (pd.Timestamp(answer[name]) for name in ("as_of", "start", "end"))
    later = f" from {start:%Y-%m-%d}" if start != as_of + DAY else ""
    target = f"{answer['kind']} season {answer['question']}{later}"
    key = (f"{as_of:%Y-%m-%d}", target, (end - as_of).days, f"{end:%Y-%m-%d}")
    quantiles = answer.get("quantiles")
    if isinstance(quantiles, Mapping):
        # A first onset beyond the window has no day.
        return [(*key, "quantile", level, days) for level, days in quantiles.items()
                if days is not None]  # fmt: skip
    chance = answer["probability"]
    # What has begun already is an observation, no forecast.
    if not isinstance(chance, float) or pd.isna(chance) or pd.notna(answer.get("began_on")):
        return []
    return [(*key, "pmf", "yes", chance), (*key, "pmf", "no", 1 - chance)]


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, float_format="%.9g", lineterminator="\n")
