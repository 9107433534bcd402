"""The options of a forecast beyond those of the market.

Imports nothing heavy, so that `--help` answers at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.cli.options import (
    LEDGER,
    STORE,
    DeadlineOption,
    JsonOption,
    LedgerOption,
    TrackingOption,
    day,
    file,
    flag,
    require_writable,
)
from models.errors import DEADLINE_SECONDS

if TYPE_CHECKING:
    from models.ledger.alert import Alert

AsOfOption = Annotated[
    datetime | None,
    day("Use only what was known at the end of this day. Default: last day of the data."),
]
_MODELS = ["champion", "challenger", "trial", "logistic_all"]
_ENDINGS = {"--plot": (".png", ".svg"), "--report": (".html",)}


@dataclass(frozen=True)
class StoreOptions:
    """Which forecaster of which store, and at which threshold broad seasons begin."""

    tracking_uri: TrackingOption = STORE
    model: Annotated[
        str,
        typer.Option(
            help="champion, challenger, trial, a version number, a run id, or a candidate of the "
            "champion's training such as logistic_all.",
            autocompletion=lambda: _MODELS,
        ),
    ] = "champion"
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="INDEX",
            help="Season index of a broad season: above 50, up to 85; no retraining needed. "
            "Default: the one the model was trained for and verified at, 75.",
            show_default=False,
        ),
    ] = None
    deadline: DeadlineOption = DEADLINE_SECONDS


@dataclass(frozen=True)
class WindowOptions:
    """Which days the outlook speaks of; raises typer.BadParameter where they contradict."""

    by: Annotated[
        datetime | None,
        day("Last day of the outlook, up to three years ahead. Default: end of the year."),
    ] = None
    start: Annotated[
        datetime | None,
        day("First day of the outlook, with --by. Default: the day after.", "--from"),
    ] = None
    year: Annotated[
        int | None,
        typer.Option(
            metavar="YYYY",
            help="Calendar year of the outlook; what has begun in it counts. "
            "Default: that of the day after.",
            show_default=False,
        ),
    ] = None
    on: Annotated[
        list[datetime] | None,
        day("Chance to be in season on this day; repeatable. Default: each month's end."),
    ] = None

    def __post_init__(self) -> None:
        if self.year is not None and self.by is not None:
            raise typer.BadParameter("--year and --by exclude each other.")
        if self.start is not None and self.by is None:
            raise typer.BadParameter("--from goes with --by.")


@dataclass(frozen=True)
class PrintOptions:
    """What is printed, and how; raises typer.BadParameter where it is contradictory."""

    json: JsonOption = False
    csv: Annotated[bool, flag("--csv", "Print CSV, one row per question.")] = False
    full: Annotated[bool, flag("--full", "Print all windows, drivers and the skill too.")] = False
    history: Annotated[
        tuple[datetime, datetime] | None,
        day(
            "Print instead today's model for every day of a span, as CSV or JSON. Days before its "
            "training's end are in sample: marked, not out-of-sample evidence.",
            metavar="FROM TO",
        ),
    ] = None

    def __post_init__(self) -> None:
        if self.json and self.csv:
            raise typer.BadParameter("--json and --csv exclude each other.")
        if self.full and (self.json or self.csv or self.history):
            raise typer.BadParameter("--full is of the text; --json, --csv and --history hold all.")


@dataclass(frozen=True)
class FileOptions:
    """What is written besides; raises typer.BadParameter where it cannot be."""

    plot: Annotated[
        Path | None,
        file("Also draw the season index and the out-of-sample forecasts: .png or .svg."),
    ] = None
    report: Annotated[
        Path | None,
        file("Also write forecast, evidence and claims as one self-contained page: .html."),
    ] = None
    since: Annotated[
        datetime | None,
        day("First day of the picture. Default: the first forecast out of sample."),
    ] = None

    def __post_init__(self) -> None:
        if self.since and not self.files:
            raise typer.BadParameter("--since goes with --plot or --report.")
        for path, option in self.files.items():
            require_writable(option, path, _ENDINGS[option])

    @property
    def files(self) -> Mapping[Path, str]:
        """The option that names each file."""
        named = {"--plot": self.plot, "--report": self.report}
        return {path: option for option, path in named.items() if path is not None}


@dataclass(frozen=True)
class RecordOptions:
    """Whether the forecast is recorded, where, and what is looked for in it."""

    record: Annotated[bool, flag("--record", "Also append the forecast to the ledger.")] = False
    ledger: LedgerOption = None
    alert: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND:WINDOW>=P",
            help="Exit with code 4 if this holds: broad:30>=0.5, sustained:year>=40% or, "
            "against the last recorded forecast, broad:30:change>=0.1. With --record an alert that "
            "still holds is not repeated. Repeatable.",
            show_default=False,
        ),
    ] = None

    def __post_init__(self) -> None:
        try:
            _ = self.alerts
        except ValueError as error:
            raise typer.BadParameter(f"--alert {error}") from error
        if self.ledger is not None and not self.record:
            raise typer.BadParameter("--ledger goes with --record.")
        if (path := self.path) is None:
            return
        if path.exists() and not path.is_file():
            raise typer.BadParameter(f"--ledger: {path} is no file.")
        if not path.parent.is_dir():
            raise typer.BadParameter(f"--ledger: there is no directory {path.parent}.")

    @property
    def path(self) -> Path | None:
        """The ledger to append to, None if the forecast is not recorded."""
        return (self.ledger or LEDGER) if self.record else None

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """The alerts, without repetitions."""
        if not self.alert:
            return ()
        from models.ledger.alert import Alert

        return tuple(dict.fromkeys(map(Alert.parse, self.alert)))
