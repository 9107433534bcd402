"""The replay of a release: nothing later than each day, rows that stay, outcomes when resolved."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.market.season import season_index
from features.panel import DataError, MarketPanel, end_of_day
from models.formatting import signed
from models.hazard.candidates import fit_candidates
from models.season.definition import OnsetDefinition
from models.training import replay as command
from models.training.landmarks import landmarks
from models.training.prospective import COLUMNS, judge, page, scores
from models.training.prospective_table import since_release
from models.training.replay import (
    CURRENT,
    KEY,
    Release,
    extend,
    known_months,
    news,
    read,
    replay,
    weeks_since,
)
from models.training.run import HORIZONS, Settings
from models.verification.hindcast import hindcast
from models.verification.walk_forward import WalkForward

DOCS = Path(__file__).parents[1] / "docs"
FROZEN = pd.Timestamp("2019-01-29")  # a scheduled refit, and an as_of day of the grid
RELEASE = Release(FROZEN, "logistic")
SETTINGS = Settings(candidates=("persistence", "logistic"))
P = [f"p{horizon}" for horizon in HORIZONS]


def until(panel: MarketPanel, day: str) -> MarketPanel:
    return panel.known_at(end_of_day(pd.DatetimeIndex([day]))[0])


@pytest.fixture(scope="module")
def market(random_panel) -> MarketPanel:
    return until(random_panel, "2019-06-30")


@pytest.fixture(scope="module")
def replayed(market) -> pd.DataFrame:
    return replay(market, RELEASE, SETTINGS)


# --- what is forecast ----------------------------------------------------------------------------


def test_every_week_kind_and_candidate_has_a_row(replayed):
    assert tuple(replayed.columns) == COLUMNS
    assert not replayed.duplicated(list(KEY)).any()
    weeks = pd.date_range("2019-01-29", "2019-06-30", freq="7D")
    assert list(replayed["as_of"].unique()) == list(weeks)
    assert len(replayed) == len(weeks) * 2 * 3
    free = replayed[P].notna()
    assert (free.all(axis=1) == free.any(axis=1)).all()
    assert 0.2 < free["p30"].mean() < 1  # some weeks at risk, some not


def test_it_is_a_longer_trainings_hindcast(market, replayed):
    rows = landmarks(market, season_index(market), SETTINGS.definition)
    fit = partial(fit_candidates, SETTINGS.unfitted())
    table = hindcast(rows, WalkForward(FROZEN, 28), fit, HORIZONS)
    first = table[table["fold"] == 0].set_index(["as_of", "kind", "model", "horizon_days"])
    assert len(first) > 20
    own = replayed.set_index(["as_of", "kind", "candidate"])
    for (as_of, kind, name, horizon), row in first.iterrows():
        assert own.loc[(as_of, kind, name), f"p{horizon}"] == row["probability"]
    said = own.loc[: FROZEN + pd.Timedelta(days=27)].dropna()
    assert len(said) * len(HORIZONS) == len(first)
    assert (replayed["trained_until"] == FROZEN).all()


def test_later_data_change_no_forecast(market, replayed):
    day = pd.Timestamp("2019-03-05")
    rows = market.observations()
    later = (rows["date"] > day).to_numpy()
    random = np.random.default_rng(0)
    rows.loc[later, "value"] = rows.loc[later, "value"] * random.uniform(0.2, 0.9, later.sum())
    scrambled = replay(MarketPanel.from_observations(rows, "scrambled"), RELEASE, SETTINGS)
    before = replayed["as_of"] <= day
    pd.testing.assert_frame_equal(scrambled[before], replayed[before], check_exact=True)
    assert not scrambled[~before][P].equals(replayed[~before][P])


@pytest.mark.parametrize("day", ["2019-02-05", "2019-05-14"])
def test_a_forecast_knows_its_day(market, replayed, day):
    alone = replay(until(market, day), RELEASE, SETTINGS)
    own = replayed[replayed["as_of"] <= day]
    pd.testing.assert_frame_equal(alone, own, check_exact=True)


def test_releases_between_refits_share_models(market, replayed):
    late = Release(FROZEN + pd.Timedelta(days=20), "logistic")
    again = replay(market, late, SETTINGS)
    assert again["as_of"].min() == FROZEN + pd.Timedelta(days=21)
    assert (again["trained_until"] == FROZEN).all()
    own = replayed[replayed["as_of"] >= late.frozen].reset_index(drop=True)
    pd.testing.assert_frame_equal(again.drop(columns="frozen"), own.drop(columns="frozen"))


def test_a_release_with_no_week_since_is_refused(market):
    assert weeks_since(market, Release(pd.Timestamp("2019-06-25"), "logistic")).size == 1
    with pytest.raises(DataError, match="ends on 2019-06-30: no weekly as_of day has come since 2"):
        replay(market, Release(pd.Timestamp("2019-06-26"), "logistic"), SETTINGS)


# --- what is kept --------------------------------------------------------------------------------


def test_the_table_grows_and_its_old_bytes_stay(market, replayed, tmp_path):
    assert extend(tmp_path, until(market, "2019-03-10"), RELEASE, SETTINGS) == 6
    first = (tmp_path / command.TABLE).read_bytes()
    # More candidates now: the release keeps those with which it was begun.
    assert extend(tmp_path, market, RELEASE, replace(SETTINGS, candidates=("pool",))) == 16
    second, said = ((tmp_path / name).read_bytes() for name in (command.TABLE, command.PAGE))
    assert second.startswith(first)
    pd.testing.assert_frame_equal(read(tmp_path / command.TABLE), replayed, rtol=1e-8)
    assert extend(tmp_path, market, RELEASE, SETTINGS) == 0
    assert (tmp_path / command.TABLE).read_bytes() == second
    assert (tmp_path / command.PAGE).read_bytes() == said


def test_a_later_release_keeps_old_rows(market, tmp_path):
    extend(tmp_path, market, RELEASE, SETTINGS)
    first = (tmp_path / command.TABLE).read_bytes()
    later = Release(pd.Timestamp("2019-04-20"), "persistence")
    assert extend(tmp_path, market, later, SETTINGS) == 10
    assert (tmp_path / command.TABLE).read_bytes().startswith(first)
    said = (tmp_path / command.PAGE).read_text()
    assert said.index("data to 2019-01-29") < said.index("data to 2019-04-20")


def test_without_a_week_since_only_outcomes_are_written(market, tmp_path):
    extend(tmp_path, until(market, "2019-03-10"), RELEASE, SETTINGS)
    table, before = ((tmp_path / name).read_text() for name in (command.TABLE, command.PAGE))
    assert extend(tmp_path, market, Release(pd.Timestamp("2019-06-28"), "logistic"), SETTINGS) == 0
    assert (tmp_path / command.TABLE).read_text() == table
    after = (tmp_path / command.PAGE).read_text()
    assert before.count("open") > after.count("open")
    assert "Release with data to 2019-06-28" not in after
    assert "## Months that the release with data to 2019-06-28 knew" in after


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"p60": 0.5}, r"of persistence for a broad season as of 2019-02-12 is kept with p60 = "),
        ({"champion": "persistence"}, "is kept with champion = logistic and is replayed with pers"),
        ({"index": np.nan}, "is replayed with nan. Forecasts once written stay: restore"),
    ],
)
def test_a_row_that_comes_out_differently_is_refused(replayed, change, message):
    fresh = replayed.copy()
    row = fresh.set_index(["as_of", "kind", "candidate"]).index.get_loc(
        (pd.Timestamp("2019-02-12"), "broad", "persistence")
    )
    assert fresh.loc[row, P].notna().all()
    ((column, value),) = change.items()
    fresh.loc[row, column] = value
    with pytest.raises(DataError, match=message):
        news(replayed, fresh)


def test_what_two_machines_differ_by_is_no_difference(replayed):
    fresh = replayed.copy()
    fresh[P] += 1e-9
    assert news(replayed, fresh).empty


def test_changed_old_weeks_are_refused(replayed):
    week = replayed["as_of"] == pd.Timestamp("2019-02-12")
    with pytest.raises(DataError, match="2019-02-12 is kept and is not replayed"):
        news(replayed, replayed[~week])
    with pytest.raises(DataError, match="2019-02-12 is not kept and is replayed"):
        news(replayed[~week], replayed)


def test_no_table_is_empty_a_damaged_refused(tmp_path):
    path = tmp_path / "table.csv"
    assert read(path).empty
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"table.csv: .*restore it"):
        read(path)
    path.write_text(",".join(reversed(COLUMNS)) + "\n")
    with pytest.raises(DataError, match="the columns must be frozen, "):
        read(path)


# --- what came of it -----------------------------------------------------------------------------


def table_of(**said: float) -> pd.DataFrame:
    """Return forecasts of a broad season by logistic and climatology as of some days."""
    rows = [
        {
            "frozen": pd.Timestamp("2025-01-01"), "trained_until": pd.Timestamp("2025-01-01"),
            "champion": "logistic", "as_of": pd.Timestamp(day), "kind": "broad", "index": 20.0,
            "candidate": name, **dict.fromkeys(P, value),
        }
        for day, probability in said.items()
        for name, value in (("climatology", 0.1), ("logistic", probability))
    ]  # fmt: skip
    return pd.DataFrame(rows).astype({"as_of": "datetime64[s]"})


def index_of(*values: float) -> pd.Series:
    return pd.Series(values, pd.date_range("2025-01-01", periods=len(values), unit="s"))


def outcomes(index: pd.Series, as_of: str, horizon: int) -> list[float]:
    judged = judge(table_of(**{as_of: 0.3}), index, OnsetDefinition())
    own = judged[judged["horizon_days"] == horizon]
    assert list(own["climatology"]) == [0.1, 0.1]
    return own["outcome"].tolist()


@pytest.mark.parametrize(
    ("last", "onset", "outcome"),
    [
        (69, 60, np.nan),  # the window of 30 days from day 40 ends on day 70
        (70, 60, 1.0),
        (70, 70, 1.0),  # on its last day: inside
        (71, 71, 0.0),
        (70, 99, 0.0),
    ],
)
def test_outcomes_wait_for_the_window(last, onset, outcome):
    index = index_of(*[20.0 if day < onset else 80.0 for day in range(last + 1)])
    assert outcomes(index, "2025-02-10", 30) == pytest.approx([outcome] * 2, nan_ok=True)


def test_a_revised_day_has_no_outcome():
    index = index_of(*[20.0] * 38, 80.0, *[20.0] * 60)
    assert np.isnan(outcomes(index, "2025-02-10", 30)).all()


def test_scores_worked_by_hand():
    index = index_of(*[20.0] * 80, *[80.0] * 40)  # an onset on 22 March
    table = table_of(**{"2025-02-10": 0.2, "2025-02-25": 0.6, "2025-03-15": 0.5})
    found = scores(judge(table, index, OnsetDefinition()))
    row = found.set_index(["horizon_days", "candidate"]).loc[(30, "logistic")]
    # Windows end on 12 March, 27 March, 14 April: outcomes 0, 1, 1; the second overlaps the first.
    assert row["forecasts"] == 3
    assert (row["separate_windows"], row["onsets"], row["expected"]) == (2, 1, pytest.approx(0.7))
    assert row["brier_skill"] == pytest.approx(1 - (0.04 + 0.16 + 0.25) / (0.01 + 0.81 + 0.81))
    assert row["log_score"] == pytest.approx(-np.log(0.8 * 0.5))
    assert row["gain_per_onset"].value == pytest.approx(np.log(0.8 * 0.5) - np.log(0.9 * 0.1))


def test_the_page_tells_outcomes_apart():
    index = index_of(*[20.0] * 80, *[80.0] * 40)
    table = table_of(**{"2025-02-10": 0.2, "2025-02-25": 0.6, "2025-04-01": np.nan})
    panel = MarketPanel.from_series({"season_index": index}, "by hand")
    said = page(table, panel, OnsetDefinition())
    assert "- Onsets of a broad season since: 2025-03-22.\n" in said
    assert "| 2025-02-10 | 20 | 20 / 10 | no | 20 / 10 | **onset** | 20 / 10 | open |" in said
    assert (
        "| 2025-02-25 | 20 | 60 / 10 | **onset** | 60 / 10 | **onset** | 60 / 10 | open |" in said
    )
    assert "| 2025-04-01 | 20 | not at risk |  | not at risk |  | not at risk |  |" in said
    assert "2 forecasts resolved; 1 separate window with 0 onsets." in said


# --- the files of this repository ----------------------------------------------------------------


# Rows and SHA-256 of what each release that is over has said: its models are gone, its words stay.
SEALS = {"2025-12-10": (550, "0c27ade2f25c7739150432d07dcc56abef9518cb1a3bb95bae17df149af5fd00")}


@pytest.mark.parametrize(("frozen", "seal"), SEALS.items())
def test_what_a_release_has_said_stays(frozen, seal):
    lines = (DOCS / command.TABLE).read_text().splitlines(keepends=True)
    own = [line for line in lines if line.startswith(f"{frozen},")]
    assert (len(own), sha256("".join(own).encode()).hexdigest()) == seal


def test_the_docs_hold_sealed_releases_only(reference):
    kept = read(DOCS / command.TABLE)
    assert {f"{day:%Y-%m-%d}" for day in kept["frozen"]} - {f"{CURRENT.frozen:%Y-%m-%d}"} == set(
        SEALS
    )
    weeks = weeks_since(reference, CURRENT)
    assert set(kept.loc[kept["frozen"] == CURRENT.frozen, "as_of"]) == set(weeks)


def test_the_docs_page_is_the_tables(reference):
    said = page(read(DOCS / command.TABLE), reference, OnsetDefinition())
    kept = (DOCS / command.PAGE).read_text()
    assert kept.startswith(said)
    # What follows is of the months that this release knew, for which its models are fitted again.
    assert kept[len(said) :].startswith("\n## Months that the release with data to 2026-06-06 knew")


def test_known_months_lie_between_releases(market, replayed):
    known = Release(pd.Timestamp("2019-05-20"), "logistic")
    said = known_months(market, known, FROZEN, SETTINGS)
    assert "Not prospective evidence" in said
    # As known at the release: weeks whose window ended by then.
    own = judge(replayed, season_index(until(market, "2019-05-20")), SETTINGS.definition)
    own = own[(own["kind"] == "broad") & (own["as_of"] <= known.frozen)].dropna(subset="outcome")
    counts = own[own["candidate"] == "climatology"].groupby("horizon_days").size()
    assert f"| weeks resolved | {' | '.join(f'{counts[days]}' for days in (30, 60, 90))} |" in said
    thirty = own[own["horizon_days"] == 30]
    errors = (thirty["probability"] - thirty["outcome"]) ** 2
    of = errors.groupby(thirty["candidate"]).mean()
    assert f"| logistic | {signed(1 - of['logistic'] / of['climatology'])} |" in said
    assert "persistence" not in said
    assert known_months(market, known, pd.Timestamp("2019-05-20"), SETTINGS) == ""


def test_the_readme_table_is_the_last_release(market, replayed):
    late = replayed.assign(frozen=pd.Timestamp("2019-06-20"))
    later = late[late["as_of"] > "2019-06-20"]
    both = pd.concat([replayed, later], ignore_index=True)
    said = since_release(both, until(market, "2019-06-30"), SETTINGS.definition)
    assert said == since_release(replayed, until(market, "2019-06-30"), SETTINGS.definition)
    assert "ended on 2019-01-29 (champion `logistic`)" in said
    none = since_release(later, until(market, "2019-06-30"), SETTINGS.definition)
    assert none == "No week since a release has been resolved yet."


def test_the_command_reports_or_refuses(market, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "load_reference", lambda: market)  # ends before the release
    assert command.main(tmp_path) == 0
    assert capsys.readouterr().out.startswith("0 weeks added to ")
    (tmp_path / command.TABLE).write_text("a,b\n1,2\n")
    assert command.main(tmp_path) == 1
    said = capsys.readouterr()
    assert (said.out, said.err.count("not a table of forecasts")) == ("", 1)
