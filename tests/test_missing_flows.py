"""Without ETF flows the model trains and forecasts, and says what it lacks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.catalogue.frame import build_features
from features.health import missing_flows, missing_flows_text
from features.panel import MarketPanel
from models.forecasting.forecast import forecast
from models.forecasting.parts import ModelId
from models.forecasting.status import season_status
from models.training.run import Settings, train
from tests.embedded import END

FLOWS = ["iwm_flow", "btc_etf_flow", "eth_etf_flow"]
FUNDS = ["IWM", "US spot Bitcoin ETFs", "US spot Ether ETFs"]


def without(panel, names):
    rows = panel.observations()
    return MarketPanel.from_observations(rows[~rows["series"].isin(names)], "without flows")


@pytest.fixture(scope="module")
def bare(reference):
    return without(reference, FLOWS)


def missing_on(panel, day):
    return missing_flows(build_features(panel, pd.DatetimeIndex([day])))


def test_the_embedded_history_lacks_no_flows(reference):
    for day in ("2018-06-01", "2024-03-01", "2025-12-10", END):
        assert missing_on(reference, day) == []


def test_each_fund_is_missed_from_when_it_existed(bare):
    assert missing_on(bare, "2018-06-01") == FUNDS[:1]
    assert missing_on(bare, "2024-03-01") == FUNDS[:2]
    assert missing_on(bare, "2025-12-10") == FUNDS


@pytest.mark.parametrize(("name", "fund"), [*zip(FLOWS, FUNDS, strict=True)])
def test_one_missing_series_is_named(reference, name, fund):
    assert missing_on(without(reference, [name]), "2025-12-10") == [fund]


def test_flows_that_ended_are_missing(reference):
    rows = reference.observations()
    old = (rows["series"] == "iwm_flow") & (rows["date"] > "2025-11-20")
    panel = MarketPanel.from_observations(rows[~old], "ended")
    assert missing_on(panel, "2025-12-10") == FUNDS[:1]


def test_a_model_without_flows_says_so(bare):
    until = pd.Timestamp("2017-03-28")
    settings = Settings(candidates=("climatology", "logistic_all"), replicates=2)
    training = train(bare, settings, until=until)
    assert {"climatology", "logistic_all"} <= set(training.forecasters)
    for forecaster in training.forecasters.values():
        status = season_status(bare, forecaster, until)
        made = forecast(status, forecaster, ModelId(None, "none"), today=until)
        texts = [note.text for note in made.notes]
        assert missing_flows_text(FUNDS[:1]) in texts
        assert not [text for text in texts if "iwm_flow" in text]  # said once
        values = [answer.probability for answer in made.answers]
        assert all(value is None or np.isfinite(value) for value in values)
