"""The options of a training beyond those of the market.

Imports nothing heavy, so that `--help` answers at once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from models.cli.options import (
    STORE,
    DeadlineOption,
    TrackingOption,
    day,
    flag,
    require_writable,
    some_text,
)
from models.errors import DEADLINE_SECONDS
from models.vocabulary import CandidateName

UntilOption = Annotated[
    datetime | None,
    day("Use nothing published after this day. Default: last day of the data."),
]
# More than a few for each processor only wait for one another, and fill the memory.
MOST_JOBS = max(8, 4 * (os.cpu_count() or 1))
JobsOption = Annotated[int, typer.Option(min=1, max=MOST_JOBS, help="Processes.")]
QuietOption = Annotated[bool, flag("--quiet", "No progress on stderr.")]
HoldOption = Annotated[bool, flag("--hold", "No training shall replace it until train.py resume.")]
ReasonOption = Annotated[
    str, typer.Option(callback=some_text, help="Why; shown in MLflow.", show_default=False)
]


@dataclass(frozen=True)
class TrainingOptions:
    """What is trained and verified; raises typer.BadParameter where it cannot be."""

    until: UntilOption = None
    model: Annotated[
        list[CandidateName] | None,
        typer.Option(
            metavar="NAME",
            help=f"Candidate: {', '.join(CandidateName)}. Repeat for several. Default: all.",
            show_default=False,
        ),
    ] = None
    threshold: Annotated[
        float, typer.Option(help="Season index of a broad season: above 50, up to 100.")
    ] = 75.0
    horizons: Annotated[
        str, typer.Option(help="Days ahead to verify, separated by commas, 1 to 390.")
    ] = "30,60,90,180,365"
    seed: Annotated[int, typer.Option(min=0, help="Seed of all random numbers.")] = 0

    def __post_init__(self) -> None:
        # A broad season must be more than a partial one.
        if not 50 < self.threshold <= 100:
            raise typer.BadParameter(
                f"--threshold must be above 50 (a partial season's) and at most 100, "
                f"got {self.threshold:g}."
            )


@dataclass(frozen=True)
class LoggingOptions:
    """Where a training is logged and what it leaves; typer.BadParameter where it cannot."""

    tracking_uri: TrackingOption = STORE
    experiment: Annotated[str, typer.Option(help="MLflow experiment.")] = "altcoin-season"
    run_name: Annotated[
        str | None, typer.Option(help="Name of the run in MLflow.", show_default=False)
    ] = None
    hindcast_out: Annotated[
        Path | None,
        typer.Option(
            help="Write the out-of-sample forecasts here: .parquet or .csv.", show_default=False
        ),
    ] = None
    report: Annotated[
        bool,
        flag(
            "--report",
            "Also test events, feature groups and the claims about small caps (a minute).",
        ),
    ] = False
    no_promote: Annotated[
        bool, flag("--no-promote", "Register as challenger; keep the champion.")
    ] = False
    deadline: DeadlineOption = DEADLINE_SECONDS

    def __post_init__(self) -> None:
        if self.hindcast_out is not None:
            require_writable("--hindcast-out", self.hindcast_out, (".parquet", ".csv"))
