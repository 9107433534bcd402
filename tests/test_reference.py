"""The embedded history: whole, as its card says, and refused when it is damaged."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from features.catalogue.features import CATALOGUE
from features.catalogue.frame import build_features
from features.panel import SERIES, SPECS, DataError
from features.reference.load import CARD_FILE, DIRECTORY, HISTORY_FILE, load_reference
from tests.embedded import COMPLETE_DAYS, END, SIMULATED_SERIES, session


@pytest.fixture
def embedded_copy(tmp_path):
    """A writable copy of the embedded history."""
    for name in (HISTORY_FILE, CARD_FILE):
        (tmp_path / name).write_bytes((DIRECTORY / name).read_bytes())
    return tmp_path


# ---- what it holds ----


def test_the_history_is_what_its_card_says(reference, card, embedded_copy):
    assert reference.digest == card["digest"]
    assert reference.source == "reference"
    assert load_reference(embedded_copy).digest == card["digest"]


def test_the_history_is_small():
    assert (DIRECTORY / HISTORY_FILE).stat().st_size < 600_000


def test_the_history_holds_every_series(reference):
    assert reference.names == tuple(spec.name for spec in SERIES)


@pytest.mark.parametrize("name", [spec.name for spec in SERIES])
def test_the_card_describes_every_series(reference, card, name):
    values, told = reference.series(name), card["series"][name]
    assert told["meaning"] == SPECS[name].meaning
    assert told["unit"] == SPECS[name].unit
    assert told["rows"] == len(values)
    assert told["first_day"] == f"{values.index[0]:%Y-%m-%d}"
    assert told["last_day"] == f"{values.index[-1]:%Y-%m-%d}"
    assert told["made"]
    assert ("business day" in told["known"]) == (SPECS[name].kind == "flow")


def test_the_card_tells_faults_and_terms(card):
    assert set(card["series"]) == set(SPECS)
    assert card["known_faults"]
    assert "Derived values only" in card["terms"]
    assert "features.reference.compile" in card["made_by"]


@pytest.mark.parametrize("name", [spec.name for spec in SERIES])
def test_values_have_six_significant_digits(reference, name):
    values = reference.series(name)
    assert [float(f"{value:.5e}") for value in values] == values.tolist()


@pytest.mark.parametrize("name", [spec.name for spec in SERIES if spec.kind == "level"])
def test_levels_begin_at_100(reference, name):
    assert reference.series(name).iloc[0] == 100.0


def test_every_series_ends_on_time(reference):
    for name in reference.names:
        traded = SPECS[name].kind == "flow" or name in ("russell2000", "sp500")
        assert reference.series(name).index[-1] == (session(END) if traded else END), name


def test_older_features_are_complete_from_2014_07_on(reference):
    young = {"eth_btc", "btc_etf_flow", "eth_etf_flow", *SIMULATED_SERIES}
    older = [feature.name for feature in CATALOGUE if not young & set(feature.sources)]
    assert len(older) > 30
    frame = build_features(reference, COMPLETE_DAYS)
    assert frame[older].notna().all(axis=None)
    assert frame.iloc[-1].notna().all()


# ---- damage ----


def truncate_history(folder):
    content = (folder / HISTORY_FILE).read_bytes()
    (folder / HISTORY_FILE).write_bytes(content[: len(content) // 2])


def truncate_card(folder):
    (folder / CARD_FILE).write_text('{"digest": ')


def change_one_value(folder):
    history = pd.read_parquet(folder / HISTORY_FILE)
    history.loc[1000, "value"] *= 1.00001
    history.to_parquet(folder / HISTORY_FILE)


def change_digest(folder):
    card = json.loads((folder / CARD_FILE).read_text())
    (folder / CARD_FILE).write_text(json.dumps({**card, "digest": "0" * 64}))


def drop_digest(folder):
    card = json.loads((folder / CARD_FILE).read_text())
    del card["digest"]
    (folder / CARD_FILE).write_text(json.dumps(card))


UNREADABLE = "the embedded history cannot be read"
DIGEST = load_reference().digest[:12]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncate_history, UNREADABLE),
        (truncate_card, UNREADABLE),
        (lambda folder: (folder / HISTORY_FILE).unlink(), f"{UNREADABLE}: .*{HISTORY_FILE}"),
        (lambda folder: (folder / CARD_FILE).unlink(), f"{UNREADABLE}: .*{CARD_FILE}"),
        (change_one_value, f"has digest .* its card says {DIGEST}"),
        (change_digest, f"has digest {DIGEST}, its card says {'0' * 12}"),
        (drop_digest, "digest"),
    ],
    ids=["history cut", "card cut", "no history", "no card", "value", "digest", "no digest"],
)
def test_damage_is_refused(embedded_copy, damage, message):
    damage(embedded_copy)
    with pytest.raises(DataError, match=message):
        load_reference(embedded_copy)


@pytest.mark.parametrize("column", ["series", "date", "value"])
def test_a_missing_column_is_refused(embedded_copy, column):
    history = pd.read_parquet(embedded_copy / HISTORY_FILE)
    history.drop(columns=column).to_parquet(embedded_copy / HISTORY_FILE)
    with pytest.raises(DataError, match=column):
        load_reference(embedded_copy)
