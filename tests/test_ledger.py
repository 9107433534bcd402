"""The ledger: what is recorded stays as it was, and is judged by what came."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.market.season import season_index
from models.answers import Answer, Event, State
from models.errors import LedgerError
from models.ledger import book
from models.ledger.alerts import Alert, check_alerts
from models.ledger.book import NOTHING, append, read_ledger
from models.ledger.entry import Entry, content_of
from models.ledger.judging import MadeWhen, Status, judged, window_label
from models.ledger.scores import scores, track_record, track_record_json
from models.season.outcome_file import read_outcomes
from models.vocabulary import Kind
from tests.commands import ROOT

DAY = pd.Timedelta(days=1)
DAYS = ("2018-06-26", "2018-07-31", "2018-09-25")


def content(forecast, *, days_late=1, **changes):
    instant = (forecast.as_of + (1 + days_late) * DAY).tz_localize("UTC").to_pydatetime()
    line = content_of(
        forecast, forecaster_sha256="f" * 64, recorded_at=instant, commit="c", versions={"a": "1"}
    )
    return line | changes


@pytest.fixture
def ledger(tmp_path, small_forecast):
    path = tmp_path / "led.jsonl"
    for day in DAYS:
        append(path, content(small_forecast(day)))
    return path


def test_a_line_read_again_is_the_answers_that_were_given(ledger, small_forecast):
    read = read_ledger(ledger)
    assert [each.line for each in read.entries] == [1, 2, 3]
    assert read.torn == ()
    for entry, day in zip(read.entries, DAYS, strict=True):
        made = small_forecast(day)
        assert entry.answers == made.answers
        assert (entry.as_of, entry.window) == (made.as_of, made.window)
        assert entry.index == made.season.index


def test_a_forecast_is_recorded_once_and_each_line_names_the_one_before(ledger, small_forecast):
    before = ledger.read_bytes()
    again = append(ledger, content(small_forecast(DAYS[1])))
    assert (again.line, again.added) == (2, False)
    assert ledger.read_bytes() == before
    lines = [json.loads(line) for line in before.splitlines()]
    assert [line["previous"] for line in lines] == [NOTHING, *(x["sha256"] for x in lines[:-1])]


@pytest.mark.parametrize(
    ("spoil", "line", "word"),
    [
        (lambda lines: [lines[0], lines[2]], 2, "is missing"),
        (lambda lines: [lines[1], lines[2]], 1, "is missing"),
        (lambda lines: [lines[0], lines[1].replace(b"logistic", b"Logistic"), lines[2]], 2, "sha"),
        (lambda lines: [lines[0], b"[]", lines[2]], 2, "schema"),
        (lambda lines: [lines[0], b"what is this", lines[2]], 2, "Expecting value"),
        (lambda lines: [lines[0], lines[1], lines[0]], 3, "first line"),
    ],
)
def test_a_changed_or_missing_line_is_named(ledger, spoil, line, word):
    lines = ledger.read_bytes().splitlines()
    ledger.write_bytes(b"\n".join(spoil(lines)) + b"\n")
    with pytest.raises(LedgerError, match=f"line {line}.*{word}|{word}.*line {line}"):
        read_ledger(ledger)


@given(lines=st.lists(st.text("ab }\t", max_size=20).map(str.encode)))
def test_a_file_is_read_from_its_end_line_by_line(lines):
    whole = [text for line in lines if (text := line.strip())]
    assert list(book._from_the_end(b"\n".join(lines))) == whole[::-1]


def test_recording_reads_the_end_of_a_ledger_alone(ledger, small_forecast):
    """What is damaged far above is named by whoever reads it all."""
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(lines[0].replace(b"logistic", b"Logistic") + b"".join(lines[1:]))
    newest = book.newest_entries(ledger)
    assert next(newest).as_of == pd.Timestamp(DAYS[-1])
    assert append(ledger, content(small_forecast("2018-08-28"))).line == 4
    with pytest.raises(LedgerError, match="line 1: not as it was recorded"):
        read_ledger(ledger)


@settings(max_examples=20)
@given(cut=st.integers(1, 400))
def test_a_line_that_a_crash_cut_off_costs_that_line_alone(cut, tmp_path_factory, small_forecast):
    path = tmp_path_factory.mktemp("torn") / "led.jsonl"
    for day in DAYS[:2]:
        append(path, content(small_forecast(day)))
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    done = append(path, content(small_forecast(DAYS[2])))
    read = read_ledger(path)
    # Without its newline alone nothing is lost.
    assert len(read.entries) == (3 if cut == 1 else 2)
    assert (read.torn, done.torn) == (((), True) if cut == 1 else ((2,), True))
    assert read.entries[-1].as_of == pd.Timestamp(DAYS[2])


def test_a_full_disk_leaves_the_ledger_as_it_was(ledger, small_forecast, monkeypatch):
    before, write = ledger.read_bytes(), os.write

    def full(file, data):
        write(file, data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        append(ledger, content(small_forecast("2018-08-28")))
    assert ledger.read_bytes() == before


_WRITER = """
import json, sys
from pathlib import Path
from models.season.outcome_file import read_outcomes
from models.ledger.book import append
line = json.loads(Path(sys.argv[2]).read_text())
for number in range(10):
    append(Path(sys.argv[1]), line | {"id": f"{sys.argv[3]}{number:031d}"})
"""


def test_processes_that_name_it_by_links_and_by_its_name_keep_one_chain(
    ledger, tmp_path, small_forecast
):
    link = tmp_path / "elsewhere" / "link.jsonl"
    link.parent.mkdir()
    link.symlink_to(ledger)
    hard = tmp_path / "hard.jsonl"
    hard.hardlink_to(ledger)
    line = tmp_path / "line.json"
    line.write_text(json.dumps(content(small_forecast("2018-08-28"))))
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, path, line, name], cwd=ROOT)
        for path, name in ((ledger, "a"), (link, "b"), (hard, "c"))
    ]
    assert [each.wait() for each in writers] == [0, 0, 0]
    assert len(read_ledger(ledger).entries) == len(DAYS) + 30


def test_no_such_file_and_no_file_are_said_so(tmp_path):
    with pytest.raises(LedgerError, match="no such file"):
        read_ledger(tmp_path / "none.jsonl")
    with pytest.raises(LedgerError, match="no file"):
        read_ledger(tmp_path)


def test_a_clock_before_the_day_is_refused(small_forecast):
    made = small_forecast(DAYS[0])
    with pytest.raises(ValueError, match="set the clock right"):
        content(made, days_late=-1)
    # At the very end of the day its values are known: not strict.
    assert not content(made, days_late=0)["replay"]
    assert not content(made, days_late=7)["replay"]
    assert content(made, days_late=8)["replay"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("as_of", "yesterday"), ("index", "warm"), ("states", {"broad": "asleep"}), ("window", None)],
)
def test_a_value_that_cannot_be_is_refused(small_forecast, name, value):
    with pytest.raises(ValueError, match=name):
        Entry.from_content(content(small_forecast(DAYS[0])) | {name: value, "previous": "x"}, 1)


# Outcomes by hand: an index that stands at 80 on days 41 to 80 of 200 from 1 March 2018.
FIRST = pd.Timestamp("2018-03-01")


def made_up(entry: Entry, *answers: Answer, as_of: int = 35) -> Entry:
    day = FIRST + as_of * DAY
    return entry.model_copy(
        update={
            "as_of": day,
            "answers": answers,
            "recorded_at": (day + DAY + pd.Timedelta(hours=1)).tz_localize("UTC").to_pydatetime(),
            "states": {Kind.BROAD: State.AT_RISK, Kind.PARTIAL: State.AT_RISK},
        }
    )


def begins(as_of: int, days: int, probability=0.4, kind=Kind.BROAD, **values) -> Answer:
    start = FIRST + (as_of + 1) * DAY
    return Answer(
        kind, Event.BEGINS, start, FIRST + (as_of + days) * DAY, State.AT_RISK, probability,
        probability - 0.1, probability + 0.1, 0.25, State.AT_RISK, **values,
    )  # fmt: skip


@pytest.fixture
def index():
    values = np.full(200, 20.0)
    values[40:80] = 80.0
    return pd.Series(values, pd.date_range(FIRST, periods=200, unit="s"))


@pytest.fixture
def entry(small_forecast):
    return Entry.from_content(content(small_forecast(DAYS[0]), previous=NOTHING), 1)


def test_answers_are_judged_and_scored_by_hand(entry, index):
    """Of two chances of 40 % one comes true: Brier 0.26, with 25 % beside it 0.3125."""
    asked = [
        made_up(entry, begins(32, 30)),  # day 41 lies in days 34 to 63
        made_up(entry, begins(115, 30), as_of=115),  # none in days 117 to 146
        made_up(entry, begins(115, 90), as_of=115),  # beyond the data
    ]
    asked[0] = asked[0].model_copy(update={"as_of": FIRST + 32 * DAY})
    table = judged(asked, index, "test")
    assert table["status"].tolist() == [Status.RESOLVED, Status.RESOLVED, Status.OPEN]
    np.testing.assert_equal(table["outcome"].to_numpy(), [1.0, 0.0, np.nan])
    assert table["onset"].iloc[0] == FIRST + 40 * DAY
    assert set(table["made"]) == {MadeWhen.AHEAD}
    row = scores(table).set_index("window").loc["30 days"]
    assert (row["resolved"], row["came"], row["episodes"]) == (2, 1, 1)
    assert row["brier"] == pytest.approx((0.36 + 0.16) / 2)
    assert row["brier_base_rate"] == pytest.approx((0.5625 + 0.0625) / 2)
    assert row["brier_skill"] == pytest.approx(1 - 0.26 / 0.3125)
    assert row["log"] == pytest.approx(-(np.log(0.4) + np.log(0.6)) / 2)
    assert (row["expected"], row["separate_windows"]) == (pytest.approx(0.8), 2)


@pytest.mark.parametrize(("came", "outcome"), [("no,no", 0.0), ("yes,yes", 1.0)])
def test_a_file_of_outcomes_judges_what_it_decides(entry, index, tmp_path, came, outcome):
    """Prices to day 120, outcomes after: day 130 as given, day 160 open at 50, day 170 left out."""
    rows = {day: "no,no" for day in range(120, 200) if day != 170} | {130: came, 160: "open,no"}
    path = tmp_path / "outcomes.csv"
    lines = [f"{FIRST + day * DAY:%Y-%m-%d},{at}" for day, at in rows.items()]
    path.write_text("\n".join(["date,at_50,at_75", *lines]) + "\n")
    asked = [
        made_up(entry, begins(115, days, kind=kind), as_of=115)
        for days, kind in ((30, Kind.BROAD), (30, Kind.PARTIAL), (50, Kind.BROAD),
                           (50, Kind.PARTIAL), (60, Kind.BROAD), (90, Kind.BROAD))
    ]  # fmt: skip
    table = judged(asked, index[:120], "test", outcomes=read_outcomes(path))
    open_from = [False, False, False, True, True, True]
    assert (table["status"] == Status.OPEN).tolist() == open_from
    assert table["outcome"].dropna().tolist() == [outcome] * 3
    assert judged(asked, index[:120], "test")["status"].eq(Status.OPEN).all()


def test_what_is_no_forecast_does_not_count(entry, index):
    impossible = replace(begins(115, 30), probability=None, low=None, high=None, reason="quiet")
    began = replace(begins(115, 30), began_on=FIRST + 40 * DAY, probability=1.0, high=1.0)
    # Today's data say that day 60 was in season: what the line took as known is no longer so.
    rows = [
        made_up(entry, impossible, as_of=115),
        made_up(entry, began, as_of=115),
        made_up(entry, begins(60, 30), as_of=60),
        made_up(entry, begins(115, 30), as_of=115),
        made_up(entry, begins(115, 30, 0.9), as_of=115),
    ]
    table = judged(rows, index, "test")
    assert table["status"].tolist() == [
        Status.NO_FORECAST, Status.BEGAN, Status.REVISED, Status.RESOLVED, Status.REPEATED,
    ]  # fmt: skip
    assert table["outcome"].notna().sum() == 1


@pytest.mark.parametrize(
    ("start", "end", "label"),
    [
        ("2025-06-02", "2025-07-01", "30 days"),
        ("2025-01-01", "2025-12-31", "2025"),
        ("2025-06-02", "2025-08-02", "to 2025-08-02"),
        ("2026-01-01", "2026-03-31", "2026-01-01 to 2026-03-31"),
    ],
)
def test_windows_of_one_kind_are_scored_together(start, end, label):
    answer = replace(begins(0, 30), start=pd.Timestamp(start), end=pd.Timestamp(end))
    assert window_label(answer, pd.Timestamp("2025-06-01")) == label


def test_quantiles_are_scored_by_what_they_hold(entry, index):
    quantiles = {"0.05": 0.0, "0.25": 5.0, "0.5": 10.0, "0.75": 30.0, "0.95": 50.0}
    days = replace(begins(35, 60), question=Event.DAYS, quantiles=quantiles)
    table = judged([made_up(entry, days)], index, "test")
    assert table["outcome"].tolist() == [40.0]
    row = scores(table).iloc[0]
    assert (row["inside_50"], row["inside_90"]) == (0, 1)


def test_the_record_of_real_days_is_judged_as_the_labels_have_it(ledger, reference):
    record = track_record(read_ledger(ledger), reference, today=reference.last_day)
    at_risk = record.scores["state"] == State.AT_RISK
    assert (at_risk & (record.scores["question"] == Event.BEGINS)).any()
    index = season_index(reference)
    table = record.answers
    near = table[(table["kind"] == Kind.BROAD) & (table["window"] == "90 days")]
    for row in near[near["status"] == Status.RESOLVED].itertuples():
        came = (index.loc[row.start : row.end] >= 75).any()
        assert row.outcome == float(came)
    content = track_record_json(record)
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert content["schema"] == "altseason.ledger_score/2"
    assert not record.revised


def test_values_that_were_revised_are_named(ledger, reference, monkeypatch):
    path_entry = read_ledger(ledger).entries[0]
    moved = path_entry.model_copy(update={"index": path_entry.index + 2})
    from models.ledger import revised
    from models.ledger.book import Ledger

    found = revised.revised_forecasts(Ledger((moved,)), reference)
    assert [each.line for each in found] == [1]
    assert found[0].index_now == pytest.approx(path_entry.index)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("broad:30 >= 50%", "broad:30>=0.5"),
        ("sustained:year<=0.1", "sustained:year<=0.1"),
        ("partial:90:change>=-0.05", "partial:90:change>=-0.05"),
        ("sustained:90>=0.2", "sustained:90>=0.2"),
    ],
)
def test_alerts_are_read_in_one_form(text, shown):
    assert str(Alert.parse(text)) == shown


@pytest.mark.parametrize("text", ["", "broad", "tall:30>=0.5", "broad:30>=1.5", "broad:30=>0.5"])
def test_what_is_no_alert_is_refused(text):
    with pytest.raises(ValueError, match=r"must be|must lie"):
        Alert.parse(text)


def test_an_alert_fires_once_while_it_holds(small_forecast, tmp_path):
    today, later = (small_forecast(day) for day in DAYS[1:])
    chance = later.begins(Kind.BROAD, 30).probability
    alerts = [Alert.parse(f"broad:30>={chance:.6f}"[:-1]), Alert.parse("broad:30:change>=-1")]
    first = check_alerts(alerts[:1], later, ())
    assert [each.fired for each in first] == [True]
    line = content(later, alerts=[str(alerts[0])], previous=NOTHING)
    known = Entry.from_content(line, 1)
    again = check_alerts(alerts[:1], later, (known,))
    assert [(each.met, each.fired) for each in again] == [(True, False)]
    # A change is one since the forecast recorded last of an earlier day.
    before = Entry.from_content(content(today, previous=NOTHING), 1)
    (changed,) = check_alerts(alerts[1:], later, (before,))
    assert changed.before == today.begins(Kind.BROAD, 30).probability
    assert changed.probability == chance
    with pytest.raises(ValueError, match="windows of"):
        check_alerts([Alert.parse("broad:31>=0.5")], later, ())
