"""Forecasts made since a release beside what came of them: outcomes, scores, and the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from features.market.season import season_index
from features.panel import DAY, MarketPanel
from models.formatting import counted, interval, iso_day, listed, percent, signed
from models.season.definition import OnsetDefinition
from models.season.labels import label, onsets
from models.training.run import HORIZONS
from models.verification.counts import rare_event_scores
from models.verification.hindcast import REFERENCE
from models.verification.scores import skill
from models.verification.skill import SCORES
from models.vocabulary import Kind

PROBABILITIES = {f"p{horizon}": horizon for horizon in HORIZONS}
COLUMNS = (
    "frozen", "trained_until", "champion", "as_of", "kind", "index", "candidate", *PROBABILITIES,
)  # fmt: skip
SHOWN_HORIZONS = HORIZONS[:3]
SHOWN = ("pool", "simulation", REFERENCE)  # beside the champion

_PREFACE = """# Forecasts since each release

Written by `python -m models.training.replay`, which adds the weeks that the embedded history has
gained since the release. All probabilities are in [prospective.csv](prospective.csv): every
candidate, kind and horizon. Rows once written stay; those of a release are written by its own
program, before its models are changed for the next, and the command fails if one of them comes out
differently.

**What these are.** A release fixes its models by data that end on one day. Here they forecast every
week since, refitted on nothing later, each time from the market as it was known at the end of that
day. They are replays, computed when the outcomes were there, by settings fixed before them, from
the series as the program and the data of that time make them: forecasts that `predict.py --record`
writes down ahead of time are the stronger evidence.

**Outcomes.** An onset in (as of, as of + horizon], by the definition in the README; `open` until
the data reach the window's last day, even if an onset came early. A week that was not at risk has
no forecast.

**Averages** run over all forecasts: Brier and log skill against the base rate, the candidate
`climatology` (higher is better, 0 is as good as the base rate), and the information gain per
forecast (nats: the log score of the base rate less the candidate's).

**Counts and sums** run over separate windows, which share no day: that of the first forecast, that
of the first one made once it had ended, and so on. Weekly windows of 30 days overlap so much that
one onset would otherwise count four times.

- *expected*: the sum of the probabilities, to set against the onsets seen.
- *N-test*: d1 = P(N >= seen), small if too few onsets were expected; d2 = P(N <= seen), small if
  too many were. At 5 % a forecast fails if either is below 0.025. N is Poisson, which
  is lenient: a window holds one onset at most, so that N varies less.
- *log score, summed*: lower is better; the distance below that of the base rate is the
  information gained.
- *gain per onset*: that difference over the onsets seen, with the 90 % interval of the T-test; n/a
  without onsets, and without an interval for a single one.

The formulas and their sources are in `models/verification/counts.py`.
"""


def judge(table: pd.DataFrame, index: pd.Series, definition: OnsetDefinition) -> pd.DataFrame:
    """Set forecasts beside what came of them.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns `COLUMNS`, from `models.training.replay.replay`.
    index : pandas.Series
        Season index by day, as far as it is known.
    definition : OnsetDefinition
        What counts as an onset of a broad season.

    Returns
    -------
    pandas.DataFrame
        A row per forecast and horizon: `frozen`, `champion`, `as_of`, `kind`,
        `candidate`, `horizon_days`, `window_end`, `probability`, `climatology`
        and `outcome`: 1.0, 0.0, or NaN while the window's last day is not
        known, or where the index of today says that no season could begin.
    """
    names = ["frozen", "champion", "as_of", "kind", "candidate"]
    long = table.melt(names, list(PROBABILITIES), "horizon", "probability").dropna()
    long["horizon_days"] = long["horizon"].map(PROBABILITIES).astype("int64")
    own = ["frozen", "as_of", "kind", "horizon_days"]
    reference = long[long["candidate"] == REFERENCE].set_index(own)["probability"]
    long = long.join(reference.rename("climatology"), on=own)
    days = pd.DatetimeIndex(long["as_of"].unique())
    labels = pd.concat(
        {kind: label(index, days, each) for kind, each in definition.by_kind().items()},
        names=["kind"],
    )
    ahead = labels.loc[pd.MultiIndex.from_frame(long[["kind", "as_of"]])]
    # Not before the last day, even if the onset came early; an onset on the last day is inside.
    known = ahead["at_risk"].to_numpy() & (
        ahead["days_known"].to_numpy() >= long["horizon_days"].to_numpy()
    )
    hit = ahead["days_to_onset"].to_numpy() <= long["horizon_days"].to_numpy()
    return long.drop(columns="horizon").assign(
        window_end=long["as_of"] + long["horizon_days"] * DAY,
        outcome=np.where(known, hit.astype(float), np.nan),
    )


def scores(judged: pd.DataFrame) -> pd.DataFrame:
    """Score the resolved forecasts of each candidate, kind and horizon.

    Parameters
    ----------
    judged : pandas.DataFrame
        Of one release, from `judge`.

    Returns
    -------
    pandas.DataFrame
        Columns `kind`, `horizon_days`, `candidate`, `forecasts` (resolved),
        `brier_skill`, `log_skill`, and those of
        `models.verification.counts.RareEventScores`.
    """
    resolved = judged.dropna(subset="outcome")
    rows = []
    for (kind, horizon, candidate), own in resolved.groupby(
        ["kind", "horizon_days", "candidate"], sort=False
    ):
        outcome, probability, climatology = (
            own[name].to_numpy(dtype=float) for name in ("outcome", "probability", "climatology")
        )
        rare_events = rare_event_scores(
            pd.DatetimeIndex(own["as_of"]), pd.DatetimeIndex(own["window_end"]),
            outcome, probability, climatology,
        )  # fmt: skip
        rows.append(
            {
                "kind": kind,
                "horizon_days": horizon,
                "candidate": candidate,
                "forecasts": len(own),
                **{
                    f"{name}_skill": skill(
                        float(score(outcome, probability).mean()),
                        float(score(outcome, climatology).mean()),
                    )
                    for name, score in SCORES
                },
                **rare_events._asdict(),
            }
        )
    return pd.DataFrame(rows)


def page(table: pd.DataFrame, panel: MarketPanel, definition: OnsetDefinition) -> str:
    """Return the forecasts since each release, their outcomes and scores as Markdown.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns `COLUMNS`, rows of any number of releases.
    panel : MarketPanel
        The market as it is known now, which decides the outcomes.
    definition : OnsetDefinition
        What counts as an onset of a broad season.
    """
    if table.empty:
        return _PREFACE
    index = season_index(panel)
    judged = judge(table, index, definition)
    days = {kind: onsets(index, each) for kind, each in definition.by_kind().items()}
    parts = [_PREFACE]
    for frozen, rows in table.groupby("frozen"):
        own = judged[judged["frozen"] == frozen]
        parts += ["\n".join(_release(rows, own, days, index, panel.last_day))]
    return "\n".join(parts)


def _release(
    rows: pd.DataFrame,
    judged: pd.DataFrame,
    onset_days: Mapping[Kind, pd.DatetimeIndex],
    index: pd.Series,
    last_day: pd.Timestamp,
) -> Iterator[str]:
    first = rows.iloc[0]
    frozen, champion = first["frozen"], first["champion"]
    yield f"## Release with data to {iso_day(frozen)}\n"
    yield (
        f"Champion: {champion}; models fitted on {iso_day(first['trained_until'])}, the last "
        f"scheduled refit. Outcomes known to {iso_day(last_day)}.\n"
    )
    for kind, days in onset_days.items():
        # Strict: an onset on the release's last day was known to it.
        since = [iso_day(day) for day in days if day > frozen]
        yield f"- Onsets of a {kind} season since: {listed(since) if since else 'none'}."
    yield ""
    yield from _weeks(rows, judged, champion)
    for kind in onset_days:
        table = scores(judged[judged["kind"] == kind])
        for _, group in table.groupby("horizon_days") if len(table) else ():
            yield from _scores(group)


def _weeks(rows: pd.DataFrame, judged: pd.DataFrame, champion: str) -> Iterator[str]:
    """Yield the table of weeks: broad seasons, the champion and what it is to be compared with."""
    shown = [name for name in dict.fromkeys((champion, *SHOWN)) if name in set(rows["candidate"])]
    yield "### Broad season, week by week\n"
    yield f"Probabilities in % of {listed(shown)}, in this order, and whether an onset came.\n"
    heads = [head for horizon in SHOWN_HORIZONS for head in (f"{horizon} days", "came")]
    yield f"| as of | index | {' | '.join(heads)} |"
    yield "|---|---:|" + "---|---|" * len(SHOWN_HORIZONS)
    broad = judged[judged["kind"] == "broad"].set_index(["as_of", "horizon_days", "candidate"])
    weekly = rows[rows["kind"] == "broad"]
    for as_of in pd.DatetimeIndex(weekly["as_of"].unique()):
        week, cells = weekly[weekly["as_of"] == as_of], []
        for horizon in SHOWN_HORIZONS:
            keys = [(as_of, horizon, name) for name in shown]
            if week["p30"].isna().any():
                cells += ["not at risk", ""]
                continue
            own = broad.loc[keys]
            cells.append(" / ".join(percent(p).removesuffix(" %") for p in own["probability"]))
            cells.append({1.0: "**onset**", 0.0: "no"}.get(own["outcome"].iloc[0], "open"))
        yield f"| {iso_day(as_of)} | {week['index'].iloc[0]:.0f} | {' | '.join(cells)} |"
    yield ""


def _scores(table: pd.DataFrame) -> Iterator[str]:
    """Yield the scores of one kind and horizon."""
    first = table.iloc[0]
    yield f"### {first['kind'].capitalize()} season within {first['horizon_days']} days\n"
    yield (
        f"{counted(first['forecasts'], 'forecast')} resolved; "
        f"{counted(first['separate_windows'], 'separate window')} with "
        f"{counted(first['onsets'], 'onset')}."
    )
    if not first["onsets"]:
        yield (
            "Where no onset comes lower probabilities score better, whatever they rest on: this "
            "says nothing of who foresees one."
        )
    heads = [
        "candidate", "Brier skill", "log skill", "gain per forecast", "expected",
        "d1", "d2", "log score, summed", "gain per onset",
    ]  # fmt: skip
    yield f"\n| {' | '.join(heads)} |"
    yield "|---" + "|---:" * (len(heads) - 1) + "|"
    for _, row in table.iterrows():
        gain, ends = row["gain_per_onset"], interval(*row["gain_per_onset"][1:])
        cells = [
            row["candidate"],
            signed(row["brier_skill"]),
            signed(row["log_skill"]),
            signed(row["gain_per_forecast"], 3),
            f"{row['expected']:.2f}",
            *(f"{tail:.3f}" for tail in row["number_test"]),
            f"{row['log_score']:.2f}",
            signed(gain.value) + ("" if ends == "n/a" else f" {ends}"),
        ]
        yield f"| {' | '.join(cells)} |"
    yield ""
