"""One table in one Parquet file with a note and a digest: replaced whole, never read damaged."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.storage.atomic import staged

_Kept = TypeVar("_Kept")

_NOTE = b"altseason"
# A staged file this old was left by a process that was killed while writing it.
ORPHAN_SECONDS = 3600.0


class DamagedFile(ValueError):
    """A file does not hold what was written into it."""


def write_table(path: Path, table: pd.DataFrame, note: dict[str, Any]) -> None:
    """Write a table and a note that JSON can hold; what was there before stays if that fails.

    The directory is made if absent. The number of rows and the digest are added to the note.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    content = pa.Table.from_pandas(table)
    facts = {**note, "rows": len(table)}
    text = json.dumps({**facts, "digest": _digest(table, facts)})
    content = content.replace_schema_metadata({**(content.schema.metadata or {}), _NOTE: text})
    with staged(path) as beside:
        pq.write_table(content, beside)
    _sweep(path)


def read_table(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a table and its note; days, in the index or in a column, have seconds as their unit.

    Raises `DamagedFile` if the content is not what was written, `OSError` if it cannot be read and
    may be whole.
    """
    content = path.read_bytes()
    try:
        table, note = _parsed(content)
        promised = note["digest"]
        whole = promised == _digest(table, {key: note[key] for key in note if key != "digest"})
    # Damaged Parquet ends in nearly any exception: whichever, it is not trusted.
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise DamagedFile(reason) from error
    if not whole:
        raise DamagedFile("its digest is another one")
    return table, note


def kept(path: Path, read: Callable[[Path], _Kept]) -> _Kept | None:
    """Read a file; None if it is absent or damaged, and then set aside with a warning."""
    try:
        return read(path)
    except OSError:  # absent, or not for us to read
        return None
    except DamagedFile as error:
        # It concerns the store, not the market.
        aside = set_aside(path)
        warnings.warn(f"damaged: {path.name} ({error}); set aside as {aside}.", stacklevel=3)
        return None


def kept_table(path: Path) -> pd.DataFrame | None:
    """Read a table that is kept; None as for `kept`."""
    return kept(path, lambda place: read_table(place)[0])


def set_aside(path: Path) -> Path:
    """Rename a damaged file, so that it is neither read again nor lost; it may still be there."""
    taken = 1
    while (aside := path.with_name(f"{path.name}.damaged-{taken}")).exists():
        taken += 1
    with contextlib.suppress(OSError):  # another process was quicker, or the directory is not ours
        path.rename(aside)
    return aside


def _parsed(content: bytes) -> tuple[pd.DataFrame, dict[str, Any]]:
    stored = pq.read_table(io.BytesIO(content))
    note = json.loads((stored.schema.metadata or {})[_NOTE])
    table = stored.to_pandas()
    if isinstance(table.index, pd.DatetimeIndex):
        table.index = table.index.as_unit("s")  # Parquet knows no seconds
    for column in table.select_dtypes("datetime"):
        table[column] = table[column].dt.as_unit("s")
    return table, note


def _digest(table: pd.DataFrame, facts: dict[str, Any]) -> str:
    """Return the SHA-256 of a table's index, columns and values and of its note.

    Parquet's own page checksums would not cover the note.
    """
    columns = [str(column) for column in table]
    content = hashlib.sha256(json.dumps([facts, columns], sort_keys=True).encode())
    content.update(_bytes(table.index))
    for column in table:
        content.update(_bytes(table[column]))
    return content.hexdigest()


def _bytes(values: pd.Index | pd.Series) -> bytes:
    """Write values out, the same in every version of pandas and on every machine."""
    if pd.api.types.is_datetime64_dtype(values.dtype):
        return values.to_numpy().astype("<M8[s]").tobytes()
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.to_numpy().astype("<f8").tobytes()
    return json.dumps([str(value) for value in values]).encode()


def _sweep(path: Path) -> None:
    """Remove what killed processes left beside a file."""
    for orphan in path.parent.glob(f".{path.name}.*.tmp"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime - orphan.stat().st_mtime > ORPHAN_SECONDS:
                orphan.unlink()
