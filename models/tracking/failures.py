"""Why a store cannot be used, in one line with the way out: the same for every command."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import mlflow

_LOGIN = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"


class Cause(NamedTuple):
    """What is wrong if a pattern stands in an error's text, and what to do about it."""

    pattern: re.Pattern[str]
    words: str


def _cause(pattern: str, words: str) -> Cause:
    return Cause(re.compile(pattern, re.IGNORECASE), words)


# The first that fits is told.
_CAUSES = (
    _cause(r"database (\w+ )?is locked",
           "another program keeps it locked; try again when that has finished"),
    _cause(r"disk image is malformed|file is not a database",
           "the database is damaged; restore it from a copy, or move it away and run train.py"),
    _cause(r"readonly database", "it must not be written; check the rights of its file and folder"),
    _cause(r"unable to open database file",
           "the file cannot be opened; check that its folder is there and may be used"),
    _cause(r"filesystem tracking backend",
           "MLflow does not use folders as stores any more; name a database such as "
           "sqlite:///mlflow.db (mlflow migrate-filestore makes one of a folder)"),
    _cause(r"not in a valid JSON format",
           "what answers there is not MLflow, but perhaps a login page; check the address, and "
           f"{_LOGIN}"),
    _cause(r"failed with error code 401", f"it wants to know who asks; set {_LOGIN}"),
    _cause(r"failed with error code 403", f"it refuses this user; check {_LOGIN}"),
    _cause(r"failed with error code 404", "what answers there is not MLflow; check the address"),
    _cause(r"too many 5\d\d error responses", "it answers with an error of its own; see its log"),
    _cause(r"unsupported URI|Could not parse SQLAlchemy URL|Invalid IPv6 URL|Can't load plugin",
           "there is no such kind of address; it must be like sqlite:///mlflow.db or "
           "http://HOST:5000"),
)  # fmt: skip
_SCHEMA = re.compile(r"out-of-date database schema \(found version (\w+), but expected (\w+)\)")
_VERSIONS = Path(mlflow.__file__).parent / "store" / "db_migrations" / "versions"


def known_cause(error: BaseException) -> str | None:
    """Return why a store cannot be used and the way out, None if the error is of another kind.

    Parameters
    ----------
    error : BaseException
        Of MLflow, its database or its transport.

    Examples
    --------
    >>> known_cause(RuntimeError("(sqlite3.OperationalError) database is locked"))
    'another program keeps it locked; try again when that has finished'
    """
    text = str(error)
    if found := _SCHEMA.search(text):
        return _schema(found[1], found[2])
    return next((cause.words for cause in _CAUSES if cause.pattern.search(text)), None)


def _schema(found: str, expected: str) -> str:
    """Tell an older schema, which can be upgraded, from one of a newer MLflow."""
    if any(_VERSIONS.glob(f"{found}_*.py")):
        return (
            f"its schema is older than that of this MLflow ({found}, not {expected}); make a copy, "
            f"then run mlflow db upgrade with its address"
        )
    return (
        f"its schema ({found}) is unknown to this MLflow {mlflow.__version__}: a newer one has "
        f"made it; install that, or name another store"
    )
