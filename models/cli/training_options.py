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
    DATE_FORMATS,
    DeadlineOption,
    TrackingOption,
    require_writable,
    some_text,
)
from models.patience import DEADLINE_SECONDS
from models.vocabulary import CandidateName

UntilOption = Annotated[
    datetime | None,
    typer.Option(
        formats=DATE_FORMATS,
        metavar="YYYY-MM-DD",
        help="Use nothing published after this day. Default: last day of the data.",
        show_default=False,
    ),
]
CandidatesOption = Annotated[
    list[CandidateName] | None,
    typer.Option(
        metavar="NAME",
        help=f"Candidate: {', '.join(CandidateName)}. Repeat for several. Default: all.",
        show_default=False,
    ),
]
ThresholdOption = Annotated[
    float, typer.Option(help="Season index of a broad season: above 50, up to 100.")
]
HorizonsOption = Annotated[
    str, typer.Option(help="Days ahead to verify, separated by commas, 1 to 390.")
]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed of all random numbers.")]
ExperimentOption = Annotated[str, typer.Option(help="MLflow experiment.")]
RunNameOption = Annotated[
    str | None, typer.Option(help="Name of the run in MLflow.", show_default=False)
]
HindcastOption = Annotated[
    Path | None,
    typer.Option(
        help="Write the out-of-sample forecasts here: .parquet or .csv.", show_default=False
    ),
]
ReportOption = Annotated[
    bool,
    typer.Option(
        "--report",
        help="Also test events, feature groups and the claims about small caps (a minute).",
    ),
]
NoPromoteOption = Annotated[
    bool, typer.Option("--no-promote", help="Register as challenger; keep the champion.")
]
# More than a few for each processor only wait for one another, and fill the memory.
MOST_JOBS = max(8, 4 * (os.cpu_count() or 1))
JobsOption = Annotated[int, typer.Option(min=1, max=MOST_JOBS, help="Processes.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")]
HoldOption = Annotated[
    bool, typer.Option("--hold", help="No training shall replace it until train.py resume.")
]
ReasonOption = Annotated[
    str, typer.Option(callback=some_text, help="Why; shown in MLflow.", show_default=False)
]


@dataclass(frozen=True)
class TrainingOptions:
    """What is trained and verified; raises typer.BadParameter where it cannot be."""

    until: UntilOption = None
    model: CandidatesOption = None
    threshold: ThresholdOption = 75.0
    horizons: HorizonsOption = "30,60,90,180,365"
    seed: SeedOption = 0

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

    tracking_uri: TrackingOption = "sqlite:///mlflow.db"
    experiment: ExperimentOption = "altcoin-season"
    run_name: RunNameOption = None
    hindcast_out: HindcastOption = None
    report: ReportOption = False
    no_promote: NoPromoteOption = False
    deadline: DeadlineOption = DEADLINE_SECONDS

    def __post_init__(self) -> None:
        if self.hindcast_out is not None:
            require_writable("--hindcast-out", self.hindcast_out, (".parquet", ".csv"))
