"""The store of fund figures: one Parquet file in the user's data directory.

What was imported cannot be fetched again, so nothing is lost: writers take turns behind a lock,
and a file that is not what was written is set aside, never read and never deleted.
"""

from __future__ import annotations

import contextlib
import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from features.panel import DataError
from features.sources.etf_flows.checks import check, check_jumps
from features.storage.atomic import locked
from features.storage.parquet import DamagedFile, read_table, set_aside, write_table

FILE = "etf_flows.parquet"
YAHOO = "yahoo"
COLUMNS = ("series", "date", "value", "origin", "final")
SCHEMA = 3
# All figures of the second schema were final.
_SECOND, _SECOND_COLUMNS = 2, COLUMNS[:-1]

# Where the first schema kept its digest.
_FORMER_DIGEST = b"altseason.flows.digest"
_SAME = 1e-6


class StoreError(DataError):
    """The store cannot be read or written."""


@dataclass(frozen=True)
class Merge:
    """What became of new rows.

    Parameters
    ----------
    table : pandas.DataFrame
        All rows of the store afterwards.
    added, same, replaced, kept : pandas.DataFrame
        Days that are new; that were there with the same value; whose value
        was replaced; whose stored value was kept against Yahoo's or a
        provisional one. The last two carry the stored value and origin as
        `stored` and `stored_origin`.
    """

    table: pd.DataFrame
    added: pd.DataFrame
    same: pd.DataFrame
    replaced: pd.DataFrame
    kept: pd.DataFrame


def rows_of(
    series: str, values: pd.Series, origin: str, provisional: pd.DatetimeIndex | None = None
) -> pd.DataFrame:
    """Return one series as rows of the store; the `provisional` days among them are not final."""
    days = pd.DatetimeIndex(values.index).as_unit("s")
    open_days = days[:0] if provisional is None else provisional
    return pd.DataFrame(
        {
            "series": series,
            "date": days,
            "value": values.to_numpy(dtype=np.float64),
            "origin": " ".join(origin.encode("utf-8", "replace").decode().split()),
            "final": ~days.isin(open_days),
        }
    )


def read(directory: Path) -> pd.DataFrame:
    """Return all rows of the store, by series and date; none if there is no store.

    A damaged store is set aside with a warning and counts as none.

    Raises
    ------
    StoreError
        If the file is there but cannot be read or set aside.
    """
    path = directory / FILE
    try:
        return _held(path)
    except DamagedFile:
        with _locked(directory):
            return _held_or_set_aside(path)


def add(
    directory: Path, rows: pd.DataFrame, *, replace: bool = False, dry_run: bool = False
) -> Merge:
    """Merge rows into the store.

    A day that is there with the same value (to six digits) is left as it is.
    A file's figure replaces one recorded from Yahoo; Yahoo's never replaces
    any. A provisional figure is replaced by any later one and replaces no final
    one. Any other difference is a contradiction.

    Parameters
    ----------
    directory : pathlib.Path
        Where the store is; made if absent.
    rows : pandas.DataFrame
        From `rows_of`; one row a series and day.
    replace : bool
        Replace stored values that the rows contradict.
    dry_run : bool
        Write nothing.

    Raises
    ------
    DataError
        If a value breaks a rule, jumps like a split or contradicts the store.
    StoreError
        If the store cannot be read or written.
    """
    check(rows)
    if dry_run:
        return _merged(read(directory), rows, replace=replace)
    with _locked(directory):
        path = directory / FILE
        merge = _merged(_held_or_set_aside(path), rows, replace=replace)
        if len(merge.added) or len(merge.replaced):
            _write(merge.table, path)
    return merge


def digest(table: pd.DataFrame) -> str:
    """Return the SHA-256 of the store's rows."""
    # A final figure's line is that of the earlier schemas, so that its digest stays.
    lines = (
        f"{series},{day:%Y-%m-%d},{value!r},{origin}{'' if final else ',provisional'}\n"
        for series, day, value, origin, final in table[list(COLUMNS)].itertuples(index=False)
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def empty() -> pd.DataFrame:
    """Return a store without rows."""
    days = pd.DatetimeIndex([], dtype="datetime64[s]")
    return rows_of("", pd.Series(np.empty(0), days), "")


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the store against other processes; what fails meanwhile is an error of the store."""
    try:
        with locked(directory / FILE):
            yield
    except (OSError, NotImplementedError) as error:
        raise StoreError(f"{directory / FILE}: cannot be written: {error}") from error


def _held(path: Path) -> pd.DataFrame:
    """Return the rows, none if there is no store; DamagedFile if they are not what was written."""
    try:
        rows, note = read_table(path)
    except FileNotFoundError:
        return empty()
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error
    except DamagedFile:
        former = _former(path)
        if former is None:
            raise
        return former
    if note.get("schema") == _SECOND and tuple(rows) == _SECOND_COLUMNS:
        return rows.assign(final=True)
    if note.get("schema") != SCHEMA or tuple(rows) != COLUMNS:
        raise DamagedFile(f"its schema is not {SCHEMA}")
    return rows


def _former(path: Path) -> pd.DataFrame | None:
    """Return the rows of a store of the first schema; None if it is none, or damaged."""
    try:
        stored = pq.read_table(path)
        rows = stored.to_pandas()[list(_SECOND_COLUMNS)].assign(final=True)
        rows["date"] = rows["date"].dt.as_unit("s")
        promised = (stored.schema.metadata or {})[_FORMER_DIGEST].decode()
        whole = digest(rows) == promised
    # Damaged Parquet ends in nearly any exception: whichever, it is not trusted.
    except Exception:
        return None
    return rows if whole else None


def _held_or_set_aside(path: Path) -> pd.DataFrame:
    try:
        return _held(path)
    except DamagedFile:
        aside = set_aside(path)
    if path.exists():
        raise StoreError(f"{path}: is damaged and cannot be set aside as {aside.name}.")
    warnings.warn(
        f"{path} was damaged and is set aside as {aside.name}; import the fund files again.",
        stacklevel=4,
    )
    return empty()


def _write(table: pd.DataFrame, path: Path) -> None:
    if path.exists() and (_former(path) is not None or _schema(path) == _SECOND):
        warnings.warn(
            f"{path} is now kept in a new form (schema {SCHEMA}) with the same figures; "
            "earlier versions of this program cannot read it.",
            stacklevel=4,
        )
    write_table(path, table, {"schema": SCHEMA})


def _schema(path: Path) -> object:
    try:
        return read_table(path)[1].get("schema")
    except (OSError, DamagedFile):
        return None


def _merged(stored: pd.DataFrame, rows: pd.DataFrame, *, replace: bool) -> Merge:
    before = stored.rename(
        columns={"value": "stored", "origin": "stored_origin", "final": "stored_final"}
    )
    both = rows.merge(before, on=["series", "date"], how="left")
    known = both["stored"].notna()
    stored_final = both["stored_final"].eq(True)
    close = np.isclose(both["value"], both["stored"], rtol=_SAME, atol=0)
    # A provisional figure that turns out right is final from then on: that is a change, too.
    same = known & close & (stored_final | ~both["final"])
    other = known & ~same
    # What is final stays against what is provisional, even with --replace.
    kept = other & (((both["origin"] == YAHOO) & (not replace)) | (stored_final & ~both["final"]))
    replaced = other & ~kept
    contradiction = both[replaced & stored_final & (both["stored_origin"] != YAHOO)]
    if len(contradiction) and not replace:
        raise DataError(_contradiction(contradiction))
    fresh = both[~known | replaced]
    key = ["series", "date"]
    old = stored.merge(fresh[key], on=key, how="left", indicator=True)
    left = old[old["_merge"] == "left_only"][list(COLUMNS)]
    table = pd.concat([left, fresh[list(COLUMNS)]]) if len(left) else fresh[list(COLUMNS)]
    table = table.sort_values(key, ignore_index=True)
    check_jumps(table, fresh)
    return Merge(table, both[~known], both[same], both[replaced], both[kept])


def _contradiction(rows: pd.DataFrame) -> str:
    row = rows.iloc[0]
    more = f", and {len(rows) - 1} more" if len(rows) > 1 else ""
    return (
        f"{row['series']} on {row['date']:%Y-%m-%d}: {row['origin']} says {row['value']:.10g}, "
        f"the store holds {row['stored']:.10g} from {row['stored_origin']}{more}. "
        f"Nothing was written; --replace if {row['origin']} is right."
    )
