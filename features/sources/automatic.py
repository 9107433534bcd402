"""Live sources by name: what CoinMarketCap and Yahoo give together, and `auto`, which chooses."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace

from features.market.season import season_index
from features.panel import DataError, MarketPanel, SourceUnavailable
from features.reference.load import load_reference
from features.reference.membership import load_membership
from features.sources.coinmarketcap.client import KEY_VARIABLE, NAME, TERMS, CoinMarketCap
from features.sources.coinmarketcap.panel import load_coinmarketcap
from features.sources.coinmarketcap.published import kept_published
from features.sources.coinmarketcap.snapshot import Snapshot, kept_rankings, kept_snapshot
from features.sources.yahoo.panel import load_yahoo
from features.sources.yahoo.request import Request
from features.witness import Witness, witness

# So long a source has to answer at all before the embedded history is taken.
REACH_SECONDS = 5.0


@dataclass(frozen=True)
class LiveMarket:
    """A panel, the source it came from and why, and the market within the running day."""

    panel: MarketPanel
    source: str  # coinmarketcap, yahoo or reference
    why: str
    snapshot: Snapshot | None = None  # never an as_of; in no panel, training or ledger
    check: Witness | None = None  # the panel's index beside the published one
    vendor: str = NAME  # of snapshot and published index

    @property
    def terms(self) -> str:
        """What the vendor allows of an answer that rests on its data; empty for any other."""
        return self.panel.provenance.terms or ("" if self.snapshot is None else TERMS)

    def lines(self) -> list[str]:
        """Return source, day and reason as a sentence, and the vendor's terms."""
        chosen = f"Source: {self.source}, to {self.panel.last_day:%Y-%m-%d} ({self.why})."
        return [chosen, *([self.terms] if self.terms else [])]


def load_live(source: str, request: Request, client: CoinMarketCap) -> LiveMarket:
    """Load a live source as `_chosen` does, and hold its index against the published one."""
    live = _chosen(source, request, client)
    if live.snapshot is None:
        return live
    # What checks an answer never keeps it waiting, or keeps it from being given.
    soon, published = replace(client, deadline=min(REACH_SECONDS / 2, client.deadline)), None
    with suppress(SourceUnavailable, DataError):
        published = kept_published(request.cache.parent, soon, now=request.now, mode=request.mode)
    if published is None:
        return live
    try:
        check = witness(season_index(live.panel), published, source=f"{NAME}, top 100")
    except DataError as error:
        said = live.panel.provenance
        doubted = replace(said, problems=(*said.problems, str(error)))
        return replace(live, panel=replace(live.panel, provenance=doubted))
    return replace(live, check=check)


def _chosen(source: str, request: Request, client: CoinMarketCap) -> LiveMarket:
    """Load `coinmarketcap`, `yahoo`, or with `auto` the best one that answers.

    That is CoinMarketCap with a key, else Yahoo, else the embedded history, where neither answers
    within five seconds or a download fails. SourceUnavailable and DataError of a source that was
    asked for by name go to the caller.
    """
    end = time.monotonic() + REACH_SECONDS
    automatic = source == "auto"
    # The snapshot helps; a forecast does not wait for it.
    soon = replace(client, deadline=min(REACH_SECONDS / 2, client.deadline))
    membership, snapshot = load_membership(), None
    try:
        snapshot = kept_snapshot(
            request.cache.parent, soon, membership, now=request.now, mode=request.mode
        )
        silent = ""
    except (SourceUnavailable, DataError) as error:
        silent = str(error)
    if source == "coinmarketcap" or (automatic and client.key is not None and not silent):
        try:
            panel = load_coinmarketcap(request, client)
            return LiveMarket(panel, "coinmarketcap", _why(automatic, "a key is set"), snapshot)
        except (SourceUnavailable, DataError) as error:
            if not automatic:
                raise
            silent = str(error)
    try:
        if automatic and request.mode != "offline":
            request.cache.reach(max(end - time.monotonic(), 0.1), now=request.now)
        kept = kept_rankings(request.cache.parent, membership)
        witness = None if snapshot is None else snapshot.disagreement
        panel = load_yahoo(replace(request, rankings=kept, witness=witness))
        # Ranks by its listings, and its index beside the forecast.
        if kept or snapshot is not None:
            panel = replace(panel, provenance=replace(panel.provenance, terms=TERMS))
        why = silent if client.key is not None and silent else f"no key in {KEY_VARIABLE}"
        return LiveMarket(panel, "yahoo", _why(automatic, why), snapshot)
    except (SourceUnavailable, DataError) as error:
        if not automatic:
            raise
        return LiveMarket(load_reference(), "reference", _why(automatic, str(error)), snapshot)


def _why(automatic: bool, reason: str) -> str:
    """Return the first sentence of a reason; a source that was named needs no other."""
    return reason.splitlines()[0].rstrip(".") if automatic else "asked for"
