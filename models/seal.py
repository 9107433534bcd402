"""Digests of what is kept, and signatures over them where a key is set."""

from __future__ import annotations

import hashlib
import hmac
import os

KEY_VARIABLE = "ALTSEASON_SIGNING_KEY"


class SealError(ValueError):
    """A signature is missing or is not that of the key."""


def digest(content: bytes) -> str:
    """Return the SHA-256 of a content, 64 hexadecimal digits.

    Examples
    --------
    >>> digest(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(content).hexdigest()


def signature(purpose: str, of: str) -> str | None:
    """Return the HMAC-SHA256 of a digest under the key of $ALTSEASON_SIGNING_KEY, None without.

    Parameters
    ----------
    purpose : str
        What the digest is of, so that a signature of one kind never stands for another.
    of : str
        The digest.
    """
    key = os.environ.get(KEY_VARIABLE)
    if not key:
        return None
    return hmac.new(key.encode(), f"{purpose}\n{of}".encode(), hashlib.sha256).hexdigest()


def check_signature(purpose: str, of: str, found: str | None) -> None:
    """Check a signature, where a key is set.

    Raises
    ------
    SealError
        If it is missing or another one.
    """
    own = signature(purpose, of)
    if own is None:
        return
    if not found:
        raise SealError(f"it is not signed, and {KEY_VARIABLE} is set")
    # In constant time: how much of a forged signature fits must not show.
    if not hmac.compare_digest(own.encode(), found.encode()):
        raise SealError(f"its signature is not that of {KEY_VARIABLE}")
