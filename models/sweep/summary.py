"""What may be said of a sweep: the median first, the best only beside chance."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from models.sweep.chance import BestByChance, best_by_chance
from models.sweep.choosing import Chosen, chosen
from models.sweep.influence import Influence, additive_share, influences
from models.sweep.result import Result
from models.sweep.run import Sweep
from models.sweep.specification import Specification
from models.verification.intervals import Interval, verdict
from models.vocabulary import Verdict

SCHEMA = "altseason.sweep/1"
DEFAULT = Specification()


@dataclass(frozen=True)
class Standing:
    """A specification, its skill over all horizons, its place from the best on, its chance."""

    specification: Specification
    skill: Interval
    rank: int
    probability: float


@dataclass(frozen=True)
class Year:
    """The year's probability over the specifications.

    Parameters
    ----------
    year : int
        Calendar year.
    low, median, high : float
        Lowest, median and highest probability.
    begun : int
        Specifications under which an onset has come already: probability 1.
    influences : tuple of Influence
        Of each choice, the strongest first.
    explained : float
        Share of the variance that the choices explain without interactions.
    """

    year: int
    low: float
    median: float
    high: float
    begun: int
    influences: tuple[Influence, ...]
    explained: float


@dataclass(frozen=True)
class Summary:
    """A sweep in figures.

    Parameters
    ----------
    asked, evaluated, failed : int
        Specifications.
    horizons : tuple of int
        Over which the skill is taken.
    better, worse : int
        Specifications whose 90 % interval lies above 0, and below.
    median, best : Standing
        By skill; of an even number the lower one of the middle.
    default : Standing, optional
        The program's own definition with `logistic`; None if not among them.
    by_chance : BestByChance
        What the best of as many would have been without any skill.
    chosen : Chosen, optional
        What choosing inside the training window would have been worth.
    influences : tuple of Influence
        On the skill, the strongest first.
    year : Year, optional
        None where no specification has a probability.
    until : pandas.Timestamp
        Last day of the data.
    digest : str
        Of the data.
    """

    asked: int
    evaluated: int
    failed: int
    horizons: tuple[int, ...]
    better: int
    worse: int
    median: Standing
    best: Standing
    default: Standing | None
    by_chance: BestByChance
    chosen: Chosen | None
    influences: tuple[Influence, ...]
    year: Year | None
    until: pd.Timestamp
    digest: str

    def as_dict(self) -> dict[str, Any]:
        """Return the figures ready for JSON: days as text, None for what is not known."""
        plain: dict[str, Any] = _plain({"schema": SCHEMA, **asdict(self)})
        return plain


def summarise(sweep: Sweep) -> Summary | None:
    """Return what a sweep says; None where no specification has a skill."""
    known = [each for each in sweep.results if np.isfinite(each.integrated.value)]
    if not known:
        return None
    # Stable: of equals the first of the grid stands before the others.
    order = sorted(known, key=lambda each: -each.integrated.value)
    ranked = {each.specification: _standing(each, at) for at, each in enumerate(order, start=1)}
    verdicts = [verdict(each.integrated) for each in known]
    table = sweep.table()
    return Summary(
        asked=len(sweep.asked),
        evaluated=len(sweep.results),
        failed=len(sweep.failures),
        horizons=known[0].horizons,
        better=verdicts.count(Verdict.BETTER),
        worse=verdicts.count(Verdict.WORSE),
        median=ranked[order[len(order) // 2].specification],
        best=ranked[order[0].specification],
        default=ranked.get(DEFAULT),
        by_chance=best_by_chance(known),
        chosen=chosen(known),
        influences=influences(table, "skill"),
        year=_year(table),
        until=sweep.until,
        digest=sweep.digest,
    )


def _standing(result: Result, rank: int) -> Standing:
    return Standing(result.specification, result.integrated, rank, result.probability)


def _year(table: pd.DataFrame) -> Year | None:
    known = table[table["probability"].notna()]
    if known.empty:
        return None
    low, median, high = known["probability"].quantile([0, 0.5, 1]).tolist()
    return Year(
        year=int(known["year"].mode().iloc[0]),
        low=low,
        median=median,
        high=high,
        begun=int(known["begun"].sum()),
        influences=influences(known, "probability"),
        explained=additive_share(known, "probability"),
    )


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a summary holds
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, Interval | BestByChance):
        return _plain(value._asdict())
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value
