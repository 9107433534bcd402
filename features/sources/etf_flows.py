"""ETF flows: what the user's store gives a panel, and the command that fills the store.

Imports nothing heavy, so that `--help` answers at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

DATA_VARIABLE = "ALTSEASON_DATA_DIR"
SCHEMA = "altseason.flows/1"

FAILURE = 1
DATA = 3
EPILOG = "Exit codes: 0 done, 1 failure, 2 usage, 3 data malformed or contradictory."

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Keep ETF figures that were downloaded by hand: import files, show what is held.",
    epilog=EPILOG,
)


def flow_directory() -> Path:
    """Return where imported figures are kept: $ALTSEASON_DATA_DIR or the platform's place."""
    from platformdirs import user_data_path

    return Path(os.environ.get(DATA_VARIABLE) or user_data_path("altseason"))


def fund_flows(
    directory: Path, bitcoin_usd: pd.Series, ether_usd: pd.Series
) -> Mapping[str, pd.Series]:
    """Return the flow series that the store can give.

    Where days are missing (neighbours more than five days apart) a window of
    sessions would span weeks, so only what lies behind the last gap is given,
    with a warning.

    Parameters
    ----------
    directory : pathlib.Path
        Where the store is, for instance `flow_directory()`.
    bitcoin_usd, ether_usd : pandas.Series
        Closes in US dollars by day, without time zone.

    Returns
    -------
    mapping of str to pandas.Series
        Of `iwm_flow` (% of assets), `btc_etf_flow` and `eth_etf_flow` (% of
        market cap) those for which there are figures, each by session.

    Raises
    ------
    features.sources.flow_store.StoreError
        If the store is there but cannot be read.
    """
    import pandas as pd

    from features.flows import fund_flow, share_of_market_cap
    from features.sources import flow_store
    from features.supply import ETHER_SUPPLY, bitcoin_supply

    held = {
        str(name): rows.set_index("date")["value"]
        for name, rows in flow_store.read(directory).groupby("series")
    }
    flows = {}
    if "iwm_shares_outstanding" in held and "iwm_nav" in held:
        # Cut before the difference is taken: a change across a gap is no session's flow.
        shares = held["iwm_shares_outstanding"]
        shares = _unbroken("iwm_flow", shares[shares.index.isin(held["iwm_nav"].index)])
        flows["iwm_flow"] = fund_flow(shares, held["iwm_nav"])
    caps = {
        "btc": bitcoin_usd * bitcoin_supply(pd.DatetimeIndex(bitcoin_usd.index)),
        "eth": ether_usd * ETHER_SUPPLY,
    }
    for asset, cap in caps.items():
        if f"{asset}_etf_net_flow_usd" in held:
            flow = share_of_market_cap(held[f"{asset}_etf_net_flow_usd"], cap)
            flows[f"{asset}_etf_flow"] = _unbroken(f"{asset}_etf_flow", flow)
    return {name: flow for name, flow in flows.items() if len(flow)}


def record_shares(directory: Path, day: pd.Timestamp, shares: float, nav: float) -> str | None:
    """Add IWM's shares outstanding and NAV as Yahoo gives them for a day.

    What the store already holds for that day stays. A figure that equals the one
    before it is not added: a stale figure and a flow of zero look alike.

    Parameters
    ----------
    directory : pathlib.Path
        Where the store is; made if absent.
    day : pandas.Timestamp
        Session to which the figures belong, without time zone.
    shares, nav : float
        Shares outstanding; net asset value per share, US dollars.

    Returns
    -------
    str or None
        One sentence if the figures were not added: others stand for that day, or
        the shares are those of an earlier one.

    Raises
    ------
    DataError
        If a figure is not positive and finite, or jumps like a split.
    features.sources.flow_store.StoreError
        If the store cannot be read or written.
    """
    import pandas as pd

    from features.sources import flow_store

    index = pd.DatetimeIndex([day]).normalize()
    held = flow_store.read(directory)
    before = held[(held["series"] == "iwm_shares_outstanding") & (held["date"] < index[0])]
    if len(before) and before["value"].iloc[-1] == shares:
        return (
            f"{index[0]:%Y-%m-%d}: Yahoo's shares outstanding of IWM are still those of "
            f"{before['date'].iloc[-1]:%Y-%m-%d}; not recorded, as they may be stale."
        )
    rows = pd.concat(
        flow_store.rows_of(name, pd.Series([value], index), flow_store.YAHOO)
        for name, value in (("iwm_shares_outstanding", shares), ("iwm_nav", nav))
    )
    kept = flow_store.add(directory, rows.reset_index(drop=True)).kept
    if kept.empty:
        return None
    told = ", ".join(
        f"{row.series} {row.stored:.10g} from {row.stored_origin} (Yahoo: {row.value:.10g})"
        for row in kept.itertuples()
    )
    return f"{index[0]:%Y-%m-%d}: kept {told}."


def _unbroken(name: str, figures: pd.Series) -> pd.Series:
    """Return what lies behind a series' last gap."""
    import pandas as pd

    from features.sources.flow_rules import gaps

    found = gaps(pd.DatetimeIndex(figures.index))
    if not found:
        return figures
    before, after = found[-1]
    warnings.warn(
        f"{name}: no figures between {before:%Y-%m-%d} and {after:%Y-%m-%d}, so none before that "
        f"gap are used; import a file that fills it.",
        stacklevel=3,
    )
    return figures.loc[after:]


class Asset(StrEnum):
    """Whose flows a plain CSV holds."""

    btc = "btc"
    eth = "eth"


StoreOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help=f"Directory of the store. Default: ${DATA_VARIABLE} or the user's data directory.",
        show_default=False,
    ),
]


@app.command("import", epilog=EPILOG)
def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="The issuer's fund data of IWM, a daily table of crypto fund flows, or a CSV "
            "with date,net_flow_usd; as .xls (XML), .xlsx, .html or .csv.",
        ),
    ],
    asset: Annotated[
        Asset | None,
        typer.Option(help="Whose flows a plain CSV holds.", show_default=False),
    ] = None,
    store: StoreOption = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace stored figures that FILE contradicts.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and compare, but write nothing.")
    ] = False,
) -> None:
    """Check a downloaded file, show what it says and merge it into the store.

    Everything in the file is kept or nothing is. Importing a file again
    changes nothing.
    """
    with _clear_errors():
        import pandas as pd

        from features.sources import flow_store
        from features.sources.flow_display import import_table
        from features.sources.flow_layouts import read_file

        today = pd.Timestamp(datetime.now(UTC).date()).as_unit("s")
        directory = store or flow_directory()
        reading = read_file(file, asset=None if asset is None else asset.value, until=today)
        rows = pd.concat(
            [
                flow_store.rows_of(name, values, file.name)
                for name, values in reading.series.items()
            ],
            ignore_index=True,
        )
        merge = flow_store.add(directory, rows, replace=replace, dry_run=dry_run)
    typer.echo(f"{file.name}: {reading.layout}.")
    typer.echo(import_table(reading, merge))
    for note in reading.notes:
        typer.echo(note)
    done = "Nothing written (--dry-run)" if dry_run else "Store"
    typer.echo(f"{done}: {directory / flow_store.FILE}")


@app.command(epilog=EPILOG)
def show(
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help=f"As JSON, schema {SCHEMA}.")] = False,
) -> None:
    """Show what the store holds: days, gaps and origins of every series."""
    with _clear_errors():
        from features.sources import flow_store
        from features.sources.flow_display import describe, store_table
        from features.sources.flow_rules import LIMITS

        path = (store or flow_directory()) / flow_store.FILE
        held = describe(path.parent)
    if as_json:
        typer.echo(json.dumps({"schema": SCHEMA, "store": str(path), **held}, indent=2))
        return
    typer.echo(f"Store: {path}")
    if held["series"]:
        typer.echo(store_table(held["series"]))
        typer.echo(f"Digest: {held['digest']}")
    missing = [name for name in LIMITS if name not in held["series"]]
    if missing:
        typer.echo(f"Not held: {', '.join(missing)}. The features of these flows are missing.")


@contextlib.contextmanager
def _clear_errors() -> Iterator[None]:
    """Turn errors and warnings into one message each on stderr, errors into their exit code."""
    from features.panel import DataError
    from features.sources.flow_store import StoreError

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            yield
        except DataError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(FAILURE if isinstance(error, StoreError) else DATA) from error
        finally:
            for warning in caught:
                typer.echo(f"warning: {warning.message}", err=True)


if __name__ == "__main__":
    app(prog_name="python -m features.sources.etf_flows")
