"""Append later days to the tables of a directory, checked together, all or none written."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from features.panel import DataError, MarketPanel
from features.reference.revision import revisions
from features.sources.append.merging import KEYS, Merge, merged
from features.sources.append.raw_tables import read_raw, write_raw
from features.sources.files import (
    ENDINGS,
    TABLES,
    check_unique,
    load_files,
    read_checked,
    table_path,
)
from features.storage.atomic import locked, staged, to_disk


class Contradiction(DataError):
    """The days to append say otherwise than those already there.

    Parameters
    ----------
    message : str
        How many rows, and the way out.
    rows : pandas.DataFrame
        Every one of them: columns `table`, `name` (series or coin), `date`,
        `column`, `old` and `new` (missing where there is none).
    """

    def __init__(self, message: str, rows: pd.DataFrame) -> None:
        super().__init__(message)
        self.rows = rows


@dataclass(frozen=True)
class Appended:
    """What became of the days that were to be appended.

    Parameters
    ----------
    merges : mapping of str to Merge
        By table, of those that were given.
    panel : MarketPanel
        The market afterwards, without simulated series.
    revised : pandas.DataFrame
        Rows that were replaced, as in `Contradiction`.
    revisions : pandas.DataFrame
        Old values of the panel that are others now, as from
        `features.reference.revision.revisions`.
    old_last_day : pandas.Timestamp
        Last day of the panel before.
    report : pathlib.Path or None
        Where `revised` was written.
    """

    merges: Mapping[str, Merge]
    panel: MarketPanel
    revised: pd.DataFrame
    revisions: pd.DataFrame
    old_last_day: pd.Timestamp
    report: Path | None


def append(
    directory: Path,
    later: Path,
    *,
    until: pd.Timestamp | None = None,
    replace: bool = False,
    dry_run: bool = False,
) -> Appended:
    """Append later days to the tables of a directory.

    A row that is there already must be the same to the bit. A row of a day that
    is over is a contradiction too, as it would change what was said of that day:
    over are, of a series, the days to its last one; of coins and universe the
    days to the last one of the coins, and every snapshot that is there. The
    tables are checked together, as they will be read, before one is written.

    Parameters
    ----------
    directory : pathlib.Path
        As for `features.sources.files.load_files`; its tables keep their form.
    later : pathlib.Path
        Holds one or more of the same three tables, as Parquet or CSV.
    until : pandas.Timestamp, optional
        Last day a row may carry (today).
    replace : bool
        Replace rows that are contradicted, a snapshot of the universe as a whole, and
        list them in a file `revisions-<number>.csv` of the directory.
    dry_run : bool
        Read, check and compare, but write nothing.

    Returns
    -------
    Appended
        What was added and replaced. The old days of the panel are the same to
        the bit unless `revisions` names them.

    Raises
    ------
    Contradiction
        If rows contradict those that are there, and are not to be replaced.
    DataError
        If a table is missing, unreadable or breaks a rule.
    OSError
        If a file cannot be written. A process that is killed while it moves the files into
        place leaves whole tables, some of them old: run it again.
    """
    held = contextlib.nullcontext() if dry_run else locked(directory / "tables")
    with held, tempfile.TemporaryDirectory(prefix="altseason-") as place:
        union = Path(place)
        before = load_files(directory)
        merges = merged(directory, later, {name: _given(later, name) for name in _named(later)})
        revised = pd.concat([merge.revised for merge in merges.values()], ignore_index=True)
        if len(revised) and not replace:
            raise Contradiction(
                f"{len(revised)} values of {later} contradict those of {directory}; nothing was "
                f"written. --replace if {later} is right.", revised,
            )  # fmt: skip
        panel = _checked_union(directory, later, union, merges, until)
        changed = _of_old_days(before, revisions(before, panel))
        if len(changed) and not replace:
            raise Contradiction(
                f"with {later} the panel of {directory} would change on old days; nothing was "
                "written. --replace if that is right.",
                changed.assign(table="panel", column="value").rename(columns={"series": "name"}),
            )
        report = None if dry_run else _write(directory, union, merges, revised)
    return Appended(merges, panel, revised, changed, before.last_day, report)


def _named(later: Path) -> list[str]:
    """Return the tables that a directory holds."""
    files = {path.name for path in later.iterdir()}
    there = [name for name in TABLES if files & {f"{name}.{ending}" for ending in ENDINGS}]
    if not there:
        raise DataError(f"{later}: holds none of series, coins, universe as .parquet or .csv.")
    return there


def _given(later: Path, name: str) -> pd.DataFrame:
    """Read a table of later days, with the columns that the program does not use."""
    rows = read_checked(later, name)
    check_unique(rows, list(reversed(KEYS[name])), later / name)
    raw = read_raw(table_path(later, name)).to_pandas(ignore_metadata=True)
    others = raw[[column for column in raw if column not in rows]]
    return pd.concat([rows.reset_index(drop=True), others], axis=1)


def _checked_union(
    directory: Path,
    later: Path,
    union: Path,
    merges: Mapping[str, Merge],
    until: pd.Timestamp | None,
) -> MarketPanel:
    """Write the tables as they will be to a place aside, and read them there."""
    for name in TABLES:
        path = table_path(directory, name)
        if name in merges:
            write_raw(merges[name].table, union / path.name)
        else:
            (union / path.name).symlink_to(path.resolve())
    try:
        return load_files(union, until=until)
    except DataError as error:
        message = str(error).replace(f"files:{union}", f"{union}")
        raise DataError(message.replace(f"{union}", f"{directory} + {later}")) from error


def _of_old_days(before: MarketPanel, changed: pd.DataFrame) -> pd.DataFrame:
    """Keep the revisions of days to each series' own last one: what comes after it is news."""
    last = pd.Series({name: before.series(name).index[-1] for name in before.names})
    return changed[changed["date"] <= changed["series"].map(last)]


def _write(
    directory: Path, union: Path, merges: Mapping[str, Merge], revised: pd.DataFrame
) -> Path | None:
    """Put the tables into place, none before all are on the disk."""
    report = _next_report(directory) if len(revised) else None
    with contextlib.ExitStack() as all_or_none:
        # The first one is moved last: while the coins are old no new day is over, so that a run
        # that was killed in between can be done again.
        for name in ("coins", "universe", "series"):
            if name not in merges or not merges[name].changes:
                continue
            path = table_path(directory, name)
            beside = all_or_none.enter_context(staged(path))
            shutil.copyfile(union / path.name, beside)
            shutil.copymode(path, beside)
            to_disk(beside)
        if report is not None:
            beside = all_or_none.enter_context(staged(report))
            revised.to_csv(beside, index=False, lineterminator="\n")
    return report


def _next_report(directory: Path) -> Path:
    number = 1
    while (path := directory / f"revisions-{number}.csv").exists():
        number += 1
    return path
