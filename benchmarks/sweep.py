"""The default sweep, timed: ``python -m benchmarks.sweep``.

Run it from the root of the repository, with nothing else running: it prints the specifications
evaluated a minute, and writes what the sweep says into docs/sweep.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter

from features.reference.load import load_definitions, load_reference
from features.storage.atomic import staged
from models.formatting import filled, folded
from models.report.sweep_text import sentences
from models.sweep.material import material
from models.sweep.run import carry_out, engine_of
from models.sweep.specification import DEFAULT_AXES, grid
from models.sweep.summary import summarise

PAGE = Path(__file__).parents[1] / "docs" / "sweep.md"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    jobs = parser.parse_args().jobs
    made = grid(DEFAULT_AXES)
    shared = material(load_reference(), load_definitions(), made.definitions())
    began = perf_counter()
    with engine_of("loky", jobs) as engine:
        done = carry_out(shared, made.specifications, engine)
    minutes = (perf_counter() - began) / 60
    print(f"{len(done.results)} specifications, {len(done.results) / minutes:.0f} a minute")
    summary = summarise(done)
    assert summary is not None
    text = folded("\n".join(f"- {sentence}" for sentence in sentences(summary)[:2]))
    with staged(PAGE) as beside:
        beside.write_text(filled(PAGE.read_text("utf-8"), {"sweep": text}, PAGE.name), "utf-8")


if __name__ == "__main__":
    main()
