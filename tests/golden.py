"""Golden figures, made anew by ``python -m tests.golden``; ``--exact`` compares them to the bit.

They hold the numbers still while the house is rebuilt: what they hold may change only where an
issue says so, and then in the same commit as its line in CHANGELOG.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from features.catalogue.frame import build_features
from features.market.season import at_risk, season_index
from features.panel import MarketPanel
from features.reference.load import load_reference
from features.sources.directory import load_files
from features.storage.simulations import simulated_series
from models.forecasting.forecast import forecast
from models.forecasting.parts import ModelId
from models.forecasting.status import season_status
from models.hazard.candidates import fit_candidates
from models.hazard.forecaster import Evidence, Forecaster
from models.season.definition import OnsetDefinition
from models.season.labels import onsets
from models.training.landmarks import landmarks
from models.training.replicates import fit_with_replicates
from models.training.run import OUT_OF_SAMPLE, REFIT_DAYS, Settings
from models.verification.hindcast import hindcast
from models.verification.walk_forward import WalkForward
from models.vocabulary import Kind

FOLDER = Path(__file__).parent / "golden"
REAL_DATA = Path(__file__).parents[2] / "shared" / "data"
DIGESTS, HINDCAST = FOLDER / "digests.json", FOLDER / "hindcast.parquet"
FORECASTS = FOLDER / "forecasts.json"

CANDIDATES = (
    "climatology", "persistence", "logistic", "simulation", "pool", "logistic_all", "lightgbm",
    "lightgbm_all",
)  # fmt: skip
HORIZONS = (30, 60, 90)
LAST_WEEK = pd.Timestamp("2025-12-31")
# Refits spread over the years, by number; all have weeks at risk of both kinds.
SOME_REFITS = (11, 46, 78, 112)
# Four days at risk of a broad season, four in season, four quiet for too short a time.
DAYS = (
    "2018-09-25", "2021-08-17", "2023-11-28", "2026-06-06",
    "2017-04-25", "2018-01-09", "2021-04-20", "2025-09-16",
    "2018-03-20", "2019-04-16", "2022-10-11", "2024-12-24",
)  # fmt: skip
AT_RISK = DAYS[:4]
# Simulated values may differ by two paths in a thousand on another processor.
SIMULATED_SINCE = pd.Timestamp("2026-05-25")


def digest(values: pd.Series) -> str:
    """Digest days and values to the bit, all NaN alike and both zeros alike."""
    plain = np.where(values.isna(), np.nan, values.to_numpy(dtype=np.float64)) + 0.0
    days = pd.DatetimeIndex(values.index).as_unit("s").asi8
    return sha256(days.astype("<i8").tobytes() + plain.astype("<f8").tobytes()).hexdigest()[:16]


def digests(panel: MarketPanel) -> dict[str, object]:
    """Digest each series of a panel, its season index, and each feature of every day."""
    days = pd.date_range("2014-07-01", panel.last_day, unit="s")
    simulated = [name for name in panel.names if name.startswith("simulated_")]
    frame = build_features(panel, days)
    drawn = [name for name in frame if str(name).startswith("simulated_")]
    return {
        "panel": {n: digest(panel.series(n)) for n in panel.names if n not in simulated},
        "season_index": digest(season_index(panel)),
        "features": {str(name): digest(frame[name]) for name in frame if name not in drawn},
        "simulated": {name: panel.series(name)["2026-05-25":].tolist() for name in simulated},
    }


def from_directory() -> MarketPanel:
    """Read the real directory through the files source, its last days simulated."""
    with tempfile.TemporaryDirectory() as cache:
        simulation = partial(simulated_series, since=SIMULATED_SINCE, cache=Path(cache))
        return load_files(REAL_DATA, simulation=simulation)


class _Refits(WalkForward):
    """The schedule of refits, of which only some are made."""

    def __init__(self, numbers: tuple[int, ...] | None) -> None:
        super().__init__(OUT_OF_SAMPLE, REFIT_DAYS)
        self.numbers = numbers

    def folds(self, as_of, resolved_on):
        for fold in super().folds(as_of, resolved_on):
            if fold.refit_on <= LAST_WEEK and (self.numbers is None or fold.number in self.numbers):
                yield fold


def out_of_sample(panel: MarketPanel, numbers: tuple[int, ...] | None = None) -> pd.DataFrame:
    """Return the weekly out-of-sample probabilities to 2025, of all refits or of some.

    Index as_of and kind, a column for each candidate and horizon.
    """
    rows = landmarks(panel, season_index(panel), OnsetDefinition())
    fit = partial(fit_candidates, Settings(candidates=CANDIDATES).unfitted())
    long = hindcast(rows, _Refits(numbers), fit, HORIZONS)
    long["column"] = long["model"] + "_" + long["horizon_days"].astype(str)
    wide = long.pivot_table("probability", ["as_of", "kind"], "column", aggfunc="first")
    wide = wide[wide.index.get_level_values("as_of") <= LAST_WEEK]
    return wide[[f"{name}_{days}" for name in CANDIDATES for days in HORIZONS]].sort_index()


def stored(path: Path = HINDCAST) -> pd.DataFrame:
    """Read out-of-sample probabilities as `out_of_sample` returns them."""
    table = pd.read_parquet(path)
    days = table.index.levels[0].astype("datetime64[s]")  # Parquet knows no whole seconds
    return table.set_axis(table.index.set_levels(days, level=0))


def states(panel: MarketPanel) -> dict[str, str]:
    """Return the state of each of the days before a broad season."""
    index, definition = season_index(panel), OnsetDefinition()
    risk = at_risk(index, threshold=definition.threshold, quiet_days=definition.quiet_days)
    found = {}
    for day in DAYS:
        standing = "in season" if index[day] >= definition.threshold else "quiet too short"
        found[day] = "at risk" if risk[day] else standing
    return found


def forecasts(panel: MarketPanel, days: Sequence[str]) -> dict[str, dict[str, list[float]]]:
    """Return the chances and base rates of days at risk to 90 days ahead.

    `pool` is fitted on the last scheduled refit.
    """
    definition = OnsetDefinition()
    rows = landmarks(panel, season_index(panel), definition)
    refit = WalkForward(OUT_OF_SAMPLE, REFIT_DAYS).refit_day(panel.last_day)
    models, replicates = fit_with_replicates(
        rows, refit, onsets(season_index(panel), definition),
        Settings(candidates=("pool",)).unfitted(), n_replicates=2, seed=0,
    )  # fmt: skip
    forecaster = Forecaster(
        "pool", {kind: each.threshold for kind, each in definition.by_kind().items()},
        models["pool"], models["climatology"], [each["pool"] for each in replicates],
        Evidence(definition, refit, "", {}, dict.fromkeys(Kind, ()), (), ""),
    )  # fmt: skip
    chances = {}
    for day in days:
        as_of = pd.Timestamp(day).as_unit("s")
        made = forecast(season_status(panel, forecaster, as_of), forecaster, ModelId(None, ""),
                        today=as_of)  # fmt: skip
        at_risk_kinds = [kind for kind, state in made.season.states.items() if state == "at_risk"]
        found = {}
        for kind in sorted(at_risk_kinds):
            for horizon in HORIZONS:
                answer = made.begins(kind, horizon)
                found[f"{kind}_{horizon}"] = [answer.probability, answer.base_rate]
        chances[day] = found
    return chances


def make() -> None:
    """Write every golden file, but for what was answered before the redesign: that stays."""
    FOLDER.mkdir(exist_ok=True)
    panel = load_reference()
    chances = forecasts(panel, AT_RISK)
    held = {"states": states(panel), "chances": chances}
    found = {"files": digests(from_directory()), "embedded": digests(panel)}
    for path, content in ((DIGESTS, found), (FORECASTS, held)):
        path.write_text(json.dumps(content, indent=1, default=str) + "\n")
    out_of_sample(panel).to_parquet(HINDCAST, compression="zstd")


def compare(exact: pd.DataFrame, found: pd.DataFrame) -> str:
    """Name the columns of out-of-sample probabilities that differ in any bit, and by how much."""
    if not exact.index.equals(found.index) or list(exact) != list(found):
        return "the rows or columns are not the same"
    differences = (found - exact).abs().max()
    moved = differences[(found != exact).any()]
    return "\n".join(f"{name}: by up to {value:.3g}" for name, value in moved.items())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--exact", type=Path, nargs="?", const=HINDCAST, metavar="FILE",
        help="compare all weeks to the bit, with what is stored or with such a file",
    )  # fmt: skip
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth refit")
    options = parser.parse_args()
    if options.exact is None:
        make()
        return 0
    found = out_of_sample(load_reference(), tuple(range(0, 200, options.every)))
    exact = stored(options.exact)
    said = compare(exact.loc[found.index] if options.every > 1 else exact, found)
    print(said or f"{found.size} probabilities are equal to the bit")
    return int(bool(said))


if __name__ == "__main__":
    sys.exit(main())
