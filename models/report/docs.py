"""Write every figure of the documentation: ``python -m models.report.docs [ROOT]``.

Trains with default settings on the embedded history, hindcasts the outlook, tests the article's
claims, measures the coverage of intervals, extends the replay, and writes what came out: whole
files (`docs/features.md`, `docs/forecast.png`, `docs/model-card.md`, `docs/prospective.csv` and
`.md`) and the marked regions of pages that a person writes (`README.md`, `docs/skill.md`,
`docs/outlook.md`, `docs/evidence.md`).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.coverage import skill_coverage
from features.catalogue.frame import page
from features.panel import MarketPanel
from features.reference.load import load_reference
from features.storage.atomic import staged
from models.forecasting.forecast import forecast
from models.forecasting.out_of_sample import out_of_sample
from models.forecasting.parts import ModelId
from models.forecasting.season_status import season_status
from models.formatting import markdown
from models.hazard.candidates import CANDIDATES, PRIMARY
from models.report.claim_statements import claim_headlines
from models.report.known_failures import CardFacts
from models.report.model_card import FILE as MODEL_CARD
from models.report.model_card import model_card
from models.report.outlook_tables import outlook_tables
from models.report.picture import draw
from models.report.prospective_summary import write_prospective
from models.report.regions import filled, folded
from models.report.style import png
from models.training.claims import claims
from models.training.coverage_tables import (
    chance_coverage_rows,
    coverage_sentence,
    skill_coverage_rows,
)
from models.training.outlook_coverage import chance_coverage
from models.training.outlook_proof import OutlookProof, outlook_proof
from models.training.prospective_outcomes import outcome_summary
from models.training.prospective_table import since_release
from models.training.replay import TABLE, extend, read
from models.training.run import Training, train
from models.training.skill_table import skill_table
from models.verification.hindcast import REFERENCE
from models.vocabulary import CandidateName

# The candidates of the first table: the simplest, the primary, and what it is made of or beside.
SHOWN = (
    CandidateName.persistence, CandidateName.logistic, CandidateName.simulation,
    CandidateName.pool,
)  # fmt: skip


@dataclass(frozen=True)
class Findings:
    """All that the documentation states as a figure.

    Parameters
    ----------
    training : Training
        The candidates, verified.
    proof : OutlookProof
        The outlook, hindcast.
    claims : pandas.DataFrame
        From `models.training.claims.claims`.
    skill_coverage, chance_coverage : pandas.DataFrame
        How often intervals hold the truth, of skills and of the outlook's probabilities.
    prospective : str
        From `models.training.prospective_table.since_release`.
    picture : bytes
        PNG.
    """

    training: Training
    proof: OutlookProof
    claims: pd.DataFrame
    skill_coverage: pd.DataFrame
    chance_coverage: pd.DataFrame
    prospective: str
    picture: bytes


def find(panel: MarketPanel, docs: Path, jobs: int = 2) -> Findings:
    """Train, hindcast, test and measure; the replay in `docs` is extended on the way."""
    training = train(panel, jobs=jobs)
    definition = training.settings.definition
    extend(docs, panel, jobs=jobs)
    return Findings(
        training=training,
        proof=outlook_proof(training, near_term=PRIMARY),
        claims=claims(panel, definition, training.until),
        skill_coverage=skill_coverage(),
        chance_coverage=chance_coverage(),
        prospective=outcome_summary(docs) or since_release(read(docs / TABLE), panel, definition),
        picture=picture(panel, training),
    )


def picture(panel: MarketPanel, training: Training) -> bytes:
    """Return the picture of the champion's forecast on the last day, as PNG."""
    forecaster = training.forecasters[training.choice.champion]
    status = season_status(panel, forecaster, panel.last_day)
    made = forecast(status, forecaster, ModelId(None, ""), by=None, today=panel.last_day)
    past = out_of_sample(status, forecaster, training.hindcast)
    return png(draw(past, outlook=made.outlook))


def regions(findings: Findings) -> Mapping[str, Mapping[str, str]]:
    """Return what each marked region of each page is to hold, by the page's path."""
    champion, reason = findings.training.choice
    joined = ";" if champion == REFERENCE else ", which"
    claimed = (each.sentence for each in claim_headlines(findings.claims))
    coverage = coverage_sentence(findings.skill_coverage, findings.chance_coverage)
    return {
        "README.md": {
            "skill": "\n".join(markdown(shown_rows(findings.training))),
            "coverage": folded(coverage),
            "prospective": folded(findings.prospective),
        },
        "docs/skill.md": {
            "skill": "\n".join(markdown(named_rows(findings.training))),
            "champion": folded(f"Champion: `{champion}`{joined} {reason}."),
            "outlook": outlook_tables(findings.proof),
            "coverage": "\n".join(
                [folded(coverage), "", *markdown(skill_coverage_rows(findings.skill_coverage))]
            ),
        },
        "docs/outlook.md": {
            "coverage": "\n".join(markdown(chance_coverage_rows(findings.chance_coverage)))
        },
        "docs/evidence.md": {
            "claims": "\n".join(folded(f"- {each[0].upper()}{each[1:]}") for each in claimed)
        },
    }


def named_rows(training: Training) -> list[list[str]]:
    """Return the skill of every candidate, each with its meaning."""

    def name_of(name: str) -> str:
        return f"{_marked(training, name)}: {CANDIDATES[name].meaning}"

    return skill_table(training, name_of)


def shown_rows(training: Training) -> list[list[str]]:
    """Return the skill of the candidates to show first, the champion named as such."""

    def name_of(name: str) -> str:
        champion = " (champion)" if name == training.choice.champion else ""
        return _marked(training, name) + champion

    head, *rows = skill_table(training, name_of)
    shown = {*SHOWN, training.choice.champion}
    by_name = zip(training.forecasters, rows, strict=False)
    return [head, *(row for name, row in by_name if name in shown), *rows[-2:]]


def write(root: Path, findings: Findings) -> None:
    """Write the regions, the features and the picture; the same findings give the same bytes.

    Parameters
    ----------
    root : pathlib.Path
        Holds `README.md` and `docs`.
    findings : Findings
        What to write.

    Raises
    ------
    ValueError
        If a page lacks a mark; nothing is written then.
    """
    made = {
        root / name: filled((root / name).read_text(), own, name)
        for name, own in regions(findings).items()
    }
    texts = {
        **made,
        root / "docs" / "features.md": page(),
        root / "docs" / MODEL_CARD: _card(findings.training),
    }
    files = {path: text.encode() for path, text in texts.items()}
    for path, content in {**files, root / "docs" / "forecast.png": findings.picture}.items():
        with staged(path) as beside:
            beside.write_bytes(content)


def _card(training: Training) -> str:
    return model_card(CardFacts.of_training(training, training.choice.champion, "reference"))


def _marked(training: Training, name: str) -> str:
    return f"**{name}**" if name == training.choice.champion else name


def main(root: Path) -> None:
    """Write all figures of the documentation from the embedded history."""
    panel = load_reference()
    findings = find(panel, root / "docs")
    # The model card tells the prospective record, which the replay has just made longer.
    write_prospective(root / "docs", panel)
    write(root, findings)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
