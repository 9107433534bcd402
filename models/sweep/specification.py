"""One specification: every choice that a sweep varies, made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

from features.catalogue.features import CATALOGUE
from features.market.season import DEFAULT, PARTIAL_THRESHOLD, IndexDefinition
from models.hazard.base import HazardModel
from models.hazard.candidates import CANDIDATES, available, seeded
from models.season.definition import OnsetDefinition
from models.training.ablation import feature_groups

GROUPS = feature_groups()
NOTHING = ""


class SpecificationError(ValueError):
    """A specification asks for what cannot be evaluated."""


@dataclass(frozen=True, order=True)
class Specification:
    """What one training of a sweep is asked to do; by default, what `train.py` does.

    Parameters
    ----------
    threshold : float
        Season index of a broad season, above a partial one's.
    window_days : int
        Days over which a coin must beat Bitcoin.
    top : int
        Number of altcoins by market cap.
    quiet_days : int
        Days below the threshold that must come before an onset.
    candidate : str
        Name from `models.hazard.candidates.CANDIDATES`.
    without : str
        Group of features that is left out; empty for none.
    seed : int
        Seed of candidates that draw.

    Raises
    ------
    SpecificationError
        If a value is out of range, or the candidate cannot be had under the others.

    Examples
    --------
    >>> [Specification(candidate=name, seed=3).canonical().seed for name in ("logistic", "pool")]
    [0, 0]
    >>> Specification(candidate="lightgbm_all", seed=3).canonical().seed
    3
    """

    threshold: float = 75.0
    window_days: int = DEFAULT.window_days
    top: int = DEFAULT.top
    quiet_days: int = 30
    candidate: str = "logistic"
    without: str = NOTHING
    seed: int = 0

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
        if self.without not in (NOTHING, *GROUPS):
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

        A candidate that draws nothing has no seed, and one that does not see a
        group of features cannot do without it.
        """
        model = seeded([self.candidate], self.seed)[self.candidate]
        without = self.without if _seen(model) & {*GROUPS.get(self.without, ())} else NOTHING
        return replace(self, seed=self.seed if _draws(model) else 0, without=without)

    def as_dict(self) -> dict[str, float | int | str]:
        """Return the choices by name."""
        return asdict(self)

    def to_json(self) -> str:
        """Return the choices as text, the same for the same choices."""
        return json.dumps(self.as_dict(), sort_keys=True)

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Specification:
        """Return the specification of choices by name."""
        return cls(**{name: values[name] for name in AXES if name in values})  # type: ignore[arg-type]

    def __str__(self) -> str:
        return ", ".join(shown(name, value) for name, value in self.as_dict().items() if value)


AXES = tuple(field.name for field in fields(Specification))


def shown(axis: str, value: object) -> str:
    """Return a choice for a person to read.

    Examples
    --------
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


def hidden_features(without: str) -> tuple[str, ...]:
    """Return the features that are taken as missing."""
    return GROUPS.get(without, ())


def _seen(model: HazardModel) -> set[str]:
    """Return the features that a candidate is given."""
    known = {feature.name for feature in CATALOGUE}
    given: set[str] = set()
    for value in model.get_params(deep=False).values():
        members = value if isinstance(value, list | tuple) else [value]
        for member in members:
            if isinstance(member, HazardModel):
                given |= _seen(member)
            elif isinstance(member, str) and member in known:
                given.add(member)
    return given


def _draws(model: HazardModel) -> bool:
    own = model.get_params(deep=False)
    # Trees draw columns; where each may use them all, there is nothing to draw.
    return "seed" in own and own.get("column_share", 0.0) < 1
