"""The discrete-time hazard as LightGBM trees over person-periods."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from sklearn.base import clone

from models.hazard.base import THRESHOLD, HazardModel, once_a_day, stored_names, stored_thresholds
from models.hazard.first_passage import INFORMED_LEADS
from models.hazard.leads import N_LEADS, FloatArray, IntArray, expand
from models.hazard.stored_trees import check_trees, only_trees
from models.hazard.tuning import choose

if TYPE_CHECKING:
    from lightgbm import Booster


class BoostedHazard(HazardModel):
    """Small LightGBM trees over features, threshold and lead.

    Breadth can only raise the hazard, a higher threshold can only lower it. All
    rows of one as_of day together count once.

    Parameters
    ----------
    features : tuple of str
        Columns used; missing values stay missing.
    increasing : tuple of str
        Features that cannot lower the hazard.
    trees : tuple of int
        Numbers of trees, ascending; of several, one is chosen inside the
        training window.
    leaves, min_rows : int
        Leaves of each tree, person-periods in the smallest leaf: eight
        thresholds see a market day's month, so 400 of them are 50 such months.
    learning_rate : float
        Shrinkage of each tree.
    column_share : float
        Share of the columns each tree may use.
    seed : int
        Seed of the column draws.
    """

    def __init__(
        self,
        features: tuple[str, ...],
        increasing: tuple[str, ...] = (),
        trees: tuple[int, ...] = (100,),
        leaves: int = 4,
        min_rows: int = 400,
        learning_rate: float = 0.05,
        column_share: float = 0.5,
        seed: int = 0,
    ) -> None:
        self.features = features
        self.increasing = increasing
        self.trees = trees
        self.leaves = leaves
        self.min_rows = min_rows
        self.learning_rate = learning_rate
        self.column_share = column_share
        self.seed = seed

    def _fit(self, X: pd.DataFrame, targets: IntArray, weight: FloatArray) -> None:
        import lightgbm

        self.trees_ = choose(
            self.trees, lambda trees: clone(self).set_params(trees=(trees,)), X, targets, weight
        )
        periods = expand(targets)
        values = X[[*self.features, THRESHOLD]].to_numpy(dtype=float)
        rows = np.column_stack([values[periods.row], periods.lead])
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
        each = once_a_day(X, weight)[periods.row]
        table = lightgbm.Dataset(rows, periods.onset, weight=each)
        booster = lightgbm.train(settings, table, num_boost_round=self.trees_)
        self.model_text_ = only_trees(booster.model_to_string())
        self.__dict__.pop("_booster", None)

    def feature_names(self) -> list[str]:
        return list(self.features)

    def chosen(self) -> dict[str, float]:
        return {"trees": self.trees_}

    def settled(self) -> BoostedHazard:
        return clone(self).set_params(trees=(self.trees_,))

    @cached_property
    def _booster(self) -> Booster:
        import lightgbm

        return lightgbm.Booster(model_str=self.model_text_)

    def _hazards(self, X: pd.DataFrame) -> FloatArray:
        hazards = self._booster.predict(self._rows(X, N_LEADS), num_threads=1)
        return np.asarray(hazards).reshape(len(X), N_LEADS)

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        shares = self._booster.predict(
            self._rows(X, INFORMED_LEADS), pred_contrib=True, num_threads=1
        )
        by_lead = np.asarray(shares).reshape(len(X), INFORMED_LEADS, -1)
        by_feature = by_lead.mean(axis=1)[:, : len(self.features)]
        return pd.DataFrame(by_feature, columns=list(self.features), index=X.index)

    def _rows(self, X: pd.DataFrame, leads: int) -> FloatArray:
        values = X[[*self.features, THRESHOLD]].to_numpy(dtype=float)
        return np.column_stack(
            [np.repeat(values, leads, axis=0), np.tile(np.arange(1, leads + 1), len(X))]
        )

    def state(self) -> dict[str, Any]:
        return {
            "features": list(self.features),
            "thresholds": self.thresholds_.tolist(),
            "model": self.model_text_,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        model = cls(stored_names(state, "features"))
        model.thresholds_ = stored_thresholds(state)
        model.model_text_ = only_trees(state["model"])
        check_trees(model.model_text_, len(model.features) + 2)  # and threshold and lead
        return model
