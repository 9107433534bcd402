"""The options of a forecast beyond those of the market.

Imports nothing heavy, so that `--help` answers at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from models.cli.options import (
    DATE_FORMATS,
    LEDGER,
    DeadlineOption,
    LedgerOption,
    TrackingOption,
    require_writable,
)
from models.ledger.alert import Alert
from models.patience import DEADLINE_SECONDS

AsOfOption = Annotated[
    datetime | None,
    typer.Option(
        formats=DATE_FORMATS,
        metavar="YYYY-MM-DD",
        help="Use only what was known at the end of this day. Default: last day of the data.",
        show_default=False,
    ),
]
ByOption = Annotated[
    datetime | None,
    typer.Option(
        formats=DATE_FORMATS,
        metavar="YYYY-MM-DD",
        help="Last day of the outlook, up to three years ahead. Default: end of the year.",
        show_default=False,
    ),
]
FromOption = Annotated[
    datetime | None,
    typer.Option(
        "--from",
        formats=DATE_FORMATS,
        metavar="YYYY-MM-DD",
        help="First day of the outlook, with --by. Default: the day after.",
        show_default=False,
    ),
]
YearOption = Annotated[
    int | None,
    typer.Option(
        metavar="YYYY",
        help="Calendar year of the outlook; what has begun in it counts. "
        "Default: that of the day after.",
        show_default=False,
    ),
]
OnOption = Annotated[
    list[datetime] | None,
    typer.Option(
        formats=DATE_FORMATS,
        metavar="YYYY-MM-DD",
        help="Chance to be in season on this day; repeatable. Default: each month's end.",
        show_default=False,
    ),
]
ModelOption = Annotated[
    str,
    typer.Option(
        help="champion, challenger, trial, a version number, a run id, or a candidate of the "
        "champion's training such as logistic_all.",
        autocompletion=lambda: ["champion", "challenger", "trial", "logistic_all"],
    ),
]
ThresholdOption = Annotated[
    float | None,
    typer.Option(
        metavar="INDEX",
        help="Season index of a broad season: above 50, up to 85; no retraining needed. "
        "Default: the one the model was trained for and verified at, 75.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print CSV, one row per question.")]
HistoryOption = Annotated[
    tuple[datetime, datetime] | None,
    typer.Option(
        formats=DATE_FORMATS,
        metavar="FROM TO",
        help="Print instead today's model for every day of a span, as CSV or JSON. "
        "Days before its training's end are in sample: marked, not out-of-sample evidence.",
        show_default=False,
    ),
]
PlotOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Also draw the season index and the out-of-sample forecasts: .png or .svg.",
        show_default=False,
    ),
]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Also write forecast, evidence and claims as one self-contained page: .html.",
        show_default=False,
    ),
]
SinceOption = Annotated[
    datetime | None,
    typer.Option(
        formats=DATE_FORMATS,
        metavar="YYYY-MM-DD",
        help="First day of the picture. Default: the first forecast out of sample.",
        show_default=False,
    ),
]
RecordOption = Annotated[
    bool, typer.Option("--record", help="Also append the forecast to the ledger.")
]
AlertOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KIND:WINDOW>=P",
        help="Exit with code 4 if this holds: broad:30>=0.5, sustained:year>=40% or, "
        "against the last recorded forecast, broad:30:change>=0.1. With --record an alert that "
        "still holds is not repeated. Repeatable.",
        show_default=False,
    ),
]
FullOption = Annotated[
    bool, typer.Option("--full", help="Print all windows, drivers and the skill too.")
]

_ENDINGS = {"--plot": (".png", ".svg"), "--report": (".html",)}


@dataclass(frozen=True)
class StoreOptions:
    """Which forecaster of which store, and at which threshold broad seasons begin."""

    tracking_uri: TrackingOption = "sqlite:///mlflow.db"
    model: ModelOption = "champion"
    threshold: ThresholdOption = None
    deadline: DeadlineOption = DEADLINE_SECONDS


@dataclass(frozen=True)
class WindowOptions:
    """Which days the outlook speaks of; raises typer.BadParameter where they contradict."""

    by: ByOption = None
    start: FromOption = None
    year: YearOption = None
    on: OnOption = None

    def __post_init__(self) -> None:
        if self.year is not None and self.by is not None:
            raise typer.BadParameter("--year and --by exclude each other.")
        if self.start is not None and self.by is None:
            raise typer.BadParameter("--from goes with --by.")


@dataclass(frozen=True)
class PrintOptions:
    """What is printed, and how; raises typer.BadParameter where it is contradictory."""

    json: JsonOption = False
    csv: CsvOption = False
    full: FullOption = False
    history: HistoryOption = None

    def __post_init__(self) -> None:
        if self.json and self.csv:
            raise typer.BadParameter("--json and --csv exclude each other.")
        if self.full and (self.json or self.csv or self.history):
            raise typer.BadParameter("--full is of the text; --json, --csv and --history hold all.")


@dataclass(frozen=True)
class FileOptions:
    """What is written besides; raises typer.BadParameter where it cannot be."""

    plot: PlotOption = None
    report: ReportOption = None
    since: SinceOption = None

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
    """Whether the forecast is recorded, and where; typer.BadParameter where it cannot be."""

    record: RecordOption = False
    ledger: LedgerOption = None

    def __post_init__(self) -> None:
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


@dataclass(frozen=True)
class ConditionOptions:
    """What is looked for; typer.BadParameter where it cannot be read."""

    alert: AlertOption = None

    def __post_init__(self) -> None:
        try:
            _ = self.alerts
        except ValueError as error:
            raise typer.BadParameter(f"--alert {error}") from error

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """The alerts, each once."""
        return tuple(dict.fromkeys(map(Alert.parse, self.alert or ())))
