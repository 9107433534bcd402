"""What the tables of a training must hold to be shown: columns, kinds of value, ranges."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from models.hazard.leads import LIMIT_DAYS
from models.vocabulary import Kind, Verdict


class Rule(NamedTuple):
    """What holds of each value of a column, in words and as a test of all of them."""

    words: str
    holds: Callable[[pd.Series], pd.Series]


def _number(test: Callable[[pd.Series], pd.Series]) -> Callable[[pd.Series], pd.Series]:
    """Return a test that only columns of numbers can pass."""

    def holds(values: pd.Series) -> pd.Series:
        if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
            return pd.Series(False, values.index)
        return test(values)

    return holds


def _whole(low: int, high: float) -> Rule:
    words = f"a whole number from {low}" + (f" to {high:.0f}" if np.isfinite(high) else "")
    return Rule(words, _number(lambda x: (x >= low) & (x <= high) & (x % 1 == 0)))


def _one_of(*names: str) -> Rule:
    return Rule(f"one of {', '.join(names)}", lambda x: x.isin(names))


_DAY = Rule(
    "a day",
    lambda x: x.notna() if pd.api.types.is_datetime64_dtype(x) else pd.Series(False, x.index),
)
_TEXT = Rule("text", lambda x: x.map(lambda value: isinstance(value, str) and bool(value)))
_SHARE = Rule("in [0, 1]", _number(lambda x: x.between(0, 1)))
_KNOWN_SHARE = Rule("in [0, 1] or missing", _number(lambda x: x.isna() | x.between(0, 1)))
_OUTCOME = Rule("0, 1 or missing", _number(lambda x: x.isna() | x.isin([0, 1])))
# Nothing is better than perfect; a score that is not known is missing.
_SKILL = Rule("a finite number of at most 1, or missing",
              _number(lambda x: x.isna() | ((x <= 1) & np.isfinite(x))))  # fmt: skip
# Infinite where what happened had been ruled out.
_LOG_SCORE = Rule("at least 0, or missing", _number(lambda x: x.isna() | (x >= 0)))
_COUNT = _whole(0, np.inf)
_HORIZON = _whole(1, LIMIT_DAYS)
_SKILLS = {f"brier_skill{end}": _SKILL for end in ("", "_low", "_high")}

TABLES: Mapping[str, Mapping[str, Rule]] = {
    "hindcast.parquet": {
        "as_of": _DAY, "model": _TEXT, "kind": _one_of(*Kind), "horizon_days": _HORIZON,
        "probability": _SHARE, "climatology": _SHARE, "outcome": _OUTCOME,
    },
    "verification.csv": {
        "model": _TEXT, "kind": _one_of(*Kind), "horizon_days": _HORIZON, "days": _COUNT,
        "episodes": _COUNT, **_SKILLS, "verdict": _one_of(*Verdict), "auc": _KNOWN_SHARE,
    },
    "integrated.csv": {
        "model": _TEXT, "kind": _one_of(*Kind), "days": _COUNT, "episodes": _COUNT, **_SKILLS,
        "log_score": _LOG_SCORE,
    },
    "claims.csv": {
        "claim": _TEXT, "condition": _TEXT, "horizon_days": _HORIZON, "verdict": _TEXT,
        "sentence": _TEXT,
    },
}  # fmt: skip


def read_checked(name: str, content: bytes) -> pd.DataFrame:
    """Return a table of a training.

    Parameters
    ----------
    name : str
        One of `TABLES`.
    content : bytes
        Of the file.

    Raises
    ------
    ValueError
        If a column is missing, or a value is none that it can have.
    """
    file = io.BytesIO(content)
    table = pd.read_parquet(file) if name.endswith(".parquet") else pd.read_csv(file)
    rules = TABLES[name]
    if absent := sorted(set(rules) - set(table.columns)):
        raise ValueError(f"it lacks {', '.join(absent)}")
    for column, rule in rules.items():
        wrong = table[column][~rule.holds(table[column])]
        if len(wrong):
            raise ValueError(f"{column} must be {rule.words}, got {str(wrong.iloc[0])[:40]!r}")
    return table


def check_file(name: str, content: bytes) -> bytes:
    """Return an artifact; ValueError if it is a table of `TABLES` that cannot be shown."""
    if name in TABLES:
        try:
            read_checked(name, content)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return content
