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
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import mlflow
import sqlalchemy
from alembic.script import ScriptDirectory
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from models.errors import DEADLINE_SECONDS, TrackingError, Unanswered

MODEL_NAME = "altcoin-season"
CHAMPION, CHALLENGER, TRIAL = "champion", "challenger", "trial"
# Codes of MLflow's errors.
ABSENT, PRESENT = "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS"
FOLDER = "mlartifacts"
# Every column in which MLflow writes the whole path of artifacts. Of these, new runs are placed
# below the experiment's.
_EXPERIMENTS = ("experiments", "artifact_location")
_COLUMNS = (
    _EXPERIMENTS,
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)
_SQLITE = "sqlite:///"
_DATABASES = ("postgresql", "mysql", "mssql")
_MAGIC = b"SQLite format 3\0"
# Who writes to the database keeps others out for moments only.
_LOOK_SECONDS = 2.0
_REVISION = "SELECT version_num FROM alembic_version"
_log = logging.getLogger(__name__)
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
    (r"No module named", "the driver of its database is not installed"),
    (r"5\d\d error responses|failed with error code 5\d\d|5\d\d Server Error",
     "the server answers with an error of its own; see its log"),
    (r"unsupported URI|Could not parse SQLAlchemy URL|Invalid IPv6 URL|Can't load plugin",
     "there is no such kind of address; it must be like sqlite:///mlflow.db or http://HOST:5000"),
    (r"out-of-date database schema",
     "its schema is another than this MLflow's; make a copy, then run mlflow db upgrade with its "
     "address"),
)  # fmt: skip
_SILENT = re.compile(r"timed? ?out|timeout expired|statement timeout", re.IGNORECASE)


def client_of(tracking_uri: str) -> MlflowClient:
    """Return a client of a store, for runs and for the registry alike; nothing global changes."""
    address = absolute(tracking_uri)
    return MlflowClient(address, address)


def absolute(tracking_uri: str) -> str:
    """Return a store's address that means the same from every folder."""
    path = database(tracking_uri)
    if path is None:
        return tracking_uri
    if re.search(r"\?|%[0-9A-Fa-f]{2}", f"{path.absolute()}"):
        raise TrackingError(
            f"the store cannot lie at {path.absolute()}: MLflow reads ? and % with two digits in a "
            f"path as parts of an address; name another place with --tracking-uri."
        )
    return tracking_uri.replace(f"{_SQLITE}{path}", f"{_SQLITE}{path.absolute()}", 1)


@contextmanager
def current(tracking_uri: str) -> Iterator[None]:
    """Let MLflow's functions without a client mean a store in the block, and no longer."""
    before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None  # type: ignore[no-untyped-call]
    mlflow.set_tracking_uri(absolute(tracking_uri))
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)  # type: ignore[arg-type] # None: as if never set


@contextmanager
def reaching(tracking_uri: str, what: str, *, deadline: float = DEADLINE_SECONDS) -> Iterator[None]:
    """Turn whatever the store raises into one message: the store, what, why.

    The deadline holds for each answer, by the means of the store's client; a server that sends a
    little now and then outlasts it.
    """
    levels = {name: logging.getLogger(name).level for name in ("mlflow", "alembic")}
    settings = _settings(deadline)
    kept = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
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
        for name in settings:
            del os.environ[name]
        os.environ.update({name: value for name, value in kept.items() if value is not None})


def _settings(seconds: float) -> dict[str, str]:
    """Return the settings by which MLflow's transport and PostgreSQL's client give up."""
    whole = max(1, math.ceil(seconds))
    return {
        "MLFLOW_HTTP_REQUEST_TIMEOUT": f"{whole}",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        # stdout carries the answer only.
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "PGCONNECT_TIMEOUT": f"{max(2, whole)}",
        # The server ends a statement, and the client notices a server that is gone.
        "PGOPTIONS": f"-c statement_timeout={1000 * whole} -c tcp_user_timeout={1000 * whole}",
    }


def database(tracking_uri: str) -> Path | None:
    """Return the file of a store that is an SQLite database, None for any other."""
    if not tracking_uri.startswith(_SQLITE):
        return None
    return Path(tracking_uri.removeprefix(_SQLITE))


def require_store(tracking_uri: str, *, deadline: float = DEADLINE_SECONDS) -> None:
    """Refuse a store that is not there, is no store, or that reading would change."""
    path = database(tracking_uri)
    if path is not None and not path.exists():
        raise TrackingError(f"there is no store at {path}; run train.py first.")
    refuse_foreign(tracking_uri, deadline=deadline)


def refuse_foreign(tracking_uri: str, *, deadline: float = DEADLINE_SECONDS) -> None:
    """Refuse a database that is no store of this MLflow's; it is looked at read-only.

    MLflow would write its tables into any database, and bring those of an older MLflow up to date
    without a word or a copy, so that the older one could not open it any more.
    """
    absolute(tracking_uri)
    path = database(tracking_uri)
    if not path.exists() if path else not tracking_uri.startswith(_DATABASES):
        return
    with reaching(tracking_uri, "cannot be read", deadline=deadline):
        tables, revision = _schema(tracking_uri) if path is None else _schema_of_file(path)
        if not tables:
            return
        if "alembic_version" not in tables:
            raise TrackingError(
                f"{path or shown(tracking_uri)} is no store: it is a database of another program."
            )
        if revision in (None, _head()):
            return
    if any((_MIGRATIONS / "versions").glob(f"{revision}_*.py")):
        raise TrackingError(
            f"the store {shown(tracking_uri)} is of an older MLflow (schema {revision}), which "
            f"could not open it any more once it is brought up to date; make a copy, then run: "
            f"mlflow db upgrade {quoted(tracking_uri)}"
        )
    raise TrackingError(
        f"the store {shown(tracking_uri)} is of a newer MLflow than {mlflow.__version__} (schema "
        f"{revision}); install that, or name another store."
    )


@cache
def _head() -> str | None:
    """Return the revision of the schema that this MLflow writes."""
    return ScriptDirectory(str(_MIGRATIONS)).get_current_head()


def _schema_of_file(path: Path) -> tuple[set[str], str | None]:
    """Return the tables of an SQLite file and the revision of their schema."""
    if not path.is_file():
        raise TrackingError(f"{path} is no store: it is not a file.")
    with path.open("rb") as file:
        if (head := file.read(len(_MAGIC))) and head != _MAGIC:
            raise TrackingError(f"{path} is no store: it is not an SQLite database.")
    address = f"{path.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=_LOOK_SECONDS)) as held:
        tables = {name for (name,) in held.execute("SELECT name FROM sqlite_master")}
        row = held.execute(_REVISION).fetchone() if "alembic_version" in tables else None
    return tables, row and str(row[0])


def _schema(tracking_uri: str) -> tuple[set[str], str | None]:
    engine = sqlalchemy.create_engine(tracking_uri)
    try:
        with engine.connect() as held:
            tables = set(sqlalchemy.inspect(held).get_table_names())
            row = held.exec_driver_sql(_REVISION).first() if "alembic_version" in tables else None
    finally:
        engine.dispose()
    return tables, None if row is None else str(row[0])


@contextmanager
def opened(tracking_uri: str, *, deadline: float = DEADLINE_SECONDS) -> Iterator[MlflowClient]:
    """Give the client of a store that exists; nothing is written on opening it."""
    require_store(tracking_uri, deadline=deadline)
    with reaching(tracking_uri, "cannot be read", deadline=deadline):
        yield client_of(tracking_uri)


@contextmanager
def changing(tracking_uri: str, *, deadline: float = DEADLINE_SECONDS) -> Iterator[MlflowClient]:
    """Give the client of a store that exists to its only writer."""
    with (
        opened(tracking_uri, deadline=deadline) as client,
        writing(tracking_uri, deadline=deadline),
    ):
        yield client


@contextmanager
def writing(tracking_uri: str, *, deadline: float = DEADLINE_SECONDS) -> Iterator[None]:
    """Let one writer at a time use an SQLite database; a server sees to that itself.

    SQLite refuses at once, whatever time it is given, when two connections that have read both
    want to write. The lock is one of SQLite's own, on a file beside the database, so that it falls
    with the process that held it.
    """
    refuse_foreign(tracking_uri, deadline=deadline)
    path = database(tracking_uri)
    if path is None:
        yield
        return
    path = path.resolve()  # writers that name it by a link and by its name wait for each other
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(_locked(path, deadline)) as held:
        # A folder that was moved names its old place: nothing must be written there.
        _relocate(path, patience=deadline)
        yield
        held.execute("ROLLBACK")


def _locked(path: Path, deadline: float) -> sqlite3.Connection:
    """Return a connection that holds the lock of a database's writers."""
    lock = path.with_name(f"{path.name}.lock")
    try:
        held = sqlite3.connect(lock, timeout=min(_LOOK_SECONDS, deadline), isolation_level=None)
        try:
            _begin(held, path, deadline)
        except BaseException:
            held.close()
            raise
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise TrackingError(
                f"another program has held the store {path} for {deadline:g} s; try again when "
                f"that has finished, or wait longer with --deadline SECONDS."
            ) from error
        raise TrackingError(
            f"the lock file {lock} cannot be used ({error}); if it is another user's, ask for the "
            f"right to write it; if it is broken, remove it while nothing trains."
        ) from error
    return held


def _begin(held: sqlite3.Connection, path: Path, deadline: float) -> None:
    # Nothing is written, so that no journal has to lie on the disk, nor stays after a kill.
    begin = "PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE"
    try:
        held.executescript(begin)
    except sqlite3.Error as error:
        if "locked" not in str(error) or deadline <= _LOOK_SECONDS:
            raise
        _log.warning("waiting for another program that holds the store %s ...", path)
        held.execute(f"PRAGMA busy_timeout = {int(1000 * (deadline - _LOOK_SECONDS))}")
        held.executescript(begin)


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
    """Return a store's address without the user and the password in it, which may hold an @."""
    return re.sub("://.*@", "://***@", tracking_uri) if networked(tracking_uri) else tracking_uri


def quoted(tracking_uri: str) -> str:
    """Return a store's address for a command line, without the password in it."""
    return shlex.quote(shown(tracking_uri))


def networked(tracking_uri: str) -> bool:
    """Return whether a store is asked over a network."""
    return "://" in tracking_uri and not tracking_uri.startswith(("sqlite:", "file:"))


def is_server(tracking_uri: str) -> bool:
    """Return whether a store is a tracking server."""
    return tracking_uri.startswith(("http://", "https://"))


# MLflow writes the whole path of every artifact into the database, so that a folder that was moved
# or copied would go on naming the old place: its artifacts would not be found, or be those of
# another store. Readers look beside the database first; writers bring the paths up to date.


def artifact_folder(path: Path) -> Path:
    """Return where the artifacts of a database lie, there or not."""
    return path.resolve().parent / FOLDER


def beside(path: Path, stored: str) -> Path | None:
    """Return where artifacts lie beside a database that MLflow stored under a URI or path.

    None if that is none of this program's, or there is nothing beside the database.

    Examples
    --------
    >>> beside(Path("mlflow.db"), "s3://bucket/mlartifacts/a1") is None
    True
    """
    below = _below(stored)
    if below is None or ".." in below.parts:
        return None
    place = artifact_folder(path) / below
    return place if place.exists() else None


def _relocate(path: Path, *, patience: float) -> None:
    """Bring the paths in a database up to date after it was moved or copied.

    What does not lie beside it keeps its path: a database may have been copied alone. New trainings
    of an experiment of this program always go beside it.
    """
    if not path.is_file():
        return
    with closing(sqlite3.connect(path, timeout=patience)) as held, held:
        for table, column in _COLUMNS:
            if all(column != row[1] for row in held.execute(f"PRAGMA table_info({table})")):
                continue
            for (stored,) in held.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall():
                if not isinstance(stored, str):
                    continue
                place = beside(path, stored)
                if (table, column) == _EXPERIMENTS:
                    place = artifact_folder(path) if _below(stored) == Path() else None
                if place is not None and place.as_uri() != stored:
                    change = f"UPDATE {table} SET {column} = ? WHERE {column} = ?"
                    held.execute(change, (place.as_uri(), stored))


def _below(stored: str) -> Path | None:
    """Return what follows `mlartifacts` in a path of this machine, None if it is none of these."""
    parts = urlsplit(stored)
    if parts.scheme not in ("", "file") or parts.netloc:
        return None
    path = Path(url2pathname(parts.path) if parts.scheme else stored).parts
    if FOLDER not in path:
        return None
    # The last one: a folder above may be called the same.
    last = len(path) - 1 - path[::-1].index(FOLDER)
    return Path(*path[last + 1 :])
