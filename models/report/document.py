"""Write what the documentation shows: ``python -m models.report.document [DIR]``.

`features.md` from the catalogue, `forecast.png` and `skill.md` from a training
with default settings on the embedded history.
"""

from __future__ import annotations

import sys
from pathlib import Path

from features.catalogue.document import page
from features.reference.load import load_reference
from models.hazard.candidates import CANDIDATES
from models.report.figures import probability_over_time
from models.training.run import Training, train
from models.vocabulary import Kind


def skill_table(training: Training) -> str:
    """Return Brier skill by candidate and horizon as a Markdown table, evidence below."""
    broad = training.verification[training.verification["kind"] == Kind.BROAD]
    by_horizon = broad.drop_duplicates("horizon_days").set_index("horizon_days")
    horizons = list(by_horizon.index)
    lines = [
        "| candidate | " + " | ".join(f"{h} days" for h in horizons) + " |",
        "|---|" + "---|" * len(horizons),
    ]
    for name in training.forecasters:
        own = broad[broad["model"] == name].set_index("horizon_days")
        mark = "**" if name == training.choice.champion else ""
        cells = [
            f"{own.loc[h, 'brier_skill']:+.2f} [{own.loc[h, 'brier_skill_low']:+.2f}, "
            f"{own.loc[h, 'brier_skill_high']:+.2f}]"
            for h in horizons
        ]
        if name != "climatology":
            lines.append(f"| {mark}{name}{mark}: {CANDIDATES[name].meaning} | "
                         + " | ".join(cells) + " |")  # fmt: skip
    for label in ("days", "episodes"):
        lines.append(
            f"| {label} | " + " | ".join(f"{by_horizon[label][h]}" for h in horizons) + " |"
        )
    return "\n".join(lines) + "\n"


def main(directory: Path) -> None:
    """Write the three files."""
    training = train(load_reference(), jobs=2)
    (directory / "features.md").write_text(page())
    (directory / "skill.md").write_text(skill_table(training))
    figure = probability_over_time(training, training.choice.champion)
    figure.savefig(directory / "forecast.png", metadata={"Software": None})


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
