"""A sweep: each result that of a training, kept and resumed, the same wherever it is computed."""

from __future__ import annotations

import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import psutil
import pytest

from features.catalogue.features import CATALOGUE
from features.catalogue.frame import build_features
from features.market.season import DEFAULT, OTHERS, IndexDefinition
from features.panel import DataError
from features.reference.load import load_definitions
from models.errors import SweepError
from models.sweep.evaluate import attempt, evaluate
from models.sweep.identity import code_digest, difference, identity
from models.sweep.material import material
from models.sweep.result import Failure, Result
from models.sweep.run import Sweep, backend_of, carry_out, sweep
from models.sweep.specification import Specification, SpecificationError, hidden_features
from models.sweep.store import Store, key_of
from models.sweep.tasks import MOST_LOSSES, Done, in_process, with_losses
from models.training.landmarks import FIRST_DAY, STEP_DAYS
from models.training.run import LAYOUT, at_risk_rows
from models.verification.samples import with_episodes
from models.verification.skill import integrated
from models.vocabulary import Kind
from tests.commands import ROOT
from tests.sweeps import HORIZONS, UNTIL, cheap, cheap_material, made_up


@pytest.fixture(scope="module")
def shared(reference):
    return cheap_material(reference)


@pytest.fixture(scope="module")
def here(shared) -> Sweep:
    """Three cheap specifications, evaluated in this process."""
    return carry_out(shared, cheap(3), in_process, horizons=HORIZONS)


def fake(material, tasks, horizons):
    """Stand for a backend where what is evaluated is no matter."""
    for task in tasks:
        yield Done(made_up(task, task.threshold / 1000), 1.0)


@pytest.fixture(scope="module")
def faked(shared) -> Sweep:
    return carry_out(shared, cheap(4), fake, horizons=HORIZONS)


def contents(done: Sweep) -> list[bytes]:
    return [each.to_bytes() for each in done.results]


# ---- evaluating ----


@pytest.mark.parametrize("candidate", ["persistence", "logistic"])
def test_a_result_is_that_of_a_training(candidate, small_training, reference):
    shared = material(reference, {}, [DEFAULT], until=small_training.until)
    result = evaluate(shared, Specification(candidate=candidate), HORIZONS)
    trained = small_training.verification
    own = trained[(trained["model"] == candidate) & (trained["kind"] == Kind.BROAD)]
    own = own[own["horizon"].isin([str(days) for days in HORIZONS])]
    columns = ["brier_skill", "brier_skill_low", "brier_skill_high"]
    np.testing.assert_array_equal(np.array(result.skill), own[columns].to_numpy(dtype=float))
    rows = at_risk_rows(small_training.hindcast)
    rows = rows[rows["horizon"].isin([str(days) for days in HORIZONS])]
    rows = with_episodes(rows, small_training.onsets)
    overall = integrated(rows, step_days=STEP_DAYS, layout=LAYOUT)
    whole = overall[(overall["model"] == candidate) & (overall["kind"] == Kind.BROAD)]
    np.testing.assert_array_equal([result.integrated], whole[columns].to_numpy(dtype=float))
    assert result.days == whole["days"].item()
    assert result.onsets == len(small_training.onsets[Kind.BROAD])
    assert (result.trace.as_of + pd.Timedelta(days=60) <= small_training.until).all()
    trace = result.trace
    assert 1 - trace.score.sum() / trace.reference.sum() == pytest.approx(result.integrated.value)
    # 2018 was nearly over: climatology knows little of its last days.
    assert result.year == 2019
    assert 0 < result.low <= result.probability <= result.high < 1


def test_a_window_and_a_top_have_their_own_index_and_features(reference):
    each = IndexDefinition(60, 20)
    shared = material(reference, load_definitions(), [DEFAULT, each])
    specification = Specification(window_days=60, top=20)
    index = load_definitions()[each]["season_index"]
    assert shared.index_of(specification).dropna().iloc[-1] == index.iloc[-1]
    features = shared.features_of(specification)
    plain = build_features(reference, pd.DatetimeIndex(features.index))
    pd.testing.assert_frame_equal(shared.features_of(Specification()), plain)
    assert features["carried_breadth_60"].isna().all()
    changed = [name for name in plain if not features[name].equals(plain[name])]
    assert set(changed) == {
        feature.name for feature in CATALOGUE
        if {"season_index", "carried_breadth_30", "carried_breadth_60"} & {*feature.sources}
    }  # fmt: skip
    hidden = shared.features_of(dataclasses.replace(specification, without="russell"))
    assert hidden[list(hidden_features("russell"))].isna().all(axis=None)
    assert hidden["season_index"].equals(features["season_index"])
    assert shared.own[each].digest != shared.own[DEFAULT].digest


def test_what_is_not_there_is_refused(reference):
    with pytest.raises(SpecificationError, match="need --source files, got window 60 and top 20"):
        material(reference, {}, [IndexDefinition(60, 20)])
    empty = {"season_index": pd.Series(dtype=float)}
    with pytest.raises(DataError, match=r"window 60, top 20: .*no season index"):
        material(reference, {IndexDefinition(60, 20): empty}, [IndexDefinition(60, 20)])


def test_nothing_after_the_last_day_bears_on_a_result(reference):
    """Changing what was published later leaves every bit."""
    later = {
        name: values.where(values.index <= UNTIL, 50.0)
        for name in reference.names
        if len(values := reference.series(name))
    }
    scrambled = reference.with_series(later)
    results = [
        evaluate(cheap_material(panel), cheap(1, "persistence")[0], HORIZONS).to_bytes()
        for panel in (reference, scrambled)
    ]
    assert results[0] == results[1]


def test_a_result_outlives_a_file(here):
    for result in here.results:
        again = Result.from_bytes(result.to_bytes())
        assert again.row() == result.row()
        assert again.to_bytes() == result.to_bytes()
        for one, other in zip(again.trace, result.trace, strict=True):
            np.testing.assert_array_equal(one, other)
    for damaged in (b"", b"x", here.results[0].to_bytes()[:-5]):
        with pytest.raises(ValueError, match="not a result of a sweep"):
            Result.from_bytes(damaged)


# ---- carrying out ----


def test_processes_give_the_same_bits_though_one_is_killed(shared, here):
    def kill_one(done, total):
        if done == 1:
            workers = [
                child for child in psutil.Process().children()
                if any("LokyProcess" in word for word in child.cmdline())
            ]  # fmt: skip
            workers[0].kill()

    with backend_of("loky", 2) as backend:
        found = carry_out(shared, cheap(3), backend, horizons=HORIZONS, progress=kill_one)
    assert not found.failures
    assert contents(found) == contents(here)


def test_a_failing_specification_stops_no_other(shared, here):
    # So long a quiet spell has never been: no day is at risk.
    bad = Specification(threshold=100.0, quiet_days=3000, candidate="climatology")
    done = carry_out(shared, [bad, *cheap(1)], in_process, horizons=HORIZONS)
    assert contents(done) == contents(here)[:1]
    (failure,) = done.failures
    assert failure.specification == bad
    assert failure.reason
    assert isinstance(attempt(shared, bad, HORIZONS), Failure)


def test_an_interruption_ends_with_what_stands(shared, faked, tmp_path):
    def interrupted(material, tasks, horizons):
        for number, done in enumerate(fake(material, tasks, horizons)):
            if number == 2:
                raise KeyboardInterrupt
            yield done

    store = Store(tmp_path / "sweep.sqlite")
    first = carry_out(shared, cheap(4), interrupted, horizons=HORIZONS, store=store)
    assert first.interrupted
    assert contents(first) == contents(faked)[:2]
    assert len(store) == 2
    seen = []
    again = carry_out(
        shared, cheap(4), fake, horizons=HORIZONS, store=store,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert again.resumed == 2
    assert not again.interrupted
    assert contents(again) == contents(faked)
    assert seen == [(2, 4), (3, 4), (4, 4)]


def test_other_data_choices_horizons_or_code_are_other_keys(shared, reference, monkeypatch):
    one = cheap(1)[0]
    key = key_of(shared, one, HORIZONS)
    assert key == key_of(cheap_material(reference), one, HORIZONS)
    earlier = material(reference, {}, [DEFAULT], until=UNTIL - pd.Timedelta(days=1))
    others = [
        key_of(earlier, one, HORIZONS),
        key_of(shared, dataclasses.replace(one, quiet_days=29), HORIZONS),
        key_of(shared, one, (30,)),
    ]
    monkeypatch.setattr("models.sweep.store.identity_digest", lambda: "0" * 64)
    others.append(key_of(shared, one, HORIZONS))
    assert len({key, *others}) == 5


def test_a_killed_sweep_goes_on_where_it_was(shared, faked, tmp_path):
    store = tmp_path / "sweep.sqlite"
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from features.reference.load import load_reference\n"
        "from models.sweep.run import carry_out\n"
        "from models.sweep.store import Store\n"
        "from models.sweep.tasks import Done\n"
        "from tests.sweeps import HORIZONS, cheap, cheap_material, made_up\n"
        "def slow(material, tasks, horizons):\n"
        "    for task in tasks:\n"
        "        time.sleep(0.02)\n"
        "        yield Done(made_up(task, task.threshold / 1000), 1.0)\n"
        "shared, store = cheap_material(load_reference()), Store(Path(sys.argv[1]))\n"
        "carry_out(shared, cheap(3000), slow, horizons=HORIZONS, store=store)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, store], cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        while not store.exists() or _rows(store) < 2:
            assert process.poll() is None
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    again = carry_out(shared, cheap(4), fake, horizons=HORIZONS, store=Store(store))
    assert again.resumed >= 2
    assert contents(again) == contents(faked)


def _rows(store) -> int:
    try:
        return len(Store(store))
    except SweepError:  # another process is just writing
        return 0


def test_damage_is_computed_again_and_no_store_is_refused(shared, faked, tmp_path):
    path = tmp_path / "sweep.sqlite"
    carry_out(shared, cheap(2), fake, horizons=HORIZONS, store=Store(path))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE results SET content = x'00' WHERE rowid = 1")
    connection.close()
    again = carry_out(shared, cheap(2), fake, horizons=HORIZONS, store=Store(path))
    assert again.resumed == 1
    assert contents(again) == contents(faked)[:2]
    assert set(Store(path).seconds()) == {"climatology"}
    other = tmp_path / "other.sqlite"
    other.write_bytes(b"no database at all, but long enough to be read as one" * 20)
    with pytest.raises(SweepError, match=r"other\.sqlite cannot be used"):
        Store(other)


class Lost(Exception):
    """A worker died."""


def test_what_a_lost_worker_had_is_run_again():
    one, other = cheap(2)
    rounds = []

    def flaky(left):
        rounds.append(list(left))
        if len(rounds) == 1:
            yield Done(made_up(one, 0.1), 1.0)
            raise Lost
        yield Done(made_up(other, 0.1), 1.0)

    done = [each.outcome.specification for each in with_losses(flaky, [one, other], Lost)]
    assert done == [one, other]
    assert rounds == [[one, other], [other]]


def test_a_task_that_kills_every_worker_is_given_up():
    good, deadly = cheap(2)
    rounds = []

    def round_of(left):
        rounds.append(list(left))
        if good in left:
            yield Done(made_up(good, 0.1), 1.0)
        raise Lost

    outcomes = [each.outcome for each in with_losses(round_of, [good, deadly], Lost)]
    assert [type(each) for each in outcomes] == [Result, Failure]
    assert outcomes[1].reason == f"its worker was lost {MOST_LOSSES} times"
    # A round in which something gets done starts the count anew.
    assert len(rounds) == 1 + MOST_LOSSES


# ---- identity ----


def test_the_code_digest_follows_the_code(tmp_path):
    for name in ("features", "models"):
        target = tmp_path / name
        subprocess.run(["cp", "-r", str(ROOT / name), str(target)], check=True)
    assert code_digest(tmp_path) == code_digest()
    with (tmp_path / "models/report/style.py").open("a") as file:
        file.write("# a picture\n")
    assert code_digest.__wrapped__(tmp_path) == code_digest()
    with (tmp_path / "models/season/labels.py").open("a") as file:
        file.write("# a label\n")
    assert code_digest.__wrapped__(tmp_path) != code_digest()


def test_two_identities_differ_in_what_is_named():
    own = identity()
    assert difference(own, own) is None
    assert difference({**own, "numpy": "1.0"}, own) == f"numpy 1.0 instead of {own['numpy'][:12]}"
    assert "scipy none instead of" in str(difference({"code": own["code"]}, own))


# ---- from Python ----


def test_a_frame_comes_back(reference):
    table = sweep(
        reference, threshold=[70, 80], model=["climatology"], horizons=HORIZONS, until=UNTIL,
        backend="serial",
    )  # fmt: skip
    assert table["threshold"].tolist() == [70.0, 80.0]
    assert (table[["skill", "skill_30", "skill_60"]] == 0).all(axis=None)
    assert table["probability"].between(0, 1).all()
    with pytest.raises(SpecificationError, match=r"choices are threshold, .* got 'moon'"):
        sweep(reference, moon=[1])


def test_the_first_day_of_the_grid_is_that_of_a_training(shared):
    assert shared.features.index[0] == FIRST_DAY
    assert len(OTHERS) == 14
