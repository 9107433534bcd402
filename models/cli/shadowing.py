"""Whether this program hides another package of its names, or shares a folder with one.

The top-level names `features`, `models`, `train` and `predict` are common ones. Nothing runs when
a wheel is installed, so the commands look when they start: a package that is hidden is named, and
one that hides this program is refused by the scripts.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

NAMES = ("features", "models", "train", "predict")
# What every copy of this program has, installed or checked out.
_OWN = Path("models", "cli", "shadowing.py")
_WAY_OUT = "install altseason into a virtual environment of its own."


def hidden_packages(
    paths: Sequence[str], *, home: Path, names: Sequence[str] = NAMES
) -> tuple[Path, ...]:
    """Return modules of the same names that stand on the path and are not this program's.

    Parameters
    ----------
    paths : sequence of str
        As `sys.path`; "" is the working directory.
    home : pathlib.Path
        The folder that holds this program's packages.
    names : sequence of str
        Top-level names.

    Examples
    --------
    >>> hidden_packages(["no such folder"], home=Path("."))
    ()
    """
    found: dict[Path, None] = {}
    for entry in dict.fromkeys(Path(path or ".").resolve() for path in paths):
        # Another copy of this program is no stranger.
        if entry == home.resolve() or (entry / _OWN).is_file():
            continue
        for name in names:
            for path in (entry / name / "__init__.py", entry / f"{name}.py"):
                if path.is_file():
                    found[path] = None
    return tuple(found)


def sharing_distributions(
    home: Path, names: Sequence[str] = NAMES, own: str = "altseason"
) -> tuple[str, ...]:
    """Return other distributions that were installed into the same folders.

    Parameters
    ----------
    home : pathlib.Path
        The folder that holds this program's packages; a checkout has no records.
    names : sequence of str
        Top-level names.
    own : str
        This distribution.
    """
    starts = tuple(f"{name}/" for name in names) + tuple(f"{name}.py," for name in names)
    found = []
    for record in sorted(home.glob("*.dist-info/RECORD")):
        distribution = record.parent.name.partition("-")[0]
        if distribution == own:
            continue
        with record.open(encoding="utf-8", errors="replace") as lines:
            if any(line.startswith(starts) for line in lines):
                found.append(distribution)
    return tuple(found)


def shadowing_warnings() -> list[str]:
    """Return what a person must know before names are mixed up, one sentence each."""
    home = Path(__file__).resolve().parents[2]
    said = [
        f"altseason hides {path} from Python here; {_WAY_OUT}"
        for path in hidden_packages(sys.path, home=home)
    ]
    return said + [
        f"{name} was installed into the same folder as altseason ({home}), over files of the same "
        f"names; {_WAY_OUT}"
        for name in sharing_distributions(home)
    ]
