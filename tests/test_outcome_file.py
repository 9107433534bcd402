"""Outcomes from a file: what decides a window, what leaves it open, and how sure a "no" is."""

from __future__ import annotations

import shutil
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pytest

from features.panel import DAY, DataError
from models.formatting import folded
from models.season.definition import OnsetDefinition
from models.season.labels import label
from models.season.outcome_file import judged_by, read_outcomes, standing, window_outcomes
from models.training.prospective_outcomes import (
    AGAIN,
    ALL,
    KNOWN,
    LAST,
    NEW,
    PROGRAM,
    RELEASE,
    SCORES,
    WEEKS,
    judge_by_outcomes,
    outcome_scores,
    outcome_section,
    outcome_summary,
    write_scores,
)

LAST_DAY = pd.Timestamp("2025-03-31")
ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def index_of(*values: float) -> pd.Series:
    """Return a season index whose last day is `LAST_DAY`."""
    return pd.Series(
        values, pd.date_range(end=LAST_DAY, periods=len(values), unit="s"), dtype=float
    )


@pytest.fixture
def outcomes_file(tmp_path):
    """Write a file of outcomes after `LAST_DAY` from (at_50, at_75, sureness) of each day."""

    def write(*days: tuple[str, str, object], head: str = "date,index,at_50,at_75,sure_not_75_pct"):
        path = tmp_path / "outcomes.csv"
        rows = [
            f"{LAST_DAY + number * DAY:%Y-%m-%d},,{at_50},{at_75},{sure}"
            for number, (at_50, at_75, sure) in enumerate(days, start=1)
        ]
        path.write_text("\n".join([head, *rows]) + "\n")
        return path

    return write


def test_what_a_file_judges_is_said_with_how_sure_it_is(outcomes_file):
    path = outcomes_file(("no", "no", 98), ("open", "no", 95.4), ("no", "no", ""))
    said = judged_by(read_outcomes(path), Path("o.csv"), LAST_DAY)
    assert said == (
        "days after 2025-03-31 are judged by o.csv, to 2025-04-03, as far as they are not open; "
        'a "no" at 75 is 95 to 98 % sure on a day, less over a window.'
    )
    assert judged_by(read_outcomes(path), path, LAST_DAY + 2 * DAY).endswith("not open.")


def judged(index, path, as_of, days, threshold=75.0, quiet_days=2):
    windows = pd.DataFrame({"as_of": [as_of], "window_end": [as_of + days * DAY]})
    known = standing(index, read_outcomes(path), threshold)
    (row,) = window_outcomes(windows, known, quiet_days=quiet_days).itertuples(index=False)
    return row


def test_a_window_worked_by_hand(outcomes_file):
    path = outcomes_file(("no", "no", 98), ("open", "no", 95), ("yes", "yes", ""))
    index = index_of(20, 20, 20, 20)
    # Two days of the file: 0.98 x 0.95 if they err apart, 0.95 if together.
    row = judged(index, path, LAST_DAY, 2)
    assert tuple(row) == pytest.approx((0.0, 0.931, 0.95))
    # From the day before: a day with an index adds no doubt.
    assert tuple(judged(index, path, LAST_DAY - DAY, 3)) == pytest.approx((0.0, 0.931, 0.95))
    # An onset on the window's last day is inside; a "yes" has no sureness.
    row = judged(index, path, LAST_DAY, 3)
    assert row.outcome == 1.0
    assert pd.isna(row.sure_at_least)
    # Beyond the file nothing is known, though an onset came early.
    assert pd.isna(judged(index, path, LAST_DAY, 4).outcome)


def test_a_window_is_open_while_a_deciding_day_is(outcomes_file):
    path = outcomes_file(("no", "no", 98), ("open", "no", 95), ("no", "no", 98), ("no", "no", 98))
    index = index_of(20, 20, 20, 20)
    assert judged(index, path, LAST_DAY, 1, threshold=50).outcome == 0.0
    assert pd.isna(judged(index, path, LAST_DAY, 2, threshold=50).outcome)
    # The open day lies before the window, among the quiet days that decide who was at risk.
    assert pd.isna(judged(index, path, LAST_DAY + 3 * DAY, 1, threshold=50).outcome)
    assert judged(index, path, LAST_DAY + 3 * DAY, 1).outcome == 0.0
    # How sure the "no" at 50 is the file does not say.
    assert pd.isna(judged(index, path, LAST_DAY, 1, threshold=50).sure_at_most)


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (50, [False, pd.NA, True, True, pd.NA]),
        (60, [False, pd.NA, pd.NA, True, pd.NA]),
        (75, [False, False, False, True, pd.NA]),
        (85, [False, False, False, pd.NA, pd.NA]),
    ],
)
def test_each_level_decides_what_it_can(outcomes_file, threshold, expected):
    path = outcomes_file(
        ("no", "no", 98), ("open", "no", 98), ("yes", "no", 98), ("yes", "yes", ""),
        ("open", "open", ""),
    )  # fmt: skip
    days = standing(index_of(20, 80), read_outcomes(path), threshold)
    assert days["at"].iloc[2:].tolist() == expected


def test_a_day_that_was_not_at_risk_has_no_outcome(outcomes_file):
    path = outcomes_file(("no", "no", 98), ("no", "no", 98))
    assert pd.isna(judged(index_of(20, 80, 20, 20), path, LAST_DAY, 1).outcome)
    assert judged(index_of(80, 20, 20, 20), path, LAST_DAY, 1).outcome == 0.0
    assert pd.isna(judged(index_of(20, 20), path, LAST_DAY, 1).outcome)  # a quiet day is not known


def test_the_index_decides_its_days_and_a_gap_stays_open(outcomes_file):
    path = outcomes_file(("yes", "yes", ""), ("no", "no", 98), ("no", "no", 98))
    path.write_text(path.read_text().replace(f"{LAST_DAY + 2 * DAY:%Y-%m-%d},,no,no,98\n", ""))
    later = pd.concat([index_of(20, 20), pd.Series([20.0], [LAST_DAY + DAY])])
    days = standing(later, read_outcomes(path), 75)["at"]
    assert days.tolist() == [False, False, False, pd.NA, False]


def test_decided_days_give_the_outcomes_of_an_index(reference, tmp_path):
    """Cut the history short, hand its end over as a file, and every outcome is the same."""
    definition = OnsetDefinition()
    index = pd.Series(reference.series("season_index").loc["2018-06-01":"2021-12-31"])
    index = index.asfreq("D").ffill()
    early, late = index[:"2021-01-31"], index["2021-02-01":]
    path = tmp_path / "outcomes.csv"
    words = {True: "yes", False: "no"}
    pd.DataFrame(
        {"date": late.index.strftime("%Y-%m-%d"), "at_50": (late >= 50).map(words).to_numpy(),
         "at_75": (late >= 75).map(words).to_numpy()}
    ).to_csv(path, index=False)  # fmt: skip
    days, seen = early.index[60::7].append(late.index[:200:7]), set()
    for kind in definition.by_kind().values():
        for horizon in (30, 90):
            windows = pd.DataFrame({"as_of": days, "window_end": days + horizon * DAY})
            known = standing(early, read_outcomes(path), kind.threshold)
            found = window_outcomes(windows, known, quiet_days=kind.quiet_days)["outcome"]
            labels = label(index, days, kind)
            wanted = (labels["days_to_onset"] <= horizon).astype(float)
            decided = labels["at_risk"] & (labels["days_known"] >= horizon)
            assert found.tolist() == pytest.approx(wanted.where(decided).tolist(), nan_ok=True)
            seen |= {(kind.threshold, value) for value in found.dropna()}
    assert len(seen) == 4  # both outcomes of both kinds


HEAD = "date,index,at_50,at_75,sure_not_75_pct\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"outcomes\.csv: not a table"),
        ("date,at_50\n2025-04-01,no\n", r"missing: at_75"),
        (f"{HEAD}01.04.2025,,no,no,98\n", r"date must be a day.*01\.04\.2025"),
        (f"{HEAD}2025-04-01,,no,no,98\n2025-04-01,,no,no,98\n", "date must stand once.*04-01"),
        (f"{HEAD}2025-04-01,,perhaps,no,98\n", "at_50 must be yes, no or open, got perhaps on 202"),
        (f"{HEAD}2025-04-01,,no,yes,98\n", "at_50 cannot be below 50 on a day at 75"),
        (f"{HEAD}2025-04-01,,no,no,101\n", r"sure_not_75_pct must lie in 0 to 100, got 101 on"),
        (f"{HEAD}2025-04-01,,no,no,much\n", "got much on 2025-04-01"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path, text, message):
    path = tmp_path / "outcomes.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_outcomes(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"absent\.csv: not a table of outcomes"):
        read_outcomes(tmp_path / "absent.csv")


# --- the forecasts of this repository ------------------------------------------------------------


def test_scores_worked_by_hand(outcomes_file):
    path = outcomes_file(*[("no", "no", 98)] * 40)
    index = index_of(*[20.0] * 60)
    days = [LAST_DAY - 20 * DAY, LAST_DAY]
    rows = [
        {"frozen": LAST_DAY, "champion": "logistic", "as_of": day, "kind": "broad",
         "candidate": name, "p30": value, "p60": 0.5, "p90": 0.5, "p180": 0.5, "p365": 0.5}
        for day, own in zip(days, (0.2, 0.4), strict=True)
        for name, value in (("climatology", 0.4), ("logistic", own))
    ]  # fmt: skip
    judged = judge_by_outcomes(
        pd.DataFrame(rows).astype({"as_of": "datetime64[s]"}),
        index, read_outcomes(path), OnsetDefinition(),
    )  # fmt: skip
    scores = outcome_scores(judged)
    # The window from the earlier day has 10 days in the file and its 60 days too; from the last
    # day only that of 30 days is decided.
    assert set(scores["horizon_days"]) == {30, 60}
    row = scores.set_index(["horizon_days", "ended", "candidate"]).loc[(30, ALL, "logistic")]
    assert (row["forecasts"], row["separate_windows"], row["onsets"]) == (2, 1, 0)
    assert row["brier_skill"] == pytest.approx(1 - (0.04 + 0.16) / (0.16 + 0.16))
    assert (row["sure_at_least"], row["sure_at_most"]) == pytest.approx((0.98**30, 0.98))
    assert set(scores["ended"]) == {ALL, NEW}  # every window ends after the index does


def test_the_stored_scores():
    keys = ["forecast_by", "ended", "candidate", "horizon_days"]
    scores = pd.read_csv(DOCS / SCORES).set_index(keys).sort_index()
    # Computed apart, before this module was written.
    given = {
        "pool": (0.68, 0.51, 0.58, 0.31),
        "persistence": (0.26, 0.23, 0.30, 0.19),
        "lightgbm": (-0.43, -0.39, -0.22, 0.0),
    }
    for name, values in given.items():
        own = scores.loc[(AGAIN, ALL, name), "brier_skill"]
        assert own.tolist() == pytest.approx(values, abs=0.0051)
    assert scores.loc[(WEEKS, ALL, "pool"), "forecasts"].tolist() == [25, 25, 25, 17]
    assert scores.loc[(WEEKS, KNOWN, "pool"), "forecasts"].tolist() == [21, 17, 12]
    assert scores.loc[(WEEKS, NEW, "pool"), "forecasts"].tolist() == [4, 8, 13, 17]
    assert scores.loc[(LAST, NEW, "pool"), "forecasts"].tolist() == [1, 1, 1]
    assert not scores["onsets"].any()


def test_the_docs_show_the_stored_scores():
    assert (DOCS / "prospective.md").read_text().endswith("\n" + outcome_section(DOCS))
    assert folded(outcome_summary(DOCS)) in (ROOT / "README.md").read_text()


@pytest.mark.real_data
def test_the_file_of_outcomes_gives_the_stored_scores(real_data, reference, tmp_path):
    for name in (RELEASE, PROGRAM):
        shutil.copy(DOCS / name, tmp_path)
    write_scores(tmp_path, reference, real_data / "outcomes_2026.csv", OnsetDefinition())
    stored, again = (pd.read_csv(folder / SCORES) for folder in (DOCS, tmp_path))
    pd.testing.assert_frame_equal(again, stored, rtol=1e-5)


def test_without_scores_nothing_is_written(tmp_path):
    assert outcome_section(tmp_path) == outcome_summary(tmp_path) == ""


def test_what_the_program_has_forecast_stays():
    content = (DOCS / PROGRAM).read_bytes()
    assert (
        sha256(content).hexdigest()
        == "a33a9a7a1aab2a5a09da0d0744b12dd7ce3668c0a02d2605e999f093f06e4bd5"
    )
