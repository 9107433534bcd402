"""Rows to append against those that are there: new, the same, or contradicting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from features.panel import DataError
from features.sources.append.raw_tables import in_form_of, read_raw
from features.sources.columns import checked, identified
from features.sources.files import TABLES, read_checked, table_path

# What names a row: whose it is, and its day.
KEYS: Mapping[str, list[str]] = {
    "series": ["series", "date"],
    "coins": ["coin", "date"],
    "universe": ["coin", "snapshot_date"],
}
REVISED = ("table", "name", "date", "column", "old", "new")


@dataclass(frozen=True)
class Merge:
    """What becomes of one table.

    Parameters
    ----------
    table : pyarrow.Table
        All rows afterwards, in the form of the table's file.
    added, same, replaced, removed : int
        Rows of days that are new; that are there and equal to the bit; whose
        values were others; of a replaced snapshot that the new one lacks.
    revised : pandas.DataFrame
        Columns `REVISED`: each value that is another one than before.
    """

    table: pa.Table
    added: int
    same: int
    replaced: int
    removed: int
    revised: pd.DataFrame

    @property
    def changes(self) -> bool:
        """Whether the table is another one than before."""
        return bool(self.added or self.replaced or self.removed)


def merged(directory: Path, later: Path, given: Mapping[str, pd.DataFrame]) -> dict[str, Merge]:
    """Compare the rows to append with those of a directory; what `Merge` says of each table.

    Parameters
    ----------
    directory, later : pathlib.Path
        Where the rows are that are there, and those to append.
    given : mapping of str to pandas.DataFrame
        The rows to append by table, one a name and day.

    Raises
    ------
    DataError
        If a table cannot be read or cannot hold the rows.
    """
    over = read_checked(directory, "coins")["date"].max()
    return {name: _merge(directory, name, rows, over) for name, rows in given.items()}


def _merge(directory: Path, name: str, given: pd.DataFrame, over: pd.Timestamp) -> Merge:
    kinds, key, path = TABLES[name], KEYS[name], table_path(directory, name)
    raw, held = read_raw(path), read_checked(directory, name).reset_index(drop=True)
    if absent := [column for column in kinds if column not in raw.column_names]:
        raise DataError(
            f"{path}: rows can only be added to a table in the plain form: commas, a decimal "
            f"point, columns called {', '.join(kinds)}; {', '.join(absent)} is written otherwise. "
            "Write the table once in that form."
        )
    fresh = in_form_of(raw, given, kinds, path)
    rows = _as_read(fresh, kinds, path)
    both = rows.reset_index().merge(held.reset_index(), on=key, how="left", suffixes=("", "_held"))
    there = both["index_held"].notna()
    values = [column for column in kinds if column not in key]
    other = pd.DataFrame(
        {column: there & ~_equal(both[column], both[f"{column}_held"]) for column in values}
    )
    differs, late = other.any(axis=1), ~there & _is_over(name, both, held, over)
    gone = np.zeros(len(held), bool)
    if name == "universe":
        gone = _lacking(rows, held, both.loc[differs | late, "snapshot_date"])
    stale = gone.copy()
    stale[both.loc[differs, "index_held"].to_numpy(dtype=int)] = True
    taken = both.loc[~there | differs, "index"].to_numpy()
    table = pa.concat_tables([raw.filter(pa.array(~stale)), fresh.take(pa.array(taken))])
    revised = [_revised(name, both[other[column] | late], column) for column in values]
    revised += [_revised(name, _without_new(held[gone], column), column) for column in values]
    return Merge(
        table, int((~there).sum()), int((there & ~differs).sum()), int(differs.sum()),
        int(gone.sum()), pd.concat(revised, ignore_index=True),
    )  # fmt: skip


def _lacking(rows: pd.DataFrame, held: pd.DataFrame, days: pd.Series) -> np.ndarray:
    """Tell which rows of replaced snapshots the new ones lack.

    Ranks are of a whole day: a coin that has left the new snapshot must not stay in the old one.
    """
    new, old = (pd.MultiIndex.from_frame(table[KEYS["universe"]]) for table in (rows, held))
    return held["snapshot_date"].isin(days.unique()).to_numpy() & ~old.isin(new)


def _as_read(table: pa.Table, kinds: Mapping[str, str], path: Path) -> pd.DataFrame:
    """Return rows as they will be read from the file."""
    cells = table.to_pandas()
    if path.suffix != ".parquet":
        for column, kind in kinds.items():
            if kind == "number":
                known = cells[column].where(cells[column] != "")
                cells[column] = pd.to_numeric(known).astype(np.float64)
    read = {c: checked(cells[c], kind, f"{path}: {c}") for c, kind in kinds.items()}
    return pd.DataFrame(
        {c: identified(read[c]) if kind == "text" else read[c] for c, kind in kinds.items()}
    )


def _equal(one: pd.Series, other: pd.Series) -> pd.Series:
    return (one == other) | (one.isna() & other.isna())


def _is_over(name: str, rows: pd.DataFrame, held: pd.DataFrame, over: pd.Timestamp) -> pd.Series:
    """Tell which rows are of days of which something was said already; `over` is among them."""
    if name == "series":
        # One that ended before others did goes on from its own last day; a new one has none.
        return rows["date"] <= rows["series"].map(held.groupby("series")["date"].max())
    if name == "coins":
        # One coin's late price changes the index of that day: the last day of all coins counts.
        return rows["date"] <= over
    known = rows["snapshot_date"].isin(held["snapshot_date"].unique())
    return (rows["snapshot_date"] <= over) | known


def _without_new(held: pd.DataFrame, column: str) -> pd.DataFrame:
    return held.rename(columns={column: f"{column}_held"}).assign(**{column: np.nan})


def _revised(name: str, rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return values that are others than before, one row each."""
    label, day = KEYS[name]
    columns = [rows[label], rows[day], rows[f"{column}_held"], rows[column]]
    table = pd.concat(columns, axis=1, keys=["name", "date", "old", "new"])
    table = table.assign(table=name, column=column)[list(REVISED)]
    return table[table["old"].notna() | table["new"].notna()]
