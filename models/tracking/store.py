"""Connecting to a store, one writer at a time, and its errors in one line."""

from __future__ import annotations

import logging
import os
import re
import shlex
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# stdout carries the answer only.
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
# By default MLflow asks a server that is down for four minutes; a training that cannot be logged
# is kept in a file instead.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from models.errors import TrackingError
from models.tracking.failures import known_cause
from models.tracking.location import relocate
from models.tracking.waiting import waiting

MODEL_NAME = "altcoin-season"
CHAMPION = "champion"
CHALLENGER = "challenger"
TRIAL = "trial"
FORECASTER_FILE = "forecaster.json.gz"
DIGEST_TAG = "forecaster_sha256"
SKILL_TAG = "skill"
# Codes of MLflow's errors.
ABSENT = "RESOURCE_DOES_NOT_EXIST"
PRESENT = "RESOURCE_ALREADY_EXISTS"
_SQLITE = "sqlite:///"
_MAGIC = b"SQLite format 3\0"
# Another training may be logging: ten candidates take about ten seconds.
_PATIENCE_SECONDS = 300.0
# Who writes to the database keeps others out for moments only.
_LOOK_SECONDS = 2.0


def connect(tracking_uri: str) -> None:
    """Name the store to MLflow and keep its chatter off stderr."""
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    path = database(tracking_uri)
    if path is not None and not path.is_absolute():
        # MLflow remembers a store by its text: from another folder the same text is another store.
        absolute = path.absolute()
        tracking_uri = tracking_uri.replace(f"{_SQLITE}{path}", f"{_SQLITE}{absolute}", 1)
    mlflow.set_tracking_uri(tracking_uri)


def database(tracking_uri: str) -> Path | None:
    """Return the file of a store that is an SQLite database, None for any other."""
    if not tracking_uri.startswith(_SQLITE):
        return None
    # What follows a question mark are options of the driver.
    return Path(tracking_uri.removeprefix(_SQLITE).partition("?")[0])


def require_store(tracking_uri: str) -> None:
    """Say that a store file is missing instead of letting MLflow create an empty one."""
    path = database(tracking_uri)
    if path is None:
        return
    if not path.exists():
        raise TrackingError(f"there is no store at {path}; run train.py first.")
    refuse_foreign(tracking_uri)


def opened(tracking_uri: str) -> MlflowClient:
    """Return the client of a store that exists.

    Raises
    ------
    TrackingError
        If there is none or it cannot be opened.
    """
    require_store(tracking_uri)
    with reaching(tracking_uri, "cannot be opened"):
        connect(tracking_uri)
        return MlflowClient()


def has_store(tracking_uri: str) -> bool:
    """Tell whether there is a store already, or a server that has one."""
    path = database(tracking_uri)
    return path is None or (path.is_file() and path.stat().st_size > 0)


def refuse_foreign(tracking_uri: str) -> None:
    """Refuse a file that is no store of MLflow's, which would otherwise write its tables there."""
    path = database(tracking_uri)
    if path is None or not path.exists():
        return
    with reaching(tracking_uri, "cannot be read"):
        if not path.is_file():
            raise TrackingError(f"{path} is no store: it is not a file.")
        with path.open("rb") as file:
            if (head := file.read(len(_MAGIC))) and head != _MAGIC:
                raise TrackingError(f"{path} is no store: it is not an SQLite database.")
        address = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=_LOOK_SECONDS)) as held:
            tables = {name for (name,) in held.execute("SELECT name FROM sqlite_master")}
    if tables and "alembic_version" not in tables:
        raise TrackingError(f"{path} is no store: it is a database of another program.")


@contextmanager
def writing(tracking_uri: str, *, patience_seconds: float = _PATIENCE_SECONDS) -> Iterator[None]:
    """Let one training at a time write to an SQLite database; a server sees to that itself.

    SQLite refuses at once, whatever time it is given, when two connections
    that have read both want to write. The lock is one of SQLite's own, on a
    file beside the database, so that it falls with the process that held it.
    """
    path = database(tracking_uri)
    if path is None:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f"{path.name}.lock")
    with closing(sqlite3.connect(lock, timeout=patience_seconds, isolation_level=None)) as held:
        # Nothing is written, so that no journal has to lie on the disk, nor stays after a kill.
        held.execute("PRAGMA journal_mode=MEMORY")
        held.execute("BEGIN EXCLUSIVE")
        # A folder that was moved names its old place: nothing must be written there.
        relocate(path)
        yield
        held.execute("ROLLBACK")


@contextmanager
def reaching(tracking_uri: str, what: str) -> Iterator[None]:
    """Turn whatever the store raises into one message: the store, what, why.

    What a server does not answer in time is given up (`models.tracking.waiting`).
    """
    try:
        with waiting(shown(tracking_uri)) if networked(tracking_uri) else nullcontext():
            yield
    except TrackingError:
        raise
    # Of MLflow, its database, its transport or the disk: all mean the same to the user, and a
    # training that is not logged must be kept whatever broke.
    except Exception as error:
        raise TrackingError(f"the store {shown(tracking_uri)} {what}: {why(error)}.") from error


def insist(write: Callable[[], object]) -> None:
    """Repeat a write that may be repeated, such as setting a tag or an alias.

    Two trainings that set the same one at the same time for the first time
    both find it missing, both insert it, and the database refuses the second.
    """
    for wait_seconds in (0.1, 0.3, 0.9, 2.7):
        try:
            write()
        except MlflowException as error:
            if error.error_code not in ("BAD_REQUEST", "TEMPORARILY_UNAVAILABLE"):
                raise
            time.sleep(wait_seconds)
        else:
            return
    write()


def unanswered(error: BaseException) -> bool:
    """Tell whether a server could not be reached at all."""
    return "Max retries exceeded" in str(error)


def why(error: BaseException) -> str:
    """Return an error's cause with the way out, or else its message in one line, or its type."""
    if cause := known_cause(error):
        return cause
    if unanswered(error):
        reason = re.search(r"\[Errno -?\d+\] ([\w ]+)", str(error))
        return f"it does not answer ({reason[1]})" if reason else "it does not answer"
    lines = (line.strip() for line in str(error).splitlines())
    # SQLAlchemy sets an advice to programmers above some of its reasons.
    meaningful = [line for line in lines if line and not line.startswith("(raised as a result of")]
    return meaningful[0].rstrip(".") if meaningful else type(error).__name__


def shown(tracking_uri: str) -> str:
    """Return a store's address without the password in it."""
    try:
        password = urlsplit(tracking_uri).password
    except ValueError:  # no address at all; what might be a password in it is not known
        return re.sub(r"//[^/]*@", "//***@", tracking_uri)
    return tracking_uri.replace(f":{password}@", ":***@", 1) if password else tracking_uri


def quoted(tracking_uri: str) -> str:
    """Return a store's address for a command line, without the password in it."""
    return shlex.quote(shown(tracking_uri))


def networked(tracking_uri: str) -> bool:
    """Tell whether a store is asked over a network."""
    return "://" in tracking_uri and not tracking_uri.startswith(("sqlite:", "file:"))


def is_server(tracking_uri: str) -> bool:
    """Tell whether a store is a tracking server."""
    return tracking_uri.startswith(("http://", "https://"))
