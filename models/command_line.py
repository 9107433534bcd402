"""What the two commands share: options, exit codes, messages, progress.

Imports nothing heavy, so that `--help` answers at once.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    import pandas as pd

    from features.panel import MarketPanel

DISTRIBUTION = "altseason"
PACKAGES = ("altseason", "numpy", "pandas", "scipy", "scikit-learn", "lightgbm", "mlflow")


class ExitCode(IntEnum):
    """What the commands' exit codes mean."""

    DONE = 0
    FAILURE = 1
    USAGE = 2
    DATA = 3


class Source(StrEnum):
    """Where the market data come from."""

    reference = "reference"
    files = "files"


class CandidateName(StrEnum):
    """The candidates, simplest first."""

    climatology = "climatology"
    persistence = "persistence"
    logistic = "logistic"
    simulation = "simulation"
    pool = "pool"
    logistic_simulated = "logistic_simulated"
    logistic_all = "logistic_all"
    lightgbm = "lightgbm"
    lightgbm_all = "lightgbm_all"
    blend = "blend"


EPILOG = "Exit codes: 0 done, 1 failure, 2 usage, 3 data stale, insufficient or malformed."
DATE_FORMATS = ["%Y-%m-%d"]

SourceOption = Annotated[Source, typer.Option(help="Embedded history, or a directory of files.")]
DataDirOption = Annotated[
    Path | None,
    typer.Option(help="Directory of market history, for --source files.", show_default=False),
]
TrackingOption = Annotated[
    str, typer.Option(help="MLflow store.", envvar="MLFLOW_TRACKING_URI", metavar="URI")
]


def version_option(asked: bool) -> None:
    """Print the version and leave."""
    if asked:
        typer.echo(f"{DISTRIBUTION} {metadata.version(DISTRIBUTION)}")
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


def today() -> pd.Timestamp:
    """Read the clock: the current day in UTC."""
    import pandas as pd

    return pd.Timestamp(datetime.now(UTC).date()).as_unit("s")


def now() -> datetime:
    """Read the clock: the current second in UTC."""
    return datetime.now(UTC).replace(microsecond=0)


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


def load_panel(
    source: Source, data_dir: Path | None, day: pd.Timestamp, progress: Progress, jobs: int = 2
) -> MarketPanel:
    """Load the market from the source asked for; rows later than `day` are an error."""
    if source is Source.files:
        if data_dir is None:
            raise typer.BadParameter("--source files needs --data-dir DIR.")
        from features.sources.files import load_files
        from features.sources.simulated import cache_directory, simulated_series

        simulation = partial(
            simulated_series,
            cache=cache_directory(),
            jobs=jobs,
            progress=partial(progress, "simulation"),
        )
        return load_files(data_dir, until=day, simulation=simulation)
    if data_dir is not None:
        raise typer.BadParameter("--data-dir goes with --source files.")
    from features.sources.reference import load_reference

    return load_reference()


@contextlib.contextmanager
def clear_errors() -> Iterator[None]:
    """Turn the errors a user can cause into one message and the documented exit code."""
    from features.panel import DataError
    from models.errors import TrackingError

    try:
        yield
    except DataError as error:
        fail(str(error), ExitCode.DATA)
    except TrackingError as error:
        fail(str(error), ExitCode.FAILURE)


def answer(text: str) -> None:
    """Print the answer on stdout, ending in one newline."""
    typer.echo(text.rstrip("\n"))


def fail(message: str, code: ExitCode) -> NoReturn:
    """Print a message on stderr and exit."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(code)


def commit() -> str:
    """Return the git commit of this program, "+changes" behind it if files differ from it."""
    root = Path(__file__).parent.parent
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


class Progress:
    """Progress on stderr: one line that moves on a terminal, a few lines elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.moving = sys.stderr.isatty()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show how many of a stage's steps are done."""
        if self.quiet:
            return
        if self.moving:
            end = "\n" if done == total else ""
            print(f"\r{stage}: {done} of {total}", end=end, file=sys.stderr, flush=True)
        elif done == total or done % max(total // 4, 1) == 0:
            print(f"{stage}: {done} of {total}", file=sys.stderr, flush=True)

    def say(self, message: str) -> None:
        """Say what happens next."""
        if not self.quiet:
            print(message, file=sys.stderr, flush=True)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet or CSV by its ending, whole or not at all."""
    staged = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if path.suffix == ".parquet":
            table.to_parquet(staged, index=False)
        else:
            table.to_csv(staged, index=False)
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)


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
            f"--horizons must be days separated by commas such as 30,60,90, got {text!r}."
        ) from error
    wrong: Sequence[int] = [days for days in horizons if not 1 <= days <= limit]
    if wrong:
        raise typer.BadParameter(f"--horizons must be from 1 to {limit} days, got {wrong[0]}.")
    return tuple(horizons)
