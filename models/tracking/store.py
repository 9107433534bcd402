"""One place that meets MLflow's stores: opened read-only where nothing is written, one writer."""

from __future__ import annotations

import logging
import math
import os
import re
import shlex
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# stdout carries the answer only.
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

import mlflow
from alembic.script import ScriptDirectory
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from models.errors import TrackingError, Unanswered
from models.patience import DEADLINE_SECONDS
from models.tracking.location import relocate

MODEL_NAME = "altcoin-season"
CHAMPION, CHALLENGER, TRIAL = "champion", "challenger", "trial"
# Codes of MLflow's errors.
ABSENT, PRESENT = "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS"
_SQLITE = "sqlite:///"
_MAGIC = b"SQLite format 3\0"
# Who writes to the database keeps others out for moments only.
_LOOK_SECONDS = 2.0
_MIGRATIONS = Path(mlflow.__file__).parent / "store" / "db_migrations"
_LOGIN = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
# What stands in an error's text, why, and the way out; the first that fits is given.
_CAUSES = (
    (r"database (\w+ )?is locked",
     "another program keeps it locked; try again when that has finished"),
    (r"disk image is malformed|file is not a database",
     "the database is damaged; restore it from a copy, or move it away and run train.py"),
    (r"readonly database", "it must not be written; check the rights of its file and folder"),
    (r"unable to open database file",
     "the file cannot be opened; check that its folder is there and may be used"),
    (r"filesystem tracking backend",
     "MLflow does not use folders as stores any more; name a database such as "
     "sqlite:///mlflow.db (mlflow migrate-filestore makes one of a folder)"),
    (r"not in a valid JSON format",
     f"what answers there is not MLflow, perhaps a login page; check the address, and {_LOGIN}"),
    (r"failed with error code 401", f"it wants to know who asks; set {_LOGIN}"),
    (r"failed with error code 403", f"it refuses this user; check {_LOGIN}"),
    (r"failed with error code 404", "what answers there is not MLflow; check the address"),
    (r"5\d\d error responses|failed with error code 5\d\d",
     "the server answers with an error of its own; see its log"),
    (r"unsupported URI|Could not parse SQLAlchemy URL|Invalid IPv6 URL|Can't load plugin",
     "there is no such kind of address; it must be like sqlite:///mlflow.db or http://HOST:5000"),
    (r"out-of-date database schema",
     "its schema is another than this MLflow's; make a copy, then run mlflow db upgrade with its "
     "address"),
)  # fmt: skip
_SILENT = re.compile(
    r"timed? ?out|timeout expired|statement timeout|Max retries exceeded", re.IGNORECASE
)


def client_of(tracking_uri: str) -> MlflowClient:
    """Return a client of a store, for runs and for the registry alike; nothing global changes."""
    address = absolute(tracking_uri)
    return MlflowClient(address, address)


def absolute(tracking_uri: str) -> str:
    """Return a store's address that means the same from every folder."""
    path = database(tracking_uri)
    if path is None:
        return tracking_uri
    if re.search(r"[%?#]", f"{path.absolute()}"):
        raise TrackingError(
            f"the store cannot lie at {path.absolute()}: MLflow reads %, ? and # in a path as "
            f"parts of an address; name another place with --tracking-uri."
        )
    return tracking_uri.replace(f"{_SQLITE}{path}", f"{_SQLITE}{path.absolute()}", 1)


@contextmanager
def current(tracking_uri: str) -> Iterator[None]:
    """Let MLflow's functions without a client mean a store in the block, and no longer."""
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    address = absolute(tracking_uri)
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])


@contextmanager
def reaching(tracking_uri: str, what: str, *, deadline: float = DEADLINE_SECONDS) -> Iterator[None]:
    """Turn whatever the store raises into one message: the store, what, why.

    The deadline holds for each answer, by the means of the store's client; a server that sends a
    little now and then outlasts it.
    """
    levels = {name: logging.getLogger(name).level for name in ("mlflow", "alembic")}
    kept = {name: os.environ.get(name) for name in _deadlines(deadline)}
    os.environ.update(_deadlines(deadline))
    for name in levels:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    except TrackingError:
        raise
    # Of MLflow, its database, its transport or the disk: all mean the same to the user.
    except Exception as error:
        if networked(tracking_uri) and _SILENT.search(str(error)):
            raise Unanswered(
                f"the store {shown(tracking_uri)} {what}: it has not answered within "
                f"{deadline:g} s; try again later, or wait longer with --deadline SECONDS."
            ) from error
        raise TrackingError(f"the store {shown(tracking_uri)} {what}: {why(error)}.") from error
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _deadlines(seconds: float) -> dict[str, str]:
    """Return the settings by which MLflow's transport and PostgreSQL's client give up."""
    whole = max(1, math.ceil(seconds))
    return {
        "MLFLOW_HTTP_REQUEST_TIMEOUT": f"{whole}",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "PGCONNECT_TIMEOUT": f"{max(2, whole)}",
        # The server ends a statement, and the client notices a server that is gone.
        "PGOPTIONS": f"-c statement_timeout={1000 * whole} -c tcp_user_timeout={1000 * whole}",
    }


def database(tracking_uri: str) -> Path | None:
    """Return the file of a store that is an SQLite database, None for any other."""
    if not tracking_uri.startswith(_SQLITE):
        return None
    return Path(tracking_uri.removeprefix(_SQLITE))


def require_store(tracking_uri: str) -> None:
    """Refuse a store that is not there, is no store, or that reading would change."""
    path = database(tracking_uri)
    if path is None:
        return
    if not path.exists():
        raise TrackingError(f"there is no store at {path}; run train.py first.")
    refuse_foreign(tracking_uri)


def refuse_foreign(tracking_uri: str) -> None:
    """Refuse a file that is no store of this MLflow's; it is looked at read-only.

    MLflow would write its tables into any database, and bring those of an older MLflow up to date
    without a word or a copy, so that the older one could not open it any more.
    """
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
            if not tables:
                return
            if "alembic_version" not in tables:
                raise TrackingError(f"{path} is no store: it is a database of another program.")
            row = held.execute("SELECT version_num FROM alembic_version").fetchone()
    head_revision = ScriptDirectory(str(_MIGRATIONS)).get_current_head()
    if row is None or row[0] == head_revision:
        return
    if any((_MIGRATIONS / "versions").glob(f"{row[0]}_*.py")):
        raise TrackingError(
            f"the store {shown(tracking_uri)} is of an older MLflow (schema {row[0]}), which could "
            f"not open it any more once it is brought up to date; make a copy, then run: mlflow db "
            f"upgrade {quoted(tracking_uri)}"
        )
    raise TrackingError(
        f"the store {shown(tracking_uri)} is of a newer MLflow than {mlflow.__version__} (schema "
        f"{row[0]}); install that, or name another store."
    )


@contextmanager
def opened(tracking_uri: str, *, deadline: float = DEADLINE_SECONDS) -> Iterator[MlflowClient]:
    """Give the client of a store that exists; nothing is written on opening it."""
    require_store(tracking_uri)
    with reaching(tracking_uri, "cannot be read", deadline=deadline):
        yield client_of(tracking_uri)


@contextmanager
def writing(tracking_uri: str, *, deadline: float = DEADLINE_SECONDS) -> Iterator[None]:
    """Let one writer at a time use an SQLite database; a server sees to that itself.

    SQLite refuses at once, whatever time it is given, when two connections that have read both
    want to write. The lock is one of SQLite's own, on a file beside the database, so that it falls
    with the process that held it.
    """
    path = database(tracking_uri)
    if path is None:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f"{path.name}.lock")
    try:
        held = sqlite3.connect(lock, timeout=deadline, isolation_level=None)
        # Nothing is written, so that no journal has to lie on the disk, nor stays after a kill.
        held.execute("PRAGMA journal_mode=MEMORY")
        held.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise TrackingError(
                f"another program has held the store {shown(tracking_uri)} for {deadline:g} s; try "
                f"again when that has finished, or wait longer with --deadline SECONDS."
            ) from error
        raise TrackingError(
            f"the lock file {lock} cannot be used ({why(error)}); remove it if it is broken, or "
            f"check its rights."
        ) from error
    with closing(held):
        # A folder that was moved names its old place: nothing must be written there.
        relocate(path)
        yield
        held.execute("ROLLBACK")


def insist(write: Callable[[], object]) -> None:
    """Repeat a write that may be repeated, such as setting a tag or an alias.

    Two trainings that set the same tag at the same time for the first time both find it missing,
    both insert it, and the database refuses the second.
    """
    for wait_seconds in (0.1, 0.3, 0.9):
        try:
            write()
        except MlflowException as error:
            if error.error_code not in ("BAD_REQUEST", "TEMPORARILY_UNAVAILABLE"):
                raise
            time.sleep(wait_seconds)
        else:
            return
    write()


def why(error: BaseException) -> str:
    """Return an error's cause with the way out, or else its message in one line, or its type.

    Examples
    --------
    >>> why(RuntimeError("(sqlite3.OperationalError) database is locked"))
    'another program keeps it locked; try again when that has finished'
    """
    text = str(error)
    for pattern, words in _CAUSES:
        if re.search(pattern, text, re.IGNORECASE):
            return words
    if "Max retries exceeded" in text:
        reason = re.search(r"\[Errno -?\d+\] ([\w ]+)", text)
        return f"it does not answer ({reason[1]})" if reason else "it does not answer"
    lines = (line.strip() for line in text.splitlines())
    # SQLAlchemy sets an advice to programmers above some of its reasons.
    meaningful = [line for line in lines if line and not line.startswith("(raised as a result of")]
    return meaningful[0].rstrip(".") if meaningful else type(error).__name__


def shown(tracking_uri: str) -> str:
    """Return a store's address without the password in it."""
    try:
        password = urlsplit(tracking_uri).password
    except ValueError:
        password = None
    if password:
        # A password may hold an @: all up to the last one is the user's.
        return re.sub(r"(://[^:/]*:).*@", r"\1***@", tracking_uri)
    return re.sub(r"//[^/]*@", "//***@", tracking_uri) if "@" in tracking_uri else tracking_uri


def quoted(tracking_uri: str) -> str:
    """Return a store's address for a command line, without the password in it."""
    return shlex.quote(shown(tracking_uri))


def networked(tracking_uri: str) -> bool:
    """Return whether a store is asked over a network."""
    return "://" in tracking_uri and not tracking_uri.startswith(("sqlite:", "file:"))


def is_server(tracking_uri: str) -> bool:
    """Return whether a store is a tracking server."""
    return tracking_uri.startswith(("http://", "https://"))
