"""This program neither hides another package of its names in silence nor breaks in a riddle."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

import predict
from models.cli import shadowing
from models.cli.shadowing import hidden_packages, sharing_distributions
from tests.commands import ROOT, run_python


def stranger(folder: Path, name: str = "models/__init__.py") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    return path


@pytest.mark.parametrize("name", ["models/__init__.py", "features.py", "predict.py"])
def test_a_stranger_on_the_path_is_named(tmp_path, name):
    path = stranger(tmp_path, name)
    assert hidden_packages([str(ROOT), str(tmp_path)], home=ROOT) == (path,)


@pytest.mark.parametrize("name", ["models/weights.bin", "modelsx.py", "models/sub/__init__.py"])
def test_what_hides_nothing_is_not_named(tmp_path, name):
    stranger(tmp_path, name)
    assert hidden_packages([str(ROOT), str(tmp_path)], home=ROOT) == ()


def test_another_copy_of_this_program_is_no_stranger(tmp_path):
    stranger(tmp_path)
    stranger(tmp_path, "models/cli/shadowing.py")
    assert hidden_packages([str(tmp_path), ""], home=ROOT) == ()


@pytest.mark.parametrize(
    ("record", "shares"),
    [("models/bert.py,sha256=x,1\n", True), ("predict.py,sha256=x,1\n", True),
     ("other/models/a.py,,\n", False), ("predictor.py,,\n", False)],
)  # fmt: skip
def test_a_distribution_in_the_same_folder_is_named(tmp_path, record, shares):
    for name, lines in (("altseason-0.1.0", "models/season/labels.py,,\n"), ("zoo-1.0", record)):
        stranger(tmp_path, f"{name}.dist-info/RECORD").write_text(lines)
    assert sharing_distributions(tmp_path) == (("zoo",) if shares else ())


def test_the_commands_warn(monkeypatch):
    monkeypatch.setattr(predict, "shadowing_warnings", lambda: ["altseason hides x.py"])
    result = CliRunner().invoke(predict.app, ["health", "--rules"])
    assert result.exit_code == 0
    assert result.stderr == "warning: altseason hides x.py\n"
    assert "warning" not in result.stdout


def test_here_nothing_is_hidden():
    assert shadowing.shadowing_warnings() == []


def test_hidden_by_another_it_refuses_in_one_line(tmp_path):
    path = stranger(tmp_path)
    # An editable installation finds what lies in this program's packages all the same.
    plain = "import sys; sys.meta_path = [f for f in sys.meta_path if 'Editable' not in repr(f)]"
    done = run_python(
        "-c", f"{plain}; import predict", cwd=tmp_path, PYTHONPATH=f"{tmp_path}:{ROOT}"
    )
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "hides this program's" in line
    assert "virtual environment of its own" in line
    assert path.exists()
