"""The figures of a training run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve

from models.report.picture import draw_index
from models.report.record_figures import event_timeline, reliability
from models.report.style import BLUE, COLOURS, GREY, ORANGE, blank
from models.report.words import horizon_words
from models.training.landmarks import STEP_DAYS
from models.training.run import at_risk_rows
from models.training.study import champion_forecasts, has_events
from models.verification.events import WARNING_LEVEL
from models.vocabulary import Kind

if TYPE_CHECKING:
    from models.training.run import Training


def training_figures(training: Training) -> dict[str, dict[str, Figure]]:
    """Draw the figures of a run and of each candidate."""
    champion = training.choice.champion
    whole = candidate_figures(training, champion)
    whole["skill_by_horizon.png"] = skill_by_horizon(training.verification)
    whole["discrimination.png"] = discrimination(training.hindcast, champion)
    if has_events(training):
        whole["timeline.png"] = event_timeline(
            champion_forecasts(training),
            training.onsets[Kind.BROAD],
            level=WARNING_LEVEL,
            step_days=STEP_DAYS,
        )
    return {
        "": whole,
        **{name: candidate_figures(training, name) for name in training.forecasters},
    }


def candidate_figures(training: Training, name: str) -> dict[str, Figure]:
    """Draw one candidate's figures, by file name."""
    table = at_risk_rows(training.hindcast)
    forecasts = table[table["model"] == name]
    return {
        "probability_over_time.png": probability_over_time(training, name),
        "reliability.png": reliability(forecasts, name),
    }


def probability_over_time(training: Training, name: str, horizon: int = 90) -> Figure:
    """Draw the season index above and the out-of-sample probability of an onset below."""
    horizon = min(training.settings.horizons, key=lambda days: abs(days - horizon))
    table = at_risk_rows(training.hindcast)
    forecasts = table[
        (table["model"] == name)
        & (table["kind"] == Kind.BROAD)
        & (table["horizon"] == f"{horizon}")
    ]
    figure = blank()
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.3))
    index = training.index.loc[forecasts["as_of"].min() :]
    draw_index(above, index, training.settings.definition.threshold)
    above.set_title(
        f"Probability that a broad altcoin season begins within {horizon} days "
        f"({name}, out of sample)"
    )
    weeks = forecasts.set_index("as_of")[["probability", "base_rate"]].asfreq("7D")
    below.plot(weeks.index, weeks["probability"], color=BLUE, linewidth=1.5, label=name)
    below.plot(
        weeks.index, weeks["base_rate"], color=GREY, linewidth=1.2, linestyle="--",
        label="base rate",
    )  # fmt: skip
    for axes in (above, below):
        _mark_onsets(axes, training.onsets[Kind.BROAD], index.index[0])
    below.set(
        ylabel=f"P(onset in {horizon} days)", ylim=(0, 1), xlim=(index.index[0], index.index[-1])
    )
    below.xaxis.set_major_locator(mdates.YearLocator())
    below.xaxis.set_major_formatter(mdates.DateFormatter("%Y"))
    below.legend(loc="upper left", ncols=3, frameon=False)
    return figure


def discrimination(hindcast: pd.DataFrame, champion: str, horizon: int = 60) -> Figure:
    """Draw ROC and precision-recall curves of the champion and its rivals, broad seasons.

    Four lines at the most, for more cannot be told apart: the champion, persistence, and the two
    others of the highest AUC.

    """
    # Its text is as high on a pane of half the width as on paper.
    figure = Figure(figsize=(7.6, 4.4), dpi=110, layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2)
    table = at_risk_rows(hindcast)
    broad = table[(table["kind"] == Kind.BROAD) & table["outcome"].notna()]
    lengths = [int(each) for each in broad["horizon"].unique() if each.isdigit()]
    horizon = min(lengths, key=lambda days: abs(days - horizon), default=horizon)
    rows = broad[broad["horizon"] == f"{horizon}"]
    for (name, auc), colour, line in zip(
        _rivals(rows, champion).items(), COLOURS, ("-", "--", "-.", ":"), strict=False
    ):
        forecasts = rows[rows["model"] == name]
        outcome, probability = forecasts["outcome"].to_numpy(), forecasts["probability"].to_numpy()
        false_alarms, hits, _ = roc_curve(outcome, probability)
        precision, recall, _ = precision_recall_curve(outcome, probability)
        label = f"{name}{' (champion)' if name == champion else ''}, AUC {auc:.2f}"
        left.plot(false_alarms, hits, color=colour, linewidth=2, linestyle=line, label=label)
        right.plot(recall[:-1], precision[:-1], color=colour, linewidth=2, linestyle=line)
    left.plot([0, 1], [0, 1], color=GREY, linewidth=1, label="base rate, AUC 0.50")
    left.set(xlabel="false alarm rate", ylabel="hit rate", title="ROC")
    right.axhline(rows["outcome"].mean(), color=GREY, linewidth=1)
    right.set(xlabel="hit rate (recall)", ylabel="precision", title="Precision and recall",
              ylim=(0, 1.03))  # fmt: skip
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(f"Discrimination {horizon} days ahead, broad seasons, out of sample")
    return figure


def _rivals(rows: pd.DataFrame, champion: str) -> dict[str, float]:
    """Return the AUC of the candidates whose curves are drawn, the champion's first."""
    auc: dict[str, float] = {}
    for name, forecasts in rows.groupby("model", sort=False):
        # Climatology is the diagonal; with one kind of outcome nothing can be ranked.
        if name != "climatology" and 0 < forecasts["outcome"].mean() < 1:
            auc[str(name)] = float(roc_auc_score(forecasts["outcome"], forecasts["probability"]))
    fixed = [name for name in dict.fromkeys((champion, "persistence")) if name in auc]
    others = sorted(set(auc) - set(fixed), key=lambda name: (-auc[name], name))
    return {name: auc[name] for name in [*fixed, *others[:2]]}


def skill_by_horizon(verification: pd.DataFrame) -> Figure:
    """Draw Brier skill against the base rate with 90 % intervals, by horizon."""
    figure = blank()
    axes = figure.subplots()
    broad = verification[(verification["kind"] == Kind.BROAD) & verification["brier_skill"].notna()]
    names = [name for name in broad["model"].unique() if name != "climatology"]
    horizons = list(dict.fromkeys(broad["horizon"]))
    for number, name in enumerate(names):
        rows = broad[broad["model"] == name].set_index("horizon")
        offset = (number - (len(names) - 1) / 2) * 0.8 / max(len(names), 1)
        at = np.array([horizons.index(h) for h in rows.index]) + offset
        value, low, high = (
            rows[c].to_numpy() for c in ("brier_skill", "brier_skill_low", "brier_skill_high")
        )
        axes.errorbar(
            at, value, yerr=np.maximum([value - low, high - value], 0),
            fmt="o", markersize=5, capsize=2, linewidth=1.3, color=COLOURS[number % len(COLOURS)],
            label=name,
        )  # fmt: skip
    axes.axhline(0, color=GREY, linewidth=1)
    axes.set_xticks(range(len(horizons)), [horizon_words(h) for h in horizons])
    axes.set(ylim=(-0.6, 0.7), ylabel="Brier skill against the base rate (higher is better)")
    axes.set_title("Skill by horizon, broad seasons, with 90 % intervals")
    if names:
        axes.legend(loc="lower left", ncols=3, frameon=False)
    return figure


def _mark_onsets(axes: Axes, onsets: pd.DatetimeIndex, first: pd.Timestamp) -> None:
    for number, day in enumerate(onsets[onsets >= first]):
        axes.axvline(
            mdates.date2num(day),
            color=ORANGE,
            linewidth=0.9,
            alpha=0.8,
            label="onset" if number == 0 else None,
        )
