"""The embedded history: as its card says, refused when damaged, made again by one command."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from features.catalogue.frame import CATALOGUE, build_features
from features.panel import SERIES, SPECS, DataError
from features.reference import make
from features.reference.exclusions import EXCLUSIONS_FILE
from features.reference.load import (
    CARD_FILE,
    DEFINITIONS_FILE,
    DIRECTORY,
    HISTORY_FILE,
    load_definitions,
    load_reference,
)
from features.reference.make import changes_text
from features.reference.membership import (
    COINS_FILE,
    SNAPSHOTS_FILE,
    TICKERS_FILE,
    load_membership,
)
from tests.embedded import COMPLETE_DAYS, END, SIMULATED_SERIES, session
from tests.small_market import LAST, small_market, write_tables

MADE = {
    HISTORY_FILE: load_reference, DEFINITIONS_FILE: load_definitions,
    SNAPSHOTS_FILE: load_membership, COINS_FILE: load_membership,
}  # fmt: skip


@pytest.fixture
def embedded_copy(tmp_path):
    """A writable copy of all that is embedded."""
    for name in (*MADE, CARD_FILE, TICKERS_FILE, EXCLUSIONS_FILE):
        shutil.copy(DIRECTORY / name, tmp_path)
    return tmp_path


# ---- what it holds ----


def test_the_history_is_what_its_card_says(reference, card, embedded_copy):
    assert reference.digest == card["digest"]
    assert reference.source == "reference"
    assert load_reference(embedded_copy).digest == card["digest"]
    assert reference.names == tuple(spec.name for spec in SERIES)
    assert set(card["files"]) == set(MADE)


def test_all_that_is_embedded_is_small():
    assert (DIRECTORY / HISTORY_FILE).stat().st_size < 850_000
    assert sum((DIRECTORY / name).stat().st_size for name in (*MADE, CARD_FILE)) < 1_250_000


def test_the_card_describes_every_series_its_faults_and_terms(reference, card):
    assert tuple(card["series"]) == reference.names
    for name, described in card["series"].items():
        values = reference.series(name)
        assert described["meaning"] == SPECS[name].meaning
        assert described["unit"] == SPECS[name].unit
        assert described["rows"] == len(values)
        assert described["first_day"] == f"{values.index[0]:%Y-%m-%d}"
        assert described["last_day"] == f"{values.index[-1]:%Y-%m-%d}"
        assert described["made"]
        assert ("business day" in described["known"]) == (SPECS[name].kind == "flow")
    assert card["known_faults"]
    assert "Derived values" in card["terms"]
    assert "features.reference.make" in card["made_by"]


@pytest.mark.parametrize("name", [spec.name for spec in SERIES])
def test_values_have_six_significant_digits(reference, name):
    values = reference.series(name)
    assert [float(f"{value:.5e}") for value in values] == values.tolist()
    assert SPECS[name].kind != "level" or values.iloc[0] == 100.0
    traded = SPECS[name].kind == "flow" or name in ("russell2000", "sp500")
    assert values.index[-1] == (session(END) if traded else END)


def test_older_features_are_complete_from_2014_07_on(reference):
    young = {"eth_btc", "btc_etf_flow", "eth_etf_flow", *SIMULATED_SERIES}
    older = [feature.name for feature in CATALOGUE if not young & set(feature.sources)]
    assert len(older) > 30
    frame = build_features(reference, COMPLETE_DAYS)
    assert frame[older].notna().all(axis=None)
    assert frame.iloc[-1].notna().all()


# ---- damage ----


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"2025", b"2024", 1) + b"\n"),
    ],
    ids=["gone", "cut", "changed"],
)
def test_a_damaged_file_is_refused(embedded_copy, name, damage):
    MADE[name](embedded_copy)
    damage(embedded_copy / name)
    with pytest.raises(DataError, match=f"{name}.*install the package again"):
        MADE[name](embedded_copy)


@pytest.mark.parametrize(
    "content", [None, '{"digest": ', "{}", "[]", '{"files": {"history.parquet": "0"}}']
)
@pytest.mark.parametrize("load", [load_reference, load_definitions, load_membership])
def test_a_damaged_card_is_refused(embedded_copy, content, load):
    if content is None:
        (embedded_copy / CARD_FILE).unlink()
    else:
        (embedded_copy / CARD_FILE).write_text(content)
    with pytest.raises(DataError, match="install the package again"):
        load(embedded_copy)


def test_line_ends_of_another_system_are_no_damage(embedded_copy):
    path = embedded_copy / COINS_FILE
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert load_membership(embedded_copy).coins.equals(load_membership().coins)


# ---- made again ----


@pytest.fixture
def made(tmp_path, monkeypatch, capsys):
    """Make the history of the made-up market, some tables replaced; returns what was printed."""
    data, out = tmp_path / "data", tmp_path / "out"
    out.mkdir()
    monkeypatch.setenv("ALTSEASON_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.argv", ["make", "--data-dir", str(data), "--out", str(out)])
    # So small a market has no pasts to draw from: nothing is simulated.
    monkeypatch.setattr(make, "simulated_series", lambda *_, **__: pd.DataFrame())

    def run(**replaced):
        write_tables(data, {**small_market(), **replaced})
        assert make.main() == 0
        printed = capsys.readouterr()
        return printed.out.splitlines(), printed.err

    return run


def test_each_changed_old_value_is_named(made, tmp_path):
    days = ("date", "date", "snapshot_date")
    shorter = {
        name: table[table[day] < LAST]
        for (name, table), day in zip(small_market().items(), days, strict=True)
    }
    (last_line,), _ = made(**shorter)  # nothing was there before
    assert last_line.startswith("2024-05-08, digest ")
    # Later days are news, no changes.
    assert made()[0][:-1] == ["No old value has changed.", "No old rank has changed."]
    before = load_reference(tmp_path / "out").series("russell2000")
    changed = before.index[[10, 40]]
    series = small_market()["series"]
    raised = (series["series"] == "russell2000_close") & series["date"].isin(changed)
    series.loc[raised, "value"] *= 1.01
    universe = small_market()["universe"]
    last = universe["snapshot_date"] == LAST
    universe.loc[last, "rank"] = universe.loc[last, "rank"].map({1: 2, 2: 1, 3: 3, 4: 4})
    lines, _ = made(series=series, universe=universe)
    assert lines[0] == "2 old values have changed:"
    for line, day in zip(lines[2:4], changed, strict=True):
        name, on, old, new, change = line.split()
        assert (name, on) == ("russell2000", f"{day:%Y-%m-%d}")
        assert float(old) == pytest.approx(before[day])
        assert [float(new), float(change)] == pytest.approx(
            [1.01 * before[day], 0.01 * before[day]], rel=1e-3
        )
    assert lines[4] == "2 old ranks have changed:"
    assert [line.split() for line in lines[6:8]] == [
        ["aaa", f"{LAST:%Y-%m-%d}", "2.0", "1.0", "-1.0"],
        ["ethereum", f"{LAST:%Y-%m-%d}", "1.0", "2.0", "1.0"],
    ]


def test_the_smallest_step_is_a_change_and_what_is_gone_is_none():
    day = pd.Timestamp("2025-12-01")
    old = pd.DataFrame({"name": ["a", "b", "c"], "date": day, "value": [1.0, 2.0, 3.0]})
    assert changes_text(old, old, "value") == "No value has changed."
    new = old.assign(value=[np.nextafter(1.0, 2.0), 2.0, 3.0]).iloc[:2]
    lines = changes_text(old, new, "value").splitlines()
    assert lines[0] == "2 values have changed:"
    assert lines[2].split()[:2] == ["a", "2025-12-01"]
    assert lines[3].split() == ["c", "2025-12-01", "3.0", "gone", "gone"]


def test_the_rules_of_plausibility_hold_for_it_and_stay_on_the_card(made, tmp_path):
    series = small_market()["series"]
    rows = series.index[series["series"] == "sp500_close"]
    series.loc[rows[-10:], "value"] *= 100
    _, err = made(series=series)
    assert "warning: sp500 on" in err or "warning: sp500 from" in err
    assert "level shift; feature dropped" in err
    history = load_reference(tmp_path / "out")
    assert history.series("sp500").index[-1] < series.loc[rows[-10], "date"]
    assert any("level shift" in problem for problem in history.provenance.problems)
    described = json.loads((tmp_path / "out" / CARD_FILE).read_text())
    assert "level shift" in json.dumps(described["provenance"])
