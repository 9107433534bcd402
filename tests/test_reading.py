"""A forecast as a person reads it: words, columns, colours, the trend, and the history."""

from __future__ import annotations

import functools
import io
import json
import re
from collections import Counter
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import predict
from features import health as data_health
from features.catalogue import frame as forecast_builder
from features.market import season
from features.panel import MarketPanel, end_of_day
from models.forecasting import out_of_sample as past
from models.forecasting import season_status as status_of
from models.forecasting.forecast import forecast
from models.forecasting.parts import ModelId, NoteCode
from models.forecasting.reforecast import reforecast, sample_note
from models.forecasting.schema import forecast_json
from models.forecasting.season_status import season_status
from models.forecasting.trend import DAYS_AGO, trend
from models.formatting import WIDTH, listed, long_day, percent, signed, unbroken
from models.report.forecast_text import forecast_text
from models.report.rows import window_rows
from models.report.terminal import Terminal
from models.report.verdicts import SHORT_SKILL
from models.vocabulary import Kind
from tests.commands import run_command
from tests.embedded import REFIT, iso

ESCAPES = re.compile(r"\x1b\[\d*m")
SHARES = st.floats(0, 1)


@pytest.fixture(scope="module")
def forecaster(quick):
    return quick.forecasters["logistic"]


@pytest.fixture(scope="module")
def say(reference, forecaster):
    """Forecast a day with the small model."""

    @functools.cache
    def on(day: str, by: str | None = None):
        return forecast(
            season_status(reference, forecaster, pd.Timestamp(day)), forecaster,
            ModelId("3", "abc"), by=None if by is None else pd.Timestamp(by),
            today=pd.Timestamp(day),
        )  # fmt: skip

    return on


# --- words ---------------------------------------------------------------------------------------


@given(SHARES)
def test_a_percent_is_never_falsely_certain(share):
    said = percent(share)
    assert (said == "0 %") == (share == 0)
    assert (said == "100 %") == (share == 1)
    # "<1 %" and ">99 %" bound the share, all others round it.
    allowed = 1.0 if said[0] in "<>" else 0.5
    assert abs(float(said.strip("<> %")) - 100 * share) <= allowed + 1e-9


@given(st.floats(-5, 5))
def test_a_signed_number_has_no_negative_zero(value):
    said = signed(value)
    assert abs(float(said) - value) <= 0.005 + 1e-9
    assert said != "-0.00"
    assert (said[0] in "+-") == (float(said) != 0)


@given(st.dates())
def test_a_day_in_words_is_that_day(day):
    if day.year >= 1700:  # pandas' first year is 1677
        assert pd.Timestamp(long_day(day.isoformat())).date() == day


def test_lists_are_read_aloud():
    assert listed(["30"]) == "30"
    assert listed(["30", "60"]) == "30 and 60"
    assert listed(["30", "60", "90"]) == "30, 60 and 90"
    assert unbroken("in 30 days") == "in 30 days"


# --- the terminal --------------------------------------------------------------------------------


@given(SHARES, st.integers(1, 30), st.booleans())
def test_a_bar_keeps_its_width(share, width, blocks):
    bar = Terminal(blocks=blocks).bar(share, width)
    assert len(bar) == width
    empty, full = (" " * width, "█" * width) if blocks else ("." * width, "#" * width)
    if width > 1 or blocks:
        assert (bar == empty) == (share == 0)
        assert (bar == full) == (share == 1)
    assert blocks or bar.isascii()


@given(SHARES, SHARES)
def test_a_longer_bar_is_a_larger_share(one, other):
    low, high = sorted((one, other))

    def eighths(share: float) -> int:
        return sum(" ▏▎▍▌▋▊▉█".index(each) for each in Terminal(blocks=True).bar(share, 8))

    assert eighths(low) <= eighths(high)


class Screen(io.StringIO):
    def __init__(self, encoding: str, tty: bool) -> None:
        super().__init__()
        self._encoding, self._tty = encoding, tty

    @property
    def encoding(self) -> str:
        return self._encoding

    def isatty(self) -> bool:
        return self._tty


@pytest.mark.parametrize(
    ("encoding", "tty", "environ", "colour", "blocks"),
    [
        ("utf-8", True, {}, True, True),
        ("utf-8", True, {"NO_COLOR": "1"}, False, True),
        ("utf-8", True, {"NO_COLOR": ""}, True, True),
        ("utf-8", True, {"TERM": "dumb"}, False, True),
        ("utf-8", False, {}, False, True),
        ("ascii", True, {}, True, False),
        ("latin-1", False, {}, False, False),
        ("no such encoding", False, {}, False, False),
    ],
)
def test_a_terminal_is_given_what_it_can_show(encoding, tty, environ, colour, blocks):
    found = Terminal.of(Screen(encoding, tty), environ)
    assert (found.colour, found.blocks) == (colour, blocks)


# --- the text ------------------------------------------------------------------------------------

DAYS = ["2019-06-30", "2019-07-15", "2021-04-01", "2022-08-10", "2025-12-10"]


@pytest.mark.parametrize("day", DAYS)
def test_the_text_fits_80_columns(say, day):
    result = say(day)
    plain = forecast_text(result)
    assert plain.isascii()
    assert max(len(line) for line in plain.splitlines()) <= WIDTH
    coloured = forecast_text(result, Terminal(colour=True))
    assert coloured != plain
    assert ESCAPES.sub("", coloured) == plain
    blocks = forecast_text(result, Terminal(blocks=True))
    assert [len(line) for line in blocks.splitlines()] == [len(line) for line in plain.splitlines()]


def test_every_window_is_a_row(say):
    result = say("2025-12-10", by="2026-10-01")
    lines = forecast_text(result).splitlines()
    for kind in result.kinds:
        start = next(i for i, line in enumerate(lines) if f"a {kind} altcoin season begins" in line)
        rows = lines[start + 3 : start + 9]
        for line, row in zip(rows, window_rows(result, kind), strict=True):
            window = row.window
            values = (
                window.probability, window.climatology, window.low, window.high, *row.earlier
            )  # fmt: skip
            assert re.findall(r"[<>]?\d+ %", line) == [percent(value) for value in values]
            assert long_day(window.window_end) in line
            assert f" {window.horizon_days} d " in line
    assert rows[-1].startswith("by  1 Oct 2026 295 d")


def test_columns_stand_under_each_other(say):
    lines = forecast_text(say("2025-12-10", by="2026-10-01")).splitlines()
    rows = [line for line in lines if re.match(r"by .{11} .{3} d ", line)]
    assert len(rows) == 12
    # Every percent sign of a column has the same place.
    assert len({tuple(m.start() for m in re.finditer("%", row)) for row in rows}) == 1


def test_in_season_a_reason_and_no_table(say):
    text = forecast_text(say("2021-04-01"))
    assert "Season index 88 of 100: a broad altcoin season." in text
    assert text.count("No forecast: in season since") == 2
    assert "base rate  90 %" not in text
    assert "A week and a month ago" not in text


def test_days_are_in_words(say):
    for day in (*DAYS, "2024-12-20"):
        text = forecast_text(say(day))
        assert not re.search(r"(?<!--until )\b\d{4}-\d{2}-\d{2}", " ".join(text.split()))


def test_the_dated_window_has_its_evidence(say):
    result = say("2025-12-10", by="2026-10-01")
    assert "The window to 1 Oct 2026 spans 295 days." in " ".join(forecast_text(result).split())


def test_the_question_is_that_of_the_thresholds(say):
    text = forecast_text(say("2025-12-10"))
    assert "Chance that a broad altcoin season begins (season index 75 or more)" in text
    assert "Chance that a partial altcoin season begins (season index 50 or more)" in text


def test_a_group_sums_its_features(say):
    result = say("2025-12-10")
    total = sum(driver.points for driver in result.drivers)
    (line,) = [row for row in forecast_text(result).splitlines() if row.startswith("  breadth ")]
    assert line.split()[1] == signed(total, 1)


def test_a_verdict_is_worded_as_stored(say):
    result = say("2025-12-10")
    verified = result.evidence.verified(Kind.BROAD)
    assert verified
    for horizon, skill in verified.items():
        (line,) = [
            row for row in forecast_text(result).splitlines()
            if row.startswith(f"  {horizon:>3} days")
        ]  # fmt: skip
        assert line.endswith(f"  {SHORT_SKILL[skill.verdict]}")


# --- the trend -----------------------------------------------------------------------------------


@pytest.mark.parametrize("day", ["2020-05-05", "2025-12-10"])
def test_the_trend_is_the_earlier_forecast(say, day):
    result = say(day)
    for then in result.trend:
        earlier = say(f"{then.as_of:%Y-%m-%d}")
        assert (pd.Timestamp(day) - then.as_of).days == then.days_ago
        assert then.index == earlier.season.index
        for mine, own in zip(then.windows, earlier.windows, strict=True):
            assert mine == replace(own, low=None, high=None, climatology=None)


def test_the_dated_window_ends_alike(say):
    result = say("2025-12-10", by="2026-10-01")
    for then in result.trend:
        earlier = say(f"{then.as_of:%Y-%m-%d}", by="2026-10-01")
        assert [window.probability for window in then.by_date] == [
            window.probability for window in earlier.by_date
        ]
        assert {window.window_end for window in then.by_date} == {pd.Timestamp("2026-10-01")}


def test_a_window_too_long_has_none(say):
    result = say("2025-12-10", by="2028-12-08")  # 1,094 days: 1,101 and 1,124 from before
    for then in result.trend:
        assert {window.probability for window in then.by_date} == {None}
        assert all("1096 days" in window.reason for window in then.by_date)
        assert all(window.probability is not None for window in then.windows)
    assert "n/a for a window that ends more than 1096 days ahead" in " ".join(
        forecast_text(result).split()
    )


def test_in_season_the_trend_is_null(say):
    _, month = say("2025-11-15").trend
    broad = [window for window in month.windows if window.kind == Kind.BROAD]
    assert {window.probability for window in broad} == {None}
    assert all("quiet days" in window.reason for window in broad)


def test_the_trend_before_the_data_is_null(reference, forecaster):
    first = season_status(reference, forecaster, pd.Timestamp("2014-01-01")).index.index[0]
    status = season_status(reference, forecaster, first + pd.Timedelta(days=10))
    week, month = trend(status, forecaster, horizons=[30], by=first + pd.Timedelta(days=90))
    assert week.index is not None
    assert month.index is None
    assert {window.reason for window in month.windows} == {"the data begin later"}


def test_the_trend_sees_nothing_later_than_its_days(reference, forecaster):
    day = pd.Timestamp("2025-06-10")
    arguments = {"horizons": [30, 90], "by": pd.Timestamp("2025-12-31")}
    whole = trend(season_status(reference, forecaster, day), forecaster, **arguments)
    for position, days in enumerate(DAYS_AGO):
        until = end_of_day(pd.DatetimeIndex([day - pd.Timedelta(days=days)]))[0]
        status = season_status(reference, forecaster, day)
        cut = replace(status, view=reference.known_at(until))
        assert trend(cut, forecaster, **arguments)[position] == whole[position]


@pytest.mark.parametrize("day", ["2025-12-10", "2021-04-01"])
def test_each_day_is_looked_at_once(reference, forecaster, monkeypatch, day):
    calls: Counter[str] = Counter()

    def counted(name, function):
        def call(*arguments, **options):
            calls[name] += 1
            return function(*arguments, **options)

        return call

    monkeypatch.setattr(MarketPanel, "known_at", counted("known_at", MarketPanel.known_at))
    for module in (season, data_health, forecast_builder, status_of, past):
        for name in ("season_index", "build_features"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, counted(name, getattr(module, name)))
    status = season_status(reference, forecaster, pd.Timestamp(day))
    forecast(status, forecaster, ModelId("3", "abc"), by=None, today=pd.Timestamp(day))
    days_spoken_of = 1 + len(DAYS_AGO)
    assert calls == dict.fromkeys(("known_at", "season_index", "build_features"), days_spoken_of)


@pytest.mark.parametrize(
    ("day", "sampled"), [("2019-06-18", False), ("2019-06-17", True), ("2025-01-01", False)]
)
def test_in_sample_ends_with_the_training(say, quick, day, sampled):
    assert f"{quick.trained_until:%Y-%m-%d}" == "2019-06-18"
    warned = [note for note in say(day).notes if note.code is NoteCode.IN_SAMPLE]
    assert bool(warned) == sampled


def test_every_warning_has_code_and_figures(say):
    (note,) = [note for note in say("2019-06-17").notes if note.code is NoteCode.IN_SAMPLE]
    assert note.fields
    answer = json.loads(json.dumps(forecast_json(say("2019-06-17")), allow_nan=False))
    assert note.text in answer["warnings"]
    assert {"code": note.code, "text": note.text, **note.fields} in answer["notes"]
    assert [each["text"] for each in answer["notes"]] == answer["warnings"]


# --- the history ---------------------------------------------------------------------------------


def test_history_marks_days_in_sample(reference, forecaster):
    table = reforecast(
        reference, forecaster, first=pd.Timestamp("2019-06-10"), last=pd.Timestamp("2019-06-30"),
        horizons=[30],
    )  # fmt: skip
    sampled = table.drop_duplicates("as_of").set_index("as_of")["in_sample"]
    assert sampled.loc[:"2019-06-17"].all()
    assert not sampled.loc["2019-06-18":].any()
    assert "8 of 21 days are in sample" in sample_note(table, forecaster)
    later = table[~table["in_sample"]]
    assert "warning" not in sample_note(later, forecaster)


def test_history_says_whose_it_is(trained):
    uri, _, _ = trained
    first, last = (iso(REFIT + pd.Timedelta(days=days)) for days in (-5, 5))
    arguments = ["--history", first, last, "--tracking-uri", uri]
    result = run_command(predict.app, *arguments, "--json")
    answer = json.loads(result.stdout)
    assert answer["schema"] == "altseason.history/1"
    assert answer["model"]["name"] == "logistic"
    assert answer["model"]["trained_until"] == iso(REFIT)
    assert f"one model (logistic, trained until {iso(REFIT)})" in result.stderr
    assert "5 of 11 days are in sample" in result.stderr
    assert [row["in_sample"] for row in answer["rows"][::5]][:11] == [True] * 5 + [False] * 6
