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
from features.sources.etf_flows.cells import (
    column,
    dated_rows,
    figure,
    names_day,
    series_of,
    with_points,
)
from features.sources.etf_flows.checks import check_fund
from features.sources.etf_flows.reported import (
    SETTLED_DAYS,
    FundDay,
    checked_total,
    unreported,
)
from features.sources.etf_flows.spreadsheets import LAYOUTS, Table, read_tables

BITCOIN_FUNDS = frozenset({
    "IBIT", "FBTC", "BITB", "ARKB", "BTCO", "EZBC", "BRRR", "HODL", "BTCW", "GBTC", "BTC", "DEFI",
})  # fmt: skip
ETHER_FUNDS = frozenset({
    "ETHA", "FETH", "ETHW", "TETH", "CETH", "ETHV", "QETH", "EZET", "ETHE", "ETH", "ETHB",
})  # fmt: skip

# A cell that is the name of a fund, whoever issues it.
_FUND_NAME = re.compile(r".{3,80}\b(etf|trust|fund|index fund)( shares)?", re.IGNORECASE)
_OWN_NAME = re.compile(r"ishares\W*(\(r\)|\(tm\)|r)?\W*russell 2000\W* etf", re.IGNORECASE)
_NAME_ROWS = 10
_MILLION = 1e6
_DAY_LABELS = ("date", "day", "as of")
_UNNAMED = re.compile(r"unnamed: ?\d+(\.\d+|_level_\d+)?|index|#|level_0", re.IGNORECASE)
# BTC alone is a fund, too: a unit stands in parentheses or behind a word.
_OTHER_UNIT = re.compile(
    r"\((BTC|ETH|\u20bf|coins?|US\$ ?bn|\$ ?bn|US\$ ?billions?)\)"
    r"|\b(in|unit:?|units:?) (BTC|ETH|bitcoins?|ether|coins|billions?)\b"
    r"|\b(US\$|USD|\$) ?(bn|billions?|thousands?)\b",
    re.IGNORECASE,
)
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
    provisional : dict of str to pandas.DatetimeIndex
        Days of a series whose total is not final: a fund has not reported.
    """

    layout: str
    series: dict[str, pd.Series]
    notes: list[str] = field(default_factory=list)
    provisional: dict[str, pd.DatetimeIndex] = field(default_factory=dict)


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
    layout, named = known[0], False
    if layout == "fund data":
        if asset is not None:
            raise DataError("holds a fund's NAV and shares; --asset goes with crypto flows.")
        named = _names_own_fund(tables)
        readings = [_read_fund(table, at) for table, at in by_layout[layout]]
    elif layout == "table of flows":
        readings = [_read_flows(table, at, asset) for table, at in by_layout[layout]]
    elif asset is None:
        raise DataError("does not say whose flows it holds; add --asset btc or --asset eth.")
    else:
        readings = [_read_plain(table, at, asset) for table, at in by_layout[layout]]
    reading = _combined(layout, readings)
    if layout == "fund data" and not named:
        _check_size(reading)
    return reading


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
    open_days = {
        name: days.unique().sort_values()
        for name in held
        if len(days := _joined(each.provisional.get(name) for each in readings))
    }
    return Reading(layout, held, list(notes), open_days)


def _joined(indices: Iterable[pd.DatetimeIndex | None]) -> pd.DatetimeIndex:
    days = [day for index in indices if index is not None for day in index]
    return pd.DatetimeIndex(days, dtype="datetime64[s]")


def _pairs(reading: Reading, name: str) -> Iterable[tuple[pd.Timestamp, float]]:
    values = reading.series.get(name)
    return [] if values is None else zip(values.index, values.to_list(), strict=True)


def _check_days(name: str, days: pd.DatetimeIndex, until: pd.Timestamp) -> None:
    for day in days[days > until]:
        raise DataError(f"{name} on {day:%Y-%m-%d}: is later than today, {until:%Y-%m-%d}.")
    for day in days[days.day_of_week >= 5]:
        raise DataError(f"{name} on {day:%Y-%m-%d}: is a {day:%A}, when the exchange is closed.")


def _names_own_fund(tables: Sequence[Table]) -> bool:
    """Tell whether a file names IWM; refuse that of another fund. A file may name none."""
    names = [
        cell for table in tables for row in table.rows[:_NAME_ROWS] for cell in row
        if _FUND_NAME.fullmatch(cell) or _OWN_NAME.match(cell)
    ]  # fmt: skip
    own = any(_OWN_NAME.match(name) for name in names)
    if names and not own:
        raise DataError(f"is the file of {names[0]}; needed is that of the Russell 2000 ETF (IWM).")
    return own


def _check_size(reading: Reading) -> None:
    from features.reference.load import load_reference

    nav = reading.series.get("iwm_nav")
    if nav is not None:
        check_fund(nav, load_reference().series("russell2000"))


def _read_fund(table: Table, header: int) -> Reading:
    labels = table.rows[header]
    day = column(labels, "as of")
    columns = {
        "iwm_shares_outstanding": column(labels, "shares outstanding"),
        "iwm_nav": column(labels, "nav per share"),
    }
    figures: dict[str, list[tuple[pd.Timestamp, float]]] = {name: [] for name in columns}
    for date, row in dated_rows(with_points(table.rows, header), header, day):
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
        for date, row in dated_rows(with_points(table.rows, header), header, column(labels, "date"))
    ]
    flow = series_of(name, [(date, value) for date, value in pairs if not math.isnan(value)])
    if 0 < flow.abs().max() < _LEAST_USD:
        raise DataError(
            f"net_flow_usd must be in US dollars; the largest is {flow.abs().max():g}, "
            f"which looks like millions."
        )
    return Reading("plain CSV", {name: flow})


def _read_flows(table: Table, header: int, asset: str | None) -> Reading:
    own = _asset([cell.upper() for cell in table.rows[header]])
    if asset is not None and asset != own:
        raise DataError(f"its funds are those of {own}, --asset says {asset}.")
    name = f"{own}_etf_net_flow_usd"
    _check_unit(table, header)
    total = _total_column(table, header)
    # The header may end before Total, which then stands in a row above it.
    rows_given = with_points(table.rows, header)
    padded = [row + [""] * (total + 1 - len(row)) for row in rows_given]
    day = _day_column(padded, header, total)
    labels = [cell.upper() for cell in padded[header]]
    funds = {
        at: label for at, label in enumerate(labels) if at not in (day, total) and not _blank(label)
    }
    rows: list[FundDay] = []
    for date, row in dated_rows(_without_index(padded, {day, total, *funds}), header, day):
        flows = {label: figure(row, at, date) for at, label in funds.items()}
        rows.append(FundDay(date, flows, figure(row, total, date)))
    rows.sort(key=lambda each: each.day)
    waiting = unreported(rows)
    totals: list[tuple[pd.Timestamp, float]] = []
    uncounted: list[tuple[pd.Timestamp, float]] = []
    for each in rows:
        value = checked_total(each, late=each.day in waiting)
        (uncounted if math.isnan(value) else totals).append((each.day, value))
    days = [day for day, _ in totals if day in waiting]
    notes = _flow_notes([day for day, _ in uncounted], {day: waiting[day] for day in days})
    pairs = [(day, _MILLION * value) for day, value in totals]
    return Reading(
        "table of flows", {name: series_of(name, pairs)}, notes,
        {name: pd.DatetimeIndex(days, dtype="datetime64[s]")},
    )  # fmt: skip


def _flow_notes(
    uncounted: Sequence[pd.Timestamp], waiting: Mapping[pd.Timestamp, Sequence[str]]
) -> list[str]:
    notes = []
    if uncounted:
        last = max(uncounted)
        notes.append(f"Without trading, left out: {len(uncounted)}, last {last:%Y-%m-%d}.")
    if waiting:
        notes += [
            f"{day:%Y-%m-%d} provisional: {', '.join(funds)} not yet reported."
            for day, funds in waiting.items()
        ]
        notes.append(
            "Provisional totals are kept, but used and final only when every fund that reports has "
            f"reported, or {SETTLED_DAYS} later days stand in the file: import a later one."
        )
    return notes


def _blank(label: str) -> bool:
    """Tell whether a column has no name: an index that a program wrote with its table."""
    return not label or _UNNAMED.fullmatch(label) is not None


def _day_column(rows: Sequence[Sequence[str]], header: int, total: int) -> int:
    """Return where the days stand: under Date, or in the one column without name that holds any."""
    labels = [cell.lower() for cell in rows[header]]
    named = [at for at, label in enumerate(labels) if label in _DAY_LABELS]
    found = named or [
        at for at, label in enumerate(labels)
        if at != total and _blank(label)
        and any(at < len(row) and names_day(row[at]) for row in rows[header + 1 :])
    ]  # fmt: skip
    if len(found) > 1:
        told = " and ".join(repr(rows[header][at]) for at in found)
        raise DataError(f"has {len(found)} columns that could be the day: {told}; keep one.")
    return found[0] if found else 0


def _without_index(rows: Sequence[list[str]], kept: set[int]) -> list[list[str]]:
    """Empty the columns that have neither name nor meaning: a program's index.

    What stands behind the last column of the header is none of these, but a fault.
    """
    width = max(kept) + 1
    return [
        [cell if at in kept or at >= width else "" for at, cell in enumerate(row)] for row in rows
    ]


def _check_unit(table: Table, header: int) -> None:
    """Refuse a table that says it counts in coins or in another multiple than millions."""
    for row in table.rows[: header + 1]:
        for cell in row:
            if match := _OTHER_UNIT.search(cell):
                raise DataError(
                    f"says {match[0].strip()!r}: flows must be in US$ million; "
                    "bring them to that unit."
                )


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
