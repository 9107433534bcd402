"""Outcomes without prices: a file that says, day by day, whether the index stood at 50 and at 75.

Whoever has no prices for the days after a forecast can still judge it: the columns are `date`,
`at_50` and `at_75` (yes, no or open), and if it is known `sure_not_75_pct`, how sure a "no" at 75
is. What it does not decide stays open.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from features.market.season import PARTIAL_THRESHOLD
from features.panel import DAY, DataError
from models.season.definition import OnsetDefinition

THRESHOLDS = {"at_50": PARTIAL_THRESHOLD, "at_75": OnsetDefinition().threshold}
SURE = "sure_not_75_pct"
_ANSWERS = {"yes": True, "no": False, "open": None}


def read_outcomes(path: Path, *, today: pd.Timestamp | None = None) -> pd.DataFrame:
    """Return a file of outcomes: index `date`; `at_50`, `at_75` (boolean, NA if open), `sure`.

    `sure` is the probability that the index was below 75, NaN where the file does not give it.
    A day that is not over by the clock has no outcome, and is refused.

    Raises
    ------
    DataError
        If the file cannot be read, a column is missing, or a value breaks its rule.
    """
    try:
        raw = pd.read_csv(path, dtype=str, skipinitialspace=True)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a table of outcomes: {error}.") from error
    if missing := [name for name in ("date", *THRESHOLDS) if name not in raw]:
        raise DataError(
            f"{path}: the columns must be date, at_50, at_75 and {SURE}; missing: "
            f"{', '.join(missing)}."
        )
    if raw.empty:
        raise DataError(f"{path}: holds no day; give a row for every day that is judged.")
    days = pd.to_datetime(raw["date"], format="%Y-%m-%d", errors="coerce")
    _refuse(path, raw, "date", days.isna(), "must be a day, YYYY-MM-DD")
    _refuse(path, raw, "date", days.duplicated(), "must stand once")
    if today is not None:
        # Not strict: the running day is not over.
        _refuse(path, raw, "date", days >= today, f"must be over by {today:%Y-%m-%d}")
    table = pd.DataFrame(index=pd.DatetimeIndex(days, name="date").as_unit("s"))
    for name in THRESHOLDS:
        _refuse(path, raw, name, ~raw[name].isin(_ANSWERS), "must be yes, no or open")
        table[name] = raw[name].map(_ANSWERS).astype("boolean").to_numpy()
    contradicts = (table["at_75"].eq(True) & table["at_50"].eq(False)).fillna(value=False)
    _refuse(path, raw, "at_50", contradicts, "cannot be below 50 on a day at 75")
    given = raw.get(SURE, pd.Series(np.nan, raw.index))
    sure = pd.to_numeric(given, errors="coerce")
    # Written so that NaN, which is not between, is refused unless the cell was empty.
    _refuse(path, raw, SURE, given.notna() & ~sure.between(0, 100), "must lie in 0 to 100")
    return table.assign(sure=sure.to_numpy(dtype=float) / 100).sort_index()


def _refuse(path: Path, raw: pd.DataFrame, column: str, wrong: pd.Series, rule: str) -> None:
    if wrong.any():
        row = raw.iloc[int(wrong.to_numpy(dtype=bool).argmax())]
        raise DataError(f"{path}: {column} {rule}, got {row[column]} on {row['date']}.")


def standing(index: pd.Series, outcomes: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Return whether the index stood at a threshold on each day: columns `at` and `sure`.

    `at` is boolean, NA where open; `sure` is the probability of a "no", 1 on days with an index.
    Where there is an index it decides, after its last day the file does. A day below 50 is below
    75 too, and a day at 75 is at 50; between the two levels a threshold stays open.
    """
    after = outcomes[outcomes.index > index.index[-1]]
    at = pd.Series(pd.NA, after.index, dtype="boolean")
    for name, level in THRESHOLDS.items():
        # Not strict: a day at 75 is at the threshold 75, a day below 75 is below it.
        at = at.mask((after[name].eq(True) & (level >= threshold)).fillna(value=False), True)
        at = at.mask((after[name].eq(False) & (level <= threshold)).fillna(value=False), False)
    sure = after["sure"] if threshold >= THRESHOLDS["at_75"] else after["sure"] * np.nan
    computed = (index >= threshold).astype("boolean").mask(index.isna())
    joined = pd.DataFrame(
        {
            "at": pd.concat([computed, at]),
            "sure": pd.concat([pd.Series(1.0, index.index), sure]),
        }
    )
    return joined.reindex(pd.date_range(joined.index[0], joined.index[-1], unit="s"))


def judged_by(outcomes: pd.DataFrame, path: Path, last_day: pd.Timestamp) -> str:
    """Return which days a file judges, and how sure it is of a "no" at 75, as a sentence."""
    after = outcomes.loc[last_day + DAY :]
    sure = 100 * after["sure"].dropna()
    least, most = (f"{sure.min():.0f}", f"{sure.max():.0f}") if len(sure) else ("", "")
    how = (
        f'; a "no" at 75 is {least} to {most} % sure on a day, less over a window' if least else ""
    )
    return (
        f"days after {last_day:%Y-%m-%d} are judged by {path}, to {outcomes.index[-1]:%Y-%m-%d}, "
        f"as far as they are not open{how}."
    )


def continued(
    index: pd.Series, outcomes: pd.DataFrame, thresholds: Iterable[float]
) -> tuple[pd.Series, dict[float, pd.DatetimeIndex]]:
    """Return an index continued by a file, and by threshold the days that stay open.

    A day of the file stands at the highest of 75, 50 and 0 that it is known to have reached.
    """
    after = outcomes[outcomes.index > index.index[-1]]
    level = pd.Series(0.0, after.index)
    for name, reached in THRESHOLDS.items():
        level = level.mask(after[name].eq(True).fillna(value=False).to_numpy(dtype=bool), reached)
    days = {each: standing(index, outcomes, each)["at"] for each in thresholds}
    unknown = {
        each: at.index[at.isna() & (at.index > index.index[-1])] for each, at in days.items()
    }
    whole = pd.concat([index, level])
    filled = whole.reindex(pd.date_range(whole.index[0], whole.index[-1], unit="s", name="date"))
    return filled.where(filled.notna() | (filled.index <= index.index[-1]), 0.0), unknown


def window_outcomes(windows: pd.DataFrame, days: pd.DataFrame, *, quiet_days: int) -> pd.DataFrame:
    """Judge the windows (`as_of`, `window_end`] of forecasts by `days` from `standing`.

    Columns, row by row as in `windows`: `outcome` is 1.0 if an onset came, 0.0 if not, NaN while
    any deciding day is open (the window's, the as_of day and the quiet days before it) or where the
    as_of day turns out not to have been at risk. `sure_at_least` and `sure_at_most` hold how sure a
    0.0 is as a whole: the product of its days, as if they erred apart, and its least sure day, as
    if they erred together. Neighbouring days share what decides them, so it lies between.
    """
    judged = np.full((len(windows), 3), np.nan)
    ends = zip(windows["as_of"], windows["window_end"], strict=True)
    for row, (as_of, window_end) in enumerate(ends):
        # The as_of day counts among the quiet days; the window begins on the day after it.
        before = days["at"].reindex(pd.date_range(as_of - quiet_days * DAY, as_of, unit="s"))
        inside = days.reindex(pd.date_range(as_of + DAY, window_end, unit="s"))
        if before.isna().any() or inside["at"].isna().any() or before.any():
            continue
        came = bool(inside["at"].any())
        sure = inside["sure"].to_numpy()
        judged[row] = (came, *((np.nan, np.nan) if came else (sure.prod(), sure.min())))
    return pd.DataFrame(judged, windows.index, ["outcome", "sure_at_least", "sure_at_most"])
