"""Further artifacts of a training, beside those that its record is composed of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from models.tracking.training_record import TrainingRecord


def attached(record: TrainingRecord, files: Mapping[str, Mapping[str, bytes]]) -> TrainingRecord:
    """Return a record with further artifacts on the runs of its candidates.

    Parameters
    ----------
    record : TrainingRecord
        From `models.tracking.composition.compose`.
    files : mapping of str to mapping of str to bytes
        By candidate and path; those of the gate's choice stand on the training's own run too.
    """
    return replace(
        record,
        parent=replace(
            record.parent, files={**record.parent.files, **files.get(record.champion, {})}
        ),
        children={
            name: replace(entry, files={**entry.files, **files.get(name, {})})
            for name, entry in record.children.items()
        },
    )
