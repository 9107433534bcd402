"""Coverage-guided fuzzing of the readers with atheris: docs/security.md says how to run it.

The first byte chooses the reader, the others are what it reads. Of every kind of error that is none
of its documented refusals the first input is left in `finding-...`, with its trace; it becomes a
case of `tests/test_hostile_readers.py`.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))
ROOMS = ["features.sources", "models"]
with atheris.instrument_imports(include=ROOMS, enable_loader_override=False):
    from tests import hostile

NAMES = sorted(hostile.READERS)
# Forecasters of a training, which the fuzzer may start from: forecaster.json.gz of a store.
FORECASTERS = "*.json.gz"


def write_corpus(directory: Path) -> None:
    """Write what the readers take to files, from which the fuzzer starts."""
    directory.mkdir(exist_ok=True)
    packed = [path.read_bytes() for path in sorted(Path.cwd().glob(FORECASTERS))]
    more = {"forecaster": packed, "sealed_forecaster": list(map(gzip.decompress, packed))}
    for at, name in enumerate(NAMES):
        for number, content in enumerate(hostile.READERS[name].takes() + more.get(name, [])):
            (directory / f"{name}-{number}").write_bytes(bytes([at]) + content)


class Findings:
    """What was found: of every kind one."""

    def __init__(self) -> None:
        self.known: set[tuple[str, ...]] = set()

    def add(self, name: str, content: bytes, error: Exception) -> None:
        """Keep an input unless one like it is known."""
        last = traceback.extract_tb(error.__traceback__)[-1]
        kind = (name, type(error).__name__, last.filename, str(last.lineno))
        if kind in self.known:
            return
        self.known.add(kind)
        path = Path(f"finding-{len(self.known):03}-{name}")
        path.write_bytes(content)
        path.with_name(f"{path.name}.txt").write_text("".join(traceback.format_exception(error)))
        print(f"{path}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)


def main() -> None:
    """Fuzz with libFuzzer's own arguments; the first one is the directory of the corpus."""
    warnings.simplefilter("ignore")
    corpus = Path(sys.argv[1])
    if not any(corpus.glob("*")):
        write_corpus(corpus)
    folder, findings = Path(tempfile.mkdtemp()), Findings()

    def once(data: bytes) -> None:
        if len(data) < 2:
            return
        name = NAMES[data[0] % len(NAMES)]
        try:
            hostile.read_or_refused(name, data[1:], folder)
        except Exception as error:
            findings.add(name, data[1:], error)

    atheris.Setup(sys.argv, once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
