"""The ledger: an append-only file of forecasts, one JSON line each, to be judged later.

A line holds all that judging it needs and the digest of the line before, and ends
in a digest of itself. Lines are added, never changed or removed: what was said
stays said.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from features.storage.atomic import locked
from models.errors import MALFORMED, LedgerError
from models.ledger.chain import Chain
from models.ledger.entry import SCHEMA, SCHEMAS, Entry
from models.seal import digest

_STARTS = tuple(json.dumps({"schema": schema}).encode()[:-1] for schema in SCHEMAS)
_SEAL = re.compile(rb'"sha256": "[0-9a-f]{64}"\}$')


@dataclass(frozen=True)
class Ledger:
    """What a ledger file holds.

    Parameters
    ----------
    entries : tuple of Entry
        In the order in which they were recorded.
    torn : tuple of int
        Numbers of the lines that a crash cut off; nothing was lost but them.
    chain : Chain
        Its end, and where it begins.
    """

    entries: tuple[Entry, ...]
    torn: tuple[int, ...]
    chain: Chain = field(default_factory=Chain)


@dataclass(frozen=True)
class Recorded:
    """What became of a forecast that was to be recorded.

    Parameters
    ----------
    line : int
        Number of its line.
    added : bool
        False if the same forecast was there already.
    torn : tuple of int
        As in `Ledger`.
    """

    line: int
    added: bool
    torn: tuple[int, ...]


def append(path: Path, content: Mapping[str, Any]) -> Recorded:
    """Append a forecast to a ledger unless it is there already.

    Of the same day, model, data and threshold there is one line. Writers take turns behind
    a lock (an empty hidden file beside the ledger, which stays), and the line is
    on the disk when this returns. A line that a crash cut off is left as it is;
    the new one begins below it.

    Parameters
    ----------
    path : pathlib.Path
        The ledger; made if it does not exist.
    content : mapping
        From `models.ledger.entry.content_of`.

    Raises
    ------
    LedgerError
        If a line of the file is not one that was recorded, or one is missing.
    OSError
        If the file or its lock cannot be written; the ledger is then as it was before.
    """
    with locked(path), _made(path) as made, path.open("a+b") as file:
        file.seek(0)
        old = file.read()
        ledger = _parse(old, path)
        for entry in ledger.entries:
            if entry.id == content["id"]:
                return Recorded(entry.line, False, ledger.torn)
        below = b"" if not old or old.endswith(b"\n") else b"\n"
        _append(file.fileno(), below + _line(ledger.chain.linked(content, _seal)), len(old))
        if made:
            _sync(path.parent)
    return Recorded((old + below).count(b"\n") + 1, True, ledger.torn)


@contextlib.contextmanager
def _made(path: Path) -> Iterator[bool]:
    """Tell whether a file is made in the block; if that fails, none stays."""
    made = not path.exists()
    try:
        yield made
    except BaseException:
        if made:
            path.unlink(missing_ok=True)
        raise


def read_ledger(path: Path) -> Ledger:
    """Read a ledger.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    Ledger
        Its entries, and the numbers of lines that a crash cut off.

    Raises
    ------
    LedgerError
        If there is no such file, or a line of it is not one that was recorded or is missing.
    """
    try:
        if not path.exists():
            raise LedgerError(
                f"the ledger {path} cannot be read (no such file); predict.py --record begins one."
            )
        if not path.is_file():
            raise LedgerError(f"the ledger {path} cannot be read: it is no file.")
        return _parse(path.read_bytes(), path)
    except OSError as error:
        raise LedgerError(f"the ledger {path} cannot be read: {error.strerror}.") from error


def _parse(text: bytes, path: Path) -> Ledger:
    entries: list[Entry] = []
    torn: list[int] = []
    chain = Chain()
    for number, line in enumerate(text.split(b"\n"), start=1):
        if not line.strip():
            continue
        if _is_torn(line):
            torn.append(number)
            continue
        try:
            content, seal = _unsealed(line)
            chain = chain.after(content, seal, number, _seal, links=content["schema"] == SCHEMA)
            entries.append(Entry.from_content(content, number))
        except MALFORMED as error:
            raise LedgerError(_refusal(path, number, torn, chain, error)) from error
    return Ledger(tuple(entries), tuple(torn), chain)


def _refusal(path: Path, number: int, torn: Sequence[int], chain: Chain, error: Exception) -> str:
    reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
    # A line that seems cut off by a crash, though another one goes on from it, was whole once.
    gap = "is missing" in reason
    cut = [f"line {each} was cut off" for each in torn if gap and each > chain.line]
    said = "; ".join([reason or type(error).__name__, *cut])
    return (
        f"{path}, line {number}: not as it was recorded ({said}). Restore the file from a copy, "
        f"or move it away: predict.py --record begins another."
    )


def _is_torn(line: bytes) -> bool:
    """Tell whether a line begins as lines do but was cut off before its end."""
    # A machine that loses power may leave zeros where the end of the line was to be.
    kept = line.rstrip(b"\0")
    try:
        json.loads(kept)
    except RecursionError:
        return False
    except ValueError:
        begins = any(kept.startswith(start) or start.startswith(kept) for start in _STARTS)
        return begins and not _SEAL.search(kept.rstrip())
    return False


def _unsealed(line: bytes) -> tuple[dict[str, Any], str]:
    """Return a line's content and its seal; ValueError unless that is the content's digest."""
    content = json.loads(line, parse_constant=_no_constant, object_pairs_hook=_unique)
    if not isinstance(content, dict) or content.get("schema") not in SCHEMAS:
        raise ValueError(f"schema must be {' or '.join(SCHEMAS)}")
    seal = content.pop("sha256", None)
    if seal != _seal(content):
        raise ValueError("its sha256 is not that of its content")
    return content, str(seal)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; ValueError if a name is in it twice, which would hide one of its values."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands in it twice")
    return found


def _line(content: Mapping[str, Any]) -> bytes:
    sealed = {**content, "sha256": _seal(content)}
    return json.dumps(sealed, allow_nan=False).encode() + b"\n"


def _seal(content: Mapping[str, Any]) -> str:
    return digest(json.dumps(content, allow_nan=False).encode())


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _append(file: int, line: bytes, size: int) -> None:
    """Write a line behind the end and wait for the disk; on an error leave nothing of it."""
    try:
        written = 0
        while written < len(line):
            written += os.write(file, line[written:])
        os.fsync(file)
    except BaseException:
        os.ftruncate(file, size)
        raise


def _sync(directory: Path) -> None:
    """Wait until a new file's name is on the disk."""
    with contextlib.suppress(PermissionError):  # Windows opens no directory, and needs not to
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
