"""Two models' hindcasts on the days that both have: the only fair way to set them side by side."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from models.verification.comparison import compare
from models.verification.hindcast import REFERENCE
from models.verification.summary import integrated, verify

_KEY = ["as_of", "kind", "horizon_days"]
FIRST, SECOND = "first", "second"
COLUMNS = (
    "kind", "horizon_days", "days", "episodes", "first_skill", "second_skill", "difference",
    "difference_low", "difference_high", "verdict",
)  # fmt: skip


class NotComparable(ValueError):
    """Two hindcasts have no day in common, or tell different outcomes of the same windows."""


def common_rows(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Return two models' forecasts of the same windows as one hindcast.

    Parameters
    ----------
    first, second : pandas.DataFrame
        Rows of one model each, from `models.verification.hindcast.hindcast`.

    Returns
    -------
    pandas.DataFrame
        Models `first`, `second` and `climatology`, which is what the first's
        training knew as the base rate. An outcome that one of them did not
        know yet is the other's.

    Raises
    ------
    NotComparable
        If no window is in both, or one has an onset in the one and none in the other.

    Examples
    --------
    >>> row = {"as_of": pd.Timestamp("2020-01-07"), "kind": "broad", "horizon_days": 30}
    >>> one = pd.DataFrame([{**row, "probability": 0.2, "climatology": 0.3, "outcome": 1.0}])
    >>> common_rows(one, one.assign(probability=0.4))["model"].tolist()
    ['first', 'second', 'climatology']
    """
    both = first.merge(second, on=_KEY, suffixes=("", "_second"))
    if both.empty:
        raise NotComparable("they have no day, kind and horizon in common.")
    known = both["outcome"].notna() & both["outcome_second"].notna()
    other = known & (both["outcome"] != both["outcome_second"])
    if other.any():
        row = both[other].iloc[0]
        raise NotComparable(
            f"they tell different outcomes of {int(other.sum())} of {int(known.sum())} windows, "
            f"first of the {row['horizon_days']} days after {row['as_of']:%Y-%m-%d}: they forecast "
            f"other events, or the data were revised."
        )
    outcome = both["outcome"].fillna(both["outcome_second"])
    common = both[[*_KEY, "climatology"]].assign(outcome=outcome)
    columns = {
        FIRST: both["probability"],
        SECOND: both["probability_second"],
        REFERENCE: both["climatology"],
    }
    return pd.concat(
        [common.assign(model=name, probability=values) for name, values in columns.items()],
        ignore_index=True,
    )


def paired_scores(
    first: pd.DataFrame,
    second: pd.DataFrame,
    onsets: Mapping[str, pd.DatetimeIndex],
    *,
    step_days: int,
) -> pd.DataFrame:
    """Score two models on their common rows, with the paired interval of their difference.

    Parameters
    ----------
    first, second
        As for `common_rows`, whose errors it raises.
    onsets, step_days
        As for `models.verification.summary.verify`.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`: a row per kind and horizon; `horizon_days` is missing
        where the scores are means over all horizons. Skills are Brier skills
        against climatology (higher is better); the difference is that of the
        Brier scores, first - second (negative where the first is better), with
        its 90 % interval by windows, and `verdict` on the first.
    """
    rows = common_rows(first, second)
    found = compare(rows, FIRST, [SECOND], onsets, step_days=step_days)
    skill = _skills(rows, onsets, step_days)
    table = found.rename(
        columns={f"brier_{name}": name for name in (*COLUMNS[6:9], "verdict")}
    ).merge(skill, on=["kind", "horizon_days"], how="left")
    return table[list(COLUMNS)]


def _skills(
    rows: pd.DataFrame, onsets: Mapping[str, pd.DatetimeIndex], step_days: int
) -> pd.DataFrame:
    """Return both skills by kind and horizon; those over all horizons have none."""
    whole = integrated(rows, onsets, step_days=step_days)
    # What has no horizon has none in the table of differences either.
    table = pd.concat([verify(rows, onsets, step_days=step_days), whole], ignore_index=True)
    table["horizon_days"] = table["horizon_days"].astype("Int64")
    key = ["kind", "horizon_days"]
    found = {
        name: table.loc[table["model"] == name, [*key, "brier_skill"]].rename(
            columns={"brier_skill": f"{name}_skill"}
        )
        for name in (FIRST, SECOND)
    }
    return found[FIRST].merge(found[SECOND], on=key)
