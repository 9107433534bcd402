"""What one specification came to: its figures, and its scores day by day."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from models.hazard.leads import FloatArray
from models.sweep.specification import Specification
from models.verification.intervals import Interval


class Trace(NamedTuple):
    """Scores of the days resolved at every horizon, in the order of time, each of shape (n,).

    Brier scores, the mean over the horizons: the specification's own and its
    climatology's. A day's are known at the end of `as_of` + the longest horizon.
    """

    as_of: pd.DatetimeIndex
    score: FloatArray
    reference: FloatArray


@dataclass(frozen=True, eq=False)
class Result:
    """A specification's figures.

    Parameters
    ----------
    specification : Specification
        The choices.
    onsets : int
        Onsets of broad seasons in the whole history.
    episodes : int
        Onsets inside the windows of the days scored.
    days : int
        Days out of sample, resolved at every horizon.
    horizons : tuple of int
        Days ahead.
    skill : tuple of Interval
        Brier skill against climatology with its 90 % interval, by horizon;
        higher is better, 0 is climatology.
    integrated : Interval
        The same over all horizons at once.
    year : int
        Calendar year of the day after the last one known.
    probability, low, high : float
        P(an onset in that year), those that have come included, and its
        credible interval; NaN where nothing can be learnt from.
    begun : bool
        Whether one has come already.
    trace : Trace
        What the integrated skill is made of.
    """

    specification: Specification
    onsets: int
    episodes: int
    days: int
    horizons: tuple[int, ...]
    skill: tuple[Interval, ...]
    integrated: Interval
    year: int
    probability: float
    low: float
    high: float
    begun: bool
    trace: Trace

    def row(self) -> dict[str, Any]:
        """Return the choices and figures by column."""
        by_horizon = zip(self.horizons, self.skill, strict=True)
        skills = {f"skill_{days}": each for days, each in by_horizon}
        return {
            **self.specification.as_dict(),
            "onsets": self.onsets,
            "episodes": self.episodes,
            "days": self.days,
            **_spread({**skills, "skill": self.integrated}),
            "year": self.year,
            "probability": self.probability,
            "probability_low": self.low,
            "probability_high": self.high,
            "begun": self.begun,
        }

    def to_bytes(self) -> bytes:
        """Return the result as compressed JSON; equal results give equal bytes."""
        content = {
            **{name: getattr(self, name) for name in _PLAIN},
            "specification": asdict(self.specification),
            "trace": {
                "as_of": (self.trace.as_of.to_numpy().astype("M8[D]").astype(int)).tolist(),
                "score": self.trace.score.tolist(),
                "reference": self.trace.reference.tolist(),
            },
        }
        return zlib.compress(json.dumps(content, sort_keys=True).encode())

    @classmethod
    def from_bytes(cls, content: bytes) -> Result:
        """Return the result that `to_bytes` wrote.

        Raises
        ------
        ValueError
            If the content is no result.
        """
        try:
            stored = json.loads(zlib.decompress(content))
            return cls(
                **{name: stored[name] for name in _PLAIN if name not in _NESTED},
                specification=Specification.from_dict(stored["specification"]),
                horizons=tuple(stored["horizons"]),
                skill=tuple(Interval(*each) for each in stored["skill"]),
                integrated=Interval(*stored["integrated"]),
                trace=_trace(stored["trace"]),
            )
        except (zlib.error, LookupError, TypeError) as error:
            raise ValueError(f"not a result of a sweep: {error}") from error


_NESTED = ("horizons", "skill", "integrated")
_PLAIN = (
    "onsets", "episodes", "days", "year", "probability", "low", "high", "begun", *_NESTED,
)  # fmt: skip


@dataclass(frozen=True)
class Failure:
    """A specification that could not be evaluated, and why."""

    specification: Specification
    reason: str


def _spread(skills: Mapping[str, Interval]) -> dict[str, float]:
    return {
        f"{name}{end}": value
        for name, each in skills.items()
        for end, value in zip(("", "_low", "_high"), each, strict=True)
    }


def _trace(stored: Mapping[str, Any]) -> Trace:
    days = np.array(stored["as_of"], dtype=np.int64).astype("M8[D]").astype("M8[s]")
    return Trace(
        pd.DatetimeIndex(days),
        np.array(stored["score"], dtype=float),
        np.array(stored["reference"], dtype=float),
    )
