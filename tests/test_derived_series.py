"""What a data directory's raw series are made into, by hand; and how far a ranking reaches."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.panel import DAY, MarketPanel
from models.forecasting.data_quality import data_health
from models.forecasting.forecast import forecast
from models.forecasting.parts import ModelId
from models.forecasting.status import season_status
from models.report.checks_text import health_text
from tests.embedded import END, RANKED, iso
from tests.small_market import FIRST, LAST, load_small_market, series_rows, small_market

# ---- by hand ----


def days(*texts: str) -> list[pd.Timestamp]:
    return [pd.Timestamp(text) for text in texts]


NEW_YEAR = days("2024-01-02", "2024-01-03", "2024-01-04")
YEAR_END = days("2007-12-27", "2007-12-28", "2007-12-31", "2008-01-01", "2008-01-02", "2008-01-03")
TWO_WEEKS = days("2024-01-02", "2024-01-09", "2024-01-10", "2024-01-11")


@pytest.mark.parametrize(
    ("name", "raw", "expected_days", "expected"),
    [
        # Creations at NAV over the assets of the session before:
        # 100 shares at 20 over 1000 x 10; -55 shares at 40 over 1100 x 20.
        (
            "iwm_flow",
            {"iwm_shares_outstanding": ([1000, 1100, 1045], NEW_YEAR),
             "iwm_nav": ([10, 20, 40], NEW_YEAR)},
            NEW_YEAR[1:],
            [20.0, -10.0],
        ),
        # It does not begin before 2008.
        (
            "iwm_flow",
            {"iwm_shares_outstanding": ([100, 59000, 100, 100, 101, 101], YEAR_END),
             "iwm_nav": ([10.0] * 6, YEAR_END)},
            YEAR_END[3:],
            [0.0, 1.0, 0.0],
        ),
        # In percent of the market cap of the day.
        (
            "btc_etf_flow",
            {"btc_etf_net_flow_usd": ([1e9, -3e9, 2e9], NEW_YEAR),
             "btc_market_cap_usd": ([1e12, 2e12, 4e12], NEW_YEAR)},
            NEW_YEAR,
            [0.1, -0.15, 0.05],
        ),
        # The cap of the first serves on the 9th, seven days later, and no longer on the 10th.
        (
            "btc_etf_flow",
            {"btc_etf_net_flow_usd": ([1e9] * 4, TWO_WEEKS),
             "btc_market_cap_usd": ([1e12, 4e12], [TWO_WEEKS[0], TWO_WEEKS[3]])},
            [TWO_WEEKS[0], TWO_WEEKS[1], TWO_WEEKS[3]],
            [0.1, 0.1, 0.025],
        ),
        # It serves after its series has ended, too.
        (
            "btc_etf_flow",
            {"btc_etf_net_flow_usd": ([1e9] * 3, NEW_YEAR),
             "btc_market_cap_usd": ([1e12, 2e12], NEW_YEAR[:2])},
            NEW_YEAR,
            [0.1, 0.05, 0.05],
        ),
        # Bitcoin's share of both market caps.
        (
            "bitcoin_dominance",
            {"btc_market_cap_usd": ([2e12, 1e12, 1e12], NEW_YEAR),
             "crypto_market_cap_ex_btc_usd": ([1e12, 1e12], NEW_YEAR[:2])},
            NEW_YEAR[:2],
            [200 / 3, 50.0],
        ),
    ],
    ids=["iwm flow", "iwm flow begins in 2008", "etf flow", "etf flow, cap of a week",
         "etf flow, cap ended", "dominance"],
)  # fmt: skip
def test_a_derived_series_by_hand(tmp_path, name, raw, expected_days, expected):
    rows = [series_rows(raw_name, values, dates) for raw_name, (values, dates) in raw.items()]
    derived = load_small_market(tmp_path, series=pd.concat(rows)).series(name)
    assert derived.index.tolist() == expected_days
    assert derived.tolist() == pytest.approx(expected)


def test_ether_market_cap_is_close_times_last_supply(tmp_path):
    dates = pd.date_range(FIRST + DAY, periods=4, unit="s")
    tables = small_market()
    coins, universe = tables["coins"], tables["universe"]
    ether = (coins["coin"] == "ethereum") & coins["date"].isin(dates)
    coins.loc[ether, "close_usd"] = [2000.0, 2500.0, 4000.0, 4000.0]
    coins.loc[coins["coin"] == "ethereum", "market_cap_usd"] = np.nan
    coins.loc[ether, "market_cap_usd"] = [240e9, np.nan, np.nan, np.nan]
    universe.loc[universe["coin"] == "ethereum", "market_cap_usd"] = np.nan
    third = (universe["coin"] == "ethereum") & (universe["snapshot_date"] == dates[2])
    universe.loc[third, "market_cap_usd"] = 400e9
    series = series_rows("eth_etf_net_flow_usd", [3e9] * 4, dates)
    panel = load_small_market(tmp_path, series=series, coins=coins, universe=universe)
    # Supply 120 million; then unknown, so 2500 x 120 million; then 100 million from the universe.
    assert panel.series("eth_etf_flow").tolist() == pytest.approx([1.25, 1.0, 0.75, 0.75])


def test_coin_closes_are_passed_on(tmp_path):
    coins = small_market()["coins"]
    panel = load_small_market(tmp_path)
    bitcoin, ether = (coins[coins["coin"] == coin] for coin in ("bitcoin", "ethereum"))
    assert panel.series("bitcoin").tolist() == bitcoin["close_usd"].tolist()
    assert panel.series("bitcoin").index[0] == FIRST
    assert panel.series("eth_btc").tolist() == ether["close_btc"].tolist()


# ---- days past the last ranking ----


def with_last_ranking(directory, age: int) -> tuple[MarketPanel, pd.Timestamp]:
    """Return the made-up panel whose last ranking is so many days old, and that ranking's day."""
    ranked = LAST - age * DAY
    universe = small_market()["universe"]
    kept = universe[universe["snapshot_date"] <= ranked]
    return load_small_market(directory, universe=kept), ranked


@pytest.mark.parametrize(("age", "told"), [(0, False), (7, False), (8, True), (45, True)])
def test_the_age_of_a_ranking_is_told(age, told, tmp_path, monkeypatch):
    # Four altcoins are too few to simulate, which is another problem.
    monkeypatch.setattr("features.sources.directory._not_simulated", lambda *_: ())
    whole = load_small_market(tmp_path)
    panel, ranked = with_last_ranking(tmp_path, age)
    # The ranks are the same every day, so that the last ones change nothing.
    assert panel.series("season_index").equals(whole.series("season_index"))
    said = panel.provenance
    assert said.steps == (
        f"Top 50: rankings to {iso(ranked)}; on 2024-05-09 4 of its coins could be compared.",
    )
    problem = (f"The last ranking is of {iso(ranked)}, {age} days before 2024-05-09: it stands in "
               "for the days since.")  # fmt: skip
    assert said.problems == ((problem,) if told else ())
    assert said.problems_on(panel.last_day) == said.problems
    # A week of standing in is nothing to tell; problems begin on the eighth day.
    assert said.problems_on(ranked + 7 * DAY) == ()
    assert said.problems_on(ranked + 8 * DAY) == said.problems
    state = data_health(panel, as_of=None, today=panel.last_day)
    assert state.problems == said.problems
    assert (problem in " ".join(health_text(state).split())) == told


def test_a_stale_ranking_gives_no_index(tmp_path):
    for age in (46, 60):
        panel, ranked = with_last_ranking(tmp_path, age)
        assert panel.series("season_index").index[-1] == ranked + 45 * DAY


def test_a_forecast_warns_of_an_old_ranking(small_training, reference, tmp_path, monkeypatch):
    monkeypatch.setattr("features.sources.directory._not_simulated", lambda *_: ())
    climatology, model_id = (
        small_training.forecasters["climatology"],
        ModelId("1", "0123456789abcdef"),
    )

    def warnings_of(panel, day):
        status = season_status(panel, climatology, day)
        made = forecast(status, climatology, model_id, today=day)
        return [note.text for note in made.notes if note.text.startswith("Data: ")]

    panel, ranked = with_last_ranking(tmp_path, 20)
    (warning,) = warnings_of(panel, panel.last_day)
    assert warning.startswith(f"Data: The last ranking is of {iso(ranked)}, 20 days before")
    assert warnings_of(panel, ranked + 7 * DAY) == []
    # The embedded history: what its provenance says, on the days that it concerns.
    said, age = reference.provenance, (END - RANKED).days
    assert warnings_of(reference, END) == [f"Data: {problem}" for problem in said.problems_on(END)]
    assert any(f"ranking is of {iso(RANKED)}, {age} days" in p for p in said.problems) == (age > 7)
    assert warnings_of(reference, said.since - DAY) == []
