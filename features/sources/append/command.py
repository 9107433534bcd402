"""The command that appends later days to a directory of market history.

Exit codes: 0 done, 1 a file cannot be read or written, 2 usage, 3 the data are malformed or
contradict each other. But for 0 nothing was written.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from features.panel import DataError
from features.reference.revision import revision_text
from features.sources.append.directory import Appended, Contradiction, append
from features.terminal import DATA, DEBUG, exit_code_of, one_line


def contradiction_text(rows: pd.DataFrame) -> str:
    """Return contradicting rows for a person to read, one line each.

    Parameters
    ----------
    rows : pandas.DataFrame
        As in `Contradiction`.

    Examples
    --------
    >>> row = ("coins", "bitcoin", pd.Timestamp("2025-12-10"), "close_usd", 92_000.5, None)
    >>> columns = ["table", "name", "date", "column", "old", "new"]
    >>> contradiction_text(pd.DataFrame([row], columns=columns))
    'coins: bitcoin on 2025-12-10: close_usd is 92000.5, would be none'
    """
    return "\n".join(
        f"{row.table}: {row.name} on {row.date:%Y-%m-%d}: {row.column} is {_figure(row.old)}, "
        f"would be {_figure(row.new)}"
        for row in rows[["table", "name", "date", "column", "old", "new"]].itertuples(index=False)
    )


def _figure(value: object) -> str:
    return "none" if value is None or value != value else f"{float(str(value))!r}"


def appended_text(done: Appended) -> str:
    """Return what was appended for a person to read."""
    lines = [
        f"{name}: {merge.added} rows added, {merge.same} there already, {merge.replaced} replaced, "
        f"{merge.removed} removed."
        for name, merge in done.merges.items()
    ]
    if len(done.revised):
        lines += [
            contradiction_text(done.revised),
            revision_text(done.revisions, done.old_last_day),
        ]
    lines.append(
        f"The season index ends on {done.panel.last_day:%Y-%m-%d} "
        f"(before: {done.old_last_day:%Y-%m-%d}); digest {done.panel.digest[:12]}."
    )
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m features.sources.append",
        description="Append later days to a directory for --source files.",
        epilog="Exit codes: 0 done, 1 a file cannot be read or written, 2 usage, 3 data malformed "
        "or contradictory (nothing was written).",
    )
    parser.add_argument("--data-dir", type=Path, required=True, help="directory of market history")
    parser.add_argument(
        "--add", type=Path, required=True, metavar="DIR",
        help="directory of later days: series, coins, universe or some of them",
    )  # fmt: skip
    parser.add_argument(
        "--replace",
        action="store_true",
        help="replace what --add contradicts, and list it in a file",
    )
    parser.add_argument("--dry-run", action="store_true", help="check all, write nothing")
    parser.add_argument(DEBUG, action="store_true", help="show the trace of an unexpected error")
    return parser


def main() -> int:
    """Run the command line."""
    return exit_code_of(_run, data_error=DataError)


def _run() -> int:
    parser = _parser()
    options = parser.parse_args()
    for path in (options.data_dir, options.add):
        if not path.is_dir():
            parser.error(f"{one_line(path, longest=80)} is no directory.")
    if options.data_dir.resolve() == options.add.resolve():
        parser.error("--data-dir and --add must be two directories.")
    today = pd.Timestamp(datetime.now(UTC).date()).as_unit("s")
    try:
        done = append(
            options.data_dir, options.add, until=today, replace=options.replace,
            dry_run=options.dry_run,
        )  # fmt: skip
    except Contradiction as error:
        print(f"{contradiction_text(error.rows)}\nerror: {error}", file=sys.stderr)
        return DATA
    print(appended_text(done))
    if options.dry_run:
        print("Nothing written (--dry-run).")
    elif done.report is not None:
        print(f"What was replaced: {done.report}")
    return 0
