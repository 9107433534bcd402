"""What the two commands share: options, the clock, who runs what, progress, files.

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
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.storage.atomic import staged
from features.terminal import one_line
from models.cli.errors import ExitCode, answer, fail, tell

if TYPE_CHECKING:
    import pandas as pd

DISTRIBUTION = "altseason"
PACKAGES = (DISTRIBUTION, "numpy", "pandas", "scipy", "scikit-learn", "lightgbm", "mlflow")
TABLES = ("series", "coins", "universe")  # of a data directory
NAMES = ("features", "models", "train", "predict")  # common ones, at the top level
EPILOG = "Exit codes: 0 done, 1 failure, 2 usage, 3 data stale, insufficient or malformed."
LEDGER = Path("forecasts.jsonl")
STORE = "sqlite:///mlflow.db"
_DAYS: Mapping[str, Any] = {
    "formats": ["%Y-%m-%d"], "metavar": "YYYY-MM-DD", "show_default": False,
}  # fmt: skip


def day(text: str, *names: str, **kinds: Any) -> Any:  # noqa: ANN401 (as typer's own)
    """Return an option that takes a day."""
    return typer.Option(*names, help=text, **{**_DAYS, **kinds})


def file(text: str, *names: str) -> Any:  # noqa: ANN401
    """Return an option that takes a file."""
    return typer.Option(*names, help=text, metavar="FILE", show_default=False)


def flag(name: str, text: str) -> Any:  # noqa: ANN401
    """Return an option without a value."""
    return typer.Option(name, help=text)


def some_text(text: str) -> str:
    """Return an option's text without the blanks around it, which must not be all of it."""
    if not text.strip():
        raise typer.BadParameter("must say something, got nothing but blanks.")
    return text.strip()


def _version(wanted: bool) -> None:
    if wanted:
        answer(f"{DISTRIBUTION} {version_text()}")
        raise typer.Exit(ExitCode.DONE)


def version_text() -> str:
    """Return the version of this program."""
    return metadata.version(DISTRIBUTION)


LedgerOption = Annotated[Path | None, file(f"Ledger of forecasts. Default: {LEDGER}.")]
TrackingOption = Annotated[
    str, typer.Option(help="MLflow store.", envvar="MLFLOW_TRACKING_URI", metavar="URI")
]
VersionOption = Annotated[
    bool,
    typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
]
JsonOption = Annotated[bool, flag("--json", "Print JSON.")]
DeadlineOption = Annotated[
    float,
    typer.Option(
        min=1,
        max=3600,
        metavar="SECONDS",
        help="Longest wait for an answer over the network: of the store's server, of Yahoo.",
    ),
]


def other_command(context: typer.Context) -> bool:
    """Return whether a command such as ``predict.py score`` is asked for, not the script itself.

    An option before that command, where it would have no effect, is refused; packages that are
    hidden are named.
    """
    for path in hidden_packages(sys.path):
        tell(
            f"warning: altseason hides {path} from Python here; install altseason into a virtual "
            "environment of its own."
        )
    command = context.invoked_subcommand
    if command is None:
        return False
    for parameter in context.command.params:
        source = context.get_parameter_source(str(parameter.name))
        if source is not None and source.name == "COMMANDLINE":
            option = parameter.opts[0]
            raise typer.BadParameter(f"{option} must stand after {command!r}, not before it.")
    return True


def hidden_packages(paths: Sequence[str]) -> list[Path]:
    """Return modules of this program's names that stand on the path and are not its own.

    >>> hidden_packages(["no such folder"])
    []
    """
    home = Path(__file__).resolve().parents[2]
    hidden = []
    for entry in dict.fromkeys(Path(path or ".").resolve() for path in paths):
        # Another copy of this program is no stranger.
        if entry != home and not (entry / "models" / "cli" / "options.py").is_file():
            names = (module for name in NAMES for module in (f"{name}/__init__.py", f"{name}.py"))
            hidden += [entry / name for name in names if (entry / name).is_file()]
    return hidden


def collect_seldom() -> None:
    """Let the collector of cyclic garbage run seldom, and not once more at the exit.

    In a process of seconds almost all that it traces are modules and classes, which live to the
    end anyway. It still runs, so that a longer process does not grow without bound.
    """
    gc.set_threshold(200_000, 20, 100)
    atexit.register(gc.freeze)


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


def commit() -> str:
    """Return the git commit of this program, with "+changes" if files differ from it."""
    git = ["git", "-C", str(Path(__file__).parents[2])]
    try:
        head, status = (
            subprocess.run([*git, *rest], capture_output=True, text=True, check=True).stdout.strip()
            for rest in (["rev-parse", "HEAD"], ["status", "--porcelain", "-uno"])
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("+changes" if status else "")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that make the numbers."""
    python = ".".join(map(str, sys.version_info[:3]))
    return {"python": python, **{name: metadata.version(name) for name in PACKAGES}}


def as_timestamp(day: datetime | None) -> pd.Timestamp | None:
    """Return an option's date as a pandas day."""
    import pandas as pd

    return None if day is None else pd.Timestamp(day).as_unit("s")


def parse_horizons(text: str, limit: int) -> tuple[int, ...]:
    """Return the horizons of a comma-separated list, ascending, each from 1 to the limit."""
    try:
        horizons = sorted({int(part) for part in text.split(",")})
    except ValueError as error:
        raise typer.BadParameter(
            f"--horizons must be days separated by commas such as 30,60,90, "
            f"got {one_line(text, longest=80)!r}."
        ) from error
    if wrong := [days for days in horizons if not 1 <= days <= limit]:
        raise typer.BadParameter(f"--horizons must be from 1 to {limit} days, got {wrong[0]}.")
    return tuple(horizons)


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
    """Refuse a file that could not be written in the end."""
    wrong = None
    if path.suffix not in endings:
        wrong = f"{option} must end in {' or '.join(endings)}, got {path}"
    elif path.is_dir():
        wrong = f"{option}: {path} is a directory"
    elif path.exists() and not path.is_file():
        wrong = f"{option}: {path} is there and is no file"
    elif not path.parent.is_dir():
        wrong = f"{option}: there is no directory {path.parent}"
    elif not os.access(path.parent, os.W_OK):
        wrong = f"{option}: the directory {path.parent} is not writable"
    if wrong:
        raise typer.BadParameter(f"{wrong}.")


def refuse_shared(values: Mapping[str, object]) -> None:
    """Refuse options, by parameter, that name one file for two purposes."""
    files: dict[str, str] = {}
    if isinstance(directory := values.get("data_dir"), Path) and directory.is_dir():
        read = [table for table in directory.iterdir() if table.suffix in (".csv", ".parquet")]
        files = {os.path.realpath(table): "--data-dir" for table in read if table.stem in TABLES}
    for name, value in values.items():
        path = value
        if name == "ledger" and values.get("record"):
            path = value or LEDGER
        elif name == "tracking_uri":
            path = Path(str(value).removeprefix("sqlite:///"))
        if isinstance(path, Path):
            option = f"--{name.replace('_', '-')}"
            # By a link too it is the same file.
            if (other := files.setdefault(os.path.realpath(path), option)) != option:
                raise typer.BadParameter(
                    f"{other} and {option} must name different files, got {path} for both."
                )


def write_files(contents: Mapping[Path, tuple[str, bytes]]) -> None:
    """Write files by path, with the option that names each; each whole or not at all."""
    for path, (option, content) in contents.items():
        try:
            write_file(path, content)
        except OSError as error:
            fail(f"{option} {path}: {error}", ExitCode.FAILURE)


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with staged(path) as beside:
        beside.write_bytes(content)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet or CSV by its ending, whole or not at all."""
    with staged(path) as beside:
        if path.suffix == ".parquet":
            table.to_parquet(beside, index=False)
        else:
            table.to_csv(beside, index=False)
