"""The rule book for people: as text for a terminal and as Markdown."""

from __future__ import annotations

import textwrap

from features.plausibility.market_limits import PEGS
from features.plausibility.rules import RULES, STEPS


def rules_text() -> str:
    """Return every rule with its limit, the reason and what follows, for a terminal."""
    lines = []
    for rule in RULES.values():
        told = f"{rule.meaning}. Limit: {rule.limit}. Why: {rule.reason}. Then: {rule.consequence}."
        lines += [rule.name, textwrap.indent(textwrap.fill(f"{told} Way out: {rule.way_out}.", 94),
                                             "    ")]  # fmt: skip
    return "\n".join(lines)


def rules_table() -> str:
    """Return the rules, the step limits of single series and the pegs as Markdown tables."""
    rows = [
        f"| {rule.name} | {rule.meaning} | {rule.limit} | {rule.reason} | {rule.consequence} "
        f"| {rule.way_out} |"
        for rule in RULES.values()
    ]
    steps = [
        f"| `{name}` | {limit.floor:g} | {limit.deviations:g} | {limit.lasting:.2f} "
        f"| {limit.frozen} |"
        for name, limit in STEPS.items()
    ]
    pegs = [
        f"| {peg.asset} | {peg.low:g} to {peg.high:g} | {100 * peg.median:.2f} % | "
        f"{100 * peg.most:.2f} % |"
        for peg in PEGS
    ]
    return "\n".join(
        (
            "| rule | looks for | limit | reason | consequence | way out |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            "Steps of single series (log): the limit is the larger of the floor and so many own",
            "deviations (median absolute step of the last 252 observations over 0.6745).",
            "",
            "| series | floor | deviations | stays: another unit from | frozen after |",
            "|---|---|---|---|---|",
            *steps,
            "",
            "What follows another asset, over the last 60 days (at least 14): 95 % of the days",
            "with the price in the range, half and nine tenths of the daily moves in the limits.",
            "",
            "| asset | price in it | half of the moves | nine tenths |",
            "|---|---|---|---|",
            *pegs,
            "",
        )
    )
