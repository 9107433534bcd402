"""The options that say where the market data come from, and the panel they give.

Imports nothing heavy, so that `--help` answers at once.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from models.cli.options import file, flag
from models.errors import DEADLINE_SECONDS

if TYPE_CHECKING:
    import pandas as pd

    from features.market.market import Market
    from features.sources.deferred import DeferredPanel
    from models.cli.options import ProgressLine


class Source(StrEnum):
    """Where the market data come from."""

    reference = "reference"
    files = "files"
    yahoo = "yahoo"
    coinmarketcap = "coinmarketcap"
    auto = "auto"

    @property
    def live(self) -> bool:
        """Whether days after the embedded history are fetched."""
        return self in (Source.yahoo, Source.coinmarketcap, Source.auto)


PublishedOption = Annotated[
    Path | None,
    file("Compare the season index with a published one: CSV or Parquet with date, value."),
]
OnlineOption = Annotated[
    bool, flag("--online", "Compare the season index with the one CoinMarketCap shows.")
]


@dataclass(frozen=True)
class MarketOptions:
    """What the options say; raises typer.BadParameter where they contradict each other."""

    source: Annotated[
        Source,
        typer.Option(
            help="Embedded history (reference); a directory of files; or the embedded history "
            "continued by Yahoo or, with a key in CMC_PRO_API_KEY, by CoinMarketCap."
        ),
    ] = Source.reference
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Directory of market history, for --source files.", show_default=False),
    ] = None
    offline: Annotated[
        bool, flag("--offline", "With a live source: use stored data, no network.")
    ] = False
    refresh: Annotated[bool, flag("--refresh", "With a live source: fetch everything again.")] = (
        False
    )
    cache_dir: Annotated[
        Path | None,
        typer.Option(
            help="Where prices and simulations are kept. Default: the platform's cache folder.",
            envvar="ALTSEASON_CACHE_DIR",
            show_default=False,
            show_envvar=True,
        ),
    ] = None
    universe: Annotated[
        Path | None,
        file(
            "With --source yahoo: the ranks after the embedded history instead of the program's: "
            "CSV or Parquet with snapshot_date, rank, ticker."
        ),
    ] = None

    def __post_init__(self) -> None:
        if self.source is Source.files and self.data_dir is None:
            raise typer.BadParameter("--source files needs --data-dir DIR.")
        if self.source is not Source.files and self.data_dir is not None:
            raise typer.BadParameter("--data-dir goes with --source files.")
        if self.offline and self.refresh:
            raise typer.BadParameter("--offline and --refresh exclude each other.")
        for name, given in (("--offline", self.offline), ("--refresh", self.refresh)):
            if given and not self.source.live:
                raise typer.BadParameter(f"{name} goes with --source auto, coinmarketcap or yahoo.")
        if self.universe is not None and self.source is not Source.yahoo:
            raise typer.BadParameter("--universe goes with --source yahoo.")
        if self.source is Source.auto and not isinstance(self, ForecastMarketOptions):
            raise typer.BadParameter("a training needs a source by name, not --source auto.")
        if self.source is Source.coinmarketcap and not self.offline:
            from features.sources.coinmarketcap.client import NO_KEY, CoinMarketCap

            if CoinMarketCap.from_environment().key is None:
                raise typer.BadParameter(NO_KEY)

    @property
    def mode(self) -> Literal["online", "offline", "refresh"]:
        """How far the network is used."""
        if self.offline:
            return "offline"
        return "refresh" if self.refresh else "online"


@dataclass(frozen=True)
class ForecastMarketOptions(MarketOptions):
    """The same for a forecast, which takes the best source that answers unless told otherwise."""

    source: Annotated[
        Source,
        typer.Option(
            help="The best live source that answers (auto); the embedded history (reference) "
            "alone, or continued by Yahoo or CoinMarketCap; a directory of files.",
            envvar="ALTSEASON_SOURCE",
            show_envvar=True,
        ),
    ] = Source.auto


def load_market(
    options: MarketOptions,
    now: pd.Timestamp,
    progress: ProgressLine,
    jobs: int = 2,
    *,
    newest: bool = False,
    deadline: float = DEADLINE_SECONDS,
    known_by: pd.Timestamp | None = None,
) -> DeferredPanel:
    """Load the market from the source asked for; rows later than today are an error.

    `newest` says that its newest day is asked for: a directory too old for that is refused before
    it is read. A directory's simulated series wait until days are asked for. Where a
    past day is asked for, `known_by`, nothing later of a directory bears on it.
    """
    from features.sources.deferred import DeferredPanel

    if options.source is Source.reference:
        from features.reference.load import load_reference

        return DeferredPanel(load_reference())
    with _passed_on(progress):
        if options.source is Source.files:
            return _files(options, now, progress, jobs, newest=newest, known_by=known_by)
        return _live(options, now, progress, jobs, deadline)


@contextlib.contextmanager
def _passed_on(progress: ProgressLine) -> Iterator[None]:
    """Pass on what a source warns of, each text once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default", UserWarning)
        try:
            yield
        finally:
            for warning in caught:
                progress.message(f"warning: {warning.message}")


def published_index(
    path: Path | None, *, online: bool, now: pd.Timestamp
) -> tuple[str, pd.Series] | None:
    """Return the season index of a file or of the network, and who publishes it, if asked for."""
    if path is not None and online:
        raise typer.BadParameter("--published and --online exclude each other.")
    if path is None and not online:
        return None
    if path is None:
        from features.sources.coinmarketcap.client import NAME, CoinMarketCap
        from features.sources.coinmarketcap.published import fetch_published

        return NAME, fetch_published(CoinMarketCap.from_environment(), now=now)
    from features.sources.tables import read_published

    return path.name, read_published(path)


def _files(
    options: MarketOptions,
    now: pd.Timestamp,
    progress: ProgressLine,
    jobs: int,
    *,
    newest: bool,
    known_by: pd.Timestamp | None,
) -> DeferredPanel:
    from features.sources.directory import deferred_files
    from features.storage.simulations import simulated_series

    cache, counted = _cache_directory(options), partial(progress, "simulation")

    def simulation(market: Market, **span: pd.Timestamp | None) -> pd.DataFrame:
        with _passed_on(progress):
            return simulated_series(market, **span, cache=cache, jobs=jobs, progress=counted)

    assert options.data_dir is not None
    return deferred_files(
        options.data_dir,
        today=now.normalize(),
        newest=newest,
        simulation=simulation,
        known_by=known_by,
    )


def _live(
    options: MarketOptions, now: pd.Timestamp, progress: ProgressLine, jobs: int, deadline: float
) -> DeferredPanel:
    from features.sources.automatic import load_live
    from features.sources.coinmarketcap.client import CoinMarketCap
    from features.sources.deferred import DeferredPanel
    from features.sources.etf_flows.location import flow_directory
    from features.sources.yahoo.client import YahooClient
    from features.sources.yahoo.price_cache import PriceCache, spoken
    from features.sources.yahoo.request import Request

    directory = _cache_directory(options)
    cache = PriceCache(directory, YahooClient(deadline, progress.message))
    if options.offline:
        age = cache.age(now)
        state = "nothing is stored" if age is None else f"the stored prices are {spoken(age)} old"
        progress.message(f"offline: {state} ({cache.directory})")
    request = Request(
        cache, now, options.mode, directory, flow_directory(), options.universe, jobs, progress
    )
    client = CoinMarketCap.from_environment(deadline=deadline, say=progress.message)
    live = load_live(options.source.value, request, client)
    for line in live.lines():
        progress.message(line)
    return DeferredPanel(live.panel, live=live)


def _cache_directory(options: MarketOptions) -> Path:
    from features.storage.simulations import cache_directory

    return options.cache_dir or cache_directory()
