"""Write what the documentation shows: ``python -m models.report.docs [DIR]``.

`features.md` from the catalogue, `forecast.png` and `skill.md` from a training
with default settings on the embedded history.
"""

from __future__ import annotations

import sys
from pathlib import Path

from features.catalogue.document import page
from features.reference.load import load_reference
from models.formatting import markdown
from models.hazard.candidates import CANDIDATES
from models.report.figures import probability_over_time
from models.training.run import Training, train
from models.training.skill_table import skill_table


def skill_page(training: Training) -> str:
    """Return the skill of every candidate with its meaning as a Markdown table."""

    def name_of(name: str) -> str:
        mark = "**" if name == training.choice.champion else ""
        return f"{mark}{name}{mark}: {CANDIDATES[name].meaning}"

    return "\n".join(markdown(skill_table(training, name_of))) + "\n"


def main(directory: Path) -> None:
    """Write the three files."""
    training = train(load_reference(), jobs=2)
    (directory / "features.md").write_text(page())
    (directory / "skill.md").write_text(skill_page(training))
    figure = probability_over_time(training, training.choice.champion)
    figure.savefig(directory / "forecast.png", metadata={"Software": None})


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
