"""The sweep that a release comes with, as the page shows it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

FILE = Path(__file__).parent / "sweep.json"


@dataclass(frozen=True)
class StoredSweep:
    """What a sweep says, how many specifications it tried, and the last day it knew."""

    specifications: int
    until: pd.Timestamp
    sentences: tuple[str, ...]


def stored_sweep(path: Path = FILE) -> StoredSweep | None:
    """Return the sweep that is stored with the program; None if none is.

    Parameters
    ----------
    path : pathlib.Path
        Written by ``python train.py sweep --no-log --json > models/report/sweep.json``.
    """
    if not path.exists():
        return None
    content = json.loads(path.read_text(encoding="utf-8"))
    return StoredSweep(
        content["evaluated"], pd.Timestamp(content["until"]), tuple(content["sentences"])
    )
