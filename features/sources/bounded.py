"""How much of a file is read at most, known before it is in memory."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from features.panel import DataError

GZIP = b"\x1f\x8b"
_CHUNK = 1 << 20


def is_gzip(path: Path) -> bool:
    """Tell whether a file is packed with gzip, whatever it is called."""
    with path.open("rb") as file:
        return file.read(len(GZIP)) == GZIP


def check_size(path: Path, limit: int) -> None:
    """Refuse a file that is or unpacks to more bytes than a limit.

    What is packed is unpacked in pieces of a megabyte that are not kept, and no
    further than the limit: what a gzip file says of its own size may be wrong.

    Parameters
    ----------
    path : pathlib.Path
        Any file, gzip or not.
    limit : int
        Bytes.

    Raises
    ------
    DataError
        If it is larger, or a damaged gzip file.
    OSError
        If it cannot be read.
    """
    check_file(path)
    if path.stat().st_size > limit:
        raise DataError(f"is larger than {limit // 10**6} MB, the most that is read.")
    if is_gzip(path):
        with path.open("rb") as file:
            for _ in _pieces(file, limit):
                pass


def check_file(path: Path) -> None:
    """Refuse what is there but no file: a device or a pipe may have no end."""
    if path.exists() and not path.is_file():
        raise DataError("is no file.")


def unpacked(file: BinaryIO, limit: int) -> bytes:
    r"""Return what a gzip file holds; the errors are those of `check_size`.

    Examples
    --------
    >>> import io
    >>> unpacked(io.BytesIO(gzip.compress(b"date,net_flow_usd\n")), 100)
    b'date,net_flow_usd\n'
    """
    return b"".join(_pieces(file, limit))


def _pieces(file: BinaryIO, limit: int) -> Iterator[bytes]:
    total = 0
    try:
        with gzip.GzipFile(fileobj=file) as stream:
            while piece := stream.read(_CHUNK):
                total += len(piece)
                # Strict: a file of exactly the limit is read.
                if total > limit:
                    raise DataError(
                        f"unpacks to more than {limit // 10**6} MB, the most that is read."
                    )
                yield piece
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"is damaged gzip: {error}") from error
