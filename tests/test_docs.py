"""Figures in the documentation: where they stand, and that the same ones change nothing."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.coverage import skill_coverage
from models.formatting import scored
from models.report.docs import Findings, picture, regions, write
from models.report.outlook_tables import outlook_tables
from models.report.regions import filled, folded
from models.training.outlook_coverage import chance_coverage
from models.training.outlook_proof import outlook_proof

ROOT = Path(__file__).parents[1]
CLAIMS = pd.DataFrame(
    {"claim": ["A record", "A low"], "horizon_days": 180, "condition": "such days",
     "verdict": "cannot tell", "sentence": ["nothing can be said.", "Nor here."]}
)  # fmt: skip


@pytest.fixture(scope="module")
def findings(reference, quick) -> Findings:
    return Findings(
        training=quick,
        proof=outlook_proof(quick, near_term="logistic", horizons=(90,), n_paths=400),
        claims=CLAIMS,
        skill_coverage=skill_coverage(20),
        chance_coverage=chance_coverage(n_histories=4),
        prospective="No week since a release has been resolved yet.",
        picture=picture(reference, quick),
    )


@pytest.fixture
def root(tmp_path) -> Path:
    """The pages of this repository, to be written to."""
    (tmp_path / "docs").mkdir()
    for name in ("README.md", "docs/skill.md", "docs/outlook.md", "docs/evidence.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def contents(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def outside(text: str, names: list[str]) -> str:
    """Return a page without what its regions hold."""
    return filled(text, dict.fromkeys(names, ""), "page")


def test_a_second_run_changes_nothing(root, findings):
    write(root, findings)
    first = contents(root)
    assert set(first) == {
        "README.md", "skill.md", "outlook.md", "evidence.md", "features.md", "forecast.png",
        "model-card.md",
    }  # fmt: skip
    write(root, findings)
    assert contents(root) == first


def test_only_what_stands_between_marks_is_written(root, findings):
    write(root, findings)
    for name, own in regions(findings).items():
        before, after = ((at / name).read_text() for at in (ROOT, root))
        assert outside(before, list(own)) == outside(after, list(own))
        for region, text in own.items():
            assert f"<!-- {region} -->\n{text.strip()}\n<!-- /{region} -->\n" in after


def test_the_figures_are_those_that_were_found(findings):
    made = regions(findings)
    row = findings.training.verification.query(
        "kind == 'broad' and model == 'persistence' and horizon_days == 90"
    ).iloc[0]
    cell = scored(*(row[f"brier_skill{end}"] for end in ("", "_low", "_high")))
    assert cell in made["README.md"]["skill"]
    assert cell in made["docs/skill.md"]["skill"]
    assert made["README.md"]["coverage"] in made["docs/skill.md"]["coverage"]
    assert made["docs/evidence.md"]["claims"].splitlines() == [
        "- Nothing can be said.", "- Nor here.",
    ]  # fmt: skip
    assert "| exponential | posterior |" in made["docs/outlook.md"]["coverage"]
    outlook, proof = made["docs/skill.md"]["outlook"], findings.proof
    for row in proof.scores.to_dict("records"):
        assert scored(row["skill"], row["low"], row["high"]) in outlook
    for row in proof.days.to_dict("records"):
        assert f"| {row['crps']:.1f} | {row['crps_reference']:.1f} |" in outlook
    # Chances, two rankings, days in season, and their PIT.
    assert outlook.count("\n| broad | 90 |") == 5
    assert "`logistic`, every week at risk, as far as it answers" in outlook
    assert (
        "Beyond 90 days the outlook answers instead. For the record, the AUC of `logistic` alone"
        in outlook
    )


def test_outlook_verdicts_follow_from_the_intervals(findings):
    scores = pd.DataFrame(
        [
            {"kind": kind, "horizon_days": days, "rows": 9, "events": 3, "score": score,
             "reference": reference, "skill": low, "low": low, "high": low + 0.1, "expected": 0.4}
            for kind, days, low in (("broad", 90, 0.1), ("broad", 180, 0), ("sustained", 90, -0.3))
            for score in ("brier", "log")
            for reference in ("window_frequency", "gamma_poisson")
        ]
    )  # fmt: skip
    said = " ".join(outlook_tables(replace(findings.proof, scores=scores)).split())
    for reference in ("frequency of past windows", "Gamma-Poisson"):
        # Strict: an interval that ends at 0 does not leave it out.
        assert (
            f"- Against the {reference}, the 90 % interval of the Brier skill lies above 0: broad "
            f"at 90 days; below 0: sustained at 90 days."
        ) in said


def test_a_page_without_marks_is_refused(root, findings):
    page = root / "docs" / "evidence.md"
    page.write_text(page.read_text().replace("<!-- /claims -->", ""))
    before = contents(root)
    with pytest.raises(ValueError, match=r"docs/evidence.md must hold the lines <!-- claims -->"):
        write(root, findings)
    assert contents(root) == before


def test_other_findings_change_the_pages(root, findings):
    write(root, findings)
    first = contents(root)
    write(root, replace(findings, claims=CLAIMS.assign(sentence="Other.")))
    assert [name for name, text in contents(root).items() if text != first[name]] == ["evidence.md"]


TEXT = st.text(st.sampled_from("ab |<>\n"))


@given(TEXT, TEXT, TEXT, TEXT)
def test_filling_is_idempotent_and_touches_nothing_else(before, old, new, after):
    begin, end = "<!-- n -->\n", "<!-- /n -->\n"
    once = filled(f"{before}\n{begin}{old}\n{end}{after}", {"n": new}, "page")
    assert once == f"{before}\n{begin}{new.strip()}\n{end}{after}"
    assert filled(once, {"n": new}, "page") == once


@given(TEXT)
def test_folding_moves_no_word_and_leaves_tables_whole(text):
    longer = "\n".join(line * 30 for line in text.split("\n"))
    made = folded(longer)
    assert made.split() == longer.split()
    assert folded(made) == made
    for line in made.split("\n"):
        assert len(line) <= 100 or line.startswith("|") or " " not in line.strip("- ")


@pytest.mark.parametrize(
    "text",
    [
        "<!-- n -->\n",
        "<!-- /n -->\n<!-- n -->\n",
        "<!-- n -->\n<!-- n -->\n<!-- /n -->\n",
        "<!-- n -->\n<!-- /n -->\n<!-- /n -->\n",
        "",
    ],
)
def test_marks_must_be_there_once_and_in_order(text):
    with pytest.raises(ValueError, match="once each, in this order; restore them"):
        filled(text, {"n": "1"}, "page")
