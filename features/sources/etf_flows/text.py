"""What the store and an import look like to people and programs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from features.sources.etf_flows import flow_store
from features.sources.etf_flows.flow_store import LIMITS
from features.sources.etf_flows.layouts import Reading
from features.sources.etf_flows.series import fund_gaps
from features.terminal import aligned


def describe(directory: Path) -> dict[str, Any]:
    """Describe a store, ready for JSON: the digest of all rows, and each series that it holds."""
    table = flow_store.read(directory)
    held = {name: rows for name in LIMITS if len(rows := table[table["series"] == name])}
    series = {name: _described(rows) for name, rows in held.items()}
    return {"digest": flow_store.digest(table), "series": series}


def _described(rows: pd.DataFrame) -> dict[str, Any]:
    days = pd.DatetimeIndex(rows["date"])
    return {
        "first_day": f"{days[0]:%Y-%m-%d}",
        "last_day": f"{days[-1]:%Y-%m-%d}",
        "rows": len(rows),
        "last_value": float(rows["value"].iloc[-1]),
        # Days whose total is not final.
        "provisional": [f"{day:%Y-%m-%d}" for day in days[~rows["final"].to_numpy(dtype=bool)]],
        "gaps": [[f"{before:%Y-%m-%d}", f"{after:%Y-%m-%d}"] for before, after in fund_gaps(days)],
        "origins": {
            str(origin): int(count)
            for origin, count in rows["origin"].value_counts(sort=False).items()
        },
        "digest": flow_store.digest(rows),
    }


def import_table(reading: Reading, merged: pd.DataFrame) -> str:
    """Return what a file said and what became of it, one line a series."""
    lines: list[tuple[str, ...]] = [
        ("series", "first day", "last day", "last value", "days", "new", "same", "replaced")
    ]
    for name, values in reading.series.items():
        became = merged.loc[merged["series"] == name, "became"]
        counts = [f"{(became == each).sum()}" for each in ("added", "same", "replaced")]
        first, last = f"{values.index[0]:%Y-%m-%d}", f"{values.index[-1]:%Y-%m-%d}"
        lines.append((name, first, last, f"{values.iloc[-1]:,.10g}", f"{len(values)}", *counts))
    return "\n".join(aligned(lines, "<"))


def store_table(series: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what `describe` says of the series, one line each, and the newest gaps."""
    lines: list[tuple[str, ...]] = [
        ("series", "first day", "last day", "last value", "days", "gaps", "from")
    ]
    for name, summary in series.items():
        origins = [f"{origin} ({rows})" for origin, rows in summary["origins"].items()]
        more = f", {len(origins) - 3} more" if len(origins) > 3 else ""
        lines.append(
            (
                name, summary["first_day"], summary["last_day"], f"{summary['last_value']:,.10g}",
                str(summary["rows"]), str(len(summary["gaps"])), ", ".join(origins[:3]) + more,
            )
        )  # fmt: skip
    gaps = [
        f"{name}: nothing between {before} and {after}; import a file that holds those days."
        for name, summary in series.items()
        for before, after in summary["gaps"]
    ]
    waiting = [
        f"{name}: provisional and not used: {', '.join(days)}; import a later file."
        for name, summary in series.items()
        if (days := summary["provisional"])
    ]
    return "\n".join([*aligned(lines, "<"), *gaps[-5:], *waiting])
