"""The real history: the embedded one is made from it, and it holds what is known of the past."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from features.catalogue.features import CATALOGUE, sessions_since_record
from features.catalogue.frame import build_features
from features.market.market import Market
from features.market.paths import simulate
from features.panel import MarketPanel
from features.reference.load import CARD_FILE, load_reference
from features.sources.directory import load_files
from tests.commands import run_python
from tests.embedded import COMPLETE_DAYS, SIMULATED_SERIES

pytestmark = pytest.mark.real_data

# Two values rounded to six digits differ from the originals by up to 5e-6 of themselves each.
TOLERANCE = {
    "log": 2.5e-5,
    "log per year": 1e-4,
    "%": 5.1e-5,
    "points": 1.1e-4,
    "% of assets": 2e-4,
    "% of market cap": 1e-5,
    "deviations": 1e-4,
    "sessions": 0.0,
    "flag": 0.0,
}


@pytest.fixture(scope="module")
def from_files(real_data) -> MarketPanel:
    """The real history as the files source reads it."""
    return load_files(real_data)


@pytest.fixture(scope="module")
def raw_series(real_data):
    """The real raw series as columns."""
    rows = pd.read_parquet(real_data / "series.parquet")
    return rows.pivot_table(index="date", columns="series", values="value")


@pytest.fixture(scope="module")
def frames(from_files, reference):
    """The features from the files and from the embedded history."""
    return [build_features(panel, COMPLETE_DAYS) for panel in (from_files, reference)]


@pytest.fixture(scope="module")
def compilation(real_data, tmp_path_factory):
    """Where the history was compiled anew by its command, and the peak memory of that in bytes.

    The simulated series, which take minutes, are those already embedded.
    """
    out = tmp_path_factory.mktemp("compiled")
    # VmHWM and not getrusage: the latter starts at the peak of the process that forked.
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "import pandas as pd\n"
        "from features.reference import make\n"
        "from features.reference.load import load_reference\n"
        "embedded = load_reference()\n"
        "simulated = [name for name in embedded.names if name.startswith('simulated_')]\n"
        "table = pd.DataFrame({name: embedded.series(name) for name in simulated})\n"
        "make.simulated_series = lambda market, **options: table\n"
        "code = make.main()\n"
        "status = Path('/proc/self/status').read_text()\n"
        "print(status.partition('VmHWM:')[2].split()[0])\n"
        "sys.exit(code)\n"
    )
    done = run_python(
        "-c", script, "--data-dir", real_data, "--out", out,
        ALTSEASON_CACHE_DIR=str(out / "cache"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out, 1024 * int(done.stdout.split()[-1])


@pytest.mark.parametrize(
    "feature",
    [feature for feature in CATALOGUE if feature.group != "simulation"],
    ids=lambda feature: feature.name,
)
def test_embedded_features_are_those_of_the_files(frames, feature):
    real, embedded = (frame[feature.name] for frame in frames)
    assert real.notna().any()
    pd.testing.assert_series_equal(
        embedded, real, check_exact=False, rtol=0, atol=TOLERANCE[feature.unit]
    )


def test_compiling_reproduces_the_embedded_history(compilation, card):
    out, _ = compilation
    assert load_reference(out).digest == card["digest"]
    # The digests of all files are in it.
    assert json.loads((out / CARD_FILE).read_text()) == card


def test_simulating_again_gives_the_embedded_shares(real_data, reference):
    coins, universe = (pd.read_parquet(real_data / f"{n}.parquet") for n in ("coins", "universe"))
    again = simulate(Market.from_tables(coins, universe), COMPLETE_DAYS[-1:])
    embedded = [reference.series(name).loc[COMPLETE_DAYS[-1]] for name in SIMULATED_SERIES]
    # Two paths in a thousand: another processor may round a float32 sum the other way.
    assert again[SIMULATED_SERIES].iloc[0].tolist() == pytest.approx(embedded, abs=0.2)


def test_compiling_takes_less_than_two_gigabytes(compilation):
    _, peak = compilation
    assert 50e6 < peak < 2e9


def test_the_bitcoin_record_of_2017(from_files):
    assert from_files.series("bitcoin").loc["2017-12-17"] == pytest.approx(19140.76, abs=0.005)


def test_records_of_the_russell_2000(from_files):
    close = from_files.series("russell2000")
    since = sessions_since_record(close)
    records = since.index[since == 0]
    assert close.loc["2021-11-08"] == pytest.approx(2442.74, abs=0.005)
    recent = records[records >= "2021-11-08"]
    assert recent[:2].tolist() == [pd.Timestamp("2021-11-08"), pd.Timestamp("2025-09-18")]
    # As many as the data README counts.
    in_2025 = records[records.year == 2025]
    assert (len(in_2025), in_2025[-1]) == (9, pd.Timestamp("2025-12-11"))


def test_the_first_day_of_the_bitcoin_funds(from_files, raw_series):
    flow = from_files.series("btc_etf_flow")
    cap = raw_series.loc["2024-01-11", "btc_market_cap_usd"]
    assert flow.index[0] == pd.Timestamp("2024-01-11")
    assert flow.iloc[0] * cap / 100 == pytest.approx(655.3e6)


def test_the_worst_iwm_outflow_of_2025(from_files, raw_series):
    assets = (raw_series["iwm_shares_outstanding"] * raw_series["iwm_nav"]).dropna()
    dollars = (from_files.series("iwm_flow") / 100 * assets.shift()).loc["2025"].cumsum()
    assert dollars.idxmin() == pd.Timestamp("2025-08-04")
    assert dollars.min() == pytest.approx(-12.05e9, rel=0.01)
