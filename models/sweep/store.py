"""Results kept one by one, by what they depend on: a killed sweep goes on where it was."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from features.storage.parquet import kept, read_table, write_table
from models.errors import SweepError
from models.sweep.evaluate import Result
from models.sweep.material import Material
from models.sweep.specification import Specification

_PACKAGES = ("altseason", "joblib", "lightgbm", "numpy", "pandas", "scikit-learn", "scipy")
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Store:
    """A folder of results: a Parquet file each, there whole or not at all.

    Its name is what the result depends on: data, choices, horizons, code. Only the client of a
    sweep writes; a damaged file is set aside and evaluated again.
    """

    folder: Path

    def __post_init__(self) -> None:
        """Raise `SweepError` if there is no such folder and it cannot be made."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._refusal(error) from error

    def get(self, key: str) -> Result | None:
        """Return the result of a key if it is there."""
        return kept(self._path(key), _read)

    def put(self, key: str, result: Result) -> None:
        """Keep a result, on the disk when this returns."""
        note = {"specification": result.specification.as_dict(), "figures": result.figures}
        try:
            write_table(self._path(key), result.trace, note)
        except OSError as error:
            raise self._refusal(error) from error

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.parquet"

    def _refusal(self, error: OSError) -> SweepError:
        return SweepError(f"the store of results {self.folder} cannot be used: {error}")


def _read(path: Path) -> Result:
    trace, note = read_table(path)
    return Result(Specification(**note["specification"]), note["figures"], trace)


def key_of(material: Material, specification: Specification, horizons: tuple[int, ...]) -> str:
    """Return what a result depends on as one SHA-256: data, choices, horizons, code."""
    content = {
        "data": material.by_index[specification.index].digest,
        "specification": specification.as_dict(),
        "horizons": list(horizons),
        "identity": identity(),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@cache
def identity() -> dict[str, str]:
    """Return the digest of this program's code and the versions of what computes with it."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    versions = {name: metadata.version(name) for name in _PACKAGES}
    return {"code": code_digest(), "python": python, **versions}


def code_digest(root: Path = _ROOT) -> str:
    """SHA-256 of the program's code: results of other code are other results."""
    content = hashlib.sha256()
    for file in sorted(
        file for room in ("features", "models") for file in (root / room).rglob("*.py")
    ):
        content.update(f"{file.relative_to(root).as_posix()}\n".encode())
        content.update(hashlib.sha256(file.read_bytes()).digest())
    return content.hexdigest()


def difference(theirs: Mapping[str, str], ours: Mapping[str, str]) -> str | None:
    """Return in what two identities differ, for a person to read; None if in nothing.

    >>> difference({"code": "0" * 64, "numpy": "2.1"}, {"code": "0" * 64, "numpy": "2.4"})
    'numpy 2.1 instead of 2.4'
    """
    parts = [
        f"{name} {theirs.get(name, 'none')[:12]} instead of {value[:12]}"
        for name, value in ours.items()
        if theirs.get(name) != value
    ]
    return ", ".join(parts) or None
