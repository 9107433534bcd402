"""What a newly made membership says otherwise than the one before it."""

from __future__ import annotations

import pandas as pd
import pytest

from features.reference.revision import membership_text, snapshot_revisions


def ranked(days: dict[str, str]) -> pd.DataFrame:
    """Return a membership: coins of one letter by rank, by day."""
    rows = [
        (pd.Timestamp(day), rank, coin)
        for day, coins in days.items()
        for rank, coin in enumerate(coins, start=1)
    ]
    return pd.DataFrame(rows, columns=["snapshot_date", "rank", "coin"])


OLD = {"2025-11-01": "abc", "2025-11-08": "abc", "2025-12-01": "acb"}


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (OLD, []),
        # The weekly snapshots move with the end, and later ones come.
        ({"2025-11-01": "abc", "2025-12-01": "acb", "2026-01-01": "cab"}, []),
        ({**OLD, "2025-12-01": "abc"}, [("c", 2, 3), ("b", 3, 2)]),
        ({**OLD, "2025-11-08": "abd"}, [("c", 3, None), ("d", None, 3)]),
        ({**OLD, "2025-11-08": "ab"}, [("c", 3, None)]),
    ],
)
def test_each_rank_that_changed_is_listed(new, expected):
    table = snapshot_revisions(ranked(OLD), ranked(new))
    plain = table.astype(object).where(table.notna(), None)
    found = [(row.coin, row.old, row.new) for row in plain.itertuples()]
    assert sorted(found) == sorted(expected)


def test_text_names_the_changed_snapshots():
    new = {"2025-11-01": "abc", "2025-12-01": "abc", "2026-01-01": "abc"}
    text = membership_text(ranked(OLD), ranked(new))
    assert text.splitlines()[:3] == [
        "1 snapshots no longer kept: 2025-11-08.",
        "1 snapshots new: 2026-01-01.",
        "2 ranks on 1 of 2 days that both keep have changed:",
    ]
    assert "No rank on the 3 days" in membership_text(ranked(OLD), ranked(OLD))


def test_a_categorical_of_other_coins_compares_by_name():
    old, new = ranked(OLD), ranked({**OLD, "2026-01-01": "xyz"})
    for table in (old, new):
        table["coin"] = table["coin"].astype("category")
    assert snapshot_revisions(old, new).empty
