"""What a person reads: the phrases that the glossary retires occur nowhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.report.verdicts import SHORT_SKILL, SKILL, effect
from models.vocabulary import Verdict

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# What a row of the first column of the glossary's last table says in code spans.
RETIRED = [
    phrase
    for row in (ROOT / "docs" / "glossary.md").read_text().split("## Wording")[1].splitlines()
    if row.startswith("| `")
    for phrase in re.findall(r"`([^`]+)`", row.split("|")[1])
]


PHRASE = re.compile(rf"\b({'|'.join(map(re.escape, RETIRED))})\b", re.IGNORECASE)


def retired(text: str) -> list[str]:
    """Return the retired phrases of a text; code spans and blocks hold stored values."""
    plain = re.sub(r"```.*?```|``[^`]+``|`[^`]+`", "", text, flags=re.DOTALL)
    return PHRASE.findall(" ".join(plain.split()))


def is_command(function: ast.FunctionDef) -> bool:
    """Whether a function is a command of Typer."""
    names = [part.func for part in function.decorator_list if isinstance(part, ast.Call)]
    return any(isinstance(n, ast.Attribute) and n.attr in ("command", "callback") for n in names)


def spoken(tree: ast.AST) -> Iterator[str]:
    """Yield every string of a module that can be shown: all but docstrings and bare words."""
    silent = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
        # What a command's function says is its --help.
        and not (isinstance(node, ast.FunctionDef) and is_command(node))
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            silent |= {id(part) for part in node.values}
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values
            )
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in silent
        ):
            yield node.value


def test_the_glossary_retires_phrases():
    assert {"cannot tell", "told from", "against climatology", "article's"} <= set(RETIRED)
    assert retired("The history cannot\ntell; `cannot tell` is stored.") == ["cannot tell"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages(page):
    assert retired(page.read_text()) == []


def test_what_is_printed():
    stored = {Verdict.CANNOT_TELL.value}
    modules = [ROOT / "predict.py", ROOT / "train.py"]
    modules += [path for room in ("features", "models") for path in (ROOT / room).rglob("*.py")]
    found = {
        f"{path.relative_to(ROOT)}: {text}"
        for path in modules
        for text in spoken(ast.parse(path.read_text()))
        if text not in stored and retired(text)
    }
    assert found == set()


def test_the_page():
    assert retired((ROOT / "models" / "report" / "page.html").read_text()) == []


def test_every_verdict_has_words():
    assert set(SKILL) == set(SHORT_SKILL) == set(Verdict)
    assert SKILL[Verdict.CANNOT_TELL] == SHORT_SKILL[Verdict.CANNOT_TELL] == "no detectable skill"
    assert effect(Verdict.CANNOT_TELL) == "no detectable effect"
