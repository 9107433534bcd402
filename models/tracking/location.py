"""Where a store's artifacts lie: beside its database, wherever both have been moved together.

MLflow writes the whole path of every artifact into the database, so that a folder that was moved or
copied would go on naming the old place: its artifacts would not be found, or be those of another
store. Readers look beside the database first; writers bring the paths in it up to date.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

FOLDER = "mlartifacts"
# Every column that holds such a path. Of these, new runs are placed below the experiment's.
_EXPERIMENTS = ("experiments", "artifact_location")
_COLUMNS = (
    _EXPERIMENTS,
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)
_PATIENCE_SECONDS = 60.0


def artifact_folder(database: Path) -> Path:
    """Return where the artifacts of a database lie, there or not."""
    return database.resolve().parent / FOLDER


def beside(database: Path, stored: str) -> Path | None:
    """Return where artifacts lie beside a database that were stored under a path.

    Parameters
    ----------
    database : pathlib.Path
        The database as it lies now.
    stored : str
        URI or path that MLflow wrote when the artifacts were made.

    Returns
    -------
    pathlib.Path or None
        None if the path is none of this program's, or there is nothing beside the database.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     (Path(folder) / "mlartifacts" / "a1").mkdir(parents=True)
    ...     found = beside(Path(folder) / "mlflow.db", "file:///old/mlartifacts/a1")
    ...     found.relative_to(Path(folder).resolve()).as_posix()
    'mlartifacts/a1'
    >>> beside(Path("mlflow.db"), "s3://bucket/mlartifacts/a1") is None
    True
    """
    below = _below(stored)
    if below is None or ".." in below.parts:
        return None
    place = artifact_folder(database) / below
    return place if place.exists() else None


def relocate(database: Path) -> int:
    """Bring the paths in a database up to date after it was moved or copied.

    What does not lie beside it keeps its path: a database may have been copied
    alone. New trainings of an experiment of this program always go beside it.

    Parameters
    ----------
    database : pathlib.Path
        An SQLite database of MLflow; one that is not there or of another schema is left alone.

    Returns
    -------
    int
        How many paths were changed.

    Raises
    ------
    sqlite3.Error
        If it cannot be read or written.
    """
    if not database.is_file():
        return 0
    changed = 0
    with closing(sqlite3.connect(database, timeout=_PATIENCE_SECONDS)) as held, held:
        for table, column in _COLUMNS:
            if all(column != row[1] for row in held.execute(f"PRAGMA table_info({table})")):
                continue
            for (stored,) in held.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall():
                place = _place(database, stored, new_runs=(table, column) == _EXPERIMENTS)
                if place is None or place == stored:
                    continue
                changed += held.execute(
                    f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (place, stored)
                ).rowcount
    return changed


def _place(database: Path, stored: object, *, new_runs: bool) -> str | None:
    if not isinstance(stored, str):
        return None
    if new_runs:
        return artifact_folder(database).as_uri() if _below(stored) == Path() else None
    place = beside(database, stored)
    return None if place is None else place.as_uri()


def _below(stored: str) -> Path | None:
    """Return what follows `mlartifacts` in a path of this machine, None if it is none of these."""
    parts = urlsplit(stored)
    if parts.scheme not in ("", "file") or parts.netloc:
        return None
    path = Path(url2pathname(parts.path) if parts.scheme else stored).parts
    if FOLDER not in path:
        return None
    # The last one: a folder above may be called the same.
    last = len(path) - 1 - path[::-1].index(FOLDER)
    return Path(*path[last + 1 :])
