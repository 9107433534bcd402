"""What a newly made history says otherwise than the one before it."""

from __future__ import annotations

import pandas as pd
import pytest

from features.panel import MarketPanel
from features.reference.revision import COLUMNS, revision_text, revisions

DAYS = pd.date_range("2025-12-01", periods=4, unit="s")


def panel(**values: list[float | None]) -> MarketPanel:
    """Return a panel of levels from 2025-12-01 on, None for no value."""
    series = {name: pd.Series(given, DAYS[: len(given)], dtype=float).dropna()
              for name, given in values.items()}  # fmt: skip
    return MarketPanel.from_series(series, "made up")


def listed(old: MarketPanel, new: MarketPanel) -> list[tuple[str, int, float | None, float | None]]:
    table = revisions(old, new)
    assert tuple(table) == COLUMNS
    plain = table.astype(object).where(table.notna(), None)
    return [(row.series, row.date.day, row.old, row.new) for row in plain.itertuples()]


OLD = {"bitcoin": [100.0, 101.0, 102.0], "sp500": [100.0, 99.0, 98.0]}


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (OLD, []),
        # A day after the old end is news, in whichever series.
        ({**OLD, "bitcoin": [100.0, 101.0, 102.0, 103.0]}, []),
        ({**OLD, "bitcoin": [100.0, 101.5, 102.0, 103.0]}, [("bitcoin", 2, 101.0, 101.5)]),
        # The last old day belongs to the old history.
        ({**OLD, "sp500": [100.0, 99.0, 97.0]}, [("sp500", 3, 98.0, 97.0)]),
        # The smallest step of a float is a change.
        ({**OLD, "sp500": [100.0, 99.00000000000001, 98.0]},
         [("sp500", 2, 99.0, 99.00000000000001)]),
        # Gone, and come.
        ({**OLD, "bitcoin": [100.0, None, 102.0]}, [("bitcoin", 2, 101.0, None)]),
        ({"bitcoin": OLD["bitcoin"]},
         [("sp500", 1, 100.0, None), ("sp500", 2, 99.0, None), ("sp500", 3, 98.0, None)]),
        ({**OLD, "eth_btc": [None, None, 1.0, 1.1]}, [("eth_btc", 3, None, 1.0)]),
        # By series, then by day.
        ({"bitcoin": [1.0, 101.0, 2.0], "sp500": [3.0, 99.0, 98.0]},
         [("bitcoin", 1, 100.0, 1.0), ("bitcoin", 3, 102.0, 2.0), ("sp500", 1, 100.0, 3.0)]),
    ],
)  # fmt: skip
def test_what_is_not_repeated_is_listed(new, expected):
    assert listed(panel(**OLD), panel(**new)) == expected


def test_the_change_is_new_less_old():
    table = revisions(panel(**OLD), panel(**{**OLD, "bitcoin": [100.0, 98.5, None]}))
    assert table["change"].iloc[0] == -2.5
    assert pd.isna(table["change"].iloc[1])


def test_the_text_gives_each_series_then_each_day():
    new = panel(bitcoin=[100.0, 98.5, 102.5, 7.0], sp500=[100.0, 99.0])
    old = panel(**OLD)
    lines = revision_text(revisions(old, new), old.last_day).splitlines()
    assert lines[0] == "3 values to 2025-12-03 have changed:"
    split = [line.split() for line in lines]
    assert ["bitcoin", "2", "2025-12-02", "2025-12-03", "2.5"] in split
    assert ["bitcoin", "2025-12-02", "101.0", "98.5", "-2.5"] in split
    assert ["bitcoin", "2025-12-03", "102.0", "102.5", "0.5"] in split
    assert ["sp500", "2025-12-03", "98.0", "none", "none"] in split


def test_without_a_change_one_line_says_so():
    old = panel(**OLD)
    text = revision_text(revisions(old, old), old.last_day)
    assert text == "No value to 2025-12-03 has changed."
