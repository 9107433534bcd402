"""The command that fills and shows the store of ETF flows.

Imports nothing heavy, so that `--help` answers at once.
"""

from __future__ import annotations

import contextlib
import json
import sys
import warnings
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from features.sources.etf_flows.location import DATA_VARIABLE, flow_directory
from features.terminal import DATA, DEBUG, FAILURE, message_of, printable, write_answer

SCHEMA = "altseason.flows/1"

EPILOG = "Exit codes: 0 done, 1 failure, 2 usage, 3 data malformed or contradictory."

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Keep ETF figures that were downloaded by hand: import files, show what is held.",
    epilog=EPILOG,
)


class Asset(StrEnum):
    """Whose flows a plain CSV holds."""

    btc = "btc"
    eth = "eth"


FileArgument = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="The issuer's fund data of IWM, a daily table of crypto fund flows, or a CSV "
        "with date,net_flow_usd; as .xls (XML), .xlsx, .html or .csv.",
    ),
]
AssetOption = Annotated[
    Asset | None, typer.Option(help="Whose flows a plain CSV holds.", show_default=False)
]
ReplaceOption = Annotated[
    bool, typer.Option("--replace", help="Replace stored figures that FILE contradicts.")
]
DebugOption = Annotated[bool, typer.Option(DEBUG, help="Show the trace of an unexpected error.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Read and compare, but write nothing.")
]
StoreOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help=f"Directory of the store. Default: ${DATA_VARIABLE} or the user's data directory.",
        show_default=False,
    ),
]


@app.command("import", epilog=EPILOG)
def import_file(
    file: FileArgument,
    asset: AssetOption = None,
    store: StoreOption = None,
    replace: ReplaceOption = False,
    dry_run: DryRunOption = False,
    debug: DebugOption = False,
) -> None:
    """Check a downloaded file, show what it says and merge it into the store.

    Everything in the file is kept or nothing is. Importing a file again
    changes nothing.
    """
    with _clear_errors():
        import pandas as pd

        from features.sources.etf_flows.flow_store import FILE, add, rows_of
        from features.sources.etf_flows.layouts import read_file
        from features.sources.etf_flows.text import import_table

        today = pd.Timestamp(datetime.now(UTC).date()).as_unit("s")
        directory = store or flow_directory()
        reading = read_file(file, asset=None if asset is None else asset.value, until=today)
        rows = pd.concat(
            [
                rows_of(name, values, file.name, reading.provisional.get(name))
                for name, values in reading.series.items()
            ],
            ignore_index=True,
        )
        merge = add(directory, rows, replace=replace, dry_run=dry_run)
    lines = [f"{file.name}: {reading.layout}.", import_table(reading, merge), *reading.notes]
    if len(merge.kept):
        lines.append(
            f"Kept against a provisional figure of this file: {len(merge.kept)} final ones, last "
            f"{merge.kept['date'].max():%Y-%m-%d}."
        )
    done = "Nothing written (--dry-run)" if dry_run else "Store"
    _answer([*lines, f"{done}: {directory / FILE}"])


@app.command(epilog=EPILOG)
def show(
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help=f"As JSON, schema {SCHEMA}.")] = False,
    debug: DebugOption = False,
) -> None:
    """Show what the store holds: days, gaps and origins of every series."""
    with _clear_errors():
        from features.sources.etf_flows.checks import LIMITS
        from features.sources.etf_flows.flow_store import FILE
        from features.sources.etf_flows.text import describe, store_table

        path = (store or flow_directory()) / FILE
        held = describe(path.parent)
    if as_json:
        _answer([json.dumps({"schema": SCHEMA, "store": str(path), **held}, indent=2)])
        return
    lines = [f"Store: {path}"]
    if held["series"]:
        lines += [store_table(held["series"]), f"Digest: {held['digest']}"]
    missing = [name for name in LIMITS if name not in held["series"]]
    if missing:
        lines.append(f"Not held: {', '.join(missing)}. The features of these flows are missing.")
    _answer(lines)


@contextlib.contextmanager
def _clear_errors() -> Iterator[None]:
    """Turn errors and warnings into one message each on stderr, errors into their exit code."""
    from features.panel import DataError
    from features.sources.etf_flows.flow_store import StoreError

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            yield
        except DataError as error:
            _tell(f"error: {error}")
            raise typer.Exit(FAILURE if isinstance(error, StoreError) else DATA) from error
        except Exception as error:
            if DEBUG in sys.argv[1:]:
                raise
            _tell(f"error: {message_of(error)}")
            raise typer.Exit(FAILURE) from error
        finally:
            for warning in caught:
                _tell(f"warning: {warning.message}")


def _answer(lines: Sequence[str]) -> None:
    if fault := write_answer("\n".join(lines)):
        _tell(f"error: the answer cannot be written to stdout: {fault}.")
        raise typer.Exit(FAILURE)


def _tell(text: str) -> None:
    typer.echo(printable(text), err=True)
