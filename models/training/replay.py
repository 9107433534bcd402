"""What a release says each week after its data: ``python -m models.training.replay [DIR]``.

``--outcomes FILE`` scores the windows that end after the embedded history by a file of outcomes.

Extends `prospective.csv` by the weeks that the embedded history has gained since the release that
this program is, and writes `prospective.md` from it: every forecast of every release beside what
came of it. Run it on new data before the models are changed for the next release: what was said by
models that are gone can be kept, not computed again. Rows once written stay; one that comes out
differently is an error.
"""

from __future__ import annotations

import argparse
import io
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from features.catalogue.frame import build_features
from features.market.season import at_risk, season_index
from features.panel import DataError, MarketPanel, end_of_day
from features.reference.load import load_reference
from features.storage.atomic import staged
from models.formatting import iso_day
from models.hazard.base import THRESHOLD, HazardModel
from models.hazard.candidates import PRIMARY
from models.hazard.leads import incidence
from models.season.labels import onsets
from models.training.landmarks import FIRST_DAY, STEP_DAYS, landmarks
from models.training.prospective import COLUMNS, PROBABILITIES, page
from models.training.prospective_outcomes import outcome_section, write_scores
from models.training.prospective_table import COMPARED, known_section
from models.training.replicates import fit_with_replicates
from models.training.run import HORIZONS, OUT_OF_SAMPLE, REFIT_DAYS, Settings
from models.verification.walk_forward import WalkForward

TABLE, PAGE = "prospective.csv", "prospective.md"
DATES = ("frozen", "trained_until", "as_of")
KEY = ("frozen", "as_of", "kind", "candidate")
# What two machines may disagree by; probabilities are written with nine digits.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Release:
    """A release: the last day its data held, and the champion that it named.

    Parameters
    ----------
    frozen : pandas.Timestamp
        Nothing later was known to anybody who fixed its models.
    champion : str
        Candidate whose forecasts it prints.
    """

    frozen: pd.Timestamp
    champion: str


# The release that this program is. Raised with its models, once the weeks of the one before are
# written.
CURRENT = Release(pd.Timestamp("2026-06-06"), PRIMARY)


def replay(
    panel: MarketPanel, release: Release, settings: Settings | None = None, *, jobs: int = 1
) -> pd.DataFrame:
    """Forecast every week since a release with its models.

    Its models are the candidates fitted on the last scheduled refit before its data ended, and stay
    as they are. Its weeks are the as_of days of the training grid, Tuesdays, on which paths are
    simulated. Features, index and risk of a day are those of the market known at its end.

    Parameters
    ----------
    panel : MarketPanel
        The market, longer than the release knew it.
    release : Release
        Whose forecasts are replayed.
    settings : Settings, optional
        Of its training.
    jobs : int
        Processes; the result does not depend on it.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`, a row per as_of, kind and candidate: `index` as it was known (0-100; NaN
        if it was not), `p30` to `p365` the probability of an onset within so many days, NaN where
        not at risk.

    Raises
    ------
    DataError
        If no week has passed since the release.
    """
    settings, days = settings or Settings(), weeks_since(panel, release)
    if days.empty:
        raise DataError(
            f"{panel.source} ends on {iso_day(panel.last_day)}: no weekly as_of day has come since "
            f"{iso_day(release.frozen)}, the last day of that release; use newer data."
        )
    trained_until, models = _fitted(panel, release.frozen, settings, jobs)
    X, index = build_features(panel, days), season_index(panel)
    common = {
        "frozen": release.frozen.as_unit("s"),
        "trained_until": trained_until.as_unit("s"),
        "champion": release.champion,
        "as_of": days,
        "index": index.reindex(days).to_numpy(),
    }
    tables = []
    for kind, each in settings.definition.by_kind().items():
        risk = at_risk(index, threshold=each.threshold, quiet_days=each.quiet_days)
        free = risk.reindex(days, fill_value=False).to_numpy()
        rows = X.assign(**{THRESHOLD: each.threshold})
        for name, model in models.items():
            values = incidence(model.predict_proba(rows), HORIZONS)
            probabilities = dict(
                zip(PROBABILITIES, np.where(free[:, None], values, np.nan).T, strict=True)
            )
            tables.append(
                pd.DataFrame({**common, "kind": kind, "candidate": name, **probabilities})
            )
    table = pd.concat(tables)[list(COLUMNS)]
    return table.sort_values(["as_of", "kind"], kind="stable", ignore_index=True)


def weeks_since(panel: MarketPanel, release: Release) -> pd.DatetimeIndex:
    """Return the as_of days of the training grid that a market has had since a release."""
    grid = pd.date_range(FIRST_DAY, panel.last_day, freq=f"{STEP_DAYS}D", unit="s")
    # Not strict: what closed with the release's last day was all known to it.
    return grid[grid >= release.frozen]


def known_months(
    panel: MarketPanel,
    release: Release,
    before: pd.Timestamp,
    settings: Settings | None = None,
    *,
    jobs: int = 1,
) -> str:
    """Tell what a release's models say of the months between the release before and itself.

    Parameters
    ----------
    panel : MarketPanel
        The market; nothing published after the release is used.
    release : Release
        Whose candidates are replayed.
    before : pandas.Timestamp
        Last day of the release before: they are trained until then.
    settings, jobs
        As for `replay`.

    Returns
    -------
    str
        Markdown; empty if no week lies between the two.
    """
    settings = settings or Settings()
    known = panel.known_at(end_of_day(pd.DatetimeIndex([release.frozen]))[0])
    earlier = Release(before, release.champion)
    if weeks_since(known, earlier).empty:
        return ""
    few = tuple(name for name in settings.candidates if name in COMPARED)
    replayed = replay(known, earlier, replace(settings, candidates=few), jobs=jobs)
    return known_section(replayed, known, settings.definition, release.frozen)


def _fitted(
    panel: MarketPanel, frozen: pd.Timestamp, settings: Settings, jobs: int
) -> tuple[pd.Timestamp, dict[str, HazardModel]]:
    """Fit the candidates as `models.training.run.train` does, without their verification."""
    known = panel.known_at(end_of_day(pd.DatetimeIndex([frozen]))[0])
    index = season_index(known)
    day = WalkForward(OUT_OF_SAMPLE, REFIT_DAYS).refit_day(frozen)
    models, _ = fit_with_replicates(
        landmarks(known, index, settings.definition),
        day,
        onsets(index, settings.definition),
        settings.unfitted(),
        n_replicates=0,
        seed=settings.seed,
        jobs=jobs,
    )
    return day, models


def read(path: Path) -> pd.DataFrame:
    """Return the forecasts kept in a file; none if there is no file.

    Raises
    ------
    DataError
        If it is no such table.
    """
    if not path.exists():
        return pd.DataFrame(columns=list(COLUMNS))
    return _parsed(path.read_text(), f"{path}")


def _parsed(text: str, where: str) -> pd.DataFrame:
    try:
        table = pd.read_csv(io.StringIO(text), parse_dates=list(DATES))
    except ValueError as error:
        raise DataError(f"{where}: not a table of forecasts: {error}; restore it.") from error
    if tuple(table.columns) != COLUMNS:
        raise DataError(
            f"{where}: the columns must be {', '.join(COLUMNS)}, got {', '.join(table.columns)}; "
            f"restore it."
        )
    return table.astype(dict.fromkeys(DATES, "datetime64[s]"))


def news(kept: pd.DataFrame, fresh: pd.DataFrame) -> pd.DataFrame:
    """Return the replayed forecasts that are not kept yet, once all others agree with those kept.

    Parameters
    ----------
    kept : pandas.DataFrame
        From `read`; rows of other releases are left alone.
    fresh : pandas.DataFrame
        From `replay`.

    Raises
    ------
    DataError
        If a row kept is missing from the replay or differs from it by more than 1e-6, or the replay
        has one for a week that is kept without it.
    """
    old = kept[kept["frozen"] == fresh["frozen"].iloc[0]].set_index(list(KEY))
    if old.empty:
        return fresh
    # Not strict: of the last week that is kept every candidate and kind is.
    late = fresh["as_of"] > old.index.get_level_values("as_of").max()
    again = fresh[~late].set_index(list(KEY))
    for row in old.index.symmetric_difference(again.index):
        reasons = (
            ("is kept", "is not replayed") if row in old.index else ("is not kept", "is replayed")
        )
        _refuse(row, *reasons)
    again = again.loc[old.index]
    for column in old.columns:
        was, now = old[column].to_numpy(), again[column].to_numpy()
        number = pd.api.types.is_float_dtype(was)
        same = (
            np.isclose(was, now, rtol=0, atol=TOLERANCE, equal_nan=True) if number else was == now
        )
        if not same.all():
            at = int(np.argmin(same))
            _refuse(
                old.index[at], f"is kept with {column} = {was[at]}", f"is replayed with {now[at]}"
            )
    return fresh[late]


def _refuse(row: tuple[Any, ...], kept: str, replayed: str) -> NoReturn:
    frozen, as_of, kind, candidate = row
    raise DataError(
        f"release of {frozen:%Y-%m-%d}: the forecast of {candidate} for a {kind} season as of "
        f"{as_of:%Y-%m-%d} {kept} and {replayed}. Forecasts once written stay: restore the models "
        f"and the data, or name a new release in models/training/replay.py."
    )


def extend(
    directory: Path,
    panel: MarketPanel,
    release: Release = CURRENT,
    settings: Settings | None = None,
    *,
    jobs: int = 1,
) -> int:
    """Append a release's new weeks to the table and write the page; return how many are new.

    The candidates are those with which the release's rows were begun. Where no week has come since
    only the page is written, with the outcomes that have become known.

    Parameters
    ----------
    directory : pathlib.Path
        Holds both files, or will.
    panel, release, settings, jobs
        As for `replay`.

    Raises
    ------
    DataError
        As from `replay`, `read` and `news`.
    """
    path, settings = directory / TABLE, settings or Settings()
    kept = read(path)
    begun = tuple(kept.loc[kept["frozen"] == release.frozen, "candidate"].unique())
    settings = replace(settings, candidates=begun or settings.candidates)
    if weeks_since(panel, release).empty:
        added = pd.DataFrame(columns=list(COLUMNS))
    else:
        added = news(kept, replay(panel, release, settings, jobs=jobs))
    # The bytes before stay as they are.
    text = path.read_text() if len(kept) else ",".join(COLUMNS) + "\n"
    text += added.to_csv(index=False, header=False, float_format="%.9g", lineterminator="\n")
    with staged(path) as beside:
        beside.write_text(text)
    table = _parsed(text, f"{path}")
    document = page(table, panel, settings.definition)
    earlier = table.loc[table["frozen"] < release.frozen, "frozen"]
    if len(earlier):
        document += "\n" + known_months(panel, release, earlier.max(), settings, jobs=jobs)
    document = "\n".join([document, *filter(None, [outcome_section(directory)])])
    with staged(directory / PAGE) as beside:
        beside.write_text(document)
    return added["as_of"].nunique()


def main(directory: Path, outcomes: Path | None = None) -> int:
    """Extend both files by the embedded history; return 1, saying why, if they cannot be.

    With a file of outcomes, all forecasts of the directory are scored by it first.
    """
    try:
        panel = load_reference()
        if outcomes is not None:
            write_scores(directory, panel, outcomes, Settings().definition)
        weeks = extend(directory, panel, jobs=2)
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{weeks} weeks added to {directory / TABLE}; {directory / PAGE} written")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write what each release said of the weeks since.")
    parser.add_argument("directory", type=Path, nargs="?", default=Path("docs"))
    parser.add_argument("--outcomes", type=Path, help="score by a file of outcomes first")
    given = parser.parse_args()
    sys.exit(main(given.directory, given.outcomes))
