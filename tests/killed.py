"""Carry commands out in many processes, each killed before another one of its writes.

    python tests/killed.py '[["FOLDER", EVERY, ["ARGUMENT", ...]], ...]'

FOLDER holds a database, ``mlflow.db``; ``train.py`` is given the arguments. It runs once in this
process, which thereby loads what it needs, then in forks, of which the first is killed before its
first write, the next one EVERY writes later and so on, until one ends by itself. Each works on a
copy of the database in a folder of its own. What is printed is the folders of those killed, a list
for each command.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import sys
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine import Engine

import train
from tests.commands import run_command

CHANGES = {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"}


def kill_before(number: int, folder: Path) -> None:
    """Kill this process before its nth write: a commit, or a change of a file in a folder."""
    left = itertools.count(number - 1, -1)

    def write(*_: object) -> None:
        if next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def look(what: str, arguments: tuple) -> None:
        opened = what == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_CREAT
        if (opened or what in CHANGES) and str(arguments[0]).startswith(str(folder)):
            write()

    event.listen(Engine, "commit", write)
    sys.addaudithook(look)


def carry_out(folder: Path, arguments: list[str]) -> int:
    """Return the command's exit code."""
    os.chdir(folder)
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    return run_command(train.app, *arguments, "--tracking-uri", uri).exit_code


def copied(folder: Path, number: int) -> Path:
    """Return a new folder with a copy of the database."""
    own = folder / str(number)
    own.mkdir()
    shutil.copy(folder / "mlflow.db", own)
    return own


def killed(folder: Path, every: int, arguments: list[str]) -> list[str]:
    """Return the folders of the processes that were killed at a command."""
    folders: list[str] = []
    if carry_out(copied(folder, 0), arguments):
        raise SystemExit(" ".join(arguments))
    for number in itertools.count(1, every):
        own = copied(folder, number)
        if (child := os.fork()) == 0:
            kill_before(number, own)
            os._exit(carry_out(own, arguments))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == 0:
            return folders
        if code != -signal.SIGKILL:
            raise SystemExit(f"{own}: {code}")
        folders.append(str(own))
    raise AssertionError


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    print(json.dumps([killed(Path(folder), *others) for folder, *others in given]))
