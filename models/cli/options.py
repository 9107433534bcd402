"""What the two commands share: options, exit codes, messages, progress.

Imports nothing heavy, so that `--help` answers at once.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import getpass
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from features.storage.atomic import staged
from features.terminal import one_line, write_answer
from models.cli.json_errors import answered, report_error
from models.cli.streams import tell

if TYPE_CHECKING:
    import pandas as pd

DISTRIBUTION = "altseason"
PACKAGES = ("altseason", "numpy", "pandas", "scipy", "scikit-learn", "lightgbm", "mlflow")


class ExitCode(IntEnum):
    """What the commands' exit codes mean."""

    DONE = 0
    FAILURE = 1
    USAGE = 2
    DATA = 3
    ALERT = 4


EPILOG = "Exit codes: 0 done, 1 failure, 2 usage, 3 data stale, insufficient or malformed."
DATE_FORMATS = ["%Y-%m-%d"]

LEDGER = Path("forecasts.jsonl")
LedgerOption = Annotated[
    Path | None,
    typer.Option(help=f"Ledger of forecasts. Default: {LEDGER}.", show_default=False),
]
TrackingOption = Annotated[
    str, typer.Option(help="MLflow store.", envvar="MLFLOW_TRACKING_URI", metavar="URI")
]


def collect_seldom() -> None:
    """Let the collector of cyclic garbage run seldom, and not once more at the exit.

    In a process of seconds almost all that it traces are modules and classes,
    which live to the end anyway: a third of the time of a forecast went into
    that. It still runs, so that a longer process does not grow without bound.
    """
    gc.set_threshold(200_000, 20, 100)
    atexit.register(gc.freeze)


def version_option(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        answer(f"{DISTRIBUTION} {metadata.version(DISTRIBUTION)}")
        raise typer.Exit(ExitCode.DONE)


VersionOption = Annotated[
    bool,
    typer.Option("--version", callback=version_option, is_eager=True, help="Print the version."),
]


def other_command(context: typer.Context) -> bool:
    """Tell whether a command such as ``predict.py score`` is asked for, not the script itself.

    Raises
    ------
    typer.BadParameter
        If an option stands before that command, where it would have no effect.
    """
    command = context.invoked_subcommand
    if command is None:
        return False
    for parameter in context.command.params:
        name = str(parameter.name)
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = parameter.opts[0]
            raise typer.BadParameter(f"{option} must stand behind {command!r}, not before it.")
    return True


def now() -> pd.Timestamp:
    """Read the clock: the current instant in UTC, without time zone."""
    import pandas as pd

    return pd.Timestamp(datetime.now(UTC).replace(tzinfo=None)).as_unit("s")


def time_stamp() -> str:
    """Return the current second in UTC as text, ISO 8601."""
    return f"{now().isoformat()}+00:00"


def user() -> str:
    """Return the name of the user who runs the command, as far as the system knows it."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"


def as_timestamp(day: datetime | None) -> pd.Timestamp | None:
    """Return an option's date as a pandas day."""
    import pandas as pd

    return None if day is None else pd.Timestamp(day).as_unit("s")


DeadlineOption = Annotated[
    float,
    typer.Option(
        min=1,
        max=3600,
        metavar="SECONDS",
        help="Longest wait for an answer over the network: of the store's server, of Yahoo.",
    ),
]


def answer(text: str, beside: str = "") -> None:
    """Print the answer on stdout, ending in one newline.

    Parameters
    ----------
    text : str
        The answer.
    beside : str
        What a person must know if it cannot be printed: what was done, or not, all the same.

    Raises
    ------
    typer.Exit
        With `ExitCode.FAILURE`, after one message, if stdout does not take it.
    """
    fault = write_answer(text)
    answered()
    if fault:
        fail(f"the answer cannot be written to stdout: {fault}{beside}.", ExitCode.FAILURE)


def fail(message: str, code: ExitCode, kind: str = "") -> NoReturn:
    """Print a message on stderr, with ``--json`` on stdout too if it holds no answer, and exit.

    Parameters
    ----------
    message : str
        Rule, value, way out.
    code : ExitCode
        With which the process ends.
    kind : str
        As of `models.cli.json_errors.report_error`; by default the name of the code.
    """
    tell(f"error: {message}")
    report_error(message, kind=kind or code.name.lower(), exit_code=int(code))
    raise typer.Exit(code)


def commit() -> str:
    """Return the git commit of this program, "+changes" behind it if files differ from it."""
    root = Path(__file__).parents[2]
    try:
        head, status = (
            subprocess.run(
                ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True
            ).stdout.strip()
            for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain", "-uno"])
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("+changes" if status else "")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that make the numbers."""
    python = ".".join(map(str, sys.version_info[:3]))
    return {"python": python, **{name: metadata.version(name) for name in PACKAGES}}


class ProgressLine:
    """Progress on stderr: one line that moves on a terminal, a few lines elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        # A process whose stderr is closed has none.
        self.moving = bool(sys.stderr) and sys.stderr.isatty()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show how many of a stage's steps are done."""
        if self.quiet:
            return
        if self.moving:
            end = "\n" if done == total else ""
            with contextlib.suppress(OSError):
                print(f"\r{stage}: {done} of {total}", end=end, file=sys.stderr, flush=True)
        elif done == total or done % max(total // 4, 1) == 0:
            tell(f"{stage}: {done} of {total}")

    def step(self, message: str) -> None:
        """Show what happens next."""
        if not self.quiet:
            self.message(message)

    def message(self, text: str) -> None:
        """Show what a person must know, quiet or not."""
        tell(text)


def require_writable(option: str, path: Path, endings: Sequence[str]) -> None:
    """Refuse a file that could not be written in the end.

    Raises
    ------
    typer.BadParameter
        If its ending is another, it is a directory, or there is none to hold it.
    """
    if path.suffix not in endings:
        raise typer.BadParameter(f"{option} must end in {' or '.join(endings)}, got {path}.")
    if path.is_dir():
        raise typer.BadParameter(f"{option}: {path} is a directory.")
    if path.exists() and not path.is_file():
        raise typer.BadParameter(f"{option}: {path} is there and is no file.")
    if not path.parent.is_dir():
        raise typer.BadParameter(f"{option}: there is no directory {path.parent}.")
    if not os.access(path.parent, os.W_OK):
        raise typer.BadParameter(f"{option}: the directory {path.parent} is not writable.")


def write_files(contents: Mapping[Path, tuple[str, bytes]]) -> None:
    """Write files, each whole or not at all.

    Parameters
    ----------
    contents : mapping of pathlib.Path to (str, bytes)
        By file the option that names it and its content.
    """
    for path, (option, content) in contents.items():
        try:
            with staged(path) as beside:
                beside.write_bytes(content)
        except OSError as error:
            fail(f"{option} {path}: {error}", ExitCode.FAILURE)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet or CSV by its ending, whole or not at all."""
    with staged(path) as beside:
        if path.suffix == ".parquet":
            table.to_parquet(beside, index=False)
        else:
            table.to_csv(beside, index=False)


def some_text(text: str) -> str:
    """Return an option's text without the blanks around it.

    Raises
    ------
    typer.BadParameter
        If there is none.
    """
    if not text.strip():
        raise typer.BadParameter("must say something, got nothing but blanks.")
    return text.strip()


def parse_horizons(text: str, limit: int) -> tuple[int, ...]:
    """Return the horizons of a comma-separated list, ascending.

    Raises
    ------
    typer.BadParameter
        If one is no whole number from 1 to the limit.
    """
    try:
        horizons = sorted({int(part) for part in text.split(",")})
    except ValueError as error:
        raise typer.BadParameter(
            f"--horizons must be days separated by commas such as 30,60,90, "
            f"got {one_line(text, longest=80)!r}."
        ) from error
    wrong: Sequence[int] = [days for days in horizons if not 1 <= days <= limit]
    if wrong:
        raise typer.BadParameter(f"--horizons must be from 1 to {limit} days, got {wrong[0]}.")
    return tuple(horizons)
