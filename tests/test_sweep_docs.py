"""The examples of docs/sweep.md, as written."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import pytest

import train
from tests.commands import run_command

PAGE = Path(__file__).parents[1] / "docs" / "sweep.md"
TEXT = PAGE.read_text()
COMMANDS = [
    line.partition("#")[0].strip()
    for line in TEXT.splitlines()
    if line.startswith("python train.py sweep")
]


def test_the_example_in_python_runs_as_written():
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    parsed = doctest.DocTestParser().get_doctest(example, {}, "sweep.md", str(PAGE), 0)
    results = doctest.DocTestRunner().run(parsed)
    assert results.attempted >= 5
    assert results.failed == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grid.toml").write_text("threshold = [70, 75]\nwindow = [60, 90]\n")
    arguments = shlex.split(command)[2:]
    result = run_command(
        train.app, *arguments, *([] if "--dry-run" in arguments else ["--dry-run"])
    )
    assert result.exit_code == 0, result.output
    assert "with --jobs 2" in result.stdout
