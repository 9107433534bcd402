"""The sweep that a release comes with, as the page shows it and docs/sweep.md says it.

``python train.py sweep --no-log --json > models/report/sweep.json`` makes it, and
``python -m models.report.sweep_record`` writes its two sentences into the PAGE.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from features.storage.atomic import staged
from models.report.regions import filled, folded

FILE = Path(__file__).parent / "sweep.json"
PAGE = Path(__file__).parents[2] / "docs" / "sweep.md"
REGION = "sweep"


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
        What ``train.py sweep --json`` has printed.
    """
    if not path.exists():
        return None
    content = json.loads(path.read_text(encoding="utf-8"))
    return StoredSweep(
        content["evaluated"], pd.Timestamp(content["until"]), tuple(content["sentences"])
    )


def readme_lines(stored: StoredSweep) -> str:
    """Return the headline and what the best is worth, as docs/sweep.md has them."""
    return folded("\n".join(f"- {sentence}" for sentence in stored.sentences[:2]))


def main() -> None:
    """Write the stored sweep's sentences into the PAGE."""
    stored = stored_sweep()
    if stored is None:
        raise SystemExit(f"there is no {FILE}; make it with train.py sweep --json.")
    text = filled(PAGE.read_text(encoding="utf-8"), {REGION: readme_lines(stored)}, PAGE.name)
    with staged(PAGE) as beside:
        beside.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
