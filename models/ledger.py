"""The ledger: an append-only file of forecasts, one JSON line each, to be judged later.

A line holds all that judging it needs and ends in a digest of itself. Lines are
added, never changed: what was said stays said.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from errno import ENOENT
from pathlib import Path
from typing import Any, NoReturn, Self

from models.errors import LedgerError

SCHEMA = "altseason.ledger/1"
PROMPT_DAYS = 7

_START = json.dumps({"schema": SCHEMA}).encode()[:-1]
_SEAL = re.compile(rb'"sha256": "[0-9a-f]{64}"\}$')
_INSTANT = "%Y-%m-%dT%H:%M:%SZ"
_DEFINITION = ("threshold", "quiet_days", "window_days", "top")
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Window:
    """One probability of a line: an onset in (as_of, as_of + horizon_days].

    Parameters
    ----------
    kind : str
        Kind of season.
    horizon_days : int
        Length in days.
    end : datetime.date
        Last day.
    by_date : bool
        Whether the last day was asked for, not the length.
    probability, low, high, climatology : float or None
        In [0, 1]; None where none was forecast because no onset could come next.
    """

    kind: str
    horizon_days: int
    end: date
    by_date: bool
    probability: float | None
    low: float | None
    high: float | None
    climatology: float | None


@dataclass(frozen=True)
class Entry:
    """One line of the ledger.

    Parameters
    ----------
    line : int
        Its number in the file, from 1.
    id : str
        Digest of as_of, model and data.
    as_of : datetime.date
        Day whose end closed the information.
    recorded_at : datetime.datetime
        When it was recorded, UTC.
    replay : bool
        Whether that was more than 7 days after as_of.
    definition : dict of str to float
        The onset definition of broad seasons.
    thresholds : dict of str to float
        Season index at which each kind of season begins.
    model : str
        Candidate.
    trained_until : datetime.date
        Day whose end closed its training data.
    windows : tuple of Window
        What was forecast.
    """

    line: int
    id: str
    as_of: date
    recorded_at: datetime
    replay: bool
    definition: dict[str, float]
    thresholds: dict[str, float]
    model: str
    trained_until: date
    windows: tuple[Window, ...]

    @classmethod
    def from_content(cls, content: Mapping[str, Any], line: int) -> Self:
        """Return the entry of a line's content; LookupError, TypeError, ValueError if malformed."""
        as_of = date.fromisoformat(content["as_of"])
        thresholds = {key: float(value) for key, value in content["thresholds"].items()}
        return cls(
            line=line,
            id=str(content["id"]),
            as_of=as_of,
            recorded_at=datetime.strptime(content["recorded_at"], _INSTANT).replace(tzinfo=UTC),
            replay=bool(content["replay"]),
            definition={key: float(content["definition"][key]) for key in _DEFINITION},
            thresholds=thresholds,
            model=str(content["model"]["name"]),
            trained_until=date.fromisoformat(content["model"]["trained_until"]),
            windows=tuple(_window(window, as_of, thresholds) for window in content["windows"]),
        )

    def ahead(self, window: Window) -> bool:
        """Tell whether a window was forecast ahead of time, and is no replay.

        It was if the line was recorded within `PROMPT_DAYS` after as_of and
        before the window's last day had ended.
        """
        # The last day ends at 24:00 UTC; at that instant its outcome is known, hence strict.
        return not self.replay and self.recorded_at < _end_of(window.end)


@dataclass(frozen=True)
class Ledger:
    """What a ledger file holds.

    Parameters
    ----------
    entries : tuple of Entry
        In the order in which they were recorded.
    torn : tuple of int
        Numbers of the lines that a crash cut off; nothing was lost but them.
    """

    entries: tuple[Entry, ...]
    torn: tuple[int, ...]


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


def content_of(
    forecast: Mapping[str, Any],
    *,
    thresholds: Mapping[str, float],
    forecaster_sha256: str,
    recorded_at: datetime,
    commit: str,
    versions: Mapping[str, str],
) -> dict[str, Any]:
    """Return the content of the line that records a forecast.

    Parameters
    ----------
    forecast : mapping
        From `models.forecast.forecast`.
    thresholds : mapping of str to float
        Season index at which each kind of season begins.
    forecaster_sha256 : str
        Digest of the stored forecaster.
    recorded_at : datetime.datetime
        The present instant, UTC.
    commit : str
        Git commit of the program.
    versions : mapping of str to str
        Versions of Python and packages.
    """
    as_of = date.fromisoformat(forecast["as_of"])
    model, data = forecast["model"], forecast["data"]
    identity = "\n".join([forecast["as_of"], model["run_id"], forecaster_sha256, data["digest"]])
    return {
        "schema": SCHEMA,
        "id": hashlib.sha256(identity.encode()).hexdigest()[:32],
        "as_of": forecast["as_of"],
        "recorded_at": recorded_at.astimezone(UTC).strftime(_INSTANT),
        # A week is the age up to which data count as current; at its very end they still do.
        "replay": recorded_at > _end_of(as_of) + PROMPT_DAYS * _DAY,
        "definition": dict(forecast["definition"]),
        "thresholds": dict(thresholds),
        "season": {name: forecast["season"][name] for name in ("index", "at_risk")},
        "windows": [
            *({**row, "by_date": False} for row in forecast["forecasts"]),
            *(_by_date(row, as_of) for row in forecast["by_date"]),
        ],
        "model": {**model, "forecaster_sha256": forecaster_sha256},
        "data": {name: data[name] for name in ("source", "digest", "last_day")},
        "commit": commit,
        "versions": dict(versions),
    }


def record(path: Path, content: Mapping[str, Any]) -> Recorded:
    """Append a forecast to a ledger unless it is there already.

    Of the same day, model and data there is one line. The file is locked
    meanwhile, so that writers take turns, and the line is on the disk when this
    returns. A line that a crash cut off is left as it is; the new one begins
    below it.

    Parameters
    ----------
    path : pathlib.Path
        The ledger; made if it does not exist.
    content : mapping
        From `content_of`.

    Raises
    ------
    LedgerError
        If a line of the file is not one that was recorded.
    OSError
        If the file cannot be written; it is then as it was before.
    """
    made = not path.exists()
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # until the file is closed
        file.seek(0)
        old = file.read()
        ledger = _parse(old, path)
        for entry in ledger.entries:
            if entry.id == content["id"]:
                return Recorded(entry.line, False, ledger.torn)
        below = b"" if not old or old.endswith(b"\n") else b"\n"
        _append(file.fileno(), below + _line(content), len(old))
    if made:
        _sync(path.parent)
    return Recorded((old + below).count(b"\n") + 1, True, ledger.torn)


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
        If there is no such file, or a line of it is not one that was recorded.
    """
    try:
        if not path.is_file():
            raise FileNotFoundError(ENOENT, "no such file")
        return _parse(path.read_bytes(), path)
    except OSError as error:
        raise LedgerError(
            f"the ledger {path} cannot be read ({error.strerror}); predict.py --record begins one."
        ) from error


def _parse(text: bytes, path: Path) -> Ledger:
    entries, torn = [], []
    for number, line in enumerate(text.split(b"\n"), start=1):
        if not line.strip():
            continue
        if _is_torn(line):
            torn.append(number)
            continue
        try:
            entries.append(Entry.from_content(_unsealed(line), number))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise LedgerError(
                f"{path}, line {number}: not as it was recorded ({error or type(error).__name__}). "
                "Restore the line from a copy, or take it out."
            ) from error
    return Ledger(tuple(entries), tuple(torn))


def _is_torn(line: bytes) -> bool:
    """Tell whether a line begins as lines do but was cut off before its end."""
    # A machine that loses power may leave zeros where the end of the line was to be.
    kept = line.rstrip(b"\0")
    try:
        json.loads(kept)
    except ValueError:
        begins = kept.startswith(_START) or _START.startswith(kept)
        return begins and not _SEAL.search(kept.rstrip())
    return False


def _unsealed(line: bytes) -> dict[str, Any]:
    """Return a line's content; ValueError unless its digest is that of the content."""
    content = json.loads(line, parse_constant=_no_constant)
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise ValueError(f"schema must be {SCHEMA}")
    seal = content.pop("sha256", None)
    if seal != _seal(content):
        raise ValueError("its sha256 is not that of its content")
    return content


def _line(content: Mapping[str, Any]) -> bytes:
    sealed = {**content, "sha256": _seal(content)}
    return json.dumps(sealed, allow_nan=False).encode() + b"\n"


def _seal(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, allow_nan=False).encode()).hexdigest()


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
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _by_date(row: Mapping[str, Any], as_of: date) -> dict[str, Any]:
    end = date.fromisoformat(row["date"])
    values = {name: value for name, value in row.items() if name not in ("kind", "date")}
    length = {"horizon_days": (end - as_of).days, "window_end": row["date"]}
    return {"kind": row["kind"], **length, **values, "by_date": True}


def _window(window: Mapping[str, Any], as_of: date, thresholds: Mapping[str, float]) -> Window:
    values = {
        name: None if window[name] is None else float(window[name])
        for name in ("probability", "low", "high", "climatology")
    }
    outside = [name for name, value in values.items() if value is not None and not 0 <= value <= 1]
    end, days = date.fromisoformat(window["window_end"]), int(window["horizon_days"])
    if len({value is None for value in values.values()}) > 1:
        raise ValueError(f"of {', '.join(values)} all must be given, or none")
    if window["kind"] not in thresholds:
        raise ValueError(f"kind must be one of {', '.join(thresholds)}, got {window['kind']!r}")
    if outside:
        raise ValueError(f"{outside[0]} must lie in [0, 1], got {values[outside[0]]:g}")
    if days < 1 or as_of + days * _DAY != end:
        raise ValueError(f"a window of {days} days from {as_of} cannot end on {end}")
    return Window(
        kind=str(window["kind"]),
        horizon_days=days,
        end=end,
        by_date=bool(window["by_date"]),
        **values,
    )


def _end_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + _DAY
