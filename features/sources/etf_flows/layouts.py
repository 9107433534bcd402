"""What fund files say: three layouts of tables, read into daily figures or refused.

- the issuer's fund data: a row a session with NAV and shares outstanding;
- a table of flows: a row a session, a column a fund and `Total`, in millions
  of US dollars, negatives in parentheses;
- a plain CSV: `date,net_flow_usd`, in US dollars.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from features.panel import DataError
from features.sources.columns import is_day
from features.sources.etf_flows.cells import SETTLED_DAYS, awaited, figures_of, totals_of
from features.sources.etf_flows.embedded import check_flows, check_fund, traded
from features.sources.etf_flows.spreadsheets import LAYOUTS, Table, read_tables

_FUNDS = {
    "btc": {"IBIT", "FBTC", "BITB", "ARKB", "BTCO", "EZBC", "BRRR", "HODL", "BTCW", "GBTC", "BTC",
            "DEFI"},
    "eth": {"ETHA", "FETH", "ETHW", "TETH", "CETH", "ETHV", "QETH", "EZET", "ETHE", "ETH", "ETHB"},
}  # fmt: skip
# A cell that is the name of a fund, whoever issues it.
_FUND_NAME = re.compile(r".{3,80}\b(etf|trust|fund|index fund)( shares)?", re.IGNORECASE)
_IWM_NAME = re.compile(r"ishares\W*(\(r\)|\(tm\)|r)?\W*russell 2000\W* etf", re.IGNORECASE)
_NAME_ROWS = 10
_MILLION = 1e6
_DAY_LABELS = ("date", "day", "as of")
_UNNAMED = re.compile(r"|unnamed: ?\d+(\.\d+|_level_\d+)?|index|#|level_0", re.IGNORECASE)
# BTC alone is a fund, too: a unit stands in parentheses or after a word.
_OTHER_UNIT = re.compile(
    r"\((BTC|ETH|\u20bf|coins?|US\$ ?bn|\$ ?bn|US\$ ?billions?)\)"
    r"|\b(in|unit:?|units:?) (BTC|ETH|bitcoins?|ether|coins|billions?)\b"
    r"|\b(US\$|USD|\$) ?(bn|billions?|thousands?)\b",
    re.IGNORECASE,
)
# No day of these funds' flows is smaller and not zero; no day in millions is as large.
_LEAST_USD = 1e4


@dataclass(frozen=True)
class Reading:
    """What one file says, or one table of it; the figures by the name of the store's series."""

    layout: str
    series: Mapping[str, pd.Series]  # by day
    notes: Sequence[str] = ()  # what was left out and why, a sentence each
    provisional: Sequence[pd.Timestamp] = ()  # whose total is not final: a fund has not reported


def read_file(path: Path, *, asset: str | None, until: pd.Timestamp) -> Reading:
    """Read a file of fund figures, no later than `until`; a plain CSV needs its `asset`.

    DataError if it is damaged, of no layout that is read, breaks a rule or contradicts the
    embedded history.
    """
    try:
        tables = read_tables(path)
        return _checked(interpret(tables, asset=asset), tables, until)
    except DataError as error:
        raise DataError(f"{path.name}: {error}") from error


def interpret(tables: Sequence[Table], *, asset: str | None) -> Reading:
    """Read the tables whose layout is known, which must be one and the same."""
    found = [
        (layout, table, at)
        for table in tables
        for layout, fits in _FITS.items()
        if (at := next((at for at, row in enumerate(table) if fits(row)), None)) is not None
    ]
    layouts = list(dict.fromkeys(layout for layout, _, _ in found))
    if len(layouts) != 1:
        problem = f"holds both {' and '.join(layouts)}" if found else "is of no layout that is read"
        raise DataError(f"{problem}; {LAYOUTS}.")
    readings = [_READ[layout](table, at, asset) for layout, table, at in found]
    names = dict.fromkeys(name for reading in readings for name in reading.series)
    series = {name: values for name in names if len(values := _joined(name, readings))}
    if not series:
        raise DataError(f"has the columns of the {layouts[0]}, but no day with a figure.")
    notes = dict.fromkeys(note for reading in readings for note in reading.notes)
    open_days = [day for reading in readings for day in reading.provisional]
    return Reading(layouts[0], series, [*notes], open_days)


def _labels(row: Sequence[str]) -> list[str]:
    return [cell.lower() for cell in row]


_FITS: Mapping[str, Callable[[Sequence[str]], bool]] = {
    "fund data": lambda row: {"as of", "nav per share", "shares outstanding"} <= {*_labels(row)},
    "table of flows": lambda row: any(
        len({cell.upper() for cell in row} & funds) > 1 for funds in _FUNDS.values()
    ),
    "plain CSV": lambda row: {"date", "net_flow_usd"} <= {*_labels(row)},
}


def _read_fund(table: Table, header: int, asset: str | None) -> Reading:
    if asset is not None:
        raise DataError("holds a fund's NAV and shares; --asset goes with crypto flows.")
    day, shares, nav = (
        _column(table[header], label) for label in ("as of", "shares outstanding", "nav per share")
    )
    figures = figures_of(table, header, day, [shares, nav])
    figures.columns = pd.Index(["iwm_shares_outstanding", "iwm_nav"])
    return Reading("fund data", {str(name): values for name, values in figures.items()})


def _read_plain(table: Table, header: int, asset: str | None) -> Reading:
    if asset is None:
        raise DataError("does not say whose flows it holds; add --asset btc or --asset eth.")
    day, flow = (_column(table[header], label) for label in ("date", "net_flow_usd"))
    flows = figures_of(table, header, day, [flow]).iloc[:, 0]
    small = flows[(flows != 0) & (flows.abs() < _LEAST_USD)]
    if len(small):
        raise DataError(
            f"{small.index[0]:%Y-%m-%d}: net_flow_usd must be in US dollars, got "
            f"{small.iloc[0]:g}, which looks like millions; write every day in US dollars."
        )
    return Reading("plain CSV", {f"{asset}_etf_net_flow_usd": flows})


def _read_flows(table: Table, header: int, asset: str | None) -> Reading:
    labels = {cell.upper() for cell in table[header]}
    holder, *others = [holder for holder, funds in _FUNDS.items() if labels & funds]
    if others:
        raise DataError("one table must hold Bitcoin or Ether funds, not both.")
    if asset is not None and asset != holder:
        raise DataError(f"its funds are those of {holder}, --asset says {asset}.")
    for cell in (cell for row in table[: header + 1] for cell in row):
        if match := _OTHER_UNIT.search(cell):
            raise DataError(
                f"says {match[0].strip()!r}: flows must be in US$ million; bring them to that unit."
            )
    total = _total_column(table, header)
    # The header may end before Total, which then stands in a row above it.
    padded = [row + [""] * (total + 1 - len(row)) for row in table]
    day = _day_column(padded, header, total)
    funds = [
        at
        for at, label in enumerate(padded[header])
        if at not in (day, total) and not _UNNAMED.fullmatch(label)
    ]
    figures = figures_of(padded, header, day, [*funds, total])
    flows = figures.iloc[:, :-1]
    late = awaited(flows)
    totals = totals_of(flows, figures.iloc[:, -1], late.index)
    idle = flows.index.difference(totals.index)
    notes = (
        [f"Without trading, left out: {len(idle)}, last {idle[-1]:%Y-%m-%d}."] if len(idle) else []
    )
    notes += [
        f"{date:%Y-%m-%d} provisional: {', '.join(row.index[row])} not yet reported."
        for date, row in late.iterrows()
    ]
    if len(late):
        notes.append(
            "Provisional totals are kept, but used and final only when every fund that reports has "
            f"reported, or {SETTLED_DAYS} later days stand in the file: import a later one."
        )
    name = f"{holder}_etf_net_flow_usd"
    return Reading("table of flows", {name: _MILLION * totals}, notes, [*late.index])


_READ = {"fund data": _read_fund, "table of flows": _read_flows, "plain CSV": _read_plain}


def _joined(name: str, readings: Sequence[Reading]) -> pd.Series:
    """Return the figures of all tables by day; equal ones of one day count once."""
    values = pd.concat([reading.series[name] for reading in readings if name in reading.series])
    values = values.dropna().reset_index().drop_duplicates().set_index("date").iloc[:, 0]
    twice = values[values.index.duplicated(keep=False)].sort_index(kind="stable")
    if len(twice):
        raise DataError(
            f"{name} on {twice.index[0]:%Y-%m-%d}: two rows for one day, {twice.iloc[0]:.10g} and "
            f"{twice.iloc[1]:.10g}."
        )
    return values.sort_index()


def _names_iwm(tables: Sequence[Table]) -> bool:
    """Return whether a file names IWM; refuse that of another fund. A file without name passes."""
    names = [
        cell for table in tables for row in table[:_NAME_ROWS] for cell in row
        if _FUND_NAME.fullmatch(cell) or _IWM_NAME.match(cell)
    ]  # fmt: skip
    iwm = any(_IWM_NAME.match(name) for name in names)
    if names and not iwm:
        raise DataError(f"is the file of {names[0]}; needed is that of the Russell 2000 ETF (IWM).")
    return iwm


def _column(labels: Sequence[str], label: str) -> int:
    places = [at for at, cell in enumerate(_labels(labels)) if cell == label]
    if len(places) != 1:
        raise DataError(f"needs one column {label!r}, has {len(places)}.")
    return places[0]


def _day_column(rows: Table, header: int, total: int) -> int:
    """Return the column of days: Date, or the one column without name that holds any."""
    labels = _labels(rows[header])
    found = [at for at, label in enumerate(labels) if label in _DAY_LABELS] or [
        at
        for at, label in enumerate(labels)
        if at != total and _UNNAMED.fullmatch(label)
        and any(is_day(row[at]) for row in rows[header + 1 :] if at < len(row))
    ]  # fmt: skip
    if len(found) > 1:
        candidates = " and ".join(repr(rows[header][at]) for at in found)
        raise DataError(f"has {len(found)} columns that could be the day: {candidates}; keep one.")
    return found[0] if found else 0


def _total_column(table: Table, header: int) -> int:
    """Return where Total stands: in the header of the funds or in a row above it."""
    for row in (table[header], *table[:header]):
        if _labels(row).count("total") == 1:
            return _labels(row).index("total")
    raise DataError("needs one column 'Total' beside its funds, against which their sum is held.")


def _checked(reading: Reading, tables: Sequence[Table], until: pd.Timestamp) -> Reading:
    """Return the figures of sessions, held against today, the calendar and the embedded history."""
    from features.reference.load import load_reference

    named = reading.layout == "fund data" and _names_iwm(tables)
    embedded, series = load_reference(), {}
    for name, values in reading.series.items():
        if (last := values.index[-1]) > until:
            raise DataError(f"{name} on {last:%Y-%m-%d}: is later than today, {until:%Y-%m-%d}.")
        kept = traded(name, values, pd.DatetimeIndex(embedded.series("sp500").index))
        if name.endswith("_net_flow_usd"):
            check_flows(name, kept[~kept.index.isin(reading.provisional)], embedded)
        elif name == "iwm_nav" and not named:
            check_fund(kept, embedded.series("russell2000"))
        if len(kept):
            series[name] = kept
    if not series:
        raise DataError("has zeros only, on days when US markets are closed.")
    return replace(reading, series=series)
