"""Which code evaluates: results of other code are other results."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

# What a result can depend on; what is made of results, pictures and commands are not among it.
_PARTS = (
    "features/catalogue", "features/market", "features/panel.py",
    "models/forecasting", "models/hazard", "models/season/labels.py", "models/outlook",
    "models/sweep/cluster.py", "models/sweep/evaluate.py", "models/sweep/material.py",
    "models/sweep/result.py", "models/sweep/specification.py", "models/sweep/tasks.py",
    "models/training/ablation.py", "models/training/run.py", "models/verification",
    "models/vocabulary.py",
)  # fmt: skip
_PACKAGES = ("altseason", "joblib", "lightgbm", "numpy", "pandas", "scikit-learn", "scipy")

Identity = Mapping[str, str]


@cache
def identity() -> Identity:
    """Return the digest of this program's code and the versions of what computes with it."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"code": code_digest(), "python": python, **{name: _version(name) for name in _PACKAGES}}


def identity_digest() -> str:
    """SHA-256 of the identity."""
    return hashlib.sha256(json.dumps(dict(identity()), sort_keys=True).encode()).hexdigest()


@cache
def code_digest(root: Path = Path(__file__).parents[2]) -> str:
    """SHA-256 of the code that a result can depend on: paths and contents."""
    content = hashlib.sha256()
    for part in _PARTS:
        path = root / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            content.update(f"{file.relative_to(root).as_posix()}\n".encode())
            content.update(hashlib.sha256(file.read_bytes()).digest())
    return content.hexdigest()


def difference(theirs: Identity, own: Identity) -> str | None:
    """Return in what two identities differ, for a person to read; None if in nothing.

    Examples
    --------
    >>> difference({"code": "0" * 64, "numpy": "2.1"}, {"code": "0" * 64, "numpy": "2.4"})
    'numpy 2.1 instead of 2.4'
    """
    parts = [
        f"{name} {theirs.get(name, 'none')[:12]} instead of {value[:12]}"
        for name, value in own.items()
        if theirs.get(name) != value
    ]
    return ", ".join(parts) or None


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
