"""What fund files say: three layouts of tables, read into daily figures or refused.

- the issuer's fund data: a row a session with NAV and shares outstanding;
- a table of flows: a row a session, a column a fund and `Total`, in millions
  of US dollars, negatives in parentheses;
- a plain CSV: `date,net_flow_usd`, in US dollars.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from features.panel import DataError
from features.sources.etf_flows.cells import column, dated_rows, figure, series_of
from features.sources.etf_flows.spreadsheets import LAYOUTS, Table, read_tables

BITCOIN_FUNDS = frozenset({
    "IBIT", "FBTC", "BITB", "ARKB", "BTCO", "EZBC", "BRRR", "HODL", "BTCW", "GBTC", "BTC", "DEFI",
})  # fmt: skip
ETHER_FUNDS = frozenset({
    "ETHA", "FETH", "ETHW", "TETH", "CETH", "ETHV", "QETH", "EZET", "ETHE", "ETH", "ETHB",
})  # fmt: skip

_FUND_NAME = re.compile(r"ishares .{0,80}\b(etf|trust|fund)\b", re.IGNORECASE)
_MILLION = 1e6
# Figures of a table of flows are rounded to a tenth of a million, each and their total.
_ROUNDING = 0.05
# The smallest day of these funds' flows is some hundred thousand dollars.
_LEAST_USD = 1e5


@dataclass
class Reading:
    """What one file says.

    Parameters
    ----------
    layout : str
        Which layout it has.
    series : dict of str to pandas.Series
        Figures by name of the store's series, by day.
    notes : list of str
        What was left out and why, a sentence each.
    """

    layout: str
    series: dict[str, pd.Series]
    notes: list[str] = field(default_factory=list)


def read_file(path: Path, *, asset: str | None, until: pd.Timestamp) -> Reading:
    """Read a file of fund figures.

    Parameters
    ----------
    path : pathlib.Path
        One of the layouts above, as CSV, HTML, SpreadsheetML or .xlsx.
    asset : {"btc", "eth"}, optional
        Whose flows a plain CSV holds; a table of flows says so by its funds.
    until : pandas.Timestamp
        Last day a figure may carry (today).

    Returns
    -------
    Reading
        With at least one figure.

    Raises
    ------
    DataError
        If the file is damaged, of no known layout or breaks a rule.
    """
    tables = read_tables(path)
    try:
        reading = interpret(tables, asset=asset)
        for name, values in reading.series.items():
            _check_days(name, pd.DatetimeIndex(values.index), until)
    except DataError as error:
        raise DataError(f"{path.name}: {error}") from error
    return reading


def interpret(tables: Sequence[Table], *, asset: str | None) -> Reading:
    """Find the tables whose layout is known and read them; `read_file` says more."""
    by_layout = {
        layout: [(table, at) for table in tables if (at := _header(table, fits)) is not None]
        for layout, fits in _FITS.items()
    }
    known = [layout for layout, places in by_layout.items() if places]
    if len(known) != 1:
        problem = f"holds both {' and '.join(known)}" if known else "is of no layout that is read"
        raise DataError(f"{problem}; {LAYOUTS}.")
    layout = known[0]
    if layout == "fund data":
        if asset is not None:
            raise DataError("holds a fund's NAV and shares; --asset goes with crypto flows.")
        _check_fund(tables)
        readings = [_read_fund(table, at) for table, at in by_layout[layout]]
    elif layout == "table of flows":
        readings = [_read_flows(table, at, asset) for table, at in by_layout[layout]]
    elif asset is None:
        raise DataError("does not say whose flows it holds; add --asset btc or --asset eth.")
    else:
        readings = [_read_plain(table, at, asset) for table, at in by_layout[layout]]
    return _combined(layout, readings)


def _has_fund_data(row: Sequence[str]) -> bool:
    labels = [cell.lower() for cell in row]
    return "as of" in labels and "nav per share" in labels and "shares outstanding" in labels


def _has_funds(row: Sequence[str]) -> bool:
    cells = {cell.upper() for cell in row}
    return len(cells & BITCOIN_FUNDS) > 1 or len(cells & ETHER_FUNDS) > 1


def _has_flow(row: Sequence[str]) -> bool:
    labels = [cell.lower() for cell in row]
    return "date" in labels and "net_flow_usd" in labels


_FITS: Mapping[str, Callable[[Sequence[str]], bool]] = {
    "fund data": _has_fund_data,
    "table of flows": _has_funds,
    "plain CSV": _has_flow,
}


def _header(table: Table, fits: Callable[[Sequence[str]], bool]) -> int | None:
    return next((at for at, row in enumerate(table.rows) if fits(row)), None)


def _combined(layout: str, readings: Sequence[Reading]) -> Reading:
    series = {
        name: series_of(name, (pair for each in readings for pair in _pairs(each, name)))
        for name in dict.fromkeys(name for each in readings for name in each.series)
    }
    held = {name: values for name, values in series.items() if len(values)}
    if not held:
        raise DataError(f"has the columns of the {layout}, but no day with a figure.")
    notes = dict.fromkeys(note for each in readings for note in each.notes)
    return Reading(layout, held, list(notes))


def _pairs(reading: Reading, name: str) -> Iterable[tuple[pd.Timestamp, float]]:
    values = reading.series.get(name)
    return [] if values is None else zip(values.index, values.to_list(), strict=True)


def _check_days(name: str, days: pd.DatetimeIndex, until: pd.Timestamp) -> None:
    for day in days[days > until]:
        raise DataError(f"{name} on {day:%Y-%m-%d}: is later than today, {until:%Y-%m-%d}.")
    for day in days[days.day_of_week >= 5]:
        raise DataError(f"{name} on {day:%Y-%m-%d}: is a {day:%A}, when the exchange is closed.")


def _check_fund(tables: Sequence[Table]) -> None:
    """Refuse the file of another fund, where a file names its fund."""
    names = [
        cell for table in tables for row in table.rows[:10] for cell in row
        if _FUND_NAME.fullmatch(cell)
    ]  # fmt: skip
    if names and not any("russell 2000 etf" in name.lower() for name in names):
        raise DataError(f"is the file of {names[0]}; needed is that of the Russell 2000 ETF (IWM).")


def _read_fund(table: Table, header: int) -> Reading:
    labels = table.rows[header]
    day = column(labels, "as of")
    columns = {
        "iwm_shares_outstanding": column(labels, "shares outstanding"),
        "iwm_nav": column(labels, "nav per share"),
    }
    figures: dict[str, list[tuple[pd.Timestamp, float]]] = {name: [] for name in columns}
    for date, row in dated_rows(table.rows, header, day):
        for name, at in columns.items():
            value = figure(row, at, date)
            if not math.isnan(value):
                figures[name].append((date, value))
    return Reading("fund data", {name: series_of(name, pairs) for name, pairs in figures.items()})


def _read_plain(table: Table, header: int, asset: str) -> Reading:
    labels = table.rows[header]
    at = column(labels, "net_flow_usd")
    name = f"{asset}_etf_net_flow_usd"
    pairs = [
        (date, figure(row, at, date))
        for date, row in dated_rows(table.rows, header, column(labels, "date"))
    ]
    flow = series_of(name, [(date, value) for date, value in pairs if not math.isnan(value)])
    if 0 < flow.abs().max() < _LEAST_USD:
        raise DataError(
            f"net_flow_usd must be in US dollars; the largest is {flow.abs().max():g}, "
            f"which looks like millions."
        )
    return Reading("plain CSV", {name: flow})


def _read_flows(table: Table, header: int, asset: str | None) -> Reading:
    labels = [cell.upper() for cell in table.rows[header]]
    own = _asset(labels)
    if asset is not None and asset != own:
        raise DataError(f"its funds are those of {own}, --asset says {asset}.")
    name = f"{own}_etf_net_flow_usd"
    total = _total_column(table, header)
    day = labels.index("DATE") if "DATE" in labels else 0
    funds = {at: label for at, label in enumerate(labels) if label and at not in (day, total)}
    # The header may end before Total, which then stands in a row above it.
    padded = [row + [""] * (total + 1 - len(row)) for row in table.rows]
    rows = []
    for date, row in dated_rows(padded, header, day):
        flows = {label: figure(row, at, date) for at, label in funds.items()}
        rows.append((date, _total(date, flows, figure(row, total, date)), flows))
    notes = []
    closed = [date for date, value, _ in rows if math.isnan(value)]
    if closed:
        notes.append(f"Without trading, left out: {len(closed)}, last {max(closed):%Y-%m-%d}.")
    traded = sorted((row for row in rows if not math.isnan(row[1])), key=lambda row: row[0])
    late = _late(traded)
    if late:
        notes.append(f"{traded.pop()[0]:%Y-%m-%d} left out: {', '.join(late)} not yet reported.")
    pairs = [(date, _MILLION * value) for date, value, _ in traded]
    return Reading("table of flows", {name: series_of(name, pairs)}, notes)


def _asset(labels: Sequence[str]) -> str:
    assets = [
        asset
        for asset, funds in (("btc", BITCOIN_FUNDS), ("eth", ETHER_FUNDS))
        if set(labels) & funds
    ]
    if len(assets) > 1:
        raise DataError("one table must hold Bitcoin or Ether funds, not both.")
    return assets[0]


def _total_column(table: Table, header: int) -> int:
    """Return where Total stands: in the header of the funds or in a row above it."""
    for row in (table.rows[header], *table.rows[:header]):
        places = [at for at, cell in enumerate(row) if cell.lower() == "total"]
        if len(places) == 1:
            return places[0]
    raise DataError("needs one column 'Total' beside its funds, against which their sum is held.")


def _total(day: pd.Timestamp, flows: Mapping[str, float], total: float) -> float:
    """Return a day's total, NaN without trading; refuse one that is not the sum of its funds."""
    known = [value for value in flows.values() if not math.isnan(value)]
    if not known and (math.isnan(total) or total == 0):
        return math.nan
    if math.isnan(total) or abs(sum(known) - total) > _ROUNDING * (len(known) + 1) + 1e-6:
        own = "is absent" if math.isnan(total) else f"is {total:g}"
        raise DataError(
            f"{day:%Y-%m-%d}: the funds add up to {sum(known):.1f}, but Total {own} (US$ million)."
        )
    return total


def _late(rows: Sequence[tuple[pd.Timestamp, float, Mapping[str, float]]]) -> list[str]:
    """Return the funds without a figure on the newest day that had one on the day before."""
    if len(rows) < 2:
        return []
    before, newest = rows[-2][2], rows[-1][2]
    return [
        label for label, value in newest.items()
        if math.isnan(value) and not math.isnan(before[label])
    ]  # fmt: skip
