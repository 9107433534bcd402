"""Write every figure of the documentation: ``python -m benchmarks.docs [ROOT]``.

Trains with default settings on the embedded history and writes what came out: whole files and the
marked regions of pages that a person writes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks.coverage import skill_coverage
from benchmarks.outlook_coverage import CHANGING, chance_coverage
from features.catalogue.frame import page
from features.panel import MarketPanel
from features.reference.load import load_reference
from features.storage.atomic import staged
from models.answers import State
from models.forecasting.forecast import forecast, second_opinion
from models.forecasting.parts import Forecast, ModelId
from models.forecasting.past import out_of_sample
from models.forecasting.records import forecast_schema
from models.forecasting.status import SeasonStatus, season_status
from models.formatting import filled, folded, markdown, percent
from models.hazard.candidates import CANDIDATES
from models.hazard.forecaster import Evidence
from models.report import words
from models.report.card import claim_headlines, model_cards
from models.report.figures import training_figures
from models.report.picture import draw
from models.report.style import png
from models.report.text import forecast_text
from models.training.claims import claims, with_claims
from models.training.prospective_outcomes import outcome_summary
from models.training.prospective_table import since_release
from models.training.replay import TABLE, extend, read
from models.training.run import Training, train
from models.training.skill_table import skill_table
from models.vocabulary import CandidateName, Kind

# The candidates of the first table: the simplest, the primary, and what it is made of.
SHOWN = (
    CandidateName.persistence, CandidateName.logistic, CandidateName.simulation,
    CandidateName.pool,
)  # fmt: skip
FIRST_HORIZONS = 5  # columns of the first table: 30 to 365 days


def regions(panel: MarketPanel, training: Training, docs: Path) -> Mapping[str, Mapping[str, str]]:
    """Return what each marked region of each page is to hold, by the page's path."""
    champion, reason = training.choice
    tested = claims(panel, training.settings.definition, training.until)
    training = with_claims(training, tested)
    evidence = training.forecasters[champion].evidence
    made, _ = answer(panel, training)
    coverage = folded(coverage_sentence())
    prospective = outcome_summary(docs) or since_release(
        read(docs / TABLE), panel, training.settings.definition
    )
    return {
        "README.md": {
            "answer": f"```\n{forecast_text(made)}\n```",
            "skill": "\n".join(markdown(shown_rows(training))),
            "trust": folded(words.alarm_statement(evidence.alarms)),
            "prospective": folded(prospective),
        },
        "docs/skill.md": {
            "skill": "\n".join(markdown(named_rows(training))),
            "champion": folded(f"Champion: `{champion}`, {reason}."),
            "fifths": "\n".join(markdown(fifth_rows(evidence))),
            "states": "\n".join(markdown(state_rows(evidence))),
            "coverage": coverage,
            "claims": "\n".join(
                folded(f"- {each.sentence[0].upper()}{each.sentence[1:]}")
                for each in claim_headlines(tested)
            ),
        },
        "docs/outlook.md": {
            "dollars": "\n".join(markdown(followed_rows(made))),
            "hollow": folded(words.hollow_statement(made)),
        },
    }


def answer(panel: MarketPanel, training: Training) -> tuple[Forecast, SeasonStatus]:
    """Return the champion's forecast of the last day of the data, as a user sees it that day."""
    forecaster = training.forecasters[training.choice.champion]
    status = season_status(panel, forecaster, panel.last_day)
    made = forecast(status, forecaster, ModelId("1", ""), today=panel.last_day)
    beside = second_opinion(status, training.forecasters[CandidateName.logistic_all])
    return replace(made, second_opinion=beside), status


def followed_rows(made: Forecast) -> list[list[str]]:
    """Return what followed past onsets, against Bitcoin and in dollars."""
    head = ["onsets of", "number", "against Bitcoin", "in dollars", "worst", "rose", "hollow"]
    followed = () if made.dollars is None else made.dollars.followed
    return [head, *(list(words.followed_cells(each)) for each in followed)]


def named_rows(training: Training) -> list[list[str]]:
    """Return the skill of every candidate, each with its meaning."""
    return skill_table(
        training, lambda name: f"{_marked(training, name)}: {CANDIDATES[name].meaning}"
    )


def shown_rows(training: Training) -> list[list[str]]:
    """Return the skill of the candidates to show first, by horizons to a year."""
    head, *rows = skill_table(training, lambda name: _marked(training, name))
    shown = {*SHOWN, training.choice.champion}
    by_name = zip(training.forecasters, rows, strict=False)
    table = [head, *(row for name, row in by_name if name in shown), *rows[-2:]]
    return [row[: FIRST_HORIZONS + 1] for row in table]


def fifth_rows(evidence: Evidence) -> list[list[str]]:
    """Return what came of chances of a broad season within 90 days, by fifths of the hindcast."""
    rows = [["chance", "forecasts", "seasons", "mean forecast", "came true"]]
    for each in evidence.fifths:
        rows.append(
            [f"{percent(each.low)} to {percent(each.high)}", f"{each.forecasts}",
             f"{each.episodes}", percent(each.expected), percent(each.observed)]
        )  # fmt: skip
    return rows


def state_rows(evidence: Evidence) -> list[list[str]]:
    """Return what came of broad and sustained seasons from the states without skill."""
    rows = [["season", "state", "horizon", "forecasts", "mean forecast", "came true"]]
    for each in evidence.states:
        if each.kind is not Kind.PARTIAL and each.state is not State.AT_RISK:
            rows.append(
                [each.kind, each.state.replace("_", " "), words.horizon_words(each.horizon),
                 f"{each.forecasts}", percent(each.expected), percent(each.observed)]
            )  # fmt: skip
    return rows


def coverage_sentence() -> str:
    """Return how often nominal 90 % intervals hold the truth on simulated histories."""
    skills, chances = skill_coverage(), chance_coverage()
    overlap, renewal = (
        100 * skills.loc[skills["world"] == world, "coverage"] for world in ("overlap", "renewal")
    )
    changing = chances["world"] == CHANGING
    stays, changed = (100 * chances.loc[each, "coverage"] for each in (~changing, changing))
    return (
        f"On simulated histories whose windows overlap like these, nominal 90 % intervals of a "
        f"skill or a difference hold the true value in {overlap.min():.0f} to {overlap.max():.0f} "
        f"% of cases; where seasons also come and go like these, in {renewal.min():.0f} to "
        f"{renewal.max():.0f} %. Nominal 90 % intervals of the outlook's probabilities hold it in "
        f"{stays.min():.0f} to {stays.max():.0f} % if the onset process stays the same, and in "
        f"{changed.min():.0f} to {changed.max():.0f} % if the rate of onsets halves half-way: no "
        f"interval allows for a change of regime."
    )


def write(root: Path, panel: MarketPanel, training: Training) -> None:
    """Write the regions and the whole files; the same training gives the same bytes.

    ValueError where a page lacks a mark; nothing is written then.
    """
    texts = {
        root / name: filled((root / name).read_text(), held, name)
        for name, held in regions(panel, training, root / "docs").items()
    }
    made, status = answer(panel, training)
    champion = training.choice.champion
    past = out_of_sample(status, training.forecasters[champion], training.hindcast)
    files = {path: text.encode() for path, text in texts.items()} | {
        root / "docs/features.md": page().encode(),
        root / "docs/model-card.md": model_cards(training, "reference")[champion],
        root / "docs/forecast.schema.json": (
            json.dumps(forecast_schema(), indent=1, sort_keys=True) + "\n"
        ).encode(),
        root / "docs/forecast.png": png(draw(past, made)),
        root / "docs/timeline.png": png(training_figures(training)[""]["timeline.png"]),
    }
    for path, content in files.items():
        with staged(path) as beside:
            beside.write_bytes(content)


def main(root: Path) -> None:
    """Write all figures of the documentation from the embedded history."""
    panel = load_reference()
    extend(root / "docs", panel, jobs=2)
    write(root, panel, train(panel, jobs=2))


def _marked(training: Training, name: str) -> str:
    return f"**{name}** (champion)" if name == training.choice.champion else name


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
