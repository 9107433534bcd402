"""Tables of figures: one of skill wherever it is shown, columns under each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.terminal import aligned
from models.formatting import markdown, scored, share_interval
from models.report.training_text import training_table
from models.training.skill_table import skill_table
from models.verification.hindcast import REFERENCE

CELLS = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=8)


def test_the_tables_skill_is_the_verifications(small_training):
    head, *rows = skill_table(small_training)
    by_name = {name: cells for name, *cells in rows}
    assert list(by_name) == [*small_training.forecasters, "days", "episodes"]
    assert set(by_name[REFERENCE]) == {"reference"}
    table = small_training.verification.set_index(["kind", "model", "horizon"])
    for column, horizon in enumerate(("30", "60", "90", "year")):
        row = table.loc[("broad", "logistic", horizon)]
        assert head[column + 1] == (f"{horizon} days" if horizon.isdigit() else horizon)
        assert by_name["days"][column] == str(row["days"])
        assert by_name["logistic"][column].startswith(f"{row['brier_skill']:+.2f}")


def test_terminal_and_model_card_show_the_same_cells(small_training):
    text = training_table(small_training)
    for name, *cells in skill_table(small_training)[1:]:
        (line,) = (line for line in text.splitlines() if line.startswith(f"{name} "))
        assert line.split() == [name, *" ".join(cells).split()]


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=5))
def test_aligned_columns_begin_or_end_at_one_place(rows):
    lines = aligned([["x", "x", "x"], *rows], "<>>")
    widths = [max(map(len, column)) for column in zip(["x"] * 3, *rows, strict=True)]
    for line, row in zip(lines[1:], rows, strict=True):
        padded = line.ljust(sum(widths) + 4)
        assert padded[: widths[0]].rstrip() == row[0]
        assert padded[widths[0] + 2 : widths[0] + 2 + widths[1]].lstrip() == row[1]
        assert padded[-widths[2] :].strip() == row[2]


def test_a_markdown_table_has_rules():
    head, rule, row = markdown([("", "a", "b"), ("x", "1", "2")])
    assert head.count("|") == rule.count("|") == row.count("|") == 4


@pytest.mark.parametrize(
    ("figures", "text"),
    [
        ((0.354, 0.207, 0.511), "+0.35 [+0.21, +0.51]"),
        ((-0.001, -0.2, 0.001), "0.00 [-0.20, 0.00]"),
        ((0.1, None, 0.2), "+0.10"),
        ((float("nan"), 0.1, 0.2), "n/a"),
    ],
)
def test_a_score_carries_its_known_interval(figures, text):
    assert scored(*figures) == text


def test_an_unknown_interval_says_so():
    assert share_interval(None, None) == "n/a to n/a"
