"""What may be said of a sweep: the median first, the best only beside chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from models.hazard.leads import FloatArray
from models.sweep.evaluate import Result
from models.sweep.influence import Influence, additive_share, influences
from models.sweep.run import Sweep
from models.sweep.specification import Specification
from models.training.landmarks import STEP_DAYS
from models.verification.contrasts import window_contrasts
from models.verification.intervals import Interval, verdict
from models.vocabulary import Verdict

SCHEMA = "altseason.sweep/1"
DEFAULT = Specification()
DRAWS = 10_000


class BestByChance(NamedTuple):
    """Skill of the best of so many specifications none of which has any.

    The median, and what is exceeded once in twenty times; NaN where the days are too few.
    """

    median: float
    high: float
    specifications: int


@dataclass(frozen=True)
class Standing:
    """A specification, its skill over all horizons, its place from the best on, its chance."""

    specification: Specification
    skill: Interval
    rank: int
    probability: float


@dataclass(frozen=True)
class Year:
    """The probability of the calendar year over the specifications."""

    year: int
    low: float
    median: float
    high: float
    begun: int  # specifications under which an onset has come already: probability 1
    influences: tuple[Influence, ...]
    explained: float  # share of the variance that the choices explain without interactions


@dataclass(frozen=True)
class Summary:
    """A sweep in figures."""

    asked: int
    evaluated: int
    failed: int
    horizons: tuple[int, ...]
    better: int  # specifications whose 90 % interval lies above 0
    worse: int  # and below
    median: Standing  # by skill; of an even number the lower one of the middle
    best: Standing
    default: Standing | None  # the program's definition with `logistic`
    by_chance: BestByChance
    influences: tuple[Influence, ...]  # on the skill, the strongest first
    year: Year | None
    until: pd.Timestamp
    digest: str  # of the data

    def as_dict(self) -> dict[str, Any]:
        """Return the figures ready for JSON: days as text, None for what is not known."""
        plain: dict[str, Any] = _plain({"schema": SCHEMA, **asdict(self)})
        return plain


def summarise(sweep: Sweep) -> Summary | None:
    """Return what a sweep says; None where no specification has a skill."""
    scored = [result for result in sweep.results if np.isfinite(result.figures["skill"])]
    if not scored:
        return None
    # Stable: of equals the first of the grid stands before the others.
    order = sorted(scored, key=lambda result: -result.figures["skill"])
    standings = [_standing(result, rank) for rank, result in enumerate(order, start=1)]
    verdicts = [verdict(standing.skill) for standing in standings]
    table = sweep.table()
    return Summary(
        asked=len(sweep.asked),
        evaluated=len(sweep.results),
        failed=len(sweep.failures),
        horizons=sweep.horizons,
        better=verdicts.count(Verdict.BETTER),
        worse=verdicts.count(Verdict.WORSE),
        median=standings[len(order) // 2],
        best=standings[0],
        default=next((each for each in standings if each.specification == DEFAULT), None),
        by_chance=best_by_chance(scored, max(sweep.horizons)),
        influences=influences(table, "skill"),
        year=_year(table),
        until=sweep.until,
        digest=sweep.digest,
    )


def best_by_chance(
    results: Sequence[Result], horizon_days: int, *, draws: int = DRAWS, seed: int = 0
) -> BestByChance:
    """Draw the errors of all integrated skills together, and take the largest each time.

    The error of a skill is what its interval is made of: the deviations of its days on slow
    cosines. Specifications that err on the same days err together, so that a hundred that are
    nearly one are nearly one draw: White's reality check, with normal multipliers of the cosines
    and one chi-squared scale for the few there are. Of a single specification `high` is the reach
    of its 90 % interval.

    White (2000), https://doi.org/10.1111/1468-0262.00152;
    multipliers: Chernozhukov, Chetverikov and Kato (2013), https://doi.org/10.1214/13-AOS1161
    """
    pulls = [pull for result in results if (pull := _pulls(result.trace, horizon_days)).size]
    if not pulls:
        return BestByChance(float("nan"), float("nan"), 0)
    degrees = min(map(len, pulls))
    random = np.random.default_rng(seed)
    multipliers = random.standard_normal((draws, max(map(len, pulls))))
    multipliers /= np.sqrt(random.chisquare(degrees, size=(draws, 1)) / degrees)
    best = np.full(draws, -np.inf)
    for pull in pulls:
        np.maximum(best, multipliers[:, : len(pull)] @ pull, out=best)
    median, high = np.quantile(best, [0.5, 0.95]).tolist()
    return BestByChance(median, high, len(pulls))


def _pulls(trace: pd.DataFrame, horizon_days: int) -> FloatArray:
    """Return what each cosine adds to the error of a skill; empty where there is no interval."""
    score, reference = (trace[name].to_numpy() for name in ("score", "reference"))
    days = pd.DatetimeIndex(trace["as_of"])
    contrasts = window_contrasts(days, horizon_days=horizon_days, step_days=STEP_DAYS)
    mean = reference.mean()
    if np.isnan(contrasts.degrees) or not mean > 0:
        return np.empty(0)
    ratio = score.sum() / reference.sum()
    pulls: FloatArray = contrasts.weights @ ((score - ratio * reference) / mean)
    return pulls


def _standing(result: Result, rank: int) -> Standing:
    skill = Interval(*(result.figures[f"skill{end}"] for end in ("", "_low", "_high")))
    return Standing(result.specification, skill, rank, result.figures["probability"])


def _year(table: pd.DataFrame) -> Year | None:
    table = table[table["probability"].notna()]
    if table.empty:
        return None
    low, median, high = table["probability"].quantile([0, 0.5, 1]).tolist()
    return Year(
        year=int(table["year"].mode().iloc[0]),
        low=low,
        median=median,
        high=high,
        begun=int(table["begun"].sum()),
        influences=influences(table, "probability"),
        explained=additive_share(table, "probability"),
    )


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a summary holds
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, Interval | BestByChance):
        return _plain(value._asdict())
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value
