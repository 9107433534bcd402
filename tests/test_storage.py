"""Files whole or not at all, by one process at a time; damage is set aside."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.sources.etf_flows import flow_store
from features.sources.etf_flows.flow_store import rows_of
from features.storage import atomic
from features.storage.atomic import locked, staged
from features.storage.parquet import DamagedFile, read_table, set_aside, write_table

ROOT = Path(__file__).parents[1]
DAYS = pd.date_range("2025-12-01", periods=3, unit="s")
ROWS = pd.concat(
    [
        rows_of("btc_etf_net_flow_usd", pd.Series([1.5e6, -2.25e6, 0.1], DAYS), "flows.csv"),
        rows_of("iwm_nav", pd.Series([240.1, 241.7, 239.3], DAYS), "yahoo"),
    ],
    ignore_index=True,
)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "table.parquet"


# --- atomic --------------------------------------------------------------------------------------


def test_a_failed_write_leaves_only_the_old_file(path):
    path.write_text("old")

    def write_half():
        with staged(path) as beside:
            beside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert [(each.name, each.read_text()) for each in path.parent.iterdir()] == [(path.name, "old")]


def test_a_file_is_synced_before_it_is_named(path, monkeypatch):
    order = []
    monkeypatch.setattr(atomic.os, "fsync", lambda handle: order.append(path.exists()))
    with staged(path) as beside:
        beside.write_text("whole")
    assert order == [False]
    assert path.read_text() == "whole"


def test_another_process_waits_for_its_turn(path, monkeypatch, caplog):
    code = (
        "import sys; from pathlib import Path; from features.storage.atomic import locked\n"
        "with locked(Path(sys.argv[1])): print('held', flush=True); input()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert other.stdout.readline() == "held\n"
    monkeypatch.setattr(atomic, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(atomic, "SILENT_SECONDS", 0.1)
    with (
        pytest.raises(OSError, match=r"another process has held it for 0.1 s") as refused,
        locked(path),
    ):
        pass
    assert refused.value.errno == errno.EBUSY
    assert caplog.messages == [f"waiting for another process that holds {path} ..."]
    other.kill()  # the system frees what it held
    other.wait()
    with locked(path):
        pass
    other.stdin.close()
    other.stdout.close()


def test_of_a_link_the_file_it_names_is_written(path, tmp_path):
    path.parent.mkdir(exist_ok=True)
    (tmp_path / "link").symlink_to(path)
    with staged(tmp_path / "link") as beside:
        beside.write_text("whole")
    assert (tmp_path / "link").is_symlink()
    assert path.read_text() == "whole"


def test_an_impossible_lock_is_an_oserror(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"), locked(tmp_path / "file" / "table"):
        pass


# --- tables --------------------------------------------------------------------------------------


def test_days_come_back_in_seconds_wherever_they_stand(path):
    table = pd.DataFrame({"day": DAYS, "value": [1.0, np.nan, 3.0]}, index=DAYS.rename("date"))
    write_table(path, table, {"schema": 1})
    again, note = read_table(path)
    pd.testing.assert_frame_equal(again, table, check_freq=False)
    assert (note["schema"], note["rows"]) == (1, 3)


def test_damage_is_no_disk_error(path, tmp_path):
    with pytest.raises(FileNotFoundError):
        read_table(path)
    with pytest.raises(IsADirectoryError):
        read_table(tmp_path)
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(DamagedFile):
        read_table(path)


def test_no_flipped_byte_is_read_as_another_value(path):
    table = pd.DataFrame({"value": np.arange(3.0), "coin": list("abc")}, index=DAYS.rename("date"))
    note = {"schema": 1}
    write_table(path, table, note)
    whole = path.read_bytes()
    refused = 0
    for place in range(0, len(whole), 7):
        flipped = bytearray(whole)
        flipped[place] ^= 0x10
        path.write_bytes(flipped)
        try:
            again, noted = read_table(path)
        except DamagedFile:
            refused += 1
            continue
        pd.testing.assert_frame_equal(again, table, check_freq=False)
        assert noted["schema"] == 1
    assert refused > 20


def test_no_damaged_file_takes_the_place_of_another(path):
    for number, content in enumerate((b"one", b"two"), start=1):
        path.write_bytes(content)
        aside = set_aside(path)
        assert (aside.name, aside.read_bytes()) == (f"{path.name}.damaged-{number}", content)
    assert not path.exists()


def test_what_a_killed_process_left_is_swept_by_a_later_one(path):
    old, young = (path.with_name(f".{path.name}.{process}.tmp") for process in (1, 2))
    for orphan in (old, young):
        orphan.write_bytes(b"half")
    os.utime(old, (0, 0))
    write_table(path, pd.DataFrame({"value": [1.0]}), {})
    assert sorted(path.parent.iterdir()) == sorted([path, young])


# --- the fund store ------------------------------------------------------------------------------


def test_a_foreign_table_is_set_aside(tmp_path):
    write_table(tmp_path / flow_store.FILE, pd.DataFrame({"close_usd": [1.0]}), {"schema": 1})
    with pytest.warns(UserWarning, match="set aside"):
        assert flow_store.read(tmp_path).empty


def test_failing_to_set_aside_is_an_error(tmp_path, monkeypatch):
    (tmp_path / flow_store.FILE).write_bytes(b"damaged")
    monkeypatch.setattr(Path, "rename", lambda *arguments: (_ for _ in ()).throw(OSError("no")))
    with pytest.raises(OSError, match="is damaged and cannot be set aside"):
        flow_store.read(tmp_path)
