"""Completion in a real bash: the installed scripts' options and values."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from models.cli.market_options import Source
from models.hazard.candidates import CANDIDATES
from tests.commands import ROOT, run_python

SCRIPTS = {"altseason-train": "train", "altseason-predict": "predict"}

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")


@pytest.fixture(scope="module")
def scripts(tmp_path_factory) -> Path:
    """A directory with the two scripts as an installation makes them."""
    folder = tmp_path_factory.mktemp("bin")
    for name, module in SCRIPTS.items():
        script = folder / name
        script.write_text(
            f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
            f"from {module} import app\nsys.exit(app())\n"
        )
        script.chmod(0o755)
    return folder


def bash(scripts: Path, code: str) -> list[str]:
    environ = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", code], env=environ, cwd=scripts,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


def completed(scripts: Path, *words: str) -> list[str]:
    """Return what bash offers behind words, the last of which is being typed."""
    script = words[0]
    listed = " ".join(f"'{word}'" for word in words)
    return bash(
        scripts,
        f"source <({script} --show-completion)\n"
        f'set -- $(complete -p {script}); while [ "$1" != -F ]; do shift; done; f=$2\n'
        f"COMP_WORDS=({listed}); COMP_CWORD={len(words) - 1}; $f {script}\n"
        'printf "%s\\n" "${COMPREPLY[@]}"',
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_option_is_completed(scripts, script):
    assert completed(scripts, script, "--mo") == ["--model"]


def test_the_values_of_an_option_are_offered(scripts):
    assert completed(scripts, "altseason-train", "--model", "") == list(CANDIDATES)
    assert completed(scripts, "altseason-train", "--model", "logistic_") == [
        name for name in CANDIDATES if name.startswith("logistic_")
    ]
    assert completed(scripts, "altseason-predict", "--model", "ch") == [
        "champion", "challenger",
    ]  # fmt: skip
    assert completed(scripts, "altseason-predict", "--source", "") == [
        each.value for each in Source
    ]


def test_completing_loads_nothing_heavy(scripts):
    code = (
        "import sys, os\nos.environ.update(_ALTSEASON_PREDICT_COMPLETE='complete_bash',"
        " COMP_WORDS='altseason-predict --so', COMP_CWORD='1')\n"
        "import predict\n"
        "try:\n    predict.app(prog_name='altseason-predict')\n"
        "except SystemExit:\n    pass\n"
        "print(sorted({'pandas', 'numpy', 'mlflow', 'matplotlib'} & set(sys.modules)))"
    )
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["--source", "[]"]
