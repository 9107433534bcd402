"""Write the embedded history and its data card from a `files` directory."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.market.season import OTHERS, IndexDefinition, IndexSeries
from features.panel import SPECS, DataError, MarketPanel
from features.provenance import DataProvenance
from features.reference.definitions import (
    CARD_KEY,
    DEFINITIONS_FILE,
    definitions_card,
    write_definitions,
)
from features.reference.load import CARD_FILE, HISTORY_FILE, load_reference
from features.reference.revision import print_findings, revision_text, revisions
from features.sources.directory import load_files, load_index_series
from features.storage.atomic import staged
from features.storage.simulations import cache_directory, simulated_series
from features.terminal import DEBUG, FAILURE, exit_code_of

START = pd.Timestamp("2012-07-01")
SIGNIFICANT_DIGITS = 6
BASE = 100.0

_HOW = {
    "level": f"rebased to {BASE:g} on its first day, {SIGNIFICANT_DIGITS} significant digits",
    "percent": f"a share computed from many values, {SIGNIFICANT_DIGITS} significant digits",
    "flow": f"a ratio to assets or market cap, {SIGNIFICANT_DIGITS} significant digits",
    "number": f"a statistic over coins, {SIGNIFICANT_DIGITS} significant digits",
}
_FAULTS = (
    "18 days of the coin universe are missing or unusable; the last snapshot stands in.",
    "The coin universe is monthly from 2025-01 to 2025-07, then daily to 2026-04-10, weekly to "
    "2026-05-01 (ranks to 70), and none after: the last one stands in.",
    "Seven mid caps (BGB, OKB, GT, KCS, PI, FLR, XDC) have monthly prices only from 2025-01.",
    "In 2014 only 22 to 30 of the top 50 have a price 90 days before; from 2015 on 42 to 50 have.",
    "On 12 days of 2014-2017 fewer than 40 % of the ranked coins could be compared: those days "
    "have no season index, and the last one stands in.",
    "From 2026-04-11 on 34 or 35 of the top 50 have a price (all on 04-17, 04-24 and 05-01). On "
    "the 41 days from 2026-03-01 with 49 or 50 the index of those 35 alone was 9.5 points lower on "
    "average.",
    "On 2026-05-28 and from 2026-06-01 to 2026-06-06 the prices in Bitcoin that the season index "
    "compares are of some hours before the close.",
    "Ether's market cap since 2025 is its close times the last known supply.",
    "Bitcoin dominance rests on a spliced series of the market cap outside Bitcoin.",
)


def derive(panel: MarketPanel) -> MarketPanel:
    """Return a panel with rebased and rounded values from the warm-up's first day on.

    Parameters
    ----------
    panel : MarketPanel
        A panel from the `files` source.

    Returns
    -------
    MarketPanel
        Levels rebased to 100 at their start; all values rounded to six
        significant digits.
    """
    derived = {}
    for name in panel.names:
        values = panel.series(name).loc[START:]
        if SPECS[name].kind == "level":
            values = values * (BASE / values.iloc[0])
        derived[name] = values.map(_rounded)
    return MarketPanel.from_series(derived, "reference", provenance=panel.provenance)


def derive_indices(
    found: Mapping[IndexDefinition, IndexSeries],
) -> dict[IndexDefinition, IndexSeries]:
    """Return indices rounded to six significant digits from the warm-up's first day on."""
    return {
        each: {name: values.loc[START:].map(_rounded) for name, values in series.items()}
        for each, series in found.items()
    }


def data_card(
    panel: MarketPanel, indices: Mapping[IndexDefinition, IndexSeries]
) -> dict[str, object]:
    """Describe each series of the embedded history, and the indices beside it."""
    return {
        "title": "Embedded market history of the altcoin-season forecaster",
        "first_day": f"{START:%Y-%m-%d}",
        "last_day": f"{panel.last_day:%Y-%m-%d}",
        "digest": panel.digest,
        "made_by": "python -m features.reference.compile --data-dir DIR",
        "series": {name: _describe(panel.series(name), name) for name in panel.names},
        CARD_KEY: definitions_card(indices),
        "known_faults": list(_FAULTS),
        "provenance": _provenance(panel.provenance),
        "terms": "Derived values only (rebased levels, ratios, shares); no vendor's figures.",
    }


def _provenance(provenance: DataProvenance) -> dict[str, object]:
    since = provenance.since
    findings = [each.text for each in provenance.findings if each.consequence != "note"]
    return {
        "steps": list(provenance.steps),
        "problems": list(provenance.problems),
        "since": None if since is None else f"{since:%Y-%m-%d}",
        # A note changed nothing; what was left out stays told.
        **({"findings": findings} if findings else {}),
    }


def _describe(values: pd.Series, name: str) -> dict[str, object]:
    spec = SPECS[name]
    lag = spec.lag_business_days
    return {
        "meaning": spec.meaning,
        "unit": spec.unit,
        "known": f"end of the {lag}. business day after" if lag else "end of the day",
        "made": _HOW[spec.kind],
        "first_day": f"{values.index[0]:%Y-%m-%d}",
        "last_day": f"{values.index[-1]:%Y-%m-%d}",
        "rows": len(values),
    }


def write(
    panel: MarketPanel, indices: Mapping[IndexDefinition, IndexSeries], directory: Path
) -> None:
    """Write the history, the indices and their card, each atomically."""
    history = panel.observations()[["series", "date", "value"]]
    history["series"] = history["series"].astype("category")
    with staged(directory / HISTORY_FILE) as beside:
        pq.write_table(
            pa.Table.from_pandas(history, preserve_index=False),
            beside,
            compression="zstd",
            compression_level=19,
            use_dictionary=["series"],
            column_encoding={"date": "DELTA_BINARY_PACKED", "value": "BYTE_STREAM_SPLIT"},
        )
    write_definitions(indices, directory)
    with staged(directory / CARD_FILE) as beside:
        beside.write_text(json.dumps(data_card(panel, indices), indent=2) + "\n")


def _rounded(value: float) -> float:
    return float(np.format_float_scientific(value, precision=SIGNIFICANT_DIGITS - 1))


def _show(done: int, total: int) -> None:
    if done % 50 == 0 or done == total:
        print(f"simulation: {done} of {total} days", file=sys.stderr, flush=True)


def _before(directory: Path) -> MarketPanel | None:
    """Return the history that is about to be replaced, if there is one to read."""
    if not (directory / HISTORY_FILE).exists():
        return None
    try:
        return load_reference(directory)
    except DataError as error:
        print(f"warning: {error} It is replaced without a list of revisions.", file=sys.stderr)
        return None


def main() -> int:
    """Run the command line."""
    return exit_code_of(_run, data_error=DataError, data_code=FAILURE)


def _run() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True, help="directory of market history")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent, help="where to write (default: here)"
    )
    parser.add_argument(DEBUG, action="store_true", help="show the trace of an unexpected error")
    options = parser.parse_args()
    simulation = partial(
        simulated_series, cache=cache_directory(), jobs=os.cpu_count() or 1, progress=_show
    )
    panel = derive(load_files(options.data_dir, simulation=simulation))
    indices = derive_indices(load_index_series(options.data_dir, OTHERS))
    print_findings(panel.provenance.findings)
    before = _before(options.out)
    write(panel, indices, options.out)
    if before is not None:
        print(revision_text(revisions(before, panel), before.last_day))
    written = load_reference(options.out)
    size = sum((options.out / name).stat().st_size for name in (HISTORY_FILE, DEFINITIONS_FILE))
    print(f"{size} bytes, {panel.last_day:%Y-%m-%d}, digest {written.digest}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
