"""A fitted candidate with all that a forecast needs, as plain parameters in one file."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from features.catalogue.features import FEATURE_NAMES
from features.terminal import one_line
from models.errors import MALFORMED
from models.hazard.base import HazardModel
from models.hazard.evidence import Evidence, evidence_from_json, evidence_json
from models.hazard.evidence_schema import check_stored
from models.hazard.pooling import from_state, to_state
from models.vocabulary import Kind

SCHEMA = "altseason.forecaster/2"

# With a hundred replicates a forecaster has some megabytes.
_LARGEST_BYTES = 300_000_000
_LONGEST_MESSAGE = 200


@dataclass(frozen=True)
class Forecaster:
    """A fitted candidate, the climatology beside it, its replicates and its evidence.

    Parameters
    ----------
    name : str
        Candidate.
    thresholds : mapping of Kind to float
        Season index at which each kind of season begins.
    model, climatology : HazardModel
        Fitted to the same rows.
    replicates : sequence of HazardModel
        The candidate refitted to resampled training episodes.
    evidence : Evidence
        What it was trained on and what it has shown.
    measured_at : float, optional
        Threshold of broad seasons at which it was verified, where it is asked
        for another (`at`); None where it is its own. It is not stored.
    """

    name: str
    thresholds: Mapping[Kind, float]
    model: HazardModel
    climatology: HazardModel
    replicates: Sequence[HazardModel]
    evidence: Evidence
    measured_at: float | None = None

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
        partial, highest = self.thresholds[Kind.PARTIAL], float(self.model.thresholds_[-1])
        # Strict: at a partial season's threshold the two kinds would be one.
        if not partial < threshold <= highest:
            way_out = (
                "seasons at that index are the partial ones, shown in every forecast."
                if threshold == partial
                else "the hazard is fitted from the one to the other; train again for more."
            )
            raise ValueError(
                f"threshold must be above {partial:g} and at most {highest:g}, got {threshold:g}; "
                f"{way_out}"
            )
        if threshold == self.thresholds[Kind.BROAD]:
            return self
        evidence = replace(
            self.evidence,
            definition=replace(self.evidence.definition, threshold=threshold),
            onsets={**self.evidence.onsets, Kind.BROAD: ()},
            skill=tuple(skill for skill in self.evidence.skill if skill.kind != Kind.BROAD),
            outlook=(),
            reason=f"verified at {self.thresholds[Kind.BROAD]:g}, asked for {threshold:g}",
        )
        return replace(
            self,
            thresholds={**self.thresholds, Kind.BROAD: threshold},
            evidence=evidence,
            measured_at=self.thresholds[Kind.BROAD],
        )

    def to_bytes(self) -> bytes:
        """Return the forecaster as compressed JSON; equal forecasters give equal bytes."""
        content = {
            "schema": SCHEMA,
            "name": self.name,
            "thresholds": dict(self.thresholds),
            "model": to_state(self.model),
            "climatology": to_state(self.climatology),
            "replicates": [to_state(replicate) for replicate in self.replicates],
            "evidence": evidence_json(self.evidence),
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
            forecaster = cls(
                name=stored["name"],
                thresholds={Kind(kind): value for kind, value in stored["thresholds"].items()},
                model=from_state(stored["model"]),
                climatology=from_state(stored["climatology"]),
                replicates=[from_state(state) for state in stored["replicates"]],
                evidence=evidence_from_json(stored["evidence"]),
            )
            _check_models(forecaster)
        except (zlib.error, *MALFORMED) as error:
            said = one_line(error, longest=_LONGEST_MESSAGE)
            raise ValueError(f"not a forecaster of this program: {said}") from error
        return forecaster


def _check_models(forecaster: Forecaster) -> None:
    """Refuse models of other thresholds, or of another release's features."""
    models = (forecaster.model, forecaster.climatology, *forecaster.replicates)
    lowest, highest = forecaster.thresholds[Kind.PARTIAL], forecaster.thresholds[Kind.BROAD]
    if not all(m.thresholds_[0] <= lowest and highest <= m.thresholds_[-1] for m in models):
        raise ValueError(f"model must reach from the threshold {lowest:g} to {highest:g}")
    used = {name for model in models for name in model.feature_names()}
    if unknown := used - {*FEATURE_NAMES}:
        raise ValueError(f"{min(unknown)} is no feature of this release; train again")


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
