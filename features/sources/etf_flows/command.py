"""The command that fills and shows the store of ETF flows.

Imports nothing heavy, so that `--help` answers at once.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from features.sources.etf_flows.location import DATA_VARIABLE, flow_directory
from features.terminal import DEBUG, FAILURE, exit_code_of, printable, write_answer

SCHEMA = "altseason.flows/1"
_EPILOG = "Exit codes: 0 done, 1 failure, 2 usage, 3 data malformed or contradictory."

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Keep ETF figures that were downloaded by hand: import files, show what is held.",
    epilog=_EPILOG,
)


_FileArgument = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="The issuer's fund data of IWM, a daily table of crypto fund flows, or a CSV "
        "with date,net_flow_usd; as .xls (XML), .xlsx, .html or .csv.",
    ),
]
_AssetOption = Annotated[
    Literal["btc", "eth"] | None,
    typer.Option(help="Whose flows a plain CSV holds.", show_default=False),
]
_ReplaceOption = Annotated[
    bool, typer.Option("--replace", help="Replace stored figures that FILE contradicts.")
]
_DebugOption = Annotated[bool, typer.Option(DEBUG, help="Show the trace of an unexpected error.")]
_DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Read and compare, but write nothing.")
]
_StoreOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help=f"Directory of the store. Default: ${DATA_VARIABLE} or the user's data directory.",
        show_default=False,
    ),
]


@app.command("import", epilog=_EPILOG)
def import_file(
    file: _FileArgument,
    asset: _AssetOption = None,
    store: _StoreOption = None,
    replace: _ReplaceOption = False,
    dry_run: _DryRunOption = False,
    debug: _DebugOption = False,
) -> None:
    """Check a downloaded file, show what it says and merge it into the store.

    Everything in the file is kept or nothing is. Importing a file again
    changes nothing.
    """
    directory = store or flow_directory()
    _answer(lambda: _imported(file, asset, directory, replace=replace, dry_run=dry_run))


@app.command(epilog=_EPILOG)
def show(
    store: _StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help=f"As JSON, schema {SCHEMA}.")] = False,
    debug: _DebugOption = False,
) -> None:
    """Show what the store holds: days, gaps and origins of every series."""
    directory = store or flow_directory()
    _answer(lambda: _shown(directory, as_json=as_json))


def _imported(
    file: Path, asset: str | None, directory: Path, *, replace: bool, dry_run: bool
) -> list[str]:
    import pandas as pd

    from features.sources.etf_flows.flow_store import FILE, add, rows_of
    from features.sources.etf_flows.layouts import read_file
    from features.sources.etf_flows.text import import_table

    today = pd.Timestamp(datetime.now(UTC).date()).as_unit("s")
    reading = read_file(file, asset=asset, until=today)
    rows = [
        rows_of(name, values, file.name, reading.provisional)
        for name, values in reading.series.items()
    ]
    merged = add(directory, pd.concat(rows, ignore_index=True), replace=replace, dry_run=dry_run)
    lines = [f"{file.name}: {reading.layout}.", import_table(reading, merged), *reading.notes]
    kept = merged[merged["became"] == "kept"]
    if len(kept):
        lines.append(
            f"Kept against a provisional figure of this file: {len(kept)} final ones, last "
            f"{kept['date'].max():%Y-%m-%d}."
        )
    done = "Nothing written (--dry-run)" if dry_run else "Store"
    return [*lines, f"{done}: {directory / FILE}"]


def _shown(directory: Path, *, as_json: bool) -> list[str]:
    from features.sources.etf_flows.flow_store import FILE, LIMITS
    from features.sources.etf_flows.text import describe, store_table

    path, held = directory / FILE, describe(directory)
    if as_json:
        return [json.dumps({"schema": SCHEMA, "store": str(path), **held}, indent=2)]
    lines = [f"Store: {path}"]
    if held["series"]:
        lines += [store_table(held["series"]), f"Digest: {held['digest']}"]
    missing = [name for name in LIMITS if name not in held["series"]]
    if missing:
        lines.append(f"Not held: {', '.join(missing)}. The features of these flows are missing.")
    return lines


def _answer(lines: Callable[[], list[str]]) -> None:
    """Write the answer to stdout, warnings and the one error to stderr; exit by its code."""
    from features.panel import DataError

    def written() -> int:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            try:
                text = "\n".join(lines())
            finally:
                for warning in caught:
                    print(printable(f"warning: {warning.message}"), file=sys.stderr)
        if fault := write_answer(text):
            print(f"error: the answer cannot be written to stdout: {fault}.", file=sys.stderr)
        return FAILURE if fault else 0

    if code := exit_code_of(written, data_error=DataError):
        raise typer.Exit(code)
