"""Files written whole or not at all, by one process at a time."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from errno import EBUSY
from pathlib import Path

from filelock import FileLock, Timeout

# Without a handler of the program's own, Python prints its warnings to stderr.
_log = logging.getLogger(__name__)

LOCK_SECONDS = 60.0
SILENT_SECONDS = 1.0


@contextlib.contextmanager
def staged(path: Path) -> Iterator[Path]:
    """Give a file beside the one to write, which it replaces once it is whole and on the disk.

    What was there before stays if the writing fails. Of a link, the file it names is written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "note.txt"
    ...     with staged(path) as beside:
    ...         _ = beside.write_text("whole")
    ...     path.read_text(), len(list(Path(folder).iterdir()))
    ('whole', 1)
    """
    path = Path(os.path.realpath(path))
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield beside
        to_disk(beside)
        beside.replace(path)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def to_disk(path: Path) -> None:
    """Wait until a file's content is on the disk: a new name must not outlive it in a power cut."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a file against other processes, which wait up to a minute for their turn (`OSError`).

    The system frees it should this process die. The lock is an empty hidden file beside it,
    `.<name>.lock`, which stays: to remove it would let two processes hold two files of one name.
    """
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        try:
            lock.acquire(timeout=SILENT_SECONDS)
        except Timeout:
            _log.warning("waiting for another process that holds %s ...", path)
            lock.acquire(timeout=LOCK_SECONDS)
    except Timeout as error:
        said = f"another process has held it for {LOCK_SECONDS:g} s"
        raise OSError(EBUSY, said, str(path)) from error
    try:
        yield
    finally:
        lock.release()
