"""The ledger: lines are added, sealed, never changed; a crash costs one line at most."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import LedgerError
from models.forecasting.evidence import ForecastEvidence
from models.forecasting.parts import DataSummary, Forecast, ModelSummary, Season, Window
from models.ledger.book import append, read_ledger
from models.ledger.entry import content_of
from models.season.definition import OnsetDefinition
from models.vocabulary import Kind

ROOT = Path(__file__).parents[1]


def forecast_of(as_of: str = "2026-01-10", **changes) -> Forecast:
    """Return a forecast with one window by length and one by date."""
    day = pd.Timestamp(as_of)

    def window(days: int) -> Window:
        return Window(Kind.BROAD, days, day + pd.Timedelta(days=days), 0.2, 0.1, 0.3, 0.15)

    plain = Forecast(
        as_of=day,
        definition=OnsetDefinition(),
        season=Season(20.0, "bitcoin", {Kind.BROAD: True}, {Kind.BROAD: None}),
        windows=(window(30),),
        by_date=(window(3),),
        trend=(),
        drivers=(),
        evidence=ForecastEvidence(15, (), ()),
        model=ModelSummary("logistic", "1", "run", pd.Timestamp("2025-12-30")),
        data=DataSummary("files", "data", "dataset", day, 1, ()),
        notes=(),
    )
    return replace(plain, **changes)


def content(as_of: str = "2026-01-10", *, late: timedelta = timedelta(hours=30), **changes) -> dict:
    """Return a line's content, recorded some time after as_of began."""
    day = date.fromisoformat(as_of)
    return content_of(
        forecast_of(as_of, **changes),
        thresholds={"broad": 75.0},
        forecaster_sha256="forecaster",
        recorded_at=datetime(day.year, day.month, day.day, tzinfo=UTC) + late,
        commit="abc",
        versions={"python": "3.11"},
    )


def days(count: int) -> list[str]:
    return [f"{date(2026, 1, 1) + timedelta(days=n)}" for n in range(count)]


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "forecasts.jsonl"


def in_another_process(code: str, path: Path, *arguments: object) -> subprocess.Popen[str]:
    """Start code that finds this module as `t` and the ledger as `path`."""
    head = (
        "import sys; sys.path[:0] = sys.argv[1:3]\n"
        "from pathlib import Path; import test_ledger as t; path = Path(sys.argv[3])\n"
    )
    words = map(str, [ROOT, ROOT / "tests", path, *arguments])
    return subprocess.Popen(
        [sys.executable, "-c", head + code, *words], stdout=subprocess.PIPE, text=True
    )


# --- adding --------------------------------------------------------------------------------------


def test_a_line_is_read_as_it_was_recorded(path):
    assert append(path, content()).added
    ledger = read_ledger(path)
    (entry,) = ledger.entries
    assert ledger.torn == ()
    assert (entry.line, entry.as_of, entry.replay) == (1, date(2026, 1, 10), False)
    assert entry.recorded_at == datetime(2026, 1, 11, 6, tzinfo=UTC)
    assert [(w.horizon_days, w.end, w.by_date) for w in entry.windows] == [
        (30, date(2026, 2, 9), False), (3, date(2026, 1, 13), True),
    ]  # fmt: skip
    assert {(w.probability, w.low, w.high, w.climatology) for w in entry.windows} == {
        (0.2, 0.1, 0.3, 0.15)
    }


def test_a_line_is_json_with_its_schema(path):
    append(path, content())
    (line,) = path.read_text().splitlines()
    stored = json.loads(line)
    assert next(iter(stored)) == "schema"
    assert stored["schema"] == "altseason.ledger/3"
    assert stored["outlook"] is None
    assert stored["definition"]["sustained_days"] == 30
    assert stored["commit"] == "abc"
    assert stored["model"]["forecaster_sha256"] == "forecaster"


def test_the_same_forecast_makes_one_line(path):
    append(path, content())
    before = path.read_bytes()
    again = append(path, content(late=timedelta(days=3)))
    assert (again.added, again.line) == (False, 1)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"as_of": "2026-01-11"},
        {"model": replace(forecast_of().model, run_id="other")},
        {"data": replace(forecast_of().data, digest="other")},
    ],
)
def test_another_day_model_or_data_make_another_line(path, changes):
    append(path, content())
    assert append(path, content(**changes)).line == 2


def test_nothing_that_was_written_is_ever_changed(path):
    written = b""
    for day in days(20):
        append(path, content(day))
        now = path.read_bytes()
        assert now.startswith(written)
        assert len(now) > len(written)
        written = now
    assert [entry.line for entry in read_ledger(path).entries] == list(range(1, 21))


def test_writers_at_the_same_time_take_turns(path):
    code = (
        "print('ready', flush=True)\n"
        "while not path.with_name('go').exists(): pass\n"
        "print(sum(t.append(path, t.content(day)).added for day in t.days(24)))\n"
    )
    writers = [in_another_process(code, path) for _ in range(3)]
    assert [writer.stdout.readline() for writer in writers] == ["ready\n"] * 3
    path.with_name("go").touch()
    added = [int(writer.communicate()[0]) for writer in writers]
    ledger = read_ledger(path)
    assert sum(added) == 24
    assert sorted(f"{entry.as_of}" for entry in ledger.entries) == days(24)
    assert ledger.torn == ()
    # What stays beside the ledger is documented: the empty lock.
    hidden = [each for each in path.parent.iterdir() if each.name.startswith(".")]
    assert [(each.name, each.stat().st_size) for each in hidden] == [(f".{path.name}.lock", 0)]


# --- crashes and changes -------------------------------------------------------------------------


def test_a_torn_line_is_reported_and_kept_apart(path):
    append(path, content("2026-01-01"))
    kept = path.read_bytes()
    append(path, content("2026-01-02"))
    whole = path.read_bytes()
    for end in range(len(kept) + 1, len(whole)):
        path.write_bytes(whole[:end])
        complete = end == len(whole) - 1  # all but the newline
        assert read_ledger(path).torn == (() if complete else (2,))
        done = append(path, content("2026-01-03"))
        assert (done.line, done.torn) == (3, () if complete else (2,))
        assert path.read_bytes().startswith(whole[:end] + b"\n{")
        ledger = read_ledger(path)
        assert [entry.line for entry in ledger.entries] == ([1, 2, 3] if complete else [1, 3])


def test_zeros_after_power_loss_are_torn(path):
    append(path, content("2026-01-01"))
    with path.open("ab") as file:
        file.write(b'{"schema": "alt' + b"\0" * 64)
    assert append(path, content("2026-01-02")).torn == (2,)
    assert [entry.line for entry in read_ledger(path).entries] == [1, 3]


def test_blank_and_foreign_lines_are_harmless(path):
    for day in days(2):
        append(path, content(day))
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + b"\n")
    assert [entry.line for entry in read_ledger(path).entries] == [1, 2]


@settings(deadline=None)
@given(data=st.data())
def test_a_changed_line_never_passes(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("changed") / "forecasts.jsonl"
    for day in days(3):
        append(path, content(day))
    whole = path.read_bytes()
    honest = [replace(entry, line=0) for entry in read_ledger(path).entries]
    at = data.draw(st.integers(0, len(whole) - 1))
    new = data.draw(st.integers(32, 126)).to_bytes()
    path.write_bytes(whole[:at] + new + whole[at + 1 :])
    try:
        entries = read_ledger(path).entries
    except LedgerError as error:
        number = whole[:at].count(b"\n") + 1
        named = (f"line {number}:", f"line {number} was cut off")
        assert any(each in str(error) for each in named)  # noqa: PT017
    else:
        assert all(replace(entry, line=0) in honest for entry in entries)


def test_an_edited_line_is_refused_by_number(path):
    for day in days(3):
        append(path, content(day))
    edited = path.read_text().replace('"probability": 0.2', '"probability": 0.9', 1)
    path.write_text(edited)
    for attempt in (lambda: read_ledger(path), lambda: append(path, content("2026-02-01"))):
        with pytest.raises(LedgerError, match=r"line 1: .*\(its sha256 is not that of its content"):
            attempt()
    assert path.read_text() == edited


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("hello", "not as it was recorded"),
        ("[1]", "schema must be altseason.ledger/3 or altseason.ledger/2 or altseason.ledger/1"),
        ("{}", "schema must be altseason.ledger/3"),
        ('{"schema": "altseason.ledger/4"}', "schema must be altseason.ledger/3"),
        ('{"schema": "altseason.ledger/1", "as_of": NaN}', "NaN is no number"),
    ],
)
def test_a_line_of_another_kind_is_refused(path, line, rule):
    append(path, content())
    with path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(LedgerError, match=rule) as caught:
        read_ledger(path)
    assert f"{path}, line 2" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"probability": 1.5}, r"probability must lie in \[0, 1\], got 1.5"),
        ({"climatology": None}, "all must be given, or climatology"),
        ({"kind": "third"}, "kind must be one of broad, got 'third'"),
        ({"horizon_days": 31}, "a window of 31 days from 2026-01-10 cannot end on 2026-02-09"),
        ({"window_end": "soon"}, "Invalid isoformat string: 'soon'"),
    ],
)
def test_a_sealed_line_must_make_sense(path, change, rule):
    line = content()
    line["windows"] = [line["windows"][0] | change]
    append(path, line)
    with pytest.raises(LedgerError, match=rule):
        read_ledger(path)


def test_no_ledger_tells_how_to_begin(path):
    with pytest.raises(LedgerError, match=r"predict\.py --record begins one"):
        read_ledger(path)
    with pytest.raises(LedgerError, match="cannot be read: it is no file"):
        read_ledger(path.parent)


def test_a_full_disk_leaves_the_file_alone(path):
    append(path, content("2026-01-01"))
    before = path.read_bytes()
    # The system itself refuses the second half of the line.
    code = (
        "import resource, signal; size = path.stat().st_size + 300\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))\n"
        "try: t.append(path, t.content('2026-01-02'))\n"
        "except OSError as error: print(error.errno)\n"
    )
    assert int(in_another_process(code, path).communicate()[0]) == errno.EFBIG
    assert path.read_bytes() == before


# --- ahead of time -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("late", "month", "by_date"),
    [
        (timedelta(days=1), True, True),  # the instant at which as_of ends
        (timedelta(days=4, seconds=-1), True, True),  # the last second of the window by date
        (timedelta(days=4), True, False),
        (timedelta(days=8), True, False),  # the last instant of the week after as_of
        (timedelta(days=8, seconds=1), False, False),
    ],
)
def test_only_a_timely_line_is_a_forecast(path, late, month, by_date):
    append(path, content(late=late))
    (entry,) = read_ledger(path).entries
    assert [entry.ahead(window.end) for window in entry.windows] == [month, by_date]
    assert entry.replay is not month
