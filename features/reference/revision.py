"""What a newly made history says otherwise than the one before it."""

from __future__ import annotations

import pandas as pd

from features.panel import MarketPanel

COLUMNS = ("series", "date", "old", "new", "change")


def revisions(old: MarketPanel, new: MarketPanel) -> pd.DataFrame:
    """List every observation of the old history that the new one does not repeat to the bit.

    Days after a series' old end are no revisions, they are news.

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
    found = []
    for name in sorted({*old.names, *new.names}):
        both = pd.DataFrame({"old": old.series(name), "new": new.series(name)})
        # Of its own last day the old history spoke, of the day after it did not: not strict.
        both = both.loc[: old.series(name).index.max()] if name in old.names else both.iloc[:0]
        # NaN != NaN: a value that is missing in one only differs, and none is missing in both.
        found.append(both[both["old"] != both["new"]].rename_axis("date").reset_index())
        found[-1].insert(0, "series", name)
    table = pd.concat(found, ignore_index=True)
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
