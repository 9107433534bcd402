"""The store of fund figures: one Parquet file in the user's data directory.

What was imported cannot be fetched again, so nothing is lost: writers take turns under a lock, and
a file that is not what was written is set aside, never read and never deleted.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from errno import EIO
from pathlib import Path

import numpy as np
import pandas as pd

from features.catalogue.features import FUND_START
from features.panel import DataError
from features.plausibility.book import UNITS
from features.plausibility.limits import FLOW_TIMES, LARGEST_FLOW
from features.storage.atomic import locked
from features.storage.parquet import DamagedFile, read_table, set_aside, write_table

FILE = "etf_flows.parquet"
YAHOO = "yahoo"
COLUMNS = ("series", "date", "value", "origin", "final")
SCHEMA = 3
_SAME = 1e-6

# From, to (both excluded): what no figure of these funds can reach, but a mistaken unit does. For
# flows ten times the largest day so far, as in the rule book.
LIMITS = {
    "iwm_shares_outstanding": (0.0, 1e11),
    "iwm_nav": (0.0, 1e6),
    **{name: (-FLOW_TIMES * day, FLOW_TIMES * day) for name, day in LARGEST_FLOW.items()},
}
_EARLIEST = pd.Timestamp("1990-01-01")
# The greatest changes from one session to the next since 2008 are 18 % (shares) and 14 % (NAV).
_MAX_JUMP = 0.30
_JUMP_DAYS = 10


def rows_of(
    series: str, values: pd.Series, origin: str, provisional: Sequence[pd.Timestamp] = ()
) -> pd.DataFrame:
    """Return one series as rows of the store; the `provisional` days among them are not final."""
    days = pd.DatetimeIndex(values.index).as_unit("s")
    return pd.DataFrame(
        {
            "series": series,
            "date": days,
            "value": values.to_numpy(dtype=np.float64),
            "origin": " ".join(origin.encode("utf-8", "replace").decode().split()),
            "final": ~days.isin(list(provisional)),
        }
    )


def read(directory: Path) -> pd.DataFrame:
    """Return all rows of the store, by series and date; an absent store has no rows.

    A damaged store is set aside with a warning and counts as absent.
    """
    path = directory / FILE
    try:
        return _held(path)
    except DamagedFile:
        with locked(path):
            return _held_or_set_aside(path)


def add(
    directory: Path, rows: pd.DataFrame, *, replace: bool = False, dry_run: bool = False
) -> pd.DataFrame:
    """Merge rows into the store; return them with what they `became`, and what was `stored`.

    A day held with the same value (to six digits) is left as it is. A file's figure replaces one
    recorded from Yahoo; Yahoo's never replaces any. A provisional figure is replaced by any later
    one and replaces no final one. Any other difference is a contradiction, unless `replace`.
    """
    _check(rows)
    if dry_run:
        return _merged(read(directory), rows, replace=replace)[1]
    path = directory / FILE
    with locked(path):
        table, merged = _merged(_held_or_set_aside(path), rows, replace=replace)
        if merged["became"].isin(["added", "replaced"]).any():
            write_table(path, table, {"schema": SCHEMA})
    return merged


def digest(table: pd.DataFrame) -> str:
    """Return the SHA-256 of the store's rows."""
    lines = (
        f"{series},{day:%Y-%m-%d},{value!r},{origin}{'' if final else ',provisional'}\n"
        for series, day, value, origin, final in table[list(COLUMNS)].itertuples(index=False)
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _empty() -> pd.DataFrame:
    return rows_of("", pd.Series(np.empty(0), pd.DatetimeIndex([], dtype="datetime64[s]")), "")


def _held(path: Path) -> pd.DataFrame:
    """Return the rows; DamagedFile if they are not what was written."""
    try:
        rows, note = read_table(path)
    except FileNotFoundError:
        return _empty()
    if note.get("schema") != SCHEMA or tuple(rows) != COLUMNS:
        raise DamagedFile(f"its schema is not {SCHEMA}")
    return rows


def _held_or_set_aside(path: Path) -> pd.DataFrame:
    try:
        return _held(path)
    except DamagedFile:
        aside = set_aside(path)
    if path.exists():
        raise OSError(EIO, f"is damaged and cannot be set aside as {aside.name}", str(path))
    warnings.warn(
        f"{path} was damaged and is set aside as {aside.name}; import the fund files again.",
        stacklevel=4,
    )
    return _empty()


def _merged(
    stored: pd.DataFrame, rows: pd.DataFrame, *, replace: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return all rows of the store afterwards, and the new ones with what they became."""
    before = stored.rename(
        columns={"value": "stored", "origin": "stored_origin", "final": "stored_final"}
    )
    both = rows.merge(before, on=["series", "date"], how="left")
    stored_final = both["stored_final"].eq(True)
    close = np.isclose(both["value"], both["stored"], rtol=_SAME, atol=0)
    # A provisional figure that turns out right is final from then on: that is a change, too.
    same = close & (stored_final | ~both["final"])
    # A final figure stays against a provisional one, even with --replace.
    kept = ((both["origin"] == YAHOO) & (not replace)) | (stored_final & ~both["final"])
    became = np.select([both["stored"].isna(), same, kept], ["added", "same", "kept"], "replaced")
    both["became"] = became
    contradiction = both[(became == "replaced") & stored_final & (both["stored_origin"] != YAHOO)]
    if len(contradiction) and not replace:
        row, others = contradiction.iloc[0], len(contradiction) - 1
        raise DataError(
            f"{row['series']} on {row['date']:%Y-%m-%d}: {row['origin']} says {row['value']:.10g}, "
            f"the store holds {row['stored']:.10g} from {row['stored_origin']}"
            f"{f', and {others} more' if others else ''}. Nothing was written; --replace if "
            f"{row['origin']} is right."
        )
    fresh = both.loc[np.isin(became, ["added", "replaced"]), list(COLUMNS)]
    table = pd.concat([stored, fresh]) if len(stored) else fresh
    key = ["series", "date"]
    table = table.drop_duplicates(key, keep="last").sort_values(key, ignore_index=True)
    _check_jumps(table, fresh)
    return table, both


# --- what kept figures can be --------------------------------------------------------------------


def _check(rows: pd.DataFrame) -> None:
    """Refuse values outside their limits; the first is named by series, day and value."""
    for name, (low, high) in LIMITS.items():
        held = rows[rows["series"] == name]
        bad = held[~((held["value"] > low) & (held["value"] < high)) | (held["date"] < _EARLIEST)]
        if len(bad):
            row = bad.iloc[0]
            raise DataError(
                f"{row['origin']}: {name} on {row['date']:%Y-%m-%d}: must be between {low:g} and "
                f"{high:g}, on a day from {_EARLIEST:%Y} on, got {row['value']:g}: another unit? "
                f"{UNITS}."
            )


def _check_jumps(table: pd.DataFrame, fresh: pd.DataFrame) -> None:
    """Refuse fund figures of a table that change like in a split, where fresh rows are involved."""
    for name in ("iwm_shares_outstanding", "iwm_nav"):
        held = table[(table["series"] == name) & (table["date"] >= FUND_START)]
        near = held["date"].diff() <= pd.Timedelta(days=_JUMP_DAYS)
        change = held["value"].pct_change()
        new = held["date"].isin(fresh.loc[fresh["series"] == name, "date"])
        bad = held[near & (change.abs() > _MAX_JUMP) & (new | new.shift(fill_value=False))]
        if len(bad):
            row = bad.iloc[0]
            raise DataError(
                f"{name} on {row['date']:%Y-%m-%d}: changes by {100 * change[bad.index[0]]:+.0f} % "
                f"within {_JUMP_DAYS} days, from {held['value'].shift()[bad.index[0]]:.10g} to "
                f"{row['value']:.10g} ({row['origin']}); at most {100 * _MAX_JUMP:.0f} % is a "
                "flow. After a split, import the fund's whole restated history with --replace."
            )
