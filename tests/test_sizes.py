"""How long a function may be: what does not fit a screen is two things."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
LONGEST = 40
FILES = [
    *(
        path
        for room in ("features", "models", "benchmarks")
        for path in ROOT.glob(f"{room}/**/*.py")
    ),
    ROOT / "train.py",
    ROOT / "predict.py",
]


def lengths(source: str) -> dict[str, int]:
    """Lines of every function by name and first line, the docstring left out."""
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node) is not None:
                docstring = node.body[0]
                lines -= docstring.end_lineno - docstring.lineno + 1
            found[f"{node.name} at {node.lineno}"] = lines
    return found


def test_a_docstring_is_no_part_of_the_length():
    inner = "    def g():\n        return 1\n"
    assert lengths(f'def f(x):\n    """One.\n\n    Two.\n    """\n{inner}    return g\n') == {
        "f at 1": 4, "g at 6": 2,
    }  # fmt: skip


def test_no_function_is_longer_than_a_screen():
    assert not [
        (str(path.relative_to(ROOT)), name, lines)
        for path in FILES
        for name, lines in lengths(path.read_text()).items()
        if lines > LONGEST
    ]
