"""A fitted candidate with all that a forecast needs, as plain parameters in one file."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

import pandas as pd

from models.hazard.base import HazardModel
from models.hazard.evidence_schema import check_stored
from models.hazard.leads import LEAD_DAYS
from models.hazard.pooling import from_state, to_state
from models.outlook.seasons import SUSTAINED_DAYS, SUSTAINED_WITHIN

SCHEMA = "altseason.forecaster/2"

# With a hundred replicates a forecaster has some megabytes.
_LARGEST_BYTES = 300_000_000
_SUSTAINED = {"sustained_days": SUSTAINED_DAYS, "sustained_within": SUSTAINED_WITHIN}


@dataclass(frozen=True)
class Evidence:
    """What a forecaster was trained on and what it has shown out of sample.

    Parameters
    ----------
    definition : mapping of str to float
        The onset definition's values.
    trained_until : str
        Day (ISO) whose end closed the training data.
    data_digest : str
        Digest of the panel it was trained on.
    ranges : mapping of str to (float, float)
        Lowest and highest training value of each feature that had any.
    onsets : mapping of str to sequence of str
        Training onsets (ISO days) of each kind of season.
    skill : sequence of mapping
        Verification of the candidate, a row per kind and horizon; None where
        a score cannot be computed.
    reason : str
        Why it is champion, or that it is not.
    """

    definition: Mapping[str, float]
    trained_until: str
    data_digest: str
    ranges: Mapping[str, Sequence[float]]
    onsets: Mapping[str, Sequence[str]]
    skill: Sequence[Mapping[Any, Any]]
    reason: str

    def in_training(self, as_of: pd.Timestamp) -> bool:
        """Tell whether the row of a day is one of those fitted."""
        # A row enters training once its first lead is resolved, on that day and not after.
        resolved_on = as_of + pd.Timedelta(days=LEAD_DAYS)
        return bool(resolved_on <= pd.Timestamp(self.trained_until))

    def in_sample(self, as_of: pd.Timestamp) -> bool:
        """Tell whether outcomes later than a day were learnt from."""
        # Strict: on the last day of training the model is in force and knows nothing later.
        return bool(as_of < pd.Timestamp(self.trained_until))


@dataclass(frozen=True)
class Forecaster:
    """A fitted candidate, the climatology beside it, its replicates and its evidence.

    Parameters
    ----------
    name : str
        Candidate.
    thresholds : mapping of str to float
        Season index at which each kind of season begins.
    model, climatology : HazardModel
        Fitted to the same rows.
    replicates : sequence of HazardModel
        The candidate refitted to resampled training episodes.
    evidence : Evidence
        What it was trained on and what it has shown.
    """

    name: str
    thresholds: Mapping[str, float]
    model: HazardModel
    climatology: HazardModel
    replicates: Sequence[HazardModel]
    evidence: Evidence

    def at(self, threshold: float) -> Self:
        """Return the forecaster of broad seasons that begin at another threshold.

        Nothing is fitted again: the hazard holds for all thresholds of its
        training. What the forecaster has shown, it has shown at its own
        threshold; of another's broad seasons neither skill nor onsets are
        claimed.

        Parameters
        ----------
        threshold : float
            Season index, above a partial season's.

        Raises
        ------
        ValueError
            If the threshold is not above a partial season's or is above all of
            training.
        """
        partial, highest = self.thresholds["partial"], float(self.model.thresholds_[-1])
        # Strict: at a partial season's threshold the two kinds would be one.
        if not partial < threshold <= highest:
            raise ValueError(
                f"threshold must be above {partial:g} and at most {highest:g}, got {threshold:g}; "
                f"for another, train again with it."
            )
        if threshold == self.thresholds["broad"]:
            return self
        evidence = replace(
            self.evidence,
            definition={**self.evidence.definition, "threshold": threshold},
            onsets={**self.evidence.onsets, "broad": []},
            skill=[row for row in self.evidence.skill if row["kind"] != "broad"],
            reason=f"verified at {self.thresholds['broad']:g}, asked for {threshold:g}",
        )
        thresholds = {**self.thresholds, "broad": threshold}
        return replace(self, thresholds=thresholds, evidence=evidence)

    def to_bytes(self) -> bytes:
        """Return the forecaster as compressed JSON; equal forecasters give equal bytes."""
        content = {
            "schema": SCHEMA,
            "name": self.name,
            "thresholds": dict(self.thresholds),
            "model": to_state(self.model),
            "climatology": to_state(self.climatology),
            "replicates": [to_state(replicate) for replicate in self.replicates],
            "evidence": asdict(self.evidence),
        }
        return gzip.compress(json.dumps(content, allow_nan=False).encode(), mtime=0)

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Return the forecaster that `to_bytes` wrote. Nothing in the file is executed.

        Raises
        ------
        ValueError
            If the content is no forecaster of this schema.
        """
        try:
            stored = json.loads(_decompressed(content))
            if stored["schema"] != SCHEMA:
                raise ValueError(f"schema must be {SCHEMA}, got {stored['schema']!r}")
            check_stored(stored)
            evidence = {field.name: stored["evidence"][field.name] for field in fields(Evidence)}
            # Forecasters from before sustained seasons were defined do not name them.
            for name, value in _SUSTAINED.items():
                evidence["definition"].setdefault(name, value)
            return cls(
                name=stored["name"],
                thresholds=stored["thresholds"],
                model=from_state(stored["model"]),
                climatology=from_state(stored["climatology"]),
                replicates=[from_state(state) for state in stored["replicates"]],
                evidence=Evidence(**evidence),
            )
        except (
            zlib.error, ValueError, LookupError, TypeError, AttributeError, ArithmeticError,
            RecursionError,
        ) as error:  # fmt: skip
            raise ValueError(f"not a forecaster of this program: {error}") from error


def _decompressed(content: bytes) -> bytes:
    """Return what gzip holds; ValueError if that is cut off or larger than any forecaster."""
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    plain = stream.decompress(content, _LARGEST_BYTES)
    if not stream.eof:
        raise ValueError(
            f"it holds more than {_LARGEST_BYTES // 1_000_000} MB"
            if stream.unconsumed_tail
            else "it is cut off"
        )
    return plain
