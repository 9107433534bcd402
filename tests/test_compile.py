"""The command that compiles the embedded history, on a small made-up market."""

from __future__ import annotations

import pandas as pd
import pytest

from features.reference import compile as compile_command
from features.reference.compile import main
from features.reference.load import HISTORY_FILE, load_reference
from tests.embedded import iso
from tests.small_market import LAST, small_market, write_tables


@pytest.fixture
def out(tmp_path):
    """Where the history is written."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def compile_market(out, tmp_path, monkeypatch, capsys):
    """Compile the made-up market, some tables replaced; returns what was printed."""
    data = tmp_path / "data"
    monkeypatch.setenv("ALTSEASON_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.argv", ["compile", "--data-dir", str(data), "--out", str(out)])
    # So small a market has no pasts to draw from: nothing is simulated.
    monkeypatch.setattr(compile_command, "simulated_series", lambda *_, **__: pd.DataFrame())

    def compiled(**replaced):
        write_tables(data, {**small_market(), **replaced})
        assert main() == 0
        printed = capsys.readouterr()
        return printed.out.splitlines(), printed.err

    return compiled


def test_each_changed_old_value_is_named(compile_market, out):
    series = small_market()["series"]
    shorter = {
        name: table[table[column] < LAST]
        for (name, table), column in zip(
            small_market().items(), ("date", "date", "snapshot_date"), strict=True
        )
    }
    (digest_line,), _ = compile_market(**shorter)  # nothing was there before
    assert "digest" in digest_line
    # Later days are news, no revisions.
    assert compile_market()[0][:-1] == ["No value to 2024-05-08 has changed."]
    assert compile_market()[0][:-1] == ["No value to 2024-05-09 has changed."]
    before = load_reference(out).series("russell2000")
    days = before.index[[10, 40]]
    raised = (series["series"] == "russell2000_close") & series["date"].isin(days)
    series.loc[raised, "value"] *= 1.01
    said, _ = compile_market(series=series)
    assert said[0] == "2 values to 2024-05-09 have changed:"
    rows = [line.split() for line in said if line.split()[:1] == ["russell2000"]]
    by_series, *by_day = rows
    assert by_series[:4] == ["russell2000", "2", iso(days[0]), iso(days[1])]
    for row, day in zip(by_day, days, strict=True):
        assert row[:2] == ["russell2000", iso(day)]
        old, new, change = map(float, row[2:])
        assert old == pytest.approx(before[day])
        assert (new, change) == pytest.approx((1.01 * old, 0.01 * old), rel=1e-3)
    assert float(by_series[4]) == pytest.approx(0.01 * before[days].max(), rel=1e-3)


def test_an_unreadable_old_history_is_replaced(compile_market, out):
    (out / HISTORY_FILE).write_text("no table")
    printed, warning = compile_market()
    assert "It is replaced without a list of revisions." in warning
    assert len(printed) == 1
    load_reference(out)


def test_the_rules_of_plausibility_hold_for_it_and_stay_told(compile_market, out):
    tables = small_market()
    series = tables["series"]
    own = series.index[series["series"] == "sp500_close"]
    series.loc[own[-10:], "value"] *= 100
    _, err = compile_market(series=series)
    assert "warning: sp500 on" in err or "warning: sp500 from" in err
    assert "level shift; feature dropped" in err
    history = load_reference(out)
    assert history.series("sp500").index[-1] < series.loc[own[-10], "date"]
    assert any("level shift" in problem for problem in history.provenance.problems)
