"""Make the embedded history and membership again: derived values and facts only.

`python -m features.reference.make --source files --data-dir DIR` (`make history DATA_DIR=DIR`)
reads its source once, writes every table and last their card, and lists what has changed. With
`--source coinmarketcap` the embedded history itself goes on by the days since, and not one old
value may change.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.panel import SPECS, DataError, MarketPanel, SourceUnavailable
from features.provenance import DataProvenance
from features.reference.load import (
    CARD_FILE,
    DEFINITIONS_FILE,
    DIRECTORY,
    HISTORY_FILE,
    checked,
    digests,
    load_reference,
    read_card,
    readable,
)
from features.reference.makers import Made, from_coinmarketcap, from_tables
from features.reference.membership import COINS_FILE, SNAPSHOTS_FILE
from features.sources.coinmarketcap.client import CoinMarketCap
from features.sources.directory import checked_tables, panel_of
from features.sources.etf_flows.location import flow_directory
from features.sources.yahoo.price_cache import PriceCache
from features.sources.yahoo.request import Request
from features.storage.atomic import staged
from features.storage.simulations import cache_directory, simulated_series
from features.terminal import DEBUG, FAILURE, exit_code_of

SOURCES: Mapping[str, Callable[[argparse.Namespace], Made]] = {
    "files": lambda options: _from_files(options),
    "coinmarketcap": lambda options: _from_coinmarketcap(),
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


def write(made: Made, panel: MarketPanel, directory: Path) -> None:
    """Write the tables and last their card, each atomically; the panel is the derived one."""
    history = panel.observations()[["series", "date", "value"]]
    history["series"] = history["series"].astype("category")
    _write_parquet(
        history, directory / HISTORY_FILE, use_dictionary=["series"],
        column_encoding={"date": "DELTA_BINARY_PACKED", "value": "BYTE_STREAM_SPLIT"},
    )  # fmt: skip
    indices = made.indices.loc[START:].map(_rounded)
    _write_parquet(indices.rename_axis("date"), directory / DEFINITIONS_FILE, use_dictionary=False)
    ranks = made.ranks.assign(coin=made.ranks["coin"].astype("category"))
    _write_parquet(ranks, directory / SNAPSHOTS_FILE)
    with staged(directory / COINS_FILE) as beside:
        made.coins.to_csv(beside, lineterminator="\n")
    files = digests(directory, (HISTORY_FILE, DEFINITIONS_FILE, SNAPSHOTS_FILE, COINS_FILE))
    card = {**_described(panel, indices), "membership": _of_members(made), "files": files}
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
        "no vendor's figures." + (f" {terms}" if (terms := panel.provenance.terms) else ""),
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
    # A note changed nothing; what was left out stays named, without a vendor's closes.
    findings = [
        f"{each.series} from {each.first_day:%Y-%m-%d} to {each.last_day:%Y-%m-%d}: {each.rule}, "
        f"{each.consequence}"
        for each in provenance.findings
        if each.consequence != "note"
    ]
    return {
        "steps": list(provenance.steps),
        "problems": list(provenance.problems),
        "since": None if since is None else f"{since:%Y-%m-%d}",
        **({"findings": findings} if findings else {}),
        **({"terms": provenance.terms} if provenance.terms else {}),
    }


def _of_members(made: Made) -> dict[str, object]:
    return {
        "last_day": f"{made.last_ranking:%Y-%m-%d}",
        "columns": {
            "from, to": "first and last month in the top 50",
            "share": "percent of the market cap of the 100 on the last day, estimated",
            "check_30, check_90": "log return against Bitcoin over so many days to check_day",
        },
        "coverage_by_year": list(made.coverage),
    }


# --- what has changed ----------------------------------------------------------------------------


def changes_text(old: pd.DataFrame, new: pd.DataFrame, what: str) -> str:
    """Return what the new table does not repeat to the bit, on the days that both have.

    Both have the columns `name`, `date` and `value`; a value that one of them lacks is NaN.
    """
    both = old.merge(new, on=["name", "date"], how="outer", suffixes=("_old", "_new"))
    shared = both["date"].isin(old["date"]) & both["date"].isin(new["date"])
    # NaN != NaN: a value that one table lacks differs, and no value is lacking in both.
    table = both[shared & (both["value_old"] != both["value_new"])]
    if table.empty:
        return f"No {what} has changed."
    table = table.sort_values(["name", "date"]).set_axis([*table.columns[:2], "old", "new"], axis=1)
    table["change"] = table["new"] - table["old"]
    return f"{len(table)} {what}s have changed:\n{table.to_string(index=False, na_rep='gone')}"


def _written(directory: Path) -> dict[str, pd.DataFrame]:
    """Return what a directory holds as tables that can be compared, nothing without a card."""
    if not (directory / CARD_FILE).exists():
        return {}
    with readable(directory):
        ranks = pd.read_parquet(checked(directory, SNAPSHOTS_FILE, read_card(directory)))
    return _compared(load_reference(directory), ranks)


def _compared(panel: MarketPanel, ranks: pd.DataFrame) -> dict[str, pd.DataFrame]:
    history = panel.observations()[["series", "date", "value"]]
    ranks = ranks[["coin", "snapshot_date", "rank"]].astype({"coin": str, "rank": float})
    tables = {"old value": history, "old rank": ranks}
    return {what: rows.set_axis(["name", "date", "value"], axis=1) for what, rows in tables.items()}


# --- the command ---------------------------------------------------------------------------------


def main() -> int:
    """Run the command line."""
    return exit_code_of(_run, data_error=DataError, data_code=FAILURE)


def _run() -> int:
    options = _options()
    made = SOURCES[options.source](options)
    for finding in made.findings:
        kind = "note" if finding.consequence == "note" else "warning"
        print(f"{kind}: {finding.text}", file=sys.stderr)
    if made.panel.provenance.terms:
        print(f"note: {made.panel.provenance.terms}", file=sys.stderr)
    panel = derive(made.panel)
    before, after = _written(options.out), _compared(panel, made.ranks)
    changes = [changes_text(table, after[what], what) for what, table in before.items()]
    changed = [text for text in changes if not text.startswith("No ")]
    if made.grows and changed:
        raise DataError(
            f"{options.out}: nothing was written, since old values would be other ones: "
            f"{' '.join(changed)}; restore the history that is installed, or make it from files."
        )
    write(made, panel, options.out)
    print("\n".join([*changes, f"{panel.last_day:%Y-%m-%d}, digest {panel.digest}"]))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", choices=SOURCES, default="files", help="where the data are")
    parser.add_argument("--data-dir", type=Path, help="directory of market history, for files")
    parser.add_argument(
        "--out", type=Path, default=DIRECTORY, help="where to write (default: here)"
    )
    parser.add_argument(DEBUG, action="store_true", help="show the trace of an unexpected error")
    options = parser.parse_args()
    if (options.source == "files") != bool(options.data_dir):
        parser.error("--data-dir DIR goes with --source files, which needs it.")
    return options


def _from_files(options: argparse.Namespace) -> Made:
    tables = checked_tables(options.data_dir)
    simulated = simulated_series(
        tables.market, cache=cache_directory(), jobs=os.cpu_count() or 1, progress=_show
    )
    panel = panel_of(tables, options.source)
    return from_tables(
        tables, panel.with_series({str(name): simulated[name] for name in simulated})
    )


def _from_coinmarketcap() -> Made:
    cache, now = cache_directory(), pd.Timestamp(datetime.now(UTC)).tz_localize(None)
    client = CoinMarketCap.from_environment(say=lambda text: print(text, file=sys.stderr))
    request = Request(
        PriceCache(cache), now, "online", cache, flow_directory(), jobs=os.cpu_count() or 1,
        progress=lambda stage, done, total: _show(done, total, stage),
    )  # fmt: skip
    try:
        return from_coinmarketcap(request, client)
    except SourceUnavailable as error:
        raise DataError(str(error)) from error


def _show(done: int, total: int, stage: str = "simulation") -> None:
    if done % 50 == 0 or done == total:
        print(f"{stage}: {done} of {total}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
