"""The rules on the market of coins, where each coin is the others' witness, in their order."""

from __future__ import annotations

from features.plausibility.bitcoin import (
    check_contradiction,
    check_frozen_bitcoin,
    check_market_cap,
)
from features.plausibility.coins import (
    check_coin_steps,
    check_frozen_coins,
    check_frozen_market,
)
from features.plausibility.common_mode import check_common_mode
from features.plausibility.prices import Prices
from features.plausibility.verdict import Verdict


def judge(prices: Prices) -> Verdict:
    """Apply every rule that needs more than one coin.

    What withholds whole days comes first, so that no later rule compares with
    them.

    Parameters
    ----------
    prices : Prices
        The market.
    """
    verdict = Verdict.none_yet(prices)
    check_frozen_market(prices, verdict)
    check_frozen_bitcoin(prices, verdict)
    check_market_cap(prices, verdict)
    check_common_mode(prices, verdict)
    check_contradiction(prices, verdict)
    check_frozen_coins(prices, verdict)
    check_coin_steps(prices, verdict)
    return verdict
