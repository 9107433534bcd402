"""What a newly made history says otherwise than the one before it."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import pandas as pd

from features.panel import MarketPanel
from features.provenance import Finding

COLUMNS = ("series", "date", "old", "new", "change")


def revisions(old: MarketPanel, new: MarketPanel) -> pd.DataFrame:
    """List every observation of the old history that the new one does not repeat to the bit.

    Days after the old history's end are no revisions, they are news.

    Parameters
    ----------
    old, new : MarketPanel
        The history before and after.

    Returns
    -------
    pandas.DataFrame
        Columns `series`, `date`, `old`, `new` (NaN where one has no value that
        day) and `change` (new - old, in the unit of the series), by series and
        day; empty where nothing changed.

    Examples
    --------
    >>> days = pd.date_range("2025-12-01", periods=2)
    >>> old = MarketPanel.from_series({"bitcoin": pd.Series([100.0, 101.0], days)}, "old")
    >>> new = MarketPanel.from_series({"bitcoin": pd.Series([100.0, 102.0], days)}, "new")
    >>> revisions(old, new)[["series", "change"]].to_dict("records")
    [{'series': 'bitcoin', 'change': 1.0}]
    """
    changes = []
    for name in sorted({*old.names, *new.names}):
        both = pd.DataFrame({"old": old.series(name), "new": new.series(name)})
        both = both.loc[: old.last_day]
        # NaN != NaN: a value that is missing in one only differs, and none is missing in both.
        changes.append(both[both["old"] != both["new"]].rename_axis("date").reset_index())
        changes[-1].insert(0, "series", name)
    table = pd.concat(changes, ignore_index=True)
    return table.assign(change=table["new"] - table["old"])


def revision_text(table: pd.DataFrame, last_day: pd.Timestamp) -> str:
    """Return the revisions for a person to read: each series, then each day.

    Parameters
    ----------
    table : pandas.DataFrame
        From `revisions`.
    last_day : pandas.Timestamp
        Last day of the old history.
    """
    if table.empty:
        return f"No value to {last_day:%Y-%m-%d} has changed."
    by_series = table.groupby("series").agg(
        days=("date", "size"),
        first_day=("date", "min"),
        last_day=("date", "max"),
        largest_change=("change", lambda change: change.abs().max()),
    )
    return (
        f"{len(table)} values to {last_day:%Y-%m-%d} have changed:\n{by_series.to_string()}\n\n"
        f"{table.to_string(index=False, na_rep='none')}"
    )


def print_findings(findings: Iterable[Finding]) -> None:
    """Say on stderr what the rules of plausibility noticed in the data a history is made of."""
    for each in findings:
        print(
            f"{'note' if each.consequence == 'note' else 'warning'}: {each.text}", file=sys.stderr
        )


def snapshot_revisions(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """List every rank that the new membership gives otherwise than the old one.

    Days that only one of them keeps are no revisions: the weekly snapshots
    are those before the end, and move with it.

    Parameters
    ----------
    old, new : pandas.DataFrame
        Columns `snapshot_date`, `rank`, `coin`.

    Returns
    -------
    pandas.DataFrame
        Columns `snapshot_date`, `coin`, `old`, `new` (ranks; NaN where one does
        not rank the coin), by day and rank; empty where nothing changed.

    Examples
    --------
    >>> day = pd.Timestamp("2025-12-01")
    >>> old = pd.DataFrame({"snapshot_date": day, "rank": [1, 2], "coin": ["ethereum", "xrp"]})
    >>> new = old.assign(coin=["ethereum", "solana"])
    >>> snapshot_revisions(old, new)[["coin", "old", "new"]].to_dict("records")
    [{'coin': 'solana', 'old': nan, 'new': 2.0}, {'coin': 'xrp', 'old': 2.0, 'new': nan}]
    """
    common = set(old["snapshot_date"]) & set(new["snapshot_date"])
    key = ["snapshot_date", "coin"]
    ranks = [
        table[table["snapshot_date"].isin(common)].astype({"coin": str, "rank": float})
        .set_index(key)["rank"].rename(name)
        for name, table in (("old", old), ("new", new))
    ]  # fmt: skip
    both = pd.concat(ranks, axis=1)
    changed = both[both["old"] != both["new"]].reset_index()
    changed["first"] = changed[["old", "new"]].min(axis=1)
    order = changed.sort_values(["snapshot_date", "first", "coin"], ignore_index=True)
    return order[[*key, "old", "new"]]


def membership_text(old: pd.DataFrame, new: pd.DataFrame) -> str:
    """Return what has changed in the membership for a person to read.

    Parameters
    ----------
    old, new : pandas.DataFrame
        As for `snapshot_revisions`.
    """
    before, after = (set(table["snapshot_date"]) for table in (old, new))
    table = snapshot_revisions(old, new)
    days = table["snapshot_date"].nunique()
    changed = (
        f"{len(table)} ranks on {days} of {len(before & after)} days that both keep have changed:\n"
        f"{table.to_string(index=False, na_rep='none')}"
        if days
        else f"No rank on the {len(before & after)} days that both keep has changed."
    )
    moved = [
        f"{len(these)} snapshots {what}: {', '.join(f'{day:%Y-%m-%d}' for day in sorted(these))}."
        for what, these in (("no longer kept", before - after), ("new", after - before))
        if these
    ]
    return "\n".join([*moved, changed])
