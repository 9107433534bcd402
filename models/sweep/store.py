"""Results kept one by one, by what they depend on: a killed sweep goes on where it was."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from models.errors import SweepError
from models.sweep.identity import identity_digest
from models.sweep.material import Material
from models.sweep.result import Result
from models.sweep.specification import Specification

# Another sweep may be writing to the same file; a row takes milliseconds.
_PATIENCE_SECONDS = 60.0
_TABLE = """
CREATE TABLE IF NOT EXISTS results (
    key TEXT PRIMARY KEY,
    candidate TEXT NOT NULL,
    seconds REAL NOT NULL,
    content BLOB NOT NULL
)
"""


def key_of(material: Material, specification: Specification, horizons: tuple[int, ...]) -> str:
    """Return what a result depends on as one SHA-256: data, choices, horizons, code."""
    content = {
        "data": material.own[specification.index].digest,
        "specification": specification.as_dict(),
        "horizons": list(horizons),
        "code": identity_digest(),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class Store:
    """A file of results, an SQLite database.

    Every result is a transaction of its own: it is in the file whole or not at
    all, whenever the process or the machine dies. Only the client of a sweep
    opens it, its workers never.

    Parameters
    ----------
    path : pathlib.Path
        Made if absent.

    Raises
    ------
    SweepError
        If it cannot be opened or written, or is no such file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._connection() as connection:
            connection.execute(_TABLE)

    def results(self, keys: Iterable[str]) -> dict[str, Result]:
        """Return the results that are there, by key; a damaged one counts as missing."""
        found = {}
        with self._connection() as connection:
            for key in keys:
                row = connection.execute(
                    "SELECT content FROM results WHERE key = ?", (key,)
                ).fetchone()
                if row is not None:
                    try:
                        found[key] = Result.from_bytes(row[0])
                    except ValueError:
                        continue
        return found

    def put(self, key: str, result: Result, seconds: float) -> None:
        """Keep a result, on the disk when this returns."""
        row = (key, result.specification.candidate, seconds, result.to_bytes())
        with self._connection() as connection, connection:
            connection.execute("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?)", row)

    def seconds(self) -> dict[str, float]:
        """Return the mean seconds that a specification took, by candidate."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT candidate, AVG(seconds) FROM results GROUP BY candidate"
            ).fetchall()
        return {str(candidate): float(mean) for candidate, mean in rows}

    def __len__(self) -> int:
        with self._connection() as connection:
            return int(connection.execute("SELECT COUNT(*) FROM results").fetchone()[0])

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=_PATIENCE_SECONDS)) as connection:
                # Every commit waits for the disk.
                connection.execute("PRAGMA synchronous = FULL")
                yield connection
        except sqlite3.Error as error:
            raise SweepError(f"the store of results {self.path} cannot be used: {error}") from error
