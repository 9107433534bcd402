"""What is called like something that never counts: stablecoins, wrapped and staked tokens, gold."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pandas as pd

EXCLUSIONS_FILE = "exclusions.csv"
DIRECTORY = Path(__file__).parent

# Field (`symbol` or `name`), pattern, reason.
Exclusions = tuple[tuple[str, str, str], ...]


def read_exclusions(directory: Path = DIRECTORY) -> Exclusions:
    """Read the patterns, kept by hand."""
    table = pd.read_csv(directory / EXCLUSIONS_FILE, dtype=str, keep_default_na=False)
    return tuple(table[["field", "pattern", "reason"]].itertuples(index=False, name=None))


@cache
def _any_of(exclusions: Exclusions, field: str) -> re.Pattern[str]:
    patterns = (f"(?:{pattern})" for of, pattern, _ in exclusions if of == field)
    # Without a pattern nothing matches.
    return re.compile("|".join(patterns) or r"(?!)", re.IGNORECASE)


def excluded(exclusions: Exclusions, symbol: str, name: str) -> str | None:
    """Return why a coin of that symbol and name never counts, or None if it does.

    >>> excluded(read_exclusions(), "WBTC", "wrapped bitcoin")
    'wrapped or bridged'
    >>> excluded(read_exclusions(), "SOL", "solana") is None
    True
    """
    given = {"symbol": symbol, "name": name.removesuffix(" USD")}
    # Nearly no coin is called so: one search finds that out.
    if not any(_any_of(exclusions, field).search(text) for field, text in given.items()):
        return None
    for field, pattern, reason in exclusions:
        if re.search(pattern, given[field], re.IGNORECASE):
            return reason
    return None
