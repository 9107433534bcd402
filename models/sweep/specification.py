"""Specifications: every choice that a sweep varies, made; and the grid of them that is tried."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from features.catalogue.features import CATALOGUE
from features.market.season import DEFAULT, PARTIAL_THRESHOLD, IndexDefinition
from models.hazard.base import HazardModel
from models.hazard.candidates import CANDIDATES, available, seeded
from models.season.definition import OnsetDefinition
from models.training.ablation import feature_groups

GROUPS = feature_groups()
_NOTHING = ""


class SpecificationError(ValueError):
    """A specification asks for what cannot be evaluated."""


@dataclass(frozen=True, order=True)
class Specification:
    """What one training of a sweep is asked to do; by default, what `train.py` does.

    Raises `SpecificationError` if a value is out of range.

    >>> [Specification(candidate=name, seed=3).canonical().seed for name in ("logistic", "pool")]
    [0, 0]
    >>> Specification(candidate="lightgbm_all", seed=3).canonical().seed
    3
    """

    threshold: float = 75.0  # season index of a broad season, above a partial one's
    window_days: int = DEFAULT.window_days  # over which a coin must beat Bitcoin
    top: int = DEFAULT.top  # altcoins by market cap
    quiet_days: int = 30  # below the threshold, before an onset
    candidate: str = "logistic"  # from `models.hazard.candidates.CANDIDATES`
    without: str = _NOTHING  # group of features that is left out
    seed: int = 0  # of candidates that draw

    def __post_init__(self) -> None:
        # A broad season must be more than a partial one: strict.
        if not PARTIAL_THRESHOLD < self.threshold <= 100:
            raise SpecificationError(
                f"threshold must be above {PARTIAL_THRESHOLD:g} (a partial season's) and at most "
                f"100, got {self.threshold:g}."
            )
        if self.candidate not in CANDIDATES:
            raise SpecificationError(
                f"candidate must be one of {', '.join(CANDIDATES)}, got {self.candidate!r}."
            )
        if self.without not in (_NOTHING, *GROUPS):
            raise SpecificationError(
                f"without must be one of {', '.join(GROUPS)}, got {self.without!r}."
            )
        try:
            _ = self.definition
        except ValueError as error:
            raise SpecificationError(str(error)) from error

    @property
    def index(self) -> IndexDefinition:
        """Window and number of coins."""
        return IndexDefinition(self.window_days, self.top)

    @property
    def definition(self) -> OnsetDefinition:
        """What counts as an onset of a broad season."""
        return OnsetDefinition(self.threshold, self.quiet_days, self.window_days, self.top)

    def obstacle(self) -> str | None:
        """Return why the candidate cannot be had under the other choices, or None if it can."""
        if CANDIDATES[self.candidate].simulated and self.index != DEFAULT:
            return (
                f"{self.candidate} needs paths, which are simulated for window "
                f"{DEFAULT.window_days} and top {DEFAULT.top} only"
            )
        try:
            available([self.candidate], self.threshold)
        except ValueError as error:
            return str(error)
        return None

    def canonical(self) -> Specification:
        """Return the same specification without choices that bear on nothing.

        A candidate that draws nothing has no seed, and a candidate that does not see a group of
        features cannot do without it.
        """
        model = seeded([self.candidate], self.seed)[self.candidate]
        without = self.without if _features(model) & {*GROUPS.get(self.without, ())} else _NOTHING
        return replace(self, seed=self.seed if _draws(model) else 0, without=without)

    def as_dict(self) -> dict[str, Any]:
        """Return the choices by name."""
        return asdict(self)

    def __str__(self) -> str:
        return ", ".join(shown(name, value) for name, value in self.as_dict().items() if value)


AXES = tuple(field.name for field in fields(Specification))
# As the options call them.
NAMES: Mapping[str, str] = {
    "threshold": "threshold", "window": "window_days", "top": "top", "quiet": "quiet_days",
    "model": "candidate", "without": "without", "seed": "seed",
}  # fmt: skip
# In the order in which a table is read; what is not named stays at the specification's default.
DEFAULT_AXES: Mapping[str, Sequence[Any]] = {
    "threshold": (70.0, 75.0, 80.0),
    "window_days": (60, 90, 120),
    "top": (20, 50, 100),
    "quiet_days": (14, 30, 60),
    "candidate": ("persistence", "logistic"),
}


def shown(axis: str, value: object) -> str:
    """Return a choice for a person to read.

    >>> shown("window_days", 60), shown("without", ""), shown("candidate", "logistic")
    ('window 60 days', 'all features', 'logistic')
    """
    if axis == "candidate":
        return str(value)
    if axis == "without":
        return f"without {value}" if value else "all features"
    number = f"{value:g}" if isinstance(value, float) else str(value)
    unit = " days" if axis.endswith("_days") else ""
    return f"{axis.removesuffix('_days')} {number}{unit}"


@dataclass(frozen=True)
class Grid:
    """The specifications of a sweep, each once, and how often which obstacle left others out."""

    specifications: tuple[Specification, ...]
    obstacles: Mapping[str, int]

    def definitions(self) -> list[IndexDefinition]:
        """Return the windows and tops that are asked for."""
        return sorted({specification.index for specification in self.specifications})


def grid(axes: Mapping[str, Sequence[Any]]) -> Grid:
    """Return every combination of the choices, by field of the `Specification`, each once.

    A choice without values is not varied; a group named in `without` is tried beside all features.
    Raises `SpecificationError` if a value is out of range, or nothing is left.

    >>> made = grid({"window_days": (60, 90), "candidate": ("logistic", "pool")})
    >>> [(row.window_days, row.candidate) for row in made.specifications]
    [(60, 'logistic'), (90, 'logistic'), (90, 'pool')]
    """
    varied = {name: _values(name, axes[name]) for name in AXES if len(axes.get(name, ()))}
    specifications: dict[Specification, None] = {}
    obstacles: Counter[str] = Counter()
    for values in itertools.product(*varied.values()):
        specification = Specification(**dict(zip(varied, values, strict=True)))
        if obstacle := specification.obstacle():
            obstacles[obstacle] += 1
        else:
            specifications[specification.canonical()] = None
    if not specifications:
        raise SpecificationError(f"no specification is left: {next(iter(obstacles))}.")
    return Grid(tuple(specifications), dict(obstacles))


def grid_of(choices: Mapping[str, Sequence[Any]]) -> Grid:
    """Return the grid of choices by the names of the options; without any, the default one."""
    if unknown := sorted(set(choices) - set(NAMES)):
        raise SpecificationError(f"choices are {', '.join(NAMES)}, got {unknown[0]!r}.")
    return grid({NAMES[name]: values for name, values in choices.items()} or DEFAULT_AXES)


def _values(name: str, values: Sequence[Any]) -> tuple[Any, ...]:
    given = (_NOTHING, *values) if name == "without" else tuple(values)
    if name == "threshold":
        given = tuple(float(value) for value in given)
    return tuple(dict.fromkeys(given))


def _features(model: HazardModel) -> set[str]:
    """Return the features that a candidate is given."""
    catalogue = {feature.name for feature in CATALOGUE}
    given: set[str] = set()
    for value in model.get_params(deep=False).values():
        for member in value if isinstance(value, list | tuple) else [value]:
            if isinstance(member, HazardModel):
                given |= _features(member)
            elif isinstance(member, str):
                given |= {member} & catalogue
    return given


def _draws(model: HazardModel) -> bool:
    settings = model.get_params(deep=False)
    # Trees draw columns; where each may use them all, there is nothing to draw.
    return "seed" in settings and settings.get("column_share", 0.0) < 1
