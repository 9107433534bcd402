"""The rule book: the docstring of the function that applies a rule is the rule's entry."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, log
from types import SimpleNamespace
from typing import TypeVar

import pandas as pd

from features.plausibility import limits
from features.provenance import Consequence, Finding

# What can be done about a finding, where several rules share it.
UNITS = "bring the whole series to one unit, or leave the rows out"
WAIT = "load again when the source has corrected it, or correct the row"


@dataclass(frozen=True)
class Rule:
    """One rule, for people."""

    name: str  # as in `Finding.rule`
    meaning: str
    limit: str
    reason: str
    consequence: str
    way_out: str


RULES: dict[str, Rule] = {}
_Function = TypeVar("_Function", bound=Callable[..., object])


def rule(name: str) -> Callable[[_Function], _Function]:
    """Enter a rule into the book, from the docstring of the function that applies it.

    The docstring says what the rule looks for, then `Limit:`, `Why:`, `Then:` and `Way out:`. A
    limit stands in it by its name in braces, as a factor after `x.`.
    """

    def entered(function: _Function) -> _Function:
        RULES[name] = _entry(name, function.__doc__ or "")
        return function

    return entered


def _entry(name: str, docstring: str) -> Rule:
    numbers = {key: value for key, value in vars(limits).items() if isinstance(value, int | float)}
    factors = SimpleNamespace(**{key: exp(min(value, 700)) for key, value in numbers.items()})
    text = " ".join(docstring.split())
    text = text.format(x=factors, UNITS=UNITS, WAIT=WAIT, **numbers)
    text = re.sub(r"(\d)%", r"\1 %", text)
    meaning, *parts = re.split(r"\s(?=(?:Limit|Why|Then|Way out): )", text)
    said = dict(part.split(": ", 1) for part in parts)
    entry = (said.get(head, "").rstrip(".") for head in ("Limit", "Why", "Then", "Way out"))
    return Rule(name, meaning.rstrip("."), *entry)


def found(
    rule: str,
    series: str,
    days: tuple[pd.Timestamp, pd.Timestamp],
    value: float,
    factor: float,
    consequence: Consequence,
    said: str,
    way_out: str = "",
) -> Finding:
    """Return a finding with the way out of its rule, unless a better one is given."""
    way_out = way_out or RULES[rule].way_out
    return Finding(rule, series, *days, value, factor, consequence, said, way_out)


def in_days(number: int) -> str:
    """Return a number of days in words.

    >>> in_days(1), in_days(2)
    ('1 day', '2 days')
    """
    return "1 day" if number == 1 else f"{number} days"


def shown_factor(step: float) -> str:
    """Return a log step as a factor, and whether it is that of a unit.

    Examples
    --------
    >>> shown_factor(log(1000)), shown_factor(log(0.62))
    ('x1000 (a unit or a split)', 'x0.62')
    """
    factor = float(f"{exp(step):.3g}")
    return f"x{factor:g}" + (" (a unit or a split)" if is_unit(step) else "")


def is_unit(step: float, tolerance: float = 0.05) -> bool:
    """Return whether a log step is a power of ten or a split by a small whole number."""
    size = abs(step)
    units = [log(10) * power for power in range(1, 13)] + [log(n) for n in (2, 3, 4, 5)]
    return any(abs(size - unit) <= tolerance for unit in units)


def markdown_table(heads: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> list[str]:
    """Return the lines of a Markdown table."""
    return [f"| {' | '.join(map(str, row))} |" for row in (heads, ("---",) * len(heads), *rows)]
