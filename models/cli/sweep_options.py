"""The options of a sweep.

Imports nothing heavy, so that `--help` answers at once.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from models.cli.options import TrackingOption, require_writable
from models.cli.training_options import UntilOption
from models.vocabulary import CandidateName

TABLES = (".csv", ".parquet", ".json")
PICTURES = (".png", ".svg")
# What a shell reports of a command that ctrl-C has ended.
INTERRUPTED = 130


class BackendChoice(StrEnum):
    """Where specifications are evaluated."""

    loky = "loky"
    dask = "dask"
    serial = "serial"


class ManyValues(TyperCommand):
    """A command whose repeatable options take several values at once: ``--top 20 50``."""

    # Any: the context is of a private module of typer's.
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401
        """Give every value an option of its own before click reads them."""
        repeatable = {
            name
            for parameter in self.params
            if getattr(parameter, "multiple", False)
            for name in parameter.opts
        }
        return super().parse_args(ctx, spread(args, repeatable))


def spread(args: list[str], repeatable: Collection[str]) -> list[str]:
    """Return arguments in which an option stands before each of its values.

    Examples
    --------
    >>> spread(["--top", "20", "50", "--jobs", "2"], {"--top"})
    ['--top', '20', '--top', '50', '--jobs', '2']
    """
    spelt: list[str] = []
    option, values = "", 0
    for arg in args:
        if arg.startswith("-"):
            option, values = arg if arg in repeatable else "", 0
        elif option:
            values += 1
            # Its first value follows the option itself.
            if values > 1:
                spelt.append(option)
        spelt.append(arg)
    return spelt


def _values(what: str) -> Any:  # noqa: ANN401 - as typer's own
    return typer.Option(metavar="VALUE...", help=f"{what} One or several.", show_default=False)


ThresholdsOption = Annotated[
    list[float] | None, _values("Season index of a broad season, above 50, to 100.")
]
WindowsOption = Annotated[list[int] | None, _values("Days over which a coin must beat Bitcoin.")]
TopsOption = Annotated[list[int] | None, _values("Number of altcoins by market cap.")]
QuietDaysOption = Annotated[list[int] | None, _values("Days below the threshold before an onset.")]
ModelsOption = Annotated[
    list[CandidateName] | None, _values(f"Candidate: {', '.join(CandidateName)}.")
]
WithoutOption = Annotated[
    list[str] | None, _values("Group of features left out, beside none left out.")
]
SeedsOption = Annotated[list[int] | None, _values("Seed of candidates that draw.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Print the specifications and the time they would take.")
]
BackendOption = Annotated[
    BackendChoice, typer.Option(help="Processes of this machine, a Dask cluster, or one process.")
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="With --backend dask: tcp://HOST:PORT or file:PATH. Default: a cluster here.",
        show_default=False,
    ),
]
StoreOption = Annotated[Path, typer.Option(help="Folder in which results are kept; resumed from.")]
OutOption = Annotated[
    Path | None,
    typer.Option(help=f"Write the table here: {', '.join(TABLES)}.", show_default=False),
]
CurveOption = Annotated[
    Path | None,
    typer.Option(help="Write the specification curve here: .png or .svg.", show_default=False),
]
SweepHorizonsOption = Annotated[
    str, typer.Option(help="Days ahead to verify, separated by commas, 1 to 390.")
]
SweepExperimentOption = Annotated[str, typer.Option(help="MLflow experiment.")]
NoLogOption = Annotated[bool, typer.Option("--no-log", help="Log nothing to MLflow.")]
NoProgressOption = Annotated[bool, typer.Option("--no-progress", help="No progress on stderr.")]


@dataclass(frozen=True)
class ChoiceOptions:
    """What is swept; what is not named is not varied, and with no choice at all the default is."""

    threshold: ThresholdsOption = None
    window: WindowsOption = None
    top: TopsOption = None
    quiet: QuietDaysOption = None
    model: ModelsOption = None
    without: WithoutOption = None
    seed: SeedsOption = None


@dataclass(frozen=True)
class EngineOptions:
    """How it is computed; raises typer.BadParameter where the options contradict each other."""

    until: UntilOption = None
    horizons: SweepHorizonsOption = "30,60,90"
    backend: BackendOption = BackendChoice.loky
    scheduler: SchedulerOption = None
    store: StoreOption = Path("sweep-results")
    dry_run: DryRunOption = False

    def __post_init__(self) -> None:
        if self.scheduler is not None and self.backend is not BackendChoice.dask:
            raise typer.BadParameter("--scheduler goes with --backend dask.")


@dataclass(frozen=True)
class SweepOutputOptions:
    """What it leaves; raises typer.BadParameter where a file cannot be written."""

    out: OutOption = None
    curve: CurveOption = None
    tracking_uri: TrackingOption = "sqlite:///mlflow.db"
    experiment: SweepExperimentOption = "altcoin-season-sweeps"
    no_log: NoLogOption = False

    def __post_init__(self) -> None:
        for option, path, endings in (
            ("--out", self.out, TABLES),
            ("--curve", self.curve, PICTURES),
        ):
            if path is not None:
                require_writable(option, path, endings)
