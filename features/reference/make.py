"""Make the embedded history and membership again: derived values and facts only.

`python -m features.reference.make --source files --data-dir DIR` (`make history DATA_DIR=DIR`)
reads its source once, writes every table and last their card, and lists what has changed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.market.season import OTHERS, index_series
from features.panel import SPECS, DataError, MarketPanel
from features.provenance import DataProvenance
from features.reference.load import (
    CARD_FILE,
    DEFINITIONS_FILE,
    DIRECTORY,
    HISTORY_FILE,
    checked,
    column,
    digests,
    load_reference,
    read_card,
    readable,
)
from features.reference.members import coin_table, coverage, snapshots
from features.reference.membership import COINS_FILE, SNAPSHOTS_FILE
from features.sources.directory import CheckedTables, checked_tables, panel_of
from features.storage.atomic import staged
from features.storage.simulations import cache_directory, simulated_series
from features.terminal import DEBUG, FAILURE, exit_code_of

SOURCES: Mapping[str, Callable[[argparse.Namespace], CheckedTables]] = {
    "files": lambda options: checked_tables(options.data_dir),
}

FAULTS_FILE = "faults.json"  # kept by hand
START = pd.Timestamp("2012-07-01")
SIGNIFICANT_DIGITS = 6
BASE = 100.0

_HOW = {
    "level": f"rebased to {BASE:g} on its first day, {SIGNIFICANT_DIGITS} significant digits",
    "percent": f"a share computed from many values, {SIGNIFICANT_DIGITS} significant digits",
    "flow": f"a ratio to assets or market cap, {SIGNIFICANT_DIGITS} significant digits",
    "number": f"a statistic over coins, {SIGNIFICANT_DIGITS} significant digits",
}


def derive(panel: MarketPanel) -> MarketPanel:
    """Return a panel from the first day on, levels rebased to 100, six significant digits."""
    derived = {}
    for name in panel.names:
        values = panel.series(name).loc[START:]
        if SPECS[name].kind == "level":
            values = values * (BASE / values.iloc[0])
        derived[name] = values.map(_rounded)
    return MarketPanel.from_series(derived, "reference", provenance=panel.provenance)


def _rounded(value: float) -> float:
    return float(np.format_float_scientific(value, precision=SIGNIFICANT_DIGITS - 1))


# --- what is written -----------------------------------------------------------------------------


def write(tables: CheckedTables, panel: MarketPanel, directory: Path) -> None:
    """Write the tables and last their card, each atomically."""
    history = panel.observations()[["series", "date", "value"]]
    history["series"] = history["series"].astype("category")
    _write_parquet(
        history, directory / HISTORY_FILE, use_dictionary=["series"],
        column_encoding={"date": "DELTA_BINARY_PACKED", "value": "BYTE_STREAM_SPLIT"},
    )  # fmt: skip
    indices = pd.DataFrame(
        {
            column(name, definition): values.loc[START:].map(_rounded)
            for definition in OTHERS
            for name, values in index_series(tables.market, definition).items()
        }
    )
    _write_parquet(indices.rename_axis("date"), directory / DEFINITIONS_FILE)
    ranks = snapshots(tables.universe)
    _write_parquet(ranks.assign(coin=ranks["coin"].astype("category")), directory / SNAPSHOTS_FILE)
    with staged(directory / COINS_FILE) as beside:
        coin_table(tables.universe, tables.coins).to_csv(beside, lineterminator="\n")
    files = digests(directory, (HISTORY_FILE, DEFINITIONS_FILE, SNAPSHOTS_FILE, COINS_FILE))
    card = {**_described(panel, indices), "membership": _of_members(tables), "files": files}
    with staged(directory / CARD_FILE) as beside:
        beside.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def _write_parquet(table: pd.DataFrame, path: Path, **encoding: Any) -> None:
    with staged(path) as beside:
        pq.write_table(
            pa.Table.from_pandas(table, preserve_index=table.index.name is not None),
            beside, compression="zstd", compression_level=19, **encoding,
        )  # fmt: skip


def _described(panel: MarketPanel, indices: pd.DataFrame) -> dict[str, object]:
    return {
        "title": "Embedded market history of the altcoin-season forecaster",
        "first_day": f"{START:%Y-%m-%d}",
        "last_day": f"{panel.last_day:%Y-%m-%d}",
        "digest": panel.digest,
        "made_by": "python -m features.reference.make",
        "series": {name: _of_series(panel.series(name), name) for name in panel.names},
        "definitions": {
            "meaning": "season index and carried breadth of other windows and tops",
            "unit": "%",
            "known": "end of the day",
            "columns": {str(name): _span(indices[name].dropna()) for name in indices},
        },
        "known_faults": json.loads((DIRECTORY / FAULTS_FILE).read_text(encoding="utf-8")),
        "provenance": _of_provenance(panel.provenance),
        "terms": "Derived values and facts only (rebased levels, ratios, shares, ranks, months); "
        "no vendor's figures.",
    }


def _of_series(values: pd.Series, name: str) -> dict[str, object]:
    spec = SPECS[name]
    lag = spec.lag_business_days
    return {
        "meaning": spec.meaning,
        "unit": spec.unit,
        "known": f"end of the {lag}. business day after" if lag else "end of the day",
        "made": _HOW[spec.kind],
        **_span(values),
    }


def _span(values: pd.Series) -> dict[str, object]:
    ends = {} if values.empty else {
        "first_day": f"{values.index[0]:%Y-%m-%d}", "last_day": f"{values.index[-1]:%Y-%m-%d}",
    }  # fmt: skip
    return {**ends, "rows": len(values)}


def _of_provenance(provenance: DataProvenance) -> dict[str, object]:
    since = provenance.since
    # A note changed nothing; what was left out stays said.
    findings = [each.text for each in provenance.findings if each.consequence != "note"]
    return {
        "steps": list(provenance.steps),
        "problems": list(provenance.problems),
        "since": None if since is None else f"{since:%Y-%m-%d}",
        **({"findings": findings} if findings else {}),
    }


def _of_members(tables: CheckedTables) -> dict[str, object]:
    return {
        "last_day": f"{tables.universe['snapshot_date'].max():%Y-%m-%d}",
        "columns": {
            "from, to": "first and last month in the top 50",
            "share": "percent of the market cap of the 100 on the last day, estimated",
            "check_30, check_90": "log return against Bitcoin over so many days to check_day",
        },
        "coverage_by_year": coverage(tables.market),
    }


# --- what has changed ----------------------------------------------------------------------------


def changes_text(old: pd.DataFrame, new: pd.DataFrame, what: str) -> str:
    """Return what the new table does not repeat to the bit, on the days that both have.

    Both have the columns `name`, `date` and `value`; a value that one of them lacks is NaN.
    """
    both = old.merge(new, on=["name", "date"], how="outer", suffixes=("_old", "_new"))
    shared = both["date"].isin(old["date"]) & both["date"].isin(new["date"])
    # NaN != NaN: a value that one table lacks differs, and both lack none.
    table = both[shared & (both["value_old"] != both["value_new"])]
    if table.empty:
        return f"No {what} has changed."
    table = table.sort_values(["name", "date"]).set_axis([*table.columns[:2], "old", "new"], axis=1)
    table["change"] = table["new"] - table["old"]
    return f"{len(table)} {what}s have changed:\n{table.to_string(index=False, na_rep='none')}"


def _written(directory: Path) -> dict[str, pd.DataFrame]:
    """Return what a directory holds as tables that can be compared, nothing without a card."""
    if not (directory / CARD_FILE).exists():
        return {}
    history = load_reference(directory).observations()[["series", "date", "value"]]
    with readable(directory):
        ranks = pd.read_parquet(checked(directory, SNAPSHOTS_FILE, read_card(directory)))
    ranks = ranks[["coin", "snapshot_date", "rank"]].astype({"coin": str, "rank": float})
    tables = {"old value": history, "old rank": ranks}
    return {what: rows.set_axis(["name", "date", "value"], axis=1) for what, rows in tables.items()}


# --- the command ---------------------------------------------------------------------------------


def main() -> int:
    """Run the command line."""
    return exit_code_of(_run, data_error=DataError, data_code=FAILURE)


def _run() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", choices=SOURCES, default="files", help="where the data are")
    parser.add_argument("--data-dir", type=Path, required=True, help="directory of market history")
    parser.add_argument(
        "--out", type=Path, default=DIRECTORY, help="where to write (default: here)"
    )
    parser.add_argument(DEBUG, action="store_true", help="show the trace of an unexpected error")
    options = parser.parse_args()
    tables = SOURCES[options.source](options)
    for finding in tables.findings:
        kind = "note" if finding.consequence == "note" else "warning"
        print(f"{kind}: {finding.text}", file=sys.stderr)
    simulated = simulated_series(
        tables.market, cache=cache_directory(), jobs=os.cpu_count() or 1, progress=_show
    )
    panel = panel_of(tables, options.source)
    panel = derive(panel.with_series({str(name): simulated[name] for name in simulated}))
    before = _written(options.out)
    write(tables, panel, options.out)
    after = _written(options.out)
    for what, table in before.items():
        print(changes_text(table, after[what], what))
    print(f"{panel.last_day:%Y-%m-%d}, digest {panel.digest}")
    return 0


def _show(done: int, total: int) -> None:
    if done % 50 == 0 or done == total:
        print(f"simulation: {done} of {total} days", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
