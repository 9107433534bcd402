"""A file's figures held against the exchange's days and the embedded history."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandas.tseries import holiday

from features.market.supply import ETHER_SUPPLY, bitcoin_supply
from features.panel import DataError, MarketPanel

# IWM's NAV over the embedded index (100 on 2012-07-02): from 2012 to 2026 between 0.796 and 0.808.
# No other fund is near: relative to that the funds of the index' halves lie at 0.7 and 1.3,
# Vanguard's at 0.4, the S&P 600's at 0.5, the Russell 1000's at 1.5, the S&P 500's at 2.7.
NAV_PER_POINT = 0.8028
_NAV_FACTOR = 1.1
# Beyond the end of the embedded history the index is known only as it was.
_LATER_FACTOR = 1.3

# US dollars of a coin per point of its embedded price, to 1 %: the embedded flows are shares of its
# market cap, which these bring back to dollars.
_BITCOIN_POINT = 1.342
_ETHER_POINT = 1.332e-4
# Flows in coins are 8 to 24 (Bitcoin) and 200 to 600 (Ether) times those in millions of dollars;
# thousands and billions are 1000. The funds' own late corrections are far below a factor of 5.
_UNIT_FACTOR = 5.0
_SIGN_DAYS = 5
_JUDGED_USD = 1e8  # one of both must be so large: near zero a factor means nothing
# Least and largest median of ten sessions in a row from the funds' first day to 2026-06.
_USUAL_SESSIONS = 10
_USUAL = {"btc_etf_net_flow_usd": (4.8e7, 6.4e8), "eth_etf_net_flow_usd": (3.9e6, 4.6e8)}

# Of New York's exchanges, but for days of mourning and storms.
_HOLIDAYS = holiday.AbstractHolidayCalendar("New York", [
    # A Saturday's New Year is not moved to the Friday, which ends the year's books.
    holiday.Holiday("New Year", month=1, day=1, observance=holiday.sunday_to_monday),
    holiday.USMartinLutherKingJr, holiday.USPresidentsDay, holiday.GoodFriday,
    holiday.USMemorialDay, holiday.USLaborDay, holiday.USThanksgivingDay,
    *(
        holiday.Holiday(name, month=month, day=day, observance=holiday.nearest_workday)
        for name, month, day in (("Juneteenth", 6, 19), ("July 4", 7, 4), ("Christmas", 12, 25))
    ),
])  # fmt: skip


def check_fund(nav: pd.Series, russell2000: pd.Series) -> None:
    """Refuse a NAV that does not stand to the embedded index as IWM's does.

    Days before the index are not judged, days after it by its last value.

    >>> day = pd.DatetimeIndex(["2025-12-09"])
    >>> check_fund(pd.Series([690.2], day), pd.Series([314.7], day))
    Traceback (most recent call last):
    features.panel.DataError: iwm_nav on 2025-12-09: is 690.2, but a share of the Russell 2000 ...
    """
    days = pd.DatetimeIndex(nav.index)
    expected = NAV_PER_POINT * russell2000.reindex(days, method="ffill")
    factor = np.where(days > russell2000.index[-1], _LATER_FACTOR, _NAV_FACTOR)
    bad = np.abs(np.log(nav / expected)) > np.log(factor)
    if bad.any():
        day = days[bad][-1]
        raise DataError(
            f"iwm_nav on {day:%Y-%m-%d}: is {nav[day]:.10g}, but a share of the Russell 2000 ETF "
            f"(IWM) cost about {expected[day]:.4g}: the file of another fund? If it is IWM's, "
            "import the issuer's own file, which names the fund."
        )


def traded(name: str, values: pd.Series, sessions: pd.DatetimeIndex) -> pd.Series:
    """Return figures without the zeros of days on which US markets were closed; refuse others.

    Within the embedded sessions their days decide, later the exchange's calendar.
    """
    days, end = pd.DatetimeIndex(values.index), sessions[-1]
    holidays = _HOLIDAYS.holidays(end, max(end, days[-1]))
    no_session = (days >= sessions[0]) & (days <= end) & ~days.isin(sessions)
    closed = (days.day_of_week >= 5) | no_session | ((days > end) & days.isin(holidays))
    for day in days[closed & (values != 0)]:
        kind = f"{day:%A}" if day.day_of_week >= 5 else "holiday"
        raise DataError(
            f"{name} on {day:%Y-%m-%d}: is a {kind}, when US markets are closed, got "
            f"{values[day]:.10g}: give the figure the day of its session, or leave it out."
        )
    return values[~closed]


def check_flows(name: str, flows: pd.Series, embedded: MarketPanel) -> None:
    """Refuse flows of another unit, sign or day, by the embedded flows of those days.

    After their end a run of days is held against the usual size from the funds' first day on.
    """
    known = embedded_dollars(name, embedded)
    both = pd.concat({"file": flows, "known": known}, axis=1, join="inner")
    judged = both[both.abs().max(axis=1) >= _JUDGED_USD]
    times = judged["file"] / judged["known"]
    # A single day may be revised to the other side of zero; most of five in a row are not.
    turned = (times < 0).rolling(_SIGN_DAYS).mean() > 0.5
    off = ~times.abs().between(1 / _UNIT_FACTOR, _UNIT_FACTOR)
    for day in judged.index[off | turned][:1]:
        how = (
            f"{off.sum()} of {len(judged)} days differ by more than a factor of {_UNIT_FACTOR:g}"
            if off[day] else f"{(times < 0).sum()} of {len(judged)} days have the other sign"
        )  # fmt: skip
        raise DataError(
            f"{name} on {day:%Y-%m-%d}: is {flows[day]:.4g} US dollars, in the embedded history "
            f"{known[day]:.3g} ({how}): another unit, sign or day? Bring coins, thousands or "
            "billions to US dollars and outflows below zero, each on the day of its session, or "
            f"leave out the days to {known.index[-1]:%Y-%m-%d}, which are embedded."
        )
    later = flows[(flows.index > known.index[-1]) & (flows != 0)]
    low, high = _USUAL[name]
    usual = later.abs().median()
    if len(later) >= _USUAL_SESSIONS and not low / _UNIT_FACTOR < usual < high * _UNIT_FACTOR:
        raise DataError(
            f"{name} from {later.index[0]:%Y-%m-%d} on: its usual day is {usual:.3g} US dollars, "
            f"of real ones between {low:g} and {high:g}: another unit? Bring "
            "coins, thousands or billions to US dollars."
        )


def embedded_dollars(name: str, embedded: MarketPanel) -> pd.Series:
    """Return the embedded flows of Bitcoin's or Ether's funds in US dollars, within 2 %."""
    bitcoin = embedded.series("bitcoin")
    if name.startswith("btc"):
        share = embedded.series("btc_etf_flow")
        cap = _BITCOIN_POINT * bitcoin * bitcoin_supply(pd.DatetimeIndex(bitcoin.index))
    else:
        share = embedded.series("eth_etf_flow")
        cap = _ETHER_POINT * bitcoin * embedded.series("eth_btc") * ETHER_SUPPLY
    return (share * cap / 100).dropna()
