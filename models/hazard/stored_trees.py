"""LightGBM's text of a model, checked before LightGBM reads it.

Its reader trusts what it reads: a child that is its own parent makes it loop for ever, a feature
that is not there makes it read beyond its memory.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_END = "end of trees\n"
_LARGEST_LEAVES = 1_000
_HEAD = {
    "version": "v4",
    "num_class": "1",
    "num_tree_per_iteration": "1",
    "label_index": "0",
    "objective": "binary sigmoid:1",
}
_WHOLE = re.compile(r"-?\d{1,9}")
_NUMBER = re.compile(r"-?\d{1,20}(\.\d{1,20})?(e[+-]\d{1,3})?")
# Of a split between what is missing and the rest it is infinite.
_THRESHOLD = re.compile(rf"-?inf|{_NUMBER.pattern}")
_OF_SPLITS = ("split_gain", "internal_value", "internal_weight", "internal_count")


def only_trees(text: str) -> str:
    """Return a model's text without what follows its trees: the settings it was trained with.

    Raises
    ------
    ValueError
        If its trees have no end.
    """
    trees, end, _ = text.partition(_END)
    if not end:
        raise ValueError("model must be LightGBM's text of trees, with its end")
    return trees + end


def check_trees(text: str, columns: int) -> None:
    """Refuse trees that LightGBM could not have written.

    Parameters
    ----------
    text : str
        From `only_trees`.
    columns : int
        Of the rows that are predicted.

    Raises
    ------
    ValueError
        If a line is none of LightGBM's, or a tree is none over so many columns.
    """
    try:
        head, *trees = re.split(r"^(?=Tree=)", text.removesuffix(_END), flags=re.MULTILINE)
        stated = _fields(head.removeprefix("tree\n"))
        sizes = list(map(len, trees))  # of characters, which are bytes
        good = (
            text.isascii()
            and head.startswith("tree\n")
            and all(stated.pop(name) == value for name, value in _HEAD.items())
            and stated.pop("max_feature_idx") == str(columns - 1)
            and list(map(int, stated.pop("tree_sizes").split())) == sizes
            and set(stated) - {"monotone_constraints"} == {"feature_names", "feature_infos"}
            and all(len(value.split()) == columns for value in stated.values())
            and all(_is_tree(_fields(tree), number, columns) for number, tree in enumerate(trees))
        )
    except (LookupError, ValueError) as error:
        raise ValueError(f"model is not LightGBM's text of trees: {error}") from error
    if not good:
        raise ValueError(f"model must be LightGBM's text of trees over {columns} columns")


def _fields(lines: str) -> dict[str, str]:
    pairs = [line.split("=", 1) for line in lines.split("\n") if line]
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a line stands twice")
    return fields


def _is_tree(fields: Mapping[str, str], number: int, columns: int) -> bool:
    """Tell whether lines are a tree: each node below the root has one parent, a lower number."""
    left = dict(fields)
    leaves = int(left.pop("num_leaves"))
    fixed = {"Tree": str(number), "num_cat": "0", "is_linear": "0"}
    if not 1 <= leaves <= _LARGEST_LEAVES or any(left.pop(k) != v for k, v in fixed.items()):
        return False
    splits = leaves - 1
    features, kinds, lefts, rights = (
        _values(left.pop(name), splits, _WHOLE)
        for name in ("split_feature", "decision_type", "left_child", "right_child")
    )
    children = [(node, int(child)) for side in (lefts, rights) for node, child in enumerate(side)]
    _values(left.pop("threshold"), splits, _THRESHOLD)
    for name in _OF_SPLITS:
        _values(left.pop(name), splits, _NUMBER)
    _values(left.pop("leaf_value"), leaves, _NUMBER)
    for name in ("leaf_weight", "leaf_count"):
        if splits or left[name]:  # LightGBM leaves them out where nothing is split
            _values(left[name], leaves, _NUMBER)
        del left[name]
    _values(left.pop("shrinkage"), 1, _NUMBER)
    below_root = [*range(-leaves, 0), *range(1, splits)] if splits else []
    return (
        not left
        and all(0 <= int(feature) < columns for feature in features)
        and all(0 <= int(kind) < 16 and int(kind) % 2 == 0 for kind in kinds)  # odd: of categories
        and sorted(child for _, child in children) == below_root
        and all(child < 0 or child > node for node, child in children)
    )


def _values(line: str, count: int, kind: re.Pattern[str]) -> list[str]:
    values = line.split(" ") if line else []
    if len(values) != count:
        raise ValueError(f"{count} values expected, got {len(values)}")
    for value in values:
        if not kind.fullmatch(value):
            raise ValueError(f"{value[:40]!r} is no number")
    return values
