"""The state of the market data, and what a training keeps of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import pandas as pd

from features.health import StaleData, series_health, usable_view
from features.market.season import season_index
from features.panel import DataError, MarketPanel
from features.plausibility.known import check_published
from features.provenance import Finding, Revision, YearCoverage
from features.witness import Witness, witness

# Who publishes a season index, and what (0-100, by day).
Published = tuple[str, pd.Series]


@dataclass(frozen=True)
class SeriesHealth:
    """One series of the panel, as `features.health.series_health` describes it.

    Parameters
    ----------
    series : str
        Name.
    first_day, last_day : pandas.Timestamp, optional
        None if it is missing.
    age_days : int, optional
        From its last day to today.
    observations : int
        How many it has.
    coverage : float
        Observations over those expected, in [0, 1].
    gaps, longest_gap_days : int, optional
        Steps longer than expected, and the longest of all.
    source, digest, problem : str
        Where it is from; the first 12 digits of its SHA-256; empty if there is none.
    """

    series: str
    first_day: pd.Timestamp | None
    last_day: pd.Timestamp | None
    age_days: int | None
    observations: int
    coverage: float
    gaps: int
    longest_gap_days: int | None
    source: str
    digest: str
    problem: str


@dataclass(frozen=True)
class DataHealth:
    """The market data and whether a forecast would be refused.

    Parameters
    ----------
    source, digest : str
        Of the panel.
    today, last_day : pandas.Timestamp
        Current UTC day, and the last day of the data.
    age_days : int
        From that to today.
    refusal : str, optional
        The message with which a forecast would be refused.
    refusal_code : {"stale_data", "day_not_usable"}, optional
        The same for machines.
    series : tuple of SeriesHealth
        Each series.
    coverage : tuple of YearCoverage
        How much of the top 50 could be compared, by year.
    steps, problems : tuple of str
        How the data were made, and what is wrong with them.
    findings : tuple of Finding
        What the rules of plausibility noticed.
    revisions : tuple of Revision
        What the source has changed after it was first stored.
    witness : Witness, optional
        Our index beside a published one, if one was given.
    """

    source: str
    digest: str
    today: pd.Timestamp
    last_day: pd.Timestamp
    age_days: int
    refusal: str | None
    refusal_code: str | None
    series: tuple[SeriesHealth, ...]
    coverage: tuple[YearCoverage, ...]
    steps: tuple[str, ...]
    problems: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    revisions: tuple[Revision, ...] = ()
    witness: Witness | None = None


def data_health(
    panel: MarketPanel,
    *,
    as_of: pd.Timestamp | None,
    today: pd.Timestamp,
    published: Published | None = None,
) -> DataHealth:
    """Describe the market data and say whether a forecast would be refused.

    Parameters
    ----------
    panel : MarketPanel
        The market.
    as_of : pandas.Timestamp, optional
        The day a forecast would be asked for; by default the last day.
    today : pandas.Timestamp
        Current UTC day.
    published : Published, optional
        A published season index and who publishes it, to compare ours with.

    Raises
    ------
    DataError
        If the published index shares too few days with ours.
    """
    refusal, code = _refusal(panel, as_of, today)
    table = series_health(panel, today)
    table["coverage"] = table["coverage"].round(4)
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return DataHealth(
        source=panel.source,
        digest=panel.digest,
        today=today,
        last_day=panel.last_day,
        age_days=int((today - panel.last_day).days),
        refusal=refusal,
        refusal_code=code,
        series=tuple(SeriesHealth(**{str(key): row[key] for key in row}) for row in rows),
        coverage=tuple(panel.provenance.coverage),
        steps=tuple(filter(None, (*panel.provenance.steps, panel.provenance.terms))),
        problems=(*panel.provenance.problems, *_noticed(panel)),
        findings=panel.provenance.findings,
        revisions=panel.provenance.revisions,
        witness=_witness(panel, published),
    )


def _refusal(
    panel: MarketPanel, as_of: pd.Timestamp | None, today: pd.Timestamp
) -> tuple[str | None, str | None]:
    """Return why a forecast would be refused, in words and as a code; None where it would not."""
    try:
        usable_view(panel, as_of, today=today)
    except StaleData as error:
        return str(error), "stale_data"
    except DataError as error:
        return str(error), "day_not_usable"
    return None, None


def _witness(panel: MarketPanel, published: Published | None) -> Witness | None:
    if published is None:
        return None
    source, values = published
    index = season_index(panel)
    check_published(index, values, source)
    return witness(index, values, source=source)


def _noticed(panel: MarketPanel) -> list[str]:
    """Return what the rules of plausibility noticed near the end of the data, as sentences."""
    return [each.text for each in panel.provenance.findings_on(panel.last_day)]


def provenance_tables(panel: MarketPanel, today: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """Return what a training run keeps of its data: each series, each step, each problem.

    Parameters
    ----------
    panel : MarketPanel
        The market.
    today : pandas.Timestamp
        Current UTC day.
    """
    provenance = panel.provenance
    sentences = [("step", step) for step in provenance.steps]
    sentences += [("terms", provenance.terms)] if provenance.terms else []
    sentences += [("problem", problem) for problem in provenance.problems]
    sentences += [(each.consequence, each.text) for each in provenance.findings]
    sentences += [("revision", f"{each.text}.") for each in provenance.revisions]
    tables = {"data_series": series_health(panel, today)}
    if sentences:
        tables["data_provenance"] = pd.DataFrame(sentences, columns=["kind", "sentence"])
    if provenance.coverage:
        tables["data_coverage"] = pd.DataFrame(map(asdict, provenance.coverage))
    return tables
