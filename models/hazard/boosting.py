"""The discrete-time hazard as LightGBM trees over person-periods, and its trees as safe text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import pandas as pd

from models.hazard.base import THRESHOLD, Fitted, HazardModel, choose, once_a_day
from models.hazard.leads import N_LEADS, FloatArray, IntArray, expand
from models.hazard.simulation import INFORMED_LEADS

if TYPE_CHECKING:
    from lightgbm import Booster


@dataclass(eq=False, repr=False)
class BoostedHazard(HazardModel):
    """Small LightGBM trees over features, threshold and lead.

    Breadth can only raise the hazard, a higher threshold can only lower it. All
    rows of one as_of day together count once.
    """

    fitted: ClassVar[Fitted] = {
        **HazardModel.fitted, "columns_": list, "trees_": (), "text_": str
    }  # fmt: skip

    features: tuple[str, ...]  # missing values stay missing
    increasing: tuple[str, ...] = ()  # features that cannot lower the hazard
    trees: tuple[int, ...] = (100,)  # ascending; of several, one is chosen inside the window
    leaves: int = 4  # of each tree
    # Person-periods in the smallest leaf: eight thresholds see a market day's month, so 400 of
    # them are 50 such months.
    min_rows: int = 400
    learning_rate: float = 0.05
    column_share: float = 0.5  # of the columns that each tree may use
    seed: int = 0  # of the column draws

    def _fit(self, X: pd.DataFrame, targets: IntArray, weight: FloatArray) -> None:
        import lightgbm

        self.trees_ = choose(
            self.trees, lambda trees: self.unfitted(trees=(trees,)), X, targets, weight
        )
        self.columns_ = [*self.features, THRESHOLD]
        periods = expand(targets)
        rows = np.column_stack([self._values(X)[periods.row], periods.lead])
        constraints = [int(name in self.increasing) for name in self.features] + [-1, 0]
        settings = {
            "objective": "binary",
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": self.min_rows,
            "feature_fraction": self.column_share,
            "monotone_constraints": constraints,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "seed": self.seed,
            "verbosity": -1,
        }
        weights = once_a_day(X, weight)[periods.row]
        table = lightgbm.Dataset(rows, periods.onset, weight=weights)
        booster = lightgbm.train(settings, table, num_boost_round=self.trees_)
        self.text_ = safe_trees(booster.model_to_string(), rows.shape[1])
        self.__dict__.pop("_booster", None)

    def feature_names(self) -> list[str]:
        return self.columns_[:-1]

    def chosen(self) -> dict[str, float]:
        return {"trees": self.trees_}

    def with_chosen_settings(self) -> Self:
        return self.unfitted(trees=(self.trees_,))

    def check(self) -> None:
        super().check()
        if safe_trees(self.text_, len(self.columns_) + 1) != self.text_:
            raise ValueError("text must be trees as this program writes them")

    @cached_property
    def _booster(self) -> Booster:
        import lightgbm

        return lightgbm.Booster(model_str=self.text_)

    def _hazards(self, X: pd.DataFrame) -> FloatArray:
        hazards = self._booster.predict(self._rows(X, N_LEADS), num_threads=1)
        return np.asarray(hazards).reshape(len(X), N_LEADS)

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        shares = self._booster.predict(
            self._rows(X, INFORMED_LEADS), pred_contrib=True, num_threads=1
        )
        by_lead = np.asarray(shares).reshape(len(X), INFORMED_LEADS, -1)
        names = self.feature_names()
        return pd.DataFrame(by_lead.mean(axis=1)[:, : len(names)], columns=names, index=X.index)

    def _values(self, X: pd.DataFrame) -> FloatArray:
        return X[self.columns_].to_numpy(dtype=float)

    def _rows(self, X: pd.DataFrame, leads: int) -> FloatArray:
        return np.column_stack(
            [np.repeat(self._values(X), leads, axis=0), np.tile(np.arange(1, leads + 1), len(X))]
        )


_END = "end of trees\n"
# Of a split between what is missing and the rest the threshold is infinite.
_NUMBER = r"-?(?:inf|\d{1,20}(?:\.\d{1,20})?(?:e[+-]\d{1,3})?)"
# What a forecast and its contributions need of a tree.
_OF_LEAVES = ("leaf_value", "leaf_count")
_OF_SPLITS = (
    "split_feature", "decision_type", "left_child", "right_child", "threshold", "internal_value",
    "internal_count",
)  # fmt: skip


def safe_trees(text: str, columns: int) -> str:
    """Write the trees of a binary LightGBM model anew, with nothing but what a forecast needs.

    LightGBM's reader trusts what it reads: a child that is its own parent makes it loop for ever, a
    feature that is not there makes it read beyond its memory. It is given text written here alone;
    ValueError where the text is not of trees over so many columns.
    """
    trees, end, _ = text.partition(_END)
    blocks = re.split(r"^Tree=\d+\n", trees, flags=re.MULTILINE)[1:]
    if not end or not blocks:
        raise ValueError("text must be LightGBM's, with its end of trees")
    written = [_tree(number, block, columns) for number, block in enumerate(blocks)]
    head = (
        "tree", "version=v4", "num_class=1", "num_tree_per_iteration=1", "label_index=0",
        f"max_feature_idx={columns - 1}", "objective=binary sigmoid:1",
        f"feature_names={' '.join(f'Column_{column}' for column in range(columns))}",
        f"feature_infos={' '.join(['none'] * columns)}",
        f"tree_sizes={' '.join(str(len(tree)) for tree in written)}", "\n",
    )  # fmt: skip
    return "\n".join(head) + "".join(written) + _END


def _tree(number: int, block: str, columns: int) -> str:
    """Write a tree anew: below the root each node has one parent, of a lower number."""
    lines = re.findall(rf"^(\w+)=({_NUMBER}(?: {_NUMBER})*)$", block, flags=re.MULTILINE)
    values = {name: line.split() for name, line in lines}
    leaves = len(values.get("leaf_value", []))
    # A tree without a split has no lines but its leaf's.
    kept = (*_OF_SPLITS, *_OF_LEAVES) if leaves > 1 else _OF_LEAVES[:1]
    sizes = {name: leaves if name in _OF_LEAVES else leaves - 1 for name in kept}
    if not leaves or any(len(values.get(name, [])) != size for name, size in sizes.items()):
        raise ValueError(f"tree {number} must have a number for each of its leaves and splits")
    features, kinds, left, right = (
        [int(value) for value in values[name]] if leaves > 1 else [] for name in _OF_SPLITS[:4]
    )
    below_root = [*range(-leaves, 0), *range(1, leaves - 1)] if leaves > 1 else []
    if (
        sorted(left + right) != below_root
        or any(0 <= child <= node for side in (left, right) for node, child in enumerate(side))
        or not all(0 <= feature < columns for feature in features)
        or not set(kinds) <= set(range(0, 16, 2))  # odd: a split of categories
    ):
        raise ValueError(f"tree {number} is not a binary tree over {columns} columns")
    head = (f"Tree={number}", f"num_leaves={leaves}", "num_cat=0")
    body = [f"{name}={' '.join(values[name])}" for name in kept]
    tail = ("is_linear=0", f"shrinkage={values.get('shrinkage', ['1'])[0]}", "\n\n")
    return "\n".join([*head, *body, *tail])
