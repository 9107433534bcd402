"""The ledger: an append-only file of forecasts, one JSON line each, linked to the line before.

Each line ends in a digest of itself and holds that of the line before, so that a changed or
missing line shows. That its end is missing no chain can show: for that keep a copy.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from features.storage.atomic import locked
from models.errors import MALFORMED, LedgerError
from models.ledger.entry import SCHEMA, Entry

PREVIOUS, SEAL = "previous", "sha256"
# What the first line of a ledger has instead of the seal of a line before.
NOTHING = "0" * 64
_START = json.dumps({"schema": SCHEMA}).encode()[:-1]
_SEALED = re.compile(rb'"sha256": "([0-9a-f]{64})"\}$')
_BLOCK = 1 << 16
_Content = bytes | mmap.mmap


@dataclass(frozen=True)
class Ledger:
    """What a ledger file holds."""

    entries: tuple[Entry, ...]  # in the order in which they were recorded
    torn: tuple[int, ...] = ()  # numbers of the lines that a crash cut off


@dataclass(frozen=True)
class Recorded:
    """What became of a forecast that was to be recorded."""

    line: int
    added: bool  # False if the same forecast was there already
    torn: bool = False  # a crash had cut off the line before


def append(path: Path, content: Mapping[str, Any]) -> Recorded:
    """Append a forecast to a ledger unless it is there already.

    Of the same day, model, data and threshold there is one line. Writers take turns behind a lock
    on the file itself, by whatever link they name it, and the line is on the disk when this
    returns. A line that a crash cut off is left as it is; the new one begins below it. Only the
    end of the file is read: `read_ledger` checks it whole.
    """
    path = Path(os.path.realpath(path))
    with locked(path), _made(path) as made, path.open("a+b") as file:
        _hold(file.fileno())
        with _mapped(file.fileno()) as text:
            size, place = len(text), text.find(f'"id": "{content["id"]}"'.encode())
            if place >= 0:
                return Recorded(_line_at(text, place), added=False)
            last = next(_from_the_end(text), None)
            below = b"" if text[-1:] in (b"", b"\n") else b"\n"
            line = _line_at(text, size) + len(below)
        seal = NOTHING if last is None else _opened(last, path)[1]
        _write(file.fileno(), below + _sealed({**content, PREVIOUS: seal}), size)
        if made:
            _sync(path.parent)
    return Recorded(line, added=True, torn=bool(below))


def read_ledger(path: Path) -> Ledger:
    """Read and check a ledger in one pass."""
    if not path.exists():
        raise LedgerError(
            f"the ledger {path} cannot be read (no such file); predict.py --record begins one."
        )
    if not path.is_file():
        raise LedgerError(f"the ledger {path} cannot be read: it is no file.")
    entries: list[Entry] = []
    torn: list[int] = []
    seal, last = NOTHING, 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                text = line.strip(b" \t\r\n")
                if not text:
                    continue
                if _is_torn(text):
                    torn.append(number)
                    continue
                try:
                    content, sealed = _unsealed(text)
                    _check_link(content, seal, last)
                    entries.append(Entry.from_content(content, number))
                except MALFORMED as error:
                    cut = [number for number in torn if number > last]
                    raise _refusal(path, f"line {number}", error, cut) from error
                seal, last = sealed, number
    except OSError as error:
        raise LedgerError(f"the ledger {path} cannot be read: {error.strerror}.") from error
    return Ledger(tuple(entries), tuple(torn))


def newest_entries(path: Path) -> Iterator[Entry]:
    """Yield the lines of a ledger, the last one first; only as many are read as are asked for."""
    with path.open("rb") as file, _mapped(file.fileno()) as text:
        for line in _from_the_end(text):
            yield _opened(line, path)[0]


@contextlib.contextmanager
def _mapped(file: int) -> Iterator[_Content]:
    """Give the content of a file, of which only what is looked at is read."""
    if not os.fstat(file).st_size:
        yield b""
        return
    with mmap.mmap(file, 0, access=mmap.ACCESS_READ) as content:
        yield content


@contextlib.contextmanager
def _made(path: Path) -> Iterator[bool]:
    """Return whether a file is made in the block; if that fails, none stays."""
    made = not path.exists()
    try:
        yield made
    except BaseException:
        if made:
            path.unlink(missing_ok=True)
        raise


def _hold(file: int) -> None:
    """Wait for writers that name the same file by a hard link, where the system can tell."""
    with contextlib.suppress(ImportError):  # Windows
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)


def _line_at(text: _Content, place: int) -> int:
    """Return the number, from 1, of the line in which a place lies."""
    starts = range(0, place, _BLOCK)
    return 1 + sum(text[start : min(start + _BLOCK, place)].count(b"\n") for start in starts)


def _from_the_end(text: _Content) -> Iterator[bytes]:
    """Yield the lines that are whole, the last one first."""
    end = len(text)
    while end >= 0:
        start = text.rfind(b"\n", 0, end) + 1
        line = text[start:end].strip(b" \t\r")
        if line and not _is_torn(line):
            yield line
        end = start - 1


def _opened(line: bytes, path: Path) -> tuple[Entry, str]:
    """Return the entry of a line and its seal."""
    try:
        content, sealed = _unsealed(line)
        return Entry.from_content(content, 0), sealed
    except MALFORMED as error:
        raise _refusal(path, "last line", error) from error


def _refusal(path: Path, line: str, error: Exception, cut: Sequence[int] = ()) -> LedgerError:
    reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
    # A line that seems cut off by a crash, though another one goes on from it, was whole once.
    also = [f"line {number} was cut off" for number in cut if "is missing" in reason]
    why = "; ".join([reason.splitlines()[0] if reason else type(error).__name__, *also])
    return LedgerError(
        f"{path}, {line}: not as it was recorded ({why}). Restore the file from a copy, "
        f"or move it away: predict.py --record begins another."
    )


def _is_torn(line: bytes) -> bool:
    """Return whether a line begins as lines do but was cut off before its end."""
    # A machine that loses power may leave zeros where the end of the line was to be.
    kept = line.rstrip(b"\0").rstrip()
    begins = kept.startswith(_START) or _START.startswith(kept)
    if _SEALED.search(kept) or not begins:
        return False
    try:
        json.loads(kept)
    except RecursionError:
        return False
    except ValueError:
        return True
    return False


def _unsealed(line: bytes) -> tuple[dict[str, Any], str]:
    """Return a line's content and its seal; ValueError unless that is the content's digest."""
    content = json.loads(line, parse_constant=_no_constant, object_pairs_hook=_unique)
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise ValueError(f"schema must be {SCHEMA}")
    seal = content.pop(SEAL, None)
    if seal != _digest(content):
        raise ValueError("its sha256 is not that of its content")
    return content, str(seal)


def _check_link(content: Mapping[str, Any], seal: str, last: int) -> None:
    if content[PREVIOUS] == seal:
        return
    if content[PREVIOUS] == NOTHING:
        raise ValueError("it was the first line of a ledger, and others stand before it")
    place = f"after line {last}" if last else "before it"
    raise ValueError(f"a line that was {place} is missing or another one")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; ValueError if a name is in it twice, which would hide a value."""
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands in it twice")
    return content


def _sealed(content: Mapping[str, Any]) -> bytes:
    return json.dumps({**content, SEAL: _digest(content)}, allow_nan=False).encode() + b"\n"


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, allow_nan=False).encode()).hexdigest()


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _write(file: int, line: bytes, size: int) -> None:
    """Write a line after the end and wait for the disk; on an error leave nothing of it."""
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
