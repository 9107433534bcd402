"""The feature catalogue as a Markdown page."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from features.catalogue.builder import feature_frame

_INTRODUCTION = """\
# Features

Every feature of a day uses only what was available at the end of that day (24:00 UTC). It is
computed on the sessions or days that its sources share and then carried to the calendar, for at
most ten days. Closes are known at the end of their day, fund figures two business days later.

This page is written by `make docs` from the catalogue in `features/catalogue/builder.py`.
"""


def _span(row: Mapping[Hashable, object]) -> str:
    return f"{row['window']} {row['step']}" if row["window"] else "-"


def page() -> str:
    """Return the page: one table per group."""
    parts = [_INTRODUCTION]
    for group, rows in feature_frame().groupby("group", sort=False):
        parts.append(
            f"\n## {group}\n\n| feature | meaning | unit | window | warm-up | from |\n"
            "|---|---|---|---|---|---|\n"
        )
        parts += [
            f"| `{row['name']}` | {row['meaning']} | {row['unit']} | {_span(row)} "
            f"| {row['warm_up']} | {row['sources']} |\n"
            for row in rows.to_dict("records")
        ]
    return "".join(parts)
