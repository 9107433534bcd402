"""How often intervals held the truth, as rows of a table and as one sentence."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from benchmarks.coverage import OVERLAP, RENEWAL
from models.training.outlook_coverage import CHANGING


def skill_coverage_rows(table: pd.DataFrame) -> list[list[str]]:
    """Return coverage of the intervals of skills and differences, percent.

    Parameters
    ----------
    table : pandas.DataFrame
        From `benchmarks.coverage.skill_coverage`.

    Returns
    -------
    list of list of str
        The head: horizons, then all of them together. Then a row per world, statistic and unit of
        evidence; empty where there is none.
    """
    by_case: dict[tuple[str, ...], dict[str, str]] = {}
    for row in table.to_dict("records"):
        own = by_case.setdefault((row["world"], row["statistic"], row["unit"]), {})
        days = row["horizon_days"]
        head = "all horizons" if pd.isna(days) else f"{days} days"
        own[head] = "" if pd.isna(row["coverage"]) else f"{100 * row['coverage']:.1f}"
    heads = list(dict.fromkeys(head for cells in by_case.values() for head in cells))
    rows = [["world", "interval of", "by", *heads]]
    rows += [[*key, *(cells.get(head, "") for head in heads)] for key, cells in by_case.items()]
    return rows


def chance_coverage_rows(table: pd.DataFrame) -> list[list[str]]:
    """Return coverage of the intervals of the outlook's probabilities, percent.

    Parameters
    ----------
    table : pandas.DataFrame
        From `models.training.outlook_coverage.chance_coverage`.

    Returns
    -------
    list of list of str
        The head, then a row per world and method, each cell of a horizon the coverage and, in
        brackets, the mean forecast less the true one in percentage points.
    """
    horizons = list(dict.fromkeys(table["horizon_days"]))
    rows = [["world", "method", *(f"{days} days" for days in horizons)]]
    for (world, method), own in table.groupby(["world", "method"], sort=False):
        bias = 100 * (own["mean_forecast"] - own["mean_true"])
        cells = (
            f"{100 * held:.0f} ({less:+.1f})"
            for held, less in zip(own["coverage"], bias, strict=True)
        )
        rows.append([str(world), str(method), *cells])
    return rows


def coverage_sentence(skill: pd.DataFrame, chances: pd.DataFrame) -> str:
    """Say what nominal 90 % intervals hold on simulated histories.

    Parameters
    ----------
    skill : pandas.DataFrame
        From `benchmarks.coverage.skill_coverage`.
    chances : pandas.DataFrame
        From `models.training.outlook_coverage.chance_coverage`, the posterior among its methods.
    """
    return " ".join(_clauses(skill, chances))


def _clauses(skill: pd.DataFrame, chances: pd.DataFrame) -> Iterator[str]:
    windows = skill[(skill["unit"] == "windows") & skill["horizon_days"].notna()]
    overlap, renewal = (windows[windows["world"] == world] for world in (OVERLAP, RENEWAL))
    longest = renewal["horizon_days"] == renewal["horizon_days"].max()
    yield (
        f"On simulated histories with windows that overlap like these, nominal 90 % intervals of a "
        f"skill or a difference cover the true value in {_range(overlap)} of cases. If "
        "seasons also "
        f"come and go like these, they cover it in {_range(renewal[~longest])}, and at "
        f"{renewal['horizon_days'].max()} days in {_range(renewal[longest])}: nine years contain "
        f"only one or two droughts that long."
    )
    own = chances[chances["method"] == "posterior"]
    changing = own["world"] == CHANGING
    days = ", ".join(f"{each}" for each in dict.fromkeys(own["horizon_days"]))
    yield (
        f"Nominal 90 % intervals of the outlook's probabilities ({days} days) cover the true value "
        f"in {_range(own[~changing])} of cases if the onset process stays the same, and in "
        f"{_range(own[changing])} if the rate of onsets halves half-way: no interval allows for a "
        f"change of regime."
    )


def _range(table: pd.DataFrame) -> str:
    low, high = (f"{100 * end:.0f}" for end in (table["coverage"].min(), table["coverage"].max()))
    return f"{low} %" if low == high else f"{low} to {high} %"
